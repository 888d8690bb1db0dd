//! Functions over text that bound what they make before they make it. They win over those of the
//! same name in Rhai's own packages, whose bounds come too late or not at all.

use std::ops::{Range, RangeInclusive};

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString};

use super::{
    print,
    session::{Fallible, refuse, room, work},
};

type ExclusiveRange = Range<i64>;
type InclusiveRange = RangeInclusive<i64>;

/// Registers them.
pub(super) fn register(engine: &mut Engine) {
    register_changing(engine);
    register_splitting(engine);
    register_looking(engine);
    engine
        .register_iterator::<Letters>()
        .register_fn("chars", |text: ImmutableString| Letters::new(text, 0, i64::MAX))
        .register_get("chars", |text: &mut ImmutableString| Letters::new(text.clone(), 0, i64::MAX))
        .register_fn("chars", |text: ImmutableString, start: i64| {
            Letters::new(text, start, i64::MAX)
        })
        .register_fn("chars", Letters::new)
        .register_fn("chars", |text: ImmutableString, range: ExclusiveRange| {
            Letters::new(text, range.start, range.end.saturating_sub(range.start))
        })
        .register_fn("chars", |text: ImmutableString, range: InclusiveRange| {
            let len = range.end().saturating_sub(*range.start()).saturating_add(1);
            Letters::new(text, *range.start(), len)
        });
}

fn register_changing(engine: &mut Engine) {
    engine
        .register_fn("replace", replace)
        .register_fn("replace", |text: &mut ImmutableString, find: char, with: &str| {
            replace(text, find.encode_utf8(&mut [0; 4]), with)
        })
        .register_fn("replace", |text: &mut ImmutableString, find: &str, with: char| {
            replace(text, find, with.encode_utf8(&mut [0; 4]))
        })
        .register_fn("replace", |text: &mut ImmutableString, find: char, with: char| {
            replace(text, find.encode_utf8(&mut [0; 4]), with.encode_utf8(&mut [0; 4]))
        })
        .register_fn("pad", pad)
        .register_fn("pad", |text: &mut ImmutableString, len: i64, with: char| {
            pad(text, len, with.encode_utf8(&mut [0; 4]))
        })
        .register_fn("crop", |text: &mut ImmutableString, start: i64| {
            *text = part(text, start, i64::MAX);
        })
        .register_fn("crop", |text: &mut ImmutableString, start: i64, len: i64| {
            *text = part(text, start, len);
        })
        .register_fn("crop", |text: &mut ImmutableString, range: ExclusiveRange| {
            *text = exclusive_part(text, &range);
        })
        .register_fn("crop", |text: &mut ImmutableString, range: InclusiveRange| {
            *text = inclusive_part(text, &range);
        })
        .register_fn("pop", |text: &mut ImmutableString, len: i64| {
            let end = part(text, len.max(0).saturating_neg(), len);
            *text = text[..text.len() - end.len()].into();
            end
        })
        .register_fn("to_upper", |text: &str| change_case(text, str::to_uppercase))
        .register_fn("to_lower", |text: &str| change_case(text, str::to_lowercase))
        .register_fn("make_upper", |text: &mut ImmutableString| {
            change_case(text, str::to_uppercase).map(|changed| *text = changed)
        })
        .register_fn("make_lower", |text: &mut ImmutableString| {
            change_case(text, str::to_lowercase).map(|changed| *text = changed)
        })
        .register_fn("trim_start", |text: &str| ImmutableString::from(text.trim_start()))
        .register_fn("trim_end", |text: &str| ImmutableString::from(text.trim_end()))
        .register_fn("repeat", repeat);
}

fn register_splitting(engine: &mut Engine) {
    engine
        .register_fn("split", |text: &str| pieces(text.split_whitespace()))
        .register_fn("split", |text: &str, by: &str| pieces(text.split(by)))
        .register_fn("split", |text: &str, by: char| pieces(text.split(by)))
        .register_fn("split", |text: &str, by: &str, most: i64| {
            pieces(text.splitn(count(most), by))
        })
        .register_fn("split", |text: &str, by: char, most: i64| {
            pieces(text.splitn(count(most), by))
        })
        .register_fn("split_rev", |text: &str, by: &str| pieces(text.rsplit(by)))
        .register_fn("split_rev", |text: &str, by: char| pieces(text.rsplit(by)))
        .register_fn("split_rev", |text: &str, by: &str, most: i64| {
            pieces(text.rsplitn(count(most), by))
        })
        .register_fn("split_rev", |text: &str, by: char, most: i64| {
            pieces(text.rsplitn(count(most), by))
        })
        .register_fn("lines", |text: &str| pieces(text.lines()))
        .register_fn("to_chars", |text: &str| -> Fallible<Array> {
            room(text.len().saturating_mul(size_of::<Dynamic>()))?;
            Ok(text.chars().map(Dynamic::from).collect())
        })
        .register_fn("to_blob", |_text: &str| -> Fallible<()> {
            Err(refuse("there are no blobs here: use `base64(text)` or `hex(text)`"))
        });
}

fn register_looking(engine: &mut Engine) {
    engine
        .register_fn("sub_string", |text: &str, start: i64| part(text, start, i64::MAX))
        .register_fn("sub_string", part)
        .register_fn("sub_string", |text: &str, range: ExclusiveRange| exclusive_part(text, &range))
        .register_fn("sub_string", |text: &str, range: InclusiveRange| inclusive_part(text, &range))
        .register_fn("index_of", |text: &str, find: &str, start: i64| index_of(text, find, start))
        .register_fn("index_of", |text: &str, find: char, start: i64| {
            index_of(text, find.encode_utf8(&mut [0; 4]), start)
        })
        .register_fn("to_int", |text: &str| {
            let number = text.trim().parse::<i64>();
            number.map_err(|_| refuse("`to_int` needs text that is a whole number"))
        })
        .register_fn("to_float", |text: &str| {
            let number = text.trim().parse::<f64>();
            number.map_err(|_| refuse("`to_float` needs text that is a number"))
        })
        .register_fn("to_debug", |text: &str| print::debug_text(&text.into()))
        .register_fn("debug", |text: &str| print::debug_text(&text.into()));
}

fn replace(text: &mut ImmutableString, find: &str, with: &str) -> Fallible<()> {
    let mut len = text.len();
    for _ in text.matches(find) {
        work(find.len() + 1)?;
        len = (len - find.len()).saturating_add(with.len());
    }
    room(len)?;
    let mut replaced = String::with_capacity(len);
    let mut last = 0;
    for (at, found) in text.match_indices(find) {
        work(at - last + with.len() + 1)?;
        replaced.push_str(&text[last..at]);
        replaced.push_str(with);
        last = at + found.len();
    }
    replaced.push_str(&text[last..]);
    *text = replaced.into();
    Ok(())
}

/// Changes case part by part. Parts end at white space where they can: at the end of a word, `Σ`
/// has a small letter of its own.
fn change_case(text: &str, change: fn(&str) -> String) -> Fallible<ImmutableString> {
    const PART: usize = 64 << 10;
    if text.len() <= PART {
        return Ok(change(text).into());
    }
    // The longest change of a letter takes three for one.
    room(text.len().saturating_mul(3))?;
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > PART {
        let (part, _) = rest.split_at(rest.floor_char_boundary(PART));
        let end = part.rfind(char::is_whitespace).filter(|end| *end > 0).unwrap_or(part.len());
        work(end)?;
        changed.push_str(&change(&rest[..end]));
        rest = &rest[end..];
    }
    changed.push_str(&change(rest));
    Ok(changed.into())
}

fn pad(text: &mut ImmutableString, len: i64, with: &str) -> Fallible<()> {
    let missing = usize::try_from(len).unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 || with.is_empty() {
        return Ok(());
    }
    // No character takes more than four bytes, and growing text may double its buffer.
    room(missing.saturating_mul(8).saturating_add(text.len() * 2))?;
    let mut padded = String::from(text.as_str());
    padded.extend(with.chars().cycle().take(missing));
    *text = padded.into();
    Ok(())
}

fn repeat(text: &str, times: i64) -> Fallible<ImmutableString> {
    let times = usize::try_from(times).unwrap_or(0);
    room(text.len().saturating_mul(times))?;
    Ok(text.repeat(times).into())
}

fn pieces<'t>(parts: impl Iterator<Item = &'t str>) -> Fallible<Array> {
    let mut array = Array::new();
    for part in parts {
        let growth = if array.len() == array.capacity() { array.len() * 48 } else { 0 };
        room(growth + part.len())?;
        work(part.len() + 1)?;
        array.push(part.into());
    }
    Ok(array)
}

fn count(most: i64) -> usize {
    usize::try_from(most).unwrap_or(0).max(1)
}

/// Returns the byte at which a character stands; negative positions count from the end.
fn byte_of(text: &str, at: i64) -> usize {
    let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    if at >= 0 {
        return text.char_indices().nth(distance).map_or(text.len(), |(byte, _)| byte);
    }
    text.char_indices().rev().nth(distance - 1).map_or(0, |(byte, _)| byte)
}

fn part(text: &str, start: i64, len: i64) -> ImmutableString {
    let rest = &text[byte_of(text, start)..];
    rest[..byte_of(rest, len.max(0))].into()
}

fn exclusive_part(text: &str, range: &ExclusiveRange) -> ImmutableString {
    let start = range.start.max(0);
    part(text, start, range.end.saturating_sub(start))
}

fn inclusive_part(text: &str, range: &InclusiveRange) -> ImmutableString {
    let start = (*range.start()).max(0);
    part(text, start, range.end().saturating_sub(start).saturating_add(1))
}

fn index_of(text: &str, find: &str, start: i64) -> i64 {
    let from = byte_of(text, start);
    let at = text[from..].find(find).map(|at| text[..from + at].chars().count());
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

/// The characters of a text, one by one.
#[derive(Debug, Clone)]
struct Letters {
    text: ImmutableString,
    at: usize,
    left: i64,
}

impl Letters {
    fn new(text: ImmutableString, start: i64, len: i64) -> Self {
        let at = byte_of(&text, start);
        Self { text, at, left: len }
    }
}

impl Iterator for Letters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let letter = self.text[self.at..].chars().next().filter(|_| self.left > 0)?;
        self.at += letter.len_utf8();
        self.left -= 1;
        Some(letter)
    }
}

/// Returns the characters of a text, as `for` wants them.
pub(super) fn iterate(
    value: Dynamic,
) -> Box<dyn Iterator<Item = Result<Dynamic, Box<EvalAltResult>>>> {
    let text = value.try_cast::<ImmutableString>().unwrap_or_default();
    Box::new(Letters::new(text, 0, i64::MAX).map(|letter| Ok(letter.into())))
}
