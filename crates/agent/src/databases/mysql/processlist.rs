//! `information_schema.processlist`: who is connected, from where, doing what, for how long.

use std::collections::BTreeMap;

use model::MetricKind;

use crate::databases::answer::Answer;
use crate::write::Out;

/// All but our own connection, which would always be found asking this.
pub(super) const QUERY: &str = "SELECT user, SUBSTRING_INDEX(host, ':', 1) AS host, COALESCE(command, '') AS command, \
     COALESCE(state, '') AS state, COUNT(*) AS n, SUM(time) AS seconds FROM information_schema.processlist \
     WHERE id != CONNECTION_ID() GROUP BY user, SUBSTRING_INDEX(host, ':', 1), command, state";

/// Number and seconds by what they are counted by.
type Sums<K> = BTreeMap<K, (f64, f64)>;

/// [`QUERY`].
pub(super) fn render(answer: &Answer, out: &mut Out) {
    let (mut by_state, mut by_old_state): (Sums<[String; 2]>, Sums<[String; 1]>) = Default::default();
    let (mut by_user, mut by_host): (Sums<[String; 1]>, Sums<[String; 1]>) = Default::default();
    for row in answer.rows() {
        let text = |place| row.text(place).unwrap_or_default();
        let (command, state) = (text(2), text(3));
        let (n, seconds) = (row.number(4).unwrap_or(0.0), row.number(5).unwrap_or(0.0));
        add(&mut by_state, [as_label(command), as_label(state)], n, seconds);
        add(&mut by_old_state, [old_state(command, state)], n, seconds);
        add(&mut by_user, [text(0).to_owned()], n, 0.0);
        add(&mut by_host, [text(1).to_owned()], n, 0.0);
    }
    write(out, "mysql_info_schema_processlist_threads", ["command", "state"], &by_state, |(n, _)| *n);
    write(out, "mysql_info_schema_processlist_seconds", ["command", "state"], &by_state, |(_, s)| *s);
    write(out, "mysql_info_schema_processlist_processes_by_user", ["mysql_user"], &by_user, |(n, _)| *n);
    write(out, "mysql_info_schema_processlist_processes_by_host", ["client_host"], &by_host, |(n, _)| *n);
    write(out, "mysql_info_schema_threads", ["state"], &by_old_state, |(n, _)| *n);
    write(out, "mysql_info_schema_threads_seconds", ["state"], &by_old_state, |(_, s)| *s);
}

fn add<K: Ord>(sums: &mut Sums<K>, key: K, n: f64, seconds: f64) {
    let sum = sums.entry(key).or_default();
    sum.0 += n;
    sum.1 += seconds;
}

fn write<const N: usize>(
    out: &mut Out,
    name: &str,
    labels: [&str; N],
    sums: &Sums<[String; N]>,
    value: fn(&(f64, f64)) -> f64,
) {
    if sums.is_empty() {
        return;
    }
    out.family(MetricKind::Gauge, name, "From information_schema.processlist.");
    for (key, sum) in sums {
        let labels: Vec<(&str, &str)> = labels.into_iter().zip(key.iter().map(String::as_str)).collect();
        out.sample(name, &labels, value(sum));
    }
}

/// Lower case, words joined, without signs: states are sentences in some servers.
fn as_label(text: &str) -> String {
    let kept = text.chars().filter(|c| !matches!(c, ';' | ',' | ':' | '.' | '(' | ')'));
    let label: String =
        kept.map(|c| if matches!(c, ' ' | '-') { '_' } else { c.to_ascii_lowercase() }).collect();
    if label.is_empty() { "unknown".to_owned() } else { label }
}

/// The state that releases before 0.13 told, by which older dashboards count: words apart, never empty.
fn old_state(command: &str, state: &str) -> String {
    let state = state.to_ascii_lowercase().replace('_', " ");
    if !state.is_empty() {
        return state;
    }
    match command.to_ascii_lowercase().replace('_', " ").as_str() {
        "sleep" => "idle".to_owned(),
        "query" => "executing".to_owned(),
        "binlog dump" => "replication master".to_owned(),
        _ => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn counted_in_four_ways() {
        let text = "user|host|command|state|n|seconds\napp|10.0.0.1|Sleep||3|9\n\
                    app|10.0.0.2|Query|Waiting for table metadata lock|1|4\nroot|10.0.0.1|Sleep||1|2";
        let values: Vec<String> = samples(render, text)
            .into_iter()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.replace("mysql_info_schema_", ""))
            .collect();
        let expected = [
            r#"processlist_threads{command="query",state="waiting_for_table_metadata_lock"} 1"#,
            r#"processlist_threads{command="sleep",state="unknown"} 4"#,
            r#"processlist_seconds{command="query",state="waiting_for_table_metadata_lock"} 4"#,
            r#"processlist_seconds{command="sleep",state="unknown"} 11"#,
            r#"processlist_processes_by_user{mysql_user="app"} 4"#,
            r#"processlist_processes_by_user{mysql_user="root"} 1"#,
            r#"processlist_processes_by_host{client_host="10.0.0.1"} 4"#,
            r#"processlist_processes_by_host{client_host="10.0.0.2"} 1"#,
            r#"threads{state="idle"} 4"#,
            r#"threads{state="waiting for table metadata lock"} 1"#,
            r#"threads_seconds{state="idle"} 11"#,
            r#"threads_seconds{state="waiting for table metadata lock"} 4"#,
        ];
        assert_eq!(values, expected);
    }
}
