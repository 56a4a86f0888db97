//! Properties that hold for any query: the parser never panics, what is printed parses to the same tree, and a range
//! query is no more than its instants.

use columns::Steps;
use model::{Labels, TimestampMs};
use promql::script::MemoryStore;
use promql::{Cancel, DEPTH_MAX, Engine, EngineOptions, QueryRequest, Value, parse};
use proptest::prelude::*;

/// Pieces from which random queries are made: likelier to get deep into the grammar than random letters.
const PIECES: &[&str] = &[
    "a",
    "sum",
    "rate",
    "topk",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "@",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "bool",
    "fill",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "==",
    "!=",
    "=",
    "=~",
    "!~",
    ">",
    "and",
    "or",
    "unless",
    "1",
    "5m",
    "0x1f",
    "1e30",
    ".5",
    "Inf",
    "NaN",
    "\"x\"",
    "'",
    "`",
    "\\",
    "#",
    "\n",
    " ",
    "é",
    "\u{0}",
    "start",
    "step",
    "anchored",
    "atan2",
    "__name__",
    "1_0",
    "[5m]",
    "[5m:1m]",
    "{a=\"b\"}",
    "time()",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn never_panics_on_letters(query in "\\PC{0,60}") {
        let _ = parse(&query);
    }

    #[test]
    fn never_panics_on_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30)) {
        let query = pieces.concat();
        if let Err(error) = parse(&query) {
            prop_assert!(error.span.end <= query.len() && error.span.start <= error.span.end);
        }
        if let Ok(expr) = parse(&query) {
            prop_assert_eq!(&parse(&expr.to_string()), &Ok(expr.clone()), "{}", expr);
        }
    }

    #[test]
    fn round_trip(query in expression()) {
        let expr = parse(&query).map_err(|error| TestCaseError::fail(format!("{query}: {error}")))?;
        let printed = expr.to_string();
        prop_assert_eq!(parse(&printed), Ok(expr), "{} printed as {}", query, printed);
    }
}

fn selector() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(&["up", "a:b", "sum", "offset", "{\"my.metric\"}", "{__name__=~\"a.+\"}"][..]);
    let labels = prop::sample::select(&["", "{a=\"b\"}", "{a!=\"x\\\"y\",b=~\"c|d\",}", "{\"l.x\"='v'}"][..]);
    let modifiers = prop::sample::select(
        &[
            "",
            " offset 5m",
            " offset -1h30m",
            " @ 12.345",
            " @ start() offset 3",
            " offset (2m*3) @ end()",
            " smoothed",
        ][..],
    );
    (name, labels, modifiers).prop_map(|(name, labels, modifiers)| {
        let labels = if name.starts_with('{') { "" } else { labels };
        format!("{name}{labels}{modifiers}")
    })
}

fn range() -> impl Strategy<Value = String> {
    let length = prop::sample::select(
        &["[5m]", "[300]", "[2m+3s]", "[step()]", "[max_of(1m, 2m)] offset 1m", "[5m] @ 7"][..],
    );
    (prop::sample::select(&["up", "x{a=\"b\"}"][..]), length)
        .prop_map(|(metric, length)| format!("{metric}{length}"))
}

fn scalar() -> impl Strategy<Value = String> {
    prop::sample::select(
        &["1", "-2.5", "0x1f", "1e300", "Inf", "NaN", "5m", "time()", "scalar(up)", "1_000"][..],
    )
    .prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![3 => selector(), 1 => range().prop_map(|range| format!("rate({range})"))];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let arithmetic =
            prop::sample::select(&["+", "-", "*", "/", "%", "^", "atan2", "> bool", "==", "<="][..]);
        let matched = prop::sample::select(
            &[
                "and",
                "or on (a)",
                "unless ignoring (b)",
                "/ on (a, b) group_left ()",
                "* ignoring (a) group_right (c)",
                "+ on () fill (0)",
                "- fill_left (1) fill_right (-2)",
                ">= on (a) group_left (b)",
            ][..],
        );
        let aggregate = prop::sample::select(
            &["sum", "avg by (a)", "min without (a, b)", "count by ()", "group by (\"l.x\")"][..],
        );
        let call = prop::sample::select(
            &["abs", "absent", "sort_desc", "histogram_quantile", "label_join", "clamp_max"][..],
        );
        prop_oneof![
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            (inner.clone(), arithmetic.clone(), inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (scalar(), arithmetic, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), matched, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (aggregate, inner.clone()).prop_map(|(op, a)| format!("{op} ({a})")),
            inner.clone().prop_map(|a| format!("topk by (x) (3, {a})")),
            inner.clone().prop_map(|a| format!("count_values(\"v\", {a})")),
            inner.clone().prop_map(|a| format!("max_over_time(({a})[10m:2m] offset 1m)")),
            (call, inner).prop_map(|(name, a)| match name {
                "histogram_quantile" => format!("{name}(0.9, {a})"),
                "label_join" => format!("{name}({a}, \"d\", `-`, 's')"),
                "clamp_max" => format!("{name}({a}, 1)"),
                _ => format!("{name}({a})"),
            }),
        ]
    })
}

/// Three quarters of the smallest stack we run on (`DEPTH_MAX`): what takes more is to be seen before it overflows.
const STACK_BYTES: usize = 1536 << 10;

#[test]
fn nesting_has_an_end() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(deep_queries).expect("a thread").join().expect("each is refused");
}

fn deep_queries() {
    for (open, close) in [("(", ")"), ("-", ""), ("sum(", ")"), ("2^", "")] {
        let query = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let error = parse(&query).expect_err("too deep");
        assert_eq!(error.message, format!("expression nests deeper than {DEPTH_MAX}"), "{open}");
    }
    let chain = vec!["x"; 10_000].join(" or ");
    assert!(parse(&chain).expect_err("too long a chain").message.contains("nests deeper"));
    let open = parse(&"(".repeat(10_000)).expect_err("too deep");
    assert!(open.message.contains("nests deeper"));
    let lengths = format!("x[{}1m{}]", "(".repeat(10_000), ")".repeat(10_000));
    assert!(parse(&lengths).expect_err("too deep").message.contains("nests deeper"));
    let lengths = format!("x[1m{}]", "+1s".repeat(10_000));
    assert!(parse(&lengths).expect_err("too long a chain").message.contains("nests deeper"));
}

#[test]
fn hostile_queries_get_an_error() {
    for (query, message) in [
        ("foo[1e30]", "duration out of range"),
        ("foo offset 1e30", "duration out of range"),
        ("foo @ 1e30", "timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000"),
        (
            "foo{a=~\"(a{1000}){1000}\"}",
            "error parsing regexp: Compiled regex exceeds size limit of 1048576 bytes. in \"(a{1000}){1000}\"",
        ),
    ] {
        assert_eq!(parse(query).expect_err("hostile").message, message, "{query}");
    }
    assert!(parse(&" ".repeat(1 << 20)).is_err());
}

/// Series at odd times, with gaps, resets and NaN, under the names and labels that [`expression`] uses.
fn odd_store() -> MemoryStore {
    let mut store = MemoryStore::new();
    for (s, (name, a)) in
        [("up", "b"), ("up", "c"), ("x", "b"), ("sum", "b"), ("a:b", "d"), ("my.metric", "b")]
            .iter()
            .enumerate()
    {
        let labels = Labels::from_pairs([
            ("__name__", *name),
            ("a", *a),
            ("le", if s % 2 == 0 { "1" } else { "+Inf" }),
        ]);
        for i in 0..80u32 {
            let value = match (i * 7 + s as u32 * 3) % 23 {
                0 => continue,
                1 => f64::NAN,
                2 => model::STALE_NAN,
                rest => f64::from(rest) - 3.0,
            };
            assert!(store.push(&labels, i64::from(i) * 14_300 + s as i64 * 777, value));
        }
    }
    store
}

fn same(a: f64, b: f64) -> bool {
    let near = a.is_finite() && b.is_finite() && (a - b).abs() <= 1e-9 * (a.abs() + b.abs());
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || near
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    /// A range query answers at each step what an instant query answers there.
    #[test]
    fn steps_do_not_see_each_other(query in expression()) {
        // These depend on the query's own range.
        prop_assume!(!["step()", "range()", "start()", "end()"].iter().any(|word| query.contains(word)));
        let (store, engine, cancel) = (odd_store(), engine(), Cancel::new());
        let expr = parse(&query).map_err(|error| TestCaseError::fail(format!("{query}: {error}")))?;
        let eval = |steps| engine.eval(&store, &QueryRequest { query: &expr, steps, lookback: None, cancel: &cancel });
        let steps = Steps::range(TimestampMs(400_000), TimestampMs(900_000), 97_000);
        let Ok(range) = eval(steps) else { return Ok(()) };
        for (i, at) in steps.iter().enumerate() {
            let instant = eval(Steps::instant(TimestampMs(at)));
            let instant = instant.map_err(|error| TestCaseError::fail(format!("{query} at {at}: {error}")))?;
            match (&range.value, &instant.value) {
                (Value::Vector(range), Value::Vector(instant)) => {
                    let mut there: Vec<_> = range.iter().filter(|s| !columns::is_absent(s.values[i])).collect();
                    let mut here: Vec<_> = instant.iter().collect();
                    there.sort_by(|a, b| a.labels.cmp(&b.labels));
                    here.sort_by(|a, b| a.labels.cmp(&b.labels));
                    let equal = there.len() == here.len()
                        && there.iter().zip(&here).all(|(a, b)| a.labels == b.labels && same(a.values[i], b.values[0]));
                    prop_assert!(equal, "{} at {}: {:?} but {:?}", query, at, there, here);
                }
                (Value::Scalar(range), Value::Scalar(instant)) => prop_assert!(same(range[i], instant[0]), "{}", query),
                (range, instant) => prop_assert!(false, "{query}: {range:?} but {instant:?}"),
            }
        }
    }
}

/// One for all cases: each has threads of its own.
fn engine() -> &'static Engine {
    static ENGINE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    ENGINE.get_or_init(|| {
        Engine::new(EngineOptions { threads: 2, experimental: true, ..EngineOptions::standard() })
    })
}
