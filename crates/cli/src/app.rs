//! What a command may touch of the process.

use std::io::{self, IsTerminal};

use blueprint_model::BlockSpec;
use blueprint_project::{
    environment::{Ask, Environment},
    wiring,
};

use crate::{
    ask,
    color::{self, ColorChoice},
    terminal::{Paint, Terminal},
};

/// The process as commands see it. Tests make one in memory.
pub struct App {
    /// Where the answer goes.
    pub out: Terminal,
    /// Where the story goes.
    pub err: Terminal,
    /// The process variables.
    pub environment: Environment,
    /// The block types of this process.
    pub catalogue: Vec<&'static BlockSpec>,
    /// Whether a person can be asked: stdin and stderr are terminals.
    pub is_interactive: bool,
    /// Whether the story may be redrawn in place.
    pub is_live: bool,
}

impl App {
    /// Returns the app of this process.
    pub fn new(environment: Environment) -> Self {
        let err = Terminal::stderr();
        let is_interactive = io::stdin().is_terminal() && err.is_terminal;
        let ask = is_interactive.then_some(ask::ask_passphrase as Ask);
        Self {
            out: Terminal::stdout(),
            is_interactive,
            is_live: color::is_live(&environment, err.is_terminal),
            err,
            environment: environment.asking(ask),
            catalogue: wiring::catalogue(),
        }
    }

    /// Returns an app that writes to memory and has no environment.
    pub fn in_memory() -> Self {
        Self {
            out: Terminal::memory(),
            err: Terminal::memory(),
            environment: Environment::default(),
            catalogue: wiring::catalogue(),
            is_interactive: false,
            is_live: false,
        }
    }

    /// Decides about colours on both streams.
    pub fn set_color(&mut self, choice: ColorChoice) {
        for terminal in [&mut self.out, &mut self.err] {
            let is_colored = color::is_colored(choice, &self.environment, terminal.is_terminal);
            terminal.paint = if is_colored { Paint::Ansi } else { Paint::Plain };
        }
    }
}
