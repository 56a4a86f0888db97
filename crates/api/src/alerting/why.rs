//! `/api/ui/why`: why somebody was, or was not, told of an alert. Described in docs/formats/alerting.md.

use std::sync::Arc;

use ::alerting::Silence;
use ::alerting::why::{Question, Story, WayStory};
use axum::Json;
use axum::extract::State;
use model::TimestampMs;
use serde_json::{Value, json};

use super::ack;
use super::words::Words;
use crate::error::ApiError;
use crate::params::Params;
use crate::state::ApiState;
use crate::status::rfc3339;

pub(crate) async fn why(State(state): State<Arc<ApiState>>, params: Params) -> Result<Json<Value>, ApiError> {
    let Some(name) = params.get("name") else {
        return Err(ApiError::parameter("name", "which alert? give its alertname"));
    };
    let now = TimestampMs(state.clock.now_ms());
    let at = params.get("at").map(|_| params.time_or("at", now)).transpose()?;
    let alert = params.get("alert").map(str::parse).transpose();
    let alert = alert.map_err(|cause: String| ApiError::parameter("alert", cause))?;
    let question = Question { name: name.to_owned(), alert, at };
    let stories = state.alerting.why(&question);
    let silences = state.alerting.silences();
    let told = |story: &Story| body(story, &silences, at, now);
    let since = state.alerting.known_since();
    Ok(Json(json!({
        "name": name,
        "at": rfc3339(Some(at.unwrap_or(now))),
        "isNow": at.is_none(),
        "knownSince": since.map(|at| rfc3339(Some(at))),
        "series": stories.iter().map(told).collect::<Vec<_>>(),
    })))
}

fn body(story: &Story, silences: &[Silence], at: Option<TimestampMs>, now: TimestampMs) -> Value {
    let words = Words { story, silences, is_now: at.is_none(), at: at.unwrap_or(now) };
    let passed = story
        .passed
        .iter()
        .map(|one| json!({ "route": one.route, "receiver": one.receiver, "because": one.because }));
    let events = story.events.iter().map(|event| {
        let (kind, text) = words.event(event);
        json!({ "at": rfc3339(Some(event.at)), "kind": kind, "text": text })
    });
    json!({
        "alert": story.alert.to_string(),
        "labels": story.labels,
        "state": words.state(),
        "summary": words.summary(),
        "since": story.since.map(|at| rfc3339(Some(at))),
        "endedAt": story.ended.map(|(at, _)| rfc3339(Some(at))),
        "ack": story.ack.as_ref().map(ack),
        "ways": story.ways.iter().map(|way| way_body(way, &words)).collect::<Vec<_>>(),
        "passed": passed.collect::<Vec<_>>(),
        "passedMore": story.passed_more,
        "events": events.collect::<Vec<_>>(),
    })
}

fn way_body(way: &WayStory, words: &Words<'_>) -> Value {
    let (state, text) = words.way(way);
    json!({
        "receiver": way.way.receiver,
        "route": way.way.route,
        "group": way.way.group,
        "state": state,
        "text": text,
        "heldBy": way.held.as_ref().map(::alerting::why::held_word),
    })
}
