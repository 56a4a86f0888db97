//! From objectives to the text of a Prometheus rule file.
//!
//! Per objective two groups. The first, at the usual interval: shares of errors over the windows up to six hours, and the
//! alerts that call somebody. The second, every half minute: the windows of days, the whole period, what follows from it
//! (budget left, how long it will last), and the alerts that can wait.

use std::fmt::Write as _;

use model::{DurationMs, Labels, format_float};

use crate::slo::{BurnWindow, Indicator, Severity, Slo, WINDOW, burn_windows};

/// The interval of the second group: shares over days move slowly, and cost most.
const SLOW_INTERVAL: &str = "30s";

/// Windows of the first group; longer ones belong to the second.
const QUICK_WINDOW_MAX: DurationMs = DurationMs(6 * 3_600_000);

/// Over which windows the forecast looks at the pace of spending: how far they lie apart is how little is known.
const FORECAST_WINDOWS: [&str; 3] = ["6h", "1d", "3d"];

/// The text of a rule file for `slos`, which came from the file `from`.
pub fn generate(slos: &[Slo], from: &str) -> String {
    let mut out = format!(
        "# Made of {from} by `watchfire slo generate`: edit that file, not this one.\n\
         # How to read the names: docs/slo.md.\ngroups:\n"
    );
    for slo in slos {
        quick(&mut out, slo);
        slow(&mut out, slo);
    }
    out
}

/// `query` over the window of the length `window`.
pub(super) fn windowed(query: &str, window: &str) -> String {
    query.replace(WINDOW, window)
}

fn quick(out: &mut String, slo: &Slo) {
    let _ = writeln!(out, "  - name: slo-{}\n    rules:", slo.id());
    for window in windows(slo).filter(|window| *window <= QUICK_WINDOW_MAX) {
        ratio(out, slo, &window.to_string());
    }
    alerts(out, slo, Severity::Page);
}

fn slow(out: &mut String, slo: &Slo) {
    let _ = writeln!(out, "\n  - name: slo-{}-slow\n    interval: {SLOW_INTERVAL}\n    rules:", slo.id());
    for window in windows(slo).filter(|window| *window > QUICK_WINDOW_MAX) {
        ratio(out, slo, &window.to_string());
    }
    ratio(out, slo, &slo.period.to_string());
    budget(out, slo);
    alerts(out, slo, Severity::Ticket);
    out.push('\n');
}

/// All windows of the alerts, shortest first, each once.
fn windows(slo: &Slo) -> impl Iterator<Item = DurationMs> {
    let mut all: Vec<DurationMs> =
        burn_windows(slo.period).iter().flat_map(|pair| [pair.short, pair.long]).collect();
    all.sort();
    all.dedup();
    all.into_iter()
}

/// The share of errors over one window.
fn ratio(out: &mut String, slo: &Slo, window: &str) {
    let expr = match &slo.indicator {
        // No failed event is a share of zero, no event at all is no share.
        Indicator::Events { errors, total, .. } => {
            let (errors, total) = (windowed(errors, window), windowed(total, window));
            format!("({errors} or 0 * {total})\n/\n({total} > 0)")
        }
        Indicator::Ratio { errors } => windowed(errors, window),
    };
    record(out, slo, &format!("slo:sli_error:ratio_rate{window}"), &expr, Some(window));
}

fn budget(out: &mut String, slo: &Slo) {
    let ids = ids(slo);
    let share = |window: &str| format!("slo:sli_error:ratio_rate{window}{{{ids}}}");
    let budget = format_float(slo.budget());
    let days = format_float(slo.period.as_secs_f64() / 86_400.0);
    let period = slo.period.to_string();
    let remaining = format!("slo:period_error_budget_remaining:ratio{{{ids}}}");
    for (name, expr) in [
        ("slo:objective:ratio", format!("vector({})", format_float(slo.objective))),
        ("slo:error_budget:ratio", format!("vector({budget})")),
        ("slo:time_period:days", format!("vector({days})")),
        ("slo:current_burn_rate:ratio", format!("max({}) / {budget}", share("5m"))),
        ("slo:period_burn_rate:ratio", format!("max({}) / {budget}", share(&period))),
        ("slo:period_error_budget_remaining:ratio", format!("1 - max(slo:period_burn_rate:ratio{{{ids}}})")),
    ] {
        record(out, slo, name, &expr, None);
    }
    for window in FORECAST_WINDOWS {
        let seconds = format_float(slo.period.as_secs_f64());
        // At this pace what is left lasts so long. No errors, no end: no series.
        let expr =
            format!("clamp_min(max({remaining}), 0) * {seconds}\n/\n(max({}) / {budget} > 0)", share(window));
        record(out, slo, "slo:error_budget_exhaustion:seconds", &expr, Some(window));
    }
}

fn record(out: &mut String, slo: &Slo, name: &str, expr: &str, window: Option<&str>) {
    let mut labels = slo.labels.to_builder();
    labels.set("sloth_id", slo.id()).set("sloth_service", &slo.service).set("sloth_slo", &slo.name);
    if let Some(window) = window {
        labels.set("sloth_window", window);
    }
    let _ = writeln!(out, "      - record: {name}");
    block(out, "expr", expr);
    mapping(out, "labels", &labels.build());
}

fn alerts(out: &mut String, slo: &Slo, severity: Severity) {
    let told = match severity {
        Severity::Page => &slo.alerting.page,
        Severity::Ticket => &slo.alerting.ticket,
    };
    let Some((labels, annotations)) = told else { return };
    for pair in burn_windows(slo.period).iter().filter(|pair| pair.severity == severity) {
        let _ = writeln!(out, "      - alert: {}", quoted(&slo.alerting.name));
        block(out, "expr", &alert_expr(slo, pair));
        mapping(out, "labels", &alert_labels(slo, pair, labels));
        mapping(out, "annotations", &alert_annotations(slo, pair, annotations));
    }
}

/// Both windows are above the threshold, and there were errors enough to speak of a share.
fn alert_expr(slo: &Slo, pair: &BurnWindow) -> String {
    let (ids, budget) = (ids(slo), format_float(slo.budget()));
    let above = |window: DurationMs| {
        let factor = format_float(pair.factor);
        format!(
            "max without (sloth_window) (slo:sli_error:ratio_rate{window}{{{ids}}}) > {factor} * {budget}"
        )
    };
    let mut expr = format!("{}\nand\n{}", above(pair.short), above(pair.long));
    if let Indicator::Events { errors, errors_min: Some(least), .. } = &slo.indicator {
        let errors = windowed(errors, &pair.long.to_string());
        let (seconds, least) = (format_float(pair.long.as_secs_f64()), format_float(*least));
        let _ = write!(expr, "\nand on ()\nsum({errors}) * {seconds} >= {least}");
    }
    expr
}

fn alert_labels(slo: &Slo, pair: &BurnWindow, own: &Labels) -> Labels {
    let mut labels = slo.alerting.labels.to_builder();
    for (name, value) in own.iter() {
        labels.set(name, value);
    }
    labels.set("sloth_severity", pair.severity.as_str()).set("window", pair.long.to_string());
    labels.build()
}

fn alert_annotations(slo: &Slo, pair: &BurnWindow, own: &Labels) -> Labels {
    let (short, long) = (pair.short, pair.long);
    let (factor, budget) = (format_float(pair.factor), percent(slo.budget()));
    let objective = percent(slo.objective);
    let mut annotations = slo.alerting.annotations.to_builder();
    if annotations.get("summary").is_none() {
        annotations.set(
            "summary",
            format!("{}: the error budget of {} burns over {factor} times too fast", slo.service, slo.name),
        );
    }
    if annotations.get("description").is_none() {
        annotations.set(
            "description",
            format!(
                "{{{{ $value | humanizePercentage }}}} of what counts failed in the last {short}, and over {} in the last \
                 {long} too. {objective} are promised over {}, so {budget} may fail; at {factor} times that pace {} of the \
                 budget goes in {long}.",
                percent(pair.threshold(slo.budget())),
                slo.period,
                percent(pair.budget_share),
            ),
        );
    }
    for (name, value) in own.iter() {
        annotations.set(name, value);
    }
    annotations.build()
}

/// As people write it: `99.9%`.
pub(super) fn percent(share: f64) -> String {
    format!("{}%", format_float((share * 100.0 * 1e9).round() / 1e9))
}

fn ids(slo: &Slo) -> String {
    let label = |name: &str, value: &str| format!("{name}={}", quoted(value));
    format!(
        "{}, {}, {}",
        label("sloth_id", &slo.id()),
        label("sloth_service", &slo.service),
        label("sloth_slo", &slo.name)
    )
}

fn block(out: &mut String, key: &str, text: &str) {
    let _ = writeln!(out, "        {key}: |");
    for line in text.lines() {
        let _ = writeln!(out, "          {line}");
    }
}

fn mapping(out: &mut String, key: &str, labels: &Labels) {
    if labels.is_empty() {
        return;
    }
    let _ = writeln!(out, "        {key}:");
    for (name, value) in labels.iter() {
        let _ = writeln!(out, "          {}: {}", quoted_name(name), quoted(value));
    }
}

fn quoted_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(plain) && !name.is_empty() { name.to_owned() } else { quoted(name) }
}

/// A text in double quotes that YAML and PromQL read alike.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c) & 0xff);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
