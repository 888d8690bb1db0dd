//! Where in a text a needle may stand: a look at every fourth place, without regard to case.
//!
//! Of each needle seven bytes in a row are indexed, as the four grams of four bytes in them: wherever
//! the needle stands, one of the four lies on a place that is a multiple of four. A bitmap, small
//! enough for the cache, answers almost all looks. Its size depends on the number of needles and not
//! on their length, it is faster than an automaton over all of them, and it copies less of a value.

use zeroize::Zeroize;

use super::needles::Needle;

/// Bytes looked at together.
const GRAM: usize = 4;
/// Bytes of a needle that are indexed.
const WINDOW: usize = 2 * GRAM - 1;
/// How far into a needle they begin, where it is long enough: behind what many values begin with,
/// such as `https://` and `sk-proj-`.
const DEPTH: usize = 8;
/// Bits in the bitmap for each gram.
const BITS_A_GRAM: usize = 32;

/// How many bytes of a needle must be in the text for it to be found.
pub(super) const NEEDED: usize = DEPTH + WINDOW;

/// An index over needles.
pub(super) struct Index {
    bitmap: Vec<u64>,
    shift: u32,
    /// The grams, sorted.
    grams: Vec<u32>,
    /// For each gram, the needle and the place of the gram in it.
    places: Vec<(usize, usize)>,
    /// Needles whose first line is too short for a window.
    short: Vec<usize>,
    /// What those begin with.
    short_starts: [bool; 256],
}

impl Index {
    /// Returns the index over these needles.
    pub(super) fn new(needles: &[Needle]) -> Self {
        let mut rows: Vec<(u32, usize, usize)> = Vec::new();
        let (mut short, mut short_starts) = (Vec::new(), [false; 256]);
        for (needle, first) in needles.iter().map(|needle| &needle.segments[0]).enumerate() {
            let Some(room) = first.len().checked_sub(WINDOW) else {
                short.push(needle);
                short_starts[usize::from(first[0].to_ascii_lowercase())] = true;
                short_starts[usize::from(first[0].to_ascii_uppercase())] = true;
                continue;
            };
            let depth = room.min(DEPTH);
            let window = &first[depth..depth + WINDOW];
            let grams = window.windows(GRAM).enumerate();
            rows.extend(grams.map(|(n, gram)| (fold(gram), needle, depth + n)));
        }
        rows.sort_unstable();
        let bits = (rows.len() * BITS_A_GRAM).next_power_of_two().clamp(1 << 12, 1 << 24);
        let shift = 32 - bits.trailing_zeros();
        let mut bitmap = vec![0; bits / 64];
        for (gram, ..) in &rows {
            let (word, bit) = slot(*gram, shift);
            bitmap[word] |= bit;
        }
        let grams = rows.iter().map(|row| row.0).collect();
        let places = rows.iter().map(|row| (row.1, row.2)).collect();
        rows.iter_mut().for_each(|row| row.0.zeroize());
        Self { bitmap, shift, grams, places, short, short_starts }
    }

    /// Tells every needle that may stand in the text, and where it would begin.
    pub(super) fn look(&self, text: &[u8], mut tell: impl FnMut(usize, usize)) {
        for (n, gram) in text.chunks_exact(GRAM).enumerate() {
            let gram = fold(gram);
            let (word, bit) = slot(gram, self.shift);
            if self.bitmap[word] & bit != 0 {
                self.look_up(gram, n * GRAM, &mut tell);
            }
        }
        if self.short.is_empty() {
            return;
        }
        for (at, _) in text.iter().enumerate().filter(|(_, c)| self.short_starts[usize::from(**c)])
        {
            self.short.iter().for_each(|needle| tell(*needle, at));
        }
    }

    fn look_up(&self, gram: u32, at: usize, tell: &mut impl FnMut(usize, usize)) {
        let first = self.grams.partition_point(|other| *other < gram);
        let same = self.grams[first..].iter().take_while(|other| **other == gram).count();
        for (needle, offset) in &self.places[first..first + same] {
            if let Some(begin) = at.checked_sub(*offset) {
                tell(*needle, begin);
            }
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.grams.zeroize();
    }
}

/// Returns four bytes as a number, the same for small and capital letters.
fn fold(gram: &[u8]) -> u32 {
    gram.iter().rev().fold(0, |number, byte| number << 8 | u32::from(byte | 0x20))
}

fn slot(gram: u32, shift: u32) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9e37_79b1) >> shift;
    ((hash / 64) as usize, 1 << (hash % 64))
}
