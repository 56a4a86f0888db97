//! Prometheus' own scripts, read in place. `promql-expected.txt` lists the cases that do not pass; a case that is
//! neither there nor passes is a regression, one that passes but is listed has to be struck off. `UPDATE_EXPECT=1`
//! writes the list anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use promql::script::{self, Outcome};

const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/promql-expected.txt");

/// Where conformance data lies, if it is at hand: `WATCHFIRE_CONFORMANCE`, or `../shared` beside the workspace.
fn folder() -> Option<PathBuf> {
    let root = match std::env::var_os("WATCHFIRE_CONFORMANCE") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
    };
    Some(root.join("promqltest")).filter(|folder| folder.is_dir())
}

#[test]
fn prometheus_scripts() {
    let Some(folder) = folder() else {
        println!("skipped: no conformance data (WATCHFIRE_CONFORMANCE names its folder)");
        return;
    };
    let mut got: BTreeMap<String, &str> = BTreeMap::new();
    let (mut passed, mut text) = (0, String::new());
    for file in scripts_in(&folder) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let report = script::run(&std::fs::read_to_string(&file).expect("a script is text"));
        if let Some(error) = &report.error {
            got.insert(format!("{name}:{:05}", error.line), "script");
            let _ = writeln!(text, "{name}: {error}");
        }
        for case in report.cases {
            let id = format!("{name}:{:05}", case.line);
            match case.outcome {
                Outcome::Passed => passed += 1,
                Outcome::NeedsNativeHistograms => drop(got.insert(id, "native")),
                Outcome::Failed(why) => {
                    let _ = writeln!(text, "{id} {}: {why}", case.query);
                    got.insert(id, "failed");
                }
            }
        }
    }
    let native = got.values().filter(|outcome| **outcome == "native").count();
    println!("{text}{passed} passed, {} failed, {native} need native histograms", got.len() - native);
    let list: String = got.iter().fold(String::new(), |list, (id, outcome)| list + id + " " + outcome + "\n");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(EXPECTED, &list).expect("the list can be written");
    }
    let expected = std::fs::read_to_string(EXPECTED).expect("the list is committed");
    let differences: Vec<String> = differences(&expected, &list);
    assert!(differences.is_empty(), "{}\n{text}", differences.join("\n"));
}

fn scripts_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}

fn differences(expected: &str, got: &str) -> Vec<String> {
    let missing = got.lines().filter(|line| !expected.lines().any(|other| other == *line));
    let gone = expected.lines().filter(|line| !got.lines().any(|other| other == *line));
    missing
        .map(|line| format!("no longer passes: {line}"))
        .chain(gone.map(|line| format!("now passes: {line}")))
        .collect()
}
