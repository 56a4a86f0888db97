//! Runs a script: every `eval` is one case.

use std::collections::BTreeSet;
use std::time::Duration;

use columns::Steps;
use model::{DurationMs, Labels, METRIC_NAME, TimestampMs};

use crate::ast::Expr;
use crate::engine::{Answer, Cancel, Engine, EngineOptions, QueryRequest, Series, Value};
use crate::error::EvalError;
use crate::parser::parse as parse_query;
use crate::script::compare;
use crate::script::parse::{Command, Eval, Expect, Load, ScriptError, TextCheck, When, parse};
use crate::script::series::Point;
use crate::script::store::{MemoryStore, NATIVE_HISTOGRAM};
use crate::script::twins;

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As expected, twins included.
    Passed,
    /// Not as expected; the text says how.
    Failed(String),
    /// Needs native histograms, which are not supported yet.
    NeedsNativeHistograms,
}

/// One `eval`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Where the command stands, from 1.
    pub line: usize,
    /// The query.
    pub query: String,
    /// How it went.
    pub outcome: Outcome,
}

/// A script's cases, as far as it could be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In order of the script.
    pub cases: Vec<Case>,
    /// Why the rest was not run.
    pub error: Option<ScriptError>,
}

/// What scripts assume of the engine; see `promqltest` upstream.
fn options() -> EngineOptions {
    EngineOptions {
        lookback: DurationMs::from_secs(300),
        subquery_step: DurationMs::from_secs(60),
        samples_max: 10_000,
        series_max: 10_000,
        steps_max: 100_000,
        timeout: Duration::from_secs(100),
        experimental: true,
        delayed_name_removal: true,
        threads: 2,
    }
}

/// Runs a whole script on a store of its own.
pub fn run(script: &str) -> Report {
    let mut report = Report { cases: Vec::new(), error: None };
    let commands = match parse(script) {
        Ok(commands) => commands,
        Err(error) => return Report { error: Some(error), ..report },
    };
    let mut runner = Runner { engine: Engine::new(options()), store: MemoryStore::new() };
    for command in commands {
        match command {
            Command::Clear => runner.store.clear(),
            Command::Load(load) => {
                if let Err(message) = runner.load(&load) {
                    report.error = Some(ScriptError { line: load.line, message });
                    return report;
                }
            }
            Command::Eval(eval) => {
                let outcome = runner.case(&eval);
                report.cases.push(Case { line: eval.line, query: eval.query, outcome });
            }
        }
    }
    report
}

/// Why a case did not pass.
enum Failure {
    Wrong(String),
    NativeHistogram,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Wrong(message)
    }
}

struct Runner {
    engine: Engine,
    store: MemoryStore,
}

impl Runner {
    fn load(&mut self, load: &Load) -> Result<(), String> {
        for (labels, points) in &load.series {
            for (i, point) in points.iter().enumerate() {
                let at_ms = load.step_ms * i as i64;
                match point {
                    Point::None => {}
                    Point::Histogram => self.store.push_histogram(labels, at_ms),
                    Point::Float(value) => {
                        if !self.store.push(labels, at_ms, *value) {
                            return Err(format!("out of order sample of {labels} at {at_ms} ms"));
                        }
                        if load.with_custom_buckets
                            && let Some(base) = histogram_of(labels)
                        {
                            self.store.push_histogram(&base, at_ms);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn case(&self, eval: &Eval) -> Outcome {
        let native = eval.expect.series.iter().any(|(_, points)| points.contains(&Point::Histogram));
        if native {
            return Outcome::NeedsNativeHistograms;
        }
        match self.judge(eval) {
            Ok(()) => Outcome::Passed,
            Err(Failure::NativeHistogram) => Outcome::NeedsNativeHistograms,
            Err(Failure::Wrong(message)) => Outcome::Failed(message),
        }
    }

    fn judge(&self, eval: &Eval) -> Result<(), Failure> {
        let expr = parse_query(&eval.query).map_err(|error| error.to_string())?;
        let steps = match eval.when {
            When::Instant(at) => Steps::instant(TimestampMs(at)),
            When::Range { from, to, step } => Steps::range(TimestampMs(from), TimestampMs(to), step),
        };
        let result = match eval.when {
            When::Instant(_) => self.eval(&expr, steps),
            When::Range { to, .. } => self.eval_until(&expr, steps, to),
        };
        check(&eval.expect, result, steps, eval.when)?;
        let When::Instant(at) = eval.when else { return Ok(()) };
        if eval.expect.text.is_some() || eval.expect.range_vector.is_some() {
            return Ok(());
        }
        self.range_twin(eval, &expr, at)?;
        self.pinned_twins(eval, &expr, at)
    }

    /// An instant query must give what a range query gives at the same moment.
    fn range_twin(&self, eval: &Eval, expr: &Expr, at: i64) -> Result<(), Failure> {
        const AROUND_MS: i64 = 60_000;
        let of_the_range = ["start()", "end()", "range()", "step()"];
        if eval.expect.ordered
            || of_the_range.iter().any(|call| eval.query.to_ascii_lowercase().contains(call))
        {
            return Ok(());
        }
        let steps = Steps::range(TimestampMs(at - AROUND_MS), TimestampMs(at + AROUND_MS), AROUND_MS);
        let mut result = self.eval(expr, steps);
        if let Ok(answer) = &mut result {
            answer.value = at_step(&answer.value, 1);
        }
        if eval.expect.fail.is_some() && result.is_ok() {
            // At the other steps the query may well have succeeded; the error was told by the instant.
            return Ok(());
        }
        let expect = Expect {
            warnings: Vec::new(),
            infos: Vec::new(),
            no_warnings: false,
            no_infos: false,
            ..Expect::of(&eval.expect)
        };
        check(&expect, result, Steps::instant(TimestampMs(at)), When::Instant(at))
            .map_err(|f| f.in_twin("as a range"))
    }

    /// With every time pinned by `@` it must not matter when the query is evaluated.
    fn pinned_twins(&self, eval: &Eval, expr: &Expr, at: i64) -> Result<(), Failure> {
        let Some(text) = twins::pinned(expr, at) else { return Ok(()) };
        let twin = parse_query(&text).map_err(|error| format!("twin {text}: {error}"))?;
        for moment in twins::moments(at) {
            let steps = Steps::instant(TimestampMs(moment));
            check(&Expect::of(&eval.expect), self.eval(&twin, steps), steps, When::Instant(moment))
                .map_err(|f| f.in_twin(&format!("as {text} at {moment} ms")))?;
        }
        Ok(())
    }

    fn eval(&self, expr: &Expr, steps: Steps) -> Result<Answer, EvalError> {
        let cancel = Cancel::new();
        self.engine.eval(&self.store, &QueryRequest { query: expr, steps, lookback: None, cancel: &cancel })
    }

    fn eval_until(&self, expr: &Expr, steps: Steps, end_ms: i64) -> Result<Answer, EvalError> {
        let cancel = Cancel::new();
        let request = QueryRequest { query: expr, steps, lookback: None, cancel: &cancel };
        self.engine.eval_until(&self.store, &request, TimestampMs(end_ms))
    }
}

impl Failure {
    fn in_twin(self, twin: &str) -> Self {
        match self {
            Self::Wrong(message) => Self::Wrong(format!("{twin}: {message}")),
            other => other,
        }
    }
}

impl Expect {
    /// The same demands.
    fn of(other: &Self) -> Self {
        let copy = |checks: &[TextCheck]| checks.iter().map(TextCheck::copied).collect();
        Self {
            fail: other.fail.as_ref().map(TextCheck::copied),
            warnings: copy(&other.warnings),
            infos: copy(&other.infos),
            no_warnings: other.no_warnings,
            no_infos: other.no_infos,
            ordered: other.ordered,
            range_vector: other.range_vector,
            text: other.text.clone(),
            scalar: other.scalar,
            series: other.series.clone(),
        }
    }
}

impl TextCheck {
    fn copied(&self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Equal(text) => Self::Equal(text.clone()),
            Self::Matches(regex) => Self::Matches(regex.clone()),
        }
    }
}

/// The native histogram that upstream would make of a classic one's series: its labels.
fn histogram_of(labels: &Labels) -> Option<Labels> {
    let name = labels.metric_name();
    let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end))?;
    let mut builder = labels.to_builder();
    builder.set(METRIC_NAME, base).remove("le");
    Some(builder.build())
}

/// A range query's result at one step, as an instant query would have given it.
fn at_step(value: &Value, step: usize) -> Value {
    match value {
        Value::Vector(all) => Value::Vector(
            all.iter()
                .filter_map(|series| {
                    let value = *series.values.get(step)?;
                    Some(Series { labels: series.labels.clone(), values: vec![value] })
                })
                .collect(),
        ),
        Value::Scalar(values) => Value::Scalar(values.get(step).copied().into_iter().collect()),
        other => other.clone(),
    }
}

fn check(
    expect: &Expect,
    result: Result<Answer, EvalError>,
    steps: Steps,
    when: When,
) -> Result<(), Failure> {
    let answer = match (result, &expect.fail) {
        (Err(error), _) if error.to_string().contains(NATIVE_HISTOGRAM) => {
            return Err(Failure::NativeHistogram);
        }
        (Err(error), Some(wanted)) if wanted.accepts(&error.to_string()) => return Ok(()),
        (Err(error), Some(_)) => return Err(format!("failed with another error: {error}").into()),
        (Err(error), None) => return Err(format!("failed: {error}").into()),
        (Ok(_), Some(_)) => return Err("did not fail".to_owned().into()),
        (Ok(answer), None) => answer,
    };
    check_notes("warning", &expect.warnings, expect.no_warnings, &answer.warnings)?;
    check_notes("info", &expect.infos, expect.no_infos, &answer.infos)?;
    match (answer.value, when) {
        (Value::String(got), _) => match &expect.text {
            Some(wanted) if wanted.as_slice() == got.as_bytes() => Ok(()),
            _ => Err(format!("unexpected string {got:?}").into()),
        },
        (Value::Scalar(values), When::Instant(_)) => {
            let (got, wanted) = (values.first().copied(), expect.scalar);
            match got.zip(wanted) {
                Some((got, wanted)) if compare::almost_equal(wanted, got) => Ok(()),
                _ => Err(format!("scalar: expected {wanted:?}, got {got:?}").into()),
            }
        }
        (Value::Scalar(values), When::Range { .. }) => {
            let series = [Series { labels: Labels::empty(), values }];
            Ok(compare::range(&expect.series, &series, steps.count)?)
        }
        (Value::Vector(_), _) if expect.scalar.is_some() => {
            Err("a vector instead of a scalar".to_owned().into())
        }
        (Value::Vector(got), When::Instant(_)) => Ok(compare::instant(&expect.series, &got, expect.ordered)?),
        (Value::Vector(got), When::Range { .. }) => Ok(compare::range(&expect.series, &got, steps.count)?),
        (Value::Matrix(got), _) => match expect.range_vector {
            Some((from, _, step)) => Ok(compare::matrix(&expect.series, &got, from, step)?),
            None => Err("unexpected range vector".to_owned().into()),
        },
    }
}

fn check_notes(sort: &str, wanted: &[TextCheck], none: bool, got: &[String]) -> Result<(), String> {
    let got: BTreeSet<&String> = got.iter().collect();
    if none && !got.is_empty() {
        return Err(format!("unexpected {sort}: {got:?}"));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    if let Some(missing) = wanted.iter().find(|check| !got.iter().any(|text| check.accepts(text))) {
        return Err(format!("no {sort} like {missing:?} in {got:?}"));
    }
    match got.iter().find(|text| !wanted.iter().any(|check| check.accepts(text))) {
        Some(text) => Err(format!("unexpected {sort}: {text}")),
        None => Ok(()),
    }
}
