//! Whether an OpenMetrics body keeps all rules of the format, not only its grammar.
//!
//! A scrape takes any body of right grammar, as Prometheus does: a negative counter is the program's problem and must
//! not cost it its other metrics. This is for whoever writes an exporter. It knows families: their metadata comes once
//! and first, their samples stand together, samples of one label set (less `le` and `quantile`) stand together, and
//! values fit the type.

mod group;

use std::collections::HashSet;

use model::MetricKind;

use crate::error::{LineError, ReadError, quoted};
use crate::strict::group::Group;
use crate::{Entry, Format, Label, Meta, Reader, Row};

/// The most characters that an exemplar's labels may have together.
pub const EXEMPLAR_MAX_CHARS: usize = 128;

/// Checks an OpenMetrics body.
///
/// # Errors
/// The first rule that is broken, with its line.
pub fn check(body: &[u8]) -> Result<(), ReadError> {
    let mut reader = Reader::new(Format::OpenMetrics, body)?;
    let mut checker = Checker::default();
    while let Some(entry) = reader.next_entry("") {
        let checked = match entry? {
            Entry::Meta(meta) => checker.meta(&meta),
            Entry::Sample(row) => checker.row(&row),
        };
        checked.map_err(|message| LineError::new(0, message).on_line(reader.line()))?;
    }
    checker.close().map_err(|message| LineError::new(0, message).on_line(reader.line()))
}

/// The family whose lines are being read, and the names of those before.
#[derive(Default)]
struct Checker {
    family: Option<Family>,
    names: HashSet<String>,
}

struct Family {
    name: String,
    kind: MetricKind,
    /// Which of the three metadata lines have come.
    has: [bool; 3],
    unit_is_given: bool,
    group: Option<Group>,
    groups: HashSet<String>,
}

impl Checker {
    fn meta(&mut self, meta: &Meta<'_>) -> Result<(), String> {
        if self.family.as_ref().is_none_or(|family| family.name != meta.name()) {
            self.open(meta.name())?;
        }
        // `open` has just made one where there was none.
        let Some(family) = &mut self.family else { return Ok(()) };
        if family.group.is_some() {
            return Err(format!("metadata of {} behind its samples", quoted(&family.name)));
        }
        let (slot, word) = match meta {
            Meta::Help { .. } => (0, "HELP"),
            Meta::Type { .. } => (1, "TYPE"),
            Meta::Unit { .. } => (2, "UNIT"),
        };
        let has = family.has.get_mut(slot);
        if has.is_some_and(|has| std::mem::replace(has, true)) {
            return Err(format!("{word} of {} is given twice", quoted(&family.name)));
        }
        match meta {
            Meta::Type { kind, .. } => family.kind = *kind,
            Meta::Unit { unit, .. } => family.unit_is_given = !unit.is_empty(),
            Meta::Help { .. } => {}
        }
        let may_have_unit = !matches!(family.kind, MetricKind::Info | MetricKind::StateSet);
        if family.unit_is_given && !may_have_unit {
            return Err(format!("{} is of a type without unit", quoted(&family.name)));
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), String> {
        let mut labels = Vec::new();
        row.series.labels_into(&mut labels).map_err(|e| e.to_string())?;
        let name =
            labels.iter().find(|(n, _)| n == model::METRIC_NAME).map_or("", |(_, v)| v.as_ref()).to_owned();
        if self.family.as_ref().is_none_or(|family| family.suffix_of(&name).is_none()) {
            self.open(&name)?;
        }
        let Some(family) = &mut self.family else { return Ok(()) };
        let suffix =
            family.suffix_of(&name).ok_or_else(|| format!("{} does not fit its type", quoted(&name)))?;
        family.exemplar(row, suffix)?;
        family.sample(row, suffix, &labels)
    }

    /// Ends the family before and begins one called `name`.
    fn open(&mut self, name: &str) -> Result<(), String> {
        self.close()?;
        if !self.names.insert(name.to_owned()) {
            return Err(format!("metric family {} comes twice", quoted(name)));
        }
        let (kind, groups) = (MetricKind::Unknown, HashSet::new());
        self.family = Some(Family {
            name: name.to_owned(),
            kind,
            has: [false; 3],
            unit_is_given: false,
            group: None,
            groups,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        match self.family.take().and_then(|family| family.group) {
            Some(group) => group.close(),
            None => Ok(()),
        }
    }
}

impl Family {
    /// What stands behind the family's name in a sample's name, if a sample of this type may be called so.
    fn suffix_of(&self, sample: &str) -> Option<&'static str> {
        let allowed: &[&'static str] = match self.kind {
            MetricKind::Counter => &["_total", "_created"],
            MetricKind::Histogram => &["_bucket", "_count", "_sum", "_created"],
            MetricKind::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
            MetricKind::Summary => &["", "_count", "_sum", "_created"],
            MetricKind::Info => &["_info"],
            MetricKind::Gauge | MetricKind::StateSet | MetricKind::Unknown => &[""],
        };
        let rest = sample.strip_prefix(self.name.as_str())?;
        allowed.iter().find(|suffix| **suffix == rest).copied()
    }

    fn exemplar(&self, row: &Row<'_>, suffix: &str) -> Result<(), String> {
        let Some(exemplar) = &row.exemplar else { return Ok(()) };
        if !matches!(suffix, "_total" | "_bucket") {
            return Err(format!("{} may not have an exemplar", quoted(row.series.as_str())));
        }
        let labels = exemplar.labels().map_err(|e| e.to_string())?;
        let chars: usize = labels.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
        if chars > EXEMPLAR_MAX_CHARS {
            return Err(format!("exemplar labels have {chars} characters, {EXEMPLAR_MAX_CHARS} are allowed"));
        }
        Ok(())
    }

    fn sample(&mut self, row: &Row<'_>, suffix: &'static str, labels: &[Label<'_>]) -> Result<(), String> {
        let key = self.group_key(labels);
        let is_same = self.group.as_ref().is_some_and(|group| group.is(&key));
        if !is_same {
            if let Some(group) = self.group.take() {
                group.close()?;
            }
            if !self.groups.insert(key.clone()) {
                return Err(format!("samples of {} do not stand together", quoted(row.series.as_str())));
            }
            self.group = Some(Group::new(self.kind, self.name.clone(), key));
        }
        self.group.as_mut().map_or(Ok(()), |group| group.sample(row, suffix, labels))
    }

    /// The label set that samples of one metric share.
    fn group_key(&self, labels: &[Label<'_>]) -> String {
        let own = match self.kind {
            MetricKind::Histogram | MetricKind::GaugeHistogram => "le",
            MetricKind::Summary => "quantile",
            MetricKind::StateSet => &self.name,
            _ => "",
        };
        let shared = labels.iter().filter(|(n, _)| n != own && n != model::METRIC_NAME);
        shared.map(|(n, v)| format!("{n:?}={v:?},")).collect()
    }
}
