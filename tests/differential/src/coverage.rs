//! What of the language the random queries of a run held, and how often, so that what is never asked can be seen.

use std::collections::BTreeMap;
use std::fmt;

use model::MatchOp;
use promql::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Cardinality, DurationExpr, Edge, Expr, ExprKind, Selector,
    Subquery, UnaryOp,
};
use promql::functions::FUNCTIONS;
use promql::parse;

use crate::isolate::Pair;

/// Functions that 2.42 does not have, or has for native histograms only.
const UNKNOWN_TO_2: [&str; 4] =
    ["histogram_avg", "histogram_fraction", "histogram_stddev", "histogram_stdvar"];
const BINARY: [BinaryOp; 16] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::Pow,
    BinaryOp::Atan2,
    BinaryOp::Eq,
    BinaryOp::Ne,
    BinaryOp::Gt,
    BinaryOp::Lt,
    BinaryOp::Ge,
    BinaryOp::Le,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Unless,
];
const MODIFIERS: [&str; 27] = [
    "=",
    "!=",
    "=~",
    "!~",
    "offset",
    "offset -",
    "@ time",
    "@ start()",
    "@ end()",
    "x[d]",
    "x[d:s]",
    "x[d:]",
    "subquery offset",
    "subquery @",
    "by",
    "by ()",
    "without",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_left (x)",
    "group_right",
    "unary -",
    "unary +",
    "text",
    "parentheses",
];

/// How often each function, operator and modifier occurred.
pub(crate) struct Coverage(BTreeMap<String, u64>);

impl Default for Coverage {
    /// All that both versions know, met never so far.
    fn default() -> Self {
        let functions = FUNCTIONS.iter().filter(|function| {
            // The one that 2.42 knows under another name.
            (!function.experimental || function.name == "double_exponential_smoothing")
                && !UNKNOWN_TO_2.contains(&function.name)
        });
        let names = functions
            .map(|function| format!("{}()", function.name))
            .chain(
                AggregateOp::ALL.iter().filter(|op| !op.is_experimental()).map(|op| op.as_str().to_owned()),
            )
            .chain(BINARY.iter().map(|op| op.as_str().to_owned()))
            .chain(MODIFIERS.iter().map(|name| (*name).to_owned()));
        Self(names.map(|name| (name, 0)).collect())
    }
}

impl Coverage {
    /// Counts what a query holds, if it can be read.
    pub(crate) fn count(&mut self, query: &str) {
        if let Ok(expr) = parse(&Pair::as_3(query)) {
            self.node(&expr);
        }
    }

    /// What did not occur.
    pub(crate) fn missing(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.as_str()).collect()
    }

    fn add(&mut self, name: &str) {
        *self.0.entry(name.to_owned()).or_default() += 1;
    }

    fn add_if(&mut self, is_there: bool, name: &str) {
        if is_there {
            self.add(name);
        }
    }

    fn node(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(_) => {}
            ExprKind::Text(_) => self.add("text"),
            ExprKind::Selector(selector) => self.selector(selector),
            ExprKind::Matrix(matrix) => {
                self.add("x[d]");
                self.selector(&matrix.selector);
            }
            ExprKind::Subquery(subquery) => self.subquery(subquery),
            ExprKind::Paren(_) => self.add("parentheses"),
            ExprKind::Unary(UnaryOp::Plus, _) => self.add("unary +"),
            ExprKind::Unary(UnaryOp::Minus, _) => self.add("unary -"),
            ExprKind::Binary(binary) => self.binary(binary),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Call(call) => self.add(&format!("{}()", call.function.name)),
        }
        expr.children().into_iter().for_each(|child| self.node(child));
    }

    fn selector(&mut self, selector: &Selector) {
        for matcher in &selector.matchers {
            let is_name = matcher.op == MatchOp::Equal && selector.name.as_ref() == Some(&matcher.value);
            self.add_if(!is_name, matcher.op.as_str());
        }
        self.add_if(selector.edge != Edge::Plain, "anchored or smoothed");
        self.offset(selector.offset.as_ref(), selector.at);
    }

    fn offset(&mut self, offset: Option<&DurationExpr>, at: Option<At>) {
        match offset {
            Some(DurationExpr::Number(number)) if number.value < 0.0 => self.add("offset -"),
            Some(_) => self.add("offset"),
            None => {}
        }
        match at {
            Some(At::Timestamp(_)) => self.add("@ time"),
            Some(At::Start) => self.add("@ start()"),
            Some(At::End) => self.add("@ end()"),
            None => {}
        }
    }

    fn subquery(&mut self, subquery: &Subquery) {
        self.add(if subquery.step.is_some() { "x[d:s]" } else { "x[d:]" });
        self.add_if(subquery.offset.is_some(), "subquery offset");
        self.add_if(subquery.at.is_some(), "subquery @");
    }

    fn binary(&mut self, binary: &Binary) {
        self.add(binary.op.as_str());
        self.add_if(binary.bool_modifier, "bool");
        let Some(matching) = &binary.matching else { return };
        self.add_if(matching.on, "on");
        self.add_if(!matching.on && !matching.labels.is_empty(), "ignoring");
        let includes = !matching.include.is_empty();
        match matching.cardinality {
            Cardinality::ManyToOne => self.add(if includes { "group_left (x)" } else { "group_left" }),
            Cardinality::OneToMany => self.add("group_right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => {}
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        self.add(aggregate.op.as_str());
        self.add(match (aggregate.without, aggregate.grouping.is_empty()) {
            (true, _) => "without",
            (false, true) => "by ()",
            (false, false) => "by",
        });
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "occurred: {}", counts.join(", "))?;
        let missing = self.missing();
        if missing.is_empty() { Ok(()) } else { writeln!(f, "never: {}", missing.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar;

    #[test]
    fn nothing_that_both_know_is_never_asked() {
        let mut coverage = Coverage::default();
        (0..5000).for_each(|seed| coverage.count(&grammar::question(seed).query));
        assert_eq!(coverage.missing(), Vec::<&str>::new());
    }
}
