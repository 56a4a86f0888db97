//! Functions over ranges: which kernel computes them, and its run over all series.

use columns::{ABSENT, Edges, WindowOp, window};
use model::Labels;
use rayon::prelude::*;
use storage::Samples;

use crate::ast::{Call, Edge, Expr, ExprKind, Span, ValueKind};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::Column;
use crate::eval::guard::{Guard, Tally};
use crate::eval::select::{RangeInput, Source, reach};
use crate::functions::extended;
use crate::functions::over_time::{self, Window};
use crate::functions::rate::{self, EdgesAt};

/// After so many samples a worker looks whether to stop: some milliseconds of the slowest kernel.
const CHECK_EVERY_SAMPLES: usize = 100_000;

/// What computes a function.
#[derive(Clone, Copy)]
enum Kernel {
    /// A summary that the store may know without decoding, and what to make of it.
    Summary(WindowOp, fn(f64) -> f64),
    /// From the edges of each window.
    Edges(fn(&EdgesAt) -> Option<f64>),
    /// How many neighbours a running count tells apart.
    Pairs(fn(f64, f64) -> bool),
    /// From all samples of each window.
    Samples(fn(&Window<'_>) -> Option<f64>),
}

fn kernel(name: &str) -> Option<Kernel> {
    use Kernel::{Edges, Pairs, Samples, Summary};
    Some(match name {
        "rate" => Edges(rate::rate),
        "increase" => Edges(rate::increase),
        "delta" => Edges(rate::delta),
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
        "first_over_time" => Edges(|edges| (edges.count > 0).then_some(edges.first)),
        "ts_of_first_over_time" => Edges(|edges| (edges.count > 0).then_some(edges.first_ms as f64 / 1000.0)),
        "ts_of_last_over_time" => Edges(|edges| (edges.count > 0).then_some(edges.last_ms as f64 / 1000.0)),
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

/// One function's run over one input.
struct Run<'a> {
    name: &'static str,
    kernel: Kernel,
    input: &'a RangeInput,
    /// Scalar arguments, a value a step each.
    params: &'a [Vec<f64>],
    steps: columns::Steps,
    lookback_ms: i64,
    guard: &'a Guard<'a>,
}

impl Evaluator<'_> {
    /// Evaluates a function that takes a range.
    pub(super) fn range_call(
        &mut self,
        call: &Call,
        span: Span,
        steps: &columns::Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let name = call.function.name;
        let Some((kernel, arg)) = kernel(name).zip(range_arg(call)) else {
            return Err(EvalError::at(span, format!("function {name:?} takes no range")));
        };
        check_edge(name, arg)?;
        let params = self.range_params(call, steps)?;
        let input = self.range_input(arg, steps)?;
        let run = Run {
            name,
            kernel,
            input: &input,
            params: &params,
            steps: *steps,
            lookback_ms: self.lookback_ms,
            guard: &self.guard,
        };
        if name == "absent_over_time" {
            return self.absent_over_time(&run, arg);
        }
        let columns = self.run_range(&run, |i| input.labels(i))?;
        if matches!(name, "rate" | "increase") {
            self.note_non_counters(&columns, arg.span);
        }
        if matches!(name, "last_over_time" | "first_over_time") {
            return Ok(columns);
        }
        self.named_away(columns, span)
    }

    fn run_range(
        &self,
        run: &Run<'_>,
        labels: impl Fn(usize) -> Labels + Sync,
    ) -> Result<Vec<Column>, EvalError> {
        let guard = &self.guard;
        let tally = Tally::from(guard, self.held);
        let column = |scratch: &mut Scratch, i: usize| -> Result<Option<Column>, EvalError> {
            guard.check()?;
            let (values, read) = run.values(i, &tally, scratch)?;
            guard.count_read(read);
            if values.iter().all(|value| columns::is_absent(*value)) {
                return Ok(None);
            }
            tally.add(values.len())?;
            Ok(Some(Column { labels: labels(i), values, drop_name: run.input.drop_name(i) }))
        };
        let all = (0..run.input.len()).into_par_iter().map_init(Scratch::default, column);
        all.filter_map(Result::transpose).collect()
    }

    /// The scalar arguments, checked.
    fn range_params(&mut self, call: &Call, steps: &columns::Steps) -> Result<Vec<Vec<f64>>, EvalError> {
        let mut params = Vec::new();
        for (i, arg) in call.args.iter().enumerate() {
            if call.function.arg(i) != ValueKind::Scalar {
                continue;
            }
            let values = self.scalar(arg, steps)?;
            match call.function.name {
                "quantile_over_time" => self.note_quantiles(&values, arg.span),
                "double_exponential_smoothing" => {
                    let which = if i == 1 {
                        "smoothing factor. Expected: 0 < sf < 1"
                    } else {
                        "trend factor. Expected: 0 < tf < 1"
                    };
                    if let Some(wrong) = values.iter().find(|value| !(**value > 0.0 && **value < 1.0)) {
                        return Err(EvalError::at(arg.span, format!("invalid {which}, got: {wrong:.6}")));
                    }
                }
                _ => {}
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

    fn note_non_counters(&mut self, columns: &[Column], span: Span) {
        const COUNTER_ENDS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
        let mut previous = String::new();
        for column in columns {
            let name = column.labels.metric_name();
            if name.is_empty() || name == previous {
                continue;
            }
            name.clone_into(&mut previous);
            if !COUNTER_ENDS.iter().any(|end| name.ends_with(end)) {
                let text = format!(
                    "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
                );
                self.notes.info(span, &text);
            }
        }
    }

    fn absent_over_time(&self, run: &Run<'_>, arg: &Expr) -> Result<Vec<Column>, EvalError> {
        let present = self.run_range(run, |_| Labels::empty())?;
        Ok(super::call::absent(&present, super::call::absent_labels(arg), run.steps.count))
    }
}

/// Memory that a worker uses again from series to series.
#[derive(Default)]
struct Scratch {
    samples: Samples,
    edges: Edges,
}

impl Run<'_> {
    /// The values of series `i`, and how many samples were read for them.
    fn values(
        &self,
        i: usize,
        tally: &Tally<'_>,
        scratch: &mut Scratch,
    ) -> Result<(Vec<f64>, usize), EvalError> {
        let windows = &self.input.windows;
        if let Source::Stored { set, edge } = &self.input.source
            && *edge != Edge::Plain
        {
            let samples = &mut scratch.samples;
            set.samples(i, reach(windows, *edge, self.lookback_ms), samples)?;
            let values = extended::column(self.name, *edge, samples, windows, self.lookback_ms);
            return Ok((self.spread(values), samples.times_ms.len()));
        }
        let (values, read) = match self.kernel {
            Kernel::Summary(op, make) => self.summary_values(i, op, make)?,
            Kernel::Edges(make) => {
                let edges = &mut scratch.edges;
                let read = match &self.input.source {
                    Source::Stored { set, .. } => set.window_edges(i, windows, edges)?,
                    Source::Computed(all) => {
                        window::edges(&all[i].2.times_ms, &all[i].2.values, windows, edges);
                        0
                    }
                };
                (self.edge_values(edges, make), read)
            }
            Kernel::Pairs(_) | Kernel::Samples(_) => match &self.input.source {
                Source::Stored { set, .. } => {
                    let samples = &mut scratch.samples;
                    set.samples(i, storage::query::covering(&windows.steps, windows.range_ms), samples)?;
                    tally.pass(samples.times_ms.len())?;
                    (self.sample_values(samples)?, samples.times_ms.len())
                }
                Source::Computed(all) => (self.sample_values(&all[i].2)?, 0),
            },
        };
        Ok((self.spread(values), read))
    }

    fn summary_values(
        &self,
        i: usize,
        op: WindowOp,
        make: fn(f64) -> f64,
    ) -> Result<(Vec<f64>, usize), EvalError> {
        let mut values = Vec::new();
        let windows = &self.input.windows;
        let read = match &self.input.source {
            Source::Stored { set, .. } => set.window(i, op, windows, &mut values)?,
            Source::Computed(all) => {
                window::window(op, &all[i].2.times_ms, &all[i].2.values, windows, &mut values);
                0
            }
        };
        values
            .iter_mut()
            .filter(|value| !columns::is_absent(**value))
            .for_each(|value| *value = make(*value));
        Ok((values, read))
    }

    /// Under `@` there is one window for all steps.
    fn spread(&self, values: Vec<f64>) -> Vec<f64> {
        if values.len() == 1 && self.steps.count > 1 { vec![values[0]; self.steps.count] } else { values }
    }

    fn edge_values(&self, edges: &Edges, make: fn(&EdgesAt) -> Option<f64>) -> Vec<f64> {
        let windows = &self.input.windows;
        let value = |(w, end_ms): (usize, i64)| {
            let at = EdgesAt {
                count: edges.count[w],
                first_ms: edges.first_ms[w],
                first: edges.first[w],
                last_ms: edges.last_ms[w],
                last: edges.last[w],
                resets: edges.resets[w],
                end_ms,
                range_ms: windows.range_ms,
            };
            make(&at).unwrap_or(ABSENT)
        };
        windows.steps.iter().enumerate().map(value).collect()
    }

    fn sample_values(&self, samples: &Samples) -> Result<Vec<f64>, EvalError> {
        match self.kernel {
            Kernel::Pairs(counts) => Ok(self.pair_values(samples, counts)),
            Kernel::Samples(make) => self.window_values(samples, make),
            // These never ask for samples.
            Kernel::Summary(..) | Kernel::Edges(_) => Ok(vec![ABSENT; self.steps.count]),
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
                    stopped = self.guard.check().err();
                }
                if stopped.is_some() {
                    return;
                }
                out[step] = make(&self.window(samples, step, from, to)).unwrap_or(ABSENT);
            }
        });
        stopped.map_or(Ok(out), Err)
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
