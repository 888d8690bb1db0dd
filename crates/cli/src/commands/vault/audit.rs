//! `blueprint vault audit`: who used which secret, for what and where, and whether that is all.

use std::collections::VecDeque;

use anyhow::Result;
use blueprint_project::secrets::{self, audit_failure};
use blueprint_project::{project::Project, text};
use blueprint_vault::{
    AuditFault, AuditFile, AuditLine,
    audit::{self, Verified},
};
use serde_json::{Value, json};

use crate::{app::App, exit::Exit, terminal::Tone};

/// How many lines are shown where nothing says how many.
const SHOWN: usize = 50;

/// Lists every use of a secret and every refusal: time, run, block, key, host and place.
///
/// Each line is chained to the one before; a head, kept beside your key files, says how many there
/// are. Verify checks all of it and ends with 3 if a line was changed, moved, put in or cut off.
/// Next: blueprint vault policy KEY, to narrow what may be done.
///
/// Examples:
///   blueprint vault audit
///   blueprint vault audit --key ACME_KEY --limit 1000
///   blueprint vault audit --run @last --json
///   blueprint vault audit --verify
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct AuditArgs {
    /// Only this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Only this run: its id, or the beginning or the end of it; @last is the newest
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Only what was refused
    #[arg(long)]
    pub refused: bool,
    /// The newest so many lines
    #[arg(long, value_name = "N", default_value_t = SHOWN)]
    pub limit: usize,
    /// Check the whole chain instead of listing it
    #[arg(long, conflicts_with_all = ["key", "run", "refused", "limit"])]
    pub verify: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &AuditArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let audit = secrets::audit(project, &app.environment);
    if args.verify {
        return verify(&audit, args, app);
    }
    let path = audit.path().to_owned();
    let lines = match wanted(args, &path) {
        Ok(lines) => lines,
        Err(fault @ AuditFault::NotThere { .. }) => {
            if args.json {
                app.out.line("[]")?;
            }
            app.err.line(&fault.to_string())?;
            return Ok(Exit::Fine);
        }
        Err(fault) => return Err(audit_failure(fault)),
    };
    if args.json {
        let lines: Vec<Value> = lines.iter().map(|line| json!(line)).collect();
        app.out.line(&format!("{:#}", Value::Array(lines)))?;
        return Ok(Exit::Fine);
    }
    for line in &lines {
        let text = sentence(line);
        let tone = if line.decision == "allow" { Tone::Plain } else { Tone::Bad };
        let text = app.out.paint.paint(tone, &text);
        app.out.line(&text)?;
    }
    if lines.is_empty() {
        app.err.line("no use was found")?;
    }
    Ok(Exit::Fine)
}

fn verify(audit: &AuditFile, args: &AuditArgs, app: &mut App) -> Result<Exit> {
    let Verified { lines, sealed, lost, torn, earlier } = audit.verify().map_err(audit_failure)?;
    if args.json {
        let shown = json!({
            "path": audit.path().display().to_string(),
            "is_whole": true,
            "lines": lines,
            "sealed": sealed,
            "lost": lost,
            "torn_bytes": torn,
            "earlier": earlier,
        });
        app.out.line(&format!("{shown:#}"))?;
        return Ok(Exit::Fine);
    }
    let uses = text::count(usize::try_from(lines).unwrap_or(usize::MAX), "line");
    app.out.line(&format!("whole: {uses}, {sealed} of them under the head"))?;
    if lost > 0 {
        app.out.line(&format!(
            "at least {lost} at the end were lost: the machine was restarted before they were on \
             its disk"
        ))?;
    }
    if torn > 0 {
        app.out
            .line(&format!("a line of {torn} bytes was not finished; the next use cuts it off"))?;
    }
    if earlier > 0 {
        let audits = text::count(earlier, "earlier audit");
        app.out.line(&format!("{audits} of this project: moved away, or deleted"))?;
    }
    Ok(Exit::Fine)
}

fn wanted(args: &AuditArgs, path: &std::path::Path) -> Result<VecDeque<AuditLine>, AuditFault> {
    let mut last_run = None;
    if args.run.as_deref() == Some("@last") {
        audit::read(path, &mut |line| last_run = Some(line.run))?;
    }
    let run = last_run.as_deref().or(args.run.as_deref());
    let mut kept = VecDeque::new();
    audit::read(path, &mut |line| {
        let is_wanted = args.key.as_ref().is_none_or(|key| line.key == *key)
            && run.is_none_or(|run| line.run.starts_with(run) || line.run.ends_with(run))
            && (!args.refused || line.decision != "allow");
        if is_wanted {
            if kept.len() == args.limit {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    })?;
    // A limit of 0 shows nothing.
    kept.truncate(args.limit);
    Ok(kept)
}

fn sentence(line: &AuditLine) -> String {
    let time = line.time.get(..19).unwrap_or(&line.time).replace('T', " ");
    let run = &line.run[line.run.len().saturating_sub(6)..];
    let AuditLine { blueprint, block, key, version, action, .. } = line;
    let version = if *version == 0 { String::new() } else { format!(" v{version}") };
    let what = line.function.as_deref().unwrap_or("");
    let to = if line.host.is_empty() {
        line.place.clone()
    } else {
        format!("{} {}", line.host, line.place)
    };
    let decision = match &line.why {
        Some(why) => format!("REFUSED: {why}"),
        None => line.decision.clone(),
    };
    let parts = [
        time.as_str(),
        run,
        &format!("{blueprint}/{block}"),
        &format!("{key}{version}"),
        action,
        what,
        &to,
        &decision,
    ];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    text::safe(&parts.join("  ")).into_owned()
}
