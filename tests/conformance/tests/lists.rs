//! All data against the committed lists: the same as `cargo xtask conformance`. PromQL's own tests run its scripts.

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
