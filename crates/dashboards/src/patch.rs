//! Changes to one panel, made in the text of its file: only the bytes of the values that change are other ones afterwards, so that
//! a file under version control shows what was changed and nothing else. Order, indentation and everything unknown stay.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};
use serde_json::{Number, Value, json};

use crate::spans::{Node, scan};

/// What to change of a panel; what is `None` or not named stays.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PanelChanges {
    /// The title.
    pub title: Option<String>,
    /// The unit of all fields, as Grafana names units; empty for none.
    pub unit: Option<String>,
    /// All steps of the thresholds, lowest first.
    pub thresholds: Option<Vec<Threshold>>,
    /// Expressions, by the place of their target in the panel, from 0.
    pub queries: BTreeMap<usize, String>,
}

/// From which value on which colour holds.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The value; `None` for the first step, which has no lower end.
    pub value: Option<Number>,
    /// A colour, as Grafana writes them.
    pub color: String,
}

/// The panel types that came before field configuration: their unit and thresholds stand elsewhere.
const OLD_TYPES: [&str; 4] = ["graph", "singlestat", "table-old", "grafana-singlestat-panel"];

/// The text of a file with a panel changed.
///
/// # Errors
/// What cannot be changed, and why: a sentence for people.
pub(crate) fn patch(text: &str, panel_id: i64, changes: &PanelChanges) -> Result<String, String> {
    let mut text = text.to_owned();
    let mut apply = |change: &dyn Fn(&mut Patch<'_>, &Node) -> Result<(), String>| {
        text = change_once(&text, panel_id, change)?;
        Ok::<_, String>(())
    };
    if let Some(title) = &changes.title {
        apply(&|patch, panel| {
            patch.set(panel, &["title"], &json!(title));
            Ok(())
        })?;
    }
    if let Some(unit) = &changes.unit {
        apply(&|patch, panel| {
            patch.refuse_old(panel)?;
            patch.set(panel, &["fieldConfig", "defaults", "unit"], &json!(unit));
            Ok(())
        })?;
    }
    if let Some(steps) = &changes.thresholds {
        apply(&|patch, panel| {
            patch.refuse_old(panel)?;
            patch.set_thresholds(panel, steps);
            Ok(())
        })?;
    }
    for (at, expr) in &changes.queries {
        apply(&|patch, panel| {
            let target = panel.get("targets").and_then(|targets| targets.items().get(*at));
            let target = target.ok_or_else(|| format!("the panel has no query number {}", at + 1))?;
            patch.set(target, &["expr"], &json!(expr));
            Ok(())
        })?;
    }
    Ok(text)
}

/// One change after the other, each on fresh places: two that put something into the same object meet there.
fn change_once(
    text: &str,
    panel_id: i64,
    change: &dyn Fn(&mut Patch<'_>, &Node) -> Result<(), String>,
) -> Result<String, String> {
    let root = scan(text).ok_or("the file is not JSON any more")?;
    let dashboard = root.get("dashboard").filter(|inner| inner.is_object()).unwrap_or(&root);
    let panel = find_panel(text, dashboard, panel_id)
        .ok_or_else(|| format!("the file has no panel with the id {panel_id}"))?;
    let mut patch = Patch { text, indent: indent_of(text, &root), edits: Vec::new() };
    change(&mut patch, panel)?;
    Ok(patch.done())
}

/// The panel with this id: on the dashboard, in a closed row, or in the rows of old files.
fn find_panel<'a>(text: &str, within: &'a Node, id: i64) -> Option<&'a Node> {
    ["panels", "rows"].iter().filter_map(|name| within.get(name)).flat_map(Node::items).find_map(|panel| {
        let own = panel.get("id").and_then(|node| text.get(node.span.clone()));
        let is_it = own.and_then(|text| text.parse::<i64>().ok()) == Some(id);
        if is_it { Some(panel) } else { find_panel(text, panel, id) }
    })
}

/// What the file puts before the first member of the whole: one step of indentation. Empty when it is written in one line.
fn indent_of<'a>(text: &'a str, root: &Node) -> &'a str {
    let first = root.members().first().map_or(root.span.end, |member| member.start);
    let before = text.get(root.span.start + 1..first).unwrap_or_default();
    before.rsplit_once('\n').map_or("", |(_, indent)| indent)
}

/// Where the edits go, and the style in which new text is written.
struct Patch<'a> {
    text: &'a str,
    indent: &'a str,
    edits: Vec<(Range<usize>, String)>,
}

impl Patch<'_> {
    fn done(mut self) -> String {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(self.text.len() + 256);
        let mut at = 0;
        for (range, new) in self.edits {
            out.push_str(&self.text[at..range.start]);
            out.push_str(&new);
            at = range.end;
        }
        out.push_str(&self.text[at..]);
        out
    }

    fn of(&self, node: &Node) -> &str {
        &self.text[node.span.clone()]
    }

    fn read(&self, node: &Node) -> Option<Value> {
        serde_json::from_str(self.of(node)).ok()
    }

    fn refuse_old(&self, panel: &Node) -> Result<(), String> {
        let kind = panel.get("type").and_then(|node| self.read(node));
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
        if OLD_TYPES.contains(&kind) {
            return Err(format!(
                "a panel of the old type {kind:?} keeps its unit and thresholds in another form"
            ));
        }
        Ok(())
    }

    /// Gives the value at `path` below `node` another value; what is missing on the way is put in at the end of its object.
    fn set(&mut self, node: &Node, path: &[&str], value: &Value) {
        let Some((name, rest)) = path.split_first() else {
            if self.read(node).is_none_or(|now| !is_same(&now, value)) {
                let new = self.write(value, node.span.start, true);
                self.edits.push((node.span.clone(), new));
            }
            return;
        };
        match node.get(name) {
            Some(inner) if rest.is_empty() || inner.is_object() => self.set(inner, rest, value),
            // Something else stands where an object should: it is of no use to anybody.
            Some(inner) => {
                let new = self.write(&nested(rest, value), inner.span.start, true);
                self.edits.push((inner.span.clone(), new));
            }
            None => self.insert(node, name, &nested(rest, value)),
        }
    }

    /// Puts a new member at the end of an object, written as the member before it.
    fn insert(&mut self, object: &Node, name: &str, value: &Value) {
        let Some(last) = object.members().last() else {
            let new = self.write(&nested(&[name], value), object.span.start, true);
            return self.edits.push((object.span.clone(), new));
        };
        let (before, colon) = (self.space_before(last.start), self.space_before(last.value.span.start));
        let broken_up = self.of(object).contains('\n');
        let written = self.write(value, last.start, broken_up);
        let new = format!(",{before}{}:{colon}{written}", json!(name));
        self.edits.push((last.value.span.end..last.value.span.end, new));
    }

    fn space_before(&self, at: usize) -> &str {
        let bytes = self.text.as_bytes();
        let length = bytes[..at].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
        &self.text[at - length..at]
    }

    fn set_thresholds(&mut self, panel: &Node, steps: &[Threshold]) {
        let path = ["fieldConfig", "defaults", "thresholds", "steps"];
        let below = |names: &[&str]| names.iter().try_fold(panel, |node, name| node.get(name));
        let all = Value::Array(steps.iter().map(step_json).collect());
        match below(&path) {
            Some(array) if !array.items().is_empty() && !steps.is_empty() => self.set_steps(array, steps),
            Some(_) => self.set(panel, &path, &all),
            None => self.set(panel, &path[..3], &json!({ "mode": "absolute", "steps": all })),
        }
    }

    fn set_steps(&mut self, array: &Node, steps: &[Threshold]) {
        let items = array.items();
        for (item, step) in items.iter().zip(steps) {
            self.set(item, &["color"], &json!(step.color));
            // The first step's value is null, or not there at all.
            if step.value.is_some() || item.get("value").is_some() {
                self.set(item, &["value"], &json!(step.value));
            }
        }
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return };
        if let Some(kept) = items.get(steps.len() - 1) {
            self.edits.push((kept.span.end..last.span.end, String::new()));
        }
        let space = self.text[array.span.start + 1..first.span.start].to_owned();
        let broken_up = self.of(last).contains('\n');
        for step in steps.iter().skip(items.len()) {
            let new = format!(",{space}{}", self.write(&step_json(step), last.span.start, broken_up));
            self.edits.push((last.span.end..last.span.end, new));
        }
    }

    /// A new value in the style of the file: over several lines and indented like the line of `at`, or within that line.
    fn write(&self, value: &Value, at: usize, broken_up: bool) -> String {
        let line = self.text[..at].rsplit_once('\n').map_or("", |(_, line)| line);
        let margin: String = line.chars().take_while(|c| *c == ' ' || *c == '\t').collect();
        let written = match (self.indent, broken_up) {
            ("", _) => Some(value.to_string()),
            (indent, true) => written_by(value, PrettyFormatter::with_indent(indent.as_bytes())),
            (_, false) => written_by(value, OneLine),
        };
        written.unwrap_or_else(|| value.to_string()).replace('\n', &format!("\n{margin}"))
    }
}

fn written_by(value: &Value, style: impl Formatter) -> Option<String> {
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, style)).ok()?;
    String::from_utf8(out).ok()
}

/// `{"color": "red", "value": 80}`: as people write what fits into a line.
struct OneLine;

impl OneLine {
    fn separate<W: ?Sized + Write>(writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for OneLine {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// `80` and `80.0` are one number, whichever way the file has it.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn nested(path: &[&str], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |inner, name| json!({ *name: inner }))
}

fn step_json(step: &Threshold) -> Value {
    json!({ "color": step.color, "value": step.value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRETTY: &str = r#"{
  "title": "Board",
  "panels": [
    {
      "id": 1,
      "type": "timeseries",
      "title": "Räte/s",
      "unknown": {"kept":   [1,2 , 3]},
      "fieldConfig": {
        "defaults": {
          "thresholds": {
            "mode": "absolute",
            "steps": [
              { "color": "green", "value": null },
              { "color": "red", "value": 80 }
            ]
          }
        },
        "overrides": []
      },
      "targets": [
        {
          "refId": "A",
          "expr": "up"
        }
      ]
    },
    { "type": "row", "id": 2, "panels": [ {"id": 3, "type": "stat", "targets": [{"expr": "a"}, {"expr": "b"}]} ] }
  ]
}
"#;

    fn changes(json: serde_json::Value) -> PanelChanges {
        serde_json::from_value(json).expect("changes")
    }

    /// The lines that are other ones afterwards: `-` before, `+` after.
    fn diff(before: &str, after: &str) -> String {
        let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
        let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let tail = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(a, b)| a == b).count();
        let shown = |mark: &str, lines: &[&str]| {
            lines.iter().map(|l| format!("{mark}{}\n", l.trim())).collect::<String>()
        };
        shown("-", &old[same..old.len() - tail]) + &shown("+", &new[same..new.len() - tail])
    }

    #[track_caller]
    fn check(id: i64, change: serde_json::Value, expected: &str) {
        let after = patch(PRETTY, id, &changes(change)).expect("is changed");
        serde_json::from_str::<Value>(&after).expect("still JSON");
        assert_eq!(diff(PRETTY, &after), expected, "{after}");
    }

    #[test]
    fn only_the_lines_of_the_values_change() {
        check(
            1,
            json!({"title": "Rate \"x\""}),
            "-\"title\": \"Räte/s\",\n+\"title\": \"Rate \\\"x\\\"\",\n",
        );
        check(1, json!({"queries": {"0": "sum(up)"}}), "-\"expr\": \"up\"\n+\"expr\": \"sum(up)\"\n");
        check(
            1,
            json!({"thresholds": [{"value": null, "color": "green"}, {"value": 90.5, "color": "red"}]}),
            "-{ \"color\": \"red\", \"value\": 80 }\n+{ \"color\": \"red\", \"value\": 90.5 }\n",
        );
    }

    #[test]
    fn what_is_as_it_was_changes_nothing() {
        check(
            1,
            json!({"title": "Räte/s", "queries": {"0": "up"},
                   "thresholds": [{"value": null, "color": "green"}, {"value": 80, "color": "red"}]}),
            "",
        );
    }

    #[test]
    fn a_missing_value_is_put_in_at_the_end_of_its_object() {
        let after = patch(PRETTY, 1, &changes(json!({"unit": "reqps"}))).expect("is changed");
        assert!(
            after.contains("            ]\n          },\n          \"unit\": \"reqps\"\n        },"),
            "{after}"
        );
        check(
            3,
            json!({"unit": "s"}),
            "-{ \"type\": \"row\", \"id\": 2, \"panels\": [ {\"id\": 3, \"type\": \"stat\", \"targets\": [{\"expr\": \"a\"}, {\"expr\": \"b\"}]} ] }\n\
             +{ \"type\": \"row\", \"id\": 2, \"panels\": [ {\"id\": 3, \"type\": \"stat\", \"targets\": [{\"expr\": \"a\"}, {\"expr\": \"b\"}], \"fieldConfig\": {\"defaults\": {\"unit\": \"s\"}}} ] }\n",
        );
    }

    #[test]
    fn thresholds_come_and_go_one_by_one() {
        let three = json!([{"value": null, "color": "green"}, {"value": 80, "color": "red"}, {"value": 95, "color": "purple"}]);
        check(
            1,
            json!({"thresholds": three}),
            "-{ \"color\": \"red\", \"value\": 80 }\n+{ \"color\": \"red\", \"value\": 80 },\n+{\"color\": \"purple\", \"value\": 95}\n",
        );
        check(
            1,
            json!({"thresholds": [{"value": null, "color": "green"}]}),
            "-{ \"color\": \"green\", \"value\": null },\n-{ \"color\": \"red\", \"value\": 80 }\n+{ \"color\": \"green\", \"value\": null }\n",
        );
        let both = changes(json!({"unit": "s", "thresholds": [{"value": null, "color": "red"}]}));
        let after = patch(r#"{"panels":[{"id":7}]}"#, 7, &both).expect("is changed");
        assert_eq!(
            after,
            r#"{"panels":[{"id":7,"fieldConfig":{"defaults":{"unit":"s","thresholds":{"mode":"absolute","steps":[{"color":"red","value":null}]}}}}]}"#
        );
    }

    #[test]
    fn wrapped_files_tabs_and_old_rows() {
        let text = "\u{feff}{\n\t\"dashboard\": {\n\t\t\"rows\": [{\"panels\": [{\"id\": 4, \"type\": \"graph\", \"title\": \"a\"}]}]\n\t}\n}";
        let after = patch(text, 4, &changes(json!({"title": "b"}))).expect("is changed");
        assert_eq!(after, text.replace("\"a\"", "\"b\""));
        let error = patch(text, 4, &changes(json!({"unit": "s"}))).expect_err("old");
        assert_eq!(error, "a panel of the old type \"graph\" keeps its unit and thresholds in another form");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let error = |id, change| patch(PRETTY, id, &changes(change)).expect_err("refused");
        assert_eq!(error(9, json!({"title": "x"})), "the file has no panel with the id 9");
        assert_eq!(error(1, json!({"queries": {"1": "x"}})), "the panel has no query number 2");
        assert!(patch("{", 1, &changes(json!({"title": "x"}))).is_err());
    }
}
