//! Lines as they come: followed, paused, ended, found again after a broken connection.

use e2e::{Browser, Relay, RunningMonitor, now_s};
use serde_json::json;

use super::logs::push;

/// Lines that are shown, none while others are asked for.
const LINES: &str = "(document.querySelector('.explore-found[data-loading]') ? -1 : Number(document.querySelector('.explore-lines [data-panel-type=logs]')?.dataset.points ?? 0))";
const TEXTS: &str = "[...document.querySelectorAll('.log-text')].map((line) => line.textContent)";

fn now_ns() -> u64 {
    (now_s() * 1e9) as u64
}

async fn say(monitor: &RunningMonitor, lines: &[&str]) {
    let lines: Vec<_> = lines.iter().zip(now_ns()..).map(|(line, ns)| (ns, (*line).to_owned())).collect();
    push(monitor, json!({ "job": "talk" }), &lines).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_followed() {
    let monitor = RunningMonitor::start().await;
    let relay = Relay::start().await;
    relay.lead_to(monitor.ui_url());
    let browser = Browser::start(1440, 900).await;
    say(&monitor, &["level=error before", "other words"]).await;
    let query = "%7Bjob%3D%22talk%22%7D%20!%3D%20%22other%22";
    browser.open(&format!("{}/explore?language=logql&expr={query}", relay.url())).await;
    browser.wait("it is found", &format!("{LINES} === 1")).await;
    browser.click(".query-tools [title='Follow new lines as they come']").await;
    browser.wait_words(".live-state", "Live").await;
    browser.wait("what was there is there", &format!("{TEXTS}.join() === 'level=error before'")).await;

    say(&monitor, &["level=warn first", "other words", "second"]).await;
    browser
        .wait("new lines on top", &format!("{TEXTS}.join() === 'second,level=warn first,level=error before'"))
        .await;
    browser.pictures("explore-live").await;

    // A pause holds the page still; what comes meanwhile is counted and shown afterwards.
    browser.click(".live-head button:nth-of-type(1)").await;
    browser.wait_words(".live-state", "Paused").await;
    say(&monitor, &["third"]).await;
    browser.wait_words(".live-head", "1 more since the pause").await;
    assert_eq!(browser.eval::<usize>(&format!("return {LINES};")).await, Ok(3));
    browser.click(".live-head button:nth-of-type(1)").await;
    browser.wait("it goes on", &format!("{TEXTS}[0] === 'third'")).await;

    // A broken connection is said, and what came meanwhile is there once it is back, each line once.
    relay.cut();
    browser.wait_words(".live-state", "Connection lost").await;
    say(&monitor, &["fourth", "fifth"]).await;
    relay.mend();
    browser.wait_words(".live-state", "Live").await;
    browser
        .wait(
            "nothing is missing or twice",
            &format!("{TEXTS}.join() === 'fifth,fourth,third,second,level=warn first,level=error before'"),
        )
        .await;

    // Many lines: the newest are kept, the others counted.
    let many: Vec<String> = (0..2500).map(|at| format!("many {at}")).collect();
    say(&monitor, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    browser.wait_words(".live-head", "2,506 lines received, the newest 2,000 are kept").await;
    browser.wait("the newest of them", &format!("{LINES} === 2000 && {TEXTS}[0] === 'many 2499'")).await;

    // The end: the same query as one that was asked once.
    browser.click(".live-head button:nth-of-type(2)").await;
    browser
        .wait("no more live", "!document.querySelector('.live-head') && !location.search.includes('live')")
        .await;
    browser.wait("an answer", &format!("{LINES} === 1000")).await;
    browser.wait_words(".explore-rest", "The newest 1,000 lines are shown.").await;

    // Numbers have no lines to follow.
    browser
        .open(&format!(
            "{}/explore?language=logql&live=on&expr=rate(%7Bjob%3D%22talk%22%7D%5B1m%5D)",
            relay.url()
        ))
        .await;
    browser.wait_words(".live-state", "Only lines can be followed").await;
    browser.stop().await;
}
