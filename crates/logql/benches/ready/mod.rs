//! A store whose parts lie ready in memory, so that a bench measures the language and nothing else.

use std::sync::Arc;

use model::{Labels, Matcher, TimestampNs};
use storage::{LineBatch, LogFollow, LogQuery, LogSelection, Needles, PartInfo, QueryError, StreamSet};

const PART_LINES: usize = 20_000;

struct Ready {
    labels: Labels,
    batches: Vec<LineBatch>,
    infos: Vec<PartInfo>,
}

/// One stream.
#[derive(Clone)]
pub(crate) struct Store(Arc<Ready>);

impl Store {
    /// `lines` lines, `step_ns` apart, from zero on.
    pub(crate) fn new(
        labels: &[(&str, &str)],
        lines: usize,
        step_ns: i64,
        line: impl Fn(usize) -> String,
    ) -> Self {
        let mut batches = vec![LineBatch::default()];
        for i in 0..lines {
            if i % PART_LINES == 0 && i > 0 {
                batches.push(LineBatch::default());
            }
            let batch = batches.last_mut().expect("there is one");
            batch.push(TimestampNs(i as i64 * step_ns), &line(i), &Labels::empty());
        }
        let info = |batch: &LineBatch| PartInfo {
            first: TimestampNs(batch.times_ns[0]),
            last: TimestampNs(batch.times_ns[batch.len() - 1]),
            lines: batch.len(),
            bytes: batch.text.len(),
        };
        let infos = batches.iter().map(info).collect();
        Self(Arc::new(Ready { labels: Labels::from_pairs(labels.iter().copied()), batches, infos }))
    }

    /// Bytes of all lines.
    pub(crate) fn bytes(&self) -> usize {
        self.0.infos.iter().map(|info| info.bytes).sum()
    }
}

impl StreamSet for Store {
    fn len(&self) -> usize {
        1
    }

    fn labels(&self, _: usize) -> &Labels {
        &self.0.labels
    }

    fn parts(&self, _: usize) -> &[PartInfo] {
        &self.0.infos
    }

    fn read(&self, _: usize, part: usize, _: &Needles, out: &mut LineBatch) -> Result<usize, QueryError> {
        out.clone_from(&self.0.batches[part]);
        Ok(out.text.len())
    }
}

impl LogQuery for Store {
    fn select(&self, _: &LogSelection<'_>) -> Result<Box<dyn StreamSet>, QueryError> {
        Ok(Box::new(self.clone()))
    }

    fn label_names(&self, _: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn time_span(&self) -> Option<(TimestampNs, TimestampNs)> {
        None
    }

    fn follow(&self, _: &[Matcher], _: &Arc<dyn LogFollow>) {}
}
