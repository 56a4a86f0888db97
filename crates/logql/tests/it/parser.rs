//! Places of mistakes.

use logql::parse;

fn check(query: &str, line: usize, column: usize, message: &str) {
    let error = parse(query).expect_err(query);
    assert_eq!((error.line, error.column), (line, column), "{query}: {error}");
    assert!(error.to_string().contains(message), "{query}: {error}");
}

#[test]
fn mistakes_have_a_place() {
    check("{app=\"a\"} |= 5", 1, 14, "unexpected NUMBER, expecting STRING");
    check("{app=\"a\"}\n | json\n | 5", 3, 4, "unexpected NUMBER, expecting IDENTIFIER");
    check("sum(rate({app=\"a\"}[5m])", 1, 24, "unexpected $end, expecting )");
    check(
        "{app=\"a\"} | regexp \"x\"",
        1,
        11,
        "parse error : stage '| regexp \"x\"' : at least one named capture",
    );
    check("", 1, 1, "unexpected $end");
}

#[test]
fn words_for_labels_may_be_those_of_stages() {
    for query in [
        "{json=\"a\", by=\"b\", offset=\"c\"}",
        "{a=\"b\"} | json=\"x\" | keep=\"y\" or drop!=\"z\"",
        "{a=\"b\"} | json rate=\"x\", sum | line_format \"\"",
        "sum by (sum, by, offset) (rate({a=\"b\"}[1m]))",
        "{a=\"b\"} | label_format unwrap=json",
    ] {
        let expr = parse(query).unwrap_or_else(|e| panic!("{query}: {e}"));
        assert_eq!(parse(&expr.to_string()).as_ref(), Ok(&expr), "{query}");
    }
}

#[test]
fn what_nests_or_goes_on_too_long_is_refused() {
    let deep = "(".repeat(500) + "1" + &")".repeat(500);
    let long = format!("1{}", " + 1".repeat(5000));
    let powers = format!("vector(1){}", " ^ vector(1)".repeat(5000));
    let filters = format!("{{a=\"b\"}} | a=1{}", " or a=1".repeat(5000));
    let ands = format!("{{a=\"b\"}} | a=1{}", ", a=1".repeat(5000));
    let parens = format!("{{a=\"b\"}} | {}a=1{}", "(".repeat(5000), ")".repeat(5000));
    let huge = format!("{{a=\"{}\"}}", "x".repeat(200_000));
    for query in [deep, long, powers, filters, ands, parens, huge] {
        assert!(parse(&query).expect_err("too much").limit.is_some());
    }
}
