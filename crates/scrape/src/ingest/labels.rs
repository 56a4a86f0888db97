//! The labels of one scraped series: what the body says, what the target adds, what metric relabelling leaves.

use exposition::{Label, is_label_name, is_metric_name};
use model::{Labels, LabelsBuilder, METRIC_NAME};

use crate::config::{Job, Limits};
use crate::relabel;

/// What a scraped label is called when the target has one of the same name and wins.
const EXPORTED_PREFIX: &str = "exported_";

/// The finished labels of a series; `None` when metric relabelling dropped it.
///
/// # Errors
/// Prometheus' sentence, when the series breaks a limit or has no valid name: the whole scrape is then refused.
pub(super) fn finish(job: &Job, target: &Labels, scraped: &[Label<'_>]) -> Result<Option<Labels>, String> {
    let mut builder = merge(job.honor_labels, target, scraped);
    if !relabel::apply(&job.metric_relabel, &mut builder) {
        return Ok(None);
    }
    let labels = builder.build();
    if labels.is_empty() {
        return Ok(None);
    }
    if labels.metric_name().is_empty() {
        return Err("missing metric name (__name__ label)".to_owned());
    }
    if job.legacy_names && !is_legacy(&labels) {
        return Err(format!("invalid metric name or label names: {labels}"));
    }
    check_limits(&job.limits, &labels)?;
    Ok(Some(labels))
}

/// With `honor_labels` what the body says wins, even where it says "empty"; without, the target wins and the body's
/// label is renamed.
fn merge(honor_labels: bool, target: &Labels, scraped: &[Label<'_>]) -> LabelsBuilder {
    let said = |name: &str| scraped.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_ref());
    let mut builder = LabelsBuilder::default();
    for (name, value) in scraped {
        builder.set(name.as_ref(), value.as_ref());
    }
    let mut renamed: Vec<(&str, &str)> = Vec::new();
    for (name, value) in target {
        match said(name) {
            Some(_) if honor_labels => {}
            Some(existing) if !existing.is_empty() => {
                renamed.push((name, existing));
                builder.set(name, value);
            }
            _ => {
                builder.set(name, value);
            }
        }
    }
    // Shortest first, so that "exported_x" of the body makes room before "x" takes its name.
    renamed.sort_by_key(|(name, _)| name.len());
    for (name, value) in renamed {
        let mut free = format!("{EXPORTED_PREFIX}{name}");
        while builder.get(&free).is_some() {
            free.insert_str(0, EXPORTED_PREFIX);
        }
        builder.set(free, value);
    }
    builder
}

fn is_legacy(labels: &Labels) -> bool {
    is_metric_name(labels.metric_name()) && labels.iter().all(|(name, _)| is_label_name(name))
}

fn check_limits(limits: &Limits, labels: &Labels) -> Result<(), String> {
    let exceeds = |length: usize, limit: u64| limit > 0 && length as u64 > limit;
    let metric = || shortened(labels.metric_name());
    let count = labels.count();
    if exceeds(count, limits.labels_max) {
        let limit = limits.labels_max;
        return Err(format!(
            "label_limit exceeded (metric: {}, number of labels: {count}, limit: {limit})",
            metric()
        ));
    }
    if limits.label_name_max_bytes == 0 && limits.label_value_max_bytes == 0 {
        return Ok(());
    }
    for (name, value) in labels {
        if exceeds(name.len(), limits.label_name_max_bytes) {
            return Err(format!(
                "label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: {})",
                metric(),
                shortened(name),
                name.len(),
                limits.label_name_max_bytes
            ));
        }
        if exceeds(value.len(), limits.label_value_max_bytes) {
            return Err(format!(
                "label_value_length_limit exceeded (metric: {}, label name: {}, value: {:?}, length: {}, limit: {})",
                metric(),
                shortened(name),
                shortened(value),
                value.len(),
                limits.label_value_max_bytes
            ));
        }
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    /// As Prometheus shortens names in these messages.
    const CHARS_MAX: usize = 50;
    text.chars().take(CHARS_MAX).collect()
}

/// The labels of a series that the scrape itself makes, such as `up`.
pub(super) fn of_report(name: &str, target: &Labels) -> Labels {
    let mut builder = target.to_builder();
    builder.set(METRIC_NAME, name);
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(honor_labels: bool, scraped: &[(&'static str, &'static str)], expected: &[(&str, &str)]) {
        let target = Labels::from_pairs([("instance", "i"), ("job", "j")]);
        let scraped: Vec<Label<'_>> = scraped.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let expected = Labels::from_pairs(expected.iter().map(|(n, v)| (*n, *v)));
        assert_eq!(merge(honor_labels, &target, &scraped).build(), expected, "{scraped:?}");
    }

    #[test]
    fn the_target_wins_unless_labels_are_honoured() {
        check(false, &[("a", "1")], &[("a", "1"), ("instance", "i"), ("job", "j")]);
        check(false, &[("job", "x")], &[("exported_job", "x"), ("instance", "i"), ("job", "j")]);
        let both = [("exported_job", "y"), ("job", "x")];
        check(
            false,
            &both,
            &[("exported_exported_job", "x"), ("exported_job", "y"), ("instance", "i"), ("job", "j")],
        );
        check(false, &[("job", "")], &[("instance", "i"), ("job", "j")]);
        check(true, &[("job", "x")], &[("instance", "i"), ("job", "x")]);
        check(true, &[("job", "")], &[("instance", "i")]);
    }

    #[test]
    fn limits_are_named_with_the_series() {
        let labels = Labels::from_pairs([("__name__", "m"), ("a", "12345")]);
        let none = Limits::default();
        assert_eq!(check_limits(&none, &labels), Ok(()));
        for (limits, expected) in [
            (
                Limits { labels_max: 1, ..none },
                "label_limit exceeded (metric: m, number of labels: 2, limit: 1)",
            ),
            (
                Limits { label_name_max_bytes: 7, ..none },
                "label_name_length_limit exceeded (metric: m, label name: __name__, length: 8, limit: 7)",
            ),
            (
                Limits { label_value_max_bytes: 4, ..none },
                "label_value_length_limit exceeded (metric: m, label name: a, value: \"12345\", length: 5, limit: 4)",
            ),
        ] {
            assert_eq!(check_limits(&limits, &labels).expect_err(expected), expected);
        }
    }
}
