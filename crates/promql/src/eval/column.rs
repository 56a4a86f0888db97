//! Series as the evaluator holds them: labels and one value a step.

use crate::ast::{Span, Text};
use crate::error::EvalError;

pub(crate) use columns::vector::{Column, drop_empty, in_braces, nameless};

/// What an expression came to.
#[derive(Debug, Clone)]
pub(crate) enum Evaluated {
    /// A value a step.
    Scalar(Vec<f64>),
    Vector(Vec<Column>),
    Text(Text),
}

impl Evaluated {
    /// How many values it holds.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Scalar(values) => values.len(),
            Self::Vector(columns) => columns.iter().map(|column| column.values.len()).sum(),
            Self::Text(_) => 0,
        }
    }

    /// The same single value at `count` steps.
    pub(crate) fn broadcast(mut self, count: usize) -> Self {
        let spread = |values: &mut Vec<f64>| {
            if let Some(&value) = values.first() {
                *values = vec![value; count];
            }
        };
        match &mut self {
            Self::Scalar(values) => spread(values),
            Self::Vector(columns) => columns.iter_mut().for_each(|column| spread(&mut column.values)),
            Self::Text(_) => {}
        }
        self
    }
}

/// Joins columns of equal labels that never hold a value at the same step; two that do are an error, since a vector
/// has each label set once.
pub(crate) fn merge_equal(columns: Vec<Column>, span: Span) -> Result<Vec<Column>, EvalError> {
    columns::vector::merge_equal(columns).map_err(|error| EvalError::at(span, error.to_string()))
}
