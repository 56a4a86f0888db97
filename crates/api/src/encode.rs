//! Query results as JSON, byte for byte as Prometheus writes them.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use columns::{Steps, is_absent};
use model::Labels;
use promql::{Answer, RawSeries, Series, Value};
use serde::Serialize;

use crate::json::{self, labels, list, point, point_head, point_tail, string, timestamp};
use crate::stream::{self, Writer};

/// At most this many warnings and this many infos are sent; a last line counts the rest. Prometheus' own limit.
const NOTES_MAX: usize = 10;

/// Points of one row that are written before it is asked whether a piece is full: about 20 KiB.
const POINTS_AT_ONCE: usize = 1024;

/// Prometheus' words when `limit` cut something.
const TRUNCATED: &str = "results truncated due to limit";

/// `{"status":"success","data":…}` around anything that serialises.
pub(crate) fn success(data: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Envelope<T> {
        status: &'static str,
        data: T,
    }
    match serde_json::to_vec(&Envelope { status: "success", data }) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => crate::error::ApiError::internal(error).into_response(),
    }
}

/// The envelope alone: what Prometheus answers when there was nothing to ask for.
pub(crate) fn success_without_data() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], r#"{"status":"success"}"#).into_response()
}

/// A list in the envelope, cut at `limit` with a warning.
pub(crate) fn success_list<T: Send + 'static>(
    mut all: Vec<T>,
    limit: Option<usize>,
    each: impl FnMut(&mut Vec<u8>, T) + Send + 'static,
) -> Response {
    let cut = limit.is_some_and(|limit| all.len() > limit);
    all.truncate(limit.unwrap_or(usize::MAX));
    let mut tail = b"]".to_vec();
    notes(&mut tail, "warnings", if cut { vec![TRUNCATED.to_owned()] } else { Vec::new() });
    tail.push(b'}');
    let head = br#"{"status":"success","data":["#.to_vec();
    stream::json(stream::between(head, stream::items(all.into_iter(), each), tail))
}

/// How an answer is to be shown.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// It must be a matrix.
    pub range: bool,
    /// Series beyond it are cut, with a warning.
    pub limit: Option<usize>,
    /// The JSON of `stats`, if asked for.
    pub stats: Option<Vec<u8>>,
    /// Warnings that do not come from the query.
    pub warnings: Vec<String>,
}

/// A query's answer in the envelope.
pub(crate) fn answer(answer: Answer, steps: Steps, form: Form) -> Response {
    stream::json(answer_writer(answer, steps, form))
}

fn answer_writer(mut answer: Answer, steps: Steps, mut form: Form) -> Writer {
    if let Some(limit) = form.limit {
        truncate(&mut answer, limit);
    }
    let mut tail = Vec::new();
    if let Some(stats) = form.stats {
        tail.extend_from_slice(br#","stats":"#);
        tail.extend_from_slice(&stats);
    }
    tail.push(b'}');
    form.warnings.append(&mut answer.warnings);
    notes(&mut tail, "warnings", form.warnings);
    notes(&mut tail, "infos", answer.infos);
    tail.push(b'}');
    let (kind, result) = result(answer.value, steps, form.range);
    let head = format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":"#);
    stream::between(head.into_bytes(), result, tail)
}

fn truncate(answer: &mut Answer, limit: usize) {
    match &mut answer.value {
        Value::Vector(all) if all.len() > limit => all.truncate(limit),
        Value::Matrix(all) if all.len() > limit => all.truncate(limit),
        _ => return,
    }
    answer.warnings.push(TRUNCATED.to_owned());
}

/// The name of the result's kind, and what writes the result.
fn result(value: Value, steps: Steps, range: bool) -> (&'static str, Writer) {
    let at = steps.start.0;
    match value {
        Value::Vector(all) if range => ("matrix", matrix(rows(all), Some(StepHeads::of(&steps)))),
        Value::Scalar(values) if range => {
            let rows = rows(vec![Series { labels: Labels::empty(), values }]);
            ("matrix", matrix(rows, Some(StepHeads::of(&steps))))
        }
        Value::Vector(all) => {
            let shown = all.into_iter().filter(has_values);
            ("vector", bracketed(stream::items(shown, move |out, series| one_value(out, &series, at))))
        }
        Value::Matrix(all) => {
            let row = |s: RawSeries| Row { labels: s.labels, times_ms: s.times_ms, values: s.values };
            ("matrix", matrix(all.into_iter().filter(|s| !s.values.is_empty()).map(row), None))
        }
        Value::Scalar(values) => {
            let value = values.first().copied().unwrap_or(f64::NAN);
            ("scalar", once(move |out| point(out, at, value)))
        }
        Value::String(text) => ("string", once(move |out| text_point(out, at, &text))),
    }
}

fn once(write: impl Fn(&mut Vec<u8>) + Send + 'static) -> Writer {
    Box::new(move |out| {
        write(out);
        false
    })
}

fn bracketed(writer: Writer) -> Writer {
    stream::between(b"[".to_vec(), writer, b"]".to_vec())
}

fn text_point(out: &mut Vec<u8>, at_ms: i64, text: &str) {
    out.push(b'[');
    timestamp(out, at_ms);
    out.push(b',');
    string(out, text);
    out.push(b']');
}

fn has_values(series: &Series) -> bool {
    series.values.iter().any(|v| !is_absent(*v))
}

fn one_value(out: &mut Vec<u8>, series: &Series, at_ms: i64) {
    metric(out, &series.labels);
    out.extend_from_slice(br#","value":"#);
    point(out, at_ms, series.values.first().copied().unwrap_or(f64::NAN));
    out.push(b'}');
}

fn metric(out: &mut Vec<u8>, all: &Labels) {
    out.extend_from_slice(br#"{"metric":"#);
    labels(out, all);
}

/// A series of a matrix. Without times of its own its values stand at the steps of the query.
struct Row {
    labels: Labels,
    times_ms: Vec<i64>,
    values: Vec<f64>,
}

fn rows(all: Vec<Series>) -> impl Iterator<Item = Row> + Send + 'static {
    let row = |s: Series| Row { labels: s.labels, times_ms: Vec::new(), values: s.values };
    all.into_iter().filter(has_values).map(row)
}

/// What stands before the value in a point of each step: the same for all series, so it is written once.
struct StepHeads {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl StepHeads {
    fn of(steps: &Steps) -> Self {
        let mut heads =
            Self { text: Vec::with_capacity(steps.count * 16), ends: Vec::with_capacity(steps.count) };
        for at_ms in steps.iter() {
            point_head(&mut heads.text, at_ms);
            // At most 11,000 steps of some 20 bytes.
            heads.ends.push(heads.text.len() as u32);
        }
        heads
    }

    fn write(&self, out: &mut Vec<u8>, i: usize) {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        out.extend_from_slice(&self.text[start as usize..self.ends[i] as usize]);
    }
}

/// Writes rows, some points at a time.
fn matrix(mut rows: impl Iterator<Item = Row> + Send + 'static, heads: Option<StepHeads>) -> Writer {
    let mut open: Option<(Row, usize)> = None;
    let (mut first_row, mut first_point) = (true, true);
    bracketed(Box::new(move |out| {
        let (row, from) = match open.take() {
            Some(open) => open,
            None => {
                let Some(row) = rows.next() else { return false };
                if !std::mem::take(&mut first_row) {
                    out.push(b',');
                }
                metric(out, &row.labels);
                out.extend_from_slice(br#","values":["#);
                first_point = true;
                (row, 0)
            }
        };
        let to = (from + POINTS_AT_ONCE).min(row.values.len());
        for i in from..to {
            let value = row.values[i];
            if heads.is_some() && is_absent(value) {
                continue;
            }
            if !std::mem::take(&mut first_point) {
                out.push(b',');
            }
            match &heads {
                Some(heads) => heads.write(out, i),
                None => point_head(out, row.times_ms[i]),
            }
            point_tail(out, value);
        }
        if to == row.values.len() {
            out.extend_from_slice(b"]}");
        } else {
            open = Some((row, to));
        }
        true
    }))
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
    list(out, all.iter(), |out, text| json::string(out, text));
}

#[cfg(test)]
mod tests {
    use columns::ABSENT;
    use model::TimestampMs;
    use promql::Stats;

    use super::*;

    fn written(value: Value, steps: Steps, form: Form) -> String {
        let answer = Answer { value, warnings: Vec::new(), infos: Vec::new(), stats: Stats::default() };
        let (mut writer, mut out) = (answer_writer(answer, steps, form), Vec::new());
        while writer(&mut out) {}
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    fn check(value: Value, steps: Steps, range: bool, expected: &str) {
        let text = written(value, steps, Form { range, ..Form::default() });
        assert_eq!(text, format!(r#"{{"status":"success","data":{expected}}}"#));
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
        let raw = RawSeries { labels: Labels::empty(), times_ms: vec![1, 1500], values: vec![1.0, 2.0] };
        check(
            Value::Matrix(vec![raw]),
            now,
            false,
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0.001,"1"],[1.500,"2"]]}]}"#,
        );
    }

    #[test]
    fn long_rows_are_written_in_parts() {
        let steps = Steps::range(TimestampMs(0), TimestampMs(9_999_000), 1000);
        let mut values: Vec<f64> = (0..10_000).map(f64::from).collect();
        values[0] = ABSENT;
        values[POINTS_AT_ONCE] = ABSENT;
        let text = written(
            Value::Vector(vec![series(&values), series(&values)]),
            steps,
            Form { range: true, ..Form::default() },
        );
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for row in 0..2 {
            let points = parsed["data"]["result"][row]["values"].as_array().expect("points");
            assert_eq!(points.len(), 9_998);
            let number = |text: &serde_json::Value| text.as_str().and_then(|text| text.parse::<i64>().ok());
            assert!(points.iter().all(|p| p[0].is_i64() && p[0].as_i64() == number(&p[1])));
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
