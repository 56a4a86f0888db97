//! Aggregations that add each series to what its group has come to: `sum`, `avg`, `min`, `max`, `count`, `group` and
//! the variances.
//!
//! Series are folded in blocks, several at once, and the blocks' groups are then joined in order. Where blocks begin
//! hangs on the series alone, so the same query over the same samples rounds the same way on any number of cores; and
//! a small one is a single block, which is folded as if there were no blocks.

use rayon::prelude::*;

use super::groups::Grouping;
use super::{AggregateOp, Column, GroupBy, Rows, Tally};
use crate::{ABSENT, compensated_add, is_absent, two_sum};

/// Blocks that a query is divided into if it is large enough: enough to keep usual machines busy to the end.
const BLOCKS: usize = 16;
/// Fewer series are not worth being folded apart and joined.
const BLOCK_ROWS_MIN: usize = 256;
/// Values that a block's groups hold at most, if each series is a group of its own: 6 MB with what goes with a sum.
const BLOCK_VALUES_MAX: usize = 1 << 18;

/// The groups of `rows`, each folded to one column.
///
/// # Errors
/// Those of the rows, and when more values would be held than allowed.
pub fn fold<R: Rows + ?Sized>(
    op: AggregateOp,
    by: GroupBy<'_>,
    rows: &R,
    steps: usize,
    tally: &Tally<'_>,
) -> Result<Vec<Column>, R::Error> {
    let most = (BLOCK_VALUES_MAX / steps.max(1)).max(1);
    let block_rows = (rows.len() / BLOCKS).max(BLOCK_ROWS_MIN).min(most);
    let starts: Vec<usize> = (0..rows.len()).step_by(block_rows).collect();
    let mut total = Folded::new(op, by, rows.is_nameless(), steps);
    // As many blocks at once as keep all workers busy; what they have found is joined before the next.
    for starts in starts.chunks(BLOCKS.max(2 * rayon::current_num_threads())) {
        let block = |scratch: &mut R::Scratch, &start: &usize| -> Result<Folded<'_>, R::Error> {
            let mut block = Folded::new(op, by, rows.is_nameless(), steps);
            for i in start..rows.len().min(start + block_rows) {
                block.add(rows, i, scratch, tally)?;
            }
            rows.settle(scratch, tally);
            Ok(block)
        };
        let blocks: Vec<Folded<'_>> =
            starts.par_iter().map_init(R::Scratch::default, block).collect::<Result<_, _>>()?;
        for block in blocks {
            total.join(block, tally);
        }
    }
    Ok(total.finish())
}

/// Groups and what they have come to.
struct Folded<'a> {
    op: AggregateOp,
    steps: usize,
    grouping: Grouping<'a>,
    folds: Vec<Fold>,
}

impl<'a> Folded<'a> {
    fn new(op: AggregateOp, by: GroupBy<'a>, is_nameless: bool, steps: usize) -> Self {
        let grouping = Grouping::new(by, is_nameless);
        Self { op, steps, grouping, folds: Vec::new() }
    }

    fn add<R: Rows + ?Sized>(
        &mut self,
        rows: &R,
        i: usize,
        scratch: &mut R::Scratch,
        tally: &Tally<'_>,
    ) -> Result<(), R::Error> {
        let Some(values) = rows.row(i, scratch, tally)? else { return Ok(()) };
        let id = self.grouping.id(rows, i) as usize;
        if id == self.folds.len() {
            let fold = Fold::new(self.op, self.steps);
            tally.add(fold.size())?;
            self.folds.push(fold);
        }
        self.folds[id].add(values);
        Ok(())
    }

    /// Adds the groups of a block that comes behind.
    fn join(&mut self, block: Self, tally: &Tally<'_>) {
        for (group, fold) in block.grouping.into_groups().into_iter().zip(block.folds) {
            let id = self.grouping.id_of(group) as usize;
            match self.folds.get_mut(id) {
                Some(into) => {
                    tally.give_back(fold.size());
                    into.join(&fold);
                }
                None => self.folds.push(fold),
            }
        }
    }

    fn finish(self) -> Vec<Column> {
        let groups = self.grouping.into_groups().into_iter().zip(self.folds);
        groups
            .map(|((_, labels, drop_name), fold)| Column { labels, values: fold.finish(), drop_name })
            .collect()
    }
}

/// One group's running result at every step.
struct Fold {
    op: AggregateOp,
    /// How many series so far; 0 means nothing here.
    count: Vec<f64>,
    value: Vec<f64>,
    /// What rounding took from a sum; the mean of a variance.
    second: Vec<f64>,
    /// Steps at which a sum overflowed and the mean is kept instead.
    as_mean: Vec<bool>,
}

impl Fold {
    fn new(op: AggregateOp, steps: usize) -> Self {
        let of = |wanted: bool| if wanted { vec![0.0; steps] } else { Vec::new() };
        use AggregateOp::{Avg, Count, Group, Stddev, Stdvar, Sum};
        Self {
            op,
            count: vec![0.0; steps],
            value: of(!matches!(op, Count | Group)),
            second: of(matches!(op, Sum | Avg | Stddev | Stdvar)),
            as_mean: if op == Avg { vec![false; steps] } else { Vec::new() },
        }
    }

    /// How many values it holds.
    fn size(&self) -> usize {
        self.count.len() + self.value.len() + self.second.len()
    }

    fn add(&mut self, values: &[f64]) {
        let present = values.iter().enumerate().filter(|(_, value)| !is_absent(**value));
        match self.op {
            AggregateOp::Sum => add_all(&mut self.count, &mut self.value, &mut self.second, values),
            AggregateOp::Avg => present.for_each(|(i, value)| self.add_to_mean(i, *value)),
            AggregateOp::Min => {
                present.for_each(|(i, value)| self.keep(i, *value, 1.0, |new, old| new < old))
            }
            AggregateOp::Max => {
                present.for_each(|(i, value)| self.keep(i, *value, 1.0, |new, old| new > old))
            }
            AggregateOp::Stddev | AggregateOp::Stdvar => present.for_each(|(i, value)| {
                self.count[i] += 1.0;
                let delta = value - self.second[i];
                self.second[i] += delta / self.count[i];
                self.value[i] += delta * (value - self.second[i]);
            }),
            _ => count_all(&mut self.count, values),
        }
    }

    /// Adds what other series of the same group have come to.
    fn join(&mut self, other: &Self) {
        for i in (0..other.count.len()).filter(|&i| other.count[i] > 0.0) {
            if self.count[i] == 0.0 {
                self.take_over(i, other);
                continue;
            }
            match self.op {
                AggregateOp::Sum => self.join_sum(i, other),
                AggregateOp::Avg => self.join_mean(i, other),
                AggregateOp::Min => self.keep(i, other.value[i], other.count[i], |new, old| new < old),
                AggregateOp::Max => self.keep(i, other.value[i], other.count[i], |new, old| new > old),
                AggregateOp::Stddev | AggregateOp::Stdvar => self.join_variance(i, other),
                _ => self.count[i] += other.count[i],
            }
        }
    }

    /// Where nothing is here yet, what is there.
    fn take_over(&mut self, i: usize, other: &Self) {
        self.count[i] = other.count[i];
        for (into, from) in [(&mut self.value, &other.value), (&mut self.second, &other.second)] {
            if let Some((into, from)) = into.get_mut(i).zip(from.get(i)) {
                *into = *from;
            }
        }
        if let Some((into, from)) = self.as_mean.get_mut(i).zip(other.as_mean.get(i)) {
            *into = *from;
        }
    }

    fn keep(&mut self, i: usize, value: f64, count: f64, better: fn(f64, f64) -> bool) {
        if self.count[i] == 0.0 || better(value, self.value[i]) || self.value[i].is_nan() {
            self.value[i] = value;
        }
        self.count[i] += count;
    }

    fn join_sum(&mut self, i: usize, other: &Self) {
        self.count[i] += other.count[i];
        let (sum, lost) = two_sum(self.value[i], other.value[i]);
        self.value[i] = sum;
        self.second[i] += other.second[i] + lost;
    }

    /// A plain sum until it overflows, a running mean from then on.
    fn add_to_mean(&mut self, i: usize, value: f64) {
        self.count[i] += 1.0;
        let count = self.count[i];
        if !self.as_mean[i] {
            let (sum, carry) = compensated_add(value, self.value[i], self.second[i]);
            if count == 1.0 || !sum.is_infinite() {
                (self.value[i], self.second[i]) = (sum, carry);
                return;
            }
            self.as_mean[i] = true;
            self.value[i] /= count - 1.0;
            self.second[i] /= count - 1.0;
        }
        let weight = (count - 1.0) / count;
        (self.value[i], self.second[i]) =
            compensated_add(value / count, weight * self.value[i], weight * self.second[i]);
    }

    fn join_mean(&mut self, i: usize, other: &Self) {
        let (before, count) = (self.count[i], self.count[i] + other.count[i]);
        self.count[i] = count;
        if !self.as_mean[i] && !other.as_mean[i] {
            let (sum, carry) =
                compensated_add(other.value[i], self.value[i], self.second[i] + other.second[i]);
            if !sum.is_infinite() {
                (self.value[i], self.second[i]) = (sum, carry);
                return;
            }
        }
        let mean = |fold: &Self, of: f64| {
            let by = if fold.as_mean[i] { 1.0 } else { of };
            (fold.value[i] / by * (of / count), fold.second[i] / by * (of / count))
        };
        let (mine, theirs) = (mean(self, before), mean(other, other.count[i]));
        self.as_mean[i] = true;
        (self.value[i], self.second[i]) = compensated_add(theirs.0, mine.0, mine.1 + theirs.1);
    }

    /// Two groups' sums of squared distances, each from its own mean, as one from the mean of both.
    fn join_variance(&mut self, i: usize, other: &Self) {
        let (mine, theirs) = (self.count[i], other.count[i]);
        let count = mine + theirs;
        let delta = other.second[i] - self.second[i];
        self.count[i] = count;
        self.second[i] += delta * (theirs / count);
        self.value[i] += other.value[i] + delta * delta * (mine * theirs / count);
    }

    fn finish(self) -> Vec<f64> {
        let result = |i: usize| {
            let count = self.count[i];
            if count == 0.0 {
                return ABSENT;
            }
            match self.op {
                // What rounding took from a sum that is no longer finite says nothing.
                AggregateOp::Sum if self.value[i].is_finite() => self.value[i] + self.second[i],
                AggregateOp::Avg if self.as_mean[i] => self.value[i] + self.second[i],
                AggregateOp::Avg => self.value[i] / count + self.second[i] / count,
                AggregateOp::Stdvar => self.value[i] / count,
                AggregateOp::Stddev => (self.value[i] / count).sqrt(),
                AggregateOp::Count => count,
                AggregateOp::Group => 1.0,
                _ => self.value[i],
            }
        };
        (0..self.count.len()).map(result).collect()
    }
}

/// Adds a series to a group's sums.
fn add_all(count: &mut [f64], sum: &mut [f64], lost: &mut [f64], values: &[f64]) {
    let group = count.iter_mut().zip(sum).zip(lost);
    for (((count, sum), lost), &value) in group.zip(values) {
        let (one, value) = if is_absent(value) { (0.0, 0.0) } else { (1.0, value) };
        *count += one;
        let (next, rounded) = two_sum(*sum, value);
        *sum = next;
        *lost += rounded;
    }
}

fn count_all(count: &mut [f64], values: &[f64]) {
    for (count, &value) in count.iter_mut().zip(values) {
        *count += if is_absent(value) { 0.0 } else { 1.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPS: [AggregateOp; 8] = [
        AggregateOp::Sum,
        AggregateOp::Avg,
        AggregateOp::Min,
        AggregateOp::Max,
        AggregateOp::Count,
        AggregateOp::Group,
        AggregateOp::Stddev,
        AggregateOp::Stdvar,
    ];

    fn folded(op: AggregateOp, rows: &[[f64; 3]]) -> Fold {
        let mut fold = Fold::new(op, 3);
        rows.iter().for_each(|row| fold.add(row));
        fold
    }

    /// However series are divided into blocks, the result is that of one fold.
    fn check(rows: &[[f64; 3]]) {
        for op in OPS {
            let expected = folded(op, rows).finish();
            for cut in 0..=rows.len() {
                let mut joined = folded(op, &rows[..cut]);
                joined.join(&folded(op, &rows[cut..]));
                for (got, expected) in joined.finish().into_iter().zip(&expected) {
                    let same = got.to_bits() == expected.to_bits()
                        || (got - expected).abs() <= 1e-12 * expected.abs()
                        || got == *expected
                        || (got.is_nan() && expected.is_nan() && is_absent(got) == is_absent(*expected));
                    assert!(same, "{op:?} of {rows:?} cut at {cut}: {got} instead of {expected}");
                }
            }
        }
    }

    #[test]
    fn blocks_join_to_what_one_fold_gives() {
        check(&[]);
        check(&[[1.0, ABSENT, ABSENT], [2.0, 5.0, ABSENT], [4.5, ABSENT, ABSENT], [-1.0, 7.0, ABSENT]]);
        check(&[[1e100, 0.1, f64::NAN], [1.0, 0.2, 3.0], [-1e100, 0.3, ABSENT], [1.0, 0.7, 1.0]]);
        check(&[[1e308, f64::INFINITY, -1.0], [1e308, 1.0, 2.0], [1e308, ABSENT, 3.0], [2.0, 1.0, -0.0]]);
        check(&[[f64::INFINITY, f64::NEG_INFINITY, 1.0], [f64::NEG_INFINITY, 1.0, 1.0], [0.0, 1.0, 1.0]]);
    }

    #[test]
    fn small_values_are_not_lost_beside_large_ones() {
        let rows = [[1e100, 0.0, 0.0], [1.0, 0.0, 0.0], [-1e100, 0.0, 0.0], [1.0, 0.0, 0.0]];
        assert_eq!(folded(AggregateOp::Sum, &rows).finish()[0], 2.0);
    }
}
