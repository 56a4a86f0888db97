//! Lines of twelve services for `cargo xtask bench logs`: as files that anything can search, and as bodies of pushes, the earlier half
//! JSON and the later snappy protobuf. `cargo run --release -p logwire --example lines -- DIR MEGABYTES FROM_NS`.
//!
//! The same arguments give the same bytes. Of twenty lines sixteen are JSON access lines of 190 bytes with a random 128-bit id, two the
//! profiler's, two for people. One access line in a hundred says ERROR; one of all, at three quarters, says what nobody else says.

#![allow(clippy::print_stdout, reason = "an example says what it made")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use model::{Labels, LogEntry, TimestampNs};
use storage::StreamPush;

const LINES_PER_PUSH: usize = 4000;
/// Whatever the number of lines, they come within this time.
const SPAN_NS: u64 = 1_800_000_000_000;
/// About what a line has, to divide the time among the lines.
const LINE_BYTES_ABOUT: u64 = 170;
const NEEDLE: &str = "needle-7f3a9c";
const SERVICES: [&str; 12] = [
    "orders",
    "web",
    "payments",
    "merchant",
    "catalog",
    "cart",
    "search",
    "users",
    "reviews",
    "inventory",
    "shipping",
    "notifications",
];
const VIEWS: [&str; 7] =
    ["orders:detail", "orders:create", "data", "random", "error", "charge", "merchant:list"];

/// Lines of one stream since the last push, and its file.
struct Stream {
    labels: Labels,
    file: BufWriter<File>,
    entries: Vec<LogEntry>,
}

struct Maker {
    dir: PathBuf,
    rng: fastrand::Rng,
    at_ns: i64,
    streams: BTreeMap<String, Stream>,
    bytes: u64,
    access_bytes: u64,
    pushes: usize,
    is_needle_due: bool,
}

impl Maker {
    /// Adds a line to a stream, in memory and to its file.
    fn line(&mut self, job: &str, service: &str, line: String) -> Result<()> {
        self.bytes += line.len() as u64;
        self.access_bytes += if job == "access" { line.len() as u64 } else { 0 };
        let name = format!("{job}-{service}");
        if !self.streams.contains_key(&name) {
            let file = self.dir.join("raw").join(format!("{name}.log"));
            let stream = Stream {
                labels: Labels::from_pairs([("job", job), ("service", service)]),
                file: BufWriter::new(File::create(file)?),
                entries: Vec::new(),
            };
            self.streams.insert(name.clone(), stream);
        }
        let stream = self.streams.get_mut(&name).context("it was just made")?;
        stream.file.write_all(line.as_bytes())?;
        stream.file.write_all(b"\n")?;
        stream.entries.push(LogEntry { at: TimestampNs(self.at_ns), line, metadata: Labels::empty() });
        Ok(())
    }

    fn any_line(&mut self) -> Result<()> {
        // The first service has a little more than its share: half a gigabyte of lines has 42 MB of its access lines.
        let service = if self.rng.u8(..11) == 0 { 0 } else { 1 + self.rng.usize(..SERVICES.len() - 1) };
        let service = SERVICES[service];
        match self.rng.u8(..20) {
            0..16 => {
                let line = self.access();
                self.line("access", service, line)
            }
            16..18 => {
                let line = self.profiler();
                self.line("profiler", service, line)
            }
            _ => {
                let line = self.application()?;
                self.line("flask-app", service, line)
            }
        }
    }

    fn access(&mut self) -> String {
        let ms = self.at_ns / 1_000_000;
        let message = if std::mem::take(&mut self.is_needle_due) { NEEDLE } else { "request done" };
        let level = if self.rng.u8(..100) == 0 { "ERROR" } else { "INFO" };
        let (method, view, status) = (self.method(), self.view(), self.status());
        let (duration, rng) = (self.duration_ms(), &mut self.rng);
        let (bytes, queries, trace) = (rng.u32(100..20_000), rng.u8(..6), rng.u128(..));
        format!(
            r#"{{"ts":{ms},"level":"{level}","method":"{method}","view":"{view}","status":{status},"duration_ms":{duration:.2},"response_bytes":{bytes},"db_queries":{queries},"trace":"{trace:032x}","msg":"{message}"}}"#
        )
    }

    fn profiler(&mut self) -> String {
        let (method, view, status) = (self.method(), self.view(), self.status());
        format!("[profiler] {method} {view} {:.3} {status}", self.duration_ms())
    }

    fn application(&mut self) -> Result<String> {
        let at = Timestamp::from_nanosecond(i128::from(self.at_ns))?;
        let (level, path) =
            if self.rng.u8(..50) == 0 { ("ERROR", "/api/error") } else { ("INFO", "/api/data") };
        let (method, status) = (self.method(), self.status());
        Ok(format!("{at:.6} {level} {method} {path} {status} {:.3} ms", self.duration_ms()))
    }

    fn method(&mut self) -> &'static str {
        if self.rng.u8(..4) == 0 { "POST" } else { "GET" }
    }

    fn view(&mut self) -> &'static str {
        VIEWS[self.rng.usize(..VIEWS.len())]
    }

    fn status(&mut self) -> u16 {
        [200, 201, 500, 404][if self.rng.u8(..20) == 0 { self.rng.usize(..4) } else { 0 }]
    }

    fn duration_ms(&mut self) -> f64 {
        -20.0 * (1.0 - self.rng.f64()).ln()
    }

    /// Writes what came since the last push as the body of one.
    fn push(&mut self, is_json: bool) -> Result<()> {
        self.pushes += 1;
        let mut streams = Vec::new();
        for stream in self.streams.values_mut().filter(|stream| !stream.entries.is_empty()) {
            let entries = std::mem::take(&mut stream.entries);
            streams.push(StreamPush { labels: stream.labels.clone(), entries });
        }
        let (kind, body) =
            if is_json { ("json", json(&streams)?) } else { ("protobuf", logwire::encode(&streams)) };
        let file = self.dir.join("pushes").join(format!("{:06}.{kind}", self.pushes));
        Ok(std::fs::write(file, body)?)
    }
}

/// A push in Loki's JSON.
fn json(streams: &[StreamPush]) -> Result<Vec<u8>> {
    let stream = |push: &StreamPush| {
        let values = push.entries.iter().map(|entry| (entry.at.0.to_string(), entry.line.as_str()));
        let labels: BTreeMap<&str, &str> = push.labels.iter().collect();
        serde_json::json!({ "stream": labels, "values": values.collect::<Vec<_>>() })
    };
    Ok(serde_json::to_vec(&serde_json::json!({ "streams": streams.iter().map(stream).collect::<Vec<_>>() }))?)
}

fn make(dir: &Path, megabytes: u64, from_ns: i64) -> Result<()> {
    std::fs::create_dir_all(dir.join("raw"))?;
    std::fs::create_dir_all(dir.join("pushes"))?;
    let wanted = megabytes * 1_000_000;
    let step_ns = SPAN_NS / (wanted / LINE_BYTES_ABOUT).max(1);
    let mut maker = Maker {
        dir: dir.to_owned(),
        rng: fastrand::Rng::with_seed(7),
        at_ns: from_ns,
        streams: BTreeMap::new(),
        bytes: 0,
        access_bytes: 0,
        pushes: 0,
        is_needle_due: false,
    };
    let (mut lines, mut half_ns, mut json_bytes, mut had_needle) = (0u64, None, 0, false);
    while maker.bytes < wanted {
        if !had_needle && maker.bytes * 4 >= wanted * 3 {
            (maker.is_needle_due, had_needle) = (true, true);
        }
        for _ in 0..LINES_PER_PUSH {
            maker.at_ns += i64::try_from(step_ns)?;
            maker.any_line()?;
        }
        lines += LINES_PER_PUSH as u64;
        maker.push(half_ns.is_none())?;
        if half_ns.is_none() && maker.bytes * 2 >= wanted {
            (half_ns, json_bytes) = (Some(maker.at_ns + 1), maker.bytes);
        }
    }
    maker.streams.values_mut().try_for_each(|stream| stream.file.flush())?;
    let made = serde_json::json!({
        "lines": lines,
        "bytes": maker.bytes,
        "json_bytes": json_bytes,
        "access_bytes": maker.access_bytes,
        "streams": maker.streams.len(),
        "from_ns": from_ns,
        "half_ns": half_ns,
        "to_ns": maker.at_ns,
    });
    println!("{made}");
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("{what} is missing"));
    make(Path::new(&next("DIR")?), next("MEGABYTES")?.parse()?, next("FROM_NS")?.parse()?)
}
