//! Values of attributes and bodies as text.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::message::{AnyValue, KeyValue, Value};

/// The text of a value: maps and lists as JSON, bytes in base64.
pub(super) fn text_of(value: &AnyValue) -> String {
    match &value.value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bytes(bytes)) => BASE64_STANDARD.encode(bytes),
        Some(_) => json_of(value).to_string(),
    }
}

fn json_of(value: &AnyValue) -> serde_json::Value {
    match &value.value {
        None => serde_json::Value::Null,
        Some(Value::String(text)) => text.as_str().into(),
        Some(Value::Bool(is)) => (*is).into(),
        Some(Value::Int(int)) => (*int).into(),
        // What JSON cannot say (infinities, no number) is null.
        Some(Value::Double(double)) => (*double).into(),
        Some(Value::Array(array)) => array.values.iter().map(json_of).collect(),
        Some(Value::Map(map)) => map.values.iter().map(|pair| (pair.key.clone(), pair_json(pair))).collect(),
        Some(Value::Bytes(bytes)) => BASE64_STANDARD.encode(bytes).into(),
    }
}

fn pair_json(pair: &KeyValue) -> serde_json::Value {
    pair.value.as_ref().map_or(serde_json::Value::Null, json_of)
}

/// Visits each attribute with its name and text; maps are flattened, their names joined by `_`. How deep they go is bounded by
/// the readers.
pub(super) fn for_each_attribute(
    prefix: &str,
    attributes: &[KeyValue],
    visit: &mut impl FnMut(&str, String),
) {
    for attribute in attributes {
        let name = match prefix {
            "" => attribute.key.clone(),
            prefix => format!("{prefix}_{}", attribute.key),
        };
        match attribute.value.as_ref().map(|value| (value, &value.value)) {
            Some((_, Some(Value::Map(map)))) => for_each_attribute(&name, &map.values, visit),
            Some((value, _)) => visit(&name, text_of(value)),
            None => {}
        }
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
