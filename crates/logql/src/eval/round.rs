//! Metric queries that are asked together: one group of readings after the other goes through the store, and a query is evaluated as soon
//! as all of it was read. So a slow one takes the time of those only with which it is read, and little waits to be evaluated.

use std::time::{Duration, Instant};

use storage::LogQuery;

use super::metric::Evaluator;
use super::readings::{Asker, Reading, functions, together};
use super::shared::{self, Outcome};
use super::tree::LANES_MAX;
use crate::engine::{EngineOptions, MetricAnswer, MetricRequest, TOGETHER, Together};
use crate::error::EvalError;

/// Functions of a round that are made ready before the first of them is read, and may be read together: the patterns of each may take a
/// megabyte. Further ones are put off, to be read when it is their turn.
const READINGS_MAX: usize = LANES_MAX;

/// Evaluates metric queries together: what they have in common is read once.
pub(crate) fn metrics(
    options: &EngineOptions,
    store: &dyn LogQuery,
    requests: &[MetricRequest<'_>],
) -> Together {
    let askers: Vec<Result<Asker<'_>, EvalError>> =
        requests.iter().map(|request| Asker::new(options, request)).collect();
    let mut round = Round { options, store, queries: Vec::new(), readings: Vec::new(), places: Vec::new() };
    requests.iter().zip(&askers).for_each(|(request, asker)| round.add(request, asker));
    let groups = together(&round.readings);
    for group in &groups {
        round.read(group);
        round.evaluate(|query| query.is_ready());
    }
    round.evaluate(|_| true);
    let shared = round.queries.iter().filter(|query| query.is_shared).count() as u64;
    let put_off = askers.iter().flatten().map(|asker| asker.counters.put_offs()).sum();
    let answers = round.queries.into_iter().map(|query| query.answer);
    let none = || Err(EvalError::Invalid("the query was not evaluated".to_owned()));
    Together { answers: answers.map(|answer| answer.unwrap_or_else(none)).collect(), shared, put_off }
}

/// A query, as far as it is.
struct Query<'a> {
    request: &'a MetricRequest<'a>,
    asker: Option<&'a Asker<'a>>,
    /// What became of each function, in the order in which they are evaluated; `None` before it was read.
    outcomes: Vec<Option<Outcome>>,
    /// How long it may still take.
    left: Duration,
    /// Whether anything of it was read together with another query.
    is_shared: bool,
    answer: Option<Result<MetricAnswer, EvalError>>,
}

impl Query<'_> {
    /// Whether nothing need be read any more. Those of which something was put off come last.
    fn is_ready(&self) -> bool {
        self.outcomes.iter().all(|outcome| !matches!(outcome, None | Some(Outcome::PutOff)))
    }
}

struct Round<'a> {
    options: &'a EngineOptions,
    store: &'a dyn LogQuery,
    queries: Vec<Query<'a>>,
    readings: Vec<Reading<'a>>,
    /// Of each reading its query, and which of its functions it is.
    places: Vec<(usize, usize)>,
}

impl<'a> Round<'a> {
    fn add(&mut self, request: &'a MetricRequest<'a>, asker: &'a Result<Asker<'a>, EvalError>) {
        let left = self.options.timeout;
        let asker = match asker {
            Ok(asker) => asker,
            Err(error) => {
                let (outcomes, answer) = (Vec::new(), Some(Err(error.clone())));
                let asker = None;
                return self.queries.push(Query { request, asker, outcomes, left, is_shared: false, answer });
            }
        };
        let mut outcomes = Vec::new();
        for (expr, early) in functions(request.query) {
            if self.readings.len() == READINGS_MAX {
                asker.counters.put_off();
                outcomes.push(Some(Outcome::PutOff));
                continue;
            }
            match Reading::new(expr, early, asker) {
                Ok(reading) => {
                    self.readings.push(reading);
                    self.places.push((self.queries.len(), outcomes.len()));
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Outcome::Failed(error))),
            }
        }
        let (asker, is_shared, answer) = (Some(asker), false, None);
        self.queries.push(Query { request, asker, outcomes, left, is_shared, answer });
    }

    /// Reads a group.
    fn read(&mut self, group: &[usize]) {
        let mut queries: Vec<usize> = group.iter().map(|reading| self.places[*reading].0).collect();
        queries.dedup();
        if queries.len() > 1 {
            queries.iter().for_each(|query| self.queries[*query].is_shared = true);
        }
        let waiting = self.queries.iter().flat_map(|query| &query.outcomes);
        let held = waiting.flatten().map(Outcome::bytes).sum();
        let outcomes = self.timed(&queries, |round| {
            let readings: Vec<&Reading<'_>> = group.iter().map(|reading| &round.readings[*reading]).collect();
            shared::read(round.options, round.store, &readings, held)
        });
        for (reading, outcome) in group.iter().zip(outcomes) {
            let (query, function) = self.places[*reading];
            self.queries[query].outcomes[function] = Some(outcome);
        }
    }

    /// Evaluates those that have no answer yet.
    fn evaluate(&mut self, is_due: impl Fn(&Query<'_>) -> bool) {
        for i in 0..self.queries.len() {
            let query = &mut self.queries[i];
            let (None, Some(asker), true) = (&query.answer, query.asker, is_due(query)) else { continue };
            let (request, outcomes) = (query.request, std::mem::take(&mut query.outcomes));
            let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::PutOff)).collect();
            let answer = self.timed(&[i], |round| {
                Evaluator::new(round.options, round.store, asker, outcomes).answer(request)
            });
            self.queries[i].answer = Some(answer);
        }
    }

    /// Works on the time of these queries. It runs the slower the more they are: each goes through with what the others need too.
    fn timed<T>(&mut self, queries: &[usize], work: impl FnOnce(&Self) -> T) -> T {
        let slower = u32::try_from(queries.len().div_ceil(TOGETHER)).unwrap_or(u32::MAX).max(1);
        for query in queries.iter().map(|query| &self.queries[*query]) {
            if let Some(asker) = query.asker {
                asker.guard.restart(query.left.saturating_mul(slower));
            }
        }
        let started = Instant::now();
        let done = work(self);
        let took = started.elapsed() / slower;
        for query in queries {
            self.queries[*query].left = self.queries[*query].left.saturating_sub(took);
        }
        done
    }
}
