//! What a target says about its metric families.

use std::collections::HashMap;

use exposition::Meta;
use model::Metadata;

/// The most families remembered for a target; metadata of further ones is not kept. Real programs have hundreds.
const FAMILIES_MAX: usize = 20_000;

/// Scrapes after which a family that is no longer described is forgotten, as in Prometheus.
const KEPT_SCRAPES: u64 = 10;

/// Metadata by family name.
#[derive(Debug, Default)]
pub(crate) struct MetadataCache {
    families: HashMap<String, (Metadata, u64)>,
    scrape: u64,
}

impl MetadataCache {
    /// Begins a scrape; now and then forgets what was not seen for long.
    pub(super) fn begin(&mut self) {
        self.scrape += 1;
        if self.scrape.is_multiple_of(KEPT_SCRAPES) {
            let oldest = self.scrape.saturating_sub(KEPT_SCRAPES);
            self.families.retain(|_, (_, seen)| *seen >= oldest);
        }
    }

    /// Takes in one line. Allocates only when it says something new. False when there is no room for the family.
    pub(super) fn take(&mut self, meta: &Meta<'_>) -> bool {
        if !self.families.contains_key(meta.name()) {
            if self.families.len() >= FAMILIES_MAX {
                return false;
            }
            self.families.insert(meta.name().to_owned(), Default::default());
        }
        let Some((known, seen)) = self.families.get_mut(meta.name()) else { return false };
        *seen = self.scrape;
        match meta {
            Meta::Help { text, .. } => replace(&mut known.help, text),
            Meta::Unit { unit, .. } => replace(&mut known.unit, unit),
            Meta::Type { kind, .. } => known.kind = *kind,
        }
        true
    }

    /// All families, sorted by name.
    pub(crate) fn all(&self) -> Vec<(String, Metadata)> {
        let mut all: Vec<_> =
            self.families.iter().map(|(name, (meta, _))| (name.clone(), meta.clone())).collect();
        all.sort();
        all
    }

    /// How many families are known.
    pub(crate) fn len(&self) -> usize {
        self.families.len()
    }
}

fn replace(known: &mut String, new: &str) {
    if known != new {
        new.clone_into(known);
    }
}

#[cfg(test)]
mod tests {
    use model::MetricKind;

    use super::*;

    fn type_of(name: &str, kind: MetricKind) -> Meta<'_> {
        Meta::Type { name: name.into(), kind }
    }

    #[test]
    fn beyond_the_limit_new_families_are_left_out() {
        let mut cache = MetadataCache::default();
        cache.begin();
        for i in 0..FAMILIES_MAX {
            assert!(cache.take(&type_of(&format!("m{i}"), MetricKind::Gauge)));
        }
        assert!(!cache.take(&type_of("more", MetricKind::Gauge)));
        assert!(cache.take(&type_of("m0", MetricKind::Counter)));
        assert_eq!(cache.len(), FAMILIES_MAX);
    }

    #[test]
    fn lines_of_a_family_come_together_and_go_when_unsaid() {
        let mut cache = MetadataCache::default();
        cache.begin();
        cache.take(&type_of("a", MetricKind::Counter));
        cache.take(&Meta::Help { name: "a".into(), text: "help".into() });
        cache.take(&type_of("b", MetricKind::Gauge));
        let all = cache.all();
        assert_eq!(
            all[0],
            (
                "a".to_owned(),
                Metadata { kind: MetricKind::Counter, help: "help".into(), unit: String::new() }
            )
        );
        for _ in 0..2 * KEPT_SCRAPES {
            cache.begin();
            cache.take(&type_of("b", MetricKind::Gauge));
        }
        assert_eq!((cache.len(), cache.all()[0].0.as_str()), (1, "b"));
    }
}
