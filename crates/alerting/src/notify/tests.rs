//! The bodies that receivers get, for the alert of the worked example whose answers were taken from Alertmanager 0.25.

use std::path::Path;

use serde_json::{Value, json};

use super::http::{Body, Render, Request};
use super::*;
use crate::config::{Call, Config};

/// {alertname=A, severity=critical, team=db}, grouped by its name on the route `severity=~"crit.*"`.
fn told(ended: bool) -> Notification {
    let labels = [("alertname", "A"), ("severity", "critical"), ("team", "db")];
    Notification {
        receiver: "pager".to_owned(),
        group_key: r#"{}/{severity=~"crit.*"}:{alertname="A"}"#.to_owned(),
        group_labels: Labels::from_pairs([("alertname", "A")]),
        route_labels: Labels::from_pairs([("desk", "night")]),
        alerts: vec![NotifiedAlert {
            labels: Labels::from_pairs(labels),
            annotations: Labels::from_pairs([("summary", "hi")]),
            starts_at: TimestampMs(1_767_225_600_000),
            ended_at: ended.then_some(TimestampMs(1_767_225_660_000)),
            generator_url: "http://g/".to_owned(),
        }],
        external_url: Arc::from("http://am"),
    }
}

/// SHA-256 of the group's key.
const KEY: &str = "1300067232dfba2582634f1e50ff0acb4827967ef9f2146ab4a42d08d47db9d2";

fn request(kind: &str, settings: &str, ended: bool) -> Request {
    let text = format!(
        "route: {{receiver: pager}}\nreceivers: [{{name: pager, {kind}_configs: [{{{settings}}}]}}]\n"
    );
    let config = Config::parse(Path::new("am.yml"), &text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let call = config.receivers["pager"].calls[0].call.clone();
    let render: Box<dyn Render> = match call {
        Call::Webhook(s) => Box::new(s),
        Call::PagerDuty(s) => Box::new(s),
        Call::Slack(s) => Box::new(s),
        Call::Opsgenie(s) => Box::new(s),
        Call::MsTeams(s) => Box::new(s),
        Call::MsTeamsV2(s) => Box::new(s),
        Call::Telegram(s) => Box::new(s),
        Call::Sns(s) => Box::new(s),
        Call::Discord(s) => Box::new(s),
        Call::Pushover(s) => Box::new(s),
        Call::VictorOps(s) => Box::new(s),
        Call::Mattermost(s) => Box::new(s),
        Call::Rocketchat(s) => Box::new(s),
        Call::Webex(s) => Box::new(s),
        Call::IncidentIo(s) => Box::new(s),
        Call::Email(_) => panic!("a mail is no request"),
    };
    let told = told(ended);
    let texts = config.library.renderer(&told, TimestampMs(1_767_225_700_000));
    render.request(&told, &texts).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn check(kind: &str, settings: &str, ended: bool, url: &str, expected: &Value) {
    let request = request(kind, settings, ended);
    assert_eq!(request.url.expose(), url, "{kind}");
    let Body::Json(body) = request.body else { panic!("{kind} is no JSON") };
    assert_eq!(&body, expected, "{kind}: {body:#}");
}

const TEXT: &str = "Labels:\n - alertname = A\n - severity = critical\n - team = db\nAnnotations:\n - summary = hi\nSource: http://g/\n";
const LINK: &str = "http://am/#/alerts?receiver=pager";

#[test]
fn pagerduty() {
    let event = |action: &str, details: Value, summary: &str| {
        json!({
            "routing_key": "k", "dedup_key": KEY, "event_action": action, "client": "Alertmanager", "client_url": LINK,
            "payload": {
                "summary": summary, "source": "Alertmanager", "severity": "error", "custom_details": details,
            },
        })
    };
    let firing = json!({ "firing": TEXT, "resolved": "", "num_firing": "1", "num_resolved": "0" });
    let url = "https://events.pagerduty.com/v2/enqueue";
    check("pagerduty", "routing_key: k", false, url, &event("trigger", firing, "[FIRING:1] A (critical db)"));
    let ended = json!({ "firing": "", "resolved": TEXT, "num_firing": "0", "num_resolved": "1" });
    check("pagerduty", "routing_key: k", true, url, &event("resolve", ended, "[RESOLVED] A (critical db)"));
    let settings = "routing_key: k, url: 'http://p/', severity: '{{ .CommonLabels.severity }}', class: c, details: {team: '{{ .CommonLabels.team }}', firing: x}, links: [{href: 'http://l', text: t}], images: [{src: 'http://i'}]";
    let Body::Json(body) = request("pagerduty", settings, false).body else { panic!("JSON") };
    assert_eq!(body["payload"]["severity"], "critical");
    assert_eq!(body["payload"]["class"], "c");
    assert_eq!(body["payload"]["custom_details"]["team"], "db");
    assert_eq!(body["payload"]["custom_details"]["firing"], "x");
    assert_eq!(
        (&body["links"], &body["images"]),
        (&json!([{"href": "http://l", "text": "t"}]), &json!([{"src": "http://i"}]))
    );
}

#[test]
fn pagerduty_of_old_services() {
    let request = request("pagerduty", "service_key: s", false);
    assert_eq!(request.url.expose(), "https://events.pagerduty.com/generic/2010-04-15/create_event.json");
    let Body::Json(body) = request.body else { panic!("JSON") };
    assert_eq!(
        (&body["event_type"], &body["incident_key"], &body["service_key"]),
        (&"trigger".into(), &KEY.into(), &"s".into())
    );
}

#[test]
fn an_event_that_is_too_large_goes_without_details() {
    let settings = format!("routing_key: k, details: {{big: '{}'}}", "x".repeat(520_000));
    let Body::Json(body) = request("pagerduty", &settings, false).body else { panic!("JSON") };
    let details = body["payload"]["custom_details"].as_object().expect("details");
    assert!(
        details.len() == 1 && details["error"].as_str().is_some_and(|e| e.contains("512000")),
        "{details:?}"
    );
}

#[test]
fn slack() {
    let expected = json!({
        "channel": "#x", "username": "Alertmanager",
        "attachments": [{
            "title": "[FIRING:1] A (critical db)", "title_link": LINK, "text": "", "callback_id": "", "footer": "",
            "fallback": format!("[FIRING:1] A (critical db) | {LINK}"), "color": "danger",
            "mrkdwn_in": ["fallback", "pretext", "text"],
        }],
    });
    check("slack", "api_url: 'http://s/', channel: '#x'", false, "http://s/", &expected);
    let settings = "api_url: 'http://s/', fields: [{title: a, value: '{{ .Status }}'}], short_fields: true, actions: [{type: button, text: t, url: 'http://u'}]";
    let Body::Json(body) = request("slack", settings, true).body else { panic!("JSON") };
    let attachment = &body["attachments"][0];
    assert_eq!(attachment["fields"], json!([{"title": "a", "value": "resolved", "short": true}]));
    assert_eq!(attachment["actions"], json!([{"type": "button", "text": "t", "url": "http://u"}]));
    assert_eq!(attachment["color"], "good");
}

#[test]
fn slack_says_no_with_status_200() {
    let Call::Slack(slack) = slack_call() else { panic!("slack") };
    assert_eq!(slack.judge(200, "ok"), Ok(200));
    assert_eq!(slack.judge(200, "{\"ok\":true}"), Ok(200));
    let refused = slack.judge(200, "{\"ok\":false,\"error\":\"channel_not_found\"}").expect_err("refused");
    assert!(!refused.again && refused.message.contains("channel_not_found"), "{refused:?}");
}

fn slack_call() -> Call {
    let text = "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{api_url: 'http://s/'}]}]\n";
    Config::parse(Path::new("am.yml"), text).expect("valid").receivers["a"].calls[0].call.clone()
}

#[test]
fn opsgenie() {
    let settings = "api_key: k, api_url: 'http://o', tags: 'a, b', priority: P1, responders: [{name: 'x', type: team}], details: {d: e}";
    let expected = json!({
        "alias": KEY, "message": "[FIRING:1] A (critical db)", "description": format!("hi\nAlerts Firing:\n{TEXT}"),
        "details": {"alertname": "A", "severity": "critical", "team": "db", "d": "e"}, "source": LINK,
        "responders": [{"name": "x", "type": "team"}], "tags": ["a", "b"], "priority": "P1",
    });
    check("opsgenie", settings, false, "http://o/v2/alerts", &expected);
    let close = format!("http://o/v2/alerts/{KEY}/close?identifierType=alias");
    check("opsgenie", settings, true, &close, &json!({ "source": LINK }));
    let headers = request("opsgenie", settings, true).headers;
    assert_eq!((headers[0].0, headers[0].1.expose()), ("Authorization", "GenieKey k"));
}

#[test]
fn teams() {
    let subject = "[FIRING:1] A (critical db)";
    let Body::Json(card) = request("msteams", "webhook_url: 'http://t'", false).body else { panic!("JSON") };
    assert_eq!(
        (&card["type"], &card["title"], &card["themeColor"]),
        (&"MessageCard".into(), &subject.into(), &"8C1A1A".into())
    );
    let Body::Json(card) = request("msteamsv2", "webhook_url: 'http://t'", true).body else { panic!("JSON") };
    let body = &card["attachments"][0]["content"]["body"];
    assert_eq!((&body[0]["text"], &body[0]["color"]), (&"[RESOLVED] A (critical db)".into(), &"Good".into()));
}

#[test]
fn chats() {
    let settings = "bot_token: tok, chat_id: -5, message: '<b>{{ .CommonAnnotations.summary }}</b>', message_thread_id: 7";
    let expected = json!({
        "chat_id": -5, "text": "<b>hi</b>", "parse_mode": "HTML", "disable_web_page_preview": true,
        "disable_notification": false, "message_thread_id": 7,
    });
    check("telegram", settings, false, "https://api.telegram.org/bottok/sendMessage", &expected);
    let Body::Json(body) = request("discord", "webhook_url: 'http://d'", false).body else { panic!("JSON") };
    assert_eq!((&body["content"], &body["embeds"][0]["color"]), (&"".into(), &0x99_2d22.into()));
    let Body::Json(body) = request("mattermost", "webhook_url: 'http://m', channel: c", true).body else {
        panic!("JSON")
    };
    assert_eq!((&body["channel"], &body["attachments"][0]["color"]), (&"c".into(), &"good".into()));
    let request = request("rocketchat", "token: t, token_id: u, channel: c, api_url: 'http://r'", true);
    assert_eq!(request.url.expose(), "http://r/api/v1/chat.postMessage");
    assert_eq!(request.headers.len(), 2);
}

#[test]
fn webex_and_incident_io() {
    let settings = "room_id: r, http_config: {authorization: {credentials: x}}, message: '{{ .Status }} {{ .RouteLabels.desk }}'";
    let expected = json!({ "markdown": "firing night", "roomId": "r" });
    check("webex", settings, false, "https://webexapis.com/v1/messages", &expected);
    let request = request("incidentio", "url: 'http://i/x', alert_source_token: tok", true);
    assert_eq!(request.url.expose(), "http://i/x");
    assert_eq!(request.headers[0].1.expose(), "Bearer tok");
    let Body::Json(body) = request.body else { panic!("JSON") };
    assert_eq!(
        (&body["version"], &body["status"], &body["routeLabels"], &body["truncatedAlerts"]),
        (&"1".into(), &"resolved".into(), &json!({ "desk": "night" }), &0.into())
    );
}

#[test]
fn a_group_that_is_too_large_for_incident_io_goes_as_its_first_alert() {
    let text = "route: {receiver: a}\nreceivers: [{name: a, incidentio_configs: [{url: 'http://i', alert_source_token: x}]}]\n";
    let config = Config::parse(Path::new("am.yml"), text).expect("valid");
    let Call::IncidentIo(settings) = config.receivers["a"].calls[0].call.clone() else { panic!("it is") };
    let mut told = told(false);
    told.alerts[0].annotations = Labels::from_pairs([("summary", "x".repeat(200_000))]);
    told.alerts = vec![told.alerts[0].clone(); 3];
    let texts = config.library.renderer(&told, TimestampMs(0));
    let Body::Json(body) = settings.request(&told, &texts).expect("a request").body else { panic!("JSON") };
    assert_eq!((body["alerts"].as_array().map(Vec::len), &body["truncatedAlerts"]), (Some(1), &2.into()));
}

#[test]
fn the_number_of_a_chat_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chat");
    std::fs::write(&file, "-77\n").expect("written");
    let settings = format!("bot_token: tok, chat_id_file: '{}'", file.display());
    let Body::Json(body) = request("telegram", &settings, false).body else { panic!("JSON") };
    assert_eq!(body["chat_id"], -77);
}

#[test]
fn pushover_and_victorops() {
    let Body::Form(fields) = request("pushover", "user_key: u, token: t", false).body else {
        panic!("a form")
    };
    let of = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!(
        (of("user"), of("token"), of("priority"), of("retry"), of("html")),
        (Some("u"), Some("t"), Some("2"), Some("60"), None)
    );
    let request = request(
        "victorops",
        "api_key: k, api_url: 'http://v/', routing_key: r, custom_fields: {x: '{{ .Status }}'}",
        true,
    );
    assert_eq!(request.url.expose(), "http://v/k/r");
    let Body::Json(body) = request.body else { panic!("JSON") };
    assert_eq!(
        (&body["message_type"], &body["entity_id"], &body["x"]),
        (&"RECOVERY".into(), &KEY.into(), &"resolved".into())
    );
}

#[test]
fn sns() {
    let settings = "topic_arn: 'arn:aws:sns:us-east-2:1:T.fifo', sigv4: {region: us-east-2, access_key: AK, secret_key: SK}, attributes: {severity: Sev2}, message: 'a b*~é'";
    let request = request("sns", settings, false);
    assert_eq!(request.url.expose(), "https://sns.us-east-2.amazonaws.com/");
    let Body::Form(fields) = &request.body else { panic!("a form") };
    let of = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!(
        (of("Action"), of("Subject"), of("MessageGroupId")),
        (Some("Publish"), Some("[FIRING:1] A (critical db)"), Some(KEY))
    );
    assert_eq!(of("MessageAttributes.entry.1.Value.StringValue"), Some("Sev2"));
    let authorization =
        request.headers.iter().find(|(name, _)| *name == "Authorization").expect("signed").1.expose();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AK/"), "{authorization}");
    assert!(!authorization.contains("SK/"));
}

#[test]
fn secrets_come_from_files_and_are_read_at_each_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "one\n").expect("written");
    let settings = format!("routing_key_file: '{}'", file.display());
    let key = |settings: &str| match request("pagerduty", settings, false).body {
        Body::Json(body) => body["routing_key"].clone(),
        Body::Form(_) => panic!("JSON"),
    };
    assert_eq!(key(&settings), "one");
    std::fs::write(&file, "two\n").expect("written");
    assert_eq!(key(&settings), "two");
}

/// Takes one mail, as a smarthost without TLS would; answers the lines it was told.
async fn smarthost(listener: tokio::net::TcpListener, answer_to_data: &'static str) -> Vec<String> {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    let (stream, _) = listener.accept().await.expect("it is called");
    let (reader, mut writer) = stream.into_split();
    let (mut lines, mut heard, mut in_data) = (BufReader::new(reader).lines(), Vec::new(), false);
    writer.write_all(b"220 here\r\n").await.expect("writable");
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split(' ').next().unwrap_or_default() {
            "." if in_data => {
                in_data = false;
                answer_to_data
            }
            _ if in_data => "",
            "EHLO" => "250-here\r\n250 AUTH PLAIN LOGIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "DATA" => {
                in_data = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        heard.push(line);
        if writer.write_all(answer.as_bytes()).await.is_err() {
            break;
        }
    }
    heard
}

async fn mailed(answer_to_data: &'static str) -> (Result<Answer, Failure>, Vec<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let text = format!(
        "route: {{receiver: a}}\nreceivers: [{{name: a, email_configs: [{{to: 'ops@example.org, b@example.org', from: 'am <am@example.org>', \
         smarthost: '127.0.0.1:{port}', require_tls: false, hello: me.example.org, auth_username: u, auth_password: p, \
         text: 'plain {{{{ .Status }}}}', headers: {{X-Team: '{{{{ .CommonLabels.team }}}}'}}}}]}}]\n"
    );
    let config = Config::parse(Path::new("am.yml"), &text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let Call::Email(settings) = config.receivers["a"].calls[0].call.clone() else { panic!("a mail") };
    let clock = Arc::new(stdx::ManualClock::new(1_767_225_700_000));
    let notifier = super::email::EmailNotifier { settings, library: config.library.clone(), clock };
    let server = tokio::spawn(smarthost(listener, answer_to_data));
    let result = notifier.attempt(&told(false), Duration::from_secs(120)).await;
    (result, server.await.expect("no panic"))
}

#[tokio::test]
async fn mail_is_handed_to_the_smarthost() {
    let (result, heard) = mailed("250 taken\r\n").await;
    assert_eq!(result, Ok(Answer { status: 250, text: "taken".to_owned() }), "{heard:?}");
    let text = heard.join("\n");
    for wanted in [
        "EHLO me.example.org",
        "AUTH PLAIN",
        "MAIL FROM:<am@example.org>",
        "RCPT TO:<ops@example.org>",
        "RCPT TO:<b@example.org>",
        "Subject: [FIRING:1] A (critical db)",
        "X-Team: db",
        "multipart/alternative",
        "plain firing",
        "text/html",
        "1 firing",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

#[tokio::test]
async fn mail_that_is_refused_for_good_is_not_tried_again() {
    for (answer, again) in [("550 no\r\n", false), ("451 later\r\n", true)] {
        let (result, heard) = mailed(answer).await;
        let failure = result.expect_err("refused");
        assert_eq!(failure.again, again, "{failure:?} {heard:?}");
    }
}
