//! `watchfire alert why`.

use anyhow::{Result, bail};
use jiff::Zoned;
use serde_json::Value;

use super::{Api, Monitor, moments, rule};

/// Events of a story that are shown; the rest is on the page.
const EVENTS_MAX: usize = 30;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The alert's name, as in its rule.
    #[arg(value_name = "NAME")]
    name: String,
    /// At which moment: 14:05, 10m (ago), "2026-11-20 14:05", RFC 3339. Now without it.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    monitor: Monitor,
}

pub(super) async fn run(arguments: Arguments) -> Result<()> {
    let now = Zoned::now().with_time_zone(moments::zone());
    let at = arguments.at.as_deref().map(|text| moments::parse(text, &now)).transpose()?;
    if let Some(at) = at.filter(|at| *at > now.timestamp()) {
        bail!("{} is still to come", moments::localised(&at.to_string(), &now));
    }
    let api = Api::new(&arguments.monitor)?;
    let seconds = at.map(|at| format!("{:.3}", at.as_millisecond() as f64 / 1000.0));
    let mut params = vec![("name", arguments.name.as_str())];
    params.extend(seconds.as_deref().map(|at| ("at", at)));
    let story = api.get("/api/ui/why", &params).await?;
    let rules = rule::all(&api).await?;
    let mine = rule::named(&rules, &arguments.name);
    let series = story["series"].as_array().cloned().unwrap_or_default();
    if mine.is_empty() && series.is_empty() {
        let like = rule::like(&rules, &arguments.name);
        let hint = match like.as_slice() {
            [] => "`watchfire alert why` wants the name of a rule, or of an alert that another program sent"
                .to_owned(),
            names => format!("did you mean {}?", names.join(", ")),
        };
        bail!("no alert is called {}: no rule has this name, and nobody sent one; {hint}", arguments.name);
    }
    let about = at.map_or_else(|| now.clone(), |at| at.to_zoned(now.time_zone().clone()));
    let mut said = vec![format!("{} at {}", arguments.name, about.strftime("%Y-%m-%d %H:%M:%S %Z"))];
    for one in &mine {
        let lines = match &seconds {
            Some(at) => one.then(&api, at).await?,
            None => one.now(),
        };
        said.extend(lines.into_iter().map(|line| format!("  {line}")));
    }
    if series.is_empty() {
        said.push(nothing(&story));
    }
    series.iter().for_each(|one| tell(one, &mut said));
    println!("{}", moments::localised(&said.join("\n"), &about));
    Ok(())
}

/// Why there is no story.
fn nothing(story: &Value) -> String {
    let when = if story["isNow"] == true { "" } else { " by then" };
    match story["knownSince"].as_str() {
        Some(since) => format!(
            "  It never fired{when}, as far as the ledger knows, which begins at {since}: nobody was told."
        ),
        None => format!("  It never fired{when}: nobody was told."),
    }
}

/// One alert's story.
fn tell(one: &Value, said: &mut Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    said.push(format!("\n{}", rule::labels(&one["labels"])));
    said.push(format!("  {}", text(&one["summary"])));
    if let Some(by) = one["ack"]["by"].as_str() {
        let comment = text(&one["ack"]["comment"]);
        let comment = if comment.is_empty() { comment } else { format!(": {comment}") };
        said.push(format!("  {by} has it in hand since {}{comment}.", text(&one["ack"]["at"])));
    }
    for way in one["ways"].as_array().into_iter().flatten() {
        said.push(format!("  {}", text(&way["text"])));
    }
    let passed = one["passed"].as_array().map_or(&[][..], Vec::as_slice);
    if !passed.is_empty() {
        said.push("  Routes not taken:".to_owned());
    }
    for route in passed {
        said.push(format!(
            "    {} to {}: {}",
            text(&route["route"]),
            text(&route["receiver"]),
            text(&route["because"])
        ));
    }
    if let Some(more) = one["passedMore"].as_u64().filter(|more| *more > 0) {
        said.push(format!("    and {more} more"));
    }
    let events = one["events"].as_array().map_or(&[][..], Vec::as_slice);
    if events.is_empty() {
        return;
    }
    said.push("  What happened:".to_owned());
    if events.len() > EVENTS_MAX {
        said.push(format!(
            "    ({} earlier events are on the page /alerts/history)",
            events.len() - EVENTS_MAX
        ));
    }
    for event in &events[events.len().saturating_sub(EVENTS_MAX)..] {
        said.push(format!("    {}  {}", text(&event["at"]), text(&event["text"])));
    }
}
