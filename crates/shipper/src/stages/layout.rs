//! Times by Go's layouts, read: the layout is the reference time, Monday January 2 15:04:05 2006, as it would be written.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};

/// Layouts and forms with names of their own.
const NAMED: [(&str, &str); 14] = [
    ("ANSIC", "Mon Jan _2 15:04:05 2006"),
    ("UnixDate", "Mon Jan _2 15:04:05 MST 2006"),
    ("RubyDate", "Mon Jan 02 15:04:05 -0700 2006"),
    ("RFC822", "02 Jan 06 15:04 MST"),
    ("RFC822Z", "02 Jan 06 15:04 -0700"),
    ("RFC850", "Monday, 02-Jan-06 15:04:05 MST"),
    ("RFC1123", "Mon, 02 Jan 2006 15:04:05 MST"),
    ("RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700"),
    ("RFC3339", "2006-01-02T15:04:05Z07:00"),
    ("RFC3339Nano", "2006-01-02T15:04:05.999999999Z07:00"),
    ("Kitchen", "3:04PM"),
    ("Stamp", "Jan _2 15:04:05"),
    ("DateTime", "2006-01-02 15:04:05"),
    ("DateOnly", "2006-01-02"),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How a time is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Layout {
    /// A number since the epoch, and how many nanoseconds one is.
    Epoch(i64),
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field {
    LongMonth,
    Month,
    NumMonth,
    LongWeekday,
    Weekday,
    Day,
    DayOfYear,
    Hour,
    Hour12,
    Minute,
    Second,
    Year,
    ShortYear,
    Pm,
    ZoneName,
    /// With `Z` for UTC, and with a colon.
    Offset {
        z: bool,
        colon: bool,
        minutes: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Literal(char),
    Field(Field),
    /// A fraction of a second with its point, present or not.
    Fraction,
}

/// Parts of a layout, longer ones before those that they begin with.
const FIELDS: [(&str, Field); 30] = [
    ("January", Field::LongMonth),
    ("Jan", Field::Month),
    ("Monday", Field::LongWeekday),
    ("Mon", Field::Weekday),
    ("MST", Field::ZoneName),
    ("2006", Field::Year),
    ("-07:00", Field::Offset { z: false, colon: true, minutes: true }),
    ("-0700", Field::Offset { z: false, colon: false, minutes: true }),
    ("-07", Field::Offset { z: false, colon: false, minutes: false }),
    ("Z07:00", Field::Offset { z: true, colon: true, minutes: true }),
    ("Z0700", Field::Offset { z: true, colon: false, minutes: true }),
    ("Z07", Field::Offset { z: true, colon: false, minutes: false }),
    ("002", Field::DayOfYear),
    ("__2", Field::DayOfYear),
    ("01", Field::NumMonth),
    ("02", Field::Day),
    ("03", Field::Hour12),
    ("04", Field::Minute),
    ("05", Field::Second),
    ("06", Field::ShortYear),
    ("15", Field::Hour),
    ("_2006", Field::Year),
    ("_2", Field::Day),
    ("PM", Field::Pm),
    ("pm", Field::Pm),
    ("1", Field::NumMonth),
    ("2", Field::Day),
    ("3", Field::Hour12),
    ("4", Field::Minute),
    ("5", Field::Second),
];

impl Layout {
    /// The layout that a format names, or is.
    pub(super) fn of(format: &str) -> Self {
        match format {
            "Unix" => return Self::Epoch(1_000_000_000),
            "UnixMs" => return Self::Epoch(1_000_000),
            "UnixUs" => return Self::Epoch(1_000),
            "UnixNs" => return Self::Epoch(1),
            _ => {}
        }
        let named = NAMED.iter().find(|(name, _)| *name == format);
        Self::Parts(parts(named.map_or(format, |(_, layout)| layout)))
    }

    /// Nanoseconds since the epoch. Where a layout has no zone, `zone` holds; without a year, the year that is nearest to
    /// `now_ns`.
    pub(super) fn parse(&self, text: &str, zone: &TimeZone, now_ns: i64) -> Option<i64> {
        match self {
            Self::Epoch(unit_ns) => epoch(text, *unit_ns),
            Self::Parts(parts) => Reading::of(parts, text)?.resolve(zone, now_ns),
        }
    }
}

fn parts(layout: &str) -> Vec<Part> {
    let (mut parts, mut rest) = (Vec::new(), layout);
    while let Some(c) = rest.chars().next() {
        if let Some(tail) = fraction(rest) {
            parts.push(Part::Fraction);
            rest = tail;
            continue;
        }
        let known = FIELDS.iter().find(|(name, _)| rest.starts_with(name));
        match known.and_then(|(name, field)| Some((field, rest.strip_prefix(name)?))) {
            Some((field, tail)) => {
                parts.push(Part::Field(*field));
                rest = tail;
            }
            None => {
                parts.push(Part::Literal(c));
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    parts
}

/// What follows a fraction of a second in a layout: `.000`, `,000`, `.999`, and no digit behind it.
fn fraction(layout: &str) -> Option<&str> {
    let digits = layout.strip_prefix(['.', ','])?;
    let tail = [digits.trim_start_matches('0'), digits.trim_start_matches('9')]
        .into_iter()
        .min_by_key(|t| t.len())?;
    let is_some = tail.len() < digits.len() && !tail.starts_with(|c: char| c.is_ascii_digit());
    is_some.then_some(tail)
}

fn epoch(text: &str, unit_ns: i64) -> Option<i64> {
    let Some((whole, decimals)) = text.split_once('.').filter(|_| unit_ns == 1_000_000_000) else {
        return text.parse::<i64>().ok()?.checked_mul(unit_ns);
    };
    let seconds = whole.parse::<i64>().ok()?.checked_mul(unit_ns)?;
    let decimals = nanoseconds(decimals)?;
    seconds.checked_add(if text.starts_with('-') { -decimals } else { decimals })
}

/// The nanoseconds of a fraction's digits; beyond nine they are passed over.
fn nanoseconds(digits: &str) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let nine: String = digits.chars().chain(std::iter::repeat('0')).take(9).collect();
    nine.parse().ok().filter(|_| is_number)
}

/// What was read of a time so far.
#[derive(Debug, Default)]
struct Reading {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    is_12_hours: bool,
    is_pm: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    offset: Option<Offset>,
}

impl Reading {
    fn of(parts: &[Part], text: &str) -> Option<Self> {
        let (mut reading, mut rest) = (Self::default(), text);
        for part in parts {
            rest = match part {
                // Layouts pad with a blank where a digit is missing, and people write one blank for two.
                Part::Literal(' ') => rest.strip_prefix(' ')?.trim_start_matches(' '),
                Part::Literal(c) => rest.strip_prefix(*c)?,
                Part::Fraction => reading.fraction(rest)?,
                Part::Field(field) => reading.field(*field, rest)?,
            };
            // Go takes a fraction behind the seconds even where the layout has none.
            if *part == Part::Field(Field::Second) {
                let next_is_fraction = rest.starts_with(['.', ',']);
                let wanted = parts.contains(&Part::Fraction);
                if next_is_fraction && !wanted {
                    rest = reading.fraction(rest)?;
                }
            }
        }
        rest.is_empty().then_some(reading)
    }

    fn fraction<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let Some(digits) = text.strip_prefix(['.', ',']) else { return Some(text) };
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, tail) = digits.split_at(end);
        self.nanosecond = i32::try_from(nanoseconds(digits)?).ok()?;
        Some(tail)
    }

    fn field<'t>(&mut self, field: Field, text: &'t str) -> Option<&'t str> {
        match field {
            Field::LongMonth | Field::Month => {
                let (place, tail) = name(text, &MONTHS, field == Field::LongMonth)?;
                self.month = i8::try_from(place + 1).ok();
                Some(tail)
            }
            Field::LongWeekday | Field::Weekday => {
                name(text, &DAYS, field == Field::LongWeekday).map(|(_, tail)| tail)
            }
            Field::Pm => {
                let half = text.get(..2)?;
                self.is_pm = Some(half.eq_ignore_ascii_case("pm"));
                let is_half = half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm");
                text.get(2..).filter(|_| is_half)
            }
            Field::ZoneName => self.zone_name(text),
            Field::Offset { z, colon, minutes } => self.offset(text, z, colon, minutes),
            Field::Year => number(text, 4, 4).map(|(n, tail)| (self.year = Some(n), tail).1),
            Field::ShortYear => {
                let (n, tail) = number(text, 2, 2)?;
                self.year = Some(if n >= 69 { 1900 + n } else { 2000 + n });
                Some(tail)
            }
            Field::DayOfYear => {
                let (n, tail) = number(text.trim_start(), 1, 3)?;
                self.day_of_year = Some(n);
                Some(tail)
            }
            small => self.small(small, text),
        }
    }

    /// Fields of one or two digits.
    fn small<'t>(&mut self, field: Field, text: &'t str) -> Option<&'t str> {
        let text = if field == Field::Day { text.trim_start_matches(' ') } else { text };
        let (n, tail) = number(text, 1, 2)?;
        let n = i8::try_from(n).ok()?;
        match field {
            Field::NumMonth => self.month = Some(n),
            Field::Day => self.day = Some(n),
            Field::Hour => self.hour = n,
            Field::Hour12 => (self.hour, self.is_12_hours) = (n, true),
            Field::Minute => self.minute = n,
            _ => self.second = n,
        }
        Some(tail)
    }

    /// A zone's abbreviation. Only those of UTC say which offset is meant; any other is passed over, as Go does.
    fn zone_name<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (zone, tail) = text.split_at(end);
        if ["UTC", "GMT", "Z"].contains(&zone) {
            self.offset = Some(Offset::UTC);
        }
        (zone.len() >= 3 || zone == "Z").then_some(tail)
    }

    fn offset<'t>(&mut self, text: &'t str, z: bool, colon: bool, minutes: bool) -> Option<&'t str> {
        if let Some(tail) = text.strip_prefix('Z').filter(|_| z) {
            self.offset = Some(Offset::UTC);
            return Some(tail);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hours, mut tail) = number(text.get(1..)?, 2, 2)?;
        let mut of_hour = 0;
        if minutes {
            tail = if colon { tail.strip_prefix(':')? } else { tail };
            (of_hour, tail) = number(tail, 2, 2)?;
        }
        let seconds = sign * (i32::from(hours) * 3600 + i32::from(of_hour) * 60);
        self.offset = Some(Offset::from_seconds(seconds).ok()?);
        Some(tail)
    }

    fn resolve(&self, zone: &TimeZone, now_ns: i64) -> Option<i64> {
        let zone = self.offset.map_or_else(|| zone.clone(), TimeZone::fixed);
        let time = Time::new(self.hour_of_day()?, self.minute, self.second, self.nanosecond).ok()?;
        let now = Timestamp::from_nanosecond(i128::from(now_ns)).ok()?.to_zoned(zone.clone());
        let moment = |year: i16| {
            let date = match self.day_of_year {
                Some(day) => Date::new(year, 1, 1).ok()?.checked_add((day - 1).days()).ok()?,
                None => Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()?,
            };
            DateTime::from_parts(date, time).to_zoned(zone.clone()).ok()
        };
        let found = match self.year {
            Some(year) => moment(year)?,
            None => nearest(&now, moment)?,
        };
        i64::try_from(found.timestamp().as_nanosecond()).ok()
    }

    fn hour_of_day(&self) -> Option<i8> {
        match (self.is_12_hours, self.is_pm) {
            (true, _) if self.hour > 12 => None,
            (true, Some(true)) => Some(self.hour % 12 + 12),
            (true, Some(false)) => Some(self.hour % 12),
            _ => Some(self.hour),
        }
    }
}

/// The year for a time without one: this one, or at the turn of a year the one before or after.
fn nearest(now: &Zoned, moment: impl Fn(i16) -> Option<Zoned>) -> Option<Zoned> {
    let distance = |it: &Zoned| (it.timestamp().as_second() - now.timestamp().as_second()).abs();
    [now.year() - 1, now.year(), now.year() + 1].into_iter().filter_map(moment).min_by_key(distance)
}

/// The place of a name at the beginning of `text`, long or in three letters, and what follows it.
fn name<'t>(text: &'t str, names: &[&str], long: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(place, name)| {
        let length = if long { name.len() } else { 3 };
        let head = text.get(..length)?;
        let is_it = name.get(..length).is_some_and(|name| head.eq_ignore_ascii_case(name));
        is_it.then_some((place, text.get(length..)?))
    })
}

/// A number of so many digits at the beginning of `text`, and what follows it.
fn number(text: &str, digits_min: usize, digits_max: usize) -> Option<(i16, &str)> {
    let end = text.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
    let (digits, tail) = text.split_at_checked(end)?;
    (end >= digits_min).then_some((digits.parse().ok()?, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T00:30:00Z.
    const NOW_NS: i64 = 1_767_227_400_000_000_000;

    fn check(format: &str, text: &str, expected: Option<&str>) {
        let berlin = TimeZone::fixed(Offset::from_hours(1).expect("an offset"));
        let found = Layout::of(format).parse(text, &berlin, NOW_NS);
        let expected = expected.map(|it| {
            let at: Timestamp = it.parse().expect("a time");
            i64::try_from(at.as_nanosecond()).expect("in range")
        });
        assert_eq!(found, expected, "{format} of {text}");
    }

    #[test]
    fn layouts_with_names() {
        for (format, text, expected) in [
            ("RFC3339", "2026-03-04T05:06:07Z", "2026-03-04T05:06:07Z"),
            ("RFC3339", "2026-03-04T05:06:07.25+02:00", "2026-03-04T03:06:07.25Z"),
            ("RFC3339Nano", "2026-03-04T05:06:07.123456789Z", "2026-03-04T05:06:07.123456789Z"),
            ("RFC3339Nano", "2026-03-04T05:06:07-03:30", "2026-03-04T08:36:07Z"),
            ("ANSIC", "Wed Mar  4 05:06:07 2026", "2026-03-04T04:06:07Z"),
            ("UnixDate", "Wed Mar  4 05:06:07 UTC 2026", "2026-03-04T05:06:07Z"),
            ("RubyDate", "Wed Mar 04 05:06:07 +0100 2026", "2026-03-04T04:06:07Z"),
            ("RFC822Z", "04 Mar 26 05:06 -0100", "2026-03-04T06:06:00Z"),
            ("RFC850", "Wednesday, 04-Mar-26 05:06:07 GMT", "2026-03-04T05:06:07Z"),
            ("RFC1123", "Wed, 04 Mar 2026 05:06:07 GMT", "2026-03-04T05:06:07Z"),
            ("Unix", "1767227400", "2026-01-01T00:30:00Z"),
            ("Unix", "1767227400.5", "2026-01-01T00:30:00.5Z"),
            ("UnixMs", "1767227400250", "2026-01-01T00:30:00.25Z"),
            ("UnixUs", "1767227400000001", "2026-01-01T00:30:00.000001Z"),
            ("UnixNs", "1767227400000000001", "2026-01-01T00:30:00.000000001Z"),
        ] {
            check(format, text, Some(expected));
        }
    }

    #[test]
    fn layouts_by_reference() {
        for (format, text, expected) in [
            ("2006-01-02 15:04:05,000", "2026-03-04 05:06:07,250", "2026-03-04T04:06:07.25Z"),
            ("02/Jan/2006:15:04:05 -0700", "04/Mar/2026:05:06:07 +0000", "2026-03-04T05:06:07Z"),
            ("1/2/06 3:04 PM", "3/4/26 5:06 PM", "2026-03-04T16:06:00Z"),
            ("1/2/06 3:04 PM", "3/4/26 12:06 AM", "2026-03-03T23:06:00Z"),
            ("January 2, 2006 15:04", "March 4, 2026 05:06", "2026-03-04T04:06:00Z"),
            ("2006 002 15:04:05", "2026 063 05:06:07", "2026-03-04T04:06:07Z"),
            // No year: the nearest, also over the turn of one.
            ("Jan _2 15:04:05", "Jan  1 01:00:00", "2026-01-01T00:00:00Z"),
            ("Jan _2 15:04:05", "Dec 31 23:59:59", "2025-12-31T22:59:59Z"),
        ] {
            check(format, text, Some(expected));
        }
    }

    #[test]
    fn what_does_not_fit_is_no_time() {
        for (format, text) in [
            ("RFC3339", ""),
            ("RFC3339", "2026-13-04T05:06:07Z"),
            ("RFC3339", "2026-02-30T05:06:07Z"),
            ("RFC3339", "2026-03-04T05:06:07Zx"),
            ("RFC3339", "ümläut"),
            ("Unix", "12a"),
            ("Unix", "9999999999999"),
            ("UnixNs", "1.5"),
            ("1/2/06 3:04 PM", "3/4/26 15:06 PM"),
            ("Jan 2", "Foo 2"),
            ("-0700", "+99999999"),
        ] {
            check(format, text, None);
        }
    }
}
