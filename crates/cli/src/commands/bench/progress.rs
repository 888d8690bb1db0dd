//! The line that says how far a bench is, redrawn in place on a terminal; nothing elsewhere.

use blueprint_project::text;
use std::io::{self, Write as _};

use crate::terminal::{Terminal, Tone};

/// How far a bench is.
#[derive(Debug)]
pub(super) struct Progress {
    is_live: bool,
    steps: usize,
    /// The step that is measured, if one has begun.
    now: Option<(usize, &'static str)>,
    frame: usize,
}

impl Progress {
    /// Returns the progress of so many steps, of which none has begun.
    pub(super) fn new(is_live: bool, steps: usize) -> Self {
        Self { is_live, steps, now: None, frame: 0 }
    }

    /// Shows that a step has begun.
    pub(super) fn step(
        &mut self,
        at: usize,
        name: &'static str,
        terminal: &mut Terminal,
    ) -> io::Result<()> {
        self.now = Some((at, name));
        self.draw(terminal)
    }

    /// Shows that it still works.
    pub(super) fn tick(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        self.frame = (self.frame + 1) % text::SPINNER.len();
        self.draw(terminal)
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        self.write("\r\u{1b}[K", terminal)
    }

    fn draw(&self, terminal: &mut Terminal) -> io::Result<()> {
        let Some((at, name)) = self.now else { return Ok(()) };
        let spinner = terminal.paint.paint(Tone::Note, text::SPINNER[self.frame]);
        let place = terminal.paint.paint(Tone::Dim, &format!("{} of {}", at + 1, self.steps));
        self.write(&format!("\r{spinner} measuring {name}  {place}\u{1b}[K"), terminal)
    }

    fn write(&self, text: &str, terminal: &mut Terminal) -> io::Result<()> {
        if !self.is_live {
            return Ok(());
        }
        terminal.write_all(text.as_bytes())?;
        terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_sees_it_and_nothing_stays() {
        for (is_live, expected) in [
            (false, ""),
            (true, "\r⠋ measuring fan  2 of 3\u{1b}[K\r⠙ measuring fan  2 of 3\u{1b}[K\r\u{1b}[K"),
        ] {
            let (mut progress, mut terminal) = (Progress::new(is_live, 3), Terminal::memory());
            progress.step(1, "fan", &mut terminal).unwrap();
            progress.tick(&mut terminal).unwrap();
            progress.clear(&mut terminal).unwrap();
            assert_eq!(terminal.text(), expected);
        }
    }
}
