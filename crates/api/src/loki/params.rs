//! Parameters as Loki takes them: moments in nanoseconds, seconds or RFC 3339, steps, limits, directions.

use axum::extract::{FromRequest, Request};
use jiff::Timestamp;
use model::TimestampNs;
use storage::NsRange;

use super::error::LokiError;
use crate::params::Params;
use crate::state::ApiState;

/// Integers with no more digits are seconds, as in Loki.
const SECONDS_DIGITS_MAX: usize = 10;
/// Lines of an answer when nobody says how many.
const LIMIT_DEFAULT: usize = 100;
const HOUR_NS: i64 = 3_600_000_000_000;
/// How far back metadata are looked for when nobody says.
pub(super) const METADATA_SINCE_NS: i64 = 6 * HOUR_NS;
/// How far back lines are.
pub(super) const LINES_SINCE_NS: i64 = HOUR_NS;

/// The parameters of a request; what is wrong with them is told in plain text.
pub(crate) struct LokiParams(pub(super) Params);

impl<S: Send + Sync> FromRequest<S> for LokiParams {
    type Rejection = LokiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, LokiError> {
        Ok(Self(Params::from_request(request, state).await?))
    }
}

impl LokiParams {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    pub(super) fn query(&self) -> &str {
        self.get("query").unwrap_or_default()
    }

    fn time(&self, name: &str) -> Result<Option<i64>, LokiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || {
            LokiError::bad_request(format!("could not parse '{name}' parameter: {text:?} is no timestamp"))
        };
        moment(text).ok_or_else(wrong).map(Some)
    }

    /// The moment of an instant query.
    pub(super) fn at(&self, state: &ApiState) -> Result<TimestampNs, LokiError> {
        Ok(TimestampNs(self.time("time")?.unwrap_or_else(|| now_ns(state))))
    }

    /// From `start` (or `end - since`) to `end`, which is now unless given.
    pub(super) fn range(&self, state: &ApiState, since_ns: i64) -> Result<NsRange, LokiError> {
        let until = self.time("end")?.unwrap_or_else(|| now_ns(state));
        let since = self.duration_ns("since")?.unwrap_or(since_ns);
        let from = self.time("start")?.unwrap_or_else(|| until.saturating_sub(since));
        if until < from {
            return Err(LokiError::bad_request("end timestamp must not be before or equal to start time"));
        }
        Ok(NsRange { from: TimestampNs(from), until: TimestampNs(until) })
    }

    /// A length of time, in nanoseconds: `5m`, or seconds as a number.
    pub(super) fn duration_ns(&self, name: &str) -> Result<Option<i64>, LokiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let seconds =
            text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).map(|seconds| seconds * 1e9);
        let nanos = seconds.or_else(|| logstage::units::duration_nanos(text));
        match nanos.filter(|nanos| nanos.abs() < i64::MAX as f64) {
            Some(nanos) => Ok(Some(nanos as i64)),
            None => Err(LokiError::bad_request(format!("cannot parse {text:?} to a valid duration"))),
        }
    }

    /// Milliseconds between points: as asked, or such that there are 250 of them.
    pub(super) fn step_ms(&self, range: NsRange) -> Result<i64, LokiError> {
        let step_ms = match self.duration_ns("step")? {
            Some(nanos) => nanos / 1_000_000,
            None => {
                let seconds = (range.until.0 - range.from.0) / 1_000_000_000;
                (seconds / 250).max(1) * 1000
            }
        };
        if step_ms <= 0 {
            let message =
                "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(LokiError::bad_request(message));
        }
        Ok(step_ms)
    }

    /// How many lines at the most.
    pub(super) fn limit(&self) -> Result<usize, LokiError> {
        self.count("limit", LIMIT_DEFAULT)
    }

    pub(super) fn count(&self, name: &str, default: usize) -> Result<usize, LokiError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse::<i64>() {
            Ok(count) if count > 0 => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            Ok(_) => Err(LokiError::bad_request(format!("{name} must be a positive value"))),
            Err(_) => {
                Err(LokiError::bad_request(format!("strconv.ParseUint: parsing {text:?}: invalid syntax")))
            }
        }
    }

    /// Whether the oldest lines come first.
    pub(super) fn is_forward(&self) -> Result<bool, LokiError> {
        match self.get("direction").map(str::to_ascii_lowercase).as_deref() {
            None | Some("backward") => Ok(false),
            Some("forward") => Ok(true),
            Some(other) => Err(LokiError::bad_request(format!("invalid direction '{other}'"))),
        }
    }
}

fn now_ns(state: &ApiState) -> i64 {
    state.clock.now_ms().saturating_mul(1_000_000)
}

/// A moment in nanoseconds.
fn moment(text: &str) -> Option<i64> {
    let seconds_ns = |seconds: f64| {
        let nanos = seconds * 1e9;
        (nanos.is_finite() && nanos.abs() < i64::MAX as f64).then_some(nanos as i64)
    };
    if let Ok(whole) = text.parse::<i64>() {
        let digits = text.trim_start_matches('-').len();
        return if digits <= SECONDS_DIGITS_MAX { whole.checked_mul(1_000_000_000) } else { Some(whole) };
    }
    if let Some((whole, part)) = text.split_once('.')
        && let Ok(whole) = whole.parse::<i64>()
        && !part.is_empty()
        && part.bytes().all(|byte| byte.is_ascii_digit())
    {
        // Digit by digit: a float does not hold nanoseconds of today.
        let digits: String = part.chars().chain("000000000".chars()).take(9).collect();
        return whole.checked_mul(1_000_000_000)?.checked_add(digits.parse().ok()?);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds_ns(seconds);
    }
    i64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_apart_by_their_form() {
        for (text, expected) in [
            ("1435781451", Some(1_435_781_451_000_000_000)),
            ("1435781451781000001", Some(1_435_781_451_781_000_001)),
            ("1435781451.5", Some(1_435_781_451_500_000_000)),
            ("1435781451.781000001", Some(1_435_781_451_781_000_001)),
            ("2015-07-01T20:10:51.781000001Z", Some(1_435_781_451_781_000_001)),
            ("1e9", Some(1_000_000_000_000_000_000)),
            ("x", None),
            ("99999999999999999999", None),
            ("1e300", None),
            ("NaN", None),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
    }
}
