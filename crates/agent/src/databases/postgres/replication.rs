//! Replicas, the slots that keep their log, and the log itself.

use model::MetricKind;

use crate::databases::answer::Answer;
use crate::write::{Out, Row, counter, gauge};

/// A primary has no lag; a replica that has replayed all that it received has none either, however long nothing came.
pub(super) const LAG: &str = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 \
     WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
     ELSE GREATEST(0, EXTRACT(EPOCH FROM (now() - pg_last_xact_replay_timestamp()))) END AS lag, \
     CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END AS is_replica, \
     GREATEST(0, EXTRACT(EPOCH FROM (now() - pg_last_xact_replay_timestamp()))) AS last_replay";

/// [`LAG`], under its present and its old name.
pub(super) fn lag(answer: &Answer, out: &mut Out) {
    let values = [
        ("lag", gauge("pg_replication_lag_seconds", "How far this replica is behind.")),
        ("lag", gauge("pg_replication_lag", "How far this replica is behind, in seconds.")),
        ("is_replica", gauge("pg_replication_is_replica", "Whether this server is a replica.")),
        ("last_replay", gauge("pg_replication_last_replay_seconds", "Age of the last transaction replayed.")),
    ];
    answer.table(&[], &values, out);
}

pub(super) const SENDERS: &str = "SELECT r.application_name, r.client_addr, r.state, s.slot_name, r.pid, \
     CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS here, \
     CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn) END AS behind \
     FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid";

/// [`SENDERS`]: a row for each replica that is connected.
pub(super) fn senders(answer: &Answer, out: &mut Out) {
    let values = [
        ("here", gauge("pg_stat_replication_pg_current_wal_lsn_bytes", "Where our log is, in bytes.")),
        ("behind", gauge("pg_stat_replication_pg_wal_lsn_diff", "Bytes that a replica has not replayed.")),
    ];
    answer.table(&["application_name", "client_addr", "state", "slot_name", "pid"], &values, out);
}

pub(super) const SLOTS: &str = "SELECT slot_name, slot_type, database, active, \
     pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, \
     '0/0') AS here, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() \
     ELSE pg_current_wal_lsn() END, restart_lsn) AS kept, \
     CASE WHEN active THEN pg_wal_lsn_diff(COALESCE(confirmed_flush_lsn, '0/0'), '0/0') END AS flushed, \
     safe_wal_size, wal_status FROM pg_replication_slots";
/// Before release 13 nothing said how safe a slot was.
pub(super) const SLOTS_12: &str = "SELECT slot_name, slot_type, database, active, \
     pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, \
     '0/0') AS here, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() \
     ELSE pg_current_wal_lsn() END, restart_lsn) AS kept, \
     CASE WHEN active THEN pg_wal_lsn_diff(COALESCE(confirmed_flush_lsn, '0/0'), '0/0') END AS flushed \
     FROM pg_replication_slots";

/// [`SLOTS`], under the present names and those until 0.17 (`pg_replication_slot_…`).
pub(super) fn slots(answer: &Answer, out: &mut Out) {
    let values = [
        ("active", gauge("pg_replication_slots_active", "Whether a slot is in use.")),
        ("kept", gauge("pg_replication_slots_pg_wal_lsn_diff", "Bytes of log kept for a slot.")),
    ];
    answer.table(&["slot_name", "database"], &values, out);
    let values = [
        ("here", gauge("pg_replication_slots_slot_current_wal_lsn", "Where the log is.")),
        ("here", gauge("pg_replication_slot_slot_current_wal_lsn", "Where the log is.")),
        ("flushed", gauge("pg_replication_slots_slot_confirmed_flush_lsn", "What a slot's reader has.")),
        ("flushed", gauge("pg_replication_slot_slot_confirmed_flush_lsn", "What a slot's reader has.")),
        ("active", gauge("pg_replication_slots_slot_is_active", "Whether a slot is in use.")),
        ("active", gauge("pg_replication_slot_slot_is_active", "Whether a slot is in use.")),
        (
            "safe_wal_size",
            gauge("pg_replication_slots_safe_wal_size_bytes", "Bytes until a slot may be lost."),
        ),
        (
            "safe_wal_size",
            gauge("pg_replication_slot_safe_wal_size_bytes", "Bytes until a slot may be lost."),
        ),
    ];
    answer.table(&["slot_name", "slot_type"], &values, out);
    let place = |name| answer.column(name);
    let (Some(name), Some(kind), Some(status)) =
        (place("slot_name"), place("slot_type"), place("wal_status"))
    else {
        return;
    };
    let row = |row: crate::databases::answer::Cells<'_>| {
        let text = |place| row.text(place).unwrap_or_default().to_owned();
        let status = row.text(status)?.to_owned();
        let labels = vec![("slot_name", text(name)), ("slot_type", text(kind)), ("wal_status", status)];
        Some(Row { labels, values: vec![Some(1.0), Some(1.0)] })
    };
    let rows: Vec<Row> = answer.rows().filter_map(row).collect();
    let help = "Whether the log that a slot needs is there, by the server's word for it.";
    out.table(
        &[gauge("pg_replication_slots_wal_status", help), gauge("pg_replication_slot_wal_status", help)],
        &rows,
    );
}

pub(super) const RECEIVER: &str = "SELECT COALESCE(sender_host, '') AS upstream_host, COALESCE(slot_name, '') AS \
     slot_name, status, receive_start_lsn - '0/0' AS receive_start_lsn, receive_start_tli, \
     flushed_lsn - '0/0' AS flushed_lsn, received_tli, EXTRACT(EPOCH FROM last_msg_send_time) AS last_msg_send_time, \
     EXTRACT(EPOCH FROM last_msg_receipt_time) AS last_msg_receipt_time, latest_end_lsn - '0/0' AS latest_end_lsn, \
     EXTRACT(EPOCH FROM latest_end_time) AS latest_end_time FROM pg_stat_wal_receiver WHERE pid IS NOT NULL";
/// Before release 13 what was flushed had another name.
pub(super) const RECEIVER_12: &str = "SELECT COALESCE(sender_host, '') AS upstream_host, \
     COALESCE(slot_name, '') AS slot_name, status, receive_start_lsn - '0/0' AS receive_start_lsn, receive_start_tli, \
     received_lsn - '0/0' AS flushed_lsn, received_tli, EXTRACT(EPOCH FROM last_msg_send_time) AS last_msg_send_time, \
     EXTRACT(EPOCH FROM last_msg_receipt_time) AS last_msg_receipt_time, latest_end_lsn - '0/0' AS latest_end_lsn, \
     EXTRACT(EPOCH FROM latest_end_time) AS latest_end_time FROM pg_stat_wal_receiver WHERE pid IS NOT NULL";

/// [`RECEIVER`]: a replica's side of the connection.
pub(super) fn receiver(answer: &Answer, out: &mut Out) {
    let labels = ["upstream_host", "slot_name"];
    let values = [
        ("receive_start_lsn", counter("pg_stat_wal_receiver_receive_start_lsn", "Where receiving began.")),
        ("receive_start_tli", gauge("pg_stat_wal_receiver_receive_start_tli", "Timeline where it began.")),
        ("flushed_lsn", counter("pg_stat_wal_receiver_flushed_lsn", "What is on disk here.")),
        ("received_tli", gauge("pg_stat_wal_receiver_received_tli", "Timeline of that.")),
        (
            "last_msg_send_time",
            counter("pg_stat_wal_receiver_last_msg_send_time", "When a message was sent."),
        ),
        (
            "last_msg_receipt_time",
            counter("pg_stat_wal_receiver_last_msg_receipt_time", "When it was received."),
        ),
        ("latest_end_lsn", counter("pg_stat_wal_receiver_latest_end_lsn", "What was told to the sender.")),
        ("latest_end_time", counter("pg_stat_wal_receiver_latest_end_time", "When it was told.")),
    ];
    answer.table(&labels, &values, out);
    let Some(status) = answer.column("status") else { return };
    let mut is_open = false;
    for row in answer.rows() {
        if !is_open {
            let help = "0 stopped, 1 starting, 2 streaming, 3 waiting, 4 restarting, -1 stopping, -2 another, -3 none.";
            out.family(MetricKind::Gauge, "pg_stat_wal_receiver_status", help);
            is_open = true;
        }
        let labels = [
            ("upstream_host", row.text(0).unwrap_or_default()),
            ("slot_name", row.text(1).unwrap_or_default()),
        ];
        out.sample("pg_stat_wal_receiver_status", &labels, status_number(row.text(status)));
    }
}

fn status_number(status: Option<&str>) -> f64 {
    match status {
        Some("stopped") => 0.0,
        Some("starting") => 1.0,
        Some("streaming") => 2.0,
        Some("waiting") => 3.0,
        Some("restarting") => 4.0,
        Some("stopping") => -1.0,
        Some(_) => -2.0,
        None => -3.0,
    }
}

pub(super) const WAL: &str = "SELECT count(*) AS segments, SUM(size) AS size_bytes, \
     (SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') \
     ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END) AS here FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'";

/// [`WAL`].
pub(super) fn wal(answer: &Answer, out: &mut Out) {
    let values = [
        ("segments", gauge("pg_wal_segments", "Segments of the write-ahead log.")),
        ("size_bytes", gauge("pg_wal_size_bytes", "Their size.")),
        ("here", gauge("pg_wal_lsn_location_bytes", "Where the log is, in bytes.")),
    ];
    answer.table(&[], &values, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn slots_under_both_names() {
        let text = "slot_name|slot_type|database|active|here|kept|flushed|safe_wal_size|wal_status\n\
                    a|logical|orders_db|t|100|40|70|NULL|reserved";
        let values: Vec<String> =
            samples(slots, text).into_iter().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            r#"pg_replication_slots_active{slot_name="a",database="orders_db"} 1"#,
            r#"pg_replication_slots_pg_wal_lsn_diff{slot_name="a",database="orders_db"} 40"#,
            r#"pg_replication_slots_slot_current_wal_lsn{slot_name="a",slot_type="logical"} 100"#,
            r#"pg_replication_slot_slot_current_wal_lsn{slot_name="a",slot_type="logical"} 100"#,
            r#"pg_replication_slots_slot_confirmed_flush_lsn{slot_name="a",slot_type="logical"} 70"#,
            r#"pg_replication_slot_slot_confirmed_flush_lsn{slot_name="a",slot_type="logical"} 70"#,
            r#"pg_replication_slots_slot_is_active{slot_name="a",slot_type="logical"} 1"#,
            r#"pg_replication_slot_slot_is_active{slot_name="a",slot_type="logical"} 1"#,
            r#"pg_replication_slots_wal_status{slot_name="a",slot_type="logical",wal_status="reserved"} 1"#,
            r#"pg_replication_slot_wal_status{slot_name="a",slot_type="logical",wal_status="reserved"} 1"#,
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_receiver_has_a_state() {
        let text = "upstream_host|slot_name|status|flushed_lsn\ndb1||streaming|5";
        let found = samples(receiver, text);
        let expected = r#"pg_stat_wal_receiver_status{upstream_host="db1",slot_name=""} 2"#;
        assert_eq!(found.last().map(String::as_str), Some(expected));
    }
}
