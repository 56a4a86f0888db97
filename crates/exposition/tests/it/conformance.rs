//! The exposition cases of Prometheus and OpenMetrics, read in place; absent means skipped, aloud.

use std::path::{Path, PathBuf};

use exposition::{Entry, Format, Reader, strict};

/// Cases whose verdict differs from the expected one today, each with its reason.
const EXPECTED_FAILURES: &[&str] = &[];

#[allow(clippy::print_stdout, reason = "a skipped test must say so")]
fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let base = std::env::var_os("WATCHFIRE_CONFORMANCE")
        .map_or_else(|| root.join("../shared/conformance"), PathBuf::from);
    let folder = base.join("exposition");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no conformance data at {}", folder.display());
    None
}

/// `"name": "verdict"` pairs of the expectations, which are one pair a line.
fn expectations(folder: &Path) -> Vec<(String, bool)> {
    let text = std::fs::read_to_string(folder.join("expectations.json")).expect("expectations");
    let pairs = text.lines().filter_map(|line| {
        let mut quoted = line.split('"').skip(1).step_by(2);
        let (name, verdict) = (quoted.next()?, quoted.next()?);
        name.ends_with(".om.txt").then(|| (name.to_owned(), verdict == "accept"))
    });
    pairs.collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "the count is what a reader wants to see")]
fn openmetrics_verdicts() {
    let Some(folder) = folder().map(|f| f.join("openmetrics")) else { return };
    let cases = expectations(&folder);
    assert!(cases.len() > 100, "only {} cases found", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, accept)| {
            let body = std::fs::read(folder.join(name)).expect("case");
            let verdict = strict::check(&body);
            (verdict.is_ok() != *accept).then(|| format!("{name}: {verdict:?}"))
        })
        .collect();
    let names: Vec<&str> = wrong.iter().filter_map(|w| w.split(':').next()).collect();
    assert_eq!(
        names,
        EXPECTED_FAILURES,
        "{} of {} right\n{}",
        cases.len() - wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    println!("{} of {} OpenMetrics cases as expected", cases.len() - wrong.len(), cases.len());
}

#[test]
fn real_bodies_are_read() {
    let Some(folder) = folder() else { return };
    for (file, format, rows) in [
        ("textparse/alltypes.237mfs.nometa.prom.txt", Format::Text, 1857),
        ("textparse/alltypes.5mfs.om.txt", Format::OpenMetrics, 53),
        ("textparse/1histogram.om.txt", Format::OpenMetrics, 42),
        ("promtool/metrics-test.prom", Format::Text, 27),
        ("promtool/dump-test-1.prom", Format::Text, 15),
        ("promtool/dump-openmetrics-roundtrip-test.prom", Format::OpenMetrics, 14),
    ] {
        let body = std::fs::read(folder.join(file)).expect("case");
        let mut count = 0;
        for entry in Reader::new(format, &body).expect("UTF-8") {
            if let Entry::Sample(row) = entry.unwrap_or_else(|e| panic!("{file}: {e}")) {
                row.series.labels().unwrap_or_else(|e| panic!("{file}: {e}"));
                count += 1;
            }
        }
        assert_eq!(count, rows, "{file}");
    }
}
