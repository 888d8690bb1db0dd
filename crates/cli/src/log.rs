//! What goes wrong inside while a server runs: warnings and errors on stderr, a line each.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
};

use blueprint_project::{secrets, text};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

/// Writes what this program itself says, from warnings on; libraries are not heard.
#[derive(Debug)]
pub struct Log;

impl Log {
    /// Has this process's warnings written, from now on.
    pub fn begin() {
        // A second server in one process is heard by the first one's.
        drop(tracing::subscriber::set_global_default(Self));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("blueprint")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let word = if *event.metadata().level() == Level::ERROR { "error" } else { "warning" };
        let (now, said) = (secrets::now(), text::safe(&line.0));
        // Where stderr is gone, nobody reads it.
        drop(writeln!(io::stderr().lock(), "{now:.0} {word}: {said}"));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The text of an event.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.expect("a text takes all");
    }
}
