//! The parser takes anything, and what it takes is written out and read back as the same.

use logql::{Expr, parse};
use proptest::prelude::*;

fn word() -> impl Strategy<Value = String> {
    let words = [
        "{app=\"a\"}",
        "{app=\"a\", b=~\"c.*\"}",
        "{",
        "}",
        "(",
        ")",
        "[5m]",
        "[",
        "]",
        "|= \"x\"",
        "|~ `y.`",
        "!> \"<_>a\"",
        "or",
        "and",
        "unless",
        "| json",
        "| json a=\"b.c[0]\"",
        "| logfmt --strict",
        "| regexp \"(?P<x>a)\"",
        "| pattern \"<x> b\"",
        "| unpack",
        "| decolorize",
        "| a=\"b\"",
        "| a > 5",
        "| b <= 1.5s",
        "| c = 10KB",
        ",",
        "| ip = ip(\"::1\")",
        "| line_format \"{{.a}}\"",
        "| label_format a=b",
        "| drop a, b=\"c\"",
        "| keep d",
        "| unwrap x",
        "| unwrap bytes(y)",
        "| __error__=\"\"",
        "rate(",
        "count_over_time(",
        "quantile_over_time(0.5,",
        "sum by (a) (",
        "topk(3,",
        "without (b)",
        "by (c)",
        "+",
        "-",
        "*",
        "/ on (x)",
        "group_left (y)",
        "^",
        "> bool",
        "== ",
        "1",
        "-2.5",
        "vector(1)",
        "offset 5m",
        "label_replace(",
        "\"a\"",
        "#",
        "\n",
        "µ",
        "5d",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

/// Queries that are well-formed more often than not.
fn metric() -> impl Strategy<Value = String> {
    let stages = prop::sample::select(vec![
        "",
        "|= \"x\"",
        "| json | status >= 500",
        "| logfmt | a=\"b\" or c=\"d\"",
        "| drop __error__",
        "| line_format \"{{.a}}\"",
    ]);
    let leaf = (stages, prop::sample::select(vec!["1m", "90s", "1h30m", "250ms"])).prop_flat_map(
        |(stages, range)| {
            prop::sample::select(vec![
                format!("rate({{app=\"a\"}} {stages} [{range}])"),
                format!("count_over_time({{app=\"a\"}} {stages} [{range}] offset 5m)"),
                format!("avg_over_time({{app=\"a\"}} {stages} | unwrap x [{range}]) by (y)"),
                format!("quantile_over_time(0.9, {{app=\"a\"}} {stages} | unwrap duration(x) [{range}])"),
                "2".to_owned(),
                "-1.5".to_owned(),
                "vector(3)".to_owned(),
            ])
        },
    );
    leaf.prop_recursive(4, 24, 2, |inner| {
        let ops = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            ">",
            "== bool",
            "<= on (a)",
            "/ ignoring (b) group_left (c)",
        ]);
        prop_oneof![
            (inner.clone(), ops, inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} {b}")),
            inner.clone().prop_map(|a| format!("sum by (a) (vector(1) + {a})")),
            inner.prop_map(|a| format!("topk(3, vector(1) * {a})")),
        ]
    })
}

fn round_trip(expr: &Expr) -> Result<(), TestCaseError> {
    let text = expr.to_string();
    let again = parse(&text);
    prop_assert_eq!(again.as_ref(), Ok(expr), "{}", text);
    prop_assert_eq!(again.map(|expr| expr.to_string()), Ok(text));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_read_or_refused(words in prop::collection::vec(word(), 0..12)) {
        if let Ok(expr) = parse(&words.join(" ")) {
            round_trip(&expr)?;
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in "\\PC{0,60}") {
        let _ = parse(&text);
        let _ = logql::parse_matchers(&text);
    }

    #[test]
    fn queries_read_back_as_they_were(query in metric()) {
        match parse(&query) {
            Ok(expr) => round_trip(&expr)?,
            Err(error) => prop_assert!(!error.message.starts_with("syntax error"), "{}: {}", query, error),
        }
    }
}
