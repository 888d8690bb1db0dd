//! A project whose vault holds canaries, and everything that a run of the program leaves there.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use blueprint_model::token::TOKEN_LEN;
use tempfile::TempDir;
use tests::{
    canary::{Canaries, Canary},
    oracle::Oracle,
    workspace,
};

/// A folder with a project and a vault.
pub(super) struct Stage {
    folder: TempDir,
    /// Every key of the vault: `PLAIN`, `LINE`, `WILD`, and `UNUSED`, which no blueprint names.
    pub(super) canaries: [Canary; 4],
    pub(super) oracle: Oracle,
    /// Variables that the program gets beside the usual ones.
    pub(super) variables: Vec<(String, String)>,
}

/// What a run of the program printed.
pub(super) struct Printed {
    pub(super) code: i32,
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
}

impl Stage {
    /// Returns a project with an open vault that has all canaries. Its runs are kept.
    pub(super) fn new() -> Self {
        let stage = Self::empty();
        stage.write("project.yaml", "name: leaks\n");
        stage.run(&["vault", "init"]).check(0, "made the vault");
        let values: serde_json::Map<String, serde_json::Value> = stage
            .canaries
            .iter()
            .map(|canary| (canary.name.into(), canary.value.as_str().into()))
            .collect();
        let values = serde_json::Value::Object(values).to_string();
        stage.run_with(&["vault", "import", "--format", "json"], values.as_bytes()).check(0, "");
        stage
    }

    /// Returns a project without a vault.
    pub(super) fn empty() -> Self {
        let mut canaries = Canaries::fresh();
        let seed = canaries.seed;
        let canaries = [
            canaries.plain("PLAIN"),
            canaries.line("LINE"),
            canaries.wild("WILD"),
            canaries.wild("UNUSED"),
        ];
        let oracle = Oracle::new(&canaries.each_ref(), seed);
        let folder = tempfile::tempdir().unwrap();
        Self { folder, canaries, oracle, variables: Vec::new() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn value(&self, name: &str) -> &str {
        &self.canaries.iter().find(|canary| canary.name == name).unwrap().value
    }

    pub(super) fn values(&self) -> Vec<&str> {
        ["PLAIN", "LINE", "WILD"].map(|name| self.value(name)).to_vec()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs the program; nothing that it prints holds a value or a token.
    #[track_caller]
    pub(super) fn run(&self, args: &[&str]) -> Printed {
        self.run_with(args, b"")
    }

    /// Runs the program with something on stdin.
    #[track_caller]
    pub(super) fn run_with(&self, args: &[&str], stdin: &[u8]) -> Printed {
        let printed = self.start(args, stdin);
        let what = args.join(" ");
        for (stream, bytes) in [("stdout", &printed.out), ("stderr", &printed.err)] {
            let place = format!("{stream} of `{what}`");
            self.oracle.check(&place, bytes);
            check_tokens(&place, bytes);
            for word in [&b"panicked"[..], b"stack backtrace"] {
                assert!(!contains(bytes, word), "{place}: a panic\n{}", printed.text());
            }
        }
        printed
    }

    /// Runs the program and judges nothing.
    pub(super) fn start(&self, args: &[&str], stdin: &[u8]) -> Printed {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // The program need not read what it does not want.
        drop(pipe.write_all(stdin));
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        let code = output.status.code().unwrap_or(-1);
        Printed { code, out: output.stdout, err: output.stderr }
    }

    /// Returns the program, in the project, with its own variables only.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blueprint-under-test"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("PATH", "/usr/bin:/bin")
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LOG", "trace")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Checks names and bytes of every file in the project and in the home folder.
    #[track_caller]
    pub(super) fn check_files(&self) {
        for path in workspace::files(self.folder.path(), "") {
            let name = path.strip_prefix(self.folder.path()).unwrap().display().to_string();
            self.oracle.check("the name of a file", name.as_bytes());
            self.oracle.check(&format!("file {name}"), &fs::read(&path).unwrap());
        }
    }

    /// Returns the only file of a folder with this ending.
    pub(super) fn only(&self, folder: &str, ending: &str) -> PathBuf {
        let found = workspace::files(&self.path(folder), ending);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }
}

impl Printed {
    /// Checks the exit code, and that the message is still of use.
    #[track_caller]
    pub(super) fn check(&self, code: i32, said: &str) -> &Self {
        assert_eq!(self.code, code, "{}", self.text());
        self.says(said)
    }

    /// Checks that something is said on one of the streams.
    #[track_caller]
    pub(super) fn says(&self, said: &str) -> &Self {
        assert!(self.text().contains(said), "`{said}` is not in\n{}", self.text());
        self
    }

    pub(super) fn text(&self) -> String {
        let [out, err] = [&self.out, &self.err].map(|bytes| String::from_utf8_lossy(bytes));
        format!("{out}\n{err}")
    }
}

/// A token is shown to nobody. Words of a token's length and letters are rare: hashes have other
/// lengths.
#[track_caller]
fn check_tokens(place: &str, bytes: &[u8]) {
    let is_letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    for word in bytes.split(|byte| !is_letter(byte)) {
        let is_token = word.len() == TOKEN_LEN && word.iter().any(u8::is_ascii_digit);
        assert!(!is_token, "{place}: a token, {}", String::from_utf8_lossy(word));
    }
}

pub(super) fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}
