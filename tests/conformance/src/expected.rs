//! A list of cases and how each goes, as it is committed, and the comparison with how they go now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One case of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The file that it stands in, without folders.
    pub file: String,
    /// Where it begins, from 1. Only for people: lines move when a file gets a new head.
    pub line: usize,
    /// How it went, one word.
    pub outcome: &'static str,
    /// What it is, one line.
    pub what: String,
}

/// What a run and a list have to say to each other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Cases that go otherwise than the list says, for better or worse.
    pub different: Vec<String>,
    /// Cases of the run that the list does not know.
    pub unknown: Vec<Case>,
    /// Cases of the list that the run does not have.
    pub gone: Vec<String>,
}

/// The list of a run: one line a case, `file:line outcome what`.
pub fn written(cases: &[Case]) -> String {
    cases.iter().fold(String::new(), |mut list, case| {
        let _ = writeln!(list, "{}:{} {} {}", case.file, case.line, case.outcome, case.what);
        list
    })
}

/// The committed list of one sort of data.
pub fn list(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("expected/{name}.txt"))
}

/// Compares a run with the list in a file, or writes that anew when `UPDATE_EXPECT` is set.
///
/// # Errors
/// When the file cannot be read or written.
pub fn compare_with_file(cases: &[Case], file: &Path) -> std::io::Result<Comparison> {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(file, written(cases))?;
    }
    Ok(compare(cases, &std::fs::read_to_string(file)?))
}

/// A text without line breaks: a list has one line a case.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Compares a run with a list. A case is known again by its file, what it is, and how many times that came before.
pub fn compare(cases: &[Case], list: &str) -> Comparison {
    let listed = list.lines().filter_map(|line| {
        let (place, rest) = line.split_once(' ')?;
        let (outcome, what) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((place.rsplit_once(':').map_or(place, |(file, _)| file), what, outcome))
    });
    let mut known = numbered(listed);
    let mut result = Comparison::default();
    let now = cases.iter().map(|case| (&*case.file, &*case.what, case));
    for (key, case) in numbered(now) {
        match known.remove(&key) {
            None => result.unknown.push(case.clone()),
            Some(outcome) if outcome != case.outcome => result.different.push(format!(
                "{}:{} was {outcome}, is {}: {}",
                case.file, case.line, case.outcome, case.what
            )),
            Some(_) => {}
        }
    }
    result.gone = known.into_keys().map(|(file, what, _)| format!("{file}: {what}")).collect();
    result
}

/// Entries by file, what they are, and how many times that came before.
fn numbered<'a, T>(
    entries: impl Iterator<Item = (&'a str, &'a str, T)>,
) -> BTreeMap<(&'a str, &'a str, usize), T> {
    let mut met: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let numbered = entries.map(|(file, what, value)| {
        let times = met.entry((file, what)).or_default();
        *times += 1;
        ((file, what, *times), value)
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(line: usize, outcome: &'static str, what: &str) -> Case {
        Case { file: "a.test".to_owned(), line, outcome, what: what.to_owned() }
    }

    #[test]
    fn what_is_written_is_what_is_expected() {
        let cases = [case(1, "passed", "sum(x)"), case(5, "native", "sum(x)"), case(9, "passed", "x")];
        assert_eq!(compare(&cases, &written(&cases)), Comparison::default());
    }

    #[test]
    fn each_way_of_being_different() {
        let list = written(&[case(1, "passed", "x"), case(2, "passed", "x"), case(3, "passed", "y")]);
        // Lines have moved, the second x goes otherwise, y is gone, z is new.
        let now = [case(11, "passed", "x"), case(12, "failed", "x"), case(13, "failed", "z")];
        let got = compare(&now, &list);
        assert_eq!(got.different, ["a.test:12 was passed, is failed: x"]);
        assert_eq!(got.unknown, [case(13, "failed", "z")]);
        assert_eq!(got.gone, ["a.test: y"]);
    }
}
