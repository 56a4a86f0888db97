//! The `global` section.

use std::collections::BTreeMap;

use config::{ByteSize, Duration, Spanned};
use model::{DurationMs, Labels};
use serde::Deserialize;

const DEFAULT_INTERVAL: DurationMs = DurationMs::from_secs(60);
const DEFAULT_TIMEOUT: DurationMs = DurationMs::from_secs(10);

/// The `global` section as a file writes it. What is absent has its default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlobalConfig {
    /// Between two scrapes of a target.
    pub scrape_interval: Option<Spanned<Duration>>,
    /// For one scrape; at most the interval.
    pub scrape_timeout: Option<Spanned<Duration>>,
    /// Formats to ask for, best first.
    pub scrape_protocols: Option<Spanned<Vec<String>>>,
    /// Between two evaluations of a rule group that does not say its own.
    pub evaluation_interval: Option<Duration>,
    /// How far rules look back from now, so that late samples count.
    pub rule_query_offset: Option<Duration>,
    /// Labels for whoever gets our data: alerts, federation, remote write. As written; see
    /// [`GlobalConfig::external_labels`].
    pub external_labels: BTreeMap<String, Option<String>>,
    /// Where to log queries.
    pub query_log_file: Option<Spanned<String>>,
    /// Where to log failed scrapes.
    pub scrape_failure_log_file: Option<Spanned<String>>,
    pub(crate) body_size_limit: Option<ByteSize>,
    pub(crate) sample_limit: Option<u64>,
    pub(crate) target_limit: Option<u64>,
    pub(crate) label_limit: Option<u64>,
    pub(crate) label_name_length_limit: Option<u64>,
    pub(crate) label_value_length_limit: Option<u64>,
    pub(crate) keep_dropped_targets: Option<u64>,
    pub(crate) metric_name_validation_scheme: Option<Spanned<String>>,
    pub(crate) metric_name_escaping_scheme: Option<Spanned<String>>,
    pub(crate) scrape_native_histograms: Option<bool>,
    pub(crate) convert_classic_histograms_to_nhcb: Option<bool>,
    pub(crate) always_scrape_classic_histograms: Option<bool>,
    pub(crate) extra_scrape_metrics: Option<bool>,
}

impl GlobalConfig {
    /// Between two scrapes; a minute unless said otherwise.
    pub fn scrape_interval(&self) -> DurationMs {
        given(self.scrape_interval.as_ref()).unwrap_or(DEFAULT_INTERVAL)
    }

    /// For one scrape; ten seconds unless said otherwise, or the interval if that is shorter.
    pub fn scrape_timeout(&self) -> DurationMs {
        given(self.scrape_timeout.as_ref()).unwrap_or(DEFAULT_TIMEOUT.min(self.scrape_interval()))
    }

    /// The external labels with environment variables expanded by `lookup`.
    pub fn external_labels(&self, lookup: impl Fn(&str) -> Option<String>) -> Labels {
        let expanded = |value: &Option<String>| expand_env(value.as_deref().unwrap_or_default(), &lookup);
        Labels::from_pairs(self.external_labels.iter().map(|(name, value)| (name.clone(), expanded(value))))
    }

    /// Between two evaluations of rules; a minute unless said otherwise.
    pub fn evaluation_interval(&self) -> DurationMs {
        self.evaluation_interval.map(|d| d.0).filter(|d| d.0 > 0).unwrap_or(DEFAULT_INTERVAL)
    }
}

/// Zero means "not given", as in Prometheus.
pub(crate) fn given(duration: Option<&Spanned<Duration>>) -> Option<DurationMs> {
    duration.map(|d| d.value.0).filter(|d| d.0 > 0)
}

/// Replaces `$NAME` and `${NAME}` by what `lookup` gives, `$$` by a dollar; an unknown name by nothing.
pub fn expand_env(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let word_end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        rest = match (braced, after.strip_prefix('$')) {
            (Some((name, tail)), _) => {
                out.push_str(&lookup(name).unwrap_or_default());
                tail
            }
            (None, Some(tail)) => {
                out.push('$');
                tail
            }
            (None, None) => {
                let (name, tail) = after.split_at(word_end);
                out.push_str(&lookup(name).unwrap_or_default());
                tail
            }
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_variables_are_expanded() {
        let lookup = |name: &str| (name == "HOST").then(|| "h1".to_owned());
        for (text, expected) in [
            ("plain", "plain"),
            ("$HOST", "h1"),
            ("a-${HOST}-b", "a-h1-b"),
            ("$HOST.x", "h1.x"),
            ("$$HOST", "$HOST"),
            ("${NOPE}x", "x"),
            ("ü$HOSTü", "üh1ü"),
        ] {
            assert_eq!(expand_env(text, lookup), expected, "{text}");
        }
    }
}
