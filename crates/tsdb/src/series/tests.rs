//! What samples do to a series.

use super::late::LATE_SAMPLES;
use super::*;

fn state_with(samples: &[(i64, u64)]) -> SeriesState {
    let mut state = SeriesState::new(0, 0);
    state.samples_max = CHUNK_SAMPLES as u8;
    for &(at, bits) in samples {
        state.push(at, bits);
    }
    state
}

#[test]
fn samples_are_judged_against_what_is_here() {
    let mut state = state_with(&[(10, 1)]);
    let mut judge = |transaction, at_ms, bits| state.judge((transaction, 0), (at_ms, bits), Arc::default);
    for (at, bits, verdict) in [
        (9, 1, Verdict::OutOfOrder),
        (10, 1, Verdict::Known),
        (10, 2, Verdict::Duplicate),
        (11, 1, Verdict::Take),
        (11, 2, Verdict::Duplicate),
        (10, 1, Verdict::OutOfOrder),
    ] {
        assert_eq!(judge(1, at, bits), verdict, "{bits} at {at}");
    }
    assert_eq!(judge(2, 11, 2), Verdict::Take, "another transaction does not see the first's");
}

#[test]
fn old_chunks_go_and_the_rest_stays() {
    let mut state = state_with(&(0..300).map(|i| (i * 1000, i as u64)).collect::<Vec<_>>());
    assert_eq!(state.amount().chunks, 8);
    state.drop_before(120_000, &Files::default());
    assert_eq!((state.amount().chunks, state.oldest_ms()), (5, Some(120_000)));
    state.drop_before(299_001, &Files::default());
    assert_eq!((state.amount().chunks, state.newest()), (0, None));
}

#[test]
fn chunks_of_a_range() {
    let state = state_with(&(0..300).map(|i| (i * 1000, i as u64)).collect::<Vec<_>>());
    let range = |from, to| TimeRange { from: model::TimestampMs(from), to: model::TimestampMs(to) };
    for (from, to, chunks) in
        [(0, 0, 1), (119_000, 120_000, 2), (280_000, 500_000, 1), (299_001, 500_000, 0), (0, 300_000, 8)]
    {
        let found = state.waiting_in(range(from, to)).count();
        let open = usize::from(state.open_in(range(from, to)).is_some());
        assert_eq!(found + open, chunks, "{from} to {to}");
        assert_eq!(state.overlaps(range(from, to)), chunks > 0);
    }
}

#[test]
fn late_samples_are_judged_by_what_lies_at_their_time() {
    let mut state = state_with(&(0..100).map(|i| (i * 1000, i as u64)).collect::<Vec<_>>());
    state.add(98_500, 7, Arc::default);
    for (at, bits, verdict) in [
        (88_999, 1, Verdict::OutOfOrder),
        (89_000, 89, Verdict::Known),
        (89_000, 1, Verdict::Duplicate),
        (89_001, 1, Verdict::TakeLate),
        (98_500, 7, Verdict::Known),
        (98_500, 8, Verdict::Duplicate),
        (98_600, model::STALE_NAN.to_bits(), Verdict::OutOfOrder),
    ] {
        assert_eq!(state.judge((1, 10_000), (at, bits), Arc::default), verdict, "{bits} at {at}");
    }
}

#[test]
fn late_samples_find_their_places_in_chunks() {
    let files = Files::default();
    let mut state = state_with(&(0..200).map(|i| (i * 1000, i as u64)).collect::<Vec<_>>());
    let before = state.amount();
    let mut amount = before;
    for i in 0..LATE_SAMPLES as i64 {
        assert_eq!(state.late().len() as i64, i);
        amount = amount.and(state.add(150_500 + i * 1000, 1000, Arc::default).amount);
        assert_eq!(amount, state.amount());
    }
    assert!(state.late().is_empty() && state.amount().chunks > before.chunks);
    let mut all = Samples::default();
    for chunk in state.chunks(&files) {
        xor::decode(&chunk.bytes, TimeRange::ALL, &mut all).unwrap();
    }
    assert_eq!(all.times_ms.len(), 200 + LATE_SAMPLES);
    assert!(all.times_ms.is_sorted_by(|a, b| a < b));
    assert_eq!((state.oldest_ms(), state.newest()), (Some(0), Some((199_000, 199))));
}
