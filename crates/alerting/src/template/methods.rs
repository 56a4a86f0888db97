//! Methods that templates call: of label sets, of lists of pairs and of alerts, of times and durations.

use gotmpl::Value;
use templates::functions::{Answer, exec};
use templates::values::{object, text};

use super::times;

/// What stands first among labels.
const ALERT_NAME: &str = "alertname";

/// See [`templates::values::Methods`].
pub(super) fn call(object: &Value, name: &str, args: &[Value]) -> Option<Answer> {
    match object {
        Value::Map(_) if times::is_time(object) || times::is_duration(object) => {
            times::method(object, name, args)
        }
        Value::Map(map) if map.values().all(|value| matches!(value, Value::String(_))) => {
            labels_method(object, name, args)
        }
        Value::List(items) => list_method(items, name),
        _ => None,
    }
}

fn labels_method(labels: &Value, name: &str, args: &[Value]) -> Option<Answer> {
    let pairs = || sorted(labels);
    Some(match name {
        "SortedPairs" => Ok(pairs().iter().map(|(name, value)| pair(name, value)).collect::<Vec<_>>().into()),
        "Names" => Ok(pairs().into_iter().map(|(name, _)| text(name)).collect::<Vec<_>>().into()),
        "Values" => Ok(pairs().into_iter().map(|(_, value)| value).collect::<Vec<_>>().into()),
        "Remove" => remove(labels, args),
        _ => return None,
    })
}

/// Names and values, the alert's name first.
fn sorted(labels: &Value) -> Vec<(String, Value)> {
    let Value::Map(map) = labels else { return Vec::new() };
    let mut pairs: Vec<_> = map.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    pairs.sort_by_key(|(name, _)| name != ALERT_NAME);
    pairs
}

fn pair(name: &str, value: &Value) -> Value {
    object([("Name", text(name)), ("Value", value.clone())])
}

fn remove(labels: &Value, args: &[Value]) -> Answer {
    let (Value::Map(map), [Value::List(names)]) = (labels, args) else {
        return Err(exec("Remove wants a list of names"));
    };
    let removed = |name: &str| names.iter().any(|known| known.as_str() == Some(name));
    let kept = map.iter().filter(|(name, _)| !removed(name));
    Ok(Value::Map(std::sync::Arc::new(kept.map(|(name, value)| (name.clone(), value.clone())).collect())))
}

fn list_method(items: &[Value], name: &str) -> Option<Answer> {
    let of_status = |wanted: &str| {
        let is = |item: &&Value| item.field("Status").and_then(Value::as_str) == Some(wanted);
        Ok(items.iter().filter(is).cloned().collect::<Vec<_>>().into())
    };
    let each = |field: &str| items.iter().filter_map(|item| item.field(field)).cloned().collect::<Vec<_>>();
    Some(match name {
        "Firing" => of_status("firing"),
        "Resolved" => of_status("resolved"),
        "Names" => Ok(each("Name").into()),
        "Values" => Ok(each("Value").into()),
        "String" => Ok(text(shown(items))),
        _ => return None,
    })
}

/// `a=1, b=2`.
fn shown(pairs: &[Value]) -> String {
    let of = |pair: &Value, field| pair.field(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    pairs
        .iter()
        .map(|pair| format!("{}={}", of(pair, "Name"), of(pair, "Value")))
        .collect::<Vec<_>>()
        .join(", ")
}
