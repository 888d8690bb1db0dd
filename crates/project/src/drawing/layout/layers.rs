//! Layered drawing of one graph, after Sugiyama: layers, bends and labels as vertices, an order
//! with few crossings, then columns and rows.

use crate::drawing::layout::order::{self, Vertex};

/// The space between two things beside each other.
const GAP: f64 = 26.0;
/// The space between two layers.
const LAYER_GAP: f64 = 20.0;
const LABEL_HEIGHT: f64 = 14.0;
const BEND_WIDTH: f64 = 8.0;
/// The most bends of all edges together, shared evenly. An edge over more layers than its share
/// crosses what is in its way.
const MAX_BENDS: usize = 100_000;

/// An edge between two blocks of the graph.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label_width: f64,
}

/// An edge's place in the list, its vertical pieces, and the middle of its label.
pub(super) type PlacedLine = (usize, Vec<(f64, f64, f64)>, (f64, f64));

/// A graph whose parts have their places.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The upper left corner of each block.
    pub(super) corners: Vec<(f64, f64)>,
    pub(super) lines: Vec<PlacedLine>,
}

/// Places blocks of these sizes with these edges.
pub(super) fn place(sizes: &[(f64, f64)], arrows: &[Arrow]) -> Placed {
    let layer_of = layers(sizes.len(), arrows);
    let mut vertices: Vec<Vertex> =
        sizes.iter().zip(&layer_of).map(|(size, layer)| Vertex::new(2 * layer, size.0)).collect();
    // Block layers are even; the odd ones between them hold the labels.
    let chains: Vec<Vec<usize>> = arrows
        .iter()
        .map(|arrow| chain(arrow, &layer_of, &mut vertices, MAX_BENDS / arrows.len()))
        .collect();
    let rows = order::arrange(&mut vertices, GAP);
    let left = vertices.iter().map(|it| it.x - it.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = vertices.iter().map(|it| it.x + it.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    if vertices.is_empty() {
        return Placed::default();
    }
    vertices.iter_mut().for_each(|it| it.x -= left);
    let (tops, height) = tops(&rows, sizes);
    let corners = sizes
        .iter()
        .enumerate()
        .map(|(at, size)| (vertices[at].x - size.0 / 2.0, tops[vertices[at].layer].0))
        .collect();
    let starts = ports(&vertices, &chains, |chain| (chain[0], chain[1]));
    let ends = ports(&vertices, &chains, |chain| (chain[chain.len() - 1], chain[chain.len() - 2]));
    let lines = chains.iter().enumerate().map(|(at, chain)| {
        let pieces = pieces(chain, &vertices, &tops, sizes, (starts[at], ends[at]));
        let label = vertices[chain[1]].layer;
        let label = (vertices[chain[1]].x, (tops[label].0 + tops[label].1) / 2.0);
        (at, pieces, label)
    });
    Placed { width: right - left, height, corners, lines: lines.collect() }
}

/// Returns the layer of each block: one more than the lowest that leads to it. Where blocks wait
/// for each other in a circle, which `check` refuses, the first of them in file order goes first.
fn layers(blocks: usize, arrows: &[Arrow]) -> Vec<usize> {
    let mut waits_for = vec![0_usize; blocks];
    let mut leads_to = vec![Vec::new(); blocks];
    for arrow in arrows {
        waits_for[arrow.to] += 1;
        leads_to[arrow.from].push(arrow.to);
    }
    let mut layer = vec![0; blocks];
    let mut is_placed = vec![false; blocks];
    let mut ready: Vec<usize> = (0..blocks).filter(|at| waits_for[*at] == 0).collect();
    let mut first_left = 0;
    loop {
        let Some(at) = ready.pop() else {
            while first_left < blocks && is_placed[first_left] {
                first_left += 1;
            }
            if first_left == blocks {
                return layer;
            }
            ready.push(first_left);
            continue;
        };
        if std::mem::replace(&mut is_placed[at], true) {
            continue;
        }
        for to in &leads_to[at] {
            waits_for[*to] = waits_for[*to].saturating_sub(1);
            if !is_placed[*to] {
                layer[*to] = layer[*to].max(layer[at] + 1);
                if waits_for[*to] == 0 {
                    ready.push(*to);
                }
            }
        }
    }
}

/// Adds the label and the bends of an edge, and returns all its vertices from start to end.
fn chain(
    arrow: &Arrow,
    layer_of: &[usize],
    vertices: &mut Vec<Vertex>,
    max_bends: usize,
) -> Vec<usize> {
    let (first, last) = (2 * layer_of[arrow.from], 2 * layer_of[arrow.to]);
    let mut chain = vec![arrow.from];
    let bends = (first + 2)..last.min(first + 2 + max_bends);
    let widths = std::iter::once((first + 1, arrow.label_width));
    for (layer, width) in widths.chain(bends.map(|layer| (layer, BEND_WIDTH))) {
        chain.push(vertices.len());
        vertices.push(Vertex::new(layer, width));
    }
    chain.push(arrow.to);
    for pair in chain.windows(2) {
        if vertices[pair[0]].layer < vertices[pair[1]].layer {
            vertices[pair[0]].below.push(pair[1]);
            vertices[pair[1]].above.push(pair[0]);
        }
    }
    chain
}

/// Returns top and bottom of each layer, and the height of all.
fn tops(rows: &[Vec<usize>], sizes: &[(f64, f64)]) -> (Vec<(f64, f64)>, f64) {
    let mut y = 0.0;
    let mut tops = Vec::with_capacity(rows.len());
    for (layer, row) in rows.iter().enumerate() {
        let blocks = row.iter().filter_map(|at| sizes.get(*at)).map(|size| size.1);
        let height = blocks.fold(0.0, f64::max);
        let height = if layer % 2 == 1 && !row.is_empty() { LABEL_HEIGHT } else { height };
        tops.push((y, y + height));
        y += height + LAYER_GAP;
    }
    let height = tops.last().map_or(0.0, |(_, bottom)| *bottom);
    (tops, height)
}

/// Returns for each edge the column where it meets a block, so that edges of one block stand
/// beside each other in the order of where they go.
fn ports(
    vertices: &[Vertex],
    chains: &[Vec<usize>],
    ends: impl Fn(&[usize]) -> (usize, usize),
) -> Vec<f64> {
    let mut by_block: Vec<(usize, f64, usize)> = chains
        .iter()
        .enumerate()
        .map(|(at, chain)| {
            let (block, next) = ends(chain);
            (block, vertices[next].x, at)
        })
        .collect();
    by_block.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut ports = vec![0.0; chains.len()];
    for edges in by_block.chunk_by(|a, b| a.0 == b.0) {
        let block = &vertices[edges[0].0];
        let step = ((block.width - 24.0) / edges.len() as f64).clamp(0.0, 22.0);
        for (n, (_, _, at)) in edges.iter().enumerate() {
            ports[*at] = block.x + (n as f64 - (edges.len() - 1) as f64 / 2.0) * step;
        }
    }
    ports
}

fn pieces(
    chain: &[usize],
    vertices: &[Vertex],
    tops: &[(f64, f64)],
    sizes: &[(f64, f64)],
    (start, end): (f64, f64),
) -> Vec<(f64, f64, f64)> {
    let last = chain.len() - 1;
    let piece = |(n, at): (usize, &usize)| {
        let (top, bottom) = tops[vertices[*at].layer];
        match n {
            0 => (start, top + sizes[*at].1, bottom),
            n if n == last => (end, top, top),
            _ => (vertices[*at].x, top, bottom),
        }
    };
    chain.iter().enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: usize, to: usize) -> Arrow {
        Arrow { from, to, label_width: 40.0 }
    }

    #[test]
    fn blocks_are_below_all_that_lead_to_them() {
        let arrows = [arrow(0, 1), arrow(1, 2), arrow(0, 2), arrow(2, 3)];
        assert_eq!(layers(4, &arrows), [0, 1, 2, 3]);
    }

    #[test]
    fn a_circle_is_drawn_all_the_same() {
        let arrows = [arrow(0, 1), arrow(1, 2), arrow(2, 1), arrow(2, 2)];
        assert_eq!(layers(3, &arrows), [0, 1, 2]);
        assert_eq!(place(&[(50.0, 20.0); 3], &arrows).lines.len(), 4);
    }

    #[test]
    fn boxes_do_not_overlap() {
        let sizes: Vec<(f64, f64)> = (0..30_u8).map(|n| (60.0 + f64::from(n), 20.0)).collect();
        let arrows: Vec<Arrow> = (1..30)
            .flat_map(|n| [arrow(n / 3, n), arrow(n / 7, n)])
            .filter(|a| a.from < a.to)
            .collect();
        let placed = place(&sizes, &arrows);
        for (a, (ax, ay)) in placed.corners.iter().enumerate() {
            for (b, (bx, by)) in placed.corners.iter().enumerate().skip(a + 1) {
                let beside = ax + sizes[a].0 <= bx + 0.1 || bx + sizes[b].0 <= ax + 0.1;
                assert!(ay + 20.0 <= *by || by + 20.0 <= *ay || beside, "{a} and {b}");
            }
        }
    }
}
