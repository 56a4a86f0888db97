//! A machine for a store: a disk that can fail, a clock that stands still, and short ways to say what tests say.

use std::path::PathBuf;
use std::sync::Arc;

use disk::{Faults, FaultyDisk};
use logdb::{
    DamagePolicy, Db, Limits, Maintenance, Metrics, Options, RecoveryReport, Storage, StreamRetention,
    SyncPolicy,
};
use model::{Labels, LogEntry, Matcher, TimestampNs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{
    LineBatch, LogAppend, LogAppendError, LogQuery, LogSelection, Needles, NsRange, PushReport, StreamPush,
};

/// When tests begin.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;
pub(crate) const NS_PER_MS: i64 = 1_000_000;

/// A disk, a clock and the options for a store on them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sync: SyncPolicy,
    pub(crate) damage: DamagePolicy,
    pub(crate) limits: Limits,
    pub(crate) storage: Storage,
    pub(crate) retention_streams: Vec<StreamRetention>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            disk: FaultyDisk::new(1, Faults::NONE),
            clock: Arc::new(ManualClock::new(NOW_MS)),
            sync: SyncPolicy::EveryCommit,
            damage: DamagePolicy::Quarantine,
            limits: Limits::standard(),
            storage: small(),
            retention_streams: Vec::new(),
        }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            dir: PathBuf::from("/data/logs"),
            disk: Arc::new(self.disk.clone()),
            clock: Arc::clone(&self.clock) as _,
            sync: self.sync,
            damage: self.damage,
            limits: self.limits,
            storage: self.storage,
            retention_streams: self.retention_streams.clone(),
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

/// Chunks and files so small that a test makes several.
pub(crate) fn small() -> Storage {
    Storage { chunk_text_bytes: 200, file_bytes: 600, segment_bytes: 2000, ..Storage::standard() }
}

/// `job=a host=b` as labels.
pub(crate) fn labels(text: &str) -> Labels {
    Labels::from_pairs(text.split(' ').map(|part| part.split_once('=').unwrap()))
}

/// A moment, milliseconds after the beginning.
pub(crate) fn at(ms: i64) -> TimestampNs {
    TimestampNs((NOW_MS + ms) * NS_PER_MS)
}

pub(crate) fn entry(ms: i64, line: &str) -> LogEntry {
    LogEntry { at: at(ms), line: line.to_owned(), metadata: Labels::empty() }
}

/// Pushes lines of one stream, each (milliseconds after the beginning, text).
pub(crate) fn push(db: &Db, stream: &str, lines: &[(i64, &str)]) -> Result<PushReport, LogAppendError> {
    let entries = lines.iter().map(|(ms, line)| entry(*ms, line)).collect();
    db.push(&[StreamPush { labels: labels(stream), entries }])
}

pub(crate) const ALL: NsRange = NsRange { from: TimestampNs(i64::MIN), until: TimestampNs(i64::MAX) };

/// What a selection gives: labels, and lines as (milliseconds after the beginning, text).
pub(crate) type Contents = Vec<(Labels, Vec<(i64, String)>)>;

/// All lines of the streams that satisfy the matchers, in a span.
pub(crate) fn contents_of(db: &Db, matchers: &[Matcher], range: NsRange, needles: &Needles) -> Contents {
    let set = db.select(&LogSelection { matchers, range, streams_max: usize::MAX }).unwrap();
    let mut out = LineBatch::default();
    let streams = (0..set.len()).map(|i| {
        let mut lines = Vec::new();
        let parts = set.parts(i);
        assert!(parts.windows(2).all(|pair| pair[0].last < pair[1].first), "parts overlap: {parts:?}");
        for (p, part) in parts.iter().enumerate() {
            set.read(i, p, needles, &mut out).unwrap();
            assert!(out.times_ns.is_sorted() && out.times_ns.iter().all(|at| range.contains(*at)));
            let is_within = |at: &i64| part.first.0 <= *at && *at <= part.last.0;
            assert!(out.times_ns.iter().all(is_within), "lines outside of their part");
            let line = |l: usize| (out.times_ns[l] / NS_PER_MS - NOW_MS, out.line(l).to_owned());
            lines.extend((0..out.len()).map(line));
        }
        (set.labels(i).clone(), lines)
    });
    streams.collect()
}

/// Everything in the store.
pub(crate) fn contents(db: &Db) -> Contents {
    contents_of(db, &[], ALL, &Needles::default())
}

/// The lines of one stream.
pub(crate) fn lines(db: &Db, stream: &str) -> Vec<(i64, String)> {
    let found = contents(db).into_iter().find(|(of, _)| *of == labels(stream));
    found.map(|(_, lines)| lines).unwrap_or_default()
}

/// Texts of lines, for short comparisons.
pub(crate) fn texts(db: &Db, stream: &str) -> Vec<String> {
    lines(db, stream).into_iter().map(|(_, text)| text).collect()
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
