//! Every target on spoilt examples: for a moment in each run, for longer when asked.
//!
//! `WATCHFIRE_FUZZ_SECONDS=120` runs each target for so long, `WATCHFIRE_FUZZ_TARGET=block` one alone. A failure prints target
//! and seed; `WATCHFIRE_FUZZ_SEED=N WATCHFIRE_FUZZ_TARGET=block` repeats it.

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use fuzzing::{TARGETS, Target, mutate};

/// A single input takes far less; tests share the machine.
const HANG: Duration = Duration::from_secs(180);

fn input(target: &Target, seeds: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bytes = seeds[rng.usize(..seeds.len())].clone();
    let other = &seeds[rng.usize(..seeds.len())];
    assert!(!bytes.is_empty(), "{} has an empty example", target.name);
    mutate(&mut bytes, other, &mut rng);
    bytes
}

/// How long it took.
fn check(target: &Target, seeds: &[Vec<u8>], seed: u64) -> Duration {
    let bytes = input(target, seeds, seed);
    let begun = Instant::now();
    let outcome = catch_unwind(|| (target.run)(&bytes));
    let name = target.name;
    assert!(
        outcome.is_ok(),
        "{name} failed; repeat it with WATCHFIRE_FUZZ_TARGET={name} WATCHFIRE_FUZZ_SEED={seed}"
    );
    let took = begun.elapsed();
    assert!(took < HANG, "{name} took {took:?} for seed {seed}");
    took
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let text = |name| std::env::var(name).ok();
    let number = |name| text(name).and_then(|text| text.parse::<u64>().ok());
    let only = text("WATCHFIRE_FUZZ_TARGET");
    let some = TARGETS.iter().filter(|target| only.as_deref().is_none_or(|name| name == target.name));
    for target in some {
        let seeds = (target.seeds)();
        seeds.iter().for_each(|bytes| (target.run)(bytes));
        if let Some(seed) = number("WATCHFIRE_FUZZ_SEED") {
            check(target, &seeds, seed);
            continue;
        }
        let limit = number("WATCHFIRE_FUZZ_SECONDS").map(Duration::from_secs);
        let begun = Instant::now();
        let goes_on = |round| limit.map_or(round < target.rounds, |limit| begun.elapsed() < limit);
        let inputs =
            (0..).take_while(|round| goes_on(*round)).map(|seed| (check(target, &seeds, seed), seed));
        let (rounds, slowest) =
            inputs.fold((0, None), |(rounds, slowest), one| (rounds + 1, slowest.max(Some(one))));
        let seconds = begun.elapsed().as_secs_f64();
        println!("{}: {rounds} inputs in {seconds:.1} s, the slowest (time, seed): {slowest:?}", target.name);
    }
}
