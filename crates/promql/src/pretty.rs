//! An expression over several lines, as Prometheus' `format_query` lays it out.
//!
//! What fits on a line stays on one. What does not is split at its outermost node: the parts go on lines of their own,
//! one step further in, and are split in turn where they are still too long. A selector is never split.

use crate::ast::{Aggregate, Binary, Call, Expr, ExprKind, Subquery, UnaryOp};
use crate::printer;

/// The longest node, in bytes without its indentation, that stays on one line. Prometheus' own.
const LINE_BYTES_MAX: usize = 100;
const INDENT: &str = "  ";

/// Prints an expression; the text parses to the same tree.
pub fn pretty(expr: &Expr) -> String {
    let mut out = String::new();
    node(&mut out, expr, 0);
    out
}

/// Writes `expr`, each of its lines `level` steps in.
fn node(out: &mut String, expr: &Expr, level: usize) {
    let line = expr.to_string();
    let is_short = line.len() <= LINE_BYTES_MAX;
    match &expr.kind {
        ExprKind::Unary(op, inner) if !is_short => {
            indent(out, level);
            let sign_at = out.len();
            node(out, inner, level);
            // The sign stands before the first word of what it belongs to.
            let word_at = out.len() - out[sign_at..].trim_start().len();
            out.replace_range(sign_at..word_at, if *op == UnaryOp::Minus { "-" } else { "+" });
        }
        ExprKind::Binary(binary) if !is_short => binary_node(out, binary, level),
        ExprKind::Aggregate(aggregate) if !is_short => aggregate_node(out, aggregate, level),
        ExprKind::Call(call) if !is_short => call_node(out, call, level),
        ExprKind::Paren(inner) if !is_short => {
            indent(out, level);
            out.push_str("(\n");
            node(out, inner, level + 1);
            close(out, level);
        }
        ExprKind::Subquery(subquery) if !is_short => subquery_node(out, subquery, level),
        _ => {
            indent(out, level);
            out.push_str(&line);
        }
    }
}

fn binary_node(out: &mut String, binary: &Binary, level: usize) {
    node(out, &binary.lhs, level + 1);
    out.push('\n');
    indent(out, level);
    out.push_str(&printer::operator(binary));
    out.push('\n');
    node(out, &binary.rhs, level + 1);
}

fn aggregate_node(out: &mut String, aggregate: &Aggregate, level: usize) {
    indent(out, level);
    out.push_str(&printer::aggregation(aggregate));
    out.push_str("(\n");
    if let Some(param) = &aggregate.param {
        node(out, param, level + 1);
        out.push_str(",\n");
    }
    node(out, &aggregate.expr, level + 1);
    close(out, level);
}

fn call_node(out: &mut String, call: &Call, level: usize) {
    indent(out, level);
    out.push_str(call.function.name);
    out.push_str("(\n");
    for (i, arg) in call.args.iter().enumerate() {
        out.push_str(if i > 0 { ",\n" } else { "" });
        node(out, arg, level + 1);
    }
    close(out, level);
}

fn subquery_node(out: &mut String, subquery: &Subquery, level: usize) {
    node(out, &subquery.expr, level);
    out.push_str(&printer::subquery_steps(subquery));
}

fn close(out: &mut String, level: usize) {
    out.push('\n');
    indent(out, level);
    out.push(')');
}

fn indent(out: &mut String, level: usize) {
    (0..level).for_each(|_| out.push_str(INDENT));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// A selector of 99 bytes with its range: alone it fits, within anything it does not.
    const LONG: &str = r#"requests_total_with_a_long_name{instance=~"very_long_instance_name.*",job="api",more="yes",x="y"}[5m]"#;

    fn check(query: &str, expected: &str) {
        let expr = parse(query).expect("it parses");
        let printed = pretty(&expr);
        assert_eq!(printed, expected);
        assert_eq!(parse(&printed), Ok(expr), "{printed}");
    }

    #[test]
    fn what_fits_stays_on_a_line() {
        check("sum(rate(a[5m]))by(x)", "sum by (x) (rate(a[5m]))");
        check(r#"{b="1",__name__="a"}"#, r#"{__name__="a",b="1"}"#);
        let exactly = format!("a{}", "b".repeat(LINE_BYTES_MAX - 6));
        check(&format!("abs({exactly})"), &format!("abs({exactly})"));
        check(&format!("ceil({exactly})"), &format!("ceil(\n  {exactly}\n)"));
    }

    #[test]
    fn calls_and_aggregations() {
        check(
            &format!("histogram_quantile(0.9, sum by (le) (rate({LONG})))"),
            &format!("histogram_quantile(\n  0.9,\n  sum by (le) (\n    rate(\n      {LONG}\n    )\n  )\n)"),
        );
        check(
            &format!("topk without (a, b) (5, rate({LONG}))"),
            &format!("topk without (a, b) (\n  5,\n  rate(\n    {LONG}\n  )\n)"),
        );
        check(&format!("sum by () (rate({LONG}))"), &format!("sum(\n  rate(\n    {LONG}\n  )\n)"));
    }

    #[test]
    fn operators_stand_on_lines_of_their_own() {
        check(
            &format!("sum(rate({LONG})) * 2 + 1"),
            &format!("    sum(\n      rate(\n        {LONG}\n      )\n    )\n  *\n    2\n+\n  1"),
        );
        check(
            &format!("rate({LONG}) > bool on (job) group_left (x) fill (0) (foo)"),
            &format!("  rate(\n    {LONG}\n  )\n> bool on (job) group_left (x) fill (0)\n  (foo)"),
        );
    }

    #[test]
    fn signs_parentheses_and_subqueries() {
        check(&format!("-(rate({LONG}))"), &format!("-(\n  rate(\n    {LONG}\n  )\n)"));
        check(&format!("-rate({LONG})"), &format!("-rate(\n  {LONG}\n)"));
        check(&format!("1 - +rate({LONG})"), &format!("  1\n-\n  +rate(\n    {LONG}\n  )"));
        check(
            &format!("max_over_time(sum(rate({LONG}))[1h:1m] @ 12.5 offset -5m)"),
            &format!(
                "max_over_time(\n  sum(\n    rate(\n      {LONG}\n    )\n  )[1h:1m] @ 12.500 offset -5m\n)"
            ),
        );
        check(
            &format!("quantile_over_time(0.123456789, {}[1h:1m])", &LONG[..LONG.len() - 4]),
            &format!("quantile_over_time(\n  0.123456789,\n  {}[1h:1m]\n)", &LONG[..LONG.len() - 4]),
        );
    }
}
