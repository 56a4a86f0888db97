//! A real process on real files, ended by SIGKILL: what it has acknowledged is there, under the weakest sync policy.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use disk::RealDisk;
use tsdb::{Db, Limits, Options, SyncPolicy};

use crate::world::{NOW_MS, World, commit, samples};

/// Set in the child: the folder to write to.
const DIR_VARIABLE: &str = "WATCHFIRE_KILL_DIR";
const ROUNDS: i64 = 5;
/// What the child says before the number of each commit that it was told is done.
const ACKNOWLEDGED: &str = "acknowledged ";

fn open(dir: &Path) -> Arc<Db> {
    let world = World::new();
    // The child writes a sample a millisecond of this clock; ten minutes of it may lie ahead.
    let limits = Limits { segment_bytes: 3000, log_bytes_max: 10_000, ..world.limits };
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        sync: SyncPolicy::None,
        limits,
        ..world.options()
    };
    Db::open(options).unwrap().0
}

/// Commits and says so until it is killed.
fn write_until_killed(dir: &Path) {
    let db = open(dir);
    let first = samples(&db, "m").last().map_or(0, |(at_ms, _)| at_ms + 1);
    for i in first.. {
        commit(&db, &[("m", i, i as f64), ("n", i, (NOW_MS + i) as f64)]).unwrap();
        // On a line of its own: the test harness does not end its own before the test ends.
        let said = format!("\n{ACKNOWLEDGED}{i}\n");
        std::io::stdout().write_all(said.as_bytes()).unwrap();
        if i % 50 == 49 {
            db.maintain().unwrap();
        }
    }
}

/// Lets a child write until it has acknowledged `count` commits more, kills it, and gives the last it acknowledged.
fn kill_after(dir: &Path, count: usize) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::what_was_acknowledged_survives_sigkill", "--nocapture"])
        .env(DIR_VARIABLE, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = lines.filter_map(|line| line.strip_prefix(ACKNOWLEDGED)?.parse::<i64>().ok());
    let mut last = acknowledged.by_ref().take(count).last().unwrap();
    child.kill().unwrap();
    // What it had said before it died counts, too.
    last = acknowledged.last().unwrap_or(last);
    child.wait().unwrap();
    last
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    if let Some(dir) = std::env::var_os(DIR_VARIABLE) {
        return write_until_killed(&PathBuf::from(dir));
    }
    let dir = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let last = kill_after(dir.path(), 20 + 37 * round as usize);
        let db = open(dir.path());
        for (series, offset) in [("m", 0), ("n", NOW_MS)] {
            let there = samples(&db, series);
            // One more may have been committed than it came to say.
            assert!(
                (last + 1..=last + 2).contains(&(there.len() as i64)),
                "{} there, {last} said",
                there.len()
            );
            assert!(there.iter().enumerate().all(|(i, s)| *s == (i as i64, (offset + i as i64) as f64)));
        }
    }
}
