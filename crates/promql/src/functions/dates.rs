//! Parts of a moment in UTC: `hour`, `day_of_week` and the rest.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The part of the moment `seconds` (since the epoch) that the function `name` gives; NaN for what is no moment.
pub(crate) fn part(name: &str, seconds: f64) -> f64 {
    if !seconds.is_finite() {
        return f64::NAN;
    }
    // Go truncates to whole seconds and wraps around years that do not fit; ours end at year 9999.
    let Ok(moment) = Timestamp::from_second(seconds as i64) else { return f64::NAN };
    let at = moment.to_zoned(TimeZone::UTC);
    f64::from(match name {
        "minute" => i16::from(at.minute()),
        "hour" => i16::from(at.hour()),
        "day_of_week" => i16::from(at.weekday().to_sunday_zero_offset()),
        "day_of_month" => i16::from(at.day()),
        "day_of_year" => at.day_of_year(),
        "days_in_month" => i16::from(at.days_in_month()),
        "month" => i16::from(at.month()),
        _ => at.year(),
    })
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

    #[test]
    fn parts_of_a_leap_day() {
        // 2016-02-29 23:59:59, a Monday.
        let at = 1_456_790_399.0;
        for (name, expected) in [
            ("minute", 59.0),
            ("hour", 23.0),
            ("day_of_week", 1.0),
            ("day_of_month", 29.0),
            ("day_of_year", 60.0),
            ("days_in_month", 29.0),
            ("month", 2.0),
            ("year", 2016.0),
        ] {
            assert!(is_part(name));
            assert_eq!(part(name, at), expected, "{name}");
        }
        assert!(part("year", f64::NAN).is_nan() && part("year", 1e30).is_nan());
    }
}
