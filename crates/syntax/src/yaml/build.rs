//! The parser's events to a tree, without recursion and within bounds.

use std::{collections::BTreeMap, mem};

use blueprint_model::{
    Diagnostic, Span, Value, code,
    diagnostic::{self, MAX_ERRORS},
    id, units,
};
use indexmap::map;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span as Marks};

use crate::yaml::{
    Data, Entry, Map, Repair, Tree,
    bounds::{self, Copies},
    explain::short,
    extent::{self, Extent},
    places::{Insertions, Places},
    scalar::{self, Scalar},
    tree::Raw,
};

/// Why there is no tree.
pub(crate) enum Failure {
    /// The parser gave up.
    Scan(Scan),
    /// A bound was reached, or something that has no meaning here.
    Fault(Box<Diagnostic>),
    /// There are so many faults already that the rest is not looked at.
    Full,
    /// So many blocks are none that the reader will look at no more.
    NoBlocks,
}

impl Failure {
    fn fault(fault: Diagnostic) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// Where and why the parser gave up, in bytes of the repaired text.
pub(crate) struct Scan {
    /// The parser's words.
    pub(crate) info: String,
    /// Where.
    pub(crate) at: usize,
    /// The last plain scalar before.
    pub(crate) last: Option<(usize, usize)>,
    /// The innermost `[` or `{` that is not closed.
    pub(crate) open: Option<usize>,
}

/// Returns the tree of a text, and the faults that did not keep it from being one.
pub(crate) fn build(
    text: &str,
    insertions: &Insertions,
    repair: Repair,
) -> (Result<Tree, Failure>, Vec<Diagnostic>) {
    let is_blueprint = repair == Repair::References;
    let mut builder = Builder {
        text,
        insertions,
        places: Places::new(text),
        frames: Vec::new(),
        root: None,
        anchors: BTreeMap::new(),
        nodes: 0,
        is_blueprint,
        part: 0,
        no_blocks: 0,
        most_nodes: bounds::most_nodes(text),
        most_in_part: if is_blueprint { bounds::most_in_part(text) } else { usize::MAX },
        copies: Copies::default(),
        end: 0,
        last: None,
        faults: Vec::new(),
    };
    for event in Parser::new_from_str(text) {
        let result = match event {
            Ok((event, marks)) => builder.event(event, marks),
            Err(err) => Err(Failure::Scan(builder.scan(&err))),
        };
        if matches!(result, Err(Failure::NoBlocks)) {
            builder.close_all();
            break;
        }
        if let Err(failure) = result {
            return (Err(failure), builder.faults);
        }
        if diagnostic::is_full(&builder.faults) {
            return (Err(Failure::Full), builder.faults);
        }
    }
    let root = builder.root.take().unwrap_or_else(|| null(Span::new(0, 0)));
    (Ok(root), builder.faults)
}

struct Builder<'t> {
    text: &'t str,
    insertions: &'t Insertions,
    places: Places<'t>,
    frames: Vec<Frame>,
    root: Option<Tree>,
    anchors: BTreeMap<usize, Tree>,
    nodes: usize,
    is_blueprint: bool,
    /// Values and keys of the part at hand: a block, or what stands beside the blocks.
    part: usize,
    /// How many blocks have no type or a name that none can have: errors, once they are read.
    no_blocks: usize,
    most_nodes: usize,
    most_in_part: usize,
    copies: Copies,
    /// Where the last scalar or closing bracket ended.
    end: usize,
    last: Option<(usize, usize)>,
    faults: Vec<Diagnostic>,
}

/// A list or an object that is not closed yet.
struct Frame {
    start: usize,
    anchor: usize,
    is_key: bool,
    role: Role,
    parts: Parts,
}

/// What a list or an object is in a blueprint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// All of it.
    File,
    /// Blocks by their ids.
    Graph,
    /// A block.
    Block,
    /// Something else.
    Data,
}

enum Parts {
    List(Vec<Tree>),
    Map(Map, Pending),
}

/// The key that waits for its value.
enum Pending {
    None,
    Key(String, Span),
    /// A key that is none; its value is dropped.
    Bad,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, marks: Marks) -> Result<(), Failure> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                let at = self.byte(marks.start);
                let message = "the file holds more than one YAML document";
                // As long as a marker; without one, what stands here may be shorter, or not ASCII.
                let len = self.text[at..].chars().take(3).map(char::len_utf8).sum::<usize>();
                let fault = Diagnostic::error(code::NOT_YAML, self.span(at, at + len), message);
                Err(Failure::fault(
                    fault.help("remove the line `---` or `...` and what follows it"),
                ))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(anchor) => self.alias(anchor, marks),
            Event::Scalar(value, style, anchor, tag) => {
                let start = self.properties(marks, anchor > 0 || tag.is_some(), tag.is_some());
                self.scalar(value.into_owned(), style, (start, self.byte(marks.end)), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let start = self.properties(marks, anchor > 0 || tag.is_some(), tag.is_some());
                self.open(start, anchor, Parts::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let start = self.properties(marks, anchor > 0 || tag.is_some(), tag.is_some());
                self.open(start, anchor, Parts::Map(Map::new(), Pending::None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(marks),
        }
    }

    /// Returns where a value begins behind its anchor and tag; reports the tag.
    fn properties(&mut self, marks: Marks, has_any: bool, has_tag: bool) -> usize {
        let start = self.byte(marks.start);
        if !has_any {
            return start;
        }
        let mut at = start;
        while let Some(rest) = self.text.get(at..).filter(|rest| rest.starts_with(['&', '!'])) {
            let len = rest.find(char::is_whitespace).unwrap_or(rest.len());
            if has_tag && rest.starts_with('!') && !diagnostic::is_full(&self.faults) {
                let fault = Diagnostic::error(
                    code::NOT_YAML,
                    self.span(at, at + len),
                    "tags such as `!!binary` mean nothing here",
                );
                self.faults.push(fault.help("remove the tag; quotes make a value text"));
            }
            at += len;
            let rest = &self.text[at..];
            at += rest.len() - rest.trim_start().len();
        }
        at.min(self.byte(marks.end).max(start))
    }

    fn scalar(
        &mut self,
        value: String,
        style: ScalarStyle,
        (start, end): (usize, usize),
        anchor: usize,
    ) -> Result<(), Failure> {
        let Extent { start, end, shown } = extent::of(self.text, style, start, end);
        self.end = self.end.max(shown);
        let span = self.span(start, shown);
        if style == ScalarStyle::Plain {
            self.last = Some((start, end));
        }
        if self.is_at_key() {
            let is_empty = style == ScalarStyle::Plain && value.is_empty();
            self.key(value, span, is_empty);
            return Ok(());
        }
        let data = match style {
            ScalarStyle::Plain => match scalar::resolve(&value) {
                Scalar::Value(value) => Data::Scalar(value),
                Scalar::Text => Data::Text(Raw { value, style, start, end }),
                Scalar::NotFinite => {
                    let message = format!("`{value}` is a number that JSON does not know");
                    let fault = Diagnostic::error(code::WRONG_TYPE, span, message);
                    self.faults.push(fault.help("write it in quotes if it is text"));
                    Data::Scalar(Value::Null)
                }
            },
            ScalarStyle::SingleQuoted
            | ScalarStyle::DoubleQuoted
            | ScalarStyle::Literal
            | ScalarStyle::Folded => Data::Text(Raw { value, style, start, end }),
        };
        self.attach(Tree { span, data }, anchor)
    }

    fn key(&mut self, key: String, span: Span, is_empty: bool) {
        let mut pending = Pending::Bad;
        if is_empty {
            let fault = Diagnostic::error(code::NOT_YAML, span, "a key is missing before `:`");
            self.faults.push(fault.help("write `key: value`, or the text in quotes"));
        } else {
            pending = Pending::Key(key, span);
        }
        self.part += 1;
        if let Some(Frame { parts: Parts::Map(_, slot), role, .. }) = self.frames.last_mut() {
            if *role == Role::Graph {
                self.part = 0;
            }
            *slot = pending;
        }
    }

    /// Returns what the list or object is that begins here.
    fn role(&self) -> Role {
        let Some(Frame { parts, role, .. }) = self.frames.last() else { return Role::File };
        let key = match parts {
            Parts::Map(_, Pending::Key(key, _)) => key.as_str(),
            Parts::Map(..) | Parts::List(_) => return Role::Data,
        };
        match (role, key) {
            (Role::File, "blocks") | (Role::Block, "do") => Role::Graph,
            (Role::Graph, _) => Role::Block,
            (Role::File | Role::Block | Role::Data, _) => Role::Data,
        }
    }

    fn bad_key(&mut self, start: usize, span: Span) {
        let written = self.text.get(start.saturating_sub(1)..).unwrap_or("");
        let hint = if written.starts_with("{{") {
            "`{{ }}` is an object in an object; a reference is written `\"@{…}\"`"
        } else {
            "a key is text, such as `name:`"
        };
        let message = "a list or an object cannot be a key";
        self.faults.push(Diagnostic::error(code::NOT_YAML, span, message).help(hint));
        if let Some(Frame { parts: Parts::Map(_, slot), .. }) = self.frames.last_mut() {
            *slot = Pending::Bad;
        }
    }

    fn open(&mut self, start: usize, anchor: usize, parts: Parts) -> Result<(), Failure> {
        if self.frames.len() >= units::MAX_DEPTH {
            return Err(Failure::fault(bounds::too_deep(self.span(start, start + 1))));
        }
        let is_key = self.is_at_key();
        let role = self.role();
        self.frames.push(Frame { start, anchor, is_key, role, parts });
        Ok(())
    }

    fn close(&mut self, marks: Marks) -> Result<(), Failure> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let at = self.byte(marks.start);
        let closes = self.text.get(at..).is_some_and(|rest| rest.starts_with([']', '}']));
        if closes && marks.start != marks.end {
            self.end = at + 1;
        }
        let span = self.span(frame.start, self.end);
        if frame.is_key {
            self.bad_key(frame.start, span);
            return Ok(());
        }
        let data = match frame.parts {
            Parts::List(mut items) => {
                // Most lists are short, and a list grows to four items at once.
                items.shrink_to_fit();
                Data::List(items)
            }
            Parts::Map(map, _) => Data::Map(map),
        };
        self.attach(Tree { span, data }, frame.anchor)
    }

    fn alias(&mut self, anchor: usize, marks: Marks) -> Result<(), Failure> {
        let (start, end) = (self.byte(marks.start), self.byte(marks.end));
        let span = self.span(start, end);
        self.end = self.end.max(end);
        let Some(tree) = self.anchors.get(&anchor) else {
            let fault =
                Diagnostic::error(code::NOT_YAML, span, "an alias stands inside its own value");
            return Err(Failure::fault(fault.help("write the value out")));
        };
        if self.is_at_key() {
            match tree.as_text().map(str::to_owned) {
                Some(key) => self.key(key, span, false),
                None => self.bad_key(start, span),
            }
            return Ok(());
        }
        if let Some(Frame { parts: Parts::Map(_, Pending::Key(key, key_span)), .. }) =
            self.frames.last()
            && key == "<<"
        {
            let message = "merge keys (`<<`) are not part of YAML 1.2";
            let fault = Diagnostic::error(code::NOT_YAML, *key_span, message);
            self.faults.push(fault.help("write the keys out"));
        }
        if !self.copies.take(tree, self.frames.len()) {
            return Err(Failure::fault(bounds::too_many_copies(span)));
        }
        let copy = Tree { span, data: tree.data.clone() };
        self.attach(copy, 0)
    }

    fn attach(&mut self, tree: Tree, anchor: usize) -> Result<(), Failure> {
        self.nodes += 1;
        if self.nodes > self.most_nodes {
            return Err(Failure::fault(bounds::too_many_nodes(tree.span, self.most_nodes)));
        }
        self.part += 1;
        if self.part > self.most_in_part {
            return Err(Failure::fault(bounds::too_large_part(tree.span, self.most_in_part)));
        }
        if anchor > 0 {
            if !self.copies.take(&tree, 0) {
                return Err(Failure::fault(bounds::too_many_copies(tree.span)));
            }
            self.anchors.insert(anchor, tree.clone());
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(tree);
            return Ok(());
        };
        match &mut frame.parts {
            Parts::List(items) => items.push(tree),
            Parts::Map(map, pending) => {
                if let Pending::Key(key, key_span) = mem::replace(pending, Pending::None) {
                    let is_block = frame.role != Role::Graph || is_block(&key, &tree);
                    self.no_blocks += usize::from(self.is_blueprint && !is_block);
                    let fault = insert(map, key, Entry { key_span, value: tree });
                    self.faults.extend(fault);
                }
            }
        }
        if self.no_blocks > MAX_ERRORS { Err(Failure::NoBlocks) } else { Ok(()) }
    }

    /// Takes what was read so far as all there is.
    fn close_all(&mut self) {
        while let Some(frame) = self.frames.pop() {
            let data = match frame.parts {
                Parts::List(items) => Data::List(items),
                Parts::Map(map, _) => Data::Map(map),
            };
            let tree = Tree { span: self.span(frame.start, self.end), data };
            // No bound is of interest any more.
            drop(self.attach(tree, 0));
        }
    }

    fn is_at_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { parts: Parts::Map(_, Pending::None), .. }))
    }

    fn scan(&self, err: &ScanError) -> Scan {
        let is_flow = |at: &usize| self.text[*at..].starts_with(['[', '{']);
        Scan {
            info: err.info().to_owned(),
            at: self.byte(*err.marker()),
            last: self.last,
            open: self.frames.iter().rev().map(|frame| frame.start).find(is_flow),
        }
    }

    fn byte(&self, marker: Marker) -> usize {
        self.places.byte(marker.index())
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.insertions.to_file(start), self.insertions.to_file(end))
    }
}

/// Returns whether something can be a block.
fn is_block(id: &str, tree: &Tree) -> bool {
    let Data::Map(map) = &tree.data else { return false };
    id::is_block_id(id) && map.contains_key("type")
}

fn insert(map: &mut Map, key: String, entry: Entry) -> Option<Diagnostic> {
    match map.entry(key) {
        map::Entry::Vacant(slot) => {
            slot.insert(entry);
            None
        }
        map::Entry::Occupied(first) => {
            let message = format!("the key `{}` is there twice", short(first.key()));
            let fault = Diagnostic::error(code::DUPLICATE_KEY, entry.key_span, message)
                .related(first.get().key_span, "first here")
                .help("remove one of them, or give it another name");
            Some(fault)
        }
    }
}

fn null(span: Span) -> Tree {
    Tree { span, data: Data::Scalar(Value::Null) }
}
