//! What a simulation has written and deleted, and what therefore must, may and must not be there.

use std::collections::{BTreeMap, BTreeSet};

use model::Labels;
use tsdb::Db;

use crate::world::contents;

/// Which series have a sample at each time. Every transaction has a time of its own.
pub(crate) type There = BTreeMap<i64, BTreeSet<Labels>>;

/// Everything since the last start that was checked.
#[derive(Debug, Default)]
pub(crate) struct Written {
    transactions: BTreeMap<i64, Transaction>,
    deletes: Vec<Delete>,
    /// What was done before this time is on the disk for good.
    pub(crate) synced_to_ms: i64,
}

#[derive(Debug)]
struct Transaction {
    series: BTreeSet<Labels>,
    is_acknowledged: bool,
}

#[derive(Debug)]
struct Delete {
    series: Labels,
    from_ms: i64,
    to_ms: i64,
    /// The time of the next transaction when it was done.
    done_at_ms: i64,
    is_acknowledged: bool,
}

/// What a crash may have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing that was acknowledged.
    Nothing,
    /// The newest that was not synced.
    UnsyncedEnd,
    /// Any of what was not synced.
    AnyUnsynced,
}

/// What is to be expected of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Unknown,
    Gone,
}

impl Written {
    pub(crate) fn commit(&mut self, at_ms: i64, series: BTreeSet<Labels>, is_acknowledged: bool) {
        self.transactions.insert(at_ms, Transaction { series, is_acknowledged });
    }

    pub(crate) fn delete(
        &mut self,
        series: Labels,
        (from_ms, to_ms): (i64, i64),
        done_at_ms: i64,
        is_acknowledged: bool,
    ) {
        self.deletes.push(Delete { series, from_ms, to_ms, done_at_ms, is_acknowledged });
    }

    /// From now on there is this, all of it on the disk.
    pub(crate) fn begin_with(&mut self, there: There, synced_to_ms: i64) {
        let known = |(at_ms, series)| (at_ms, Transaction { series, is_acknowledged: true });
        self.transactions = there.into_iter().map(known).collect();
        self.deletes.clear();
        self.synced_to_ms = synced_to_ms;
    }

    fn fate(&self, series: &Labels, at_ms: i64, loss: Loss) -> Fate {
        let mut fate = Fate::Kept;
        for delete in &self.deletes {
            if delete.series == *series && (delete.from_ms..=delete.to_ms).contains(&at_ms) {
                let is_sure = loss == Loss::Nothing || delete.done_at_ms <= self.synced_to_ms;
                if delete.is_acknowledged && is_sure {
                    return Fate::Gone;
                }
                fate = Fate::Unknown;
            }
        }
        fate
    }

    /// Compares with what was found after a crash that may have cost this much.
    pub(crate) fn check(&self, there: &There, loss: Loss) {
        let newest_ms = there.keys().next_back().copied().unwrap_or(i64::MIN);
        let nobody = BTreeSet::new();
        for (at_ms, transaction) in &self.transactions {
            let found = there.get(at_ms).unwrap_or(&nobody);
            let with = |fate| {
                let of_fate = transaction.series.iter().filter(move |s| self.fate(s, *at_ms, loss) == fate);
                of_fate.cloned().collect::<BTreeSet<Labels>>()
            };
            let (kept, gone) = (with(Fate::Kept), with(Fate::Gone));
            assert!(found.is_subset(&transaction.series), "at {at_ms}: nobody wrote all of {found:?}");
            assert!(found.is_disjoint(&gone), "at {at_ms}: deleted samples are back: {found:?}, {gone:?}");
            if kept.is_subset(found) {
                continue;
            }
            let is_whole = kept.is_disjoint(found);
            let may_be_lost = match loss {
                Loss::Nothing => is_whole && !transaction.is_acknowledged,
                Loss::UnsyncedEnd => {
                    let is_newest = *at_ms > self.synced_to_ms && *at_ms > newest_ms;
                    is_whole && (!transaction.is_acknowledged || is_newest)
                }
                Loss::AnyUnsynced => *at_ms > self.synced_to_ms || (is_whole && !transaction.is_acknowledged),
            };
            assert!(
                may_be_lost,
                "{loss:?}: of the transaction at {at_ms} (acknowledged: {}) {kept:?} should be there, {found:?} is; \
                 synced to {}, newest {newest_ms}",
                transaction.is_acknowledged, self.synced_to_ms
            );
        }
        let invented = there.keys().find(|at_ms| !self.transactions.contains_key(at_ms));
        assert_eq!(invented, None, "never written");
    }
}

/// What a store holds. Each sample's value is its time.
pub(crate) fn there(db: &Db) -> There {
    let mut all = There::new();
    for (labels, samples) in contents(db) {
        for (at_ms, bits) in samples {
            assert_eq!(f64::from_bits(bits), at_ms as f64, "{labels}");
            all.entry(at_ms).or_default().insert(labels.clone());
        }
    }
    all
}
