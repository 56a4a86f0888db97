//! One way through the store for several readings: each part is unpacked once and each line taken through what they have in common
//! once.
//!
//! Every reading keeps what is its own: its span, its limits, whether it was cancelled, its statistics. One that fails or is given up
//! leaves, and the others go on. Together, and with what waits for other readings, they may hold no more than one of them alone; when it
//! becomes too much, the one that holds most is put off, to be read by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logstage::{ERROR, Row};
use model::Labels;
use rayon::prelude::*;
use storage::{LineBatch, LogQuery, LogSelection, NsRange, StreamSet};

use super::failed;
use super::readings::Reading;
use super::samples::{Keys, Sample, Samples, SeriesSamples};
use super::scan::{CHECK_EVERY_LINES, PartRef, all_parts, check_bytes, lines_with};
use super::tree::{End, Lanes, Take, Tree, each_lane, lane_bit};
use crate::engine::EngineOptions;
use crate::error::EvalError;

/// A worker tells what it holds more when it is this many bytes.
const TELL_BYTES: usize = 64 << 10;

/// What became of a reading.
pub(super) enum Outcome {
    Series(Vec<SeriesSamples>),
    Failed(EvalError),
    /// It was too much together with the others.
    PutOff,
}

impl Outcome {
    /// How much room it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Series(series) => series.iter().map(SeriesSamples::bytes).sum(),
            Self::Failed(_) | Self::PutOff => 0,
        }
    }
}

/// Reads for all of them, whose selectors and needles are the same, while so many bytes are held of what was read before.
pub(super) fn read(
    options: &EngineOptions,
    store: &dyn LogQuery,
    readings: &[&Reading<'_>],
    mut held: usize,
) -> Vec<Outcome> {
    match Scan::new(options, store, readings, held) {
        Ok(scan) => scan.run(),
        Err(error) if readings.len() == 1 => vec![Outcome::Failed(error)],
        // The span of all may be too much for what one of them alone can have.
        Err(_) => {
            let alone = readings.iter().flat_map(|reading| {
                let outcomes = read(options, store, &[reading], held);
                held += outcomes.iter().map(Outcome::bytes).sum::<usize>();
                outcomes
            });
            alone.collect()
        }
    }
}

/// How a reading fares, for all workers to see.
#[derive(Default)]
struct Fate {
    /// Nobody need do anything more for it.
    is_over: AtomicBool,
    is_put_off: AtomicBool,
    /// Why it is over.
    error: Mutex<Option<EvalError>>,
}

/// Bytes that all workers hold.
struct Held {
    /// For each reading; what is held for one that is over is let go soon, and counts no more.
    of: Vec<usize>,
    /// For all of them, and of what was read before.
    total: usize,
}

struct Scan<'a> {
    options: &'a EngineOptions,
    readings: &'a [&'a Reading<'a>],
    set: Box<dyn StreamSet>,
    tree: Tree,
    fates: Vec<Fate>,
    held: Mutex<Held>,
    /// Whether nothing else is held beside a single reading: then it is never put off.
    is_alone: bool,
}

/// A part, and the readings to which it may have a line.
type Wanted = (PartRef, Lanes);

impl<'a> Scan<'a> {
    fn new(
        options: &'a EngineOptions,
        store: &dyn LogQuery,
        readings: &'a [&'a Reading<'a>],
        held: usize,
    ) -> Result<Self, EvalError> {
        let Some(first) = readings.first() else { return Err(EvalError::Invalid("nothing to read".into())) };
        let spans = readings.iter().map(|reading| reading.span);
        let range = spans
            .reduce(|a, b| NsRange { from: a.from.min(b.from), until: a.until.max(b.until) })
            .unwrap_or(first.span);
        let matchers = &first.expr.log.matchers;
        let set = store.select(&LogSelection { matchers, range, streams_max: options.streams_max })?;
        let tree = Tree::new(readings)?;
        let fates = readings.iter().map(|_| Fate::default()).collect();
        let is_alone = readings.len() == 1 && held == 0;
        let held = Mutex::new(Held { of: vec![0; readings.len()], total: held });
        Ok(Self { options, readings, set, tree, fates, held, is_alone })
    }

    fn run(self) -> Vec<Outcome> {
        let parts = self.parts();
        let start = || Taking::new(&self);
        let read = |taking: Taking, wanted: &Wanted| taking.read(&self, wanted);
        let Taking { keys, lanes, .. } =
            parts.par_iter().fold(start, read).reduce(start, |a, b| a.join(&self, b));
        let outcome = |(lane, (own, fate)): (usize, (Lane, &Fate))| {
            if let Some(error) = fate.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Outcome::Failed(error);
            }
            let group = self.tree.groups.iter().position(|group| group.lanes & lane_bit(lane) != 0);
            match group.and_then(|group| keys.get(group)) {
                Some(keys) if !fate.is_put_off.load(Ordering::Relaxed) => {
                    Outcome::Series(own.samples.into_series(keys))
                }
                _ => Outcome::PutOff,
            }
        };
        lanes.into_iter().zip(&self.fates).enumerate().map(outcome).collect()
    }

    /// All parts with those who want them. Who would read too much is over.
    fn parts(&self) -> Vec<Wanted> {
        let all = all_parts(self.set.as_ref());
        let touches = |lane: usize, part: &PartRef| {
            let span = &self.readings[lane].span;
            part.info.first < span.until && part.info.last >= span.from
        };
        let mut wanted: Vec<Wanted> = all.into_iter().map(|part| (part, 0)).collect();
        for lane in 0..self.readings.len() {
            let mut own: Vec<PartRef> = Vec::new();
            for (part, lanes) in wanted.iter_mut().filter(|(part, _)| touches(lane, part)) {
                *lanes |= lane_bit(lane);
                own.push(*part);
            }
            if let Err(error) = check_bytes(self.options, &own) {
                // Parts may be larger than its own span would have them.
                if self.readings.len() > 1 {
                    self.put_off(lane, &mut self.held());
                    continue;
                }
                self.fail(lane, error);
            }
            own.dedup_by_key(|part| part.stream);
            self.readings[lane].asker.counters.found(own.len());
        }
        wanted
    }

    fn fail(&self, lane: usize, error: EvalError) {
        let fate = &self.fates[lane];
        fate.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.end(lane, &mut self.held());
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a reading. Its workers let go of what they hold at their next part.
    fn end(&self, lane: usize, held: &mut Held) {
        self.fates[lane].is_over.store(true, Ordering::Relaxed);
        held.total -= std::mem::take(&mut held.of[lane]);
    }

    fn is_over(&self, lane: usize) -> bool {
        self.fates[lane].is_over.load(Ordering::Relaxed)
    }

    /// Those of them that are not over.
    fn awake(&self, lanes: Lanes) -> Lanes {
        let is_awake = |lane: &usize| !self.is_over(*lane);
        each_lane(lanes).filter(is_awake).fold(0, |awake, lane| awake | lane_bit(lane))
    }

    /// Ends those of them that were given up or whose time is over; answers the others.
    fn checked(&self, lanes: Lanes) -> Lanes {
        for lane in each_lane(lanes) {
            if let Err(stop) = self.readings[lane].asker.guard.check() {
                self.fail(lane, stop.into());
            }
        }
        self.awake(lanes)
    }

    /// Counts bytes that a worker holds more for a reading; whether these are now more than it may hold alone. When they are too much
    /// together, those that hold most are put off.
    fn is_too_much(&self, lane: usize, bytes: usize) -> bool {
        let mut held = self.held();
        // Another worker may have ended it meanwhile.
        if self.is_over(lane) {
            return false;
        }
        held.of[lane] += bytes;
        held.total += bytes;
        if self.is_alone {
            return held.total > self.options.held_bytes_max;
        }
        while held.total > self.options.held_bytes_max {
            let awake = each_lane(self.awake(all_of(self.readings.len())));
            let Some(most) = awake.max_by_key(|lane| held.of[*lane]) else { break };
            self.put_off(most, &mut held);
        }
        false
    }

    fn put_off(&self, lane: usize, held: &mut Held) {
        self.fates[lane].is_put_off.store(true, Ordering::Relaxed);
        self.end(lane, held);
        self.readings[lane].asker.counters.put_off();
    }
}

fn all_of(count: usize) -> Lanes {
    (0..count).fold(0, |lanes, lane| lanes | lane_bit(lane))
}

/// What one worker has of one reading.
#[derive(Default)]
struct Lane {
    samples: Samples,
    /// Bytes held that were not told yet.
    untold: usize,
}

impl Lane {
    /// Counts bytes that are held more for a reading with these keys.
    ///
    /// # Errors
    /// When they are too many for the reading alone.
    fn hold(&mut self, scan: &Scan<'_>, (lane, keys): (usize, &Keys), bytes: usize) -> Result<(), EvalError> {
        self.untold += bytes;
        if self.untold >= TELL_BYTES && scan.is_too_much(lane, std::mem::take(&mut self.untold)) {
            return Err(self.samples.too_many(keys, scan.options.held_bytes_max));
        }
        Ok(())
    }
}

/// What one worker has.
struct Taking {
    /// Of each group of the tree.
    keys: Vec<Keys>,
    lanes: Vec<Lane>,
    batch: LineBatch,
}

impl Taking {
    fn new(scan: &Scan<'_>) -> Self {
        let keys = scan.tree.groups.iter().map(|_| Keys::default()).collect();
        let lanes = scan.readings.iter().map(|_| Lane::default()).collect();
        Self { keys, lanes, batch: LineBatch::default() }
    }

    /// Lets go of what is held for readings that are over.
    fn forget(&mut self, scan: &Scan<'_>) {
        let awake = scan.awake(all_of(self.lanes.len()));
        let over = self.lanes.iter_mut().enumerate().filter(|(lane, _)| awake & lane_bit(*lane) == 0);
        over.for_each(|(_, lane)| *lane = Lane::default());
        for (keys, _) in
            self.keys.iter_mut().zip(&scan.tree.groups).filter(|(_, group)| group.lanes & awake == 0)
        {
            *keys = Keys::default();
        }
    }

    /// Adds what a part gives.
    fn read(mut self, scan: &Scan<'_>, (part, lanes): &Wanted) -> Self {
        self.forget(scan);
        let lanes = scan.checked(*lanes);
        let Some(first) = each_lane(lanes).next() else { return self };
        let mut batch = std::mem::take(&mut self.batch);
        let needles = &scan.readings[first].filter.needles;
        match scan.set.read(part.stream, part.part, needles, &mut batch) {
            Err(error) => each_lane(lanes).for_each(|lane| scan.fail(lane, error.clone().into())),
            Ok(bytes) => {
                let mut visit = Visit::new(scan, &mut self, lanes, part);
                visit.count(&batch, bytes);
                visit.lines(&batch);
            }
        }
        self.batch = batch;
        self
    }

    /// Takes over what another worker has.
    fn join(mut self, scan: &Scan<'_>, mut other: Self) -> Self {
        let count = |taking: &Self| taking.keys.iter().map(Keys::len).sum::<usize>();
        if count(&self) < count(&other) {
            std::mem::swap(&mut self, &mut other);
        }
        let mut lanes: Vec<Option<Lane>> = other.lanes.into_iter().map(Some).collect();
        for ((keys, theirs), group) in self.keys.iter_mut().zip(other.keys).zip(&scan.tree.groups) {
            let ours = keys.join(theirs);
            for lane in each_lane(group.lanes) {
                let Some(Lane { samples, untold }) = lanes[lane].take() else { continue };
                let own = &mut self.lanes[lane];
                if scan.is_over(lane) {
                    *own = Lane::default();
                    continue;
                }
                let more = own.samples.join(samples, &ours);
                if let Err(error) = own.hold(scan, (lane, keys), untold + more) {
                    scan.fail(lane, error);
                }
            }
        }
        self
    }
}

/// A worker in the middle of a part.
struct Visit<'b, 't> {
    scan: &'b Scan<'b>,
    taking: &'t mut Taking,
    labels: &'b Labels,
    /// Readings for which lines are looked at.
    awake: Lanes,
    /// Those of them whose span does not have the whole part.
    partial: Lanes,
    /// Lines that passed all stages of each.
    passed: Vec<u64>,
    /// Whether a line is on its way through the stages of one reading only.
    is_alone: bool,
    /// The number of the line at hand.
    number: usize,
    /// The line at hand.
    line: (i64, &'b str, Option<&'b Labels>),
}

impl<'b, 't> Visit<'b, 't> {
    fn new(scan: &'b Scan<'b>, taking: &'t mut Taking, awake: Lanes, part: &PartRef) -> Self {
        taking.keys.iter_mut().for_each(Keys::begin_part);
        let is_partial = |lane: &usize| {
            let span = &scan.readings[*lane].span;
            !span.contains(part.info.first.0) || !span.contains(part.info.last.0)
        };
        let partial = each_lane(awake).filter(is_partial).fold(0, |lanes, lane| lanes | lane_bit(lane));
        let (labels, passed) = (scan.set.labels(part.stream), vec![0; scan.readings.len()]);
        Self { scan, taking, labels, awake, partial, passed, is_alone: false, number: 0, line: (0, "", None) }
    }

    /// Counts the part for each reading as if it were alone.
    fn count(&self, batch: &LineBatch, bytes: usize) {
        for lane in each_lane(self.awake) {
            let Reading { span, asker, .. } = self.scan.readings[lane];
            let from = batch.times_ns.partition_point(|at| *at < span.from.0);
            let until = batch.times_ns.partition_point(|at| *at < span.until.0);
            asker.counters.read(bytes, until.saturating_sub(from));
        }
    }

    /// Takes all lines through the tree.
    fn lines(&mut self, batch: &'b LineBatch) {
        let tree = &self.scan.tree;
        let mut row = Row::new(0, "", self.labels, None);
        let mut spares = tree.spares(&row);
        let found = tree.finder().map(|finder| lines_with(finder, batch));
        for i in 0..found.as_ref().map_or(batch.len(), Vec::len) {
            if i % CHECK_EVERY_LINES == CHECK_EVERY_LINES - 1 {
                self.awake = self.scan.checked(self.awake);
            }
            let at = found.as_ref().map_or(i, |found| found[i]);
            self.number = at;
            self.line = (batch.times_ns[at], batch.line(at), batch.metadata(at));
            let (at_ns, line, metadata) = self.line;
            let outside = |lane: &usize| !self.scan.readings[*lane].span.contains(at_ns);
            let outside = each_lane(self.partial).filter(outside).fold(0, |out, lane| out | lane_bit(lane));
            let lanes = self.awake & !outside;
            if lanes != 0 {
                row.reset(at_ns, line, metadata);
                tree.run(&mut row, &mut spares, lanes, self);
            }
        }
        for lane in 0..self.passed.len() {
            self.scan.readings[lane].asker.counters.passed(self.passed[lane]);
        }
    }

    fn leave(&mut self, lane: usize, error: EvalError) {
        self.scan.fail(lane, error);
        self.awake &= !lane_bit(lane);
    }

    /// Counts bytes that are held more for a reading; it leaves when they are too many.
    fn hold(&mut self, lane: usize, bytes: usize, group: usize) {
        let Taking { keys, lanes, .. } = &mut *self.taking;
        if let Err(error) = lanes[lane].hold(self.scan, (lane, &keys[group]), bytes) {
            self.leave(lane, error);
        }
    }
}

impl<'b> Take<'b> for Visit<'b, '_> {
    fn take(&mut self, end: &'b End, row: &Row<'b>, number: f64, lanes: Lanes) {
        let lanes = lanes & self.awake;
        match row.get(ERROR) {
            None => self.pass(lanes),
            Some(kind) if self.is_alone => {
                each_lane(lanes).for_each(|lane| self.leave(lane, failed(kind, row)));
                return;
            }
            // The error tells all fields of the line: those that the reading sees, not those of its company.
            Some(_) => return self.alone(&self.scan.tree, lanes),
        }
        for &place in &end.groups {
            let group = &self.scan.tree.groups[place];
            let mut id = None;
            for lane in each_lane(group.lanes & lanes) {
                let plan = &self.scan.readings[lane].plan;
                let Some(ms) = plan.piece(row.at_ns()) else { continue };
                let value = match plan.sample {
                    Sample::Line => 1.0,
                    Sample::Bytes => row.line().len() as f64,
                    Sample::Unwrapped => number,
                };
                let keys = &mut self.taking.keys[place];
                let id = *id.get_or_insert_with(|| match self.is_alone {
                    false => keys.id(&group.by, row, self.number),
                    true => keys.find(&group.by, row),
                });
                let bytes = self.taking.lanes[lane].samples.add(keys, id, (ms, value), plan.join);
                if bytes > 0 {
                    self.hold(lane, bytes, place);
                }
            }
        }
    }

    fn pass(&mut self, lanes: Lanes) {
        each_lane(lanes).for_each(|lane| self.passed[lane] += 1);
    }

    fn alone(&mut self, tree: &'b Tree, lanes: Lanes) {
        let (at_ns, line, metadata) = self.line;
        let mut row = Row::new(at_ns, line, self.labels, metadata);
        let mut spare = row.clone();
        self.is_alone = true;
        for lane in each_lane(lanes & self.awake) {
            row.reset(at_ns, line, metadata);
            if self.scan.readings[lane].filter.passes(&mut row) {
                tree.finish_alone(lane, &row, &mut spare, self);
            }
        }
        self.is_alone = false;
    }
}
