//! 10,000 active alerts and 1,000 silences, ours beside Debian's Alertmanager: the same file, alerts, silences and questions, one
//! server after the other, both telling the same receiver.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::promql::Folder;
use super::promql::servers::{self, Server};
use crate::tools::{command, has, output};

const ALERTS: usize = 10_000;
const SILENCES: usize = 1_000;
/// Alerts of one cluster are told together.
const CLUSTERS: usize = 100;
/// Alerts in one post, as Prometheus sends them.
const BATCH: usize = 256;
/// All alerts are there by then, so that one look at each group tells all of it.
const GROUP_WAIT_S: u64 = 20;
/// How often each question is asked.
const ASKED: usize = 9;
/// No look takes longer unless something is broken.
const TOLD_MAX: Duration = Duration::from_secs(120);

/// What is asked while all of it is there.
const QUESTIONS: [(&str, &str); 4] = [
    ("all alerts", "/api/v2/alerts"),
    ("alerts of one cluster", "/api/v2/alerts?filter=cluster%3D%22c7%22"),
    ("groups", "/api/v2/alerts/groups"),
    ("silences", "/api/v2/silences"),
];

struct Measured {
    name: String,
    /// Seconds for all posts of each.
    silences_s: f64,
    alerts_s: f64,
    /// Median seconds of each question.
    asked_s: Vec<f64>,
    /// From the moment at which groups were due to the last message.
    told_s: f64,
    messages: usize,
    told: usize,
    resident_mb: f64,
    cpu_s: f64,
}

/// Measures and writes the section.
pub(crate) fn run(given: Option<&Path>) -> Result<()> {
    let program = super::binary_or_build(given)?;
    if !has("prometheus-alertmanager") {
        bail!("prometheus-alertmanager is not installed (Debian's package of that name)");
    }
    let folder = Folder::make()?;
    let sink = Sink::start()?;
    let config = folder.0.join("alertmanager.yml");
    std::fs::write(&config, config_yml(sink.port))?;
    let ours = measure(servers::ours_alerting(&program, &folder.0, &config)?, &sink)?;
    let theirs = measure(servers::alertmanager(&folder.0, &config)?, &sink)?;
    if (ours.told, ours.messages) != (theirs.told, theirs.messages) {
        bail!(
            "told otherwise: {} alerts in {} messages by ours, {} in {} by theirs",
            ours.told,
            ours.messages,
            theirs.told,
            theirs.messages
        );
    }
    super::page::write("alerting", &table(&program, &[ours, theirs]))
}

fn config_yml(port: u16) -> String {
    format!(
        "route: {{receiver: hook, group_by: [cluster], group_wait: {GROUP_WAIT_S}s, group_interval: 5m, repeat_interval: 4h}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]}}]\n\
         inhibit_rules:\n\
         - {{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [cluster, alertname]}}\n"
    )
}

/// One in a hundred is critical and keeps some of its cluster silent.
fn alert(n: usize, now: &str) -> Value {
    json!({
        "labels": {
            "alertname": format!("A{}", n / CLUSTERS % 50),
            "cluster": format!("c{}", n % CLUSTERS),
            "instance": format!("host-{n}.example.org:9100"),
            "job": "node",
            "severity": if n.is_multiple_of(101) { "critical" } else { "warning" },
        },
        "annotations": { "summary": format!("host-{n} is in trouble"), "runbook_url": "http://runbooks.example.org/a" },
        "startsAt": now,
        "endsAt": "2100-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.org/graph?g0.expr=up",
    })
}

/// Nine of ten name one instance, the tenth a pattern.
fn silence(n: usize) -> Value {
    let is_pattern = n.is_multiple_of(10);
    let value =
        if is_pattern { format!("host-9{n}[05]\\..*") } else { format!("host-{}.example.org:9100", n * 7) };
    json!({
        "matchers": [{ "name": "instance", "value": value, "isRegex": is_pattern, "isEqual": true }],
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "bench",
        "comment": "work",
    })
}

fn measure(server: Server, sink: &Sink) -> Result<Measured> {
    println!("── {} {}", server.name, server.version);
    sink.clear();
    let post = |path: &str, body: &Value| -> Result<()> {
        let (status, text) = server.post_json(path, &body.to_string())?;
        if status == 200 { Ok(()) } else { bail!("{path}: {status} {text:.200}") }
    };
    let begun = Instant::now();
    (0..SILENCES).try_for_each(|n| post("/api/v2/silences", &silence(n)))?;
    let silences_s = begun.elapsed().as_secs_f64();
    // They begin now, so that groups wait.
    let now = output(&mut command("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?;
    let all: Vec<Value> = (0..ALERTS).map(|n| alert(n, now.trim())).collect();
    let begun = Instant::now();
    all.chunks(BATCH).try_for_each(|batch| post("/api/v2/alerts", &Value::from(batch.to_vec())))?;
    let alerts_s = begun.elapsed().as_secs_f64();
    let told_s = until_told(&server, sink, begun)?;
    let asked_s = QUESTIONS.iter().map(|(_, path)| ask(&server, path)).collect::<Result<Vec<_>>>()?;
    let (messages, told) = sink.counts();
    let usage = server.usage()?;
    let measured = Measured {
        name: format!("{} {}", server.name, server.version),
        silences_s,
        alerts_s,
        asked_s,
        told_s,
        messages,
        told,
        resident_mb: usage.resident_mb,
        cpu_s: usage.cpu_s,
    };
    println!("   {told} alerts told in {messages} messages, the last {told_s:.2} s after they were due");
    server.stop()?;
    Ok(measured)
}

/// Waits until all groups were told; answers how long after they were due the last message came.
fn until_told(server: &Server, sink: &Sink, begun: Instant) -> Result<f64> {
    let due = begun + Duration::from_secs(GROUP_WAIT_S);
    while sink.counts().0 < CLUSTERS {
        if begun.elapsed() > TOLD_MAX {
            bail!("{} has told {} of {CLUSTERS} groups", server.name, sink.counts().0);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let last = sink.last().context("a message came")?;
    Ok(last.saturating_duration_since(due).as_secs_f64())
}

/// The median of some askings.
fn ask(server: &Server, path: &str) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..ASKED {
        let begun = Instant::now();
        let (status, body) = server.get(path)?;
        if status != 200 || body.len() < 1000 {
            bail!("{path}: {status} {body:.200}");
        }
        took.push(begun.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    Ok(took[ASKED / 2])
}

fn table(program: &Path, all: &[Measured]) -> String {
    let profile =
        if program.components().any(|part| part.as_os_str() == "debug") { "debug" } else { "release" };
    let mut text = format!(
        "{ALERTS} active alerts in {CLUSTERS} groups, {SILENCES} silences (a tenth of them patterns), one rule of inhibition; a {profile} build of \
         ours. Medians of {ASKED}; both told the same receiver the same alerts ({} in {} messages).\n\n| |",
        all[0].told, all[0].messages
    );
    let mut row = |name: &str, value: &dyn Fn(&Measured) -> String| {
        let cells: Vec<String> = all.iter().map(value).collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    let ms = |seconds: f64| format!("{:.0} ms", seconds * 1e3);
    row("posting all silences, one by one", &|m| ms(m.silences_s));
    row("posting all alerts, 256 at a time", &|m| ms(m.alerts_s));
    for (at, (name, _)) in QUESTIONS.iter().enumerate() {
        row(&format!("`GET` {name}"), &|m| ms(m.asked_s[at]));
    }
    row("groups due to the last message", &|m| ms(m.told_s));
    row("resident memory", &|m| format!("{:.0} MB", m.resident_mb));
    row("CPU in all", &|m| format!("{:.1} s", m.cpu_s));
    let names: Vec<&str> = all.iter().map(|m| m.name.as_str()).collect();
    let head = format!(" {} |\n|---|{}\n", names.join(" | "), "---:|".repeat(all.len()));
    text.replacen("| |", &format!("| |{head}"), 1)
}

/// A webhook that counts.
struct Sink {
    port: u16,
    seen: Arc<Mutex<Vec<(Instant, usize)>>>,
}

impl Sink {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, seen) = (listener.local_addr()?.port(), Arc::default());
        let shared = Arc::clone(&seen);
        // It ends with the bench.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                std::thread::spawn(move || drop(take(stream, &seen)));
            }
        });
        Ok(Self { port, seen })
    }

    fn clear(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Messages, and alerts in them.
    fn counts(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.len(), seen.iter().map(|(_, alerts)| alerts).sum())
    }

    fn last(&self) -> Option<Instant> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).last().map(|(at, _)| *at)
    }
}

/// Answers requests of one connection until it ends.
fn take(mut stream: TcpStream, seen: &Mutex<Vec<(Instant, usize)>>) -> Result<()> {
    let mut bytes = Vec::new();
    let mut piece = [0u8; 1 << 16];
    loop {
        while let Some((head, length)) = head_of(&bytes) {
            if bytes.len() < head + length {
                break;
            }
            let body: Value = serde_json::from_slice(&bytes[head..head + length])?;
            let alerts = body["alerts"].as_array().map_or(0, Vec::len);
            seen.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), alerts));
            bytes.drain(..head + length);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&piece[..read]);
    }
}

/// Bytes of a request's head, and of its body.
fn head_of(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some((end, length.unwrap_or(0)))
}
