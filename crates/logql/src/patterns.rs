//! What lines have in common: texts with `<_>` where lines of one kind differ, and how many of each there are.
//!
//! Words with digits count as different in each line. A line joins the kind with as many words that agrees in most of
//! them; where it does not agree the kind gets a `<_>`. Kinds are looked for only among those that begin with the same word,
//! so that many kinds cost little.

use std::collections::BTreeMap;

/// Kinds that are told apart; lines of further ones are counted under none.
pub const KINDS_MAX: usize = 300;
/// Words of a line that are looked at.
const WORDS_MAX: usize = 80;
/// The share of words that must agree.
const ALIKE: f64 = 0.6;
const ANY: &str = "<_>";

/// One kind of line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The text, with `<_>` for what differs.
    pub text: String,
    /// The level that its lines have, if they say.
    pub level: Option<String>,
    /// Lines by moment: the start of a step, nanoseconds.
    pub counts: BTreeMap<i64, u64>,
}

#[derive(Debug)]
struct Kind {
    words: Vec<String>,
    level: Option<String>,
    counts: BTreeMap<i64, u64>,
}

/// Collects lines.
#[derive(Debug)]
pub struct Patterns {
    step_ns: i64,
    kinds: BTreeMap<(Option<String>, usize, String), Vec<Kind>>,
    count: usize,
}

impl Patterns {
    /// Counts lines by steps of this length; above zero.
    pub fn new(step_ns: i64) -> Self {
        Self { step_ns: step_ns.max(1), kinds: BTreeMap::new(), count: 0 }
    }

    /// Takes a line.
    pub fn add(&mut self, at_ns: i64, line: &str, level: Option<&str>) {
        let masked = |word: &str| {
            if word.bytes().any(|byte| byte.is_ascii_digit()) { mask(word) } else { word.to_owned() }
        };
        let words: Vec<String> = line.split_whitespace().take(WORDS_MAX).map(masked).collect();
        let Some(first) = words.first() else { return };
        let step = at_ns.div_euclid(self.step_ns) * self.step_ns;
        let key = (level.map(str::to_owned), words.len(), first.clone());
        let among = self.kinds.entry(key).or_default();
        let best =
            among.iter_mut().max_by(|a, b| alike(&a.words, &words).total_cmp(&alike(&b.words, &words)));
        if let Some(kind) = best.filter(|kind| alike(&kind.words, &words) >= ALIKE) {
            for (known, word) in kind.words.iter_mut().zip(&words) {
                if known != word {
                    ANY.clone_into(known);
                }
            }
            *kind.counts.entry(step).or_default() += 1;
            return;
        }
        if self.count < KINDS_MAX {
            self.count += 1;
            let counts = BTreeMap::from([(step, 1)]);
            among.push(Kind { words, level: level.map(str::to_owned), counts });
        }
    }

    /// All kinds, those with most lines first.
    pub fn finish(self) -> Vec<Pattern> {
        let mut by_text: BTreeMap<(Option<String>, String), BTreeMap<i64, u64>> = BTreeMap::new();
        for kind in self.kinds.into_values().flatten() {
            let into = by_text.entry((kind.level, kind.words.join(" "))).or_default();
            kind.counts.into_iter().for_each(|(at, count)| *into.entry(at).or_default() += count);
        }
        let pattern = |((level, text), counts)| Pattern { text, level, counts };
        let mut all: Vec<Pattern> = by_text.into_iter().map(pattern).collect();
        all.sort_by_key(|pattern| std::cmp::Reverse(pattern.counts.values().sum::<u64>()));
        all
    }
}

/// The share of words that agree.
fn alike(a: &[String], b: &[String]) -> f64 {
    let same = a.iter().zip(b).filter(|(a, b)| a == b || *a == ANY).count();
    same as f64 / a.len().max(1) as f64
}

/// A word with `<_>` for what has digits in it: a value behind `=`, what is between quotes, else all of it.
fn mask(word: &str) -> String {
    let (head, value) = word.split_once('=').map_or(("", word), |(key, value)| (&word[..=key.len()], value));
    if head.bytes().any(|byte| byte.is_ascii_digit()) {
        return ANY.to_owned();
    }
    let is_edge = |c: char| matches!(c, '"' | '\'' | '[' | ']' | '(' | ')' | ',' | ';' | '{' | '}');
    let core = value.trim_matches(is_edge);
    match value.split_once(core) {
        Some((before, after)) if !core.is_empty() => format!("{head}{before}{ANY}{after}"),
        _ => ANY.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str]) -> Vec<(String, u64)> {
        let mut patterns = Patterns::new(10);
        lines.iter().enumerate().for_each(|(at, line)| patterns.add(at as i64, line, None));
        patterns.finish().into_iter().map(|p| (p.text, p.counts.values().sum())).collect()
    }

    #[test]
    fn lines_of_one_kind_become_a_pattern() {
        let lines = [
            "user alice logged in from 192.0.2.1",
            "user bob logged in from 192.0.2.2",
            "cache miss for key=17",
            "cache miss for key=18",
            "user carol logged in from 192.0.2.3",
            "",
        ];
        let expected =
            [("user <_> logged in from <_>".to_owned(), 3), ("cache miss for key=<_>".to_owned(), 2)];
        assert_eq!(found(&lines), expected);
    }

    #[test]
    fn counts_are_by_step_and_level() {
        let mut patterns = Patterns::new(10);
        for (at, level) in [(1, "info"), (9, "info"), (12, "info"), (13, "error")] {
            patterns.add(at, "same text", Some(level));
        }
        let all = patterns.finish();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].level.as_deref(), &all[0].counts),
            (Some("info"), &BTreeMap::from([(0, 2), (10, 1)]))
        );
    }

    #[test]
    fn kinds_are_bounded() {
        let mut patterns = Patterns::new(1);
        let word = |n: usize| (0..5).map(|i| char::from(b'a' + (n >> (i * 3) & 7) as u8)).collect::<String>();
        (0..10_000).for_each(|n| patterns.add(0, &format!("{} is one", word(n)), None));
        assert_eq!(patterns.finish().len(), KINDS_MAX);
    }
}
