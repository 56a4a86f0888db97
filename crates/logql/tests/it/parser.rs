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
        "parse error at line 1, col 11: stage '| regexp \"x\"' : at least one named capture",
    );
    check("", 1, 1, "unexpected $end");
}

#[test]
fn mistakes_say_what_could_stand_there() {
    let selector = "{app=\"a\"}";
    for (query, column, message) in [
        ("{} | jsn", 16, "there is no stage \"jsn\", did you mean \"json\"?"),
        ("{} | status", 19, "\"status\" is no stage, so it is a label to be compared"),
        ("{} | json | unwrap x", 28, "sum_over_time({…} | unwrap x [5m])"),
        ("{} = \"x\"", 11, "expecting | or |= or |~"),
        ("{}[5m]", 10, "count_over_time({…}[5m])"),
        ("{} + 1", 11, "lines are no numbers"),
        ("sum({})", 5, "lines are no numbers"),
        ("app=\"a\"", 1, "a selector stands in braces"),
        ("", 1, "expecting { or a function or an aggregation or NUMBER"),
        ("1 +", 4, "expecting a function or an aggregation or NUMBER"),
        ("rat({}[5m])", 1, "did you mean \"rate\"?"),
        ("nothing({}[5m])", 1, "there is no function \"nothing\""),
        ("rate({}[5m]) 5", 21, "expecting an operator or the end"),
        ("rate({}[$__auto])", 16, "replaced by a dashboard"),
        ("sum_over_time({}[5m])", 1, "write | unwrap and a label before the window"),
        ("count_over_time({} | unwrap x [5m])", 1, "leave the unwrap out"),
        ("rate({}[5m]) by (x)", 1, "sum by (…) (rate(…))"),
        ("topk(1.5, rate({}[5m]))", 6, "must be a whole number"),
        ("{} | status =~ 5..", 23, "a text needs quotes"),
        ("{} |= 'x'", 14, "texts stand in"),
    ] {
        check(&query.replace("{}", selector), 1, column, message);
    }
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
