//! Parts of a moment in UTC: `hour`, `day_of_week` and the rest, in the proleptic Gregorian calendar.
//!
//! Any number gives the parts that Prometheus gives on amd64, what is no moment included: NaN, the infinities and
//! numbers beyond 64 bits are all taken as the least 64-bit number, and time wraps around there.

const DAY_S: u64 = 86_400;
/// Seconds from the start of the year [`ZERO_YEAR`] to 1970. Such years begin a cycle of 400, and with a Monday.
const ZERO_TO_EPOCH_S: i64 = 9_223_372_028_715_321_600;
const ZERO_YEAR: i64 = -292_277_022_399;
/// Days of 400, 100, 4 years and 1 year, leap days at the end of each.
const CYCLES: [(u64, u64); 4] = [(400, 146_097), (100, 36_524), (4, 1461), (1, 365)];

/// The part of the moment `seconds` (since the epoch) that the function `name` gives.
pub(crate) fn part(name: &str, seconds: f64) -> f64 {
    // Go truncates; what does not fit becomes the least number.
    const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;
    let whole = if (-TOO_LARGE..TOO_LARGE).contains(&seconds) { seconds as i64 } else { i64::MIN };
    let since_zero = whole.wrapping_add(ZERO_TO_EPOCH_S).cast_unsigned();
    let (days, second) = (since_zero / DAY_S, since_zero % DAY_S);
    match name {
        "minute" => (second / 60 % 60) as f64,
        "hour" => (second / 3600) as f64,
        "day_of_week" => ((days + 1) % 7) as f64,
        _ => of_date(name, days),
    }
}

/// A part of the date that many days after the start of [`ZERO_YEAR`].
fn of_date(name: &str, mut days: u64) -> f64 {
    let mut years = 0;
    for (length, in_days) in CYCLES {
        // The last of four hundreds, or of four years, is the one with the leap day.
        let count = if matches!(length, 100 | 1) { (days / in_days).min(3) } else { days / in_days };
        years += count * length;
        days -= count * in_days;
    }
    let year = ZERO_YEAR + years.cast_signed();
    let is_leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let february = if is_leap { 29 } else { 28 };
    let (mut month, mut day) = (0, days);
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    match name {
        "day_of_month" => (day + 1) as f64,
        "day_of_year" => (days + 1) as f64,
        "days_in_month" => lengths[month] as f64,
        "month" => (month + 1) as f64,
        _ => year as f64,
    }
}

/// Whether `name` is one of these functions.
pub(crate) fn is_part(name: &str) -> bool {
    matches!(
        name,
        "minute"
            | "hour"
            | "day_of_week"
            | "day_of_month"
            | "day_of_year"
            | "days_in_month"
            | "month"
            | "year"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: f64, expected: [f64; 8]) {
        let names = [
            "minute",
            "hour",
            "day_of_week",
            "day_of_month",
            "day_of_year",
            "days_in_month",
            "month",
            "year",
        ];
        for (name, expected) in names.into_iter().zip(expected) {
            assert!(is_part(name));
            assert_eq!(part(name, seconds), expected, "{name} of {seconds}");
        }
    }

    #[test]
    fn parts() {
        check(0.0, [0.0, 0.0, 4.0, 1.0, 1.0, 31.0, 1.0, 1970.0]);
        // 2016-02-29 23:59:59, a Monday.
        check(1_456_790_399.9, [59.0, 23.0, 1.0, 29.0, 60.0, 29.0, 2.0, 2016.0]);
        // 2000-12-31, the last day of a cycle, and the first of the next.
        check(978_307_199.0, [59.0, 23.0, 0.0, 31.0, 366.0, 31.0, 12.0, 2000.0]);
        check(978_307_200.0, [0.0, 0.0, 1.0, 1.0, 1.0, 31.0, 1.0, 2001.0]);
        // 1900 had no leap day; 1969 lies before the epoch.
        check(-2_203_891_201.0, [59.0, 23.0, 3.0, 28.0, 59.0, 28.0, 2.0, 1900.0]);
        check(-60.0, [59.0, 23.0, 3.0, 31.0, 365.0, 31.0, 12.0, 1969.0]);
    }

    #[test]
    fn what_is_no_moment_wraps_around() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30, -1e30] {
            check(odd, [30.0, 15.0, 0.0, 4.0, 339.0, 31.0, 12.0, 292_277_026_596.0]);
        }
    }
}
