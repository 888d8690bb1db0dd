//! Many secrets at once, from the text of a `.env` file: looked at first, by names only.

use anyhow::Result;
use blueprint_model::{Secret, SecretName, code};
pub use blueprint_vault::file::Existing;
use blueprint_vault::{FileVault, NewSecret, WeakValues, dotenv, weakness};

use super::{ProjectVault, parse_name};
use crate::{
    failure::Failure,
    secrets::{self, file_failure},
};

/// A name in a text that could be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: SecretName,
    /// What would become of it.
    pub state: PairState,
    /// Why its value is refused unless it is forced.
    pub weak: Option<&'static str>,
}

/// What would become of a name that is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairState {
    /// The vault has none of that name.
    New,
    /// The vault has one.
    There,
}

impl ProjectVault {
    /// Returns the names in the text of a `.env` file, and what would become of them.
    ///
    /// # Errors
    ///
    /// Returns a failure if the text is none, or there is no vault to import into.
    pub fn import_preview(&self, text: &Secret) -> Result<Vec<Pair>> {
        let there = names(&self.file)?;
        let pair = |(name, value): (SecretName, Secret)| Pair {
            state: if there.contains(&name) { PairState::There } else { PairState::New },
            weak: weakness(value.expose()),
            name,
        };
        Ok(pairs(text)?.into_iter().map(pair).collect())
    }

    /// Stores the secrets in the text of a `.env` file, all or none, and returns names and versions.
    ///
    /// # Errors
    ///
    /// Returns a failure if the text is none, a value is weak, or the vault refuses.
    pub fn import(
        &self,
        text: &Secret,
        existing: Existing,
        weak: WeakValues,
    ) -> Result<Vec<(SecretName, u64)>> {
        import_pairs(&self.file, pairs(text)?, existing, weak)
    }
}

/// Stores these secrets, all or none, and returns names and versions.
///
/// # Errors
///
/// Returns a failure if a value is weak, or the vault refuses.
pub fn import_pairs(
    vault: &FileVault,
    mut pairs: Vec<(SecretName, Secret)>,
    existing: Existing,
    weak: WeakValues,
) -> Result<Vec<(SecretName, u64)>> {
    let there = names(vault)?;
    match existing {
        Existing::Refuse => {
            if let Some((name, _)) = pairs.iter().find(|(name, _)| there.contains(name)) {
                let failure = Failure::wrong(format!("the vault has `{name}` already"));
                return Err(failure.help("nothing was stored; --existing replace or keep").into());
            }
        }
        Existing::Keep => pairs.retain(|(name, _)| !there.contains(name)),
        Existing::Replace => {}
    }
    for (name, value) in pairs.iter().filter(|_| weak == WeakValues::Refuse) {
        if let Some(why) = weakness(value.expose()) {
            let failure = Failure::wrong(format!("the value of `{name}` is too weak: {why}"));
            let hint = "nothing was stored; `--force` stores weak values too";
            return Err(failure.code(code::WEAK_SECRET).help(hint).into());
        }
    }
    let names: Vec<SecretName> = pairs.iter().map(|(name, _)| name.clone()).collect();
    let now = secrets::now();
    let news = pairs
        .into_iter()
        .map(|(name, value)| NewSecret { name, value, policy: None, weak, now })
        .collect();
    let versions = vault.set_all(news).map_err(file_failure)?;
    Ok(names.into_iter().zip(versions).collect())
}

fn names(vault: &FileVault) -> Result<Vec<SecretName>> {
    let listed = vault.list().map_err(file_failure)?;
    Ok(listed.into_iter().map(|listed| listed.name).collect())
}

fn pairs(text: &Secret) -> Result<Vec<(SecretName, Secret)>> {
    let pairs = dotenv::pairs(text.expose());
    let pairs = pairs.map_err(|err| Failure::wrong(format!("line {err}")))?;
    if pairs.is_empty() {
        return Err(Failure::wrong("there is no pair in it").help("KEY=value, one a line").into());
    }
    let named = pairs.into_iter().map(|(name, value)| Ok((parse_name(&name)?, value)));
    named.collect()
}
