//! How well the clock is kept, as the kernel knows from whoever corrects it.

use crate::files::{Failure, Files};
use crate::write::{Column, Out, counter, gauge};

/// Status bit: nobody corrects the clock.
const UNSYNCHRONIZED: i32 = 0x40;
/// Status bit: the kernel counts in nanoseconds instead of microseconds.
const NANOSECONDS: i32 = 0x2000;
/// What `adjtimex` answers when the clock is in error.
const CLOCK_ERROR: i32 = 5;

const MICRO: f64 = 1e-6;
/// Frequencies are parts per million with 16 bits behind the point.
const PPM16: f64 = 65_536.0 * 1e6;
/// The same in hertz of the pulse.
const PPM16_HERTZ: f64 = 1.0 / 65_536.0;

type Value = fn(&libc::timex, f64) -> f64;

const FAMILIES: [(Column, Value); 17] = [
    (gauge("node_timex_offset_seconds", "Difference to the reference clock."), |t, unit| {
        t.offset as f64 * unit
    }),
    (gauge("node_timex_frequency_adjustment_ratio", "Factor by which the clock runs."), |t, _| {
        1.0 + t.freq as f64 / PPM16
    }),
    (gauge("node_timex_maxerror_seconds", "Largest error."), |t, _| t.maxerror as f64 * MICRO),
    (gauge("node_timex_estimated_error_seconds", "Estimated error."), |t, _| t.esterror as f64 * MICRO),
    (gauge("node_timex_status", "The clock's status bits."), |t, _| f64::from(t.status)),
    (gauge("node_timex_loop_time_constant", "Time constant of the control loop."), |t, _| t.constant as f64),
    (gauge("node_timex_tick_seconds", "Time between ticks."), |t, _| t.tick as f64 * MICRO),
    (gauge("node_timex_pps_frequency_hertz", "Frequency of the pulse per second."), |t, _| {
        t.ppsfreq as f64 * PPM16_HERTZ
    }),
    (gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse."), |t, unit| t.jitter as f64 * unit),
    (gauge("node_timex_pps_shift_seconds", "Interval of the pulse."), |t, _| f64::from(t.shift)),
    (gauge("node_timex_pps_stability_hertz", "Stability of the pulse."), |t, _| {
        t.stabil as f64 * PPM16_HERTZ
    }),
    (counter("node_timex_pps_jitter_total", "Times that the pulse's jitter was too large."), |t, _| {
        t.jitcnt as f64
    }),
    (counter("node_timex_pps_calibration_total", "Calibrations by the pulse."), |t, _| t.calcnt as f64),
    (counter("node_timex_pps_error_total", "Calibrations by the pulse that failed."), |t, _| t.errcnt as f64),
    (counter("node_timex_pps_stability_exceeded_total", "Times that the pulse was unstable."), |t, _| {
        t.stbcnt as f64
    }),
    (gauge("node_timex_tai_offset_seconds", "Difference to atomic time."), |t, _| f64::from(t.tai)),
    (gauge("node_timex_sync_status", "Whether somebody corrects the clock."), |t, _| {
        f64::from(u8::from(t.status & UNSYNCHRONIZED == 0))
    }),
];

/// `adjtimex` without a change.
pub(crate) fn timex(_files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let (time, state) = read().ok_or(Failure::Odd { file: "adjtimex", wanted: "answer" })?;
    let unit = if time.status & NANOSECONDS != 0 { 1e-9 } else { MICRO };
    for (column, value) in &FAMILIES {
        let is_bad = column.name == "node_timex_sync_status" && state == CLOCK_ERROR;
        let value = if is_bad { 0.0 } else { value(&time, unit) };
        out.value(column, Some(value));
    }
    Ok(())
}

/// The kernel's answer and its state; `None` where a sandbox refuses the call.
#[expect(
    unsafe_code,
    reason = "no safe wrapper has it; the call fills a plain struct that we own and changes nothing"
)]
fn read() -> Option<(libc::timex, i32)> {
    // SAFETY: all zeros is a valid `timex`, and `modes` 0 asks without setting anything.
    let (time, state) = unsafe {
        let mut time: libc::timex = std::mem::zeroed();
        let state = libc::adjtimex(&raw mut time);
        (time, state)
    };
    (state >= 0).then_some((time, state))
}
