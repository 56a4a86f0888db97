//! Prometheus' own scripts, read in place: the same as `cargo xtask conformance promql`. `UPDATE_EXPECT=1` writes the
//! list of expectations anew.

use conformance::default_root;
use conformance::doors::PROMQL;

#[test]
fn prometheus_scripts() {
    let Some(folder) = PROMQL.folder_in(&default_root()) else {
        println!("skipped: no conformance data (WATCHFIRE_CONFORMANCE names its folder)");
        return;
    };
    let run = (PROMQL.run)(&folder).expect("the scripts can be read");
    println!("{}{} passed, {} failed", run.text, run.passed(), run.failed());
    let comparison = PROMQL.compare(&run).expect("the list is committed");
    // Cases that the list does not know (another release of the scripts) have to pass; those that are not there do not.
    let bad: Vec<_> = comparison.unknown.iter().filter(|case| PROMQL.is_bad(case)).collect();
    assert!(
        comparison.different.is_empty() && bad.is_empty(),
        "{:#?} {bad:#?}\n{}",
        comparison.different,
        run.text
    );
}
