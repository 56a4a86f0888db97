//! Prometheus' own scripts, read in place. `promql-expected.txt` has every case and how it went; a case that goes
//! otherwise has to be looked at, for better or worse. Cases that the list does not know (another release of the
//! scripts) are told, not judged. `UPDATE_EXPECT=1` writes the list anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use promql::script::{self, Outcome};

const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/promql-expected.txt");

/// Where conformance data lies, if it is at hand: `WATCHFIRE_CONFORMANCE` names its folder or the one above; without
/// it, `../shared` beside the workspace.
fn folder() -> Option<PathBuf> {
    let root = match std::env::var_os("WATCHFIRE_CONFORMANCE") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    ["promqltest", "conformance/promqltest"]
        .iter()
        .map(|inner| root.join(inner))
        .find(|folder| folder.is_dir())
}

#[test]
fn prometheus_scripts() {
    let Some(folder) = folder() else {
        println!("skipped: no conformance data (WATCHFIRE_CONFORMANCE names its folder)");
        return;
    };
    let mut got: BTreeMap<String, &str> = BTreeMap::new();
    let mut text = String::new();
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
                Outcome::Passed => drop(got.insert(id, "passed")),
                Outcome::NeedsNativeHistograms => drop(got.insert(id, "native")),
                Outcome::Failed(why) => {
                    let _ = writeln!(text, "{id} {}: {why}", case.query);
                    got.insert(id, "failed");
                }
            }
        }
    }
    let count = |wanted: &str| got.values().filter(|outcome| **outcome == wanted).count();
    println!(
        "{text}{} passed, {} failed, {} need native histograms",
        count("passed"),
        count("failed"),
        count("native")
    );
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let list: String =
            got.iter().fold(String::new(), |list, (id, outcome)| list + id + " " + outcome + "\n");
        std::fs::write(EXPECTED, &list).expect("the list can be written");
    }
    let expected = std::fs::read_to_string(EXPECTED).expect("the list is committed");
    let expected: BTreeMap<&str, &str> = expected.lines().filter_map(|line| line.split_once(' ')).collect();
    let different: Vec<String> = expected
        .iter()
        .filter(|(id, outcome)| got.get(**id) != Some(*outcome))
        .map(|(id, outcome)| format!("{id} was {outcome}, is {}", got.get(*id).unwrap_or(&"gone")))
        .collect();
    let unknown = got.keys().filter(|id| !expected.contains_key(id.as_str())).count();
    println!("{unknown} cases are not in the list");
    assert!(!expected.is_empty() && different.is_empty(), "{}\n{text}", different.join("\n"));
}

fn scripts_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}
