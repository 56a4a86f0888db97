//! A gigabyte of log lines: what taking, keeping, searching and shipping them costs our monitor and agent, over HTTP. The same lines lie
//! in files, which ripgrep searches, as they are and packed by zstd; what it finds we have to find.

mod questions;
mod ship;
mod table;
mod yardsticks;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::promql::servers::{self, Server};
use super::promql::{Folder, binary, now_s};
use crate::packages;
use crate::tools::{command, output, step};

/// Bytes of lines that the goals are for; the later half of the default is so much.
const GOAL_MEGABYTES: u64 = 500;
/// Lines end a minute ago: none is in the future, whatever it takes to push them.
const BEFORE_NOW_S: f64 = 1_860.0;
/// Nothing else is measured than what the store can take: no limit on rates or on the size of a push.
const LIMITS: &str = "limits_config: {ingestion_rate_mb: 100000, ingestion_burst_size_mb: 1000, per_stream_rate_limit: 100GB, per_stream_rate_limit_burst: 100GB}\n";

/// What `cargo xtask bench logs` takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LogsOptions {
    /// logs: megabytes of lines.
    #[arg(long, default_value_t = 1000)]
    megabytes: u64,
}

/// What the generator has made.
#[derive(Debug, Clone, Deserialize)]
struct Made {
    lines: u64,
    bytes: u64,
    /// Of these in pushes of JSON; the rest is in protobuf.
    json_bytes: u64,
    access_bytes: u64,
    streams: u64,
    from_ns: i64,
    /// Where the later half begins.
    half_ns: i64,
    to_ns: i64,
}

/// What the monitor spent on taking and keeping.
#[derive(Debug)]
struct Ingest {
    /// Megabytes of lines for each second of one core.
    json_mb_per_core: f64,
    protobuf_mb_per_core: f64,
    /// By the clock, all of it, one push after another.
    mb_per_s: f64,
    anonymous_mb: f64,
    resident_mb: f64,
    peak_mb: f64,
    /// Of files of chunks, for each byte of lines.
    disk_share: f64,
}

/// Measures and writes the section.
pub(crate) fn run(options: &LogsOptions, given: Option<&Path>) -> Result<()> {
    packages::ensure_search()?;
    let program = super::binary_or_build(given)?;
    let example = ["build", "--release", "--package", "logwire", "--example", "lines", "--quiet"];
    step("generator", &mut command("cargo", &example))?;
    let folder = Folder::make()?;
    let made = make(&folder.0, options.megabytes)?;
    let loki = folder.0.join("loki.yml");
    std::fs::write(&loki, LIMITS)?;
    let (server, ui_port) = servers::ours_logs(&program, &folder.0, &loki, "watchfire")?;
    let ingest = ingest(&server, &folder.0, &made)?;
    let rows = questions::ask_all(&server, ui_port, &made)?;
    let after_mb = (server.usage()?.anonymous_mb, server.peak_mb()?);
    drop(server);
    let yardsticks = yardsticks::measure(&folder.0)?;
    if let Some(yardsticks) = &yardsticks {
        questions::compare(&rows, yardsticks)?;
    }
    let shipped = ship::measure(&program, &folder.0, &loki, &made)?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let figures = table::Figures {
        made: &made,
        ingest: &ingest,
        rows: &rows,
        after_mb,
        yardsticks: yardsticks.as_ref(),
        shipped: &shipped,
        load: load.split(' ').next().unwrap_or_default(),
    };
    let body = table::table(&figures);
    // Not a release build that anybody can make again: printed, not written.
    if given.is_some() {
        println!("{body}");
        return Ok(());
    }
    super::page::write("logs", &body)
}

/// Has the lines made: `raw/` and `pushes/` of the folder.
fn make(folder: &Path, megabytes: u64) -> Result<Made> {
    println!("── {megabytes} MB of lines");
    let from_ns = ((now_s() - BEFORE_NOW_S) * 1e9) as i64;
    let mut generator = Command::new(binary().with_file_name("examples/lines"));
    generator.arg(folder).arg(megabytes.to_string()).arg(from_ns.to_string());
    serde_json::from_str(&output(&mut generator)?).context("what the generator says")
}

fn ingest(server: &Server, folder: &Path, made: &Made) -> Result<Ingest> {
    println!("── pushes");
    let mut sender = Sender::connect(server.port())?;
    let begun = Instant::now();
    let mut kind = |kind: &str, bytes: u64| -> Result<f64> {
        let before = server.usage()?.cpu_s;
        for file in pushes(folder, kind)? {
            sender.push(kind, &std::fs::read(&file)?).with_context(|| file.display().to_string())?;
        }
        // Packing and writing belong to it.
        flush(server)?;
        Ok(bytes as f64 / 1e6 / (server.usage()?.cpu_s - before))
    };
    let json_mb_per_core = kind("json", made.json_bytes)?;
    let protobuf_mb_per_core = kind("protobuf", made.bytes - made.json_bytes)?;
    let mb_per_s = made.bytes as f64 / 1e6 / begun.elapsed().as_secs_f64();
    let (lines, usage) = (server.samples()?, server.usage()?);
    ensure!(lines == made.lines as f64, "{lines} of {} lines came", made.lines);
    println!("   {json_mb_per_core:.0} and {protobuf_mb_per_core:.0} MB/s of a core; {mb_per_s:.0} MB/s");
    Ok(Ingest {
        json_mb_per_core,
        protobuf_mb_per_core,
        mb_per_s,
        anonymous_mb: usage.anonymous_mb,
        resident_mb: usage.resident_mb,
        peak_mb: server.peak_mb()?,
        disk_share: server.sum("loki_store_file_bytes")? / made.bytes as f64,
    })
}

/// Has all lines written to files.
fn flush(server: &Server) -> Result<()> {
    let (status, text) = server.post("/flush", "")?;
    ensure!(status == 204, "/flush: {status} {text:.300}");
    Ok(())
}

/// Bodies of one kind, in order.
fn pushes(folder: &Path, kind: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join("pushes"))? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == kind));
    files.sort();
    Ok(files)
}

/// No push takes longer unless something is broken.
const PUSH_MAX: Duration = Duration::from_secs(60);

/// One connection on which pushes go, one after another.
struct Sender(TcpStream);

impl Sender {
    fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PUSH_MAX))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends one and waits until it is acknowledged.
    fn push(&mut self, kind: &str, body: &[u8]) -> Result<()> {
        let media = if kind == "json" { "application/json" } else { "application/x-protobuf" };
        let length = body.len();
        let head = format!(
            "POST /loki/api/v1/push HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.0.write_all(head.as_bytes())?;
        self.0.write_all(body)?;
        let (mut answer, mut piece) = (Vec::new(), [0u8; 4096]);
        // 204 has no body: its head is all.
        while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
            let read = self.0.read(&mut piece)?;
            ensure!(read > 0, "the connection was closed");
            answer.extend_from_slice(&piece[..read]);
        }
        let answer = String::from_utf8_lossy(&answer);
        ensure!(answer.starts_with("HTTP/1.1 204"), "{answer:.300}");
        Ok(())
    }
}
