//! The samples: a function of series and time alone, so that any part of them can be made by itself, and by whom it is
//! needed: the store, `promtool`, VictoriaMetrics.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Half are counters, half gauges.
pub(crate) const SERIES: usize = 1000;
const KINDS: usize = SERIES / 2;
pub(crate) const INTERVAL_S: i64 = 15;
/// Seconds past each multiple of the interval at which samples lie: no query asks for such a moment, so it does not
/// matter on which side windows are open.
const PHASE_S: i64 = 7;

/// The moments from `from_s` (a multiple of the interval) to before `to_s`, in seconds.
pub(crate) fn times(from_s: i64, to_s: i64) -> impl Iterator<Item = i64> {
    (from_s..to_s).step_by(INTERVAL_S as usize).map(|at_s| at_s + PHASE_S)
}

/// Name, and the name and value of the label beside `instance`.
pub(crate) fn labels(i: usize) -> (&'static str, String, &'static str, String) {
    let (name, label) = if i < KINDS { ("hist_requests_total", "path") } else { ("hist_gauge", "pool") };
    let i = i % KINDS;
    (name, format!("i{:02}", i % 10), label, format!("p{:03}", i / 10))
}

/// The value of series `i` at a moment: counters that grow at their own rate with some noise and never fall, and gauges
/// with two decimals that follow the day.
pub(crate) fn value(i: usize, at_s: i64) -> f64 {
    if i < KINDS {
        let rate = 1 + i as i64 % 17;
        // Less noise than the counter grows by in an interval.
        let noise = noise(at_s, i) % (5 * rate as u64 + 1);
        return ((at_s - 1_700_000_000) * rate) as f64 + noise as f64;
    }
    let day = at_s as f64 / 86_400.0 * std::f64::consts::TAU + (i % KINDS) as f64;
    let hundredths = (50.0 + 30.0 * day.sin()) * 100.0 + (noise(at_s, i) % 1000) as f64;
    hundredths.round() / 100.0
}

/// A number that looks random (the finish of MurmurHash3).
fn noise(at_s: i64, i: usize) -> u64 {
    let mut x = (at_s as u64).wrapping_mul(1009).wrapping_add(i as u64);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        x = (x ^ (x >> 33)).wrapping_mul(factor);
    }
    (x ^ (x >> 33)) & 0xffff_ffff
}

/// Writes the samples of a span as OpenMetrics, series by series, as `promtool` wants them.
pub(crate) fn write_openmetrics(from_s: i64, to_s: i64, out: &mut impl Write) -> io::Result<()> {
    for i in 0..SERIES {
        let (name, instance, label, own) = labels(i);
        if i % KINDS == 0 {
            let (family, kind) =
                name.strip_suffix("_total").map_or((name, "gauge"), |name| (name, "counter"));
            writeln!(out, "# TYPE {family} {kind}")?;
        }
        let series = format!("{name}{{instance=\"{instance}\",{label}=\"{own}\"}}");
        for at_s in times(from_s, to_s) {
            writeln!(out, "{series} {} {at_s}", value(i, at_s))?;
        }
    }
    writeln!(out, "# EOF")
}

/// Writes the samples of a span as lines of JSON for VictoriaMetrics' `/api/v1/import`, a line a series.
pub(crate) fn write_json(from_s: i64, to_s: i64, out: &mut impl Write) -> io::Result<()> {
    for i in 0..SERIES {
        let (name, instance, label, own) = labels(i);
        let (mut values, mut times_ms) = (String::new(), String::new());
        for at_s in times(from_s, to_s) {
            let comma = if values.is_empty() { "" } else { "," };
            // Writing into a string cannot fail.
            let _ = write!(values, "{comma}{}", value(i, at_s));
            let _ = write!(times_ms, "{comma}{at_s}000");
        }
        let metric = format!(r#"{{"__name__":"{name}","instance":"{instance}","{label}":"{own}"}}"#);
        writeln!(out, r#"{{"metric":{metric},"values":[{values}],"timestamps":[{times_ms}]}}"#)?;
    }
    Ok(())
}
