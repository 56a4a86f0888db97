//! What the ledger tells of it afterwards.

use model::Matcher;

use super::*;
use crate::ledger::{EndedHow, Fingerprint, Hold, Wait};
use crate::silence::SilenceDraft;
use crate::why::{Question, Story};

const ROUTES: &str = "
route:
  receiver: inbox
  group_by: [group]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 1h
  routes:
  - {matchers: [group=a], receiver: team, continue: true}
  - {matchers: [group=b], receiver: other}
receivers:
- {name: inbox, webhook_configs: [{url: 'http://inbox/'}]}
- {name: team, webhook_configs: [{url: 'http://team/'}]}
- {name: other, webhook_configs: [{url: 'http://other/'}]}
inhibit_rules: [{source_matchers: [name=b1], target_matchers: [name=b2]}]
";

fn question(name: &str, at_s: Option<i64>) -> Question {
    let labels = Labels::from_pairs([("alertname", "A"), ("group", &name[..1]), ("name", name)]);
    Question {
        name: "A".to_owned(),
        alert: Some(Fingerprint::of(&labels)),
        at: at_s.map(|s| TimestampMs(START_MS + s * 1000)),
    }
}

impl Bench {
    fn story(&self, name: &str, at_s: Option<i64>) -> Story {
        let mut stories = self.dispatcher.why(&question(name, at_s));
        assert_eq!(stories.len(), 1, "{name} at {at_s:?}: {stories:?}");
        stories.remove(0)
    }
}

fn second(at: TimestampMs) -> i64 {
    (at.0 - START_MS) / 1000
}

#[tokio::test(start_paused = true)]
async fn a_story_has_its_ways_and_its_messages() {
    let bench = Bench::new(ROUTES);
    bench.fire("a1", 0, 9999);
    until(&bench, 5).await;
    let story = bench.story("a1", None);
    let ways: Vec<_> =
        story.ways.iter().map(|w| (&*w.way.receiver, second(w.way.look_at), w.way.wait)).collect();
    assert_eq!(ways, [("team", 10, Wait::GroupWait)]);
    assert!(story.ways[0].calls.is_empty());
    let passed: Vec<_> = story.passed.iter().map(|p| (&*p.receiver, &*p.because)).collect();
    assert_eq!(
        passed,
        [("other", "it wants group=\"b\", and group is \"a\""), ("inbox", "a route below it matches")]
    );
    until(&bench, 30).await;
    bench.resolve("a1", 30);
    until(&bench, 200).await;
    let story = bench.story("a1", None);
    assert_eq!(story.ended.map(|(at, how)| (second(at), how)), Some((30, EndedHow::Told)));
    let (at, last) = story.ways[0].calls[0].told.clone().expect("told");
    assert_eq!((second(at), last.firing.len(), last.resolved.len()), (70, 0, 1));
    assert_eq!((last.status, &*last.answer, last.taken), (Some(200), "noted", true));
    // As it was seen between.
    let story = bench.story("a1", Some(20));
    assert_eq!((story.ended, story.events.len()), (None, 2));
    assert_eq!(story.ways[0].calls[0].told.as_ref().map(|(at, _)| second(*at)), Some(10));
    assert!(bench.dispatcher.why(&question("a1", Some(-1))).is_empty(), "before it was heard of");
}

#[tokio::test(start_paused = true)]
async fn a_story_tells_what_held_it() {
    let bench = Bench::new(ROUTES);
    let silence = SilenceDraft {
        id: None,
        matchers: vec![Matcher::equal("name", "a1")],
        starts_at: TimestampMs(START_MS),
        ends_at: TimestampMs(START_MS + 100_000),
        created_by: "me".to_owned(),
        comment: "work".to_owned(),
    };
    let id = bench.dispatcher.set_silence(silence).await.expect("valid");
    ["a1", "b1", "b2"].iter().for_each(|name| bench.fire(name, 0, 9999));
    until(&bench, 60).await;
    let silenced = Some(Hold::Silenced { ids: vec![id] });
    let check = |name, at_s, expected: &Option<Hold>| {
        assert_eq!(bench.story(name, at_s).ways[0].held, *expected, "{name} at {at_s:?}");
    };
    check("a1", None, &silenced);
    let held = bench.story("b2", None).ways[0].held.clone();
    assert!(matches!(held, Some(Hold::Inhibited { labels, .. }) if labels["name"] == "b1"));
    check("b1", None, &None);
    until(&bench, 200).await;
    // The look at second 130 found it free, and the receiver was told.
    check("a1", Some(60), &silenced);
    check("a1", Some(150), &None);
    let story = bench.story("a1", None);
    assert_eq!(story.ways[0].calls[0].told.as_ref().map(|(at, _)| second(*at)), Some(130));
    let kinds: Vec<String> = story.events.iter().map(kind).collect();
    assert_eq!(kinds, ["silence_set", "fired", "held", "freed", "attempt"]);
}

fn kind(event: &crate::ledger::Event) -> String {
    let json = serde_json::to_value(event).expect("serialises");
    json["what"].as_str().expect("a word").to_owned()
}

#[tokio::test(start_paused = true)]
async fn every_try_is_there_with_what_was_said() {
    let bench = Bench::new(ROUTES);
    bench.answer(503);
    bench.fire("a1", 0, 9999);
    until(&bench, 12).await;
    let story = bench.story("a1", None);
    let (at, failing) = story.ways[0].calls[0].failing.clone().expect("tried");
    assert_eq!(
        (second(at), failing.number, failing.status, failing.again_in_ms),
        (10, 2, Some(503), Some(1000))
    );
    assert_eq!(failing.answer, "unexpected status code 503");
    bench.answer(200);
    until(&bench, 20).await;
    let story = bench.story("a1", None);
    assert_eq!(story.ways[0].calls[0].failing, None);
    assert_eq!(story.ways[0].calls[0].told.as_ref().map(|(_, tried)| tried.number), Some(4));
    let episode = bench.dispatcher.history(10).episodes.remove(0);
    assert_eq!((episode.messages, episode.failures), (1, 3));
    assert_eq!((episode.told, episode.untold), (vec!["team".to_owned()], Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_has_in_hand_is_not_repeated_and_its_end_is_told() {
    let mut bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 99_999);
    until(&bench, 60).await;
    let alert = question("a1", None).alert.expect("one");
    assert!(bench.dispatcher.acknowledge(alert, "me", "on it"));
    assert!(!bench.dispatcher.acknowledge(Fingerprint(7), "me", ""), "there is no such alert");
    until(&bench, 120).await;
    bench.kill(1).await;
    until(&bench, 3 * 3600).await;
    let story = bench.story("a1", None);
    assert_eq!(story.ack.as_ref().map(|ack| &*ack.by), Some("me"), "known after a restart");
    assert_eq!(story.ways[0].repeat_at, None);
    assert!(bench.dispatcher.unacknowledge(alert));
    until(&bench, 3 * 3600 + 100).await;
    assert!(bench.dispatcher.acknowledge(alert, "you", ""));
    bench.resolve("a1", 3 * 3600 + 100);
    until(&bench, 4 * 3600).await;
    // Repeated only when nobody had it in hand any more, though the log keeps an entry for two hours by itself.
    assert_eq!(bench.taken(), ["10 a1|", "10801 a1|", "10921 |a1"]);
    let episode = bench.dispatcher.history(10).episodes.remove(0);
    assert_eq!(episode.acknowledged_by.as_deref(), Some("you"));
}

#[tokio::test(start_paused = true)]
async fn a_story_goes_on_after_a_restart() {
    let mut bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 240);
    until(&bench, 30).await;
    bench.kill(1).await;
    until(&bench, 60).await;
    bench.fire("a1", 60, 240);
    until(&bench, 100).await;
    bench.resolve("a1", 100);
    until(&bench, 200).await;
    let story = bench.story("a1", None);
    let kinds: Vec<String> = story.events.iter().map(kind).collect();
    assert_eq!(kinds, ["fired", "attempt", "started", "ended", "attempt"]);
    assert_eq!(story.since.map(second), Some(0));
    // One that is heard of no more has an end too.
    bench.fire("b1", 0, 240);
    until(&bench, 1000).await;
    let ended = bench.story("b1", None).ended;
    assert_eq!(ended.map(|(at, how)| (second(at), how)), Some((440, EndedHow::Unheard)));
    assert_eq!(bench.dispatcher.history(1).episodes.len(), 1, "the newest only");
}
