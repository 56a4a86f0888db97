//! `/api/v1/rules`, `/alerts`, `/alertmanagers`.

use std::sync::Arc;

use ::rules::{AlertStatus, AlertingStatus, GroupStatus, RuleStatus};
use axum::extract::State;
use axum::response::Response;
use model::Matcher;
use model::float::exponent_form;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::encode;
use crate::error::ApiError;
use crate::params::Params;
use crate::run;
use crate::state::ApiState;
use crate::status::rfc3339;
use crate::targets::object;

pub(crate) async fn rules(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let (page, params) = (Page::read(&params)?, params);
    let wanted = run::blocking(&state, move |_, _| Wanted::read(&params)).await??;
    let mut groups = state.rules.groups();
    groups.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    let first = page.first(&groups)?;
    let (mut shown, mut next) = (Vec::new(), None);
    for (i, group) in groups.iter().enumerate().skip(first) {
        shown.extend(group_json(group, &wanted));
        if page.size == Some(shown.len()) {
            next = groups.get(i + 1).map(token);
            break;
        }
    }
    let mut data = json!({ "groups": shown });
    if let Some(next) = next {
        data["groupNextToken"] = json!(next);
    }
    Ok(encode::success(data))
}

/// Which groups a caller wants at once, and from which on.
struct Page {
    size: Option<usize>,
    token: Option<String>,
}

impl Page {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let token = params.get("group_next_token").map(str::to_owned);
        let Some(size) = params.get("group_limit") else {
            let cause = "group_limit needs to be present in order to paginate over the groups";
            return match token {
                Some(_) => Err(ApiError::parameter("group_next_token", cause)),
                None => Ok(Self { size: None, token: None }),
            };
        };
        let wrong = |cause: String| ApiError::parameter("group_limit", cause);
        let number: i32 = size.parse().map_err(|_| {
            let cause = format!("strconv.ParseInt: parsing {size:?}: invalid syntax");
            wrong(format!("group_limit needs to be a valid number: {cause}"))
        })?;
        match usize::try_from(number) {
            Ok(size @ 1..) => Ok(Self { size: Some(size), token }),
            _ => Err(wrong("group_limit needs to be greater than 0".to_owned())),
        }
    }

    /// The place of the first group that is meant.
    fn first(&self, groups: &[GroupStatus]) -> Result<usize, ApiError> {
        let Some(wanted) = &self.token else { return Ok(0) };
        groups.iter().position(|group| token(group) == *wanted).ok_or_else(|| {
            let cause = format!("invalid group_next_token '{wanted}'. were rule groups changed?");
            ApiError::parameter("group_next_token", cause)
        })
    }
}

/// What stands for a group between two pages.
fn token(group: &GroupStatus) -> String {
    let digest = Sha256::digest(format!("{};{}", group.file.display(), group.name));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) async fn alerts(State(state): State<Arc<ApiState>>) -> Response {
    let groups = state.rules.groups();
    let rules = groups.iter().flat_map(|g| &g.rules).filter_map(|r| r.alerting.as_ref());
    let shown = rules.flat_map(|rule| &rule.alerts).map(alert_json);
    encode::success(json!({ "alerts": shown.collect::<Vec<_>>() }))
}

/// Alerts go to the dispatcher within this process; there is no other to list.
pub(crate) async fn alertmanagers(State(state): State<Arc<ApiState>>) -> Response {
    let active: Vec<Value> = state.runtime.alertmanagers().iter().map(|url| json!({ "url": url })).collect();
    encode::success(json!({ "activeAlertmanagers": active, "droppedAlertmanagers": [] }))
}

/// Which rules the caller asked for.
struct Wanted {
    alerting: bool,
    recording: bool,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    selectors: Vec<Vec<Matcher>>,
    with_alerts: bool,
}

/// The words that Go's `ParseBool` knows, in any case.
fn exclude_alerts(params: &Params) -> Result<bool, ApiError> {
    let Some(text) = params.get("exclude_alerts").map(str::to_lowercase) else { return Ok(false) };
    match text.as_str() {
        "1" | "t" | "true" => Ok(true),
        "0" | "f" | "false" => Ok(false),
        _ => {
            let cause = format!("strconv.ParseBool: parsing {text:?}: invalid syntax");
            let cause = format!("error converting exclude_alerts: {cause}");
            Err(ApiError::parameter("exclude_alerts", cause))
        }
    }
}

impl Wanted {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let kind = params.get("type").unwrap_or_default();
        if !matches!(kind, "" | "alert" | "record") {
            return Err(ApiError::parameter("type", format!("not supported value {kind:?}")));
        }
        let all = |name: &str| params.all(name).map(str::to_owned).collect();
        Ok(Self {
            alerting: kind != "record",
            recording: kind != "alert",
            names: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
            selectors: params.selectors()?,
            with_alerts: !exclude_alerts(params)?,
        })
    }

    fn group(&self, group: &GroupStatus) -> bool {
        let among = |all: &[String], one: &str| all.is_empty() || all.iter().any(|a| a == one);
        among(&self.groups, &group.name) && among(&self.files, &group.file.display().to_string())
    }

    fn rule(&self, rule: &RuleStatus) -> bool {
        let kind = if rule.alerting.is_some() { self.alerting } else { self.recording };
        let name = self.names.is_empty() || self.names.contains(&rule.name);
        let hit = |matchers: &Vec<Matcher>| matchers.iter().all(|m| m.matches_labels(&rule.labels));
        kind && name && (self.selectors.is_empty() || self.selectors.iter().any(hit))
    }
}

/// A group with the rules wanted of it; nothing when there are none.
fn group_json(group: &GroupStatus, wanted: &Wanted) -> Option<Value> {
    let rules: Vec<Value> = match wanted.group(group) {
        true => {
            group.rules.iter().filter(|r| wanted.rule(r)).map(|r| rule_json(r, wanted.with_alerts)).collect()
        }
        false => Vec::new(),
    };
    (!rules.is_empty()).then(|| {
        json!({
            "name": group.name,
            "file": group.file,
            "interval": group.interval.as_secs_f64(),
            "limit": group.limit,
            "evaluationTime": group.evaluation_seconds,
            "lastEvaluation": rfc3339(group.last_evaluation),
            "rules": rules,
        })
    })
}

fn rule_json(rule: &RuleStatus, with_alerts: bool) -> Value {
    let mut shown = json!({
        "name": rule.name,
        "query": rule.query,
        "health": rule.health.as_str(),
        "evaluationTime": rule.evaluation_seconds,
        "lastEvaluation": rfc3339(rule.last_evaluation),
    });
    if let Some(error) = &rule.last_error {
        shown["lastError"] = json!(error);
    }
    match &rule.alerting {
        Some(alerting) => add_alerting(&mut shown, rule, alerting, with_alerts),
        None => {
            shown["type"] = json!("recording");
            if !rule.labels.is_empty() {
                shown["labels"] = object(&rule.labels);
            }
        }
    }
    shown
}

fn add_alerting(shown: &mut Value, rule: &RuleStatus, alerting: &AlertingStatus, with_alerts: bool) {
    shown["type"] = json!("alerting");
    shown["state"] = json!(alerting.state.as_str());
    shown["duration"] = json!(alerting.hold.as_secs_f64());
    shown["keepFiringFor"] = json!(alerting.keep_firing_for.as_secs_f64());
    shown["labels"] = object(&rule.labels);
    shown["annotations"] = object(&alerting.annotations);
    shown["alerts"] = match with_alerts {
        true => alerting.alerts.iter().map(alert_json).collect(),
        false => Value::Null,
    };
}

fn alert_json(alert: &AlertStatus) -> Value {
    let mut shown = json!({
        "labels": object(&alert.labels),
        "annotations": object(&alert.annotations),
        "state": alert.state.as_str(),
        "activeAt": rfc3339(Some(alert.active_at)),
        "value": exponent_form(alert.value),
    });
    if let Some(since) = alert.keep_firing_since {
        shown["keepFiringSince"] = json!(rfc3339(Some(since)));
    }
    shown
}
