//! A week of outages on a false clock, by seed: alerts fire and end exactly when a second, simpler telling of the rules says,
//! and restarts at any moment neither lose a long outage nor invent one. `WATCHFIRE_RULES_SEED=N` replays a week.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use model::{AlertState, Labels, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::Clock;
use storage::{MetricAppend, MetricQuery};

use crate::memory::Memory;
use crate::testing::{START_MS, Sent, TokioClock};
use crate::{AlertSink, Evaluate, Groups, Manager, ManagerOptions, Metrics, Ports, RuleFile};

const WEEK_S: i64 = 7 * 86_400;
const INTERVAL_S: i64 = 15;

/// Name, `for` and `keep_firing_for` in seconds.
const ALERTS: [(&str, i64, i64); 4] =
    [("Now", 0, 0), ("Soon", 300, 0), ("Late", 1_800, 0), ("Kept", 60, 600)];

fn rules() -> Groups {
    let rules: Vec<String> = ALERTS
        .iter()
        .map(|(name, hold, kept)| {
            format!("{{alert: {name}, expr: m, for: {hold}s, keep_firing_for: {kept}s}}")
        })
        .collect();
    let text = format!("groups: [{{name: g, interval: {INTERVAL_S}s, rules: [{}]}}]", rules.join(", "));
    Groups::new([RuleFile::parse(Path::new("r.yml"), &text).expect("valid rules")])
}

/// Is there while there is an outage; remembers when it was asked.
struct World {
    /// From, inclusive, and to, exclusive; milliseconds since the start, in order, apart from each other.
    outages: Vec<(i64, i64)>,
    asked: Mutex<Vec<i64>>,
}

impl World {
    fn is_out(&self, at_ms: i64) -> bool {
        let next = self.outages.partition_point(|(from, _)| *from <= at_ms);
        next > 0 && at_ms < self.outages[next - 1].1
    }
}

impl Evaluate for World {
    fn instant(&self, _: &promql::Expr, at: TimestampMs) -> Result<Vec<(Labels, f64)>, String> {
        let at_ms = at.0 - START_MS;
        let mut asked = self.asked.lock().expect("no panic");
        if asked.last() != Some(&at_ms) {
            asked.push(at_ms);
        }
        Ok(if self.is_out(at_ms) { vec![(Labels::from_pairs([("job", "a")]), 1.0)] } else { Vec::new() })
    }
}

/// Short ones, long ones, and now and then one that flaps.
fn outages(random: &mut fastrand::Rng) -> Vec<(i64, i64)> {
    let mut all = Vec::new();
    let mut at = random.i64(0..7_200_000);
    while at < WEEK_S * 1000 - 4 * 3_600_000 {
        if random.u8(0..5) == 0 {
            for _ in 0..random.usize(5..40) {
                let length = random.i64(5_000..90_000);
                all.push((at, at + length));
                at += length + random.i64(1_000..60_000);
            }
        } else {
            let length = [20_000, 120_000, 600_000, 3_600_000, 7_200_000][random.usize(0..5)];
            let length = random.i64(length / 2..length * 2);
            all.push((at, at + length));
            at += length;
        }
        at += random.i64(60_000..6 * 3_600_000);
    }
    all
}

struct Bench {
    world: Arc<World>,
    sent: Arc<Sent>,
    ports: Ports,
}

impl Bench {
    fn new(random: &mut fastrand::Rng) -> Self {
        let world = Arc::new(World { outages: outages(random), asked: Mutex::default() });
        let (memory, sent) = (Arc::new(Memory::default()), Arc::new(Sent::default()));
        let ports = Ports {
            evaluate: Arc::clone(&world) as Arc<dyn Evaluate>,
            store: Arc::clone(&memory) as Arc<dyn MetricQuery>,
            append: memory as Arc<dyn MetricAppend>,
            sink: Arc::clone(&sent) as Arc<dyn AlertSink>,
            clock: Arc::new(TokioClock::new()) as Arc<dyn Clock>,
            backfill: None,
        };
        Self { world, sent, ports }
    }

    fn start(&self) -> Manager {
        let metrics = Arc::new(Metrics::new(&mut Registry::default()));
        Manager::start(rules(), self.ports.clone(), ManagerOptions::standard("http://mon"), metrics)
    }

    /// When alerts of that name fired, from and to in milliseconds since the start, as they were told.
    fn told(&self, name: &str) -> Vec<(i64, i64)> {
        let mut over: Vec<(i64, i64)> = self
            .sent
            .all()
            .iter()
            .filter(|alert| {
                alert.labels.get("alertname") == Some(name) && alert.state == AlertState::Resolved
            })
            .map(|alert| (alert.starts_at.0 - START_MS, alert.ends_at.0 - START_MS))
            .collect();
        over.sort_unstable();
        over.dedup();
        over
    }
}

/// The rules told a second time: over the moments of evaluation, without state but since when.
fn expected(world: &World, moments: &[i64], hold_s: i64, kept_s: i64) -> Vec<(i64, i64)> {
    let (mut out_since, mut gone_since, mut fired) = (None::<i64>, None::<i64>, None::<i64>);
    let mut all = Vec::new();
    for &at in moments {
        if world.is_out(at) {
            gone_since = None;
            let since = *out_since.get_or_insert(at);
            if fired.is_none() && at - since >= hold_s * 1000 {
                fired = Some(at);
            }
            continue;
        }
        let keeps = fired.is_some() && at - *gone_since.get_or_insert(at) < kept_s * 1000;
        if !keeps {
            all.extend(fired.take().map(|from| (from, at)));
            (out_since, gone_since) = (None, None);
        }
    }
    all
}

fn seeds(usual: std::ops::Range<u64>) -> Vec<u64> {
    match std::env::var("WATCHFIRE_RULES_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => usual.collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_week_goes_as_it_is_told() {
    for seed in seeds(0..2) {
        let bench = Bench::new(&mut fastrand::Rng::with_seed(seed));
        let manager = bench.start();
        tokio::time::sleep(Duration::from_secs(WEEK_S as u64)).await;
        manager.stop().await;
        let moments = bench.world.asked.lock().expect("no panic").clone();
        assert!(moments.len() as i64 >= WEEK_S / INTERVAL_S, "seed {seed}: {} evaluations", moments.len());
        for (name, hold, kept) in ALERTS {
            let expected = expected(&bench.world, &moments, hold, kept);
            assert!(expected.len() > 3, "seed {seed}: an easy week for {name}");
            assert_eq!(bench.told(name), expected, "seed {seed}, {name}");
        }
    }
}

/// With restarts only bounds hold: what was down is not seen.
#[tokio::test(start_paused = true)]
async fn restarts_neither_lose_nor_invent() {
    for seed in seeds(10..12) {
        let mut random = fastrand::Rng::with_seed(seed);
        let bench = Bench::new(&mut random);
        let mut downs = Vec::new();
        let begun = tokio::time::Instant::now();
        let since = || begun.elapsed().as_millis() as i64;
        while since() < WEEK_S * 1000 {
            let manager = bench.start();
            tokio::time::sleep(Duration::from_secs(random.u64(60..8 * 3600))).await;
            manager.stop().await;
            let from = since();
            // Far below the time for which alerts are restored, an hour.
            tokio::time::sleep(Duration::from_secs(random.u64(1..900))).await;
            downs.push((from, since()));
        }
        check_long_wait(&bench, &downs, seed);
    }
}

/// Of the alert that waits half an hour: what it tells was an outage of at least that, and each outage that leaves it the time
/// is told.
fn check_long_wait(bench: &Bench, downs: &[(i64, i64)], seed: u64) {
    let (name, hold, _) = ALERTS[2];
    let hold_ms = hold * 1000;
    let all = bench.sent.all();
    let fired: Vec<i64> = all
        .iter()
        .filter(|alert| alert.labels.get("alertname") == Some(name) && alert.state == AlertState::Firing)
        .map(|alert| alert.starts_at.0 - START_MS)
        .collect();
    for at in &fired {
        let outage = bench.world.outages.iter().find(|(from, to)| from <= at && at < to);
        let (from, _) = outage.unwrap_or_else(|| panic!("seed {seed}: {name} at {at} ms without an outage"));
        assert!(at - from >= hold_ms, "seed {seed}: {name} at {at} ms, {} ms into the outage", at - from);
    }
    let mut long = 0;
    for (from, to) in &bench.world.outages {
        let down: Vec<&(i64, i64)> = downs.iter().filter(|(a, b)| a < to && b > from).collect();
        let away: i64 = down.iter().map(|(a, b)| b.min(to) - a.max(from)).sum();
        // Each restart may add the grace period and the evaluations before alerts are restored.
        let restarts_ms = down.len() as i64 * (600_000 + 4 * INTERVAL_S * 1000);
        if to - from > hold_ms + away + restarts_ms + 2 * INTERVAL_S * 1000 {
            long += 1;
            assert!(fired.iter().any(|at| from <= at && at < to), "seed {seed}: {from} to {to} was not told");
        }
    }
    assert!(long > 3 && downs.len() > 10, "seed {seed}: {long} long outages, {} restarts", downs.len());
}
