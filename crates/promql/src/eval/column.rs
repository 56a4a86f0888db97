//! Series as the evaluator holds them: labels and one value a step.

use std::collections::HashMap;

use columns::is_absent;
use model::{Labels, METRIC_NAME};

use crate::ast::{Span, Text};
use crate::error::EvalError;
use crate::parser::text;

/// One series over all steps.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) labels: Labels,
    /// A value or [`columns::ABSENT`] a step.
    pub(crate) values: Vec<f64>,
    /// Whether the metric name goes at the end (only with delayed name removal).
    pub(crate) drop_name: bool,
}

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

/// Label names of a clause, made to be asked often: a query may list thousands.
pub(crate) struct Names<'a>(Vec<&'a str>);

/// Up to so many names are compared one by one: most differ in their length already.
const NAMES_FEW: usize = 8;

impl<'a> Names<'a> {
    pub(crate) fn of(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut sorted: Vec<&str> = names.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All names in order; one that was listed twice is there twice.
    pub(crate) fn sorted(&self) -> &[&'a str] {
        &self.0
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        if self.0.len() <= NAMES_FEW { self.0.contains(&name) } else { self.0.binary_search(&name).is_ok() }
    }
}

/// Whether a label says what a metric is (its name, type and unit): operations that make something else of the
/// values drop all three.
pub(crate) fn is_metadata(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// A set without the labels that say what its metric is.
pub(crate) fn nameless(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_metadata(name)) {
        labels.without(is_metadata)
    } else {
        labels.clone()
    }
}

/// Joins columns of equal labels that never hold a value at the same step; two that do are an error, since a vector
/// has each label set once.
pub(crate) fn merge_equal(columns: Vec<Column>, span: Span) -> Result<Vec<Column>, EvalError> {
    // The usual case: the store gives series in order, and they stay in it without their common name.
    if columns.windows(2).all(|pair| pair[0].labels < pair[1].labels) {
        return Ok(columns);
    }
    let mut seen: HashMap<Labels, usize> = HashMap::with_capacity(columns.len());
    let mut merged: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        match seen.get(&column.labels) {
            None => {
                seen.insert(column.labels.clone(), merged.len());
                merged.push(column);
            }
            Some(&i) => join(&mut merged[i].values, &column.values, span)?,
        }
    }
    Ok(merged)
}

fn join(into: &mut [f64], from: &[f64], span: Span) -> Result<(), EvalError> {
    for (into, &from) in into.iter_mut().zip(from) {
        if is_absent(from) {
            continue;
        }
        if !is_absent(*into) {
            return Err(EvalError::at(span, "vector cannot contain metrics with the same labelset"));
        }
        *into = from;
    }
    Ok(())
}

/// Drops columns that hold nothing at any step.
pub(crate) fn drop_empty(columns: &mut Vec<Column>) {
    columns.retain(|column| column.values.iter().any(|value| !is_absent(*value)));
}

/// A set as Prometheus' errors print it: `{__name__="x", a="b"}`.
pub(crate) fn in_braces(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={}", text::quote(value.as_bytes()))).collect();
    format!("{{{}}}", pairs.join(", "))
}
