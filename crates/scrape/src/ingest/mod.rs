//! From a body, or the lack of one, to one transaction: samples, stale markers, the scrape's own series.

mod cache;
mod labels;
mod metadata;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use exposition::{Entry, Exemplar, Label, Reader, Row};
use model::{Labels, STALE_NAN, TimestampMs};
use storage::{AppendError, MetricAppend, MetricAppender, SeriesId};

use cache::{SeriesCache, SlotIdx};
pub(crate) use metadata::MetadataCache;

use crate::config::Job;
use crate::fetch::{FetchError, Fetched};
use crate::metrics::{Metrics, WayLabel};
use crate::scrape_loop::lock;

/// A sample further in the future than this is refused, as in Prometheus: a clock is wrong somewhere.
const FUTURE_MAX_MS: i64 = 10 * 60 * 1000;

/// How many lines ahead the store is told what comes: some microseconds, in which memory answers many times over, and few enough
/// that nothing fetched is pushed out again.
const LINES_AHEAD: usize = 12;

/// Series that the scrape itself makes. The last three only when `extra_scrape_metrics` is on.
const REPORTS: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];
const REPORTS_ALWAYS: usize = 5;

/// What one scrape is about.
#[derive(Debug, Clone)]
pub(crate) struct Scrape {
    pub(crate) job: Arc<Job>,
    pub(crate) labels: Labels,
    pub(crate) at: TimestampMs,
    pub(crate) took: Duration,
    pub(crate) timeout: Duration,
}

/// What is remembered of a target between its scrapes.
#[derive(Debug, Default)]
pub(crate) struct TargetState {
    cache: SeriesCache,
    reports: [Option<SeriesId>; REPORTS.len()],
    metadata: Arc<Mutex<MetadataCache>>,
}

impl TargetState {
    pub(crate) fn new(metadata: Arc<Mutex<MetadataCache>>) -> Self {
        Self { metadata, ..Self::default() }
    }

    /// The job's rules have changed: labels must be made anew.
    pub(crate) fn forget_texts(&mut self) {
        self.cache.forget_texts();
    }
}

/// What one scrape brought.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Counts {
    scraped: u64,
    kept: u64,
    added: u64,
    body_bytes: i64,
}

/// Writes one scrape into the store. Returns why it counts as failed, if it does.
pub(crate) fn write(
    store: &dyn MetricAppend,
    metrics: &Metrics,
    state: &mut TargetState,
    scrape: &Scrape,
    fetched: Result<Fetched, FetchError>,
) -> Result<(), String> {
    let mut appender = store.appender();
    state.cache.begin();
    let mut counts = Counts::default();
    let read = fetched.map_err(|error| {
        counts.body_bytes = if error.is_too_large { -1 } else { 0 };
        if error.is_too_large {
            metrics.over_body_limit.inc();
        }
        error.message
    });
    let read = read.and_then(|body| {
        Ingest { appender: &mut *appender, metrics, state, scrape, counts: &mut counts }.body(&body)
    });
    let gone = match &read {
        Ok(()) => state.cache.end(),
        Err(_) => {
            // Half a body would look like vanished series: all of it is taken back.
            drop(appender);
            appender = store.appender();
            state.cache.fail()
        }
    };
    mark_stale(&mut *appender, scrape.at, &gone);
    write_reports(&mut *appender, state, scrape, counts, read.is_ok());
    if let Err(error) = appender.commit() {
        metrics.commit_errors.inc();
        // Ids made in this transaction may never have come to be.
        state.forget_texts();
        state.reports = Default::default();
        return Err(format!("the store did not take the scrape: {error}"));
    }
    read
}

/// Ends a target: all its series, and those about it, get stale markers.
pub(crate) fn write_end(
    store: &dyn MetricAppend,
    metrics: &Metrics,
    state: &mut TargetState,
    at: TimestampMs,
) {
    let mut appender = store.appender();
    let mut gone = state.cache.take_live();
    gone.extend(state.reports.iter().flatten());
    mark_stale(&mut *appender, at, &gone);
    if appender.commit().is_err() {
        metrics.commit_errors.inc();
    }
}

/// A refused marker is no error: the series has newer samples already, or the store has forgotten it.
fn mark_stale(appender: &mut dyn MetricAppender, at: TimestampMs, series: &[SeriesId]) {
    for id in series {
        let _ = appender.append(*id, at, STALE_NAN);
    }
}

fn write_reports(
    appender: &mut dyn MetricAppender,
    state: &mut TargetState,
    scrape: &Scrape,
    counts: Counts,
    is_up: bool,
) {
    let values = [
        f64::from(u8::from(is_up)),
        scrape.took.as_secs_f64(),
        counts.scraped as f64,
        counts.kept as f64,
        counts.added as f64,
        scrape.timeout.as_secs_f64(),
        scrape.job.limits.samples_max as f64,
        counts.body_bytes as f64,
    ];
    let wanted = if scrape.job.extra_scrape_metrics { REPORTS.len() } else { REPORTS_ALWAYS };
    for ((name, value), known) in REPORTS.iter().zip(values).zip(&mut state.reports).take(wanted) {
        let written = known
            .map_or(Err(AppendError::UnknownSeries(SeriesId(0))), |id| appender.append(id, scrape.at, value));
        if matches!(written, Err(AppendError::UnknownSeries(_))) {
            *known = appender.series(&labels::of_report(name, &scrape.labels)).ok();
            if let Some(id) = *known {
                // What the store refuses here it refuses for the samples too, where it is counted.
                let _ = appender.append(id, scrape.at, value);
            }
        }
    }
}

/// One body on its way into one transaction.
struct Ingest<'a, 's> {
    appender: &'a mut (dyn MetricAppender + 's),
    metrics: &'a Metrics,
    state: &'a mut TargetState,
    scrape: &'a Scrape,
    counts: &'a mut Counts,
}

impl Ingest<'_, '_> {
    fn body(&mut self, fetched: &Fetched) -> Result<(), String> {
        self.counts.body_bytes = i64::try_from(fetched.body.len()).unwrap_or(i64::MAX);
        lock(&self.state.metadata).begin();
        let mut ways = Ways::default();
        let mut parts = Vec::new();
        let mut reader = Reader::new(fetched.format, &fetched.body).map_err(|e| e.to_string())?;
        while let Some(entry) = reader.next_entry(self.state.cache.guess()) {
            match entry.map_err(|e| e.to_string())? {
                // Locked a line at a time: whoever asks for metadata must not wait for a large body.
                Entry::Meta(meta) => {
                    let is_kept = lock(&self.state.metadata).take(&meta);
                    self.metrics.metadata_left_out.inc_by(u64::from(!is_kept));
                }
                Entry::Sample(row) => self.row(&row, &mut parts, &mut ways)?,
            }
        }
        ways.count(self.metrics);
        Ok(())
    }

    fn row<'b>(&mut self, row: &Row<'b>, parts: &mut Vec<Label<'b>>, ways: &mut Ways) -> Result<(), String> {
        self.counts.scraped += 1;
        if let Some(series) = self.state.cache.ahead(LINES_AHEAD) {
            self.appender.expect(series);
        }
        let guessed = if row.is_expected { self.state.cache.guessed() } else { None };
        let slot = match guessed.or_else(|| self.state.cache.find(row.series.as_str())) {
            Some(slot) => {
                *if row.is_expected { &mut ways.expected } else { &mut ways.known } += 1;
                slot
            }
            None => {
                ways.parsed += 1;
                let series = self.resolve(row, parts)?;
                self.counts.added += u64::from(series.is_some());
                self.state.cache.create(row.series.as_str(), series)
            }
        };
        let is_first = self.state.cache.see(slot);
        let Some(series) = self.state.cache.series(slot) else { return Ok(()) };
        self.counts.kept += 1;
        let limit = self.scrape.job.limits.samples_max;
        if limit > 0 && self.counts.kept > limit {
            self.metrics.over_sample_limit.inc();
            return Err("sample limit exceeded".to_owned());
        }
        let own_time = row.timestamp.filter(|_| self.scrape.job.honor_timestamps);
        if !is_first && own_time.is_none() {
            self.metrics.duplicate.inc();
            return Ok(());
        }
        let needs_marker = own_time.is_none() || self.scrape.job.track_timestamps_staleness;
        let at = own_time.unwrap_or(self.scrape.at);
        let is_taken = self.append(slot, series, at, row, parts)?;
        self.state.cache.set_live(slot, needs_marker);
        if let Some(exemplar) = row.exemplar.as_ref().filter(|_| is_taken)
            // Asked again: the store may just have given the series another id.
            && let Some(series) = self.state.cache.series(slot)
        {
            self.exemplar(series, exemplar, at);
        }
        Ok(())
    }

    /// The series of a row never seen; `None` when the rules drop it.
    fn resolve<'b>(&mut self, row: &Row<'b>, parts: &mut Vec<Label<'b>>) -> Result<Option<SeriesId>, String> {
        let at_line = |message: String| format!("line {}: {message}", row.line);
        row.series.labels_into(parts).map_err(|e| at_line(e.to_string()))?;
        let labels = labels::finish(&self.scrape.job, &self.scrape.labels, parts).map_err(at_line)?;
        labels.map(|labels| self.appender.series(&labels).map_err(|e| e.to_string())).transpose()
    }

    fn append<'b>(
        &mut self,
        slot: SlotIdx,
        series: SeriesId,
        at: TimestampMs,
        row: &Row<'b>,
        parts: &mut Vec<Label<'b>>,
    ) -> Result<bool, String> {
        if at.0 > self.scrape.at.0.saturating_add(FUTURE_MAX_MS) {
            self.metrics.out_of_bounds.inc();
            return Ok(false);
        }
        let mut appended = self.appender.append(series, at, row.value);
        if matches!(appended, Err(AppendError::UnknownSeries(_))) {
            let again = self.resolve(row, parts)?;
            self.state.cache.set_series(slot, again);
            appended = again.map_or(Ok(()), |series| self.appender.append(series, at, row.value));
        }
        match appended {
            Ok(()) => return Ok(true),
            Err(AppendError::OutOfOrder) => {
                self.metrics.out_of_order.inc();
            }
            Err(AppendError::Duplicate) => {
                self.metrics.duplicate.inc();
            }
            Err(AppendError::OutOfBounds) => {
                self.metrics.out_of_bounds.inc();
            }
            Err(other) => return Err(other.to_string()),
        }
        Ok(false)
    }

    /// What is wrong with an example is no reason to lose the samples: it is counted and left out. One without a time of
    /// its own gets that of its sample.
    fn exemplar(&mut self, series: SeriesId, exemplar: &Exemplar<'_>, at: TimestampMs) {
        let Ok(labels) = exemplar.labels() else {
            self.metrics.exemplars_refused.inc();
            return;
        };
        let labels = labels.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
        let told = storage::Exemplar {
            labels: Labels::from_pairs(labels),
            value: exemplar.value,
            at: exemplar.timestamp.unwrap_or(at),
            has_own_time: exemplar.timestamp.is_some(),
        };
        match self.appender.exemplar(series, told) {
            Ok(()) => {}
            Err(AppendError::ExemplarOutOfOrder) => drop(self.metrics.exemplars_out_of_order.inc()),
            Err(_) => drop(self.metrics.exemplars_refused.inc()),
        }
    }
}

/// How the series of a body's lines were recognised.
#[derive(Debug, Default)]
struct Ways {
    expected: u64,
    known: u64,
    parsed: u64,
}

impl Ways {
    fn count(&self, metrics: &Metrics) {
        for (way, count) in [("expected", self.expected), ("known", self.known), ("parsed", self.parsed)] {
            metrics.rows.get_or_create(&WayLabel { way }).inc_by(count);
        }
    }
}
