//! Samples in, looked at, and out again.

use std::path::{Path, PathBuf};

use columns::TimeRange;
use model::TimestampMs;

use super::{Imported, ToolError, What, analyze, dump, import, open, selector, store_dir, verify};

const BODY: &str = "# TYPE a counter\n\
    a_total{job=\"x\"} 1 1700000000.123 # {trace=\"t\"} 0.5\n\
    a_total{job=\"x\"} 2.5 1700000015.123\n\
    a_total{job=\"y\\\"z\"} 3 1600000000\n\
    {\"my.metric\",\"l.x\"=\"ü\"} -Inf 1700000000\n\
    # EOF\n";

/// What `dump` makes of it: in order of labels, without metadata.
const DUMPED: &str = "a_total{job=\"x\"} 1 1700000000.123\n\
    a_total{job=\"x\"} 2.5 1700000015.123\n\
    a_total{job=\"y\\\"z\"} 3 1600000000\n\
    {\"my.metric\",\"l.x\"=\"ü\"} -Inf 1700000000\n\
    # EOF\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn import(&self, body: &str) -> Result<Imported, ToolError> {
        let file = self.0.path().join("samples.om");
        std::fs::write(&file, body).expect("written");
        let mut last = 0;
        import(&self.data(), &file, &mut |done, all| {
            assert!(last <= done && done <= all);
            last = done;
        })
    }

    fn dump(&self, selectors: &[&str], range: TimeRange) -> String {
        let selectors = selectors.iter().map(|text| selector(text).expect("a selector")).collect();
        let mut out = Vec::new();
        dump(&self.data(), &What { selectors, range }, &mut out, &mut |_, _| {}).expect("dumped");
        String::from_utf8(out).expect("text")
    }
}

#[test]
fn what_goes_in_comes_out() {
    let folder = Folder::new();
    let first = folder.import(BODY).expect("imported");
    assert_eq!((first.samples, first.exemplars, first.store.samples, first.store.known), (4, 1, 4, 0));
    assert_eq!(folder.dump(&[], TimeRange::ALL), DUMPED);
    let again = folder.import(&folder.dump(&[], TimeRange::ALL)).expect("imported");
    assert_eq!((again.store.samples, again.store.known), (0, 4));
    assert_eq!(folder.dump(&[], TimeRange::ALL), DUMPED);
    // In Prometheus' own text too.
    let text = folder.import("a_total{job=\"x\"} 4 1700000030123\n").expect("imported");
    assert_eq!((text.store.samples, text.store.blocks), (1, 1));
    let found = verify(&folder.data(), &mut |_, _| {}).expect("verified");
    assert_eq!((found.samples, found.damage.len()), (5, 0));
    let analysis = analyze(&folder.data(), 1).expect("analysed");
    assert_eq!((analysis.series, analysis.blocks.iter().map(|b| b.samples).sum::<u64>()), (3, 5));
    assert_eq!(analysis.series_by_metric, [("a_total".to_owned(), 2)]);
    assert_eq!(analysis.values_by_label, [("__name__".to_owned(), 2)]);
}

#[test]
fn selectors_and_times_choose() {
    let folder = Folder::new();
    folder.import(BODY).expect("imported");
    let range = TimeRange { from: TimestampMs(1_700_000_000_123), to: TimestampMs(1_700_000_015_122) };
    assert_eq!(folder.dump(&[], range), "a_total{job=\"x\"} 1 1700000000.123\n# EOF\n");
    let both = folder.dump(&["a_total", "{job=\"x\"}"], TimeRange::ALL);
    assert_eq!(both.lines().count(), 4, "a series found twice is written once");
    assert_eq!(folder.dump(&["nothing"], TimeRange::ALL), "# EOF\n");
}

#[test]
fn a_bad_file_is_refused_with_its_place_before_anything_goes_in() {
    let folder = Folder::new();
    for (body, expected) in [
        ("a 1 1\nb 2\n", "samples.om: line 2, column 1: a sample without a time"),
        ("a 1 1\nb x 2\n", "samples.om: line 2, column 3: expected a value, found \"x\""),
        ("a{x=\"1\",x=\"2\"} 1 1\n", "samples.om: line 1, column 1: label name \"x\" is not unique"),
        ("a 1 1\n# EOF\n\n# EOF\n", "samples.om: line 3, column 1: unexpected data after # EOF"),
    ] {
        let error = folder.import(body).expect_err(body).to_string();
        assert!(error.ends_with(expected), "{error}");
        assert!(!folder.data().exists(), "nothing was made for {body:?}");
    }
    let file = folder.0.path().join("none");
    let error = import(&folder.data(), &file, &mut |_, _| {}).expect_err("no file").to_string();
    assert!(error.starts_with("cannot read ") && error.contains("/none: "), "{error}");
}

#[test]
fn no_store_and_a_store_in_use_are_told() {
    let folder = Folder::new();
    let error = verify(&folder.data(), &mut |_, _| {}).expect_err("nothing there").to_string();
    assert!(
        error.starts_with("no samples are kept in ") && error.contains("it has no folder metrics"),
        "{error}"
    );
    folder.import(BODY).expect("imported");
    let _running = open(store_dir(&folder.data()).expect("there")).expect("opens");
    for error in [
        verify(&folder.data(), &mut |_, _| {}).expect_err("in use").to_string(),
        analyze(&folder.data(), 1).expect_err("in use").to_string(),
        folder.import(BODY).expect_err("in use").to_string(),
    ] {
        assert!(error.contains("is in use by another watchfire (process "), "{error}");
    }
}

/// What Prometheus has made of a file reads as that file does.
#[test]
fn blocks_of_prometheus_come_in() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tsdb/tests/fixtures/prometheus");
    let (of_text, of_block) = (Folder::new(), Folder::new());
    let text = of_text
        .import(&std::fs::read_to_string(fixtures.join("samples.om")).expect("read"))
        .expect("imported");
    // Its folder of data: a block, what it is about to write, and its log.
    let theirs = of_block.0.path().join("theirs");
    for folder in ["01ABC/chunks", "01ABD.tmp-for-creation/chunks", "wal", "chunks_head"] {
        std::fs::create_dir_all(theirs.join(folder)).expect("made");
    }
    for file in ["index", "chunks/000001"] {
        std::fs::copy(fixtures.join("block").join(file), theirs.join("01ABC").join(file)).expect("copied");
    }
    std::fs::write(theirs.join("01ABD.tmp-for-creation/index"), "half").expect("written");
    let mut last = (0, 0);
    let block = import(&of_block.data(), &theirs, &mut |done, all| {
        assert!(last.0 <= done && done <= all);
        last = (done, all);
    })
    .expect("imported");
    assert!(block.has_log && (block.blocks, block.samples) == (1, text.samples), "{block:?}");
    assert_eq!(block.store, text.store);
    assert_eq!(of_block.dump(&[], TimeRange::ALL), of_text.dump(&[], TimeRange::ALL));
    // Once more, and the block by itself: all of it is known.
    let again = import(&of_block.data(), &theirs.join("01ABC"), &mut |_, _| {}).expect("imported");
    assert_eq!((again.store.samples, again.store.known, again.has_log), (0, text.samples, false));
}

#[test]
fn a_folder_without_blocks_or_with_a_broken_one_is_refused() {
    let folder = Folder::new();
    let theirs = folder.0.path().join("theirs");
    std::fs::create_dir_all(theirs.join("wal")).expect("made");
    let refused = || import(&folder.data(), &theirs, &mut |_, _| {}).expect_err("refused").to_string();
    assert!(refused().starts_with("no blocks of a Prometheus are in "), "{}", refused());
    std::fs::create_dir_all(theirs.join("01ABC/chunks")).expect("made");
    std::fs::write(theirs.join("01ABC/index"), [0; 100]).expect("written");
    let expected = "01ABC/index: byte 0: not the index of a block: its first four bytes are others";
    assert!(refused().ends_with(expected), "{}", refused());
    assert!(!folder.data().exists(), "nothing was made");
}
