//! The peer: a Prometheus of its own for each run, on a free port, with a data folder that goes with it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use model::Labels;
use serde_json::Value;

use crate::answer::{Answer, Line};
use crate::http::{Client, form};
use crate::moment::{When, seconds};
use crate::wire::{Written, write_request};

/// Where Debian's package puts it.
const PROGRAM: &str = "/usr/bin/prometheus";
/// It has answered within two seconds on the slowest machine seen.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Samples a request: far below the receiver's limit of 32 MiB.
const SAMPLES_A_REQUEST: usize = 20_000;

/// A running Prometheus. Dropping it stops it and removes what it wrote.
pub(crate) struct Prometheus {
    child: Child,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Whether there is one to start.
    pub(crate) fn is_installed() -> bool {
        Path::new(PROGRAM).is_file()
    }

    /// What it says of itself.
    pub(crate) fn version() -> Result<String> {
        let output = Command::new(PROGRAM).arg("--version").output().context(PROGRAM)?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned())
    }

    /// Starts it with an empty store and waits until it answers.
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, "global:\n  evaluation_interval: 1m\n")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-remote-write-receiver")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context(PROGRAM)?;
        let mut peer = Self { child, client: Client::new(address), _folder: folder };
        peer.wait_until_ready(address)?;
        Ok(peer)
    }

    fn wait_until_ready(&mut self, address: SocketAddr) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self._folder.path().join("log")).unwrap_or_default();
                bail!("prometheus ended at once ({status}): {log}");
            }
            let probe = form(&[("query", "1")]);
            if self.client.post("/api/v1/query", FORM, probe.as_bytes()).is_ok_and(|r| r.status == 200) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("prometheus does not answer on {address} within {START_LIMIT:?}")
    }

    /// Stores samples. They have to come in order of time over all series: the head takes nothing that is old.
    pub(crate) fn store(&mut self, samples: &[(i64, &Labels, f64)]) -> Result<()> {
        for part in samples.chunks(SAMPLES_A_REQUEST) {
            let values: Vec<[(i64, f64); 1]> = part.iter().map(|(at, _, value)| [(*at, *value)]).collect();
            let series: Vec<Written<'_>> = part
                .iter()
                .zip(&values)
                .map(|((_, labels, _), samples)| Written { labels, samples })
                .collect();
            let headers = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                           X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
            let response = self.client.post("/api/v1/write", headers, &write_request(&series))?;
            ensure!(
                response.status == 204,
                "remote write: {} {}",
                response.status,
                String::from_utf8_lossy(&response.body)
            );
        }
        Ok(())
    }

    /// Evaluates a query.
    pub(crate) fn eval(&mut self, query: &str, when: When) -> Result<Answer> {
        let (path, body) = match when {
            When::Instant(at) => ("/api/v1/query", form(&[("query", query), ("time", &seconds(at))])),
            When::Range { start, end, step } => {
                let (start, end, step) = (seconds(start), seconds(end), seconds(step));
                let pairs = [("query", query), ("start", &*start), ("end", &*end), ("step", &*step)];
                ("/api/v1/query_range", form(&pairs))
            }
        };
        let response = self.client.post(path, FORM, body.as_bytes())?;
        let json: Value = serde_json::from_slice(&response.body)
            .with_context(|| format!("{}: {}", response.status, String::from_utf8_lossy(&response.body)))?;
        if json["status"] != "success" {
            let error = json["error"].as_str().context("an error without a text")?;
            ensure!(json["errorType"] != "timeout", "prometheus took too long: {error}");
            return Ok(Answer::Error(error.to_owned()));
        }
        // Else their texts were to be compared, too.
        ensure!(json["warnings"].is_null(), "2.42 knows no annotations, but says {}", json["warnings"]);
        read(&json["data"])
    }
}

impl Prometheus {
    /// How it lays a query out; `None` when it cannot read it.
    pub(crate) fn format(&mut self, query: &str) -> Result<Option<String>> {
        let body = form(&[("query", query)]);
        let response = self.client.post("/api/v1/format_query", FORM, body.as_bytes())?;
        let json: Value = serde_json::from_slice(&response.body)?;
        Ok(json["data"].as_str().map(str::to_owned))
    }
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(data: &Value) -> Result<Answer> {
    let result = &data["result"];
    match data["resultType"].as_str() {
        Some("scalar") => Ok(Answer::Scalar(point(result)?.1)),
        Some("string") => Ok(Answer::Text(result[1].as_str().context("no text")?.to_owned())),
        Some("vector") => {
            let lines = result.as_array().context("no vector")?.iter();
            let lines =
                lines.map(|s| Ok(Line { labels: labels(&s["metric"])?, points: vec![point(&s["value"])?] }));
            Ok(Answer::Lines(lines.collect::<Result<_>>()?))
        }
        Some("matrix") => {
            let lines = result.as_array().context("no matrix")?.iter();
            let lines = lines.map(|series| {
                let points = series["values"].as_array().context("no values")?.iter().map(point);
                Ok(Line { labels: labels(&series["metric"])?, points: points.collect::<Result<_>>()? })
            });
            Ok(Answer::Lines(lines.collect::<Result<_>>()?))
        }
        other => bail!("result type {other:?}"),
    }
}

fn labels(json: &Value) -> Result<Labels> {
    let pairs = json.as_object().context("no labels")?.iter();
    Ok(Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))))
}

fn point(json: &Value) -> Result<(i64, f64)> {
    let at = json[0].as_f64().context("no time")?;
    let value = json[1].as_str().context("no value")?.parse().context("no number")?;
    Ok(((at * 1000.0).round() as i64, value))
}
