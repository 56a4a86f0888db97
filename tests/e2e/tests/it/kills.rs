//! `kill -9` at random moments under full ingest: every sample that a query has shown is there afterwards.
//!
//! A query shows a commit only after the log has taken it, so what was ever seen was acknowledged. Each target counts its
//! scrapes, so that every sample is known by its value; every series of a scrape must be there when one of them is. Blocks of
//! one second instead of two hours, cut and compacted all the time, make kills fall into cuts, compactions and checkpoints.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::{RunningMonitor, Sampled, Target, until, value_of};

/// A few in each run; `WATCHFIRE_KILLS=100` asks for more.
const KILLS: u64 = 5;
const TARGETS: u64 = 8;
const SERIES: u64 = 250;
/// Longest life of a monitor after its first sample.
const LIFE_MAX: Duration = Duration::from_millis(4000);
const LIMIT: Duration = Duration::from_secs(60);
/// What is compared in one query at the end.
const SPAN_S: f64 = 20.0;
const ARGUMENTS: [&str; 4] = ["--block-span", "1s", "--housekeeping-every", "50ms"];

/// For each target, the moment of every scrape that was seen, and its number.
type Seen = BTreeMap<String, BTreeMap<i64, u64>>;

/// What kills fell into, told from the files they left.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    half_made_blocks: u64,
    half_made_checkpoints: u64,
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn config(targets: &[Target]) -> String {
    let mut text = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n".to_owned();
    for (i, target) in targets.iter().enumerate() {
        text += &format!("- {{job_name: t{i}, static_configs: [{{targets: ['{}']}}]}}\n", target.address);
    }
    text
}

/// Notes what one series of each target shows.
fn note(seen: &mut Seen, shown: &[Sampled]) {
    for one in shown {
        let scrapes = one.samples.iter().map(|(at_ms, value)| (*at_ms, value / 1_000_000));
        seen.entry(one.target.clone()).or_default().extend(scrapes);
    }
}

/// Looks again and again until the life is over, which begins with the first sample.
async fn watch(monitor: &RunningMonitor, seen: &mut Seen, life: Duration) {
    until("a sample", LIMIT, async || {
        let shown = monitor.samples("m{i=\"0\"}[5s]", now_s()).await?;
        note(seen, &shown);
        if shown.is_empty() { Err("none yet".to_owned()) } else { Ok(()) }
    })
    .await;
    let begun = Instant::now();
    while begun.elapsed() < life {
        let shown = monitor.samples("m{i=\"0\"}[5s]", now_s()).await.expect("an answer");
        note(seen, &shown);
    }
}

/// Compares all that was seen in a time with what is there.
fn compare(seen: &Seen, there: &[Sampled], from_ms: i64, to_ms: i64, targets: &[Target]) -> usize {
    let mut compared = 0;
    for (name, scrapes) in seen {
        let number: usize = name.trim_start_matches('t').parse().expect("a job of ours");
        let of_target: Vec<&Sampled> = there.iter().filter(|one| one.target == *name).collect();
        let acknowledged: Vec<(i64, u64)> = scrapes.range(from_ms..=to_ms).map(|(at, n)| (*at, *n)).collect();
        if acknowledged.is_empty() {
            continue;
        }
        assert_eq!(of_target.len() as u64, SERIES, "series of {name}");
        let times = |one: &Sampled| one.samples.iter().map(|(at_ms, _)| *at_ms).collect::<Vec<i64>>();
        let first = times(of_target[0]);
        for one in of_target {
            let here: BTreeMap<i64, u64> = one.samples.iter().copied().collect();
            for (at_ms, scrape) in &acknowledged {
                let expected = value_of(*scrape, one.series);
                assert_eq!(here.get(at_ms), Some(&expected), "{name}, series {}, {at_ms}", one.series);
                compared += 1;
            }
            assert_eq!(times(one), first, "{name}: a scrape is there by half, series {}", one.series);
            let highest = one.samples.iter().map(|(_, value)| value / 1_000_000).max().unwrap_or(0);
            assert!(highest <= targets[number].served(), "{name}: nobody served scrape {highest}");
        }
    }
    compared
}

/// All samples of a time, and a little more on both sides, so that rounding leaves none out.
async fn all_between(monitor: &RunningMonitor, from_s: f64, to_s: f64) -> Vec<Sampled> {
    let selector = format!("m[{}ms]", ((to_s - from_s) * 1000.0).round() as i64 + 200);
    until("all samples", LIMIT, async || monitor.samples(&selector, to_s + 0.1).await).await
}

/// What the files say of the moment of the kill.
fn tally(tally: &mut Tally, data: &Path) {
    let names = |dir: &str| -> Vec<String> {
        let entries = std::fs::read_dir(data.join("metrics").join(dir)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let blocks = names("blocks");
    tally.kills += 1;
    tally.half_made_blocks += u64::from(blocks.iter().any(|name| name.ends_with(".tmp")));
    let log = names("wal");
    let newest_done = log.iter().filter_map(|name| name.strip_suffix(".done")).max();
    let is_half_made =
        |name: &String| name.ends_with(".tmp") || newest_done.is_none_or(|done| !name.starts_with(done));
    let has_half_made = log.iter().filter(|name| name.starts_with("checkpoint")).any(is_half_made);
    tally.half_made_checkpoints += u64::from(has_half_made);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (kills, seed) =
        (number("WATCHFIRE_KILLS").unwrap_or(KILLS), number("WATCHFIRE_KILLS_SEED").unwrap_or(1));
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = tempfile::Builder::new().prefix("watchfire-kills-").tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut targets = Vec::new();
    for _ in 0..TARGETS {
        targets.push(Target::start(SERIES).await);
    }
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, config(&targets)).expect("written");
    let (mut seen, mut found, mut compared) = (Seen::new(), Tally::default(), 0);
    let begun_s = now_s();
    for _ in 0..kills {
        let monitor = RunningMonitor::start_on(&file, &data, &ARGUMENTS).await;
        let life_s = now_s();
        watch(&monitor, &mut seen, LIFE_MAX.mul_f64(rng.f64())).await;
        monitor.kill().await;
        tally(&mut found, &data);
        let monitor = RunningMonitor::start_on(&file, &data, &ARGUMENTS).await;
        let to_s = now_s();
        let there = all_between(&monitor, life_s - 1.0, to_s).await;
        compared += compare(&seen, &there, ms(life_s - 1.0) + 1, ms(to_s), &targets);
        monitor.kill().await;
        tally(&mut found, &data);
    }
    let monitor = RunningMonitor::start_on(&file, &data, &ARGUMENTS).await;
    let (mut from_s, end_s, mut at_the_end) = (begun_s, now_s(), 0);
    while from_s < end_s {
        let to_s = from_s + SPAN_S;
        let there = all_between(&monitor, from_s, to_s).await;
        at_the_end += compare(&seen, &there, ms(from_s) + 1, ms(to_s), &targets);
        from_s = to_s;
    }
    monitor.kill().await;
    let log = std::fs::read_to_string(file.with_extension("log")).expect("a log");
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("panicked") + lines("set aside"), 0, "see {}", file.with_extension("log").display());
    println!(
        "seed {seed}, {found:?}; {} scrapes served; {} blocks cut, {} compactions, {} checkpoints; {compared} samples compared after kills, {at_the_end} at the end",
        targets.iter().map(Target::served).sum::<u64>(),
        lines("block cut"),
        lines("blocks compacted"),
        lines("checkpoint written")
    );
    assert!(at_the_end > 0 && compared > 0, "nothing was compared");
}

fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
