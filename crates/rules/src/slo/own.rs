//! Our own format: counters instead of expressions, described in `docs/slo.md`.

use std::collections::BTreeMap;
use std::path::Path;

use config::{ConfigError, Duration, Spanned};
use model::Labels;
use serde::Deserialize;

use crate::slo::read::{Placed, labels};
use crate::slo::{Alerting, DEFAULT_ERRORS_MIN, DEFAULT_PERIOD, Indicator, Slo, WINDOW};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    slos: Vec<Spanned<RawSlo>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSlo {
    name: String,
    service: String,
    #[serde(default)]
    description: String,
    objective: f64,
    #[serde(default)]
    period: Option<Duration>,
    sli: Spanned<RawSli>,
    #[serde(default)]
    min_errors: Option<f64>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    alerting: RawAlerting,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSli {
    #[serde(default)]
    errors: Option<Spanned<String>>,
    #[serde(default)]
    good: Option<Spanned<String>>,
    total: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlerting {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    page: RawSeverity,
    #[serde(default)]
    ticket: RawSeverity,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawSeverity {
    disable: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Placed>, ConfigError> {
    let raw: RawFile = config::from_str(path, text)?;
    raw.slos.into_iter().map(|slo| Ok((slo.at, one(path, slo.value)?))).collect()
}

fn one(path: &Path, raw: RawSlo) -> Result<Slo, ConfigError> {
    let indicator = indicator(path, &raw.sli, raw.min_errors.unwrap_or(DEFAULT_ERRORS_MIN))?;
    let severity = |raw: RawSeverity, usual: &str| {
        (!raw.disable).then(|| {
            let mut pairs = BTreeMap::from([("severity".to_owned(), usual.to_owned())]);
            pairs.extend(raw.labels);
            (Labels::from_pairs(pairs), labels(raw.annotations))
        })
    };
    let mut own = raw.alerting.labels;
    own.entry("service".to_owned()).or_insert_with(|| raw.service.clone());
    Ok(Slo {
        service: raw.service,
        name: raw.name,
        description: raw.description,
        objective: raw.objective / 100.0,
        period: raw.period.map_or(DEFAULT_PERIOD, |d| d.0),
        indicator,
        labels: labels(raw.labels),
        alerting: Alerting {
            name: raw.alerting.name,
            labels: labels(own),
            annotations: labels(raw.alerting.annotations),
            page: severity(raw.alerting.page, "critical"),
            ticket: severity(raw.alerting.ticket, "warning"),
        },
    })
}

/// Counters, summed over all their series.
fn indicator(path: &Path, sli: &Spanned<RawSli>, errors_min: f64) -> Result<Indicator, ConfigError> {
    let rate = |selector: &Spanned<String>| match promql::parse_metric_selector(selector.value.trim()) {
        Ok(_) => Ok(format!("sum(rate({}[{WINDOW}]))", selector.value.trim())),
        Err(error) => {
            let message = format!("{:?} is no selector of counters: {}", selector.value, error.message);
            Err(ConfigError::at(path, selector.at, message))
        }
    };
    let total = rate(&sli.value.total)?;
    let errors = match (&sli.value.errors, &sli.value.good) {
        (Some(errors), None) => rate(errors)?,
        // A difference of two estimates may come out a little below zero.
        (None, Some(good)) => format!("clamp_min({total} - ({} or vector(0)), 0)", rate(good)?),
        _ => return Err(ConfigError::at(path, sli.at, "an sli has either errors or good, beside total")),
    };
    Ok(Indicator::Events { errors, total, errors_min: (errors_min > 0.0).then_some(errors_min) })
}
