//! Monitors, receivers and the line between monitors, on a clock that somebody sets.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use disk::{Crash, Faults, FaultyDisk};
use model::TimestampMs;
use prometheus_client::registry::Registry;
use stdx::Clock;
use tokio::time::Instant;

use super::disks::SimDisk;
use super::judge::{Judge, Message};
use super::plan::LabelSet;
use crate::config::Receiver;
use crate::dispatcher::tests::{START_MS, parse};
use crate::dispatcher::{Build, Dispatcher, Options, lock};
use crate::metrics::Metrics;
use crate::notify::{Answer, Attempt, Integration, Notification, Notify, http};
use crate::peers::{Line, PeerOptions, Said};
use crate::state::State;
use crate::state::wire::Exchange;

/// How a receiver is at the moment.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    pub(super) status: u16,
    pub(super) slow: Duration,
    /// Whether a slow one has it before it answers, or only then.
    pub(super) has_at_once: bool,
}

impl Weather {
    pub(super) fn fair() -> Self {
        Self { status: 200, slow: Duration::ZERO, has_at_once: true }
    }

    pub(super) fn is_fair(&self) -> bool {
        self.status == 200 && self.slow.is_zero()
    }
}

/// What all have in common.
#[derive(Debug)]
pub(super) struct World {
    begun: Instant,
    jumped_ms: AtomicI64,
    /// When that was, and by how much.
    jumps: Mutex<Vec<(i64, i64)>>,
    pub(super) judge: Mutex<Judge>,
    pub(super) weather: Mutex<Vec<Weather>>,
    /// Whether monitors cannot hear each other.
    pub(super) is_parted: Mutex<bool>,
    living: [Mutex<Option<Arc<Dispatcher>>>; 2],
}

impl World {
    pub(super) fn new(judge: Judge) -> Arc<Self> {
        let weather = vec![Weather::fair(); judge.facts.plan.routes.len()];
        Arc::new(Self {
            begun: Instant::now(),
            jumped_ms: AtomicI64::new(0),
            jumps: Mutex::default(),
            judge: Mutex::new(judge),
            weather: Mutex::new(weather),
            is_parted: Mutex::default(),
            living: Default::default(),
        })
    }

    /// Since the beginning.
    pub(super) fn ms(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).expect("some hours at most")
    }

    pub(super) fn wall(&self) -> i64 {
        START_MS + self.ms() + self.jumped_ms.load(Ordering::Relaxed)
    }

    /// What the clock showed at a moment of the past.
    pub(super) fn wall_at(&self, ms: i64) -> i64 {
        let until = |(at, by): &(i64, i64)| if *at <= ms { *by } else { 0 };
        START_MS + ms + lock(&self.jumps).iter().map(until).sum::<i64>()
    }

    pub(super) fn jump(&self, by_ms: i64) {
        lock(&self.jumps).push((self.ms(), by_ms));
        self.jumped_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    pub(super) fn note(&self, what: String) {
        lock(&self.judge).note(self.ms(), what);
    }

    pub(super) fn monitor(&self, which: usize) -> Option<Arc<Dispatcher>> {
        lock(&self.living[which]).clone()
    }

    pub(super) fn monitors(&self) -> impl Iterator<Item = Arc<Dispatcher>> {
        (0..2).filter_map(|which| self.monitor(which))
    }

    /// The monitor is no more; whoever still has it may stop it.
    pub(super) fn take(&self, which: usize) -> Option<Arc<Dispatcher>> {
        lock(&self.living[which]).take()
    }
}

#[derive(Debug)]
struct WallClock(Arc<World>);

impl Clock for WallClock {
    fn now_ms(&self) -> i64 {
        self.0.wall()
    }
}

/// One call of a receiver, as one monitor makes it.
struct Ear {
    world: Arc<World>,
    monitor: usize,
    route: usize,
    call: usize,
    /// How long a new notification may take: by this it is told from further attempts.
    time: Duration,
}

impl Ear {
    fn message(&self, notification: &Notification) -> Message {
        let number = |labels: &model::Labels| -> usize {
            labels.get("number").and_then(|text| text.parse().ok()).expect("all alerts have a number")
        };
        let side = |ended: bool| {
            let side = notification.alerts.iter().filter(|alert| alert.ended_at.is_some() == ended);
            side.map(|alert| number(&alert.labels)).collect()
        };
        let group: LabelSet =
            notification.group_labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        Message { key: (self.route, self.call, group), firing: side(false), resolved: side(true) }
    }
}

/// Says that the answer never arrived, unless it did.
struct Unanswered<'a>(Option<(&'a World, Message)>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some((world, message)) = &self.0 {
            lock(&world.judge).is_doubtful(&message.key);
        }
    }
}

impl Notify for Ear {
    fn attempt<'a>(&'a self, notification: &'a Notification, left: Duration) -> Attempt<'a> {
        Box::pin(async move {
            let world = &*self.world;
            let message = self.message(notification);
            let weather = lock(&world.weather)[self.route].clone();
            let is_good = weather.status == 200;
            let what = format!("m{} tells {message:?}: {}", self.monitor, weather.status);
            world.note(what);
            if left == self.time {
                lock(&world.judge).decided(self.monitor, &message, world.ms(), world.wall());
            }
            let began = world.ms();
            let take = |answer: Duration| {
                let answer = i64::try_from(answer.as_millis()).expect("seconds");
                lock(&world.judge).taken(self.monitor, &message, began, (world.ms(), world.wall()), answer);
            };
            let mut unanswered = Unanswered(None);
            if is_good && weather.has_at_once {
                take(weather.slow);
                unanswered.0 = Some((world, message.clone()));
            }
            if !weather.slow.is_zero() {
                tokio::time::sleep(weather.slow).await;
            }
            unanswered.0 = None;
            if is_good && !weather.has_at_once {
                take(Duration::ZERO);
            }
            http::judge(weather.status, "").map(|status| Answer { status, text: String::new() })
        })
    }
}

/// The line from one monitor to the other.
struct Wire {
    world: Arc<World>,
    to: usize,
}

impl Line for Wire {
    fn say<'a>(&'a self, said: &'a Exchange) -> Said<'a> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if *lock(&self.world.is_parted) {
                return Err("parted".to_owned());
            }
            let other = self.world.monitor(self.to).ok_or("nobody there")?;
            let bytes = serde_json::to_vec(said).expect("serialises");
            other.hear_peer(None, true, &bytes).map_err(|e| e.to_string())
        })
    }
}

/// Starts a monitor, alone or one of two.
pub(super) fn start(world: &Arc<World>, which: usize, is_pair: bool, disk: &SimDisk) {
    let clock = Arc::new(WallClock(Arc::clone(world)));
    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::new(&mut registry));
    let plan = lock(&world.judge).facts.plan.clone();
    let receivers = {
        let (world, plan) = (Arc::clone(world), plan.clone());
        move |receiver: &Receiver| -> Vec<Integration> {
            let route: usize = receiver.name[1..].parse().expect("a number");
            let time = Duration::from_secs(plan.routes[route].group_interval_s.max(10));
            let ear =
                |call: usize| Arc::new(Ear { world: Arc::clone(&world), monitor: which, route, call, time });
            let calls = receiver.calls.iter().enumerate();
            calls
                .map(|(index, call)| Integration {
                    kind: "webhook",
                    index,
                    send_resolved: call.send_resolved,
                    notify: ear(index),
                })
                .collect()
        }
    };
    let build: Build = Box::new(move |config| {
        config.receivers.iter().map(|(name, receiver)| (name.clone(), receivers(receiver))).collect()
    });
    let peers = is_pair.then(|| PeerOptions {
        name: ["a", "b"][which].to_owned(),
        urls: vec!["http://other".to_owned()],
        token: None,
        wait: Duration::from_secs(15),
    });
    let options = Options { external_url: String::new(), peers };
    let now = TimestampMs(clock.now_ms());
    let state = State::open(
        Arc::new(disk.disk.clone()),
        Path::new("/data"),
        now,
        crate::ledger_metrics(&mut registry),
    );
    let state = state.expect("readable");
    let is_hole = |damage: &String| damage.starts_with("events of the ledger are lost");
    let told: Vec<&String> =
        state.damage().iter().filter(|one| !(disk.may_have_holes && is_hole(one))).collect();
    assert_eq!(told, [""; 0]);
    let dispatcher = Dispatcher::start_with(parse(&plan.text()), state, build, clock, metrics, options);
    dispatcher.start_pushing(|_, _| Arc::new(Wire { world: Arc::clone(world), to: 1 - which }));
    *lock(&world.living[which]) = Some(Arc::new(dispatcher));
}

/// Ends a monitor where it stands. The disk it finds when it comes back is sound.
pub(super) async fn kill(world: &World, which: usize, disk: &FaultyDisk, crash: Crash) {
    let Some(monitor) = world.take(which) else { return };
    crate::dispatcher::tests::kill(&monitor).await;
    disk.restart(crash, Faults::NONE);
}
