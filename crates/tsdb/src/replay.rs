//! Building the head from the log.

use std::sync::Arc;

use wal::Source;

use crate::exemplar_record::ExemplarRecord;
use crate::head::Head;
use crate::record::{self, Definition, DeleteRecord, Record, SampleRecord, SeriesRecord};
use crate::series::{Series, Verdict};
use crate::xor;

/// No transaction has this number: a replay judges against what is there alone.
const REPLAY: u64 = u64::MAX;

/// Takes the records of the log one by one.
pub(crate) struct Replayer<'a> {
    head: &'a Head,
    now_ms: i64,
    /// What is older is in blocks.
    from_ms: i64,
    /// The series by slot once more: thirty million samples are looked up here without a lock each.
    by_slot: Vec<Option<Arc<Series>>>,
    generation: u64,
    pub(crate) samples: u64,
    pub(crate) samples_without_series: u64,
    /// Exemplars met, in order.
    pub(crate) exemplars: Vec<ExemplarRecord>,
}

impl<'a> Replayer<'a> {
    pub(crate) fn new(head: &'a Head, now_ms: i64, from_ms: i64) -> Self {
        Self {
            head,
            now_ms,
            from_ms,
            by_slot: Vec::new(),
            generation: 0,
            samples: 0,
            samples_without_series: 0,
            exemplars: Vec::new(),
        }
    }

    /// Takes one record.
    pub(crate) fn visit(&mut self, _source: Source, bytes: &[u8]) -> Result<(), String> {
        match record::read(bytes).ok_or("the record cannot be decoded")? {
            Record::Commit { definitions, samples } => {
                for definition in &definitions {
                    self.define(definition).ok_or("a series id is out of bounds")?;
                }
                samples.iter().for_each(|sample| self.sample(sample));
            }
            Record::CheckpointSeries(all) => {
                for series in all {
                    self.series(series)?;
                }
            }
            Record::Deletes(all) => all.iter().for_each(|delete| self.delete(delete)),
            Record::Exemplars(all) => self.exemplars.extend(all),
            Record::CheckpointHead { generation } => self.generation = self.generation.max(generation),
        }
        // What cannot be written stays in memory, and is tried again when the store is open.
        while self.head.spill.is_due()
            && let Ok(Some(written)) = self.head.spill.write_one()
        {
            written.tell();
        }
        Ok(())
    }

    /// After the last record: which slots are free, and a generation that no id of this log has.
    pub(crate) fn finish(self) {
        self.head.settle_slots(self.head.unused_slots(), self.generation + 1);
    }

    fn define(&mut self, definition: &Definition) -> Option<&Arc<Series>> {
        let series = self.head.restore(definition.id, &definition.labels, self.now_ms)?;
        self.generation = self.generation.max(definition.id >> 32);
        let slot = series.slot() as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        Some(self.by_slot[slot].insert(series))
    }

    fn series(&mut self, record: SeriesRecord) -> Result<(), String> {
        // Cuts go from span to span, and would not come to the end of a chunk that says it spans a million years.
        let span = |at_ms: i64| at_ms.div_euclid(xor::CHUNK_SPAN_MS);
        if record.chunks.iter().any(|chunk| span(chunk.first_ms) != span(chunk.last_ms)) {
            return Err("a chunk lies in more than one span of two hours".to_owned());
        }
        let samples: u64 = record.chunks.iter().map(|chunk| u64::from(xor::count(&chunk.bytes))).sum();
        let bytes: usize = record.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let series = Arc::clone(self.define(&record.definition).ok_or("a series id is out of bounds")?);
        if !series.state().restore(record.chunks) {
            return Err("the open chunk of a series cannot be decoded".to_owned());
        }
        self.head.spill.wait(&series, bytes as u64);
        self.samples += samples;
        Ok(())
    }

    fn delete(&mut self, delete: &DeleteRecord) {
        let slot = delete.id as u32 as usize;
        let series = self.by_slot.get(slot).and_then(Option::as_ref).filter(|series| series.id == delete.id);
        if let Some(series) = series {
            let spill = &self.head.spill;
            let finished_bytes = series.state().delete(delete.from_ms, delete.to_ms, &spill.files());
            spill.wait(series, finished_bytes);
        }
    }

    fn sample(&mut self, sample: &SampleRecord) {
        self.generation = self.generation.max(sample.id >> 32);
        let slot = sample.id as u32 as usize;
        let series = self.by_slot.get(slot).and_then(Option::as_ref).filter(|series| series.id == sample.id);
        let Some(series) = series else {
            self.samples_without_series += 1;
            return;
        };
        if sample.at_ms < self.from_ms {
            return;
        }
        let mut state = series.state();
        // Known: the checkpoint has it already.
        // How late it may be was judged when it was committed.
        let rules = (REPLAY, i64::MAX);
        let files = || self.head.spill.files();
        let verdict = state.judge(rules, (sample.at_ms, sample.bits), files);
        if matches!(verdict, Verdict::Take | Verdict::TakeLate) {
            let finished_bytes = state.add(sample.at_ms, sample.bits, files).finished_bytes;
            self.samples += 1;
            drop(state);
            if finished_bytes > 0 {
                self.head.spill.wait(series, finished_bytes);
            }
        }
    }
}
