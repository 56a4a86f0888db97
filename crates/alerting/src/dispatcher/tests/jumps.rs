//! Somebody sets the clock, forward or back, while an alert fires: nothing is lost, and what ends is told to have ended.

use std::sync::atomic::Ordering;

use super::*;

/// An alert that fires from second 0 to 600; its rule speaks every 20 s, and the clock jumps by `jump_s` at second 300.
async fn fires_over_a_jump(jump_s: i64) -> Vec<String> {
    let bench = Bench::new(CONFIG);
    for second in (0..600).step_by(20) {
        until(&bench, second).await;
        if second == 300 {
            bench.inbox.jumped_ms.store(jump_s * 1000, Ordering::Relaxed);
        }
        let age = i64::try_from(second).expect("short") + if second >= 300 { jump_s } else { 0 };
        bench.fire("a1", age, 240);
    }
    until(&bench, 600).await;
    bench.resolve("a1", 600 + jump_s);
    until(&bench, 1200).await;
    assert!(bench.dispatcher.status().groups.is_empty(), "nothing is left over");
    bench.taken()
}

#[tokio::test(start_paused = true)]
async fn a_jump_loses_nothing_and_doubles_nothing() {
    for jump_s in [-7200, -90, -1, 1, 90, 1800] {
        let taken = fires_over_a_jump(jump_s).await;
        assert_eq!(taken, ["10 a1|", "610 |a1"], "a jump of {jump_s} s");
    }
    // More than the repeat interval ahead it is due again, and that is all.
    assert_eq!(fires_over_a_jump(7200).await, ["10 a1|", "310 a1|", "610 |a1"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_alert_after_a_jump_back_is_told() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 240);
    until(&bench, 100).await;
    bench.inbox.jumped_ms.store(-86_400_000, Ordering::Relaxed);
    bench.fire("a2", 0, 240);
    until(&bench, 200).await;
    assert_eq!(bench.taken()[..2], ["10 a1|", "130 a1,a2|"]);
}

/// Its sender is gone; the clock is set back after its end was told.
#[tokio::test(start_paused = true)]
async fn what_has_ended_unheard_stays_ended() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 240);
    until(&bench, 300).await;
    bench.inbox.jumped_ms.store(-200_000, Ordering::Relaxed);
    assert!(bench.dispatcher.alerts().is_empty());
    until(&bench, 900).await;
    assert_eq!(bench.taken(), ["10 a1|", "250 |a1"]);
    bench.fire("a1", 0, 240);
    until(&bench, 920).await;
    assert_eq!(bench.taken()[2..], ["910 a1|"]);
}

/// The clock is set back after a start, before anything was looked at.
#[tokio::test(start_paused = true)]
async fn a_jump_right_after_a_start_delays_no_reminder() {
    let mut bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 240);
    until(&bench, 30).await;
    bench.kill(1).await;
    bench.inbox.jumped_ms.store(-1_800_000, Ordering::Relaxed);
    for second in (60..4000).step_by(60) {
        until(&bench, second).await;
        bench.fire("a1", 0, 240);
    }
    assert_eq!(bench.taken(), ["10 a1|", "3691 a1|"]);
}
