//! Windows that slide over one series: what a range function needs to know of each, computed in one pass.
//!
//! The window of step `t` is `(t - range, t]`: open on the left, closed on the right, as in Prometheus 3.

use std::collections::VecDeque;

use crate::{ABSENT, Steps};

/// Windows of one length, one a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSteps {
    /// Where windows end.
    pub steps: Steps,
    /// How long each is, in milliseconds; above zero.
    pub range_ms: i64,
}

/// What to compute of each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowOp {
    /// Sum of the values (compensated, so that long windows do not drift).
    Sum,
    /// Smallest value; NaN only if all are NaN.
    Min,
    /// Largest value; NaN only if all are NaN.
    Max,
    /// How many values.
    Count,
    /// Arithmetic mean.
    Avg,
    /// The last value.
    Last,
}

/// Calls `visit(step, from, to)` for each step with the half-open index range of its samples in `times_ms`, which
/// must be sorted. Both indexes only move forward, so the whole costs one pass.
pub fn for_each_window(times_ms: &[i64], windows: &WindowSteps, mut visit: impl FnMut(usize, usize, usize)) {
    let (mut from, mut to) = (0, 0);
    for (i, end) in windows.steps.iter().enumerate() {
        while to < times_ms.len() && times_ms[to] <= end {
            to += 1;
        }
        while from < to && times_ms[from] <= end - windows.range_ms {
            from += 1;
        }
        visit(i, from, to);
    }
}

/// Fills `out` with `op` of each window of a series; [`ABSENT`] where a window is empty. Extremes, counts and last
/// values cost one pass however long the windows; sums and means add up blocks where windows are long, since taking
/// values out of a running sum would leave rounding behind.
pub fn window(op: WindowOp, times_ms: &[i64], values: &[f64], windows: &WindowSteps, out: &mut Vec<f64>) {
    window_by_place(op, values, windows.steps.count, |visit| for_each_window(times_ms, windows, visit), out);
}

/// As [`window`], for who knows the places of the windows without their times: `each_window` calls what it is given as
/// [`for_each_window`] does, for `count` windows in order.
pub fn window_by_place(
    op: WindowOp,
    values: &[f64],
    count: usize,
    each_window: impl FnOnce(&mut dyn FnMut(usize, usize, usize)),
    out: &mut Vec<f64>,
) {
    out.clear();
    out.resize(count, ABSENT);
    match op {
        WindowOp::Sum => {
            let blocks = Blocks::of(values);
            each_window(&mut |i, from, to| {
                if from < to {
                    let (total, carry) = blocks.sum(values, from, to);
                    out[i] = total + carry;
                }
            });
        }
        WindowOp::Avg => {
            let blocks = Blocks::of(values);
            each_window(&mut |i, from, to| {
                if from < to {
                    let ((total, carry), count) = (blocks.sum(values, from, to), (to - from) as f64);
                    // An infinite sum of finite values has a finite mean, which takes another way.
                    out[i] = if total.is_finite() {
                        total / count + carry / count
                    } else {
                        mean(&values[from..to])
                    };
                }
            });
        }
        WindowOp::Count => each(values, each_window, out, |values| values.len() as f64),
        WindowOp::Last => each(values, each_window, out, |values| values[values.len() - 1]),
        WindowOp::Min => extreme(values, each_window, out, |a, b| a <= b),
        WindowOp::Max => extreme(values, each_window, out, |a, b| a >= b),
    }
}

fn each(
    values: &[f64],
    each_window: impl FnOnce(&mut dyn FnMut(usize, usize, usize)),
    out: &mut [f64],
    of: impl Fn(&[f64]) -> f64,
) {
    each_window(&mut |i, from, to| {
        if from < to {
            out[i] = of(&values[from..to]);
        }
    });
}

/// The best value of each window. A queue holds the candidates: a value goes when a later one is as good, since it
/// will never be the best again; so the best stands in front. A window that shares nothing with the one before is
/// simply gone through.
fn extreme(
    values: &[f64],
    each_window: impl FnOnce(&mut dyn FnMut(usize, usize, usize)),
    out: &mut [f64],
    as_good: impl Fn(f64, f64) -> bool,
) {
    // Any number is better than NaN, and a NaN no better than anything but another.
    let replaces = |value: f64, best: f64| as_good(value, best) || best.is_nan();
    let mut queue: VecDeque<usize> = VecDeque::new();
    let (mut next, mut seen_to) = (0, 0);
    each_window(&mut |i, from, to| {
        let is_apart = from >= seen_to;
        seen_to = seen_to.max(to);
        if is_apart {
            queue.clear();
            next = from;
            let best =
                values[from..to].iter().copied().reduce(|best, v| if replaces(v, best) { v } else { best });
            out[i] = best.unwrap_or(ABSENT);
            return;
        }
        for at in next.max(from)..to {
            while queue.back().is_some_and(|&back| replaces(values[at], values[back])) {
                queue.pop_back();
            }
            queue.push_back(at);
        }
        next = next.max(to);
        while queue.front().is_some_and(|&front| front < from) {
            queue.pop_front();
        }
        if let (true, Some(&best)) = (from < to, queue.front()) {
            out[i] = values[best];
        }
    });
}

/// Adds `value` to a sum with its compensation (Neumaier): the smaller of the two lost low bits, which are kept
/// apart. An infinite sum has none.
#[inline]
pub fn compensated_add(value: f64, sum: f64, carry: f64) -> (f64, f64) {
    let next = sum + value;
    let carry = if next.is_infinite() {
        0.0
    } else if sum.abs() >= value.abs() {
        carry + ((sum - next) + value)
    } else {
        carry + ((value - next) + sum)
    };
    (next, carry)
}

/// The sum of two, rounded, and what rounding took, exactly: the same as [`compensated_add`] finds by asking which is
/// larger, but without the question, so that several sums are worked on at once. Says nothing where the sum, or one on
/// the way to it, is not finite.
#[inline]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let second = sum - a;
    (sum, (a - (sum - second)) + (b - second))
}

/// Values a block: long enough that a window of a month is some hundreds of blocks, short enough that its ends cost
/// little.
const BLOCK_LEN: usize = 64;

/// Sums of consecutive blocks, so that a long window need not visit each of its values.
struct Blocks(Vec<(f64, f64)>);

impl Blocks {
    fn of(values: &[f64]) -> Self {
        let mut sums = Vec::with_capacity(values.len() / BLOCK_LEN);
        let (lanes, rest) = values.as_chunks::<{ BLOCK_LEN * LANES }>();
        lanes.iter().for_each(|blocks| sums.extend(sums_of_lanes(blocks)));
        sums.extend(rest.chunks_exact(BLOCK_LEN).map(|block| add_all(block, (0.0, 0.0))));
        Self(sums)
    }

    /// The sum of `values[from..to]` and its compensation.
    fn sum(&self, values: &[f64], from: usize, to: usize) -> (f64, f64) {
        let (first, last) = (from.div_ceil(BLOCK_LEN), to / BLOCK_LEN);
        if first >= last {
            return add_all(&values[from..to], (0.0, 0.0));
        }
        let mut sum = add_all(&values[from..first * BLOCK_LEN], (0.0, 0.0));
        for &(total, carry) in &self.0[first..last] {
            sum = compensated_add(total, sum.0, sum.1);
            sum.1 += carry;
        }
        add_all(&values[last * BLOCK_LEN..to], sum)
    }
}

/// Blocks that are added up at once: an addition takes four cycles, in which four others can begin.
const LANES: usize = 4;

/// The sums of [`LANES`] blocks, each as [`add_all`] gives it.
fn sums_of_lanes(values: &[f64; BLOCK_LEN * LANES]) -> [(f64, f64); LANES] {
    let (mut totals, mut carries) = ([0.0; LANES], [0.0; LANES]);
    for i in 0..BLOCK_LEN {
        for lane in 0..LANES {
            let (total, lost) = two_sum(totals[lane], values[lane * BLOCK_LEN + i]);
            totals[lane] = total;
            carries[lane] += lost;
        }
    }
    std::array::from_fn(|lane| {
        if (totals[lane] + carries[lane]).is_finite() {
            (totals[lane], carries[lane])
        } else {
            add_carefully(&values[lane * BLOCK_LEN..(lane + 1) * BLOCK_LEN], (0.0, 0.0))
        }
    })
}

fn add_all(values: &[f64], start: (f64, f64)) -> (f64, f64) {
    let quick = values.iter().fold(start, |(sum, carry), &value| {
        let (next, lost) = two_sum(sum, value);
        (next, carry + lost)
    });
    if (quick.0 + quick.1).is_finite() { quick } else { add_carefully(values, start) }
}

/// As [`add_all`], where there are infinities or will be.
#[cold]
fn add_carefully(values: &[f64], start: (f64, f64)) -> (f64, f64) {
    values.iter().fold(start, |(sum, carry), &value| compensated_add(value, sum, carry))
}

/// A plain sum divided by the count, unless the sum overflows: from there on a running mean.
fn mean(values: &[f64]) -> f64 {
    let (mut total, mut carry) = (0.0, 0.0);
    for (i, &value) in values.iter().enumerate() {
        let next = compensated_add(value, total, carry);
        if next.0.is_infinite() && i > 0 {
            let before = i as f64;
            return running_mean(&values[i..], before, total / before, carry / before);
        }
        (total, carry) = next;
    }
    let count = values.len() as f64;
    total / count + carry / count
}

/// Goes on with a `mean` of `count` values.
fn running_mean(values: &[f64], mut count: f64, mut mean: f64, mut carry: f64) -> f64 {
    for &value in values {
        count += 1.0;
        let weight = (count - 1.0) / count;
        (mean, carry) = compensated_add(value / count, weight * mean, weight * carry);
    }
    mean + carry
}

#[cfg(test)]
mod tests {
    use model::TimestampMs;

    use super::*;

    fn windows(start: i64, end: i64, step_ms: i64, range_ms: i64) -> WindowSteps {
        WindowSteps { steps: Steps::range(TimestampMs(start), TimestampMs(end), step_ms), range_ms }
    }

    #[test]
    fn windows_are_open_on_the_left() {
        let mut seen = Vec::new();
        for_each_window(&[0, 10, 20, 30], &windows(10, 40, 10, 20), |_, from, to| seen.push((from, to)));
        assert_eq!(seen, [(0, 2), (1, 3), (2, 4), (3, 4)]);
    }

    #[test]
    fn each_op_on_one_window() {
        let (times, values) = ([1, 2, 3], [3.0, f64::NAN, 1.0]);
        let mut out = Vec::new();
        for (op, expected) in
            [(WindowOp::Min, 1.0), (WindowOp::Max, 3.0), (WindowOp::Count, 3.0), (WindowOp::Last, 1.0)]
        {
            window(op, &times, &values, &windows(3, 3, 1, 10), &mut out);
            assert_eq!(out, [expected], "{op:?}");
        }
        window(WindowOp::Sum, &[1, 2, 3, 4], &[1e100, 1.0, -1e100, 1.0], &windows(4, 4, 1, 10), &mut out);
        assert_eq!(out, [2.0]);
        window(WindowOp::Avg, &[1, 2], &[f64::MAX, f64::MAX], &windows(2, 2, 1, 10), &mut out);
        assert_eq!(out, [f64::MAX]);
        window(WindowOp::Sum, &[1], &[1.0], &windows(100, 100, 1, 10), &mut out);
        assert!(crate::is_absent(out[0]));
    }

    #[test]
    fn extremes_slide() {
        let times: Vec<i64> = (1..=8).collect();
        let values = [3.0, 1.0, f64::NAN, f64::NAN, 5.0, 4.0, 4.0, 6.0];
        let mut out = Vec::new();
        window(WindowOp::Min, &times, &values, &windows(1, 10, 1, 2), &mut out);
        assert_eq!(out[..3], [3.0, 1.0, 1.0]);
        assert!(out[3].is_nan() && !crate::is_absent(out[3]));
        assert_eq!(out[4..9], [5.0, 4.0, 4.0, 4.0, 6.0]);
        assert!(crate::is_absent(out[9]));
        window(WindowOp::Max, &times, &values, &windows(2, 8, 3, 3), &mut out);
        assert_eq!(out, [3.0, 5.0, 6.0]);
    }

    /// Whether windows overlap, touch or lie apart must not matter.
    #[test]
    fn extremes_are_those_of_each_window_by_itself() {
        let times: Vec<i64> = (1..=300).collect();
        let value = |t: &i64| if t % 11 == 0 { f64::NAN } else { (t * 7919 % 101) as f64 - 50.0 };
        let values: Vec<f64> = times.iter().map(value).collect();
        let (mut all, mut one) = (Vec::new(), Vec::new());
        for (step_ms, range_ms) in [(1, 1), (1, 5), (5, 1), (7, 7), (7, 8), (10, 33), (60, 50), (40, 299)] {
            let windows = windows(1, 320, step_ms, range_ms);
            for op in [WindowOp::Min, WindowOp::Max] {
                window(op, &times, &values, &windows, &mut all);
                for (i, at) in windows.steps.iter().enumerate() {
                    let own = WindowSteps { steps: Steps::instant(TimestampMs(at)), range_ms };
                    window(op, &times, &values, &own, &mut one);
                    let is_same = all[i].to_bits() == one[0].to_bits();
                    assert!(is_same, "{op:?} of {range_ms} before {at}: {} and {}", all[i], one[0]);
                }
            }
        }
    }

    #[test]
    fn long_windows_add_up_like_short_ones() {
        let times: Vec<i64> = (1..=1000).collect();
        let values: Vec<f64> =
            times.iter().map(|t| if t % 3 == 0 { 1e17 } else { 0.1 * *t as f64 - 7.0 }).collect();
        let mut out = Vec::new();
        for range_ms in [1, 63, 64, 65, 129, 500, 1000] {
            window(WindowOp::Sum, &times, &values, &windows(1, 1000, 7, range_ms), &mut out);
            for (step, got) in out.iter().enumerate() {
                let to = 1 + step * 7;
                let (total, carry) = add_all(&values[to.saturating_sub(range_ms as usize)..to], (0.0, 0.0));
                assert!((got - (total + carry)).abs() <= 1e-15 * got.abs(), "{range_ms} at {to}");
            }
        }
    }

    /// However blocks are added up, the bits are those of one careful addition after another.
    #[test]
    fn quick_sums_are_careful_sums() {
        let odd = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, -f64::MAX, 1e-320, -0.0, 0.0];
        let value = |i: usize| match i % 700 {
            rare @ 0..8 => odd[rare],
            _ => ((i * 7919 % 1000) as f64 - 300.0) * 10f64.powi((i % 13) as i32 - 4),
        };
        let mut state = 1usize;
        for from in (0..5000).step_by(37) {
            state = state * 31 % 977;
            let values: Vec<f64> = (from..from + BLOCK_LEN * LANES * 2 + state % 300).map(value).collect();
            let bits = |(total, carry): (f64, f64)| (total.to_bits(), carry.to_bits());
            let blocks = Blocks::of(&values);
            for (block, sum) in values.chunks_exact(BLOCK_LEN).zip(&blocks.0) {
                let careful = add_carefully(block, (0.0, 0.0));
                assert!(bits(*sum) == bits(careful) || careful.0.is_nan() && sum.0.is_nan(), "{from}");
            }
            let (quick, careful) = (add_all(&values, (0.5, 1e-20)), add_carefully(&values, (0.5, 1e-20)));
            assert!(bits(quick) == bits(careful) || careful.0.is_nan() && quick.0.is_nan(), "{from}");
        }
    }

    #[test]
    fn means_of_extreme_values() {
        let inf = f64::INFINITY;
        for (values, expected) in [
            (&[inf, 0.0, inf] as &[f64], inf),
            (&[1.0, 2.0, -inf], -inf),
            (&[1e308, 1e308, 1e308], 1e308),
            (&[1.0, 1e100, 1.0, -1e100], 0.5),
        ] {
            assert_eq!(mean(values), expected, "{values:?}");
        }
        assert!(mean(&[inf, -inf]).is_nan() && mean(&[1.0, f64::NAN]).is_nan());
    }
}
