//! A real `loki.yml`: limits, retention and the port are taken; whatever else it says is named and passed over.

use std::collections::BTreeMap;
use std::path::Path;

use config::{ByteSize, ConfigError, Duration, Spanned, Unread};
use logdb::{Limits, Storage, StreamRetention};
use logql::{EngineOptions, Expr};
use logwire::{level, service};
use model::DurationMs;
use serde::Deserialize;

/// What is read of each section. All else is named.
const KNOWN: [(&str, &[&str]); 4] = [
    ("server", &["http_listen_port"]),
    ("compactor", &["retention_enabled", "delete_request_cancel_period"]),
    ("ingester", &["max_chunk_age"]),
    (
        "limits_config",
        &[
            "ingestion_rate_mb",
            "ingestion_burst_size_mb",
            "per_stream_rate_limit",
            "per_stream_rate_limit_burst",
            "max_global_streams_per_user",
            "max_line_size",
            "max_line_size_truncate",
            "max_label_names_per_series",
            "max_label_name_length",
            "max_label_value_length",
            "max_structured_metadata_size",
            "max_structured_metadata_entries_count",
            "reject_old_samples",
            "reject_old_samples_max_age",
            "creation_grace_period",
            "retention_period",
            "retention_stream",
            "discover_service_name",
            "discover_log_levels",
            "log_level_fields",
            "max_entries_limit_per_query",
            "max_query_series",
            "max_query_length",
            "max_query_bytes_read",
            "query_timeout",
        ],
    ),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LokiYml {
    server: ServerYml,
    compactor: CompactorYml,
    ingester: IngesterYml,
    limits_config: LimitsYml,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServerYml {
    http_listen_port: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompactorYml {
    retention_enabled: Option<bool>,
    delete_request_cancel_period: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IngesterYml {
    max_chunk_age: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LimitsYml {
    ingestion_rate_mb: Option<Spanned<f64>>,
    ingestion_burst_size_mb: Option<Spanned<f64>>,
    per_stream_rate_limit: Option<Spanned<String>>,
    per_stream_rate_limit_burst: Option<Spanned<String>>,
    max_global_streams_per_user: Option<usize>,
    max_line_size: Option<Spanned<String>>,
    max_line_size_truncate: Option<bool>,
    max_label_names_per_series: Option<usize>,
    max_label_name_length: Option<usize>,
    max_label_value_length: Option<usize>,
    max_structured_metadata_size: Option<Spanned<String>>,
    max_structured_metadata_entries_count: Option<usize>,
    reject_old_samples: Option<bool>,
    reject_old_samples_max_age: Option<Duration>,
    creation_grace_period: Option<Duration>,
    retention_period: Option<Duration>,
    retention_stream: Vec<RetentionYml>,
    discover_service_name: Option<Vec<String>>,
    discover_log_levels: Option<bool>,
    log_level_fields: Option<Vec<String>>,
    max_entries_limit_per_query: Option<usize>,
    max_query_series: Option<usize>,
    max_query_length: Option<Duration>,
    max_query_bytes_read: Option<Spanned<String>>,
    query_timeout: Option<Duration>,
}

#[derive(Debug, Deserialize)]
struct RetentionYml {
    selector: Spanned<String>,
    #[serde(default)]
    priority: i64,
    period: Duration,
}

/// What the store of logs goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LokiSettings {
    /// The port of Loki's API, where the file names one.
    pub(crate) port: Option<u16>,
    /// What is taken.
    pub(crate) limits: Limits,
    /// What may be asked.
    pub(crate) queries: EngineOptions,
    /// How long lines are kept, where the file says it; zero for as long as there is room. Before the flag.
    pub(crate) retention: Option<DurationMs>,
    /// Streams that are kept for another time.
    pub(crate) retention_streams: Vec<StreamRetention>,
    /// How long a deletion can be taken back.
    pub(crate) delete_delay: DurationMs,
    /// Labels that name a stream's service.
    pub(crate) service_labels: Vec<String>,
    /// Fields that hold a line's level, if levels are wanted.
    pub(crate) level_fields: Option<Vec<String>>,
}

/// Reads the file, and names what is passed over, a line each with its place; without a file Loki's defaults hold.
///
/// # Errors
/// What is wrong, with its place.
pub(crate) fn read(file: Option<&Path>) -> Result<(LokiSettings, Vec<String>), ConfigError> {
    match file {
        Some(file) => parse(file, &config::read_text(file)?),
        None => parse(Path::new("no loki.yml"), ""),
    }
}

fn parse(file: &Path, text: &str) -> Result<(LokiSettings, Vec<String>), ConfigError> {
    let yml: LokiYml = config::from_str(file, text)?;
    let LimitsYml { retention_period, .. } = &yml.limits_config;
    let retention = match yml.compactor.retention_enabled {
        // As in Loki: without its compactor's retention nothing leaves by age.
        Some(false) => Some(DurationMs::ZERO),
        _ => retention_period.map(|period| period.0),
    };
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let given = &yml.limits_config;
    let level_fields = given.log_level_fields.clone().unwrap_or_else(|| names(&level::LEVEL_FIELDS));
    let service_labels = given.discover_service_name.clone();
    let settings = LokiSettings {
        port: yml.server.http_listen_port,
        limits: limits(file, &yml)?,
        queries: queries(file, given)?,
        retention,
        retention_streams: match yml.compactor.retention_enabled {
            Some(false) => Vec::new(),
            _ => given
                .retention_stream
                .iter()
                .map(|rule| retention_of(file, rule))
                .collect::<Result<_, _>>()?,
        },
        delete_delay: (yml.compactor.delete_request_cancel_period)
            .map_or(Storage::standard().delete_delay, |period| period.0),
        service_labels: service_labels.unwrap_or_else(|| names(&service::SERVICE_LABELS)),
        level_fields: given.discover_log_levels.unwrap_or(true).then_some(level_fields),
    };
    Ok((settings, passed_over(file, text)?))
}

fn limits(file: &Path, yml: &LokiYml) -> Result<Limits, ConfigError> {
    let (given, usual) = (&yml.limits_config, Limits::standard());
    let megabytes = |given: &Option<Spanned<f64>>, usual| {
        given.as_ref().map_or(Ok(usual), |mb| match mb.value {
            value if value > 0.0 && value < 1e9 => Ok((value * f64::from(1 << 20)) as u64),
            value => Err(ConfigError::at(file, mb.at, format!("{value} is not a rate in megabytes"))),
        })
    };
    let bytes = |given: &Option<Spanned<String>>, usual: u64| {
        given.as_ref().map_or(Ok(usual), |text| size(file, text))
    };
    let whole = |given: u64| usize::try_from(given).unwrap_or(usize::MAX);
    let rejects_old = given.reject_old_samples.unwrap_or(true);
    let old_max = given.reject_old_samples_max_age.map(|age| age.0).or(usual.old_max);
    Ok(Limits {
        ingestion_rate_bytes: megabytes(&given.ingestion_rate_mb, usual.ingestion_rate_bytes)?,
        ingestion_burst_bytes: megabytes(&given.ingestion_burst_size_mb, usual.ingestion_burst_bytes)?,
        per_stream_rate_bytes: bytes(&given.per_stream_rate_limit, usual.per_stream_rate_bytes)?,
        per_stream_burst_bytes: bytes(&given.per_stream_rate_limit_burst, usual.per_stream_burst_bytes)?,
        streams_max: given.max_global_streams_per_user.unwrap_or(usual.streams_max),
        line_bytes_max: whole(bytes(&given.max_line_size, usual.line_bytes_max as u64)?),
        cuts_long_lines: given.max_line_size_truncate.unwrap_or(usual.cuts_long_lines),
        label_names_max: given.max_label_names_per_series.unwrap_or(usual.label_names_max),
        label_name_bytes_max: given.max_label_name_length.unwrap_or(usual.label_name_bytes_max),
        label_value_bytes_max: given.max_label_value_length.unwrap_or(usual.label_value_bytes_max),
        metadata_bytes_max: whole(bytes(
            &given.max_structured_metadata_size,
            usual.metadata_bytes_max as u64,
        )?),
        metadata_entries_max: (given.max_structured_metadata_entries_count)
            .unwrap_or(usual.metadata_entries_max),
        old_max: old_max.filter(|_| rejects_old),
        future_max: given.creation_grace_period.map_or(usual.future_max, |grace| grace.0),
        behind_max: yml.ingester.max_chunk_age.map_or(usual.behind_max, |age| DurationMs(age.0.0 / 2)),
    })
}

fn retention_of(file: &Path, rule: &RetentionYml) -> Result<StreamRetention, ConfigError> {
    let text = &rule.selector;
    let wrong =
        |cause: String| ConfigError::at(file, text.at, format!("{:?} is no selector: {cause}", text.value));
    match logql::parse(&text.value).map_err(|error| wrong(error.to_string()))? {
        Expr::Log(log) if log.stages.is_empty() => {
            Ok(StreamRetention { matchers: log.matchers, priority: rule.priority, period: rule.period.0 })
        }
        _ => Err(wrong("streams are chosen by labels alone, like {job=\"a\"}".to_owned())),
    }
}

/// A limit of zero that means none in Loki means none here.
fn queries(file: &Path, given: &LimitsYml) -> Result<EngineOptions, ConfigError> {
    let usual = EngineOptions::standard();
    let none_if_zero = |limit: usize| if limit == 0 { usize::MAX } else { limit };
    Ok(EngineOptions {
        entries_max: given.max_entries_limit_per_query.map_or(usual.entries_max, none_if_zero),
        series_max: given.max_query_series.map_or(usual.series_max, none_if_zero),
        length_max: given.max_query_length.map_or(usual.length_max, |length| length.0.to_std()),
        bytes_max: given
            .max_query_bytes_read
            .as_ref()
            .map_or(Ok(usual.bytes_max), |text| size(file, text))?,
        timeout: given.query_timeout.map_or(usual.timeout, |timeout| timeout.0.to_std()),
        ..usual
    })
}

/// A size with a unit, or a bare number of bytes.
fn size(file: &Path, text: &Spanned<String>) -> Result<u64, ConfigError> {
    let bare = text.value.parse::<u64>().ok();
    let parsed = bare.map(ByteSize).or_else(|| ByteSize::parse(&text.value));
    parsed.map(|size| size.0).ok_or_else(|| {
        ConfigError::at(file, text.at, format!("{:?} is not a valid size (like 256KB, 3MB)", text.value))
    })
}

/// Names every setting that is not read.
fn passed_over(file: &Path, text: &str) -> Result<Vec<String>, ConfigError> {
    let sections: BTreeMap<String, Spanned<Unread>> = config::from_str(file, text)?;
    let known: BTreeMap<&str, &[&str]> = KNOWN.into_iter().collect();
    let mut found = Vec::new();
    for (name, place) in &sections {
        if !known.contains_key(name.as_str()) {
            found.push((place.at, name.clone()));
        }
    }
    let inner: Sections = config::from_str(file, text)?;
    for (section, settings) in [
        ("server", inner.server),
        ("compactor", inner.compactor),
        ("ingester", inner.ingester),
        ("limits_config", inner.limits_config),
    ] {
        let names = known.get(section).copied().unwrap_or_default();
        let others = settings.into_iter().filter(|(name, _)| !names.contains(&name.as_str()));
        found.extend(others.map(|(name, value)| (value.at, format!("{section}.{name}"))));
    }
    found.sort_by_key(|(at, _)| (at.line, at.column));
    let line = |(at, name): (_, String)| {
        ConfigError::at(file, at, format!("{name} is left out: it changes nothing here")).to_string()
    };
    Ok(found.into_iter().map(line).collect())
}

/// The sections that are looked into, by name alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sections {
    server: BTreeMap<String, Spanned<Unread>>,
    compactor: BTreeMap<String, Spanned<Unread>>,
    ingester: BTreeMap<String, Spanned<Unread>>,
    limits_config: BTreeMap<String, Spanned<Unread>>,
}

#[cfg(test)]
mod tests {
    use model::{MatchOp, Matcher};

    use super::*;

    fn read(text: &str) -> Result<(LokiSettings, Vec<String>), String> {
        parse(Path::new("loki.yml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn limits_retention_and_port_are_taken() {
        let (none, passed_over) = read("").unwrap();
        assert_eq!((none.limits, none.retention, none.port), (Limits::standard(), None, None));
        assert!(passed_over.is_empty() && none.level_fields.is_some());
        let text = "server: {http_listen_port: 3101}\nlimits_config:\n  ingestion_rate_mb: 2.5\n  max_line_size: 1000\n  per_stream_rate_limit: 5MB\n  reject_old_samples: false\n  retention_period: 48h\n  discover_log_levels: false\n  discover_service_name: []\ningester: {max_chunk_age: 1h}\n";
        let (settings, passed_over) = read(text).unwrap();
        assert_eq!((settings.port, settings.retention), (Some(3101), Some(DurationMs::from_secs(48 * 3600))));
        let expected = Limits {
            ingestion_rate_bytes: 5 << 19,
            line_bytes_max: 1000,
            per_stream_rate_bytes: 5 << 20,
            old_max: None,
            behind_max: DurationMs::from_secs(1800),
            ..Limits::standard()
        };
        assert_eq!((settings.limits, settings.level_fields), (expected, None));
        assert!(settings.service_labels.is_empty() && passed_over.is_empty());
        let text = "limits_config: {max_entries_limit_per_query: 9, max_query_series: 0, max_query_length: 1d, max_query_bytes_read: 5GB, query_timeout: 2m}";
        let (settings, passed_over) = read(text).unwrap();
        let expected = EngineOptions {
            entries_max: 9,
            series_max: usize::MAX,
            length_max: std::time::Duration::from_secs(86_400),
            bytes_max: 5 << 30,
            timeout: std::time::Duration::from_secs(120),
            ..EngineOptions::standard()
        };
        assert!(settings.queries == expected && passed_over.is_empty());
        let text = "compactor: {delete_request_cancel_period: 1h}\nlimits_config: {retention_stream: [{selector: '{a=~\"b.*\"}', priority: 2, period: 9d}]}";
        let (settings, passed_over) = read(text).unwrap();
        let rule = StreamRetention {
            matchers: vec![Matcher::new("a", MatchOp::Regex, "b.*").unwrap()],
            priority: 2,
            period: DurationMs::from_secs(9 * 86_400),
        };
        assert_eq!(
            (settings.retention_streams, settings.delete_delay),
            (vec![rule], DurationMs::from_secs(3600))
        );
        assert!(passed_over.is_empty());
        let off = "compactor: {retention_enabled: false}\nlimits_config: {retention_period: 48h}\n";
        assert_eq!(read(off).unwrap().0.retention, Some(DurationMs::ZERO));
    }

    #[test]
    fn all_else_is_named_with_its_place() {
        let text = "auth_enabled: false\nserver:\n  grpc_listen_port: 9096\nschema_config:\n  configs: []\nlimits_config:\n  split_queries_by_interval: 1h\n";
        let expected = [
            "loki.yml:1:15: auth_enabled is left out: it changes nothing here",
            "loki.yml:3:21: server.grpc_listen_port is left out: it changes nothing here",
            "loki.yml:5:3: schema_config is left out: it changes nothing here",
            "loki.yml:7:30: limits_config.split_queries_by_interval is left out: it changes nothing here",
        ];
        assert_eq!(read(text).unwrap().1, expected);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, expected) in [
            (
                "limits_config: {max_line_size: much}",
                "loki.yml:1:32: \"much\" is not a valid size (like 256KB, 3MB)",
            ),
            (
                "limits_config: {retention_stream: [{selector: 'a', period: 1d}]}",
                "loki.yml:1:47: \"a\" is no selector: parse error at line 1, col 1: syntax error: unexpected IDENTIFIER, expecting a function or an aggregation; there is no function \"a\"",
            ),
            (
                "limits_config: {retention_stream: [{selector: '{a=\"b\"} |= \"c\"', period: 1d}]}",
                "loki.yml:1:47: \"{a=\\\"b\\\"} |= \\\"c\\\"\" is no selector: streams are chosen by labels alone, like {job=\"a\"}",
            ),
            ("limits_config: {ingestion_rate_mb: -1}", "loki.yml:1:36: -1 is not a rate in megabytes"),
        ] {
            assert_eq!(read(text).map(|_| ()), Err(expected.to_owned()));
        }
    }
}
