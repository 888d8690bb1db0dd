//! Encrypted backups: all secrets of a vault in one text that opens with a passphrase alone.
//!
//! ```text
//! blueprint-backup 1
//! {"store":"…","time":"…","entries":3,"key":{"passphrase":{"salt":"…",…}}}
//! BASE64
//! ```
//!
//! The last line is one sealed box, XChaCha20-Poly1305 under the passphrase through Argon2id; what
//! stands above it is authenticated with it.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use blueprint_model::{Secret, SecretName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Cost, FileError, FileVault, MAX_VALUE_BYTES,
    format::{About, KeyInFile},
    json, key, status_of,
};
use crate::crypto::{self, Key};

const MAGIC: &str = "blueprint-backup ";
const VERSION: &str = "1";

/// What is said in clear.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupHead {
    store: String,
    time: String,
    entries: usize,
    key: KeyInFile,
}

/// A secret in a backup.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    about: About,
    value: Zeroizing<String>,
}

/// A backup, opened.
pub struct Backup {
    path: PathBuf,
    rows: Vec<(SecretName, Row)>,
}

/// What to do with a name that the vault has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Store nothing at all.
    Refuse,
    /// Put the backup's value and policy in its place.
    Replace,
    /// Leave it.
    Keep,
}

/// What became of a secret of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its name.
    pub name: SecretName,
    /// Its version in the vault now.
    pub version: u64,
    /// What was done.
    pub fate: Fate,
}

/// What was done with a secret of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The vault had none of that name.
    Added,
    /// Another value or policy was replaced.
    Replaced,
    /// The vault has the same value and policy.
    Unchanged,
    /// The vault's own was left.
    Kept,
}

impl Backup {
    /// Returns whether a text begins as a backup does.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(MAGIC)
    }

    /// Opens a backup; `path` is for messages.
    pub fn open(text: &str, path: &Path, phrase: &Secret) -> Result<Self, FileError> {
        let bad = |what| FileError::BadBackup { path: path.into(), what };
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix(MAGIC));
        match version {
            None => return Err(bad("its first line is not `blueprint-backup 1`")),
            Some(VERSION) => {}
            Some(_) => return Err(bad("a newer program wrote it; update this one")),
        }
        let (Some(head_text), Some(sealed), None) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(bad("it is cut short"));
        };
        let head: BackupHead =
            serde_json::from_str(head_text).map_err(|_| bad("its second line cannot be read"))?;
        let wrapping =
            key::stretch_as(phrase, &head.key).ok_or(bad("its passphrase would cost too much"))?;
        let sealed = STANDARD.decode(sealed).map_err(|_| bad("its last line cannot be read"))?;
        let plain = crypto::unseal(&box_key(&wrapping), &context(head_text), &sealed)
            .ok_or(FileError::BackupLocked { path: path.into() })?;
        let rows: Vec<Row> =
            serde_json::from_slice(&plain).map_err(|_| bad("what is in it cannot be read"))?;
        let named = rows.into_iter().map(|row| {
            let name = SecretName::parse(&row.about.name)?;
            row.about.listed()?;
            (row.value.len() <= MAX_VALUE_BYTES).then_some((name, row))
        });
        let rows: Option<Vec<_>> = named.collect();
        Ok(Self { path: path.into(), rows: rows.ok_or(bad("a secret in it cannot be read"))? })
    }

    /// Returns the names in it.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.rows.iter().map(|(name, _)| name)
    }

    /// Returns the file it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl FileVault {
    /// Returns all secrets, with policies and versions, as a text that opens with a passphrase.
    pub fn export(&self, phrase: &Secret, cost: Cost, now: Timestamp) -> Result<String, FileError> {
        let content = self.content(&self.path)?;
        let mut rows = Vec::new();
        for row in content.rows.values() {
            let value = content.value(row).ok_or(self.unreadable())?;
            let value = Zeroizing::new(value.expose().to_owned());
            rows.push(Row { about: row.says.clone(), value });
        }
        let status = status_of(&self.path, &content.head, rows.len());
        let (wrapping, key) = key::new_phrase(phrase, cost)?;
        let head = json(&BackupHead {
            store: status.store,
            time: format!("{now:.0}"),
            entries: rows.len(),
            key,
        });
        let plain = Zeroizing::new(json(&rows));
        let sealed = crypto::seal(&box_key(&wrapping), &context(&head), plain.as_bytes());
        Ok(format!("{MAGIC}{VERSION}\n{head}\n{}\n", STANDARD.encode(sealed)))
    }

    /// Puts the secrets of a backup into the vault, all or none, and says what became of each.
    pub fn import(&self, backup: &Backup, existing: Existing) -> Result<Vec<Imported>, FileError> {
        self.change(|content| {
            let mut done = Vec::new();
            for (name, row) in &backup.rows {
                let old = content.rows.get(name);
                let fate = match old {
                    None => Fate::Added,
                    Some(old) => {
                        let value = content.value(old).ok_or(self.unreadable())?;
                        let is_same = value.expose() == row.value.as_str()
                            && old.says.policy == row.about.policy;
                        match existing {
                            _ if is_same => Fate::Unchanged,
                            Existing::Refuse => {
                                return Err(FileError::NameTaken { name: name.clone() });
                            }
                            Existing::Replace => Fate::Replaced,
                            Existing::Keep => Fate::Kept,
                        }
                    }
                };
                let last = old.map_or(0, |old| old.says.version);
                let version = match fate {
                    Fate::Unchanged | Fate::Kept => last,
                    Fate::Added | Fate::Replaced => row.about.version.max(last + 1),
                };
                if matches!(fate, Fate::Added | Fate::Replaced) {
                    let about = About { version, ..row.about.clone() };
                    content.put(name.clone(), about, &Secret::new(row.value.to_string()));
                }
                done.push(Imported { name: name.clone(), version, fate });
            }
            Ok(done)
        })
    }
}

fn box_key(wrapping: &Key) -> Key {
    crypto::subkey(wrapping, "blueprint-backup 1: seals everything")
}

fn context(head: &str) -> Vec<u8> {
    [MAGIC, VERSION, "\n", head].concat().into_bytes()
}
