//! Our own scripts in `tests/scripts`: every case must pass, and every function and operator must be in one.

use std::path::PathBuf;

use promql::ast::{AggregateOp, ExprKind};
use promql::functions::FUNCTIONS;
use promql::script::{self, Outcome};
use promql::{Expr, parse};

pub(crate) fn scripts() -> Vec<(String, String)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scripts"));
    let entries = std::fs::read_dir(&folder).expect("the scripts are part of the repository");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
        .into_iter()
        .map(|file| (file.display().to_string(), std::fs::read_to_string(&file).expect("a script is text")))
        .collect()
}

#[test]
fn our_scripts() {
    let (mut passed, mut wrong) = (0, Vec::new());
    for (name, text) in scripts() {
        let report = script::run(&text);
        wrong.extend(report.error.map(|error| format!("{name}: {error}")));
        for case in report.cases {
            match case.outcome {
                Outcome::Passed => passed += 1,
                other => wrong.push(format!("{name}:{} {}: {other:?}", case.line, case.query)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(passed > 100, "only {passed} cases were run");
}

#[test]
fn every_function_and_aggregation_has_a_case() {
    let mut used: Vec<&str> = Vec::new();
    for (_, text) in scripts() {
        for case in script::run(&text).cases {
            collect(&parse(&case.query).expect("it ran"), &mut used);
        }
    }
    // These only speak of native histograms.
    let native =
        ["histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum"];
    let names =
        FUNCTIONS.iter().map(|function| function.name).chain(AggregateOp::ALL.map(AggregateOp::as_str));
    let missing: Vec<&str> = names.filter(|name| !used.contains(name) && !native.contains(name)).collect();
    assert!(missing.is_empty(), "no script uses {missing:?}");
}

fn collect<'a>(expr: &Expr, used: &mut Vec<&'a str>)
where
    'static: 'a,
{
    match &expr.kind {
        ExprKind::Call(call) => used.push(call.function.name),
        ExprKind::Aggregate(aggregate) => used.push(aggregate.op.as_str()),
        _ => {}
    }
    expr.children().into_iter().for_each(|child| collect(child, used));
}
