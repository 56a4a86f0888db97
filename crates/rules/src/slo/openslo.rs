//! OpenSLO, versions v1alpha and v1: ratios of events over a rolling period. Sources of an SLO that lie in other documents
//! (indicators, alert policies, data sources by reference) are refused by name.

use std::path::Path;

use config::{ConfigError, Duration, Position, Spanned, Unread};
use model::{DurationMs, Labels};
use serde::Deserialize;

use crate::slo::read::{Placed, normal};
use crate::slo::{Alerting, DEFAULT_PERIOD, Indicator, Slo, WINDOW};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(rename = "apiVersion")]
    #[expect(dead_code, reason = "looked at before")]
    api_version: String,
    kind: Spanned<String>,
    metadata: RawMetadata,
    spec: RawSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawMetadata {
    name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for people")]
    display_name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "lists of values; no labels of series")]
    labels: Option<Unread>,
    #[serde(default)]
    #[expect(dead_code, reason = "for other programs")]
    annotations: Option<Unread>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSpec {
    #[serde(default)]
    description: String,
    service: String,
    #[serde(default)]
    budgeting_method: Option<Spanned<String>>,
    #[serde(default)]
    indicator: Option<RawIndicator>,
    #[serde(default)]
    indicator_ref: Option<Spanned<Unread>>,
    #[serde(default)]
    alert_policies: Option<Spanned<Unread>>,
    #[serde(default)]
    time_windows: Vec<Spanned<RawTimeWindow>>,
    #[serde(default)]
    time_window: Vec<Spanned<RawTimeWindow>>,
    objectives: Vec<Spanned<RawObjective>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIndicator {
    #[serde(default)]
    #[expect(dead_code, reason = "for people")]
    metadata: Option<Unread>,
    spec: RawIndicatorSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawIndicatorSpec {
    #[serde(default)]
    #[expect(dead_code, reason = "for people")]
    description: String,
    #[serde(default)]
    ratio_metric: Option<RawRatio>,
    #[serde(default)]
    threshold_metric: Option<Spanned<Unread>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRatio {
    #[serde(default)]
    #[expect(dead_code, reason = "only counters can be measured over every window")]
    counter: Option<bool>,
    #[serde(default)]
    good: Option<Spanned<RawMetric>>,
    #[serde(default)]
    bad: Option<Spanned<RawMetric>>,
    total: Spanned<RawMetric>,
}

/// v1 has a `metricSource`, v1alpha what stands in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawMetric {
    #[serde(default)]
    metric_source: Option<RawSource>,
    #[serde(default)]
    source: Option<Spanned<String>>,
    #[serde(default)]
    query_type: Option<Spanned<String>>,
    #[serde(default)]
    query: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSource {
    #[serde(default)]
    metric_source_ref: Option<Unread>,
    #[serde(default, rename = "type")]
    kind: Option<Spanned<String>>,
    spec: RawSourceSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSourceSpec {
    query: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawTimeWindow {
    #[serde(default)]
    duration: Option<Duration>,
    #[serde(default)]
    count: Option<i64>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    is_rolling: Option<bool>,
    #[serde(default)]
    calendar: Option<Spanned<Unread>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawObjective {
    #[serde(default)]
    #[expect(dead_code, reason = "for people")]
    display_name: String,
    #[serde(default)]
    target: Option<f64>,
    #[serde(default)]
    target_percent: Option<f64>,
    #[serde(default)]
    ratio_metrics: Option<RawRatio>,
}

pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Placed>, ConfigError> {
    let head: Kind = config::from_str(path, text)?;
    if head.kind.value != "SLO" {
        let message = format!("kind {:?} is not read; SLO is", head.kind.value);
        return Err(ConfigError::at(path, head.kind.at, message));
    }
    let raw: RawFile = config::from_str(path, text)?;
    let reader = Reader { path };
    let period = reader.refuse(&raw.spec).and_then(|()| reader.period(&raw.spec, raw.kind.at))?;
    let count = raw.spec.objectives.len();
    let mut slos = Vec::with_capacity(count);
    for (i, objective) in raw.spec.objectives.iter().enumerate() {
        let ratio = objective.value.ratio_metrics.as_ref();
        let shared = raw.spec.indicator.as_ref().and_then(|indicator| indicator.spec.ratio_metric.as_ref());
        let Some(ratio) = ratio.or(shared) else {
            return Err(ConfigError::at(
                path,
                objective.at,
                "an objective needs a ratioMetric with total and good or bad",
            ));
        };
        let target = objective.value.target.or(objective.value.target_percent.map(|percent| percent / 100.0));
        let Some(target) = target else {
            return Err(ConfigError::at(path, objective.at, "an objective needs a target"));
        };
        // Several objectives in one document are told apart by their number, as Sloth does.
        let name = &raw.metadata.name;
        let name = if count > 1 { format!("{name}-{i}") } else { name.clone() };
        let indicator = reader.indicator(ratio)?;
        slos.push((objective.at, slo(&raw.spec, name, target, period, indicator)));
    }
    Ok(slos)
}

#[derive(Deserialize)]
struct Kind {
    kind: Spanned<String>,
}

fn slo(spec: &RawSpec, name: String, objective: f64, period: DurationMs, indicator: Indicator) -> Slo {
    let severity = |word: &str| Some((Labels::from_pairs([("severity", word)]), Labels::empty()));
    Slo {
        alerting: Alerting {
            name: format!("{}-{name}", spec.service),
            labels: Labels::from_pairs([("service", spec.service.as_str())]),
            annotations: Labels::empty(),
            page: severity("critical"),
            ticket: severity("warning"),
        },
        service: spec.service.clone(),
        name,
        description: spec.description.clone(),
        objective,
        period,
        indicator,
        labels: Labels::empty(),
    }
}

struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn fault<T>(&self, at: Position, message: &str) -> Result<T, ConfigError> {
        Err(ConfigError::at(self.path, at, message))
    }

    /// What would change the meaning if it were left out.
    fn refuse(&self, spec: &RawSpec) -> Result<(), ConfigError> {
        if let Some(given) = &spec.indicator_ref {
            return self.fault(given.at, "indicatorRef is not supported: write the indicator into the SLO");
        }
        if let Some(given) = &spec.alert_policies {
            return self.fault(given.at, "alertPolicies are not supported: alerts follow from the objective");
        }
        if let Some(method) = spec.budgeting_method.as_ref().filter(|method| method.value != "Occurrences") {
            return self.fault(method.at, "only the budgetingMethod Occurrences is supported");
        }
        let threshold =
            spec.indicator.as_ref().and_then(|indicator| indicator.spec.threshold_metric.as_ref());
        match threshold {
            Some(given) => {
                self.fault(given.at, "thresholdMetric is not supported: count events that are good")
            }
            None => Ok(()),
        }
    }

    fn period(&self, spec: &RawSpec, at: Position) -> Result<DurationMs, ConfigError> {
        let mut windows = spec.time_window.iter().chain(&spec.time_windows);
        let (first, second) = (windows.next(), windows.next());
        if second.is_some() {
            return self.fault(at, "one time window is supported, not several");
        }
        let Some(window) = first else { return Ok(DEFAULT_PERIOD) };
        if window.value.calendar.is_some() || window.value.is_rolling == Some(false) {
            return self.fault(window.at, "only rolling time windows are supported, not calendar months");
        }
        if let Some(duration) = window.value.duration {
            return Ok(duration.0);
        }
        let days = match window.value.unit.as_deref() {
            Some("Day") => 1,
            Some("Week") => 7,
            _ => return self.fault(window.at, "a time window has a duration, or a count of Day or Week"),
        };
        let count = window.value.count.unwrap_or(0).clamp(0, 1000);
        Ok(DurationMs(count * days * 86_400_000))
    }

    fn indicator(&self, ratio: &RawRatio) -> Result<Indicator, ConfigError> {
        let total = self.query(&ratio.total)?;
        let errors = match (&ratio.bad, &ratio.good) {
            (Some(bad), None) => self.query(bad)?,
            (None, Some(good)) => format!("clamp_min(({total}) - ({} or vector(0)), 0)", self.query(good)?),
            _ => return self.fault(ratio.total.at, "a ratio has either good or bad, beside total"),
        };
        Ok(Indicator::Events { errors, total, errors_min: None })
    }

    /// With `{{.window}}` as it is; a selector of counters without it is counted over the window.
    fn query(&self, metric: &Spanned<RawMetric>) -> Result<String, ConfigError> {
        let source = metric.value.metric_source.as_ref();
        if source.is_some_and(|source| source.metric_source_ref.is_some()) {
            return self.fault(metric.at, "metricSourceRef is not supported: queries go to this monitor");
        }
        let kinds = [source.and_then(|s| s.kind.as_ref()), metric.value.source.as_ref()];
        for kind in kinds.into_iter().flatten() {
            if !kind.value.eq_ignore_ascii_case("prometheus") {
                return self.fault(kind.at, "only the source Prometheus is supported");
            }
        }
        if let Some(kind) =
            metric.value.query_type.as_ref().filter(|k| !k.value.eq_ignore_ascii_case("promql"))
        {
            return self.fault(kind.at, "only the queryType promql is supported");
        }
        let Some(query) = source.map(|source| &source.spec.query).or(metric.value.query.as_ref()) else {
            return self.fault(metric.at, "a metric needs a query");
        };
        let text = normal(&query.value);
        if text.contains(WINDOW) {
            return Ok(text);
        }
        match promql::parse_metric_selector(&text) {
            Ok(_) => Ok(format!("sum(rate({text}[{WINDOW}]))")),
            Err(_) => self.fault(
                query.at,
                "a query needs {{.window}} where the window goes, or to be a selector of counters",
            ),
        }
    }
}
