//! Entries of `pipeline_stages` as a file writes them.

use std::collections::BTreeMap;
use std::fmt;

use config::{ByteSize, Spanned, Unread};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::duration::GoDuration;

/// A stage's settings, under its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StageConfig {
    Regex(RegexConfig),
    Json(JsonConfig),
    Logfmt(LogfmtConfig),
    Replace(ReplaceConfig),
    Template(TemplateConfig),
    Timestamp(TimestampConfig),
    Output(OutputConfig),
    Labels(BTreeMap<String, Option<String>>),
    StaticLabels(BTreeMap<String, Option<String>>),
    LabelDrop(Vec<String>),
    LabelAllow(Vec<String>),
    StructuredMetadata(BTreeMap<String, Option<String>>),
    Tenant(TenantConfig),
    Multiline(MultilineConfig),
    Match(MatchConfig),
    Drop(DropConfig),
    Limit(LimitConfig),
    Sampling(SamplingConfig),
    Pack(PackConfig),
    Decolorize,
    Docker,
    Cri,
    Metrics(BTreeMap<String, Spanned<MetricConfig>>),
}

/// Names of all stages that we have.
const KNOWN: [&str; 23] = [
    "regex",
    "json",
    "logfmt",
    "replace",
    "template",
    "timestamp",
    "output",
    "labels",
    "static_labels",
    "labeldrop",
    "labelallow",
    "structured_metadata",
    "tenant",
    "multiline",
    "match",
    "drop",
    "limit",
    "sampling",
    "pack",
    "decolorize",
    "docker",
    "cri",
    "metrics",
];

/// Stages of Promtail that we do not have.
const MISSING: [&str; 2] = ["eventlogmessage", "geoip"];

impl<'de> Deserialize<'de> for StageConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StageVisitor)
    }
}

struct StageVisitor;

impl<'de> Visitor<'de> for StageVisitor {
    type Value = StageConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stage: one name with its settings")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<StageConfig, M::Error> {
        let name: String = map.next_key()?.ok_or_else(|| M::Error::custom("a stage needs a name"))?;
        let stage = read_stage(&name, &mut map)?;
        if let Some(second) = map.next_key::<String>()? {
            return Err(M::Error::custom(format_args!(
                "a stage has one name, and {second} stands beside {name}; begin a new entry with a dash"
            )));
        }
        Ok(stage)
    }
}

fn read_stage<'de, M: MapAccess<'de>>(name: &str, map: &mut M) -> Result<StageConfig, M::Error> {
    Ok(match name {
        "regex" => StageConfig::Regex(map.next_value()?),
        "json" => StageConfig::Json(map.next_value()?),
        "logfmt" => StageConfig::Logfmt(map.next_value()?),
        "replace" => StageConfig::Replace(map.next_value()?),
        "template" => StageConfig::Template(map.next_value()?),
        "timestamp" => StageConfig::Timestamp(map.next_value()?),
        "output" => StageConfig::Output(map.next_value()?),
        "labels" => StageConfig::Labels(map.next_value()?),
        "static_labels" => StageConfig::StaticLabels(map.next_value()?),
        "labeldrop" => StageConfig::LabelDrop(map.next_value()?),
        "labelallow" => StageConfig::LabelAllow(map.next_value()?),
        "structured_metadata" => StageConfig::StructuredMetadata(map.next_value()?),
        "tenant" => StageConfig::Tenant(map.next_value()?),
        "multiline" => StageConfig::Multiline(map.next_value()?),
        "match" => StageConfig::Match(map.next_value()?),
        "drop" => StageConfig::Drop(map.next_value()?),
        "limit" => StageConfig::Limit(map.next_value()?),
        "sampling" => StageConfig::Sampling(map.next_value()?),
        "pack" => StageConfig::Pack(map.next_value()?),
        "decolorize" => map.next_value::<Unread>().map(|_| StageConfig::Decolorize)?,
        "docker" => map.next_value::<Unread>().map(|_| StageConfig::Docker)?,
        "cri" => map.next_value::<Unread>().map(|_| StageConfig::Cri)?,
        "metrics" => StageConfig::Metrics(map.next_value()?),
        other if MISSING.contains(&other) => {
            return Err(M::Error::custom(format_args!("the stage {other} is not supported")));
        }
        other => return Err(M::Error::unknown_field(other, &KNOWN)),
    })
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegexConfig {
    pub expression: Spanned<String>,
    pub source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonConfig {
    pub expressions: BTreeMap<String, Option<Spanned<String>>>,
    pub source: Option<String>,
    #[serde(default)]
    pub drop_malformed: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogfmtConfig {
    pub mapping: BTreeMap<String, Option<String>>,
    pub source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceConfig {
    pub expression: Spanned<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub replace: Spanned<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateConfig {
    pub source: String,
    pub template: Spanned<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimestampConfig {
    pub source: String,
    pub format: String,
    #[serde(default)]
    pub fallback_formats: Vec<String>,
    pub location: Option<Spanned<String>>,
    pub action_on_failure: Option<Spanned<String>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputConfig {
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantConfig {
    pub source: Option<String>,
    pub label: Option<String>,
    pub value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MultilineConfig {
    pub firstline: Spanned<String>,
    pub max_wait_time: Option<GoDuration>,
    pub max_lines: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchConfig {
    pub selector: Spanned<String>,
    #[serde(default)]
    pub stages: Vec<Spanned<StageConfig>>,
    pub action: Option<Spanned<String>>,
    /// Names the pipeline for people; nothing else.
    #[serde(rename = "pipeline_name")]
    pub _pipeline_name: Option<String>,
    pub drop_counter_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DropConfig {
    pub source: Option<OneOrMany>,
    pub separator: Option<String>,
    pub expression: Option<Spanned<String>>,
    pub value: Option<Spanned<String>>,
    pub older_than: Option<GoDuration>,
    pub longer_than: Option<ByteSize>,
    pub drop_counter_reason: Option<String>,
}

/// A text, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitConfig {
    pub rate: f64,
    pub burst: u32,
    #[serde(default)]
    pub drop: bool,
    pub by_label_name: Option<String>,
    pub max_distinct_labels: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamplingConfig {
    pub rate: f64,
    pub drop_counter_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackConfig {
    #[serde(default)]
    pub labels: Vec<String>,
    pub ingest_timestamp: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricConfig {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub description: String,
    pub source: Option<String>,
    pub prefix: Option<String>,
    pub max_idle_duration: Option<GoDuration>,
    #[serde(default)]
    pub config: MetricAction,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricAction {
    pub action: Option<String>,
    pub value: Option<String>,
    pub match_all: bool,
    pub count_entry_bytes: bool,
    pub buckets: Vec<f64>,
}
