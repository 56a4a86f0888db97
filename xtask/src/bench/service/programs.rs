//! The two applications: how each is started, found ready, and ended.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use dbserver::{Account, DATABASE, Server, password_file};

use crate::tools::{command, root, step};

/// Nothing takes this long to start unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Workers and threads of gunicorn: the best of those that were tried on two cores.
const GUNICORN: [&str; 6] = ["--workers", "2", "--worker-class", "gthread", "--threads", "8"];

/// A running application; ended when dropped.
pub(super) struct App {
    child: Child,
    pub(super) url: String,
}

impl App {
    fn start(mut program: Command, port: u16, log: &Path) -> Result<Self> {
        let name = program.get_program().to_owned();
        let (out, err) = (File::create(log)?, File::options().append(true).create(true).open(log)?);
        let child = program
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .with_context(|| format!("{name:?}"))?;
        let mut app = Self { child, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(app.child.try_wait()?.is_none(), "{name:?} ended; see {}", log.display());
            ensure!(began.elapsed() < PATIENCE, "{name:?} does not listen; see {}", log.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(app)
    }

    /// It and its children.
    pub(super) fn processes(&self) -> Result<Vec<u64>> {
        let own = u64::from(self.child.id());
        let mut all = vec![own];
        for entry in std::fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that ends meanwhile is none of ours.
            let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
            if parent == Some(own) {
                all.push(pid);
            }
        }
        Ok(all)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Asked, not killed: gunicorn stops its workers.
        let _ = command("kill", &["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Our service, which makes the tables.
pub(super) fn ours(program: &Path, server: &Server, folder: &Path) -> Result<App> {
    let port = free_port()?;
    let mut service = Command::new(program);
    service.args(["service", "orders", "--log", "warn", "--metrics-listen", "127.0.0.1:0"]);
    service.arg("--listen").arg(format!("127.0.0.1:{port}"));
    service.arg("--log-dir").arg(folder.join("log"));
    service.arg("--database").arg(server.public_url(Account::App, DATABASE));
    service.arg("--database-password-file").arg(password_file(server.folder(), Account::App));
    let app = App::start(service, port, &folder.join("watchfire.log"))?;
    let began = Instant::now();
    // It listens before it has made the tables.
    while server.admin(DATABASE, "SELECT 1 FROM schema_version WHERE version = 2;").ok().as_deref()
        != Some("1")
    {
        ensure!(began.elapsed() < PATIENCE, "no tables were made");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(app)
}

/// The same in Python.
pub(super) fn peer(venv: &Path, server: &Server, folder: &Path) -> Result<App> {
    let port = free_port()?;
    // Counters of several workers meet in files.
    let counters = folder.join("counters");
    if counters.exists() {
        std::fs::remove_dir_all(&counters)?;
    }
    std::fs::create_dir_all(&counters)?;
    let password = std::fs::read_to_string(password_file(server.folder(), Account::App))?;
    let mut gunicorn = Command::new(venv.join("bin/gunicorn"));
    gunicorn.args(GUNICORN).arg("--bind").arg(format!("127.0.0.1:{port}"));
    gunicorn.arg("--chdir").arg(source()).arg("app:app");
    gunicorn.env("PROMETHEUS_MULTIPROC_DIR", counters).env("DATABASE_PASSWORD", password);
    let at = server.address();
    gunicorn.env("DATABASE_HOST", at.ip().to_string()).env("DATABASE_PORT", at.port().to_string());
    gunicorn.env("DATABASE_USER", "app_user").env("DATABASE_NAME", DATABASE);
    // No cache files in the source.
    gunicorn.env("PYTHONDONTWRITEBYTECODE", "1");
    App::start(gunicorn, port, &folder.join("flask.log"))
}

/// Python with what the peer requires, made once for these requirements.
pub(super) fn venv(folder: &Path) -> Result<PathBuf> {
    let (venv, wanted) = (folder.join("venv"), source().join("requirements.txt"));
    let (installed, requirements) = (venv.join("requirements.txt"), std::fs::read_to_string(&wanted)?);
    if std::fs::read_to_string(&installed).ok().as_ref() == Some(&requirements) {
        return Ok(venv);
    }
    let path = venv.to_str().context("the workspace's path")?;
    if step("venv", &mut command("python3", &["-m", "venv", "--clear", path])).is_err() {
        bail!("python3 cannot make a venv; install Debian's package python3-venv");
    }
    let mut pip = Command::new(venv.join("bin/pip"));
    step("flask and others", pip.args(["install", "--quiet", "--requirement"]).arg(&wanted))?;
    std::fs::write(installed, requirements)?;
    Ok(venv)
}

fn source() -> PathBuf {
    root().join("benches/peers/flask_orders")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
