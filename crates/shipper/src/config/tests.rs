//! Whole files, and what is wrong with them.

use super::*;

fn parse(text: &str) -> Result<Settings, ConfigError> {
    Settings::parse(Path::new("/etc/p.yml"), text)
}

#[test]
fn a_file_with_everything() {
    let text = "
server: {http_listen_port: 9080, grpc_listen_port: 0}
positions: {filename: /var/lib/positions.yaml, sync_period: 5s, ignore_invalid_yaml: true}
clients:
- url: http://loki:3100/loki/api/v1/push
  tenant_id: team
  batchwait: 250ms
  batchsize: 2048
  timeout: 3s
  external_labels: {host: h}
  headers: {X-A: b}
  basic_auth: {username: u, password: p}
  backoff_config: {min_period: 100ms, max_period: 1m, max_retries: 3}
  drop_rate_limited_batches: true
- {url: 'https://other/push', name: second}
target_config: {sync_period: 20s}
limits_config: {readline_rate_enabled: true, readline_rate: 5, readline_burst: 7, readline_rate_drop: false,
  max_streams: 9, max_line_size: 1KB, max_line_size_truncate: true}
scrape_configs:
- job_name: system
  static_configs:
  - targets: [localhost]
    labels: {job: varlogs, __path__: '/var/log/*.log', __path_exclude__: '*.gz'}
  file_sd_configs: [{files: ['sd/*.yml']}]
  relabel_configs: [{source_labels: [job], target_label: copy}]
  pipeline_stages: [{docker: {}}]
  decompression: {enabled: true, format: gz, initial_delay: 10s}
";
    let settings = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let client = settings.clients.first().expect("a client");
    assert_eq!((client.host.as_str(), client.tenant.as_deref()), ("loki:3100", Some("team")));
    assert_eq!((client.batch_bytes, client.batch_wait), (2048, Duration::from_millis(250)));
    assert_eq!(
        (client.backoff_min, client.backoff_max),
        (Duration::from_millis(100), Duration::from_secs(60))
    );
    assert_eq!(client.auth.as_ref().expect("basic").header().expect("inline").expose(), "Basic dTpw");
    assert!(client.drop_rate_limited && !format!("{settings:?}").contains("Secret(\"p\")"));
    assert_eq!(settings.limits.readline, Some((5.0, 7, false)));
    assert_eq!((settings.limits.streams_max, settings.limits.line_bytes_max), (9, 1024));
    assert_eq!(
        (settings.positions_sync, settings.targets_sync),
        (Duration::from_secs(5), Duration::from_secs(20))
    );
    let job = settings.jobs.first().expect("a job");
    assert!(job.gzip && job.relabel.len() == 1 && job.files.len() == 1 && job.pipeline.len() == 1);
    assert_eq!(settings.notes.len(), 2, "{:?}", settings.notes);
}

#[test]
fn what_is_absent_is_promtails_default() {
    let settings = parse("client: {url: 'http://l/push'}\n").expect("valid");
    let client = settings.clients.first().expect("a client");
    assert_eq!((client.batch_bytes, client.batch_wait), (1 << 20, Duration::from_secs(1)));
    assert_eq!((client.timeout, client.backoff_max), (Duration::from_secs(10), Duration::from_secs(300)));
    assert_eq!(settings.positions, Path::new("/var/log/positions.yaml"));
    assert!(settings.limits.readline.is_none() && settings.notes.is_empty());
}

#[test]
fn what_is_wrong_or_not_here_has_a_place() {
    let client = "clients: [{url: http://l/push}]\n";
    for (text, expected) in [
        (String::new(), "/etc/p.yml: clients: at least one client must be given"),
        ("clients: [{url: nowhere}]".into(), "/etc/p.yml:1:17: \"nowhere\" is no URL to push to"),
        ("clients: [{}]".into(), "/etc/p.yml:1:11: \"\" is no URL to push to"),
        ("clients: [{url: http://l, oauth2: {}}]".into(), "/etc/p.yml:1:35: oauth2 is not supported yet"),
        ("clients: [{url: http://l, tls_config: {ca_file: x}}]".into(), "tls_config is not supported yet"),
        ("clients: [{url: http://l, batchwait: 5}]".into(), "/etc/p.yml:1:38: \"5\" is not a valid duration"),
        ("clients: [{url: http://l, batchsize: 0}]".into(), "batchsize must be 1 to"),
        ("clients: [{url: http://l}, {url: http://l}]".into(), "\"http://l\" is given twice"),
        (
            "scrape_config: []".into(),
            "/etc/p.yml:1:1: unknown field scrape_config (did you mean scrape_configs?)",
        ),
        (format!("{client}scrape_configs: [{{}}]"), "/etc/p.yml:2:18: job_name is empty"),
        (format!("{client}scrape_configs:\n- {{job_name: a}}\n- {{job_name: a}}"), "\"a\" is given twice"),
        (
            format!("{client}scrape_configs:\n- job_name: a\n  journal: {{}}"),
            "/etc/p.yml:4:12: journal is not supported",
        ),
        (
            format!("{client}scrape_configs:\n- job_name: a\n  docker_sd_configs: []"),
            "docker_sd_configs is not supported",
        ),
        (
            format!("{client}scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: []"),
            "kubernetes_sd_configs is not",
        ),
        (
            format!("{client}scrape_configs:\n- job_name: a\n  encoding: UTF-16"),
            "encoding \"UTF-16\" is not supported",
        ),
        (
            format!(
                "{client}scrape_configs:\n- job_name: a\n  decompression: {{enabled: true, format: bz2}}"
            ),
            "decompression format \"bz2\" is not supported, only gz is",
        ),
        (
            format!("{client}scrape_configs:\n- job_name: a\n  file_sd_configs: [{{files: [a.txt]}}]"),
            "path name \"a.txt\"",
        ),
        (
            format!("{client}scrape_configs:\n- job_name: a\n  relabel_configs: [{{action: hashmod}}]"),
            "hashmod requires non-zero modulus",
        ),
    ] {
        let error = parse(&text).map(|_| ()).expect_err(&text).to_string();
        assert!(error.contains(expected) && error.lines().count() == 1, "{text}\ngave {error}");
    }
}

#[test]
fn labels_of_a_line_win_over_external_ones() {
    let labels = Labels::from_pairs([("a", "1")]);
    let external = [("a".to_owned(), "2".to_owned()), ("b".to_owned(), "3".to_owned())];
    assert_eq!(with_external(&labels, &external).to_string(), "{a=\"1\", b=\"3\"}");
}
