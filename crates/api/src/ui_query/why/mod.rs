//! Why a query that works gave nothing: asked only of empty answers, since it looks at the store again.
//!
//! First each selector by itself, in the order of writing: is there a metric of that name, do its labels match, are there
//! samples in the time that the query looks at? Only when all of them have samples, the parts of the expression are
//! evaluated from the inside out, until the first is found that makes nothing of something.

mod blame;
mod missing;

use columns::{Steps, TimeRange, is_absent};
use model::TimestampMs;
use promql::ast::{At, ExprKind, Selector};
use promql::{Cancel, EvalError, Expr, Span};
use serde_json::{Value, json};
use storage::{QueryError, Samples, Selection, SeriesSet, StepValues};

use crate::state::ApiState;
use crate::syntax::milliseconds;

/// Series of one selection that are looked at one by one; where more are found, the rest are taken to be like them.
const SERIES_LOOKED_AT_MAX: usize = 1000;

/// One sentence for people, and which part of the query it is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Why {
    /// What kind of reason: a page shows some with a link.
    kind: Kind,
    /// `{at}` in it stands for `at_ms` in the reader's own time.
    message: String,
    span: Span,
    at_ms: Option<i64>,
    /// What could stand in the place of the span instead, nearest first.
    instead: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No metric of that name.
    Metric,
    /// The metric is there, series with these labels are not.
    Labels,
    /// They would come from a target that cannot be scraped.
    Target,
    /// They are there, but not in the time asked for.
    Time,
    /// All series are there, but the expression leaves none.
    Expression,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Labels => "labels",
            Self::Target => "target",
            Self::Time => "time",
            Self::Expression => "expression",
        }
    }
}

impl Why {
    fn new(kind: Kind, span: Span, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), span, at_ms: None, instead: Vec::new() }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut all = json!({
            "kind": self.kind.as_str(),
            "message": self.message,
            "start": self.span.start,
            "end": self.span.end,
        });
        if let Some(at_ms) = self.at_ms {
            all["at_ms"] = json!(at_ms);
        }
        if !self.instead.is_empty() {
            all["instead"] = json!(self.instead);
        }
        all
    }
}

/// What went wrong on the way to a reason; nobody is told, the answer stays as empty as it was.
#[derive(Debug)]
pub(super) struct Unknown;

impl From<QueryError> for Unknown {
    fn from(_: QueryError) -> Self {
        Self
    }
}

impl From<EvalError> for Unknown {
    fn from(_: EvalError) -> Self {
        Self
    }
}

/// Why `query`, which gave nothing at `steps`, did so. Looks at the store: call it off the async threads.
pub(super) fn explain(
    state: &ApiState,
    cancel: &Cancel,
    query: &Expr,
    steps: &Steps,
    end: TimestampMs,
) -> Option<Why> {
    let asked = Asked { state, cancel, steps, end };
    asked.explain(query).ok().flatten()
}

/// The question, as all parts here need it.
struct Asked<'a> {
    state: &'a ApiState,
    cancel: &'a Cancel,
    steps: &'a Steps,
    end: TimestampMs,
}

/// A selector as it stands in the query, and the time that it looks at.
struct Looked<'a> {
    selector: &'a Selector,
    span: Span,
    window: TimeRange,
    /// The moments at which its newest sample counts; `None` where all samples of the window do.
    steps: Option<Steps>,
}

impl Asked<'_> {
    fn explain(&self, query: &Expr) -> Result<Option<Why>, Unknown> {
        let whole = TimeRange { from: self.steps.start, to: self.steps.last() };
        let mut all = Vec::new();
        self.collect(query, whole, &mut all);
        for looked in &all {
            if self.cancel.is_cancelled() {
                return Err(Unknown);
            }
            if !self.has_samples(looked)? {
                return self.missing(looked).map(Some);
            }
        }
        self.blame(query)
    }

    /// All selectors below `expr`, in the order of writing, each with its own window. `window` is when the value of `expr` is
    /// asked for.
    fn collect<'e>(&self, expr: &'e Expr, window: TimeRange, out: &mut Vec<Looked<'e>>) {
        let mut add = |selector: &'e Selector, back_ms: i64, newest: bool| {
            let offset = selector.offset.as_ref().map_or(0, milliseconds);
            let is_whole = window.from == self.steps.start && window.to == self.steps.last();
            let window = self.moved(window, selector.at, back_ms, offset);
            let steps = match selector.at {
                Some(_) => Steps::instant(window.to),
                None => self.steps.earlier(offset),
            };
            // A subquery has steps of its own; there any sample is taken for one that counts.
            let steps = (newest && is_whole).then_some(steps);
            out.push(Looked { selector, span: expr.span, window, steps });
        };
        match &expr.kind {
            ExprKind::Selector(selector) => add(selector, self.lookback_ms(), true),
            ExprKind::Matrix(matrix) => add(&matrix.selector, milliseconds(&matrix.range), false),
            ExprKind::Subquery(s) => {
                let offset = s.offset.as_ref().map_or(0, milliseconds);
                let window = self.moved(window, s.at, milliseconds(&s.range), offset);
                self.collect(&s.expr, window, out);
            }
            _ => expr.children().into_iter().for_each(|child| self.collect(child, window, out)),
        }
    }

    fn moved(&self, window: TimeRange, at: Option<At>, back_ms: i64, offset_ms: i64) -> TimeRange {
        let fixed = |at: TimestampMs| TimeRange { from: at, to: at };
        let seen = match at {
            None => window,
            Some(At::Timestamp(ms)) => fixed(TimestampMs(ms)),
            Some(At::Start) => fixed(self.steps.start),
            Some(At::End) => fixed(self.end),
        };
        TimeRange {
            from: TimestampMs(seen.from.0.saturating_sub(back_ms).saturating_sub(offset_ms)),
            to: TimestampMs(seen.to.0.saturating_sub(offset_ms)),
        }
    }

    fn select(
        &self,
        matchers: &[model::Matcher],
        range: TimeRange,
    ) -> Result<Box<dyn SeriesSet>, QueryError> {
        let series_max = self.state.engine.options().series_max;
        self.state.store.select(&Selection { matchers, range, series_max })
    }

    fn lookback_ms(&self) -> i64 {
        self.state.engine.options().lookback.0
    }

    /// Whether the selector finds anything. A series that ended has samples before its end, which count no more.
    fn has_samples(&self, looked: &Looked<'_>) -> Result<bool, Unknown> {
        let set = self.select(&looked.selector.matchers, looked.window)?;
        if set.len() > SERIES_LOOKED_AT_MAX {
            return Ok(true);
        }
        let (mut samples, mut newest) = (Samples::default(), StepValues::default());
        for i in 0..set.len() {
            let found = if let Some(steps) = &looked.steps {
                set.values_at(i, steps, self.lookback_ms(), &mut newest)?;
                newest.values.iter().any(|value| !is_absent(*value))
            } else {
                set.samples(i, looked.window, &mut samples)?;
                !samples.times_ms.is_empty()
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
