//! All collectors over one machine that is written down in a file.

use std::path::Path;

use exposition::{Format, Reader};
use proptest::prelude::*;

use crate::collectors::Collectors;
use crate::files::Roots;

/// `=== path` opens a file; what follows is its text.
const MACHINE: &str = include_str!("../../tests/fixtures/host.txt");
const EXPECTED: &str = "tests/fixtures/host.prom";

/// Families of the machine that runs the test, or of this very moment.
const NOT_WRITTEN_DOWN: [&str; 10] = [
    "node_scrape_collector_duration",
    "node_uname_",
    "node_time_seconds",
    "node_time_zone",
    "node_timex",
    "node_filesystem_size",
    "node_filesystem_free",
    "node_filesystem_avail",
    "process_",
    "container_last_seen",
];

fn sections() -> Vec<(&'static str, &'static str)> {
    MACHINE.split("=== ").filter_map(|section| section.split_once('\n')).collect()
}

fn write(folder: &Path, path: &str, text: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn machine() -> (tempfile::TempDir, Roots) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in sections() {
        write(folder.path(), path, text.as_bytes());
    }
    let below = |name: &str| folder.path().join(name);
    let roots = Roots { proc: below("proc"), sys: below("sys"), root: below("root") };
    std::fs::create_dir_all(below("root/data disk")).expect("made");
    (folder, roots)
}

/// What does not change from one machine that runs the test to the next.
fn steady(body: &str) -> String {
    let is_steady = |line: &&str| {
        let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        let moving = NOT_WRITTEN_DOWN.iter().any(|prefix| name.starts_with(prefix));
        let of_the_day =
            name.starts_with("container_start_time") || name.starts_with("node_filesystem_files");
        !moving && !of_the_day && !line.starts_with("# HELP")
    };
    body.lines().filter(is_steady).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn a_machine_gives_these_metrics() {
    let (_folder, roots) = machine();
    let mut collectors = Collectors::new(roots, None);
    let body = steady(&collectors.collect());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXPECTED);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &body).expect("written");
    }
    let expected = std::fs::read_to_string(&path).expect("written once with UPDATE_EXPECT=1");
    for (ours, wanted) in body.lines().zip(expected.lines()) {
        assert_eq!(ours, wanted, "renew with UPDATE_EXPECT=1");
    }
    assert_eq!(body.lines().count(), expected.lines().count());
    assert_eq!(steady(&collectors.collect()), expected, "a second scrape says the same");
}

#[test]
fn an_empty_machine_turns_collectors_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_owned();
    let roots = Roots { proc: root.join("proc"), sys: root.join("sys"), root };
    let body = Collectors::new(roots, Some("/no/such/list".into())).collect();
    for off in ["cpu", "meminfo", "diskstats", "netclass", "filesystem", "cgroups", "processes_named", "os"] {
        let line = format!("node_scrape_collector_success{{collector=\"{off}\"}} 0\n");
        assert!(body.contains(&line), "{off} in {body}");
    }
    assert!(body.contains("node_scrape_collector_success{collector=\"self\"} 1\n"));
    assert!(!body.contains("node_cpu_seconds_total"));
}

/// Content that resembles what the kernel writes, or does not at all.
fn odd_text() -> impl Strategy<Value = Vec<u8>> {
    let lines =
        proptest::string::string_regex("([a-zA-Z0-9:=(){},. /\"\\\\\t\n-]{0,12}[0-9]{0,22}[ \n:]?){0,24}")
            .expect("a pattern")
            .prop_map(String::into_bytes);
    prop_oneof![lines, proptest::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn odd_files_neither_stop_a_scrape_nor_break_the_body(
        texts in proptest::collection::vec((any::<prop::sample::Index>(), odd_text(), any::<bool>()), 1..12),
    ) {
        let (folder, roots) = machine();
        let sections = sections();
        for (which, odd, is_behind) in texts {
            let (path, text) = *which.get(&sections);
            let text = if is_behind { [text.as_bytes(), &odd].concat() } else { odd };
            write(folder.path(), path, &text);
        }
        let mut collectors = Collectors::new(roots, None);
        for _ in 0..2 {
            let body = collectors.collect();
            let reader = Reader::new(Format::Text, body.as_bytes()).expect("UTF-8");
            for entry in reader {
                prop_assert!(entry.is_ok(), "{entry:?} in {body}");
            }
        }
    }
}
