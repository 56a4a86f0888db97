//! `SHOW GLOBAL STATUS` and `SHOW GLOBAL VARIABLES`: names and values, some of which belong together.

use model::MetricKind;

use crate::databases::answer::Answer;
use crate::write::Out;

/// A status that is a family's row: the start of its names, the family, its label.
struct Group {
    prefix: &'static str,
    kind: MetricKind,
    family: &'static str,
    label: &'static str,
    help: &'static str,
}

const fn group(prefix: &'static str, family: &'static str, label: &'static str, help: &'static str) -> Group {
    Group { prefix, kind: MetricKind::Counter, family, label, help }
}

const GROUPS: [Group; 6] = [
    group("com_", "mysql_global_status_commands_total", "command", "Commands executed."),
    group("handler_", "mysql_global_status_handlers_total", "handler", "Requests to storage engines."),
    group(
        "connection_errors_",
        "mysql_global_status_connection_errors_total",
        "error",
        "Connections that failed.",
    ),
    group(
        "innodb_rows_",
        "mysql_global_status_innodb_row_ops_total",
        "operation",
        "Operations on rows of InnoDB.",
    ),
    group(
        "performance_schema_",
        "mysql_global_status_performance_schema_lost_total",
        "instrumentation",
        "Instruments that found no memory.",
    ),
    group(POOL_PAGES, POOL_CHANGES, "operation", "Changes of pages in InnoDB's buffer pool."),
];

const POOL_PAGES: &str = "innodb_buffer_pool_pages_";
const POOL_CHANGES: &str = "mysql_global_status_buffer_pool_page_changes_total";

/// States of pages that sum up to the pool. `total` is their sum and left out, `dirty` pages are data too.
const POOL_STATES: Group = Group {
    prefix: POOL_PAGES,
    kind: MetricKind::Gauge,
    family: "mysql_global_status_buffer_pool_pages",
    label: "state",
    help: "Pages of InnoDB's buffer pool.",
};

/// `SHOW GLOBAL STATUS`.
pub(super) fn status(answer: &Answer, out: &mut Out) {
    let mut grouped: [Vec<(String, f64)>; GROUPS.len()] = Default::default();
    let (mut states, mut dirty) = (Vec::new(), None);
    let mut galera: [&str; GALERA.len()] = Default::default();
    for row in answer.rows() {
        let (Some(name), Some(text)) = (row.text(0), row.text(1)) else { continue };
        let name = name.to_ascii_lowercase();
        let Some(value) = value(text) else {
            keep_text(&mut galera, &GALERA, &name, text);
            continue;
        };
        let place = GROUPS.iter().position(|group| name.starts_with(group.prefix));
        let Some((group, rows)) = place.and_then(|p| Some((GROUPS.get(p)?, grouped.get_mut(p)?))) else {
            generic(out, "mysql_global_status_", &name, MetricKind::Unknown, value);
            continue;
        };
        let rest = name.strip_prefix(group.prefix).unwrap_or_default();
        match rest {
            "total" if group.prefix == POOL_PAGES => {}
            "dirty" if group.prefix == POOL_PAGES => dirty = Some(value),
            "data" | "free" | "misc" | "old" if group.prefix == POOL_PAGES => {
                states.push((rest.to_owned(), value));
            }
            _ => rows.push((rest.to_owned(), value)),
        }
    }
    for (group, rows) in GROUPS.iter().zip(&grouped).chain([(&POOL_STATES, &states)]) {
        family(out, group, rows);
    }
    if let Some(dirty) = dirty {
        let help = "Pages of InnoDB's buffer pool that are not on disk yet.";
        out.one(MetricKind::Gauge, "mysql_global_status_buffer_pool_dirty_pages", help, dirty);
    }
    let [uuid, ..] = galera;
    if !uuid.is_empty() {
        let labels: Vec<(&str, &str)> = GALERA.into_iter().zip(galera).collect();
        out.info("mysql_galera_status_info", "The cluster that this server is in.", &labels);
    }
}

const GALERA: [&str; 3] = ["wsrep_local_state_uuid", "wsrep_cluster_state_uuid", "wsrep_provider_version"];

/// `SHOW GLOBAL VARIABLES`.
pub(super) fn variables(answer: &Answer, out: &mut Out) {
    const TEXTS: [&str; 7] = [
        "innodb_version",
        "version",
        "version_comment",
        "wsrep_cluster_name",
        "wsrep_provider_options",
        "tx_isolation",
        "transaction_isolation",
    ];
    let mut texts: [&str; TEXTS.len()] = Default::default();
    for row in answer.rows() {
        let (Some(name), Some(text)) = (row.text(0), row.text(1)) else { continue };
        let name = name.to_ascii_lowercase();
        match value(text) {
            Some(value) => generic(out, "mysql_global_variables_", &name, MetricKind::Gauge, value),
            None => keep_text(&mut texts, &TEXTS, &name, text),
        }
    }
    let [innodb_version, version, version_comment, cluster, provider, old_isolation, isolation] = texts;
    let labels =
        [("innodb_version", innodb_version), ("version", version), ("version_comment", version_comment)];
    out.info("mysql_version_info", "The server's version.", &labels);
    let level = if isolation.is_empty() { old_isolation } else { isolation };
    if !level.is_empty() {
        out.info("mysql_transaction_isolation", "How transactions see each other.", &[("level", level)]);
    }
    if !cluster.is_empty() {
        let labels = [("wsrep_cluster_name", cluster)];
        out.info("mysql_galera_variables_info", "The cluster that this server is in.", &labels);
    }
    if let Some(bytes) = write_set_cache_bytes(provider) {
        out.one(MetricKind::Gauge, "mysql_galera_gcache_size_bytes", "Size of the write-set cache.", bytes);
    }
}

/// `gcache.size` among Galera's `name = value;` options.
fn write_set_cache_bytes(options: &str) -> Option<f64> {
    let (_, rest) = options.split_once("gcache.size = ")?;
    let size = rest.split(';').next()?.trim();
    let (digits, unit) = match size.strip_suffix(['M', 'G']) {
        Some(digits) if size.ends_with('M') => (digits, 1 << 20),
        Some(digits) => (digits, 1 << 30),
        None => (size, 1),
    };
    Some(crate::text::number(digits)? * f64::from(unit))
}

fn keep_text<'a, const N: usize>(texts: &mut [&'a str; N], names: &[&str; N], name: &str, text: &'a str) {
    if let Some((kept, _)) = texts.iter_mut().zip(names).find(|(_, wanted)| **wanted == name) {
        *kept = text;
    }
}

/// A family of its own. A name that is none of Prometheus' is made one.
fn generic(out: &mut Out, prefix: &str, name: &str, kind: MetricKind, value: f64) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let full: String = prefix.chars().chain(name.chars().map(|c| if is_name(c) { c } else { '_' })).collect();
    let help = match kind {
        MetricKind::Gauge => "From SHOW GLOBAL VARIABLES.",
        _ => "From SHOW GLOBAL STATUS.",
    };
    out.one(kind, &full, help, value);
}

fn family(out: &mut Out, group: &Group, rows: &[(String, f64)]) {
    if rows.is_empty() {
        return;
    }
    out.family(group.kind, group.family, group.help);
    for (name, value) in rows {
        out.sample(group.family, &[(group.label, name)], *value);
    }
}

/// A value as a number: words for on and off, states of a replica and of a cluster, ends of certificates.
pub(super) fn value(text: &str) -> Option<f64> {
    if let Some(number) = crate::text::number(text) {
        return Some(number);
    }
    const ON: [&str; 3] = ["yes", "on", "primary"];
    const OFF: [&str; 6] = ["no", "off", "disabled", "connecting", "non-primary", "disconnected"];
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&ON) {
        return Some(1.0);
    }
    if is_one_of(&OFF) {
        return Some(0.0);
    }
    let at = jiff::civil::DateTime::strptime("%b %d %H:%M:%S %Y GMT", text).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn words_and_numbers() {
        for (text, expected) in [
            ("17", Some(17.0)),
            ("0.500", Some(0.5)),
            ("-1", Some(-1.0)),
            ("ON", Some(1.0)),
            ("Yes", Some(1.0)),
            ("OFF", Some(0.0)),
            ("Connecting", Some(0.0)),
            ("non-Primary", Some(0.0)),
            ("Jan 31 23:59:59 2027 GMT", Some(1_801_439_999.0)),
            ("", None),
            ("10.11.19-MariaDB", None),
            ("mysql-bin.000001", None),
            ("InnoDB", None),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn status_in_groups() {
        let text = "Variable_name|Value\nCom_select|5\nUptime|7\nInnodb_buffer_pool_pages_data|3\n\
                    Innodb_buffer_pool_pages_dirty|2\nInnodb_buffer_pool_pages_total|9\n\
                    Innodb_buffer_pool_pages_flushed|4\nRpl_status|AUTH_MASTER\nCom_insert|1";
        let expected = [
            "# TYPE mysql_global_status_uptime untyped",
            "mysql_global_status_uptime 7",
            "# TYPE mysql_global_status_commands_total counter",
            r#"mysql_global_status_commands_total{command="select"} 5"#,
            r#"mysql_global_status_commands_total{command="insert"} 1"#,
            "# TYPE mysql_global_status_buffer_pool_page_changes_total counter",
            r#"mysql_global_status_buffer_pool_page_changes_total{operation="flushed"} 4"#,
            "# TYPE mysql_global_status_buffer_pool_pages gauge",
            r#"mysql_global_status_buffer_pool_pages{state="data"} 3"#,
            "# TYPE mysql_global_status_buffer_pool_dirty_pages gauge",
            "mysql_global_status_buffer_pool_dirty_pages 2",
        ];
        assert_eq!(samples(status, text), expected);
    }

    #[test]
    fn variables_that_are_words_become_labels() {
        let text = "Variable_name|Value\nversion|8.0.36\ninnodb_version|8.0.36\nmax_connections|151\n\
                    transaction_isolation|REPEATABLE-READ\nwsrep_provider_options|a = 1; gcache.size = 128M; b = 2";
        let expected = [
            "# TYPE mysql_global_variables_max_connections gauge",
            "mysql_global_variables_max_connections 151",
            "# TYPE mysql_version_info gauge",
            r#"mysql_version_info{innodb_version="8.0.36",version="8.0.36",version_comment=""} 1"#,
            "# TYPE mysql_transaction_isolation gauge",
            r#"mysql_transaction_isolation{level="REPEATABLE-READ"} 1"#,
            "# TYPE mysql_galera_gcache_size_bytes gauge",
            "mysql_galera_gcache_size_bytes 134217728",
        ];
        assert_eq!(samples(variables, text), expected);
    }
}
