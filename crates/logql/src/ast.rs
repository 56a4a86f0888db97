//! What a query is made of. Places are bytes of the query.

use std::ops::Range;

use columns::vector::{AggregateOp, BinaryOp, Cardinality};
use logstage::{Comparison, Conversion, LineOp, LineOperand, NumberKind};
use model::Matcher;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Lines.
    Log(LogExpr),
    /// Numbers.
    Metric(Metric),
}

/// A selector of streams and what is done with their lines.
#[derive(Debug, Clone, PartialEq)]
pub struct LogExpr {
    /// Which streams; all must hold.
    pub matchers: Vec<Matcher>,
    /// What is done with each line, in order.
    pub stages: Vec<StageExpr>,
}

/// A stage with its place.
#[derive(Debug, Clone)]
pub struct StageExpr {
    /// What it does.
    pub kind: StageKind,
    /// Where it stands.
    pub span: Range<usize>,
}

/// Places do not count.
impl PartialEq for StageExpr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// What a stage does.
#[derive(Debug, Clone, PartialEq)]
pub enum StageKind {
    /// `|= "a" or "b"`
    Line {
        /// How.
        op: LineOp,
        /// With what.
        operands: Vec<LineOperand>,
    },
    /// `| json`, with names and paths when only some fields are wanted.
    Json(Vec<(String, String)>),
    /// `| logfmt`
    Logfmt {
        /// `--strict`
        is_strict: bool,
        /// `--keep-empty`
        keeps_empty: bool,
        /// Names and keys when only some are wanted.
        fields: Vec<(String, String)>,
    },
    /// `| regexp "…"`
    Regexp(String),
    /// `| pattern "…"`
    Pattern(String),
    /// `| unpack`
    Unpack,
    /// `| decolorize`
    Decolorize,
    /// `| status >= 500`
    Label(LabelExpr),
    /// `| line_format "…"`
    LineFormat(String),
    /// `| label_format a=b, c="…"`
    LabelFormat(Vec<(String, FormatValue)>),
    /// `| drop a, b="x"`
    Drop(Vec<NameExpr>),
    /// `| keep a, b="x"`
    Keep(Vec<NameExpr>),
}

/// What `label_format` sets a label to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatValue {
    /// Another label's value.
    Label(String),
    /// What a template gives.
    Template(String),
}

/// A label to drop or keep.
#[derive(Debug, Clone, PartialEq)]
pub enum NameExpr {
    /// Whatever its value is.
    Name(String),
    /// If its value is like this.
    Value(Matcher),
}

/// A condition on labels.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelExpr {
    /// `a="x"`
    Text(Matcher),
    /// `a=ip("…")`
    Ip {
        /// The label.
        name: String,
        /// `!=`
        is_negative: bool,
        /// Which addresses.
        range: String,
    },
    /// `a > 5`
    Number {
        /// The label.
        name: String,
        /// How.
        op: Comparison,
        /// What the label is read as.
        kind: NumberKind,
        /// The number as written.
        text: String,
        /// Its value, in seconds or bytes where it is no plain number.
        value: f64,
    },
    /// Both.
    And(Box<LabelExpr>, Box<LabelExpr>),
    /// One at least.
    Or(Box<LabelExpr>, Box<LabelExpr>),
}

/// `| unwrap a`, with conditions behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct UnwrapExpr {
    /// The label.
    pub label: String,
    /// How its value becomes a number.
    pub conversion: Conversion,
    /// What must hold then.
    pub filters: Vec<LabelExpr>,
}

/// An expression whose value is numbers.
#[derive(Debug, Clone)]
pub struct Metric {
    /// What it computes.
    pub kind: MetricKind,
    /// Where it stands.
    pub span: Range<usize>,
}

/// Places do not count.
impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// What an expression computes.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricKind {
    /// `5`
    Number(f64),
    /// `vector(5)`
    Vector(f64),
    /// `rate({…}[5m])`
    Range(Box<RangeExpr>),
    /// `sum by (a) (…)`
    Aggregate(Box<AggregateExpr>),
    /// `a + b`
    Binary(Box<BinaryExpr>),
    /// `label_replace(…)`
    LabelReplace(Box<ReplaceExpr>),
}

/// What is computed of the lines of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the functions'")]
pub enum RangeOp {
    CountOverTime,
    Rate,
    BytesOverTime,
    BytesRate,
    AbsentOverTime,
    RateCounter,
    SumOverTime,
    AvgOverTime,
    MinOverTime,
    MaxOverTime,
    FirstOverTime,
    LastOverTime,
    StddevOverTime,
    StdvarOverTime,
    QuantileOverTime,
}

impl RangeOp {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::CountOverTime,
        Self::Rate,
        Self::BytesOverTime,
        Self::BytesRate,
        Self::AbsentOverTime,
        Self::RateCounter,
        Self::SumOverTime,
        Self::AvgOverTime,
        Self::MinOverTime,
        Self::MaxOverTime,
        Self::FirstOverTime,
        Self::LastOverTime,
        Self::StddevOverTime,
        Self::StdvarOverTime,
        Self::QuantileOverTime,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CountOverTime => "count_over_time",
            Self::Rate => "rate",
            Self::BytesOverTime => "bytes_over_time",
            Self::BytesRate => "bytes_rate",
            Self::AbsentOverTime => "absent_over_time",
            Self::RateCounter => "rate_counter",
            Self::SumOverTime => "sum_over_time",
            Self::AvgOverTime => "avg_over_time",
            Self::MinOverTime => "min_over_time",
            Self::MaxOverTime => "max_over_time",
            Self::FirstOverTime => "first_over_time",
            Self::LastOverTime => "last_over_time",
            Self::StddevOverTime => "stddev_over_time",
            Self::StdvarOverTime => "stdvar_over_time",
            Self::QuantileOverTime => "quantile_over_time",
        }
    }

    /// Whether it may have `by` or `without`.
    pub fn takes_grouping(self) -> bool {
        !matches!(
            self,
            Self::CountOverTime
                | Self::Rate
                | Self::BytesOverTime
                | Self::BytesRate
                | Self::AbsentOverTime
                | Self::RateCounter
                | Self::SumOverTime
        )
    }
}

/// A function over windows of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeExpr {
    /// Which.
    pub op: RangeOp,
    /// The quantile.
    pub param: Option<f64>,
    /// Of which lines.
    pub log: LogExpr,
    /// Where the number comes from.
    pub unwrap: Option<UnwrapExpr>,
    /// How long a window is, milliseconds.
    pub range_ms: i64,
    /// How much earlier it lies, milliseconds.
    pub offset_ms: i64,
    /// `by` or `without`.
    pub grouping: Option<Grouping>,
}

/// `by (…)` or `without (…)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grouping {
    /// The labels.
    pub labels: Vec<String>,
    /// Whether these are the labels that do not count.
    pub without: bool,
}

/// What is computed of the series of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VectorOp {
    /// As in PromQL.
    Of(AggregateOp),
    /// `approx_topk`, which is exact here.
    ApproxTopk,
    /// `sort`
    Sort,
    /// `sort_desc`
    SortDesc,
}

impl VectorOp {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Of(AggregateOp::Sum),
        Self::Of(AggregateOp::Avg),
        Self::Of(AggregateOp::Min),
        Self::Of(AggregateOp::Max),
        Self::Of(AggregateOp::Count),
        Self::Of(AggregateOp::Stddev),
        Self::Of(AggregateOp::Stdvar),
        Self::Of(AggregateOp::Topk),
        Self::Of(AggregateOp::Bottomk),
        Self::ApproxTopk,
        Self::Sort,
        Self::SortDesc,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Of(op) => op.as_str(),
            Self::ApproxTopk => "approx_topk",
            Self::Sort => "sort",
            Self::SortDesc => "sort_desc",
        }
    }

    /// Whether a count stands before the vector.
    pub fn takes_count(self) -> bool {
        matches!(self, Self::Of(AggregateOp::Topk | AggregateOp::Bottomk) | Self::ApproxTopk)
    }
}

/// An aggregation over series.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateExpr {
    /// What.
    pub op: VectorOp,
    /// `k` of `topk`.
    pub count: Option<u32>,
    /// Over what.
    pub expr: Metric,
    /// `by` or `without`.
    pub grouping: Option<Grouping>,
}

/// An operator between two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct BinaryExpr {
    /// Which.
    pub op: BinaryOp,
    /// Left.
    pub lhs: Metric,
    /// Right.
    pub rhs: Metric,
    /// Whether a comparison answers 0 or 1 instead of filtering.
    pub is_bool: bool,
    /// How series find each other.
    pub matching: MatchingExpr,
}

/// How series on two sides find each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchingExpr {
    /// Which side may hold several.
    pub cardinality: Cardinality,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// True for `on`.
    pub on: bool,
    /// Labels to copy from the "one" side.
    pub include: Vec<String>,
}

/// `label_replace(expr, target, replacement, source, pattern)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceTexts {
    /// The label that is set.
    pub target: String,
    /// To what, with `$1` for groups.
    pub replacement: String,
    /// The label that is looked at.
    pub source: String,
    /// What it must be like.
    pub pattern: String,
}

/// A `label_replace` and what it is done to.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaceExpr {
    /// Whose labels.
    pub expr: Metric,
    /// What is done.
    pub texts: ReplaceTexts,
}

impl Metric {
    /// The number that a literal is.
    pub fn as_number(&self) -> Option<f64> {
        match self.kind {
            MetricKind::Number(value) => Some(value),
            _ => None,
        }
    }
}
