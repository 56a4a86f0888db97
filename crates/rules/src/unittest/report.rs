//! How tests went, as a person wants to read it: what was expected, what was there, and how it came to that.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use config::Position;
use model::{DurationMs, Labels, TimestampMs, format_float};
use promql::Series;

use crate::unittest::compare::label_differences;
use crate::unittest::plot::{self, ROWS_MAX};

/// The longest name before a row of a plot, in characters.
const NAME_MAX_CHARS: usize = 46;

/// How a file's tests went.
#[derive(Debug)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// The test groups that were run, in order.
    pub groups: Vec<GroupReport>,
}

/// How a test group went.
#[derive(Debug)]
pub struct GroupReport {
    /// Its name; may be empty.
    pub name: String,
    /// Where it begins.
    pub at: Position,
    /// What did not go as expected.
    pub failures: Vec<Failure>,
}

/// One thing that did not go as expected.
#[derive(Debug)]
pub struct Failure {
    pub(super) at: Position,

    pub(super) what: String,
    pub(super) difference: Difference,
    pub(super) plots: Vec<Plot>,
}

#[derive(Debug)]
pub(super) enum Difference {
    /// It could not be evaluated.
    Broken(String),
    Alerts {
        /// Whether any rule has the name.
        known: bool,
        missing: Vec<(Labels, Labels)>,
        surplus: Vec<(Labels, Labels)>,
        /// Alerts that wait, and since when.
        pending: Vec<(Labels, TimestampMs)>,
        start_ms: i64,
    },
    Samples {
        missing: Vec<(Labels, f64)>,
        surplus: Vec<(Labels, f64)>,
    },
}

/// Series over the time of a test; times are from its start.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    pub(super) every_ms: i64,
    pub(super) series: Vec<Series>,
}

impl FileReport {
    /// Whether all went as expected.
    pub fn passed(&self) -> bool {
        self.groups.iter().all(|group| group.failures.is_empty())
    }

    /// Whether all that failed needs native histograms, which are not there yet.
    pub fn needs_only_histograms(&self) -> bool {
        let mut failures = self.groups.iter().flat_map(|group| &group.failures);
        !self.passed() && failures.all(Failure::needs_histograms)
    }
}

/// An alert or a sample that was found and not expected.
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) enum Found {
    Alert(Labels, Labels),
    Sample(Labels, f64),
}

#[cfg(test)]
impl FileReport {
    /// What was found beyond what was expected, by the line of its case.
    pub(crate) fn found_beyond(&self) -> std::collections::BTreeMap<usize, Vec<Found>> {
        let failures = self.groups.iter().flat_map(|group| &group.failures);
        let beyond = failures.map(|failure| {
            let found = match &failure.difference {
                Difference::Alerts { surplus, .. } => surplus
                    .iter()
                    .map(|(labels, words)| Found::Alert(labels.clone(), words.clone()))
                    .collect(),
                Difference::Samples { surplus, .. } => {
                    surplus.iter().map(|(labels, value)| Found::Sample(labels.clone(), *value)).collect()
                }
                Difference::Broken(cause) => panic!("{}: {cause}", failure.what),
            };
            (failure.at.line as usize, found)
        });
        beyond.collect()
    }
}

/// The failures; nothing when there are none.
impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in &self.groups {
            for failure in &group.failures {
                let name = if group.name.is_empty() { String::new() } else { format!("{}: ", group.name) };
                writeln!(f, "{}:{}: {name}{}", self.path.display(), failure.at.line, failure.what)?;
                f.write_str(&indented(&failure.to_string()))?;
            }
        }
        Ok(())
    }
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "  {line}");
        out
    })
}

impl Failure {
    pub(super) fn broken(at: Position, cause: String) -> Self {
        let what = "cannot be run".to_owned();
        Self { at, what, difference: Difference::Broken(cause), plots: Vec::new() }
    }

    fn needs_histograms(&self) -> bool {
        matches!(&self.difference, Difference::Broken(cause) if cause.contains("native histograms"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.difference)?;
        self.plots.iter().try_for_each(|plot| write!(f, "{plot}"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(cause) => writeln!(f, "error     {cause}"),
            Self::Samples { missing, surplus } => {
                let shown = |(labels, value): &(Labels, f64)| format!("{labels} {}", format_float(*value));
                list(f, "expected  ", missing.iter().map(shown).collect())?;
                list(f, "got       ", surplus.iter().map(shown).collect())
            }
            Self::Alerts { known: false, .. } => writeln!(f, "error     no rule of the files has that name"),
            Self::Alerts { missing, surplus, pending, start_ms, .. } => {
                if let ([expected], [got]) = (missing.as_slice(), surplus.as_slice()) {
                    return near_miss(f, expected, got);
                }
                list(f, "expected  ", missing.iter().map(alert).collect())?;
                list(f, "got       ", surplus.iter().map(alert).collect())?;
                for (labels, since) in pending {
                    let since = DurationMs(since.0 - start_ms);
                    writeln!(f, "pending   {labels} since {since}")?;
                }
                Ok(())
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, head: &str, mut lines: Vec<String>) -> fmt::Result {
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    for (i, line) in lines.iter().enumerate() {
        writeln!(f, "{}{line}", if i == 0 { head } else { "          " })?;
    }
    Ok(())
}

fn alert((labels, annotations): &(Labels, Labels)) -> String {
    let annotations = annotations.iter().fold(String::new(), |mut out, (name, text)| {
        let _ = write!(out, "\n            {name}: {text}");
        out
    });
    format!("{labels}{annotations}")
}

/// One alert for another: only what differs is worth reading.
fn near_miss(f: &mut fmt::Formatter<'_>, expected: &(Labels, Labels), got: &(Labels, Labels)) -> fmt::Result {
    for (kind, expected, got) in [("label", &expected.0, &got.0), ("annotation", &expected.1, &got.1)] {
        for (name, expected, got) in label_differences(expected, got) {
            let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("{text:?}") };
            writeln!(f, "{kind} {name}\n  expected  {}\n  got       {}", shown(&expected), shown(&got))?;
        }
    }
    Ok(())
}

impl fmt::Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title: Vec<&str> = self.title.split_whitespace().collect();
        let (from, until) = (DurationMs(self.from_ms), DurationMs(self.until_ms));
        writeln!(f, "{}", title.join(" "))?;
        writeln!(f, "from {from} to {until}, a column every {}", DurationMs(self.every_ms))?;
        if self.series.is_empty() {
            return writeln!(f, "  no series in that time");
        }
        let names: Vec<String> =
            self.series.iter().map(|series| shortened(&series.labels.to_string())).collect();
        let width = names.iter().take(ROWS_MAX).map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, series) in names.iter().zip(&self.series).take(ROWS_MAX) {
            let (low, high) = plot::range(&series.values);
            let span = match (low.is_finite(), low < high) {
                (false, _) => "no number".to_owned(),
                (true, true) => format!("{} to {}", format_float(low), format_float(high)),
                (true, false) => format_float(low),
            };
            writeln!(f, "  {name:width$} |{}| {span}", plot::bars(&series.values))?;
        }
        match self.series.len().saturating_sub(ROWS_MAX) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more series"),
        }
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_MAX_CHARS {
        return name.to_owned();
    }
    let start: String = name.chars().take(NAME_MAX_CHARS - 1).collect();
    format!("{start}…")
}
