//! Series like those of services, which move: what the targets of the benches show, and what the example `sizes` of
//! `crates/tsdb` writes into a block. A file by itself, without the rest of this crate, because both have it.
//!
//! A target has 500 request counters (method, path, status), 100 latency histograms of 12 buckets with sum and count,
//! and 100 gauges: 2,000 series. Values advance by whole seconds of the clock, whoever asks; so all servers are shown
//! the same history, each at its own moments.

use std::fmt::Write as _;

/// Series of a target.
pub(crate) const SERIES: usize = METHODS.len() * PATHS * (STATUSES.len() + BOUNDS.len() + 2) + GAUGES;

const METHODS: [(&str, f64); 4] = [("GET", 1.0), ("POST", 0.4), ("PUT", 0.15), ("DELETE", 0.05)];
const PATHS: usize = 25;
const STATUSES: [(&str, f64); 5] =
    [("200", 0.88), ("201", 0.07), ("404", 0.03), ("500", 0.015), ("503", 0.005)];
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, f64::INFINITY];
const GAUGES: usize = 100;
/// Requests a second of the busiest path; the others get a half, a third and so on.
const RATE_MAX: f64 = 20.0;
/// One path of one method.
struct Route {
    labels: String,
    /// Requests a second.
    rate: f64,
    by_status: [u64; STATUSES.len()],
    by_bound: [u64; BOUNDS.len()],
    seconds: f64,
    /// The usual latency.
    latency: f64,
}

/// The series of one target, and their values now.
pub(crate) struct Target {
    routes: Vec<Route>,
    gauges: Vec<f64>,
    random: Random,
    /// Up to when values have advanced, in seconds of the epoch.
    second: u64,
}

impl Target {
    /// Target `number`, all of whose counters are 0 at this second.
    pub(crate) fn new(number: u64, second: u64) -> Self {
        let route = |(method, share): (&str, f64), path: usize| Route {
            labels: format!("method=\"{method}\",path=\"/api/v1/resource{path:02}\""),
            rate: RATE_MAX / (path + 1) as f64 * share,
            by_status: [0; STATUSES.len()],
            by_bound: [0; BOUNDS.len()],
            seconds: 0.0,
            latency: 0.02 * (1 + path % 7) as f64,
        };
        let routes =
            METHODS.iter().flat_map(|method| (0..PATHS).map(move |path| route(*method, path))).collect();
        let random = Random(0x9e37_79b9_7f4a_7c15 ^ ((number + 1) * 7919));
        Self { routes, gauges: vec![50.0; GAUGES], random, second }
    }

    /// Moves all values on to a second of the epoch.
    pub(crate) fn advance(&mut self, now: u64) {
        while self.second < now {
            self.second += 1;
            for route in &mut self.routes {
                route.advance(&mut self.random);
            }
            for gauge in &mut self.gauges {
                *gauge = (*gauge + self.random.normal()).abs();
            }
        }
    }

    /// What a scraper is shown now.
    pub(crate) fn body(&self) -> String {
        let mut out = String::with_capacity(SERIES * 100);
        // Writing into a string cannot fail.
        self.write(&mut out).unwrap_or_default();
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        out.push_str("# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n");
        for route in &self.routes {
            for ((status, _), count) in STATUSES.iter().zip(route.by_status) {
                writeln!(out, "http_requests_total{{{},status=\"{status}\"}} {count}", route.labels)?;
            }
        }
        let name = "http_request_duration_seconds";
        writeln!(out, "# HELP {name} Latency.\n# TYPE {name} histogram")?;
        for Route { labels, by_bound, seconds, .. } in &self.routes {
            for (bound, count) in BOUNDS.iter().zip(by_bound) {
                let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
                writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")?;
            }
            let count = by_bound[BOUNDS.len() - 1];
            writeln!(out, "{name}_sum{{{labels}}} {seconds}\n{name}_count{{{labels}}} {count}")?;
        }
        out.push_str("# HELP app_pool_usage Pool.\n# TYPE app_pool_usage gauge\n");
        for (i, gauge) in self.gauges.iter().enumerate() {
            // Half of them count something, half are shares.
            let (kind, digits) = if i % 2 == 1 { ("slots", 0) } else { ("ratio", 3) };
            writeln!(out, "app_pool_usage{{pool=\"pool{i:03}\",kind=\"{kind}\"}} {gauge:.digits$}")?;
        }
        Ok(())
    }
}

impl Route {
    /// One second of requests.
    fn advance(&mut self, random: &mut Random) {
        for (count, (_, share)) in self.by_status.iter_mut().zip(STATUSES) {
            *count += random.about(self.rate * share);
        }
        for _ in 0..random.about(self.rate) {
            // Latencies are log-normal.
            let seconds = self.latency * (0.8 * random.normal()).exp();
            self.seconds += seconds;
            for (count, bound) in self.by_bound.iter_mut().zip(BOUNDS) {
                *count += u64::from(seconds <= bound);
            }
        }
    }
}

/// A small generator (xorshift): the same numbers in each run.
struct Random(u64);

impl Random {
    /// In `[0, 1)`.
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mean 0, variance 1, near enough to normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// A whole number that is `mean` on average.
    fn about(&mut self, mean: f64) -> u64 {
        (mean * 2.0 * self.uniform() + self.uniform()).floor().max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_shows_as_many_series_as_it_says_and_they_move() {
        let mut target = Target::new(3, 1_700_000_000);
        let before = target.body();
        assert_eq!(before.lines().filter(|line| !line.starts_with('#')).count(), SERIES);
        assert!(before.contains("_bucket{method=\"GET\",path=\"/api/v1/resource00\",le=\"+Inf\"} 0\n"));
        target.advance(1_700_000_060);
        assert_ne!(target.body(), before);
        for route in &target.routes {
            assert!(route.by_bound.is_sorted());
        }
        assert!(target.routes[0].by_status[0] > 60, "some 18 a second");
    }
}
