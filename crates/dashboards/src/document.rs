//! One file: from bytes to a dashboard document, with the forms Grafana's files come in (bare, wrapped, with a byte order mark).

use serde_json::{Map, Value};

use crate::error::Problem;
use crate::uid;

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) uid: String,
    pub(crate) title: String,
    pub(crate) tags: Vec<String>,
    pub(crate) description: String,
    pub(crate) body: Value,
}

/// Reads one file. `relative` is its path below the root and decides the uid when the file has none.
pub(crate) fn parse(bytes: &[u8], relative: &str) -> Result<Document, Problem> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Problem::NotUtf8 { offset: error.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(not_json)?;
    let Value::Object(mut object) = value else {
        return Err(Problem::NotDashboard("the file is not a JSON object"));
    };
    if let Some(Value::Object(inner)) = object.get_mut("dashboard") {
        object = std::mem::take(inner);
    }
    check_shape(&object)?;
    let title = text_of(&object, "title");
    let uid = match object.get("uid").and_then(Value::as_str) {
        Some(given) if uid::is_valid(given) => given.to_owned(),
        _ => uid::derive(relative),
    };
    object.insert("uid".to_owned(), Value::String(uid.clone()));
    let tags = object
        .get("tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|tag| tag.as_str().map(str::to_owned))
        .collect();
    Ok(Document {
        uid,
        title,
        tags,
        description: text_of(&object, "description"),
        body: Value::Object(object),
    })
}

fn not_json(error: serde_json::Error) -> Problem {
    // serde_json appends the place to its message; ours names it once, in front.
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before).to_owned();
    Problem::NotJson { line: error.line(), column: error.column(), message }
}

fn check_shape(object: &Map<String, Value>) -> Result<(), Problem> {
    let is_v2 = object
        .get("apiVersion")
        .and_then(Value::as_str)
        .is_some_and(|version| version.starts_with("dashboard.grafana.app/v2"))
        || (object.contains_key("elements") && object.contains_key("layout"));
    if is_v2 {
        return Err(Problem::NotDashboard("it uses Grafana's v2 schema, export it as a classic dashboard"));
    }
    if text_of(object, "title").is_empty() {
        return Err(Problem::NotDashboard("it has no title"));
    }
    let has = |key| matches!(object.get(key), Some(Value::Array(_)));
    if !has("panels") && !has("rows") {
        return Err(Problem::NotDashboard("it has neither panels nor rows"));
    }
    Ok(())
}

fn text_of(object: &Map<String, Value>, key: &str) -> String {
    object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid_of(text: &str) -> Result<String, String> {
        parse(text.as_bytes(), "infra/db.json")
            .map(|document| document.uid)
            .map_err(|problem| problem.to_string())
    }

    #[track_caller]
    fn check(text: &str, uid: &str) {
        assert_eq!(uid_of(text).as_deref(), Ok(uid), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, why: &str) {
        assert_eq!(uid_of(text).expect_err(text), why, "{text}");
    }

    #[test]
    fn the_forms_files_come_in() {
        check(r#"{"uid":"a","title":"A","panels":[]}"#, "a");
        check("\u{feff}{\"uid\":\"a\",\"title\":\"A\",\"panels\":[]}", "a");
        check(r#"{"dashboard":{"uid":"b","title":"B","rows":[]},"folderId":0,"overwrite":true}"#, "b");
        check(r#"{"uid":"a","title":"A","panels":[],"schemaVersion":"39","refresh":false,"tags":null}"#, "a");
    }

    #[test]
    fn a_missing_or_unusable_uid_comes_from_the_path() {
        let derived = uid::derive("infra/db.json");
        for uid in ["", r#""uid":null,"#, r#""uid":"","#, r#""uid":7,"#, r#""uid":"with space","#] {
            check(&format!(r#"{{{uid}"title":"A","panels":[]}}"#), &derived);
        }
    }

    #[test]
    fn what_is_not_a_dashboard_says_why() {
        check_refused("[]", "not a dashboard: the file is not a JSON object");
        check_refused(r#"{"panels":[]}"#, "not a dashboard: it has no title");
        check_refused(r#"{"title":"A"}"#, "not a dashboard: it has neither panels nor rows");
        check_refused(r#"{"title":"A","panels":{}}"#, "not a dashboard: it has neither panels nor rows");
        check_refused(
            r#"{"apiVersion":"dashboard.grafana.app/v2beta1","kind":"Dashboard","spec":{}}"#,
            "not a dashboard: it uses Grafana's v2 schema, export it as a classic dashboard",
        );
        check_refused("{\n  \"title\": }", "line 2 column 12: expected value");
        check_refused("", "line 1 column 0: EOF while parsing a value");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_placed() {
        let problem = parse(b"{\"title\":\"\xff\"}", "x.json").map(|_| ()).expect_err("must be refused");
        assert_eq!(problem, Problem::NotUtf8 { offset: 10 });
    }

    #[test]
    fn tags_and_uid_are_in_the_document() {
        let document = parse(br#"{"title":"A","panels":[],"tags":["x",7,"y"],"description":"d"}"#, "a.json")
            .expect("is a dashboard");
        assert_eq!(document.tags, ["x", "y"]);
        assert_eq!(document.description, "d");
        assert_eq!(document.body["uid"], document.uid);
    }
}
