//! Arithmetic of templates: whole numbers, floats, and texts that are numbers.

use gotmpl::{FuncMap, Value};
use templates::functions::{add, exec, missing, string};

use super::texts::whole;
use crate::units;

pub(super) fn add_all(map: &mut FuncMap) {
    add_whole(map);
    add_floats(map);
    for (name, round) in [("ceil", f64::ceil as fn(f64) -> f64), ("floor", f64::floor)] {
        add(map, name, move |args| Ok(Value::Float(round(number(name, args, 0)?))));
    }
    add(map, "round", |args| {
        let (value, places) = (number("round", args, 0)?, whole("round", args, 1)?.clamp(-300, 300) as i32);
        let power = 10f64.powi(places);
        Ok(Value::Float((value * power).round() / power))
    });
    add(map, "int", |args| Ok(Value::Int(number("int", args, 0)? as i64)));
    add(map, "float64", |args| Ok(Value::Float(number("float64", args, 0)?)));
    add(map, "bytes", |args| {
        let given = string("bytes", args, 0)?;
        units::bytes(given)
            .map(Value::Float)
            .ok_or_else(|| exec(format!("bytes: {given:?} is no amount of bytes")))
    });
    for name in ["duration", "duration_seconds"] {
        add(map, name, move |args| {
            let given = string(name, args, 0)?;
            let seconds = units::go_duration_seconds(given).map(Value::Float);
            seconds.ok_or_else(|| exec(format!("{name}: {given:?} is no duration")))
        });
    }
}

fn add_whole(map: &mut FuncMap) {
    let ops: [(&str, OfWhole); 7] = [
        ("add", |a, b| Some(a.wrapping_add(b))),
        ("sub", |a, b| Some(a.wrapping_sub(b))),
        ("mul", |a, b| Some(a.wrapping_mul(b))),
        ("div", i64::checked_div),
        ("mod", i64::checked_rem),
        ("max", |a, b| Some(a.max(b))),
        ("min", |a, b| Some(a.min(b))),
    ];
    for (name, op) in ops {
        add(map, name, move |args| {
            fold(
                name,
                args,
                |args, at| Ok(number(name, args, at)? as i64),
                |a, b| op(a, b).ok_or_else(|| exec(format!("{name}: division by zero"))),
            )
            .map(Value::Int)
        });
    }
}

fn add_floats(map: &mut FuncMap) {
    let ops: [(&str, OfFloats); 6] = [
        ("addf", |a, b| a + b),
        ("subf", |a, b| a - b),
        ("mulf", |a, b| a * b),
        ("divf", |a, b| a / b),
        ("maxf", f64::max),
        ("minf", f64::min),
    ];
    for (name, op) in ops {
        add(map, name, move |args| {
            fold(name, args, |args, at| number(name, args, at), |a, b| Ok(op(a, b))).map(Value::Float)
        });
    }
}

type OfWhole = fn(i64, i64) -> Option<i64>;
type OfFloats = fn(f64, f64) -> f64;
type Failure = gotmpl::TemplateError;

fn fold<T>(
    name: &str,
    args: &[Value],
    read: impl Fn(&[Value], usize) -> Result<T, Failure>,
    op: impl Fn(T, T) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if args.is_empty() {
        return Err(missing(name, 0));
    }
    (1..args.len()).try_fold(read(args, 0)?, |so_far, at| op(so_far, read(args, at)?))
}

/// A number, also one that comes as a text; what is none counts as 0, as upstream.
fn number(name: &str, args: &[Value], at: usize) -> Result<f64, Failure> {
    let value = args.get(at).ok_or_else(|| missing(name, at))?;
    Ok(match value {
        Value::String(text) => text.trim().parse().unwrap_or(0.0),
        Value::Bool(value) => f64::from(u8::from(*value)),
        other => other.as_float().unwrap_or(0.0),
    })
}
