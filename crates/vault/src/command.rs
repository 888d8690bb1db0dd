//! Secrets from a program: it gets a name on its standard input and prints the value.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use blueprint_model::{
    Provider, ProviderError, SecretName,
    provider::{Entry, Listed},
};
use zeroize::Zeroizing;

use crate::{env::unversioned, file::MAX_VALUE_BYTES};

/// How long a program may take for one secret.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a program is looked at that has closed its output and not ended yet.
const POLL: Duration = Duration::from_millis(5);

/// A program that knows secrets.
///
/// It is started without a shell, in the project's folder, with no variable but `PATH`. It reads one
/// line, the name of the secret, and prints the value; one line end after it is dropped. Printing
/// nothing and ending well means that it has none of that name. Its error output is not read.
#[derive(Debug, Clone)]
pub struct CommandSource {
    /// The program and its arguments, with spaces between them.
    pub program: String,
    /// Where it runs; a program whose name has a `/` is looked for from here.
    pub folder: PathBuf,
    /// The variable `PATH`.
    pub path: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
}

impl CommandSource {
    fn start(&self) -> io::Result<Child> {
        let mut words = self.program.split_whitespace();
        let program = words.next().ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        let program = match program.contains('/') {
            true => std::path::absolute(self.folder.join(program))?,
            false => Path::new(program).to_owned(),
        };
        let mut command = Command::new(program);
        command.args(words).env_clear().current_dir(&self.folder);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    }

    /// Returns what the program prints. The child is gone when this returns.
    fn ask(&self, name: &SecretName) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut child = self.start().map_err(|err| format!("cannot be started: {err}"))?;
        let asked = self.talk(&mut child, name);
        if asked.is_err() {
            // It may have ended by itself meanwhile.
            drop(child.kill());
            drop(child.wait());
        }
        asked
    }

    fn talk(&self, child: &mut Child, name: &SecretName) -> Result<Zeroizing<Vec<u8>>, String> {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read it is welcome to answer all the same.
            drop(writeln!(stdin, "{name}"));
        }
        let stdout = child.stdout.take().ok_or("has no output")?;
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let mut bytes = Zeroizing::new(Vec::with_capacity(4 << 10));
            let limit = MAX_VALUE_BYTES as u64 + 3;
            let read = stdout.take(limit).read_to_end(&mut bytes).map(|_| bytes);
            // Nobody waits for it any more once its time is up.
            drop(sender.send(read));
        });
        let late = || format!("took more than {} s", self.timeout.as_secs_f32());
        let bytes = receiver.recv_timeout(self.timeout).map_err(|_| late())?;
        let bytes = bytes.map_err(|err| format!("cannot be read: {err}"))?;
        if bytes.len() > MAX_VALUE_BYTES + 2 {
            return Err(format!("printed more than {MAX_VALUE_BYTES} bytes"));
        }
        let status = self.end_of(child).ok_or_else(late)?;
        match status.code() {
            Some(0) => Ok(bytes),
            Some(code) => Err(format!("ended with status {code}")),
            None => Err("was ended by a signal".into()),
        }
    }

    fn end_of(&self, child: &mut Child) -> Option<ExitStatus> {
        let mut waited = Duration::ZERO;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if waited < self.timeout => {
                    thread::park_timeout(POLL);
                    waited += POLL;
                }
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

impl Provider for CommandSource {
    fn name(&self) -> &'static str {
        "command"
    }

    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
        let failed = |why: String| ProviderError::Unavailable {
            message: format!("the program `{}` {why}", self.program),
            source: None,
        };
        let bytes = self.ask(name).map_err(failed)?;
        let text = str::from_utf8(&bytes).map_err(|_| failed("printed no text".into()))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Ok((!text.is_empty()).then(|| unversioned(name, text)))
    }

    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
        Ok(None)
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Runs a script of the shell as the program.
    fn ask(script: &str, timeout: Duration) -> Result<Option<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("give"), format!("{script}\n")).unwrap();
        let source = CommandSource {
            program: "sh ./give".into(),
            folder: folder.path().into(),
            path: Some("/usr/bin:/bin".into()),
            timeout,
        };
        let entry = source.get(&SecretName::parse("ACME_KEY").unwrap());
        entry.map(|entry| entry.map(|it| it.value.expose().into())).map_err(|err| err.to_string())
    }

    #[track_caller]
    fn check(script: &str, expected: Result<Option<&str>, &str>) {
        let found = ask(script, TIMEOUT);
        let expected = expected.map(|text| text.map(str::to_owned));
        let expected = expected.map_err(|why| format!("the program `sh ./give` {why}"));
        assert_eq!(found, expected, "{script}");
    }

    #[test]
    fn the_name_goes_in_and_the_value_comes_out() {
        check("read name; echo value-of-$name", Ok(Some("value-of-ACME_KEY")));
        check("printf 'two\\nlines\\n\\n'", Ok(Some("two\nlines\n")));
        check("printf 'a\\r\\n'", Ok(Some("a")));
        check("exit 0", Ok(None));
        check("echo", Ok(None));
    }

    #[test]
    fn its_environment_is_empty_but_for_the_path() {
        check("env | grep -vE '^(PATH|PWD|SHLVL|_|OLDPWD)=' | head -c 100", Ok(None));
        check("echo $PATH", Ok(Some("/usr/bin:/bin")));
    }

    #[test]
    fn what_goes_wrong_is_said_without_what_it_printed() {
        check("echo s3cr3t; exit 3", Err("ended with status 3"));
        check("kill -9 $$", Err("was ended by a signal"));
        check("printf '\\377'", Err("printed no text"));
        check("head -c 70000 /dev/zero", Err("printed more than 65536 bytes"));
        check("yes", Err("printed more than 65536 bytes"));
    }

    #[test]
    fn it_has_a_deadline() {
        let short = Duration::from_millis(100);
        let expected = Err("the program `sh ./give` took more than 0.1 s".to_owned());
        assert_eq!(ask("exec sleep 60", short), expected);
        assert_eq!(ask("exec >&-; exec sleep 60", short), expected);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let source = CommandSource {
            program: "./no/such".into(),
            folder: ".".into(),
            path: None,
            timeout: TIMEOUT,
        };
        let err = source.get(&SecretName::parse("A").unwrap()).err().unwrap().to_string();
        assert!(err.starts_with("the program `./no/such` cannot be started: "), "{err}");
    }
}
