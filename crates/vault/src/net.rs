//! The second net: finds loaded values, in all their encodings, in what comes back from outside.
//!
//! Handles keep values out of a run; the net is for what returns one: a server that echoes, a
//! program that prints. Each value becomes needles: itself and its lines, in every usual spelling.
//! An index of a few bytes of each needle finds where one may stand, without regard to case; there
//! it is compared in place, so that line breaks can match any white space.
//!
//! Where hits overlap, all of it is replaced, by the handle of the hit that begins first, the
//! longer of two that begin together. Not found: what encrypts, hashes, compresses or spreads a
//! value out.

mod encodings;
mod index;
mod matching;
mod needles;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    sync::{Arc, OnceLock},
};

use blueprint_model::{
    Secret,
    provider::Entry,
    secret::{Hit, Net},
};

pub use self::stream::NetStream;
use self::{
    index::{Index, NEEDED},
    matching::{LEFT_EDGE, Verdict},
    needles::Needle,
};
use crate::strength::weakness;

/// Finds the values it was made of.
pub struct SecondNet {
    needles: Vec<Needle>,
    index: Index,
    /// The bytes of the shortest needle: a text of fewer holds none. Most texts of an answer are such.
    shortest: usize,
}

/// What was found in a text that may go on.
struct Scan {
    /// Everything found, also what overlaps; by start, the longer first.
    hits: Vec<Hit>,
    /// Up to here nothing more will be found, whatever follows.
    settled: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The text is whole.
    Whole,
    /// The text goes on.
    Open,
}

/// Returns the net over these entries; made when it is first used, so that a run that brings
/// nothing from outside does not pay for it.
pub fn over(entries: &[Entry]) -> Net {
    over_all(strong(entries).map(|(entry, value)| (entry, Secret::new(value.into()))).collect())
}

/// Returns the net over values that a run obtained, the weak ones left out; hits name their places.
pub fn over_values(values: &[&Secret]) -> Net {
    let strong = values.iter().enumerate().filter(|(_, it)| weakness(it.expose()).is_none());
    over_all(strong.map(|(at, value)| (at, Secret::new(value.expose().into()))).collect())
}

fn over_all(values: Vec<(usize, Secret)>) -> Net {
    let net = OnceLock::new();
    Arc::new(move |text| {
        let make = || SecondNet::of(values.iter().map(|(entry, value)| (*entry, value.expose())));
        net.get_or_init(make).hits(text)
    })
}

impl SecondNet {
    /// Returns the net over the values of these entries, the weak ones left out.
    pub fn new(entries: &[Entry]) -> Self {
        Self::of(strong(entries))
    }

    /// Returns what to replace in a text, in order, without overlaps.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        let mut merged: Vec<Hit> = Vec::new();
        if text.len() < self.shortest {
            return merged;
        }
        for hit in self.scan(text.as_bytes(), Ending::Whole).hits {
            match merged.last_mut() {
                Some(last) if hit.range.start < last.range.end => {
                    last.range.end = last.range.end.max(hit.range.end);
                }
                Some(_) | None => merged.push(hit),
            }
        }
        merged
    }

    fn of<'a>(values: impl Iterator<Item = (usize, &'a str)>) -> Self {
        let needles = needles::of(values);
        let index = Index::new(&needles);
        let shortest = needles.iter().map(Needle::len).min().unwrap_or(usize::MAX);
        Self { needles, index, shortest }
    }

    fn scan(&self, text: &[u8], ending: Ending) -> Scan {
        let mut hits = Vec::new();
        let mut settled = match ending {
            Ending::Whole => text.len(),
            Ending::Open if self.needles.is_empty() => text.len(),
            Ending::Open => text.len().saturating_sub(NEEDED - 1 + LEFT_EDGE),
        };
        self.index.look(text, |needle, at| {
            let needle = &self.needles[needle];
            match (needle.matches(text, at, ending), ending) {
                (Verdict::Yes(range), _) => hits.push(Hit { range, entry: needle.entry }),
                (Verdict::More, Ending::Open) => {
                    settled = settled.min(at.saturating_sub(LEFT_EDGE));
                }
                (Verdict::More, Ending::Whole) | (Verdict::No, _) => {}
            }
        });
        hits.sort_by_key(|hit| (hit.range.start, Reverse(hit.range.end), hit.entry));
        Scan { hits, settled }
    }
}

fn strong(entries: &[Entry]) -> impl Iterator<Item = (usize, &str)> {
    entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.is_weak)
        .map(|(position, entry)| (position, entry.value.expose()))
}
