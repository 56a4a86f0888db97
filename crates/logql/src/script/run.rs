//! Reads a script and does what it says.

use columns::is_absent;
use columns::vector::Cancel;
use logstage::units;
use model::quoted::{self, quote};
use model::{Labels, TimestampNs};
use storage::NsRange;

use super::MemoryLogs;
use crate::ast::Expr;
use crate::engine::{Engine, LogRequest, MetricRequest, MetricValue, Series};
use crate::parse_matchers;

/// A step of a script that went otherwise, or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Failure {
    /// Which line of the script, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// What became of a script.
#[derive(Debug, Default)]
pub struct Report {
    /// What went otherwise.
    pub failures: Vec<Failure>,
    /// The script as it would have to be for nothing to go otherwise.
    pub written: String,
    /// How many queries it asked.
    pub queries: usize,
}

/// Runs a script.
pub fn run(script: &str, engine: &Engine) -> Report {
    let mut report = Report::default();
    let mut store = MemoryLogs::new();
    let lines: Vec<&str> = script.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        at += 1;
        report.written.push_str(lines[start]);
        report.written.push('\n');
        if is_nothing(lines[start]) {
            continue;
        }
        while at < lines.len() && lines[at].starts_with([' ', '\t']) && !is_nothing(lines[at]) {
            at += 1;
        }
        let body: Vec<&str> = lines[start + 1..at].iter().map(|line| line.trim()).collect();
        let (command, rest) = lines[start].split_once(' ').unwrap_or((lines[start], ""));
        let got = match command {
            "clear" => Ok(std::mem::take(&mut store)).map(|_| None),
            "load" => load(&store, rest, &body).map(|()| None),
            "eval" => Ok(Some(eval(&store, engine, rest))),
            "format" => parsed(rest).map(|expr| Some(vec![expr.to_string()])),
            other => Err(format!("unknown command {other:?}")),
        };
        report.queries += usize::from(command == "eval");
        let shown = match &got {
            Ok(Some(got)) => got.clone(),
            _ => body.iter().map(|line| (*line).to_owned()).collect(),
        };
        shown.iter().for_each(|line| report.written.push_str(&format!("  {line}\n")));
        let message = match got {
            Ok(Some(got)) => compare(&got, &body).err(),
            Ok(None) => None,
            Err(message) => Some(message),
        };
        report.failures.extend(message.map(|message| Failure { line: start + 1, message }));
    }
    report
}

fn is_nothing(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

fn nanos(text: &str) -> Result<i64, String> {
    units::duration_nanos(text).map(|ns| ns as i64).ok_or_else(|| format!("no time: {text:?}"))
}

fn labels(text: &str) -> Result<Labels, String> {
    let matchers = parse_matchers(text).map_err(|error| error.to_string())?;
    Ok(Labels::from_pairs(matchers.into_iter().map(|matcher| (matcher.name, matcher.value))))
}

/// `load {app="a"}`, then a line each: `10s "text" {meta="x"}`, or `10s+5s*3 "text {i}"` for four of them.
fn load(store: &MemoryLogs, selector: &str, body: &[&str]) -> Result<(), String> {
    let stream = labels(selector)?;
    for line in body {
        let (when, rest) = line.split_once(' ').ok_or("a time and a text are needed")?;
        let rest = rest.trim_start();
        let (length, text) = quoted::parse(rest).map_err(|(_, message)| message)?;
        let text = String::from_utf8(text).map_err(|e| e.to_string())?;
        let metadata = match rest[length..].trim() {
            "" => Labels::empty(),
            braces => labels(braces)?,
        };
        let (first, repeat) =
            when.split_once('+').map_or((when, None), |(first, repeat)| (first, Some(repeat)));
        let (step, count) = match repeat.map(|repeat| repeat.split_once('*').ok_or("write +STEP*COUNT")) {
            None => (0, 0),
            Some(pair) => {
                let (step, count) = pair?;
                (nanos(step)?, count.parse::<i64>().map_err(|e| e.to_string())?)
            }
        };
        for i in 0..=count {
            let at = TimestampNs(nanos(first)? + step * i);
            store.add(&stream, at, &text.replace("{i}", &i.to_string()), &metadata);
        }
    }
    Ok(())
}

fn parsed(query: &str) -> Result<Expr, String> {
    let expr = crate::parse(query).map_err(|error| error.to_string())?;
    // Each query of a script is also written out and read back.
    let again = crate::parse(&expr.to_string()).map_err(|error| format!("written as {expr}: {error}"))?;
    if again == expr { Ok(expr) } else { Err(format!("written as {expr}, which reads as {again}")) }
}

fn compare(got: &[String], wanted: &[&str]) -> Result<(), String> {
    if got.iter().map(String::as_str).eq(wanted.iter().copied()) {
        return Ok(());
    }
    Err(format!("expected\n  {}\ngot\n  {}", wanted.join("\n  "), got.join("\n  ")))
}

/// `eval KIND … QUERY`: what it gives, or the error.
fn eval(store: &MemoryLogs, engine: &Engine, rest: &str) -> Vec<String> {
    match asked(store, engine, rest) {
        Ok(lines) => lines,
        Err(message) => message.trim_end().lines().map(|line| format!("error: {line}")).collect(),
    }
}

fn asked(store: &MemoryLogs, engine: &Engine, rest: &str) -> Result<Vec<String>, String> {
    let words = |count: usize| -> Vec<&str> { rest.splitn(count + 1, ' ').collect() };
    match *words(1).first().unwrap_or(&"") {
        "instant" => {
            let [_, at, query] = words(2)[..] else { return Err("write: eval instant TIME QUERY".into()) };
            metric(store, engine, query, (nanos(at)?, 1, 1))
        }
        "range" => {
            let [_, from, to, step, query] = words(4)[..] else {
                return Err("write: eval range FROM TO STEP QUERY".into());
            };
            let (from, to, step_ms) = (nanos(from)?, nanos(to)?, nanos(step)? / 1_000_000);
            let count = usize::try_from((to - from) / 1_000_000 / step_ms).unwrap_or(0) + 1;
            metric(store, engine, query, (from, step_ms, count))
        }
        kind @ ("logs" | "forward" | "categorized") => {
            let [_, from, to, limit, query] = words(4)[..] else {
                return Err(format!("write: eval {kind} FROM TO LIMIT QUERY"));
            };
            let range = NsRange { from: TimestampNs(nanos(from)?), until: TimestampNs(nanos(to)?) };
            let limit = limit.parse().map_err(|_| format!("no limit: {limit:?}"))?;
            lines(store, engine, (kind, query), range, limit)
        }
        other => Err(format!("unknown kind {other:?}")),
    }
}

fn lines(
    store: &MemoryLogs,
    engine: &Engine,
    (kind, query): (&str, &str),
    range: NsRange,
    limit: usize,
) -> Result<Vec<String>, String> {
    let Expr::Log(query) = parsed(query)? else { return Err("a query for lines is needed".into()) };
    let (is_forward, is_categorized) = (kind == "forward", kind == "categorized");
    let cancel = Cancel::new();
    let request = LogRequest { query: &query, range, limit, is_forward, is_categorized, cancel: &cancel };
    let answer = engine.logs(store, &request).map_err(|error| error.to_string())?;
    let mut shown: Vec<(i64, String)> = Vec::new();
    for stream in &answer.streams {
        let mut previous = None;
        for entry in &stream.entries {
            let order = previous.replace(entry.at).map(|before| before.cmp(&entry.at));
            let wrong = if is_forward { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less };
            if order == Some(wrong) {
                return Err(format!("lines of {} are out of order", in_braces(&stream.labels)));
            }
            let time = seconds(entry.at.0);
            let mut line = format!("{} {time} {}", in_braces(&stream.labels), quote(entry.line.as_bytes()));
            if is_categorized {
                line.push_str(&format!(" {} {}", in_braces(&entry.metadata), in_braces(&entry.parsed)));
            }
            shown.push((entry.at.0, line));
        }
    }
    shown.sort_by_key(|(at, _)| if is_forward { *at } else { -*at });
    Ok(shown.into_iter().map(|(_, line)| line).collect())
}

fn metric(
    store: &MemoryLogs,
    engine: &Engine,
    query: &str,
    (start, step_ms, count): (i64, i64, usize),
) -> Result<Vec<String>, String> {
    let Expr::Metric(query) = parsed(query)? else { return Err("a metric query is needed".into()) };
    let cancel = Cancel::new();
    let request = MetricRequest { query: &query, start: TimestampNs(start), step_ms, count, cancel: &cancel };
    let answer = engine.metric(store, &request).map_err(|error| error.to_string())?;
    Ok(match answer.value {
        MetricValue::Scalar(value) => vec![model::format_float(value)],
        MetricValue::Vector(series) => series.iter().map(shown).collect(),
    })
}

fn shown(series: &Series) -> String {
    let value = |value: &f64| if is_absent(*value) { "_".to_owned() } else { model::format_float(*value) };
    let values: Vec<String> = series.values.iter().map(value).collect();
    format!("{} {}", in_braces(&series.labels), values.join(" "))
}

fn in_braces(labels: &Labels) -> String {
    columns::vector::in_braces(labels)
}

/// A moment as scripts write it.
fn seconds(ns: i64) -> String {
    format!("{}s", ns as f64 / 1e9)
}
