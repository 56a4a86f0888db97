//! What functions there are: names, arguments, results. What they compute lies in the modules below.

pub(crate) mod dates;
pub(crate) mod extended;
pub(crate) mod histogram;
pub(crate) mod instant;
pub(crate) mod labels;
pub(crate) mod natural;
pub(crate) mod over_time;

use crate::ast::ValueKind;
use ValueKind::{Matrix, Scalar, String, Vector};

/// A function as the parser and the evaluator know it.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// As it is written.
    pub name: &'static str,
    /// Kinds of the arguments; the last one repeats when `variadic` allows.
    pub args: &'static [ValueKind],
    /// 0: exactly `args`. Above 0: that many of the last ones may be left out or added. -1: the last may be left out
    /// or repeated without end.
    pub variadic: i8,
    /// Kind of the result.
    pub returns: ValueKind,
    /// Whether it is behind the engine's `experimental` option.
    pub experimental: bool,
}

impl Function {
    /// The fewest arguments it takes.
    pub fn args_min(&self) -> usize {
        if self.variadic == 0 { self.args.len() } else { self.args.len().saturating_sub(1) }
    }

    /// The most arguments it takes, if there is a bound.
    pub fn args_max(&self) -> Option<usize> {
        match self.variadic {
            0 => Some(self.args.len()),
            more if more > 0 => Some(self.args.len() - 1 + more as usize),
            _ => None,
        }
    }

    /// The kind that argument `i` must have.
    pub fn arg(&self, i: usize) -> ValueKind {
        self.args[i.min(self.args.len() - 1)]
    }
}

const fn f(name: &'static str, args: &'static [ValueKind], returns: ValueKind) -> Function {
    Function { name, args, variadic: 0, returns, experimental: false }
}

const fn v(name: &'static str, args: &'static [ValueKind], variadic: i8, returns: ValueKind) -> Function {
    Function { name, args, variadic, returns, experimental: false }
}

const fn x(function: Function) -> Function {
    Function { experimental: true, ..function }
}

/// All functions, sorted by name. Names, arguments and which are experimental are Prometheus 3's.
pub static FUNCTIONS: &[Function] = &[
    f("abs", &[Vector], Vector),
    f("absent", &[Vector], Vector),
    f("absent_over_time", &[Matrix], Vector),
    f("acos", &[Vector], Vector),
    f("acosh", &[Vector], Vector),
    f("asin", &[Vector], Vector),
    f("asinh", &[Vector], Vector),
    f("atan", &[Vector], Vector),
    f("atanh", &[Vector], Vector),
    f("avg_over_time", &[Matrix], Vector),
    f("ceil", &[Vector], Vector),
    f("changes", &[Matrix], Vector),
    f("clamp", &[Vector, Scalar, Scalar], Vector),
    f("clamp_max", &[Vector, Scalar], Vector),
    f("clamp_min", &[Vector, Scalar], Vector),
    f("cos", &[Vector], Vector),
    f("cosh", &[Vector], Vector),
    f("count_over_time", &[Matrix], Vector),
    v("day_of_month", &[Vector], 1, Vector),
    v("day_of_week", &[Vector], 1, Vector),
    v("day_of_year", &[Vector], 1, Vector),
    v("days_in_month", &[Vector], 1, Vector),
    f("deg", &[Vector], Vector),
    f("delta", &[Matrix], Vector),
    f("deriv", &[Matrix], Vector),
    x(f("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Vector)),
    x(f("end", &[], Scalar)),
    f("exp", &[Vector], Vector),
    x(f("first_over_time", &[Matrix], Vector)),
    f("floor", &[Vector], Vector),
    f("histogram_avg", &[Vector], Vector),
    f("histogram_count", &[Vector], Vector),
    f("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    f("histogram_quantile", &[Scalar, Vector], Vector),
    x(v("histogram_quantiles", &[Vector, String, Scalar, Scalar], 9, Vector)),
    f("histogram_stddev", &[Vector], Vector),
    f("histogram_stdvar", &[Vector], Vector),
    f("histogram_sum", &[Vector], Vector),
    v("hour", &[Vector], 1, Vector),
    f("idelta", &[Matrix], Vector),
    f("increase", &[Matrix], Vector),
    x(v("info", &[Vector, Vector], 1, Vector)),
    f("irate", &[Matrix], Vector),
    v("label_join", &[Vector, String, String, String], -1, Vector),
    f("label_replace", &[Vector, String, String, String, String], Vector),
    f("last_over_time", &[Matrix], Vector),
    f("ln", &[Vector], Vector),
    f("log10", &[Vector], Vector),
    f("log2", &[Vector], Vector),
    x(f("mad_over_time", &[Matrix], Vector)),
    x(f("max_of", &[Scalar, Scalar], Scalar)),
    f("max_over_time", &[Matrix], Vector),
    x(f("min_of", &[Scalar, Scalar], Scalar)),
    f("min_over_time", &[Matrix], Vector),
    v("minute", &[Vector], 1, Vector),
    v("month", &[Vector], 1, Vector),
    f("pi", &[], Scalar),
    f("predict_linear", &[Matrix, Scalar], Vector),
    f("present_over_time", &[Matrix], Vector),
    f("quantile_over_time", &[Scalar, Matrix], Vector),
    f("rad", &[Vector], Vector),
    x(f("range", &[], Scalar)),
    f("rate", &[Matrix], Vector),
    f("resets", &[Matrix], Vector),
    v("round", &[Vector, Scalar], 1, Vector),
    f("scalar", &[Vector], Scalar),
    f("sgn", &[Vector], Vector),
    f("sin", &[Vector], Vector),
    f("sinh", &[Vector], Vector),
    f("sort", &[Vector], Vector),
    x(v("sort_by_label", &[Vector, String], -1, Vector)),
    x(v("sort_by_label_desc", &[Vector, String], -1, Vector)),
    f("sort_desc", &[Vector], Vector),
    f("sqrt", &[Vector], Vector),
    x(f("start", &[], Scalar)),
    f("stddev_over_time", &[Matrix], Vector),
    f("stdvar_over_time", &[Matrix], Vector),
    x(f("step", &[], Scalar)),
    f("sum_over_time", &[Matrix], Vector),
    f("tan", &[Vector], Vector),
    f("tanh", &[Vector], Vector),
    f("time", &[], Scalar),
    f("timestamp", &[Vector], Vector),
    x(f("ts_of_first_over_time", &[Matrix], Vector)),
    x(f("ts_of_last_over_time", &[Matrix], Vector)),
    x(f("ts_of_max_over_time", &[Matrix], Vector)),
    x(f("ts_of_min_over_time", &[Matrix], Vector)),
    f("vector", &[Scalar], Vector),
    v("year", &[Vector], 1, Vector),
];

/// The function called `name`.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|i| &FUNCTIONS[i])
}

/// The name most like `name`, if one is near enough to be a slip of the finger.
pub(crate) fn did_you_mean(name: &str) -> Option<&'static str> {
    // Beyond so many slips a suggestion is a guess: two in a word, one in a short one.
    let slips_max = if name.len() > 4 { 2 } else { 1 };
    // No function's name is longer; a longer word is not worth the table of distances.
    const NAME_BYTES_MAX: usize = 40;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let names = FUNCTIONS.iter().map(|function| function.name);
    let aggregates = crate::ast::AggregateOp::ALL.iter().map(|op| op.as_str());
    names
        .chain(aggregates)
        // Of two as near, the one that only lacks its end.
        .map(|known| (distance(&lower, known), !known.starts_with(&lower), known))
        .filter(|(slips, ..)| *slips <= slips_max)
        .min()
        .map(|(_, _, known)| known)
}

/// How many insertions, removals, changes and swaps of neighbours lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(find("rate").map(|function| function.returns), Some(Vector));
        assert_eq!(find("rat"), None);
    }

    #[test]
    fn slips_are_recognised() {
        for (typed, meant) in [
            ("rat", Some("rate")),
            ("sumn", Some("sum")),
            ("histogram_quantil", Some("histogram_quantile")),
            ("foo", None),
            ("Rate", Some("rate")),
        ] {
            assert_eq!(did_you_mean(typed), meant, "{typed}");
        }
    }
}
