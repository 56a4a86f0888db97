//! Functions over windows of one series.

use columns::rate::{RATE, Stretches};
use columns::window::for_each_window;
use columns::{ABSENT, Edges, WindowOp, WindowSteps, spread, window};

use super::samples::{Join, Sample, SeriesSamples};
use crate::ast::RangeOp;

/// Memory that a worker uses again from series to series.
#[derive(Default)]
pub(super) struct Scratch {
    edges: Edges,
    stretches: Stretches,
    sorted: Vec<f64>,
}

/// What a function needs of each line, and how much of it must be kept.
pub(super) fn needs(op: RangeOp, is_unwrapped: bool) -> (Sample, Join) {
    match op {
        RangeOp::Rate if is_unwrapped => (Sample::Unwrapped, Join::Add),
        RangeOp::CountOverTime | RangeOp::Rate => (Sample::Line, Join::Add),
        // Whether there is any line is all that counts.
        RangeOp::AbsentOverTime => (Sample::Line, Join::Larger),
        RangeOp::BytesOverTime | RangeOp::BytesRate => (Sample::Bytes, Join::Add),
        RangeOp::SumOverTime => (Sample::Unwrapped, Join::Add),
        RangeOp::AvgOverTime => (Sample::Unwrapped, Join::Mean),
        RangeOp::MinOverTime => (Sample::Unwrapped, Join::Smaller),
        RangeOp::MaxOverTime => (Sample::Unwrapped, Join::Larger),
        _ => (Sample::Unwrapped, Join::Never),
    }
}

/// The value of each window; [`ABSENT`] where it is empty.
pub(super) fn column(
    op: RangeOp,
    param: Option<f64>,
    SeriesSamples { times_ms, values, counts, .. }: &SeriesSamples,
    windows: &WindowSteps,
    scratch: &mut Scratch,
) -> Vec<f64> {
    let mut out = Vec::new();
    let simple = |op: WindowOp, out: &mut Vec<f64>| window::window(op, times_ms, values, windows, out);
    let seconds = windows.range_ms as f64 / 1000.0;
    match op {
        RangeOp::CountOverTime | RangeOp::BytesOverTime | RangeOp::SumOverTime => {
            simple(WindowOp::Sum, &mut out)
        }
        RangeOp::Rate | RangeOp::BytesRate => {
            simple(WindowOp::Sum, &mut out);
            out.iter_mut().filter(|value| !columns::is_absent(**value)).for_each(|value| *value /= seconds);
        }
        RangeOp::AvgOverTime => {
            simple(WindowOp::Sum, &mut out);
            let mut divisors = Vec::new();
            window::window(WindowOp::Sum, times_ms, counts, windows, &mut divisors);
            let means = out.iter_mut().zip(divisors).filter(|(sum, _)| !columns::is_absent(**sum));
            means.for_each(|(sum, count)| *sum /= count);
        }
        RangeOp::MinOverTime => simple(WindowOp::Min, &mut out),
        RangeOp::MaxOverTime | RangeOp::AbsentOverTime => simple(WindowOp::Max, &mut out),
        RangeOp::LastOverTime => simple(WindowOp::Last, &mut out),
        RangeOp::FirstOverTime => each(times_ms, values, windows, &mut out, |values| values[0]),
        RangeOp::StdvarOverTime => each(times_ms, values, windows, &mut out, spread::stdvar),
        RangeOp::StddevOverTime => {
            each(times_ms, values, windows, &mut out, |values| spread::stdvar(values).sqrt());
        }
        RangeOp::QuantileOverTime => each(times_ms, values, windows, &mut out, |values| {
            scratch.sorted.clear();
            scratch.sorted.extend_from_slice(values);
            spread::quantile(param.unwrap_or(f64::NAN), &mut scratch.sorted)
        }),
        RangeOp::RateCounter => {
            scratch.edges.fill(times_ms, values, windows);
            RATE.column(&scratch.edges, windows, &mut scratch.stretches, &mut out);
        }
    }
    out
}

fn each(
    times_ms: &[i64],
    values: &[f64],
    windows: &WindowSteps,
    out: &mut Vec<f64>,
    mut of: impl FnMut(&[f64]) -> f64,
) {
    out.clear();
    out.resize(windows.steps.count, ABSENT);
    for_each_window(times_ms, windows, |i, from, to| {
        if from < to {
            out[i] = of(&values[from..to]);
        }
    });
}
