//! The scripts under `tests/scripts/logql`, and whether they leave nothing of the language out.

use std::path::PathBuf;

use logql::ast::{RangeOp, VectorOp};
use logql::{Engine, EngineOptions};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/logql")
}

fn scripts() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = std::fs::read_dir(folder())
        .expect("the folder of scripts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a script"))
        })
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

#[test]
fn scripts_give_what_they_say() {
    let engine = Engine::new(EngineOptions { threads: 2, ..EngineOptions::standard() });
    let (mut failures, mut queries) = (Vec::new(), 0);
    for (name, script) in scripts() {
        let report = logql::script::run(&script, &engine);
        queries += report.queries;
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(folder().join(&name), &report.written).expect("a script can be written");
        }
        failures.extend(report.failures.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(queries > 100, "only {queries} queries were asked");
}

#[test]
fn a_script_that_says_something_else_fails() {
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() });
    let script = "load {a=\"b\"}\n  1s \"x\"\neval logs 0s 5s 10 {a=\"b\"}\n  {a=\"b\"} 1s \"y\"\nnonsense\n";
    let failures = logql::script::run(script, &engine).failures;
    assert_eq!(failures.iter().map(|failure| failure.line).collect::<Vec<_>>(), [3, 5]);
}

/// Every function, aggregation, stage and template function occurs in a query of a script.
#[test]
fn nothing_is_left_out() {
    let all: String = scripts()
        .into_iter()
        .flat_map(|(_, script)| {
            script.lines().filter(|l| l.starts_with("eval ")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
        .join("\n");
    let functions = RangeOp::ALL.iter().map(|op| format!("{}(", op.as_str()));
    let aggregations = VectorOp::ALL.iter().map(|op| op.as_str().to_owned());
    let stages = [
        "|= ",
        "!= ",
        "|~ ",
        "!~ ",
        "|> ",
        "!> ",
        "| json",
        "| logfmt",
        "--strict",
        "--keep-empty",
        "| regexp",
        "| pattern",
        "| unpack",
        "| decolorize",
        "| line_format",
        "| label_format",
        "| drop",
        "| keep",
        "| unwrap",
        "ip(",
        "bytes(",
        "duration(",
        "duration_seconds(",
        "offset ",
        "label_replace(",
        "vector(",
        " and ",
        " or ",
        " unless ",
        " bool ",
        "on (",
        "ignoring (",
        "group_left",
        "group_right",
        " ^ ",
        " % ",
        "without (",
        "__error__",
        "__timestamp__",
    ];
    let wanted = functions.chain(aggregations).chain(stages.map(str::to_owned));
    let missing: Vec<String> = wanted.filter(|word| !all.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "no script asks for {missing:?}");
}
