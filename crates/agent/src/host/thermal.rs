//! Temperatures and fans, where a machine shows them.

use crate::files::{Failure, Files};
use crate::write::{Column, Out, Row, gauge};

const MILLI: f64 = 0.001;
const ZONE: Column = gauge("node_thermal_zone_temp", "Temperature of a zone, in Celsius.").times(MILLI);
const COOLING: [Column; 2] = [
    gauge("node_cooling_device_cur_state", "How much a device cools now."),
    gauge("node_cooling_device_max_state", "How much a device can cool."),
];

/// Zones and the devices that cool them.
pub(crate) fn collect(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let (mut zones, mut devices) = (Vec::new(), Vec::new());
    for name in files.sys_names("class/thermal")? {
        let folder = format!("class/thermal/{name}");
        let kind = files.sys_line(&format!("{folder}/type")).unwrap_or_default().to_owned();
        if let Some(zone) = name.strip_prefix("thermal_zone") {
            let temperature = files.sys_number(&format!("{folder}/temp"));
            zones.push(Row {
                labels: vec![("zone", zone.to_owned()), ("type", kind)],
                values: vec![temperature],
            });
        } else if let Some(device) = name.strip_prefix("cooling_device") {
            let state = ["cur_state", "max_state"].map(|file| files.sys_number(&format!("{folder}/{file}")));
            devices.push(Row {
                labels: vec![("name", device.to_owned()), ("type", kind)],
                values: state.to_vec(),
            });
        }
    }
    out.table(&[ZONE], &zones);
    out.table(&COOLING, &devices);
    Ok(())
}
