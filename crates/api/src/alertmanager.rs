//! Alertmanager's API v2: status, receivers, alerts, groups, silences. Errors are a JSON text, as upstream.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ::alerting::{AlertStatus, GroupStatus, PeerError, Silence, SilenceDraft, SilenceError, SilenceState};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use model::{Alert, AlertState, Labels, MatchOp, Matcher, TimestampMs};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::params::Params;
use crate::state::ApiState;
use crate::targets::object;

/// The version whose API this is; amtool looks at it.
const ALERTMANAGER_VERSION: &str = "0.28.0";

/// An answer that is an error: a status and a text, or the shape of a request that does not fit the description.
pub(crate) enum Refusal {
    Text(StatusCode, String),
    /// A code of the validator, and a sentence.
    Invalid(u32, String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Text(status, text) => (status, Json(text)).into_response(),
            Self::Invalid(code, message) => {
                let status =
                    if code == 400 { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
                (status, Json(json!({ "code": code, "message": message }))).into_response()
            }
        }
    }
}

type Answer = Result<Json<Value>, Refusal>;

fn bad_request(text: impl Into<String>) -> Refusal {
    Refusal::Text(StatusCode::BAD_REQUEST, text.into())
}

/// As Go's validators want it: milliseconds always.
fn moment(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(
        |_| "0001-01-01T00:00:00.000Z".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    )
}

pub(crate) async fn status(State(state): State<Arc<ApiState>>) -> Json<Value> {
    Json(json!({
        "cluster": cluster(&state),
        "config": { "original": state.alerting.config_shown() },
        "uptime": moment(state.runtime.facts().started_at),
        "versionInfo": {
            "version": ALERTMANAGER_VERSION,
            "revision": format!("watchfire-{}", env!("CARGO_PKG_VERSION")),
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "",
        },
    }))
}

/// In Alertmanager's words: monitors of a pair that live.
fn cluster(state: &ApiState) -> Value {
    let Some((name, peers)) = state.alerting.peers() else {
        return json!({ "status": "disabled", "peers": [] });
    };
    let living = peers.iter().filter(|peer| peer.is_alive);
    let others = living.map(|peer| json!({ "name": peer.name, "address": peer.name }));
    let own = std::iter::once(json!({ "name": name, "address": name }));
    json!({ "name": name, "status": "ready", "peers": own.chain(others).collect::<Vec<_>>() })
}

/// What another monitor of a pair says: see `alerting::peers`.
pub(crate) async fn peer(
    State(state): State<Arc<ApiState>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let heard = state.alerting.hear_peer(authorization, caller.ip().is_loopback(), &body);
    heard.map(|heard| Json(json!(heard))).map_err(|cause| {
        let status = match cause {
            PeerError::Alone => StatusCode::NOT_FOUND,
            PeerError::Stranger => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Refusal::Text(status, cause.to_string())
    })
}

pub(crate) async fn receivers(State(state): State<Arc<ApiState>>) -> Json<Value> {
    let all = state.alerting.receivers_labelled();
    let one = |(name, labels): &(String, Labels)| {
        let mut body = json!({ "name": name });
        if !labels.is_empty() {
            body["labels"] = object(labels);
        }
        body
    };
    Json(all.iter().map(one).collect())
}

/// Which alerts somebody wants to see.
struct Wanted {
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
}

impl Wanted {
    fn of(params: &Params) -> Result<Self, Refusal> {
        let flag = |name: &str| match params.get(name).unwrap_or("true") {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            other => {
                Err(Refusal::Invalid(601, format!("{name} in query must be of type boolean: \"{other}\"")))
            }
        };
        let pattern = params.get("receiver").filter(|text| !text.is_empty());
        let receiver = pattern
            .map(|text| Regex::new(&format!("^(?:{text})$")))
            .transpose()
            .map_err(|e| bad_request(format!("failed to parse receiver param: {e}")))?;
        Ok(Self {
            active: flag("active")?,
            silenced: flag("silenced")?,
            inhibited: flag("inhibited")?,
            muted: flag("muted")?,
            matchers: matchers(params)?,
            receiver,
        })
    }

    fn has(&self, alert: &AlertStatus) -> bool {
        let (silenced, inhibited) = (!alert.silenced_by.is_empty(), !alert.inhibited_by.is_empty());
        let muted = !alert.muted_by.is_empty();
        (self.active || silenced || inhibited || muted)
            && (self.muted || !muted)
            && (self.silenced || !silenced)
            && (self.inhibited || !inhibited)
            && self.matchers.iter().all(|matcher| matcher.matches_labels(&alert.labels))
    }

    fn has_receiver<'a>(&self, mut names: impl Iterator<Item = &'a String>) -> bool {
        self.receiver.as_ref().is_none_or(|pattern| names.any(|name| pattern.is_match(name)))
    }
}

fn matchers(params: &Params) -> Result<Vec<Matcher>, Refusal> {
    let texts = params.all("filter");
    let read = |text: &str| ::alerting::parse_matchers(text).map_err(bad_request);
    Ok(texts.map(read).collect::<Result<Vec<_>, _>>()?.concat())
}

pub(crate) async fn alerts(State(state): State<Arc<ApiState>>, params: Params) -> Answer {
    let wanted = Wanted::of(&params)?;
    let mut alerts = state.alerting.alerts();
    alerts.retain(|alert| wanted.has(alert) && wanted.has_receiver(alert.receivers.iter()));
    alerts.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    Ok(Json(alerts.iter().map(alert_body).collect()))
}

pub(crate) async fn groups(State(state): State<Arc<ApiState>>, params: Params) -> Answer {
    let wanted = Wanted::of(&params)?;
    let groups = state.alerting.groups().into_iter().filter_map(|mut group| {
        group.alerts.retain(|alert| wanted.has(alert));
        let shown = !group.alerts.is_empty() && wanted.has_receiver(std::iter::once(&group.receiver));
        shown.then(|| group_body(&group))
    });
    Ok(Json(groups.collect()))
}

fn group_body(group: &GroupStatus) -> Value {
    let mut body = json!({
        "labels": object(&group.labels),
        "receiver": { "name": group.receiver },
        "alerts": group.alerts.iter().map(alert_body).collect::<Vec<_>>(),
    });
    if !group.route_labels.is_empty() {
        body["routeLabels"] = object(&group.route_labels);
    }
    body
}

fn alert_body(alert: &AlertStatus) -> Value {
    let suppressed =
        !(alert.silenced_by.is_empty() && alert.inhibited_by.is_empty() && alert.muted_by.is_empty());
    json!({
        "labels": object(&alert.labels),
        "annotations": object(&alert.annotations),
        "startsAt": moment(alert.starts_at),
        "endsAt": moment(alert.ends_at),
        "updatedAt": moment(alert.updated_at),
        "fingerprint": alert.fingerprint,
        "generatorURL": alert.generator_url,
        "receivers": alert.receivers.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "status": {
            "state": if suppressed { "suppressed" } else { "active" },
            "silencedBy": alert.silenced_by,
            "inhibitedBy": alert.inhibited_by,
            "mutedBy": alert.muted_by,
        },
    })
}

/// An alert as it is posted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

pub(crate) async fn post_alerts(State(state): State<Arc<ApiState>>, body: Bytes) -> Result<(), Refusal> {
    let malformed = |cause: String| {
        Refusal::Invalid(400, format!("parsing alerts body from \"\" failed, because {cause}"))
    };
    let posted: Vec<Posted> = serde_json::from_slice(&body).map_err(|e| malformed(e.to_string()))?;
    let now = TimestampMs(state.clock.now_ms());
    let (mut good, mut wrong) = (Vec::with_capacity(posted.len()), Vec::new());
    for (i, alert) in posted.into_iter().enumerate() {
        if alert.labels.is_none() {
            return Err(Refusal::Invalid(602, format!("{i}.labels in body is required")));
        }
        match read(alert, now) {
            Ok(alert) => good.push(alert),
            Err(cause) => wrong.push(cause),
        }
    }
    wrong.extend(state.alerting.put_from_outside(good));
    if wrong.is_empty() { Ok(()) } else { Err(bad_request(wrong.join("; "))) }
}

/// Times that are missing are filled in as upstream: the end stays open, which is 0 to the dispatcher.
fn read(posted: Posted, now: TimestampMs) -> Result<Alert, String> {
    let time = |text: &Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => {
            let time: Timestamp = text.parse().map_err(|_| format!("{text:?} is no time"))?;
            // Go's zero time, and all before 1970, is "not given".
            Ok::<_, String>(Some(TimestampMs(time.as_millisecond())).filter(|at| at.0 > 0))
        }
    };
    let (starts_at, ends_at) = (time(&posted.starts_at)?, time(&posted.ends_at)?);
    let labels = posted.labels.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_empty());
    let labels = Labels::from_pairs(labels);
    if labels.iter().any(|(name, _)| name.is_empty()) {
        return Err("invalid label set: the name of a label is empty".to_owned());
    }
    let start_by_end = ends_at.filter(|end| *end < now).unwrap_or(now);
    let ended = ends_at.is_some_and(|end| end <= now);
    Ok(Alert {
        labels,
        annotations: Labels::from_pairs(posted.annotations),
        starts_at: starts_at.unwrap_or(start_by_end),
        ends_at: ends_at.unwrap_or(TimestampMs(0)),
        state: if ended { AlertState::Resolved } else { AlertState::Firing },
        generator_url: posted.generator_url,
    })
}

pub(crate) async fn silences(State(state): State<Arc<ApiState>>, params: Params) -> Answer {
    let (filter, now) = (matchers(&params)?, TimestampMs(state.clock.now_ms()));
    let mut all = state.alerting.silences();
    all.retain(|silence| filter.iter().all(|matcher| silence.matchers.contains(matcher)));
    all.sort_by_key(|silence| {
        let state = silence.state(now);
        let order = match state {
            SilenceState::Active => silence.ends_at.0,
            SilenceState::Pending => silence.starts_at.0,
            SilenceState::Expired => -silence.ends_at.0,
        };
        (state, order)
    });
    Ok(Json(all.iter().map(|silence| silence_body(silence, now)).collect()))
}

fn silence_body(silence: &Silence, now: TimestampMs) -> Value {
    let matchers = silence.matchers.iter().map(|matcher| {
        json!({
            "name": matcher.name,
            "value": matcher.value,
            "isRegex": matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex),
            "isEqual": !matcher.is_negative(),
        })
    });
    json!({
        "id": silence.id,
        "status": { "state": silence.state(now).as_str() },
        "updatedAt": moment(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "startsAt": moment(silence.starts_at),
        "endsAt": moment(silence.ends_at),
        "matchers": matchers.collect::<Vec<_>>(),
    })
}

/// A silence as it is posted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedSilence {
    id: Option<String>,
    matchers: Option<Vec<PostedMatcher>>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    created_by: Option<String>,
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::Invalid(602, format!("{name} in body is required")))
}

pub(crate) async fn post_silence(State(state): State<Arc<ApiState>>, body: Bytes) -> Answer {
    let malformed = |cause: String| {
        Refusal::Invalid(400, format!("parsing silence body from \"\" failed, because {cause}"))
    };
    let posted: PostedSilence = serde_json::from_slice(&body).map_err(|e| malformed(e.to_string()))?;
    let time = |text: Option<String>, name: &str| {
        let text = required(text, name)?;
        let time: Result<Timestamp, _> = text.parse();
        let invalid =
            |_| Refusal::Invalid(601, format!("{name} in body must be of type date-time: {text:?}"));
        time.map(|time| TimestampMs(time.as_millisecond())).map_err(invalid)
    };
    let matcher = |posted: PostedMatcher| {
        let op = match (posted.is_regex, posted.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        let made = Matcher::new(posted.name, op, posted.value);
        made.map_err(|e| bad_request(format!("Failed to create silence: invalid label matcher: {e}")))
    };
    let given = required(posted.matchers, "matchers")?;
    let draft = SilenceDraft {
        comment: required(posted.comment, "comment")?,
        created_by: required(posted.created_by, "createdBy")?,
        ends_at: time(posted.ends_at, "endsAt")?,
        starts_at: time(posted.starts_at, "startsAt")?,
        matchers: given.into_iter().map(matcher).collect::<Result<_, _>>()?,
        id: posted.id.filter(|id| !id.is_empty()),
    };
    let id = state.alerting.set_silence(draft).await.map_err(refused)?;
    Ok(Json(json!({ "silenceID": id })))
}

fn refused(cause: SilenceError) -> Refusal {
    match cause {
        SilenceError::NotFound => Refusal::Text(StatusCode::NOT_FOUND, cause.to_string()),
        SilenceError::EndsBeforeStart | SilenceError::EndsInPast => {
            bad_request(format!("Failed to create silence: {cause}"))
        }
        SilenceError::NoMatchers | SilenceError::MatchesAll => {
            bad_request(format!("invalid silence: {cause}"))
        }
        SilenceError::Full => Refusal::Text(StatusCode::TOO_MANY_REQUESTS, cause.to_string()),
        other => Refusal::Text(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
    }
}

pub(crate) async fn silence(State(state): State<Arc<ApiState>>, Path(id): Path<String>) -> Answer {
    check_id(&id)?;
    let now = TimestampMs(state.clock.now_ms());
    let found = state.alerting.silences().into_iter().find(|silence| silence.id == id);
    let body = found.map(|silence| silence_body(&silence, now));
    body.map(Json).ok_or_else(|| Refusal::Text(StatusCode::NOT_FOUND, SilenceError::NotFound.to_string()))
}

pub(crate) async fn expire_silence(
    State(state): State<Arc<ApiState>>,
    Path(id): Path<String>,
) -> Result<(), Refusal> {
    check_id(&id)?;
    state.alerting.expire_silence(&id).await.map_err(refused)
}

fn check_id(id: &str) -> Result<(), Refusal> {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    let is_uuid =
        lengths == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if is_uuid {
        return Ok(());
    }
    Err(Refusal::Invalid(601, format!("silenceID in path must be of type uuid: {id:?}")))
}

/// What is left of the first version of the API.
pub(crate) async fn gone() -> (StatusCode, Json<Value>) {
    let error = "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please use the equivalent route in the v2 API";
    (StatusCode::GONE, Json(json!({ "status": "deprecated", "error": error })))
}
