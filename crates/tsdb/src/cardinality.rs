//! Which labels make the store large: the lists of `/api/v1/status/tsdb`.

use std::cmp::Reverse;
use std::collections::HashMap;

use model::METRIC_NAME;

use crate::head::Head;
use crate::status::Cardinality;

pub(crate) fn cardinality(head: &Head, limit: usize) -> Cardinality {
    let (mut metrics, mut pairs) = (Vec::new(), Vec::new());
    let (mut values, mut bytes) = (HashMap::<String, u64>::new(), HashMap::<String, u64>::new());
    head.index().for_each_pair(|name, value, series| {
        if name == METRIC_NAME {
            metrics.push((value.to_owned(), series));
        }
        pairs.push((format!("{name}={value}"), series));
        *values.entry(name.to_owned()).or_default() += 1;
        *bytes.entry(name.to_owned()).or_default() += value.len() as u64 * series;
    });
    Cardinality {
        series_count_by_metric_name: longest(metrics, limit),
        label_value_count_by_label_name: longest(values.into_iter().collect(), limit),
        memory_in_bytes_by_label_name: longest(bytes.into_iter().collect(), limit),
        series_count_by_label_value_pair: longest(pairs, limit),
    }
}

fn longest(mut all: Vec<(String, u64)>, limit: usize) -> Vec<(String, u64)> {
    all.sort_unstable_by(|(a, a_count), (b, b_count)| (Reverse(a_count), a).cmp(&(Reverse(b_count), b)));
    all.truncate(limit);
    all
}
