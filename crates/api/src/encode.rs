//! Query results as JSON, byte for byte as Prometheus writes them.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use columns::{Steps, is_absent};
use model::{Labels, format_float};
use promql::{Answer, RawSeries, Series, Value};
use serde::Serialize;

/// At most this many warnings and this many infos are sent; a last line counts the rest. Prometheus' own limit.
const NOTES_MAX: usize = 10;

/// `{"status":"success","data":…}` around anything that serialises.
pub(crate) fn success(data: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Envelope<T> {
        status: &'static str,
        data: T,
    }
    match serde_json::to_vec(&Envelope { status: "success", data }) {
        Ok(body) => json(body),
        Err(error) => crate::error::ApiError::internal(error).into_response(),
    }
}

/// A query's answer in the envelope. `range` says that it must be a matrix. `limit` cuts series and says so.
pub(crate) fn answer(mut answer: Answer, steps: &Steps, range: bool, limit: Option<usize>) -> Response {
    if let Some(limit) = limit {
        truncate(&mut answer, limit);
    }
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(br#"{"status":"success","data":"#);
    value(&mut out, &answer.value, steps, range);
    notes(&mut out, "warnings", answer.warnings);
    notes(&mut out, "infos", answer.infos);
    out.push(b'}');
    json(out)
}

fn json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn truncate(answer: &mut Answer, limit: usize) {
    match &mut answer.value {
        Value::Vector(all) if all.len() > limit => all.truncate(limit),
        Value::Matrix(all) if all.len() > limit => all.truncate(limit),
        _ => return,
    }
    answer.warnings.push("results truncated due to limit".to_owned());
}

fn value(out: &mut Vec<u8>, value: &Value, steps: &Steps, range: bool) {
    let kind = match value {
        _ if range => "matrix",
        Value::Vector(_) => "vector",
        Value::Scalar(_) => "scalar",
        Value::String(_) => "string",
        Value::Matrix(_) => "matrix",
    };
    out.extend_from_slice(format!(r#"{{"resultType":"{kind}","result":"#).as_bytes());
    match value {
        Value::Vector(all) if range => {
            list(out, all.iter().filter(|s| has_values(s)), |out, s| row_of_steps(out, s, steps))
        }
        Value::Vector(all) => {
            list(out, all.iter().filter(|s| has_values(s)), |out, s| one_value(out, s, steps))
        }
        Value::Scalar(values) if range => {
            let series = Series { labels: Labels::empty(), values: values.clone() };
            list(out, std::iter::once(&series), |out, s| row_of_steps(out, s, steps));
        }
        Value::Scalar(values) => point(out, steps.start.0, values.first().copied().unwrap_or(f64::NAN)),
        Value::String(text) => {
            out.push(b'[');
            timestamp(out, steps.start.0);
            out.push(b',');
            string(out, text);
            out.push(b']');
        }
        Value::Matrix(all) => list(out, all.iter().filter(|s| !s.values.is_empty()), raw_row),
    }
    out.push(b'}');
}

fn has_values(series: &Series) -> bool {
    series.values.iter().any(|v| !is_absent(*v))
}

fn one_value(out: &mut Vec<u8>, series: &Series, steps: &Steps) {
    metric(out, &series.labels);
    out.extend_from_slice(br#","value":"#);
    point(out, steps.start.0, series.values[0]);
    out.push(b'}');
}

fn row_of_steps(out: &mut Vec<u8>, series: &Series, steps: &Steps) {
    metric(out, &series.labels);
    out.extend_from_slice(br#","values":"#);
    let present = steps.iter().zip(&series.values).filter(|(_, v)| !is_absent(**v));
    list(out, present, |out, (at, v)| point(out, at, *v));
    out.push(b'}');
}

fn raw_row(out: &mut Vec<u8>, series: &RawSeries) {
    metric(out, &series.labels);
    out.extend_from_slice(br#","values":"#);
    list(out, series.times_ms.iter().zip(&series.values), |out, (at, v)| point(out, *at, *v));
    out.push(b'}');
}

fn metric(out: &mut Vec<u8>, all: &Labels) {
    out.extend_from_slice(br#"{"metric":"#);
    labels(out, all);
}

/// A label set as a JSON object.
pub(crate) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    out.push(b'}');
}

/// A text as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string into memory always encodes");
}

/// Writes `[…]` with commas between what `each` writes.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

fn point(out: &mut Vec<u8>, at_ms: i64, value: f64) {
    out.push(b'[');
    timestamp(out, at_ms);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(format_float(value).as_bytes());
    out.extend_from_slice(b"\"]");
}

/// Seconds; a fraction of three digits when there is one.
fn timestamp(out: &mut Vec<u8>, at_ms: i64) {
    let (seconds, ms) = (at_ms.unsigned_abs() / 1000, at_ms.unsigned_abs() % 1000);
    let sign = if at_ms < 0 { "-" } else { "" };
    let text = if ms == 0 { format!("{sign}{seconds}") } else { format!("{sign}{seconds}.{ms:03}") };
    out.extend_from_slice(text.as_bytes());
}

fn notes(out: &mut Vec<u8>, name: &str, mut all: Vec<String>) {
    if all.is_empty() {
        return;
    }
    let more = all.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        all.truncate(NOTES_MAX);
        all.push(format!("{more} more {} annotations omitted", name.trim_end_matches('s')));
    }
    out.extend_from_slice(format!(r#","{name}":"#).as_bytes());
    list(out, all.iter(), |out, text| string(out, text));
}

#[cfg(test)]
mod tests {
    use columns::ABSENT;
    use model::TimestampMs;

    use super::*;

    fn check(value_in: Value, steps: Steps, range: bool, expected: &str) {
        let mut out = Vec::new();
        value(&mut out, &value_in, &steps, range);
        assert_eq!(String::from_utf8(out).expect("JSON is UTF-8"), expected);
    }

    fn series(values: &[f64]) -> Series {
        Series { labels: Labels::from_pairs([("__name__", "up"), ("job", "a\"b")]), values: values.to_vec() }
    }

    #[test]
    fn each_kind_of_result() {
        let now = Steps::instant(TimestampMs(1_435_781_451_781));
        let two = Steps::range(TimestampMs(1000), TimestampMs(2000), 1000);
        check(
            Value::Vector(vec![series(&[1.0]), series(&[ABSENT])]),
            now,
            false,
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a\"b"},"value":[1435781451.781,"1"]}]}"#,
        );
        check(
            Value::Vector(vec![series(&[ABSENT, f64::NAN])]),
            two,
            true,
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a\"b"},"values":[[2,"NaN"]]}]}"#,
        );
        check(
            Value::Scalar(vec![0.1]),
            now,
            false,
            r#"{"resultType":"scalar","result":[1435781451.781,"0.1"]}"#,
        );
        check(
            Value::Scalar(vec![1.0, 2.0]),
            two,
            true,
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"2"]]}]}"#,
        );
        check(Value::String("x".into()), two, false, r#"{"resultType":"string","result":[1,"x"]}"#);
        check(Value::Vector(vec![]), now, false, r#"{"resultType":"vector","result":[]}"#);
    }

    #[test]
    fn timestamps_have_no_digit_too_many() {
        for (ms, text) in [(0, "0"), (12_050, "12.050"), (-1, "-0.001"), (1000, "1")] {
            let mut out = Vec::new();
            timestamp(&mut out, ms);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn notes_are_capped_and_counted() {
        let mut out = Vec::new();
        notes(&mut out, "warnings", (0..12).map(|i| i.to_string()).collect());
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.ends_with(r#""9","2 more warning annotations omitted"]"#), "{text}");
    }
}
