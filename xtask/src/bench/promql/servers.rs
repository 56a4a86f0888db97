//! The servers that are compared: each a process of its own with a folder of its own, ended when dropped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::process::{Usage, peak_mb, usage};
use crate::tools::{command, has, output};

/// Nothing takes this long to start unless it is broken.
const START_MAX: Duration = Duration::from_secs(60);
/// How often it is asked whether it is ready: what the quickest start takes is measured with it.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// No query of the set takes longer on any of them.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// How long all of them keep samples: more than a month, which is measured too.
const KEPT: &str = "60d";

/// A running server.
pub(in crate::bench) struct Server {
    pub(in crate::bench) name: &'static str,
    pub(in crate::bench) version: String,
    /// Sent with each query, besides the query.
    pub(in crate::bench) extra: &'static str,
    /// The counter of samples it has stored.
    samples: &'static str,
    port: u16,
    child: Child,
}

/// Ours, and of the others those that are installed.
pub(in crate::bench) fn start_all(binary: &Path, folder: &Path, config: &Path) -> Result<Vec<Server>> {
    let mut servers = vec![ours(binary, folder, config)?];
    for (program, start) in [
        ("prometheus", prometheus as fn(&Path, &Path) -> Result<Server>),
        ("victoria-metrics", victoria_metrics),
    ] {
        if has(program) {
            servers.push(start(folder, config)?);
        } else {
            println!("   {program} is not installed (Debian's package of that name): left out");
        }
    }
    Ok(servers)
}

pub(in crate::bench) fn ours(binary: &Path, folder: &Path, config: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(binary);
    command
        .args(["monitor", "--retention", KEPT, "--config"])
        .arg(config)
        .arg("--data-dir")
        .arg(folder.join("watchfire"));
    command
        .args([
            "--enable-admin-api",
            "--ui-listen",
            "127.0.0.1:0",
            "--alertmanager-listen",
            "127.0.0.1:0",
            "--loki-listen",
            "127.0.0.1:0",
            "--prometheus-listen",
        ])
        .arg(format!("127.0.0.1:{port}"));
    Server::start(
        "watchfire",
        command,
        folder,
        port,
        "",
        "prometheus_tsdb_head_samples_appended_total",
        "/-/ready",
    )
}

/// Ours with these routes; what is asked is its Alertmanager port.
pub(in crate::bench) fn ours_alerting(binary: &Path, folder: &Path, routes: &Path) -> Result<Server> {
    let port = free_port()?;
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, "scrape_configs: []\n")?;
    let mut command = Command::new(binary);
    command.arg("monitor").arg("--config").arg(config);
    command.arg("--alertmanager-config").arg(routes).arg("--data-dir").arg(folder.join("watchfire"));
    command.args(["--ui-listen", "127.0.0.1:0", "--prometheus-listen", "127.0.0.1:0"]);
    command.args(["--loki-listen", "127.0.0.1:0"]);
    command.arg("--alertmanager-listen").arg(format!("127.0.0.1:{port}"));
    Server::start("watchfire", command, folder, port, "", "", "/-/ready")
}

/// Ours with this `loki.yml`; what is asked is its Loki port. The port of its pages comes with it. Its data goes to `folder/NAME`.
pub(in crate::bench) fn ours_logs(
    binary: &Path,
    folder: &Path,
    loki: &Path,
    name: &'static str,
) -> Result<(Server, u16)> {
    let (port, ui_port) = (free_port()?, free_port()?);
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, "scrape_configs: []\n")?;
    let mut command = Command::new(binary);
    command.arg("monitor").arg("--config").arg(config).arg("--data-dir").arg(folder.join(name));
    command.arg("--loki-config").arg(loki).arg("--ui-listen").arg(format!("127.0.0.1:{ui_port}"));
    command.args(["--prometheus-listen", "127.0.0.1:0", "--alertmanager-listen", "127.0.0.1:0"]);
    command.arg("--loki-listen").arg(format!("127.0.0.1:{port}"));
    let lines = "loki_distributor_lines_received_total";
    Ok((Server::start(name, command, folder, port, "", lines, "/ready")?, ui_port))
}

/// Our agent with this `promtail.yml`.
pub(in crate::bench) fn agent(binary: &Path, folder: &Path, promtail: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(binary);
    command.arg("agent").arg("--promtail-config").arg(promtail);
    command.arg("--listen").arg(format!("127.0.0.1:{port}"));
    Server::start("agent", command, folder, port, "", "promtail_sent_entries_total", "/ready")
}

/// Debian's, with these routes.
pub(in crate::bench) fn alertmanager(folder: &Path, routes: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", routes.display())).arg("--log.level=warn");
    command.arg(format!("--storage.path={}", folder.join("alertmanager").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    Server::start("prometheus-alertmanager", command, folder, port, "", "", "/-/ready")
}

pub(in crate::bench) fn prometheus(folder: &Path, config: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display())).arg("--log.level=warn");
    command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--web.enable-admin-api");
    command.arg(format!("--storage.tsdb.retention.time={KEPT}"));
    let samples = "prometheus_tsdb_head_samples_appended_total";
    Server::start("prometheus", command, folder, port, "", samples, "/-/ready")
}

pub(in crate::bench) fn victoria_metrics(folder: &Path, config: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new("victoria-metrics");
    command.arg(format!("-promscrape.config={}", config.display())).arg("-loggerLevel=WARN");
    command.arg(format!("-storageDataPath={}", folder.join("victoria-metrics").display()));
    command.arg(format!("-httpListenAddr=127.0.0.1:{port}")).arg("-search.latencyOffset=5s");
    command.arg(format!("-retentionPeriod={KEPT}"));
    // Its answers are to be computed, as ours are.
    Server::start(
        "victoria-metrics",
        command,
        folder,
        port,
        "&nocache=1",
        "vm_rows_inserted_total",
        "/health",
    )
}

/// A port that nobody has now. Between here and the server's start somebody else might take it; then the bench fails
/// and is run again.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Server {
    fn start(
        name: &'static str,
        mut program: Command,
        folder: &Path,
        port: u16,
        extra: &'static str,
        samples: &'static str,
        ready: &str,
    ) -> Result<Self> {
        let log = std::fs::File::create(folder.join(format!("{name}.log")))?;
        program.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = program.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut server = Self { name, version: version_of(name), extra, samples, port, child };
        let started = Instant::now();
        while !server.get(ready).is_ok_and(|(status, _)| status == 200) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended at once ({status}); its log is in {}", folder.display());
            }
            if started.elapsed() > START_MAX {
                bail!("{name} is not ready after {} s", START_MAX.as_secs());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(server)
    }

    /// Where it answers.
    pub(in crate::bench) fn port(&self) -> u16 {
        self.port
    }

    /// The most memory that was resident so far, in MB.
    pub(in crate::bench) fn peak_mb(&self) -> Result<f64> {
        peak_mb(u64::from(self.child.id()))
    }

    pub(in crate::bench) fn usage(&self) -> Result<Usage> {
        usage(u64::from(self.child.id()))
    }

    /// Asks it to end, and waits until it has.
    pub(in crate::bench) fn stop(mut self) -> Result<()> {
        output(&mut command("kill", &["-TERM", &self.child.id().to_string()]))?;
        self.child.wait()?;
        Ok(())
    }

    /// Samples stored so far.
    pub(in crate::bench) fn samples(&self) -> Result<f64> {
        self.sum(self.samples)
    }

    /// The sum of all series of a metric that it serves of itself.
    pub(in crate::bench) fn sum(&self, name: &str) -> Result<f64> {
        let (_, body) = self.get("/metrics")?;
        let lines = body.lines().filter_map(|line| line.strip_prefix(name));
        let of_it = lines.filter(|rest| rest.starts_with([' ', '{']));
        Ok(of_it.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    pub(in crate::bench) fn get(&self, path: &str) -> Result<(u16, String)> {
        request(self.port, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"))
    }

    /// Sends a form and waits for all of the answer.
    pub(in crate::bench) fn post(&self, path: &str, form: &str) -> Result<(u16, String)> {
        self.post_as("application/x-www-form-urlencoded", path, form)
    }

    /// The same with JSON.
    pub(in crate::bench) fn post_json(&self, path: &str, body: &str) -> Result<(u16, String)> {
        self.post_as("application/json", path, body)
    }

    fn post_as(&self, kind: &str, path: &str, body: &str) -> Result<(u16, String)> {
        post_as(self.port, kind, path, body)
    }
}

/// Sends JSON to a port of this machine and waits for all of the answer.
pub(in crate::bench) fn post_json(port: u16, path: &str, body: &str) -> Result<(u16, String)> {
    post_as(port, "application/json", path, body)
}

fn post_as(port: u16, kind: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {length}"
    );
    request(port, &format!("{head}\r\n\r\n{body}"))
}

/// By HTTP/1.0, where the answer's end is that of the connection.
fn request(port: u16, text: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    Ok((status, body.to_owned()))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, not asked: what it has stored goes, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Debian calls the version of a package; nothing for what is none.
fn version_of(package: &str) -> String {
    output(&mut command("dpkg-query", &["-W", "-f", "${Version}", package])).unwrap_or_default()
}
