//! Nothing that comes in may panic, and what the fast way reads the slow way reads too.

use exposition::{Entry, Format, Reader, strict};
use proptest::prelude::*;

const VALID_TEXT: &str =
    "# HELP a help\n# TYPE a counter\na{x=\"1\",y=\"b\\\"c\\\\\\n\"} 1 123\nb 2.5\n{\"m.n\",l=\"ü\"} NaN\n";
const VALID_OPENMETRICS: &str = "# TYPE a counter\n# HELP a help\na_total{x=\"1\"} 1 1.5 # {t=\"ü\"} 0.5 2\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\n# EOF\n";

/// Reads a body to its end, labels included. Returns what was read, for comparison.
fn read_all(format: Format, body: &[u8], expect: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut series, mut seen) = (Vec::new(), Vec::new());
    let Ok(mut reader) = Reader::new(format, body) else { return (series, seen) };
    while let Some(entry) = reader.next_entry(expect.get(series.len()).map_or("", String::as_str)) {
        match entry {
            Ok(Entry::Sample(row)) => {
                seen.push(format!("{:?} {:?} {:?}", row.series.labels(), row.value, row.timestamp));
                if let Some(exemplar) = row.exemplar {
                    seen.push(format!("{:?}", exemplar.labels()));
                }
                series.push(row.series.as_str().to_owned());
            }
            other => seen.push(format!("{other:?}")),
        }
    }
    (series, seen)
}

/// A valid body with some bytes overwritten, cut out or put in.
fn mutated(valid: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        any::<prop::sample::Index>(),
        prop_oneof![any::<u8>(), prop::sample::select(b" \t\n{}\"\\=,#+-.eEnN0".to_vec())],
        0..3u8,
    );
    prop::collection::vec(edit, 0..6).prop_map(move |edits| {
        let mut body = valid.as_bytes().to_vec();
        for (index, byte, how) in edits {
            let at = index.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(Format::Text, &body, &[]);
        read_all(Format::OpenMetrics, &body, &[]);
        let _ = strict::check(&body);
    }

    #[test]
    fn broken_text_does_not_panic_and_guesses_change_nothing(body in mutated(VALID_TEXT)) {
        let (series, seen) = read_all(Format::Text, &body, &[]);
        let (_, again) = read_all(Format::Text, &body, &series);
        prop_assert_eq!(&seen, &again);
        // Series of another body as guesses: right or wrong, they must not change what is read.
        let (other, _) = read_all(Format::Text, VALID_TEXT.as_bytes(), &[]);
        prop_assert_eq!(&seen, &read_all(Format::Text, &body, &other).1);
    }

    #[test]
    fn broken_openmetrics_does_not_panic_and_guesses_change_nothing(body in mutated(VALID_OPENMETRICS)) {
        let (series, seen) = read_all(Format::OpenMetrics, &body, &[]);
        prop_assert_eq!(&seen, &read_all(Format::OpenMetrics, &body, &series).1);
        let _ = strict::check(&body);
    }
}
