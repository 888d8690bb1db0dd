//! The bytes between a pool and its workers: frames with their length first, and exact values.
//!
//! Not JSON text: numbers come out bit for bit as they went in, and reading is bounded by what it
//! builds, not only by what it reads. One byte on the wire can be a value of 72 bytes in memory.

use std::io::{self, Read, Write};

use blueprint_model::{
    units::MAX_DEPTH,
    value::{Map, Number, Value},
};

/// Bytes of a frame's length.
const HEAD: usize = 4;
/// What an entry of an object takes beside key and value.
const ENTRY: usize = size_of::<String>() + 16;
/// Values are at most this deep; one level of slack for the reduced objects of variables.
const DEEPEST: usize = MAX_DEPTH + 2;
/// Larger buffers are given back after use.
const KEPT: usize = 1 << 20;

/// Why something cannot cross.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It takes more memory than it may.
    TooBig,
    /// It is nested too deep.
    TooDeep,
    /// It is not what was agreed on.
    Nonsense,
}

type Fit<T> = Result<T, Unfit>;

/// Reads a frame into `frame`, which is empty at the end of the stream.
pub(super) fn receive(from: &mut impl Read, frame: &mut Vec<u8>, most: u64) -> io::Result<()> {
    frame.clear();
    frame.shrink_to(KEPT);
    let mut head = [0; HEAD];
    match from.read(&mut head)? {
        0 => return Ok(()),
        HEAD => {}
        some => from.read_exact(&mut head[some..])?,
    }
    let len = u64::from(u32::from_le_bytes(head));
    if len == 0 || len > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of that length"));
    }
    // Growing as it comes, whatever length was claimed.
    from.take(len).read_to_end(frame)?;
    if frame.len() as u64 == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Builds a frame. What it would cost to read it is counted, and bounded.
pub(super) struct Writer<'f> {
    frame: &'f mut Vec<u8>,
    left: u64,
}

impl<'f> Writer<'f> {
    /// Begins a frame that starts with this word and may cost its reader this much.
    pub(super) fn new(frame: &'f mut Vec<u8>, word: u8, most: u64) -> Self {
        frame.clear();
        frame.shrink_to(KEPT);
        frame.extend([0; HEAD]);
        frame.push(word);
        Self { frame, left: most }
    }

    /// Ends the frame and sends it.
    pub(super) fn send(self, to: &mut impl Write) -> io::Result<()> {
        let len = u32::try_from(self.frame.len() - HEAD).map_err(io::Error::other)?;
        self.frame[..HEAD].copy_from_slice(&len.to_le_bytes());
        to.write_all(self.frame)?;
        to.flush()
    }

    fn pay(&mut self, cost: usize) -> Fit<()> {
        self.left = self.left.checked_sub(cost as u64).ok_or(Unfit::TooBig)?;
        Ok(())
    }

    /// Adds a byte.
    pub(super) fn byte(&mut self, byte: u8) {
        self.frame.push(byte);
    }

    /// Adds a number.
    pub(super) fn number(&mut self, number: u64) {
        self.frame.extend(number.to_le_bytes());
    }

    /// Adds a count.
    pub(super) fn count(&mut self, count: usize) -> Fit<()> {
        let count = u32::try_from(count).map_err(|_| Unfit::TooBig)?;
        self.frame.extend(count.to_le_bytes());
        Ok(())
    }

    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) -> Fit<()> {
        self.pay(text.len())?;
        self.count(text.len())?;
        self.frame.extend(text.as_bytes());
        Ok(())
    }

    /// Adds a value.
    pub(super) fn value(&mut self, value: &Value) -> Fit<()> {
        self.value_at(value, DEEPEST)
    }

    /// Adds some keys of an object, as an object.
    pub(super) fn keys_of(&mut self, object: &Map<String, Value>, keys: &[String]) -> Fit<()> {
        let found = || keys.iter().filter_map(|key| object.get_key_value(key));
        self.pay(size_of::<Value>())?;
        self.byte(tag::OBJECT);
        self.count(found().count())?;
        found().try_for_each(|(key, value)| self.entry(key, value, DEEPEST))
    }

    fn value_at(&mut self, value: &Value, depth: usize) -> Fit<()> {
        let depth = depth.checked_sub(1).ok_or(Unfit::TooDeep)?;
        self.pay(size_of::<Value>())?;
        match value {
            Value::Null => self.byte(tag::NULL),
            Value::Bool(false) => self.byte(tag::FALSE),
            Value::Bool(true) => self.byte(tag::TRUE),
            Value::Number(number) => self.any_number(number)?,
            Value::String(text) => {
                self.byte(tag::TEXT);
                self.text(text)?;
            }
            Value::Array(list) => {
                self.byte(tag::LIST);
                self.count(list.len())?;
                list.iter().try_for_each(|item| self.value_at(item, depth))?;
            }
            Value::Object(object) => {
                self.byte(tag::OBJECT);
                self.count(object.len())?;
                object.iter().try_for_each(|(key, item)| self.entry(key, item, depth))?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &str, value: &Value, depth: usize) -> Fit<()> {
        self.pay(ENTRY)?;
        self.text(key)?;
        self.value_at(value, depth)
    }

    fn any_number(&mut self, number: &Number) -> Fit<()> {
        let (tag, bits) = if let Some(integer) = number.as_i64() {
            (tag::INTEGER, integer.cast_unsigned())
        } else if let Some(integer) = number.as_u64() {
            (tag::LARGE, integer)
        } else {
            (tag::FLOAT, number.as_f64().ok_or(Unfit::Nonsense)?.to_bits())
        };
        self.byte(tag);
        self.number(bits);
        Ok(())
    }
}

/// Takes a frame apart. Whoever wrote it is not trusted.
pub(super) struct Reader<'f> {
    rest: &'f [u8],
    left: u64,
}

impl<'f> Reader<'f> {
    /// Returns a reader of a frame that may build this much.
    pub(super) fn new(frame: &'f [u8], most: u64) -> Self {
        Self { rest: frame, left: most }
    }

    /// Checks that nothing is left over.
    pub(super) fn end(self) -> Fit<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Unfit::Nonsense) }
    }

    /// Counts what else something costs to build.
    pub(super) fn pay(&mut self, cost: usize) -> Fit<()> {
        self.left = self.left.checked_sub(cost as u64).ok_or(Unfit::TooBig)?;
        Ok(())
    }

    fn take(&mut self, len: usize) -> Fit<&'f [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Unfit::Nonsense)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Fit<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Unfit::Nonsense)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes a byte.
    pub(super) fn byte(&mut self) -> Fit<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Takes a number.
    pub(super) fn number(&mut self) -> Fit<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes a number that counts or measures something here.
    pub(super) fn size(&mut self) -> Fit<usize> {
        usize::try_from(self.number()?).map_err(|_| Unfit::Nonsense)
    }

    /// Takes a count of things of which each takes a byte at least.
    pub(super) fn count(&mut self) -> Fit<usize> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        if count <= self.rest.len() { Ok(count) } else { Err(Unfit::Nonsense) }
    }

    /// Takes a text.
    pub(super) fn text(&mut self) -> Fit<&'f str> {
        let len = self.count()?;
        self.pay(len)?;
        std::str::from_utf8(self.take(len)?).map_err(|_| Unfit::Nonsense)
    }

    /// Takes a value.
    pub(super) fn value(&mut self) -> Fit<Value> {
        self.value_at(DEEPEST)
    }

    fn value_at(&mut self, depth: usize) -> Fit<Value> {
        let depth = depth.checked_sub(1).ok_or(Unfit::TooDeep)?;
        self.pay(size_of::<Value>())?;
        Ok(match self.byte()? {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INTEGER => self.number()?.cast_signed().into(),
            tag::LARGE => self.number()?.into(),
            tag::FLOAT => {
                let float = f64::from_bits(self.number()?);
                Value::Number(Number::from_f64(float).ok_or(Unfit::Nonsense)?)
            }
            tag::TEXT => self.text()?.into(),
            tag::LIST => {
                let count = self.count()?;
                (0..count).map(|_| self.value_at(depth)).collect::<Fit<Vec<Value>>>()?.into()
            }
            tag::OBJECT => {
                let count = self.count()?;
                let mut object = Map::new();
                for _ in 0..count {
                    self.pay(ENTRY)?;
                    let key = self.text()?.to_owned();
                    object.insert(key, self.value_at(depth)?);
                }
                object.into()
            }
            _ => return Err(Unfit::Nonsense),
        })
    }
}

/// What a value begins with.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INTEGER: u8 = 3;
    pub(super) const LARGE: u8 = 4;
    pub(super) const FLOAT: u8 = 5;
    pub(super) const TEXT: u8 = 6;
    pub(super) const LIST: u8 = 7;
    pub(super) const OBJECT: u8 = 8;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame_of(value: &Value, most: u64) -> Result<Vec<u8>, Unfit> {
        let mut frame = Vec::new();
        let mut writer = Writer::new(&mut frame, 9, most);
        writer.value(value)?;
        let mut sent = Vec::new();
        writer.send(&mut sent).unwrap();
        Ok(sent)
    }

    fn read(bytes: &[u8], most: u64) -> Result<Value, Unfit> {
        let mut reader = Reader::new(bytes, most);
        let value = reader.value()?;
        reader.end()?;
        Ok(value)
    }

    #[test]
    fn values_cross_bit_for_bit() {
        let value = json!({
            "b": [null, true, false, 0, -1, i64::MIN, i64::MAX, u64::MAX, "", "ünï"],
            "a": {"x": 0.1, "y": -0.0, "z": [f64::MIN_POSITIVE, f64::MAX, 5e-324, 1.0]},
            "": [[], {}],
        });
        let sent = frame_of(&value, 1 << 20).unwrap();
        let mut frame = Vec::new();
        receive(&mut sent.as_slice(), &mut frame, 1 << 20).unwrap();
        assert_eq!(frame[0], 9);
        let back = read(&frame[1..], 1 << 20).unwrap();
        assert_eq!(back, value);
        assert_eq!(back.to_string(), value.to_string());
        assert!(back["a"]["y"].as_f64().unwrap().is_sign_negative());
    }

    #[test]
    fn what_would_cost_too_much_is_neither_written_nor_read() {
        let value = json!([null, null, null]);
        let cost = 4 * size_of::<Value>() as u64;
        let sent = frame_of(&value, cost).unwrap();
        assert_eq!(frame_of(&value, cost - 1), Err(Unfit::TooBig));
        assert!(read(&sent[HEAD + 1..], cost).is_ok());
        assert_eq!(read(&sent[HEAD + 1..], cost - 1), Err(Unfit::TooBig));
    }

    #[test]
    fn depth_is_bounded_both_ways() {
        let mut deep = json!(1);
        for _ in 0..DEEPEST {
            deep = json!([deep]);
        }
        assert_eq!(frame_of(&deep, 1 << 20), Err(Unfit::TooDeep));
        let bytes = [tag::LIST, 1, 0, 0, 0].repeat(100_000);
        assert_eq!(read(&bytes, u64::MAX), Err(Unfit::TooDeep));
    }

    #[test]
    fn nonsense_is_refused_whatever_it_is() {
        for bytes in [
            &[][..],
            &[99],
            &[tag::INTEGER, 1, 2],
            &[tag::TEXT, 255, 255, 255, 255],
            &[tag::TEXT, 1, 0, 0, 0, 0xff],
            &[tag::LIST, 255, 255, 255, 255],
            &[tag::OBJECT, 1, 0, 0, 0],
            &[tag::FLOAT, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
            &[tag::NULL, 0],
        ] {
            assert_eq!(read(bytes, u64::MAX), Err(Unfit::Nonsense), "{bytes:?}");
        }
    }

    #[test]
    fn frames_are_bounded_and_whole() {
        let receive = |mut bytes: &[u8]| receive(&mut bytes, &mut Vec::new(), 10);
        assert!(receive(&[]).is_ok());
        assert!(receive(&[1, 0, 0, 0, 7]).is_ok());
        assert!(receive(&[11, 0, 0, 0, 7]).is_err());
        assert!(receive(&[255, 255, 255, 255]).is_err());
        assert!(receive(&[0, 0, 0, 0]).is_err());
        assert!(receive(&[1, 0]).is_err());
        assert!(receive(&[2, 0, 0, 0, 7]).is_err());
    }
}
