//! Time intervals: hours, weekdays, days of the month, months and years, in a time zone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::TimestampMs;

/// Minutes of a day.
const DAY_MINUTES: i32 = 24 * 60;

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// All that a configuration names.
pub(crate) type Intervals = BTreeMap<String, Vec<Interval>>;

/// From one to another, both included.
type Range = (i32, i32);

/// A moment is inside when each list that is not empty has a range around it.
#[derive(Debug, Clone)]
pub(crate) struct Interval {
    /// Minutes of the day; the end is not included.
    times: Vec<Range>,
    /// 0 is Sunday.
    weekdays: Vec<Range>,
    /// Negative ones count from the end of the month.
    days: Vec<Range>,
    months: Vec<Range>,
    years: Vec<Range>,
    zone: TimeZone,
}

impl Default for Interval {
    fn default() -> Self {
        Self {
            times: Vec::new(),
            weekdays: Vec::new(),
            days: Vec::new(),
            months: Vec::new(),
            years: Vec::new(),
            zone: TimeZone::UTC,
        }
    }
}

impl Interval {
    pub(crate) fn add_times(&mut self, start: &str, end: &str) -> Result<(), String> {
        let (start, end) = (minute(start)?, minute(end)?);
        if start >= end {
            return Err("start time cannot be equal or greater than end time".to_owned());
        }
        self.times.push((start, end));
        Ok(())
    }

    pub(crate) fn add_weekdays(&mut self, text: &str) -> Result<(), String> {
        let range = range(text, |word| named(&WEEKDAYS, word).map(|at| at as i32), "weekday")?;
        self.weekdays.push(in_order(range, text)?);
        Ok(())
    }

    pub(crate) fn add_months(&mut self, text: &str) -> Result<(), String> {
        let number = |word: &str| {
            let named = named(&MONTHS, word).map(|at| at as i32 + 1);
            named.or_else(|| word.parse().ok().filter(|month| (1..=12).contains(month)))
        };
        self.months.push(in_order(range(text, number, "month")?, text)?);
        Ok(())
    }

    pub(crate) fn add_years(&mut self, text: &str) -> Result<(), String> {
        self.years.push(in_order(range(text, |word| word.parse().ok(), "year")?, text)?);
        Ok(())
    }

    pub(crate) fn add_days(&mut self, text: &str) -> Result<(), String> {
        let day = |word: &str| word.parse().ok().filter(|day: &i32| *day != 0 && day.abs() <= 31);
        let (begin, end) = range(text, day, "day of the month")?;
        if begin < 0 && end > 0 {
            return Err(format!("{text:?}: end day must be negative if start day is negative"));
        }
        if (begin < 0) == (end < 0) {
            in_order((begin, end), text)?;
        }
        self.days.push((begin, end));
        Ok(())
    }

    pub(crate) fn set_location(&mut self, name: &str) -> Result<(), String> {
        self.zone = match name {
            "Local" => TimeZone::system(),
            "UTC" | "" => TimeZone::UTC,
            other => TimeZone::get(other).map_err(|_| format!("unknown time zone {other:?}"))?,
        };
        Ok(())
    }

    fn contains(&self, at: TimestampMs) -> bool {
        // A time that no calendar holds is in no interval.
        let Ok(time) = Timestamp::from_millisecond(at.0) else { return false };
        let time = time.to_zoned(self.zone.clone());
        let within = |ranges: &[Range], value: i32| {
            ranges.is_empty() || ranges.iter().any(|(begin, end)| (*begin..=*end).contains(&value))
        };
        let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
        let days_in_month = i32::from(time.days_in_month());
        let day = i32::from(time.day());
        let days: Vec<Range> =
            self.days.iter().filter_map(|range| real_days(*range, days_in_month)).collect();
        (self.times.is_empty() || self.times.iter().any(|(begin, end)| (*begin..*end).contains(&minute)))
            && within(&self.weekdays, i32::from(time.weekday().to_sunday_zero_offset()))
            && (self.days.is_empty() || (!days.is_empty() && within(&days, day)))
            && within(&self.months, i32::from(time.month()))
            && within(&self.years, i32::from(time.year()))
    }
}

/// Whether any of the intervals that are named contains the moment.
pub(crate) fn any_contains(all: &Intervals, names: &[String], at: TimestampMs) -> bool {
    names.iter().filter_map(|name| all.get(name)).flatten().any(|interval| interval.contains(at))
}

/// Days of a month of this length; `None` when the range lies outside of it.
fn real_days((begin, end): Range, days_in_month: i32) -> Option<Range> {
    let real = |day: i32| if day < 0 { days_in_month + day + 1 } else { day };
    let (begin, end) = (real(begin), real(end));
    (begin <= days_in_month && end >= 1).then(|| (begin.clamp(1, days_in_month), end.clamp(1, days_in_month)))
}

fn named(names: &[&str], word: &str) -> Option<usize> {
    names.iter().position(|name| *name == word)
}

/// `a:b`, or `a` alone.
fn range(text: &str, read: impl Fn(&str) -> Option<i32>, what: &str) -> Result<Range, String> {
    let lower = text.to_lowercase();
    let (begin, end) = lower.split_once(':').unwrap_or((&lower, &lower));
    let read = |word: &str| read(word.trim()).ok_or_else(|| format!("{word:?} is not a valid {what}"));
    Ok((read(begin)?, read(end)?))
}

fn in_order((begin, end): Range, text: &str) -> Result<Range, String> {
    if begin > end { Err(format!("{text:?}: start cannot be after end")) } else { Ok((begin, end)) }
}

/// Minutes of `HH:MM`; 24:00 is the end of the day.
fn minute(text: &str) -> Result<i32, String> {
    let fault = || format!("couldn't parse timestamp {text}, invalid format");
    let two = |part: &str| -> Option<i32> {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
    };
    let (hour, minute) = text.split_once(':').ok_or_else(fault)?;
    let (hour, minute) = (two(hour).ok_or_else(fault)?, two(minute).ok_or_else(fault)?);
    let total = hour * 60 + minute;
    if minute > 59 || total > DAY_MINUTES { Err(fault()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> TimestampMs {
        TimestampMs(text.parse::<Timestamp>().expect("a time").as_millisecond())
    }

    fn check(fill: impl Fn(&mut Interval) -> Result<(), String>, inside: &[&str], outside: &[&str]) {
        let mut interval = Interval::default();
        fill(&mut interval).expect("valid");
        for (times, expected) in [(inside, true), (outside, false)] {
            for time in times {
                assert_eq!(interval.contains(at(time)), expected, "{time} in {interval:?}");
            }
        }
    }

    #[test]
    fn hours() {
        let office =
            |i: &mut Interval| i.add_times("09:00", "17:00").and_then(|()| i.add_weekdays("Monday:friday"));
        check(
            office,
            &["2026-11-20T09:00:00Z", "2026-11-20T16:59:59Z"],
            &["2026-11-20T17:00:00Z", "2026-11-20T08:59:59Z", "2026-11-21T10:00:00Z"],
        );
        check(|i| i.add_times("00:00", "24:00"), &["2026-11-20T23:59:59Z"], &[]);
        let paris =
            |i: &mut Interval| i.set_location("Europe/Paris").and_then(|()| i.add_times("09:00", "10:00"));
        check(paris, &["2026-01-20T08:30:00Z", "2026-07-20T07:30:00Z"], &["2026-07-20T08:30:00Z"]);
    }

    #[test]
    fn days_months_years() {
        check(
            |i| i.add_days("-3:-1"),
            &["2026-02-26T00:00:00Z", "2026-02-28T00:00:00Z"],
            &["2026-02-25T00:00:00Z"],
        );
        check(|i| i.add_days("31"), &["2026-01-31T00:00:00Z"], &["2026-02-28T00:00:00Z"]);
        check(|i| i.add_days("1:5"), &["2026-02-05T23:00:00Z"], &["2026-02-06T00:00:00Z"]);
        check(
            |i| i.add_days("20:-1"),
            &["2026-02-20T00:00:00Z", "2026-02-28T00:00:00Z"],
            &["2026-02-19T00:00:00Z"],
        );
        let spring = |i: &mut Interval| i.add_months("march:5").and_then(|()| i.add_months("december"));
        check(spring, &["2026-04-01T00:00:00Z", "2026-12-01T00:00:00Z"], &["2026-06-01T00:00:00Z"]);
        check(|i| i.add_years("2025:2026"), &["2026-06-01T00:00:00Z"], &["2027-06-01T00:00:00Z"]);
    }

    #[test]
    fn what_is_no_interval() {
        let fault = |fill: fn(&mut Interval) -> Result<(), String>| {
            fill(&mut Interval::default()).expect_err("wrong")
        };
        for error in [
            fault(|i| i.add_times("17:00", "09:00")),
            fault(|i| i.add_times("9:00", "10:00")),
            fault(|i| i.add_times("09:00", "24:01")),
            fault(|i| i.add_weekdays("saturday:sunday")),
            fault(|i| i.add_weekdays("someday")),
            fault(|i| i.add_days("0")),
            fault(|i| i.add_days("-1:3")),
            fault(|i| i.add_days("-1:-3")),
            fault(|i| i.add_months("13")),
            fault(|i| i.add_years("2026:2025")),
            fault(|i| i.set_location("Mars/Olympus")),
        ] {
            assert!(!error.is_empty());
        }
    }
}
