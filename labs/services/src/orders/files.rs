//! The files of the embedded database, as large as they are when somebody asks.

use std::fmt;
use std::path::{Path, PathBuf};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// SQLite's file and the write-ahead log beside it. A database on a server has files that are not ours to look at.
#[derive(Debug)]
pub(super) struct DatabaseFiles {
    files: [(&'static str, PathBuf); 2],
}

impl DatabaseFiles {
    /// Those of the database that `url` names, if it is a file.
    pub(super) fn of(url: &str) -> Option<Self> {
        let path = url.strip_prefix("sqlite:")?;
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Some(Self { files: [("database", path.to_owned()), ("wal", log.into())] })
    }
}

impl Collector for DatabaseFiles {
    /// What is not there yet has no size. The last one to close the database removes its log.
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Size of the embedded database's files";
        let mut sizes = encoder.encode_descriptor("db_file_size_bytes", help, None, MetricType::Gauge)?;
        for (file, path) in &self.files {
            let Ok(metadata) = std::fs::metadata(path) else { continue };
            let size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
            ConstGauge::new(size).encode(sizes.encode_family(&[("file", *file)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn files_have_sizes_and_servers_have_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("orders.db");
        std::fs::write(&path, [0; 4096]).expect("written");
        let mut registry = Registry::default();
        let files = DatabaseFiles::of(&format!("sqlite://{}", path.display())).expect("a file");
        registry.register_collector(Box::new(files));
        let text = || {
            let mut text = String::new();
            encode(&mut text, &registry).expect("encoded");
            text
        };
        let first = text();
        assert!(first.contains("db_file_size_bytes{file=\"database\"} 4096\n"), "{first}");
        assert!(!first.contains("wal"), "{first}");
        std::fs::write(folder.path().join("orders.db-wal"), [0; 32]).expect("written");
        let second = text();
        assert!(second.contains("db_file_size_bytes{file=\"wal\"} 32\n"), "{second}");
        assert!(DatabaseFiles::of("mysql://app_user@host/orders_db").is_none());
    }
}
