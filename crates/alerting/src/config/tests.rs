//! What is read, what is refused, and who is told.

use config::SecretSource;
use model::Labels;

use super::*;

const RECEIVERS: &str = "receivers: [{name: a}, {name: b}, {name: c}]\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("am.yml"), text)
}

fn check_fault(text: &str, expected: &str) {
    let error = parse(text).map(|_| "no fault").expect_err(text).to_string();
    assert_eq!(error, expected, "for {text:?}");
}

fn check_route(text: &str, labels: &[(&str, &str)], receivers: &[&str]) {
    let config = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let labels = Labels::from_pairs(labels.iter().copied());
    let found: Vec<&str> =
        config.route.matching(&labels).iter().map(|route| route.receiver.as_str()).collect();
    assert_eq!(found, receivers, "{labels} in {text}");
}

#[test]
fn defaults_and_inheritance() {
    let config = parse(
        "global: {resolve_timeout: 1m}\nroute:\n  receiver: a\n  group_by: [x, b]\n  group_wait: 1s\n  routes:\n\
         \x20 - matchers: ['team=\"db\"']\n    group_interval: 2m\n    routes: [{match: {z: '1'}, receiver: b, group_by: ['...']}]\n\
         \x20 - match_re: {k: 'x|y'}\n    group_by: []\nreceivers: [{name: a}, {name: b, webhook_configs: [{url: 'http://h/'}]}]\n",
    )
    .expect("valid");
    assert_eq!(config.resolve_timeout, DurationMs(60_000));
    let root = &*config.route;
    assert_eq!(
        (root.group_wait.0, root.group_interval.0, root.repeat_interval.0),
        (1000, 300_000, 14_400_000)
    );
    let team = &root.routes[0];
    assert_eq!((team.group_wait.0, team.group_interval.0, team.receiver.as_str()), (1000, 120_000, "a"));
    assert_eq!(team.group_by, GroupBy::Labels(vec!["b".to_owned(), "x".to_owned()]));
    assert_eq!(team.routes[0].group_by, GroupBy::All);
    assert_eq!(root.routes[1].group_by, GroupBy::Labels(Vec::new()));
    assert_eq!(root.key, "{}");
    assert_eq!(team.routes[0].key, r#"{}/{team="db"}/{z="1"}"#);
    assert!(config.receivers["b"].calls[0].send_resolved);
}

#[test]
fn alerts_find_their_way() {
    let text = "route:\n  receiver: a\n  routes:\n  - match_re: {test: '^[12]$'}\n    receiver: b\n    continue: true\n\
                \x20 - match: {test: 2}\n    receiver: c\n"
        .to_owned()
        + RECEIVERS;
    check_route(&text, &[("test", "1")], &["b"]);
    check_route(&text, &[("test", "2")], &["b", "c"]);
    check_route(&text, &[("test", "x")], &["a"]);
    let nested = "route:\n  receiver: a\n  routes:\n  - matchers: [team=x]\n    receiver: b\n    routes: [{matchers: ['severity=\"critical\"'], receiver: c}]\n\
                  \x20 - matchers: ['team!=\"\"']\n    receiver: c\n"
        .to_owned()
        + RECEIVERS;
    check_route(&nested, &[("team", "x")], &["b"]);
    check_route(&nested, &[("team", "x"), ("severity", "critical")], &["c"]);
    check_route(&nested, &[("team", "y")], &["c"]);
    check_route(&nested, &[], &["a"]);
}

/// What the runbooks say to put into the file for planned work.
#[test]
fn an_alert_can_be_sent_to_nobody() {
    let text = format!(
        "route:\n  receiver: a\n  routes:\n  - matchers: [alertname=\"InstanceDown\", instance=\"orders-2\"]\n    receiver: b\n{RECEIVERS}"
    );
    check_route(&text, &[("alertname", "InstanceDown"), ("instance", "orders-2")], &["b"]);
    check_route(&text, &[("alertname", "InstanceDown"), ("instance", "orders-1")], &["a"]);
}

#[test]
fn groups_are_named_by_their_labels() {
    let config =
        parse(&format!("route: {{receiver: a, group_by: [job, zone]}}\n{RECEIVERS}")).expect("valid");
    let labels = Labels::from_pairs([("job", "x"), ("instance", "i")]);
    assert_eq!(config.route.group_labels(&labels).to_string(), r#"{job="x"}"#);
}

#[test]
fn what_the_original_refuses() {
    check_fault(RECEIVERS, "am.yml: no route provided in config");
    check_fault(
        &format!("route: {{}}\n{RECEIVERS}"),
        "am.yml:1:8: root route must specify a default receiver",
    );
    check_fault(
        &format!("route: {{receiver: a, match: {{x: y}}}}\n{RECEIVERS}"),
        "am.yml:1:8: root route must not have any matchers",
    );
    check_fault(
        &format!("route: {{receiver: a, continue: true}}\n{RECEIVERS}"),
        "am.yml:1:8: cannot have continue in root route",
    );
    check_fault(
        &format!("route: {{receiver: z}}\n{RECEIVERS}"),
        "am.yml:1:19: undefined receiver \"z\" used in route",
    );
    check_fault(
        "route: {receiver: a}\nreceivers: [{name: a}, {name: a}]\n",
        "am.yml:2:31: notification config name \"a\" is not unique",
    );
    check_fault(
        &format!("route: {{receiver: a, group_by: [x, x]}}\n{RECEIVERS}"),
        "am.yml:1:36: duplicated label \"x\" in group_by",
    );
    check_fault(
        &format!("route: {{receiver: a, group_by: ['...', x]}}\n{RECEIVERS}"),
        "am.yml:1:33: cannot have wildcard group_by (`...`) and other labels at the same time",
    );
    check_fault(
        &format!("route: {{receiver: a, repeat_interval: 0}}\n{RECEIVERS}"),
        "am.yml:1:39: repeat_interval cannot be zero",
    );
    check_fault(
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{send_resolved: false}]}]\n",
        "am.yml:2:41: one of url or url_file must be configured",
    );
}

#[test]
fn what_is_not_carried_yet_is_refused_by_name() {
    check_fault(
        "route: {receiver: a}\nreceivers:\n- name: a\n  jira_configs: [{project: x}]\n",
        "am.yml:4:17: jira_configs is not supported yet",
    );
    check_fault(
        &format!("route: {{receiver: a}}\nevent_recorder: {{}}\n{RECEIVERS}"),
        "am.yml:2:17: event_recorder is not supported yet",
    );
    check_fault(
        &format!("global: {{slack_app_token: x}}\nroute: {{receiver: a}}\n{RECEIVERS}"),
        "am.yml:1:27: slack_app_token is not supported yet",
    );
    check_fault(
        "route: {receiver: a}\nreceivers:\n- name: a\n  wechat_configs: [{to_user: x}]\n",
        "am.yml:4:19: wechat_configs is not supported yet",
    );
    check_fault(
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', http_config: {oauth2: {}}}]}]\n",
        "am.yml:2:81: oauth2 is not supported yet",
    );
    check_fault(
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', http_config: {tls_config: {server_name: x}}}]}]\n",
        "am.yml:2:99: server_name is not supported yet",
    );
}

#[test]
fn routes_and_receivers_have_words_about_them() {
    let config = parse(
        "route: {receiver: a, labels: {desk: day, team: ops}, routes: [{matchers: [x=y], labels: {desk: night}}]}\n\
         receivers: [{name: a, labels: {owner: me}}]\n",
    )
    .expect("valid");
    assert_eq!(config.route.labels.to_string(), r#"{desk="day", team="ops"}"#);
    assert_eq!(config.route.routes[0].labels.to_string(), r#"{desk="night", team="ops"}"#);
    assert_eq!(config.receivers["a"].labels.to_string(), r#"{owner="me"}"#);
}

/// Each receiver needs something without which nobody is told.
#[test]
fn what_receivers_need() {
    for (kind, settings, expected) in [
        ("slack", "channel: x", "no global Slack API URL set either inline or in a file"),
        ("pagerduty", "severity: x", "missing service or routing key in PagerDuty config"),
        ("email", "to: a@b", "no global SMTP smarthost set"),
        ("email", "smarthost: 'h:25'", "missing to address in email config"),
        ("email", "to: a@b, smarthost: 'h:25'", "no global SMTP from set"),
        ("email", "to: a@b, from: c@d, smarthost: 'h'", "address \"h\" is not HOST:PORT"),
        ("opsgenie", "message: x", "no global OpsGenie API Key set either inline or in a file"),
        ("telegram", "chat_id: 1", "missing bot_token or bot_token_file on telegram_config"),
        ("telegram", "bot_token: x", "missing chat_id on telegram_config"),
        ("sns", "subject: x", "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config"),
        ("msteams", "title: x", "one of webhook_url or webhook_url_file must be configured"),
        ("telegram", "chat_id: 1, chat_id_file: x, bot_token: y", "at most one of chat_id & chat_id_file"),
        ("webex", "message: x", "missing room_id on webex_config"),
        ("webex", "room_id: x", "missing webex_configs.http_config.authorization"),
        ("incidentio", "max_alerts: 1", "one of url or url_file must be configured"),
        (
            "incidentio",
            "url: 'http://i'",
            "at least one of alert_source_token, alert_source_token_file or http_config",
        ),
        (
            "incidentio",
            "url: 'http://i', alert_source_token: x, http_config: {authorization: {credentials: y}}",
            "cannot specify alert_source_token",
        ),
        (
            "pagerduty",
            "routing_key: x, routing_key_file: y",
            "at most one of routing_key and routing_key_file must be given",
        ),
        ("slack", "api_url: 'http://s', text: '{{ .X'", "unclosed action"),
    ] {
        let text =
            format!("route: {{receiver: a}}\nreceivers: [{{name: a, {kind}_configs: [{{{settings}}}]}}]\n");
        let error = parse(&text).map(|_| "no fault").expect_err(&text).to_string();
        assert!(error.starts_with("am.yml:2:") && error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn what_is_said_for_all_receivers_holds_for_each() {
    let config = parse(
        "global: {slack_api_url: 'http://s/', smtp_from: a@b, smtp_smarthost: 'h:25', pagerduty_url: 'http://p/'}\n\
         route: {receiver: a}\n\
         receivers: [{name: a, slack_configs: [{channel: x}], email_configs: [{to: c@d}], pagerduty_configs: [{routing_key: k}, {service_key: s}]}]\n",
    )
    .expect("valid");
    let kinds: Vec<_> =
        config.receivers["a"].calls.iter().map(|c| (c.kind, c.index, c.send_resolved)).collect();
    assert_eq!(
        kinds,
        [("email", 0, false), ("pagerduty", 0, true), ("pagerduty", 1, true), ("slack", 0, false)]
    );
}

#[test]
fn hours_of_routes_have_to_exist() {
    check_fault(
        &format!("route: {{receiver: a, routes: [{{mute_time_intervals: [x]}}]}}\n{RECEIVERS}"),
        "am.yml:1:54: undefined time interval \"x\" used in route",
    );
    check_fault(
        &format!("route: {{receiver: a, mute_time_intervals: [x]}}\n{RECEIVERS}"),
        "am.yml:1:44: root route must not have any mute time intervals",
    );
    check_fault(
        &format!(
            "route: {{receiver: a}}\ntime_intervals: [{{name: x, time_intervals: [{{weekdays: ['someday']}}]}}]\n{RECEIVERS}"
        ),
        "am.yml:2:57: \"someday\" is not a valid weekday",
    );
    check_fault(
        &format!(
            "route: {{receiver: a}}\ntime_intervals: [{{name: x}}]\nmute_time_intervals: [{{name: x}}]\n{RECEIVERS}"
        ),
        "am.yml:3:30: time interval \"x\" is not unique",
    );
}

#[test]
fn misspelt_fields_are_refused() {
    check_fault(
        &format!("route: {{reciever: a}}\n{RECEIVERS}"),
        "am.yml:1:9: unknown field reciever (did you mean receiver?)",
    );
}

#[test]
fn secrets_are_not_shown() {
    let config = parse(
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://h/token', http_config: {authorization: {credentials: s3}}}]}]\n",
    )
    .expect("valid");
    let shown = format!("{config:?}");
    assert!(!shown.contains("token") && !shown.contains("s3"), "{shown}");
    let expected = Credentials::Kind("Bearer".to_owned(), SecretSource::Inline(Secret::new("s3")));
    assert_eq!(config.receivers["a"].calls[0].credentials, Some(expected));
}

#[test]
fn the_shipped_sample_is_valid() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/provision/alertmanager.yml");
    let text = std::fs::read_to_string(&file).expect("shipped with the program");
    Config::parse(&file, &text).unwrap_or_else(|e| panic!("{e}"));
}
