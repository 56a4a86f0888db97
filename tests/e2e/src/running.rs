//! A lab started from the built binary, in a folder of its own that is kept when a test fails.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lab::{DatabaseKind, Endpoints, LabConfig};
use net::{Client, ClientOptions, Fetched};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::until;

/// A debug build on a busy machine needs a few seconds, a database server on a slow disk half a minute; more means broken.
const START_LIMIT: Duration = Duration::from_secs(300);
/// Roles end one after the other, and each that hangs is given eight seconds.
const STOP_LIMIT: Duration = Duration::from_secs(180);
/// What an unoptimised build takes for a hard query while twenty others run.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_MAX_BYTES: usize = 16 << 20;

/// The binary under test: built by the same profile as the test itself, or the one that `WATCHFIRE_E2E_BINARY` names.
///
/// # Panics
/// When it has not been built.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("WATCHFIRE_E2E_BINARY") {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        return root.join(named);
    }
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    let binary = folder.join("watchfire");
    assert!(binary.is_file(), "{} is missing: cargo build -p cli", binary.display());
    binary
}

/// `watchfire up` on free ports.
#[derive(Debug)]
pub struct RunningLab {
    child: Child,
    folder: Option<TempDir>,
    client: Client,
    roles: Vec<String>,
    killed: Vec<u32>,
}

/// The small lab that most tests use.
fn small_lab() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab.yml")
}

impl RunningLab {
    /// Starts the small lab and waits until all its roles are ready.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_in(new_folder(), arguments).await
    }

    /// Starts the small lab on a folder that an earlier one may have left.
    pub async fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        Self::start_lab(Some(&small_lab()), folder, arguments).await
    }

    /// Starts the small lab with an agent on another database, on a folder that an earlier one may have left.
    pub async fn start_on(kind: DatabaseKind, folder: TempDir) -> Self {
        let name = format!("{kind:?}").to_lowercase();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab-agent.yml");
        Self::start_lab(Some(&file), folder, &["--db", &name]).await
    }

    /// Starts the lab that people start, with its whole fleet.
    pub async fn start_whole(arguments: &[&str]) -> Self {
        Self::start_lab(None, new_folder(), arguments).await
    }

    async fn start_lab(file: Option<&Path>, folder: TempDir, arguments: &[&str]) -> Self {
        let lab = file.map_or_else(LabConfig::builtin, |file| LabConfig::read(file).expect("a good lab.yml"));
        let child = Command::new(binary())
            .args(["up", "--ports", "auto", "--data-dir"])
            .arg(folder.path())
            .args(file.iter().flat_map(|file| [Path::new("--lab"), file]))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let client = Client::new(ClientOptions::named("watchfire-e2e")).expect("a client");
        let roles = lab::roles_of(&lab).into_iter().map(|role| role.name).collect();
        let mut lab = Self { child, folder: Some(folder), client, roles, killed: Vec::new() };
        until("the lab is ready", START_LIMIT, async || {
            if let Ok(Some(status)) = lab.child.try_wait() {
                panic!("up ended while starting: {status}");
            }
            let known = Endpoints::read(lab.data_dir()).map_err(|e| e.to_string())?;
            let missing: Vec<_> = lab.roles.iter().filter(|role| !known.0.contains_key(*role)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:?}")) }
        })
        .await;
        lab
    }

    /// The names of its roles.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Where it keeps everything.
    pub fn data_dir(&self) -> &Path {
        self.folder.as_ref().expect("the folder is there until the lab ends").path()
    }

    /// The pid of the supervisor.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Who runs where, now.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints::read(self.data_dir()).expect("endpoints.json")
    }

    /// The URL `name` of `role`.
    pub fn url(&self, role: &str, name: &str) -> String {
        self.endpoints().url(role, name).unwrap_or_else(|| panic!("{role} has no URL {name}"))
    }

    /// Asks for any URL.
    pub async fn get(&self, url: &str) -> Result<Fetched, String> {
        self.client.get(url, &[], ANSWER_LIMIT, ANSWER_MAX_BYTES).await.map_err(|e| format!("{url}: {e}"))
    }

    /// Asks for a JSON document that must come with status 200.
    pub async fn json(&self, url: &str) -> Result<Value, String> {
        let answer = self.get(url).await?;
        let text = String::from_utf8_lossy(&answer.body);
        if answer.status != 200 {
            return Err(format!("{url}: {} {text}", answer.status));
        }
        serde_json::from_str(&text).map_err(|e| format!("{url}: {e}: {text}"))
    }

    /// Posts JSON; gives status and answer.
    pub async fn post(&self, url: &str, body: &Value) -> Result<(u16, Value), String> {
        let answer =
            self.client.post_json(url, body, &[], ANSWER_LIMIT).await.map_err(|e| format!("{url}: {e}"))?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }

    /// The value of an instant query that gives exactly one series (or a scalar).
    pub async fn query(&self, query: &str) -> Result<f64, String> {
        self.query_at(query, None).await
    }

    /// The same at a moment, in seconds since the epoch.
    pub async fn query_at(&self, query: &str, at_s: Option<f64>) -> Result<f64, String> {
        let url = format!("{}/api/v1/query", self.url("monitor", "prometheus"));
        let at = at_s.map(|at| at.to_string());
        let mut form = vec![("query", query)];
        form.extend(at.iter().map(|at| ("time", at.as_str())));
        let answer = self.client.post_form(&url, &form, ANSWER_LIMIT).await.map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let result = &answer["data"]["result"];
        let point = if answer["data"]["resultType"] == "scalar" { result } else { &result[0]["value"] };
        let single =
            answer["data"]["resultType"] == "scalar" || result.as_array().is_some_and(|a| a.len() == 1);
        let value = point[1].as_str().filter(|_| single).and_then(|v| v.parse().ok());
        value.ok_or_else(|| format!("{query}: {answer}"))
    }

    /// What Loki's API answers at `path`, which must come with status 200.
    pub async fn loki(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("{}/loki/api/v1/{path}", self.url("monitor", "loki"));
        let answer = self.client.post_form(&url, form, ANSWER_LIMIT).await.map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&answer.body);
        if answer.status != 200 {
            return Err(format!("{form:?}: {} {text}", answer.status));
        }
        serde_json::from_str(&text).map_err(|e| format!("{form:?}: {e}: {text}"))
    }

    /// The newest lines that a query of logs finds, with the labels of their streams.
    pub async fn lines(&self, query: &str) -> Result<Vec<(Value, String)>, String> {
        let answer = self.loki("query_range", &[("query", query), ("limit", "500")]).await?;
        let streams = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let of_stream = |stream: Value| {
            let lines = stream["values"].as_array().cloned().unwrap_or_default();
            lines
                .into_iter()
                .map(move |line| (stream["stream"].clone(), line[1].as_str().unwrap_or_default().to_owned()))
        };
        Ok(streams.into_iter().flat_map(of_stream).collect())
    }

    /// Ends a role as `kill -9` does. One that was killed before answers again before the supervisor has written down its new
    /// process: that is waited for.
    pub async fn kill(&mut self, role: &str) {
        let pid = until(&format!("a process of {role}"), START_LIMIT, async || {
            let pid = self.endpoints().0.get(role).and_then(|endpoint| endpoint.pid);
            pid.filter(|pid| !self.killed.contains(pid)).ok_or("none, or the one that was killed")
        })
        .await;
        kill_process(pid_of(pid), Signal::KILL).unwrap_or_else(|e| panic!("{role} ({pid}): {e}"));
        self.killed.push(pid);
    }

    /// Stops the lab as Ctrl-C does and gives its folder back.
    pub async fn stop(mut self) -> TempDir {
        kill_process(pid_of(self.pid()), Signal::INT).expect("it runs");
        let ended = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        let status = ended.expect("it stops in time").expect("its end can be awaited");
        assert!(status.success(), "up ended with {status}");
        self.folder.take().expect("the folder is there until the lab ends")
    }
}

fn new_folder() -> TempDir {
    tempfile::Builder::new().prefix("watchfire-e2e-").tempdir().expect("a folder")
}

/// A process id as the kernel's calls want it.
fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not zero")
}

impl Drop for RunningLab {
    /// A failing test leaves the folder for a look, and no process: children end when their supervisor does.
    #[expect(clippy::print_stderr, reason = "for whoever looks at the failed test")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("kept for a look: {}", folder.keep().display());
        }
    }
}
