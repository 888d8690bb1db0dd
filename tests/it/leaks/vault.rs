//! The vault's own commands, its sources, and what they leave.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{
    mirror::Mirror,
    stage::{Stage, contains},
};

const USES: &str = "name: uses\nblocks:\n  say: {type: return_value, value: \"@{vault.PLAIN}\"}\n";

/// The key in a key file; the lines before it are a comment.
fn key_in(path: &Path) -> String {
    fs::read_to_string(path).unwrap().lines().last().unwrap().to_owned()
}

#[test]
fn commands_of_the_vault_show_no_value() {
    let stage = Stage::new();
    stage.write("uses.yaml", USES);
    stage.write("phrase", "a long passphrase for tests\n");
    let plain = stage.value("PLAIN").to_owned();
    for (args, code, said) in [
        (["vault", "list"].as_slice(), 0, "PLAIN"),
        (&["vault", "list", "--json"], 0, "PLAIN"),
        (&["vault", "status"], 0, "vault"),
        (&["vault", "status", "--json"], 0, "vault"),
        (&["vault", "usage"], 0, "PLAIN"),
        (&["vault", "usage", "--json"], 0, "PLAIN"),
        (&["vault", "policy", "PLAIN"], 0, ""),
        (&["vault", "audit"], 0, ""),
        (&["vault", "audit", "--json"], 0, ""),
        (&["vault", "rename", "UNUSED", "SPARE"], 0, "renamed"),
        (&["vault", "rename", "PLAIN", "LINE"], 2, "LINE"),
        (&["vault", "export", "copy", "--passphrase-file", "phrase"], 0, ""),
        (&["vault", "import", "copy", "--passphrase-file", "phrase"], 0, "PLAIN"),
        (&["vault", "delete", "SPARE", "--yes"], 0, "deleted"),
        (&["vault", "get", "PLAIN"], 2, "get"),
        (&["vault", "set", "PLAIN", &plain], 2, "BP0606"),
        (&["vault", "set", &format!("PLAIN={plain}")], 2, "BP0606"),
        (&["vault", "set", "PLAIN", &format!("--value={plain}")], 2, "BP0606"),
        (&["vault", "rotate-key"], 0, ""),
        (&["run", "uses.yaml"], 0, "⟨vault.PLAIN⟩"),
    ] {
        stage.run(args).check(code, said);
    }
    stage.check_files();
}

#[test]
fn input_that_is_refused_is_not_repeated() {
    let mut stage = Stage::new();
    let [plain, line] = ["PLAIN", "LINE"].map(|name| stage.value(name).to_owned());
    stage.variables = vec![("FROM".into(), line.clone())];
    stage.run(&["vault", "set", "COPY", "--from-env", "FROM"]).check(0, "COPY");
    stage.run(&["vault", "set", "COPY", "--from-file", "gone"]).check(2, "gone");
    for (args, stdin, said) in [
        (["vault", "set", "no name"].as_slice(), plain.clone(), "name"),
        (&["vault", "set", "COPY", "--host", "a b/"], plain.clone(), "host"),
        (&["vault", "set", "COPY"], plain.repeat(100_000), "COPY"),
        (&["vault", "import", "--format", "json"], format!("{{\"A\": \"{plain}\" x"), "line 1"),
        (&["vault", "import", "--format", "json"], format!("{{\"A\": [\"{plain}\"]}}"), "line 1"),
        (&["vault", "import", "--format", "json"], format!("{{\"a b\": \"{plain}\"}}"), "a b"),
        (&["vault", "import", "--format", "env"], format!("A='{plain}\n"), "1"),
        (&["vault", "import", "--format", "backup"], plain.clone(), "passphrase"),
    ] {
        let printed = stage.run_with(args, stdin.as_bytes());
        assert!([2, 3].contains(&printed.code), "{args:?}\n{}", printed.text());
        printed.says(said);
    }
    let bytes = [plain.as_bytes(), b"\xff"].concat();
    let printed = stage.run_with(&["vault", "set", "COPY"], &bytes);
    assert!([2, 3].contains(&printed.code), "{}", printed.text());
    stage.check_files();
}

/// Each source is asked for a key; what it says when it fails holds no value.
#[test]
fn other_sources_show_no_value() {
    let mut stage = Stage::empty();
    fs::create_dir(stage.path("blueprints")).unwrap();
    stage.write("blueprints/uses.yaml", USES);
    let [plain, line] = ["PLAIN", "LINE"].map(|name| stage.value(name).to_owned());
    stage.write("project.yaml", "name: x\nvault: [dotenv]\n");
    stage.write(".env", &format!("PLAIN={plain}\n"));
    stage.run(&["run", "uses"]).check(0, "⟨vault.PLAIN⟩");
    stage.write(".env", &format!("PLAIN=\"{plain}\nnext {line}\n"));
    stage.run(&["run", "uses"]).check(3, ".env");
    fs::remove_file(stage.path(".env")).unwrap();
    stage.write("project.yaml", "name: x\nvault: [env]\n");
    stage.variables = vec![("BLUEPRINT_SECRET_PLAIN".into(), plain.clone())];
    stage.run(&["run", "uses"]).check(0, "⟨vault.PLAIN⟩");
    stage.variables.clear();
    for (script, code) in
        [("printf %s \"$V\"", 0), ("printf %s \"$V\"; echo \"$V\" >&2; exit 1", 3)]
    {
        let script = script.replace("$V", &plain);
        stage.write("give", &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(stage.path("give"), fs::Permissions::from_mode(0o700)).unwrap();
        stage.write("project.yaml", "name: x\nvault: [{command: ./give}]\n");
        stage.run(&["run", "uses"]).check(code, "PLAIN");
    }
}

/// A program that gives secrets sees nothing of the process that asks it.
#[test]
fn a_child_gets_neither_variables_nor_arguments() {
    let mut stage = Stage::new();
    fs::create_dir(stage.path("blueprints")).unwrap();
    stage.write("blueprints/uses.yaml", &USES.replace("PLAIN", "GIVEN"));
    let value = stage.value("WILD").lines().next().unwrap().to_owned();
    let key = key_in(&stage.only("home", ".key"));
    stage.variables = vec![
        ("BLUEPRINT_VAULT_KEY".into(), key.clone()),
        ("BLUEPRINT_SECRET_OTHER".into(), value.clone()),
    ];
    stage.write("project.yaml", "name: x\nvault: [file, {command: ./give}]\n");
    stage.write(
        "give",
        "#!/bin/sh\nenv > seen\ntr '\\0' ' ' < /proc/$$/cmdline >> seen\n\
                         echo example-value-given\n",
    );
    fs::set_permissions(stage.path("give"), fs::Permissions::from_mode(0o700)).unwrap();
    stage.run(&["run", "uses"]).check(0, "⟨vault.GIVEN⟩");
    let seen = fs::read(stage.path("seen")).unwrap();
    assert!(contains(&seen, b"give"), "it saw nothing");
    assert!(!contains(&seen, key.as_bytes()), "it saw the key of the vault");
    stage.oracle.check("what a child sees", &seen);
}

/// The key of the vault is in none of the outputs and files, and in no blueprint.
#[test]
fn the_key_of_the_vault_is_shown_to_nobody() {
    let mut stage = Stage::new();
    let path = stage.only("home", ".key");
    let key = key_in(&path);
    fs::remove_file(&path).unwrap();
    fs::create_dir(stage.path("blueprints")).unwrap();
    stage.write("blueprints/uses.yaml", USES);
    stage.write("project.yaml", "name: x\n");
    for (given, code) in [(key.clone(), 0), (format!("{key}x"), 3), (key.replace('a', "b"), 3)] {
        stage.variables = vec![("BLUEPRINT_VAULT_KEY".into(), given.clone())];
        for args in [["run", "uses"], ["vault", "status"]] {
            let printed = stage.run(&args);
            assert_eq!(printed.code, code, "{}", printed.text());
            for shown in [&key, &given] {
                assert!(!printed.text().contains(shown.as_str()), "{}", printed.text());
            }
        }
    }
    stage.check_files();
}

/// What opens the vault, and secrets in variables, are of no blueprint.
#[test]
fn no_project_can_list_the_variables_of_the_vault() {
    let mut stage = Stage::empty();
    let value = stage.value("PLAIN").to_owned();
    fs::create_dir(stage.path("blueprints")).unwrap();
    for variable in ["BLUEPRINT_VAULT_KEY", "BLUEPRINT_SECRET_PLAIN"] {
        stage.variables = vec![(variable.into(), value.clone())];
        stage.write("project.yaml", &format!("name: x\nenv: [{variable}]\nvault: [env]\n"));
        let peeks = format!(
            "name: peeks\nblocks:\n  say: {{type: return_value, value: \"@{{env.{variable}}}\"}}\n"
        );
        stage.write("blueprints/peeks.yaml", &peeks);
        let printed = stage.start(&["run", "peeks"], b"");
        assert!(!contains(&printed.out, value.as_bytes()), "{}", printed.text());
        assert!(printed.text().contains("the vault's own"), "{}", printed.text());
    }
}

/// The key that no blueprint names is not read: the audit knows of no use, and a run needs it not.
#[test]
fn uses_are_audited_and_others_do_not_happen() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let text = format!(
        "name: sends\nblocks:\n  send: {{type: http_request, url: {:?}, headers: {{X-Key: \
         \"@{{vault.PLAIN}}\"}}, next: {{success: other, connection_error: other}}}}\n  other: {{type: \
         http_request, url: \"http://api.acme.example/\", headers: {{X-Key: \"@{{vault.LINE}}\"}}, \
         next: {{connection_error: end}}}}\n  end: {{type: log_message, message: done}}\n",
        mirror.url("/echo")
    );
    stage.write("sends.yaml", &text);
    stage.run(&["run", "sends.yaml"]);
    stage.run(&["vault", "audit"]).check(0, "PLAIN").says("REFUSED");
    stage.run(&["vault", "audit", "--key", "UNUSED"]).check(0, "no use was found");
    stage.run(&["vault", "audit", "--verify"]).check(0, "whole");
    // Without an audit there is no use.
    let audit = stage.path(".blueprint/audit.jsonl");
    let bytes = fs::read(&audit).unwrap();
    fs::write(&audit, &bytes[..bytes.len() / 2]).unwrap();
    let before = mirror.received();
    let printed = stage.run(&["run", "sends.yaml"]);
    printed.says("audit");
    assert_eq!(mirror.received(), before, "a secret was used without an audit");
    stage.check_files();
}
