//! Lines that describe a metric family: `# HELP`, `# TYPE`, `# UNIT`.

use std::borrow::Cow;

use model::MetricKind;

use crate::Format;
use crate::cursor::Cursor;
use crate::error::{LineError, quoted};
use crate::series::{is_metric_name, scan_quoted, unescape};

/// What a body says about a metric family. Names are as exposed: of an OpenMetrics counter without `_total`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meta<'a> {
    /// A sentence for people, escapes resolved.
    Help {
        /// The family.
        name: Cow<'a, str>,
        /// The sentence.
        text: Cow<'a, str>,
    },
    /// The kind.
    Type {
        /// The family.
        name: Cow<'a, str>,
        /// The kind.
        kind: MetricKind,
    },
    /// The unit, OpenMetrics only.
    Unit {
        /// The family.
        name: Cow<'a, str>,
        /// The unit.
        unit: &'a str,
    },
}

impl Meta<'_> {
    /// The family that is described.
    pub fn name(&self) -> &str {
        match self {
            Self::Help { name, .. } | Self::Type { name, .. } | Self::Unit { name, .. } => name,
        }
    }
}

/// Reads a line that starts with `#` in the text format; `None` for a plain comment.
pub(crate) fn text_line(line: &str) -> Result<Option<Meta<'_>>, LineError> {
    let mut cursor = Cursor::new(line);
    cursor.skip(1);
    cursor.skip_blanks();
    let keyword = cursor.word();
    if !matches!(keyword, "HELP" | "TYPE") || cursor.is_at_end() {
        return Ok(None);
    }
    cursor.skip_blanks();
    let name = family_name(&mut cursor)?;
    cursor.skip_blanks();
    if keyword == "HELP" {
        return Ok(Some(Meta::Help { name, text: help_text(cursor.rest(), Format::Text) }));
    }
    let at = cursor.at();
    let kind = cursor.rest().trim_end_matches([' ', '\t']);
    let kind = if kind == "untyped" { Some(MetricKind::Unknown) } else { kind_of(kind) };
    let kind = kind.ok_or_else(|| invalid_type(at, cursor.rest()))?;
    Ok(Some(Meta::Type { name, kind }))
}

/// Reads a line that starts with `#` in OpenMetrics, where there are no plain comments and each blank counts.
pub(crate) fn openmetrics_line(line: &str) -> Result<Meta<'_>, LineError> {
    let mut cursor = Cursor::new(line);
    let keyword = ["HELP", "TYPE", "UNIT"]
        .into_iter()
        .find(|k| line.strip_prefix("# ").is_some_and(|l| l.starts_with(k)));
    let Some(keyword) = keyword else {
        return Err(LineError::new(
            0,
            format!("expected # HELP, # TYPE, # UNIT or # EOF, found {}", quoted(line)),
        ));
    };
    cursor.skip("# ".len() + keyword.len());
    expect_space(&mut cursor)?;
    let name = family_name(&mut cursor)?;
    expect_space(&mut cursor)?;
    let (at, rest) = (cursor.at(), cursor.rest());
    match keyword {
        "HELP" => Ok(Meta::Help { name, text: help_text(rest, Format::OpenMetrics) }),
        "TYPE" => Ok(Meta::Type { name, kind: kind_of(rest).ok_or_else(|| invalid_type(at, rest))? }),
        _ => unit(name, rest, at),
    }
}

fn expect_space(cursor: &mut Cursor<'_>) -> Result<(), LineError> {
    let at = cursor.at();
    if cursor.eat(b' ') {
        Ok(())
    } else {
        Err(LineError::new(at, format!("expected one blank, found {}", cursor.found())))
    }
}

/// A unit must be the last word of the family's name, so that a reader of the name alone knows it.
fn unit<'a>(name: Cow<'a, str>, unit: &'a str, at: usize) -> Result<Meta<'a>, LineError> {
    if unit.contains([' ', '\t']) {
        return Err(LineError::new(at, format!("invalid unit {}", quoted(unit))));
    }
    let ends_in_unit =
        unit.is_empty() || name.strip_suffix(unit).is_some_and(|stem| stem.ends_with(['_', '.']));
    if !ends_in_unit {
        return Err(LineError::new(
            at,
            format!("unit {} is not a suffix of metric {}", quoted(unit), quoted(&name)),
        ));
    }
    Ok(Meta::Unit { name, unit })
}

fn family_name<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, LineError> {
    if cursor.peek() == Some(b'"') {
        return Ok(scan_quoted(cursor)?.resolve());
    }
    let at = cursor.at();
    let name = cursor.word();
    if is_metric_name(name) {
        Ok(Cow::Borrowed(name))
    } else {
        Err(LineError::new(at, format!("expected a metric name, found {}", quoted(name))))
    }
}

fn invalid_type(at: usize, text: &str) -> LineError {
    LineError::new(at, format!("invalid metric type {}", quoted(text)))
}

fn kind_of(text: &str) -> Option<MetricKind> {
    Some(match text {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        "gaugehistogram" => MetricKind::GaugeHistogram,
        "summary" => MetricKind::Summary,
        "info" => MetricKind::Info,
        "stateset" => MetricKind::StateSet,
        "unknown" => MetricKind::Unknown,
        _ => return None,
    })
}

/// Text escapes `\\` and `\n` in a help text and leaves quotes alone; OpenMetrics escapes quotes too.
fn help_text(raw: &str, format: Format) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    match format {
        Format::OpenMetrics => Cow::Owned(unescape(raw)),
        Format::Text => Cow::Owned(unescape_help_text(raw)),
    }
}

fn unescape_help_text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some('\\')) => {
                out.push('\\');
                chars.next();
            }
            ('\\', Some('n')) => {
                out.push('\n');
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}
