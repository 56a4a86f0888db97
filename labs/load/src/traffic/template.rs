//! Text with places that are drawn anew for each request: `${1..50}` a whole number, `${0.50..99.99}` an amount with two
//! decimals (drawn in cents, so no float touches it), `${a|b|b}` one of some words.

/// A text and its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Number { least: u64, most: u64 },
    Cents { least: u64, most: u64 },
    Choice(Vec<String>),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (inside, behind) =
                after.split_once('}').ok_or_else(|| format!("{text:?}: ${{ without }}"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::parse(inside).ok_or_else(|| {
                format!("{text:?}: ${{{inside}}} must be like ${{1..50}}, ${{0.50..99.99}} or ${{a|b}}")
            })?);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    pub(super) fn draw(&self, random: &mut fastrand::Rng) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Number { least, most } => out.push_str(&random.u64(*least..=*most).to_string()),
                Part::Cents { least, most } => {
                    let cents = random.u64(*least..=*most);
                    out.push_str(&format!("{}.{:02}", cents / 100, cents % 100));
                }
                Part::Choice(words) => out.push_str(random.choice(words.iter()).map_or("", String::as_str)),
            }
        }
        out
    }
}

impl Part {
    fn parse(inside: &str) -> Option<Self> {
        if let Some((least, most)) = inside.split_once("..") {
            if let (Some(least), Some(most)) = (cents(least), cents(most)) {
                return (least <= most).then_some(Self::Cents { least, most });
            }
            let (least, most) = (least.parse().ok()?, most.parse().ok()?);
            return (least <= most).then_some(Self::Number { least, most });
        }
        inside.contains('|').then(|| Self::Choice(inside.split('|').map(str::to_owned).collect()))
    }
}

/// `12.50` in cents; exactly two decimals, or it is none.
fn cents(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.')?;
    if decimals.len() != 2 {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(decimals.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_drawn_within_its_bounds() {
        let template =
            Template::parse(r#"/x/${3..5}?m=${a|b}&c={"v":${0.50..1.05}}"#).expect("a good template");
        let mut random = fastrand::Rng::with_seed(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let text = template.draw(&mut random);
            let (number, rest) =
                text.strip_prefix("/x/").and_then(|t| t.split_once("?m=")).expect("as written");
            assert!(["3", "4", "5"].contains(&number), "{text}");
            let (word, amount) = rest.split_once(r#"&c={"v":"#).expect("as written");
            assert!(["a", "b"].contains(&word), "{text}");
            let (whole, decimals) = amount.trim_end_matches('}').split_once('.').expect("two decimals");
            let cents = whole.parse::<u64>().expect("a number") * 100 + decimals.parse::<u64>().expect("two");
            assert!(decimals.len() == 2 && (50..=105).contains(&cents), "{text}");
            seen.insert(text);
        }
        assert!(seen.len() > 50);
        let plain = Template::parse("/plain").expect("nothing to draw");
        assert_eq!(plain.draw(&mut random), "/plain");
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        for text in ["${1..", "${}", "${word}", "${5..3}", "${1.50..2}", "${2.00..1.00}", "${-1..4}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
