//! What can go wrong with the encrypted file, one variant for each thing a caller can do about it.

use std::{io, path::PathBuf};

use blueprint_model::SecretName;

/// Why the encrypted file did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no vault yet.
    #[error("there is no vault at `{path}`; make one with `blueprint vault init`")]
    NotInitialised {
        /// Where it would be.
        path: PathBuf,
    },
    /// There is a vault already.
    #[error("there is a vault at `{path}` already")]
    AlreadyInitialised {
        /// Where it is.
        path: PathBuf,
    },
    /// The key that opens it is not at hand.
    #[error("the vault `{path}` is locked: {why}")]
    Locked {
        /// The vault.
        path: PathBuf,
        /// What is missing, and what to do.
        why: String,
    },
    /// The key at hand is another vault's.
    #[error(
        "the vault `{path}` does not open with this {key}; use the one it was made with, or a \
         backup of the vault if its first lines were changed"
    )]
    WrongKey {
        /// The vault.
        path: PathBuf,
        /// `key` or `passphrase`.
        key: &'static str,
    },
    /// What was given as a key is none.
    #[error("{place} holds no vault key; a key begins with `blueprint-vault-key-1:`")]
    NotAKey {
        /// Where it was looked for.
        place: String,
    },
    /// Others can read the key.
    #[error("others can read the key file `{path}`; run `chmod 600 {path}`")]
    Permissions {
        /// The key file.
        path: PathBuf,
    },
    /// The file is not as it was written.
    #[error("the vault `{path}` is damaged: {what}; restore it from a backup")]
    Damaged {
        /// The vault.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// A newer program wrote it.
    #[error("the vault `{path}` has format {found}, and this program reads format 1; update it")]
    UnknownVersion {
        /// The vault.
        path: PathBuf,
        /// The format it says it has.
        found: String,
    },
    /// A value, or a passphrase, is too easy.
    #[error("{what} is too weak: {why}")]
    Weak {
        /// What it is the value of.
        what: String,
        /// Why.
        why: &'static str,
    },
    /// An empty value.
    #[error("the value of `{name}` is empty; delete the secret instead")]
    Empty {
        /// The secret.
        name: SecretName,
    },
    /// More than there is room for.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What it is.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// No secret has this name.
    #[error("the vault has no secret `{name}`")]
    NotFound {
        /// The name.
        name: SecretName,
    },
    /// Another secret has this name.
    #[error("the vault has a secret `{name}` already; delete it first")]
    NameTaken {
        /// The name.
        name: SecretName,
    },
    /// What was given as a backup is none, or is not as it was written.
    #[error("`{path}` is no backup that can be read: {what}")]
    BadBackup {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// A backup does not open.
    #[error("the backup `{path}` does not open with this passphrase")]
    BackupLocked {
        /// The file.
        path: PathBuf,
    },
    /// The disk did not do what was asked.
    #[error("cannot {action} `{path}`")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}
