//! The name of a stream's service, for streams that do not say it.

use model::Labels;

/// The label that names a service.
pub const SERVICE_NAME: &str = "service_name";
/// The service of a stream that has none of the labels below.
pub const UNKNOWN_SERVICE: &str = "unknown_service";
/// Labels that name a service, the best first: Loki's `discover_service_name`.
pub const SERVICE_LABELS: [&str; 13] = [
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// The labels with the service's name added, by the first of `from` that is there; `None` when the set has it already.
pub fn with_service_name(labels: &Labels, from: &[impl AsRef<str>]) -> Option<Labels> {
    if labels.get(SERVICE_NAME).is_some() {
        return None;
    }
    let name = from.iter().find_map(|label| labels.get(label.as_ref())).unwrap_or(UNKNOWN_SERVICE);
    let mut builder = labels.to_builder();
    builder.set(SERVICE_NAME, name);
    Some(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_label_of_the_list_names_the_service() {
        let name = |pairs: &[(&str, &str)]| {
            let labels = Labels::from_pairs(pairs.iter().copied());
            with_service_name(&labels, &SERVICE_LABELS).map(|l| l.get(SERVICE_NAME).map(str::to_owned))
        };
        assert_eq!(name(&[("job", "j"), ("app", "a")]), Some(Some("a".to_owned())));
        assert_eq!(name(&[("host", "h")]), Some(Some(UNKNOWN_SERVICE.to_owned())));
        assert_eq!(name(&[("service_name", "s"), ("app", "a")]), None);
    }
}
