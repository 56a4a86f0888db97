//! Classic histograms: quantiles and fractions from cumulative buckets, by Prometheus' rules.

use std::cmp::Ordering;

/// Counts whose relative difference is below this are taken as equal: float sums of the same buckets differ so.
const SMALL_DELTA: f64 = 1e-12;

/// A bucket at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// Upper bound, inclusive.
    pub(crate) upper: f64,
    /// Observations up to the bound.
    pub(crate) count: f64,
}

/// The `q`-quantile of buckets sorted by bound, and whether counts had to be repaired because they fell.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if q > 1.0 {
        return (f64::INFINITY, false);
    }
    if buckets.last().is_none_or(|bucket| bucket.upper != f64::INFINITY) {
        return (f64::NAN, false);
    }
    coalesce(buckets);
    let repaired = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, repaired);
    }
    let rank = q * observations;
    // A rank of NaN is in no bucket but the last.
    let b =
        buckets[..last].partition_point(|bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt));
    if b == last {
        return (buckets[last - 1].upper, repaired);
    }
    let Bucket { upper, count } = buckets[b];
    if b == 0 {
        let value = if upper <= 0.0 { upper } else { upper * (rank / count) };
        return (value, repaired);
    }
    let below = buckets[b - 1];
    (below.upper + (upper - below.upper) * ((rank - below.count) / (count - below.count)), repaired)
}

/// The share of observations between two bounds; buckets sorted by bound.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if buckets.last().is_none_or(|bucket| bucket.upper != f64::INFINITY) {
        return f64::NAN;
    }
    coalesce(buckets);
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let below = |bound: f64| observations_below(bound, buckets).min(count);
    (below(upper) - below(lower)) / count
}

/// How many observations lie below `bound`, by the line through the bucket that it falls in.
fn observations_below(bound: f64, buckets: &[Bucket]) -> f64 {
    let mut rank = 0.0;
    let mut floor = if buckets[0].upper > 0.0 { 0.0 } else { f64::NEG_INFINITY };
    for bucket in buckets {
        if floor >= bound {
            return rank;
        }
        if bucket.upper > bound {
            // A bucket without a lower bound counts whole; one without an upper bound not at all.
            if floor == f64::NEG_INFINITY {
                return bucket.count;
            }
            return rank + (bucket.count - rank) * (bound - floor) / (bucket.upper - floor);
        }
        rank = bucket.count;
        floor = bucket.upper;
    }
    f64::INFINITY
}

/// Adds up buckets of the same bound (`le="1"` and `le="1.0"`).
fn coalesce(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Lifts counts that fall, as they may when a scrape and a rule race; true if any fell by more than rounding.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut repaired = false;
    let mut previous = buckets.first().map_or(0.0, |bucket| bucket.count);
    for bucket in buckets.iter_mut().skip(1) {
        if bucket.count == previous {
            continue;
        }
        if almost_equal(previous, bucket.count) {
            bucket.count = previous;
        } else if bucket.count < previous {
            bucket.count = previous;
            repaired = true;
        } else {
            previous = bucket.count;
        }
    }
    repaired
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() {
        return true;
    }
    let (difference, sum) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|&(upper, count)| Bucket { upper, count }).collect()
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn quantiles() {
        let usual = [(1.0, 2.0), (2.0, 6.0), (INF, 8.0)];
        for (q, expected) in
            [(0.0, 0.0), (0.125, 0.5), (0.5, 1.5), (0.9, 2.0), (1.0, 2.0), (-1.0, -INF), (2.0, INF)]
        {
            assert_eq!(quantile(q, &mut buckets(&usual)), (expected, false), "{q}");
        }
    }

    #[test]
    fn quantiles_of_odd_histograms() {
        for pairs in [&[(1.0, 2.0)] as &[_], &[(INF, 8.0)], &[(1.0, 0.0), (INF, 0.0)], &[]] {
            assert!(quantile(0.5, &mut buckets(pairs)).0.is_nan(), "{pairs:?}");
        }
        assert_eq!(quantile(0.1, &mut buckets(&[(-1.0, 4.0), (INF, 8.0)])), (-1.0, false));
        assert!(quantile(0.5, &mut buckets(&[(1.0, 2.0), (2.0, 1.0), (4.0, 5.0), (INF, 5.0)])).1);
        assert_eq!(quantile(0.5, &mut buckets(&[(1.0, 1.0), (1.0, 1.0), (INF, 4.0)])), (1.0, false));
    }

    #[test]
    fn fractions() {
        let positive = [(1.0, 1.0), (2.0, 3.0), (3.0, 6.0), (INF, 100.0)];
        for (lower, upper, expected) in
            [(0.0, 1.5, 0.02), (-INF, INF, 1.0), (2.0, 5.0, 0.03), (2.0, 2.0, 0.0), (3.0, INF, 0.94)]
        {
            assert_eq!(fraction(lower, upper, &mut buckets(&positive)), expected, "{lower} {upper}");
        }
        let negative = [(-3.0, 10.0), (-2.0, 12.0), (-1.0, 15.0), (INF, 100.0)];
        assert_eq!(fraction(-4.0, -2.0, &mut buckets(&negative)), 0.02);
        assert_eq!(fraction(-INF, -1.5, &mut buckets(&negative)), 0.135);
    }
}
