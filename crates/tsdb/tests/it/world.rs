//! A machine for a store: a disk that can fail, a clock that stands still, and short ways to say what tests say.

use std::path::PathBuf;
use std::sync::Arc;

use columns::TimeRange;
use disk::{Faults, FaultyDisk};
use model::{DurationMs, Labels, Matcher, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{AppendError, CommitReport, MetricAppend, MetricQuery, Samples, Selection};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Metrics, Options, RecoveryReport, SyncPolicy};

/// When tests begin.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// A disk, a clock and the options for a store on them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sync: SyncPolicy,
    pub(crate) limits: Limits,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new(NOW_MS));
        let limits = small(Limits { retention: DurationMs::from_secs(24 * 3600), ..Limits::standard() });
        let disk = FaultyDisk::new(1, Faults::NONE);
        Self { disk, clock, sync: SyncPolicy::EveryCommit, limits }
    }

    /// A world with these limits.
    pub(crate) fn with(limits: Limits) -> Self {
        Self { limits: small(limits), ..Self::new() }
    }

    /// A world in which the log gets a checkpoint when it has grown by so much.
    pub(crate) fn with_log_bytes_max(log_bytes_max: u64) -> Self {
        let world = Self::new();
        Self { limits: Limits { log_bytes_max, ..world.limits }, ..world }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            dir: PathBuf::from("/data/metrics"),
            disk: Arc::new(self.disk.clone()),
            clock: Arc::clone(&self.clock) as _,
            sync: self.sync,
            damage: DamagePolicy::Quarantine,
            limits: self.limits,
            maintenance: Maintenance::Manual,
            metrics: Arc::new(Metrics::new(&mut Registry::default())),
        }
    }

    pub(crate) fn open(&self) -> (Arc<Db>, RecoveryReport) {
        Db::open(self.options()).unwrap()
    }

    /// The process dies, and another starts.
    pub(crate) fn kill_and_open(&self) -> (Arc<Db>, RecoveryReport) {
        self.disk.restart(disk::Crash::Process, Faults::NONE);
        self.open()
    }
}

/// Files so small that a test fills several.
fn small(limits: Limits) -> Limits {
    Limits { segment_bytes: 2000, spill_file_bytes: 300, ..limits }
}

/// `name{label="value"}` and so on, as labels: `m a=1 b=2`.
pub(crate) fn labels(text: &str) -> Labels {
    let mut parts = text.split(' ');
    let name = ("__name__", parts.next().unwrap_or_default());
    Labels::from_pairs(std::iter::once(name).chain(parts.map(|p| p.split_once('=').unwrap())))
}

/// One transaction of samples, each (series, milliseconds after the beginning, value); all must be taken.
pub(crate) fn commit(db: &Db, samples: &[(&str, i64, f64)]) -> Result<CommitReport, AppendError> {
    let mut appender = db.appender();
    for (series, at_ms, value) in samples {
        let id = appender.series(&labels(series))?;
        appender.append(id, TimestampMs(NOW_MS + at_ms), *value)?;
    }
    appender.commit()
}

/// A selection without limits.
pub(crate) fn selection(matchers: &[Matcher]) -> Selection<'_> {
    Selection { matchers, range: TimeRange::ALL, series_max: usize::MAX }
}

/// Everything in the store: labels, and samples as (milliseconds after the beginning, bits).
pub(crate) fn contents(db: &Db) -> Vec<(Labels, Vec<(i64, u64)>)> {
    let set = db.select(&selection(&[])).unwrap();
    let mut out = Samples::default();
    let series = (0..set.len()).map(|i| {
        set.samples_with_stale(i, TimeRange::ALL, &mut out).unwrap();
        let samples = out.times_ms.iter().zip(&out.values).map(|(at, value)| (at - NOW_MS, value.to_bits()));
        (set.labels(i), samples.collect())
    });
    series.collect()
}

/// The samples of one series, as (milliseconds after the beginning, value).
pub(crate) fn samples(db: &Db, series: &str) -> Vec<(i64, f64)> {
    let all = contents(db)
        .into_iter()
        .find(|(of, _)| *of == labels(series))
        .map(|(_, all)| all)
        .unwrap_or_default();
    all.into_iter().map(|(at_ms, bits)| (at_ms, f64::from_bits(bits))).collect()
}

/// Runs `check` for `usual` seeds, or as many as `WATCHFIRE_SIM_SEEDS` says, or for the one of `WATCHFIRE_SIM_SEED`.
pub(crate) fn for_each_seed(usual: u64, check: fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("WATCHFIRE_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WATCHFIRE_SIM_SEEDS").unwrap_or(usual),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| check(seed));
        assert!(outcome.is_ok(), "seed {seed} failed; repeat it with WATCHFIRE_SIM_SEED={seed}");
    }
}
