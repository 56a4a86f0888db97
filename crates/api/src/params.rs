//! Parameters as Prometheus takes them: from the URL and from a form body, merged; times, durations, selectors.

use std::time::Duration;

use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;
use columns::TimeRange;
use http_body_util::BodyExt;
use jiff::Timestamp;
use model::{DurationMs, Matcher, TimestampMs};

use crate::error::{ApiError, ErrorKind};

/// Bytes of a form; beyond it the request is refused (413). The longest query allowed takes three
/// eighths of it when each of its bytes is escaped.
const FORM_MAX_BYTES: usize = 2 << 20;

/// What is read and thrown away of a form that is too long, so that its sender gets the refusal; then the connection closes.
const DRAIN_MAX_BYTES: usize = 32 << 20;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Names and values in one request; beyond it the request is refused. Ten times what the largest forms hold.
const PARAMS_MAX: usize = 10_000;

/// Selectors in one request, each a search of its own; beyond it the request is refused. Federation configurations hold
/// some dozens.
const SELECTORS_MAX: usize = 1000;

/// Names and values in the order given: the form body's first, as upstream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_count(request.uri().query().unwrap_or_default().as_bytes())?;
        let from_url = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
        let Query(from_url) = from_url.map_err(|e| malformed(e.body_text()))?;
        let may_have_form = matches!(*request.method(), Method::POST | Method::PUT);
        let has_form = may_have_form && is_form(request.headers());
        let mut all = if has_form { read_form(request).await? } else { Vec::new() };
        all.extend(from_url);
        Ok(Self(all))
    }
}

/// A body of any other kind says nothing to us: Prometheus takes the parameters of the URL then.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

async fn read_form(request: Request) -> Result<Vec<(String, String)>, ApiError> {
    let bytes = read_body(request.into_body()).await?;
    check_count(&bytes)?;
    let mut request = Request::new(Body::from(bytes));
    *request.method_mut() = Method::POST;
    let form = header::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    let Form(pairs) = Form::from_request(request, &()).await.map_err(|e| malformed(e.body_text()))?;
    Ok(pairs)
}

/// The body, if it is within [`FORM_MAX_BYTES`].
async fn read_body(mut body: Body) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| malformed(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > FORM_MAX_BYTES {
            // Who gives up on the rest drops what is left of it at the end; its time is bounded all the same.
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain(body)).await;
            let text = format!("length limit exceeded: a form may have {FORM_MAX_BYTES} bytes");
            return Err(ApiError { kind: ErrorKind::TooLarge, ..malformed(text) });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Reads on without keeping: a client that is still sending when the connection closes gets no answer, but a broken pipe.
async fn drain(mut body: Body) {
    let mut left = DRAIN_MAX_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        left = rest;
    }
}

/// Before anything is taken apart: each pair costs many times its bytes.
fn check_count(encoded: &[u8]) -> Result<(), ApiError> {
    match encoded.iter().filter(|byte| **byte == b'&').count() + 1 {
        count if count > PARAMS_MAX => {
            Err(malformed(format!("{count} parameters are more than the {PARAMS_MAX} allowed")))
        }
        _ => Ok(()),
    }
}

fn malformed(cause: String) -> ApiError {
    ApiError::bad_data(format!("error parsing form values: {cause}"))
}

impl Params {
    /// The first value of `name`, if it is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// Every value of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A moment that must be there.
    pub(crate) fn time(&self, name: &str) -> Result<TimestampMs, ApiError> {
        parse_time(self.all(name).next().unwrap_or_default())
            .map_err(|cause| ApiError::parameter(name, cause))
    }

    /// A moment, or `default`.
    pub(crate) fn time_or(&self, name: &str, default: TimestampMs) -> Result<TimestampMs, ApiError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let named = |cause| ApiError::parameter(name, format!("invalid time value for '{name}': {cause}"));
        parse_time(text).map_err(named)
    }

    /// A length of time that must be there: seconds or `1h30m`.
    pub(crate) fn duration(&self, name: &str) -> Result<DurationMs, ApiError> {
        parse_duration(self.all(name).next().unwrap_or_default())
            .map_err(|cause| ApiError::parameter(name, cause))
    }

    /// A length of time, if given.
    pub(crate) fn duration_if(&self, name: &str) -> Result<Option<DurationMs>, ApiError> {
        self.get(name).map(|_| self.duration(name)).transpose()
    }

    /// How far back an instant looks, if given: an error in words of its own, as upstream.
    pub(crate) fn lookback(&self) -> Result<Option<DurationMs>, ApiError> {
        let parsed = self.get("lookback_delta").map(parse_duration).transpose();
        parsed.map_err(|cause| ApiError::bad_data(format!("error parsing lookback delta duration: {cause}")))
    }

    /// How many results at the most; `None` when not limited.
    pub(crate) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(None) };
        let not_a_number = |_| format!("strconv.Atoi: parsing {text:?}: invalid syntax");
        let number: i64 = text.parse().map_err(not_a_number).map_err(|e| ApiError::parameter("limit", e))?;
        match usize::try_from(number) {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(ApiError::parameter("limit", "limit must be non-negative")),
        }
    }

    /// A count of metadata at the most, in upstream's words for these; `None` (also below zero) when not limited.
    pub(crate) fn metadata_limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number: i64 = text.parse().map_err(|_| ApiError::bad_data(format!("{name} must be a number")))?;
        Ok(usize::try_from(number).ok())
    }

    /// `start` and `end`, all of time by default.
    pub(crate) fn time_range(&self) -> Result<TimeRange, ApiError> {
        let from = self.time_or("start", TimeRange::ALL.from)?;
        let to = self.time_or("end", TimeRange::ALL.to)?;
        if to < from {
            return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
        }
        Ok(TimeRange { from, to })
    }

    /// The selectors of `match[]`, each a list of matchers; any of them may select a series. Compiling what hostile ones
    /// hold may take a while: call it off the async threads.
    pub(crate) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        let count = self.all("match[]").count();
        if count > SELECTORS_MAX {
            let cause = format!("{count} selectors are more than the {SELECTORS_MAX} allowed");
            return Err(ApiError::parameter("match[]", cause));
        }
        self.all("match[]").map(selector).collect()
    }
}

fn selector(text: &str) -> Result<Vec<Matcher>, ApiError> {
    let matchers = promql::parse_metric_selector(text).map_err(|e| ApiError::parameter("match[]", e))?;
    if matchers.iter().all(Matcher::matches_empty) {
        let cause = "match[] must contain at least one non-empty matcher";
        return Err(ApiError::parameter("match[]", cause));
    }
    Ok(matchers)
}

fn parse_time(text: &str) -> Result<TimestampMs, String> {
    if let Some(ms) = text.parse::<f64>().ok().and_then(seconds_to_ms) {
        return Ok(TimestampMs(ms));
    }
    match text.parse::<Timestamp>() {
        Ok(time) => Ok(TimestampMs(time.as_millisecond())),
        Err(_) => Err(format!("cannot parse {text:?} to a valid timestamp")),
    }
}

fn parse_duration(text: &str) -> Result<DurationMs, String> {
    if let Some(ms) = text.parse::<f64>().ok().and_then(seconds_to_ms) {
        return Ok(DurationMs(ms));
    }
    text.parse().map_err(|_| format!("cannot parse {text:?} to a valid duration"))
}

/// Seconds rounded to milliseconds; `None` when they do not fit.
fn seconds_to_ms(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    (ms.is_finite() && ms.abs() < i64::MAX as f64).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        for (text, ms) in [
            ("1435781451.7814", 1_435_781_451_781),
            ("0", 0),
            ("-1.5", -1500),
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
        ] {
            assert_eq!(parse_time(text), Ok(TimestampMs(ms)), "{text}");
        }
        for text in ["", "x", "inf", "NaN", "1e300"] {
            assert_eq!(parse_time(text), Err(format!("cannot parse {text:?} to a valid timestamp")));
        }
    }

    #[test]
    fn durations_are_seconds_or_units() {
        assert_eq!(parse_duration("0.5"), Ok(DurationMs(500)));
        assert_eq!(parse_duration("1m30s"), Ok(DurationMs(90_000)));
        assert!(parse_duration("1x").is_err());
    }

    #[test]
    fn errors_are_in_prometheus_words() {
        let text = |error: ApiError| error.message;
        let given =
            params(&[("time", "x"), ("limit", "-1"), ("start", "5"), ("end", "4"), ("match[]", "{a=\"\"}")]);
        assert_eq!(
            text(given.time_or("time", TimestampMs(0)).expect_err("no time")),
            r#"invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp"#
        );
        assert_eq!(
            text(params(&[("limit", "x")]).limit().expect_err("no number")),
            r#"invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax"#
        );
        assert_eq!(
            text(given.limit().expect_err("negative")),
            r#"invalid parameter "limit": limit must be non-negative"#
        );
        assert_eq!(
            text(given.time_range().expect_err("reversed")),
            r#"invalid parameter "end": end timestamp must not be before start time"#
        );
        assert_eq!(
            text(given.selectors().expect_err("matches everything")),
            r#"invalid parameter "match[]": match[] must contain at least one non-empty matcher"#
        );
    }
}
