//! The samples of one metric: one label set less `le`, `quantile` and a state's name.

use std::collections::HashSet;

use model::{MetricKind, TimestampMs};

use crate::error::quoted;
use crate::{Label, Row, parse_value};

/// What has been seen of one metric so far.
pub(super) struct Group {
    kind: MetricKind,
    family: String,
    key: String,
    /// Of the newest sample; the outer `None` before the first.
    timestamp: Option<Option<TimestampMs>>,
    /// Series of this moment, which may not come twice.
    series: HashSet<String>,
    histogram: Histogram,
}

/// A histogram at one moment.
#[derive(Default)]
struct Histogram {
    /// Bound and value of the newest bucket.
    last: Option<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
    has_negative_bound: bool,
}

impl Group {
    pub(super) fn new(kind: MetricKind, family: String, key: String) -> Self {
        Self { kind, family, key, timestamp: None, series: HashSet::new(), histogram: Histogram::default() }
    }

    pub(super) fn is(&self, key: &str) -> bool {
        self.key == key
    }

    pub(super) fn sample(
        &mut self,
        row: &Row<'_>,
        suffix: &'static str,
        labels: &[Label<'_>],
    ) -> Result<(), String> {
        self.time(row)?;
        if !self.series.insert(row.series.as_str().to_owned()) && row.timestamp.is_none() {
            return Err(format!("{} comes twice", quoted(row.series.as_str())));
        }
        self.value(row, suffix)?;
        match (self.kind, suffix) {
            (MetricKind::Histogram | MetricKind::GaugeHistogram, _) => {
                self.histogram_sample(row.value, suffix, labels)
            }
            (MetricKind::Summary, "") => quantile(labels),
            (MetricKind::StateSet, _) if label(labels, &self.family).is_none() => {
                Err(format!("a state of {} must be its label", quoted(&self.family)))
            }
            _ => Ok(()),
        }
    }

    /// Ends the group: what is missing now will not come.
    pub(super) fn close(self) -> Result<(), String> {
        self.check_histogram()
    }

    fn time(&mut self, row: &Row<'_>) -> Result<(), String> {
        match self.timestamp {
            Some(before) if before.is_some() != row.timestamp.is_some() => {
                return Err("samples with and without timestamps in one metric".to_owned());
            }
            Some(before) if row.timestamp < before => return Err("timestamps go backwards".to_owned()),
            Some(before) if row.timestamp > before => {
                self.check_histogram()?;
                self.histogram = Histogram::default();
                self.series.clear();
            }
            _ => {}
        }
        self.timestamp = Some(row.timestamp);
        Ok(())
    }

    fn value(&self, row: &Row<'_>, suffix: &'static str) -> Result<(), String> {
        let value = row.value;
        let is_counted = match self.kind {
            MetricKind::Counter => suffix == "_total",
            MetricKind::Histogram | MetricKind::Summary => matches!(suffix, "_bucket" | "_count" | "_sum"),
            MetricKind::GaugeHistogram => matches!(suffix, "_bucket" | "_gcount"),
            _ => false,
        };
        let fits = match self.kind {
            MetricKind::StateSet => value == 0.0 || value == 1.0,
            MetricKind::Info => value == 1.0,
            // Summary quantiles may be unknown, but what is observed is not negative.
            MetricKind::Summary if suffix.is_empty() => value.is_nan() || value >= 0.0,
            MetricKind::GaugeHistogram if suffix == "_gsum" => !value.is_nan(),
            _ if is_counted => value >= 0.0,
            _ => true,
        };
        fits.then_some(()).ok_or_else(|| format!("{} may not be {value}", quoted(row.series.as_str())))
    }

    fn histogram_sample(
        &mut self,
        value: f64,
        suffix: &'static str,
        labels: &[Label<'_>],
    ) -> Result<(), String> {
        let histogram = &mut self.histogram;
        match suffix {
            "_bucket" => histogram.bucket(bound(labels)?, value),
            "_count" | "_gcount" => {
                histogram.count = Some(value);
                Ok(())
            }
            "_sum" | "_gsum" => {
                histogram.sum = Some(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_histogram(&self) -> Result<(), String> {
        if !matches!(self.kind, MetricKind::Histogram | MetricKind::GaugeHistogram)
            || self.timestamp.is_none()
        {
            return Ok(());
        }
        self.histogram.check().map_err(|what| format!("histogram {}: {what}", quoted(&self.family)))
    }
}

impl Histogram {
    fn bucket(&mut self, bound: f64, value: f64) -> Result<(), String> {
        if let Some((bound_before, value_before)) = self.last {
            if bound <= bound_before {
                return Err(format!("bucket {bound} stands behind bucket {bound_before}"));
            }
            if value < value_before {
                return Err(format!("bucket {bound} has {value}, less than {value_before} before it"));
            }
        }
        self.has_negative_bound |= bound < 0.0;
        self.last = Some((bound, value));
        Ok(())
    }

    fn check(&self) -> Result<(), &'static str> {
        let Some((bound, value)) = self.last else { return Err("no bucket") };
        if bound != f64::INFINITY {
            return Err("no +Inf bucket");
        }
        if self.count.is_some_and(|count| count != value) {
            return Err("the count is not that of the +Inf bucket");
        }
        if self.count.is_some() != self.sum.is_some() {
            return Err("count and sum come together");
        }
        if self.sum.is_some_and(|sum| sum < 0.0) && !self.has_negative_bound {
            return Err("a negative sum without a negative bucket");
        }
        Ok(())
    }
}

fn label<'l>(labels: &'l [Label<'_>], name: &str) -> Option<&'l str> {
    labels.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_ref())
}

fn bound(labels: &[Label<'_>]) -> Result<f64, String> {
    let text = label(labels, "le").ok_or("a bucket without le")?;
    let is_canonical = |bound: &f64| !bound.is_nan() && (bound.is_finite() || text == "+Inf");
    parse_value(text).filter(is_canonical).ok_or_else(|| format!("invalid le {}", quoted(text)))
}

fn quantile(labels: &[Label<'_>]) -> Result<(), String> {
    let text = label(labels, "quantile").ok_or("a summary's sample without quantile")?;
    let value = parse_value(text).filter(|q| (0.0..=1.0).contains(q));
    value.map(|_| ()).ok_or_else(|| format!("invalid quantile {}", quoted(text)))
}
