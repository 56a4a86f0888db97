//! `info()`: adds labels of info metrics (`target_info` unless told otherwise) to series of the same instance and job.
//!
//! For each step and each series the info series with equal identifying labels are looked up, as of the moment from
//! which the series itself was read (`@` and `offset` included). Of several of one metric the latest sample wins, so
//! that an info series that was replaced gives way at once. Series that are info metrics themselves pass unchanged.

use std::collections::HashMap;

use columns::{ABSENT, Steps, is_absent};
use model::{Labels, METRIC_NAME, MatchOp, Matcher};
use storage::StepValues;

use crate::ast::{Call, Expr, ExprKind, Span};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::{Column, in_braces};

/// The labels by which series and their info series meet.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
const DEFAULT_INFO_METRIC: &str = "target_info";
/// What counts as an info metric when the selector only says which names it does not want.
const ANY_INFO_METRIC: &str = ".+_info";

/// Which info series to use, and which of their labels.
struct Wanted {
    names: Vec<Matcher>,
    data: Vec<Matcher>,
}

/// An info series at the moments looked at.
struct InfoSeries {
    labels: Labels,
    found: StepValues,
}

impl Evaluator<'_> {
    pub(super) fn info(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        let base = self.filled_vector(&call.args[0], steps)?;
        let wanted = Wanted::from(call.args.get(1), span)?;
        let look = self.read_moments(&call.args[0], steps)?;
        let infos = self.info_series(&wanted, &look)?;
        let mut by_identity: HashMap<[String; 2], Vec<usize>> = HashMap::new();
        for (i, info) in infos.iter().enumerate() {
            by_identity.entry(identity(&info.labels)).or_default().push(i);
        }
        let mut out = Enriched { columns: Vec::new(), places: HashMap::new(), steps: steps.count };
        let pinned = look.count == 1;
        for column in &base {
            self.guard.check()?;
            let key = identity(&column.labels);
            let is_info = wanted.names.iter().all(|matcher| matcher.matches_labels(&column.labels));
            if is_info || key.iter().all(String::is_empty) {
                let keep = is_info || wanted.accepts_none();
                out.whole(column, keep);
                continue;
            }
            let near = by_identity.get(&key).map_or(&[] as &[usize], Vec::as_slice);
            for (step, &value) in column.values.iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
                let at = if pinned { 0 } else { step };
                if let Some(labels) = wanted.enrich(&column.labels, near, &infos, at, span)? {
                    out.put(labels, column.drop_name, step, value, span)?;
                }
            }
            self.guard.allow(self.held.saturating_add(out.columns.len().saturating_mul(steps.count)))?;
        }
        Ok(out.columns)
    }

    fn info_series(&mut self, wanted: &Wanted, look: &Steps) -> Result<Vec<InfoSeries>, EvalError> {
        let matchers: Vec<Matcher> = wanted.names.iter().chain(&wanted.data).cloned().collect();
        let set = self.select(&matchers, storage::query::covering(look, self.lookback_ms))?;
        let mut all = Vec::with_capacity(set.len());
        for i in 0..set.len() {
            self.guard.check()?;
            let mut found = StepValues::default();
            let read = set.values_at(i, look, self.lookback_ms, &mut found)?;
            self.guard.count_read(read);
            self.guard.allow(self.held.saturating_add((all.len() + 1).saturating_mul(look.count)))?;
            all.push(InfoSeries { labels: set.labels(i), found });
        }
        Ok(all)
    }

    /// The moments at which the first selector within `expr` reads its samples.
    fn read_moments(&self, expr: &Expr, steps: &Steps) -> Result<Steps, EvalError> {
        let (at, offset, inner) = match &expr.kind {
            ExprKind::Selector(selector) => (selector.at, selector.offset.as_ref(), None),
            ExprKind::Matrix(matrix) => (matrix.selector.at, matrix.selector.offset.as_ref(), None),
            ExprKind::Subquery(subquery) => (subquery.at, subquery.offset.as_ref(), Some(&subquery.expr)),
            _ => {
                let has_selector = |child: &&Expr| {
                    let mut any = false;
                    child.for_each_selector(&mut |_| any = true);
                    any
                };
                return match expr.children().into_iter().find(has_selector) {
                    Some(child) => self.read_moments(child, steps),
                    None => Ok(*steps),
                };
            }
        };
        let look = self.looked_at(at, offset, expr.span, steps)?;
        inner.map_or(Ok(look), |inner| self.read_moments(inner, &look))
    }
}

impl Wanted {
    fn from(arg: Option<&Expr>, span: Span) -> Result<Self, EvalError> {
        let mut wanted = Self { names: Vec::new(), data: Vec::new() };
        if let Some(ExprKind::Selector(selector)) = arg.map(|arg| &arg.kind) {
            (wanted.names, wanted.data) =
                selector.matchers.iter().cloned().partition(|matcher| matcher.name == METRIC_NAME);
        }
        if wanted.names.is_empty() {
            wanted.names.push(Matcher::equal(METRIC_NAME, DEFAULT_INFO_METRIC));
        } else if wanted.names.iter().all(Matcher::is_negative) {
            let any = Matcher::new(METRIC_NAME, MatchOp::Regex, ANY_INFO_METRIC);
            wanted.names.push(any.map_err(|error| EvalError::at(span, error.to_string()))?);
        }
        Ok(wanted)
    }

    /// Whether a series without any info series passes.
    fn accepts_none(&self) -> bool {
        self.data.iter().all(Matcher::matches_empty)
    }

    /// The labels of a series at one step with those of its info series; `None` when it does not pass.
    fn enrich(
        &self,
        base: &Labels,
        near: &[usize],
        infos: &[InfoSeries],
        at: usize,
        span: Span,
    ) -> Result<Option<Labels>, EvalError> {
        let latest = latest_by_name(near, infos, at, span)?;
        if latest.is_empty() {
            return Ok(self.accepts_none().then(|| base.clone()));
        }
        let mut added: HashMap<&str, &str> = HashMap::new();
        for info in latest.values() {
            for (name, value) in &info.labels {
                let listed = self.data.is_empty() || self.data.iter().any(|matcher| matcher.name == name);
                if !listed || name == METRIC_NAME || IDENTIFYING.contains(&name) || base.get(name).is_some() {
                    continue;
                }
                if added.insert(name, value).is_some_and(|before| before != value) {
                    return Err(EvalError::at(span, format!("conflicting label: {name}")));
                }
            }
        }
        let mut builder = base.to_builder();
        added.into_iter().for_each(|(name, value)| {
            builder.set(name, value);
        });
        Ok(Some(builder.build()))
    }
}

/// Of each info metric the series whose sample is the latest.
fn latest_by_name<'a>(
    near: &[usize],
    infos: &'a [InfoSeries],
    at: usize,
    span: Span,
) -> Result<HashMap<&'a str, &'a InfoSeries>, EvalError> {
    let mut latest: HashMap<&str, &InfoSeries> = HashMap::new();
    for info in near.iter().map(|&i| &infos[i]).filter(|info| !is_absent(info.found.values[at])) {
        let before = latest.get(info.labels.metric_name()).map(|before| before.found.times_ms[at]);
        match before.map(|before| info.found.times_ms[at].cmp(&before)) {
            None | Some(std::cmp::Ordering::Greater) => {
                latest.insert(info.labels.metric_name(), info);
            }
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => {
                let existing =
                    latest.get(info.labels.metric_name()).map_or(String::new(), |e| in_braces(&e.labels));
                let (new, ms) = (in_braces(&info.labels), info.found.times_ms[at]);
                let message = format!(
                    "found duplicate series for info metric: existing {existing} @ {ms}, new {new} @ {ms}"
                );
                return Err(EvalError::at(span, message));
            }
        }
    }
    Ok(latest)
}

fn identity(labels: &Labels) -> [String; 2] {
    IDENTIFYING.map(|name| labels.get(name).unwrap_or("").to_owned())
}

/// The result as it grows: a series may go by several label sets over time.
struct Enriched {
    columns: Vec<Column>,
    places: HashMap<(Labels, bool), usize>,
    steps: usize,
}

impl Enriched {
    fn place(&mut self, labels: Labels, drop_name: bool) -> usize {
        *self.places.entry((labels, drop_name)).or_insert_with_key(|(labels, drop_name)| {
            let (labels, drop_name) = (labels.clone(), *drop_name);
            self.columns.push(Column { labels, values: vec![ABSENT; self.steps], drop_name });
            self.columns.len() - 1
        })
    }

    fn whole(&mut self, column: &Column, keep: bool) {
        if keep {
            let place = self.place(column.labels.clone(), column.drop_name);
            self.columns[place].values.clone_from(&column.values);
        }
    }

    fn put(
        &mut self,
        labels: Labels,
        drop_name: bool,
        step: usize,
        value: f64,
        span: Span,
    ) -> Result<(), EvalError> {
        let place = self.place(labels, drop_name);
        let slot = &mut self.columns[place].values[step];
        if !is_absent(*slot) {
            return Err(EvalError::at(span, "vector cannot contain metrics with the same labelset"));
        }
        *slot = value;
        Ok(())
    }
}
