//! The second net over a text that arrives in pieces, cut anywhere.

use std::sync::Arc;

use super::{Ending, SecondNet};

/// From how many held bytes on a new look waits until a quarter more has come: a value that
/// arrives byte by byte would otherwise be compared from its start with each of them.
const MANY_HELD: usize = 1_024;

/// Replaces loaded values in a stream of bytes. However the stream is cut, what comes out is what
/// [`SecondNet::hits`] would replace in the whole.
///
/// It holds back only what may still become a hit: 17 bytes, or a value that has begun.
pub struct NetStream {
    net: Arc<SecondNet>,
    replacement: Box<dyn FnMut(usize) -> String + Send>,
    held: Vec<u8>,
    /// How much of `held` a replacement that went out already stands for.
    replaced: usize,
    /// How much must be held before the next look.
    wait_for: usize,
}

impl NetStream {
    /// Returns a stream whose hits become what `replacement` says for their entry.
    pub fn new(
        net: Arc<SecondNet>,
        replacement: impl FnMut(usize) -> String + Send + 'static,
    ) -> Self {
        let replacement = Box::new(replacement);
        Self { net, replacement, held: Vec::new(), replaced: 0, wait_for: 0 }
    }

    /// Takes the next piece and returns what is safe to pass on.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        if self.held.len() < self.wait_for {
            return Vec::new();
        }
        let safe = self.advance(Ending::Open);
        let held = self.held.len();
        self.wait_for = if held > MANY_HELD { held + held / 4 } else { 0 };
        safe
    }

    /// Returns the rest.
    pub fn finish(mut self) -> Vec<u8> {
        self.advance(Ending::Whole)
    }

    fn advance(&mut self, ending: Ending) -> Vec<u8> {
        let scan = self.net.scan(&self.held, ending);
        let mut safe = Vec::with_capacity(scan.settled);
        let mut done = self.replaced;
        for hit in scan.hits.iter().filter(|hit| hit.range.start < scan.settled) {
            if hit.range.start >= done {
                safe.extend_from_slice(&self.held[done..hit.range.start]);
                safe.extend_from_slice((self.replacement)(hit.entry).as_bytes());
            }
            done = done.max(hit.range.end);
        }
        if done < scan.settled {
            safe.extend_from_slice(&self.held[done..scan.settled]);
            done = scan.settled;
        }
        self.held.drain(..scan.settled);
        self.replaced = done - scan.settled;
        safe
    }
}
