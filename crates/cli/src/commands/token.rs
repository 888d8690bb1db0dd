//! `blueprint token`: who may ask the server for what.

use std::{collections::BTreeSet, path::Path};

use anyhow::Result;
use blueprint_model::{Journal, Value};
use blueprint_project::{failure::Failure, project::Project, secrets, store, text};
use blueprint_server::tokens::{self, Scope, Token, TokenError};
use clap::Subcommand;

use crate::{app::App, execute, exit::Exit};

/// Makes, lists and revokes tokens: by them, the server tells people and programs apart.
///
/// As soon as there is a token, everybody needs one, also on this machine.
/// Next: blueprint token create NAME, then blueprint serve.
///
/// Examples:
///   blueprint token create me --scope admin
///   blueprint token list
///   blueprint token revoke ci
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "docs here would hide those of the arguments from the help")]
pub enum Command {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Makes a token and prints it, once: only its hash is kept.
///
/// The scopes are read (look at everything, secrets by name), run (start, cancel and answer runs),
/// secrets (set, rename and delete secrets) and admin (all of it, and tokens). None holds another,
/// but admin, which holds all.
/// Next: log in with it in the browser, or send it as Authorization: Bearer TOKEN.
///
/// Examples:
///   blueprint token create me --scope admin
///   blueprint token create ci --scope read,run
///   blueprint token create ci --scope run > ci.token
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// What you call it
    pub name: String,
    /// What its bearer may do
    #[arg(
        long,
        value_name = "SCOPE,…",
        value_delimiter = ',',
        value_parser = parse_scope,
        default_value = "read,run"
    )]
    pub scope: Vec<Scope>,
}

/// Lists the tokens: name, id, scopes, and when they were made and used; never the text.
///
/// Next: blueprint token revoke NAME.
///
/// Examples:
///   blueprint token list
///   blueprint token list --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Revokes a token: a running server refuses it from the next second on, and ends its sessions.
///
/// Examples:
///   blueprint token revoke ci
///   blueprint token revoke 3f9c0a1b
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct RevokeArgs {
    /// Its name or its id
    pub token: String,
}

/// Does what was asked for with tokens.
///
/// # Errors
///
/// Returns a failure if there is no project, or its store refuses.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    if !project.is_there() {
        let failure = Failure::wrong("there is no project here: no project.yaml");
        return Err(failure.help("start one: blueprint init").into());
    }
    let journal = store::open(&project, &app.environment)?;
    let runtime = execute::runtime()?;
    runtime.block_on(act(&args.command, &*journal, app))
}

async fn act(command: &Command, journal: &dyn Journal, app: &mut App) -> Result<Exit> {
    match command {
        Command::Create(args) => create(args, journal, app).await,
        Command::List(args) => list(args, journal, app).await,
        Command::Revoke(args) => revoke(args, journal, app).await,
    }
}

async fn create(args: &CreateArgs, journal: &dyn Journal, app: &mut App) -> Result<Exit> {
    let scopes: BTreeSet<Scope> = args.scope.iter().copied().collect();
    let made = tokens::create(journal, &args.name, scopes, secrets::now()).await;
    let (token, text) = made.map_err(|err| match err {
        TokenError::Store(err) => store::failure(err),
        TokenError::Taken(_) => Failure::wrong(err.to_string())
            .help(format!("blueprint token revoke {}", text::safe(&args.name)))
            .into(),
        TokenError::Name | TokenError::NoScope | TokenError::Full => {
            Failure::wrong(err.to_string()).into()
        }
    })?;
    app.err.line(&format!("made the token {} ({})", text::safe(&token.name), scopes_of(&token)))?;
    app.err.line("this is the only time that it is shown:")?;
    app.out.line(&text)?;
    Ok(Exit::Fine)
}

async fn list(args: &ListArgs, journal: &dyn Journal, app: &mut App) -> Result<Exit> {
    let tokens = tokens::list(journal).await.map_err(store::failure)?;
    if args.json {
        let rows: Vec<Value> = tokens.iter().map(tokens::to_json).collect();
        app.out.line(&format!("{:#}", Value::Array(rows)))?;
        return Ok(Exit::Fine);
    }
    if tokens.is_empty() {
        app.err.line("there is no token: on this machine, everybody may do all")?;
        app.err.line("next: blueprint token create NAME")?;
        return Ok(Exit::Fine);
    }
    let names: Vec<String> = tokens.iter().map(|it| text::safe(&it.name).into_owned()).collect();
    let width = names.iter().map(|name| text::width(name)).max().unwrap_or(0);
    for (token, name) in tokens.iter().zip(&names) {
        let used =
            token.last_used.map_or_else(|| "never used".into(), |at| format!("used {at:.0}"));
        let (id, created, scopes) = (&token.id, token.created, scopes_of(token));
        let name = text::pad(name, width);
        app.out.line(&format!("{name}  {id}  {scopes:22}  made {created:.0}  {used}"))?;
    }
    Ok(Exit::Fine)
}

async fn revoke(args: &RevokeArgs, journal: &dyn Journal, app: &mut App) -> Result<Exit> {
    let Some(token) = tokens::revoke(journal, &args.token).await.map_err(store::failure)? else {
        let known = tokens::list(journal).await.map_err(store::failure)?;
        let known: Vec<&str> = known.iter().map(|token| token.name.as_str()).collect();
        return Err(Failure::unknown("token", &args.token, known).into());
    };
    app.err.line(&format!("revoked {} ({})", text::safe(&token.name), token.id))?;
    let left = tokens::list(journal).await.map_err(store::failure)?.len();
    if left == 0 {
        app.err.line("that was the last one: on this machine, everybody may do all again")?;
    }
    Ok(Exit::Fine)
}

fn scopes_of(token: &Token) -> String {
    let names: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    names.join(",")
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "the scopes are read, run, secrets and admin".into())
}
