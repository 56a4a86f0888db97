//! Names that look like another: what somebody may have meant.

/// Names compared; a store with more has them cut, as nobody waits for more.
const COMPARED_MAX: usize = 100_000;

/// Names longer than this are not compared letter by letter.
const LETTERS_MAX: usize = 200;

/// Offered at the most.
const OFFERED_MAX: usize = 3;

/// The names that `wanted` may be a slip of, nearest first: a few letters off, or one holds the other.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut near: Vec<(usize, &str)> =
        names.take(COMPARED_MAX).filter_map(|name| Some((distance_if_near(wanted, name)?, name))).collect();
    near.sort_unstable();
    near.into_iter().take(OFFERED_MAX).map(|(_, name)| name.to_owned()).collect()
}

fn distance_if_near(wanted: &str, name: &str) -> Option<usize> {
    if wanted.len().max(name.len()) > LETTERS_MAX || wanted.is_empty() {
        return None;
    }
    let (a, b): (Vec<char>, Vec<char>) = (wanted.chars().collect(), name.chars().collect());
    let far = a.len().abs_diff(b.len());
    // A name that begins with what was written is a better guess than one that shares most letters by chance.
    let begins = name.starts_with(wanted) || (wanted.starts_with(name) && b.len() >= 4);
    let allowed = (a.len() / 4).clamp(1, 4);
    if begins && a.len() >= 3 {
        return Some(far.min(allowed));
    }
    if far > allowed {
        return None;
    }
    Some(distance(&a, &b)).filter(|distance| *distance <= allowed)
}

/// How many letters must be put in, taken out, changed, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut before = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, y) in b.iter().enumerate() {
            let change = last[j] + usize::from(x != y);
            row[j + 1] = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, names: &[&str], expected: &[&str]) {
        assert_eq!(nearest(wanted, names.iter().copied()), expected, "{wanted}");
    }

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let all =
            ["http_requests_total", "http_request_duration_seconds_count", "up", "process_open_fds", "upper"];
        check("http_request_total", &all, &["http_requests_total"]);
        check("htpt_requests_total", &all, &["http_requests_total"]);
        check("http_requests", &all, &["http_requests_total"]);
        check("http_requests_total_sum", &all, &["http_requests_total"]);
        check("pu", &all, &["up"]);
        check("node_cpu_seconds_total", &all, &[]);
        check("", &all, &[]);
        check("ünïcode", &["unïcode"], &["unïcode"]);
    }

    #[test]
    fn distances() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!((of(a, b), of(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
