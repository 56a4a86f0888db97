//! Who is connected and does what: `pg_stat_activity`, `pg_locks`.

use model::MetricKind;

use crate::databases::answer::Answer;
use crate::write::{Out, gauge};

/// Every state of every database, with 0 where nobody is in it: an alert on a state has something to compare.
pub(super) const QUERY: &str = "SELECT d.datname, s.state, a.usename, a.application_name, a.backend_type, \
     a.wait_event_type, a.wait_event, COALESCE(a.n, 0) AS n, COALESCE(a.longest, 0) AS longest \
     FROM (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'), \
     ('fastpath function call'), ('disabled')) AS s(state) CROSS JOIN pg_database d LEFT JOIN \
     (SELECT datname, state, usename, application_name, backend_type, wait_event_type, wait_event, count(*) AS n, \
     MAX(EXTRACT(EPOCH FROM now() - xact_start)) AS longest FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
     GROUP BY 1, 2, 3, 4, 5, 6, 7) a ON a.state = s.state AND a.datname = d.datname";

/// [`QUERY`].
pub(super) fn render(answer: &Answer, out: &mut Out) {
    let labels =
        ["datname", "state", "usename", "application_name", "backend_type", "wait_event_type", "wait_event"];
    let values = [
        ("n", gauge("pg_stat_activity_count", "Connections in a state.")),
        ("longest", gauge("pg_stat_activity_max_tx_duration", "Age of the oldest transaction, in seconds.")),
    ];
    answer.table(&labels, &values, out);
}

pub(super) const AUTOVACUUM: &str = "SELECT SPLIT_PART(query, '.', 2) AS relname, \
     MIN(EXTRACT(EPOCH FROM xact_start)) AS started FROM pg_stat_activity \
     WHERE query LIKE 'autovacuum:%' AND xact_start IS NOT NULL GROUP BY 1";

/// [`AUTOVACUUM`].
pub(super) fn autovacuum(answer: &Answer, out: &mut Out) {
    let name = "pg_stat_activity_autovacuum_timestamp_seconds";
    answer.table(&["relname"], &[("started", gauge(name, "When a vacuum of a table began."))], out);
}

pub(super) const LONG: &str = "SELECT count(*) AS n, \
     COALESCE(MAX(EXTRACT(EPOCH FROM clock_timestamp() - xact_start)), 0) AS oldest FROM pg_stat_activity \
     WHERE state IS DISTINCT FROM 'idle' AND query NOT LIKE 'autovacuum:%' AND pid <> pg_backend_pid() \
     AND clock_timestamp() - xact_start > INTERVAL '1 minute'";

/// [`LONG`]: transactions of more than a minute. The name of the second family promises a time; the exporter gives an age.
pub(super) fn long(answer: &Answer, out: &mut Out) {
    let values = [
        ("n", gauge("pg_long_running_transactions", "Transactions open for more than a minute.")),
        (
            "oldest",
            gauge(
                "pg_long_running_transactions_oldest_timestamp_seconds",
                "Age of the oldest of them, in seconds.",
            ),
        ),
    ];
    answer.table(&[], &values, out);
}

pub(super) const IDLE: &str = "SELECT state, application_name, count(*) AS n, SUM(s) AS seconds, \
     count(*) FILTER (WHERE s <= 1) AS \"1\", count(*) FILTER (WHERE s <= 2) AS \"2\", \
     count(*) FILTER (WHERE s <= 5) AS \"5\", count(*) FILTER (WHERE s <= 15) AS \"15\", \
     count(*) FILTER (WHERE s <= 30) AS \"30\", count(*) FILTER (WHERE s <= 60) AS \"60\", \
     count(*) FILTER (WHERE s <= 90) AS \"90\", count(*) FILTER (WHERE s <= 120) AS \"120\", \
     count(*) FILTER (WHERE s <= 300) AS \"300\" \
     FROM (SELECT state, application_name, EXTRACT(EPOCH FROM now() - state_change) AS s FROM pg_stat_activity \
     WHERE state LIKE 'idle%') a GROUP BY 1, 2";

/// [`IDLE`]: a histogram of how long connections have been idle.
pub(super) fn idle(answer: &Answer, out: &mut Out) {
    const NAME: &str = "pg_process_idle_seconds";
    if answer.rows().next().is_none() {
        return;
    }
    out.family(MetricKind::Histogram, NAME, "How long connections have been idle.");
    for row in answer.rows() {
        let labels = [
            ("state", row.text(0).unwrap_or_default()),
            ("application_name", row.text(1).unwrap_or_default()),
        ];
        let n = row.number(2).unwrap_or(0.0);
        let bounds = answer.columns().iter().map(String::as_str).enumerate().skip(4);
        let buckets = bounds.map(|(place, bound)| (bound, row.number(place).unwrap_or(0.0)));
        for (bound, n) in buckets.chain([("+Inf", n)]) {
            let [state, application] = labels;
            out.sample(&format!("{NAME}_bucket"), &[state, application, ("le", bound)], n);
        }
        out.sample(&format!("{NAME}_sum"), &labels, row.number(3).unwrap_or(0.0));
        out.sample(&format!("{NAME}_count"), &labels, n);
    }
}

/// Every mode of every database, with 0 where there is none.
pub(super) const LOCKS: &str = "SELECT d.datname, m.mode, COALESCE(l.n, 0) AS n \
     FROM (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'), \
     ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'), ('sireadlock')) AS m(mode) \
     CROSS JOIN pg_database d LEFT JOIN (SELECT database, lower(mode) AS mode, count(*) AS n FROM pg_locks \
     WHERE database IS NOT NULL GROUP BY 1, 2) l ON l.mode = m.mode AND l.database = d.oid";

/// [`LOCKS`].
pub(super) fn locks(answer: &Answer, out: &mut Out) {
    answer.table(&["datname", "mode"], &[("n", gauge("pg_locks_count", "Locks held or waited for."))], out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn idle_times_as_a_histogram() {
        let text = "state|application_name|n|seconds|1|300\nidle|web|3|305.5|1|2";
        let expected = [
            "# TYPE pg_process_idle_seconds histogram",
            r#"pg_process_idle_seconds_bucket{state="idle",application_name="web",le="1"} 1"#,
            r#"pg_process_idle_seconds_bucket{state="idle",application_name="web",le="300"} 2"#,
            r#"pg_process_idle_seconds_bucket{state="idle",application_name="web",le="+Inf"} 3"#,
            r#"pg_process_idle_seconds_sum{state="idle",application_name="web"} 305.5"#,
            r#"pg_process_idle_seconds_count{state="idle",application_name="web"} 3"#,
        ];
        assert_eq!(samples(idle, text), expected);
    }
}
