//! Sloth's formats: its own file, and the same as a Kubernetes resource.

use std::collections::BTreeMap;
use std::path::Path;

use config::{ConfigError, Spanned, Unread};
use serde::Deserialize;

use crate::slo::read::{Placed, labels, normal};
use crate::slo::{Alerting, DEFAULT_PERIOD, Indicator, Slo};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[expect(dead_code, reason = "looked at before")]
    version: String,
    service: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    slo_plugins: Option<Spanned<Unread>>,
    slos: Vec<Spanned<RawSlo>>,
}

/// As a resource the same, its fields written in another case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpec {
    service: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default, rename = "sloPlugins")]
    slo_plugins: Option<Spanned<Unread>>,
    slos: Vec<Spanned<RawSlo>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResource {
    #[serde(rename = "apiVersion")]
    #[expect(dead_code, reason = "looked at before")]
    api_version: String,
    kind: Spanned<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "names the resource, not the objective")]
    metadata: Unread,
    spec: RawSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSlo {
    name: String,
    #[serde(default)]
    description: String,
    objective: f64,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    plugins: Option<Spanned<Unread>>,
    sli: RawSli,
    #[serde(default)]
    alerting: RawAlerting,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSli {
    #[serde(default)]
    events: Option<RawEvents>,
    #[serde(default)]
    raw: Option<RawRatio>,
    #[serde(default)]
    plugin: Option<Spanned<Unread>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvents {
    #[serde(alias = "errorQuery")]
    error_query: String,
    #[serde(alias = "totalQuery")]
    total_query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRatio {
    #[serde(alias = "errorRatioQuery")]
    error_ratio_query: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawAlerting {
    name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    #[serde(alias = "pageAlert")]
    page_alert: RawSeverity,
    #[serde(alias = "ticketAlert")]
    ticket_alert: RawSeverity,
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
    let RawFile { service, labels, slo_plugins, slos, .. } = raw;
    spec(path, RawSpec { service, labels, slo_plugins, slos })
}

pub(super) fn read_resource(path: &Path, text: &str) -> Result<Vec<Placed>, ConfigError> {
    let raw: RawResource = config::from_str(path, text)?;
    if raw.kind.value != "PrometheusServiceLevel" {
        let message = format!("kind {:?} holds no objectives; PrometheusServiceLevel does", raw.kind.value);
        return Err(ConfigError::at(path, raw.kind.at, message));
    }
    spec(path, raw.spec)
}

fn spec(path: &Path, raw: RawSpec) -> Result<Vec<Placed>, ConfigError> {
    refuse(path, raw.slo_plugins.as_ref())?;
    let one = |slo: Spanned<RawSlo>| Ok((slo.at, objective(path, &raw.service, &raw.labels, slo)?));
    raw.slos.into_iter().map(one).collect()
}

/// Plugins are programs in another language.
fn refuse(path: &Path, plugin: Option<&Spanned<Unread>>) -> Result<(), ConfigError> {
    match plugin {
        None => Ok(()),
        Some(given) => {
            Err(ConfigError::at(path, given.at, "plugins of Sloth are not supported: write the queries out"))
        }
    }
}

fn objective(
    path: &Path,
    service: &str,
    common: &BTreeMap<String, String>,
    raw: Spanned<RawSlo>,
) -> Result<Slo, ConfigError> {
    let (at, raw) = (raw.at, raw.value);
    refuse(path, raw.plugins.as_ref().or(raw.sli.plugin.as_ref()))?;
    let indicator = match (raw.sli.events, raw.sli.raw) {
        (Some(events), None) => Indicator::Events {
            errors: normal(&events.error_query),
            total: normal(&events.total_query),
            // Whether the queries count a second or a window is theirs to know.
            errors_min: None,
        },
        (None, Some(ratio)) => Indicator::Ratio { errors: normal(&ratio.error_ratio_query) },
        _ => return Err(ConfigError::at(path, at, "an sli has either events or raw")),
    };
    let severity = |raw: RawSeverity| (!raw.disable).then(|| (labels(raw.labels), labels(raw.annotations)));
    let mut all = common.clone();
    all.extend(raw.labels);
    let name =
        if raw.alerting.name.is_empty() { format!("{service}-{}", raw.name) } else { raw.alerting.name };
    Ok(Slo {
        service: service.to_owned(),
        name: raw.name,
        description: raw.description,
        objective: raw.objective / 100.0,
        period: DEFAULT_PERIOD,
        indicator,
        labels: labels(all),
        alerting: Alerting {
            name,
            labels: labels(raw.alerting.labels),
            annotations: labels(raw.alerting.annotations),
            page: severity(raw.alerting.page_alert),
            ticket: severity(raw.alerting.ticket_alert),
        },
    })
}
