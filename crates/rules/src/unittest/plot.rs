//! Small plots of series in text: one row a series, one character a column of time.

use columns::is_absent;

/// The most columns of a plot: with names before and numbers behind, it fits a terminal.
pub(super) const COLUMNS_MAX: usize = 48;

/// The most series that are drawn; further ones are only counted.
pub(super) const ROWS_MAX: usize = 6;

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One row: a bar a value between the lowest and the highest, a blank where there is none.
pub(super) fn bars(values: &[f64]) -> String {
    let (low, high) = range(values);
    values.iter().map(|value| bar(*value, low, high)).collect()
}

/// The lowest and the highest number.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    let numbers = values.iter().copied().filter(|value| value.is_finite());
    numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

fn bar(value: f64, low: f64, high: f64) -> char {
    if is_absent(value) {
        return ' ';
    }
    if value.is_nan() {
        return '?';
    }
    let share = if value.is_infinite() {
        f64::from(u8::from(value > 0.0))
    } else if high > low {
        (value - low) / (high - low)
    } else {
        // Flat: at the ground when it is zero, half way up when it is not.
        if value == 0.0 { 0.0 } else { 0.5 }
    };
    HEIGHTS[((share * HEIGHTS.len() as f64) as usize).min(HEIGHTS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use columns::ABSENT;

    use super::*;

    #[test]
    fn rows() {
        for (values, expected) in [
            (&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0] as &[f64], "▁▂▃▄▅▆▇█"),
            (&[0.0, 0.0], "▁▁"),
            (&[5.0, ABSENT, 5.0], "▅ ▅"),
            (&[0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0], "▁?█▁█"),
            (&[], ""),
        ] {
            assert_eq!(bars(values), expected, "{values:?}");
        }
    }
}
