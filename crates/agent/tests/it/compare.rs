//! Two programs asked in one breath: same families, types, labels, values.

use std::net::SocketAddr;

use crate::exposed::{Exposed, Labels, get};

/// What may differ, and why. Families are named by the start of their names.
pub(crate) struct Rules {
    /// Families of theirs that we do not have.
    pub missing: &'static [(&'static str, &'static str)],
    /// Families of theirs without a type.
    pub untyped: &'static [&'static str],
    /// Labels that are not looked at, by family.
    pub labels: &'static [(&'static str, &'static str)],
    /// Families that say something else by intent.
    pub own_values: &'static [&'static str],
    /// Gauges that move between two reads, and by how much at most, as a share; anything else must be equal or between.
    pub moving: &'static [(&'static str, f64)],
    /// Families that we tell in more detail: ours are summed.
    pub finer: &'static [&'static str],
    /// Series of theirs that we do not have.
    pub is_missing: fn(&str, &Labels, f64) -> bool,
}

/// Reads ours, theirs and ours again, and compares. Returns the number of series and families compared.
pub(crate) fn compare(ours_at: SocketAddr, theirs_at: SocketAddr, rules: &Rules) -> (usize, usize) {
    let ask = |addr| Exposed::parse(&get(addr, "/metrics").expect("an answer"), rules.labels);
    let _warm = (ask(ours_at), ask(theirs_at));
    let (before, theirs, after) = (ask(ours_at), ask(theirs_at), ask(ours_at));
    let mut problems = Vec::new();
    let (mut n_series, mut n_families) = (0, 0);
    for (name, series) in &theirs.series {
        if rules.missing.iter().any(|(prefix, _)| name.starts_with(prefix)) {
            continue;
        }
        if theirs.kinds.get(name) != before.kinds.get(name) && !rules.untyped.contains(&name.as_str()) {
            problems.push(format!("{name}: {:?}, not {:?}", before.kinds.get(name), theirs.kinds.get(name)));
            continue;
        }
        n_families += 1;
        for (labels, theirs) in series {
            if (rules.is_missing)(name, labels, *theirs) {
                continue;
            }
            n_series += 1;
            let is_own = rules.own_values.iter().any(|prefix| name.starts_with(prefix));
            match (rules.ours(&before, name, labels), rules.ours(&after, name, labels)) {
                _ if is_own => {}
                (Some(before), Some(after)) if rules.agrees(name, before, *theirs, after) => {}
                ours => problems.push(format!("{name}{labels:?}: {ours:?}, not {theirs}")),
            }
        }
    }
    assert!(problems.is_empty(), "{} differ:\n{}", problems.len(), problems.join("\n"));
    (n_series, n_families)
}

impl Rules {
    fn ours(&self, exposed: &Exposed, name: &str, labels: &Labels) -> Option<f64> {
        if !self.finer.contains(&name) {
            return exposed.value(name, labels);
        }
        let parts = exposed.series.get(name)?.iter();
        let parts: Vec<f64> =
            parts.filter(|(ours, _)| labels.iter().all(|l| ours.contains(l))).map(|(_, v)| *v).collect();
        (!parts.is_empty()).then(|| parts.iter().sum())
    }

    /// Between our two reads, or as near as something that moves can be.
    fn agrees(&self, name: &str, before: f64, theirs: f64, after: f64) -> bool {
        if theirs.is_nan() {
            return before.is_nan();
        }
        let rounding = theirs.abs() * 1e-9;
        let (low, high) = (before.min(after) - rounding, before.max(after) + rounding);
        let share = self.moving.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or(0.0, |(_, s)| *s);
        let slack = share * theirs.abs().max(1.0);
        (low - slack..=high + slack).contains(&theirs)
    }
}
