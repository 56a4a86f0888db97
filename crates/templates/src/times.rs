//! Times and durations in templates: Go's methods and layouts.

use gotmpl::Value;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::functions::{Answer, exec, string};
use crate::numbers;
use crate::values::{object, text};

/// Go's zero time, the year 1, in milliseconds since the Unix epoch.
pub const ZERO_MS: i64 = -62_135_596_800_000;

/// Fields by which times and durations are known; no label set holds numbers.
const TIME: &str = "__time_ms";
/// Nanoseconds on top: Go's zero time does not fit into 64 bits of them.
const NANOS: &str = "__time_ns";
const ZONE: &str = "__zone";
const DURATION: &str = "__duration_ms";

/// A moment, in UTC.
pub fn time(ms: i64) -> Value {
    in_zone(ms, 0, "UTC")
}

/// A moment in nanoseconds since the Unix epoch, in UTC.
pub fn time_ns(ns: i64) -> Value {
    in_zone(ns.div_euclid(1_000_000), ns.rem_euclid(1_000_000), "UTC")
}

fn in_zone(ms: i64, nanos: i64, zone: &str) -> Value {
    object([(TIME, Value::Int(ms)), (NANOS, Value::Int(nanos)), (ZONE, text(zone))])
}

/// A stretch of time.
pub fn duration(ms: i64) -> Value {
    object([(DURATION, Value::Int(ms))])
}

/// Whether a value is a time.
pub fn is_time(value: &Value) -> bool {
    value.field(TIME).is_some()
}

/// Whether a value is a duration.
pub fn is_duration(value: &Value) -> bool {
    value.field(DURATION).is_some()
}

/// Nanoseconds of a time, as far as they fit.
pub fn ns(value: &Value) -> Option<i64> {
    Some(ms(value)?.saturating_mul(1_000_000).saturating_add(nanos(value)))
}

/// What a time has on top of its milliseconds.
fn nanos(value: &Value) -> i64 {
    value.field(NANOS).and_then(Value::as_int).unwrap_or(0)
}

/// Milliseconds of a time.
pub fn ms(value: &Value) -> Option<i64> {
    value.field(TIME).and_then(Value::as_int)
}

/// Seconds of a duration.
pub fn seconds(value: &Value) -> Option<f64> {
    Some(value.field(DURATION).and_then(Value::as_int)? as f64 / 1000.0)
}

/// Go's methods of times and durations; `None` for anything else.
pub fn method(object: &Value, name: &str, args: &[Value]) -> Option<Answer> {
    match (ms(object), seconds(object)) {
        (Some(ms), _) => time_method(object, ms, name, args),
        (_, Some(seconds)) => duration_method(seconds, name),
        _ => None,
    }
}

fn time_method(object: &Value, ms: i64, name: &str, args: &[Value]) -> Option<Answer> {
    let zoned = || zoned(object).map_err(exec);
    Some(match name {
        "Format" => string("Format", args, 0).and_then(|layout| Ok(text(format(&zoned()?, layout)))),
        "String" => zoned().map(|time| text(format(&time, "2006-01-02 15:04:05.999999999 -0700 MST"))),
        "Unix" => Ok(Value::Int(ms.div_euclid(1000))),
        "UnixMilli" => Ok(Value::Int(ms)),
        "UnixNano" => Ok(Value::Int(ns(object).unwrap_or(0))),
        "UTC" => Ok(in_zone(ms, nanos(object), "UTC")),
        "Local" => Ok(in_zone(ms, nanos(object), "Local")),
        "IsZero" => Ok(Value::Bool(ms == ZERO_MS)),
        "Year" => zoned().map(|time| Value::Int(time.year().into())),
        "Day" => zoned().map(|time| Value::Int(time.day().into())),
        "Hour" => zoned().map(|time| Value::Int(time.hour().into())),
        "Minute" => zoned().map(|time| Value::Int(time.minute().into())),
        "Second" => zoned().map(|time| Value::Int(time.second().into())),
        "Month" => zoned().map(|time| text(time.strftime("%B").to_string())),
        "Weekday" => zoned().map(|time| text(time.strftime("%A").to_string())),
        "Sub" => match args.first().and_then(self::ms) {
            Some(other) => Ok(duration(ms - other)),
            None => Err(exec("Sub wants a time")),
        },
        "Add" => match args.first().and_then(seconds) {
            Some(more) => Ok(time(ms + (more * 1000.0) as i64)),
            None => Err(exec("Add wants a duration")),
        },
        "Before" | "After" | "Equal" => match args.first().and_then(self::ms) {
            Some(other) => {
                let holds = match name {
                    "Before" => ms < other,
                    "After" => ms > other,
                    _ => ms == other,
                };
                Ok(Value::Bool(holds))
            }
            None => Err(exec(format!("{name} wants a time"))),
        },
        _ => return None,
    })
}

fn duration_method(seconds: f64, name: &str) -> Option<Answer> {
    Some(Ok(match name {
        "Seconds" => Value::Float(seconds),
        "Minutes" => Value::Float(seconds / 60.0),
        "Hours" => Value::Float(seconds / 3600.0),
        "Milliseconds" => Value::Int((seconds * 1000.0) as i64),
        "String" => text(numbers::go_duration(seconds)),
        _ => return None,
    }))
}

/// The time in another zone.
///
/// # Errors
/// When there is no such zone.
pub fn to_zone(value: &Value, zone: &str) -> Answer {
    let ms = ms(value).ok_or_else(|| exec("tz wants a time"))?;
    time_zone(zone).map_err(exec)?;
    Ok(in_zone(ms, nanos(value), zone))
}

/// The time by a layout, in its zone.
///
/// # Errors
/// When it is no time.
pub fn by_layout(layout: &str, value: &Value) -> Answer {
    if !is_time(value) {
        return Err(exec("date wants a time"));
    }
    Ok(text(format(&zoned(value).map_err(exec)?, layout)))
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "UTC" | "" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        other => TimeZone::get(other).map_err(|_| format!("unknown time zone {other}")),
    }
}

fn zoned(value: &Value) -> Result<Zoned, String> {
    let ms = ms(value).ok_or("no time")?;
    let zone = time_zone(value.field(ZONE).and_then(Value::as_str).unwrap_or("UTC"))?;
    let (seconds, ms) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    let nanos = ms as i32 * 1_000_000 + nanos(value) as i32;
    Ok(Timestamp::new(seconds, nanos).map_err(|e| e.to_string())?.to_zoned(zone))
}

/// Parts of Go's layouts and how `strftime` writes them, longer ones before those that they begin with.
const LAYOUT: [(&str, &str); 30] = [
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("2006", "%Y"),
    ("-07:00:00", "%::z"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    ("-07", "%:::z"),
    ("Z07:00", "Z"),
    ("Z0700", "Z"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("_2", "%e"),
    ("PM", "%p"),
    ("pm", "%P"),
    (".000000000", "%.9f"),
    (".000000", "%.6f"),
    (".000", "%.3f"),
    (".999999999", "%.f"),
    (".999999", "%.f"),
    (".999", "%.f"),
    ("1", "%-m"),
];

/// Those of one digit, tried when nothing longer fits.
const SHORT: [(&str, &str); 4] = [("2", "%-d"), ("3", "%-I"), ("4", "%-M"), ("5", "%-S")];

fn format(time: &Zoned, layout: &str) -> String {
    let utc = time.offset().is_zero();
    let (mut out, mut rest) = (String::with_capacity(layout.len()), layout);
    while let Some(c) = rest.chars().next() {
        let found = LAYOUT.iter().chain(&SHORT).find(|(part, _)| rest.starts_with(part));
        let Some((part, directive)) = found else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        match (*directive, utc) {
            ("Z", true) => out.push('Z'),
            ("Z", false) if *part == "Z0700" => out.push_str(&time.strftime("%z").to_string()),
            ("Z", false) => out.push_str(&time.strftime("%:z").to_string()),
            (directive, _) => out.push_str(&time.strftime(directive).to_string()),
        }
        rest = &rest[part.len()..];
    }
    out
}

/// Reads a time by a layout; where the layout has no zone of its own it is in `zone`.
///
/// # Errors
/// When there is no such zone, or the text does not look like the layout.
pub fn parse(layout: &str, zone: &str, given: &str) -> Answer {
    let zone = time_zone(zone).map_err(exec)?;
    let wrong = || exec(format!("parsing time {given:?} as {layout:?}: cannot parse"));
    let (mut format, mut rest) = (String::with_capacity(layout.len() * 2), layout);
    while let Some(c) = rest.chars().next() {
        if let Some((part, directive)) = LAYOUT.iter().chain(&SHORT).find(|(part, _)| rest.starts_with(part))
        {
            match *directive {
                // A `Z` is an offset of zero; jiff reads it as such where an offset is asked for.
                "Z" => format.push_str("%:z"),
                other if other.ends_with('f') => format.push_str("%.f"),
                other => format.push_str(other),
            }
            rest = &rest[part.len()..];
            continue;
        }
        if c == '%' {
            format.push('%');
        }
        format.push(c);
        rest = &rest[c.len_utf8()..];
    }
    let given_z = given.strip_suffix('Z').filter(|_| format.ends_with("%:z"));
    let given = given_z.map_or_else(|| given.to_owned(), |start| format!("{start}+00:00"));
    let parsed = jiff::fmt::strtime::parse(&format, &given).map_err(|_| wrong())?;
    if let Ok(time) = parsed.to_timestamp() {
        return Ok(time_ns(i64::try_from(time.as_nanosecond()).map_err(|_| wrong())?));
    }
    let civil =
        parsed.to_datetime().or_else(|_| parsed.to_date().map(DateTime::from)).map_err(|_| wrong())?;
    let time = civil.to_zoned(zone).map_err(|_| wrong())?.timestamp();
    Ok(time_ns(i64::try_from(time.as_nanosecond()).map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown_by_layouts() {
        for (layout, zone, given, nanos) in [
            (
                "2006-01-02T15:04:05.000Z07:00",
                "UTC",
                "2026-11-20T10:00:00.250Z",
                1_795_168_800_250_000_000i64,
            ),
            ("2006-01-02 15:04:05", "Europe/Berlin", "2026-11-20 11:00:00", 1_795_168_800_000_000_000),
            ("2006-01-02", "UTC", "2026-11-20", 1_795_132_800_000_000_000),
            ("02/Jan/2006:15:04:05 -0700", "UTC", "20/Nov/2026:12:00:00 +0200", 1_795_168_800_000_000_000),
        ] {
            let time = parse(layout, zone, given).unwrap_or_else(|e| panic!("{given}: {e}"));
            assert_eq!(ns(&time), Some(nanos), "{given}");
        }
        assert!(parse("2006-01-02", "UTC", "no date").is_err());
        assert!(parse("2006-01-02", "Nowhere/Land", "2026-11-20").is_err());
        let shown = by_layout("2006-01-02T15:04:05.000000000Z07:00", &time_ns(1_795_168_800_000_000_001));
        assert_eq!(shown.expect("a time").to_string(), "2026-11-20T10:00:00.000000001Z");
    }
}
