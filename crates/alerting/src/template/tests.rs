//! What real template files do, on two alerts of one group.

use model::Labels;

use super::*;
use crate::notify::NotifiedAlert;

fn notification(ended: bool) -> Notification {
    let alert = |instance: &str, ended_at: Option<i64>| NotifiedAlert {
        labels: Labels::from_pairs([
            ("alertname", "A"),
            ("instance", instance),
            ("severity", "critical"),
            ("team", "db"),
        ]),
        annotations: Labels::from_pairs([("summary", "hi <b>")]),
        starts_at: TimestampMs(1_767_225_600_120),
        ended_at: ended_at.map(TimestampMs),
        generator_url: "http://g/?a=1&b=2".to_owned(),
    };
    Notification {
        receiver: "team.x".to_owned(),
        group_key: "{}:{}".to_owned(),
        route_labels: Labels::empty(),
        group_labels: Labels::from_pairs([("alertname", "A")]),
        alerts: vec![alert("a", ended.then_some(1_767_225_660_000)), alert("b", Some(1_767_225_660_000))],
        external_url: Arc::from("http://am"),
    }
}

fn render(text: &str) -> Result<String, String> {
    let text = Text::parse(text).map_err(|e| e.to_string())?;
    let notification = notification(false);
    Library::default().renderer(&notification, TimestampMs(1_767_225_720_120)).text(&text)
}

fn check(text: &str, expected: &str) {
    assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
}

#[test]
fn data_and_methods() {
    check("{{ .Status }} {{ .Receiver }} {{ .ExternalURL }}", r"firing team\.x http://am");
    check("{{ len .Alerts.Firing }}/{{ .Alerts.Resolved | len }}/{{ len .Alerts }}", "1/1/2");
    check("{{ range .Alerts }}{{ .Labels.instance }}={{ .Status }} {{ end }}", "a=firing b=resolved ");
    check("{{ (index .Alerts 0).Labels.instance }}{{ (index .Alerts 1).Annotations.summary }}", "ahi <b>");
    check(
        "{{ range .CommonLabels.SortedPairs }}{{ .Name }}:{{ .Value }},{{ end }}",
        "alertname:A,severity:critical,team:db,",
    );
    check(
        "{{ .CommonLabels.Names | join \"+\" }} {{ .CommonLabels.Values | join \"+\" }}",
        "alertname+severity+team A+critical+db",
    );
    check("{{ .GroupLabels.SortedPairs.Values | join \" \" }}", "A");
    check(
        "{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \" \" }}{{ end }}",
        "critical db",
    );
    check("{{ (.CommonLabels.Remove (stringSlice \"team\")).SortedPairs.Names }}", "[alertname severity]");
    check("{{ .CommonAnnotations.nothing }}|{{ index .CommonLabels \"team\" }}", "|db");
    check("{{ (index .Alerts 0).Fingerprint | len }}", "16");
    check("{{ range $i, $a := .Alerts }}{{ if $i }}; {{ end }}{{ $a.Labels.instance }}{{ end }}", "a; b");
    check(
        "{{ .CommonLabels.SortedPairs }}",
        "[map[Name:alertname Value:A] map[Name:severity Value:critical] map[Name:team Value:db]]",
    );
}

#[test]
fn times() {
    check("{{ range .Alerts }}{{ .StartsAt.Format \"15:04:05\" }} {{ end }}", "00:00:00 00:00:00 ");
    check("{{ (index .Alerts 0).StartsAt }}", "2026-01-01 00:00:00.12 +0000 UTC");
    check("{{ (index .Alerts 0).StartsAt.Unix }} {{ (index .Alerts 0).EndsAt.IsZero }}", "1767225600 true");
    check(
        "{{ (index .Alerts 1).StartsAt | tz \"Europe/Paris\" | date \"Mon Jan 2 2006 15:04 MST -07:00\" }}",
        "Thu Jan 1 2026 01:00 CET +01:00",
    );
    check(
        "{{ (index .Alerts 1).StartsAt.UTC.Format \"2006-01-02T15:04:05.000Z07:00\" }}",
        "2026-01-01T00:00:00.120Z",
    );
    check("{{ (index .Alerts 0).StartsAt | since | humanizeDuration }}", "2m 0s");
    check(
        "{{ with index .Alerts 1 }}{{ .EndsAt.Sub .StartsAt }} {{ (.EndsAt.Sub .StartsAt).Minutes | printf \"%.1f\" }}{{ end }}",
        "59.88s 1.0",
    );
}

#[test]
fn functions() {
    check("{{ \"a b\" | title }} {{ toUpper \"x\" }} {{ \" y \" | trimSpace }}", "A B X y");
    check("{{ match \"^a\" \"ab\" }} {{ reReplaceAll \"(b)\" \"<$1>\" \"abc\" }}", "true a<b>c");
    check("{{ printf \"%s|%d\" .Status (len .Alerts) }}", "firing|2");
    check("{{ .GroupLabels | toJson }}", r#"{"alertname":"A"}"#);
    check("{{ \"a%20b+c\" | urlUnescape }} {{ \"a b\" | urlquery }}", "a b c a+b");
    check("{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" .Status }}", "<firing>");
    check(
        "{{ if and (eq .Status \"firing\") (gt (len .Alerts) 1) }}many{{ else if eq 1 2 }}no{{ else }}one{{ end }}",
        "many",
    );
    check("{{ block \"y\" . }}default{{ end }}", "default");
    check("{{ (index .Alerts 0).StartsAt | toJson }}", r#""2026-01-01T00:00:00.12Z""#);
    check("{{ (index .Alerts 0).Annotations | toJson }}", r#"{"summary":"hi <b>"}"#);
}

#[test]
fn default_texts() {
    check("{{ template \"__subject\" . }}", "[FIRING:1] A (critical db)");
    check("{{ template \"__alertmanagerURL\" . }}", "http://am/#/alerts?receiver=team%5C.x");
    check("{{ template \"slack.default.color\" . }}", "danger");
    check(
        "{{ template \"__text_alert_list\" .Alerts.Firing }}",
        "Labels:\n - alertname = A\n - instance = a\n - severity = critical\n - team = db\nAnnotations:\n - summary = hi <b>\nSource: http://g/?a=1&b=2\n",
    );
    let notification = notification(true);
    let library = Library::default();
    let renderer = library.renderer(&notification, TimestampMs(0));
    assert_eq!(renderer.text(&Text::template("__subject")).as_deref(), Ok("[RESOLVED] A (critical db)"));
}

/// Every definition gives something on real data; a misspelt field would fail here.
#[test]
fn every_default_can_be_used() {
    let notification = notification(false);
    let library = Library::default();
    let renderer = library.renderer(&notification, TimestampMs(0));
    let lists =
        ["__text_alert_list", "__text_alert_list_markdown", "__html_alerts", "pagerduty.default.instances"];
    for name in DEFAULT_LIBRARY.names() {
        let dot = if lists.contains(&name) { ".Alerts" } else { "." };
        let text = Text::parse(&format!("{{{{ template {name:?} {dot} }}}}")).expect("a call");
        renderer.text(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// Thousands of alerts in one group are the worst moment to tell nobody.
#[test]
fn a_large_group_can_be_told() {
    let mut notification = notification(false);
    let one = notification.alerts[0].clone();
    notification.alerts = vec![one; 3000];
    let library = Library::default();
    let renderer = library.renderer(&notification, TimestampMs(0));
    let text = renderer
        .text(&Text::parse("{{ template \"pagerduty.default.instances\" .Alerts.Firing }}").expect("a call"));
    assert_eq!(text.expect("there is room").matches("Labels:").count(), 3000);
    let html = renderer.html(&Text::template("email.default.html")).expect("there is room");
    assert_eq!(html.matches("<td>hi &lt;b&gt;</td>").count(), 3000);
    let endless =
        Text::parse("{{ range .Alerts }}{{ range $.Alerts }}x{{ end }}{{ end }}").expect("a template");
    let error = renderer.text(&endless).expect_err("nine million turns");
    assert!(error.contains("range"), "{error}");
}

#[test]
fn html_is_escaped_where_data_stand() {
    let notification = notification(false);
    let library = Library::default();
    let renderer = library.renderer(&notification, TimestampMs(0));
    let html = renderer.html(&Text::template("email.default.html")).expect("it can be told");
    assert!(html.contains("<td>hi &lt;b&gt;</td>") && !html.contains("hi <b>"), "{html}");
    assert!(html.contains(r#"<a href="http://g/?a=1&amp;b=2">"#), "{html}");
    let safe = Text::parse("<p>{{ .CommonAnnotations.summary | safeHtml }}</p>").expect("a template");
    assert_eq!(renderer.html(&safe).as_deref(), Ok("<p>hi <b></p>"));
}

#[test]
fn what_is_wrong_is_told() {
    for (text, expected) in [
        ("{{ .Status", "unclosed action"),
        ("{{ nosuch . }}", "function \"nosuch\" not defined"),
        ("{{ $x }}", "undefined variable \"$x\""),
        ("{{ end }}", "end"),
        ("{{ .Nothing }}", "can't evaluate field Nothing"),
        ("{{ .Status.Format \"x\" }}", "Format has arguments but cannot be called"),
        ("{{ template \"nosuch\" . }}", "nosuch"),
    ] {
        let error = render(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn files_of_people_stand_above_the_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.tmpl"), "{{ define \"__subject\" }}mine {{ .Status }}{{ end }}")
        .expect("written");
    let library =
        Library::load(folder.path(), &["*.tmpl".to_owned(), "none/*.tmpl".to_owned()]).expect("read");
    let notification = notification(false);
    let renderer = library.renderer(&notification, TimestampMs(0));
    assert_eq!(renderer.text(&Text::template("slack.default.title")).as_deref(), Ok("mine firing"));
    std::fs::write(folder.path().join("b.tmpl"), "x\n{{ if }}").expect("written");
    let error = Library::load(folder.path(), &["*.tmpl".to_owned()]).expect_err("no template").to_string();
    assert!(error.contains("b.tmpl:2:"), "{error}");
}
