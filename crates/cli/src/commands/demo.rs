//! `blueprint demo`: what the engine can do, without setting anything up.

/// Runs example blueprints against a bundled mock API, with a sample vault.
///
/// Nothing is written to this folder and nothing leaves the machine.
/// Next: `blueprint init`.
///
/// Examples:
///   blueprint demo
///   blueprint demo --serve
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Keep the mock API and the web pages open until Ctrl-C
    #[arg(long)]
    pub serve: bool,
}
