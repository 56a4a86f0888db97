//! Prometheus' own rule files and unit tests, read in place: the same as `cargo xtask conformance rulefmt` and `promtool`.
//! `UPDATE_EXPECT=1` writes the lists of expectations anew.

use conformance::{PROMTOOL, RULEFMT, Sort, default_root, folder, is_bad};

fn check(sort: Sort) {
    let Some(folder) = folder(&default_root(), sort.folder) else {
        println!("skipped: no conformance data (WATCHFIRE_CONFORMANCE names its folder)");
        return;
    };
    let run = (sort.run)(&folder).expect("the files can be read");
    println!("{}{} passed, {} failed", run.text, run.passed(), run.failed());
    let comparison = sort.compare(&run).expect("the list is committed");
    let bad: Vec<_> = comparison.unknown.iter().filter(|case| is_bad(case)).collect();
    assert!(
        comparison.different.is_empty() && bad.is_empty(),
        "{:#?} {bad:#?}\n{}",
        comparison.different,
        run.text
    );
}

#[test]
fn rule_files() {
    check(RULEFMT);
}

#[test]
fn unit_tests_of_rules() {
    check(PROMTOOL);
}

/// What the compliance suite for generators of alerts loads.
#[test]
fn alert_generator() {
    let Some(folder) = folder(&default_root(), "alert-generator") else {
        println!("skipped: no conformance data (WATCHFIRE_CONFORMANCE names its folder)");
        return;
    };
    let file = rules::files::read_one(&folder.join("rules.yaml")).expect("loads");
    assert!(file.groups.iter().flat_map(|group| &group.rules).count() >= 7);
}
