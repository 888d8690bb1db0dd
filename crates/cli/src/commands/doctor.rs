//! `blueprint doctor`: whether this environment is in order.

mod findings;

use anyhow::Result;
use blueprint_project::{
    findings::{Finding, Grade},
    text,
};
use serde_json::{Value, json};

use crate::{app::App, exit::Exit, terminal::Tone};

/// Looks at the environment: project, blueprints, vault and its key, the store of runs, what git
/// would commit, schemas for editors, the terminal.
///
/// It changes nothing and reads no secret's value. Exit code 3 means that something is broken.
/// Next: the command that a line names.
///
/// Examples:
///   blueprint doctor
///   blueprint doctor --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints what was found.
///
/// # Errors
///
/// Returns an error if stdout is closed.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let findings = findings::all(app);
    if args.json {
        let rows: Vec<Value> = findings.iter().map(row).collect();
        app.out.line(&format!("{:#}", Value::Array(rows)))?;
    } else {
        show(&findings, app)?;
    }
    let is_broken = findings.iter().any(|finding| finding.grade == Grade::Broken);
    Ok(if is_broken { Exit::Environment } else { Exit::Fine })
}

fn show(findings: &[Finding], app: &mut App) -> Result<()> {
    let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    for finding in findings {
        let (tone, sign) = match finding.grade {
            Grade::Good => (Tone::Good, "✓"),
            Grade::Note => (Tone::Dim, "-"),
            Grade::Doubtful => (Tone::Warn, "!"),
            Grade::Broken => (Tone::Bad, "✗"),
        };
        let sign = app.out.paint.paint(tone, sign);
        let subject = text::pad(finding.subject, width);
        app.out.line(&format!("{sign} {subject}  {}", finding.words))?;
        if let Some(hint) = &finding.hint {
            let indent = " ".repeat(width + 4);
            app.out.line(&format!("{indent}{}", app.out.paint.paint(Tone::Note, hint)))?;
        }
    }
    Ok(())
}

fn row(finding: &Finding) -> Value {
    json!({
        "subject": finding.subject,
        "grade": finding.grade.as_str(),
        "words": finding.words,
        "hint": finding.hint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_needed_to_be_examined() {
        let mut app = App::in_memory();
        let exit = run(&Args { json: false }, &mut app).unwrap();
        let shown = app.out.text();
        assert_eq!(exit, Exit::Fine, "{shown}");
        assert!(shown.contains("program") && shown.contains("terminal"), "{shown}");
    }

    #[test]
    fn findings_are_data_too() {
        let mut app = App::in_memory();
        run(&Args { json: true }, &mut app).unwrap();
        let rows: Value = serde_json::from_str(&app.out.text()).unwrap();
        assert_eq!(rows[0]["subject"], "program");
    }
}
