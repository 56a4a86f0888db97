//! Times of a chunk: start, step and what deviates, so that the place of a time is arithmetic.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::pack::{bits_of, packed_bytes, put_packed, read_bits};

/// Step, width, zero, number of runs.
const HEAD_BYTES: usize = 12;
/// Index of the first sample, base.
const RUN_BYTES: usize = 10;

/// A way to write times, and what it takes.
struct Plan {
    step: i64,
    width: u32,
    /// Index of the first sample and base of each run.
    runs: Vec<(usize, i64)>,
}

impl Plan {
    fn len_bytes(&self, count: usize) -> usize {
        self.runs.len() * RUN_BYTES + packed_bytes(count, self.width)
    }

    /// Runs of this step that begin anew where a time is more than `tolerance` from where it should be. `None` when
    /// numbers do not fit.
    fn with(times: &[i64], step: i64, tolerance: i64) -> Option<Self> {
        let mut runs: Vec<(usize, i64)> = Vec::new();
        let (mut first, mut widest) = (0, 0u64);
        let (mut low, mut high) = (0i64, 0i64);
        let mut due = *times.first()?;
        let mut start = due;
        for (i, at) in times.iter().enumerate() {
            let off = at.checked_sub(due)?;
            if off.unsigned_abs() > tolerance.unsigned_abs() {
                runs.push((first, start.checked_add(low)?));
                widest = widest.max(high.checked_sub(low)? as u64);
                (first, start, due, low, high) = (i, *at, *at, 0, 0);
            } else {
                (low, high) = (low.min(off), high.max(off));
            }
            due = due.checked_add(step)?;
        }
        runs.push((first, start.checked_add(low)?));
        widest = widest.max(high.checked_sub(low)? as u64);
        Some(Self { step, width: bits_of(widest), runs })
    }

    /// One run without a step: fits whatever the times.
    fn plain(times: &[i64]) -> Self {
        let (first, last) = (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0));
        Self { step: 0, width: bits_of(last.wrapping_sub(first) as u64), runs: vec![(0, first)] }
    }

    fn best(times: &[i64]) -> Self {
        let mut best = Self::plain(times);
        let mut gaps: Vec<i64> =
            times.iter().zip(times.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a)).collect();
        if gaps.is_empty() {
            return best;
        }
        let middle = gaps.len() / 2;
        let usual = *gaps.select_nth_unstable(middle).1;
        let mean = match times {
            [first, .., last] => last.checked_sub(*first).map_or(0, |span| span / gaps.len() as i64),
            _ => 0,
        };
        for (step, tolerance) in [(usual, usual / 2), (usual, 8), (mean, i64::MAX)] {
            let plan =
                Some(step).filter(|step| *step > 0).and_then(|step| Self::with(times, step, tolerance));
            if let Some(plan) = plan
                && plan.runs.len() <= usize::from(u16::MAX)
                && plan.len_bytes(times.len()) < best.len_bytes(times.len())
            {
                best = plan;
            }
        }
        best
    }
}

/// Appends the times section.
pub(crate) fn put_times(times: &[i64], out: &mut Vec<u8>) {
    let plan = Plan::best(times);
    out.extend_from_slice(&plan.step.to_le_bytes());
    out.extend_from_slice(&[plan.width as u8, 0]);
    out.extend_from_slice(&(plan.runs.len() as u16).to_le_bytes());
    for (first, base) in &plan.runs {
        out.extend_from_slice(&(*first as u16).to_le_bytes());
        out.extend_from_slice(&base.to_le_bytes());
    }
    let mut run = 0;
    let residuals = times.iter().enumerate().map(|(i, at)| {
        if plan.runs.get(run + 1).is_some_and(|(first, _)| *first <= i) {
            run += 1;
        }
        let (first, base) = plan.runs.get(run).copied().unwrap_or((0, 0));
        at.wrapping_sub(base.wrapping_add(plan.step.wrapping_mul((i - first) as i64))) as u64
    });
    put_packed(residuals, plan.width, out);
}

/// The times section, to be read at any place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times<'a> {
    count: usize,
    step: i64,
    width: u32,
    run_count: usize,
    runs: &'a [u8],
    packed: &'a [u8],
    /// Base of the first run, which most often is the only one.
    base: i64,
}

impl<'a> Times<'a> {
    /// The section that begins with these bytes; `None` when they are none.
    pub(crate) fn parse(bytes: &'a [u8], count: usize) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let [s0, s1, s2, s3, s4, s5, s6, s7, width, _, r0, r1] = *head;
        let step = i64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        let (width, run_count) = (u32::from(width), usize::from(u16::from_le_bytes([r0, r1])));
        let (runs, rest) = rest.split_at_checked(run_count * RUN_BYTES)?;
        if width > 64 || run_count == 0 || run_count > count || packed_bytes(count, width) > rest.len() {
            return None;
        }
        let mut this = Self { count, step, width, run_count, runs, packed: rest, base: 0 };
        this.base = this.run(0).1;
        Some(this)
    }

    /// Index of the first sample of run `r`, and its base.
    #[inline]
    fn run(&self, r: usize) -> (usize, i64) {
        let run = self.runs.get(r * RUN_BYTES..).and_then(<[u8]>::first_chunk::<RUN_BYTES>);
        let Some([f0, f1, base @ ..]) = run else { return (self.count, i64::MAX) };
        (usize::from(u16::from_le_bytes([*f0, *f1])), i64::from_le_bytes(*base))
    }

    /// The first of the runs from 1 on for which `is_beyond` holds; it holds for none before one for which it does.
    #[inline]
    fn run_before(&self, mut is_beyond: impl FnMut(usize, i64) -> bool) -> usize {
        let (mut low, mut high) = (1, self.run_count);
        while low < high {
            let middle = usize::midpoint(low, high);
            let (first, base) = self.run(middle);
            if is_beyond(first, base) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low - 1
    }

    /// The time of sample `i`.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> i64 {
        if self.run_count == 1 {
            return self.in_run(0, self.base, i);
        }
        let (first, base) = self.run(self.run_before(|first, _| first > i));
        self.in_run(first, base, i)
    }

    #[inline]
    fn in_run(&self, first: usize, base: i64, i: usize) -> i64 {
        let due = base.wrapping_add(self.step.wrapping_mul(i.wrapping_sub(first) as i64));
        due.wrapping_add(read_bits(self.packed, i * self.width as usize, self.width) as i64)
    }

    /// How many samples are not after `at_ms`.
    #[inline]
    pub(crate) fn until(&self, at_ms: i64) -> usize {
        let run = if self.run_count == 1 {
            0
        } else {
            self.run_before(|first, base| self.in_run(first, base, first) > at_ms)
        };
        let (first, base) = if run == 0 { (0, self.base) } else { self.run(run) };
        let end = if run + 1 < self.run_count { self.run(run + 1).0 } else { self.count };
        let len = end.saturating_sub(first);
        let (mut low, mut high) = self.bracket(base, len, at_ms);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.in_run(first, base, first + middle) <= at_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (first + low).min(self.count)
    }

    /// How many of a run's `len` samples are at least, and at most, not after `at_ms`.
    #[inline]
    fn bracket(&self, base: i64, len: usize, at_ms: i64) -> (usize, usize) {
        let (Some(since), Ok(step)) = (at_ms.checked_sub(base), u64::try_from(self.step)) else {
            return (0, len);
        };
        if since < 0 {
            return (0, 0);
        }
        if step == 0 {
            return (0, len);
        }
        let places = |ms: u64| usize::try_from(ms / step).unwrap_or(usize::MAX).saturating_add(1).min(len);
        let high = places(since as u64);
        if self.width == 0 {
            return (high, high);
        }
        let late_max = u64::MAX >> (64 - self.width);
        ((since as u64).checked_sub(late_max).map_or(0, places), high)
    }

    /// Appends the times of the samples `from..to`.
    pub(crate) fn decode(&self, from: usize, to: usize, out: &mut Vec<i64>) {
        let to = to.min(self.count);
        out.reserve(to.saturating_sub(from));
        let mut at = from;
        let mut run = self.run_before(|first, _| first > from);
        while at < to {
            let (first, base) = self.run(run);
            let end = if run + 1 < self.run_count { self.run(run + 1).0.min(to) } else { to };
            if end <= at && run + 1 >= self.run_count {
                return;
            }
            out.extend((at..end).map(|i| self.in_run(first, base, i)));
            (at, run) = (at.max(end), run + 1);
        }
    }
}
