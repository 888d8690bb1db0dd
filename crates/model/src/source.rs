//! The text of a blueprint file and the way from bytes to lines.

use std::{fmt, sync::Arc};

/// A file's name and text. Cheap to clone.
#[derive(Clone, Default)]
pub struct Source {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    line_starts: Arc<[usize]>,
}

impl Source {
    /// Returns the source of this name and text.
    pub fn new(file: &str, text: &str) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        Self { file: file.into(), text: text.into(), line_starts }
    }

    /// Returns line and column of a byte, both from 1, the column in characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..byte).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// Returns the text of a line, from 1, without its end.
    pub fn line(&self, line: usize) -> &str {
        let start = line.checked_sub(1).and_then(|at| self.line_starts.get(at));
        let rest = start.and_then(|start| self.text.get(*start..)).unwrap_or("");
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }

    /// Returns the byte where a line begins, from 1.
    pub fn line_start(&self, line: usize) -> usize {
        let at = line.saturating_sub(1);
        self.line_starts.get(at).copied().unwrap_or(self.text.len())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let source = Source::new("x.yaml", "añb\nc\r\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 3));
        assert_eq!(source.position(5), (2, 1));
        assert_eq!(source.position(99), (3, 1));
        assert_eq!(source.line(2), "c");
        assert_eq!(source.line(9), "");
    }
}
