//! PostgreSQL under postgres_exporter's names. Each file is a subject; each part has the exporter's name for it.
//!
//! Columns of a query are named after the ends of the families that they give. What a server of some age lacks makes its
//! first query fail and the next one is taken; what it has not at all (`absent`) is no failure.

mod activity;
mod counters;
mod replication;
mod settings;
mod statements;
mod tables;

use model::MetricKind;

use super::answer::Answer;
use super::exporter::Outcome;
use super::part::Part;
use crate::write::{Out, Row, counter, gauge};

/// A table, a column or a function that this server does not have.
const UNKNOWN: [&str; 3] = ["42P01", "42703", "42883"];
/// What has to be loaded at the server's start, and is not.
const NOT_LOADED: [&str; 4] = ["42P01", "42703", "42883", "55000"];

/// All of them, in the order in which they are asked for.
pub(super) const PARTS: &[Part] = &[
    Part::new(
        "static",
        &["SELECT version() AS version, current_setting('server_version') AS number"],
        version,
    ),
    Part::new("settings", &[settings::QUERY], settings::render),
    Part::new("stat_database", &[counters::DATABASE, counters::DATABASE_13], counters::database),
    Part::new("stat_database_conflicts", &[counters::CONFLICTS], counters::conflicts),
    Part::new("stat_bgwriter", &[counters::WRITER_16, counters::WRITER_17], counters::writer),
    Part::new(
        "stat_checkpointer",
        &[counters::CHECKPOINTER_18, counters::CHECKPOINTER],
        counters::checkpointer,
    )
    .absent(&UNKNOWN),
    Part::new("stat_archiver", &[counters::ARCHIVER], counters::archiver),
    Part::new("database", &[counters::SIZES], counters::sizes).slow(),
    Part::new("database_wraparound", &[counters::WRAPAROUND], counters::wraparound),
    Part::new("roles", &[counters::ROLES], counters::roles).slow(),
    Part::new("postmaster", &[counters::POSTMASTER], counters::postmaster).slow(),
    Part::new("stat_activity", &[activity::QUERY], activity::render),
    Part::new("stat_activity_autovacuum", &[activity::AUTOVACUUM], activity::autovacuum),
    Part::new("long_running_transactions", &[activity::LONG], activity::long),
    Part::new("process_idle", &[activity::IDLE], activity::idle).on_demand(),
    Part::new("locks", &[activity::LOCKS], activity::locks),
    Part::new("replication", &[replication::LAG], replication::lag),
    Part::new("stat_replication", &[replication::SENDERS], replication::senders),
    Part::new("replication_slots", &[replication::SLOTS, replication::SLOTS_12], replication::slots),
    Part::new("stat_wal_receiver", &[replication::RECEIVER, replication::RECEIVER_12], replication::receiver),
    Part::new("wal", &[replication::WAL], replication::wal),
    Part::new("stat_user_tables", &[tables::QUERY], tables::render),
    Part::new("stat_user_tables.sizes", &[tables::SIZES], tables::sizes).slow(),
    Part::new("statio_user_tables", &[tables::BLOCKS], tables::blocks),
    Part::new("stat_statements", &[statements::QUERY_17, statements::QUERY_13], statements::render)
        .on_demand()
        .absent(&NOT_LOADED),
];

/// `pg_static`: the version, in words and as three numbers.
fn version(answer: &Answer, out: &mut Out) {
    let Some(row) = answer.rows().next() else { return };
    let number = row.text(1).unwrap_or_default().split_whitespace().next().unwrap_or_default();
    let n_parts = number.split('.').count();
    let short = format!("{number}{}", ".0".repeat(3_usize.saturating_sub(n_parts)));
    let labels = [("short_version", short.as_str()), ("version", row.text(0).unwrap_or_default())];
    out.family(MetricKind::Unknown, "pg_static", "The server's version.");
    out.sample("pg_static", &labels, 1.0);
}

/// What the exporter says of itself.
pub(super) fn own(outcome: &Outcome, out: &mut Out) {
    let row = |(name, took_s, is_good): &(&'static str, f64, bool)| {
        Row::new("collector", name, vec![Some(*took_s), Some(f64::from(u8::from(*is_good)))])
    };
    let columns = [
        gauge("pg_scrape_collector_duration_seconds", "Time that a collector took."),
        gauge("pg_scrape_collector_success", "Whether a collector had an answer."),
    ];
    out.table(&columns, &outcome.parts.iter().map(row).collect::<Vec<_>>());
    let is_bad = !outcome.is_up || outcome.parts.iter().any(|(_, _, is_good)| !is_good);
    for (column, value) in [
        (counter("pg_exporter_scrapes_total", "Scrapes of this server."), outcome.n_scrapes as f64),
        (gauge("pg_exporter_last_scrape_duration_seconds", "Time that this scrape took."), outcome.total_s),
        (
            gauge("pg_exporter_last_scrape_error", "Whether something failed in this scrape."),
            f64::from(u8::from(is_bad)),
        ),
        (gauge("pg_up", "Whether the server answers."), f64::from(u8::from(outcome.is_up))),
    ] {
        out.value(&column, Some(value));
    }
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.info("postgres_exporter_build_info", "The version of this agent.", &version);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn versions_have_three_numbers() {
        for (number, expected) in
            [("15.18 (Debian 15.18-0)", "15.18.0"), ("9.6.24", "9.6.24"), ("17", "17.0.0")]
        {
            let found = samples(version, &format!("version|number\nPostgreSQL x|{number}"));
            let wanted = format!(r#"short_version="{expected}""#);
            assert!(found.iter().any(|line| line.contains(&wanted)), "{found:?}");
        }
    }
}
