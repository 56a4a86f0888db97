//! From what was written to what runs: stages of the tree as stages over lines.

use logstage::{
    Json, LabelFilter, LabelFormat, LineFilter, Logfmt, NameFilter, NumberFilter, PatternParser, Regexp,
    Stage, StageError, Template, Unpack, Unwrap,
};
use model::matcher::REGEX_SIZE_MAX_BYTES;
use regex::{Regex, RegexBuilder};

use crate::ast::{FormatValue, LabelExpr, LogExpr, NameExpr, StageKind, UnwrapExpr};

/// All stages of a selector.
pub(crate) fn stages(log: &LogExpr) -> Result<Vec<Stage>, StageError> {
    log.stages.iter().map(|expr| stage(&expr.kind)).collect()
}

/// One stage.
pub(crate) fn stage(kind: &StageKind) -> Result<Stage, StageError> {
    Ok(match kind {
        StageKind::Line { op, operands } => Stage::Line(LineFilter::new(*op, operands)?),
        StageKind::Json(fields) => Stage::Json(Json::new(pairs(fields))?),
        StageKind::Logfmt { is_strict, keeps_empty, fields } => {
            if let Some((_, key)) = fields.iter().find(|(_, key)| !is_key(key)) {
                return Err(StageError(format!("cannot parse expression [{key}]: not a logfmt key")));
            }
            Stage::Logfmt(Logfmt { is_strict: *is_strict, keeps_empty: *keeps_empty, fields: fields.clone() })
        }
        StageKind::Regexp(pattern) => Stage::Regexp(Regexp::new(pattern)?),
        StageKind::Pattern(pattern) => Stage::Pattern(PatternParser::new(pattern)?),
        StageKind::Unpack => Stage::Unpack(Unpack),
        StageKind::Decolorize => Stage::Decolorize,
        StageKind::Label(filter) => Stage::Label(label_filter(filter)?),
        StageKind::LineFormat(template) => Stage::LineFormat(Template::new(template)?),
        StageKind::LabelFormat(formats) => {
            let format = |(name, value): &(String, FormatValue)| match value {
                FormatValue::Label(source) => Ok(LabelFormat::rename(name, source)),
                FormatValue::Template(template) => LabelFormat::template(name, template),
            };
            Stage::LabelFormat(formats.iter().map(format).collect::<Result<_, _>>()?)
        }
        StageKind::Drop(names) => Stage::Drop(names.iter().map(name_filter).collect()),
        StageKind::Keep(names) => Stage::Keep(names.iter().map(name_filter).collect()),
    })
}

fn pairs(fields: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    fields.iter().map(|(name, path)| (name.as_str(), path.as_str()))
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '.' | '[' | ']'))
}

fn name_filter(name: &NameExpr) -> NameFilter {
    match name {
        NameExpr::Name(name) => NameFilter::Name(name.clone()),
        NameExpr::Value(matcher) => NameFilter::Value(matcher.clone()),
    }
}

fn label_filter(expr: &LabelExpr) -> Result<LabelFilter, StageError> {
    let both = |a: &LabelExpr, b: &LabelExpr| Ok((Box::new(label_filter(a)?), Box::new(label_filter(b)?)));
    Ok(match expr {
        LabelExpr::Text(matcher) => LabelFilter::Text(matcher.clone()),
        LabelExpr::Ip { name, is_negative, range } => {
            LabelFilter::Ip(logstage::IpFilter::new(name, *is_negative, range)?)
        }
        LabelExpr::Number { name, op, kind, value, .. } => {
            LabelFilter::Number(NumberFilter { name: name.clone(), op: *op, kind: *kind, value: *value })
        }
        LabelExpr::And(a, b) => both(a, b).map(|(a, b)| LabelFilter::And(a, b))?,
        LabelExpr::Or(a, b) => both(a, b).map(|(a, b)| LabelFilter::Or(a, b))?,
    })
}

/// `unwrap` and the conditions behind it.
pub(crate) fn unwrap(expr: &UnwrapExpr) -> Result<Unwrap, StageError> {
    let filters = expr.filters.iter().map(label_filter).collect::<Result<_, _>>()?;
    Ok(Unwrap { label: expr.label.clone(), conversion: expr.conversion, filters })
}

/// A pattern that has to match a whole value.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(REGEX_SIZE_MAX_BYTES)
            .dfa_size_limit(REGEX_SIZE_MAX_BYTES)
            .build()
    };
    // Checked alone first: "a)(b" must not become valid by the group around it.
    build(pattern)?;
    build(&format!("^(?s:{pattern})$"))
}
