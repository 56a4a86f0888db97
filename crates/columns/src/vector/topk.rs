//! Aggregations that hand on some of their series instead of making new ones: `topk`, `bottomk`, `limitk`,
//! `limit_ratio`.

use std::cmp::Ordering;

use model::Labels;

use super::groups::groups;
use super::{AggregateOp, Column, GroupBy, Guard, Stop, drop_empty};
use crate::{ABSENT, is_absent};

/// The series that the aggregation keeps, at the steps at which it keeps them. For one step they come group by
/// group, best first.
///
/// # Errors
/// When evaluation is to stop.
pub fn select(
    op: AggregateOp,
    by: GroupBy<'_>,
    mut columns: Vec<Column>,
    is_nameless: bool,
    params: &[f64],
    guard: &Guard<'_>,
) -> Result<Vec<Column>, Stop> {
    let groups = groups(by, &columns, is_nameless);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.labels.len()];
    groups.of_series.iter().enumerate().for_each(|(i, &id)| members[id].push(i));
    let mut order = Vec::new();
    for members in &members {
        for (step, &param) in params.iter().enumerate() {
            guard.check()?;
            let mut present: Vec<usize> =
                members.iter().copied().filter(|&i| !is_absent(columns[i].values[step])).collect();
            let kept = rank(op, &columns, &mut present, step, param);
            present[kept..].iter().for_each(|&i| columns[i].values[step] = ABSENT);
            if params.len() == 1 {
                order.extend_from_slice(&present[..kept]);
            }
        }
    }
    if params.len() == 1 {
        return Ok(order.into_iter().map(|i| columns[i].clone()).collect());
    }
    drop_empty(&mut columns);
    Ok(columns)
}

/// Puts those to keep first; returns how many they are.
fn rank(op: AggregateOp, columns: &[Column], present: &mut [usize], step: usize, param: f64) -> usize {
    let value = |i: usize| columns[i].values[step];
    // The parameter was checked to fit; below one it keeps nothing.
    let kept = (param.max(0.0) as usize).min(present.len());
    let direction: fn(Ordering) -> Ordering = match op {
        AggregateOp::Topk => Ordering::reverse,
        AggregateOp::Bottomk => |order| order,
        AggregateOp::LimitRatio => {
            let ratio = param.clamp(-1.0, 1.0);
            let chosen = |i: usize| {
                let share = share(&columns[i].labels);
                if ratio >= 0.0 { share < ratio } else { share >= 1.0 + ratio }
            };
            present.sort_by_key(|&i| !chosen(i));
            return present.iter().filter(|&&i| chosen(i)).count();
        }
        _ => return kept,
    };
    // Of equals the first comes first.
    let order = |a: &usize, b: &usize| nan_last(value(*a), value(*b), direction).then(a.cmp(b));
    if kept < present.len() {
        present.select_nth_unstable_by(kept, order);
    }
    present[..kept].sort_unstable_by(order);
    kept
}

/// Compares by value with NaN behind everything, whichever way the rest goes.
pub fn nan_last(a: f64, b: f64, direction: fn(Ordering) -> Ordering) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => direction(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
        (a, b) => a.cmp(&b),
    }
}

/// Where in `[0, 1)` a label set falls: the same at every step and in every run (FNV-1a and a final mix).
fn share(labels: &Labels) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for (name, value) in labels {
        for byte in name.bytes().chain([0]).chain(value.bytes()).chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 11) as f64 / (1u64 << 53) as f64
}
