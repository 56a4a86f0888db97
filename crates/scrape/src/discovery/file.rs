//! `file_sd_configs`: files of targets, found by patterns, read again when they change.
//!
//! A file that cannot be read or parsed keeps the targets it had: a half-written file must not look like a fleet that
//! is gone. A file that is deleted takes its targets along.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::DurationMs;

use super::{Group, parse_groups};
use crate::config::FileSdConfig;

/// The label that names the file a target was found in.
const META_FILE_PATH: &str = "__meta_filepath";

/// The largest discovery file that is read: a hundred thousand targets fit.
const FILE_MAX_BYTES: u64 = 32 << 20;

/// The most files that the patterns of one job may match; more are left out and said in the log.
const FILES_MAX: usize = 1000;

/// How often files are read again that look unchanged, where a file does not say.
const REFRESH: DurationMs = DurationMs::from_secs(300);

/// One `file_sd_configs` entry: patterns, absolute or relative to the working directory.
#[derive(Debug, Clone, PartialEq)]
pub struct FileDiscovery {
    pub(crate) patterns: Vec<PathBuf>,
    /// Files are read again after this time even if they look unchanged.
    pub refresh: DurationMs,
}

impl FileDiscovery {
    /// What an entry says; its patterns are taken from `base`.
    ///
    /// # Errors
    /// Prometheus' sentence, when it names no file or no such pattern is possible.
    pub fn of(config: &FileSdConfig, base: &Path) -> Result<Self, String> {
        if config.files.is_empty() {
            return Err("file service discovery config must contain at least one path name".to_owned());
        }
        config.files.iter().try_for_each(|pattern| check_pattern(pattern))?;
        let patterns = config.files.iter().map(|pattern| base.join(pattern)).collect();
        let refresh = config.refresh_interval.map(DurationMs::from).filter(|every| every.0 > 0);
        Ok(Self { patterns, refresh: refresh.unwrap_or(REFRESH) })
    }
}

/// Checks one pattern: a file of JSON or YAML, with at most one `*`, in its last part.
///
/// # Errors
/// Prometheus' sentence.
fn check_pattern(pattern: &str) -> Result<(), String> {
    let has_extension = Path::new(pattern)
        .extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| matches!(e, "json" | "yml" | "yaml" | "JSON" | "YML" | "YAML"));
    let stars = pattern.matches('*').count();
    let star_is_in_name = pattern.rsplit('/').next().is_some_and(|name| name.contains('*'));
    if has_extension && (stars == 0 || (stars == 1 && star_is_in_name)) {
        return Ok(());
    }
    Err(format!("path name {pattern:?} is not valid for file discovery"))
}

/// What a look at the files found.
#[derive(Debug, Default, PartialEq)]
pub struct Looked {
    /// Whether the groups are others than before.
    pub is_changed: bool,
    /// What could not be read, one sentence each.
    pub errors: Vec<String>,
}

/// What is known of the files of one job.
#[derive(Debug, Default)]
pub struct FileWatch {
    files: BTreeMap<PathBuf, WatchedFile>,
}

#[derive(Debug, Default)]
struct WatchedFile {
    /// Time of change and length when it was read; `None` when it could not be looked at.
    stamp: Option<(SystemTime, u64)>,
    groups: Vec<Group>,
}

impl FileWatch {
    /// Looks at all files of `discoveries`; reads those that are new or changed, or all when `force` says so.
    pub fn look(&mut self, discoveries: &[FileDiscovery], force: bool) -> Looked {
        let mut looked = Looked::default();
        let mut paths: Vec<PathBuf> =
            discoveries.iter().flat_map(|d| &d.patterns).flat_map(|p| matching(p)).collect();
        paths.sort_unstable();
        paths.dedup();
        if paths.len() > FILES_MAX {
            looked.errors.push(format!("{} discovery files found, only {FILES_MAX} are read", paths.len()));
            paths.truncate(FILES_MAX);
        }
        self.files.retain(|path, file| {
            let is_kept = paths.binary_search(path).is_ok();
            looked.is_changed |= !is_kept && !file.groups.is_empty();
            is_kept
        });
        for path in paths {
            let stamp = stamp(&path);
            let known = self.files.get(&path);
            if known.is_some_and(|file| !force && file.stamp == stamp && stamp.is_some()) {
                continue;
            }
            let file = self.files.entry(path.clone()).or_default();
            file.stamp = stamp;
            match read(&path) {
                Ok(groups) => {
                    looked.is_changed |= file.groups != groups;
                    file.groups = groups;
                }
                Err(error) => looked.errors.push(error),
            }
        }
        looked
    }

    /// The groups of all files, in order of path.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.files.values().flat_map(|file| &file.groups)
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<Vec<Group>, String> {
    let fail = |cause: String| format!("{}: {cause}", path.display());
    let length = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if length > FILE_MAX_BYTES {
        return Err(fail(format!("{length} bytes are more than the {FILE_MAX_BYTES} allowed")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let meta = [(META_FILE_PATH, path.display().to_string())];
    Ok(parse_groups(path, &text, is_json)?.iter().map(|config| Group::of(config, &meta)).collect())
}

/// The files that a pattern matches; the pattern itself when it has no star and exists.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let Some((head, tail)) = name.split_once('*') else {
        return if pattern.is_file() { vec![pattern.to_owned()] } else { Vec::new() };
    };
    let folder = pattern.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let fits = |name: &str| {
        name.len() >= head.len() + tail.len()
            && name.starts_with(head)
            && name.ends_with(tail)
            && (!name.starts_with('.') || head.starts_with('.'))
    };
    let found = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(fits));
    found.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_one_star_at_most() {
        for (pattern, valid) in [
            ("a.json", true),
            ("dir/a.yml", true),
            ("dir/*.yaml", true),
            ("dir/a*b.JSON", true),
            ("a.txt", false),
            ("a", false),
            ("*/a.json", false),
            ("**.json", false),
            ("a.*", false),
        ] {
            assert_eq!(check_pattern(pattern).is_ok(), valid, "{pattern}");
        }
    }

    #[test]
    fn files_come_change_break_and_go() {
        let dir = tempfile::tempdir().expect("a folder");
        let discovery = [FileDiscovery {
            patterns: vec![dir.path().join("t*.json"), dir.path().join("x.yml")],
            refresh: DurationMs::ZERO,
        }];
        let mut watch = FileWatch::default();
        let targets = |watch: &FileWatch| watch.groups().flat_map(|g| g.targets.clone()).collect::<Vec<_>>();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");

        assert_eq!(watch.look(&discovery, false), Looked::default());
        assert!(targets(&watch).is_empty());
        write("t1.json", r#"[{"targets": ["a:1"], "labels": {"x": "y"}}]"#);
        write("x.yml", "- targets: [b:1, b:2]\n");
        write("other.json", "nonsense");
        assert_eq!(watch.look(&discovery, false), Looked { is_changed: true, errors: Vec::new() });
        assert_eq!(watch.look(&discovery, true), Looked::default());
        assert_eq!(targets(&watch), ["a:1", "b:1", "b:2"]);
        let first = watch.groups().next().expect("a group");
        let path = dir.path().join("t1.json").display().to_string();
        assert_eq!(
            first.labels,
            [("x".to_owned(), "y".to_owned()), (META_FILE_PATH.to_owned(), path.clone())]
        );

        write("t1.json", r#"[{"targets": ["a:1", "#);
        let Looked { is_changed, errors } = watch.look(&discovery, false);
        assert!(!is_changed && errors.len() == 1 && errors[0].starts_with(&path), "{errors:?}");
        assert_eq!(targets(&watch), ["a:1", "b:1", "b:2"]);

        write("t1.json", r#"[{"targets": ["c:333"]}]"#);
        std::fs::remove_file(dir.path().join("x.yml")).expect("removed");
        assert_eq!(watch.look(&discovery, false), Looked { is_changed: true, errors: Vec::new() });
        assert_eq!(targets(&watch), ["c:333"]);
    }

    #[test]
    fn unknown_fields_are_errors_with_a_place() {
        let error = parse_groups(Path::new("t.yml"), "- targets: [a]\n  label: {}\n", false)
            .expect_err("unknown field");
        assert_eq!(error, "t.yml:2:3: unknown field label (did you mean labels?)");
        assert!(parse_groups(Path::new("t.json"), "[{\"target\": []}]", true).is_err());
        assert_eq!(parse_groups(Path::new("t.yml"), "", false), Ok(Vec::new()));
    }
}
