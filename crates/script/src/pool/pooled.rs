//! A language that compiles here and runs in a worker.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use blueprint_model::script::{
    Compiled, Language, Program, ScriptEnd, ScriptError, ScriptFault, ScriptForm, ScriptScope,
    ScriptStop,
};

use super::{Pool, Size, hire::NoWorker, process::Broken};
use crate::{
    guard::Stop,
    kinds::{Kind, Want},
};

/// A language whose scripts run in the workers of a pool.
pub(crate) struct Pooled {
    kind: Kind,
    pool: Pool,
}

/// A script as it is sent.
pub(super) struct Parcel {
    /// A number that no other script of this process has.
    pub(super) id: u64,
    /// Its language.
    pub(super) language: &'static str,
    /// What it is.
    pub(super) form: ScriptForm,
    /// Its text.
    pub(super) source: String,
    /// The variables it uses.
    pub(super) wants: Vec<Want>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl Pooled {
    /// Returns a language that runs in the workers of a pool.
    pub(crate) fn new(kind: Kind, pool: Pool) -> Self {
        Self { kind, pool }
    }
}

impl Language for Pooled {
    fn name(&self) -> &'static str {
        self.kind.language().name()
    }

    fn compile(&self, source: &str, form: ScriptForm) -> Result<Compiled, ScriptFault> {
        let Compiled { program, uses } = self.kind.language().compile(source, form)?;
        let parcel = Parcel {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            language: self.name(),
            form,
            source: source.into(),
            wants: self.kind.wants(&program),
        };
        Ok(Compiled { program: Arc::new(parcel), uses })
    }

    fn runs_elsewhere(&self) -> bool {
        true
    }

    fn run(&self, program: &Program, scope: ScriptScope<'_>) -> Result<ScriptEnd, ScriptError> {
        let parcel = program
            .downcast_ref::<Parcel>()
            .expect("a program is run by the language that compiled it");
        let mut worker =
            self.pool.hire(Size::of(scope.limits), scope.cancel).map_err(|none| match none {
                NoWorker::Cancelled => Stop::Cancelled.to_error(scope.limits, 0, 0),
                NoWorker::Failed(err) => {
                    failed(format!("no process could be started for the script: {err}"))
                }
            })?;
        worker.run(parcel, &scope).unwrap_or_else(|(broken, obituary)| {
            Err(match broken {
                Broken::Stopped(stop) => stop.to_error(scope.limits, 0, 0),
                Broken::Dead => failed(format!(
                    "the script ended its process ({obituary}), most likely because it used too \
                     much memory"
                )),
                Broken::Nonsense => {
                    failed("the script's process broke the rules and was ended".into())
                }
            })
        })
    }
}

fn failed(message: String) -> ScriptError {
    ScriptError { message, line: 0, column: 0, reason: ScriptStop::Limit }
}
