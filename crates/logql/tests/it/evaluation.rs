//! What must hold of any lines: ways that ought to lead to the same do.

use columns::vector::Cancel;
use logql::script::MemoryLogs;
use logql::{
    Engine, EngineOptions, EvalError, Expr, Limit, LogRequest, MetricRequest, MetricValue, Series, parse,
};
use model::{Labels, TimestampNs};
use proptest::prelude::*;
use storage::NsRange;

const MS: i64 = 1_000_000;

fn engine() -> Engine {
    Engine::new(EngineOptions { threads: 2, ..EngineOptions::standard() })
}

/// Lines `k=KEY v=VALUE` at moments in nanoseconds, in two streams.
fn store(lines: &[(i64, u8, u8, bool)]) -> MemoryLogs {
    let store = MemoryLogs::new();
    for (i, (at, key, value, second)) in lines.iter().enumerate() {
        let stream = Labels::from_pairs([("app", if *second { "b" } else { "a" })]);
        store.add(&stream, TimestampNs(*at), &format!("k={key} v={value} i={i}"), &Labels::empty());
    }
    store
}

fn lines() -> impl Strategy<Value = Vec<(i64, u8, u8, bool)>> {
    let at = prop_oneof![
        0..20_000 * MS,
        (0..20i64).prop_map(|s| s * 1000 * MS),
        (0..200i64).prop_map(|s| s * 100 * MS + 1)
    ];
    prop::collection::vec((at, 0..3u8, 0..9u8, any::<bool>()), 0..60)
}

fn ask(
    store: &MemoryLogs,
    query: &str,
    (start, step_ms, count): (i64, i64, usize),
) -> Result<Vec<Series>, EvalError> {
    let Ok(Expr::Metric(query)) = parse(query) else { panic!("{query} is no metric query") };
    let (start, cancel) = (TimestampNs(start), Cancel::new());
    let answer =
        engine().metric(store, &MetricRequest { query: &query, start, step_ms, count, cancel: &cancel })?;
    match answer.value {
        MetricValue::Vector(series) => Ok(series),
        MetricValue::Scalar(value) => panic!("{value} is no vector"),
    }
}

fn bits(series: &[Series]) -> Vec<(String, Vec<String>)> {
    // Sums of the same numbers in another order may differ in their last digit.
    let shown =
        |value: &f64| if columns::is_absent(*value) { "_".to_owned() } else { format!("{value:.9e}") };
    series.iter().map(|s| (s.labels.to_string(), s.values.iter().map(shown).collect())).collect()
}

const QUERIES: [&str; 12] = [
    "count_over_time({app=~\".+\"} [RANGE])",
    "rate({app=~\".+\"} |= \"k=1\" [RANGE])",
    "bytes_over_time({app=~\".+\"} [RANGE])",
    "sum_over_time({app=~\".+\"} | logfmt v | unwrap v [RANGE])",
    "min_over_time({app=~\".+\"} | logfmt k, v | unwrap v [RANGE])",
    "max_over_time({app=~\".+\"} | logfmt k, v | unwrap v [RANGE])",
    "avg_over_time({app=~\".+\"} | logfmt | drop i | unwrap v [RANGE]) by (k)",
    "stddev_over_time({app=~\".+\"} | logfmt | drop i | unwrap v [RANGE])",
    "quantile_over_time(0.7, {app=~\".+\"} | logfmt | unwrap v [RANGE]) by (app)",
    "first_over_time({app=\"a\"} | logfmt i | unwrap i [RANGE])",
    "absent_over_time({app=\"a\"} [RANGE])",
    "rate_counter({app=~\".+\"} | logfmt v | unwrap v [RANGE])",
];

/// Ranges and steps, in milliseconds, that divide each other and that do not.
fn windows() -> impl Strategy<Value = (i64, i64)> {
    let lengths = || prop::sample::select(vec![1i64, 100, 300, 700, 1000, 1500, 4000, 7001]);
    (lengths(), lengths())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Pieces of windows are added up, parts read by several workers: each step is still what it would be alone.
    #[test]
    fn a_range_is_its_instants(lines in lines(), (range, step) in windows(), query in prop::sample::select(QUERIES.to_vec()), start in 0..9_000i64, odd in 0..2i64) {
        let store = store(&lines);
        let query = query.replace("RANGE", &format!("{range}ms"));
        let start = start * MS + odd * 123_456;
        let count = 9;
        let whole = ask(&store, &query, (start, step, count)).expect("an answer");
        for i in 0..count {
            let at = start + step * MS * i as i64;
            let alone = ask(&store, &query, (at, 1, 1)).expect("an answer");
            let there: Vec<Series> = whole
                .iter()
                .filter(|s| !columns::is_absent(s.values[i]))
                .map(|s| Series { labels: s.labels.clone(), values: vec![s.values[i]] })
                .collect();
            prop_assert_eq!(bits(&there), bits(&alone), "{} at step {}", query, i);
        }
    }

    /// Telling series apart by the aggregation's labels from the start changes nothing.
    #[test]
    fn grouping_early_is_grouping_late(lines in lines(), clause in prop::sample::select(vec!["", "by (k)", "by (app)", "without (k)", "by (k, app, none)"])) {
        let store = store(&lines);
        let stages = "{app=~\".+\"} | logfmt | drop i";
        for (op, inner) in [
            ("sum", format!("count_over_time({stages} | drop v [5s])")),
            ("sum", format!("rate({stages} | unwrap v [5s])")),
            ("sum", format!("bytes_rate({stages} [3s])")),
            ("min", format!("min_over_time({stages} | unwrap v [5s])")),
            ("max", format!("max_over_time({stages} | unwrap v [5s])")),
        ] {
            let ask = |inner: &str| ask(&store, &format!("{op} {clause} ({inner})"), (1000 * MS, 2500, 8)).expect("an answer");
            prop_assert_eq!(bits(&ask(&inner)), bits(&ask(&format!("{inner} + 0"))), "{} {} {}", op, clause, inner);
        }
    }

    /// However many are asked for, they are the first of all; hints to the store change nothing.
    #[test]
    fn a_limit_cuts_and_nothing_else(lines in lines(), limit in 1..30usize, forward in any::<bool>(), filter in prop::sample::select(vec!["", "|= \"k=1\"", "|~ \"k=[12] v=(3|4)\"", "|> \"k=<_> v=2<_>\"", "| logfmt | k=\"1\""])) {
        let store = store(&lines);
        let found = |limit: usize| {
            let Ok(Expr::Log(query)) = parse(&format!("{{app=~\".+\"}} {filter}")) else { panic!("no log query") };
            let (range, cancel) = (NsRange { from: TimestampNs(500 * MS), until: TimestampNs(15_000 * MS) }, Cancel::new());
            let request = LogRequest { query: &query, range, limit, is_forward: forward, is_categorized: true, cancel: &cancel };
            let answer = engine().logs(&store, &request).expect("an answer");
            let mut all: Vec<(i64, String)> = answer.streams.into_iter().flat_map(|s| s.entries).map(|e| (e.at.0, e.line)).collect();
            all.sort_by_key(|(at, _)| if forward { *at } else { -*at });
            all
        };
        let expected: Vec<i64> = {
            let passes = |line: &str| match filter {
                "" => true,
                "|= \"k=1\"" | "| logfmt | k=\"1\"" => line.contains("k=1"),
                "|> \"k=<_> v=2<_>\"" => line.contains("v=2"),
                _ => (line.contains("k=1") || line.contains("k=2")) && (line.contains("v=3") || line.contains("v=4")),
            };
            let mut all: Vec<i64> = lines
                .iter()
                .enumerate()
                .filter(|(i, (at, k, v, _))| passes(&format!("k={k} v={v} i={i}")) && (500 * MS..15_000 * MS).contains(at))
                .map(|(_, line)| line.0)
                .collect();
            all.sort_by_key(|at| if forward { *at } else { -*at });
            all
        };
        let times = |limit: usize| found(limit).into_iter().map(|(at, _)| at).collect::<Vec<_>>();
        prop_assert_eq!(&times(1000), &expected);
        prop_assert_eq!(&times(limit)[..], &expected[..limit.min(expected.len())]);
    }
}

#[test]
fn too_many_series_are_refused_with_what_to_write() {
    let store = MemoryLogs::new();
    let stream = Labels::from_pairs([("app", "a")]);
    for i in 0..20_000 {
        store.add(
            &stream,
            TimestampNs(i * MS),
            &format!("view=/{} id=request-{i} took=1", i % 7),
            &Labels::empty(),
        );
    }
    let options = EngineOptions { held_bytes_max: 1 << 20, threads: 2, ..EngineOptions::standard() };
    let asked = |query: &str| {
        let Ok(Expr::Metric(query)) = parse(query) else { panic!("no metric query") };
        let cancel = Cancel::new();
        let request = MetricRequest {
            query: &query,
            start: TimestampNs(20_000 * MS),
            step_ms: 1,
            count: 1,
            cancel: &cancel,
        };
        Engine::new(options.clone()).metric(&store, &request)
    };
    let refusal = asked("avg by (view) (avg_over_time({app=\"a\"} | logfmt | unwrap took [1m]))")
        .expect_err("too much");
    assert_eq!(refusal.limit(), Some(Limit::Memory));
    assert!(refusal.to_string().contains("`| drop id`"), "{refusal}");
    // What the refusal says to write works.
    for query in [
        "avg by (view) (avg_over_time({app=\"a\"} | logfmt | drop id | unwrap took [1m]))",
        "avg_over_time({app=\"a\"} | logfmt | unwrap took [1m]) by (view)",
        "sum by (view) (count_over_time({app=\"a\"} | logfmt [1m]))",
    ] {
        let MetricValue::Vector(series) = asked(query).expect("an answer").value else { panic!("no vector") };
        assert_eq!(series.len(), 7, "{query}");
    }
    let many = asked("count_over_time({app=\"a\"} | logfmt id | id=~\".*[0-9][0-9][0-9]0\" [1m])")
        .expect_err("too many");
    assert!(many.to_string().starts_with("maximum number of series (500) reached"), "{many}");
}

#[test]
fn a_query_that_nobody_waits_for_ends() {
    let store = store(&[(0, 1, 1, false)]);
    let Ok(Expr::Metric(query)) = parse("count_over_time({app=\"a\"}[1m])") else {
        panic!("no metric query")
    };
    let cancel = Cancel::new();
    cancel.cancel();
    let request =
        MetricRequest { query: &query, start: TimestampNs(0), step_ms: 1, count: 1, cancel: &cancel };
    assert_eq!(engine().metric(&store, &request), Err(EvalError::Canceled));
    let options = EngineOptions { bytes_max: 5, threads: 1, ..EngineOptions::standard() };
    let cancel = Cancel::new();
    let request =
        MetricRequest { query: &query, start: TimestampNs(MS), step_ms: 1, count: 1, cancel: &cancel };
    let refusal = Engine::new(options).metric(&store, &request).expect_err("too much");
    assert_eq!(refusal.limit(), Some(Limit::Bytes), "{refusal}");
}
