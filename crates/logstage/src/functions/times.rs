//! Times in templates.

use gotmpl::{FuncMap, Value};
use templates::functions::{Answer, add, exec, missing, string};
use templates::times;
use templates::values::text;

pub(super) fn add_all(map: &mut FuncMap) {
    let units: [(&str, i64); 3] =
        [("unixEpoch", 1_000_000_000), ("unixEpochMillis", 1_000_000), ("unixEpochNanos", 1)];
    for (name, unit_ns) in units {
        add(map, name, move |args| {
            let ns = args.first().and_then(times::ns).ok_or_else(|| exec(format!("{name} wants a time")))?;
            Ok(text(ns.div_euclid(unit_ns).to_string()))
        });
    }
    add(map, "unixToTime", |args| unix_to_time(string("unixToTime", args, 0)?));
    add(map, "toDate", |args| times::parse(string("toDate", args, 0)?, "UTC", string("toDate", args, 1)?));
    add(map, "toDateInZone", |args| {
        let name = "toDateInZone";
        times::parse(string(name, args, 0)?, string(name, args, 1)?, string(name, args, 2)?)
    });
    add(map, "date", |args| {
        let time = args.get(1).ok_or_else(|| missing("date", 1))?;
        let of_seconds = |seconds: i64| times::time_ns(seconds.saturating_mul(1_000_000_000));
        let time = time.as_int().map_or_else(|| time.clone(), of_seconds);
        times::by_layout(string("date", args, 0)?, &time)
    });
    add(map, "now", |_| {
        let now = jiff::Timestamp::now().as_nanosecond();
        Ok(i64::try_from(now).map_or(Value::Nil, times::time_ns))
    });
}

/// Days, seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by the number of digits.
fn unix_to_time(epoch: &str) -> Answer {
    let unit_ns = match epoch.len() {
        5 => 86_400_000_000_000,
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1000,
        19 => 1,
        _ => return Err(exec(format!("unable to parse time '{epoch}'"))),
    };
    let number: i64 = epoch.parse().map_err(|_| exec(format!("unable to parse time '{epoch}'")))?;
    Ok(times::time_ns(number.saturating_mul(unit_ns)))
}
