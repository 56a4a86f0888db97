//! All data against the committed lists: the same as `cargo xtask conformance`. PromQL's own tests run its scripts.

use std::path::Path;

use conformance::default_root;
use conformance::doors;

#[test]
#[allow(
    clippy::print_stdout,
    reason = "a skipped test must say so, and the counts are what a reader wants to see"
)]
fn every_case_goes_as_the_list_says() {
    for door in doors::ALL.into_iter().filter(|door| door.name != "promql") {
        let Some(folder) = door.folder_in(&default_root()) else {
            println!("skipped: no {} (WATCHFIRE_CONFORMANCE names its folder)", door.folder);
            continue;
        };
        let run = (door.run)(&folder).expect("the data can be read");
        println!("{}: {} passed, {} failed", door.name, run.passed(), run.failed());
        let comparison = door.compare(&run).expect("the list is committed");
        let bad: Vec<_> = comparison.unknown.iter().filter(|case| door.is_bad(case)).collect();
        assert!(
            comparison.different.is_empty() && bad.is_empty(),
            "{}: {:#?} {bad:#?}\n{}",
            door.name,
            comparison.different,
            run.text
        );
    }
}

/// What the compliance suite for generators of alerts loads.
#[test]
#[allow(clippy::print_stdout, reason = "a skipped test must say so")]
fn rules_of_the_alert_generator_suite_load() {
    let Some(folder) = conformance::folder(&default_root(), "alert-generator") else {
        println!("skipped: no alert-generator (WATCHFIRE_CONFORMANCE names its folder)");
        return;
    };
    let file = rules::files::read_one(&folder.join("rules.yaml")).unwrap_or_else(|e| panic!("{e}"));
    assert!(file.groups.iter().flat_map(|group| &group.rules).count() >= 7);
}

/// Ours go the same way as other people's dashboards, and all of them well.
#[test]
fn every_panel_of_our_dashboards_is_known_and_parses() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/provision/dashboards");
    let run = conformance::dashboards::run(&folder).expect("node runs the renderer");
    assert!(run.cases.len() > 150 && run.failed() == 0, "{} panels\n{}", run.cases.len(), run.text);
}
