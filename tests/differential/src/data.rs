//! The samples that both sides hold: made from the seed, of every sort that queries treat differently.
//!
//! No sample lies on a full second, nor on any moment or window edge that the grammar makes: windows are open on the
//! left in Prometheus 3 and closed in 2, and nothing here may hang on that. Values are multiples of 1/8 below 2^20
//! where they can be, so that sums do not depend on the order of adding.

use fastrand::Rng;
use model::{Labels, STALE_NAN};
use promql::script::MemoryStore;

/// The first sample's second; a multiple of 60.
pub(crate) const START_MS: i64 = 1_699_999_200_000;
/// How long samples go on.
pub(crate) const SPAN_MS: i64 = 90 * 60_000;
/// Between two samples of a series.
const INTERVAL_MS: i64 = 15_000;
/// Milliseconds past a full second at which samples lie. The grammar uses 0, 389 and what offsets of 500 and 137 make
/// of them.
const PHASES_MS: [i64; 4] = [617, 641, 741, 957];

/// All samples in order of time.
pub(crate) struct Data {
    series: Vec<Labels>,
    /// Milliseconds, index of the series, value.
    samples: Vec<(i64, usize, f64)>,
}

/// How a series' values go on.
#[derive(Clone, Copy)]
enum Shape {
    /// Up, seldom back to zero.
    Counter,
    /// Anything around zero.
    Gauge,
    /// One of few whole numbers.
    Few,
    /// Always the same.
    Constant(f64),
    /// A share of NaN and infinities.
    Odd,
    /// Large and small magnitudes.
    Extreme,
    /// Seconds since 1970, before and after it.
    Dates,
}

/// When a series has no samples.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    None,
    /// Some scrapes fail: a stale marker, then nothing for a while.
    Stale,
    /// Nothing for a while, without a marker.
    Silent,
    /// Begins late, ends early.
    Late,
}

impl Data {
    /// The samples of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut data = Self { series: Vec::new(), samples: Vec::new() };
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        for (labels, shape, gaps) in plan() {
            data.add(&mut rng, labels, shape, gaps);
        }
        data.add_histograms(&mut rng);
        data.samples.sort_by_key(|(at, series, _)| (*at, *series));
        data
    }

    fn add(&mut self, rng: &mut Rng, labels: Labels, shape: Shape, gaps: Gaps) {
        let mut value = first(rng, shape);
        for at in times(rng, gaps) {
            match at {
                Ok(at) => self.samples.push((at, self.series.len(), value)),
                Err(stale) => self.samples.push((stale, self.series.len(), STALE_NAN)),
            }
            value = next(rng, shape, value);
        }
        self.series.push(labels);
    }

    /// Classic histograms: buckets that grow together, with one observation count and sum.
    fn add_histograms(&mut self, rng: &mut Rng) {
        const BOUNDS: [&str; 6] = ["0.1", "0.5", "1", "2.5", "10", "+Inf"];
        for (job, instance) in [("api", "0"), ("api", "1"), ("web", "0")] {
            let first = self.series.len();
            let labels = |name: &str, le: Option<&str>| {
                let base = [("__name__", name), ("job", job), ("instance", instance)];
                Labels::from_pairs(base.into_iter().chain(le.map(|le| ("le", le))))
            };
            self.series.extend(BOUNDS.map(|le| labels("latency_bucket", Some(le))));
            self.series.extend([labels("latency_count", None), labels("latency_sum", None)]);
            let mut counts = [0u32; BOUNDS.len()];
            for at in times(rng, Gaps::None).into_iter().flatten() {
                let bucket = rng.usize(0..BOUNDS.len());
                for count in &mut counts[bucket..] {
                    *count += rng.u32(0..3);
                }
                (1..counts.len()).for_each(|i| counts[i] = counts[i].max(counts[i - 1]));
                if rng.u32(0..150) == 0 {
                    counts = [0; BOUNDS.len()];
                }
                for (i, count) in counts.iter().enumerate() {
                    self.samples.push((at, first + i, f64::from(*count)));
                }
                let all = f64::from(counts[BOUNDS.len() - 1]);
                self.samples.push((at, first + BOUNDS.len(), all));
                self.samples.push((at, first + BOUNDS.len() + 1, all * 1.5));
            }
        }
    }

    /// Milliseconds, labels and value of each sample, in order of time.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (i64, &Labels, f64)> {
        self.samples.iter().map(|(at, series, value)| (*at, &self.series[*series], *value))
    }

    /// How many series.
    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    /// The same samples where our engine reads.
    pub(crate) fn store(&self) -> MemoryStore {
        let mut store = MemoryStore::new();
        for (at, labels, value) in self.iter() {
            assert!(store.push(labels, at, value), "samples of a series come in order");
        }
        store
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

/// Every plain series.
fn plan() -> Vec<(Labels, Shape, Gaps)> {
    let mut plan = Vec::new();
    for (job, zone) in [("api", "eu"), ("web", "us"), ("db", "eu")] {
        for instance in ["0", "1"] {
            let gaps = match (job, instance) {
                ("api", "1") => Gaps::Stale,
                ("db", "0") => Gaps::Silent,
                ("db", "1") => Gaps::Late,
                _ => Gaps::None,
            };
            for code in ["200", "404", "500"] {
                let name = ("__name__", "requests_total");
                let all = [name, ("job", job), ("instance", instance), ("code", code)];
                plan.push((labels(&all), Shape::Counter, gaps));
            }
            let on = [("job", job), ("instance", instance)];
            let with = |name: &'static str, more: &[(&str, &str)]| {
                labels(&[&[("__name__", name)], &on[..], more].concat())
            };
            plan.push((with("temperature", &[("zone", zone)]), Shape::Gauge, gaps));
            plan.push((with("pressure", &[]), Shape::Gauge, Gaps::None));
            plan.push((with("level", &[("zone", zone)]), Shape::Few, gaps));
            plan.push((
                with("build_info", &[("version", if instance == "0" { "1.2" } else { "1.3" })]),
                Shape::Constant(1.0),
                Gaps::None,
            ));
            plan.push((with("odd", &[]), Shape::Odd, gaps));
        }
        plan.push((labels(&[("__name__", "job:requests:sum"), ("job", job)]), Shape::Counter, Gaps::None));
        plan.push((
            labels(&[("__name__", "limit"), ("job", job), ("path", "/a/b")]),
            Shape::Constant(-2.5),
            Gaps::None,
        ));
    }
    plan.push((labels(&[("__name__", "lonely")]), Shape::Gauge, Gaps::None));
    plan.push((labels(&[("__name__", "started"), ("job", "api")]), Shape::Dates, Gaps::None));
    plan.push((labels(&[("__name__", "started"), ("job", "web")]), Shape::Dates, Gaps::Stale));
    for kind in ["a", "b", "é \"x\"\\"] {
        plan.push((labels(&[("__name__", "extreme"), ("kind", kind)]), Shape::Extreme, Gaps::None));
        plan.push((labels(&[("__name__", "zero"), ("kind", kind)]), Shape::Constant(0.0), Gaps::Silent));
    }
    plan
}

/// Moments of samples; `Err` is where a stale marker stands instead of one.
fn times(rng: &mut Rng, gaps: Gaps) -> Vec<Result<i64, i64>> {
    let phase = PHASES_MS[rng.usize(0..PHASES_MS.len())] + 1000 * rng.i64(0..15);
    let count = SPAN_MS / INTERVAL_MS;
    let mut silent_until = 0;
    let mut times = Vec::new();
    for i in 0..count {
        let at = START_MS + phase + i * INTERVAL_MS;
        if gaps == Gaps::Late && !(count / 4..count * 3 / 4).contains(&i) || i < silent_until {
            continue;
        }
        let begins = matches!(gaps, Gaps::Stale | Gaps::Silent) && rng.u32(0..25) == 0;
        if begins {
            silent_until = i + rng.i64(1..40);
            if gaps == Gaps::Stale {
                times.push(Err(at));
            }
            continue;
        }
        times.push(Ok(at));
    }
    times
}

fn eighths(rng: &mut Rng, below: i32) -> f64 {
    f64::from(rng.i32(-8 * below..=8 * below)) / 8.0
}

fn first(rng: &mut Rng, shape: Shape) -> f64 {
    match shape {
        Shape::Counter => f64::from(rng.u32(0..3)) * 500.0,
        Shape::Constant(value) => value,
        _ => next(rng, shape, 0.0),
    }
}

fn next(rng: &mut Rng, shape: Shape, before: f64) -> f64 {
    match shape {
        Shape::Counter if rng.u32(0..60) == 0 => f64::from(rng.u32(0..2)) * 8.0,
        Shape::Counter => before + f64::from(rng.u32(0..80)) / 8.0,
        Shape::Gauge => eighths(rng, 100),
        Shape::Few => f64::from(rng.i32(-2..4)),
        Shape::Constant(value) => value,
        Shape::Odd => match rng.u32(0..8) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => -0.0,
            _ => eighths(rng, 10),
        },
        Shape::Extreme => eighths(rng, 4) * 10f64.powi(rng.i32(-6..7) * 3),
        Shape::Dates => rng.i32(-2_000_000_000..2_000_000_000).into(),
    }
}
