//! The arithmetic of an objective in words: what may fail, when somebody is told, how long that takes.

use std::fmt::Write as _;

use model::{DurationMs, format_float};

use crate::slo::generate::percent;
use crate::slo::{BurnWindow, Indicator, Slo, burn_windows};

/// Shares of errors for which the time to detection is given.
const SHARES: [f64; 3] = [1.0, 0.1, 0.02];

/// What `slo` means. `per_second` are the events there are, when somebody knows.
pub fn explain(slo: &Slo, per_second: Option<f64>) -> String {
    let mut out = String::new();
    let budget = slo.budget();
    let _ = writeln!(out, "{}: {} of {} over {}", slo.id(), percent(slo.objective), what(slo), slo.period);
    if !slo.description.is_empty() {
        let _ = writeln!(out, "  {}", slo.description);
    }
    let outage = DurationMs((budget * slo.period.0 as f64) as i64);
    let _ =
        writeln!(out, "\n  {} may fail: as much as {} of nothing but errors", percent(budget), short(outage));
    if let Some(rate) = per_second {
        let all = rate * slo.period.as_secs_f64();
        let _ = writeln!(
            out,
            "  at {} a second: {:.0} of {all:.0} in {}",
            format_float(rate),
            all * budget,
            slo.period
        );
    }
    let _ = writeln!(out, "\n  told after this long, errors beginning at a steady share, none before:\n");
    let _ = writeln!(
        out,
        "  {:<8} {:>5}  {:<6} {:<6} {:<12} {:<12} {:<10} {:<10} {:<10} ends after",
        "", "burn", "long", "short", "fires above", "budget gone", "100%", "10%", "2%"
    );
    for pair in burn_windows(slo.period) {
        row(&mut out, slo, &pair);
    }
    let _ = writeln!(
        out,
        "\n  Scrape and evaluation intervals come on top. \"ends after\" is for 100% errors, from their end. \"never\": the\n  \
         share is below what the window allows; a slower window sees it, or it is within the budget."
    );
    guard(&mut out, slo, per_second);
    out
}

fn row(out: &mut String, slo: &Slo, pair: &BurnWindow) {
    let budget = slo.budget();
    let told = |share: f64| pair.detection(budget, share).map_or("never".to_owned(), short);
    let [all, tenth, fiftieth] = SHARES.map(told);
    let _ = writeln!(
        out,
        "  {:<8} {:>5}  {:<6} {:<6} {:<12} {:<12} {all:<10} {tenth:<10} {fiftieth:<10} {}",
        pair.severity.as_str(),
        format_float(pair.factor),
        pair.long.to_string(),
        pair.short.to_string(),
        percent(pair.threshold(budget)),
        percent(pair.budget_share),
        pair.recovery(budget, 1.0).map_or("never".to_owned(), short),
    );
}

fn guard(out: &mut String, slo: &Slo, per_second: Option<f64>) {
    let Indicator::Events { errors_min: Some(least), .. } = &slo.indicator else {
        let _ =
            writeln!(out, "  No guard for low traffic: the file gives expressions, whose unit is not known.");
        return;
    };
    let least_text = format_float(*least);
    let _ = writeln!(out, "  Low traffic: silent below {least_text} errors within the long window.");
    let quick = burn_windows(slo.period)[0];
    let needed = least / (quick.threshold(slo.budget()) * quick.long.as_secs_f64());
    let _ = writeln!(
        out,
        "  Below {:.3} events a second that makes the quickest alert later than the table says.",
        needed
    );
    if let Some(rate) = per_second.filter(|rate| *rate > 0.0) {
        let wait = DurationMs((least / rate * 1000.0) as i64);
        let _ = writeln!(
            out,
            "  At {} a second {least_text} errors take {} at 100%.",
            format_float(rate),
            short(wait)
        );
    }
}

fn what(slo: &Slo) -> &'static str {
    match slo.indicator {
        Indicator::Events { .. } => "events",
        Indicator::Ratio { .. } => "what the ratio counts",
    }
}

/// The two largest units, the second one rounded.
fn short(length: DurationMs) -> String {
    let seconds = (length.0 as f64 / 1000.0).round() as i64;
    match seconds {
        0 => format!("{} ms", length.0),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
