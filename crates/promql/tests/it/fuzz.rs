//! Random queries on random data: no panic, no hang, no more memory than the limits allow.
//!
//! Queries are those of our scripts, cut into words, spliced and spoilt, so that most get far into parser and evaluator.
//! `WATCHFIRE_FUZZ_ROUNDS` says how many (each with a seed of its own, printed when it fails), and
//! `WATCHFIRE_FUZZ_SEED` where to begin: that and one round replay a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use columns::Steps;
use fastrand::Rng;
use model::{DurationMs, Labels, TimestampMs};
use promql::script::MemoryStore;
use promql::{Cancel, Engine, EngineOptions, QueryRequest, Value, parse};

/// A few seconds in an unoptimised build.
const ROUNDS: u64 = 600;
/// Values that a query may hold: little, so that the limit is met.
const SAMPLES_MAX: usize = 50_000;
/// A query that takes longer does not look at its limits. Far above what any takes, since tests share the machine.
const HANG: Duration = Duration::from_secs(180);

/// What is put in place of a number or a duration.
const EXTREMES: [&str; 20] = [
    "0",
    "-1",
    "1e300",
    "-1e300",
    "1e-300",
    "NaN",
    "Inf",
    "-Inf",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e19",
    "0x7fffffffffffffff",
    "1ms",
    "290y",
    "1w",
    "0s",
    "292277y",
    "4294967296",
    "0.5",
];
const WORDS: [&str; 22] = [
    "offset",
    "@",
    "[5m]",
    "[1y:1ms]",
    "[1s:]",
    "by (a)",
    "without (a)",
    "on (a)",
    "ignoring ()",
    "group_left ()",
    "group_right (b)",
    "bool",
    "start()",
    "end()",
    "step()",
    "-",
    "^",
    "anchored",
    "smoothed",
    "fill (0)",
    "or",
    "sum",
];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// All queries of our scripts.
fn queries() -> Vec<String> {
    let mut all: Vec<String> = crate::scripts::scripts()
        .iter()
        .flat_map(|(_, text)| promql::script::run(text).cases)
        .map(|case| case.query)
        .collect();
    all.sort();
    all.dedup();
    all
}

/// A query cut where words and signs meet; nothing is lost.
fn words(query: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in query.chars() {
        let goes_on = |c: char| c.is_alphanumeric() || "_.:".contains(c);
        match words.last_mut() {
            Some(word) if goes_on(before) && goes_on(letter) => word.push(letter),
            _ => words.push(letter.to_string()),
        }
        before = letter;
    }
    words
}

fn spoilt(rng: &mut Rng, corpus: &[String]) -> String {
    let any = |rng: &mut Rng| words(&corpus[rng.usize(0..corpus.len())]);
    let mut query = any(rng);
    for _ in 0..rng.usize(0..4) {
        let at = rng.usize(0..query.len());
        match rng.u32(0..7) {
            0 => drop(query.remove(at)),
            1 => query.insert(at, format!(" {} ", WORDS[rng.usize(0..WORDS.len())])),
            2 => {
                let other = any(rng);
                let from = rng.usize(0..other.len());
                let to = rng.usize(from..other.len()) + 1;
                query.splice(at..at, other[from..to].iter().cloned());
            }
            3 => {
                // A whole query as an operand.
                let other = any(rng).concat();
                query = vec![format!(
                    "({}) {} ({other})",
                    query.concat(),
                    ["+", "or", "==", "unless"][rng.usize(0..4)]
                )];
            }
            _ => {
                let digits = |word: &String| word.starts_with(|c: char| c.is_ascii_digit());
                let numbers: Vec<usize> = (0..query.len()).filter(|i| digits(&query[*i])).collect();
                if !numbers.is_empty() {
                    query[numbers[rng.usize(0..numbers.len())]] =
                        EXTREMES[rng.usize(0..EXTREMES.len())].to_owned();
                }
            }
        }
        if query.is_empty() {
            query.push("x".to_owned());
        }
    }
    query.concat()
}

/// Series under the names and labels that the queries speak of, with every sort of value.
fn store(rng: &mut Rng, corpus: &[String]) -> MemoryStore {
    let mut names: Vec<String> = corpus.iter().flat_map(|query| words(query)).collect();
    names.retain(|word| word.len() > 1 && word.starts_with(|c: char| c.is_alphabetic()));
    let mut store = MemoryStore::new();
    for _ in 0..40 {
        let mut labels = vec![("__name__".to_owned(), names[rng.usize(0..names.len())].clone())];
        for name in ["a", "b", "le", "job", "instance"] {
            let value = ["1", "x", "+Inf", "0.5", "é"][rng.usize(0..5)];
            if rng.bool() {
                labels.push((name.to_owned(), value.to_owned()));
            }
        }
        let labels = Labels::from_pairs(labels);
        let mut at = rng.i64(-100_000..100_000);
        for _ in 0..rng.usize(0..60) {
            at += 1 + rng.i64(0..40_000);
            let value = match rng.u32(0..8) {
                0 => f64::from_bits(rng.u64(..)),
                1 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, model::STALE_NAN][rng.usize(0..5)],
                _ => f64::from(rng.i32(-20..100)),
            };
            // The same labels may have been drawn before; then later samples are not taken.
            let _ = store.push(&labels, at, value);
        }
    }
    store
}

/// Ordinary times mostly, the ends of time sometimes.
fn steps(rng: &mut Rng) -> Steps {
    let far = [i64::MIN, i64::MIN / 2, -1, 0, i64::MAX / 2, i64::MAX];
    let start = if rng.u32(0..8) == 0 { far[rng.usize(0..far.len())] } else { rng.i64(-600_000..3_000_000) };
    if rng.bool() {
        return Steps::instant(TimestampMs(start));
    }
    let step = [1, 1000, 15_000, 60_000, 86_400_000, i64::MAX][rng.usize(0..6)];
    let end = if rng.u32(0..8) == 0 {
        far[rng.usize(0..far.len())]
    } else {
        start.saturating_add(rng.i64(0..2_000_000))
    };
    Steps::range(TimestampMs(start), TimestampMs(end), step)
}

fn held(value: &Value) -> usize {
    match value {
        Value::Vector(series) => series.iter().map(|series| series.values.len()).sum(),
        Value::Scalar(values) => values.len(),
        Value::Matrix(series) => series.iter().map(|series| series.values.len()).sum(),
        Value::String(_) => 0,
    }
}

#[test]
fn random_queries_on_random_data() {
    let corpus = queries();
    let engine = Engine::new(EngineOptions {
        threads: 2,
        experimental: true,
        samples_max: SAMPLES_MAX,
        steps_max: 20_000,
        timeout: Duration::from_secs(5),
        ..EngineOptions::standard()
    });
    let first = number("WATCHFIRE_FUZZ_SEED", 1);
    let (mut parsed, mut answered) = (0, 0);
    for seed in first..first + number("WATCHFIRE_FUZZ_ROUNDS", ROUNDS) {
        let mut rng = Rng::with_seed(seed);
        let (query, steps) = (spoilt(&mut rng, &corpus), steps(&mut rng));
        let Ok(expr) =
            catch_unwind(|| parse(&query)).unwrap_or_else(|_| panic!("seed {seed}: parsing {query:?}"))
        else {
            continue;
        };
        parsed += 1;
        let (store, cancel) = (store(&mut rng, &corpus), Cancel::new());
        let lookback = (rng.u32(0..10) == 0).then(|| DurationMs(rng.i64(1..i64::MAX)));
        let request = QueryRequest { query: &expr, steps, lookback, cancel: &cancel };
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| engine.eval(&store, &request))).unwrap_or_else(|_| {
            panic!("seed {seed}: evaluating {query:?} at {steps:?}, lookback {lookback:?}")
        });
        assert!(started.elapsed() < HANG, "seed {seed}: {query:?} at {steps:?} took {:?}", started.elapsed());
        if let Ok(answer) = result {
            answered += 1;
            assert!(
                held(&answer.value) <= SAMPLES_MAX,
                "seed {seed}: {query:?} holds {}",
                held(&answer.value)
            );
        }
    }
    println!("{parsed} queries parsed, {answered} answered");
    assert!(parsed > 0, "nothing was tried");
}
