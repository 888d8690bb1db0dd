//! A stream that text goes to: what it is, how wide it is, and whether it shows colours.

use std::io::{self, IsTerminal, Write};

/// A stream: stdout, stderr, or memory in tests.
#[derive(Debug)]
pub struct Terminal {
    sink: Sink,
    /// Whether a person sees it.
    pub is_terminal: bool,
    /// How to colour what goes there.
    pub paint: Paint,
    record: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Sink {
    Stdout,
    Stderr,
    Memory(Vec<u8>),
}

impl Terminal {
    /// Returns the process's stdout, without colours.
    pub fn stdout() -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self { sink: Sink::Stdout, is_terminal, paint: Paint::Plain, record: None }
    }

    /// Returns the process's stderr, without colours.
    pub fn stderr() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { sink: Sink::Stderr, is_terminal, paint: Paint::Plain, record: None }
    }

    /// Returns a stream that keeps what is written.
    pub fn memory() -> Self {
        let sink = Sink::Memory(Vec::new());
        Self { sink, is_terminal: false, paint: Paint::Plain, record: None }
    }

    /// Returns what was written to a stream in memory; empty for others.
    pub fn text(&self) -> String {
        match &self.sink {
            Sink::Memory(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Sink::Stdout | Sink::Stderr => String::new(),
        }
    }

    /// Keeps a copy of everything that is written from now on.
    pub fn start_recording(&mut self) {
        self.record.get_or_insert_default();
    }

    /// Returns what was written since the recording began.
    pub fn recorded(&self) -> &[u8] {
        self.record.as_deref().unwrap_or_default()
    }

    /// Writes a line.
    ///
    /// # Errors
    ///
    /// Returns an error if the stream cannot be written to.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.write_all(format!("{text}\n").as_bytes())
    }

    /// Returns its size as it is now: columns and rows.
    pub fn size(&self) -> (usize, usize) {
        let size = match self.sink {
            Sink::Stdout => terminal_size::terminal_size_of(io::stdout()),
            Sink::Stderr => terminal_size::terminal_size_of(io::stderr()),
            Sink::Memory(_) => None,
        };
        size.map_or((80, 24), |(width, height)| (width.0.into(), height.0.into()))
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(record) = &mut self.record {
            record.extend_from_slice(bytes);
        }
        match &mut self.sink {
            Sink::Stdout => io::stdout().write(bytes),
            Sink::Stderr => io::stderr().write(bytes),
            Sink::Memory(buffer) => buffer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout => io::stdout().flush(),
            Sink::Stderr => io::stderr().flush(),
            Sink::Memory(_) => Ok(()),
        }
    }
}

/// How text is emphasised. A tone never says what the text does not say too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// Something went well.
    Good,
    /// Something went wrong.
    Bad,
    /// Somebody should look.
    Warn,
    /// Where, or what to do.
    Note,
    /// Matters less.
    Dim,
    /// Matters more.
    Strong,
}

/// Whether tones become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Text only.
    Plain,
    /// ANSI escape sequences.
    Ansi,
}

impl Paint {
    /// Returns the text in this tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let sequence = match (self, tone) {
            (Self::Plain, _) | (Self::Ansi, Tone::Plain) => return text.into(),
            (Self::Ansi, Tone::Good) => "32",
            (Self::Ansi, Tone::Bad) => "1;31",
            (Self::Ansi, Tone::Warn) => "33",
            (Self::Ansi, Tone::Note) => "36",
            (Self::Ansi, Tone::Dim) => "2",
            (Self::Ansi, Tone::Strong) => "1",
        };
        if text.is_empty() { String::new() } else { format!("\u{1b}[{sequence}m{text}\u{1b}[0m") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paint_adds_nothing() {
        assert_eq!(Paint::Plain.paint(Tone::Bad, "x"), "x");
        assert_eq!(Paint::Ansi.paint(Tone::Bad, "x"), "\u{1b}[1;31mx\u{1b}[0m");
        assert_eq!(Paint::Ansi.paint(Tone::Bad, ""), "");
    }
}
