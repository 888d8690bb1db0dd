//! What a pool and its workers say to each other, as frames.
//!
//! They take turns. The pool says `Load` and hears `Loaded` or `Unloadable`; it says `Run` and hears
//! any number of `Ask`s, each of which it answers with a `Reply`, and then `End` or `Failed`. A
//! worker says `Ready` once, when it has locked itself down.

use std::{sync::Arc, time::Duration};

use blueprint_model::{
    block::{Level, LogLine},
    limits::ScriptLimits,
    script::{ScriptEnd, ScriptError, ScriptForm, ScriptStop, Variables},
    value::Value,
};
use zeroize::Zeroizing;

use super::wire::{Reader, Unfit, Writer};
use crate::{
    keys::{Question, Reply},
    kinds::Want,
};

/// What each side may hold of a frame beside the script's own memory.
const SLACK: u64 = 1 << 20;
/// What a line of the log costs beside its text, in bytes per byte of the bound on output: a line
/// may be empty.
const LOG_COST: u64 = 64;
/// How much more memory variables take as values than as the script's own.
const VALUE_FACTOR: u64 = 5;

/// First bytes of frames.
pub(super) mod word {
    pub(in crate::pool) const LOAD: u8 = 1;
    pub(in crate::pool) const RUN: u8 = 2;
    pub(in crate::pool) const REPLY: u8 = 3;
    pub(in crate::pool) const READY: u8 = 16;
    pub(in crate::pool) const LOADED: u8 = 17;
    pub(in crate::pool) const UNLOADABLE: u8 = 18;
    pub(in crate::pool) const ASK: u8 = 19;
    pub(in crate::pool) const END: u8 = 20;
    pub(in crate::pool) const FAILED: u8 = 21;
}

/// What a pool says, as a worker hears it.
pub(super) enum Request<'f> {
    /// Compile a script and keep it.
    Load(Load<'f>),
    /// Run a script that was loaded.
    Run(Run),
}

/// A script to compile.
pub(super) struct Load<'f> {
    /// The number by which it is run.
    pub(super) id: u64,
    /// Whether all others are to be forgotten first.
    pub(super) is_first: bool,
    /// Its language.
    pub(super) language: &'f str,
    /// What it is.
    pub(super) form: ScriptForm,
    /// Its text.
    pub(super) source: &'f str,
}

/// A script to run.
pub(super) struct Run {
    /// Which.
    pub(super) id: u64,
    /// Its bounds.
    pub(super) limits: ScriptLimits,
    /// Whether there are secrets, so that texts may hold handles.
    pub(super) has_secrets: bool,
    /// Its variables, as far as it uses them.
    pub(super) variables: Variables,
}

/// What a worker says, as the pool hears it.
pub(super) enum Answer<'f> {
    /// It has locked itself down: which measures hold, a bit for each.
    Ready(u64),
    /// It has the script.
    Loaded,
    /// It cannot compile the script.
    Unloadable,
    /// The script asks about secrets.
    Ask(Question<'f>),
    /// The script ended.
    End(ScriptEnd),
    /// The script failed.
    Failed(ScriptError),
}

/// Returns what the variables of a script may cost.
pub(super) fn most_in(limits: &ScriptLimits) -> u64 {
    limits.memory.saturating_mul(VALUE_FACTOR).saturating_add(SLACK)
}

/// Returns what the answer of a script may cost, and how long its frame may be.
pub(super) fn most_out(limits: &ScriptLimits) -> u64 {
    let log = (limits.output as u64).saturating_mul(LOG_COST);
    limits.memory.saturating_add(log).saturating_add(SLACK)
}

/// Writes a script to compile.
pub(super) fn write_load<'w>(frame: &'w mut Vec<u8>, load: &Load<'_>) -> Result<Writer<'w>, Unfit> {
    let mut writer = Writer::new(frame, word::LOAD, u64::MAX);
    writer.number(load.id);
    writer.byte(load.is_first.into());
    writer.byte(match load.form {
        ScriptForm::Code => 0,
        ScriptForm::Expression => 1,
    });
    writer.text(load.language)?;
    writer.text(load.source)?;
    Ok(writer)
}

/// Begins a script to run; its variables follow.
pub(super) fn begin_run<'w>(
    frame: &'w mut Vec<u8>,
    id: u64,
    limits: &ScriptLimits,
    has_secrets: bool,
) -> Writer<'w> {
    let mut writer = Writer::new(frame, word::RUN, most_in(limits));
    writer.number(id);
    writer.number(limits.operations);
    writer.number(u64::try_from(limits.time.as_nanos()).unwrap_or(u64::MAX));
    writer.number(limits.memory);
    writer.number(limits.size as u64);
    writer.number(limits.output as u64);
    writer.byte(has_secrets.into());
    writer
}

/// Writes the variables of a script, as far as it uses them.
pub(super) fn write_variables(
    writer: &mut Writer<'_>,
    wants: &[Want],
    variables: &Variables,
) -> Result<(), Unfit> {
    let found = || {
        wants.iter().filter_map(|want| {
            let found = variables.iter().find(|(name, _)| **name == *want.name);
            found.map(|(_, value)| (want, value))
        })
    };
    writer.count(found().count())?;
    found().try_for_each(|(want, value)| {
        writer.text(&want.name)?;
        match (&want.keys, &**value) {
            (Some(keys), Value::Object(object)) => writer.keys_of(object, keys),
            (_, value) => writer.value(value),
        }
    })
}

/// Takes what the pool says apart.
pub(super) fn read_request(frame: &[u8]) -> Result<Request<'_>, Unfit> {
    let mut reader = Reader::new(frame, u64::MAX);
    let request = match reader.byte()? {
        word::LOAD => Request::Load(Load {
            id: reader.number()?,
            is_first: read_flag(&mut reader)?,
            form: if read_flag(&mut reader)? { ScriptForm::Expression } else { ScriptForm::Code },
            language: reader.text()?,
            source: reader.text()?,
        }),
        word::RUN => Request::Run(Run {
            id: reader.number()?,
            limits: ScriptLimits {
                operations: reader.number()?,
                time: Duration::from_nanos(reader.number()?),
                memory: reader.number()?,
                size: reader.size()?,
                output: reader.size()?,
            },
            has_secrets: read_flag(&mut reader)?,
            variables: read_variables(&mut reader)?,
        }),
        _ => return Err(Unfit::Nonsense),
    };
    reader.end()?;
    Ok(request)
}

fn read_flag(reader: &mut Reader<'_>) -> Result<bool, Unfit> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Unfit::Nonsense),
    }
}

fn read_variables(reader: &mut Reader<'_>) -> Result<Variables, Unfit> {
    let count = reader.count()?;
    (0..count).map(|_| Ok((reader.text()?.into(), Arc::new(reader.value()?)))).collect()
}

/// Writes what a worker says first.
pub(super) fn write_ready(frame: &mut Vec<u8>, measures: u64) -> Writer<'_> {
    let mut writer = Writer::new(frame, word::READY, u64::MAX);
    writer.number(measures);
    writer
}

/// Writes whether a script was loaded.
pub(super) fn write_loaded(frame: &mut Vec<u8>, is_loaded: bool) -> Writer<'_> {
    Writer::new(frame, if is_loaded { word::LOADED } else { word::UNLOADABLE }, u64::MAX)
}

/// Writes what a script asks.
pub(super) fn write_ask<'w>(
    frame: &'w mut Vec<u8>,
    question: &Question<'_>,
) -> Result<Writer<'w>, Unfit> {
    let mut writer = Writer::new(frame, word::ASK, u64::MAX);
    match question {
        Question::Name(name) => {
            writer.byte(0);
            writer.text(name)?;
        }
        Question::Holds(text) => {
            writer.byte(1);
            writer.text(text)?;
        }
        Question::Derive { function, arguments } => {
            writer.byte(2);
            writer.text(function)?;
            writer.count(arguments.len())?;
            arguments.iter().try_for_each(|argument| writer.text(argument))?;
        }
    }
    Ok(writer)
}

/// Writes how a script ended.
pub(super) fn write_end<'w>(
    frame: &'w mut Vec<u8>,
    end: &Result<ScriptEnd, ScriptError>,
) -> Result<Writer<'w>, Unfit> {
    match end {
        Ok(end) => {
            let mut writer = Writer::new(frame, word::END, u64::MAX);
            writer.value(&end.value)?;
            writer.byte(end.state.is_some().into());
            if let Some(state) = &end.state {
                writer.value(state)?;
            }
            writer.count(end.log.len())?;
            for line in &end.log {
                let level = Level::ALL.iter().position(|(_, level)| *level == line.level);
                writer.byte(level.map_or(0, |at| at as u8));
                writer.text(&line.text)?;
            }
            Ok(writer)
        }
        Err(err) => {
            let mut writer = Writer::new(frame, word::FAILED, u64::MAX);
            writer.text(&err.message)?;
            writer.number(err.line as u64);
            writer.number(err.column as u64);
            writer.byte(match err.reason {
                ScriptStop::Failed => 0,
                ScriptStop::Limit => 1,
                ScriptStop::Cancelled => 2,
            });
            Ok(writer)
        }
    }
}

/// Takes what a worker says apart. It is not trusted.
pub(super) fn read_answer(frame: &[u8], most: u64) -> Result<Answer<'_>, Unfit> {
    let mut reader = Reader::new(frame, most);
    let answer = match reader.byte()? {
        word::READY => Answer::Ready(reader.number()?),
        word::LOADED => Answer::Loaded,
        word::UNLOADABLE => Answer::Unloadable,
        word::ASK => Answer::Ask(read_question(&mut reader)?),
        word::END => Answer::End(ScriptEnd {
            value: reader.value()?,
            state: if read_flag(&mut reader)? { Some(reader.value()?) } else { None },
            log: read_log(&mut reader)?,
        }),
        word::FAILED => Answer::Failed(ScriptError {
            message: reader.text()?.into(),
            line: reader.size()?,
            column: reader.size()?,
            reason: match reader.byte()? {
                0 => ScriptStop::Failed,
                1 => ScriptStop::Limit,
                2 => ScriptStop::Cancelled,
                _ => return Err(Unfit::Nonsense),
            },
        }),
        _ => return Err(Unfit::Nonsense),
    };
    reader.end()?;
    Ok(answer)
}

fn read_question<'f>(reader: &mut Reader<'f>) -> Result<Question<'f>, Unfit> {
    Ok(match reader.byte()? {
        0 => Question::Name(reader.text()?),
        1 => Question::Holds(reader.text()?),
        2 => {
            let function = reader.text()?;
            let count = reader.count()?;
            let argument = |_| {
                reader.pay(size_of::<String>())?;
                Ok(reader.text()?.into())
            };
            let arguments = (0..count).map(argument).collect::<Result<_, Unfit>>()?;
            Question::Derive { function, arguments }
        }
        _ => return Err(Unfit::Nonsense),
    })
}

fn read_log(reader: &mut Reader<'_>) -> Result<Vec<LogLine>, Unfit> {
    let count = reader.count()?;
    let line = |_| {
        reader.pay(size_of::<LogLine>())?;
        let (_, level) = *Level::ALL.get(usize::from(reader.byte()?)).ok_or(Unfit::Nonsense)?;
        Ok(LogLine { level, text: reader.text()?.into() })
    };
    (0..count).map(line).collect()
}

/// Writes what a question is answered.
pub(super) fn write_reply<'w>(frame: &'w mut Vec<u8>, reply: &Reply) -> Result<Writer<'w>, Unfit> {
    let mut writer = Writer::new(frame, word::REPLY, u64::MAX);
    let (tag, text) = match reply {
        Reply::Handle(token) => (0, token.as_str()),
        Reply::Value(value) => (1, value.as_str()),
        Reply::Missing => (2, ""),
        Reply::Unknown => (3, ""),
        Reply::Refused(why) => (4, why.as_str()),
        Reply::Yes => (5, ""),
        Reply::No => (6, ""),
        Reply::TooMuch => (7, ""),
    };
    writer.byte(tag);
    writer.text(text)?;
    Ok(writer)
}

/// Takes what a question is answered apart.
pub(super) fn read_reply(frame: &[u8]) -> Result<Reply, Unfit> {
    let mut reader = Reader::new(frame, u64::MAX);
    if reader.byte()? != word::REPLY {
        return Err(Unfit::Nonsense);
    }
    let (tag, text) = (reader.byte()?, reader.text()?);
    reader.end()?;
    Ok(match tag {
        0 => Reply::Handle(text.into()),
        1 => Reply::Value(Zeroizing::new(text.into())),
        2 => Reply::Missing,
        3 => Reply::Unknown,
        4 => Reply::Refused(text.into()),
        5 => Reply::Yes,
        6 => Reply::No,
        7 => Reply::TooMuch,
        _ => return Err(Unfit::Nonsense),
    })
}
