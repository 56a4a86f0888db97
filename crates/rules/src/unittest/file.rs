//! Reads a test file and checks all of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{ConfigError, Duration, Position, Spanned};
use model::{DurationMs, Labels};
use promql::script::{Point, parse_values};
use serde::Deserialize;

use crate::{Groups, RulesError};

/// How often rules are evaluated when the file does not say.
const DEFAULT_INTERVAL: DurationMs = DurationMs::from_secs(60);

/// A test file that was read and found right.
#[derive(Debug)]
pub struct TestFile {
    /// The file.
    pub path: PathBuf,
    /// Patterns of the rule files that it tests, as written: relative to the file's own folder.
    pub rule_files: Vec<Spanned<String>>,
    pub(super) interval: DurationMs,
    pub(super) group_order: Vec<String>,
    pub(super) fuzzy: bool,
    pub(super) tests: Vec<Test>,
}

/// One test group.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) at: Position,
    pub(super) interval: DurationMs,
    pub(super) start_ms: i64,
    pub(super) series: Vec<(Labels, Vec<Point>)>,
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
    pub(super) alerts: Vec<AlertCase>,
    pub(super) queries: Vec<QueryCase>,
}

/// Which alerts of one name fire at a time.
#[derive(Debug)]
pub(super) struct AlertCase {
    pub(super) at: Position,
    pub(super) eval_time: DurationMs,
    pub(super) name: String,
    /// Labels, `alertname` included, and annotations.
    pub(super) expected: Vec<(Labels, Labels)>,
}

/// What an expression gives at a time.
#[derive(Debug)]
pub(super) struct QueryCase {
    pub(super) at: Position,
    pub(super) eval_time: DurationMs,
    pub(super) text: String,
    pub(super) expr: promql::Expr,
    pub(super) expected: Vec<(Labels, f64)>,
    /// A native histogram is expected, which nothing here can give yet.
    pub(super) wants_histogram: bool,
}

impl TestFile {
    /// Reads the text of the file `path`.
    ///
    /// # Errors
    /// All faults found, each with its place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, RulesError> {
        let raw: RawFile = config::from_str(path, text)?;
        let mut checker = Checker { path, faults: Vec::new() };
        let interval = raw.evaluation_interval.map(|d| d.0).filter(|d| *d > DurationMs::ZERO);
        let interval = interval.unwrap_or(DEFAULT_INTERVAL);
        let group_order = checker.group_order(raw.group_eval_order);
        let tests = raw.tests.into_iter().map(|test| checker.test(test, interval)).collect();
        if !checker.faults.is_empty() {
            return Err(RulesError { faults: checker.faults });
        }
        Ok(Self {
            path: path.to_owned(),
            rule_files: raw.rule_files,
            interval,
            group_order,
            fuzzy: raw.fuzzy_compare,
            tests,
        })
    }
}

impl TestFile {
    /// The files that its patterns name, and the patterns that name none.
    ///
    /// # Errors
    /// When a pattern is none.
    pub fn rule_paths(&self) -> Result<(Vec<PathBuf>, Vec<&Spanned<String>>), ConfigError> {
        let (mut paths, mut idle) = (Vec::new(), Vec::new());
        for pattern in &self.rule_files {
            let found = crate::files::matching(&self.path, pattern)?;
            if found.is_empty() {
                idle.push(pattern);
            }
            paths.extend(found);
        }
        Ok((paths, idle))
    }

    /// Names of the alerts that a test expects to fire.
    pub fn alerts_that_fire(&self) -> impl Iterator<Item = &str> {
        let cases = self.tests.iter().flat_map(|test| &test.alerts);
        cases.filter(|case| !case.expected.is_empty()).map(|case| case.name.as_str())
    }

    /// Reads the rules that it tests.
    ///
    /// # Errors
    /// All faults of the rule files.
    pub fn read_rules(&self) -> Result<Groups, RulesError> {
        crate::files::read(self.rule_paths()?.0)
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    rule_files: Vec<Spanned<String>>,
    evaluation_interval: Option<Duration>,
    group_eval_order: Vec<Spanned<String>>,
    fuzzy_compare: bool,
    tests: Vec<Spanned<RawTest>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawTest {
    name: String,
    interval: Option<Duration>,
    start_timestamp: Option<Spanned<String>>,
    input_series: Vec<RawSeries>,
    external_labels: BTreeMap<String, String>,
    external_url: String,
    alert_rule_test: Vec<Spanned<RawAlertCase>>,
    promql_expr_test: Vec<Spanned<RawQueryCase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeries {
    series: Spanned<String>,
    #[serde(default)]
    values: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawAlertCase {
    eval_time: Duration,
    alertname: String,
    exp_alerts: Vec<RawAlert>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawAlert {
    exp_labels: BTreeMap<String, String>,
    exp_annotations: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawQueryCase {
    expr: Spanned<String>,
    eval_time: Duration,
    exp_samples: Vec<RawSample>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawSample {
    labels: Spanned<String>,
    value: f64,
    histogram: Option<String>,
}

/// Collects faults while it turns what was read into tests.
struct Checker<'a> {
    path: &'a Path,
    faults: Vec<ConfigError>,
}

impl Checker<'_> {
    fn fault(&mut self, at: Position, message: impl Into<String>) {
        self.faults.push(ConfigError::at(self.path, at, message));
    }

    fn group_order(&mut self, names: Vec<Spanned<String>>) -> Vec<String> {
        let mut order: Vec<String> = Vec::with_capacity(names.len());
        for name in names {
            if order.contains(&name.value) {
                self.fault(name.at, format!("group name repeated in evaluation order: {}", name.value));
            }
            order.push(name.value);
        }
        order
    }

    fn test(&mut self, raw: Spanned<RawTest>, evaluation_interval: DurationMs) -> Test {
        let (at, raw) = (raw.at, raw.value);
        let interval = raw.interval.map(|d| d.0).filter(|d| *d > DurationMs::ZERO);
        Test {
            name: raw.name,
            at,
            interval: interval.unwrap_or(evaluation_interval),
            start_ms: raw.start_timestamp.map_or(0, |text| self.start(&text)),
            series: raw.input_series.into_iter().filter_map(|series| self.series(&series)).collect(),
            external_labels: Labels::from_pairs(raw.external_labels),
            external_url: raw.external_url,
            alerts: raw.alert_rule_test.into_iter().map(|case| self.alert_case(case)).collect(),
            queries: raw.promql_expr_test.into_iter().filter_map(|case| self.query_case(case)).collect(),
        }
    }

    /// Seconds since 1970, or a date and time as RFC 3339 writes it.
    fn start(&mut self, text: &Spanned<String>) -> i64 {
        if let Ok(seconds) = text.value.parse::<f64>()
            && seconds.is_finite()
        {
            return (seconds * 1000.0) as i64;
        }
        match text.value.parse::<jiff::Timestamp>() {
            Ok(moment) => moment.as_millisecond(),
            Err(cause) => {
                self.fault(text.at, format!("start_timestamp {:?} is no time: {cause}", text.value));
                0
            }
        }
    }

    fn labels(&mut self, text: &Spanned<String>) -> Option<Labels> {
        if text.value.trim().is_empty() {
            return Some(Labels::empty());
        }
        match promql::parse_metric(text.value.trim()) {
            Ok(labels) => Some(labels),
            Err(cause) => {
                self.fault(text.at, format!("{:?} is no series: {}", text.value, cause.message));
                None
            }
        }
    }

    fn series(&mut self, raw: &RawSeries) -> Option<(Labels, Vec<Point>)> {
        let labels = self.labels(&raw.series);
        match parse_values(&raw.values.value) {
            Ok(points) => labels.map(|labels| (labels, points)),
            Err(cause) => {
                self.fault(raw.values.at, cause);
                None
            }
        }
    }

    fn alert_case(&mut self, raw: Spanned<RawAlertCase>) -> AlertCase {
        let (at, raw) = (raw.at, raw.value);
        if raw.alertname.is_empty() {
            self.fault(at, "an alert_rule_test needs an alertname");
        }
        let expected = raw.exp_alerts.into_iter().map(|alert| {
            let labels = Labels::from_pairs(alert.exp_labels);
            let mut labels = labels.to_builder();
            labels.set(crate::book::ALERT_NAME, raw.alertname.clone());
            (labels.build(), Labels::from_pairs(alert.exp_annotations))
        });
        AlertCase {
            at,
            eval_time: raw.eval_time.0,
            expected: expected.collect(),
            name: raw.alertname.clone(),
        }
    }

    fn query_case(&mut self, raw: Spanned<RawQueryCase>) -> Option<QueryCase> {
        let (at, raw) = (raw.at, raw.value);
        let expr = match promql::parse(&raw.expr.value) {
            Ok(expr) => expr,
            Err(cause) => {
                let place = format!("{}:{}", cause.line, cause.column);
                self.fault(raw.expr.at, format!("could not parse expression: {place}: {}", cause.message));
                return None;
            }
        };
        let wants_histogram = raw.exp_samples.iter().any(|sample| sample.histogram.is_some());
        let samples = raw.exp_samples.iter();
        let expected =
            samples.filter_map(|sample| Some((self.labels(&sample.labels)?, sample.value))).collect();
        let text = raw.expr.value;
        Some(QueryCase { at, eval_time: raw.eval_time.0, text, expr, expected, wants_histogram })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        TestFile::parse(Path::new("t.yml"), text).map(|_| "no fault").expect_err(text).to_string()
    }

    #[test]
    fn faults_have_their_place() {
        for (text, expected) in [
            ("test: []", "t.yml:1:1: unknown field test (did you mean tests?)"),
            ("group_eval_order: [a, a]", "t.yml:1:23: group name repeated in evaluation order: a"),
            (
                "tests:\n- input_series:\n  - {series: a, values: '1 x'}",
                "t.yml:3:25: \"x\" is no value of a series",
            ),
            (
                "tests:\n- alert_rule_test:\n  - {eval_time: 1m}",
                "t.yml:3:5: an alert_rule_test needs an alertname",
            ),
            ("tests:\n- start_timestamp: noon", "t.yml:2:20: start_timestamp \"noon\" is no time"),
            (
                "tests:\n- promql_expr_test:\n  - expr: sum(\n",
                "t.yml:3:11: could not parse expression: 1:5: ",
            ),
        ] {
            assert!(fault(text).starts_with(expected), "{} for {text:?}", fault(text));
        }
    }

    #[test]
    fn starts_are_seconds_or_dates() {
        for (text, expected) in [("5", 5000), ("1.5", 1500), ("1970-01-01T00:01:00Z", 60_000)] {
            let file = TestFile::parse(Path::new("t.yml"), &format!("tests:\n- start_timestamp: {text}"));
            assert_eq!(file.expect("valid").tests[0].start_ms, expected, "{text}");
        }
    }
}
