//! The dashboards that ship with the program; a file with the same uid in the user's folder takes their place.

use dashboards::Builtin;

const ALL: [(&str, &str); 13] = [
    (
        "application-performance.json",
        include_str!("../../../deploy/provision/dashboards/application-performance.json"),
    ),
    ("infrastructure.json", include_str!("../../../deploy/provision/dashboards/infrastructure.json")),
    ("database-mysql.json", include_str!("../../../deploy/provision/dashboards/database-mysql.json")),
    ("database-postgres.json", include_str!("../../../deploy/provision/dashboards/database-postgres.json")),
    ("database-sqlite.json", include_str!("../../../deploy/provision/dashboards/database-sqlite.json")),
    ("use-red.json", include_str!("../../../deploy/provision/dashboards/use-red.json")),
    ("business-metrics.json", include_str!("../../../deploy/provision/dashboards/business-metrics.json")),
    ("error-budget.json", include_str!("../../../deploy/provision/dashboards/error-budget.json")),
    (
        "operations-overview.json",
        include_str!("../../../deploy/provision/dashboards/operations-overview.json"),
    ),
    ("service-deep-dive.json", include_str!("../../../deploy/provision/dashboards/service-deep-dive.json")),
    (
        "flask-observability-dashboard.json",
        include_str!("../../../deploy/provision/dashboards/flask-observability-dashboard.json"),
    ),
    (
        "endpoint-performance-logs.json",
        include_str!("../../../deploy/provision/dashboards/endpoint-performance-logs.json"),
    ),
    ("watchfire-self.json", include_str!("../../../deploy/provision/dashboards/watchfire-self.json")),
];

/// All of them.
pub(crate) fn dashboards() -> Vec<Builtin> {
    ALL.iter().map(|(name, text)| Builtin { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use dashboards::{Dashboards, Sources};

    use super::*;

    #[test]
    fn every_one_loads() {
        let (loaded, errors) = Dashboards::load_from(Sources { folder: None, builtin: dashboards() });
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(loaded.list().len(), ALL.len());
    }
}
