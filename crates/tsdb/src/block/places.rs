//! Lists of postings as they lie in an index: places of series, ascending (docs/formats/block.md, "Index").

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use roaring::RoaringBitmap;
use stdx::varint::{put_u64, take_u64};

/// Each place as its distance from the one before.
const PLAIN: u8 = 0;
/// A roaring bitmap.
const BITMAP: u8 = 1;
/// Runs of places at the same distance from each other.
const RUNS: u8 = 2;
/// Shorter runs take less as places alone.
const RUN_LEN_MIN: usize = 3;

/// A list, the shortest way. Places grow.
pub(crate) fn list(places: &[u32]) -> Vec<u8> {
    let (plain, runs) = (plain(places), runs(places));
    let bitmap = RoaringBitmap::from_sorted_iter(places.iter().copied()).expect("series are added in order");
    let shorter = if runs.len() < plain.len() { runs } else { plain };
    if shorter.len() <= bitmap.serialized_size() + 1 {
        return shorter;
    }
    let mut packed = vec![BITMAP];
    bitmap.serialize_into(&mut packed).expect("a vector takes all");
    packed
}

fn plain(places: &[u32]) -> Vec<u8> {
    let mut out = vec![PLAIN];
    let mut before = 0;
    for place in places {
        put_u64(&mut out, u64::from(place - before));
        before = *place;
    }
    out
}

fn runs(mut places: &[u32]) -> Vec<u8> {
    let mut out = vec![RUNS];
    let mut before = 0;
    while let [first, rest @ ..] = places {
        let stride = rest.first().map_or(1, |next| next - first);
        let same = rest.iter().zip(places).take_while(|(next, place)| *next - *place == stride).count();
        let more = if same + 1 < RUN_LEN_MIN { 0 } else { same };
        put_u64(&mut out, u64::from(first - before));
        put_u64(&mut out, more as u64);
        if more > 0 {
            put_u64(&mut out, u64::from(stride));
        }
        before = first + stride * more as u32;
        places = rest.get(more..).unwrap_or_default();
    }
    out
}

/// The places of a list, those below `series_count`; bytes that are no list have none.
pub(crate) fn read(list: &[u8], series_count: u32) -> RoaringBitmap {
    let mut places = match list.split_first() {
        Some((&BITMAP, list)) => RoaringBitmap::deserialize_from(list).unwrap_or_default(),
        Some((&RUNS, list)) => return read_runs(list, series_count),
        Some((&PLAIN, list)) => read_plain(list),
        _ => RoaringBitmap::new(),
    };
    // A bitmap of a few bytes can have four thousand million places, for each of which somebody would make room.
    places.remove_range(series_count..);
    places
}

fn read_plain(mut list: &[u8]) -> RoaringBitmap {
    let mut places = RoaringBitmap::new();
    let mut place = 0u64;
    while let Some(more) = take_u64(&mut list) {
        place = place.wrapping_add(more);
        places.extend(u32::try_from(place).ok());
    }
    places
}

fn read_runs(mut list: &[u8], series_count: u32) -> RoaringBitmap {
    let mut places = RoaringBitmap::new();
    let mut last = 0;
    while let Some((first, more, stride)) = take_run(&mut list, last, series_count) {
        last = first + stride * more;
        if stride == 1 {
            places.insert_range(first..=last);
        } else {
            places.extend((first..=last).step_by(stride as usize));
        }
    }
    places
}

/// The first place of a run, how many more it has, and their distance. Nothing grows beyond the series that there are,
/// whatever the bytes say.
fn take_run(input: &mut &[u8], last: u32, series_count: u32) -> Option<(u32, u32, u32)> {
    let mut take = || u32::try_from(take_u64(input)?).ok();
    let (gap, more) = (take()?, take()?);
    let stride = if more == 0 { 1 } else { take()?.max(1) };
    let first = last.checked_add(gap)?;
    let room = series_count.checked_sub(first)?.checked_sub(1)?;
    Some((first, more.min(room / stride), stride))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(places: &[u32]) -> usize {
        let count = places.last().map_or(0, |last| last + 1);
        for bytes in [list(places), plain(places), runs(places)] {
            assert_eq!(read(&bytes, count).iter().collect::<Vec<_>>(), places);
        }
        list(places).len()
    }

    #[test]
    fn series_at_the_same_distance_are_a_run() {
        assert_eq!(check(&[]), 1);
        assert_eq!(check(&[7]), 2);
        assert_eq!(list(&[3, 4, 5, 6, 7, 8, 100]), [RUNS, 3, 5, 1, 92, 0]);
        assert_eq!(list(&[1, 2, 4]), [PLAIN, 1, 1, 2]);
        assert_eq!(check(&(0..10_000).collect::<Vec<_>>()), 5);
        assert_eq!(check(&(0..10_000).map(|i| 17 + 25 * i).collect::<Vec<_>>()), 5);
    }

    #[test]
    fn places_beyond_the_series_are_left_out() {
        let places = [0, 3, 9, 10, 70_000, u32::MAX];
        let mut bitmap = vec![BITMAP];
        RoaringBitmap::from(places).serialize_into(&mut bitmap).unwrap();
        for list in [plain(&places), bitmap, runs(&places)] {
            assert_eq!(read(&list, 10).iter().collect::<Vec<_>>(), [0, 3, 9]);
        }
        let mut all = vec![BITMAP];
        let mut bitmap = RoaringBitmap::full();
        bitmap.optimize();
        bitmap.serialize_into(&mut all).unwrap();
        assert_eq!(read(&all, 100).len(), 100);
    }

    proptest! {
        #[test]
        fn any_list_comes_back(gaps in prop::collection::vec(prop_oneof![4 => Just(1u32), 2 => 1..4u32, 1 => 1..100_000u32], 0..200)) {
            let mut place = 0;
            let places = gaps.into_iter().map(|gap| { place += gap; place }).collect::<Vec<_>>();
            check(&places);
        }

        #[test]
        fn no_bytes_make_places_beyond_the_series(bytes in prop::collection::vec(any::<u8>(), 0..40), count in 0..1000u32) {
            for kind in [PLAIN, BITMAP, RUNS] {
                let places = read(&[&[kind], &bytes[..]].concat(), count);
                prop_assert!(places.max().is_none_or(|max| max < count));
            }
        }
    }
}
