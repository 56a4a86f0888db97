//! First and last sample of each window, and what a counter lost between them.
//!
//! Series that come from one scrape have the same times, so the place of each window's ends among the samples is the
//! same for all of them. [`Edges`] remembers it for the times it has met: then a series costs two reads a window and one
//! comparison of its times, and whoever derives something from the times alone ([`Spans`]) can do so once, too.

use crate::WindowSteps;
use crate::falls::Falls;
use crate::window::for_each_window;

/// Sorts of times remembered: targets of a usual fleet, of which each has its own.
const KNOWN_MAX: usize = 64;
/// Windows and samples of all sorts of times together: some megabytes a worker, however long a query's range is.
const KNOWN_LENGTH_MAX: usize = 1 << 17;

/// First and last sample of each window of one series, and the memory to find them, so that one value serves many
/// series. Where [`Spans::count`] is 0 a window is empty, and the other fields say nothing. All columns have one entry
/// a step.
#[derive(Debug, Default)]
pub struct Edges {
    /// Value of the first sample.
    pub first: Vec<f64>,
    /// Value of the last sample.
    pub last: Vec<f64>,
    /// Sum of the values from which the series fell: what to add to `last - first` of a counter. Empty when it never
    /// fell, which is the usual case.
    pub resets: Vec<f64>,
    known: Vec<Known>,
    /// Which of `known` was filled in last, and which is to be forgotten next.
    current: usize,
    oldest: usize,
    /// How many sorts of times were met.
    met: u64,
}

/// What the times alone say of each window.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Spans {
    /// Samples in the window.
    pub count: Vec<u32>,
    /// Time of the first sample, milliseconds.
    pub first_ms: Vec<i64>,
    /// Time of the last sample, milliseconds.
    pub last_ms: Vec<i64>,
}

/// Names the times of a series among those that one [`Edges`] has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpansId {
    /// Below [`SpansId::PLACES_MAX`]: where to keep what was derived from them.
    pub place: usize,
    /// Above 0. Another number at the same place means other times.
    pub number: u64,
}

impl SpansId {
    /// How many places there are.
    pub const PLACES_MAX: usize = KNOWN_MAX;
}

/// Times, and where windows begin and end among them.
#[derive(Debug)]
struct Known {
    windows: WindowSteps,
    times_ms: Vec<i64>,
    number: u64,
    /// Whether the spans were given, and the times are not known.
    is_given: bool,
    /// Index of the first and of the last sample of each window.
    bounds: Vec<(u32, u32)>,
    spans: Spans,
}

impl Edges {
    /// Finds the edges of each window of a series, whose times are sorted.
    pub fn fill(&mut self, times_ms: &[i64], values: &[f64], windows: &WindowSteps) {
        assert_eq!(times_ms.len(), values.len(), "a value for each time");
        self.current = self.find(times_ms, windows);
        let known = &self.known[self.current];
        self.first.clear();
        self.last.clear();
        self.resets.clear();
        if values.is_empty() {
            self.first.resize(windows.steps.count, 0.0);
            self.last.resize(windows.steps.count, 0.0);
            return;
        }
        // Bounds of an empty window are zeros, which may be read.
        self.first.extend(known.bounds.iter().map(|&(from, _)| values[from as usize]));
        self.last.extend(known.bounds.iter().map(|&(_, to)| values[to as usize]));
        let falls = Falls::of(values);
        if !falls.is_empty() {
            let lost = |&(from, to): &(u32, u32)| falls.between(from as usize, to as usize);
            self.resets.extend(known.bounds.iter().map(lost));
        }
    }

    /// Takes what the times say of each window from who knows it without them, and empties the other columns, which
    /// the caller fills.
    pub fn give(&mut self, spans: Spans, windows: &WindowSteps) {
        assert_eq!(spans.count.len(), windows.steps.count, "a span for each window");
        self.first.clear();
        self.last.clear();
        self.resets.clear();
        let is_same = |known: &Known| known.is_given && known.windows == *windows && known.spans == spans;
        if self.known.get(self.current).is_some_and(is_same) {
            return;
        }
        if let Some(place) = self.known.iter().position(is_same) {
            self.current = place;
            return;
        }
        let length = windows.steps.count;
        self.current = self.remember(length, |number| Known {
            windows: *windows,
            times_ms: Vec::new(),
            number,
            is_given: true,
            bounds: Vec::new(),
            spans,
        });
    }

    /// What the times of the series say of its windows.
    pub fn spans(&self) -> &Spans {
        static NONE: Spans = Spans { count: Vec::new(), first_ms: Vec::new(), last_ms: Vec::new() };
        self.known.get(self.current).map_or(&NONE, |known| &known.spans)
    }

    /// Names these times: equal for series that were sampled at the same moments.
    pub fn spans_id(&self) -> SpansId {
        SpansId { place: self.current, number: self.known.get(self.current).map_or(0, |known| known.number) }
    }

    /// Where these times are remembered, from now on if not before.
    fn find(&mut self, times_ms: &[i64], windows: &WindowSteps) -> usize {
        // In order of labels, series of one target usually stand side by side.
        if self.known.get(self.current).is_some_and(|known| known.is(times_ms, windows)) {
            return self.current;
        }
        if let Some(place) = self.known.iter().position(|known| known.is(times_ms, windows)) {
            return place;
        }
        let length = windows.steps.count.max(times_ms.len());
        self.remember(length, |number| Known::new(times_ms, windows, number))
    }

    /// Remembers what `known` makes of a number, and says where.
    fn remember(&mut self, length: usize, known: impl FnOnce(u64) -> Known) -> usize {
        self.met += 1;
        let places_max = (KNOWN_LENGTH_MAX / length.max(1)).clamp(1, KNOWN_MAX);
        let known = known(self.met);
        if self.known.len() < places_max {
            self.known.push(known);
            return self.known.len() - 1;
        }
        let place = self.oldest % places_max;
        self.oldest = place + 1;
        self.known[place] = known;
        place
    }
}

impl Known {
    fn new(times_ms: &[i64], windows: &WindowSteps, number: u64) -> Self {
        let count = windows.steps.count;
        let mut bounds = vec![(0, 0); count];
        let mut spans = Spans { count: vec![0; count], first_ms: vec![0; count], last_ms: vec![0; count] };
        for_each_window(times_ms, windows, |i, from, to| {
            if from < to {
                bounds[i] = (from as u32, to as u32 - 1);
                spans.count[i] = (to - from) as u32;
                spans.first_ms[i] = times_ms[from];
                spans.last_ms[i] = times_ms[to - 1];
            }
        });
        Self { windows: *windows, times_ms: times_ms.to_vec(), number, is_given: false, bounds, spans }
    }

    fn is(&self, times_ms: &[i64], windows: &WindowSteps) -> bool {
        // First what differs soonest: each target has its own moment.
        self.times_ms.first() == times_ms.first()
            && !self.is_given
            && self.windows == *windows
            && self.times_ms == times_ms
    }
}

#[cfg(test)]
mod tests {
    use model::TimestampMs;

    use super::*;
    use crate::Steps;

    fn windows(start: i64, end: i64, step_ms: i64, range_ms: i64) -> WindowSteps {
        WindowSteps { steps: Steps::range(TimestampMs(start), TimestampMs(end), step_ms), range_ms }
    }

    #[test]
    fn edges_count_what_resets_lost() {
        let mut out = Edges::default();
        out.fill(&[1, 2, 3, 4, 5], &[5.0, 8.0, 2.0, 4.0, 1.0], &windows(3, 5, 1, 3));
        assert_eq!(out.first, [5.0, 8.0, 2.0]);
        assert_eq!(out.last, [2.0, 4.0, 1.0]);
        assert_eq!(out.resets, [8.0, 8.0, 4.0]);
        assert_eq!(out.spans().count, [3, 3, 3]);
        assert_eq!((&*out.spans().first_ms, &*out.spans().last_ms), (&[1, 2, 3][..], &[3, 4, 5][..]));
    }

    #[test]
    fn given_spans_are_known_again_and_never_taken_for_times() {
        let mut out = Edges::default();
        let w = windows(10, 20, 10, 5);
        let spans = |count| Spans { count: vec![count, 0], first_ms: vec![0; 2], last_ms: vec![0; 2] };
        let mut id_of = |count| {
            out.give(spans(count), &w);
            assert_eq!(out.spans(), &spans(count));
            out.spans_id()
        };
        let none = id_of(0);
        assert_ne!(id_of(1), none);
        assert_eq!(id_of(0), none);
        out.fill(&[], &[], &w);
        assert_ne!(out.spans_id(), none);
    }

    #[test]
    fn what_was_lost_before_a_window_leaves_no_trace() {
        let mut out = Edges::default();
        let inf = f64::INFINITY;
        out.fill(&[1, 2, 3, 4, 5, 6], &[inf, 1e18, 3.0, 2.5, 7.0, 0.5], &windows(6, 6, 1, 4));
        assert_eq!(out.resets, [3.0 + 7.0]);
        out.fill(&[1, 2, 3], &[inf, 1.0, 0.0], &windows(2, 3, 1, 3));
        assert_eq!(out.resets, [inf, inf]);
    }

    #[test]
    fn times_are_known_again_and_never_mistaken() {
        let mut out = Edges::default();
        let w = windows(10, 40, 10, 20);
        let mut id_of = |times: &[i64], w: &WindowSteps| {
            let values: Vec<f64> = times.iter().map(|at| *at as f64).collect();
            out.fill(times, &values, w);
            assert!(out.resets.is_empty());
            for (i, end) in w.steps.iter().enumerate() {
                let inside: Vec<i64> =
                    times.iter().copied().filter(|at| end - w.range_ms < *at && *at <= end).collect();
                assert_eq!(out.spans().count[i] as usize, inside.len());
                if let (Some(&first), Some(&last)) = (inside.first(), inside.last()) {
                    assert_eq!((out.first[i], out.last[i]), (first as f64, last as f64));
                    assert_eq!((out.spans().first_ms[i], out.spans().last_ms[i]), (first, last));
                }
            }
            out.spans_id()
        };
        let known = id_of(&[0, 15, 30], &w);
        assert_ne!(id_of(&[0, 16, 30], &w), known);
        assert_eq!(id_of(&[0, 15, 30], &w), known);
        assert_ne!(id_of(&[0, 15, 30], &windows(10, 40, 10, 21)), known);
        assert_ne!(id_of(&[], &w), known);
        // More sorts of times than there is room for.
        for at in 0..3 * KNOWN_MAX as i64 {
            assert!(id_of(&[at], &w).place < SpansId::PLACES_MAX);
        }
        assert_ne!(id_of(&[0, 15, 30], &w), known);
    }
}
