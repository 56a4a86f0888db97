//! Values as templates see them: structures, label sets, their fields and how they are printed.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;
use model::Labels;

use crate::functions::{Answer, exec, missing};
use crate::{FIELD, numbers};

/// A method of a value: `object`, its name, its arguments; `None` when the object has no such method.
pub type Methods = fn(&Value, &str, &[Value]) -> Option<Answer>;

/// A text.
pub fn text(text: impl AsRef<str>) -> Value {
    Value::String(Arc::from(text.as_ref()))
}

/// A structure with these fields.
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(Arc::new(fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()))
}

/// A label set.
pub fn labels(labels: &Labels) -> Value {
    Value::Map(Arc::new(labels.iter().map(|(name, value)| (Arc::from(name), text(value))).collect()))
}

/// `OBJECT.a.b`, where each may be a field or a method without arguments.
pub(crate) fn fields(args: &[Value], methods: Option<Methods>) -> Answer {
    let (object, path) = args.split_first().ok_or_else(|| missing(FIELD, 0))?;
    path.iter().try_fold(object.clone(), |object, name| {
        let name = name.as_str().unwrap_or_default();
        if let Some(answer) = methods.and_then(|call| call(&object, name, &[])) {
            return answer;
        }
        match &object {
            Value::Map(map) => zero_or_error(map, name),
            Value::Nil => Err(exec(format!("nil data; no entry for key {name:?}"))),
            other => Err(exec(format!("can't evaluate field {name} in type {}", other.type_name()))),
        }
    })
}

/// A map of strings is a label set, where a missing label is ""; any other map stands for a structure of Go's, where
/// a missing field is an error.
pub(crate) fn zero_or_error(map: &BTreeMap<Arc<str>, Value>, name: &str) -> Answer {
    match map.get(name) {
        Some(value) => Ok(value.clone()),
        None if map.values().all(|value| matches!(value, Value::String(_))) => Ok(text("")),
        None => Err(exec(format!("can't evaluate field {name}"))),
    }
}

/// A value as an action prints it. A structure with a method `String` is printed by that.
pub(crate) fn shown(value: &Value, methods: Option<Methods>) -> String {
    if let Value::Map(_) = value
        && let Some(Ok(Value::String(text))) = methods.and_then(|call| call(value, "String", &[]))
    {
        return text.to_string();
    }
    match value {
        Value::Nil => "<no value>".to_owned(),
        Value::Float(number) => numbers::go_float(*number),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| shown(item, methods)).collect::<Vec<_>>().join(" "))
        }
        Value::Map(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", shown(value, methods))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}
