//! Starts the program in a folder of its own, and judges what every run of it must keep.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// A blueprint that is fine.
pub(crate) const HELLO: &str = "\
name: hello
inputs: {who: {type: string, default: world}}
blocks:
  say: {type: log_message, message: saying hello, next: answer}
  answer: {type: return_value, value: \"Hello @{inputs.who}\"}
";

/// A run that takes longer hangs.
const HARD_DEADLINE: Duration = Duration::from_secs(30);

/// A folder with files, and nothing of the person who runs the tests.
pub(crate) struct Folder {
    folder: TempDir,
    /// Variables that the program gets beside the usual ones.
    pub(crate) variables: Vec<(String, String)>,
}

/// What the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// Runs the program to its end, with something on stdin.
    #[track_caller]
    pub(crate) fn run_with(&self, args: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self.command(args).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // The program need not read what it does not want.
        drop(pipe.write_all(stdin));
        drop(pipe);
        finish(child)
    }

    /// Returns the program, not yet started; all three streams are pipes.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blueprint-under-test"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path().join("home"))
            .env("RUST_BACKTRACE", "1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// Waits for the end of a process, and ends it if it hangs.
#[track_caller]
pub(crate) fn finish(child: Child) -> Ran {
    let pid = child.id();
    let (done, is_done) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        let hangs = is_done.recv_timeout(HARD_DEADLINE).is_err();
        if hangs {
            signal(pid, "KILL");
        }
        hangs
    });
    let output = child.wait_with_output().unwrap();
    done.send(()).unwrap_or_default();
    let hangs = watch.join().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(!hangs, "it hangs\n{ran:?}");
    ran.judge();
    ran
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
    assert!(status.unwrap().success());
}

impl Ran {
    /// Checks the exit code, and that both streams hold something.
    #[track_caller]
    pub(crate) fn check(&self, code: i32, out: &str, err: &str) {
        assert_eq!(self.code, code, "\n--- stdout\n{}--- stderr\n{}", self.out, self.err);
        assert!(self.err.contains(err), "`{err}` is not in\n{}", self.err);
        assert!(self.out.contains(out), "`{out}` is not in\n{}", self.out);
        assert!(!out.is_empty() || code == 0 || self.out.is_empty(), "stdout: {}", self.out);
        let is_told = code == 0 || code > 100 || !self.err.is_empty() || !self.out.is_empty();
        assert!(is_told, "it ended with {code} and said nothing");
    }

    /// What holds for every run: it ends as documented, without a panic and without a secret.
    #[track_caller]
    fn judge(&self) {
        let codes = [0, 1, 2, 3, 130, 143];
        assert!(codes.contains(&self.code), "{self:?}");
        for stream in [&self.out, &self.err] {
            for word in ["panicked", "RUST_BACKTRACE", "stack backtrace", "unwrap()"] {
                assert!(!stream.contains(word), "{word}: {stream}");
            }
            assert!(!stream.contains("example-value-"), "a secret: {stream}");
        }
    }
}

/// Returns whether this process may do everything, so that permissions stop nobody.
pub(crate) fn is_root(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(folder).unwrap().uid() == 0
}
