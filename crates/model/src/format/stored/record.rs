//! What a run began with.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fetch, Put, StoredError, Version, read};
use crate::{
    id::SecretName,
    journal::{HandleTable, PinnedSource, RunRecord, StartKey},
    value::Value,
};

#[derive(Serialize, Deserialize)]
struct Record<'r> {
    v: Version,
    blueprint: Cow<'r, str>,
    trigger: Cow<'r, str>,
    started: i64,
    deadline: Option<i64>,
    key: Option<(Cow<'r, str>, Cow<'r, Value>)>,
    /// The file's name, and the name by which its text is kept.
    sources: Vec<(Cow<'r, str>, String)>,
    handles: Option<Handles<'r>>,
    setup: Cow<'r, Value>,
}

#[derive(Serialize, Deserialize)]
struct Handles<'r> {
    seed: [u8; 32],
    keys: Vec<(Cow<'r, str>, u64)>,
}

/// Returns a record's body. `put` keeps the texts of its blueprints.
pub fn encode_record(record: &RunRecord, put: &mut Put<'_>) -> Vec<u8> {
    let sources = record.sources.iter();
    let body = Record {
        v: Version,
        blueprint: (&record.blueprint).into(),
        trigger: (&record.trigger).into(),
        started: record.started.as_microsecond(),
        deadline: record.deadline.map(Timestamp::as_microsecond),
        key: record.key.as_ref().map(|it| ((&it.key).into(), Cow::Borrowed(&*it.payload))),
        sources: sources
            .map(|source| ((&source.file).into(), put(source.text.as_bytes().to_vec())))
            .collect(),
        handles: record.handles.as_ref().map(|table| Handles {
            seed: table.seed,
            keys: table.keys.iter().map(|(name, v)| (name.as_str().into(), *v)).collect(),
        }),
        setup: Cow::Borrowed(&record.setup),
    };
    serde_json::to_vec(&body).expect("texts, numbers and JSON values are JSON")
}

/// Returns the record that a body says.
pub fn decode_record(body: &[u8], fetch: &mut Fetch<'_>) -> Result<RunRecord, StoredError> {
    let it: Record<'_> = read(body)?;
    let time = |us| Timestamp::from_microsecond(us).map_err(|err| StoredError::malformed(&err));
    let mut sources = Vec::new();
    for (file, name) in it.sources {
        let text = fetch(&name).map_err(StoredError::Malformed)?;
        let text = String::from_utf8(text).map_err(|err| StoredError::malformed(&err))?;
        sources.push(PinnedSource { file: file.into(), text: text.into() });
    }
    Ok(RunRecord {
        blueprint: it.blueprint.into(),
        trigger: it.trigger.into(),
        started: time(it.started)?,
        deadline: it.deadline.map(time).transpose()?,
        key: it.key.map(|(key, payload)| StartKey {
            key: key.into(),
            payload: payload.into_owned().into(),
        }),
        sources,
        handles: it.handles.map(table).transpose()?,
        setup: it.setup.into_owned(),
    })
}

fn table(handles: Handles<'_>) -> Result<HandleTable, StoredError> {
    let key = |(name, version): (Cow<'_, str>, u64)| {
        let parsed = SecretName::parse(&name);
        let parsed = parsed.ok_or_else(|| StoredError::Malformed(format!("`{name}` is no key")))?;
        Ok((parsed, version))
    };
    let keys = handles.keys.into_iter().map(key).collect::<Result<_, _>>()?;
    Ok(HandleTable { seed: handles.seed, keys })
}
