//! What queries of a round that are not read together do to one another: nothing.

use std::sync::Arc;
use std::time::Duration;

use columns::vector::{Cancel, Stop};
use logql::ast::Metric;
use logql::script::MemoryLogs;
use logql::{
    Engine, EngineOptions, EvalError, Expr, Limit, MetricAnswer, MetricRequest, MetricValue, Together, parse,
};
use model::{Labels, Matcher, TimestampNs};
use storage::{LineBatch, LogFollow, LogQuery, LogSelection, Needles, PartInfo, QueryError, StreamSet};

const TIMEOUT: Duration = Duration::from_secs(1);

/// A store that does something to what it found.
struct Wrapped {
    logs: MemoryLogs,
    found: fn(Box<dyn StreamSet>, &LogSelection<'_>) -> Box<dyn StreamSet>,
}

/// Takes more than the time of a query to find streams of `app="slow"`.
fn slow(logs: MemoryLogs) -> Wrapped {
    let found = |found: Box<dyn StreamSet>, selection: &LogSelection<'_>| {
        if selection.matchers.iter().any(|matcher| matcher.value == "slow") {
            std::thread::sleep(TIMEOUT + TIMEOUT / 5);
        }
        found
    };
    Wrapped { logs, found }
}

impl LogQuery for Wrapped {
    fn select(&self, selection: &LogSelection<'_>) -> Result<Box<dyn StreamSet>, QueryError> {
        Ok((self.found)(self.logs.select(selection)?, selection))
    }

    fn label_names(&self, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        self.logs.label_names(selection)
    }

    fn label_values(&self, name: &str, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        self.logs.label_values(name, selection)
    }

    fn time_span(&self) -> Option<(TimestampNs, TimestampNs)> {
        self.logs.time_span()
    }

    fn follow(&self, matchers: &[Matcher], follower: &Arc<dyn LogFollow>) {
        self.logs.follow(matchers, follower);
    }
}

/// As many lines in each stream, each with an id of its own.
fn logs(apps: &[&str], lines: i64) -> MemoryLogs {
    let logs = MemoryLogs::new();
    for app in apps {
        let stream = Labels::from_pairs([("app", *app)]);
        for i in 1..=lines {
            logs.add(&stream, TimestampNs(i * 1_000_000), &format!("id={i} n=1"), &Labels::empty());
        }
    }
    logs
}

/// The answers at one moment, which is five seconds after the first.
fn asked(options: EngineOptions, store: &dyn LogQuery, texts: &[&str]) -> Together {
    let parsed = |text: &&str| match parse(text) {
        Ok(Expr::Metric(query)) => query,
        other => panic!("{text}: {other:?}"),
    };
    let queries: Vec<Metric> = texts.iter().map(parsed).collect();
    let (cancel, start) = (Cancel::new(), TimestampNs(5_000_000_000));
    let request = |query| MetricRequest { query, start, step_ms: 1, count: 1, cancel: &cancel };
    let requests: Vec<_> = queries.iter().map(request).collect();
    Engine::new(EngineOptions { threads: 1, ..options }).metrics(store, &requests)
}

/// The one number of an answer.
fn number(answer: &Result<MetricAnswer, EvalError>) -> Result<f64, EvalError> {
    match answer {
        Ok(MetricAnswer { value: MetricValue::Vector(series), .. }) => Ok(series[0].values[0]),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.clone()),
    }
}

#[test]
fn a_slow_query_takes_its_own_time_and_not_that_of_others() {
    let store = slow(logs(&["a", "slow", "b"], 10));
    let texts = [
        r#"sum(count_over_time({app="a"}[5s]))"#,
        r#"sum(count_over_time({app="slow"}[5s]))"#,
        r#"sum(count_over_time({app="b"}[5s]))"#,
        r#"sum(count_over_time({app="a"}[5s])) + sum(count_over_time({app="b"}[5s]))"#,
        r#"sum(count_over_time({app="b"}[5s])) + sum(count_over_time({app="slow"} |= "id"[5s]))"#,
        "vector(7)",
    ];
    let options = EngineOptions { timeout: TIMEOUT, ..EngineOptions::standard() };
    let answers: Vec<_> = asked(options, &store, &texts).answers.iter().map(number).collect();
    let late = || Err(EvalError::from(Stop::Timeout));
    assert_eq!(answers, [Ok(10.0), late(), Ok(10.0), Ok(20.0), late(), Ok(7.0)]);
}

#[test]
fn more_than_four_that_are_read_together_have_more_time() {
    let store = slow(logs(&["slow"], 10));
    let options = || EngineOptions { timeout: TIMEOUT, ..EngineOptions::standard() };
    let texts = [r#"sum(count_over_time({app="slow"}[5s]))"#; 5];
    let five: Vec<_> = asked(options(), &store, &texts).answers.iter().map(number).collect();
    assert_eq!(five, vec![Ok(10.0); 5]);
    let four: Vec<_> = asked(options(), &store, &texts[..4]).answers.iter().map(number).collect();
    assert_eq!(four, vec![Err(EvalError::from(Stop::Timeout)); 4]);
}

/// How many functions were put off, and the numbers. Each function holds some 900 kB of series before it counts them.
fn held(held_bytes_max: usize, texts: &[&str]) -> (u64, Vec<Result<f64, EvalError>>) {
    let options = EngineOptions { held_bytes_max, ..EngineOptions::standard() };
    let Together { answers, put_off, .. } = asked(options, &logs(&["a", "b", "c", "d"], 3000), texts);
    (put_off, answers.iter().map(number).collect())
}

#[test]
fn what_waits_for_another_reading_is_held_within_the_same_bound() {
    let all = r#"count(count_over_time({app="a"} | logfmt [5s])) + count(count_over_time({app="b"} | logfmt [5s]))
        + count(count_over_time({app="c"} | logfmt [5s])) + count(count_over_time({app="d"} | logfmt [5s]))"#;
    assert_eq!(held(100 << 20, &[all]), (0, vec![Ok(12_000.0)]));
    // One may wait, and the others are read when it is their turn.
    assert_eq!(held(1_200_000, &[all]), (3, vec![Ok(12_000.0)]));
    let (_, refused) = held(500_000, &[all]);
    assert!(matches!(&refused[0], Err(EvalError::TooMuch { .. })), "{refused:?}");
}

#[test]
fn a_query_is_evaluated_before_others_are_read() {
    let texts =
        ["a", "b", "c", "d"].map(|app| format!(r#"count(count_over_time({{app="{app}"}} | logfmt [5s]))"#));
    let texts = texts.each_ref().map(String::as_str);
    assert_eq!(held(1_200_000, &texts), (0, vec![Ok(3000.0); 4]));
}

#[test]
fn what_a_failed_query_held_is_there_for_the_others() {
    let store = logs(&["a", "b"], 3000);
    let stream = Labels::from_pairs([("app", "a")]);
    store.add(&stream, TimestampNs(4_000_000_000), "id=x n=none", &Labels::empty());
    let texts = [
        r#"count(sum_over_time({app=~"a|b"} | app="a" | logfmt | unwrap n [5s]))"#,
        r#"count(count_over_time({app=~"a|b"} | app="b" | logfmt [5s]))"#,
    ];
    let options = EngineOptions { held_bytes_max: 1_200_000, ..EngineOptions::standard() };
    let Together { answers, put_off, shared } = asked(options, &store, &texts);
    assert_eq!((put_off, shared), (0, 2));
    assert!(matches!(&answers[0], Err(EvalError::Pipeline(_))), "{answers:?}");
    assert_eq!(number(&answers[1]), Ok(3000.0));
}

/// Streams whose parts are the larger the longer the span is for which they were asked.
struct Cut {
    found: Box<dyn StreamSet>,
    parts: Vec<Vec<PartInfo>>,
}

impl StreamSet for Cut {
    fn len(&self) -> usize {
        self.found.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        self.found.labels(i)
    }

    fn parts(&self, i: usize) -> &[PartInfo] {
        &self.parts[i]
    }

    fn read(
        &self,
        i: usize,
        part: usize,
        needles: &Needles,
        out: &mut LineBatch,
    ) -> Result<usize, QueryError> {
        self.found.read(i, part, needles, out)
    }
}

#[test]
fn who_would_read_too_much_in_company_only_is_read_by_itself() {
    let store = Wrapped {
        logs: logs(&["a"], 5000),
        found: |found, selection| {
            let seconds = (selection.range.until.0 - selection.range.from.0) as usize / 1_000_000_000;
            let larger = |info: &PartInfo| PartInfo { bytes: info.bytes * seconds.max(1), ..*info };
            let parts = (0..found.len()).map(|i| found.parts(i).iter().map(larger).collect());
            Box::new(Cut { parts: parts.collect(), found })
        },
    };
    let texts = [r#"sum(count_over_time({app="a"}[1s]))"#, r#"sum(count_over_time({app="a"}[5s]))"#];
    let options = EngineOptions { bytes_max: 30_000, ..EngineOptions::standard() };
    let Together { answers, put_off, .. } = asked(options, &store, &texts);
    // Both were put off, the one that failed too.
    assert_eq!((number(&answers[0]), put_off), (Ok(1000.0), 2));
    assert!(answers[1].as_ref().is_err_and(|error| error.limit() == Some(Limit::Bytes)), "{answers:?}");
}

#[test]
fn of_very_many_functions_the_last_are_read_when_it_is_their_turn() {
    let sum = vec![r#"sum(count_over_time({app="a"}[5s]))"#; 70].join(" + ");
    let alone = asked(EngineOptions::standard(), &logs(&["a"], 10), &[&sum]);
    assert_eq!((number(&alone.answers[0]), alone.shared, alone.put_off), (Ok(700.0), 0, 0));
    let Together { answers, shared, put_off } =
        asked(EngineOptions::standard(), &logs(&["a"], 10), &[&sum, "vector(1)", &sum]);
    let numbers: Vec<_> = answers.iter().map(number).collect();
    assert_eq!(numbers, [Ok(700.0), Ok(1.0), Ok(700.0)]);
    // 128 of the 140 were read together.
    assert_eq!((shared, put_off), (2, 12));
}
