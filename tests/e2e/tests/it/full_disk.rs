//! A disk that is really full: a small file system in memory, where this user may mount one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{RunningMonitor, Target, until};

const LIMIT: Duration = Duration::from_secs(60);
const SIZE: &str = "size=16m";

/// A mounted file system; unmounted when dropped.
struct SmallDisk {
    at: PathBuf,
    // Removed after the disk is unmounted.
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` when this user may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("disk");
        std::fs::create_dir(&at).expect("made");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&at).output();
        mounted.is_ok_and(|done| done.status.success()).then_some(Self { at, _folder: folder })
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let path = self.at.join("filler");
        let error = std::fs::write(&path, vec![0; 64 << 20]).expect_err("more than fits");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.at).status());
    }
}

async fn newest(monitor: &RunningMonitor) -> Result<u64, String> {
    let (_, text) = monitor.get("/api/v1/query?query=max(max_over_time(m[1h]))").await?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
    json["data"]["result"][0]["value"][1].as_str().and_then(|v| v.parse().ok()).ok_or(text)
}

async fn ready(monitor: &RunningMonitor, wanted: u16) -> Result<String, String> {
    let (status, text) = monitor.get("/-/ready").await?;
    if status == wanted { Ok(text) } else { Err(format!("{status} {text}")) }
}

async fn shows(monitor: &RunningMonitor, line: &str) -> Result<(), String> {
    let (_, text) = monitor.get("/metrics").await?;
    if text.lines().any(|one| one == line) { Ok(()) } else { Err(format!("no {line:?}")) }
}

fn config(folder: &Path, target: &Target) -> PathBuf {
    let file = folder.join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n\
         - {{job_name: t0, static_configs: [{{targets: ['{}']}}]}}\n",
        target.address
    );
    std::fs::write(&file, text).expect("written");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_left_behind_without_a_restart() {
    let Some(disk) = SmallDisk::mount() else {
        return eprintln!("left out: this user may not mount a file system");
    };
    let target = Target::start(200).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = config(folder.path(), &target);
    let monitor = RunningMonitor::start_on(&file, &disk.at.join("data"), &[]).await;
    until("samples", LIMIT, async || newest(&monitor).await).await;
    ready(&monitor, 200).await.expect("ready");

    let filler = disk.fill();
    let text = until("the refusal", LIMIT, async || ready(&monitor, 503).await).await;
    assert!(text.contains("cannot write") && text.contains("No space left"), "{text}");
    until("the metric tells it", LIMIT, async || shows(&monitor, "prometheus_tsdb_wal_writable 0").await)
        .await;
    until("it is told", LIMIT, async || {
        let (_, told) = monitor.get("/api/v1/notifications").await?;
        if told.contains("Samples are refused") { Ok(()) } else { Err(told) }
    })
    .await;
    // The last page of the log may have had room for one scrape more; then nothing is taken any more.
    let stuck = until("nothing is taken", LIMIT, async || {
        let (before, scrapes) = (newest(&monitor).await.expect("queries go on"), target.served());
        until("more scrapes", LIMIT, async || if target.served() > scrapes + 5 { Ok(()) } else { Err("") })
            .await;
        let after = newest(&monitor).await.expect("queries go on");
        if after == before { Ok(after) } else { Err(format!("{before}, then {after}")) }
    })
    .await;

    std::fs::remove_file(filler).expect("removed");
    until("readiness", LIMIT, async || ready(&monitor, 200).await).await;
    shows(&monitor, "prometheus_tsdb_wal_writable 1").await.expect("the metric tells it");
    let more =
        async || newest(&monitor).await.and_then(|n| if n > stuck { Ok(()) } else { Err(n.to_string()) });
    until("new samples", LIMIT, more).await;
    monitor.kill().await;
}
