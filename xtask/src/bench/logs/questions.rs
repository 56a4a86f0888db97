//! What is asked, over the later half of the lines and over all of them, and whether the answers are right.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Made;
use super::yardsticks::Yardsticks;
use crate::bench::promql::servers::{self, Server};
use crate::tools::root;

/// Each question is repeated so often after a first time, but no longer than [`PATIENCE`].
const REPEATS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(12);
const NS_PER_S: i64 = 1_000_000_000;
/// Lines of an answer: as many as Loki gives.
const LIMIT: usize = 5000;
const DASHBOARD: &str = "deploy/provision/dashboards/endpoint-performance-logs.json";

/// What an answer's numbers must come to over all lines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// As many lines as ripgrep finds with this text.
    Lines(&'static str),
    /// The sum of all values, times this, is the number of lines with this text.
    Sum(f64, &'static str),
    /// It has values.
    Some,
    /// It may be refused: then with advice.
    Refusal,
}

pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) query: &'static str,
    /// Of a metric query, and its window.
    step_s: i64,
    window_s: i64,
    /// Milliseconds, over half a gigabyte.
    pub(super) goal_ms: Option<f64>,
    check: Check,
}

const fn lines(
    name: &'static str,
    query: &'static str,
    text: &'static str,
    goal_ms: Option<f64>,
) -> Question {
    Question { name, query, step_s: 0, window_s: 0, goal_ms, check: Check::Lines(text) }
}

const fn numbers(
    name: &'static str,
    query: &'static str,
    (step_s, window_s): (i64, i64),
    goal_ms: Option<f64>,
    check: Check,
) -> Question {
    Question { name, query, step_s, window_s, goal_ms, check }
}

/// Something that every access line has, for ripgrep.
pub(super) const ACCESS: &str = "\"trace\":";
pub(super) const NEEDLE: &str = "needle-7f3a9c";
pub(super) const PIECE: &str = "edle-7f3a";
pub(super) const NOWHERE: &str = "a3f9c1d25e";
pub(super) const ERROR: &str = "ERROR";

const QUESTIONS: [Question; 8] = [
    lines("a rare whole token", r#"{job="access"} |= "needle-7f3a9c""#, NEEDLE, Some(30.0)),
    lines("a rare substring", r#"{job="access"} |= "edle-7f3a""#, PIECE, Some(300.0)),
    lines(
        "ten hexadecimal digits that are nowhere",
        r#"{job="access"} |= "a3f9c1d25e""#,
        NOWHERE,
        Some(300.0),
    ),
    numbers(
        "`ERROR`, one line in a hundred, counted",
        r#"sum by (service) (count_over_time({job="access"} |= "ERROR" [1m]))"#,
        (60, 60),
        Some(150.0),
        Check::Sum(1.0, ERROR),
    ),
    numbers(
        "all lines by a field of JSON",
        r#"sum by (status) (rate({job="access"} | json [5m]))"#,
        (60, 300),
        None,
        // Each line is in five windows.
        Check::Sum(60.0, ACCESS),
    ),
    numbers(
        "a quantile over one stream",
        r#"quantile_over_time(0.95, {job="access", service="orders"} | json | unwrap duration_ms [1m]) by (view)"#,
        (60, 60),
        Some(60.0),
        Check::Some,
    ),
    numbers(
        "a quantile over all streams",
        r#"quantile_over_time(0.95, {job="access"} | json | unwrap duration_ms [5m]) by (view)"#,
        (300, 300),
        None,
        Check::Some,
    ),
    numbers(
        "an average of series that a unique id makes millions",
        r#"avg by (view) (avg_over_time({job="access"} | json | unwrap duration_ms [1m]))"#,
        (60, 60),
        None,
        Check::Refusal,
    ),
];

/// What a question took over one span, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub(super) wall_ms: f64,
    pub(super) cpu_ms: f64,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) query: &'static str,
    pub(super) goal_ms: Option<f64>,
    pub(super) half: Took,
    pub(super) all: Took,
    /// The text that all lines were searched for, and how many lines it came to.
    pub(super) found: Option<(&'static str, u64)>,
}

/// Asks everything.
pub(super) fn ask_all(server: &Server, ui_port: u16, made: &Made) -> Result<Vec<Row>> {
    println!("── questions");
    let mut rows = Vec::new();
    for question in &QUESTIONS {
        rows.push(ask(server, question, made).with_context(|| question.query.to_owned())?);
    }
    rows.push(dashboard(server, ui_port, made)?);
    for row in &rows {
        println!("   {:>8.1} {:>8.1} ms  {}", row.half.wall_ms, row.all.wall_ms, row.name);
    }
    Ok(rows)
}

/// Fails when ripgrep finds another number of lines.
pub(super) fn compare(rows: &[Row], yardsticks: &Yardsticks) -> Result<()> {
    for (text, found) in rows.iter().filter_map(|row| row.found) {
        let expected = yardsticks.of(text).context("every text is searched for")?.lines;
        ensure!(found == expected, "{found} lines with {text:?}, ripgrep finds {expected}");
    }
    Ok(())
}

fn ask(server: &Server, question: &Question, made: &Made) -> Result<Row> {
    // The first window begins where the half does.
    let half_ns = made.half_ns + (question.window_s - question.step_s) * NS_PER_S;
    let (half, _) = over(server, question, (half_ns, made.to_ns))?;
    let (all, answer) = over(server, question, (made.from_ns, made.to_ns))?;
    let found = match question.check {
        Check::Lines(text) => Some((text, count_lines(&answer))),
        Check::Sum(times, text) => Some((text, (sum(&answer)? * times).round() as u64)),
        Check::Some => {
            ensure!(sum(&answer)? > 0.0, "no values");
            None
        }
        Check::Refusal => None,
    };
    let refused = if answer.is_string() { ": refused" } else { "" };
    let name = format!("{}{refused}", question.name);
    Ok(Row { name, query: question.query, goal_ms: question.goal_ms, half, all, found })
}

/// Asks some times over a span.
fn over(server: &Server, question: &Question, (from_ns, to_ns): (i64, i64)) -> Result<(Took, Value)> {
    let (step_ns, window_ns) = (question.step_s.max(1) * NS_PER_S, question.window_s * NS_PER_S);
    // A metric query's windows end on multiples of its step; the last lines are in those that end behind them.
    let (start, end) = match question.step_s {
        0 => (from_ns, to_ns + 1),
        _ => ((from_ns / step_ns + 1) * step_ns, to_ns + window_ns),
    };
    let query: String = question.query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut path = format!("/loki/api/v1/query_range?query={query}&start={start}&end={end}&limit={LIMIT}");
    if question.step_s > 0 {
        path += &format!("&step={}", question.step_s);
    }
    let once = || -> Result<Value> {
        let (status, body) = server.get(&path)?;
        if status == 400 && matches!(question.check, Check::Refusal) {
            ensure!(body.contains("drop") || body.contains("keep"), "refused without advice: {body:.300}");
            return Ok(Value::String(body));
        }
        ensure!(status == 200, "{status}: {body:.300}");
        Ok(serde_json::from_str(&body)?)
    };
    timed(server, once)
}

/// The median of some times after the first, and the first's answer.
fn timed(server: &Server, once: impl Fn() -> Result<Value>) -> Result<(Took, Value)> {
    let answer = once()?;
    let (begun, before, mut wall) = (Instant::now(), server.usage()?.cpu_s, Vec::new());
    while wall.len() < REPEATS && (wall.is_empty() || begun.elapsed() < PATIENCE) {
        let asked = Instant::now();
        once()?;
        wall.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    let cpu_ms = (server.usage()?.cpu_s - before) * 1e3 / wall.len() as f64;
    wall.sort_unstable_by(f64::total_cmp);
    Ok((Took { wall_ms: wall[wall.len() / 2], cpu_ms }, answer))
}

fn count_lines(answer: &Value) -> u64 {
    let streams = answer["data"]["result"].as_array().into_iter().flatten();
    streams.map(|stream| stream["values"].as_array().map_or(0, Vec::len) as u64).sum()
}

/// All values of all series together.
fn sum(answer: &Value) -> Result<f64> {
    let mut sum = 0.0;
    for series in answer["data"]["result"].as_array().context("a list of results")? {
        for point in series["values"].as_array().context("a list of values")? {
            sum += point[1].as_str().context("a value")?.parse::<f64>()?;
        }
    }
    Ok(sum)
}

/// All numbers of *Endpoint performance from logs* over access lines, in one batch as its page asks them, with its variables as they are
/// at first.
fn dashboard(server: &Server, ui_port: u16, made: &Made) -> Result<Row> {
    let document: Value = serde_json::from_str(&std::fs::read_to_string(root().join(DASHBOARD))?)?;
    let panels = document["panels"].as_array().context("panels")?;
    let targets = panels.iter().filter(|panel| panel["type"] != "logs");
    let targets = targets.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let targets: Vec<(String, bool)> = targets
        .filter_map(|target| Some((target["expr"].as_str()?.to_owned(), target["queryType"] == "instant")))
        .filter(|(text, _)| text.contains(r#"job="access""#))
        .collect();
    let over = |from_ns: i64| -> Result<Took> {
        let (from, to) = (from_ns / 1_000_000, made.to_ns / 1_000_000 + 1);
        let range = format!("{}ms", to - from);
        let target = |(i, (text, instant)): (usize, &(String, bool))| {
            let expr = filled(text, &document).replace("$__auto", "15s").replace("$__range", &range);
            json!({ "id": i.to_string(), "expr": expr, "language": "logql", "step_ms": 15_000, "instant": instant })
        };
        let targets: Vec<Value> = targets.iter().enumerate().map(target).collect();
        let request = json!({ "from": from, "to": to, "targets": targets }).to_string();
        let once = || -> Result<Value> {
            let (status, body) = servers::post_json(ui_port, "/api/ui/query", &request)?;
            ensure!(status == 200, "{status}: {body:.300}");
            let answer: Value = serde_json::from_str(&body)?;
            let wrong = answer["results"]
                .as_array()
                .context("results")?
                .iter()
                .find(|one| one.get("error").is_some());
            ensure!(wrong.is_none(), "{wrong:?}");
            Ok(answer)
        };
        Ok(timed(server, once)?.0)
    };
    let name = format!(
        "the dashboard *Endpoint performance from logs*: {} queries over all access lines",
        targets.len()
    );
    Ok(Row {
        name,
        query: "",
        goal_ms: None,
        half: over(made.half_ns)?,
        all: over(made.from_ns)?,
        found: None,
    })
}

/// The text with the dashboard's variables in place.
fn filled(text: &str, document: &Value) -> String {
    let mut text = text.to_owned();
    for variable in document["templating"]["list"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap_or_default();
        let value = match variable["current"]["value"].as_str() {
            Some(value) if value != "$__all" => value,
            _ => variable["allValue"].as_str().unwrap_or(".+"),
        };
        text = text.replace(&format!("${name}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_values_are_counted() {
        let answer = json!({ "data": { "result": [{ "values": [["1", "a"], ["2", "b"]] }, { "values": [["1", "c"]] }] } });
        assert_eq!(count_lines(&answer), 3);
        let answer =
            json!({ "data": { "result": [{ "values": [[1, "0.5"], [2, "1.5"]] }, { "values": [] }] } });
        assert_eq!(sum(&answer).expect("numbers"), 2.0);
    }

    #[test]
    fn every_variable_of_the_dashboard_is_filled() {
        let text = std::fs::read_to_string(root().join(DASHBOARD)).expect("the dashboard");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        for panel in document["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let text = filled(target["expr"].as_str().unwrap_or_default(), &document);
                let left = text.replace("$__auto", "").replace("$__range", "");
                assert!(!left.contains('$'), "{left}");
            }
        }
    }
}
