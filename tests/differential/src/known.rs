//! What Prometheus 3 does otherwise than 2.42, each by name and with its reason, judged at the smallest part of a query
//! that differs: all its own parts agree there.

use std::collections::BTreeSet;

use anyhow::Result;
use model::Labels;
use promql::Span;
use promql::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, DurationExpr, Expr, ExprKind, MatrixSelector, Number,
};

use crate::answer::{Answer, Line, Order, TOLERANCE, same};
use crate::isolate::{Pair, Smallest, has_steps, inner_steps, parts, window};
use crate::moment::When;
use crate::ours::order;
use crate::substitute;

/// One difference.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    /// Whether it explains all of a part's difference.
    explains: fn(&mut Pair, &Smallest) -> Result<bool>,
}

/// All of them.
pub(crate) const TABLE: &[Known] = &[
    Known {
        name: "native-histograms",
        reason: "functions of native histograms say that these are not supported yet, instead of skipping floats",
        explains: |_, smallest| Ok(native_histograms(smallest)),
    },
    Known {
        name: "counter-zero-point",
        reason: "3 applies the limit of 1.1 sample distances before it looks where the counter was zero, 2 after",
        explains: |pair, smallest| Ok(counter_zero_point(pair, smallest)),
    },
    Known {
        name: "pinned-range-slides",
        reason: "in a range query 2 lets the window of x[d] @ t slide on behind the samples when the function has more \
                 arguments or is predict_linear, and that of a pinned subquery of a pinned part always, of which an instant query long before knows nothing",
        explains: pinned_range_slides,
    },
    Known {
        name: "pinned-parameter",
        reason: "in a range query 2 takes @ in the parameter of an aggregation as an offset from the first step",
        explains: pinned_parameter,
    },
    Known {
        name: "atan2-keeps-name",
        reason: "2 leaves the metric name on results of atan2",
        explains: |_, smallest| Ok(atan2_keeps_name(smallest)),
    },
    Known {
        name: "equal-at-other-times",
        reason: "3 joins series that differ in their dropped names only and never meet at a step, 2 refuses them",
        explains: equal_at_other_times,
    },
    Known {
        name: "filtered-duplicates",
        reason: "3 refuses many-to-one matches even where the comparison then drops all but one, 2 only looks at what is left",
        explains: filtered_duplicates,
    },
    Known {
        name: "timestamp-at",
        reason: "2 mistakes the time of a sample under timestamp(x @ t) for that of another, and loses old ones",
        explains: timestamp_at,
    },
    Known {
        name: "count-values-three-labels",
        reason: "in a range query 2 overwrites its own list of labels when count_values is grouped by three",
        explains: count_values_three_labels,
    },
    Known {
        name: "small-bucket-deltas",
        reason: "histogram_quantile of 3 takes buckets that differ by less than 1e-12 as equal",
        explains: small_bucket_deltas,
    },
    Known {
        name: "moments-nobody-asks-for",
        reason: "Prometheus evaluates subqueries after the last step of a query, and pinned parts of subqueries without \
                 any step, and fails if that fails; we do not evaluate there",
        explains: moments_nobody_asks_for,
    },
    Known {
        name: "spread-of-one",
        reason: "2 gives 0 as stddev and stdvar of a single NaN or infinity, 3 NaN",
        explains: spread_of_one,
    },
    Known {
        name: "ties",
        reason: "which of several equal values topk and bottomk take is defined in neither, and 2 changes its mind",
        explains: |pair, smallest| Ok(ties(smallest) || tie_below(pair, smallest)),
    },
    Known {
        name: "rounding-magnified",
        reason: "the parts agree but for rounding, and the operation makes it large: given Prometheus' parts, it agrees",
        explains: rounding_magnified,
    },
    Known {
        name: "subnormal-logarithm",
        reason: "the logarithm that 2.42 was built with takes subnormal numbers for larger ones",
        explains: |pair, smallest| Ok(subnormal_logarithm(pair, smallest)),
    },
    Known {
        name: "digits-lost-near-one",
        reason: "Go adds the exponent back in log2 and log10, and takes acos from a right angle: small results lose digits",
        explains: |pair, smallest| {
            let is_near_one = |value: f64| (value - 1.0).abs() < 1e-6;
            Ok(each_argument(pair, smallest, &["log2", "log10", "acos"], is_near_one))
        },
    },
    Known {
        name: "terms-cancel",
        reason: "sums taken in another order differ by less than 1e-9 of their largest term, of which little is left",
        explains: |pair, smallest| Ok(terms_cancel(pair, smallest)),
    },
    Known {
        name: "changes-its-mind",
        reason: "2 goes through series in an order that changes from call to call, and one of its answers is ours",
        explains: changes_its_mind,
    },
];

/// The name of the difference that explains this one, if there is one.
pub(crate) fn explain(pair: &mut Pair, smallest: &Smallest) -> Result<Option<&'static str>> {
    for known in TABLE {
        if (known.explains)(pair, smallest)? {
            return Ok(Some(known.name));
        }
    }
    Ok(None)
}

fn call(expr: Option<&Expr>) -> Option<&Call> {
    match &expr?.unwrap_parens().kind {
        ExprKind::Call(call) => Some(call),
        _ => None,
    }
}

fn native_histograms(smallest: &Smallest) -> bool {
    let is_one =
        call(smallest.expr.as_ref()).is_some_and(|call| call.function.name.starts_with("histogram_"));
    is_one
        && matches!(&smallest.ours, Answer::Error(error) if error.contains("native histograms are not supported yet"))
        && matches!(&smallest.theirs, Answer::Lines(lines) if lines.is_empty())
}

/// Where the two differ: labels, moment, ours, theirs. `None` when not only values do.
fn differing_points(smallest: &Smallest) -> Option<Vec<(&Line, i64, f64, f64)>> {
    let (Answer::Lines(ours), Answer::Lines(theirs)) = (&smallest.ours, &smallest.theirs) else {
        return None;
    };
    let mut all = Vec::new();
    for line in ours {
        let other = theirs.iter().find(|other| other.labels == line.labels)?;
        for (a, b) in line.points.iter().zip(&other.points) {
            if a.0 != b.0 {
                return None;
            }
            if !same(a.1, b.1) {
                all.push((line, a.0, a.1, b.1));
            }
        }
        if line.points.len() != other.points.len() {
            return None;
        }
    }
    (ours.len() == theirs.len()).then_some(all)
}

/// Both values follow from the window's samples, each by its own rule.
fn counter_zero_point(pair: &mut Pair, smallest: &Smallest) -> bool {
    let Some(call) = call(smallest.expr.as_ref()) else { return false };
    if !["rate", "increase"].contains(&call.function.name) {
        return false;
    }
    let Some(points) = differing_points(smallest) else { return false };
    points.into_iter().all(|(line, at, ours, theirs)| {
        let Some((start, end)) = window(&call.args[0], at) else { return false };
        let Answer::Lines(raw) = pair.ours.eval(&call.args[0].to_string(), When::Instant(at)) else {
            return false;
        };
        let per = if call.function.name == "rate" { (end - start) as f64 / 1000.0 } else { 1.0 };
        raw.iter().filter(|raw| raw.labels.without(|name| name == "__name__") == line.labels).any(|raw| {
            let by = |limit_first| increase(&raw.points, start, end, limit_first).map(|value| value / per);
            by(true).is_some_and(|value| same(value, ours))
                && by(false).is_some_and(|value| same(value, theirs))
        })
    })
}

/// `increase` by the rules of 3 (`limit_first`) or 2.
fn increase(points: &[(i64, f64)], start: i64, end: i64, limit_first: bool) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let resets: f64 = points.windows(2).filter(|p| p[1].1 < p[0].1).map(|p| p[0].1).sum();
    let change = last.1 - first.1 + resets;
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let sampled = seconds(last.0 - first.0);
    let distance = sampled / (points.len() - 1) as f64;
    let limited = |edge: f64| if edge < distance * 1.1 { edge } else { distance / 2.0 };
    let to_zero = if change > 0.0 && first.1 >= 0.0 { sampled * (first.1 / change) } else { f64::INFINITY };
    let edge = seconds(first.0 - start);
    let to_start = if limit_first { limited(edge).min(to_zero) } else { limited(edge.min(to_zero)) };
    Some(change * (sampled + to_start + limited(seconds(end - last.0))) / sampled)
}

fn pinned_range_slides(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(call) = call(smallest.expr.as_ref()) else { return Ok(false) };
    let with_more = ["predict_linear", "quantile_over_time", "double_exponential_smoothing"];
    let slides = call.args.iter().any(|arg| match &arg.unwrap_parens().kind {
        ExprKind::Matrix(matrix) => matrix.selector.at.is_some() && with_more.contains(&call.function.name),
        ExprKind::Subquery(subquery) => subquery.at.is_some(),
        _ => false,
    });
    if !slides || matches!(smallest.when, When::Instant(_)) {
        return Ok(false);
    }
    Ok(agree_at_each_moment(pair, smallest)? || agree_where_pinned(pair, smallest)?)
}

/// What is pinned within a pinned subquery is the same at all times, and we say so; 2 only says it near that time, as an
/// instant query too.
fn agree_where_pinned(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(call) = call(smallest.expr.as_ref()) else { return Ok(false) };
    let Some(ExprKind::Subquery(subquery)) = call.args.first().map(|arg| &arg.unwrap_parens().kind) else {
        return Ok(false);
    };
    let mut is_pinned = true;
    subquery.expr.for_each_selector(&mut |selector| is_pinned &= selector.at.is_some());
    let (Some(At::Timestamp(at)), true) = (subquery.at, is_pinned) else { return Ok(false) };
    let (ours, theirs) = pair.ask(&smallest.query, When::Instant(at))?;
    let Answer::Lines(lines) = &smallest.ours else { return Ok(false) };
    let is_constant = lines.iter().all(|line| {
        line.points.iter().all(|point| ours.value(&line.labels, at).is_some_and(|v| same(v, point.1)))
    });
    Ok(is_constant && ours.difference(&theirs, Order::Free).is_none())
}

fn pinned_parameter(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let param = aggregate(smallest.expr.as_ref()).and_then(|a| a.param.as_ref());
    let mut is_pinned = false;
    if let Some(param) = param {
        param.for_each_selector(&mut |selector| is_pinned |= selector.at.is_some());
    }
    let is_range = matches!(smallest.when, When::Range { .. });
    Ok(is_pinned && is_range && agree_at_each_moment(pair, smallest)?)
}

/// The moments at which either says something.
fn moments(smallest: &Smallest) -> BTreeSet<i64> {
    [&smallest.ours, &smallest.theirs].into_iter().flat_map(Answer::points).map(|point| point.0).collect()
}

/// At each moment by itself, both say the same.
fn agree_at_each_moment(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    for at in moments(smallest) {
        let (ours, theirs) = pair.ask(&smallest.query, When::Instant(at))?;
        if ours.difference(&theirs, Order::Free).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn nameless(line: &Line) -> Line {
    Line { labels: line.labels.without(|name| name == "__name__"), points: line.points.clone() }
}

fn binary(expr: Option<&Expr>) -> Option<&Binary> {
    match &expr?.unwrap_parens().kind {
        ExprKind::Binary(binary) => Some(binary),
        _ => None,
    }
}

fn atan2_keeps_name(smallest: &Smallest) -> bool {
    if binary(smallest.expr.as_ref()).is_none_or(|binary| binary.op != BinaryOp::Atan2) {
        return false;
    }
    let Answer::Lines(theirs) = &smallest.theirs else { return false };
    let theirs: Vec<Line> = theirs.iter().map(nameless).collect();
    // Without the name there are two of the same.
    if refused_as_equal(&smallest.ours) && !are_distinct(&theirs) {
        return true;
    }
    smallest.ours.difference(&Answer::Lines(theirs), Order::Free).is_none()
}

fn refused_as_equal(answer: &Answer) -> bool {
    matches!(answer, Answer::Error(error) if error.contains("same labelset"))
}

fn are_distinct(lines: &[Line]) -> bool {
    lines.iter().map(|line| &line.labels).collect::<BTreeSet<&Labels>>().len() == lines.len()
}

fn equal_at_other_times(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let refused = refused_as_equal(&smallest.theirs);
    let is_range = matches!(smallest.when, When::Range { .. });
    Ok(refused && is_range && smallest.ours.size() > 0 && agree_at_each_moment(pair, smallest)?)
}

/// With `bool` nothing is dropped, and Prometheus refuses too.
fn filtered_duplicates(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(b) = binary(smallest.expr.as_ref()) else { return Ok(false) };
    let refused = matches!(&smallest.ours, Answer::Error(error) if error.contains("many-to-one matching must be explicit"));
    if !b.op.is_comparison() || b.bool_modifier || !refused {
        return Ok(false);
    }
    let with_bool = Binary { bool_modifier: true, ..b.clone() };
    let query = written(ExprKind::Binary(Box::new(with_bool)));
    Ok(matches!(pair.ask(&query, smallest.when)?, (Answer::Error(_), Answer::Error(_))))
}

/// What we say is the time of the last sample that Prometheus itself shows there.
fn timestamp_at(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(call) = call(smallest.expr.as_ref()).filter(|call| call.function.name == "timestamp") else {
        return Ok(false);
    };
    let ExprKind::Selector(selector) = &call.args[0].unwrap_parens().kind else { return Ok(false) };
    if selector.at.is_none() {
        return Ok(false);
    }
    let range = DurationExpr::Number(Number { value: 300.0, duration: true });
    let matrix = ExprKind::Matrix(Box::new(MatrixSelector { selector: (**selector).clone(), range }));
    let at = smallest.when.start();
    let (_, raw) = pair.ask(&written(matrix), When::Instant(at))?;
    let Answer::Lines(raw) = raw else { return Ok(false) };
    let Answer::Lines(ours) = &smallest.ours else {
        return Ok(
            refused_as_equal(&smallest.ours) && !are_distinct(&raw.iter().map(nameless).collect::<Vec<_>>())
        );
    };
    Ok(ours.iter().all(|line| {
        let mut raw = raw.iter().filter(|raw| nameless(raw).labels == line.labels);
        raw.any(|raw| {
            let last = raw.points.last().map_or(f64::NAN, |point| point.0 as f64 / 1000.0);
            line.points.iter().all(|point| same(point.1, last))
        })
    }))
}

fn count_values_three_labels(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(a) = aggregate(smallest.expr.as_ref()).filter(|a| a.op == AggregateOp::CountValues) else {
        return Ok(false);
    };
    let Some(ExprKind::Text(label)) = a.param.as_ref().map(|param| &param.kind) else { return Ok(false) };
    if a.without || a.grouping.len() != 3 || matches!(smallest.when, When::Instant(_)) {
        return Ok(false);
    }
    for at in moments(smallest) {
        let (ours, theirs) = pair.ask(&smallest.query, When::Instant(at))?;
        if !counted_alike(&ours, &theirs, &label.to_lossy()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The same counts of values that differ by rounding only.
fn counted_alike(ours: &Answer, theirs: &Answer, label: &str) -> bool {
    let (ours, theirs) = (ours.counted(label), theirs.counted(label));
    ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(a, b)| (&a.0, a.1) == (&b.0, b.1) && same(a.2, b.2))
}

/// Wherever the two differ there are neighbouring buckets as near as that.
fn small_bucket_deltas(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(call) = call(smallest.expr.as_ref()).filter(|call| call.function.name == "histogram_quantile")
    else {
        return Ok(false);
    };
    let Some(points) = differing_points(smallest) else { return Ok(false) };
    let (_, Answer::Lines(buckets)) = pair.ask(&call.args[1].to_string(), smallest.when)? else {
        return Ok(false);
    };
    Ok(points.into_iter().all(|(line, at, ..)| {
        let mut counts: Vec<f64> = buckets
            .iter()
            .filter(|bucket| nameless(bucket).labels.without(|name| name == "le") == line.labels)
            .filter_map(|bucket| bucket.points.iter().find(|point| point.0 == at).map(|point| point.1))
            .collect();
        counts.sort_by(f64::total_cmp);
        counts.windows(2).any(|pair| pair[0] != pair[1] && (pair[1] - pair[0]).abs() <= 1e-12 * pair[1].abs())
    }))
}

/// How often Prometheus is asked again: two series have two orders.
const ASKED_AGAIN: usize = 20;

fn changes_its_mind(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    for _ in 0..ASKED_AGAIN {
        let (ours, theirs) = pair.ask(&smallest.query, smallest.when)?;
        if ours.difference(&theirs, order(&smallest.query, smallest.when)).is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn moments_nobody_asks_for(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    if let Some(ExprKind::Subquery(subquery)) = smallest.expr.as_ref().map(|expr| &expr.unwrap_parens().kind)
    {
        // A pinned part is given at the step after the end.
        let ours_is_empty = matches!(&smallest.ours, Answer::Lines(lines) if lines.is_empty());
        return Ok(ours_is_empty && !has_steps(subquery, smallest.when));
    }
    let Some(call) = call(smallest.expr.as_ref()) else { return Ok(false) };
    let Some(subquery) = call.args.iter().find_map(|arg| match &arg.unwrap_parens().kind {
        ExprKind::Subquery(subquery) => Some(subquery),
        _ => None,
    }) else {
        return Ok(false);
    };
    if !matches!(smallest.theirs, Answer::Error(_)) {
        return Ok(false);
    }
    if let When::Range { start, end, step } = smallest.when {
        let last = When::Range { start, end: start + (end - start) / step * step, step };
        let (ours, theirs) = pair.ask(&smallest.query, last)?;
        if ours.difference(&theirs, Order::Free).is_none() {
            return Ok(true);
        }
    }
    let alone = pair.ask(&subquery.expr.to_string(), inner_steps(subquery, smallest.when))?;
    Ok(!has_steps(subquery, smallest.when) && matches!(alone, (Answer::Error(_), Answer::Error(_))))
}

/// An expression as text.
fn written(kind: ExprKind) -> String {
    Expr { span: Span::default(), kind }.to_string()
}

fn aggregate(expr: Option<&Expr>) -> Option<&Aggregate> {
    match &expr?.unwrap_parens().kind {
        ExprKind::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    }
}

/// The same aggregation by another operation without parameter.
fn with_op(a: &Aggregate, op: AggregateOp) -> String {
    written(ExprKind::Aggregate(Box::new(Aggregate { op, param: None, ..a.clone() })))
}

fn spread_of_one(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(a) = aggregate(smallest.expr.as_ref()) else { return Ok(false) };
    if !matches!(a.op, AggregateOp::Stddev | AggregateOp::Stdvar) {
        return Ok(false);
    }
    let Some(points) = differing_points(smallest) else { return Ok(false) };
    let of = |op| pair.ours.eval(&with_op(a, op), smallest.when);
    let (count, sum) = (of(AggregateOp::Count), of(AggregateOp::Sum));
    Ok(points.into_iter().all(|(line, at, ours, theirs)| {
        let odd = sum.value(&line.labels, at).is_some_and(|sum| !sum.is_finite());
        ours.is_nan() && theirs == 0.0 && count.value(&line.labels, at) == Some(1.0) && odd
    }))
}

/// A part deeper down takes some of several equal values: asked for alone it may have been answered otherwise.
fn tie_below(pair: &Pair, smallest: &Smallest) -> bool {
    smallest.expr.as_ref().is_some_and(|expr| has_tie(pair, expr, smallest.when))
}

fn has_tie(pair: &Pair, expr: &Expr, when: When) -> bool {
    if let Some(a) = takes(Some(expr)) {
        let (taken, all) =
            (pair.ours.eval(&expr.to_string(), when), pair.ours.eval(&a.expr.to_string(), when));
        let holders = |answer: &Answer, (at, value): (i64, f64)| {
            answer.points().filter(|point| point.0 == at && same(point.1, value)).count()
        };
        if taken.points().any(|point| holders(&taken, point) < holders(&all, point)) {
            return true;
        }
    }
    parts(expr, when).into_iter().any(|(part, when)| has_tie(pair, part, when))
}

fn takes(expr: Option<&Expr>) -> Option<&Aggregate> {
    aggregate(expr).filter(|a| matches!(a.op, AggregateOp::Topk | AggregateOp::Bottomk))
}

/// At each moment the same values, whoever has them.
fn ties(smallest: &Smallest) -> bool {
    let values = |answer: &Answer| {
        let mut all: Vec<(i64, f64)> = answer.points().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        all
    };
    let (ours, theirs) = (values(&smallest.ours), values(&smallest.theirs));
    takes(smallest.expr.as_ref()).is_some()
        && ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
}

fn rounding_magnified(pair: &mut Pair, smallest: &Smallest) -> Result<bool> {
    let Some(expr) = &smallest.expr else { return Ok(false) };
    if let Some(a) = aggregate(Some(expr)).filter(|a| a.op == AggregateOp::CountValues) {
        // Prometheus adds up in an order that changes from call to call, so its parts may not be what they were.
        let Some(ExprKind::Text(label)) = a.param.as_ref().map(|param| &param.kind) else { return Ok(false) };
        return Ok(counted_alike(&smallest.ours, &smallest.theirs, &label.to_lossy()));
    }
    if whole_turns(pair, smallest) {
        return Ok(true);
    }
    let Some(ours) = substitute::with_their_parts(pair, expr, smallest.when)? else { return Ok(false) };
    Ok(ours.difference(&smallest.theirs, Order::Free).is_none())
}

/// An angle so large that its last digits are a good part of a turn.
fn whole_turns(pair: &Pair, smallest: &Smallest) -> bool {
    const ANGLE_MIN: f64 = 1e5;
    each_argument(pair, smallest, &["sin", "cos", "tan"], |angle| angle.abs() > ANGLE_MIN)
}

fn subnormal_logarithm(pair: &Pair, smallest: &Smallest) -> bool {
    each_argument(pair, smallest, &["ln", "log2", "log10"], f64::is_subnormal)
}

/// Whether it is one of these functions of one value, and wherever the two differ its argument is such a number.
fn each_argument(pair: &Pair, smallest: &Smallest, functions: &[&str], is_such: fn(f64) -> bool) -> bool {
    let Some(call) = call(smallest.expr.as_ref()) else { return false };
    let Some(points) = differing_points(smallest) else { return false };
    if !functions.contains(&call.function.name) {
        return false;
    }
    let arguments = pair.ours.eval(&call.args[0].to_string(), smallest.when);
    let Answer::Lines(arguments) = &arguments else { return false };
    points.into_iter().all(|(line, at, ..)| {
        let own = arguments.iter().filter(|argument| nameless(argument).labels == line.labels);
        own.flat_map(|argument| &argument.points).any(|point| point.0 == at && is_such(point.1))
    })
}

/// Both values are as near as the largest term lets one say.
fn terms_cancel(pair: &mut Pair, smallest: &Smallest) -> bool {
    let Some(points) = differing_points(smallest) else { return false };
    let (largest, smallest_term, name) = if let Some(a) = aggregate(smallest.expr.as_ref()) {
        (with_op(a, AggregateOp::Max), with_op(a, AggregateOp::Min), a.op.as_str())
    } else if let Some(call) = call(smallest.expr.as_ref()).filter(|call| !call.args.is_empty()) {
        let of = |name| format!("{name}({})", call.args[0]);
        (of("max_over_time"), of("min_over_time"), call.function.name)
    } else {
        return false;
    };
    // By which power the result goes with its terms; a root magnifies, so its square is judged.
    let power = match name.trim_end_matches("_over_time") {
        "sum" | "avg" | "rate" | "increase" | "delta" | "deriv" | "predict_linear" => 1,
        "stdvar" | "stddev" => 2,
        _ => return false,
    };
    let raise = |value: f64| if name.starts_with("stddev") { value * value } else { value };
    let terms = [largest, smallest_term].map(|query| pair.ours.eval(&query, smallest.when));
    points.into_iter().all(|(line, at, ours, theirs)| {
        let size = |answer: &Answer| answer.value(&line.labels, at).map_or(f64::NAN, f64::abs);
        let term = size(&terms[0]).max(size(&terms[1]));
        // Squares of such terms overflow, sooner or later.
        let overflows =
            power == 2 && term > f64::MAX.sqrt() / 1e3 && !(ours.is_finite() && theirs.is_finite());
        overflows || term.is_finite() && (raise(ours) - raise(theirs)).abs() <= TOLERANCE * term.powi(power)
    })
}
