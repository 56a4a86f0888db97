//! From what discovery found to what is scraped: defaults, relabelling, the address to ask.

use std::collections::BTreeMap;

use model::{DurationMs, Labels};

use crate::config::Job;
use crate::discovery::Group;
use crate::relabel;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";
const META_PREFIX: &str = "__meta_";
const RESERVED_PREFIX: &str = "__";

/// What identifies a target within a job: its labels and where it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TargetKey {
    /// Labels that its series get.
    pub(crate) labels: Labels,
    /// Where it is asked.
    pub(crate) url: String,
}

/// A target, ready to be scraped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) key: TargetKey,
    pub(crate) discovered: Labels,
    pub(crate) interval: DurationMs,
    pub(crate) timeout: DurationMs,
}

/// What became of one address.
#[derive(Debug, PartialEq)]
pub(crate) enum Populated {
    Target(Box<Target>),
    /// Relabelling dropped it; the labels are those before.
    Dropped(Labels),
}

/// Makes a target of one address of a group.
///
/// # Errors
/// A sentence, when relabelling left no usable target.
pub(crate) fn populate(job: &Job, address: &str, group: &Group) -> Result<Populated, String> {
    let discovered = discovered(job, address, group);
    let mut builder = discovered.to_builder();
    if !relabel::apply(&job.relabel, &mut builder) {
        return Ok(Populated::Dropped(discovered));
    }
    let Some(address) = builder.get(ADDRESS).map(str::to_owned) else {
        return Err("no address".to_owned());
    };
    if address.contains('/') {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let (interval, timeout) = times(builder.get(SCRAPE_INTERVAL), builder.get(SCRAPE_TIMEOUT))?;
    builder.retain(|name, _| !name.starts_with(META_PREFIX));
    if builder.get("instance").is_none() {
        builder.set("instance", address);
    }
    let all = builder.build();
    let url = url(job, &all);
    let labels = all.without(|name| name.starts_with(RESERVED_PREFIX));
    Ok(Populated::Target(Box::new(Target { key: TargetKey { labels, url }, discovered, interval, timeout })))
}

/// All that is known of an address before relabelling.
fn discovered(job: &Job, address: &str, group: &Group) -> Labels {
    let mut builder =
        Labels::from_pairs(group.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))).to_builder();
    builder.set(ADDRESS, address);
    let defaults = [
        ("job", job.name.clone()),
        (SCRAPE_INTERVAL, job.interval.to_string()),
        (SCRAPE_TIMEOUT, job.timeout.to_string()),
        (METRICS_PATH, job.metrics_path.clone()),
        (SCHEME, job.scheme.clone()),
    ];
    let firsts = job
        .params
        .iter()
        .filter_map(|(name, values)| Some((format!("{PARAM_PREFIX}{name}"), values.first()?.clone())));
    for (name, value) in defaults.map(|(n, v)| (n.to_owned(), v)).into_iter().chain(firsts) {
        if builder.get(&name).is_none() {
            builder.set(name, value);
        }
    }
    builder.build()
}

fn times(interval: Option<&str>, timeout: Option<&str>) -> Result<(DurationMs, DurationMs), String> {
    let parse = |text: Option<&str>, what: &str| {
        let text = text.unwrap_or_default();
        match text.parse::<DurationMs>() {
            Ok(duration) if duration > DurationMs::ZERO => Ok(duration),
            Ok(_) => Err(format!("{what} cannot be 0")),
            Err(e) => Err(format!("error parsing {what}: {e}")),
        }
    };
    let (interval, timeout) = (parse(interval, "scrape interval")?, parse(timeout, "scrape timeout")?);
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({timeout} > {interval})"
        ));
    }
    Ok((interval, timeout))
}

/// Scheme, address and path of the labels, parameters of the job with the first of each from the labels.
fn url(job: &Job, labels: &Labels) -> String {
    let mut params: BTreeMap<&str, Vec<&str>> =
        job.params.iter().map(|(n, vs)| (n.as_str(), vs.iter().map(String::as_str).collect())).collect();
    for (name, value) in labels {
        if let Some(name) = name.strip_prefix(PARAM_PREFIX) {
            let values = params.entry(name).or_default();
            values.splice(..values.len().min(1), [value]);
        }
    }
    let pairs: Vec<String> = params
        .iter()
        .flat_map(|(name, values)| {
            values.iter().map(|v| format!("{}={}", query_escaped(name), query_escaped(v)))
        })
        .collect();
    let get = |name| labels.get(name).unwrap_or_default();
    let path = get(METRICS_PATH);
    let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    format!("{}://{}{slash}{}{query}", get(SCHEME), get(ADDRESS), path_escaped(path))
}

/// What would end the path is escaped; the rest goes as it was written.
fn path_escaped(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
}

fn query_escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{GlobalConfig, ScrapeConfig, resolve};

    fn job(yaml: &str) -> Job {
        let config: ScrapeConfig = config::from_str(Path::new("p.yml"), yaml).expect(yaml);
        resolve(&GlobalConfig::default(), &[config], Path::new("p.yml")).expect(yaml).remove(0)
    }

    fn group(labels: &[(&str, &str)]) -> Group {
        Group {
            targets: Vec::new(),
            labels: labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn target(yaml: &str, labels: &[(&str, &str)]) -> Target {
        match populate(&job(yaml), "h:1", &group(labels)) {
            Ok(Populated::Target(target)) => *target,
            other => panic!("{yaml} gave {other:?}"),
        }
    }

    #[test]
    fn defaults_make_a_target() {
        let target = target("{job_name: j}", &[("__meta_x", "1"), ("zone", "a")]);
        assert_eq!(target.key.labels, Labels::from_pairs([("instance", "h:1"), ("job", "j"), ("zone", "a")]));
        assert_eq!(target.key.url, "http://h:1/metrics");
        assert_eq!((target.interval, target.timeout), (DurationMs(60_000), DurationMs(10_000)));
        assert_eq!(target.discovered.get("__meta_x"), Some("1"));
        assert_eq!(target.discovered.get("__scrape_interval__"), Some("1m"));
    }

    #[test]
    fn labels_decide_where_to_ask() {
        let yaml = "{job_name: j, metrics_path: probe, scheme: https, params: {module: [a, b], x: ['1 2']},
                     relabel_configs: [{source_labels: [__address__], target_label: __param_target},
                                       {target_label: __param_module, replacement: c},
                                       {target_label: instance, replacement: me}, {target_label: __address__, replacement: 'p:9'}]}";
        let target = target(yaml, &[]);
        assert_eq!(target.key.url, "https://p:9/probe?module=c&module=b&target=h%3A1&x=1+2");
        assert_eq!(target.key.labels.get("instance"), Some("me"));
    }

    #[test]
    fn relabelling_may_drop_or_spoil_a_target() {
        let drop = "{job_name: j, relabel_configs: [{source_labels: [job], regex: j, action: drop}]}";
        assert!(matches!(populate(&job(drop), "h:1", &group(&[])), Ok(Populated::Dropped(_))));
        for (label, value, expected) in [
            ("__address__", "", "no address"),
            ("__address__", "a/b", "\"a/b\" is not a valid hostname"),
            ("__scrape_interval__", "0s", "scrape interval cannot be 0"),
            (
                "__scrape_interval__",
                "x",
                "error parsing scrape interval: \"x\" is not a valid duration (like 15s, 1h30m, 250ms)",
            ),
            ("__scrape_timeout__", "2m", "scrape timeout cannot be greater than scrape interval (2m > 1m)"),
        ] {
            let yaml = format!(
                "{{job_name: j, relabel_configs: [{{target_label: {label}, replacement: '{value}'}}]}}"
            );
            assert_eq!(populate(&job(&yaml), "h:1", &group(&[])).expect_err(&yaml), expected);
        }
    }
}
