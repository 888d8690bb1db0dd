//! Lines and columns of many bytes of a text, found in one pass.

/// Where a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The byte, moved to the character it belongs to and into the text.
    pub(super) byte: usize,
    /// The line, from 1.
    pub(super) line: usize,
    /// The column in characters, from 1.
    pub(super) column: usize,
    /// The byte where the line begins.
    pub(super) line_start: usize,
}

/// The places of bytes that were asked for beforehand.
pub(super) struct Places {
    /// Byte as asked for, and its place, in order.
    known: Vec<(usize, Place)>,
}

impl Places {
    /// Finds the places of these bytes.
    ///
    /// [`blueprint_model::Source::position`] counts from the start of the line; for many faults on
    /// one long line that would take quadratic time.
    pub(super) fn new(text: &str, mut bytes: Vec<usize>) -> Self {
        bytes.sort_unstable();
        bytes.dedup();
        let mut place = Place { byte: 0, line: 1, column: 1, line_start: 0 };
        let mut known = Vec::with_capacity(bytes.len());
        for asked in bytes {
            let byte = text.floor_char_boundary(asked);
            for (at, b) in text.as_bytes()[place.byte..byte].iter().enumerate() {
                if *b == b'\n' {
                    place.line += 1;
                    place.column = 1;
                    place.line_start = place.byte + at + 1;
                } else if (*b as i8) >= -0x40 {
                    // Every byte but the continuation of a character begins one.
                    place.column += 1;
                }
            }
            place.byte = byte;
            known.push((asked, place));
        }
        Self { known }
    }

    /// Returns the place of a byte.
    ///
    /// # Panics
    ///
    /// Panics if the byte was not asked for.
    pub(super) fn get(&self, byte: usize) -> Place {
        let at = self.known.binary_search_by_key(&byte, |(asked, _)| *asked);
        self.known[at.expect("every byte of a diagnostic was asked for")].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, byte: usize, line: usize, column: usize) {
        let place = Places::new(text, vec![byte, 0, 1, 2]).get(byte);
        assert_eq!((place.line, place.column), (line, column), "{text:?} at {byte}");
    }

    #[test]
    fn columns_count_characters() {
        check("añb\nc\r\n", 0, 1, 1);
        check("añb\nc\r\n", 3, 1, 3);
        check("añb\nc\r\n", 5, 2, 1);
        check("añb\nc\r\n", 99, 3, 1);
        check("añb", 2, 1, 2);
        check("", 0, 1, 1);
    }
}
