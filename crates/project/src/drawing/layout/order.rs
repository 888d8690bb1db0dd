//! The order of vertices in their layers, and their columns.

/// The passes over all layers for the order, and for the columns.
const PASSES: usize = 8;

/// A block, a label or a bend.
#[derive(Debug, Clone, Default)]
pub(super) struct Vertex {
    pub(super) layer: usize,
    pub(super) width: f64,
    /// The middle.
    pub(super) x: f64,
    pub(super) above: Vec<usize>,
    pub(super) below: Vec<usize>,
}

impl Vertex {
    pub(super) fn new(layer: usize, width: f64) -> Self {
        Self { layer, width, ..Self::default() }
    }
}

/// Gives every vertex its column; returns the vertices of each layer from left to right.
pub(super) fn arrange(vertices: &mut [Vertex], gap: f64) -> Vec<Vec<usize>> {
    let depth = vertices.iter().map(|vertex| vertex.layer + 1).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); depth];
    for (at, vertex) in vertices.iter().enumerate() {
        rows[vertex.layer].push(at);
    }
    let mut place = vec![0; vertices.len()];
    note_places(&rows, &mut place);
    for pass in 0..PASSES {
        for layer in sweep(depth, pass) {
            sort(&mut rows[layer], vertices, &mut place, pass);
        }
    }
    for row in &rows {
        let mut x = 0.0;
        for at in row {
            vertices[*at].x = x + vertices[*at].width / 2.0;
            x += vertices[*at].width + gap;
        }
    }
    for pass in 0..PASSES {
        for layer in sweep(depth, pass) {
            align(&rows[layer], vertices, pass, gap);
        }
    }
    rows
}

fn sweep(depth: usize, pass: usize) -> Box<dyn Iterator<Item = usize>> {
    if pass.is_multiple_of(2) { Box::new(0..depth) } else { Box::new((0..depth).rev()) }
}

fn note_places(rows: &[Vec<usize>], place: &mut [usize]) {
    for row in rows {
        row.iter().enumerate().for_each(|(n, at)| place[*at] = n);
    }
}

/// Sorts a layer by the middle of each vertex's neighbours in the layer that was sorted before.
fn sort(row: &mut Vec<usize>, vertices: &[Vertex], place: &mut [usize], pass: usize) {
    let key = |at: usize| {
        let near = neighbours(&vertices[at], pass);
        let sum: usize = near.iter().map(|at| place[*at]).sum();
        if near.is_empty() { place[at] as f64 } else { sum as f64 / near.len() as f64 }
    };
    let mut keyed: Vec<(f64, usize)> = row.iter().map(|at| (key(*at), *at)).collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    *row = keyed.into_iter().map(|(_, at)| at).collect();
    row.iter().enumerate().for_each(|(n, at)| place[*at] = n);
}

fn neighbours(vertex: &Vertex, pass: usize) -> &[usize] {
    if pass.is_multiple_of(2) { &vertex.above } else { &vertex.below }
}

/// Moves the vertices of a layer as near to their neighbours as order and gaps allow.
///
/// That is a regression with monotone results, solved exactly by merging neighbours that would
/// overlap into blocks which move together.
fn align(row: &[usize], vertices: &mut [Vertex], pass: usize, gap: f64) {
    // Weight, weighted sum of wishes and length of each block; offsets take out the widths.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    for (n, at) in row.iter().enumerate() {
        let vertex = &vertices[*at];
        if n > 0 {
            offset += vertices[row[n - 1]].width / 2.0 + gap + vertex.width / 2.0;
        }
        offsets.push(offset);
        let near = neighbours(vertex, pass);
        let (wish, weight) = match near.len() {
            0 => (vertex.x, 0.05),
            len => {
                let sum: f64 = near.iter().map(|at| vertices[*at].x).sum();
                (sum / len as f64, len as f64)
            }
        };
        blocks.push((weight, weight * (wish - offset), 1));
        while let [.., before, last] = blocks.as_mut_slice() {
            if before.1 / before.0 < last.1 / last.0 {
                break;
            }
            *before = (before.0 + last.0, before.1 + last.1, before.2 + last.2);
            blocks.pop();
        }
    }
    let places = blocks.iter().flat_map(|(weight, sum, len)| vec![sum / weight; *len]);
    for ((at, place), offset) in row.iter().zip(places).zip(offsets) {
        vertices[*at].x = place + offset;
    }
}
