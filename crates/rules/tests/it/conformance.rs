//! The rules that the compliance suite for generators of alerts loads, read in place. Rule files and unit tests of the original are
//! run with all other data, by `cargo xtask conformance` and its test.

use conformance::{default_root, folder};

#[test]
fn alert_generator() {
    let Some(folder) = folder(&default_root(), "alert-generator") else {
        println!("skipped: no conformance data (WATCHFIRE_CONFORMANCE names its folder)");
        return;
    };
    let file = rules::files::read_one(&folder.join("rules.yaml")).expect("loads");
    assert!(file.groups.iter().flat_map(|group| &group.rules).count() >= 7);
}
