//! What label sets cost as they are, each in a piece of its own, and what they would cost as numbers of symbols
//! (docs/adr/0006-labels-in-one-piece.md): `cargo run --release -p model --example symbols`.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use model::Labels;

const SERIES: usize = 100_000;
/// As many as a question about one job of four selects.
const SELECTED: usize = SERIES / 4;
const ROUNDS: usize = 21;

/// Strings, each once, and sets as pairs of numbers.
#[derive(Default)]
struct Symbols {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Symbols {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (text, number) = (Arc::<str>::from(text), self.texts.len() as u32);
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    fn labels(&self, set: &[(u32, u32)]) -> Labels {
        Labels::from_sorted(
            set.iter().map(|(name, value)| (&*self.texts[*name as usize], &*self.texts[*value as usize])),
        )
    }
}

/// Series as `cargo xtask bench storage` has them.
fn series(i: usize) -> Labels {
    let (target, rest) = (i / 2000, i % 2000);
    let bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];
    Labels::from_pairs([
        ("__name__", "http_request_duration_seconds_bucket".to_owned()),
        ("instance", format!("127.0.0.1:{}", 9000 + target)),
        ("job", ["orders", "cart", "catalog", "users"][i % 4].to_owned()),
        ("le", bounds[rest % 10].to_owned()),
        ("method", ["GET", "POST"][rest / 10 % 2].to_owned()),
        ("path", format!("/api/v1/resource{:02}", rest / 20)),
    ])
}

/// The median of some rounds, in nanoseconds a series. Before each of them other memory is walked through, as other work would.
fn nanos_a_series(mut round: impl FnMut()) -> u128 {
    let other = vec![1u8; 64 << 20];
    let mut times: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            black_box(other.iter().step_by(64).map(|byte| usize::from(*byte)).sum::<usize>());
            let begun = Instant::now();
            round();
            begun.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2] / SELECTED as u128
}

fn main() {
    let whole: Vec<Labels> = (0..SERIES).map(series).collect();
    let mut symbols = Symbols::default();
    let sets: Vec<Box<[(u32, u32)]>> = whole
        .iter()
        .map(|labels| labels.iter().map(|(n, v)| (symbols.number(n), symbols.number(v))).collect())
        .collect();
    let bytes = |all: usize| all / SERIES;
    let in_one_piece = whole.iter().map(|labels| labels.heap_bytes() + 16).sum();
    let as_numbers = sets.iter().map(|set| 8 * set.len()).sum();
    println!(
        "bytes a set            in one piece {:4}   as symbols {:4}",
        bytes(in_one_piece),
        bytes(as_numbers)
    );
    let selected = |i: &usize| i.is_multiple_of(4);
    let taken = nanos_a_series(|| {
        let all: Vec<Labels> = (0..SERIES).filter(selected).map(|i| whole[i].clone()).collect();
        black_box(all);
    });
    let made = nanos_a_series(|| {
        let all: Vec<Labels> = (0..SERIES).filter(selected).map(|i| symbols.labels(&sets[i])).collect();
        black_box(all);
    });
    println!("ns to hand a set out   in one piece {taken:4}   as symbols {made:4}");
}
