//! What a person reads about cases: one line each, and what differs.

use anyhow::Result;
use blueprint_model::Value;
use blueprint_project::{failure::Failure, text};

use super::{Case, Difference, Tally, Verdict};
use crate::{
    app::App,
    render::diff,
    terminal::{Paint, Tone},
};

/// Prints how a case went.
pub(super) fn case(blueprint: &str, case: &Case, verdict: &Verdict, app: &mut App) -> Result<()> {
    let paint = app.out.paint;
    let (tone, sign) = match verdict {
        Verdict::Passed => (Tone::Good, "✓"),
        Verdict::Failed(_) | Verdict::Broken(_) => (Tone::Bad, "✗"),
    };
    let sign = paint.paint(tone, sign);
    let name = text::fit(&case.name, usize::MAX);
    app.out.line(&format!("{sign} {blueprint}: {name}"))?;
    match verdict {
        Verdict::Passed => {}
        Verdict::Failed(differences) => {
            if case.expect.is_none() {
                app.out.line("    nothing is expected yet; with --update this is written:")?;
            }
            let title = paint.paint(Tone::Dim, "--- expected  +++ actual");
            app.out.line(&format!("    {title}"))?;
            for difference in differences {
                app.out.line(&part(difference, paint))?;
            }
        }
        Verdict::Broken(why) => app.out.line(&format!("    {}", why.replace('\n', "\n    ")))?,
    }
    Ok(())
}

/// Prints how many cases went how, and what to do.
pub(super) fn summary(tally: Tally, app: &mut App) -> Result<()> {
    let Tally { passed, failed, updated } = tally;
    let mut words = format!("{}: {passed} passed", text::count(passed + failed, "case"));
    if failed > 0 {
        words = format!("{words}, {failed} failed");
    }
    if updated > 0 {
        words = format!("{words}, {updated} of them by writing what came: read the change");
    }
    Ok(app.out.line(&words)?)
}

/// Returns an error's message with its hint.
pub(super) fn one_line(err: &anyhow::Error) -> String {
    let hint = err.downcast_ref::<Failure>().and_then(|failure| failure.hint.as_deref());
    hint.map_or(err.to_string(), |hint| format!("{err}\nhelp: {hint}"))
}

fn part(difference: &Difference, paint: Paint) -> String {
    let Difference { key, expected, actual } = difference;
    let old = expected.as_ref().map_or(String::new(), |expected| lines(key, expected));
    let new = lines(key, actual);
    let lines = diff::unified(&old, &new, paint);
    let lines: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

fn lines(key: &str, value: &Value) -> String {
    let map = Value::Object([(key.to_owned(), value.clone())].into_iter().collect());
    let text = blueprint_syntax::yaml_of(&map);
    let safe: Vec<String> = text.lines().map(|line| text::safe(line).into_owned()).collect();
    safe.join("\n")
}
