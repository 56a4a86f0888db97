//! A real process on real files, ended by SIGKILL in the middle of pushes: every line that it has acknowledged is there, once,
//! under the weakest sync policy.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use disk::RealDisk;
use logdb::{Db, Maintenance, Options, Storage, SyncPolicy};
use storage::{LogAppend, StreamPush};

use crate::world::{World, entry, labels, small, texts};

/// Set in the child: the folder to write to.
const DIR_VARIABLE: &str = "WATCHFIRE_KILL_DIR";
const ROUNDS: i64 = 6;
const LINES_PER_PUSH: i64 = 7;
/// What the child says before the number of each push that it was told is done.
const ACKNOWLEDGED: &str = "acknowledged ";

fn open(dir: &Path) -> Arc<Db> {
    let world = World::new();
    let storage = Storage {
        log_bytes_max: 20_000,
        file_bytes: 2000,
        housekeeping_every: std::time::Duration::from_millis(3),
        ..small()
    };
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        sync: SyncPolicy::None,
        storage,
        maintenance: Maintenance::Background,
        ..world.options()
    };
    Db::open(options).unwrap().0
}

fn stream(push: i64) -> String {
    format!("job={}", push % 3)
}

/// Lines of a push, one of them late.
fn lines(push: i64) -> Vec<String> {
    (0..LINES_PER_PUSH).map(|i| format!("line {i} of push {push}")).collect()
}

fn push(db: &Db, number: i64) {
    // A push lasts a millisecond of a clock that stands still; ten minutes may lie ahead.
    let at_ms = |i: i64| number - if i == 3 { 40 } else { 0 };
    let entries = lines(number).iter().zip(0..).map(|(line, i)| entry(at_ms(i), line)).collect();
    let report = db.push(&[StreamPush { labels: labels(&stream(number)), entries }]).unwrap();
    assert_eq!(report.stored + report.repeated, LINES_PER_PUSH as usize);
}

/// Pushes and says so until it is killed.
fn push_until_killed(dir: &Path) {
    let db = open(dir);
    let first = texts(&db, "job=0").len() + texts(&db, "job=1").len() + texts(&db, "job=2").len();
    // The push that was under way is sent again.
    for number in (first as i64 / LINES_PER_PUSH - 1).max(0).. {
        push(&db, number);
        // On a line of its own: the test harness does not end its own before the test ends.
        let said = format!("\n{ACKNOWLEDGED}{number}\n");
        std::io::stdout().write_all(said.as_bytes()).unwrap();
    }
}

/// Lets a child push until it has acknowledged `count` more, kills it, and gives the last it acknowledged.
fn kill_after(dir: &Path, count: usize) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::what_was_acknowledged_survives_sigkill", "--nocapture"])
        .env(DIR_VARIABLE, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = said.filter_map(|line| line.strip_prefix(ACKNOWLEDGED)?.parse::<i64>().ok());
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
        return push_until_killed(&PathBuf::from(dir));
    }
    let dir = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let last = kill_after(dir.path(), 40 + 57 * round as usize);
        let db = open(dir.path());
        for job in 0..3 {
            let name = format!("job={job}");
            let mut there = texts(&db, &name);
            there.sort();
            let pushes = |to: i64| (0..=to).filter(|number| stream(*number) == name);
            let mut expected: Vec<String> = pushes(last).flat_map(lines).collect();
            // One more may have been stored than it came to say.
            if there.len() > expected.len() {
                expected = pushes(last + 1).flat_map(lines).collect();
            }
            expected.sort();
            assert_eq!(there, expected, "round {round}, {name}, {last} said");
        }
        db.close().unwrap();
    }
}
