//! Simulation by seed, on a false clock: some hours of random alerts, silences, hours, inhibitions, reloads, receivers that
//! fail or are slow, clocks that are set, kills and restarts; alone, or as a pair whose line is cut and heals. What is true is
//! worked out apart from the code under test ([`truth`]), and every message is held against it ([`judge`]).

mod disks;
mod judge;
mod plan;
mod silences;
mod truth;
mod world;

use std::sync::Arc;
use std::time::Duration;

use disks::SimDisk;
use fastrand::Rng;
use judge::Judge;
use model::{Alert, AlertState, Labels, TimestampMs};
use plan::{LabelSet, Plan, VALUES};
use truth::{Facts, TrueAlert};
use world::{Weather, World};

use super::lock;

/// As many as fit some seconds on a slow machine; `WATCHFIRE_SIM_SEEDS` asks for more, `WATCHFIRE_SIM_SEED` for one.
const SEEDS: u64 = 25;
const ALERTS: usize = 14;
const MINUTE_MS: i64 = 60_000;
/// How long a day of the simulation is, and its last part, in which nothing is wrong any more and all ends.
const DAY_MS: i64 = 200 * MINUTE_MS;
const EVENING_MS: i64 = 40 * MINUTE_MS;
/// For how long a rule asks to be believed, and for how long it repeats an end.
const VALID_MS: i64 = 240_000;
const ENDS_REPEATED_MS: i64 = 15 * MINUTE_MS;
/// Who sends no end is believed for so long: the default of `resolve_timeout`.
const RESOLVE_TIMEOUT_MS: i64 = 300_000;
/// Steps come at milliseconds of the second that no earlier step had, nor timers that began at one.
const ODD_MS: i64 = 7;
/// What a pair takes to notice that somebody is gone or back, and to say what it knows.
const PAIR_NOTICES_MS: i64 = 30_000;

/// Who sends an alert.
struct Sender {
    from_rules: bool,
    fires: bool,
    /// When it changed last.
    since: i64,
    /// What it wants to do next, and when.
    change_at: i64,
    say_at: i64,
    /// It says nothing any more.
    is_mute: bool,
}

struct Simulation {
    rng: Rng,
    world: Arc<World>,
    is_pair: bool,
    disks: [SimDisk; 2],
    /// When each was last alive, since the beginning and by the clock, and when it is started again.
    died_at: [(i64, i64); 2],
    back_at: [Option<i64>; 2],
    heals_at: Option<i64>,
    senders: Vec<Sender>,
    /// Until when the weather of each receiver lasts.
    weather_until: Vec<i64>,
    silences_changed: bool,
    /// Somebody has set the clock back.
    was_set_back: bool,
    /// A monitor has come back that may have forgotten silences whose makers were told so.
    is_forgetful: bool,
}

fn random_alerts(rng: &mut Rng) -> Vec<TrueAlert> {
    let one = |number: usize, rng: &mut Rng| {
        let mut labels: LabelSet = [("number".to_owned(), number.to_string())].into();
        for (name, values) in VALUES {
            let value = values[rng.usize(..values.len())];
            if !value.is_empty() {
                labels.insert(name.to_owned(), value.to_owned());
            }
        }
        TrueAlert::new(labels)
    };
    (0..ALERTS).map(|number| one(number, rng)).collect()
}

impl Simulation {
    fn new(seed: u64, is_pair: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::random(&mut rng);
        let alerts = random_alerts(&mut rng);
        let facts = Facts { plan, alerts, silences: Vec::new(), are_silences_open: false };
        let routes = facts.plan.routes.len();
        let world = World::new(Judge::new(facts, if is_pair { 45_000 } else { 0 }));
        let disks = [SimDisk::new(seed), SimDisk::new(!seed)];
        for (which, disk) in disks.iter().enumerate().take(1 + usize::from(is_pair)) {
            world::start(&world, which, is_pair, disk);
        }
        let senders = (0..ALERTS).map(|_| Sender {
            from_rules: rng.u8(..3) > 0,
            fires: false,
            since: 0,
            change_at: rng.i64(0..DAY_MS / 3),
            say_at: 0,
            is_mute: false,
        });
        let senders = senders.collect();
        Self {
            rng,
            world,
            is_pair,
            disks,
            died_at: [(0, 0); 2],
            back_at: [None; 2],
            heals_at: None,
            senders,
            weather_until: vec![0; routes],
            silences_changed: false,
            was_set_back: false,
            is_forgetful: false,
        }
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.rng.u32(..one_in) == 0
    }

    fn minutes(&mut self, from: i64, to: i64) -> i64 {
        self.rng.i64(from * MINUTE_MS..to * MINUTE_MS)
    }

    async fn day(&mut self) {
        let mut next = 0;
        while next < DAY_MS {
            next += self.rng.i64(3..40) * 1000 + ODD_MS;
            let wait = u64::try_from(next - self.world.ms()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let ms = self.world.ms();
            lock(&self.world.judge).remember_all(ms, self.world.wall());
            let is_evening = ms > DAY_MS - EVENING_MS;
            self.line(ms, is_evening);
            self.kills(ms, is_evening).await;
            self.weather(ms, is_evening);
            self.break_disks(ms, is_evening);
            if !is_evening {
                self.clock(ms);
                self.reload(ms);
                self.silence(ms).await;
                self.hand(ms);
            }
            // A silence that cannot be written takes its time.
            let ms = self.world.ms();
            self.senders(ms, is_evening);
            self.look(ms);
        }
        for monitor in self.world.monitors() {
            assert!(monitor.status().groups.is_empty(), "groups with alerts that fire are left");
        }
        for which in 0..2 {
            if let Some(monitor) = self.world.take(which) {
                monitor.stop().await;
            }
        }
    }

    /// Holds what the API says against what is true, and looks for what is late.
    fn look(&mut self, ms: i64) {
        if self.world.monitors().next().is_none() {
            self.disturb(ms);
        }
        let wall = self.world.wall();
        let mut judge = lock(&self.world.judge);
        judge.observe(ms, wall);
        let facts = judge.facts.clone();
        drop(judge);
        if self.is_settled(ms) {
            for monitor in self.world.monitors() {
                agrees(&facts, &monitor.alerts(), wall);
            }
        }
        assert_eq!(lock(&self.world.judge).found, [""; 0]);
    }

    /// Something has happened after which it takes a while until all is as it should be.
    fn disturb(&self, ms: i64) {
        let for_ms = if self.is_pair { 3 * PAIR_NOTICES_MS } else { 0 };
        lock(&self.world.judge).disturb(ms, for_ms);
    }

    async fn kills(&mut self, ms: i64, is_evening: bool) {
        for which in 0..=usize::from(self.is_pair) {
            if let Some(at) = self.back_at[which] {
                if ms >= at || is_evening {
                    self.revive(which, ms);
                }
            } else if !is_evening && self.chance(150) {
                let down = self.minutes(0, if self.is_pair { 20 } else { 5 });
                self.back_at[which] = Some(ms + if self.chance(2) { 0 } else { down });
                let unwritten = self.disks[which].unwritten_since(ms);
                // What was written last is of the time before the clock was set, if it was since.
                let by_the_clock = self.world.wall_at(unwritten).min(self.world.wall() - (ms - unwritten));
                self.died_at[which] = (unwritten, by_the_clock);
                lock(&self.world.judge).killed(unwritten);
                if self.chance(4) {
                    self.world.note(format!("m{which} is stopped"));
                    let monitor = self.world.take(which).expect("it lives");
                    monitor.stop().await;
                } else {
                    self.world.note(format!("m{which} is killed"));
                    let crash = SimDisk::random_crash(&mut self.rng);
                    world::kill(&self.world, which, &self.disks[which].disk, crash).await;
                }
                self.apart(ms);
                if !self.disks[which].is_sound() {
                    // What it had heard of the other may be forgotten, and who has what in hand.
                    self.silences_changed = true;
                    self.let_go();
                    lock(&self.world.judge).is_muddled |= self.was_set_back;
                }
                self.disks[which].recovers();
            }
        }
    }

    fn revive(&mut self, which: usize, ms: i64) {
        self.world.note(format!("m{which} is started"));
        self.back_at[which] = None;
        let is_alone = self.world.monitors().next().is_none() || *lock(&self.world.is_parted);
        world::start(&self.world, which, self.is_pair, &self.disks[which]);
        let wall = self.world.wall();
        lock(&self.world.judge).started_ms[which] = ms;
        if is_alone {
            // It hears of nobody who knows better what happened meanwhile.
            let (died, by_the_clock) = self.died_at[which];
            let long_ago = by_the_clock - 10 * MINUTE_MS;
            let mut judge = lock(&self.world.judge);
            judge.facts.alerts.iter_mut().for_each(|alert| alert.is_left_open(died, wall, long_ago));
        }
        let mut judge = lock(&self.world.judge);
        judge.facts.alerts.iter_mut().for_each(|alert| alert.is_counted_anew(wall));
        self.is_forgetful |= judge.facts.silences.iter().any(|silence| silence.is_unsaved);
        drop(judge);
        self.agree_on_silences(ms);
        self.disturb(ms);
        self.together(ms);
    }

    /// Monitors do not all hear each other any more.
    fn apart(&mut self, ms: i64) {
        self.disturb(ms);
        if self.is_pair {
            self.let_go();
        }
        let mut judge = lock(&self.world.judge);
        if judge.together_since.take().is_some_and(|since| ms - since > PAIR_NOTICES_MS) {
            self.silences_changed = false;
        }
        drop(judge);
        // Nobody is there any more who knows better than the one that has just started.
        self.leave_unheard_open();
    }

    /// Who has just started believes in what it has not heard of since.
    fn leave_unheard_open(&self) {
        let (mut judge, wall) = (lock(&self.world.judge), self.world.wall());
        let young = judge.started_ms.into_iter().max().unwrap_or(0);
        let unheard = judge.facts.alerts.iter_mut().filter(|alert| self.is_pair && alert.said_ms < young);
        unheard.for_each(|alert| alert.is_left_open(0, wall, i64::MIN));
    }

    /// Whether all monitors know what senders have said for long enough.
    fn is_settled(&self, ms: i64) -> bool {
        let together_since = lock(&self.world.judge).together_since;
        !self.is_pair || together_since.is_some_and(|at| ms - at > RESOLVE_TIMEOUT_MS + PAIR_NOTICES_MS)
    }

    /// Perhaps they do again.
    fn together(&mut self, ms: i64) {
        let all_live = self.world.monitors().count() == 1 + usize::from(self.is_pair);
        if all_live && !*lock(&self.world.is_parted) {
            self.disturb(ms);
            lock(&self.world.judge).together_since = Some(ms);
        }
    }

    fn line(&mut self, ms: i64, is_evening: bool) {
        if !self.is_pair {
            return;
        }
        let is_cut = self.heals_at.is_none() && self.chance(100) && !is_evening;
        match self.heals_at {
            Some(at) if ms >= at || is_evening => {
                self.world.note("the line heals".to_owned());
                self.heals_at = None;
                *lock(&self.world.is_parted) = false;
                self.together(ms);
            }
            None if is_cut => {
                self.world.note("the line is cut".to_owned());
                self.heals_at = Some(ms + self.minutes(0, 25));
                *lock(&self.world.is_parted) = true;
                self.apart(ms);
            }
            _ => {}
        }
        self.agree_on_silences(ms);
    }

    fn weather(&mut self, ms: i64, is_evening: bool) {
        for route in 0..self.weather_until.len() {
            let is_fair = lock(&self.world.weather)[route].is_fair();
            if !is_fair && (ms >= self.weather_until[route] || is_evening) {
                self.world.note(format!("r{route} is well"));
                lock(&self.world.weather)[route] = Weather::fair();
                // The next attempt of what is under way may be a minute off.
                lock(&self.world.judge).routes_disturbed_until[route] = ms + 70_000;
            } else if !is_fair {
                lock(&self.world.judge).routes_disturbed_until[route] = ms + 70_000;
            } else if !is_evening && self.chance(120) {
                let weather = Weather {
                    status: [200, 500, 503, 429, 400][self.rng.usize(..5)],
                    slow: Duration::from_millis(self.rng.u64(..8) * 1000),
                    has_at_once: self.rng.bool(),
                };
                self.world.note(format!("r{route}: {weather:?}"));
                lock(&self.world.weather)[route] = weather;
                self.weather_until[route] = ms + self.minutes(0, 12);
            }
        }
    }

    fn break_disks(&mut self, ms: i64, is_evening: bool) {
        // Who comes back finds a sound disk: a start on a broken one is tested with the real binary.
        let living = (0..2).filter(|which| self.world.monitor(*which).is_some());
        for which in living.collect::<Vec<_>>() {
            if let Some(what) = self.disks[which].step(&mut self.rng, ms, is_evening) {
                self.world.note(format!("the disk of m{which}: {what}"));
            }
        }
    }

    fn clock(&mut self, ms: i64) {
        if !self.chance(250) {
            return;
        }
        let by = [-3_000, 3_000, -90_000, 90_000, -40 * MINUTE_MS, 40 * MINUTE_MS][self.rng.usize(..6)];
        self.world.note(format!("the clock is set by {} s", by / 1000));
        // What one of them has not heard of since its start it would have believed for some minutes; now that may be longer.
        self.leave_unheard_open();
        self.world.jump(by);
        self.was_set_back |= by < 0;
        self.let_go();
        self.disturb(ms);
    }

    /// Somebody takes an alert in hand, or says that he has it no more.
    fn hand(&mut self, ms: i64) {
        let monitor = if self.is_pair { self.rng.usize(..2) } else { 0 };
        let (number, wall) = (self.rng.usize(..ALERTS), self.world.wall());
        let Some(monitor) = self.world.monitor(monitor).filter(|_| self.chance(25)) else { return };
        let mut judge = lock(&self.world.judge);
        let is_known = !self.is_pair || judge.together_since.is_some_and(|at| ms - at > PAIR_NOTICES_MS);
        let alert = &mut judge.facts.alerts[number];
        let labels = Labels::from_pairs(alert.labels.clone());
        let print = crate::ledger::Fingerprint::of(&labels);
        let takes = alert.in_hand == Some(false);
        let is_done = if takes { monitor.acknowledge(print, "me", "") } else { monitor.unacknowledge(print) };
        let fires = alert.fires(wall) == Some(true);
        assert!(
            is_done || !takes || !fires || self.is_pair,
            "alert {number} fires and cannot be taken in hand"
        );
        if is_done {
            alert.changes_hands(ms, (is_known && fires).then_some(takes));
            judge.note(ms, format!("alert {number} is in hand: {takes}"));
        }
    }

    /// It may be forgotten who has what in hand.
    fn let_go(&self) {
        lock(&self.world.judge).facts.alerts.iter_mut().for_each(TrueAlert::may_be_let_go);
    }

    fn reload(&mut self, ms: i64) {
        if !self.chance(150) {
            return;
        }
        let plan = lock(&self.world.judge).facts.plan.clone();
        let plan = if self.rng.bool() { plan.changed(&mut self.rng) } else { plan };
        self.world.note(format!("reload of\n{}", plan.text()));
        for monitor in self.world.monitors() {
            monitor.reload(super::parse(&plan.text()));
        }
        lock(&self.world.judge).facts.plan = plan;
        self.disturb(ms);
    }

    fn senders(&mut self, ms: i64, is_evening: bool) {
        for alert in 0..self.senders.len() {
            let short = self.chance(3);
            let sender = &mut self.senders[alert];
            if is_evening && (sender.fires || sender.is_mute) {
                (sender.fires, sender.is_mute, sender.since, sender.say_at) = (false, false, ms, ms);
            }
            if !is_evening && ms >= sender.change_at {
                sender.fires = !sender.fires;
                sender.is_mute = !sender.fires && self.rng.u8(..4) == 0;
                (sender.since, sender.say_at) = (ms, ms);
                sender.change_at =
                    ms + if short { self.rng.i64(1_000..120_000) } else { self.rng.i64(2..60) * MINUTE_MS };
            }
            let is_over = !sender.fires && ms - sender.since > ENDS_REPEATED_MS;
            let has_begun = sender.since > 0;
            if ms >= sender.say_at && has_begun && !is_over && !sender.is_mute {
                sender.say_at = ms + self.rng.i64(20_000..60_000);
                self.say(alert, ms);
            }
        }
    }

    fn say(&self, alert: usize, ms: i64) {
        let sender = &self.senders[alert];
        let wall = self.world.wall();
        let labels = lock(&self.world.judge).facts.alerts[alert].labels.clone();
        let began = if sender.from_rules && sender.fires { wall - (ms - sender.since) } else { wall };
        let ends_at = match (sender.fires, sender.from_rules) {
            (true, true) => wall + VALID_MS,
            (true, false) => 0,
            (false, _) => wall,
        };
        let report = Alert {
            labels: Labels::from_pairs(labels),
            annotations: Labels::empty(),
            starts_at: TimestampMs(began),
            ends_at: TimestampMs(ends_at),
            state: if sender.fires { AlertState::Firing } else { AlertState::Resolved },
            generator_url: String::new(),
        };
        let mut is_heard = false;
        for monitor in self.world.monitors() {
            is_heard = true;
            if sender.from_rules {
                monitor.put(vec![report.clone()]);
            } else {
                assert_eq!(monitor.put_from_outside(vec![report.clone()]), [""; 0]);
            }
        }
        if !is_heard {
            return;
        }
        let mut judge = lock(&self.world.judge);
        let state = if sender.fires { "fires" } else { "has ended" };
        judge.note(ms, format!("alert {alert} {state}"));
        match (sender.fires, sender.from_rules) {
            (true, true) => judge.facts.alerts[alert].fired(ms, wall, VALID_MS),
            (true, false) => judge.facts.alerts[alert].fired(ms, wall, RESOLVE_TIMEOUT_MS),
            (false, _) => judge.facts.alerts[alert].ended(ms, wall),
        }
    }
}

/// What the API says of alerts is true.
fn agrees(facts: &Facts, shown: &[crate::AlertStatus], wall: i64) {
    for (number, alert) in facts.alerts.iter().enumerate() {
        let labels = Labels::from_pairs(alert.labels.clone());
        let found = shown.iter().find(|one| one.labels == labels);
        if let Some(fires) = alert.fires(wall) {
            assert_eq!(found.is_some(), fires, "alert {number} is shown: {found:?}");
        }
        let Some(found) = found else { continue };
        let ways = facts.plan.ways(&alert.labels);
        let receivers: Vec<String> = ways.iter().map(|route| format!("r{route}")).collect();
        assert_eq!(found.receivers, receivers, "alert {number}");
        if let Some(is) = facts.is_silenced(number, wall) {
            assert_eq!(!found.silenced_by.is_empty(), is, "alert {number} silenced: {found:?}");
        }
        if let Some(is) = facts.is_inhibited(number, wall) {
            assert_eq!(!found.inhibited_by.is_empty(), is, "alert {number} inhibited: {found:?}");
        }
    }
}

/// Tells what happened before a failure.
struct Teller(Arc<World>);

impl Drop for Teller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let judge = lock(&self.0.judge);
            eprintln!("{}\n{:#?}\n{}", judge.facts.plan.text(), judge.facts.alerts, judge.trace());
        }
    }
}

/// One day; answers how many messages were taken.
fn day(seed: u64, is_pair: bool) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut simulation = Simulation::new(seed, is_pair);
        let teller = Teller(Arc::clone(&simulation.world));
        simulation.day().await;
        lock(&teller.0.judge).taken
    })
}

fn days(usual: u64, is_pair: bool) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
    let seeds = match number("WATCHFIRE_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WATCHFIRE_SIM_SEEDS").unwrap_or(usual),
    };
    let (count, mut taken) = (seeds.end - seeds.start, 0);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| day(seed, is_pair));
        taken += outcome
            .unwrap_or_else(|_| panic!("seed {seed} failed; repeat it with WATCHFIRE_SIM_SEED={seed}"));
    }
    assert!(count < 10 || taken as u64 > 20 * count, "days on which something happens: {taken} in {count}");
}

#[test]
fn alone() {
    days(SEEDS, false);
}

#[test]
fn as_a_pair() {
    days(SEEDS, true);
}
