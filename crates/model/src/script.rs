//! The contract of a script language: compile once, run many times, in a sandbox.

use std::{any::Any, fmt, sync::Arc};

use crate::{
    block::{Cancel, LogLine},
    egress::Egress,
    limits::ScriptLimits,
    value::{Shared, Value},
};

/// A script language. A script has no host: no files, network, clock, randomness or environment.
pub trait Language: Send + Sync {
    /// Returns the name in a file, as in `language: rhai`.
    fn name(&self) -> &'static str;

    /// Compiles a script, within bounds of its own on size, depth and time.
    fn compile(&self, source: &str, form: ScriptForm) -> Result<Compiled, ScriptFault>;

    /// Runs a program that this language compiled. Blocks the thread; polls `scope.cancel`.
    fn run(&self, program: &Program, scope: ScriptScope<'_>) -> Result<ScriptEnd, ScriptError>;

    /// Returns whether a thread that runs a script only waits for another process, so that it must
    /// not be one that others need.
    fn runs_elsewhere(&self) -> bool {
        false
    }
}

/// A compiled program; only its language knows what is in it.
pub type Program = Arc<dyn Any + Send + Sync>;

/// What a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptForm {
    /// Statements.
    Code,
    /// One expression.
    Expression,
}

/// What compiling gives.
pub struct Compiled {
    /// The program.
    pub program: Program,
    /// Every use of a variable that the script does not define itself.
    pub uses: Vec<VariableUse>,
}

/// A use of one of the host's variables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariableUse {
    /// The variable.
    pub name: String,
    /// The key right after it, where it is literal: `vault.K`, `vault["K"]`, `vault.get("K")`,
    /// `results.fetch`. `None`: it is used whole, or with a computed key.
    pub key: Option<String>,
    /// Whether a missing key is fine there: `vault.get("K")`.
    pub is_optional: bool,
    /// Line of the script, from 1.
    pub line: usize,
    /// Column, in characters from 1.
    pub column: usize,
}

/// A fault found when compiling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScriptFault {
    /// What is wrong.
    pub message: String,
    /// Line of the script, from 1; 0 where unknown.
    pub line: usize,
    /// Column, in characters from 1; 0 where unknown.
    pub column: usize,
    /// What to do.
    pub hint: Option<String>,
}

/// A compiled script with its language: what a block runs. Cheap to clone: each attempt holds one.
#[derive(Clone)]
pub struct Script(Arc<Inner>);

struct Inner {
    language: Arc<dyn Language>,
    program: Program,
    uses: Vec<VariableUse>,
    origin: Origin,
}

/// Where a script was written.
#[derive(Debug, Default)]
pub struct Origin {
    /// The file, as it was named.
    pub file: String,
    /// For each line of the script: line and first column in the file, from 1.
    pub lines: Vec<(usize, usize)>,
}

impl Origin {
    /// Returns `file:line:column` of a place in the script, or the file alone.
    pub fn locate(&self, line: usize, column: usize) -> String {
        match line.checked_sub(1).and_then(|at| self.lines.get(at)) {
            Some((file_line, first)) => {
                format!("{}:{file_line}:{}", self.file, first + column.saturating_sub(1))
            }
            None => self.file.clone(),
        }
    }
}

impl Script {
    /// Compiles a script.
    pub fn compile(
        language: &Arc<dyn Language>,
        source: &str,
        form: ScriptForm,
        origin: Origin,
    ) -> Result<Self, ScriptFault> {
        let Compiled { program, uses } = language.compile(source, form)?;
        Ok(Self(Arc::new(Inner { language: language.clone(), program, uses, origin })))
    }

    /// Returns every use of a variable that the script does not define itself.
    pub fn uses(&self) -> &[VariableUse] {
        &self.0.uses
    }

    /// Returns where its lines stand in the file, for messages.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Runs it. An error's message ends with its place in the blueprint file and in the script.
    pub fn run(&self, scope: ScriptScope<'_>) -> Result<ScriptEnd, ScriptError> {
        self.0.language.run(&self.0.program, scope).map_err(|mut err| {
            if err.line > 0 {
                let place = self.0.origin.locate(err.line, err.column);
                err.message = format!("{}, {place} (line {} of the script)", err.message, err.line);
            }
            err
        })
    }

    /// Returns whether who runs it only waits for another process.
    pub fn runs_elsewhere(&self) -> bool {
        self.0.language.runs_elsewhere()
    }

    /// Returns whether it uses a variable.
    pub fn uses_variable(&self, name: &str) -> bool {
        self.0.uses.iter().any(|used| used.name == name)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("language", &self.0.language.name()).finish_non_exhaustive()
    }
}

/// The host's variables of a script, by name: only those it uses.
pub type Variables = Vec<(Arc<str>, Shared)>;

/// What a script runs in. Nothing of it is left behind in the language.
pub struct ScriptScope<'s> {
    /// The variables. `state`, if among them, may be changed; all others are the script's own copy.
    pub variables: &'s Variables,
    /// The vault of the block, as variable `vault` where the script uses it.
    pub egress: &'s Egress,
    /// Says when to stop.
    pub cancel: &'s Cancel,
    /// The bounds.
    pub limits: &'s ScriptLimits,
}

/// What a script leaves.
#[derive(Debug, Default)]
pub struct ScriptEnd {
    /// The value: that of `set_output`, else of the last expression.
    pub value: Value,
    /// The state after the run, if the script has changed it.
    pub state: Option<Value>,
    /// What it logged.
    pub log: Vec<LogLine>,
}

/// Why a script stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScriptError {
    /// Why, for people; never a secret's value.
    pub message: String,
    /// Line of the script, from 1; 0 where unknown.
    pub line: usize,
    /// Column, in characters from 1; 0 where unknown.
    pub column: usize,
    /// Whether a bound ended it, or a cancel, or an error of its own.
    pub reason: ScriptStop,
}

/// What kind of end a script met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptStop {
    /// An error of its own.
    Failed,
    /// A bound of the sandbox.
    Limit,
    /// Somebody cancelled it.
    Cancelled,
}
