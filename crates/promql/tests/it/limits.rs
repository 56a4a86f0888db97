//! What an engine refuses, and that it ends when told to.

use std::time::Duration;

use columns::Steps;
use model::{Labels, TimestampMs};
use promql::script::MemoryStore;
use promql::{Answer, Cancel, Engine, EngineOptions, EvalError, QueryRequest, Value, parse};

/// 50 series with a sample a second for 100 s.
fn store() -> MemoryStore {
    let mut store = MemoryStore::new();
    for i in 0..50 {
        let labels =
            Labels::from_pairs([("__name__".to_owned(), "x".to_owned()), ("i".to_owned(), i.to_string())]);
        for second in 0..100 {
            assert!(store.push(&labels, second * 1000, second as f64));
        }
    }
    store
}

fn eval_with(options: EngineOptions, query: &str, cancel: &Cancel) -> Result<Answer, EvalError> {
    let expr = parse(query).expect("the query parses");
    let steps = Steps::range(TimestampMs(0), TimestampMs(99_000), 1000);
    Engine::new(options).eval(&store(), &QueryRequest { query: &expr, steps, lookback: None, cancel })
}

fn eval(options: EngineOptions, query: &str) -> Result<Answer, EvalError> {
    eval_with(options, query, &Cancel::new())
}

fn options() -> EngineOptions {
    EngineOptions { threads: 2, ..EngineOptions::standard() }
}

#[test]
fn samples() {
    for query in ["x", "x * 2", "rate(x[1m])", "max_over_time(x[10s:1s])", "x or x"] {
        let result = eval(EngineOptions { samples_max: 4999, ..options() }, query);
        assert!(matches!(result, Err(EvalError::TooManySamples { limit: 4999 })), "{query}: {result:?}");
    }
    // An aggregation takes its series one by one and holds no more than its groups.
    let answer = eval(EngineOptions { samples_max: 4999, ..options() }, "sum(x)").expect("within the limit");
    assert_eq!((answer.stats.samples_read, answer.stats.series_read), (5000, 50));
}

#[test]
fn series() {
    let result = eval(EngineOptions { series_max: 49, ..options() }, "sum(x)");
    assert_eq!(result.err(), Some(EvalError::TooManySeries { limit: 49 }));
}

#[test]
fn steps() {
    let result = eval(EngineOptions { steps_max: 99, ..options() }, "x");
    assert_eq!(result.err(), Some(EvalError::TooManySteps { steps: 100, limit: 99 }));
    let result = eval(EngineOptions { steps_max: 1000, ..options() }, "sum_over_time(x[1d:1s])");
    assert!(matches!(result, Err(EvalError::TooManySteps { limit: 1000, .. })), "{result:?}");
}

#[test]
fn time_and_cancellation() {
    assert_eq!(
        eval(EngineOptions { timeout: Duration::ZERO, ..options() }, "x").err(),
        Some(EvalError::Timeout)
    );
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(eval_with(options(), "x", &cancel).err(), Some(EvalError::Canceled));
}

#[test]
fn experimental_functions_are_refused_unless_switched_on() {
    for query in ["mad_over_time(x[1m])", "limitk(1, x)"] {
        assert!(matches!(eval(options(), query), Err(EvalError::Parse(_))), "{query}");
        assert!(eval(EngineOptions { experimental: true, ..options() }, query).is_ok(), "{query}");
    }
}

#[test]
fn the_deepest_expression_that_parses_can_be_evaluated() {
    let mut deepest = String::from("x");
    while parse(&format!("-({deepest})")).is_ok() {
        deepest = format!("-({deepest})");
    }
    assert!(deepest.len() > 300);
    let Value::Vector(series) = eval(options(), &deepest).expect("it evaluates").value else {
        panic!("a vector")
    };
    assert_eq!(series.len(), 50);
}

#[test]
fn names_go_at_once_unless_told_otherwise() {
    let delayed = EngineOptions { delayed_name_removal: true, ..options() };
    for (options, expected) in [(options(), "{i=\"0\"}"), (delayed, "rate_x{i=\"0\"}")] {
        let query = r#"label_replace(rate(x{i="0"}[1m]), "__name__", "rate_$1", "__name__", "(.+)")"#;
        let Value::Vector(series) = eval(options, query).expect("it evaluates").value else {
            panic!("a vector")
        };
        assert_eq!(series[0].labels.to_string(), expected);
    }
}

#[test]
fn the_step_of_subqueries_without_one_can_change() {
    let (engine, store, cancel) = (Engine::new(options()), store(), Cancel::new());
    let expr = parse(r#"count_over_time(x{i="0"}[1m:])"#).expect("the query parses");
    let steps = Steps::instant(TimestampMs(90_000));
    let mut counts = Vec::new();
    for step_s in [60, 20, 5] {
        engine.set_subquery_step(model::DurationMs::from_secs(step_s));
        let request = QueryRequest { query: &expr, steps, lookback: None, cancel: &cancel };
        let answer = engine.eval(&store, &request).expect("within limits");
        let Value::Vector(series) = answer.value else { panic!("a vector") };
        counts.push(series[0].values[0]);
    }
    assert_eq!(counts, [1.0, 3.0, 12.0]);
}
