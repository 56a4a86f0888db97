//! `/loki/api/v1/delete`: lines by selector, filters and span.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use logql::ast::StageKind;
use logstage::{LineOp, LineOperand};
use model::{MatchOp, Matcher, TimestampMs, TimestampNs};
use serde::Serialize;
use storage::NsRange;

use super::error::LokiError;
use super::state::{Cancelled, LogDeletion};
use crate::params::Params;
use crate::state::ApiState;

const NS_PER_S: f64 = 1e9;

/// A deletion as Loki shows it.
#[derive(Serialize)]
pub(crate) struct Shown {
    request_id: String,
    start_time: f64,
    end_time: f64,
    query: String,
    status: &'static str,
    created_at: f64,
}

/// Takes a request: it holds from now on.
pub(crate) async fn create(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<StatusCode, LokiError> {
    let logs = state.logs()?;
    let query = params.get("query").ok_or_else(|| LokiError::bad_request("query not set"))?.to_owned();
    let range = span(&params, TimestampMs(state.clock.now_ms()))?;
    let deleted = tokio::task::spawn_blocking(move || {
        let (matchers, tests) = what(&query)?;
        logs.admin.delete(&query, matchers, tests, range).map_err(LokiError::bad_request)
    });
    deleted.await.map_err(LokiError::internal)??;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows all requests that hold.
pub(crate) async fn list(State(state): State<Arc<ApiState>>) -> Result<Json<Vec<Shown>>, LokiError> {
    let logs = state.logs()?;
    let deletions = tokio::task::spawn_blocking(move || logs.admin.deletions()).await;
    Ok(Json(deletions.map_err(LokiError::internal)?.into_iter().map(shown).collect()))
}

/// Takes a request back.
pub(crate) async fn cancel(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<StatusCode, LokiError> {
    let logs = state.logs()?;
    let id = params.get("request_id").ok_or_else(|| LokiError::bad_request("request_id not set"))?.to_owned();
    let cancelled = tokio::task::spawn_blocking(move || logs.admin.cancel_deletion(&id)).await;
    match cancelled.map_err(LokiError::internal)?.map_err(LokiError::internal)? {
        Cancelled::Done => Ok(StatusCode::NO_CONTENT),
        Cancelled::Refused(reason) => Err(LokiError::bad_request(reason)),
        Cancelled::Unknown => {
            Err(LokiError::new(StatusCode::NOT_FOUND, "could not find delete request with given id"))
        }
    }
}

fn shown(deletion: LogDeletion) -> Shown {
    let seconds = |at: TimestampNs| at.0 as f64 / NS_PER_S;
    Shown {
        request_id: deletion.id,
        start_time: seconds(deletion.range.from),
        end_time: seconds(deletion.range.until),
        query: deletion.query,
        // Either way its lines are not shown.
        status: if deletion.is_final { "processed" } else { "received" },
        created_at: deletion.created_at.0 as f64 / 1000.0,
    }
}

/// `start`, which must be there, and `end`, now by default; both included.
fn span(params: &Params, now: TimestampMs) -> Result<NsRange, LokiError> {
    let wrong = |name: &str| {
        LokiError::bad_request(format!("invalid {name} time: require unix seconds or RFC3339 format"))
    };
    if params.get("start").is_none() {
        return Err(LokiError::bad_request("start time not set"));
    }
    let from = params.time_or("start", now).map_err(|_| wrong("start"))?;
    let to = params.time_or("end", now).map_err(|_| wrong("end"))?;
    if to > now {
        return Err(LokiError::bad_request("deletes in the future are not allowed"));
    }
    if from > to {
        return Err(LokiError::bad_request("start time can't be greater than end time"));
    }
    // The last millisecond belongs to it.
    Ok(NsRange { from: from.into(), until: TimestampMs(to.0 + 1).into() })
}

type What = (Vec<Matcher>, Vec<(MatchOp, String)>);

/// Streams and tests of lines that a query names.
fn what(query: &str) -> Result<What, LokiError> {
    let parsed = logql::parse(query).map_err(|error| LokiError::bad_request(error.to_string()))?;
    let logql::Expr::Log(log) = parsed else {
        return Err(LokiError::bad_request("a delete request names lines, not numbers"));
    };
    let mut tests = Vec::new();
    for stage in log.stages {
        let StageKind::Line { op, operands } = stage.kind else {
            let text = query.get(stage.span).unwrap_or_default();
            return Err(LokiError::bad_request(format!(
                "a delete request has line filters only, not {text:?}"
            )));
        };
        add_tests(op, operands, &mut tests)?;
    }
    Ok((log.matchers, tests))
}

/// A filter of several texts: a line has any of them, or has none.
fn add_tests(
    op: LineOp,
    operands: Vec<LineOperand>,
    tests: &mut Vec<(MatchOp, String)>,
) -> Result<(), LokiError> {
    let text = |operand| match operand {
        LineOperand::Text(text) => Ok(text),
        LineOperand::Ip(_) => Err(LokiError::bad_request("a delete request cannot compare addresses")),
    };
    let mut texts = operands.into_iter().map(text).collect::<Result<Vec<String>, _>>()?;
    let either = |texts: Vec<String>, regex: fn(&str) -> String| {
        texts.iter().map(|text| format!("(?:{})", regex(text))).collect::<Vec<_>>().join("|")
    };
    match op {
        LineOp::Contains if texts.len() == 1 => tests.push((MatchOp::Equal, texts.remove(0))),
        LineOp::Contains => tests.push((MatchOp::Regex, either(texts, regex::escape))),
        LineOp::Matches => tests.push((MatchOp::Regex, either(texts, str::to_owned))),
        LineOp::Lacks => tests.extend(texts.into_iter().map(|text| (MatchOp::NotEqual, text))),
        LineOp::MatchesNot => tests.extend(texts.into_iter().map(|text| (MatchOp::NotRegex, text))),
        LineOp::Looks | LineOp::LooksNot => {
            return Err(LokiError::bad_request("a delete request cannot compare patterns"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_become_matchers_and_tests() {
        let tests = |query| what(query).map(|(_, tests)| tests).map_err(|error| error.message);
        let own = |all: &[(MatchOp, &str)]| all.iter().map(|(op, text)| (*op, (*text).to_owned())).collect();
        assert_eq!(tests(r#"{a="b"}"#), Ok(vec![]));
        let filters = r#"{a="b"} |= "x" != "y" |~ "z+" |= "a." or "b""#;
        let expected: Vec<(MatchOp, String)> = own(&[
            (MatchOp::Equal, "x"),
            (MatchOp::NotEqual, "y"),
            (MatchOp::Regex, "(?:z+)"),
            (MatchOp::Regex, r"(?:a\.)|(?:b)"),
        ]);
        assert_eq!(tests(filters), Ok(expected));
        for (query, error) in [
            (r#"{a="b"} | json"#, "a delete request has line filters only, not \"| json\""),
            (r#"rate({a="b"}[1m])"#, "a delete request names lines, not numbers"),
            (r#"{a="b"} |> "<_> x""#, "a delete request cannot compare patterns"),
        ] {
            assert_eq!(tests(query), Err(error.to_owned()), "{query}");
        }
    }
}
