//! Killed and started again: who was told is not told again, who is to be told still is.

use model::Matcher;

use super::*;
use crate::silence::{SilenceDraft, SilenceState};

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("alertname", "A"), ("group", &name[..1]), ("name", name)])
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_goes_on_is_not_told_twice() {
    let mut bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 240);
    until(&bench, 30).await;
    bench.kill(1).await;
    assert_eq!(bench.dispatcher.awaited(), [labels("a1")]);
    // Its rule begins from the beginning and fires anew, with a start of its own.
    until(&bench, 90).await;
    bench.fire("a1", 0, 240);
    assert!(bench.dispatcher.awaited().is_empty());
    until(&bench, 200).await;
    bench.resolve("a1", 110);
    until(&bench, 400).await;
    assert_eq!(bench.taken(), ["10 a1|", "211 |a1"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_during_the_outage_is_told() {
    // Somebody says that it has ended; nobody says anything.
    for (say, expected) in [(true, "332 |a1"), (false, "512 |a1")] {
        let mut bench = Bench::new(CONFIG);
        bench.fire("a1", 0, 240);
        until(&bench, 30).await;
        bench.kill(242).await;
        until(&bench, 300).await;
        if say {
            bench.dispatcher.ended(&labels("a1"));
        }
        until(&bench, 900).await;
        assert_eq!(bench.taken(), ["10 a1|", expected]);
        assert!(bench.dispatcher.status().groups.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_whose_rule_still_waits_is_believed() {
    let mut bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 240);
    until(&bench, 30).await;
    bench.kill(1).await;
    for second in (60..600).step_by(60) {
        until(&bench, second).await;
        bench.dispatcher.still_there(&labels("a1"));
    }
    bench.fire("a1", 0, 240);
    until(&bench, 700).await;
    assert_eq!(bench.taken(), ["10 a1|"]);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_before_is_told_after() {
    let mut bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    bench.fire("b1", 0, 9999);
    until(&bench, 12).await;
    bench.answer(503);
    bench.resolve("a1", 12);
    bench.fire("c1", 0, 9999);
    until(&bench, 100).await;
    assert_eq!(bench.taken(), ["10 a1|", "10 b1|"]);
    bench.kill(5).await;
    bench.answer(200);
    until(&bench, 300).await;
    assert_eq!(bench.taken(), ["10 a1|", "10 b1|", "105 |a1", "105 c1|"]);
}

#[tokio::test(start_paused = true)]
async fn silences_and_who_was_told_are_there_after_a_restart() {
    let mut bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    until(&bench, 30).await;
    let draft = SilenceDraft {
        id: None,
        matchers: vec![Matcher::equal("name", "b1")],
        starts_at: TimestampMs(0),
        ends_at: TimestampMs(START_MS + 3_600_000),
        created_by: "me".to_owned(),
        comment: "work".to_owned(),
    };
    let id = bench.dispatcher.set_silence(draft).await.expect("saved");
    let told = bench.dispatcher.status().notifications;
    assert_eq!(told.len(), 1);
    bench.kill(1).await;
    assert_eq!(bench.dispatcher.status().notifications, told);
    let silences = bench.dispatcher.silences();
    assert_eq!((silences.len(), &silences[0].id), (1, &id));
    bench.dispatcher.expire_silence(&id).await.expect("saved");
    bench.kill(1).await;
    let now = TimestampMs(START_MS + 60_000);
    assert_eq!(bench.dispatcher.silences()[0].state(now), SilenceState::Expired);
}

/// A rule tells an end for a quarter of an hour; a receiver is told once.
#[tokio::test(start_paused = true)]
async fn an_end_that_was_told_is_not_in_later_messages() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    bench.fire("a2", 0, 9999);
    until(&bench, 30).await;
    bench.resolve("a1", 30);
    let ended = START_MS + 30_000;
    for second in [90, 150, 210] {
        until(&bench, second).await;
        bench.dispatcher.put(vec![Alert {
            labels: labels("a1"),
            annotations: Labels::empty(),
            starts_at: TimestampMs(START_MS),
            ends_at: TimestampMs(ended),
            state: AlertState::Resolved,
            generator_url: String::new(),
        }]);
    }
    bench.fire("a3", 0, 9999);
    until(&bench, 300).await;
    assert_eq!(bench.taken(), ["10 a1,a2|", "70 a2|a1", "250 a2,a3|"]);
}

/// Another program has told it once, and will never speak again. The clock is set back between, so its end stays where it was told;
/// two restarts must not make it later.
#[tokio::test(start_paused = true)]
async fn restarts_do_not_prolong_an_alert() {
    let mut bench = Bench::new(CONFIG);
    bench.dispatcher.put_from_outside(vec![bench.inbox.alert("a1", 0, 240, AlertState::Firing)]);
    until(&bench, 30).await;
    bench.inbox.jumped_ms.store(-600_000, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..3 {
        bench.kill(10).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    let ends: Vec<i64> =
        bench.dispatcher.alerts().iter().map(|alert| (alert.ends_at.0 - START_MS) / 1000).collect();
    assert_eq!(ends, [240]);
    // It is believed until then by the clock as it is now.
    until(&bench, 960).await;
    assert_eq!(bench.taken(), ["10 a1|", "850 |a1"]);
}
