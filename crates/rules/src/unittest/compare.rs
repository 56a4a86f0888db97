//! Whether what was found is what was expected, and if not, in what they differ.

use model::Labels;

/// What is only expected and what was only found, of two multisets.
pub(super) fn differences<T: Clone>(
    expected: &[T],
    got: &[T],
    same: impl Fn(&T, &T) -> bool,
) -> (Vec<T>, Vec<T>) {
    let mut rest: Vec<&T> = got.iter().collect();
    let mut missing = Vec::new();
    for wanted in expected {
        match rest.iter().position(|found| same(wanted, found)) {
            Some(place) => drop(rest.remove(place)),
            None => missing.push(wanted.clone()),
        }
    }
    (missing, rest.into_iter().cloned().collect())
}

/// Exactly equal, so NaN never is; with `fuzzy` the next floating-point number up or down will do.
pub(super) fn same_value(expected: f64, got: f64, fuzzy: bool) -> bool {
    expected == got || (fuzzy && (expected.next_up() == got || expected.next_down() == got))
}

/// Names whose values differ: name, expected, found.
pub(super) fn label_differences(expected: &Labels, got: &Labels) -> Vec<(String, String, String)> {
    let mut names: Vec<&str> = expected.iter().chain(got.iter()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let of = |labels: &Labels, name: &str| labels.get(name).unwrap_or_default().to_owned();
    let both = names.into_iter().map(|name| (name.to_owned(), of(expected, name), of(got, name)));
    both.filter(|(_, expected, got)| expected != got).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multisets() {
        let differ = |a: &[i32], b: &[i32]| differences(a, b, |a, b| a == b);
        assert_eq!(differ(&[1, 2, 2], &[2, 1, 2]), (vec![], vec![]));
        assert_eq!(differ(&[1, 1], &[1, 3]), (vec![1], vec![3]));
    }

    #[test]
    fn one_unit_in_the_last_place() {
        assert!(!same_value(3.0, 3.0_f64.next_up(), false) && same_value(3.0, 3.0_f64.next_up(), true));
        assert!(!same_value(3.0, 3.0_f64.next_up().next_up(), true));
        assert!(!same_value(f64::NAN, f64::NAN, true));
    }
}
