//! Time: now, the zone, where the kernel takes it from.

use model::MetricKind;

use crate::files::{Failure, Files};
use crate::write::{Out, Row, gauge};

/// The time now and the offset of the local zone.
pub(crate) fn time(_files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let now = jiff::Zoned::now();
    let seconds = now.timestamp().as_nanosecond() as f64 / 1e9;
    out.one(MetricKind::Gauge, "node_time_seconds", "Time of this machine since the Unix epoch.", seconds);
    const ZONE: &str = "node_time_zone_offset_seconds";
    let zone = now.time_zone().to_offset_info(now.timestamp());
    out.family(MetricKind::Gauge, ZONE, "Offset of the local time zone.");
    out.sample(ZONE, &[("time_zone", zone.abbreviation())], f64::from(zone.offset().seconds()));
    Ok(())
}

/// The kernel's sources of time: those there are and the one in use.
pub(crate) fn clocksource(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    const FOLDER: &str = "devices/system/clocksource";
    let (mut available, mut current) = (Vec::new(), Vec::new());
    for name in files.sys_names(FOLDER)? {
        let Some(device) = name.strip_prefix("clocksource") else { continue };
        available.extend(sources(files, &format!("{FOLDER}/{name}/available_clocksource"), device));
        current.extend(sources(files, &format!("{FOLDER}/{name}/current_clocksource"), device));
    }
    let help = "Whether the kernel can take time from this source; always 1.";
    out.table(&[gauge("node_time_clocksource_available_info", help)], &available);
    out.table(
        &[gauge("node_time_clocksource_current_info", "The kernel takes time from this source; always 1.")],
        &current,
    );
    Ok(())
}

fn sources(files: &mut Files, file: &str, device: &str) -> Vec<Row> {
    let words = files.sys_line(file).unwrap_or_default().split_ascii_whitespace();
    words
        .map(|source| Row {
            labels: vec![("clocksource", source.to_owned()), ("device", device.to_owned())],
            values: vec![Some(1.0)],
        })
        .collect()
}
