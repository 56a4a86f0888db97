//! Bytes of a line become an entry: times, limits, the way through the stages.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::Limits;
use crate::entry::Entry;
use crate::metrics::{Family, Metrics};
use crate::stages::{Context, Pipeline, TokenBucket};
use crate::tail::Line;

/// What all lines pass before their stages.
pub(crate) struct Intake {
    metrics: Arc<Metrics>,
    limits: Limits,
    readline: Option<TokenBucket>,
    /// The last moment given to a line: no two get the same, or a store would take equal ones for a repeat.
    last_ns: i64,
}

impl Intake {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>, now: Instant) -> Self {
        let readline = limits.readline.map(|(rate, burst, _)| TokenBucket::new(rate, burst, now));
        Self { metrics, limits, readline, last_ns: 0 }
    }

    fn now_ns(&mut self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        self.last_ns = i64::try_from(now).unwrap_or(i64::MAX).max(self.last_ns + 1);
        self.last_ns
    }

    /// Sends a line through its stages; says how long its file shall rest.
    pub(crate) fn take(
        &mut self,
        pipeline: &mut Pipeline,
        labels: &model::Labels,
        line: &Line<'_>,
        now: Instant,
        out: &mut Vec<Entry>,
    ) -> Duration {
        let now_ns = self.now_ns();
        let metrics = &*self.metrics;
        let Some(text) = self.limits.fit(line, metrics) else { return Duration::ZERO };
        let mut rest = Duration::ZERO;
        if let (Some(bucket), Some((.., drop))) = (&mut self.readline, self.limits.readline) {
            if drop && !bucket.allow(now) {
                metrics.line_dropped("global_rate_limiter_drop");
                return Duration::ZERO;
            }
            rest = if drop { rest } else { bucket.borrow(now) };
        }
        let mut context = Context { now, now_ns, metrics, rest };
        let entry = Entry::new(now_ns, text, labels.clone(), line.origin);
        pipeline.take(entry, &mut context, out);
        context.rest
    }

    /// Lets go of what stages have held long enough, or of everything.
    pub(crate) fn release(&mut self, pipeline: &mut Pipeline, all: bool, now: Instant, out: &mut Vec<Entry>) {
        let now_ns = self.now_ns();
        let mut context = Context { now, now_ns, metrics: &self.metrics, rest: Duration::ZERO };
        pipeline.release(all, &mut context, out);
    }
}

impl Limits {
    /// The text of a line, cut where it may be; nothing when it is too long.
    fn fit(&self, line: &Line<'_>, metrics: &Metrics) -> Option<String> {
        let text = String::from_utf8_lossy(line.bytes);
        let is_long = self.line_bytes_max > 0 && text.len() > self.line_bytes_max;
        let reason = [("reason", "line_too_long")];
        if is_long && !self.truncate {
            metrics.add(Family::DroppedEntries, &reason, 1.0);
            metrics.add(Family::DroppedBytes, &reason, text.len() as f64);
            return None;
        }
        if is_long || line.is_cut {
            metrics.add(Family::MutatedEntries, &reason, 1.0);
        }
        let end = if is_long { text.floor_char_boundary(self.line_bytes_max) } else { text.len() };
        Some(text.get(..end).unwrap_or_default().to_owned())
    }
}
