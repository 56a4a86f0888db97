//! How values are spread: variance and quantiles.

use crate::compensated_add;

/// The variance of values, of which there is at least one.
pub fn stdvar(values: &[f64]) -> f64 {
    let (mut mean, mut mean_carry) = (0.0f64, 0.0f64);
    let (mut squares, mut squares_carry) = (0.0f64, 0.0f64);
    for (i, &value) in values.iter().enumerate() {
        let delta = value - (mean + mean_carry);
        (mean, mean_carry) = compensated_add(delta / (i + 1) as f64, mean, mean_carry);
        (squares, squares_carry) =
            compensated_add(delta * (value - (mean + mean_carry)), squares, squares_carry);
    }
    (squares + squares_carry) / values.len() as f64
}

/// The `q`-quantile of values in any order, linear between neighbours; NaN counts as the smallest.
pub fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let order = |a: &f64, b: &f64| {
        b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    };
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor().max(0.0) as usize;
    let weight = rank - rank.floor();
    // Two neighbours are needed, not all values in order.
    let (_, &mut low, above) = values.select_nth_unstable_by(lower, order);
    let high = above.iter().copied().min_by(order).unwrap_or(low);
    low * (1.0 - weight) + high * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        for (q, expected) in
            [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0), (-1.0, f64::NEG_INFINITY), (2.0, f64::INFINITY)]
        {
            assert_eq!(quantile(q, &mut [4.0, 1.0, 3.0, 2.0]), expected, "{q}");
        }
        assert!(quantile(f64::NAN, &mut [1.0]).is_nan() && quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
    }
}
