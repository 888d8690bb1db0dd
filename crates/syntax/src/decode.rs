//! Bytes of a file to text.

use blueprint_model::{Diagnostic, Span, code};

/// Returns the text of a file: UTF-8, without a byte-order mark. Line ends stay as they are.
pub fn decode(bytes: &[u8]) -> Result<String, Box<Diagnostic>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(not_utf8(0, "the file is UTF-16 text"));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = str::from_utf8(bytes)
        .map_err(|err| not_utf8(err.valid_up_to(), "the file is not UTF-8 text"))?;
    Ok(text.to_owned())
}

fn not_utf8(at: usize, message: &str) -> Box<Diagnostic> {
    let fault = Diagnostic::error(code::NOT_UTF8, Span::new(at, at + 1), message)
        .at(format!("byte {at}"))
        .help("save the file in the encoding UTF-8");
    Box::new(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, usize>) {
        let got = decode(bytes);
        let got = got.as_deref().map_err(|fault| fault.span.start);
        assert_eq!(got, expected.as_ref().map(|text| *text).map_err(|at| *at));
    }

    #[test]
    fn only_utf8_is_text() {
        check(b"a: 1\r\n", Ok("a: 1\r\n"));
        check(b"\xef\xbb\xbfa: 1", Ok("a: 1"));
        check(b"a: \xff", Err(3));
        check(b"\xff\xfea\0", Err(0));
    }
}
