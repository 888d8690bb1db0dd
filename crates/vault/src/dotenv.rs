//! Secrets in a `.env` file: not encrypted, for a machine of one's own.

mod parse;

use std::{fs::File, io, io::Read, path::PathBuf};

use blueprint_model::{
    Provider, ProviderError, Secret, SecretName,
    provider::{Entry, Listed},
};
use zeroize::Zeroizing;

pub use self::parse::DotenvError;
use self::parse::{Pair, parse};
use crate::env::{PREFIX, unversioned, unversioned_row};

/// The largest file that is read.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Returns the keys and values of a `.env` file's text, in order; keys without a value are left out.
pub fn pairs(text: &str) -> Result<Vec<(String, Secret)>, DotenvError> {
    let pairs = parse(text)?.into_iter().filter(|pair| !pair.value.is_empty());
    Ok(pairs.map(|pair| (pair.key, Secret::new((*pair.value).clone()))).collect())
}

/// The secrets in a `.env` file, read anew each time, so that a change is seen by the next run.
///
/// A key may stand there under its own name or as `BLUEPRINT_SECRET_<KEY>`; without a value it is
/// not there: no secret is ever an empty text.
pub struct DotenvFile {
    path: PathBuf,
}

impl DotenvFile {
    /// Returns the source; a file that does not exist has no secrets.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn pairs(&self) -> Result<Vec<(SecretName, Pair)>, ProviderError> {
        let text = match self.read() {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => {
                let message = format!("cannot read `{}`", self.path.display());
                return Err(ProviderError::Unavailable { message, source: Some(Box::new(err)) });
            }
        };
        let pairs = parse(&text).map_err(|err| ProviderError::Damaged {
            message: format!("{}:{err}", self.path.display()),
        })?;
        let named = pairs.into_iter().filter_map(|pair| {
            let name = SecretName::parse(pair.key.strip_prefix(PREFIX).unwrap_or(&pair.key))?;
            (!pair.value.is_empty()).then_some((name, pair))
        });
        Ok(named.collect())
    }

    fn read(&self) -> io::Result<Zeroizing<String>> {
        let file = File::open(&self.path)?;
        // The whole size at once: a text that grows while it is read leaves copies behind.
        let size = usize::try_from(file.metadata()?.len().min(MAX_FILE_BYTES)).unwrap_or(0);
        let mut text = Zeroizing::new(String::with_capacity(size + 1));
        file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(io::Error::other("it is larger than 1 MiB"));
        }
        Ok(text)
    }
}

impl Provider for DotenvFile {
    fn name(&self) -> &'static str {
        "dotenv"
    }

    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
        let pairs = self.pairs()?;
        let found = pairs.iter().find(|(found, _)| found == name);
        Ok(found.map(|(_, pair)| unversioned(name, &pair.value)))
    }

    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
        let pairs = self.pairs()?;
        let mut names: Vec<&SecretName> = pairs.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Some(names.into_iter().map(unversioned_row).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn check(text: Option<&[u8]>, name: &str, expected: Result<Option<&str>, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let found = DotenvFile::new(&path).get(&SecretName::parse(name).unwrap());
        let found = found.as_ref().map(|entry| entry.as_ref().map(|entry| entry.value.expose()));
        let place = format!("{}:", folder.path().display());
        let found = found.map_err(|err| err.to_string().replace(&place, ""));
        assert_eq!(
            found.map_err(|err| err.replace(&format!("{}/", folder.path().display()), "")),
            expected.map_err(str::to_owned)
        );
    }

    #[test]
    fn keys_are_found_under_both_names() {
        check(Some(b"A=one\nBLUEPRINT_SECRET_B=two\n"), "A", Ok(Some("one")));
        check(Some(b"A=one\nBLUEPRINT_SECRET_B=two\n"), "B", Ok(Some("two")));
    }

    #[test]
    fn what_is_not_there_is_none() {
        check(None, "A", Ok(None));
        check(Some(b"A=\nB=''"), "A", Ok(None));
        check(Some(b"A=\nB=''"), "B", Ok(None));
    }

    #[test]
    fn mistakes_name_file_and_line_and_no_value() {
        check(Some(b"A=one\nsecret"), "A", Err(".env:2: expected `KEY=value`"));
        check(Some(b"A=\xff\xfe"), "A", Err("cannot read `.env`"));
        check(Some(&[b'#'; 1 << 20]), "A", Ok(None));
        check(Some(&[b'#'; (1 << 20) + 1]), "A", Err("cannot read `.env`"));
    }
}
