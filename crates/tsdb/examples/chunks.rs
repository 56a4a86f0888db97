//! Measures the chunk of blocks against that of the head: bytes a sample, and nanoseconds to write, to decode all, and to read
//! one value at a random place.
//!
//! `cargo run --release -p tsdb --example chunks`. The table goes into docs/formats/chunks.md.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use tsdb::bench::{Measured, measure};

/// Samples of a series: a day at 15 s.
const SAMPLES: usize = 5760;
const SERIES: u64 = 8;

type Source = Box<dyn Fn(usize, f64, &mut fastrand::Rng) -> f64>;

fn sources() -> Vec<(&'static str, Source)> {
    let gauge = |decimals: i32| -> Source {
        let power = 10f64.powi(decimals);
        Box::new(move |_, before, rng| {
            ((before + (rng.f64() - 0.5) * 0.5).clamp(0.0, 100.0) * power).round() / power
        })
    };
    let mut all: Vec<(&'static str, Source)> = vec![
        ("constant", Box::new(|_, _, _| 42.0)),
        ("counter, steady", Box::new(|_, before, rng| before + 1500.0 + f64::from(rng.u8(0..80)))),
        (
            "counter, bursts and resets",
            Box::new(|_, before, rng| {
                if rng.u16(..2000) == 0 {
                    0.0
                } else {
                    before + f64::from(rng.u16(..2000)) * f64::from(rng.bool())
                }
            }),
        ),
        ("histogram bucket", Box::new(|_, before, rng| before + f64::from(rng.u8(..3)))),
        ("integer gauge", Box::new(|_, before, rng| (before + f64::from(rng.i8(-5..6))).clamp(0.0, 500.0))),
        ("0 or 1", Box::new(|_, _, rng| f64::from(rng.u8(..50) > 0))),
        ("noisy float", Box::new(|i, _, rng| (i as f64 / 200.0).sin() * 10.0 + rng.f64())),
        ("sum of seconds", Box::new(|_, before, rng| before + rng.f64() * 0.3)),
    ];
    let names = ["gauge, 1 decimal", "2 decimals", "3 decimals", "4 decimals", "5 decimals", "6 decimals"];
    all.extend(names.into_iter().zip(1..).map(|(name, decimals)| (name, gauge(decimals))));
    all
}

fn series(source: &Source, seed: u64, jitter: i64) -> (Vec<i64>, Vec<f64>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut value = 50.0;
    let times = (0..SAMPLES as i64).map(|i| 1_700_000_000_000 + i * 15_000 + rng.i64(0..=jitter)).collect();
    let values = (0..SAMPLES).map(|i| {
        value = source(i, value, &mut rng);
        value
    });
    (times, values.collect())
}

fn print_row(name: &str, head: &Measured, block: &Measured) {
    println!(
        "| {name} | {:.2} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} | {:.1} |",
        head.bytes, head.write_ns, head.decode_ns, block.bytes, block.write_ns, block.decode_ns, block.at_ns
    );
}

fn main() {
    println!(
        "| series | head: bytes | write ns | decode ns | block: bytes | write ns | decode ns | value at a place ns |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, source) in sources() {
        let all: Vec<_> = (0..SERIES).map(|seed| series(&source, seed, 0)).collect();
        let (head, block) = measure(&all);
        print_row(name, &head, &block);
    }
    let (_, steady) = &sources()[1];
    let all: Vec<_> = (0..SERIES).map(|seed| series(steady, seed, 3)).collect();
    let (head, block) = measure(&all);
    print_row("counter, steady; times 0 to 3 ms late", &head, &block);
}
