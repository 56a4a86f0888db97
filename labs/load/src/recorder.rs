//! What the users saw: latency histograms (whole run, and the last minute) and endings, per request kind.
//!
//! **Raw and corrected.** Raw latency runs from sending to the whole answer. Corrected latency runs from the moment the
//! user *meant* to send: the end of the thought. In a closed model that differs only by the generator's own lateness,
//! because a user who waits for a slow answer plans no further request meanwhile. HdrHistogram's `record_correct` would
//! back-fill requests at a fixed interval; a closed model never meant to send those, so it isn't used here. An open
//! model has a schedule, and the same definition (from the planned start) is its usual correction.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::metrics::{Metrics, StageMetrics};
use crate::outcome::{Outcome, RequestKind};

/// Latencies are kept in microseconds, from 1 µs to 5 min; anything longer counts as 5 min. Requests time out before.
const LATENCY_MAX_US: u64 = 300_000_000;
/// Digits kept for the whole run: 0.1 % exact. About 170 KiB a histogram.
const RUN_DIGITS: u8 = 3;
/// Digits kept for each window: 1 % exact. About 12 KiB a histogram.
const WINDOW_DIGITS: u8 = 2;
/// The last minute is twelve windows of 5 s: short enough that a scrape every 2 s sees a change soon.
const WINDOW: Duration = Duration::from_secs(5);
const WINDOWS: u64 = 12;
/// Windows before the present one that a rate is taken over: 10 s and the part of the present.
const RATE_WINDOWS: u64 = 2;

/// One finished request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    pub(crate) kind: RequestKind,
    pub(crate) outcome: Outcome,
    /// When the user meant to send.
    pub(crate) due: Instant,
    /// When it was sent.
    pub(crate) begun: Instant,
    /// When the answer was whole, or the request had failed.
    pub(crate) ended: Instant,
}

/// Collects from all users; shared. One short lock a request.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    kinds: [Mutex<KindRecord>; RequestKind::ALL.len()],
    pub(crate) metrics: Metrics,
}

#[derive(Debug)]
struct KindRecord {
    raw: Histogram<u64>,
    corrected: Histogram<u64>,
    outcomes: [u64; Outcome::ALL.len()],
    windows: Vec<Window>,
}

#[derive(Debug)]
struct Window {
    number: u64,
    requests: u64,
    raw: Histogram<u32>,
}

/// What one request kind looks like at one moment.
#[derive(Debug, Clone)]
pub(crate) struct KindView {
    /// Whole run.
    pub(crate) raw: Histogram<u64>,
    pub(crate) corrected: Histogram<u64>,
    pub(crate) outcomes: [u64; Outcome::ALL.len()],
    /// Requests a second over the last 10 to 15 s.
    pub(crate) per_second: f64,
}

impl Recorder {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            started: Instant::now(),
            kinds: RequestKind::ALL.map(|_| Mutex::new(KindRecord::new())),
            metrics,
        }
    }

    /// Time since the run began.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Counts a request that a user of the stage behind `stage` has finished.
    pub(crate) fn finished(&self, stage: &StageMetrics, request: Finished) {
        let latency = request.ended - request.begun;
        stage.finished(request.kind, request.outcome, latency);
        let number = self.window_number(request.ended);
        let corrected = request.ended - request.due;
        self.lock(request.kind).add(number, request.outcome, micros(latency), micros(corrected));
    }

    /// The whole run of `kind` so far.
    pub(crate) fn view(&self, kind: RequestKind) -> KindView {
        let now = Instant::now();
        let number = self.window_number(now);
        let record = self.lock(kind);
        let first = number.saturating_sub(RATE_WINDOWS);
        let requests: u64 = record.live(first, number).map(|window| window.requests).sum();
        let window_s = WINDOW.as_secs_f64();
        let covered_s = (now - self.started).as_secs_f64() - first as f64 * window_s;
        KindView {
            raw: record.raw.clone(),
            corrected: record.corrected.clone(),
            outcomes: record.outcomes,
            // In the first second a single request would look like hundreds a second.
            per_second: requests as f64 / covered_s.max(1.0),
        }
    }

    /// Raw latencies of `kind` in the last minute, in microseconds.
    pub(crate) fn recent(&self, kind: RequestKind) -> Histogram<u32> {
        let number = self.window_number(Instant::now());
        let mut sum = histogram(WINDOW_DIGITS);
        for window in self.lock(kind).live(number.saturating_sub(WINDOWS - 1), number) {
            sum.add(&window.raw).expect("all windows have the same bounds");
        }
        sum
    }

    fn window_number(&self, at: Instant) -> u64 {
        // Runs of hundreds of years aside, this fits.
        (at.saturating_duration_since(self.started).as_millis() / WINDOW.as_millis()) as u64
    }

    fn lock(&self, kind: RequestKind) -> MutexGuard<'_, KindRecord> {
        let index = RequestKind::ALL.iter().position(|each| *each == kind).expect("ALL holds all kinds");
        // A user that panicked in the middle costs at most one latency; going on is better than stopping the rest.
        self.kinds[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KindRecord {
    fn new() -> Self {
        Self {
            raw: histogram(RUN_DIGITS),
            corrected: histogram(RUN_DIGITS),
            outcomes: [0; Outcome::ALL.len()],
            windows: Vec::new(),
        }
    }

    fn add(&mut self, number: u64, outcome: Outcome, latency_us: u64, corrected_us: u64) {
        for (each, count) in Outcome::ALL.iter().zip(&mut self.outcomes) {
            *count += u64::from(*each == outcome);
        }
        let window = self.window(number);
        window.requests += 1;
        if outcome.has_latency() {
            window.raw.saturating_record(latency_us);
            self.raw.saturating_record(latency_us);
            self.corrected.saturating_record(corrected_us);
        }
    }

    /// The window `number`, taking over the place of the oldest when it is new.
    fn window(&mut self, number: u64) -> &mut Window {
        let place = match self.windows.iter().position(|window| window.number == number) {
            Some(place) => place,
            None if (self.windows.len() as u64) < WINDOWS => {
                self.windows.push(Window { number, requests: 0, raw: histogram(WINDOW_DIGITS) });
                self.windows.len() - 1
            }
            None => {
                let oldest = self.windows.iter().enumerate().min_by_key(|(_, window)| window.number);
                let place = oldest.map_or(0, |(place, _)| place);
                let window = &mut self.windows[place];
                window.number = number;
                window.requests = 0;
                window.raw.reset();
                place
            }
        };
        &mut self.windows[place]
    }

    fn live(&self, first: u64, last: u64) -> impl Iterator<Item = &Window> {
        self.windows.iter().filter(move |window| (first..=last).contains(&window.number))
    }
}

fn histogram<C: hdrhistogram::Counter>(digits: u8) -> Histogram<C> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, digits)
        .expect("the bounds are constants that HdrHistogram takes")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn recorder() -> (Recorder, StageMetrics) {
        let metrics = Metrics::new(&mut Registry::default());
        let stage = metrics.stage("test");
        (Recorder::new(metrics), stage)
    }

    /// A read that was due `late_ms` before it began and took `latency_ms`.
    fn read(outcome: Outcome, late_ms: u64, latency_ms: u64) -> Finished {
        let due = Instant::now();
        let begun = due + Duration::from_millis(late_ms);
        Finished {
            kind: RequestKind::Read,
            outcome,
            due,
            begun,
            ended: begun + Duration::from_millis(latency_ms),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn quantiles_are_those_of_what_was_recorded() {
        let (recorder, stage) = recorder();
        for latency_ms in 1..=1000 {
            recorder.finished(&stage, read(Outcome::Ok, 0, latency_ms));
        }
        let view = recorder.view(RequestKind::Read);
        for (quantile, expected_us) in
            [(0.5, 500_000.0), (0.9, 900_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0)]
        {
            let got_us = view.raw.value_at_quantile(quantile) as f64;
            assert!((got_us / expected_us - 1.0).abs() < 0.002, "{quantile}: {got_us}");
        }
        assert_eq!(recorder.view(RequestKind::Write).raw.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn lateness_is_in_the_corrected_latency_alone() {
        let (recorder, stage) = recorder();
        recorder.finished(&stage, read(Outcome::Ok, 500, 100));
        let view = recorder.view(RequestKind::Read);
        assert_eq!(view.raw.max() / 1000, 100);
        assert_eq!(view.corrected.max() / 1000, 600);
    }

    #[tokio::test(start_paused = true)]
    async fn endings_are_counted_and_only_answers_and_time_outs_have_latency() {
        let (recorder, stage) = recorder();
        for outcome in Outcome::ALL {
            recorder.finished(&stage, read(outcome, 0, 10));
        }
        let view = recorder.view(RequestKind::Read);
        assert_eq!(view.outcomes, [1; Outcome::ALL.len()]);
        assert_eq!(view.raw.len(), Outcome::ALL.len() as u64 - 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_minute_forgets() {
        let (recorder, stage) = recorder();
        let record = |latency_ms: u64| {
            recorder.finished(&stage, read(Outcome::Ok, 0, latency_ms));
        };
        tokio::time::advance(Duration::from_secs(2)).await;
        record(1000);
        assert_eq!(recorder.recent(RequestKind::Read).len(), 1);
        tokio::time::advance(Duration::from_secs(30)).await;
        record(10);
        assert_eq!(recorder.recent(RequestKind::Read).len(), 2);
        tokio::time::advance(Duration::from_secs(35)).await;
        assert_eq!(recorder.recent(RequestKind::Read).len(), 1);
        assert!(recorder.recent(RequestKind::Read).max() < 11_000);
        for _ in 0..100 {
            tokio::time::advance(WINDOW).await;
            record(10);
        }
        assert_eq!(recorder.recent(RequestKind::Read).len(), WINDOWS);
        assert_eq!(recorder.lock(RequestKind::Read).windows.len() as u64, WINDOWS);
        assert_eq!(recorder.view(RequestKind::Read).raw.len(), 102);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_seconds() {
        let (recorder, stage) = recorder();
        for _ in 0..300 {
            tokio::time::advance(Duration::from_millis(100)).await;
            recorder.finished(&stage, read(Outcome::Ok, 0, 0));
        }
        let per_second = recorder.view(RequestKind::Read).per_second;
        assert!((9.5..10.5).contains(&per_second), "{per_second}");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(recorder.view(RequestKind::Read).per_second, 0.0);
    }
}
