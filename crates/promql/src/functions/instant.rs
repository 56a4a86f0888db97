//! Functions of one value.

/// The function of one value called `name`; all of them lose the metric name.
pub(crate) fn of_value(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sgn" => sgn,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => sinh,
        "cosh" => cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => atanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        _ => return None,
    })
}

/// The sign as a number; zero and NaN stay what they are.
fn sgn(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// Beyond it the other half of a hyperbolic sine or cosine is lost in rounding. Both are infinite where the exponential
/// is, a little sooner than they had to be: that is where Prometheus' are.
const HALF_EXP_MIN: f64 = 21.0;

fn sinh(value: f64) -> f64 {
    if value.abs() > HALF_EXP_MIN { (value.abs().exp() * 0.5).copysign(value) } else { value.sinh() }
}

/// The standard one is poor near -1, where it should be as good as near 1.
fn atanh(value: f64) -> f64 {
    value.abs().atanh().copysign(value)
}

fn cosh(value: f64) -> f64 {
    if value.abs() > HALF_EXP_MIN { value.abs().exp() * 0.5 } else { value.cosh() }
}

/// To the nearest multiple, halves upwards.
pub(crate) fn round(value: f64, to_nearest: f64) -> f64 {
    // By the inverse, so that 0.1 and the like round as one expects.
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// The smaller; NaN if either is (unlike [`f64::min`]) and the other is not already the smallest of all.
pub(crate) fn min_or_nan(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// The larger; NaN if either is and the other is not already the largest of all.
pub(crate) fn max_or_nan(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding() {
        for (value, to, expected) in
            [(2.5, 1.0, 3.0), (-2.5, 1.0, -2.0), (5.25, 0.1, 5.3), (2.0, 5.0, 0.0), (-0.6, 1.0, -1.0)]
        {
            assert_eq!(round(value, to), expected, "{value} to {to}");
        }
    }

    #[test]
    fn nan_wins() {
        assert!(min_or_nan(1.0, f64::NAN).is_nan() && max_or_nan(f64::NAN, 1.0).is_nan());
        assert_eq!((min_or_nan(1.0, 2.0), max_or_nan(1.0, 2.0)), (1.0, 2.0));
        let inf = f64::INFINITY;
        assert_eq!((min_or_nan(-inf, f64::NAN), max_or_nan(f64::NAN, inf)), (-inf, inf));
    }
}
