//! Queries that are asked together get the answers that they get one by one.

use columns::vector::Cancel;
use logql::script::MemoryLogs;
use logql::{
    Engine, EngineOptions, EvalError, Expr, MetricAnswer, MetricRequest, MetricValue, Together, parse,
};
use model::{Labels, TimestampNs};
use proptest::prelude::*;

const STEP_MS: i64 = 1000;
const STEPS: usize = 20;

/// Lines of JSON, some broken or short of fields, and some that are none.
fn line(i: i64) -> String {
    let (a, quarter) = (i % 3, i as f64 / 4.0);
    match i % 11 {
        3 => format!(r#"{{"a":"x{a}","n":{quarter},"b":"y"#),
        5 => format!("a=x{a} b=y n={quarter} c=\"quoted z\""),
        7 => format!(r#"{{"b":"y","app":"mine","n":"none","a":"x{a}"}}"#),
        8 => format!(r#"{{"a":"x{a}","n":{quarter},"d":{{"e":{a}}}}} more"#),
        _ => format!(
            r#"{{"a":"x{a}","b":"y{}","n":{quarter},"c":null,"d":{{"e":{a},"f":"g"}},"err":"{}"}}"#,
            i % 2,
            i % 5
        ),
    }
}

fn store() -> MemoryLogs {
    let store = MemoryLogs::new();
    for i in 0..200 {
        let stream = Labels::from_pairs([("app", "x"), ("instance", if i % 4 == 0 { "1" } else { "2" })]);
        let metadata = if i % 6 == 0 {
            Labels::from_pairs([("trace", if i % 12 == 0 { "t1" } else { "t2" })])
        } else {
            Labels::empty()
        };
        store.add(&stream, TimestampNs(i * 100_000_000), &line(i), &metadata);
    }
    store
}

type Answer = Result<(MetricValue, u64), String>;

fn shown(answer: Result<MetricAnswer, EvalError>) -> Answer {
    answer.map(|answer| (answer.value, answer.stats.lines_passed)).map_err(|error| error.to_string())
}

/// The answers of queries one by one, and together.
fn both(engine: &Engine, texts: &[String]) -> (Vec<Answer>, Vec<Answer>) {
    let (store, cancel) = (store(), Cancel::new());
    let queries: Vec<_> = texts
        .iter()
        .map(|text| match parse(text) {
            Ok(Expr::Metric(query)) => query,
            other => panic!("{text}: {other:?}"),
        })
        .collect();
    let request = |(i, query)| {
        // Every third is asked for one moment only.
        let (start_ms, count) = if i % 3 == 2 { (15_000, 1) } else { (2_000, STEPS) };
        MetricRequest {
            query,
            start: TimestampNs(start_ms * 1_000_000),
            step_ms: STEP_MS,
            count,
            cancel: &cancel,
        }
    };
    let requests: Vec<_> = queries.iter().enumerate().map(request).collect();
    let alone = requests.iter().map(|request| shown(engine.metric(&store, request))).collect();
    (alone, engine.metrics(&store, &requests).answers.into_iter().map(shown).collect())
}

fn engine(options: EngineOptions) -> Engine {
    // One worker reads in one order, so that it is one line at which a query fails.
    Engine::new(EngineOptions { threads: 1, ..options })
}

#[track_caller]
fn check(engine: &Engine, texts: &[String]) -> Vec<Answer> {
    let (alone, together) = both(engine, texts);
    for ((text, alone), together) in texts.iter().zip(&alone).zip(&together) {
        // NaN is itself here.
        assert_eq!(format!("{alone:?}"), format!("{together:?}"), "{text} with {texts:#?}");
    }
    alone
}

fn query() -> impl Strategy<Value = String> {
    let filters = ["", "", "", r#"|= "a""#, r#"|= "y1""#, r#"!= "more""#];
    let parsers = [
        "| json",
        "| json",
        "| json a, b",
        "| json a, n",
        "| json a, b, n",
        r#"| json a, x="d.e""#,
        r#"| json a="b", n"#,
        r#"| json app, n"#,
        r#"| json a, app_extracted="b""#,
        "| logfmt",
        "| logfmt --strict",
        "| logfmt a, n",
        r#"| regexp "\"a\":\"(?P<a>x.)\"""#,
        r#"| pattern "<_>\"n\":<n>,<_>""#,
        "| unpack",
        r#"| line_format "{{.instance}} a=q n=5" | logfmt"#,
        "",
    ];
    let behind = [
        "",
        "",
        r#"| a="x1""#,
        r#"| a=~"x.""#,
        "| n > 3",
        r#"| __error__="""#,
        r#"| drop __error__, __error_details__"#,
        "| keep a, b",
        "| keep n, instance",
        "| drop a, n",
        r#"| label_format b="{{.a}}-""#,
        r#"| a="x1" | json n"#,
        "| d_e >= 1",
    ];
    let ends = [
        "count_over_time({} [2s])",
        "sum by (a) (count_over_time({} [2s]))",
        "sum by (app_extracted, b) (rate({} [3s]))",
        "sum(bytes_over_time({} [500ms]))",
        "sum by (a, instance) (count_over_time({} [2s])) / sum by (a, instance) (count_over_time({} [4s]))",
        r#"sum_over_time({} | unwrap n | __error__="" [2s])"#,
        "avg_over_time({} | unwrap n [2s]) by (a)",
        r#"avg_over_time({} | unwrap n | __error__="" [2s]) by (a, b)"#,
        r#"quantile_over_time(0.5, {} | unwrap n | __error__="" [2s] offset 1s) by (n)"#,
        r#"max(max_over_time({} | unwrap n | __error__="" [2s])) or vector(0)"#,
        r#"min_over_time({} | unwrap x | __error__="" | a="x1" [2s]) without (trace)"#,
        "absent_over_time({} [2s])",
    ];
    let pick = |all: &[&'static str]| prop::sample::select(all.to_vec());
    (pick(&filters), pick(&parsers), pick(&behind), pick(&ends)).prop_map(|(filter, parser, behind, end)| {
        end.replace("{}", &format!(r#"{{app="x"}} {filter} {parser} {behind}"#))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn company_changes_no_answer(texts in prop::collection::vec(query(), 2..9)) {
        check(&engine(EngineOptions::standard()), &texts);
    }

    #[test]
    fn nor_do_several_workers(texts in prop::collection::vec(query(), 2..9)) {
        let several = Engine::new(EngineOptions { threads: 3, ..EngineOptions::standard() });
        let (alone, together) = both(&several, &texts);
        for ((text, alone), together) in texts.iter().zip(alone).zip(together) {
            // Which of several lines that fail is told is chance.
            let (alone, together) = (alone.map_err(|_| ()), together.map_err(|_| ()));
            prop_assert_eq!(format!("{:?}", alone), format!("{:?}", together), "{} with {:#?}", text, texts);
        }
    }
}

#[test]
fn what_fails_alone_fails_in_company_and_leaves_the_others_be() {
    let all = [
        r#"sum(count_over_time({app="x"} | json a, b | a="x1" [2s]))"#,
        r#"sum(count_over_time({app="x"} | json a, b | a="x1" | __error__="" [2s]))"#,
        r#"sum(sum_over_time({app="x"} | json a, n | unwrap n [2s]))"#,
        r#"sum(count_over_time({app="x"} | json | line_format "{{.nothing | mod 1}}" [2s]))"#,
    ];
    let answers = check(&engine(EngineOptions::standard()), &all.map(str::to_owned));
    assert!(answers[1].is_ok(), "{answers:?}");
    assert!(answers[2].as_ref().is_err_and(|error| error.contains("SampleExtractionErr")), "{answers:?}");
}

#[test]
fn limits_are_those_of_each_query() {
    let all = [
        r#"count_over_time({app="x"} | json [2s])"#,
        r#"sum(count_over_time({app="x"} | json | __error__="" [2s]))"#,
    ];
    let few = engine(EngineOptions { series_max: 3, ..EngineOptions::standard() });
    let answers = check(&few, &all.map(str::to_owned));
    assert!(answers[1].is_ok(), "{answers:?}");
    let bytes = engine(EngineOptions { bytes_max: 2000, ..EngineOptions::standard() });
    let all =
        [r#"sum(count_over_time({app="x"}[1s]))"#, r#"sum(count_over_time({app="x"}[2s]))"#, "vector(1)"];
    let answers = check(&bytes, &all.map(str::to_owned));
    assert!(answers[0].as_ref().is_err_and(|error| error.contains("too many bytes")), "{answers:?}");
    assert!(answers[2].is_ok(), "{answers:?}");
}

#[test]
fn a_query_that_was_given_up_leaves_the_others_be() {
    let (store, given_up, wanted) = (store(), Cancel::new(), Cancel::new());
    given_up.cancel();
    let Ok(Expr::Metric(query)) = parse(r#"sum(count_over_time({app="x"}[2s]))"#) else { panic!("a query") };
    let request = |cancel| MetricRequest {
        query: &query,
        start: TimestampNs(5_000_000_000),
        step_ms: 1,
        count: 1,
        cancel,
    };
    let requests = [request(&given_up), request(&wanted)];
    let answers = engine(EngineOptions::standard()).metrics(&store, &requests).answers;
    assert_eq!(answers[0], Err(EvalError::Canceled));
    assert!(answers[1].is_ok());
}

/// Queries of which each holds some 900 kB of series before it counts them.
#[test]
fn what_is_too_much_together_is_read_one_after_the_other() {
    let (store, cancel) = (MemoryLogs::new(), Cancel::new());
    let stream = Labels::from_pairs([("app", "x")]);
    for i in 1..=3000 {
        store.add(&stream, TimestampNs(i * 1_000_000), &format!("id={i} n=1"), &Labels::empty());
    }
    let texts = [
        r#"count(count_over_time({app="x"} | logfmt [5s]))"#,
        r#"count(count_over_time({app="x"} | logfmt | drop n [5s]))"#,
        r#"sum(count_over_time({app="x"} | logfmt [5s]))"#,
    ];
    let asked = |held_bytes_max: usize| {
        let engine = engine(EngineOptions { held_bytes_max, ..EngineOptions::standard() });
        let queries = texts.map(|text| match parse(text) {
            Ok(Expr::Metric(query)) => query,
            other => panic!("{text}: {other:?}"),
        });
        let requests = queries.each_ref().map(|query| MetricRequest {
            query,
            start: TimestampNs(5_000_000_000),
            step_ms: 1,
            count: 1,
            cancel: &cancel,
        });
        let alone = requests.each_ref().map(|request| shown(engine.metric(&store, request)));
        let together = engine.metrics(&store, &requests);
        let Together { answers, put_off, .. } = together;
        (alone.to_vec(), answers.into_iter().map(shown).collect::<Vec<_>>(), put_off)
    };
    let value = |answer: &Answer| match answer {
        Ok((MetricValue::Vector(series), _)) => series[0].values[0],
        other => panic!("{other:?}"),
    };
    let (alone, together, put_off) = asked(100 << 20);
    assert_eq!((alone.iter().map(value).collect::<Vec<_>>(), put_off), (vec![3000.0; 3], 0));
    assert_eq!(alone, together);
    let (_, together, put_off) = asked(1_200_000);
    assert_eq!((together.iter().map(value).collect::<Vec<_>>(), put_off), (vec![3000.0; 3], 1));
    // What is too much alone is refused in the same words.
    let (alone, together, _) = asked(500_000);
    assert!(alone[0].as_ref().is_err_and(|error| error.contains("label \"id\" has")), "{alone:?}");
    assert_eq!((value(&alone[2]), alone), (3000.0, together));
}
