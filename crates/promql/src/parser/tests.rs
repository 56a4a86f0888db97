//! What parses to what, and what is said of what does not.

use super::*;

/// Parses, prints, and compares.
fn prints(query: &str, expected: &str) {
    match parse(query) {
        Ok(expr) => assert_eq!(expr.to_string(), expected, "{query}"),
        Err(error) => panic!("{query}: {error}"),
    }
}

fn fails(query: &str, expected: &str) {
    match parse(query) {
        Ok(expr) => panic!("{query} parsed as {expr}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{query}"),
    }
}

#[test]
fn literals() {
    for (query, expected) in [
        ("1", "1"),
        ("-0.5", "-0.5"),
        ("+Inf", "+Inf"),
        ("-inf", "-Inf"),
        ("nAn", "NaN"),
        ("0x1f", "31"),
        ("1e3", "1000"),
        ("5m", "5m"),
        ("1h30m", "1h30m"),
        ("'it\\'s'", "\"it's\""),
        ("`a\\b`", "\"a\\\\b\""),
        ("\"\\xff\"", "\"\\xff\""),
    ] {
        prints(query, expected);
    }
}

#[test]
fn selectors() {
    for (query, expected) in [
        ("up", "up"),
        ("a:b{c='d',}", "a:b{c=\"d\"}"),
        ("{__name__=\"up\"}", "{__name__=\"up\"}"),
        ("{\"up\"}", "up"),
        ("{\"my.metric\", \"l.x\"=\"v\"}", "{\"my.metric\",\"l.x\"=\"v\"}"),
        ("{\"l.x\"=\"v\", \"my.metric\"}", "{\"my.metric\",\"l.x\"=\"v\"}"),
        ("foo{c=\"2\",a=\"1\",\"b.b\"=\"3\"}", "foo{\"b.b\"=\"3\",a=\"1\",c=\"2\"}"),
        ("foo{a!=\"b\",c=~\"d.*\",e!~`f`}", "foo{a!=\"b\",c=~\"d.*\",e!~\"f\"}"),
        ("sum{by=\"on\"}", "sum{by=\"on\"}"),
        ("offset", "offset"),
        ("x offset 5m", "x offset 5m"),
        ("x offset -300", "x offset -300"),
        ("x @ 1.5 offset 1h", "x @ 1.500 offset 1h"),
        ("x[5m] @ end()", "x[5m] @ end()"),
        ("x[1m:]", "x[1m:]"),
        ("(x)[1h:5m] offset 2m", "(x)[1h:5m] offset 2m"),
        ("x[2m*(10+5)]", "x[2m * (10 + 5)]"),
        ("x[step()] offset -max_of(range(), 1s)", "x[step()] offset -max_of(range(), 1s)"),
        ("rate(x[1m] anchored)", "rate(x[1m] anchored)"),
        ("x # a comment\n", "x"),
    ] {
        prints(query, expected);
    }
}

#[test]
fn operators_bind_as_they_should() {
    for (query, expected) in [
        ("1+2*3", "1 + 2 * 3"),
        ("x or y and z", "x or y and z"),
        ("-x^2", "-x ^ 2"),
        ("x > bool 1", "x > bool 1"),
        ("x / on(a,b) group_left(c) y", "x / on (a, b) group_left (c) y"),
        ("x * ignoring() y", "x * y"),
        ("x + on() y", "x + on () y"),
        ("x + fill(0) y", "x + fill (0) y"),
        ("x + fill_left(1) fill", "x + fill_left (1) fill"),
        ("sum(x) by (a)", "sum by (a) (x)"),
        ("SUM WITHOUT (a) (x)", "sum without (a) (x)"),
        ("topk(3, x)", "topk(3, x)"),
        ("avg by (\"l.x\") (x)", "avg by (\"l.x\") (x)"),
    ] {
        prints(query, expected);
    }
    let shape = |query: &str| match parse(query).expect("valid").kind {
        ExprKind::Binary(binary) => (binary.lhs.to_string(), binary.rhs.to_string()),
        other => panic!("{other:?}"),
    };
    for (query, lhs, rhs) in [
        ("2 ^ 3 ^ 2", "2", "3 ^ 2"),
        ("1 - 2 - 3", "1 - 2", "3"),
        ("-1 ^ 2 * 3", "-1 ^ 2", "3"),
        ("2 ^ -1 * 3", "2 ^ -1", "3"),
        ("a or b unless c", "a", "b unless c"),
        ("a == b + c", "a", "b + c"),
        ("x offset 1m + 2", "x offset 1m", "2"),
    ] {
        assert_eq!(shape(query), (lhs.to_owned(), rhs.to_owned()), "{query}");
    }
}

#[test]
fn syntax_errors() {
    for (query, expected) in [
        ("", "1:1: parse error: no expression found in input"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("*1", "1:1: parse error: unexpected <op:*>"),
        ("(1))", "1:4: parse error: unexpected right parenthesis ')'"),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        ("x[5m", "1:5: parse error: unclosed left bracket"),
        ("up{a}", "1:5: parse error: unexpected \"}\" in label matching, expected label matching operator"),
        ("up{a=b}", "1:6: parse error: unexpected identifier \"b\" in label matching, expected string"),
        (
            "up{a=\"b\" c=\"d\"}",
            "1:10: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\"",
        ),
        ("x x", "1:3: parse error: unexpected identifier \"x\""),
        ("a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>"),
        ("sum by (==) (x)", "1:9: parse error: unexpected <op:==> in grouping opts, expected label"),
        ("\"abc", "1:1: parse error: unterminated quoted string"),
        ("x[5mm]", "1:3: parse error: bad number or duration syntax: \"5mm\""),
        ("x[0m]", "1:2: parse error: duration must be greater than 0"),
        (
            "x offset",
            "1:9: parse error: unexpected end of input in duration expression, expected number, duration, step(), or range()",
        ),
        ("x\n  +\n$", "3:1: parse error: unexpected character: '$'"),
        (
            "5 @ 3",
            "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        ),
        ("x offset 1m offset 2m", "1:13: parse error: offset may not be set multiple times"),
        ("sum(x)[5m]", "1:7: parse error: ranges only allowed for vector selectors"),
        ("x offset 1m [5m]", "1:13: parse error: no offset modifiers allowed before range"),
        ("foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("rat(x[5m])", "1:1: parse error: unknown function with name \"rat\", did you mean \"rate\"?"),
        ("rate(x[5m],)", "1:12: parse error: trailing commas not allowed in function call args"),
    ] {
        fails(query, expected);
    }
}

#[test]
fn type_errors() {
    for (query, expected) in [
        (
            "rate(x)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        ("abs(1)", "1:5: parse error: expected type instant vector in call to function \"abs\", got scalar"),
        (
            "sum(x[5m])",
            "1:5: parse error: expected type instant vector in aggregation expression, got range vector",
        ),
        ("topk(y, x)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
        (
            "topk(x)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
        ),
        ("rate(x[1m], 2)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"),
        ("round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"),
        ("round(x, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"),
        ("1 == 1", "1:1: parse error: comparisons between scalars must use BOOL modifier"),
        ("1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
        ("x + bool y", "1:5: parse error: bool modifier can only be used on comparison operators"),
        ("x or on(a) group_left(b) y", "1:12: parse error: no grouping allowed for \"or\" operation"),
        (
            "x + on(a) group_left(a) y",
            "1:11: parse error: label \"a\" must not occur in ON and GROUP clause at once",
        ),
        ("x + on(a) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
        (
            "x[5m] + 1",
            "1:1: parse error: binary expression must contain only scalar and instant vector types",
        ),
        (
            "-\"a\"",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
        ),
        ("x[5m][1h:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"),
    ] {
        fails(query, expected);
    }
}

#[test]
fn every_node_knows_its_place() {
    let expr = parse("sum by (a) (rate(x{b=\"c\"}[5m] offset 1m)) / 2").expect("valid");
    let text = |expr: &Expr| (expr.span.start, expr.span.end);
    let [sum, two] = expr.children()[..] else { panic!("two sides") };
    assert_eq!((text(&expr), text(sum), text(two)), ((0, 45), (0, 41), (44, 45)));
    let rate = sum.children()[0];
    assert_eq!((text(rate), text(rate.children()[0])), ((12, 40), (17, 39)));
}

#[test]
fn metrics_and_match_selectors() {
    assert_eq!(parse_metric("up{a=\"b\"}").map(|labels| labels.to_string()), Ok("up{a=\"b\"}".to_owned()));
    assert_eq!(parse_metric("{}").map(|labels| labels.count()), Ok(0));
    assert!(parse_metric("up{a!=\"b\"}").is_err() && parse_metric("up[5m]").is_err());
    assert_eq!(parse_metric_selector("up{a=~\"b\"}").map(|matchers| matchers.len()), Ok(2));
    assert_eq!(parse_metric_selector("{a=~\".*\"}").map(|matchers| matchers.len()), Ok(1));
    assert!(parse_metric_selector("rate(up[5m])").is_err() && parse_metric_selector("up offset 5m").is_err());
}

#[test]
fn lines_and_columns() {
    for (at, expected) in [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (99, (2, 3))] {
        assert_eq!(line_col("ab\ncd", at), expected, "{at}");
    }
}
