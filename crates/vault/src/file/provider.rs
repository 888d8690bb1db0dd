//! The encrypted file as a source of secrets.

use std::error::Error;

use blueprint_model::{
    Provider, ProviderError, SecretName,
    provider::{Entry, Listed},
};

use super::{FileError, FileVault};

impl Provider for FileVault {
    fn name(&self) -> &'static str {
        "file"
    }

    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
        found(Self::get(self, name)).map(Option::flatten)
    }

    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
        Ok(Some(found(Self::list(self))?.unwrap_or_default()))
    }
}

/// A vault that was never made has no secrets: other sources may have them.
fn found<T>(result: Result<T, FileError>) -> Result<Option<T>, ProviderError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(FileError::NotInitialised { .. }) => Ok(None),
        Err(err) => Err(err.into()),
    }
}

impl From<FileError> for ProviderError {
    fn from(err: FileError) -> Self {
        let message = err.to_string();
        match err {
            FileError::Locked { .. }
            | FileError::WrongKey { .. }
            | FileError::NotAKey { .. }
            | FileError::Permissions { .. } => Self::Locked { message },
            FileError::Damaged { .. } => Self::Damaged { message },
            FileError::Disk { source, .. } => {
                let source: Box<dyn Error + Send + Sync> = Box::new(source);
                Self::Unavailable { message, source: Some(source) }
            }
            FileError::NotInitialised { .. }
            | FileError::AlreadyInitialised { .. }
            | FileError::UnknownVersion { .. }
            | FileError::Weak { .. }
            | FileError::Empty { .. }
            | FileError::TooLarge { .. }
            | FileError::NotFound { .. }
            | FileError::BadBackup { .. }
            | FileError::BackupLocked { .. }
            | FileError::NameTaken { .. } => Self::Unavailable { message, source: None },
        }
    }
}
