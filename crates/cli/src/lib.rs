//! The command line of Blueprint: arguments, configuration, and how things look in a terminal.
//!
//! stdout is the answer, stderr is the story. A command gets its [`args`] and an [`app::App`],
//! which holds everything of the process that it may touch: two writers, the environment, the
//! block types. It returns an [`exit::Exit`] or an error; [`start`] turns both into what a person
//! sees. Everything under [`render`] is a pure function from data to text.

pub mod app;
pub mod args;
pub mod ask;
pub mod bench;
pub mod color;
pub mod commands;
pub mod demo;
pub mod execute;
pub mod exit;
pub mod failure;
pub mod files;
pub mod kept;
pub mod log;
pub mod render;
pub mod schemas;
pub mod start;
pub mod terminal;
pub mod testing;
