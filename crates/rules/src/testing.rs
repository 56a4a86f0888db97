//! What tests of whole groups share: a look into the store in memory, a clock that goes with tokio's, a sink that remembers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use columns::TimeRange;
use model::{Alert, format_float, is_stale};
use stdx::Clock;
use storage::{MetricQuery, Samples, Selection};

use crate::AlertSink;
use crate::memory::Memory;

/// 2026-01-01, on no grid in particular.
pub(crate) const START_MS: i64 = 1_767_225_600_123;

/// Wall-clock time that goes with tokio's, and can be set forward.
#[derive(Debug)]
pub(crate) struct TokioClock {
    begun: tokio::time::Instant,
    ahead_ms: AtomicI64,
}

impl TokioClock {
    pub(crate) fn new() -> Self {
        Self { begun: tokio::time::Instant::now(), ahead_ms: AtomicI64::new(0) }
    }

    pub(crate) fn set_forward(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.begun.elapsed().as_millis()).expect("short tests");
        START_MS + elapsed + self.ahead_ms.load(Ordering::SeqCst)
    }
}

impl Memory {
    fn found(&self, series: &str) -> Option<Samples> {
        let set = self.select(&Selection { matchers: &[], range: TimeRange::ALL, series_max: usize::MAX });
        let set = set.expect("memory answers");
        let place = (0..set.len()).find(|i| set.labels(*i).to_string() == series)?;
        let mut samples = Samples::default();
        set.samples_with_stale(place, TimeRange::ALL, &mut samples).expect("memory answers");
        Some(samples)
    }

    /// When a series has samples, in milliseconds.
    pub(crate) fn times(&self, series: &str) -> Vec<i64> {
        self.found(series).map(|samples| samples.times_ms).unwrap_or_default()
    }

    /// All values of a series, a stale marker as `#`.
    pub(crate) fn shown(&self, series: &str) -> String {
        let samples = self.found(series).unwrap_or_else(|| panic!("no series {series} in {self:?}"));
        let shown =
            samples.values.iter().map(|v| if is_stale(*v) { "#".to_owned() } else { format_float(*v) });
        shown.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn has(&self, series: &str) -> bool {
        self.found(series).is_some()
    }
}

#[derive(Default)]
pub(crate) struct Sent(Mutex<Vec<Alert>>);

impl Sent {
    pub(crate) fn all(&self) -> Vec<Alert> {
        self.0.lock().expect("no panic").clone()
    }
}

impl AlertSink for Sent {
    fn alerts(&self, alerts: Vec<Alert>) {
        self.0.lock().expect("no panic").extend(alerts);
    }
}
