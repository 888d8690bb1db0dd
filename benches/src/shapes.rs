//! The shapes of graphs, as blueprint text: the same reader, checker and engine as for any author.

use std::fmt::Write as _;

/// A shape of graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One after the other.
    Chain,
    /// One, then all the others at once, then one.
    Fan,
    /// Layers of √n blocks; each block has three edges from the layer before.
    Layers,
}

impl Shape {
    /// Every shape with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("chain", Self::Chain), ("fan", Self::Fan), ("layers", Self::Layers)];

    /// Returns the edges between `n` blocks, sorted by where they come from.
    pub fn edges(self, n: usize) -> Vec<(usize, usize)> {
        let mut edges = match self {
            Self::Chain => (1..n).map(|to| (to - 1, to)).collect(),
            Self::Fan if n < 3 => Self::Chain.edges(n),
            Self::Fan => (1..n - 1).flat_map(|at| [(0, at), (at, n - 1)]).collect(),
            Self::Layers => layers(n),
        };
        edges.sort_unstable();
        edges
    }
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

/// A kind of block, as the fields of each: `{i}` is the block's number.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name in tables.
    pub name: &'static str,
    /// Its fields as YAML, on one line.
    pub fields: &'static str,
    /// The outcome that leads on.
    pub outcome: &'static str,
}

/// The kinds of blocks that are measured, the cheapest first.
pub const KINDS: [Kind; 4] = [
    Kind { name: "pass", fields: "type: pass", outcome: "success" },
    Kind {
        name: "set_state",
        fields: "type: set_state, path: n, value: \"@{run.started_at}\"",
        outcome: "success",
    },
    Kind { name: "if_else", fields: "type: if_else, expression: state.n != 0", outcome: "then" },
    Kind {
        name: "code a + b",
        fields: "type: code, code: 'let a = inputs.a; let b = inputs.b; a + b'",
        outcome: "success",
    },
];

/// Returns the text of a blueprint of this shape.
pub fn blueprint(shape: Shape, kind: Kind, blocks: usize) -> String {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); blocks];
    for (from, to) in shape.edges(blocks) {
        next[from].push(to);
    }
    let mut text = String::from(
        "version: 1\nname: bench\ninputs: {a: {default: 1}, b: {default: 2}}\nstate: {n: 1}\nblocks:\n",
    );
    for (at, next) in next.iter().enumerate() {
        let targets: Vec<String> = next.iter().map(|to| format!("b{to}")).collect();
        let next = match targets.as_slice() {
            [] => String::new(),
            targets => format!(", next: {{{}: [{}]}}", kind.outcome, targets.join(", ")),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  b{at}: {{{}{next}}}", kind.fields);
    }
    text
}
