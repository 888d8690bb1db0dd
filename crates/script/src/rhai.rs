//! The language `rhai`.
//!
//! A run starts on its caller's thread and stays there while it is small: a few thousand operations,
//! a megabyte, a few milliseconds. One that proves bigger is thrown away and starts again on a
//! thread with a big stack, under the watch of its caller, and its program goes there at once the
//! next times. Nothing of a run is seen before its end, so starting again is invisible.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use blueprint_model::{
    limits::ScriptLimits,
    script::{
        Compiled, Language, Program, ScriptEnd, ScriptError, ScriptFault, ScriptForm, ScriptScope,
        ScriptStop, VariableUse, Variables,
    },
    secret::Derivation,
    value::Value,
};
use rhai::{AST, Dynamic, Engine, EvalAltResult, Position, Scope, Stmt};

use crate::{
    guard::{self, Stop},
    keys::Keys,
    kinds::{Inside, Want},
    threads::{self, Lost},
};

mod compare;
mod engine;
mod errors;
mod faults;
mod json;
mod lists;
mod print;
mod secrets;
mod session;
mod strings;
mod uses;
mod values;

use self::{session::Fallible, session::Session};

/// Largest source, whatever the limits say: compiling asks nobody for more time.
const MAX_SOURCE: usize = 64 << 10;

/// The language `rhai`; the engine is built when first needed.
pub(crate) struct Rhai {
    derivations: &'static [Derivation],
    engine: Arc<OnceLock<Engine>>,
}

/// A compiled script. Nothing of a run is in it.
struct Parsed {
    ast: AST,
    size: usize,
    variables: Vec<Want>,
    wants_vault: bool,
    may_change_state: bool,
    weight: Weight,
}

/// Whether runs of a program have proved too big for their caller's thread. One may have seemed so
/// because the machine was busy, so the caller's thread is tried again after a while, which doubles
/// each time.
#[derive(Default)]
struct Weight {
    /// How many runs go to a thread at once.
    runs_left: AtomicU32,
    /// How many the next time.
    runs_next: AtomicU32,
}

impl Weight {
    /// Most runs between two trials.
    const MOST_RUNS: u32 = 1024;

    /// Returns whether a run goes to a thread at once.
    fn is_heavy(&self) -> bool {
        // Runs side by side may both count as one: that only delays the trial.
        let left = self.runs_left.load(Ordering::Relaxed);
        if left > 0 {
            self.runs_left.store(left - 1, Ordering::Relaxed);
        }
        left > 0
    }

    fn note_heavy(&self) {
        let next = self.runs_next.load(Ordering::Relaxed).max(1);
        self.runs_left.store(next, Ordering::Relaxed);
        self.runs_next.store((next * 2).min(Self::MOST_RUNS), Ordering::Relaxed);
    }

    fn note_small(&self) {
        if self.runs_next.load(Ordering::Relaxed) > 0 {
            self.runs_next.store(0, Ordering::Relaxed);
        }
    }
}

/// Why a run ended without an end, before it is known whether its text may be shown.
struct Failure {
    described: errors::Described,
    has_revealed: bool,
}

type Outcome = Result<ScriptEnd, Failure>;

impl Rhai {
    pub(crate) fn new(derivations: &'static [Derivation]) -> Self {
        Self { derivations, engine: Arc::default() }
    }

    fn engine(&self) -> &Engine {
        self.engine.get_or_init(|| engine::build(self.derivations))
    }

    /// Builds the engine.
    pub(crate) fn warm(&self) {
        self.engine();
    }

    /// Returns the variables that a program of this language uses.
    pub(crate) fn wants(program: &Program) -> Vec<Want> {
        program.downcast_ref::<Parsed>().map_or_else(Vec::new, |parsed| parsed.variables.clone())
    }

    /// Runs a program, wherever its secrets are.
    pub(crate) fn run_inside(
        &self,
        program: &Program,
        inside: Inside<'_>,
    ) -> Result<ScriptEnd, ScriptError> {
        let program = program
            .clone()
            .downcast::<Parsed>()
            .expect("a program is run by the language that compiled it");
        let Inside { variables, keys, cancel, limits } = inside;
        if program.size > limits.size {
            return Err(error(too_long(program.size, limits), Position::NONE, ScriptStop::Limit));
        }
        if !program.weight.is_heavy() {
            guard::begin_inline(limits, cancel);
            let outcome = execute(self.engine(), &program, variables, keys, limits);
            match guard::end() {
                Some(Stop::Heavy) => program.weight.note_heavy(),
                stop => {
                    program.weight.note_small();
                    return conclude(outcome, stop, limits);
                }
            }
        }
        let engine = self.engine.clone();
        let (variables, keys) = (variables.clone(), keys.clone());
        let own_limits = limits.clone();
        let answer = threads::run(limits, cancel, move |gauge| {
            guard::begin_watched(&own_limits, gauge, threads::CALL_STACK);
            let engine = engine.get().expect("compiling has built the engine");
            let outcome = execute(engine, &program, &variables, &keys, &own_limits);
            (outcome, guard::end())
        });
        match answer {
            Ok((outcome, stop)) => conclude(outcome, stop, limits),
            Err(lost) => Err(lost_error(lost, limits)),
        }
    }
}

impl Language for Rhai {
    fn name(&self) -> &'static str {
        "rhai"
    }

    fn compile(&self, source: &str, form: ScriptForm) -> Result<Compiled, ScriptFault> {
        if source.len() > MAX_SOURCE {
            let message =
                format!("the script has {} bytes; the most is {MAX_SOURCE}", source.len());
            let hint = "split it into several blocks";
            return Err(faults::fault(message, Position::NONE, Some(hint)));
        }
        let ast = self.engine().compile(source).map_err(|err| faults::from_parser(&err, source))?;
        if form == ScriptForm::Expression {
            check_expression(&ast)?;
        }
        let found = uses::find(&ast);
        if let Some(fault) = found.fault {
            return Err(fault);
        }
        let parsed = Parsed {
            size: source.len(),
            variables: wanted(&found.uses, found.may_change_state),
            wants_vault: found.uses.iter().any(|used| used.name == "vault"),
            may_change_state: found.may_change_state,
            weight: Weight::default(),
            ast,
        };
        Ok(Compiled { program: Arc::new(parsed), uses: found.uses })
    }

    fn run(&self, program: &Program, scope: ScriptScope<'_>) -> Result<ScriptEnd, ScriptError> {
        let ScriptScope { variables, egress, cancel, limits } = scope;
        let keys = Arc::new(Keys::Own(egress.clone()));
        self.run_inside(program, Inside { variables, keys: &keys, cancel, limits })
    }
}

/// An expression is one statement that has a value, and nothing beside it.
fn check_expression(ast: &AST) -> Result<(), ScriptFault> {
    let refuse =
        |message: &str, position, hint| Err(faults::fault(message.into(), position, Some(hint)));
    if let Some(function) = ast.iter_fn_def().find(|function| !function.name.starts_with("anon$")) {
        let position = function.body.start_position();
        return refuse("an expression has no functions", position, "use a `code` block");
    }
    match ast.statements() {
        [] => refuse("the expression is empty", Position::NONE, "`true` is always true"),
        [Stmt::Expr(_) | Stmt::FnCall(..) | Stmt::If(..) | Stmt::Switch(..)] => Ok(()),
        [Stmt::Assignment(x)] => refuse(
            "an expression changes nothing",
            x.0.position(),
            "write `==` to compare; use a `code` block to change something",
        ),
        [other] => refuse("this is no expression", other.position(), "use a `code` block"),
        [_, second, ..] => {
            refuse("an expression is one, not several", second.position(), "use a `code` block")
        }
    }
}

/// Returns the variables that are used. A state that may change is wanted whole: it comes back whole.
fn wanted(uses: &[VariableUse], may_change_state: bool) -> Vec<Want> {
    let mut list: Vec<Want> = Vec::new();
    for used in uses.iter().filter(|used| used.name != "vault") {
        let at = list.iter().position(|wanted| wanted.name == used.name).unwrap_or_else(|| {
            list.push(Want { name: used.name.clone(), keys: Some(Vec::new()) });
            list.len() - 1
        });
        let is_whole = may_change_state && used.name == "state";
        match (&mut list[at].keys, used.key.as_ref().filter(|_| !is_whole)) {
            (Some(keys), Some(key)) if !keys.contains(key) => keys.push(key.clone()),
            (Some(_), Some(_)) | (None, _) => {}
            (keys, None) => *keys = None,
        }
    }
    list
}

/// Runs a program on this thread, between [`guard::begin_inline`] and [`guard::end`].
fn execute(
    engine: &Engine,
    program: &Parsed,
    variables: &Variables,
    keys: &Arc<Keys>,
    limits: &ScriptLimits,
) -> Outcome {
    session::open(keys, limits.output);
    let run = AssertUnwindSafe(|| {
        let mut scope = Scope::new();
        let value = fill(&mut scope, program, variables)
            .and_then(|()| evaluate(engine, program, &mut scope));
        let session = session::close();
        finish(value, session, &mut scope, program, variables)
    });
    panic::catch_unwind(run).unwrap_or_else(|_| {
        let has_revealed = session::close().is_some_and(|session| session.has_revealed);
        Err(Failure { described: errors::panicked(), has_revealed })
    })
}

fn fill(scope: &mut Scope<'_>, program: &Parsed, variables: &Variables) -> Fallible<()> {
    for wanted in &program.variables {
        let Some((_, value)) = variables.iter().find(|(name, _)| **name == *wanted.name) else {
            continue;
        };
        let value = match (&wanted.keys, &**value) {
            (Some(keys), Value::Object(object)) => values::to_dynamic_keys(object, keys)?,
            (_, value) => values::to_dynamic(value)?,
        };
        scope.push_dynamic(wanted.name.as_str(), value);
    }
    if program.wants_vault {
        scope.push("vault", secrets::Vault);
    }
    Ok(())
}

fn evaluate(engine: &Engine, program: &Parsed, scope: &mut Scope<'_>) -> Fallible<Dynamic> {
    engine.eval_ast_with_scope::<Dynamic>(scope, &program.ast).or_else(|err| match *err {
        EvalAltResult::Exit(value, _) => Ok(value),
        _ => Err(err),
    })
}

fn finish(
    value: Fallible<Dynamic>,
    session: Option<Session>,
    scope: &mut Scope<'_>,
    program: &Parsed,
    variables: &Variables,
) -> Outcome {
    let (output, log, has_revealed) = session.map_or_else(Default::default, |session| {
        (session.output, session.log, session.has_revealed)
    });
    let end = value.and_then(|last| {
        let value = values::to_value(output.unwrap_or(last))?;
        let state = if program.may_change_state { new_state(scope, variables)? } else { None };
        Ok(ScriptEnd { value, state, log })
    });
    end.map_err(|err| Failure { described: errors::describe(&err), has_revealed })
}

fn new_state(scope: &mut Scope<'_>, variables: &Variables) -> Fallible<Option<Value>> {
    let Some((_, before)) = variables.iter().find(|(name, _)| &**name == "state") else {
        return Ok(None);
    };
    // The first `state` of the scope is the host's; the script may have made others above it.
    let Some(after) = scope.iter_raw().find(|(name, ..)| *name == "state") else { return Ok(None) };
    let after = values::to_value(after.2.clone())?;
    Ok((after != **before).then_some(after))
}

fn conclude(
    outcome: Outcome,
    stop: Option<Stop>,
    limits: &ScriptLimits,
) -> Result<ScriptEnd, ScriptError> {
    let failure = match (outcome, stop) {
        (Ok(end), None) => return Ok(end),
        (Ok(_), Some(stop)) => return Err(stop_error(stop, Position::NONE, limits)),
        (Err(failure), _) => failure,
    };
    let Failure { described, has_revealed } = failure;
    if let Some(stop) = stop.or(described.stop) {
        return Err(stop_error(stop, described.position, limits));
    }
    let message = if has_revealed && !described.is_plain {
        format!(
            "the script failed ({}); the message is withheld because the script knows a secret's \
             value",
            described.kind
        )
    } else {
        described.text
    };
    Err(error(message, described.position, ScriptStop::Failed))
}

fn stop_error(stop: Stop, position: Position, limits: &ScriptLimits) -> ScriptError {
    stop.to_error(limits, position.line().unwrap_or(0), position.position().unwrap_or(0))
}

fn lost_error(lost: Lost, limits: &ScriptLimits) -> ScriptError {
    match lost {
        Lost::Stuck(stop) => stop_error(stop, Position::NONE, limits),
        Lost::NoThread(err) => error(
            format!("no thread could be started for the script: {err}"),
            Position::NONE,
            ScriptStop::Limit,
        ),
        Lost::Dead => error(errors::panicked().text, Position::NONE, ScriptStop::Failed),
    }
}

fn too_long(size: usize, limits: &ScriptLimits) -> String {
    let most = limits.size;
    format!(
        "the script has {size} bytes, more than {most}; `limits.script_size` in project.yaml raises \
         this bound"
    )
}

fn error(message: String, position: Position, reason: ScriptStop) -> ScriptError {
    ScriptError {
        message,
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(0),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_tried_again_after_ever_more_runs_until_one_is_small() {
        let weight = Weight::default();
        let runs_until_trial = || {
            let runs = std::iter::repeat_with(|| weight.is_heavy());
            runs.take_while(|is_heavy| *is_heavy).count()
        };
        for expected in [0, 1, 2, 4] {
            assert_eq!(runs_until_trial(), expected);
            weight.note_heavy();
        }
        (0..20).for_each(|_| weight.note_heavy());
        assert_eq!(runs_until_trial(), Weight::MOST_RUNS as usize);
        weight.note_small();
        weight.note_heavy();
        assert_eq!(runs_until_trial(), 1);
    }
}
