//! The tree of a run, redrawn in place on a terminal.

use std::io::{self, Write};

use blueprint_model::{Event, EventKind};
use jiff::{SignedDuration, Timestamp};

use crate::{
    render::{plain, tree::Tree},
    terminal::Terminal,
};

/// The shortest time between two pictures.
const PAUSE: SignedDuration = SignedDuration::from_millis(100);

/// A tree on a terminal. Call [`Live::tick`] about ten times a second, [`Live::finish`] once.
#[derive(Debug)]
pub struct Live {
    tree: Tree,
    drawn_lines: usize,
    drawn_at: Option<Timestamp>,
}

impl Live {
    /// Returns a tree that is not drawn yet.
    pub fn new(tree: Tree) -> Self {
        Self { tree, drawn_lines: 0, drawn_at: None }
    }

    /// Takes an event in, and draws if the last picture is old enough. Log lines stay above.
    ///
    /// # Errors
    ///
    /// Returns an error if the terminal cannot be written to.
    pub fn apply(
        &mut self,
        event: &Event,
        terminal: &mut Terminal,
        now: Timestamp,
    ) -> io::Result<()> {
        self.tree.apply(event);
        if matches!(event.kind, EventKind::Log { .. })
            && let Some(line) = plain::line(event, &self.tree)
        {
            self.print_above(&line, terminal, now)?;
        }
        self.tick(terminal, now)
    }

    /// Draws if the last picture is old enough.
    ///
    /// # Errors
    ///
    /// Returns an error if the terminal cannot be written to.
    pub fn tick(&mut self, terminal: &mut Terminal, now: Timestamp) -> io::Result<()> {
        let is_early = self.drawn_at.is_some_and(|at| now.duration_since(at) < PAUSE);
        if is_early { Ok(()) } else { self.draw(terminal, now) }
    }

    /// Prints a line that stays, above the tree.
    ///
    /// # Errors
    ///
    /// Returns an error if the terminal cannot be written to.
    pub fn print_above(
        &mut self,
        line: &str,
        terminal: &mut Terminal,
        now: Timestamp,
    ) -> io::Result<()> {
        let frame = format!("{}\u{1b}[J{line}\n", self.to_top());
        self.drawn_lines = 0;
        terminal.write_all(frame.as_bytes())?;
        self.draw(terminal, now)
    }

    /// Draws the whole tree for the last time and leaves the cursor below it.
    ///
    /// # Errors
    ///
    /// Returns an error if the terminal cannot be written to.
    pub fn finish(mut self, terminal: &mut Terminal, now: Timestamp) -> io::Result<()> {
        let (width, _) = terminal.size();
        let frame = self.frame(&self.tree.lines(width, usize::MAX, now));
        terminal.write_all(frame.as_bytes())?;
        terminal.flush()
    }

    fn draw(&mut self, terminal: &mut Terminal, now: Timestamp) -> io::Result<()> {
        let (width, height) = terminal.size();
        // The last column and the last row stay free, where some terminals wrap or scroll.
        let lines = self.tree.lines(width.saturating_sub(1), height.saturating_sub(1), now);
        let frame = self.frame(&lines);
        self.drawn_at = Some(now);
        terminal.write_all(frame.as_bytes())?;
        terminal.flush()
    }

    /// Returns one picture over the last one, as one text so that nothing flickers.
    fn frame(&mut self, lines: &[String]) -> String {
        let mut frame = self.to_top();
        for line in lines {
            frame.push_str(line);
            frame.push_str("\u{1b}[K\n");
        }
        frame.push_str("\u{1b}[J");
        self.drawn_lines = lines.len();
        frame
    }

    fn to_top(&self) -> String {
        match self.drawn_lines {
            0 => String::new(),
            n => format!("\r\u{1b}[{n}A"),
        }
    }
}
