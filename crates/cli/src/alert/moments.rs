//! Moments as people write and read them, in the time zone of the machine.

use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use model::DurationMs;
use regex::{Captures, Regex};

/// How the API writes a moment.
static MOMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z").expect("a constant that a test compiles")
});

/// Reads a moment: `10m` (ago), `14:05` (today, or yesterday when that is still to come), `2026-11-20 14:05:30`, RFC 3339,
/// or seconds since 1970.
pub(super) fn parse(text: &str, now: &Zoned) -> Result<Timestamp> {
    let text = text.trim();
    let ago =
        text.strip_suffix("ago").unwrap_or(text).trim().trim_start_matches("now-").trim_start_matches('-');
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let millis = seconds * 1000.0;
        if (0.0..=253_402_300_799_000.0).contains(&millis) && text.len() >= 9 {
            #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
            return Timestamp::from_millisecond(millis as i64).context("no calendar holds that moment");
        }
    }
    if let Ok(length) = ago.parse::<DurationMs>() {
        let at = now.timestamp().as_millisecond() - length.0;
        return Timestamp::from_millisecond(at).context("that is before the calendar begins");
    }
    // Before the time of day, which is read out of a whole moment, too.
    if let Ok(moment) = text.replace(' ', "T").parse::<DateTime>() {
        return Ok(moment.to_zoned(now.time_zone().clone())?.timestamp());
    }
    if text.contains(':')
        && let Ok(time) = text.parse::<Time>()
    {
        let today = now.date().to_datetime(time).to_zoned(now.time_zone().clone())?;
        let at = if today.timestamp() > now.timestamp() {
            now.yesterday()?.date().to_datetime(time).to_zoned(now.time_zone().clone())?
        } else {
            today
        };
        return Ok(at.timestamp());
    }
    bail!("{text:?} is no moment: write 14:05, 10m (ago), 2026-11-20 14:05, or 2026-11-20T14:05:00Z")
}

/// Puts the local time of day where a text has a moment, with the date where that is another day than that of `about`.
pub(super) fn localised(text: &str, about: &Zoned) -> String {
    MOMENT.replace_all(text, |found: &Captures<'_>| shown(&found[0], about)).into_owned()
}

fn shown(moment: &str, about: &Zoned) -> String {
    let Ok(time) = moment.parse::<Timestamp>() else { return moment.to_owned() };
    let time = time.to_zoned(about.time_zone().clone());
    let format = if time.date() == about.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    time.strftime(format).to_string()
}

/// The machine's zone.
pub(super) fn zone() -> TimeZone {
    TimeZone::system()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::fixed(jiff::tz::offset(1)));
        "2026-11-20T12:00:00Z".parse::<Timestamp>().expect("a moment").to_zoned(zone)
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        for (text, expected) in [
            ("10m", "2026-11-20T11:50:00Z"),
            ("1h30m ago", "2026-11-20T10:30:00Z"),
            ("now-2h", "2026-11-20T10:00:00Z"),
            ("12:30", "2026-11-20T11:30:00Z"),
            ("12:30:15", "2026-11-20T11:30:15Z"),
            // Half past two in the afternoon is still to come.
            ("14:30", "2026-11-19T13:30:00Z"),
            ("2026-11-01 08:00", "2026-11-01T07:00:00Z"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
            ("1763632800", "2025-11-20T10:00:00Z"),
        ] {
            assert_eq!(parse(text, &now()).expect(text).to_string(), expected, "{text}");
        }
        for wrong in ["", "soon", "25:00", "12"] {
            let error = parse(wrong, &now()).expect_err(wrong).to_string();
            assert!(error.contains("is no moment"), "{error}");
        }
    }

    #[test]
    fn moments_in_texts_are_local() {
        let text = "told at 2026-11-20T11:59:00Z, and at 2026-11-19T11:00:00.5Z.";
        assert_eq!(localised(text, &now()), "told at 12:59:00, and at 2026-11-19 12:00:00.");
    }
}
