//! Values as integers: scaled by a power of ten where every bit comes back, as ordered bits where not.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// Values as their bits instead of scaled.
pub(crate) const SCALE_BITS: u8 = 255;
/// Decimals that scaling tries: what people and exporters write.
pub(crate) const SCALE_MAX: u8 = 6;
/// Integers up to this are doubles, and so is every sum of them below it.
pub(crate) const EXACT_BITS: u32 = 53;
/// Above the greatest integer that is tried.
const LIMIT: f64 = (1u64 << EXACT_BITS) as f64;
/// So many exceptions are always allowed: a series has a stale marker or two.
const EXCEPTIONS_FREE: usize = 4;

const POWERS: [f64; SCALE_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Ten to the power of `scale`.
#[inline]
pub(crate) fn power(scale: u8) -> f64 {
    POWERS.get(usize::from(scale)).copied().unwrap_or(1.0)
}

/// Bits such that their order is that of the values; its own inverse.
#[inline]
pub(crate) fn ordered(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The integer that `scale` makes of a value and that makes the value again bit by bit, if there is one.
#[inline]
fn scaled(value: f64, scale: u8) -> Option<i64> {
    let power = power(scale);
    let near = value * power;
    // NaN has no place in any range.
    if !(-LIMIT..LIMIT).contains(&near) {
        return None;
    }
    // The nearest integer without a call; where this is off by one, the check refuses, and nothing is lost but bytes. By way
    // of the integer, or -0.0 would pass.
    let k = (near + 0.5f64.copysign(near)) as i64;
    let back = if scale == 0 { k as f64 } else { k as f64 / power };
    (back.to_bits() == value.to_bits()).then_some(k)
}

/// Values as integers.
#[derive(Debug, Default)]
pub(crate) struct Scaled {
    pub(crate) scale: u8,
    pub(crate) integers: Vec<i64>,
    /// Index and bits of the values that the integers do not bring back.
    pub(crate) exceptions: Vec<(u16, u64)>,
}

impl Scaled {
    pub(crate) fn of(values: &[f64]) -> Self {
        let allowed = (values.len() / 16).max(EXCEPTIONS_FREE);
        let (mut scale, mut failed) = (0, 0);
        for value in values {
            // An exception at every scale must not raise the scale of the others.
            match (scale..=SCALE_MAX).find(|s| scaled(*value, *s).is_some()) {
                Some(enough) => scale = enough,
                None => failed += 1,
            }
            if failed > allowed {
                return Self::bits(values);
            }
        }
        let this = Self::with(values, scale);
        // A value that a low scale brings back may be too large for a higher one.
        if this.exceptions.len() > allowed { Self::bits(values) } else { this }
    }

    fn with(values: &[f64], scale: u8) -> Self {
        let mut this = Self { scale, integers: Vec::with_capacity(values.len()), exceptions: Vec::new() };
        let first = values.iter().find_map(|value| scaled(*value, scale)).unwrap_or(0);
        let mut previous = first;
        for (i, value) in values.iter().enumerate() {
            match scaled(*value, scale) {
                Some(k) => previous = k,
                None => this.exceptions.push((i as u16, value.to_bits())),
            }
            this.integers.push(previous);
        }
        this
    }

    fn bits(values: &[f64]) -> Self {
        let integers = values.iter().map(|value| ordered(value.to_bits() as i64)).collect();
        Self { scale: SCALE_BITS, integers, exceptions: Vec::new() }
    }
}
