//! Tests of the `vault` commands, in a project of their own.

use std::{fs, path::PathBuf, sync::Arc};

use blueprint_model::{Secret, SecretName};
use blueprint_project::environment::Environment;
use blueprint_vault::{FileVault, KeySource, NewSecret, WeakValues};
use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use blueprint_project::secrets;

/// A command as it is typed.
#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

struct Place(TempDir);

impl Place {
    /// Returns a project with a vault that has `ACME_KEY` and `UNUSED`.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("project.yaml", "name: test\n");
        fs::create_dir_all(place.path("blueprints")).unwrap();
        let keys = Arc::new(KeySource::Folder(place.path("config/blueprint/keys")));
        let vault = FileVault::init(place.path(".blueprint/vault"), keys).unwrap();
        for (name, value) in [("ACME_KEY", "hunter2-hunter3"), ("UNUSED", "value-of-none")] {
            let name = SecretName::parse(name).unwrap();
            let value = Secret::new(value.into());
            let (weak, now) = (WeakValues::Refuse, secrets::now());
            vault.set(NewSecret { name, value, policy: None, weak, now }).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs a command; `~` stands for the folder. Returns its end, stdout and stderr.
    fn run(&self, line: &str) -> (Result<Exit>, String, String) {
        let folder = self.0.path().display().to_string();
        let words = line.split_whitespace().map(|word| word.replace('~', &folder));
        let line = Line::try_parse_from(["vault".to_owned()].into_iter().chain(words)).unwrap();
        let mut app = App::in_memory();
        let config = self.path("config").display().to_string();
        app.environment = Environment::from_pairs(&[("XDG_CONFIG_HOME", &config)]);
        let project = Project::of_folder(self.0.path()).unwrap();
        let end = act_on(&line.command, &project, &mut app);
        (end, app.out.text(), app.err.text())
    }

    #[track_caller]
    fn check(&self, line: &str, expected: &str) -> String {
        let (end, out, err) = self.run(line);
        assert_eq!(end.unwrap(), Exit::Fine, "{line}: {err}");
        assert_eq!(out, expected, "{line}");
        err
    }

    #[track_caller]
    fn check_refused(&self, line: &str, expected: &str) {
        let (end, _, _) = self.run(line);
        let message = end.unwrap_err().to_string();
        assert!(message.contains(expected), "{line}: {message}");
    }

    #[track_caller]
    fn json(&self, line: &str) -> Value {
        let (_, out, err) = self.run(line);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{line}: {out} {err}"))
    }

    /// Runs a blueprint of the project.
    fn run_blueprint(&self, name: &str) -> blueprint_engine::RunEnd {
        let mut app = App::in_memory();
        let config = self.path("config").display().to_string();
        app.environment = Environment::from_pairs(&[("XDG_CONFIG_HOME", &config)]);
        let registry = blueprint_project::wiring::registry();
        let (project, file) = Project::find(name, self.0.path()).unwrap();
        let checked = blueprint_project::project::check_file(&file, &registry).unwrap();
        let linked = project.library(&checked, &registry).unwrap();
        let plan = checked.plan.expect("it has no fault");
        let start = blueprint_engine::StartRun {
            secrets: secrets::load(&linked.library.secrets(&plan), &project, &app.environment)
                .unwrap(),
            env: Arc::default(),
            payload: json!({}),
            inputs: json!({}),
            timeout: None,
            origin: blueprint_engine::Origin::default(),
            library: Arc::new(linked.library),
            plan,
        };
        let runtime = crate::execute::runtime().unwrap();
        let engine = crate::execute::forgetful_engine(project.limits());
        runtime.block_on(async { engine.start(start).await.unwrap().finished().await.unwrap() })
    }
}

const REVEAL: &str = "name: look\nsecrets: {ACME_KEY: {}}\nblocks:\n  look: {type: code, reveal: \
                      [ACME_KEY], code: 'vault.ACME_KEY.len()'}\n";

#[test]
fn a_policy_is_shown_and_set() {
    let place = Place::new();
    let shown = "hosts       any\nplaces      any\nblueprints  any\nreveal      deny\n\
                 expires     never\n";
    place.check("policy ACME_KEY", shown);
    place.check(
        "policy ACME_KEY --hosts api.acme.example,*.acme.example:8443 --places \
         header:Authorization,body --blueprints city-weather --reveal allow --expires 2099-01-31",
        "hosts       api.acme.example, *.acme.example:8443\nplaces      header:authorization, \
         body\nblueprints  city-weather\nreveal      allow\nexpires     2099-01-31T00:00:00Z\n",
    );
    let policy = place.json("policy ACME_KEY --hosts any --expires never --json");
    let expected = json!({
        "hosts": [], "places": ["header:authorization", "body"], "blueprints": ["city-weather"],
        "reveal": "allow", "expires": null, "name": "ACME_KEY",
    });
    assert_eq!(policy, expected);
    let err = place.check("policy ACME_KEY --places any --blueprints any --reveal deny", shown);
    assert_eq!(err, "changed the policy of ACME_KEY\n");
    assert_eq!(place.check("policy ACME_KEY --reveal deny", shown), "");
    place.check_refused("policy ACME_KEY --hosts a/b", "`a/b` is no host");
    place.check_refused("policy ACME_KEY --places nowhere", "`nowhere` is no place");
    place.check_refused("policy ACME_KEY --blueprints A", "`A` cannot be the name");
    place.check_refused("policy ACME_KEY --expires soon", "`soon` is no time");
    place.check_refused("policy OTHER", "the vault file has no `OTHER`");
}

#[test]
fn uses_are_audited_and_a_changed_audit_is_found() {
    let place = Place::new();
    place.write("blueprints/look.yaml", REVEAL);
    assert_eq!(place.json("audit --json"), json!([]));
    let end = place.run_blueprint("look");
    let message = end.error.expect("the vault does not permit it").message;
    assert!(message.contains("may not be revealed"), "{message}");
    place.run("policy ACME_KEY --reveal allow").0.unwrap();
    assert_eq!(*place.run_blueprint("look").value, json!(15));
    let lines = place.json("audit --json");
    let facts: Vec<(&Value, &Value)> =
        lines.as_array().unwrap().iter().map(|line| (&line["use"], &line["decision"])).collect();
    assert_eq!(facts, [(&json!("reveal"), &json!("refuse")), (&json!("reveal"), &json!("allow")),]);
    assert_eq!(place.json("audit --json --refused").as_array().unwrap().len(), 1);
    assert_eq!(place.json("audit --json --key OTHER"), json!([]));
    assert_eq!(place.json("audit --json --run @last")[0]["n"], 2);
    assert_eq!(place.json("audit --json --limit 1")[0]["n"], 2);
    let (_, out, _) = place.run("audit");
    assert!(out.ends_with("look/look  ACME_KEY v1  reveal  script  allow\n"), "{out}");
    place.check("audit --verify", "whole: 2 lines, 2 of them under the head\n");

    let path = place.path(".blueprint/audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("refuse", "allow_")).unwrap();
    place.check_refused("audit --verify", "line 2 of the audit");
    place.check_refused("status", "line 2 of the audit");
    let cut: Vec<&str> = text.lines().take(2).collect();
    fs::write(&path, cut.join("\n") + "\n").unwrap();
    place.check_refused("audit --verify", "was cut: it had at least 2 lines");
    let message = place.run_blueprint("look").error.expect("no audit, no use").message;
    assert!(message.contains("is not used, because the audit cannot be kept"), "{message}");
}

#[test]
fn what_a_script_revealed_is_in_no_error() {
    let place = Place::new();
    place.run("policy ACME_KEY --reveal allow").0.unwrap();
    for code in
        ["throw vault.ACME_KEY", "parse_int(vault.ACME_KEY)", "let m = vault.ACME_KEY; m.x()"]
    {
        place.write("blueprints/look.yaml", &REVEAL.replace("vault.ACME_KEY.len()", code));
        let message = place.run_blueprint("look").error.expect("it fails").message;
        assert!(!message.contains("hunter"), "{message}");
        assert!(message.contains("withheld"), "{message}");
    }
    assert!(!fs::read_to_string(place.path(".blueprint/audit.jsonl")).unwrap().contains("hunter"));
}

#[test]
fn usage_finds_uses_missing_and_unused_keys() {
    let place = Place::new();
    place.write("blueprints/look.yaml", REVEAL);
    place.write(
        "blueprints/send.yaml",
        "name: send\nblocks:\n  get:\n    type: http_request\n    url: https://a.example/\n    \
         headers: {X-Key: '@{vault.ACME_KEY}', X-Other: '@{vault.OTHER}'}\n",
    );
    place.write("blueprints/broken.yaml", "name: broken\nblocks: {}\n");
    let (end, out, err) = place.run("usage");
    assert_eq!(end.unwrap(), Exit::Wrong);
    let out = out.replace(&format!("{}/", place.0.path().display()), "");
    assert_eq!(
        out,
        "ACME_KEY\n  blueprints/look.yaml:4  look.reveal: REVEALED to the script\n  \
         blueprints/look.yaml:4  look.code: its handle, in a script\n  blueprints/send.yaml:6  \
         get.headers.X-Key: to a.example, header:x-key\nOTHER  MISSING: no source has it\n  \
         blueprints/send.yaml:6  get.headers.X-Other: to a.example, header:x-other\n\
         unused: UNUSED\n"
    );
    assert!(err.contains("broken.yaml has faults"), "{err}");
    let usage = place.json("usage --json");
    assert_eq!((&usage["missing"], &usage["unused"]), (&json!(["OTHER"]), &json!(["UNUSED"])));
    let (end, out, _) = place.run("usage ACME_KEY");
    assert_eq!(end.unwrap(), Exit::Fine);
    assert!(!out.contains("OTHER") && !out.contains("UNUSED"), "{out}");
}

#[test]
fn a_backup_goes_out_and_comes_back() {
    let place = Place::new();
    place.write("pass", "correct horse battery\n");
    place.check("export ~/b --passphrase-file ~/pass", "");
    place.check_refused("export ~/b --passphrase-file ~/pass", "is there already");
    place.check_refused("export ~/c", "a passphrase is asked for");
    assert!(!fs::read_to_string(place.path("b")).unwrap().contains("ACME_KEY"));
    place.run("delete UNUSED --yes").0.unwrap();
    let err = place.check("import ~/b --passphrase-file ~/pass", "");
    assert_eq!(err, "is the same already: ACME_KEY (version 1)\nstored UNUSED (version 1)\n");
    place.write("wrong", "correct mouse battery\n");
    place.check_refused("import ~/b --passphrase-file ~/wrong", "does not open");
    place.write("list", "ACME_KEY=a-newer-value\n");
    place.check_refused("import ~/list --existing refuse", "has `ACME_KEY` already");
    place.check("import ~/list", "");
    place.check_refused("import ~/b --passphrase-file ~/pass", "another `ACME_KEY` already");
    let err = place.check("import ~/b --passphrase-file ~/pass --existing replace", "");
    assert!(err.starts_with("replaced ACME_KEY (version 3)\n"), "{err}");
}

#[test]
fn a_key_is_rotated_and_everything_stays() {
    let place = Place::new();
    let err = place.check("rotate-key", "");
    assert!(err.contains("has a new key"), "{err}");
    assert_eq!(place.json("list --json").as_array().unwrap().len(), 2);
    place.write("pass", "correct horse battery\n");
    place.check("rotate-key --passphrase-file ~/pass", "");
    place.check_refused("status", "is locked");
}

#[test]
fn status_tells_what_matters() {
    let place = Place::new();
    place.run("policy ACME_KEY --expires 1d").0.unwrap();
    let status = place.json("status --json");
    assert_eq!(status["sources"], json!(["file", "env"]));
    assert_eq!((&status["entries"], &status["is_open"]), (&json!(2), &json!(true)));
    assert!(status["expired_or_soon"][0].as_str().unwrap().starts_with("ACME_KEY "));
    assert!(status["key_file"].as_str().unwrap().ends_with(".key"));
    let (_, out, _) = place.run("status");
    assert!(out.contains("it opens     yes\n"), "{out}");
}

#[test]
fn a_program_can_be_the_source() {
    let place = Place::new();
    place.write("give", "read name; echo value-of-$name\n");
    place.write("project.yaml", "vault: [{command: sh ./give}]\n");
    place.write(
        "blueprints/send.yaml",
        "name: send\nblocks:\n  a: {type: code, code: vault.FROM_IT}\n",
    );
    assert_eq!(*place.run_blueprint("send").value, json!("⟨vault.FROM_IT⟩"));
    place.write("project.yaml", "vault: [{command: ' '}]\n");
    place.check_refused("list", "`command` names no program");
}
