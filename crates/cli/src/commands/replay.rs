//! `blueprint replay`: a kept run again, with the answers that it got.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use blueprint_engine::{
    Clock, Divergence, Ended, Engine, Fate, Ids, Rebuilt, Replay, ReplayedBlock, StartError,
    Verdict, first_difference,
};
use blueprint_journal::MemoryJournal;
use blueprint_model::{Registry, Secrets, Value, code, journal::History};
use blueprint_project::{
    canned,
    failure::Failure,
    project::{self, Project},
    store::{self, Pinned},
    text,
};
use serde_json::json;

use crate::{
    app::App,
    commands::check,
    execute,
    exit::Exit,
    terminal::{Terminal, Tone},
};

/// How much of a value is shown.
const SHOWN: usize = 100;

/// Runs a kept run again with the answers that it got, and says where it goes another way.
///
/// Nothing reaches outside: answers of requests, people and events are those that were recorded, and
/// waits take no time. All else is done anew. Exit code 1 means that something differs.
/// RUN is an id, its beginning or end, or `@last`.
/// Next: `blueprint runs show RUN`, `blueprint test --from RUN`.
///
/// Examples:
///   blueprint replay @last
///   blueprint replay 7f3k9q --against blueprints/city-weather.yaml
///   blueprint replay 7f3k9q --against city-weather --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Id of the run
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Take another definition than the one it ran with: a file, or a blueprint of this project
    #[arg(long, value_name = "FILE|NAME")]
    pub against: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Replays a run.
///
/// # Errors
///
/// Returns a failure if there is no such run, or its blueprint is not right.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let runtime = execute::runtime()?;
    let history = runtime.block_on(store::read(&*journal, &args.run))?;
    let registry = project.registry()?;
    let pinned = match &args.against {
        None => store::pinned(&history.record, &registry)?,
        Some(target) => match against(target, &history, &registry, app)? {
            Some(pinned) => pinned,
            None => return Ok(Exit::Wrong),
        },
    };
    let secrets = store::handles(&history);
    let with = Rebuilt {
        plan: pinned.plan,
        library: pinned.library,
        secrets: secrets.clone(),
        env: Arc::new(project.variables(&app.environment)),
    };
    let memory = Arc::new(MemoryJournal::forgetful());
    let engine = Engine::new(memory, Clock::System, Ids::Random, project.limits());
    let replayed = runtime.block_on(engine.replay(&history, with));
    runtime.shutdown_background();
    let replay = replayed.map_err(|err| match err {
        StartError::Inputs(misfits) => {
            let message = format!("the inputs of the run do not fit: {}", misfits.join("; "));
            Failure::wrong(message).code(code::BAD_INPUTS).into()
        }
        StartError::Journal(err) => store::failure(err),
        other @ (StartError::Known(_) | StartError::Conflict(_)) => anyhow::Error::from(other),
    })?;
    let page = Page { replay: &replay, history: &history, secrets: &secrets };
    match (args.json, &args.against) {
        (true, _) => app.out.line(&format!("{:#}", page.to_json()))?,
        (false, Some(_)) => page.table(&mut app.out)?,
        (false, None) => page.verdict(&mut app.out)?,
    }
    Ok(if replay.divergence.is_none() { Exit::Fine } else { Exit::RunFailed })
}

/// Returns another definition of the run's blueprint, or `None` after its faults were shown.
fn against(
    target: &str,
    history: &History,
    registry: &Registry,
    app: &mut App,
) -> Result<Option<Pinned>> {
    let (project, file) = Project::find(target, &PathBuf::from("."))?;
    let mut checked = project::check_file(&file, registry)?;
    let linked = project.library(&checked, registry)?;
    checked.diagnostics.extend(linked.diagnostics);
    let (false, Some(plan)) = (checked.is_refused(false), checked.plan.clone()) else {
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
        app.err.line("nothing was replayed")?;
        return Ok(None);
    };
    canned::put_again(&history.record.setup, plan, Arc::new(linked.library)).map(Some)
}

/// What is shown of a replay.
struct Page<'p> {
    replay: &'p Replay,
    history: &'p History,
    secrets: &'p Secrets,
}

impl Page<'_> {
    /// Whether the run goes the same way; if not, where it first does not.
    fn verdict(&self, out: &mut Terminal) -> Result<()> {
        let blocks = text::count(self.replay.blocks.len(), "block");
        let Some(divergence) = self.replay.divergence else {
            let so_far = match self.replay.recorded {
                Some(_) => "",
                None => "; the run has not ended, and was followed as far as it came",
            };
            let ends = if self.replay.blocks.len() == 1 { "ends" } else { "end" };
            out.line(&format!("the same: {blocks} {ends} as recorded{so_far}"))?;
            return Ok(());
        };
        let (what, then, now) = match divergence {
            Divergence::Block(at) => {
                let block = &self.replay.blocks[at];
                let what = format!("block `{}` {}", self.name(block), sentence(block));
                (what, self.ended(block.recorded.as_ref()), self.ended(block.replayed.as_ref()))
            }
            Divergence::End => {
                let end = |verdict: &Option<Verdict>| self.verdict_json(verdict.as_ref());
                let (then, now) = (end(&self.replay.recorded), end(&self.replay.replayed));
                ("every block ends as recorded, and the run does not".to_owned(), then, now)
            }
        };
        out.line(&out.paint.paint(Tone::Bad, &what))?;
        out.line(&format!("  recorded  {}", end_line(&then)))?;
        out.line(&format!("  replayed  {}", end_line(&now)))?;
        if let Some(difference) = first_difference(&then, &now)
            && !difference.path.is_empty()
            && !then.is_null()
            && !now.is_null()
        {
            out.line(&format!("first difference at `{}`", difference.path))?;
            out.line(&format!("  recorded  {}", shown(difference.first.as_ref())))?;
            out.line(&format!("  replayed  {}", shown(difference.second.as_ref())))?;
        }
        Ok(())
    }

    /// Every block that goes another way, and the value.
    fn table(&self, out: &mut Terminal) -> Result<()> {
        let others: Vec<&ReplayedBlock> =
            self.replay.blocks.iter().filter(|block| block.fate != Fate::Same).collect();
        let names: Vec<String> = others.iter().map(|block| self.name(block)).collect();
        let width = names.iter().map(|name| text::width(name)).max().unwrap_or(0).max(5);
        for (block, name) in others.iter().zip(&names) {
            let (name, word) = (text::pad(name, width), text::pad(word(block), 19));
            let line = format!("{name}  {word}  {}", self.change(block));
            out.line(line.trim_end())?;
        }
        let value =
            |verdict: &Option<Verdict>| verdict.as_ref().map(|verdict| self.view(&verdict.value));
        let (then, now) = (value(&self.replay.recorded), value(&self.replay.replayed));
        let name = text::pad("value", width);
        let word = text::pad(if then == now { "the same" } else { "differs" }, 19);
        match (&then, &now) {
            (None, _) => {}
            (Some(then), Some(now)) if then == now => {
                out.line(&format!("{name}  {word}  {}", short(now)))?;
            }
            (Some(then), now) => {
                let (then, now) = (short(then), shown(now.as_ref()));
                out.line(&format!("{name}  {word}  {then} → {now}"))?;
            }
        }
        let same = self.replay.blocks.len() - others.len();
        let same = text::count(same, "block");
        out.line(&format!("{same} the same, {} not", others.len()))?;
        Ok(())
    }

    fn change(&self, block: &ReplayedBlock) -> String {
        let word = |ended: &Option<Ended>| {
            ended.as_ref().map_or_else(|| "-".to_owned(), |ended| ended.word().to_owned())
        };
        let (then, now) = (word(&block.recorded), word(&block.replayed));
        if block.fate == Fate::Unanswered {
            return String::new();
        }
        if then != now {
            return format!("{then} → {now}");
        }
        let (first, second) =
            (self.ended(block.recorded.as_ref()), self.ended(block.replayed.as_ref()));
        first_difference(&first, &second).map_or_else(String::new, |difference| {
            let (first, second) = (difference.first, difference.second);
            let path = &difference.path;
            format!("{path}: {} → {}", shown(first.as_ref()), shown(second.as_ref()))
        })
    }

    fn to_json(&self) -> Value {
        let replay = self.replay;
        let block = |block: &ReplayedBlock| self.block_json(block);
        json!({
            "run": self.history.summary.run.as_str(),
            "blueprint": self.history.record.blueprint,
            "same": replay.divergence.is_none(),
            "first": match replay.divergence {
                Some(Divergence::Block(at)) => self.name(&replay.blocks[at]).into(),
                Some(Divergence::End) | None => Value::Null,
            },
            "blocks": replay.blocks.iter().map(block).collect::<Vec<_>>(),
            "recorded": self.verdict_json(replay.recorded.as_ref()),
            "replayed": self.verdict_json(replay.replayed.as_ref()),
        })
    }

    fn block_json(&self, block: &ReplayedBlock) -> Value {
        let (then, now) =
            (self.ended(block.recorded.as_ref()), self.ended(block.replayed.as_ref()));
        let mut json = json!({"block": self.name(block), "fate": word(block)});
        if block.fate != Fate::Same {
            if let Some(difference) = first_difference(&then, &now) {
                json["differs_at"] = difference.path.into();
            }
            json["recorded"] = then;
            json["replayed"] = now;
        }
        json
    }

    fn verdict_json(&self, verdict: Option<&Verdict>) -> Value {
        let Some(verdict) = verdict else { return Value::Null };
        let error = verdict.error.as_ref().map(|error| {
            json!({"block": error.block, "outcome": error.outcome, "message": error.message})
        });
        let mut json = json!({"status": verdict.status.as_str(), "value": *verdict.value});
        if let Some(error) = error {
            json["error"] = error;
        }
        self.view(&json)
    }

    fn ended(&self, ended: Option<&Ended>) -> Value {
        ended.map_or(Value::Null, |ended| self.view(&ended.to_json()))
    }

    /// Returns a value as people see it: handles by name.
    fn view(&self, value: &Value) -> Value {
        self.secrets.view(value).unwrap_or_else(|| value.clone())
    }

    fn name(&self, block: &ReplayedBlock) -> String {
        let name = block.block.to_string();
        let name = self.secrets.view_text(&name).unwrap_or(name);
        text::safe(&name).into_owned()
    }
}

/// Returns what became of a block, in a word or two.
fn word(block: &ReplayedBlock) -> &'static str {
    let ran = |ended: &Option<Ended>| matches!(ended, Some(Ended::Finished { .. }));
    match (block.fate, &block.replayed) {
        (Fate::Same, _) => "the same",
        (Fate::Unanswered, _) => "needs an answer",
        (Fate::Gone, _) => "would not be there",
        (Fate::New | Fate::Differs, Some(Ended::Skipped)) => "would be skipped",
        (Fate::New | Fate::Differs, Some(Ended::Cancelled)) => "would be cancelled",
        (Fate::New | Fate::Differs, _) if !ran(&block.recorded) => "would run",
        (Fate::New | Fate::Differs, _) => "differs",
    }
}

fn sentence(block: &ReplayedBlock) -> &'static str {
    match word(block) {
        "differs" => "ends another way",
        "needs an answer" => "needs an answer that nobody recorded",
        other => other,
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), short)
}

fn short(value: &Value) -> String {
    text::fit(&value.to_string(), SHOWN)
}

/// Returns an end in a line.
fn end_line(end: &Value) -> String {
    match end {
        Value::Null => "did not end".into(),
        end => short(end),
    }
}
