//! One child process: started, awaited until it says that it is ready, stopped in time.
//!
//! A child reads its standard input until the end and then stops by itself, so that no child outlives a supervisor
//! that was killed. It runs in a process group of its own: Ctrl-C at the terminal reaches the supervisor alone.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use net::Ready;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Time for a child to end after it was asked to; above the servers' own limit of 5 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// A child's log is set aside as `.1` when it starts with more than this; one old file is kept.
const LOG_MAX_BYTES: u64 = 10 << 20;

/// How much of what a failed child wrote is shown to the person who started it.
const SAID_MAX_BYTES: u64 = 4096;

/// A child that answers.
#[derive(Debug)]
pub(crate) struct Running {
    pub ready: Ready,
    child: Child,
    /// Its end tells the child to stop. Held apart from `child`, which would close it when waiting.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// Why a child never became ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    #[error("cannot start {program}: {source}")]
    Start { program: PathBuf, source: std::io::Error },
    #[error("cannot write its log {log}: {source}")]
    Log { log: PathBuf, source: std::io::Error },
    #[error("{}", .said.as_deref().unwrap_or("it ended without a word"))]
    Ended { said: Option<String> },
    #[error("it did not become ready within {} s; its log is {}", .limit.as_secs(), .log.display())]
    Slow { limit: Duration, log: PathBuf },
}

/// Starts `program` with `arguments`, its standard error going to the file `log`, and waits for its ready line, no longer than
/// `limit`.
pub(crate) async fn spawn(
    program: &Path,
    arguments: &[String],
    log: &Path,
    limit: Duration,
) -> Result<Running, SpawnError> {
    let started = |source| SpawnError::Start { program: program.to_owned(), source };
    let (log_file, log_start) =
        open_log(log).map_err(|source| SpawnError::Log { log: log.to_owned(), source })?;
    let mut child = Command::new(program)
        .arg("--supervised")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log_file)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(started)?;
    let stdin = child.stdin.take();
    let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped above"));
    let mut line = String::new();
    let read = tokio::time::timeout(limit, stdout.read_line(&mut line)).await;
    match (read, Ready::parse(&line)) {
        (Ok(_), Some(ready)) => Ok(Running { ready, child, stdin, stdout }),
        (Ok(_), None) => Err(SpawnError::Ended { said: said_since(log, log_start) }),
        (Err(_), _) => Err(SpawnError::Slow { limit, log: log.to_owned() }),
    }
}

impl Running {
    /// Waits until the child ends, and throws away what else it prints.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let mut nowhere = tokio::io::sink();
        tokio::join!(self.child.wait(), tokio::io::copy(&mut self.stdout, &mut nowhere)).0
    }

    /// Asks the child to end, then makes it.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        signal(self.ready.pid, Signal::TERM);
        if tokio::time::timeout(STOP_TIMEOUT, self.wait()).await.is_err() {
            tracing::warn!(role = self.ready.role, "did not stop in time and is killed");
            // Fails only when it has just ended.
            let _ = self.child.kill().await;
        }
    }
}

/// Sends `which` to the process `pid`; false when it is gone.
pub(crate) fn signal(pid: u32, which: Signal) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, which).is_ok())
}

/// An exit status in words.
pub(crate) fn describe(status: std::io::Result<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(0), _) => "ended by itself".to_owned(),
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "an unknown end".to_owned(),
        },
        Err(error) => format!("an unknown end ({error})"),
    }
}

fn open_log(path: &Path) -> std::io::Result<(File, u64)> {
    // Somebody who cleaned up the logs must not keep a role from coming back.
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if std::fs::metadata(path).is_ok_and(|m| m.len() > LOG_MAX_BYTES) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    let file = File::options().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// What the child wrote to its log from `start` on: its last words.
fn said_since(log: &Path, start: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(start.max(length.saturating_sub(SAID_MAX_BYTES)))).ok()?;
    let mut text = String::new();
    file.take(SAID_MAX_BYTES).read_to_string(&mut text).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.trim_start_matches("error: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str) -> Result<Running, SpawnError> {
        let folder = tempfile::tempdir().expect("a folder");
        // The first argument is always --supervised, which a shell script sees as $0.
        let program = folder.path().join("child");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("executable");
        loop {
            match spawn(&program, &[], &folder.path().join("child.log"), Duration::from_secs(30)).await {
                // Another test's child was forked while the script was open for writing, and holds it for a moment.
                Err(SpawnError::Start { source, .. })
                    if source.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                ended => return ended,
            }
        }
    }

    const READY: &str = r#"echo '{"role":"a","pid":'$$',"urls":{}}'"#;

    #[tokio::test]
    async fn a_child_that_is_ready_can_be_stopped() {
        let running = run(&format!("{READY}; cat >/dev/null")).await.expect("ready");
        assert_eq!(running.ready.role, "a");
        let pid = running.ready.pid;
        running.stop().await;
        assert!(!signal(pid, Signal::TERM), "process {pid} is still there");
    }

    #[test]
    fn a_log_folder_that_was_removed_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log/a.log");
        assert!(open_log(&log).is_ok_and(|(_, length)| length == 0) && log.is_file());
    }

    #[tokio::test]
    async fn a_child_that_fails_is_quoted() {
        let error = run("echo 'error: port 1 is taken' >&2; exit 3").await.expect_err("it fails");
        assert_eq!(error.to_string(), "port 1 is taken");
        assert_eq!(run("exit 0").await.expect_err("it says nothing").to_string(), "it ended without a word");
    }

    #[tokio::test]
    async fn an_end_is_described() {
        let mut running = run(&format!("{READY}; kill -9 $$")).await.expect("ready");
        assert_eq!(describe(running.wait().await), "signal 9");
        let mut running = run(&format!("{READY}; exit 4")).await.expect("ready");
        assert_eq!(describe(running.wait().await), "exit code 4");
    }
}
