//! Retries and defaults.

use blueprint_model::blueprint::{Backoff, Defaults, Retry};

use crate::{
    read::reader::{self, Reader},
    yaml::{Data, Entry, Tree},
};

const DEFAULTS: &[&str] = &["retry", "timeout"];

const RETRY: &[&str] =
    &["attempts", "delay", "backoff", "max_delay", "jitter", "outcomes", "statuses"];

const BACKOFF: &[(&str, Backoff)] =
    &[("fixed", Backoff::Fixed), ("exponential", Backoff::Exponential)];

/// The most attempts that a file may ask for.
const MAX_ATTEMPTS: u64 = 1_000;

/// Reads `defaults`.
pub(crate) fn defaults(reader: &mut Reader<'_>, entry: &Entry) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(map) = reader.object("defaults", entry) else { return defaults };
    reader.unknown_keys(map, DEFAULTS, "`defaults`");
    if let Some(entry) = map.get("retry") {
        defaults.retry = retry(reader, entry);
    }
    if let Some(entry) = map.get("timeout") {
        defaults.timeout = reader.duration("timeout", entry);
    }
    defaults
}

/// Reads `retry`.
pub(crate) fn retry(reader: &mut Reader<'_>, entry: &Entry) -> Option<Retry> {
    let Data::Map(map) = &entry.value.data else {
        let fault = reader::wrong_type("retry", "an object", entry);
        reader.report(fault.help("write `{attempts: 3}`; the first attempt counts"));
        return None;
    };
    reader.unknown_keys(map, RETRY, "`retry`");
    let mut retry = Retry::default();
    if let Some(entry) = map.get("attempts") {
        let number = reader.integer("attempts", entry, 1..=MAX_ATTEMPTS);
        retry.attempts = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1);
    }
    if let Some(entry) = map.get("delay") {
        retry.delay = reader.duration("delay", entry).unwrap_or(retry.delay);
    }
    if let Some(entry) = map.get("backoff") {
        retry.backoff = reader.choice("backoff", entry, BACKOFF).unwrap_or(retry.backoff);
    }
    if let Some(entry) = map.get("max_delay") {
        retry.max_delay = reader.duration("max_delay", entry).unwrap_or(retry.max_delay);
    }
    if let Some(entry) = map.get("jitter") {
        retry.has_jitter = reader.boolean("jitter", entry).unwrap_or(retry.has_jitter);
    }
    if let Some(entry) = map.get("outcomes") {
        retry.outcomes = reader.texts("outcomes", entry);
    }
    if let Some(entry) = map.get("statuses") {
        let items = reader.list("statuses", entry).unwrap_or_default();
        retry.statuses = items.iter().filter_map(|item| status(reader, item)).collect();
    }
    Some(retry)
}

/// Reads a status: `429`, or `5xx` for all of a hundred.
fn status(reader: &mut Reader<'_>, item: &Tree) -> Option<String> {
    let text = match &item.data {
        Data::Scalar(value) => value.to_string(),
        Data::Text(raw) => raw.value.clone(),
        Data::List(_) | Data::Map(_) => String::new(),
    };
    let bytes = text.as_bytes();
    let is_status = bytes.len() == 3
        && matches!(bytes[0], b'1'..=b'5')
        && (bytes[1..].iter().all(u8::is_ascii_digit) || &bytes[1..] == b"xx");
    if !is_status {
        let fault =
            reader::wrong_type_at("an item of `statuses`", "an HTTP status", item, item.span);
        reader.report(fault.help("write a status such as `429`, or `5xx` for all of them"));
    }
    is_status.then_some(text)
}
