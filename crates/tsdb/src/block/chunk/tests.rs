//! Chunks come back bit by bit, answer at any place as their decoded samples do, and never panic.

use proptest::prelude::*;

use super::super::meta::VERSION;
use super::*;

fn chunks(bytes: &[u8]) -> Chunks<'_> {
    Chunks { bytes, version: VERSION }
}

/// Appends a chunk with the times of one so many bytes before.
fn put_before(distance: usize, values: &[f64], out: &mut Vec<u8>) {
    put_chunk(TimesIn::Before(distance as u32), values, &Scaled::of(values), None, out);
}

/// Appends a chunk with the times of one so many bytes before, which may build on the integers there.
fn put_based(distance: usize, values: &[f64], integers: &[i64], out: &mut Vec<u8>) -> bool {
    let base = Base { distance: distance as u64, integers };
    put_chunk(TimesIn::Before(distance as u32), values, &Scaled::of(values), Some(base), out)
}

/// Whatever a chunk can be asked is what its samples say.
fn check(times: &[i64], values: &[f64]) {
    let mut bytes = vec![7];
    put_alone(times, values, &mut bytes);
    bytes.extend([1, 2, 3]);
    let second = bytes.len();
    put_before(second - 1, values, &mut bytes);
    let third = bytes.len();
    // Where nothing is above lines, it does not build on it.
    put_based(third - 1, values, &Scaled::of(values).integers, &mut bytes);
    bytes.extend([4, 5]);
    assert_eq!(chunks(&bytes).bounded(1).unwrap().len() + 4, second);
    assert_eq!(chunks(&bytes).bounded(second).unwrap().len() + second, third);
    assert_eq!(chunks(&bytes).bounded(third).unwrap().len() + third + 2, bytes.len());
    for at in [1, second, third] {
        assert_eq!(damage(chunks(&bytes), at), None);
        check_view(&ChunkView::parse(chunks(&bytes), at).unwrap(), times, values);
    }
}

fn check_view(view: &ChunkView<'_>, times: &[i64], values: &[f64]) {
    let mut out = Samples::default();
    view.decode(0, times.len(), &mut out);
    assert_eq!(out.times_ms, times);
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&out.values), bits(values));
    for i in 0..times.len() {
        assert_eq!(
            (view.times.at(i), view.value(i).to_bits()),
            (times[i], values[i].to_bits()),
            "sample {i}"
        );
        for at_ms in [times[i].saturating_sub(1), times[i], times[i].saturating_add(1)] {
            assert_eq!(view.times.until(at_ms), times.partition_point(|t| *t <= at_ms), "until {at_ms}");
        }
    }
    for at_ms in [i64::MIN, i64::MAX, 0] {
        assert_eq!(view.times.until(at_ms), times.partition_point(|t| *t <= at_ms), "until {at_ms}");
    }
    check_parts(view, times, values);
    assert_eq!(view.has_stale(), values.iter().any(|v| model::is_stale(*v)));
    assert!(!view.rises() || values.windows(2).all(|pair| pair[0] <= pair[1]));
}

fn check_parts(view: &ChunkView<'_>, times: &[i64], values: &[f64]) {
    let n = times.len();
    for (from, to) in
        [(0, n / 2), (n / 3, n), (n / 2, n / 2), (n.saturating_sub(70), n), (1.min(n), n.min(65))]
    {
        let mut out = Samples::default();
        view.decode(from, to, &mut out);
        assert_eq!(out.times_ms, times[from..to.max(from)]);
        assert_eq!(out.values.len(), to.max(from) - from);
        if view.integer_bits().is_some_and(|bits| bits + 13 < EXACT_BITS) {
            let sum: f64 = values[from..to.max(from)].iter().sum();
            assert_eq!(view.integer_sum(from, to) as f64, sum, "{from}..{to}");
        }
    }
}

fn steady(count: usize) -> Vec<i64> {
    (0..count as i64).map(|i| 1_700_000_000_000 + i * 15_000).collect()
}

#[test]
fn the_ends_of_numbers() {
    let stale = model::STALE_NAN;
    check(&[i64::MIN, 0, i64::MAX], &[stale, f64::NAN, f64::from_bits(0x7ff8_0000_dead_beef)]);
    check(&[i64::MIN, i64::MIN + 1], &[-0.0, 0.0]);
    check(&[i64::MAX - 1, i64::MAX], &[f64::INFINITY, f64::NEG_INFINITY]);
    check(&[0], &[f64::MAX]);
    check(&steady(5), &[f64::MIN_POSITIVE, 5e-324, -5e-324, f64::MIN, 1e300]);
    check(&steady(3), &[9_007_199_254_740_991.0, 9_007_199_254_740_992.0, -9_007_199_254_740_993.0]);
}

#[test]
fn every_kind_of_series() {
    for count in [1, 2, 63, 64, 65, 480, 4096] {
        let times = steady(count);
        let each = |of: fn(usize) -> f64| (0..count).map(of).collect::<Vec<f64>>();
        check(&times, &each(|_| 42.0));
        check(&times, &each(|i| i as f64 * 1500.0 + (i * 7919 % 80) as f64));
        check(&times, &each(|i| (i * 7919 % 1000) as f64 / 10.0));
        check(&times, &each(|i| (i * 7919 % 100_000) as f64 / 1e6));
        check(&times, &each(|i| (i as f64).sin()));
        check(&times, &each(|i| (i % 300) as f64 * 3.0));
        check(&times, &each(|i| if i % 200 == 199 { model::STALE_NAN } else { i as f64 }));
        check(&times, &each(|i| if i % 200 == 5 { model::STALE_NAN } else { (i as f64).sqrt() }));
    }
}

/// Few samples far apart: what the simulation found.
#[test]
fn sparse_times() {
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..3000 {
        let mut at = 1_700_000_000_000;
        let times: Vec<i64> = (0..rng.usize(1..40))
            .map(|_| {
                at += 600_000 * rng.i64(1..60);
                at
            })
            .collect();
        let values: Vec<f64> = times.iter().map(|at| (at - 1_700_000_000_000) as f64).collect();
        check(&times, &values);
    }
}

#[test]
fn times_with_jitter_gaps_and_drift() {
    let values: Vec<f64> = (0..500).map(f64::from).collect();
    let each = |of: fn(i64) -> i64| (0..500).map(of).collect::<Vec<i64>>();
    check(&each(|i| i * 15_000 + i * 31 % 7), &values);
    check(&each(|i| i * 15_000 - i * 31 % 7), &values);
    check(&each(|i| i * 15_000 + i / 100 * 3_600_000), &values);
    check(&each(|i| i * 15_000 + i / 9), &values);
    check(&each(|i| i * i), &values);
    check(&each(|i| i * 15_000 + i * 7919 % 14_000), &values);
}

/// Whoever changes this changes what is on people's disks.
#[test]
fn layout_is_as_the_format_page_says() {
    let mut bytes = Vec::new();
    put_alone(&[1000, 1010, 1020], &[5.0, 7.0, 6.0], &mut bytes);
    let head = [37, 64, 0, 3, 23, 3];
    let times = [&10i64.to_le_bytes()[..], &[0, 0, 1, 0, 0, 0], &1000i64.to_le_bytes()].concat();
    let values = [10, 0, 0, 0, 0, 2, 2, 3, 2, 0b01_1000];
    let expected = [&head[..], &times, &values].concat();
    assert_eq!(bytes[4..], expected[..]);
    assert_eq!(bytes[..4], crc32c::crc32c(&expected).to_le_bytes());
}

/// Two planes of eight bits; the steps are 1, 1, 1, 4, 4, 3 and 4, of which 1 is in the slope.
#[test]
fn steps_lie_in_planes_as_the_format_page_says() {
    let mut bytes = Vec::new();
    put_alone(&steady(8), &[10.0, 11.0, 12.0, 13.0, 17.0, 21.0, 24.0, 28.0], &mut bytes);
    let head = Head::parse(chunks(&bytes), 0).unwrap();
    assert_eq!(head.flags, RISES | STEPS);
    assert_eq!(bytes[head.values], [20, 0, 2, 0, 0, 0, 2, 2, 0b1011_0000, 0b1111_0000]);
}

#[test]
fn a_chunk_builds_on_another_as_the_format_page_says() {
    let mut bytes = Vec::new();
    let values: Vec<f64> = (0..70).map(|i| f64::from(i * i % 9)).collect();
    put_alone(&steady(70), &values, &mut bytes);
    let second = bytes.len();
    let integers = Scaled::of(&values).integers;
    assert!(put_based(second, &values, &integers, &mut bytes));
    let expected = [&[12, 4 + 8, 0, 3][..], &[second as u8; 2], &[0; 7]].concat();
    assert_eq!(bytes[second + 4..], expected[..]);
}

/// As it was written before chunks had short heads.
#[test]
fn a_chunk_of_version_1_is_read() {
    let head = [0, 0, 0, 0, 73, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 42, 0, 0, 0];
    let times = [&10i64.to_le_bytes()[..], &[0, 0, 1, 0, 0, 0], &1000i64.to_le_bytes()].concat();
    let values = [&5i64.to_le_bytes()[..], &[0; 16], &[0, 0, 2, 2], &[3], &[2], &[0b01_1000]].concat();
    let mut bytes = [&head[..], &times, &values].concat();
    let sum = crc32c::crc32c(&bytes[4..]).to_le_bytes();
    bytes[..4].copy_from_slice(&sum);
    let chunks = Chunks { bytes: &bytes, version: 1 };
    assert_eq!(damage(chunks, 0), None);
    check_view(&ChunkView::parse(chunks, 0).unwrap(), &[1000, 1010, 1020], &[5.0, 7.0, 6.0]);
}

/// As it was written before heads were varints and chunks built on others.
#[test]
fn chunks_of_version_2_are_read() {
    let times = [&10i64.to_le_bytes()[..], &[0, 0, 1, 0, 0, 0], &1000i64.to_le_bytes()].concat();
    let first =
        [&[52, 0, 0, 0, 3, 0, 8, 0, 3, 0, 0, 0, 42, 0, 0, 0][..], &times, &[10, 0, 0, 0, 0, 2, 2, 3, 2, 24]];
    let second = [
        &[31, 0, 0, 0, 3, 0, 1 + 4 + 8, 0, 3, 0, 0, 0, 24, 0, 0, 0][..],
        &[52, 0, 0, 0],
        &[10, 0, 0, 0, 0, 0, 0],
    ];
    let mut bytes = Vec::new();
    for parts in [first.concat(), second.concat()] {
        bytes.extend_from_slice(&crc32c::crc32c(&parts).to_le_bytes());
        bytes.extend_from_slice(&parts);
    }
    let chunks = Chunks { bytes: &bytes, version: 2 };
    for (at, values) in [(0, [5.0, 7.0, 6.0]), (52, [5.0, 5.0, 5.0])] {
        assert_eq!(damage(chunks, at), None);
        let view = ChunkView::parse(chunks, at).unwrap();
        assert!(view.has_sums());
        check_view(&view, &[1000, 1010, 1020], &values);
    }
}

/// Times at one step were written the same way however many they are, so that a series which began with another and ended before it, or
/// went on longer, had its times there.
#[test]
fn a_chunk_of_version_2_has_as_many_times_as_it_says() {
    let times = [&10i64.to_le_bytes()[..], &[0, 0, 1, 0, 0, 0], &1000i64.to_le_bytes()].concat();
    let chunk = |count: u8, before: u8| {
        let (flags, where_times) =
            if before == 0 { (8, &times[..]) } else { (4 + 8, &[before, 0, 0, 0][..]) };
        let values_at = 20 + where_times.len() as u8;
        // All values are 5, whose one or two mini-blocks need no more than these bytes.
        let parts =
            [&[values_at + 7, 0, 0, 0, count, 0, flags, 0, 3, 0, 0, 0, values_at, 0, 0, 0], where_times];
        let body = [&parts.concat()[..], &[10, 0, 0, 0, 0, 0, 0]].concat();
        [&crc32c::crc32c(&body).to_le_bytes()[..], &body].concat()
    };
    let first = chunk(100, 0);
    let second_at = first.len();
    let second = chunk(2, second_at as u8);
    let third_at = second_at + second.len();
    let bytes = [&first[..], &second, &chunk(130, third_at as u8)].concat();
    let chunks = Chunks { bytes: &bytes, version: 2 };
    for (at, count) in [(0, 100), (second_at, 2), (third_at, 130)] {
        let times: Vec<i64> = (0..count).map(|i| 1000 + 10 * i).collect();
        assert_eq!(damage(chunks, at), None);
        check_view(&ChunkView::parse(chunks, at).unwrap(), &times, &vec![5.0; times.len()]);
    }
}

/// Of the chunk itself, of the one that has its times, and of the one that it builds on.
#[test]
fn a_changed_byte_is_noticed() {
    let mut bytes = Vec::new();
    let values: Vec<f64> = (0..100).map(|i| f64::from(i * i % 7)).collect();
    put_alone(&steady(100), &[1.5; 100], &mut bytes);
    let second = bytes.len();
    put_before(second, &values, &mut bytes);
    let third = bytes.len();
    let (times, scaled) = (TimesIn::Before(third as u32), Scaled::of(&values));
    let base = Base { distance: (third - second) as u64, integers: &scaled.integers };
    assert!(put_chunk(times, &values, &scaled, Some(base), &mut bytes));
    for at in 0..bytes.len() {
        bytes[at] ^= 0x10;
        let damaged = if at < second {
            0
        } else if at < third {
            second
        } else {
            third
        };
        assert_eq!(damage(chunks(&bytes), 0), (damaged == 0).then_some(0), "byte {at}");
        // A length that is wrong may be seen in either.
        assert_eq!(damage(chunks(&bytes), second), (damaged <= second).then_some(damaged), "byte {at}");
        assert_eq!(damage(chunks(&bytes), third), Some(damaged), "byte {at}");
        bytes[at] ^= 0x10;
    }
}

#[test]
fn times_are_lent_by_a_chunk_that_has_them_and_no_other() {
    let mut bytes = Vec::new();
    put_alone(&steady(9), &[1.0; 9], &mut bytes);
    let second = bytes.len();
    put_before(second, &[1.0; 9], &mut bytes);
    let third = bytes.len();
    for distance in [0, third - second, third + 1] {
        bytes.truncate(third);
        put_before(distance, &[1.0; 9], &mut bytes);
        assert!(ChunkView::parse(chunks(&bytes), third).is_none(), "{distance} bytes before");
    }
}

#[test]
fn nobody_builds_on_a_chunk_that_builds_on_another() {
    let values: Vec<f64> = (0..100).map(|i| f64::from(i * i % 7)).collect();
    let (scaled, mut bytes) = (Scaled::of(&values), Vec::new());
    put_alone(&steady(100), &values, &mut bytes);
    let second = bytes.len();
    assert!(put_based(second, &values, &scaled.integers, &mut bytes));
    let third = bytes.len();
    for distance in [0, third - second, third + 1] {
        bytes.truncate(third);
        let base = Base { distance: distance as u64, integers: &scaled.integers };
        assert!(put_chunk(TimesIn::Before(third as u32), &values, &scaled, Some(base), &mut bytes));
        assert!(ChunkView::parse(chunks(&bytes), third).is_none(), "{distance} bytes before");
    }
}

fn samples() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    let step = prop_oneof![8 => Just(15_000i64), 2 => 14_990..15_010i64, 1 => 1..1_000_000i64, 1 => 1..i64::MAX / 500];
    let value = |kind: u8| match kind {
        0 => any::<u64>().prop_map(f64::from_bits).boxed(),
        1 => (0..100_000u32).prop_map(f64::from).boxed(),
        2 => (-100_000..100_000i32).prop_map(|v| f64::from(v) / 100.0).boxed(),
        4 => prop_oneof![9 => 0..3u32, 1 => 0..1_000_000u32].prop_map(f64::from).boxed(),
        3 => prop_oneof![Just(model::STALE_NAN), Just(f64::NAN), Just(-0.0), (0..9u8).prop_map(f64::from)]
            .boxed(),
        _ => Just(1.5).boxed(),
    };
    (0..6u8, any::<i32>()).prop_flat_map(move |(kind, start)| {
        prop::collection::vec((step.clone(), value(kind)), 1..300).prop_map(move |steps| {
            let mut at = i64::from(start);
            let mut samples = (Vec::new(), Vec::new());
            let mut sum = 0.0;
            for (step, value) in steps {
                // One kind grows by its values.
                sum += value;
                let value = if kind == 4 { sum } else { value };
                if let Some(next) = at.checked_add(step) {
                    at = next;
                    samples.0.push(at);
                    samples.1.push(value);
                }
            }
            samples
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_samples_come_back((times, values) in samples()) {
        check(&times, &values);
    }

    #[test]
    fn what_builds_on_any_other_comes_back(
        (times, values) in samples(),
        (_, of_base) in samples(),
        lacks in any::<bool>(),
    ) {
        let (mut bytes, len) = (Vec::new(), values.len().min(of_base.len()));
        let (times, of_base) = (&times[..len], &of_base[..len]);
        put_alone(times, of_base, &mut bytes);
        let second = bytes.len();
        let all = values.iter().zip(of_base).map(|(a, b)| if lacks { b - a } else { *a });
        let all: Vec<f64> = all.collect();
        put_based(second, &all, &Scaled::of(of_base).integers, &mut bytes);
        check_view(&ChunkView::parse(chunks(&bytes), second).unwrap(), times, &all);
    }

    #[test]
    fn random_bytes_never_panic(
        (times, values) in samples(),
        changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..20),
        cut in any::<u16>(),
    ) {
        let mut bytes = Vec::new();
        put_alone(&times, &values, &mut bytes);
        let second = bytes.len();
        put_based(second, &values, &Scaled::of(&values).integers, &mut bytes);
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len().min(120);
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - usize::from(cut) % 8);
        for (at, version) in [(0, 2), (0, VERSION), (second, 2), (second, VERSION)] {
            let chunks = Chunks { bytes: &bytes, version };
            damage(chunks, at);
            let Some(view) = ChunkView::parse(chunks, at) else { continue };
            view.decode(0, view.count, &mut Samples::default());
            for i in 0..view.count + 1 {
                view.value(i);
                view.times.until(view.times.at(i));
            }
            view.integer_sum(0, view.count);
        }
    }
}
