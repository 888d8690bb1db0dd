//! The shapes of graphs, as blueprint text: the same reader, checker and engine as for any author.

use blueprint_project::text;

use crate::bench::source::Source;

/// A shape of graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One after the other.
    Chain,
    /// One, then all the others at once, then one.
    Fan,
    /// Layers of √n blocks; each block has three edges from the layer before.
    Layers,
    /// A condition, its two ways, of which one is not taken, and where they join the next condition.
    Ladder,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 4] = [Self::Chain, Self::Fan, Self::Layers, Self::Ladder];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Fan => "fan",
            Self::Layers => "layers",
            Self::Ladder => "ladder",
        }
    }

    /// Returns the edges between `n` blocks, sorted by where they come from.
    pub fn edges(self, n: usize) -> Vec<(usize, usize)> {
        let mut edges = match self {
            Self::Chain => (1..n).map(|to| (to - 1, to)).collect(),
            Self::Fan if n < 3 => Self::Chain.edges(n),
            Self::Fan => fan(n),
            Self::Layers => layers(n),
            Self::Ladder => ladder(n),
        };
        edges.sort_unstable();
        edges
    }
}

/// The most blocks that one block of a fan leads to: no block of a file may hold much more.
const HUB: usize = 20_000;

/// Where the fan is too wide for one block, a second row of blocks leads to its parts.
fn fan(n: usize) -> Vec<(usize, usize)> {
    let (last, hubs) = (n - 1, if n <= HUB { 0 } else { n.div_ceil(HUB) });
    let mut edges: Vec<(usize, usize)> = (1..=hubs).map(|hub| (0, hub)).collect();
    for at in hubs + 1..last {
        let hub = if hubs == 0 { 0 } else { at % hubs + 1 };
        edges.extend([(hub, at), (at, last)]);
    }
    edges
}

fn layers(n: usize) -> Vec<(usize, usize)> {
    let width = n.isqrt().max(1);
    let mut edges = Vec::new();
    let mut random = 0x9E37_79B9_u64;
    for to in width..n {
        let above = (to / width - 1) * width;
        let mut from = Vec::new();
        for _ in 0..3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            from.push(above + (random >> 33) as usize % width);
        }
        from.sort_unstable();
        from.dedup();
        edges.extend(from.into_iter().map(|from| (from, to)));
    }
    edges
}

fn ladder(n: usize) -> Vec<(usize, usize)> {
    let mut edges = Vec::new();
    for fork in (0..n).step_by(3) {
        let ways = (fork + 1..n.min(fork + 3)).map(|way| (fork, way));
        edges.extend(ways);
        if fork + 3 < n {
            edges.extend([(fork + 1, fork + 3), (fork + 2, fork + 3)]);
        }
    }
    edges
}

/// A kind of block, as what stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name in tables.
    pub name: &'static str,
    /// Its fields as YAML, on one line.
    pub fields: &'static str,
    /// Its fields where exactly one block leads to it, if they differ: it may ask for `result`.
    pub after_one: Option<&'static str>,
    /// The outcome that leads on.
    pub outcome: &'static str,
}

impl Kind {
    /// Gives an object of three keys, and does nothing else: the engine alone.
    pub const PASS: Self = Self::new("pass", "type: pass", "success");
    /// The same, and waits until all before it is on the disk, as if it reached outside.
    pub const OUTSIDE: Self = Self::new("outside", "type: outside", "success");
    /// Puts a value into the state.
    pub const SET_STATE: Self =
        Self::new("set_state", "type: set_state, path: n, value: \"@{run.started_at}\"", "success");
    /// Evaluates a condition.
    pub const IF_ELSE: Self =
        Self::new("if_else", "type: if_else, expression: state.n != 0", "then");
    /// Adds two numbers, one of them the result before it.
    pub const CODE: Self = Self {
        after_one: Some("type: code, code: result + inputs.b"),
        ..Self::new("code a + b", "type: code, code: inputs.a + inputs.b", "success")
    };
    /// Builds a text around a secret.
    pub const VAULT: Self = Self::new(
        "code with a secret",
        "type: code, code: '\"Bearer \" + vault.API_KEY + `-${inputs.a}`'",
        "success",
    );
    /// Computes for a while.
    pub const FIB: Self = Self::new(
        "code fib(10)",
        "type: code, code: 'fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(10)'",
        "success",
    );

    /// The kinds that need nothing outside, the cheapest first.
    pub const ALL: [Self; 5] =
        [Self::PASS, Self::SET_STATE, Self::IF_ELSE, Self::CODE, Self::VAULT];

    /// Returns a kind of this name with these fields, which goes on with this outcome.
    pub const fn new(name: &'static str, fields: &'static str, outcome: &'static str) -> Self {
        Self { name, fields, after_one: None, outcome }
    }
}

/// What stands before the blocks of every generated file.
pub const HEAD: &str =
    "version: 1\nname: bench\ninputs: {a: {default: 1}, b: {default: 2}}\nstate: {n: 1}\nblocks:\n";

/// Returns the blueprint of this shape, of `blocks` blocks of this kind.
pub fn blueprint(shape: Shape, kind: Kind, blocks: usize) -> Source {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); blocks];
    for (from, to) in shape.edges(blocks) {
        next[from].push(to);
    }
    let mut yaml = String::from(HEAD);
    for (at, next) in next.iter().enumerate() {
        let is_fork = shape == Shape::Ladder && at % 3 == 0;
        let fields = match (shape, kind.after_one) {
            (Shape::Chain, Some(fields)) if at > 0 => fields,
            _ if is_fork => "type: if_else, expression: state.n != 0",
            _ => kind.fields,
        };
        let next = match (next.as_slice(), is_fork) {
            ([], _) => String::new(),
            ([then, otherwise], true) => format!(", next: {{then: b{then}, else: b{otherwise}}}"),
            ([then, ..], true) => format!(", next: {{then: b{then}}}"),
            (all, false) => {
                let targets: Vec<String> = all.iter().map(|to| format!("b{to}")).collect();
                format!(", next: {{{}: [{}]}}", kind.outcome, targets.join(", "))
            }
        };
        text::add(&mut yaml, format_args!("  b{at}: {{{fields}{next}}}\n"));
    }
    Source::new(yaml, blocks)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use blueprint_journal::MemoryJournal;

    use super::*;
    use crate::bench::stage::{self, Stage};

    #[test]
    fn edges_lead_downwards_between_the_blocks_that_are_there() {
        for shape in Shape::ALL {
            for n in [1, 2, 3, 4, 7, 100, 50_000] {
                let edges = shape.edges(n);
                assert!(edges.iter().all(|(from, to)| from < to && *to < n), "{shape:?} {n}");
                assert!(edges.is_sorted(), "{shape:?} {n}");
            }
        }
    }

    #[test]
    fn every_kind_in_every_shape_is_a_blueprint() {
        let engine = stage::engine(Arc::new(MemoryJournal::forgetful()));
        for shape in Shape::ALL {
            for kind in Kind::ALL.into_iter().chain([Kind::OUTSIDE, Kind::FIB]) {
                for n in [1, 2, 3, 4, 5, 6, 50] {
                    let made = Stage::new(&blueprint(shape, kind, n), engine.clone());
                    assert!(made.is_ok(), "{shape:?} of {n} {}: {:?}", kind.name, made.err());
                }
            }
        }
    }

    #[test]
    fn a_wide_fan_has_no_block_that_a_file_refuses() {
        let mut wide = vec![0; 100_000];
        Shape::Fan.edges(100_000).iter().for_each(|(from, _)| wide[*from] += 1);
        assert!(wide.iter().all(|targets| *targets <= HUB + 1));
    }
}
