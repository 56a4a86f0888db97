//! What an alert's rule says of itself, now or at a moment that lies behind.

use anyhow::Result;
use serde_json::Value;

use super::Api;

/// A rule that makes alerts of some name.
pub(super) struct Rule {
    name: String,
    group: String,
    body: Value,
}

/// All alerting rules.
pub(super) async fn all(api: &Api) -> Result<Vec<Rule>> {
    let answer = api.get("/api/v1/rules", &[("type", "alert")]).await?;
    let mut found = Vec::new();
    for group in answer["data"]["groups"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rules = group["rules"].as_array().into_iter().flatten();
        let of = |body: &Value| Rule {
            name: text(&body["name"]),
            group: text(&group["name"]),
            body: body.clone(),
        };
        found.extend(rules.map(of));
    }
    Ok(found)
}

/// Those called `name`.
pub(super) fn named<'a>(rules: &'a [Rule], name: &str) -> Vec<&'a Rule> {
    rules.iter().filter(|rule| rule.name == name).collect()
}

/// Names that somebody may have meant: those that hold the word, or of which the word holds.
pub(super) fn like<'a>(rules: &'a [Rule], name: &str) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let near = |known: &str| {
        let known = known.to_lowercase();
        let shared = known.chars().zip(wanted.chars()).take_while(|(a, b)| a == b).count();
        known.contains(&wanted) || wanted.contains(&known) || shared >= 5
    };
    let mut names: Vec<&str> =
        rules.iter().map(|rule| rule.name.as_str()).filter(|known| near(known)).collect();
    names.dedup();
    names
}

impl Rule {
    fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    fn query(&self) -> &str {
        self.text("query")
    }

    /// How long it must be true before it fires.
    fn hold(&self) -> String {
        let seconds = self.body["duration"].as_f64().unwrap_or(0.0);
        if seconds == 0.0 {
            return "fires at once".to_owned();
        }
        #[expect(clippy::cast_possible_truncation, reason = "a duration of a rule")]
        let shown = model::DurationMs((seconds * 1000.0) as i64);
        format!("fires when that has been so for {shown}")
    }

    /// What it says now: sentences.
    pub(super) fn now(&self) -> Vec<String> {
        let mut said = vec![format!("Its rule, in the group {}, asks: {}", self.group, self.query())];
        if self.text("health") == "err" {
            said.push(format!("It cannot be evaluated: {}", self.text("lastError")));
            return said;
        }
        if self.text("health") == "unknown" {
            said.push("It was not evaluated yet.".to_owned());
            return said;
        }
        let alerts = self.body["alerts"].as_array().map_or(&[][..], Vec::as_slice);
        let count = |state: &str| alerts.iter().filter(|alert| alert["state"] == state).count();
        match (count("firing"), count("pending")) {
            (0, 0) => said.push(format!(
                "The answer is nothing now, evaluated at {}, so nothing fires. It {}.",
                self.text("lastEvaluation"),
                self.hold()
            )),
            (firing, pending) => {
                let count = match (firing, pending) {
                    (firing, 0) => format!("{firing} firing"),
                    (0, pending) => format!("{pending} pending"),
                    (firing, pending) => format!("{firing} firing, {pending} pending"),
                };
                said.push(format!("It is true now: {count}. It {}.", self.hold()));
            }
        }
        let pending = alerts.iter().filter(|alert| alert["state"] == "pending");
        said.extend(pending.map(|alert| {
            let value = alert["value"].as_str().unwrap_or("?");
            // The API writes it as Go does: 1e+00.
            let value = value.parse().map_or_else(|_| value.to_owned(), model::format_float);
            format!(
                "Pending since {}, value {value}: {}",
                alert["activeAt"].as_str().unwrap_or("?"),
                labels(&alert["labels"])
            )
        }));
        said
    }

    /// What it would have said at a moment, seconds since 1970: sentences.
    pub(super) async fn then(&self, api: &Api, at: &str) -> Result<Vec<String>> {
        let mut said = vec![format!("Its rule, in the group {}, asks: {}", self.group, self.query())];
        let states = format!("ALERTS{{alertname={:?}}}", self.name);
        let states = api.get("/api/v1/query", &[("query", &states), ("time", at)]).await?;
        let states = states["data"]["result"].as_array().cloned().unwrap_or_default();
        let count = |state: &str| states.iter().filter(|one| one["metric"]["alertstate"] == state).count();
        let answer = api.get("/api/v1/query", &[("query", self.query()), ("time", at)]).await?;
        let found = answer["data"]["result"].as_array().map_or(0, Vec::len);
        said.push(match (count("firing"), count("pending"), found) {
            (0, 0, 0) => "The answer was nothing then, so nothing fired.".to_owned(),
            (0, 0, found) => format!("Asked today, the answer then is {found} series, but the rule had not seen them: it may not have been evaluated, or was another."),
            (firing, pending, _) => format!("{firing} fired then and {pending} were pending; it {}.", self.hold()),
        });
        Ok(said)
    }
}

/// Labels of an alert without its name: `{a="b"}`.
pub(super) fn labels(value: &Value) -> String {
    let pairs = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "alertname");
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_meant() {
        let rule = |name: &str| Rule { name: name.to_owned(), group: String::new(), body: Value::Null };
        let rules = [rule("HighCPUUsage"), rule("HighMemoryUsage"), rule("InstanceDown")];
        for (asked, expected) in [
            ("highcpu", &["HighCPUUsage"][..]),
            ("memory", &["HighMemoryUsage"]),
            ("Instances", &["InstanceDown"]),
            ("Nothing", &[]),
        ] {
            assert_eq!(like(&rules, asked), expected, "{asked}");
        }
    }
}
