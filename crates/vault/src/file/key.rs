//! The key that opens the file and lives elsewhere: a key file, a key as text, a passphrase.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use blueprint_model::Secret;
use zeroize::Zeroizing;

use super::{Status, disk, error::FileError, format::KeyInFile};
use crate::{
    crypto::{self, Key},
    strength::weakness,
};

/// What a key as text begins with.
const KEY_PREFIX: &str = "blueprint-vault-key-1:";
/// The largest key file.
const MAX_KEY_FILE_BYTES: usize = 64 << 10;

/// Where the key comes from.
pub enum KeySource {
    /// The file `<store id>.key` in this folder: the usual one, in the user's configuration.
    Folder(PathBuf),
    /// A file.
    File(PathBuf),
    /// A key as text, as it stands in a key file: the variable `BLUEPRINT_VAULT_KEY`.
    Text(Secret),
    /// A passphrase.
    Passphrase {
        /// What was typed.
        phrase: Secret,
        /// What to spend where a vault is made or its key changed; reading follows the file.
        cost: Cost,
    },
    /// Decided or asked for when it is first needed, knowing the vault. `None` leaves it locked.
    Ask(Box<Ask>),
}

/// Decides on a key, knowing the vault.
pub type Ask = dyn Fn(&Status) -> Option<KeySource> + Send + Sync;

/// What Argon2id spends on a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory; at most 1 GiB.
    pub memory_kib: u32,
    /// Passes over the memory; at most 16.
    pub passes: u32,
    /// Lanes; at most 16.
    pub lanes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

impl Cost {
    /// A file is somebody else's word: it must not make us spend whatever it likes.
    fn is_bearable(self) -> bool {
        (8..=1 << 20).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
    }
}

/// What kind of key opens a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A random key, in a file or a variable.
    Random,
    /// A passphrase.
    Passphrase,
}

impl KeySource {
    /// Returns a new key as text, to be kept where [`KeySource::Text`] takes it from.
    pub fn new_text() -> Secret {
        Secret::new(text_of(&crypto::new_key()))
    }

    /// Returns the key file, where there is one, of the vault with this id.
    pub fn file(&self, store: &str) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.join(format!("{store}.key"))),
            Self::File(path) => Some(path.clone()),
            Self::Text(_) | Self::Passphrase { .. } | Self::Ask(_) => None,
        }
    }

    /// Returns the keys that may open the data key: several where a key file keeps older ones.
    pub(super) fn candidates(
        &self,
        status: &Status,
        key: &KeyInFile,
    ) -> Result<Vec<Key>, FileError> {
        let locked = |why: String| FileError::Locked { path: status.path.clone(), why };
        match (self, key) {
            (Self::Ask(ask), _) => match ask(status) {
                None => Err(locked("its key was not given".into())),
                Some(Self::Ask(_)) => Err(locked("its key was asked for twice".into())),
                Some(source) => source.candidates(status, key),
            },
            (Self::Passphrase { phrase, .. }, KeyInFile::Passphrase { salt, .. }) => {
                let damaged = |what| FileError::Damaged { path: status.path.clone(), what };
                let cost = cost_of(key).ok_or(damaged("its passphrase would cost too much"))?;
                let salt = STANDARD.decode(salt).map_err(|_| damaged("its salt cannot be read"))?;
                stretch(phrase, &salt, cost)
                    .map(|key| vec![key])
                    .ok_or(damaged("its salt cannot be used"))
            }
            (Self::Text(text), KeyInFile::Random) => {
                let keys = keys_in(text.expose());
                if keys.is_empty() {
                    return Err(FileError::NotAKey { place: "the key given as text".into() });
                }
                Ok(keys.iter().map(wrapping).collect())
            }
            (Self::Folder(_) | Self::File(_), KeyInFile::Random) => {
                let path = self.file(&status.store).unwrap_or_default();
                let keys = read_key_file(&path)?.ok_or_else(|| {
                    locked(format!(
                        "its key file `{}` does not exist; put it there, or name it with \
                         `--key-file`",
                        path.display()
                    ))
                })?;
                Ok(keys.iter().map(wrapping).collect())
            }
            (Self::Passphrase { .. }, KeyInFile::Random) => Err(locked(
                "it opens with a key file or `BLUEPRINT_VAULT_KEY`, not with a passphrase".into(),
            )),
            (Self::Folder(_) | Self::File(_) | Self::Text(_), KeyInFile::Passphrase { .. }) => {
                Err(locked("it opens with a passphrase".into()))
            }
        }
    }

    /// Makes the key for a new data key and puts it where it will be looked for.
    ///
    /// Older keys stay in a key file, below the new one: what was written with them, a backup or a
    /// vault whose change did not reach the disk, still opens.
    pub(super) fn make(
        &self,
        status: &Status,
        change: Change,
    ) -> Result<(Key, KeyInFile), FileError> {
        match self {
            Self::Ask(ask) => match ask(status) {
                None | Some(Self::Ask(_)) => Err(FileError::Locked {
                    path: status.path.clone(),
                    why: "its new key was not given".into(),
                }),
                Some(source) => source.make(status, change),
            },
            Self::Passphrase { phrase, cost } => new_phrase(phrase, *cost),
            Self::Text(text) => match keys_in(text.expose()).first() {
                Some(key) => Ok((wrapping(key), KeyInFile::Random)),
                None => Err(FileError::NotAKey { place: "the key given as text".into() }),
            },
            Self::Folder(_) | Self::File(_) => {
                let path = self.file(&status.store).unwrap_or_default();
                let key = make_key_file(&path, &status.store, change)?;
                Ok((wrapping(&key), KeyInFile::Random))
            }
        }
    }
}

/// Why a key is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// For a new vault: a key file that exists is used as it is.
    Init,
    /// In place of another key.
    Rotate,
}

impl KeyInFile {
    /// Returns the kind of key.
    pub(super) fn kind(&self) -> KeyKind {
        match self {
            Self::Random => KeyKind::Random,
            Self::Passphrase { .. } => KeyKind::Passphrase,
        }
    }
}

fn make_key_file(path: &Path, store: &str, change: Change) -> Result<Key, FileError> {
    disk::make_folder_of(path)?;
    let lock = disk::lock(path)?;
    let older = read_key_file(&lock.path)?.unwrap_or_default();
    if let (Change::Init, Some(key)) = (change, older.first()) {
        return Ok(key.clone());
    }
    let key = crypto::new_key();
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_FILE_BYTES));
    text.push_str("# The key of the blueprint vault ");
    text.push_str(store);
    text.push_str(". Keep a copy elsewhere: without it the vault cannot be read.\n");
    for key in [&key].into_iter().chain(&older) {
        text.push_str(&Zeroizing::new(text_of(key)));
        text.push('\n');
    }
    if text.len() > MAX_KEY_FILE_BYTES {
        let what = format!("the key file `{}` with its older keys", path.display());
        return Err(FileError::TooLarge { what, limit: MAX_KEY_FILE_BYTES });
    }
    disk::replace(&lock.path, text.as_bytes())?;
    Ok(key)
}

/// Returns the keys in a key file, the newest first; `None` where there is no such file.
fn read_key_file(path: &Path) -> Result<Option<Vec<Key>>, FileError> {
    let failed = |source| FileError::Disk { action: "read", path: path.into(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(failed(err)),
    };
    if disk::is_open_to_others(&file).map_err(failed)? {
        return Err(FileError::Permissions { path: path.into() });
    }
    let bytes = disk::read_open(&file, MAX_KEY_FILE_BYTES).map_err(failed)?;
    let keys = str::from_utf8(&bytes).map_or_else(|_| Vec::new(), keys_in);
    if keys.is_empty() {
        return Err(FileError::NotAKey { place: format!("`{}`", path.display()) });
    }
    Ok(Some(keys))
}

/// Returns the keys in a text, one a line; comments begin with `#`. None at all where a line is
/// something else.
fn keys_in(text: &str) -> Vec<Key> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(key_of).collect::<Option<_>>().unwrap_or_default()
}

fn key_of(text: &str) -> Option<Key> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(KEY_PREFIX)?).map(Zeroizing::new).ok()?;
    let mut key = Key::default();
    if bytes.len() != key.len() {
        return None;
    }
    key.copy_from_slice(&bytes);
    Some(key)
}

fn text_of(key: &Key) -> String {
    let mut text = String::with_capacity(KEY_PREFIX.len() + 44);
    text.push_str(KEY_PREFIX);
    URL_SAFE_NO_PAD.encode_string(key.as_slice(), &mut text);
    text
}

fn wrapping(key: &Key) -> Key {
    crypto::subkey(key, "blueprint-vault 1: wraps the data key")
}

fn cost_of(key: &KeyInFile) -> Option<Cost> {
    match key {
        KeyInFile::Random => None,
        KeyInFile::Passphrase { memory_kib, passes, lanes, .. } => {
            let cost = Cost { memory_kib: *memory_kib, passes: *passes, lanes: *lanes };
            Some(cost).filter(|cost| cost.is_bearable())
        }
    }
}

/// Stretches a new passphrase, and returns what has to be known to do it again.
pub(super) fn new_phrase(phrase: &Secret, cost: Cost) -> Result<(Key, KeyInFile), FileError> {
    if let Some(why) = weakness(phrase.expose()) {
        return Err(FileError::Weak { what: "the passphrase".into(), why });
    }
    let key = KeyInFile::Passphrase {
        salt: STANDARD.encode(crypto::random::<16>()),
        memory_kib: cost.memory_kib,
        passes: cost.passes,
        lanes: cost.lanes,
    };
    let what = "the cost of the passphrase".into();
    let stretched = stretch_as(phrase, &key).ok_or(FileError::TooLarge { what, limit: 1 << 30 })?;
    Ok((stretched, key))
}

/// Stretches a passphrase as a file says; `None` where that cannot be borne.
pub(super) fn stretch_as(phrase: &Secret, key: &KeyInFile) -> Option<Key> {
    let KeyInFile::Passphrase { salt, .. } = key else { return None };
    stretch(phrase, &STANDARD.decode(salt).ok()?, cost_of(key)?)
}

fn stretch(phrase: &Secret, salt: &[u8], cost: Cost) -> Option<Key> {
    let mut key = Key::default();
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(key.len())).ok()?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(phrase.expose().as_bytes(), salt, key.as_mut_slice())
        .ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let text = KeySource::new_text();
        let keys = keys_in(&format!("# a comment\n\n  {}\r\n", text.expose()));
        assert_eq!(keys.len(), 1);
        assert_eq!(text_of(&keys[0]), text.expose());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = KeySource::new_text();
        for text in ["", "#", "hunter2", KEY_PREFIX, &key.expose()[..60]] {
            assert!(keys_in(text).is_empty(), "{text}");
        }
        assert!(keys_in(&format!("{}\nsomething else", key.expose())).is_empty());
    }

    #[test]
    fn costs_have_bounds() {
        let cost = |memory_kib, passes, lanes| Cost { memory_kib, passes, lanes };
        assert!(Cost::default().is_bearable());
        for cost in
            [cost(1 << 21, 3, 4), cost(64, 17, 4), cost(64, 3, 17), cost(64, 0, 1), cost(8, 1, 4)]
        {
            assert!(!cost.is_bearable(), "{cost:?}");
        }
    }
}
