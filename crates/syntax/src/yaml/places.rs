//! From characters, as the parser counts them, to bytes of the file as it was written.

/// Single characters put into a text to make it YAML, by their place in the file.
#[derive(Debug, Default)]
pub(crate) struct Insertions(Vec<(usize, char)>);

impl Insertions {
    /// Adds insertions, given in order and by bytes of the file.
    pub(crate) fn add(&mut self, insertions: &[(usize, char)]) {
        self.0.extend_from_slice(insertions);
        self.0.sort_by_key(|(at, _)| *at);
    }

    /// Returns the text with everything inserted.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut repaired = String::with_capacity(text.len() + self.0.len());
        let mut from = 0;
        for (at, inserted) in &self.0 {
            repaired.push_str(&text[from..*at]);
            repaired.push(*inserted);
            from = *at;
        }
        repaired.push_str(&text[from..]);
        repaired
    }

    /// Returns the byte of the file for a byte of the repaired text. All insertions are ASCII.
    pub(crate) fn to_file(&self, byte: usize) -> usize {
        let mut low = 0;
        let mut high = self.0.len();
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.0[middle].0 + middle < byte {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        byte - low
    }
}

/// How many characters lie between two known places.
const STRIDE: usize = 64;

/// The bytes of a text by its characters.
pub(crate) struct Places<'t> {
    text: &'t str,
    /// The byte of every 64th character; empty where all characters are one byte.
    marks: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(at, _)| at).collect()
        };
        Self { text, marks }
    }

    /// Returns the byte of a character.
    pub(crate) fn byte(&self, index: usize) -> usize {
        if self.marks.is_empty() {
            return index.min(self.text.len());
        }
        let Some(mark) = self.marks.get(index / STRIDE) else { return self.text.len() };
        let rest = &self.text[*mark..];
        rest.char_indices().nth(index % STRIDE).map_or(self.text.len(), |(at, _)| mark + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insertions_leave_a_way_back() {
        let mut insertions = Insertions::default();
        insertions.add(&[(3, '\''), (7, '\'')]);
        insertions.add(&[(10, '\\')]);
        let repaired = insertions.apply("k: @{a}, x\\@");
        assert_eq!(repaired, "k: '@{a}', x\\\\@");
        let back: Vec<usize> = (0..=repaired.len()).map(|byte| insertions.to_file(byte)).collect();
        assert_eq!(back, [0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11, 12]);
    }

    #[test]
    fn characters_become_bytes() {
        let text: String = "aé".repeat(100);
        let places = Places::new(&text);
        for (index, (byte, _)) in text.char_indices().enumerate() {
            assert_eq!(places.byte(index), byte);
        }
        assert_eq!(places.byte(200), 300);
        assert_eq!(places.byte(999), 300);
    }
}
