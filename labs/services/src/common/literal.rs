//! Counters under names that a library would change: `prometheus-client` ends each counter in `_total`, but a service
//! that replaces another must keep the names that queries already use.
//!
//! [`route`] serves the registry's text with the literal counters behind it, as one body. In OpenMetrics a counter without
//! `_total` is of type `unknown`, which keeps its name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use exposition::{Format, Writer};
use model::MetricKind;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// How the registry's text ends; it must stand once, behind everything.
const END: &str = "# EOF\n";

/// A counter whose name is written as it is. Label values must come from a fixed set, as everywhere.
#[derive(Debug)]
pub struct LiteralCounter {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    /// What one counted unit is worth: money is counted in cents and shown in whole units.
    unit: f64,
    counts: Mutex<BTreeMap<Vec<String>, u64>>,
}

impl LiteralCounter {
    /// A counter of things.
    pub fn new(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Arc<Self> {
        Arc::new(Self { name, help, labels, unit: 1.0, counts: Mutex::default() })
    }

    /// A counter of money, fed in cents and shown in whole units.
    pub fn of_cents(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Arc<Self> {
        Arc::new(Self { name, help, labels, unit: 0.01, counts: Mutex::default() })
    }

    /// Counts `by` under `values`, one for each label. Nought makes the series visible at its present value.
    pub fn inc_by(&self, values: &[&str], by: u64) {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = values.iter().map(|value| (*value).to_owned()).collect();
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(by);
    }

    fn write(&self, writer: &mut Writer) {
        writer.family(self.name, MetricKind::Counter, self.help);
        for (values, count) in self.counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let labels = self.labels.iter().copied().zip(values.iter().map(String::as_str));
            // Dividing keeps two decimals exact where multiplying by 0.01 would not.
            writer.sample(self.name, labels, *count as f64 / (1.0 / self.unit).round());
        }
    }
}

/// `GET /metrics` over a registry that is complete, and the counters that it cannot hold.
pub(crate) fn route(registry: Arc<Registry>, literals: Vec<Arc<LiteralCounter>>) -> Router {
    let literals = Arc::new(literals);
    let answer = move |headers: HeaderMap| std::future::ready(response(&headers, &registry, &literals));
    Router::new().route("/metrics", get(answer))
}

fn response(headers: &HeaderMap, registry: &Registry, literals: &[Arc<LiteralCounter>]) -> Response {
    match body(registry, literals) {
        Ok(text) => net::metrics::respond(headers, text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be written").into_response(),
    }
}

/// All of it as one OpenMetrics body.
pub(crate) fn body(registry: &Registry, literals: &[Arc<LiteralCounter>]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    text.truncate(text.strip_suffix(END).unwrap_or(&text).len());
    let mut writer = Writer::new(Format::OpenMetrics);
    literals.iter().for_each(|counter| counter.write(&mut writer));
    text.push_str(&writer.finish());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn one_body_with_one_end_and_names_as_given() {
        let mut registry = Registry::default();
        registry.register("things", "Things seen", Counter::<u64>::default());
        let requests = LiteralCounter::new("app_request_count", "Requests", &["method", "endpoint"]);
        requests.inc_by(&["GET", "/a\"b"], 0);
        requests.inc_by(&["GET", "/"], 2);
        requests.inc_by(&["GET", "/"], 1);
        let amount = LiteralCounter::of_cents("amount_sum", "Money", &[]);
        amount.inc_by(&[], 1999);
        let text = body(&registry, &[requests, amount]).expect("written");
        let expect = "# HELP things Things seen.\n# TYPE things counter\nthings_total 0\n\
            # HELP app_request_count Requests\n# TYPE app_request_count unknown\n\
            app_request_count{method=\"GET\",endpoint=\"/\"} 3\n\
            app_request_count{method=\"GET\",endpoint=\"/a\\\"b\"} 0\n\
            # HELP amount_sum Money\n# TYPE amount_sum unknown\namount_sum 19.99\n# EOF\n";
        assert_eq!(text, expect);
        assert!(exposition::strict::check(text.as_bytes()).is_ok());
    }
}
