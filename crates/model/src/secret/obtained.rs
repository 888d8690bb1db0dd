//! Secrets that a run obtains: parts of a block's result that are handles from then on.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{Meaning, Net, Secret, Secrets, Tools};
use crate::value::{self, Value};

/// Most secrets that one tree of runs may obtain.
pub const MAX_OBTAINED: usize = 1_000;

/// A part of a block's result that is a secret: a path such as `body.access_token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretOutput {
    path: String,
    steps: Vec<String>,
}

impl SecretOutput {
    /// Reads a path: keys with dots between them; `keys.0` and `keys[0]` count in a list.
    pub fn parse(path: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for part in path.split('.') {
            let (key, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
            if !key.is_empty() {
                steps.push(key.to_owned());
            }
            while let Some((index, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']'))
            {
                index.parse::<usize>().ok()?;
                steps.push(index.to_owned());
                rest = after;
            }
            if part.is_empty() || !rest.is_empty() {
                return None;
            }
        }
        Some(Self { path: path.into(), steps })
    }

    /// Returns the path as written.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn part_of<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.steps.iter().try_fold(value, |value, step| match value {
            Value::Object(map) => map.get_mut(step),
            Value::Array(list) => list.get_mut(step.parse::<usize>().ok()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }
}

/// Why a part of a result could not become a handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObtainError {
    /// It is not there, null or empty.
    #[error("its secret output `{0}` is not in the result")]
    Missing(String),
    /// There are too many.
    #[error("a run can obtain at most {MAX_OBTAINED} secrets")]
    TooMany,
    /// The run was started without anything to keep secrets with.
    #[error("this run keeps no secrets, so `secret_outputs` cannot be kept")]
    NoVault,
}

/// The obtained secrets of one tree of runs.
#[derive(Default)]
pub(super) struct Obtained {
    is_any: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    list: Vec<Arc<One>>,
    /// Nets over ranges of the list, each at most as long as the one before, so that there are few
    /// of them and none is made anew for each secret.
    nets: Vec<(usize, Net)>,
}

/// One obtained secret.
pub(super) struct One {
    /// The path of the block and of the output.
    pub(super) name: String,
    /// The text, which may hold handles itself.
    pub(super) value: Secret,
}

impl Obtained {
    pub(super) fn is_empty(&self) -> bool {
        !self.is_any.load(Ordering::Acquire)
    }

    pub(super) fn get(&self, position: usize) -> Option<Arc<One>> {
        self.kept().list.get(position).cloned()
    }

    /// Returns the nets, each with the position that its first hit means.
    pub(super) fn nets(&self) -> Vec<(usize, Net)> {
        if self.is_empty() {
            return Vec::new();
        }
        let kept = self.kept();
        let mut start = 0;
        let with_start = kept.nets.iter().map(|(len, net)| {
            start += len;
            (start - len, net.clone())
        });
        with_start.collect()
    }

    /// Keeps a secret and returns its position; the same value again has the position of the first.
    fn keep(&self, name: &str, value: &str, tools: &Tools) -> Result<usize, ObtainError> {
        let mut kept = self.kept();
        if let Some(known) = kept.list.iter().position(|one| one.value.expose() == value) {
            return Ok(known);
        }
        if kept.list.len() == MAX_OBTAINED {
            return Err(ObtainError::TooMany);
        }
        kept.list.push(Arc::new(One { name: name.into(), value: Secret::new(value.into()) }));
        let mut len = 1;
        while kept.nets.last().is_some_and(|(last, _)| *last == len) {
            kept.nets.pop();
            len *= 2;
        }
        let from = kept.list.len() - len;
        let values: Vec<&Secret> = kept.list[from..].iter().map(|one| &one.value).collect();
        let net = (tools.search)(&values);
        kept.nets.push((len, net));
        self.is_any.store(true, Ordering::Release);
        Ok(kept.list.len() - 1)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secrets {
    /// Turns parts of a block's result into handles, which views show as `⟨block.path⟩`, and returns
    /// those that could not. From then on, every text from outside is searched for them.
    ///
    /// Texts and numbers become handles; of a list or an object, all that are in it. A text that is a
    /// handle already stays the one it is.
    pub fn obtain(
        &self,
        block: &str,
        outputs: &[SecretOutput],
        result: &mut Value,
    ) -> Vec<ObtainError> {
        let mut failed = Vec::new();
        for output in outputs {
            let name = format!("{block}.{}", output.path);
            let taken = match output.part_of(result) {
                Some(part) => self.obtain_all(&name, part, 0),
                None => Ok(0),
            };
            match taken {
                Ok(0) => failed.push(ObtainError::Missing(output.path.clone())),
                Ok(_) => {}
                Err(err) => failed.push(err),
            }
        }
        failed
    }

    /// Returns how many texts were found.
    fn obtain_all(
        &self,
        name: &str,
        value: &mut Value,
        depth: usize,
    ) -> Result<usize, ObtainError> {
        let text = match value {
            Value::Null | Value::Bool(_) => return Ok(0),
            Value::Array(list) if depth < crate::units::MAX_DEPTH => {
                let items = list.iter_mut().enumerate();
                let count = |(at, item)| self.obtain_all(&format!("{name}.{at}"), item, depth + 1);
                return items.map(count).sum();
            }
            Value::Object(map) if depth < crate::units::MAX_DEPTH => {
                let items = map.iter_mut();
                let count = |(key, item): (&String, _)| {
                    self.obtain_all(&format!("{name}.{key}"), item, depth + 1)
                };
                return items.map(count).sum();
            }
            Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                value::to_text(value).unwrap_or_default()
            }
        };
        if text.is_empty() {
            return Ok(0);
        }
        if self.meaning(&text).is_none() {
            *value = Value::String(self.obtain_text(name, &text)?);
        }
        Ok(1)
    }

    fn obtain_text(&self, name: &str, text: &str) -> Result<String, ObtainError> {
        let tools = self.0.tools.as_ref().ok_or(ObtainError::NoVault)?;
        // A weak value is not searched for, so it may come back as it is.
        let loaded = self.0.entries.iter().position(|entry| entry.value.expose() == text);
        if let Some(entry) = loaded {
            return Ok(self.handle(entry));
        }
        let position = self.0.obtained.keep(name, text, tools)?;
        Ok(self.token(Meaning::Obtained(position)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<&[&str]>) {
        let parsed = SecretOutput::parse(path);
        let steps: Option<Vec<&str>> =
            parsed.as_ref().map(|it| it.steps.iter().map(String::as_str).collect());
        assert_eq!(steps.as_deref(), expected, "{path}");
    }

    #[test]
    fn paths_name_keys_and_places_in_lists() {
        check("token", Some(&["token"]));
        check("body.access_token", Some(&["body", "access_token"]));
        check("body.keys[0].k", Some(&["body", "keys", "0", "k"]));
        check("body.keys.0", Some(&["body", "keys", "0"]));
        check("[1][2]", Some(&["1", "2"]));
        for path in ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[0", "a[0]b", "a]"] {
            if path == "a]" {
                continue; // A key may hold any character but `.` and `[`.
            }
            check(path, None);
        }
    }
}
