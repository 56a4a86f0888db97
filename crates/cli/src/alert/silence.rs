//! `watchfire alert silence import`: silences of another Alertmanager, or of this one's backup.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Monitor};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Silence {
    /// Make the silences of a file that `amtool silence query -o json` or /api/v2/silences wrote. Each gets an id of its own;
    /// those that are over, and those that are there already, are passed over.
    Import(Import),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// A JSON list of silences; standard input without it.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    monitor: Monitor,
}

/// A silence as Alertmanager writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    matchers: Vec<GivenMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenMatcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Given {
    fn times(&self) -> Result<(Timestamp, Timestamp)> {
        let time = |name: &str, text: &str| {
            text.parse::<Timestamp>()
                .map_err(|_| anyhow::anyhow!("{name} {text:?} is no time as in RFC 3339"))
        };
        Ok((time("startsAt", &self.starts_at)?, time("endsAt", &self.ends_at)?))
    }

    /// Whether the other does the same until the same moment. One that has begun may have been made with an earlier start.
    fn is_same(&self, other: &Self, now: Timestamp) -> bool {
        let (Ok(own), Ok(others)) = (self.times(), other.times()) else { return false };
        let begun = |(start, _): (Timestamp, Timestamp)| start <= now;
        self.matchers == other.matchers
            && self.comment == other.comment
            && self.created_by == other.created_by
            && own.1.as_millisecond() == others.1.as_millisecond()
            && (own.0.as_millisecond() == others.0.as_millisecond() || begun(own) && begun(others))
    }

    fn body(&self) -> Value {
        let matcher = |one: &GivenMatcher| json!({ "name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal });
        json!({
            "matchers": self.matchers.iter().map(matcher).collect::<Vec<_>>(),
            "startsAt": self.starts_at,
            "endsAt": self.ends_at,
            "createdBy": self.created_by,
            "comment": self.comment,
        })
    }
}

pub(super) async fn run(silence: Silence) -> Result<()> {
    let Silence::Import(arguments) = silence;
    let (name, text) = read(&arguments)?;
    let now = Timestamp::now();
    let wanted = parse(&name, &text)?;
    let api = Api::new(&arguments.monitor)?;
    let mut there: Vec<Given> = serde_json::from_value(api.get("/api/v2/silences", &[]).await?)
        .context("the monitor's list of silences makes no sense")?;
    let (mut made, mut over, mut known) = (0, 0, 0);
    for (at, one) in wanted.iter().enumerate() {
        if one.times()?.1 <= now {
            over += 1;
        } else if there.iter().any(|other| one.is_same(other, now)) {
            known += 1;
        } else {
            let answer = api.post("/api/v2/silences", &one.body()).await;
            let answer = answer.with_context(|| {
                format!("{name}: silence {} was not made, and none behind it; {made} were", at + 1)
            })?;
            println!("{}", answer["silenceID"].as_str().unwrap_or_default());
            made += 1;
            there.push(one.clone());
        }
    }
    println!("{made} made, {known} there already, {over} over");
    Ok(())
}

fn read(arguments: &Import) -> Result<(String, String)> {
    match &arguments.file {
        Some(file) if file.as_os_str() != "-" => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file).with_context(|| name.clone())?;
            Ok((name, text))
        }
        _ => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
            Ok(("standard input".to_owned(), text))
        }
    }
}

/// All silences of a text; nothing is made when one of them makes no sense.
fn parse(name: &str, text: &str) -> Result<Vec<Given>> {
    if text.trim().is_empty() {
        bail!(
            "{name} is empty: a JSON list of silences is needed, as `amtool silence query -o json` writes it"
        );
    }
    let all: Vec<Given> = serde_json::from_str(text).map_err(|e| {
        // Of a whole that is of the wrong kind the library may know no column.
        let place = format!("{name}:{}:{}", e.line(), e.column().max(1));
        let cause = e.to_string();
        let cause = cause.split(" at line ").next().unwrap_or_default();
        anyhow::anyhow!("{place}: {cause}")
    })?;
    for (at, one) in all.iter().enumerate() {
        let (starts, ends) = one.times().with_context(|| format!("{name}: silence {}", at + 1))?;
        if starts >= ends {
            bail!("{name}: silence {}: it ends before it begins", at + 1);
        }
        if one.matchers.is_empty() {
            bail!("{name}: silence {}: it has no matchers", at + 1);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"id":"x","matchers":[{"name":"a","value":"b","isRegex":false}],
        "startsAt":"2026-01-01T00:00:00.000Z","endsAt":"2026-01-02T00:00:00.000Z","createdBy":"me","comment":"c"}"#;

    fn fault(text: &str, expected: &str) {
        let error = format!("{:#}", parse("f.json", text).expect_err(text));
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_alertmanager_writes_is_read() {
        let all = parse("f.json", &format!("[{ONE}]")).expect("valid");
        assert!(all[0].matchers[0].is_equal, "as in older files");
        assert_eq!(all[0].body()["endsAt"], "2026-01-02T00:00:00.000Z");
    }

    #[test]
    fn what_is_no_list_of_silences_is_told_with_its_place() {
        fault("", "f.json is empty");
        fault("{}", "f.json:1:");
        fault("{}", ": invalid type: map, expected a sequence");
        fault("[\n{}]", "f.json:2:");
        fault("[{}]", ": missing field `matchers`");
        fault(
            &format!("[{}]", ONE.replace("2026-01-02T00:00:00.000Z", "soon")),
            "silence 1: endsAt \"soon\"",
        );
        fault(
            &format!("[{}]", ONE.replace("2026-01-02", "2025-01-02")),
            "silence 1: it ends before it begins",
        );
    }

    #[test]
    fn a_silence_that_is_there_is_known_again() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a time");
        let one = |text: &str| parse("f", &format!("[{text}]")).expect("valid").remove(0);
        let given = one(ONE);
        assert!(given.is_same(&one(&ONE.replace("T00:00:00.000Z\",\"ends", "T08:00:00.000Z\",\"ends")), now));
        assert!(!given.is_same(&one(&ONE.replace("\"b\"", "\"d\"")), now));
        assert!(!given.is_same(&one(&ONE.replace("2026-01-02", "2026-01-03")), now));
    }
}
