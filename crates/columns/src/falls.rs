//! What a counter lost by resets, between any two of its samples.

/// As many losses are added up one by one: a difference of totals has lost the digits of small values beside large ones,
/// and all of them beside an infinity.
const ADDED_MAX: usize = 256;

/// The resets of one series, in order of time.
#[derive(Debug, Default)]
pub struct Falls(Vec<Fall>);

/// A reset: a sample below the one before it.
#[derive(Debug)]
struct Fall {
    /// Index of the sample.
    at: usize,
    /// The value from which the series fell.
    lost: f64,
    /// The sum of all losses so far, this one included.
    total: f64,
}

impl Falls {
    /// All resets among `values`.
    pub fn of(values: &[f64]) -> Self {
        let mut falls = Self::default();
        // Without a way out in the middle the comparison is done for several values at once.
        let pairs = values.iter().zip(values.iter().skip(1));
        if pairs.clone().fold(false, |falls, (before, after)| falls | (after < before)) {
            pairs
                .enumerate()
                .filter(|(_, (before, after))| after < before)
                .for_each(|(i, (before, _))| falls.push(i + 1, *before));
        }
        falls
    }

    /// Adds a reset after those known: sample `at` is below the one before it, which was `lost`.
    pub fn push(&mut self, at: usize, lost: f64) {
        let total = self.0.last().map_or(0.0, |last| last.total) + lost;
        self.0.push(Fall { at, lost, total });
    }

    /// Whether the series never fell, which is the usual case.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was lost after sample `first`, up to and including sample `last`.
    pub fn between(&self, first: usize, last: usize) -> f64 {
        let from = self.0.partition_point(|fall| fall.at <= first);
        let within = &self.0[from..self.0.partition_point(|fall| fall.at <= last)];
        match within {
            [] => 0.0,
            [begin, .., end] if within.len() > ADDED_MAX && end.total.is_finite() => {
                end.total - begin.total + begin.lost
            }
            _ => within.iter().map(|fall| fall.lost).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_counts() {
        let falls = Falls::of(&[f64::INFINITY, 1e18, 3.0, 2.5, 7.0, 0.5]);
        assert_eq!(falls.between(2, 5), 3.0 + 7.0);
        assert_eq!(falls.between(0, 1), f64::INFINITY);
        assert_eq!(falls.between(3, 4), 0.0);
        assert!(Falls::of(&[1.0, 1.0, f64::NAN, 2.0]).is_empty());
        assert!(Falls::of(&[]).is_empty() && Falls::of(&[1.0]).is_empty());
    }

    #[test]
    fn many_falls_are_told_by_totals() {
        let values: Vec<f64> = (0..2000).map(|i| f64::from(i % 2)).collect();
        assert_eq!(Falls::of(&values).between(1, 1999), 999.0);
    }
}
