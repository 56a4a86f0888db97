//! Stages about labels: `labels`, `static_labels`, `labeldrop`, `labelallow`, `structured_metadata`, `tenant`.

use super::{Change, Context};
use crate::entry::{Entry, TENANT};

/// `labels`: fields become labels, under a name and from a field.
#[derive(Debug)]
pub(super) struct FieldLabels(pub Vec<(String, String)>);

impl Change for FieldLabels {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        let values: Vec<(&str, String)> = self
            .0
            .iter()
            .filter_map(|(name, source)| Some((name.as_str(), entry.get(source)?.to_owned())))
            .collect();
        entry.set_labels(values);
        true
    }
}

/// `static_labels`: the same values on each line.
#[derive(Debug)]
pub(super) struct StaticLabels(pub Vec<(String, String)>);

impl Change for StaticLabels {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        entry.set_labels(self.0.iter().map(|(name, value)| (name.as_str(), value.clone())));
        true
    }
}

/// `labeldrop`.
#[derive(Debug)]
pub(super) struct LabelDrop(pub Vec<String>);

impl Change for LabelDrop {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        entry.labels = entry.labels.without(|name| self.0.iter().any(|dropped| dropped == name));
        true
    }
}

/// `labelallow`. The tenant stays: it is no label of the line.
#[derive(Debug)]
pub(super) struct LabelAllow(pub Vec<String>);

impl Change for LabelAllow {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        let keep = |name: &str| name == TENANT || self.0.iter().any(|allowed| allowed == name);
        entry.labels = entry.labels.only(keep);
        true
    }
}

/// `structured_metadata`: fields, or labels that are labels no longer, are kept beside the line.
#[derive(Debug)]
pub(super) struct FieldMetadata(pub Vec<(String, String)>);

impl Change for FieldMetadata {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        for (name, source) in &self.0 {
            let value = entry.get(source).or_else(|| entry.labels.get(source)).map(str::to_owned);
            let Some(value) = value else { continue };
            match entry.metadata.iter_mut().find(|(known, _)| known == name) {
                Some(pair) => pair.1 = value,
                None => entry.metadata.push((name.clone(), value)),
            }
        }
        if self.0.iter().any(|(_, source)| entry.labels.get(source).is_some()) {
            let moved = |label: &str| self.0.iter().any(|(_, source)| source == label);
            entry.labels = entry.labels.without(moved);
        }
        true
    }
}

/// `tenant`: who a line belongs to.
#[derive(Debug)]
pub(super) enum Tenant {
    Value(String),
    Field(String),
    Label(String),
}

impl Change for Tenant {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        let tenant = match self {
            Self::Value(value) => Some(value.clone()),
            Self::Field(field) => entry.get(field).map(str::to_owned),
            Self::Label(label) => entry.labels.get(label).map(str::to_owned),
        };
        if let Some(tenant) = tenant.filter(|tenant| !tenant.is_empty()) {
            entry.set_labels([(TENANT, tenant)]);
        }
        true
    }
}
