//! Vectors of series over steps, and what PromQL and LogQL do with them alike: aggregations, operators between vectors, limits.

pub mod arith;
pub mod fold;
pub mod groups;
pub mod guard;
pub mod matching;
pub mod ops;
pub mod sets;
pub mod topk;

use std::collections::HashMap;

use model::{Labels, METRIC_NAME};

use crate::is_absent;

pub use guard::{Cancel, Guard, Stop, Tally};
pub use matching::{Compute, MatchError};
pub use ops::{AggregateOp, BinaryOp, Cardinality};

/// One series over all steps.
#[derive(Debug, Clone)]
pub struct Column {
    /// What it is called.
    pub labels: Labels,
    /// A value or [`crate::ABSENT`] a step.
    pub values: Vec<f64>,
    /// Whether the metric name goes at the end (only with delayed name removal).
    pub drop_name: bool,
}

/// The clause of an aggregation.
#[derive(Debug, Clone, Copy)]
pub struct GroupBy<'a> {
    /// Labels.
    pub names: &'a [String],
    /// Whether these are the labels that do not count.
    pub without: bool,
}

/// How series on two sides find each other.
#[derive(Debug, Clone, Copy)]
pub struct MatchRules<'a> {
    /// Which side may hold several.
    pub cardinality: Cardinality,
    /// The labels of `on` or `ignoring`.
    pub labels: &'a [String],
    /// True for `on`.
    pub on: bool,
    /// Labels to copy from the "one" side.
    pub include: &'a [String],
    /// The value of a left side that is missing.
    pub fill_left: Option<f64>,
    /// The value of a right side that is missing.
    pub fill_right: Option<f64>,
}

/// Series over all steps, which an aggregation takes one by one.
pub trait Rows: Sync {
    /// Memory that a worker uses again from row to row.
    type Scratch: Default;
    /// Why a row cannot be computed.
    type Error: From<Stop> + Send;

    /// How many rows.
    fn len(&self) -> usize;

    /// True when there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows the labels of row `i`.
    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels));

    /// Whether the name of row `i` goes at the end of the query.
    fn drop_name(&self, i: usize) -> bool;

    /// Whether labels that say what a metric is are not of the row, although they are shown.
    fn is_nameless(&self) -> bool {
        false
    }

    /// Tells the tally what was counted in the scratch.
    fn settle(&self, _: &mut Self::Scratch, _: &Tally<'_>) {}

    /// The values of row `i`; `None` when there is none at any step.
    ///
    /// # Errors
    /// Why not.
    fn row<'s>(
        &'s self,
        i: usize,
        scratch: &'s mut Self::Scratch,
        tally: &Tally<'_>,
    ) -> Result<Option<&'s [f64]>, Self::Error>;
}

/// After so many rows a worker looks whether to stop: the clock takes as long as the shortest row.
const CHECK_EVERY_ROWS: u32 = 64;

/// Rows that a worker has computed.
#[derive(Debug, Default)]
pub struct Ticks(u32);

impl Ticks {
    /// To be called for each row.
    ///
    /// # Errors
    /// When evaluation is to stop.
    pub fn check(&mut self, tally: &Tally<'_>) -> Result<(), Stop> {
        self.0 = self.0.wrapping_add(1);
        if self.0.is_multiple_of(CHECK_EVERY_ROWS) { tally.guard().check() } else { Ok(()) }
    }
}

impl Rows for [Column] {
    type Scratch = Ticks;
    type Error = Stop;

    fn len(&self) -> usize {
        <[Column]>::len(self)
    }

    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        visit(&self[i].labels);
    }

    fn drop_name(&self, i: usize) -> bool {
        self[i].drop_name
    }

    fn row<'s>(
        &'s self,
        i: usize,
        scratch: &'s mut Ticks,
        tally: &Tally<'_>,
    ) -> Result<Option<&'s [f64]>, Stop> {
        scratch.check(tally)?;
        Ok(Some(&self[i].values))
    }
}

/// Two series that would have the same labels and a value at the same step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("vector cannot contain metrics with the same labelset")]
pub struct SameLabels;

/// Label names of a clause, made to be asked often: a query may list thousands.
#[derive(Debug)]
pub struct Names<'a>(Vec<&'a str>);

/// Up to so many names are compared one by one: most differ in their length already.
const NAMES_FEW: usize = 8;

impl<'a> Names<'a> {
    /// Of these, in any order.
    pub fn of(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut sorted: Vec<&str> = names.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All names in order; one that was listed twice is there twice.
    pub fn sorted(&self) -> &[&'a str] {
        &self.0
    }

    /// Whether it is one of them.
    pub fn contains(&self, name: &str) -> bool {
        if self.0.len() <= NAMES_FEW { self.0.contains(&name) } else { self.0.binary_search(&name).is_ok() }
    }
}

/// Whether a label says what a metric is (its name, type and unit): operations that make something else of the
/// values drop all three.
pub fn is_metadata(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// A set without the labels that say what its metric is.
pub fn nameless(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_metadata(name)) {
        labels.without(is_metadata)
    } else {
        labels.clone()
    }
}

/// Joins columns of equal labels that never hold a value at the same step; two that do are an error, since a vector
/// has each label set once.
///
/// # Errors
/// [`SameLabels`].
pub fn merge_equal(columns: Vec<Column>) -> Result<Vec<Column>, SameLabels> {
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
            Some(&i) => join(&mut merged[i].values, &column.values)?,
        }
    }
    Ok(merged)
}

fn join(into: &mut [f64], from: &[f64]) -> Result<(), SameLabels> {
    for (into, &from) in into.iter_mut().zip(from) {
        if is_absent(from) {
            continue;
        }
        if !is_absent(*into) {
            return Err(SameLabels);
        }
        *into = from;
    }
    Ok(())
}

/// Drops columns that hold nothing at any step.
pub fn drop_empty(columns: &mut Vec<Column>) {
    columns.retain(|column| column.values.iter().any(|value| !is_absent(*value)));
}

/// A set as Prometheus' errors print it: `{__name__="x", a="b"}`.
pub fn in_braces(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={}", model::quoted::quote(value.as_bytes())))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
