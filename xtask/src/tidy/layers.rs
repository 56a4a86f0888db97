//! Who may import whom: an edge goes to a lower layer, never sideways, never up.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tools::{command, output};

/// Labs use what a customer could: the ground layers and the public HTTP API.
const LABS_MAY_USE: i64 = 3;

/// The command line is the one place that knows both the product and the labs.
const TOP: i64 = 8;

/// What cargo knows of the workspace and all it depends on.
pub(crate) fn metadata() -> Result<Value> {
    let text = output(&mut command("cargo", &["metadata", "--format-version", "1", "--locked"]))?;
    serde_json::from_str(&text).context("cargo metadata")
}

/// Packages of the workspace.
pub(crate) fn members(metadata: &Value) -> Vec<&Value> {
    let ids: Vec<&str> =
        metadata["workspace_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    packages(metadata).filter(|p| p["id"].as_str().is_some_and(|id| ids.contains(&id))).collect()
}

/// All packages.
pub(crate) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// Whether a dependency is used outside of tests.
pub(crate) fn is_shipped(dependency: &Value) -> bool {
    dependency["kind"].as_str() != Some("dev")
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Layer {
    Number(i64),
    Lab,
    /// Tests and tooling: may use anything, used by nothing.
    Outside,
}

fn layer(package: &Value) -> Option<Layer> {
    match &package["metadata"]["watchfire"]["layer"] {
        Value::Number(n) => n.as_i64().map(Layer::Number),
        Value::String(s) if s == "lab" => Some(Layer::Lab),
        Value::String(s) if s == "test" || s == "tool" => Some(Layer::Outside),
        _ => None,
    }
}

fn allowed(from: &Layer, to: &Layer) -> bool {
    match (from, to) {
        (Layer::Outside, _) => true,
        (_, Layer::Outside) => false,
        (Layer::Number(from), Layer::Number(to)) => to < from,
        (Layer::Lab, Layer::Number(to)) => *to <= LABS_MAY_USE,
        (Layer::Number(from), Layer::Lab) => *from == TOP,
        (Layer::Lab, Layer::Lab) => false,
    }
}

/// Lists each edge that breaks the rule.
pub(crate) fn check(metadata: &Value) -> Result<Vec<String>> {
    let members = members(metadata);
    let mut wrong = Vec::new();
    for package in &members {
        let name = package["name"].as_str().context("a package without a name")?;
        let Some(from) = layer(package) else {
            wrong.push(format!("{name}: no [package.metadata.watchfire] layer in its manifest"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten().filter(|d| is_shipped(d)) {
            let Some(target) =
                members.iter().find(|m| m["name"] == dependency["name"] && !dependency["path"].is_null())
            else {
                continue;
            };
            if layer(target).is_some_and(|to| !allowed(&from, &to)) {
                wrong.push(format!(
                    "{name} ({from:?}) must not use {} ({:?})",
                    target["name"],
                    layer(target)
                ));
            }
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::Layer::{Lab, Number, Outside};
    use super::*;

    #[test]
    fn edges_go_down_only() {
        for (from, to, expected) in [
            (Number(5), Number(4), true),
            (Number(4), Number(4), false),
            (Number(3), Number(5), false),
            (Lab, Number(3), true),
            (Lab, Number(4), false),
            (Lab, Lab, false),
            (Number(8), Lab, true),
            (Number(7), Lab, false),
            (Outside, Number(7), true),
            (Number(8), Outside, false),
        ] {
            assert_eq!(allowed(&from, &to), expected, "{from:?} to {to:?}");
        }
    }
}
