//! Functions of templates over lines: Loki's own, and those of the library that it takes from elsewhere.

mod numbers;
mod texts;
mod times;

use std::cell::RefCell;
use std::sync::LazyLock;

use gotmpl::{FuncMap, Value};
use templates::functions::{GO_BUILTINS, add, add_go, exec};
use templates::values::text;

thread_local! {
    /// The line that is being formatted on this thread, and its time in nanoseconds: functions have no other way to it.
    static LINE: RefCell<(String, i64)> = const { RefCell::new((String::new(), 0)) };
}

static ALL: LazyLock<FuncMap> = LazyLock::new(|| {
    let mut map = FuncMap::new();
    add_go(&mut map, Some(templates::times::method));
    texts::add_all(&mut map);
    numbers::add_all(&mut map);
    times::add_all(&mut map);
    add(&mut map, "__line__", |_| Ok(LINE.with_borrow(|(line, _)| text(line))));
    add(&mut map, "__timestamp__", |_| Ok(templates::times::time_ns(LINE.with_borrow(|(_, at)| *at))));
    add(&mut map, "default", |args| match args {
        [default, value] => Ok(if is_empty(value) { default.clone() } else { value.clone() }),
        _ => Err(exec("default wants two values")),
    });
    map
});

/// All functions.
pub(crate) fn map() -> FuncMap {
    ALL.clone()
}

/// Whether there is such a function.
pub(crate) fn is_known(name: &str) -> bool {
    GO_BUILTINS.contains(&name) || ALL.contains_key(name)
}

/// Calls `fill` while `__line__` and `__timestamp__` are these.
pub(crate) fn with_line<T>(line: &str, at_ns: i64, fill: impl FnOnce() -> T) -> T {
    LINE.with_borrow_mut(|current| {
        current.0.clear();
        current.0.push_str(line);
        current.1 = at_ns;
    });
    fill()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Bool(value) => !value,
        Value::Int(value) => *value == 0,
        Value::Uint(value) => *value == 0,
        Value::Float(value) => *value == 0.0,
        Value::String(value) => value.is_empty(),
        Value::List(values) => values.is_empty(),
        Value::Map(values) => values.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
