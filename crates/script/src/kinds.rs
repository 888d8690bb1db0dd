//! The languages of this crate as one list, and what running one needs apart from the process.

use std::sync::Arc;

use blueprint_model::{
    block::Cancel,
    limits::ScriptLimits,
    script::{Language, Program, ScriptEnd, ScriptError, Variables},
    secret::Derivation,
};

use crate::{keys::Keys, rhai::Rhai};

/// A language. A new one adds its variant, and the compiler shows the rest.
pub(crate) enum Kind {
    /// Rhai.
    Rhai(Rhai),
}

/// A variable that a script uses.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    /// Its name.
    pub(crate) name: String,
    /// The keys of it that the script uses; `None` for all.
    pub(crate) keys: Option<Vec<String>>,
}

/// What a script runs in, wherever its secrets are.
#[derive(Clone, Copy)]
pub(crate) struct Inside<'s> {
    /// The variables.
    pub(crate) variables: &'s Variables,
    /// Whoever knows the secrets.
    pub(crate) keys: &'s Arc<Keys>,
    /// Says when to stop.
    pub(crate) cancel: &'s Cancel,
    /// The bounds.
    pub(crate) limits: &'s ScriptLimits,
}

impl Kind {
    /// Returns every language.
    pub(crate) fn all(derivations: &'static [Derivation]) -> Vec<Self> {
        vec![Self::Rhai(Rhai::new(derivations))]
    }

    /// Returns it for compiling.
    pub(crate) fn language(&self) -> &dyn Language {
        match self {
            Self::Rhai(rhai) => rhai,
        }
    }

    /// Returns it for this process.
    pub(crate) fn into_language(self) -> Arc<dyn Language> {
        match self {
            Self::Rhai(rhai) => Arc::new(rhai),
        }
    }

    /// Does what the first script would wait for.
    pub(crate) fn warm(&self) {
        match self {
            Self::Rhai(rhai) => rhai.warm(),
        }
    }

    /// Returns the variables that a program uses.
    pub(crate) fn wants(&self, program: &Program) -> Vec<Want> {
        match self {
            Self::Rhai(_) => Rhai::wants(program),
        }
    }

    /// Runs a program that it compiled.
    pub(crate) fn run(
        &self,
        program: &Program,
        inside: Inside<'_>,
    ) -> Result<ScriptEnd, ScriptError> {
        match self {
            Self::Rhai(rhai) => rhai.run_inside(program, inside),
        }
    }
}
