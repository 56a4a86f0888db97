//! `and`, `or`, `unless`: which series of one side survive, by what the other side holds at the same step.

use std::collections::HashMap;

use model::Labels;

use super::matching::Signatures;
use super::{BinaryOp, Column, MatchRules};
use crate::{ABSENT, is_absent};

/// For each signature, at which steps any series with it holds a value.
fn presence(signatures: &Signatures<'_>, columns: &[Column], steps: usize) -> HashMap<Labels, Vec<bool>> {
    let mut present: HashMap<Labels, Vec<bool>> = HashMap::new();
    for column in columns {
        let steps = present.entry(signatures.of(&column.labels)).or_insert_with(|| vec![false; steps]);
        for (step, value) in steps.iter_mut().zip(&column.values) {
            *step |= !is_absent(*value);
        }
    }
    present
}

/// Keeps the values at steps where the other side's presence is `wanted`; drops series that keep none.
fn keep(
    columns: Vec<Column>,
    signatures: &Signatures<'_>,
    present: &HashMap<Labels, Vec<bool>>,
    wanted: bool,
) -> Vec<Column> {
    let kept = columns.into_iter().filter_map(|mut column| {
        match present.get(&signatures.of(&column.labels)) {
            None if wanted => return None,
            None => {}
            Some(steps) => {
                for (value, _) in column.values.iter_mut().zip(steps).filter(|(_, there)| **there != wanted) {
                    *value = ABSENT;
                }
            }
        }
        column.values.iter().any(|value| !is_absent(*value)).then_some(column)
    });
    kept.collect()
}

/// The result of a set operator.
pub fn combine(
    op: BinaryOp,
    rules: &MatchRules<'_>,
    lhs: Vec<Column>,
    rhs: Vec<Column>,
    steps: usize,
) -> Vec<Column> {
    let signatures = &Signatures::by(rules);
    match op {
        BinaryOp::And => keep(lhs, signatures, &presence(signatures, &rhs, steps), true),
        BinaryOp::Unless => keep(lhs, signatures, &presence(signatures, &rhs, steps), false),
        _ => {
            let present = presence(signatures, &lhs, steps);
            let rest = keep(rhs, signatures, &present, false);
            join(lhs, rest)
        }
    }
}

/// Both sides of an `or`. A series of the right that the left has too (at other steps) becomes one with it.
fn join(mut lhs: Vec<Column>, rest: Vec<Column>) -> Vec<Column> {
    let mut places: HashMap<(Labels, bool), usize> =
        lhs.iter().enumerate().map(|(i, column)| ((column.labels.clone(), column.drop_name), i)).collect();
    for column in rest {
        match places.get(&(column.labels.clone(), column.drop_name)) {
            Some(&i) => {
                for (into, from) in lhs[i].values.iter_mut().zip(&column.values) {
                    if is_absent(*into) {
                        *into = *from;
                    }
                }
            }
            None => {
                places.insert((column.labels.clone(), column.drop_name), lhs.len());
                lhs.push(column);
            }
        }
    }
    lhs
}
