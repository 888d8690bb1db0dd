//! The encrypted file: secrets at rest, each sealed alone, opened only when asked for.

mod backup;
pub(crate) mod disk;
mod error;
mod format;
mod key;
mod provider;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use blueprint_model::{
    Secret, SecretName,
    provider::{Entry, Listed},
    secret::Policy,
};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use self::{
    backup::{Backup, Existing, Fate, Imported},
    error::FileError,
    key::{Ask, Cost, KeyKind, KeySource},
};
use self::{
    format::{About, Flaw, Head, Line, PolicyInFile, Rows, Unchecked},
    key::Change,
};
use crate::{
    crypto::{self, Key},
    strength::weakness,
};

/// The largest value.
pub const MAX_VALUE_BYTES: usize = 64 << 10;

/// The encrypted file of a project. Every call reads the file anew, so a change by another process
/// is seen; the key is looked for, or stretched, once.
pub struct FileVault {
    path: PathBuf,
    source: Arc<KeySource>,
    unlocked: Mutex<Option<(String, Arc<Keys>)>>,
}

/// What can be told about a vault without its key; the file's own words, not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// The id of the vault.
    pub store: String,
    /// What kind of key opens it.
    pub key: KeyKind,
    /// How many secrets it has.
    pub entries: usize,
}

/// Puts a file for its owner only in its place, whole or not at all, over one that is there.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    disk::make_folder_of(path)?;
    disk::replace(path, bytes)
}

/// A value to keep.
pub struct NewSecret {
    /// Its name.
    pub name: SecretName,
    /// The value.
    pub value: Secret,
    /// What may be done with it; `None` keeps what is set.
    pub policy: Option<Policy>,
    /// Whether a weak value is kept.
    pub weak: WeakValues,
    /// The time of the change.
    pub now: Timestamp,
}

/// What to do with a value that is too short or plain; see [`weakness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakValues {
    /// Refuse it.
    Refuse,
    /// Keep it, marked: it is never searched for and never revealed.
    Accept,
}

/// The data key's two jobs.
struct Keys {
    data: Key,
    values: Key,
    list: Key,
}

struct Content {
    head: Line<Head>,
    keys: Arc<Keys>,
    rows: Rows,
}

impl FileVault {
    /// Returns the vault at a path. Reads nothing yet: that is left to the first need.
    pub fn new(path: impl Into<PathBuf>, source: impl Into<Arc<KeySource>>) -> Self {
        Self { path: path.into(), source: source.into(), unlocked: Mutex::default() }
    }

    /// Returns the vault at a path after checking that it opens and is whole.
    pub fn open(
        path: impl Into<PathBuf>,
        source: impl Into<Arc<KeySource>>,
    ) -> Result<Self, FileError> {
        let vault = Self::new(path, source);
        vault.content(&vault.path)?;
        Ok(vault)
    }

    /// Makes an empty vault, and its key where the source is a file that does not exist yet.
    pub fn init(
        path: impl Into<PathBuf>,
        source: impl Into<Arc<KeySource>>,
    ) -> Result<Self, FileError> {
        let vault = Self::new(path, source);
        disk::make_folder_of(&vault.path)?;
        let lock = disk::lock(&vault.path)?;
        if lock.path.exists() {
            return Err(FileError::AlreadyInitialised { path: vault.path });
        }
        let store = hex(&crypto::random::<16>());
        let status = Status { path: vault.path.clone(), store, key: KeyKind::Random, entries: 0 };
        let (head, keys) = new_head(&status, &vault.source, Change::Init)?;
        vault.write(&lock, &Content { head, keys: Arc::new(keys), rows: Rows::new() })?;
        drop(lock);
        Ok(vault)
    }

    /// Returns what can be told without the key.
    pub fn status(path: &Path) -> Result<Status, FileError> {
        let bytes = read(path, path)?;
        let unchecked = format::split(&bytes).map_err(|flaw| flawed(path, flaw))?;
        Ok(status_of(path, &unchecked.head, unchecked.count()))
    }

    /// Returns the file that holds the key, where there is one.
    pub fn key_file(&self) -> Result<Option<PathBuf>, FileError> {
        Ok(self.source.file(&Self::status(&self.path)?.store))
    }

    /// Returns a secret, or `None` where the vault has none of that name. No other is decrypted.
    pub fn get(&self, name: &SecretName) -> Result<Option<Entry>, FileError> {
        let content = self.content(&self.path)?;
        let Some(row) = content.rows.get(name) else { return Ok(None) };
        let listed = row.says.listed().ok_or(self.unreadable())?;
        Ok(Some(Entry {
            name: listed.name,
            version: listed.version,
            value: content.value(row).ok_or(self.unreadable())?,
            policy: listed.policy,
            is_weak: row.says.weak,
        }))
    }

    /// Returns everything about all secrets but their values.
    pub fn list(&self) -> Result<Vec<Listed>, FileError> {
        let content = self.content(&self.path)?;
        let listed = content.rows.values().map(|row| row.says.listed());
        listed.collect::<Option<_>>().ok_or(self.unreadable())
    }

    /// Keeps a value, as the next version of its name, and returns that version.
    pub fn set(&self, new: NewSecret) -> Result<u64, FileError> {
        new.judge()?;
        self.change(|content| Ok(content.set(new)))
    }

    /// Keeps several values, all or none, and returns their versions.
    pub fn set_all(&self, news: Vec<NewSecret>) -> Result<Vec<u64>, FileError> {
        news.iter().try_for_each(NewSecret::judge)?;
        self.change(|content| Ok(news.into_iter().map(|new| content.set(new)).collect()))
    }

    /// Removes a secret.
    pub fn delete(&self, name: &SecretName) -> Result<(), FileError> {
        self.change(|content| match content.rows.remove(name) {
            Some(_) => Ok(()),
            None => Err(FileError::NotFound { name: name.clone() }),
        })
    }

    /// Gives a secret another name; version and policy stay.
    pub fn rename(&self, from: &SecretName, to: SecretName) -> Result<(), FileError> {
        self.change(|content| {
            if content.rows.contains_key(&to) {
                return Err(FileError::NameTaken { name: to });
            }
            self.alter(content, from, |about| about.name = to.as_str().into())
        })
    }

    /// Returns what may be done with a secret.
    pub fn policy(&self, name: &SecretName) -> Result<Policy, FileError> {
        let listed = self.list()?.into_iter().find(|listed| listed.name == *name);
        listed.map(|listed| listed.policy).ok_or(FileError::NotFound { name: name.clone() })
    }

    /// Changes what may be done with a secret; value and version stay.
    pub fn set_policy(&self, name: &SecretName, policy: &Policy) -> Result<(), FileError> {
        self.change(|content| {
            self.alter(content, name, |about| about.policy = PolicyInFile::of(policy))
        })
    }

    /// Puts the vault under another key: a new data key too, so that whoever had the old one and a
    /// copy of the file learns nothing that is set from now on.
    pub fn rotate_key(&mut self, source: impl Into<Arc<KeySource>>) -> Result<(), FileError> {
        let source = source.into();
        self.change(|content| {
            let status = status_of(&self.path, &content.head, content.rows.len());
            let (head, keys) = new_head(&status, &source, Change::Rotate)?;
            let mut renewed = Content { head, keys: Arc::new(keys), rows: Rows::new() };
            for (name, row) in &content.rows {
                let value = content.value(row).ok_or(self.unreadable())?;
                renewed.put(name.clone(), row.says.clone(), &value);
            }
            *content = renewed;
            Ok(())
        })?;
        self.source = source;
        Ok(())
    }

    /// Seals a secret anew under what is now said about it.
    fn alter(
        &self,
        content: &mut Content,
        name: &SecretName,
        alter: impl FnOnce(&mut About),
    ) -> Result<(), FileError> {
        let row = content.rows.get(name).ok_or(FileError::NotFound { name: name.clone() })?;
        let value = content.value(row).ok_or(self.unreadable())?;
        let mut about = row.says.clone();
        alter(&mut about);
        let new_name = SecretName::parse(&about.name).ok_or(self.unreadable())?;
        content.rows.remove(name);
        content.put(new_name, about, &value);
        Ok(())
    }

    /// Reads, changes and writes, with no other writer in between.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Content) -> Result<T, FileError>,
    ) -> Result<T, FileError> {
        if !self.path.exists() {
            return Err(FileError::NotInitialised { path: self.path.clone() });
        }
        let lock = disk::lock(&self.path)?;
        let mut content = self.content(&lock.path)?;
        let result = change(&mut content)?;
        self.write(&lock, &content)?;
        Ok(result)
    }

    fn write(&self, lock: &disk::Lock, content: &Content) -> Result<(), FileError> {
        let text = format::print(&content.head, content.rows.values());
        let mac = crypto::hmac_sha256(content.keys.list.as_slice(), text.as_bytes());
        let text = format::finish(text, &mac);
        if text.len() > disk::MAX_FILE_BYTES {
            let what = format!("the vault `{}`", self.path.display());
            return Err(FileError::TooLarge { what, limit: disk::MAX_FILE_BYTES });
        }
        disk::replace(&lock.path, text.as_bytes())
    }

    fn content(&self, path: &Path) -> Result<Content, FileError> {
        let bytes = read(path, &self.path)?;
        let unchecked = format::split(&bytes).map_err(|flaw| flawed(&self.path, flaw))?;
        let keys = self.keys(&unchecked)?;
        if !crypto::is_mac(keys.list.as_slice(), unchecked.signed.as_bytes(), &unchecked.mac) {
            return Err(self.damaged("it was changed by something else than this program"));
        }
        let rows = unchecked.rows().ok_or(self.unreadable())?;
        Ok(Content { head: unchecked.head, keys, rows })
    }

    /// Returns the keys of a file with this head, which are the same as long as the head is.
    fn keys(&self, unchecked: &Unchecked<'_>) -> Result<Arc<Keys>, FileError> {
        let head = &unchecked.head;
        let mut unlocked = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        let id = [head.text.as_bytes(), &head.sealed].concat();
        let id = hex(&crypto::hmac_sha256(b"head", &id));
        if let Some((_, keys)) = unlocked.as_ref().filter(|(known, _)| *known == id) {
            return Ok(keys.clone());
        }
        let status = status_of(&self.path, head, unchecked.count());
        let context = head_context(&head.text);
        let data = self
            .source
            .candidates(&status, &head.says.key)?
            .iter()
            .find_map(|key| crypto::unseal(key, &context, &head.sealed))
            .ok_or_else(|| FileError::WrongKey {
                path: self.path.clone(),
                key: match status.key {
                    KeyKind::Random => "key",
                    KeyKind::Passphrase => "passphrase",
                },
            })?;
        let mut key = Key::default();
        if data.len() != key.len() {
            return Err(self.unreadable());
        }
        key.copy_from_slice(&data);
        let keys = Arc::new(Keys::of(key));
        *unlocked = Some((id, keys.clone()));
        Ok(keys)
    }

    fn unreadable(&self) -> FileError {
        self.damaged("a line of it cannot be read")
    }

    fn damaged(&self, what: &'static str) -> FileError {
        FileError::Damaged { path: self.path.clone(), what }
    }
}

impl NewSecret {
    /// Returns why it is not kept.
    fn judge(&self) -> Result<(), FileError> {
        let text = self.value.expose();
        let what = || format!("the value of `{}`", self.name);
        if text.is_empty() {
            return Err(FileError::Empty { name: self.name.clone() });
        }
        if text.len() > MAX_VALUE_BYTES {
            return Err(FileError::TooLarge { what: what(), limit: MAX_VALUE_BYTES });
        }
        match (weakness(text), self.weak) {
            (Some(why), WeakValues::Refuse) => Err(FileError::Weak { what: what(), why }),
            (Some(_), WeakValues::Accept) | (None, _) => Ok(()),
        }
    }
}

impl Keys {
    fn of(data: Key) -> Self {
        let values = crypto::subkey(&data, "blueprint-vault 1: seals values");
        let list = crypto::subkey(&data, "blueprint-vault 1: signs the list");
        Self { data, values, list }
    }
}

impl Content {
    fn set(&mut self, new: NewSecret) -> u64 {
        let NewSecret { name, value, policy, weak: _, now } = new;
        let old = self.rows.get(&name).map(|row| &row.says);
        let kept = || old.map(|about| about.policy.clone()).unwrap_or_default();
        let about = About {
            name: name.as_str().into(),
            version: old.map_or(0, |about| about.version) + 1,
            changed_at: now.to_string(),
            weak: weakness(value.expose()).is_some(),
            policy: policy.map_or_else(kept, |policy| PolicyInFile::of(&policy)),
        };
        let version = about.version;
        self.put(name, about, &value);
        version
    }

    fn put(&mut self, name: SecretName, about: About, value: &Secret) {
        let text = json(&about);
        let context = self.row_context(&text);
        let sealed = crypto::seal(&self.keys.values, &context, value.expose().as_bytes());
        self.rows.insert(name, Line { text, says: about, sealed });
    }

    fn value(&self, row: &Line<About>) -> Option<Secret> {
        let mut plain =
            crypto::unseal(&self.keys.values, &self.row_context(&row.text), &row.sealed)?;
        // The bytes move into the secret; on an error they are wiped here.
        match String::from_utf8(std::mem::take(&mut *plain)) {
            Ok(text) => Some(Secret::new(text)),
            Err(err) => {
                drop(Zeroizing::new(err.into_bytes()));
                None
            }
        }
    }

    fn row_context(&self, text: &str) -> Vec<u8> {
        ["row\0", &self.head.says.store, "\0", text].concat().into_bytes()
    }
}

fn new_head(
    status: &Status,
    source: &KeySource,
    change: Change,
) -> Result<(Line<Head>, Keys), FileError> {
    let (wrapping, key) = source.make(status, change)?;
    let keys = Keys::of(crypto::new_key());
    let says = Head { store: status.store.clone(), key };
    let text = json(&says);
    let sealed = crypto::seal(&wrapping, &head_context(&text), keys.data.as_slice());
    Ok((Line { text, says, sealed }, keys))
}

fn head_context(text: &str) -> Vec<u8> {
    ["head\0", text].concat().into_bytes()
}

fn status_of(path: &Path, head: &Line<Head>, entries: usize) -> Status {
    Status { path: path.into(), store: head.says.store.clone(), key: head.says.key.kind(), entries }
}

fn read(path: &Path, named: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    disk::read(path, disk::MAX_FILE_BYTES).map_err(|err| match err {
        FileError::Disk { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            FileError::NotInitialised { path: named.into() }
        }
        err => err,
    })
}

fn flawed(path: &Path, flaw: Flaw) -> FileError {
    match flaw {
        Flaw::Damaged(what) => FileError::Damaged { path: path.into(), what },
        Flaw::UnknownVersion(found) => FileError::UnknownVersion { path: path.into(), found },
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and lists are JSON")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
