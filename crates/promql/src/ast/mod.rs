//! The syntax tree: what a query says, with the place of each part, before anything is evaluated.

mod kinds;

use model::Matcher;

use crate::functions::Function;

pub use columns::vector::{AggregateOp, BinaryOp, Cardinality};
pub(crate) use kinds::param_kind;
pub use kinds::{UnaryOp, ValueKind};

/// A place in the query: bytes `start..end`, and the line and column (in bytes, both from 1) of the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte.
    pub line: u32,
    /// Column of the first byte.
    pub column: u32,
}

impl Span {
    /// From the start of this to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { end: other.end.max(self.end), ..self }
    }
}

/// One node, its place and its parts. Equality is of meaning: places do not count.
#[derive(Debug, Clone)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// The kinds of node.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `1`, `0x1f`, `Inf`, `5m`.
    Number(Number),
    /// `"text"`.
    Text(Text),
    /// `metric{label="value"}`.
    Selector(Box<Selector>),
    /// `metric[5m]`.
    Matrix(Box<MatrixSelector>),
    /// `expr[5m:1m]`.
    Subquery(Box<Subquery>),
    /// `(expr)`.
    Paren(Box<Expr>),
    /// `-expr`, `+expr`.
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`.
    Binary(Box<Binary>),
    /// `sum by (x) (expr)`.
    Aggregate(Box<Aggregate>),
    /// `rate(x[5m])`.
    Call(Box<Call>),
}

/// A number as it was written. NaN equals NaN here.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// Its value; seconds when it was a duration.
    pub value: f64,
    /// Whether it was written as a duration.
    pub duration: bool,
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits() || (self.value.is_nan() && other.value.is_nan())
    }
}

/// A string literal. Escapes can make bytes that are no UTF-8, so it holds bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// The text, unless its bytes are no UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text with what is no UTF-8 replaced.
    pub fn to_lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// When to look, if not at the step: the `@` modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A fixed moment, milliseconds.
    Timestamp(i64),
    /// The first step of the query.
    Start,
    /// The last step of the query.
    End,
}

/// How a range or an instant treats the edges of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edge {
    /// As ever: only samples inside.
    #[default]
    Plain,
    /// `anchored`: the last sample before the window stands at its start.
    Anchored,
    /// `smoothed`: values at both edges are interpolated.
    Smoothed,
}

/// An instant vector selector. Equality is of meaning: the order of matchers does not count.
#[derive(Debug, Clone)]
pub struct Selector {
    /// The metric name when it stands before or, quoted, within the braces; also among `matchers`.
    pub name: Option<String>,
    /// All conditions.
    pub matchers: Vec<Matcher>,
    /// `offset`.
    pub offset: Option<DurationExpr>,
    /// `@`.
    pub at: Option<At>,
    /// `anchored`, `smoothed`.
    pub edge: Edge,
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |selector: &Self| {
            let mut matchers: Vec<(String, &str, String)> = selector
                .matchers
                .iter()
                .map(|matcher| (matcher.name.clone(), matcher.op.as_str(), matcher.value.clone()))
                .collect();
            matchers.sort_unstable();
            matchers
        };
        (&self.name, &self.offset, self.at, self.edge) == (&other.name, &other.offset, other.at, other.edge)
            && sorted(self) == sorted(other)
    }
}

/// A range vector selector.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    /// What to select, with offset, `@` and edge.
    pub selector: Selector,
    /// How far back.
    pub range: DurationExpr,
}

/// An expression evaluated at steps of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What to evaluate.
    pub expr: Expr,
    /// How far back.
    pub range: DurationExpr,
    /// Between its steps; the engine's default when not given.
    pub step: Option<DurationExpr>,
    /// `offset`.
    pub offset: Option<DurationExpr>,
    /// `@`.
    pub at: Option<At>,
}

/// A length of time, possibly computed.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    /// Seconds, or a duration.
    Number(Number),
    /// `step()`: the query's step.
    Step,
    /// `range()`: from the query's start to its end.
    Range,
    /// `-d`.
    Negate(Box<DurationExpr>),
    /// `(d)`.
    Paren(Box<DurationExpr>),
    /// `a + b` and so on; only arithmetic operators.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
    /// `min_of(a, b)`.
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`.
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
}

/// Two expressions and the operator between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left.
    pub lhs: Expr,
    /// Right.
    pub rhs: Expr,
    /// Whether a comparison answers 0 or 1 instead of filtering.
    pub bool_modifier: bool,
    /// How series find each other; only when both sides are vectors.
    pub matching: Option<Matching>,
}

/// How series on two sides find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// Which side may hold several.
    pub cardinality: Cardinality,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// True for `on`.
    pub on: bool,
    /// Labels to copy from the "one" side.
    pub include: Vec<String>,
    /// `fill_left`: the value of a left side that is missing.
    pub fill_left: Option<Number>,
    /// `fill_right`: the value of a right side that is missing.
    pub fill_right: Option<Number>,
}

/// An aggregation over series.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// What to compute.
    pub op: AggregateOp,
    /// Over what.
    pub expr: Expr,
    /// `k` of `topk`, the label of `count_values` and so on.
    pub param: Option<Expr>,
    /// The labels of `by` or `without`.
    pub grouping: Vec<String>,
    /// True for `without`.
    pub without: bool,
}

/// A function call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which function.
    pub function: &'static Function,
    /// With what.
    pub args: Vec<Expr>,
}

impl Expr {
    /// What this evaluates to.
    pub fn kind(&self) -> ValueKind {
        match &self.kind {
            ExprKind::Number(_) => ValueKind::Scalar,
            ExprKind::Text(_) => ValueKind::String,
            ExprKind::Selector(_) | ExprKind::Aggregate(_) => ValueKind::Vector,
            ExprKind::Matrix(_) | ExprKind::Subquery(_) => ValueKind::Matrix,
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => inner.kind(),
            ExprKind::Binary(b) => match (b.lhs.kind(), b.rhs.kind()) {
                (ValueKind::Scalar, ValueKind::Scalar) => ValueKind::Scalar,
                _ => ValueKind::Vector,
            },
            ExprKind::Call(call) => call.function.returns,
        }
    }

    /// The expression within any parentheses around it.
    pub fn unwrap_parens(&self) -> &Self {
        let mut inner = self;
        while let ExprKind::Paren(next) = &inner.kind {
            inner = next;
        }
        inner
    }

    /// The expressions directly below this one, in order of writing.
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Selector(_) | ExprKind::Matrix(_) => {
                Vec::new()
            }
            ExprKind::Subquery(s) => vec![&s.expr],
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => vec![inner],
            ExprKind::Binary(b) => vec![&b.lhs, &b.rhs],
            ExprKind::Aggregate(a) => a.param.iter().chain([&a.expr]).collect(),
            ExprKind::Call(c) => c.args.iter().collect(),
        }
    }

    /// Calls `visit` with every selector in the expression, those of ranges included.
    pub fn for_each_selector<'a>(&'a self, visit: &mut dyn FnMut(&'a Selector)) {
        match &self.kind {
            ExprKind::Selector(selector) => visit(selector),
            ExprKind::Matrix(matrix) => visit(&matrix.selector),
            _ => self.children().into_iter().for_each(|child| child.for_each_selector(visit)),
        }
    }
}
