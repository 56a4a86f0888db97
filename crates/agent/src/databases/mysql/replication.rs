//! A replica's state under its old and its new words, the binary logs, a heartbeat table.

use std::collections::BTreeMap;

use model::MetricKind;

use super::status::value;
use crate::databases::answer::{Answer, Cells};
use crate::write::{Out, gauge};

/// Words that MySQL 8.0.22 replaced, as they stand in names of columns.
const NEW_WORDS: [(&str, &str); 2] = [("source", "master"), ("replica", "slave")];

/// `SHOW SLAVE STATUS` in any of its forms. Columns with new words are shown under the old ones too, which is what
/// dashboards ask for; old ones stay alone, as that is what the server says.
pub(super) fn replica(answer: &Answer, out: &mut Out) {
    let label = |row: &Cells<'_>, names: &[&str]| {
        let place = names.iter().find_map(|name| answer.column(name));
        place.and_then(|place| row.text(place)).unwrap_or_default().to_owned()
    };
    let mut families: BTreeMap<String, Vec<([String; 4], f64)>> = BTreeMap::new();
    for row in answer.rows() {
        let labels = [
            label(&row, &["Master_Host", "Source_Host"]),
            label(&row, &["Master_UUID", "Source_UUID"]),
            label(&row, &["Channel_Name"]),
            label(&row, &["Connection_name"]),
        ];
        for (place, column) in answer.columns().iter().enumerate() {
            let Some(value) = row.text(place).and_then(value) else { continue };
            let name = column.to_ascii_lowercase();
            let old = old_name(&name);
            if old != name {
                families.entry(old).or_default().push((labels.clone(), value));
            }
            families.entry(name).or_default().push((labels.clone(), value));
        }
    }
    for (name, rows) in families {
        let family = format!("mysql_slave_status_{name}");
        out.family(MetricKind::Unknown, &family, "From SHOW SLAVE STATUS.");
        for ([host, uuid, channel, connection], value) in rows {
            let labels = [
                ("master_host", host.as_str()),
                ("master_uuid", &uuid),
                ("channel_name", &channel),
                ("connection_name", &connection),
            ];
            out.sample(&family, &labels, value);
        }
    }
}

/// Word by word: `replicate_…` is another word than `replica`.
fn old_name(name: &str) -> String {
    let old = |word| NEW_WORDS.iter().find(|(new, _)| *new == word).map_or(word, |(_, old)| *old);
    name.split('_').map(old).collect::<Vec<_>>().join("_")
}

/// `SHOW BINARY LOGS`: names and sizes, the newest last.
pub(super) fn binary_logs(answer: &Answer, out: &mut Out) {
    let (mut n_bytes, mut n_files, mut number) = (0.0, 0.0, None);
    for row in answer.rows() {
        n_bytes += row.number(1).unwrap_or(0.0);
        n_files += 1.0;
        number = row.text(0).and_then(|name| crate::text::number(name.rsplit_once('.')?.1));
    }
    for (name, help, value) in [
        ("mysql_binlog_size_bytes", "Size of all binary logs.", Some(n_bytes)),
        ("mysql_binlog_files", "Binary logs.", Some(n_files)),
        ("mysql_binlog_file_number", "The number in the name of the newest binary log.", number),
    ] {
        out.value(&gauge(name, help), value);
    }
}

/// The table that pt-heartbeat writes on a primary and a replica gets: their difference is the lag. The clock is UTC
/// because our connections are.
pub(super) const HEARTBEAT: &str = "SELECT UNIX_TIMESTAMP(ts) AS stored, UNIX_TIMESTAMP(NOW(6)) AS now, server_id \
     FROM heartbeat.heartbeat";

/// [`HEARTBEAT`].
pub(super) fn heartbeat(answer: &Answer, out: &mut Out) {
    let values = [
        ("now", gauge("mysql_heartbeat_now_timestamp_seconds", "The server's time.")),
        ("stored", gauge("mysql_heartbeat_stored_timestamp_seconds", "The time in the heartbeat table.")),
    ];
    answer.table(&["server_id"], &values, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn a_replica_of_mariadb() {
        let text = "Connection_name|Master_Host|Slave_IO_Running|Seconds_Behind_Master|Master_Log_File\n\
                    |db1|Yes|12|bin.000001\nx|db2|Connecting|NULL|";
        let labels = r#"master_host="db1",master_uuid="",channel_name="",connection_name="""#;
        let labels2 = r#"master_host="db2",master_uuid="",channel_name="",connection_name="x""#;
        let expected = [
            "# TYPE mysql_slave_status_seconds_behind_master untyped".to_owned(),
            format!("mysql_slave_status_seconds_behind_master{{{labels}}} 12"),
            "# TYPE mysql_slave_status_slave_io_running untyped".to_owned(),
            format!("mysql_slave_status_slave_io_running{{{labels}}} 1"),
            format!("mysql_slave_status_slave_io_running{{{labels2}}} 0"),
        ];
        assert_eq!(samples(replica, text), expected);
    }

    #[test]
    fn new_words_come_with_the_old_ones() {
        let text =
            "Source_Host|Source_UUID|Replica_SQL_Running|Seconds_Behind_Source|Channel_Name\ndb1|u1|No|3|c";
        let names: Vec<String> = samples(replica, text)
            .into_iter()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.replace("mysql_slave_status_", ""))
            .collect();
        let labels = r#"{master_host="db1",master_uuid="u1",channel_name="c",connection_name=""}"#;
        let expected =
            ["replica_sql_running", "seconds_behind_master", "seconds_behind_source", "slave_sql_running"];
        let values = [0, 3, 3, 0];
        let expected: Vec<String> =
            expected.iter().zip(values).map(|(name, value)| format!("{name}{labels} {value}")).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn logs_are_summed() {
        let text = "Log_name|File_size\nbin.000007|100\nbin.000008|23";
        let values: Vec<String> =
            samples(binary_logs, text).into_iter().filter(|line| !line.starts_with('#')).collect();
        let expected = ["mysql_binlog_size_bytes 123", "mysql_binlog_files 2", "mysql_binlog_file_number 8"];
        assert_eq!(values, expected);
    }
}
