//! The samples into each of the stores, by its own door.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Span, generator};
use crate::bench::promql::servers::Server;
use crate::tools::{output, step};

/// The length of Prometheus' blocks after a month of its own compaction: what is written at once, on multiples of it.
const BLOCK_S: i64 = 54 * 3600;
/// What is sent to VictoriaMetrics at once: about 60 MB of text.
const IMPORT_S: i64 = 12 * 3600;
/// VictoriaMetrics merges what was sent; it is measured afterwards.
const MERGE_MAX: Duration = Duration::from_secs(300);

/// Through the store itself.
pub(super) fn ours(data: &Path, span: Span) -> Result<()> {
    std::fs::create_dir_all(data)?;
    let days = (span.to_s - span.from_s) / 86_400;
    let mut fill = generator();
    step("watchfire: samples", fill.arg("fill").arg(data).arg(days.to_string()).arg(span.to_s.to_string()))
}

/// By blocks that `promtool` makes of text.
pub(super) fn prometheus(data: &Path, folder: &Path, span: Span) -> Result<()> {
    std::fs::create_dir_all(data)?;
    println!("── prometheus: samples");
    let begun = Instant::now();
    let text = folder.join("samples.om");
    let mut from_s = span.from_s;
    while from_s < span.to_s {
        let to_s = span.to_s.min((from_s.div_euclid(BLOCK_S) + 1) * BLOCK_S);
        let mut write = generator();
        write.arg("openmetrics").arg(from_s.to_string()).arg(to_s.to_string()).stdout(File::create(&text)?);
        ensure!(write.status()?.success(), "the generator failed");
        let mut make = Command::new("promtool");
        make.args(["tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=54h"]);
        output(make.arg(&text).arg(data)).context("promtool")?;
        from_s = to_s;
    }
    std::fs::remove_file(&text)?;
    println!("   prometheus: samples: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// By its import of JSON lines.
pub(super) fn victoria(server: &Server, span: Span) -> Result<()> {
    println!("── victoria-metrics: samples");
    let begun = Instant::now();
    for from_s in (span.from_s..span.to_s).step_by(IMPORT_S as usize) {
        let to_s = span.to_s.min(from_s + IMPORT_S);
        let text = output(generator().arg("json").arg(from_s.to_string()).arg(to_s.to_string()))?;
        let (status, body) = server.post("/api/v1/import", &text)?;
        ensure!(status == 204, "import: {status} {body:.300}");
    }
    ensure!(server.get("/internal/force_flush")?.0 == 200, "force_flush");
    ensure!(server.get("/internal/force_merge")?.0 == 200, "force_merge");
    let merging = Instant::now();
    while server.sum("vm_active_merges")? > 0.0 && merging.elapsed() < MERGE_MAX {
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("   victoria-metrics: samples: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}
