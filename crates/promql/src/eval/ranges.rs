//! Functions over ranges: which kernel computes them, and its run over all series.

use columns::{ABSENT, Edges, WindowOp, is_absent, window};
use model::Labels;
use storage::Samples;

use crate::ast::{Call, Edge, Expr, ExprKind, Span, ValueKind};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::Column;
use crate::eval::rows::{Scratch, Streamed, collect, single_name};
use crate::eval::select::{RangeInput, Source, reach};
use crate::functions::extended;
use crate::functions::over_time::{self, Window};
use columns::rate::{self, Change};
use columns::vector::{Rows, Tally};

/// After so many samples a worker looks whether to stop: some milliseconds of the slowest kernel.
const CHECK_EVERY_SAMPLES: usize = 100_000;

/// What computes a function.
#[derive(Clone, Copy)]
enum Kernel {
    /// A summary that the store may know without decoding, and what to make of it.
    Summary(WindowOp, fn(f64) -> f64),
    /// From the first and last sample of each window, which are not all: value and time of each.
    Edge(fn(&Edges, usize) -> f64),
    /// From the change between the two.
    Change(Change),
    /// How many neighbours a running count tells apart.
    Pairs(fn(f64, f64) -> bool),
    /// From all samples of each window.
    Samples(fn(&Window<'_>) -> Option<f64>),
}

fn kernel(name: &str) -> Option<Kernel> {
    use Kernel::{Change, Edge, Pairs, Samples, Summary};
    Some(match name {
        "rate" => Change(rate::RATE),
        "increase" => Change(rate::INCREASE),
        "delta" => Change(rate::DELTA),
        "irate" => Samples(over_time::irate),
        "idelta" => Samples(over_time::idelta),
        "deriv" => Samples(over_time::deriv),
        "predict_linear" => Samples(over_time::predict_linear),
        "changes" => Pairs(over_time::is_change),
        "resets" => Pairs(over_time::is_reset),
        "avg_over_time" => Summary(WindowOp::Avg, |value| value),
        "sum_over_time" => Summary(WindowOp::Sum, |value| value),
        "min_over_time" => Summary(WindowOp::Min, |value| value),
        "max_over_time" => Summary(WindowOp::Max, |value| value),
        "count_over_time" => Summary(WindowOp::Count, |value| value),
        "last_over_time" => Summary(WindowOp::Last, |value| value),
        "present_over_time" | "absent_over_time" => Summary(WindowOp::Count, |_| 1.0),
        "first_over_time" => Edge(|edges, i| edges.first[i]),
        "ts_of_first_over_time" => Edge(|edges, i| edges.spans().first_ms[i] as f64 / 1000.0),
        "ts_of_last_over_time" => Edge(|edges, i| edges.spans().last_ms[i] as f64 / 1000.0),
        "ts_of_max_over_time" => Samples(over_time::ts_of_max),
        "ts_of_min_over_time" => Samples(over_time::ts_of_min),
        "stddev_over_time" => Samples(over_time::stddev),
        "stdvar_over_time" => Samples(over_time::stdvar),
        "mad_over_time" => Samples(over_time::mad),
        "quantile_over_time" => Samples(over_time::quantile_of),
        "double_exponential_smoothing" => Samples(over_time::double_exponential_smoothing),
        _ => return None,
    })
}

/// One function over one input.
struct RangeRows {
    name: &'static str,
    kernel: Kernel,
    input: RangeInput,
    /// Scalar arguments, a value a step each.
    params: Vec<Vec<f64>>,
    steps: columns::Steps,
    lookback_ms: i64,
    span: Span,
}

impl Evaluator<'_> {
    /// Evaluates a function that takes a range.
    pub(super) fn range_call(
        &mut self,
        call: &Call,
        span: Span,
        steps: &columns::Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let (rows, arg) = self.prepare(call, span, steps)?;
        let columns = collect(&rows, &Tally::from(&self.guard, self.held))?;
        if rows.name == "absent_over_time" {
            return Ok(super::call::absent(&columns, super::call::absent_labels(arg), steps.count));
        }
        if rows.name == "rate" || rows.name == "increase" {
            let mut previous = "";
            for name in columns.iter().map(|column| column.labels.metric_name()) {
                if name != previous {
                    self.note_non_counter(name, arg.span);
                }
                previous = name;
            }
        }
        if keeps_name(rows.name) { Ok(columns) } else { self.named_away(columns, span) }
    }

    /// The same, row by row: where it is sure that no two become equal when they lose their names.
    pub(super) fn range_rows(
        &mut self,
        call: &Call,
        span: Span,
        steps: &columns::Steps,
    ) -> Result<Option<Streamed>, EvalError> {
        let Some(ExprKind::Matrix(matrix)) = range_arg(call).map(|arg| &arg.unwrap_parens().kind) else {
            return Ok(None);
        };
        let name = single_name(&matrix.selector.matchers);
        let is_sure =
            keeps_name(call.function.name) || (name.is_some() && !self.options.delayed_name_removal);
        if !is_sure || matrix.selector.at.is_some() || call.function.name == "absent_over_time" {
            return Ok(None);
        }
        let (rows, arg) = self.prepare(call, span, steps)?;
        let is_for_counters = matches!(rows.name, "rate" | "increase");
        let non_counter = name.filter(|_| is_for_counters).map(|name| (name.to_owned(), arg.span));
        Ok(Some(Streamed { rows: Box::new(rows), non_counter }))
    }

    fn prepare<'e>(
        &mut self,
        call: &'e Call,
        span: Span,
        steps: &columns::Steps,
    ) -> Result<(RangeRows, &'e Expr), EvalError> {
        let name = call.function.name;
        let Some((kernel, arg)) = kernel(name).zip(range_arg(call)) else {
            return Err(EvalError::at(span, format!("function {name:?} takes no range")));
        };
        check_edge(name, arg)?;
        let params = self.range_params(call, steps)?;
        let input = self.range_input(arg, steps)?;
        let lookback_ms = self.lookback_ms;
        Ok((RangeRows { name, kernel, input, params, steps: *steps, lookback_ms, span }, arg))
    }

    /// The scalar arguments, checked.
    fn range_params(&mut self, call: &Call, steps: &columns::Steps) -> Result<Vec<Vec<f64>>, EvalError> {
        let mut params = Vec::new();
        for (i, arg) in call.args.iter().enumerate() {
            if call.function.arg(i) != ValueKind::Scalar {
                continue;
            }
            let values = self.scalar(arg, steps)?;
            if call.function.name == "quantile_over_time" {
                self.note_quantiles(&values, arg.span);
            }
            params.push(values);
        }
        Ok(params)
    }

    /// Warns of quantiles that are no quantiles.
    pub(super) fn note_quantiles(&mut self, values: &[f64], span: Span) {
        for value in values.iter().filter(|value| !(0.0..=1.0).contains(*value)) {
            let shown = model::format_float(*value);
            self.notes.warn(span, &format!("quantile value should be between 0 and 1, got {shown}"));
        }
    }

    pub(super) fn note_non_counter(&mut self, name: &str, span: Span) {
        const COUNTER_ENDS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
        if name.is_empty() || COUNTER_ENDS.iter().any(|end| name.ends_with(end)) {
            return;
        }
        let text = format!(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
        );
        self.notes.info(span, &text);
    }
}

impl Rows for RangeRows {
    type Scratch = Scratch;
    type Error = EvalError;

    fn settle(&self, scratch: &mut Scratch, tally: &Tally<'_>) {
        scratch.settle(tally);
    }

    fn len(&self) -> usize {
        self.input.len()
    }

    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        self.input.with_labels(i, visit);
    }

    fn drop_name(&self, i: usize) -> bool {
        self.input.drop_name(i)
    }

    fn is_nameless(&self) -> bool {
        !keeps_name(self.name)
    }

    fn row<'s>(
        &'s self,
        i: usize,
        scratch: &'s mut Scratch,
        tally: &Tally<'_>,
    ) -> Result<Option<&'s [f64]>, EvalError> {
        scratch.check(tally)?;
        let read = self.fill(i, scratch, tally)?;
        scratch.count_read(read);
        let values = &mut scratch.values;
        // Under `@` there is one window for all steps.
        if let (&[value], true) = (values.as_slice(), self.steps.count > 1) {
            values.resize(self.steps.count, value);
        }
        Ok(values.iter().any(|value| !is_absent(*value)).then_some(values))
    }
}

impl RangeRows {
    /// Computes series `i` into the worker's memory, a value a window; returns how many samples were read for it.
    fn fill(&self, i: usize, scratch: &mut Scratch, tally: &Tally<'_>) -> Result<usize, EvalError> {
        let windows = &self.input.windows;
        let Scratch { values, samples, .. } = scratch;
        match (&self.input.source, self.kernel) {
            (Source::Stored { set, edge }, _) if *edge != Edge::Plain => {
                set.samples(i, reach(windows, *edge, self.lookback_ms), samples)?;
                *values = extended::column(self.name, *edge, samples, windows, self.lookback_ms);
                Ok(samples.times_ms.len())
            }
            (_, Kernel::Summary(op, make)) => self.fill_summary(i, op, make, values),
            (_, Kernel::Edge(_) | Kernel::Change(_)) => self.fill_edges(i, scratch),
            (Source::Stored { set, .. }, Kernel::Pairs(_) | Kernel::Samples(_)) => {
                set.samples(i, storage::query::covering(&windows.steps, windows.range_ms), samples)?;
                tally.pass(samples.times_ms.len())?;
                *values = self.sample_values(samples, tally)?;
                Ok(samples.times_ms.len())
            }
            (Source::Computed(all), Kernel::Pairs(_) | Kernel::Samples(_)) => {
                *values = self.sample_values(&all[i].2, tally)?;
                Ok(0)
            }
        }
    }

    fn fill_summary(
        &self,
        i: usize,
        op: WindowOp,
        make: fn(f64) -> f64,
        values: &mut Vec<f64>,
    ) -> Result<usize, EvalError> {
        let windows = &self.input.windows;
        let read = match &self.input.source {
            Source::Stored { set, .. } => set.window(i, op, windows, values)?,
            Source::Computed(all) => {
                window::window(op, &all[i].2.times_ms, &all[i].2.values, windows, values);
                0
            }
        };
        values.iter_mut().filter(|value| !is_absent(**value)).for_each(|value| *value = make(*value));
        Ok(read)
    }

    fn fill_edges(&self, i: usize, scratch: &mut Scratch) -> Result<usize, EvalError> {
        let windows = &self.input.windows;
        let Scratch { values, edges, stretches, .. } = scratch;
        let read = match &self.input.source {
            Source::Stored { set, .. } => set.window_edges(i, windows, edges)?,
            Source::Computed(all) => {
                edges.fill(&all[i].2.times_ms, &all[i].2.values, windows);
                0
            }
        };
        match self.kernel {
            Kernel::Change(change) => change.column(edges, windows, stretches, values),
            Kernel::Edge(make) => {
                let counts = edges.spans().count.iter().enumerate();
                values.clear();
                values.extend(counts.map(|(w, count)| if *count > 0 { make(edges, w) } else { ABSENT }));
            }
            // These do not ask for edges.
            Kernel::Summary(..) | Kernel::Pairs(_) | Kernel::Samples(_) => values.clear(),
        }
        Ok(read)
    }

    fn sample_values(&self, samples: &Samples, tally: &Tally<'_>) -> Result<Vec<f64>, EvalError> {
        match self.kernel {
            Kernel::Pairs(counts) => Ok(self.pair_values(samples, counts)),
            Kernel::Samples(make) => self.window_values(samples, make, tally),
            // These never ask for samples.
            Kernel::Summary(..) | Kernel::Edge(_) | Kernel::Change(_) => Ok(vec![ABSENT; self.steps.count]),
        }
    }

    fn pair_values(&self, samples: &Samples, counts: fn(f64, f64) -> bool) -> Vec<f64> {
        let windows = &self.input.windows;
        let running = running_pairs(&samples.values, counts);
        let mut out = vec![ABSENT; windows.steps.count];
        window::for_each_window(&samples.times_ms, windows, |w, from, to| {
            if from < to {
                out[w] = f64::from(running[to - 1] - running[from]);
            }
        });
        out
    }

    fn window_values(
        &self,
        samples: &Samples,
        make: fn(&Window<'_>) -> Option<f64>,
        tally: &Tally<'_>,
    ) -> Result<Vec<f64>, EvalError> {
        let windows = &self.input.windows;
        let pinned = windows.steps.count == 1;
        let mut out = vec![ABSENT; self.steps.count];
        let (mut since_check, mut stopped) = (0usize, None);
        window::for_each_window(&samples.times_ms, windows, |w, from, to| {
            if from == to || stopped.is_some() {
                return;
            }
            // Under `@` the window is the same for all steps, but scalar arguments may differ.
            for step in if pinned { 0..self.steps.count } else { w..w + 1 } {
                since_check += to - from;
                if since_check > CHECK_EVERY_SAMPLES {
                    since_check = 0;
                    stopped = tally.guard().check().err().map(EvalError::from);
                }
                if stopped.is_some() {
                    return;
                }
                let window = self.window(samples, step, from, to);
                stopped = self.refused(&window);
                out[step] = make(&window).unwrap_or(ABSENT);
            }
        });
        stopped.map_or(Ok(out), Err)
    }

    /// What is wrong with the arguments where there is something to compute; without any sample nothing is.
    fn refused(&self, window: &Window<'_>) -> Option<EvalError> {
        if self.name != "double_exponential_smoothing" {
            return None;
        }
        let message = over_time::wrong_factor(window.params)?;
        Some(EvalError::at(self.span, message))
    }

    fn window<'s>(&self, samples: &'s Samples, step: usize, from: usize, to: usize) -> Window<'s> {
        let param =
            |p: usize| self.params.get(p).and_then(|values| values.get(step)).copied().unwrap_or(f64::NAN);
        Window {
            times_ms: &samples.times_ms[from..to],
            values: &samples.values[from..to],
            step_ms: self.steps.at(step),
            params: [param(0), param(1)],
        }
    }
}

/// For each sample, how many steps from neighbour to neighbour up to it were counted.
fn running_pairs(values: &[f64], counts: fn(f64, f64) -> bool) -> Vec<u32> {
    let mut running = vec![0u32; values.len()];
    for i in 1..values.len() {
        running[i] = running[i - 1] + u32::from(counts(values[i - 1], values[i]));
    }
    running
}

/// Whether what a function gives is still what its metric is called.
fn keeps_name(function: &str) -> bool {
    matches!(function, "last_over_time" | "first_over_time")
}

/// The argument that is a range.
fn range_arg(call: &Call) -> Option<&Expr> {
    call.args.iter().find(|arg| arg.kind() == ValueKind::Matrix)
}

fn check_edge(name: &str, arg: &Expr) -> Result<(), EvalError> {
    let ExprKind::Matrix(matrix) = &arg.unwrap_parens().kind else { return Ok(()) };
    let (word, allowed): (&str, &[&str]) = match matrix.selector.edge {
        Edge::Plain => return Ok(()),
        Edge::Anchored => ("anchored", &extended::ANCHORED),
        Edge::Smoothed => ("smoothed", &extended::SMOOTHED),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    let message = format!("{word} modifier can only be used with: {} - not with {name}", allowed.join(", "));
    Err(EvalError::at(arg.span, message))
}
