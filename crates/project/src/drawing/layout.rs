//! Where everything in a picture goes: layers from top to bottom, bodies inside their blocks.

use std::collections::BTreeMap;

use crate::{
    drawing::{Drawing, JoinedEdge, Node},
    text,
};

mod layers;
mod order;

/// The height of a block without a body, and of the head of one with a body.
pub(super) const BOX_HEIGHT: f64 = 46.0;
/// The height of a line about secrets or errors.
pub(super) const NOTE_HEIGHT: f64 = 15.0;
const MIN_BOX_WIDTH: f64 = 110.0;
const TITLE_CHAR: f64 = 8.6;
const SMALL_CHAR: f64 = 6.7;
/// What the sign before the names of secrets takes.
const KEY_WIDTH: f64 = 18.0;
const PADDING: f64 = 14.0;
/// Bodies nested deeper than the engine accepts are left out.
const MAX_DEPTH: usize = 40;

/// A picture whose parts all have their places.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Outer blocks before those in their bodies.
    pub(super) boxes: Vec<Shape>,
    pub(super) lines: Vec<Line>,
}

/// The box of a block.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) node: usize,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) has_body: bool,
}

/// The line of an edge: vertical pieces, joined by curves.
#[derive(Debug)]
pub(super) struct Line {
    /// The place among the joined edges.
    pub(super) edge: usize,
    /// For each vertical piece its column and where it begins and ends.
    pub(super) pieces: Vec<(f64, f64, f64)>,
    /// The middle of the label.
    pub(super) label: (f64, f64),
}

/// Returns the picture of a drawing with these joined edges, with `room` beside the type of each block.
pub(super) fn layout(drawing: &Drawing, edges: &[JoinedEdge], room: f64) -> Picture {
    let mut inner: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (at, edge) in edges.iter().enumerate() {
        let (from, to) = (&drawing.nodes[edge.from], &drawing.nodes[edge.to]);
        if from.group == to.group {
            inner.entry(from.group).or_default().push(at);
        }
    }
    let members = drawing.members();
    let maker = Maker { drawing, edges, room, inner, members, bodies: drawing.bodies() };
    maker.graph(None, 0)
}

struct Maker<'d> {
    drawing: &'d Drawing,
    edges: &'d [JoinedEdge],
    /// What each block has free beside its type.
    room: f64,
    /// The edges of each graph.
    inner: BTreeMap<Option<usize>, Vec<usize>>,
    members: BTreeMap<Option<usize>, Vec<usize>>,
    bodies: BTreeMap<usize, usize>,
}

impl Maker<'_> {
    fn graph(&self, group: Option<usize>, depth: usize) -> Picture {
        let none = Vec::new();
        let members = self.members.get(&group).unwrap_or(&none);
        let edges = self.inner.get(&group).unwrap_or(&none);
        let bodies: Vec<Option<Picture>> = members
            .iter()
            .map(|at| self.bodies.get(at).filter(|_| depth < MAX_DEPTH))
            .map(|body| body.map(|body| self.graph(Some(*body), depth + 1)))
            .collect();
        let sizes: Vec<(f64, f64)> = members
            .iter()
            .zip(&bodies)
            .map(|(at, body)| self.box_size(*at, body.as_ref()))
            .collect();
        let local: BTreeMap<usize, usize> =
            members.iter().enumerate().map(|(local, at)| (*at, local)).collect();
        let arrows: Vec<layers::Arrow> = edges
            .iter()
            .map(|at| layers::Arrow {
                from: local[&self.edges[*at].from],
                to: local[&self.edges[*at].to],
                label_width: text::width(&self.edges[*at].label) as f64 * SMALL_CHAR + 8.0,
            })
            .collect();
        let placed = layers::place(&sizes, &arrows);
        let mut picture = Picture { width: placed.width, height: placed.height, ..<_>::default() };
        for (local, body) in bodies.into_iter().enumerate() {
            let ((x, y), (width, height)) = (placed.corners[local], sizes[local]);
            let has_body = body.is_some();
            let node = members[local];
            picture.boxes.push(Shape { node, x, y, width, height, has_body });
            if let Some(body) = body {
                let left = x + (width - body.width) / 2.0;
                picture.add(body, left, y + self.head_height(node));
            }
        }
        picture.lines.extend(placed.lines.into_iter().map(|(arrow, pieces, label)| Line {
            edge: edges[arrow],
            pieces,
            label,
        }));
        picture
    }

    fn box_size(&self, at: usize, body: Option<&Picture>) -> (f64, f64) {
        let node = &self.drawing.nodes[at];
        let title = text::width(&shown(&node.title)) as f64 * TITLE_CHAR;
        let kind = text::width(&shown(&node.kind_line())) as f64 * SMALL_CHAR + self.room;
        let notes = notes(node).into_iter().map(|note| {
            let sign = if note.is_error { 0.0 } else { KEY_WIDTH };
            text::width(&shown_note(&note.text)) as f64 * SMALL_CHAR + sign
        });
        let width = notes.fold(title.max(kind), f64::max) + 2.0 * PADDING;
        let width = width.max(MIN_BOX_WIDTH);
        let head = self.head_height(at);
        match body {
            None => (width, head),
            Some(body) => (
                width.max(body.width + 2.0 * PADDING),
                head + body.height + if body.height > 0.0 { PADDING } else { 0.0 },
            ),
        }
    }

    fn head_height(&self, at: usize) -> f64 {
        BOX_HEIGHT + notes(&self.drawing.nodes[at]).len() as f64 * NOTE_HEIGHT
    }
}

/// A line about secrets or errors in a box.
pub(super) struct Note {
    pub(super) text: String,
    /// Whether it is about errors; else it is about secrets.
    pub(super) is_error: bool,
}

/// Returns what a box says below the type.
pub(super) fn notes(node: &Node) -> Vec<Note> {
    let secrets = node.secrets_line().map(|text| Note { text, is_error: false });
    let unhandled = node.unhandled_line();
    let unhandled =
        unhandled.map(|names| Note { text: format!("unhandled: {names}"), is_error: true });
    secrets.into_iter().chain(unhandled).collect()
}

impl Picture {
    /// Puts another picture into this one.
    fn add(&mut self, other: Self, x: f64, y: f64) {
        self.boxes.extend(other.boxes.into_iter().map(|shape| Shape {
            x: shape.x + x,
            y: shape.y + y,
            ..shape
        }));
        self.lines.extend(other.lines.into_iter().map(|line| Line {
            edge: line.edge,
            pieces: line.pieces.iter().map(|(at, from, to)| (at + x, from + y, to + y)).collect(),
            label: (line.label.0 + x, line.label.1 + y),
        }));
    }
}

/// Returns a line about secrets or errors as it is shown.
pub(super) fn shown_note(note: &str) -> String {
    text::fit(note, 48)
}

/// Returns a title as it is shown: cut where it is too long for a box.
pub(super) fn shown(title: &str) -> String {
    text::fit(title, 36)
}
