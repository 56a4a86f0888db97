//! The samples of one series from blocks and head, one run of them after another, answered at any place.
//!
//! What a question needs is looked up in the chunks; only what cannot be looked up is decoded. Every answer is that of
//! the defaults of [`storage::SeriesSet`] over all samples, bit by bit.

use columns::{Edges, Falls, Spans, Steps, WindowOp, WindowSteps, window};
use storage::{Samples, StepValues};

use crate::block::chunk::ChunkView;

/// Bits in which sums of integers are exact.
const EXACT_BITS: u32 = 53;

/// Where more than one of so many samples are asked for one by one, their values are decoded at once: a look at one place takes
/// as long as decoding so many in a row, or longer.
const DENSE_PART: usize = 8;

/// Samples that are there already.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    samples: Samples,
    /// Running sums of the values, and bits of the greatest, where all are integers.
    sums: Option<(Vec<i64>, u32)>,
}

#[derive(Debug)]
enum Source<'a> {
    Chunk(Box<ChunkView<'a>>),
    Plain(Plain),
}

/// Samples `from..from + len` of a source; `before` are in runs before this.
#[derive(Debug)]
struct Run<'a> {
    source: Source<'a>,
    from: usize,
    len: usize,
    before: usize,
    first_ms: i64,
    /// The values of a chunk, all of them or none.
    values: Vec<f64>,
}

/// Samples of one series in a range of time.
#[derive(Debug, Default)]
pub(crate) struct Timeline<'a> {
    runs: Vec<Run<'a>>,
    len: usize,
}

/// A place in a timeline that moves forward.
#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    run: usize,
}

impl Plain {
    fn new(samples: Samples) -> Self {
        Self { samples, sums: None }
    }

    /// As [`ChunkView::integer_bits`].
    fn integer_bits(&mut self) -> Option<u32> {
        if self.sums.is_none() {
            let (mut sum, mut greatest) = (0i64, 0u64);
            let mut sums = vec![0];
            for value in &self.samples.values {
                if value.fract() != 0.0 || value.abs() >= (1u64 << EXACT_BITS) as f64 || value.is_nan() {
                    return None;
                }
                sum = sum.wrapping_add(*value as i64);
                greatest = greatest.max((*value as i64).unsigned_abs());
                sums.push(sum);
            }
            self.sums = Some((sums, 64 - greatest.leading_zeros()));
        }
        self.sums.as_ref().map(|(_, bits)| *bits)
    }
}

impl Run<'_> {
    /// How many samples of the run are not after `at_ms`.
    #[inline]
    fn until(&self, at_ms: i64) -> usize {
        let until = match &self.source {
            Source::Chunk(chunk) => chunk.times.until(at_ms),
            Source::Plain(plain) => plain.samples.times_ms.partition_point(|t| *t <= at_ms),
        };
        until.saturating_sub(self.from).min(self.len)
    }

    #[inline]
    fn sample(&self, i: usize) -> (i64, f64) {
        match &self.source {
            Source::Chunk(chunk) => {
                let value = self.values.get(i).copied();
                (chunk.times.at(self.from + i), value.unwrap_or_else(|| chunk.value(self.from + i)))
            }
            Source::Plain(plain) => {
                (plain.samples.times_ms[self.from + i], plain.samples.values[self.from + i])
            }
        }
    }

    fn decode_values(&self, from: usize, to: usize, out: &mut Vec<f64>) {
        if let Some(values) = self.values.get(from..to) {
            out.extend_from_slice(values);
            return;
        }
        let (from, to) = (self.from + from, self.from + to);
        match &self.source {
            Source::Chunk(chunk) => chunk.decode_values(from, to, out),
            Source::Plain(plain) => out.extend_from_slice(&plain.samples.values[from..to]),
        }
    }

    fn sum(&self, from: usize, to: usize) -> i64 {
        let (from, to) = (self.from + from, self.from + to);
        match &self.source {
            Source::Chunk(chunk) => chunk.integer_sum(from, to),
            Source::Plain(plain) => {
                plain.sums.as_ref().map_or(0, |(sums, _)| sums[to].wrapping_sub(sums[from]))
            }
        }
    }

    /// Decodes the values of a chunk, for many looks.
    fn unpack(&mut self) {
        if let Source::Chunk(chunk) = &self.source
            && self.values.is_empty()
        {
            chunk.decode_values(self.from, self.from + self.len, &mut self.values);
        }
    }

    /// Decodes a chunk of integers that has no sums, so that there are some.
    fn add_up(&mut self) {
        if let Source::Chunk(chunk) = &self.source
            && chunk.integer_bits().is_some()
            && !chunk.has_sums()
        {
            let mut samples = Samples::default();
            chunk.decode(self.from, self.from + self.len, &mut samples);
            (self.source, self.from) = (Source::Plain(Plain::new(samples)), 0);
        }
    }

    /// Whether the smallest value is the first and the greatest the last, without a doubt about zeros.
    fn rises_by_integers(&self) -> bool {
        matches!(&self.source, Source::Chunk(chunk) if chunk.rises() && chunk.integer_bits().is_some())
    }
}

impl<'a> Timeline<'a> {
    /// Adds a chunk's samples from `from_ms` to `to_ms`. Where there must be no stale markers, they are taken out.
    pub(crate) fn add_chunk(&mut self, chunk: ChunkView<'a>, from_ms: i64, to_ms: i64, without_stale: bool) {
        let from = from_ms.checked_sub(1).map_or(0, |before_ms| chunk.times.until(before_ms));
        let to = chunk.times.until(to_ms);
        if without_stale && chunk.has_stale() {
            let mut samples = Samples::default();
            chunk.decode(from, to, &mut samples);
            self.add_samples(samples, true);
        } else if from < to {
            let first_ms = chunk.times.at(from);
            self.push(Source::Chunk(Box::new(chunk)), from, to - from, first_ms);
        }
    }

    /// Adds samples that are there already.
    pub(crate) fn add_samples(&mut self, mut samples: Samples, without_stale: bool) {
        if without_stale && samples.values.iter().any(|value| model::is_stale(*value)) {
            let mut kept = Samples::default();
            let all = samples.times_ms.iter().zip(&samples.values);
            all.filter(|(_, value)| !model::is_stale(**value)).for_each(|(at, value)| kept.push(*at, *value));
            samples = kept;
        }
        let (len, first_ms) = (samples.times_ms.len(), samples.times_ms.first().copied());
        if let Some(first_ms) = first_ms {
            self.push(Source::Plain(Plain::new(samples)), 0, len, first_ms);
        }
    }

    fn push(&mut self, source: Source<'a>, from: usize, len: usize, first_ms: i64) {
        self.runs.push(Run { source, from, len, before: self.len, first_ms, values: Vec::new() });
        self.len += len;
    }

    /// Makes ready for so many looks at samples.
    fn prepare(&mut self, looks: usize) {
        if looks.saturating_mul(DENSE_PART) >= self.len {
            self.runs.iter_mut().for_each(Run::unpack);
        }
    }

    /// How many samples are not after `at_ms`, which grows from call to call with one cursor.
    #[inline]
    fn until(&self, at_ms: i64, cursor: &mut Cursor) -> usize {
        while self.runs.get(cursor.run + 1).is_some_and(|run| run.first_ms <= at_ms) {
            cursor.run += 1;
        }
        self.runs.get(cursor.run).map_or(0, |run| run.before + run.until(at_ms))
    }

    /// Sample `i`, in the run at the cursor or in one near it.
    #[inline]
    fn sample(&self, i: usize, cursor: Cursor) -> (i64, f64) {
        let run = &self.runs[self.run_of(i, cursor.run)];
        run.sample(i - run.before)
    }

    #[inline]
    fn run_of(&self, i: usize, near: usize) -> usize {
        let mut at = near;
        while self.runs[at].before > i {
            at -= 1;
        }
        while i >= self.runs[at].before + self.runs[at].len {
            at += 1;
        }
        at
    }

    /// As the default of [`storage::SeriesSet::values_at`]. Returns samples read, as all here.
    pub(crate) fn values_at(&mut self, steps: &Steps, lookback_ms: i64, out: &mut StepValues) -> usize {
        self.prepare(steps.count);
        out.values.clear();
        out.times_ms.clear();
        let mut cursor = Cursor::default();
        let mut read = 0;
        for at_ms in steps.iter() {
            let newest = self.until(at_ms, &mut cursor).checked_sub(1).map(|i| self.sample(i, cursor));
            read += usize::from(newest.is_some());
            let newest = newest.filter(|(of_ms, _)| *of_ms > at_ms - lookback_ms);
            out.values.push(newest.map_or(columns::ABSENT, |(_, value)| value));
            out.times_ms.push(newest.map_or(0, |(of_ms, _)| of_ms));
        }
        read
    }

    /// As the default of [`storage::SeriesSet::window_edges`], without stale markers.
    pub(crate) fn edges(&mut self, windows: &WindowSteps, out: &mut Edges) -> usize {
        self.prepare(windows.steps.count.saturating_mul(2));
        let falls = self.falls();
        let mut read = 0;
        let count = windows.steps.count;
        let mut spans = Spans { count: vec![0; count], first_ms: vec![0; count], last_ms: vec![0; count] };
        let (mut firsts, mut lasts) = (vec![0.0; count], vec![0.0; count]);
        let mut resets = if falls.is_empty() { Vec::new() } else { vec![0.0; count] };
        self.for_each_window(windows, |i, (from, at_from), (to, at_to)| {
            let ((first_ms, first), (last_ms, last)) =
                (self.sample(from, at_from), self.sample(to - 1, at_to));
            read += 2;
            spans.count[i] = (to - from) as u32;
            (spans.first_ms[i], firsts[i]) = (first_ms, first);
            (spans.last_ms[i], lasts[i]) = (last_ms, last);
            if let Some(reset) = resets.get_mut(i) {
                *reset = falls.between(from, to - 1);
            }
        });
        out.give(spans, windows);
        (out.first, out.last, out.resets) = (firsts, lasts, resets);
        read
    }

    /// Calls `visit` with each window that has samples: its number, and its first and end with cursors near them.
    fn for_each_window(
        &self,
        windows: &WindowSteps,
        mut visit: impl FnMut(usize, (usize, Cursor), (usize, Cursor)),
    ) {
        let (mut left, mut right) = (Cursor::default(), Cursor::default());
        for (i, end_ms) in windows.steps.iter().enumerate() {
            let to = self.until(end_ms, &mut right);
            let from = self.until(end_ms - windows.range_ms, &mut left);
            if from < to {
                visit(i, (from, left), (to, right));
            }
        }
    }

    /// Where the series falls, and from what.
    fn falls(&self) -> Falls {
        let mut falls = Falls::default();
        let mut previous = f64::NEG_INFINITY;
        for run in &self.runs {
            let mut fall = |i: usize, value: f64| {
                if value < previous {
                    falls.push(run.before + i, previous);
                }
                previous = value;
            };
            if matches!(&run.source, Source::Chunk(chunk) if chunk.rises()) {
                fall(0, run.sample(0).1);
                previous = run.sample(run.len - 1).1;
            } else {
                let mut values = Vec::new();
                run.decode_values(0, run.len, &mut values);
                values.iter().enumerate().for_each(|(i, value)| fall(i, *value));
            }
        }
        falls
    }

    /// As the default of [`storage::SeriesSet::window`], without stale markers.
    pub(crate) fn window(&mut self, op: WindowOp, windows: &WindowSteps, out: &mut Vec<f64>) -> usize {
        out.clear();
        out.resize(windows.steps.count, columns::ABSENT);
        let is_done = match op {
            WindowOp::Count => {
                self.for_each_window(windows, |i, (from, _), (to, _)| out[i] = (to - from) as f64);
                true
            }
            WindowOp::Last => {
                self.prepare(windows.steps.count);
                self.for_each_window(windows, |i, _, (to, cursor)| out[i] = self.sample(to - 1, cursor).1);
                true
            }
            WindowOp::Sum => self.sums(windows, out, |sum, _| sum),
            WindowOp::Avg => self.sums(windows, out, |sum, count| sum / count),
            WindowOp::Min | WindowOp::Max => self.extremes(op, windows, out),
        };
        if is_done {
            return 2 * windows.steps.count.min(self.len);
        }
        let mut values = Vec::with_capacity(self.len);
        self.runs.iter().for_each(|run| run.decode_values(0, run.len, &mut values));
        let each = |visit: &mut dyn FnMut(usize, usize, usize)| {
            self.for_each_window(windows, |i, (from, _), (to, _)| visit(i, from, to));
        };
        window::window_by_place(op, &values, windows.steps.count, each, out);
        values.len()
    }

    /// Sums of integers, where they are exact; false when they may not be.
    fn sums(&mut self, windows: &WindowSteps, out: &mut [f64], of: impl Fn(f64, f64) -> f64) -> bool {
        let mut bits = 0;
        // Where windows overlap, a sum would be added up again and again.
        let has_overlaps = windows.range_ms > windows.steps.step_ms;
        for run in &mut self.runs {
            if has_overlaps {
                run.add_up();
            }
            let own = match &mut run.source {
                Source::Chunk(chunk) => chunk.integer_bits(),
                Source::Plain(plain) => plain.integer_bits(),
            };
            let Some(own) = own else { return false };
            bits = bits.max(own);
        }
        let mut is_exact = true;
        self.for_each_window(windows, |i, (from, left), (to, _)| {
            is_exact &= bits + usize::BITS - (to - from).leading_zeros() <= EXACT_BITS;
            if is_exact {
                out[i] = of(self.integer_sum(from, to, left) as f64, (to - from) as f64);
            }
        });
        is_exact
    }

    fn integer_sum(&self, from: usize, to: usize, near: Cursor) -> i64 {
        let mut sum = 0i64;
        let first = self.run_of(from, near.run);
        for run in self.runs[first..].iter().take_while(|run| run.before < to) {
            let begin = from.saturating_sub(run.before);
            sum = sum.wrapping_add(run.sum(begin, (to - run.before).min(run.len)));
        }
        sum
    }

    /// Extremes of a series that only rises: the ends of each window.
    fn extremes(&self, op: WindowOp, windows: &WindowSteps, out: &mut [f64]) -> bool {
        if !self.runs.iter().all(Run::rises_by_integers) || !self.falls().is_empty() {
            return false;
        }
        self.for_each_window(windows, |i, (from, left), (to, right)| {
            out[i] = match op {
                WindowOp::Min => self.sample(from, left).1,
                _ => self.sample(to - 1, right).1,
            };
        });
        true
    }
}
