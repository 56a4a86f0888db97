//! What reads bytes from outside, for `tests/fuzz`.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use model::Labels;

use crate::buffer;
use crate::config::Settings;
use crate::entry::{FileId, Origin};
use crate::metrics::Metrics;
use crate::run::intake::Intake;
use crate::stages;
use crate::tail::Line;

/// Every stage once, so that any line meets all of them.
const ALL_STAGES: &str = r#"
clients: [{url: http://localhost/push}]
scrape_configs:
- job_name: all
  pipeline_stages:
  - cri: {}
  - docker: {}
  - decolorize:
  - regex: {expression: '^(?P<time>\S+) (?P<level>\w+)?'}
  - json: {expressions: {a: 'a.b[-1]', level: }}
  - logfmt: {mapping: {msg: , took: duration}}
  - template: {source: level, template: '{{ ToLower .Value }}{{ .msg | TrimSpace }}'}
  - replace: {expression: '(\d+)(\.)?', replace: '{{ .Value }}#'}
  - labels: {level: , msg: }
  - timestamp: {source: time, format: RFC3339Nano, fallback_formats: [Unix, 'Jan _2 15:04:05', RFC850]}
  - multiline: {firstline: '^\S', max_lines: 3}
  - drop: {source: [took, level], expression: '^x'}
  - limit: {rate: 10, burst: 10, by_label_name: level, drop: true}
  - metrics: {n: {type: Histogram, source: took, config: {}}}
  - structured_metadata: {a: }
  - match: {selector: '{level!=""} |~ "a+"', stages: [{pack: {labels: [level]}}]}
"#;

static SETTINGS: LazyLock<Settings> =
    LazyLock::new(|| Settings::parse(Path::new("p.yml"), ALL_STAGES).expect("a sound file"));

/// A batch of the buffer: as a file, and as what stands behind a right checksum.
pub fn batch(bytes: &[u8]) {
    if let Ok(batch) = buffer::decode(bytes) {
        assert_eq!(buffer::decode(&buffer::encode(&batch)).as_ref(), Ok(&batch));
    }
    if let Ok(batch) = buffer::decode(&buffer::framed(bytes)) {
        assert_eq!(buffer::decode(&buffer::encode(&batch)).as_ref(), Ok(&batch));
    }
}

/// Batches to begin with, without their heads.
pub fn batch_seeds() -> Vec<Vec<u8>> {
    // One path with one mark, one part: see docs/formats/log-buffer.md.
    vec![b"\x01\x02/a\x01\x01\x02\x03\x04\x01\x01x\x00\x01\x02\x03abc".to_vec(), b"\x00\x00".to_vec()]
}

/// Lines through all stages.
pub fn lines(bytes: &[u8]) {
    let mut intake = Intake::new(SETTINGS.limits, Arc::new(Metrics::default()), Instant::now());
    let (mut pipeline, mut out) = (SETTINGS.jobs[0].pipeline.pipeline(), Vec::new());
    let (labels, now) = (Labels::from_pairs([("job", "fuzz")]), Instant::now());
    let file = FileId { device: 0, inode: 0 };
    for bytes in bytes.split(|byte| *byte == b'\n') {
        let line = Line { bytes, origin: Origin { file, offset: 0 }, is_cut: false };
        intake.take(&mut pipeline, &labels, &line, now, &mut out);
    }
    intake.release(&mut pipeline, true, now, &mut out);
    assert!(pipeline.held().is_empty());
}

/// Lines to begin with.
pub fn line_seeds() -> Vec<Vec<u8>> {
    [
        "2025-01-01T00:00:00Z stdout P part\n2025-01-01T00:00:01.5+01:00 stdout F whole\n",
        "{\"log\":\"hello\\n\",\"stream\":\"stderr\",\"time\":\"2025-01-01T00:00:00Z\",\"a\":{\"b\":[1,null]}}\n",
        "Jan  2 15:04:05 level=info msg=\"a \\\"b\\\"\" duration=1.5s\n more of it\n",
        "\u{1b}[31m1767225600.25 ERROR caf\u{e9}\u{1b}[0m\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// A layout in the first line, a time by it in the second.
pub fn times(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some((layout, time)) = text.split_once('\n') {
        stages::read_time(layout, time);
    }
}

/// Layouts and times to begin with.
pub fn time_seeds() -> Vec<Vec<u8>> {
    [
        "Mon Jan _2 15:04:05.000 MST 2006\nWed Mar  4 05:06:07.123 UTC 2026",
        "2006 002 3:04:05,999999999 PM -07:00\n2026 063 5:06:07,5 AM +01:30",
        "RFC850\nWednesday, 04-Mar-26 05:06:07 GMT",
        "Unix\n-1767225600.000000001",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// A configuration.
pub fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(Settings::parse(Path::new("p.yml"), text));
    }
}

/// Configurations to begin with.
pub fn config_seeds() -> Vec<Vec<u8>> {
    vec![ALL_STAGES.as_bytes().to_vec()]
}
