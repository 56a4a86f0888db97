//! `pg_settings`: every number and truth value among the settings, in seconds and bytes.

use model::MetricKind;

use crate::databases::answer::Answer;
use crate::write::Out;

/// Limits that this connection set for itself are told as the server has them.
pub(super) const QUERY: &str = "SELECT name, CASE WHEN source = 'session' THEN reset_val ELSE setting END AS setting, \
     COALESCE(unit, '') AS unit, vartype, short_desc FROM pg_settings \
     WHERE vartype IN ('bool', 'integer', 'real')";

/// [`QUERY`].
pub(super) fn render(answer: &Answer, out: &mut Out) {
    for row in answer.rows() {
        let text = |place| row.text(place).unwrap_or_default();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name: String = text(0).chars().map(|c| if is_word(c) { c } else { '_' }).collect();
        let (unit, value) = match text(3) {
            "bool" => (Unit::None, Some(f64::from(u8::from(text(1) == "on")))),
            _ => (unit(text(2)), row.number(1)),
        };
        let Some(value) = value else { continue };
        // -1 is no length of time and no size: it means "off" or "as the other setting".
        let (ending, value) = match unit {
            Unit::None => ("", value),
            Unit::Seconds(factor) => ("_seconds", if value == -1.0 { value } else { value * factor }),
            Unit::Bytes(factor) => ("_bytes", if value == -1.0 { value } else { value * factor }),
        };
        out.one(MetricKind::Gauge, &format!("pg_settings_{name}{ending}"), text(4), value);
    }
}

#[derive(Debug, PartialEq)]
enum Unit {
    None,
    Seconds(f64),
    Bytes(f64),
}

/// `ms`, `8kB` and the like. A unit that nobody knows leaves the number as it is, without a word about what it counts.
fn unit(text: &str) -> Unit {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, name) = text.split_at_checked(n_digits).unwrap_or(("", text));
    let count = if digits.is_empty() { 1.0 } else { digits.parse().unwrap_or(1.0) };
    match name {
        "us" => Unit::Seconds(1e-6 * count),
        "ms" => Unit::Seconds(1e-3 * count),
        "s" => Unit::Seconds(count),
        "min" => Unit::Seconds(60.0 * count),
        "h" => Unit::Seconds(3600.0 * count),
        "d" => Unit::Seconds(86_400.0 * count),
        "B" => Unit::Bytes(count),
        "kB" => Unit::Bytes(count * 1024.0),
        "MB" => Unit::Bytes(count * f64::from(1 << 20)),
        "GB" => Unit::Bytes(count * f64::from(1 << 30)),
        "TB" => Unit::Bytes(count * f64::from(1 << 30) * 1024.0),
        _ => Unit::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn units_become_seconds_and_bytes() {
        let text = "name|setting|unit|vartype|short_desc\nshared_buffers|16384|8kB|integer|Buffers.\n\
                    statement_timeout|1500|ms|integer|x\nlog_autovacuum_min_duration|-1|ms|integer|x\nfsync|on||bool|x\n\
                    pg_stat_statements.max|5000||integer|x\nrandom_page_cost|1.1||real|x\nodd|2|furlong|integer|x";
        let values: Vec<String> =
            samples(render, text).into_iter().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "pg_settings_shared_buffers_bytes 134217728",
            "pg_settings_statement_timeout_seconds 1.5",
            "pg_settings_log_autovacuum_min_duration_seconds -1",
            "pg_settings_fsync 1",
            "pg_settings_pg_stat_statements_max 5000",
            "pg_settings_random_page_cost 1.1",
            "pg_settings_odd 2",
        ];
        assert_eq!(values, expected);
    }
}
