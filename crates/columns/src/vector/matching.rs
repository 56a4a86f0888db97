//! Arithmetic and comparison between two vectors: which series meet which, and what the result is called.
//!
//! Series meet when their signatures (the labels that count for matching) are equal. One side is the "one" side: at
//! any step it may hold one series a signature. Signatures are worked out once; then each group of series that share
//! one is computed over all steps.

use std::collections::HashMap;

use model::{Labels, METRIC_NAME};

use super::{Cardinality, Column, MatchRules, Names, Stop, Tally, in_braces, is_metadata};
use crate::{ABSENT, is_absent};

const MANY_TO_ONE: &str =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";

/// Why two vectors cannot be combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchError {
    /// Series do not meet one to one, or the result would have the same labels twice.
    Mismatch(String),
    /// Evaluation is to stop.
    Stop(Stop),
}

impl From<Stop> for MatchError {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// How two values become one.
#[derive(Debug, Clone, Copy)]
pub struct Compute {
    /// What the operator does; a comparison answers 1 or 0.
    pub function: fn(f64, f64) -> f64,
    /// Whether the operator is a comparison.
    pub is_comparison: bool,
    /// Whether a comparison keeps or drops values instead of answering 0 or 1.
    pub filters: bool,
}

/// By which labels series are matched.
pub(super) struct Signatures<'a> {
    on: bool,
    names: Names<'a>,
}

impl<'a> Signatures<'a> {
    pub(super) fn by(rules: &MatchRules<'a>) -> Self {
        Self { on: rules.on, names: Names::of(rules.labels.iter().map(String::as_str)) }
    }

    /// The labels by which a series is matched.
    pub(super) fn of(&self, labels: &Labels) -> Labels {
        if self.on {
            labels.only(|name| self.names.contains(name))
        } else {
            labels.without(|name| name == METRIC_NAME || self.names.contains(name))
        }
    }
}

/// The series of both sides that share a signature, by index.
#[derive(Default)]
struct Group {
    many: Vec<usize>,
    one: Vec<usize>,
}

/// Computes `lhs op rhs`. Names are dropped as the operator demands, except for `bool`, which its caller sees to.
///
/// Where one series meets one, the result takes the place of the many side's values, so that two large vectors take no
/// more memory together than by themselves. `tally` holds both already.
///
/// # Errors
/// See [`MatchError`].
pub fn combine(
    compute: Compute,
    rules: &MatchRules<'_>,
    (lhs, rhs): (Vec<Column>, Vec<Column>),
    steps: usize,
    tally: Tally<'_>,
) -> Result<Vec<Column>, MatchError> {
    // With group_right the right side is the many.
    let swapped = rules.cardinality == Cardinality::OneToMany;
    let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
    // Prometheus reads "left" as the many side even where group_right puts it on the right.
    let (fill_many, fill_one) = (rules.fill_left, rules.fill_right);
    let signatures = Signatures::by(rules);
    let mut order: Vec<Labels> = Vec::new();
    let mut groups: HashMap<Labels, Group> = HashMap::new();
    for (i, column) in many.iter().enumerate() {
        group(&mut groups, &mut order, signatures.of(&column.labels)).many.push(i);
    }
    for (i, column) in one.iter().enumerate() {
        group(&mut groups, &mut order, signatures.of(&column.labels)).one.push(i);
    }
    let has_several = groups.values().any(|group| group.one.len() > 1);
    let many_present = if has_several { present(&many, steps) } else { Vec::new() };
    let mut join = Join {
        rules,
        listed: Names::of(rules.labels.iter().map(String::as_str)),
        many,
        one,
        swapped,
        compute: compute.function,
        filters: compute.filters,
        keeps_name: compute.is_comparison,
        fill_many,
        fill_one,
        steps,
        out: Vec::new(),
        places: HashMap::new(),
        many_present,
        tally,
    };
    for signature in order {
        join.tally.guard().check()?;
        if let Some(group) = groups.get(&signature) {
            join.group(&signature, group)?;
        }
    }
    Ok(join.out)
}

fn group<'a>(
    groups: &'a mut HashMap<Labels, Group>,
    order: &mut Vec<Labels>,
    signature: Labels,
) -> &'a mut Group {
    groups.entry(signature).or_insert_with_key(|key| {
        order.push(key.clone());
        Group::default()
    })
}

/// At which steps any series holds a value.
fn present(columns: &[Column], steps: usize) -> Vec<bool> {
    (0..steps).map(|step| columns.iter().any(|column| !is_absent(column.values[step]))).collect()
}

struct Join<'a> {
    rules: &'a MatchRules<'a>,
    /// The labels of `on` or `ignoring`.
    listed: Names<'a>,
    /// Values of a series that has met its only partner are gone.
    many: Vec<Column>,
    one: Vec<Column>,
    swapped: bool,
    compute: fn(f64, f64) -> f64,
    /// Whether a comparison keeps or drops values instead of answering 0 or 1.
    filters: bool,
    keeps_name: bool,
    fill_many: Option<f64>,
    fill_one: Option<f64>,
    steps: usize,
    out: Vec<Column>,
    /// Where in `out` a label set stands.
    places: HashMap<(Labels, bool), usize>,
    /// Whether the many side holds anything at each step; only where it is asked for.
    many_present: Vec<bool>,
    tally: Tally<'a>,
}

impl Join<'_> {
    fn group(&mut self, signature: &Labels, group: &Group) -> Result<(), MatchError> {
        if group.one.is_empty() && self.fill_one.is_none() {
            return Ok(());
        }
        if group.many.is_empty() && self.fill_many.is_none() {
            // Nothing to compute, but two series where one is allowed are an error even so.
            let steps = if group.one.len() > 1 { 0..self.steps } else { 0..0 };
            return steps
                .into_iter()
                .try_for_each(|step| self.one_at(step, signature, &group.one).map(|_| ()));
        }
        if let (&[many], &[one], None, None) = (&*group.many, &*group.one, self.fill_many, self.fill_one) {
            return self.pair(many, one);
        }
        // The place in the result of each pair that meets, worked out when it first does; one past the end of each
        // side stands for a value filled in.
        let mut places: HashMap<(usize, usize), usize> = HashMap::new();
        for step in 0..self.steps {
            self.tally.guard().check()?;
            let one = self.one_at(step, signature, &group.one)?;
            let (mut met, mut matched) = (false, false);
            // Result places taken at this step by series of this group.
            let mut taken: Vec<usize> = Vec::new();
            for &many in &group.many {
                if is_absent(self.many[many].values[step]) {
                    continue;
                }
                met = true;
                let Some(right) = one.map(|one| self.one[one].values[step]).or(self.fill_one) else {
                    continue;
                };
                // Even if the comparison then drops one of the two: the rule must not hang on the values.
                if matched && self.rules.cardinality == Cardinality::OneToOne {
                    return Err(MatchError::Mismatch(MANY_TO_ONE.to_owned()));
                }
                matched = true;
                let Some(value) = self.value(self.many[many].values[step], right) else { continue };
                let place = self.place(&mut places, Some(many), one, signature)?;
                self.put(place, step, value, &mut taken)?;
            }
            if let (false, Some(one), Some(fill)) = (met, one, self.fill_many)
                && let Some(value) = self.value(fill, self.one[one].values[step])
            {
                let place = self.place(&mut places, None, Some(one), signature)?;
                self.put(place, step, value, &mut taken)?;
            }
        }
        Ok(())
    }

    /// One series on each side: the usual case, without any bookkeeping a step.
    fn pair(&mut self, many: usize, one: usize) -> Result<(), MatchError> {
        let mut values = std::mem::take(&mut self.many[many].values);
        let (left, right) = (&self.many[many], &self.one[one]);
        for (value, &other) in values.iter_mut().zip(&right.values) {
            let is_there = !is_absent(*value) && !is_absent(other);
            *value = if is_there { self.value(*value, other).unwrap_or(ABSENT) } else { ABSENT };
        }
        if values.iter().all(|value| is_absent(*value)) {
            return Ok(());
        }
        let labels = self.result_labels(&left.labels, Some(&right.labels));
        let drop_name = self.keeps_name && left.drop_name;
        let place = match self.places.get(&(labels.clone(), drop_name)) {
            Some(&place) => place,
            None => {
                self.places.insert((labels.clone(), drop_name), self.out.len());
                self.out.push(Column { labels, values, drop_name });
                return Ok(());
            }
        };
        for (step, value) in values.into_iter().enumerate().filter(|(_, value)| !is_absent(*value)) {
            self.put(place, step, value, &mut Vec::new())?;
        }
        Ok(())
    }

    /// What the operator makes of a value of the many side and one of the one side; `None` when it filters it out.
    fn value(&self, many: f64, one: f64) -> Option<f64> {
        let (left, right) = if self.swapped { (one, many) } else { (many, one) };
        let result = (self.compute)(left, right);
        if !self.filters {
            return Some(result);
        }
        // A filter hands on the left value, whichever side is the many.
        (result != 0.0).then_some(left)
    }

    /// The series of the one side that holds a value at `step`; several are an error.
    fn one_at(
        &self,
        step: usize,
        signature: &Labels,
        candidates: &[usize],
    ) -> Result<Option<usize>, MatchError> {
        let mut present = candidates.iter().copied().filter(|one| !is_absent(self.one[*one].values[step]));
        let first = present.next();
        let Some((first, second)) = first.zip(present.next()) else { return Ok(first) };
        // Prometheus looks no further when the other side is empty at this step.
        if !self.many_present[step] && self.fill_many.is_none() {
            return Ok(None);
        }
        let side = if self.swapped { "left" } else { "right" };
        let mut both = [in_braces(&self.one[first].labels), in_braces(&self.one[second].labels)];
        both.sort();
        let message = format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}]\
             ;many-to-many matching not allowed: matching labels must be unique on one side",
            in_braces(signature),
            both[0],
            both[1]
        );
        Err(MatchError::Mismatch(message))
    }

    fn result_labels(&self, many: &Labels, one: Option<&Labels>) -> Labels {
        let rules = self.rules;
        let one_to_one = rules.cardinality == Cardinality::OneToOne;
        let kept = many.without(|name| {
            (!self.keeps_name && is_metadata(name)) || (one_to_one && self.listed.contains(name) != rules.on)
        });
        if rules.include.is_empty() {
            return kept;
        }
        let mut builder = kept.to_builder();
        for label in rules.include {
            builder.set(label.as_str(), one.and_then(|one| one.get(label)).unwrap_or(""));
        }
        builder.build()
    }

    fn place(
        &mut self,
        places: &mut HashMap<(usize, usize), usize>,
        many: Option<usize>,
        one: Option<usize>,
        signature: &Labels,
    ) -> Result<usize, MatchError> {
        let key = (many.unwrap_or(self.many.len()), one.unwrap_or(self.one.len()));
        if let Some(&place) = places.get(&key) {
            return Ok(place);
        }
        let many_labels = many.map_or(signature, |many| &self.many[many].labels);
        let one_labels = one.map_or(signature, |one| &self.one[one].labels);
        let labels = self.result_labels(many_labels, Some(one_labels));
        let drop_name = self.keeps_name && many.is_some_and(|many| self.many[many].drop_name);
        let place = self.place_of(labels, drop_name)?;
        places.insert(key, place);
        Ok(place)
    }

    fn place_of(&mut self, labels: Labels, drop_name: bool) -> Result<usize, MatchError> {
        if let Some(&place) = self.places.get(&(labels.clone(), drop_name)) {
            return Ok(place);
        }
        self.tally.add(self.steps)?;
        self.places.insert((labels.clone(), drop_name), self.out.len());
        self.out.push(Column { labels, values: vec![ABSENT; self.steps], drop_name });
        Ok(self.out.len() - 1)
    }

    fn put(
        &mut self,
        place: usize,
        step: usize,
        value: f64,
        taken: &mut Vec<usize>,
    ) -> Result<(), MatchError> {
        let slot = &mut self.out[place].values[step];
        if is_absent(*slot) {
            *slot = value;
            taken.push(place);
            return Ok(());
        }
        let message = match self.rules.cardinality {
            Cardinality::OneToOne => MANY_TO_ONE,
            _ if taken.contains(&place) => {
                "multiple matches for labels: grouping labels must ensure unique matches"
            }
            _ => "vector cannot contain metrics with the same labelset",
        };
        Err(MatchError::Mismatch(message.into()))
    }
}
