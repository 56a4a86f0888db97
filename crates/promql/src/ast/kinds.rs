//! Kinds of value, and which of them go where.

use super::AggregateOp;

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// One number a step.
    Scalar,
    /// Any number of series, one value a step each.
    Vector,
    /// Any number of series, a range of samples a step each.
    Matrix,
    /// A text.
    String,
}

impl ValueKind {
    /// The name in Prometheus' error texts.
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }

    /// The name in the HTTP API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            other => other.documented(),
        }
    }
}

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// The kind of the parameter before an aggregation's vector, if it takes one.
pub(crate) fn param_kind(op: AggregateOp) -> Option<ValueKind> {
    match op {
        AggregateOp::Topk
        | AggregateOp::Bottomk
        | AggregateOp::Quantile
        | AggregateOp::Limitk
        | AggregateOp::LimitRatio => Some(ValueKind::Scalar),
        AggregateOp::CountValues => Some(ValueKind::String),
        _ => None,
    }
}
