//! Which files a job names: targets with labels, relabelled, and what their patterns match.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use model::{Labels, LabelsBuilder};
use scrape::{FileWatch, Group, relabel};

use crate::config::Job;

const PATH: &str = "__path__";
const EXCLUDE: &str = "__path_exclude__";
const HOST: &str = "__host__";
const ADDRESS: &str = "__address__";
const FILENAME: &str = "filename";

/// Patterns that one with braces may stand for.
const BRACES_MAX: usize = 100;

/// As doublestar matches: `*` stays within a folder and takes names that begin with a dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A target that has a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// Labels that its lines get.
    pub labels: Labels,
    pub pattern: String,
    pub exclude: Option<String>,
}

/// A file to be tailed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub path: String,
    /// With `filename`.
    pub labels: Labels,
}

/// The targets of `job`, of the entries in it and of the files that `watch` has read.
pub(crate) fn targets(job: &Job, watch: &FileWatch) -> Vec<Target> {
    let statics: Vec<Group> = job.statics.iter().map(|config| Group::of(config, &[])).collect();
    statics.iter().chain(watch.groups()).flat_map(|group| of_group(job, group)).collect()
}

/// A group without addresses is one target: for files they mean nothing.
fn of_group(job: &Job, group: &Group) -> Vec<Target> {
    let addresses =
        if group.targets.is_empty() { vec![None] } else { group.targets.iter().map(Some).collect() };
    let target = |address: Option<&String>| {
        let mut labels = LabelsBuilder::default();
        if let Some(address) = address {
            labels.set(ADDRESS, address.as_str());
        }
        for (name, value) in &group.labels {
            labels.set(name.as_str(), value.as_str());
        }
        resolve(job, labels)
    };
    addresses.into_iter().filter_map(target).collect()
}

fn resolve(job: &Job, mut labels: LabelsBuilder) -> Option<Target> {
    if !relabel::apply(&job.relabel, &mut labels) {
        return None;
    }
    let labels = labels.build();
    // Files of other hosts are tailed there.
    let host = labels.get(HOST);
    if host.is_some_and(|host| host != "localhost" && Some(host) != hostname().as_deref()) {
        return None;
    }
    let pattern = labels.get(PATH)?.to_owned();
    let exclude = labels.get(EXCLUDE).map(str::to_owned);
    Some(Target { labels: labels.without(|name| name.starts_with("__")), pattern, exclude })
}

fn hostname() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned())
}

/// The files that `target` means now, in order of path.
pub(crate) fn files(target: &Target) -> Vec<Found> {
    let excluded: Vec<Pattern> = target
        .exclude
        .iter()
        .flat_map(|pattern| patterns(pattern))
        .filter_map(|it| Pattern::new(&it).ok())
        .collect();
    let is_excluded = |path: &Path| excluded.iter().any(|pattern| pattern.matches_path_with(path, OPTIONS));
    let found = patterns(&target.pattern).into_iter().filter_map(|it| glob::glob_with(&it, OPTIONS).ok());
    let mut paths: Vec<PathBuf> =
        found.flatten().flatten().filter(|it| it.is_file() && !is_excluded(it)).collect();
    paths.sort_unstable();
    paths.dedup();
    let named = paths.into_iter().filter_map(|path| path.into_os_string().into_string().ok());
    let with_name = |path: String| {
        let mut labels = target.labels.to_builder();
        labels.set(FILENAME, path.as_str());
        Found { labels: labels.build(), path }
    };
    named.map(with_name).collect()
}

/// Folders whose change may mean a new file: those in which `target`'s pattern begins to vary.
pub(crate) fn folders(target: &Target) -> Vec<PathBuf> {
    let varies = |part: &str| part.contains(['*', '?', '[', '{']);
    let fixed = |pattern: &String| {
        let parts: Vec<&str> = pattern.split('/').collect();
        let end = parts.iter().position(|part| varies(part)).unwrap_or(parts.len() - 1);
        PathBuf::from(format!("{}/", parts.get(..end).unwrap_or_default().join("/")))
    };
    patterns(&target.pattern).iter().map(fixed).collect()
}

/// Doublestar's patterns in the words of our library: braces become several patterns, `[^a]` becomes `[!a]`, an escaped
/// character stands in brackets, and `**` beside other letters is one star.
fn patterns(pattern: &str) -> Vec<String> {
    let mut all = vec![];
    braces(pattern, &mut all);
    all.iter().map(|pattern| translated(pattern)).collect()
}

fn braces(pattern: &str, out: &mut Vec<String>) {
    let Some((before, rest)) = pattern.split_once('{') else {
        if out.len() < BRACES_MAX {
            out.push(pattern.to_owned());
        }
        return;
    };
    let (mut depth, mut begin, mut choices) = (0usize, 0, Vec::new());
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                choices.push(rest.get(begin..at).unwrap_or_default());
                begin = at + 1;
                if c == '}' {
                    let after = rest.get(begin..).unwrap_or_default();
                    for choice in choices.iter().take(BRACES_MAX) {
                        braces(&format!("{before}{choice}{after}"), out);
                    }
                    return;
                }
            }
            _ => {}
        }
    }
    // Never closed: a name with a brace.
    out.push(pattern.to_owned());
}

fn translated(pattern: &str) -> String {
    let part = |part: &str| {
        if part == "**" {
            return part.to_owned();
        }
        let mut out = String::with_capacity(part.len());
        let mut chars = part.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    let escaped = chars.next().unwrap_or('\\');
                    let is_special = "*?[]".contains(escaped);
                    out.push_str(&if is_special { format!("[{escaped}]") } else { escaped.to_string() });
                }
                '*' if out.ends_with('*') => {}
                '[' if chars.peek() == Some(&'^') => {
                    chars.next();
                    out.push_str("[!");
                }
                other => out.push(other),
            }
        }
        out
    };
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_doublestar() {
        for (pattern, expected) in [
            ("/a/*.log", vec!["/a/*.log"]),
            ("/a/**/b**c.log", vec!["/a/**/b*c.log"]),
            ("/a/{x,y{1,2}}.log", vec!["/a/x.log", "/a/y1.log", "/a/y2.log"]),
            ("/a/[^b]\\*", vec!["/a/[!b][*]"]),
            ("/a/{b", vec!["/a/{b"]),
        ] {
            assert_eq!(patterns(pattern), expected, "{pattern}");
        }
        assert_eq!(patterns(&"{a,b}".repeat(10)).len(), BRACES_MAX);
    }

    #[test]
    fn files_below_with_exclusion() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.log", "b.log", "b.log.gz", "sub/deep/c.log", ".hidden.log"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let root = folder.path().display().to_string();
        let names = |pattern: &str, exclude: Option<&str>| {
            let target = Target {
                labels: Labels::from_pairs([("job", "x")]),
                pattern: format!("{root}/{pattern}"),
                exclude: exclude.map(|it| format!("{root}/{it}")),
            };
            let found = files(&target);
            assert!(found.iter().all(|it| it.labels.get("filename") == Some(&*it.path)));
            let short = |it: &Found| it.path.strip_prefix(&format!("{root}/")).expect("below").to_owned();
            found.iter().map(short).collect::<Vec<_>>()
        };
        assert_eq!(names("*.log", None), [".hidden.log", "a.log", "b.log"]);
        assert_eq!(names("*.log*", Some("*.gz")), [".hidden.log", "a.log", "b.log"]);
        assert_eq!(names("**/*.log", Some("{a,b}.log")), [".hidden.log", "sub/deep/c.log"]);
        assert_eq!(names("sub/*.log", None), Vec::<String>::new());
        assert_eq!(names("[ab].log", Some("[^b].log")), ["b.log"]);
    }
}
