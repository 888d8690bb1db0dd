//! What is around this process: its variables, read once and here only, and who can be asked.

use std::{collections::BTreeMap, ops::Bound, path::PathBuf};

use blueprint_model::Secret;

/// Asks a person for a passphrase; `None` where nobody answers.
pub type Ask = fn(prompt: &str) -> Option<Secret>;

/// The process variables as they were at the start. Those that are not UTF-8 are left out.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// How a person is asked for the passphrase of the vault; `None` where nobody is there.
    pub(crate) ask: Option<Ask>,
}

impl Environment {
    /// Reads the variables of this process.
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os();
        let variables = pairs.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self { variables: variables.collect(), ask: None }
    }

    /// Returns an environment of these variables.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let variables = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Self { variables: variables.collect(), ask: None }
    }

    /// Returns the same with somebody to ask.
    #[must_use]
    pub fn asking(mut self, ask: Option<Ask>) -> Self {
        self.ask = ask;
        self
    }

    /// Sets variables for this process's own use, such as the folders of a demo.
    pub fn replace(&mut self, pairs: &[(&str, String)]) {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.variables.extend(pairs);
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Returns whether a variable is there and not empty.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }

    /// Takes a variable out, so that nothing after the caller can read it from here.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.variables.remove(name)
    }

    /// Returns every variable whose name begins with `prefix`, in order of names.
    pub fn with_prefix<'e>(
        &'e self,
        prefix: &'e str,
    ) -> impl Iterator<Item = (&'e str, &'e str)> + 'e {
        let from = self.variables.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the folder for a user's own data, such as a vault that belongs to no project.
    pub fn data_folder(&self) -> Option<PathBuf> {
        self.user_folder("XDG_DATA_HOME", ".local/share")
    }

    /// Returns the folder for a user's own configuration, such as the key of the vault.
    pub fn config_folder(&self) -> Option<PathBuf> {
        self.user_folder("XDG_CONFIG_HOME", ".config")
    }

    fn user_folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let named = self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from);
        Some(named.or_else(|| Some(home()?.join(below_home)))?.join("blueprint"))
    }
}

/// Variables that this program reads itself, for `help environment`.
pub const VARIABLES: &[(&str, &str)] = &[
    ("BLUEPRINT_HOME", "the folder to use instead of `.blueprint/` of the project"),
    ("BLUEPRINT_VAULT_KEY", "the key that opens the file vault; forgotten once it is read"),
    ("BLUEPRINT_SECRET_NAME", "the secret NAME, for the vault provider `env`"),
    ("NO_COLOR", "when set, no colours"),
    ("CLICOLOR_FORCE", "when set and not 0, colours also where stdout is no terminal"),
    ("CI", "when set, one line per event instead of a live tree"),
    ("TERM", "`dumb` means neither colours nor a live tree"),
    ("XDG_CONFIG_HOME", "where the vault's key file is, instead of `~/.config`"),
    ("XDG_DATA_HOME", "where the vault of no project is, instead of `~/.local/share`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_select_variables() {
        let environment = Environment::from_pairs(&[("A", "0"), ("AB_X", "1"), ("AB_Y", "2")]);
        let found: Vec<_> = environment.with_prefix("AB_").collect();
        assert_eq!(found, [("AB_X", "1"), ("AB_Y", "2")]);
    }

    #[test]
    fn user_folders_follow_the_conventions_of_the_desktop() {
        let environment = Environment::from_pairs(&[("HOME", "/home/u"), ("XDG_DATA_HOME", "/d")]);
        assert_eq!(environment.data_folder(), Some("/d/blueprint".into()));
        assert_eq!(environment.config_folder(), Some("/home/u/.config/blueprint".into()));
        assert_eq!(Environment::default().config_folder(), None);
    }
}
