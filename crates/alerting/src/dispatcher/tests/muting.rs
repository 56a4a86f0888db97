//! Who is not told: inhibition, silences, hours of routes.

use model::Matcher;

use super::*;
use crate::silence::SilenceDraft;

fn silence(name: &str, from_s: i64, until_s: i64) -> SilenceDraft {
    SilenceDraft {
        id: None,
        matchers: vec![Matcher::equal("name", name)],
        starts_at: TimestampMs(START_MS + from_s * 1000),
        ends_at: TimestampMs(START_MS + until_s * 1000),
        created_by: "me".to_owned(),
        comment: "work".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_silence_keeps_alerts_out_of_messages_while_it_lasts() {
    let bench = Bench::new(CONFIG);
    bench.dispatcher.set_silence(silence("a1", 0, 200)).await.expect("valid");
    bench.fire("a1", 0, 9999);
    bench.fire("a2", 0, 9999);
    until(&bench, 300).await;
    // The looks are at 10, 70, 130, 190, 250 seconds.
    assert_eq!(bench.taken(), ["10 a2|", "250 a1,a2|"]);
    assert!(bench.exposed().contains("alertmanager_notifications_suppressed_total{reason=\"silence\"} 4\n"));
}

#[tokio::test(start_paused = true)]
async fn a_cause_keeps_what_follows_silent() {
    let config = format!(
        "{CONFIG}inhibit_rules: [{{source_matchers: [name=a1], target_matchers: ['name=~\"[ab]2\"'], equal: [group]}}]\n"
    );
    let bench = Bench::new(&config);
    for name in ["a1", "a2", "b2"] {
        bench.fire(name, 0, 9999);
    }
    until(&bench, 60).await;
    bench.resolve("a1", 60);
    until(&bench, 200).await;
    assert_eq!(bench.taken(), ["10 a1|", "10 b2|", "70 a2|a1"]);
}

#[tokio::test(start_paused = true)]
async fn routes_have_hours() {
    // The false clock begins at midnight UTC of a Thursday.
    let config = "
route:
  receiver: inbox
  group_by: [group]
  group_wait: 10s
  group_interval: 1m
  routes:
  - {matchers: [group=a], active_time_intervals: [later]}
  - {matchers: [group=b], mute_time_intervals: [now]}
  - {matchers: [group=c], mute_time_intervals: [later], active_time_intervals: [now]}
receivers: [{name: inbox, webhook_configs: [{url: 'http://inbox/'}]}]
time_intervals:
- {name: now, time_intervals: [{times: [{start_time: '00:00', end_time: '00:05'}], weekdays: [thursday]}]}
mute_time_intervals:
- {name: later, time_intervals: [{times: [{start_time: '00:05', end_time: '00:10'}]}]}
";
    let bench = Bench::new(config);
    for name in ["a1", "b1", "c1"] {
        bench.fire(name, 0, 9999);
    }
    until(&bench, 500).await;
    assert_eq!(bench.taken(), ["10 c1|", "310 a1|", "310 b1|"]);
}
