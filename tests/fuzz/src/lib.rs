//! What reads bytes from outside, each as one function that takes any bytes and must not panic, hang or take memory out of
//! proportion; with valid examples to begin with, and a mutator. `cargo test -p fuzzing` runs all for a moment, the folder
//! `fuzz/` hands the same functions to cargo-fuzz.

mod lines;
mod mutate;
mod push;
mod store;

use exposition::{Format, Reader};

pub use mutate::mutate;

/// Something that reads bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, that of its file in `fuzz/fuzz_targets` too.
    pub name: &'static str,
    /// Valid examples.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Inputs in an ordinary run: about a second unoptimised, the same ones on every machine.
    pub rounds: u64,
    /// Reads.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 26] = [
    Target {
        name: "exposition_text",
        seeds: texts,
        rounds: 20_000,
        run: |bytes| exposition(Format::Text, bytes),
    },
    Target {
        name: "exposition_openmetrics",
        seeds: texts,
        rounds: 20_000,
        run: |bytes| exposition(Format::OpenMetrics, bytes),
    },
    Target { name: "wal_files", seeds: store::segments, rounds: 10_000, run: store::read_segment },
    Target { name: "record", seeds: store::records, rounds: 20_000, run: tsdb::fuzz::record },
    Target { name: "replay", seeds: store::records, rounds: 500, run: store::replay },
    Target { name: "head_file", seeds: store::head_files, rounds: 200, run: store::head_file },
    Target { name: "block", seeds: store::blocks, rounds: 3_000, run: tsdb::fuzz::block },
    Target { name: "chunk", seeds: tsdb::fuzz::chunk_seeds, rounds: 4_000, run: tsdb::fuzz::chunk },
    Target { name: "tombstones", seeds: store::tombstones, rounds: 20_000, run: tsdb::fuzz::tombstones },
    Target {
        name: "prometheus_index",
        seeds: tsdb::fuzz::prometheus_index_seeds,
        rounds: 20_000,
        run: tsdb::fuzz::prometheus_index,
    },
    Target {
        name: "prometheus_chunk",
        seeds: tsdb::fuzz::prometheus_chunk_seeds,
        rounds: 20_000,
        run: tsdb::fuzz::prometheus_chunk,
    },
    Target { name: "logql", seeds: lines::query_seeds, rounds: 5000, run: lines::query },
    Target { name: "log_line", seeds: lines::line_seeds, rounds: 3000, run: lines::line },
    Target { name: "push_json", seeds: push::json_seeds, rounds: 10_000, run: push::json },
    Target { name: "push_protobuf", seeds: push::protobuf_seeds, rounds: 10_000, run: push::protobuf },
    Target { name: "push_otlp_json", seeds: push::otlp_json_seeds, rounds: 10_000, run: push::otlp_json },
    Target {
        name: "push_otlp_protobuf",
        seeds: push::otlp_protobuf_seeds,
        rounds: 10_000,
        run: push::otlp_protobuf,
    },
    Target { name: "log_record", seeds: logdb::fuzz::record_seeds, rounds: 10_000, run: logdb::fuzz::record },
    Target { name: "log_chunk", seeds: logdb::fuzz::chunk_seeds, rounds: 5_000, run: logdb::fuzz::chunk },
    Target { name: "log_file", seeds: logdb::fuzz::file_seeds, rounds: 10_000, run: logdb::fuzz::file },
    Target {
        name: "log_deletes",
        seeds: logdb::fuzz::delete_seeds,
        rounds: 10_000,
        run: logdb::fuzz::deletes,
    },
    Target {
        name: "ship_buffer",
        seeds: shipper::fuzz::batch_seeds,
        rounds: 20_000,
        run: shipper::fuzz::batch,
    },
    Target { name: "ship_lines", seeds: shipper::fuzz::line_seeds, rounds: 1_000, run: shipper::fuzz::lines },
    Target {
        name: "ship_times",
        seeds: shipper::fuzz::time_seeds,
        rounds: 10_000,
        run: shipper::fuzz::times,
    },
    Target { name: "promtail", seeds: shipper::fuzz::config_seeds, rounds: 300, run: shipper::fuzz::config },
    Target { name: "push_texts", seeds: push::text_seeds, rounds: 10_000, run: push::texts },
];

/// The target of this name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("no fuzz target {name:?}"))
}

/// Reads all of a body, labels included.
fn exposition(format: Format, bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(format, bytes) else { return };
    let mut last = String::new();
    while let Some(Ok(entry)) = reader.next_entry(&*last) {
        if let exposition::Entry::Sample(sample) = entry {
            // The next line is often that of the same series, which is recognised without being parsed.
            last.clear();
            last.push_str(sample.series.as_str());
            drop(sample.series.labels());
            drop(sample.exemplar.map(|exemplar| exemplar.labels()));
        }
    }
}

fn texts() -> Vec<Vec<u8>> {
    [
        "# HELP up Whether it is \\\"up\\\".\n# TYPE up gauge\nup{job=\"a\",le=\"+Inf\"} 1 1700000000000\nup 0\n",
        "# TYPE h histogram\nh_bucket{le=\"0.5\"} 3\nh_bucket{le=\"+Inf\"} 7\nh_sum 1e-3\nh_count 7\n",
        "{\"a name with \\\"quotes\\\"\",\"a label\"=\"b\\nc\"} NaN\nx{} -Inf -5\ny 0x1p-2\n",
        "# TYPE c counter\n# UNIT c_seconds seconds\nc_total{a=\"\u{e9}\"} 5 1700000000.123 # {trace_id=\"x\"} 0.5 1.5\nc_created 1\n# EOF\n",
        "# TYPE s summary\ns{quantile=\"0.99\"} 4.5\n# TYPE i info\ni_info{v=\"1\"} 1\n# TYPE st stateset\nst{st=\"on\"} 1\n# EOF\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
