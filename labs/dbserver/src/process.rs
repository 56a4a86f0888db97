//! Running the package's programs: those that end by themselves, and the server.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{AtPath, Error};

/// How much of what a program said is quoted.
const SAID_MAX_CHARS: usize = 2000;

/// A program with its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// All of its environment but the path; the passwords of clients go this way.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Who runs it, if not we.
    pub(crate) user: Option<&'static str>,
    /// Where it starts; a folder that it may enter.
    pub(crate) working_folder: PathBuf,
}

impl Call {
    /// The command. `orphaned` is the signal that it gets when the thread that started it is gone.
    pub(crate) fn command(&self, orphaned: &str) -> Command {
        let mut command = Command::new("setpriv");
        if let Some(user) = self.user {
            command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
        }
        command.arg(format!("--pdeathsig={orphaned}")).arg("--").arg(&self.program).args(&self.arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.working_folder).stdin(Stdio::null());
        command
    }

    /// Runs it to its end with `input`; what it printed.
    pub(crate) fn run(&self, what: &'static str, input: &str) -> Result<String, Error> {
        let mut command = self.command("KILL");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().at("setpriv")?;
        let mut stdin = child.stdin.take().expect("standard input is piped above");
        // One that ended early says why by its exit code.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().at(&self.program)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => {
                let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
                Err(Error::Program { what, said: last_words(&said) })
            }
        }
    }
}

/// The end of `text`, which is where programs say what went wrong.
pub(crate) fn last_words(text: &str) -> String {
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(SAID_MAX_CHARS);
    text.chars().skip(skipped).collect()
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) end: End,
}

/// How a process ended, once it has.
#[derive(Debug, Clone)]
pub struct End(Arc<(Mutex<Option<String>>, Condvar)>);

impl End {
    /// Waits for the end; how it was.
    pub fn wait(&self) -> String {
        loop {
            if let Some(how) = self.wait_for(Duration::from_secs(3600)) {
                return how;
            }
        }
    }

    /// The same, no longer than `limit`.
    pub(crate) fn wait_for(&self, limit: Duration) -> Option<String> {
        let (status, changed) = &*self.0;
        let deadline = Instant::now() + limit;
        let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
        while status.is_none() {
            let left = deadline.checked_duration_since(Instant::now())?;
            status = changed.wait_timeout(status, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        status.clone()
    }

    fn set(&self, how: String) {
        let (status, changed) = &*self.0;
        *status.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
        changed.notify_all();
    }
}

impl Process {
    /// Starts `command` from a thread that lives as long as the process: the signal for orphans goes by threads.
    pub(crate) fn start(mut command: Command) -> Result<Self, Error> {
        let (tell, told) = mpsc::channel();
        let end = End(Arc::default());
        let ended = end.clone();
        let keeper = move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(tell.send(Err(error))),
            };
            // Whoever asked waits for this, so it is heard.
            let _ = tell.send(Ok(child.id()));
            let status = child.wait();
            ended.set(status.map_or_else(|error| error.to_string(), describe));
        };
        std::thread::Builder::new().name("db-server".to_owned()).spawn(keeper).at("a thread")?;
        let gone = || std::io::Error::other("its thread ended");
        let pid = told.recv().map_err(|_| gone()).flatten().at("setpriv")?;
        Ok(Self { pid, end })
    }

    /// Sends a signal, unless it has ended.
    pub(crate) fn signal(&self, which: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (None, Some(pid)) = (self.end.wait_for(Duration::ZERO), pid) {
            // It may have ended just now.
            let _ = kill_process(pid, which);
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Call {
        Call {
            program: "/bin/sh".into(),
            arguments: ["-c", script].map(OsString::from).into(),
            environment: vec![("WORD", "hidden".to_owned())],
            user: None,
            working_folder: "/".into(),
        }
    }

    #[test]
    fn a_program_gets_input_and_environment_and_is_quoted_when_it_fails() {
        assert_eq!(shell("cat; echo $WORD").run("a script", "x\n").expect("runs"), "x\nhidden");
        let error = shell("echo broken >&2; exit 3").run("a script", "").expect_err("fails").to_string();
        assert_eq!(error, "a script failed: broken");
    }

    #[test]
    fn an_end_is_waited_for_and_described() {
        let process = Process::start(shell("read x").command("KILL")).expect("starts");
        assert_eq!(process.end.wait(), "exit code 1");
        let process = Process::start(shell("exec sleep 600").command("KILL")).expect("starts");
        assert_eq!(process.end.wait_for(Duration::from_millis(1)), None);
        process.signal(Signal::KILL);
        assert_eq!(process.end.wait(), "signal 9");
    }

    #[test]
    fn last_words_are_the_end() {
        let long = format!("{}end", "x".repeat(SAID_MAX_CHARS));
        assert!(last_words(&long).ends_with("xend") && last_words(&long).len() == SAID_MAX_CHARS);
        assert_eq!(last_words(" a "), "a");
    }
}
