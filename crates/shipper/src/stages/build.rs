//! Makes stages of their settings, and says what is wrong with them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::config::{Position, Spanned};
use jiff::tz::TimeZone;
use model::MetricKind;
use regex::Regex;

use super::fields::{JsonFields, JsonPath, LogfmtFields, RegexFields};
use super::filters::{DropLines, DropMatching, Limit, Sampling};
use super::hold::MultilineRule;
use super::labels::{FieldLabels, FieldMetadata, LabelAllow, LabelDrop, StaticLabels, Tenant};
use super::layout::Layout;
use super::metrics::{Action, CustomMetrics, Rule};
use super::selector::{self, Selector};
use super::texts::{Decolorize, LineTemplate, Output, Pack, Replace, Template, TrimBreak};
use super::timestamp::LineTime;
use super::{Blueprint, Change, Part};
use crate::config::stages::{
    DropConfig, JsonConfig, LimitConfig, MatchConfig, MetricConfig, MultilineConfig, OneOrMany, StageConfig,
    TenantConfig, TimestampConfig,
};

/// Promtail's defaults.
const MULTILINE_WAIT: Duration = Duration::from_secs(3);
const MULTILINE_LINES_MAX: u64 = 128;
const DROP_REASON: &str = "drop_stage";
const MATCH_REASON: &str = "match_stage";
const SAMPLING_REASON: &str = "sampling_stage";
const SEPARATOR: &str = ";";
const METRIC_PREFIX: &str = "promtail_custom_";
const METRIC_IDLE: Duration = Duration::from_secs(300);
/// As the client library's.
const METRIC_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The least number of buckets of a limit by label that makes sense, as in Promtail.
const LIMIT_BUCKETS: usize = 10_000;

/// The layout of a CRI runtime's lines.
const CRI_LINE: &str = "^(?s)(?P<time>\\S+?) (?P<stream>stdout|stderr) (?P<flags>\\S+?) (?P<content>.*)$";

type Refused = Spanned<String>;

/// Adds what `stage` is made of.
pub(super) fn parts_of(
    stage: Spanned<StageConfig>,
    levels: usize,
    out: &mut Vec<Part>,
) -> Result<(), Refused> {
    let at = stage.at;
    let change: Arc<dyn Change> = match stage.value {
        StageConfig::Regex(it) => Arc::new(RegexFields { regex: named(&it.expression)?, source: it.source }),
        StageConfig::Json(it) => Arc::new(json(it)?),
        StageConfig::Logfmt(it) => {
            let mapping =
                it.mapping.into_iter().map(|(name, key)| (key.unwrap_or_else(|| name.clone()), name));
            Arc::new(LogfmtFields { mapping: mapping.collect(), source: it.source })
        }
        StageConfig::Replace(it) => Arc::new(Replace {
            regex: regex(&it.expression)?,
            source: it.source,
            template: template(&it.replace)?,
        }),
        StageConfig::Template(it) => {
            Arc::new(Template { source: it.source, template: template(&it.template)? })
        }
        StageConfig::Timestamp(it) => Arc::new(timestamp(it)?),
        StageConfig::Output(it) => Arc::new(Output(it.source)),
        StageConfig::Labels(it) => Arc::new(FieldLabels(sources(it, at)?)),
        StageConfig::StaticLabels(it) => {
            let given = it.into_iter().filter_map(|(name, value)| Some((name, value?)));
            Arc::new(StaticLabels(label_names(given.collect(), at)?))
        }
        StageConfig::LabelDrop(it) => Arc::new(LabelDrop(it)),
        StageConfig::LabelAllow(it) => Arc::new(LabelAllow(it)),
        StageConfig::StructuredMetadata(it) => Arc::new(FieldMetadata(sources(it, at)?)),
        StageConfig::Tenant(it) => Arc::new(tenant(it, at)?),
        StageConfig::Drop(it) => Arc::new(drop_lines(it, at)?),
        StageConfig::Limit(it) => Arc::new(limit(it, at)?),
        StageConfig::Sampling(it) => {
            if !(0.0..=1.0).contains(&it.rate) {
                return Err(refuse(at, format!("sampling rate {} is not between 0 and 1", it.rate)));
            }
            let reason = it.drop_counter_reason.unwrap_or_else(|| SAMPLING_REASON.to_owned());
            Arc::new(Sampling { share: it.rate, reason })
        }
        StageConfig::Pack(it) => {
            Arc::new(Pack { labels: it.labels, ingest_timestamp: it.ingest_timestamp.unwrap_or(true) })
        }
        StageConfig::Decolorize => Arc::new(Decolorize),
        StageConfig::Docker => return docker(out),
        StageConfig::Cri => return cri(out),
        StageConfig::Multiline(it) => {
            out.push(Part::Multiline(Arc::new(multiline(it)?)));
            return Ok(());
        }
        StageConfig::Match(it) => return matching(it, at, levels, out),
        StageConfig::Metrics(it) => {
            let rules = it.into_iter().map(|(name, metric)| rule(&name, metric)).collect::<Result<_, _>>()?;
            out.push(Part::Metrics(Arc::new(CustomMetrics::new(rules))));
            return Ok(());
        }
    };
    out.push(Part::Change(change));
    Ok(())
}

fn refuse(at: Position, message: impl Into<String>) -> Refused {
    Spanned { value: message.into(), at }
}

fn regex(text: &Spanned<String>) -> Result<Regex, Refused> {
    if text.value.is_empty() {
        return Err(refuse(text.at, "an expression is required"));
    }
    selector::regex(&text.value).map_err(|message| refuse(text.at, message))
}

fn named(text: &Spanned<String>) -> Result<Regex, Refused> {
    let regex = regex(text)?;
    match regex.capture_names().flatten().next() {
        Some(_) => Ok(regex),
        None => Err(refuse(text.at, "the expression must have at least one named group, (?P<name>…)")),
    }
}

fn template(text: &Spanned<String>) -> Result<LineTemplate, Refused> {
    LineTemplate::parse(&text.value)
        .map_err(|error| refuse(text.at, format!("invalid template: {}", error.message)))
}

fn json(config: JsonConfig) -> Result<JsonFields, Refused> {
    let field = |(name, path): (String, Option<Spanned<String>>)| {
        let path = path.filter(|path| !path.value.is_empty());
        let parsed = match &path {
            Some(path) => JsonPath::parse(&path.value).map_err(|message| refuse(path.at, message))?,
            None => JsonPath::parse(&name).map_err(|message| refuse(Position::default(), message))?,
        };
        Ok((name, parsed))
    };
    let fields = config.expressions.into_iter().map(field).collect::<Result<_, _>>()?;
    Ok(JsonFields { fields, source: config.source, drop_malformed: config.drop_malformed })
}

fn timestamp(config: TimestampConfig) -> Result<LineTime, Refused> {
    let zone = match &config.location {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(&name.value)
            .map_err(|_| refuse(name.at, format!("unknown location {:?}", name.value)))?,
    };
    let last = match config.action_on_failure {
        None => Some(Mutex::default()),
        Some(action) => match action.value.as_str() {
            "fudge" => Some(Mutex::default()),
            "skip" => None,
            other => {
                return Err(refuse(action.at, format!("unknown action_on_failure {other:?}: fudge or skip")));
            }
        },
    };
    let formats = std::iter::once(&config.format).chain(&config.fallback_formats);
    let layouts = formats.map(|format| Layout::of(format)).collect();
    Ok(LineTime { source: config.source, layouts, zone, last })
}

/// Names and the fields that they come from, which are called the same where none is given.
fn sources(config: BTreeMap<String, Option<String>>, at: Position) -> Result<Vec<(String, String)>, Refused> {
    let pairs = config.into_iter().map(|(name, source)| {
        let source = source.filter(|source| !source.is_empty()).unwrap_or_else(|| name.clone());
        (name, source)
    });
    label_names(pairs.collect(), at)
}

fn label_names(pairs: Vec<(String, String)>, at: Position) -> Result<Vec<(String, String)>, Refused> {
    match pairs.iter().find(|(name, _)| !is_label_name(name)) {
        Some((name, _)) => Err(refuse(at, format!("invalid label name {name:?}"))),
        None => Ok(pairs),
    }
}

fn is_label_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

fn tenant(config: TenantConfig, at: Position) -> Result<Tenant, Refused> {
    match (config.source, config.label, config.value) {
        (Some(source), None, None) => Ok(Tenant::Field(source)),
        (None, Some(label), None) => Ok(Tenant::Label(label)),
        (None, None, Some(value)) => Ok(Tenant::Value(value)),
        _ => Err(refuse(at, "tenant needs exactly one of source, label and value")),
    }
}

fn drop_lines(config: DropConfig, at: Position) -> Result<DropLines, Refused> {
    let sources = config.source.map(OneOrMany::into_vec).unwrap_or_default();
    let has_condition =
        config.expression.is_some() || config.older_than.is_some() || config.longer_than.is_some();
    if sources.is_empty() && !has_condition {
        return Err(refuse(at, "drop needs at least one of source, expression, older_than and longer_than"));
    }
    if let (Some(value), Some(_)) = (&config.value, &config.expression) {
        return Err(refuse(value.at, "value and expression cannot both be given"));
    }
    Ok(DropLines {
        reason: config.drop_counter_reason.unwrap_or_else(|| DROP_REASON.to_owned()),
        sources,
        separator: config.separator.unwrap_or_else(|| SEPARATOR.to_owned()),
        expression: config.expression.as_ref().map(regex).transpose()?,
        value: config.value.map(|value| value.value),
        older_than: config.older_than.map(|it| it.0),
        longer_than: config.longer_than.map(|it| it.0),
    })
}

fn limit(config: LimitConfig, at: Position) -> Result<Limit, Refused> {
    if config.rate.is_nan() || config.rate <= 0.0 || config.burst == 0 {
        return Err(refuse(at, "limit needs a rate and a burst above zero"));
    }
    if config.by_label_name.is_some() && !config.drop {
        return Err(refuse(at, "by_label_name needs drop: true"));
    }
    Ok(Limit {
        rate_per_s: config.rate,
        burst: config.burst,
        drop: config.drop,
        by_label: config.by_label_name,
        buckets_max: config.max_distinct_labels.unwrap_or(0).max(LIMIT_BUCKETS),
        buckets: Mutex::new(HashMap::new()),
    })
}

fn multiline(config: MultilineConfig) -> Result<MultilineRule, Refused> {
    Ok(MultilineRule {
        firstline: regex(&config.firstline)?,
        wait: config.max_wait_time.map_or(MULTILINE_WAIT, |it| it.0),
        lines_max: config.max_lines.filter(|n| *n > 0).unwrap_or(MULTILINE_LINES_MAX),
    })
}

fn matching(config: MatchConfig, at: Position, levels: usize, out: &mut Vec<Part>) -> Result<(), Refused> {
    let selector =
        Selector::parse(&config.selector.value).map_err(|error| refuse(config.selector.at, error))?;
    let selector = Arc::new(selector);
    let action = config.action.as_ref().map_or("keep", |action| action.value.as_str());
    match action {
        "keep" if config.stages.is_empty() => Err(refuse(at, "match needs stages, or action: drop")),
        "keep" => {
            let Some(levels) = levels.checked_sub(1) else {
                return Err(refuse(at, "match stands too deep within match"));
            };
            out.push(Part::Match { selector, inner: Blueprint::nested(config.stages, levels)? });
            Ok(())
        }
        "drop" if !config.stages.is_empty() => Err(refuse(at, "match with action: drop cannot have stages")),
        "drop" => {
            let reason = config.drop_counter_reason.unwrap_or_else(|| MATCH_REASON.to_owned());
            out.push(Part::Change(Arc::new(DropMatching { selector, reason })));
            Ok(())
        }
        other => {
            let place = config.action.as_ref().map_or(at, |action| action.at);
            Err(refuse(place, format!("unknown match action {other:?}: keep or drop")))
        }
    }
}

fn rule(name: &str, metric: Spanned<MetricConfig>) -> Result<Rule, Refused> {
    let Spanned { value: MetricConfig { config, .. }, at } = &metric;
    let kind = match metric.value.kind.to_ascii_lowercase().as_str() {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        other => {
            return Err(refuse(*at, format!("unknown metric type {other:?}: counter, gauge or histogram")));
        }
    };
    let action = match (kind, config.action.as_deref().map(str::to_ascii_lowercase).as_deref()) {
        (MetricKind::Histogram, _) => Action::Observe,
        (_, Some("inc")) => Action::Inc,
        (_, Some("add")) => Action::Add,
        (MetricKind::Gauge, Some("set")) => Action::Set,
        (MetricKind::Gauge, Some("dec")) => Action::Dec,
        (MetricKind::Gauge, Some("sub")) => Action::Sub,
        (_, given) => {
            let given = given.unwrap_or("none");
            return Err(refuse(*at, format!("unknown action {given:?} of a {}", kind.as_str())));
        }
    };
    let has_counter_flags = config.match_all || config.count_entry_bytes;
    if has_counter_flags && kind != MetricKind::Counter {
        return Err(refuse(*at, "match_all and count_entry_bytes are settings of a counter"));
    }
    if config.count_entry_bytes && !(config.match_all && action == Action::Add) {
        return Err(refuse(*at, "count_entry_bytes needs match_all: true and action: add"));
    }
    let mut buckets =
        if config.buckets.is_empty() { METRIC_BUCKETS.to_vec() } else { config.buckets.clone() };
    buckets.sort_by(f64::total_cmp);
    let prefix = metric.value.prefix.as_deref().filter(|prefix| !prefix.is_empty()).unwrap_or(METRIC_PREFIX);
    Ok(Rule {
        name: format!("{prefix}{name}"),
        kind,
        help: metric.value.description.clone(),
        source: metric.value.source.clone().unwrap_or_else(|| name.to_owned()),
        action,
        value: config.value.clone(),
        match_all: config.match_all,
        count_bytes: config.count_entry_bytes,
        buckets,
        idle: metric.value.max_idle_duration.map_or(METRIC_IDLE, |it| it.0),
    })
}

fn stream_label() -> Part {
    Part::Change(Arc::new(FieldLabels(vec![("stream".to_owned(), "stream".to_owned())])))
}

fn line_time(source: &str) -> Part {
    let layouts = vec![Layout::of("RFC3339Nano")];
    let last = Some(Mutex::default());
    Part::Change(Arc::new(LineTime { source: source.to_owned(), layouts, zone: TimeZone::UTC, last }))
}

/// Docker's json-file driver: an object with `log`, `stream` and `time`.
fn docker(out: &mut Vec<Part>) -> Result<(), Refused> {
    let path = |path: &str| JsonPath::parse(path).map_err(|message| refuse(Position::default(), message));
    let fields = vec![
        ("output".to_owned(), path("log")?),
        ("stream".to_owned(), path("stream")?),
        ("timestamp".to_owned(), path("time")?),
    ];
    out.push(Part::Change(Arc::new(JsonFields { fields, source: None, drop_malformed: false })));
    out.push(stream_label());
    out.push(line_time("timestamp"));
    out.push(Part::Change(Arc::new(Output("output".to_owned()))));
    out.push(Part::Change(Arc::new(TrimBreak)));
    Ok(())
}

/// A CRI runtime's lines: time, stream, flags, text.
fn cri(out: &mut Vec<Part>) -> Result<(), Refused> {
    let regex = selector::regex(CRI_LINE).map_err(|message| refuse(Position::default(), message))?;
    out.push(Part::Change(Arc::new(RegexFields { regex, source: None })));
    out.push(stream_label());
    out.push(line_time("time"));
    out.push(Part::Change(Arc::new(Output("content".to_owned()))));
    out.push(Part::Cri);
    Ok(())
}
