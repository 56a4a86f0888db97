//! What is read, what is refused and where the finger points.

use super::*;

fn parse(text: &str) -> Result<RuleFile, RulesError> {
    RuleFile::parse(Path::new("r.yml"), text)
}

fn check_fault(text: &str, expected: &str) {
    let error = parse(text).map(|_| "no fault").expect_err(text).to_string();
    assert_eq!(error, expected, "for {text:?}");
}

/// One rule in one group; rule lines are indented as they must be.
fn rule(lines: &str) -> String {
    let body: Vec<String> = lines.lines().map(|line| format!("    {line}")).collect();
    format!("groups:\n- name: g\n  rules:\n  - {}\n", body.join("\n").trim_start())
}

#[test]
fn a_whole_file() {
    let file = parse(
        "groups:\n- name: g\n  interval: 30s\n  query_offset: 1m\n  limit: 5\n  labels: {team: a, tier: x}\n  rules:\n\
         \x20 - record: a:b\n    expr: sum(up)\n    labels: {tier: y}\n\
         \x20 - alert: Down\n    expr: up == 0\n    for: 1m\n    keep_firing_for: 5m\n    labels: {severity: '{{ $value }}'}\n\
         \x20   annotations: {summary: 'is {{ $labels.job }}'}\n",
    )
    .expect("valid");
    let group = &file.groups[0];
    assert_eq!(
        (group.interval, group.query_offset, group.limit),
        (Some(DurationMs(30_000)), Some(DurationMs(60_000)), 5)
    );
    assert_eq!(group.key(), "r.yml;g");
    let [record, alert] = group.rules.as_slice() else { panic!("two rules") };
    assert_eq!(record.labels_as_written().to_string(), r#"{team="a", tier="y"}"#);
    assert_eq!(record.alerting(), None);
    let alerting = alert.alerting().expect("an alert");
    assert_eq!((alerting.hold, alerting.keep_firing_for), (DurationMs(60_000), DurationMs(300_000)));
    assert_eq!(alerting.annotations[0].1.text(), "is {{ $labels.job }}");
    assert_eq!(alert.query, "up == 0");
    assert!(file.warnings.is_empty());
}

#[test]
fn empty_files_and_groups_are_fine() {
    for text in ["", "groups: []", "groups:\n- name: g\n"] {
        assert!(parse(text).is_ok(), "{text:?}");
    }
}

#[test]
fn a_number_is_an_expression() {
    assert_eq!(parse(&rule("record: x\nexpr: 1")).expect("valid").groups[0].rules[0].query, "1");
}

#[test]
fn names_are_checked() {
    check_fault(
        "groups:\n- name: a\n- name: a\n",
        "r.yml:3:9: groupname: \"a\" is repeated in the same file",
    );
    check_fault("groups:\n- name: ''\n", "r.yml:2:9: groupname must not be empty");
    check_fault(
        &rule("record: a{b=\"c\"}\nexpr: 1"),
        "r.yml:4:13: braces present in the recording rule name; should it be in expr?: a{b=\"c\"}",
    );
    check_fault(
        &rule("record: a\nexpr: 1\nlabels: {__name__: x}"),
        "r.yml:6:24: invalid label name: __name__",
    );
}

#[test]
fn fields_that_do_not_fit_together() {
    check_fault(
        &rule("record: a\nalert: b\nexpr: 1"),
        "r.yml:4:13: only one of 'record' and 'alert' must be set",
    );
    check_fault(&rule("expr: 1"), "r.yml:4:5: one of 'record' or 'alert' must be set");
    check_fault(&rule("record: a"), "r.yml:4:5: field 'expr' must be set in rule");
    check_fault(&rule("record: a\nexpr: 1\nfor: 1m"), "r.yml:4:13: invalid field 'for' in recording rule");
    check_fault(
        &rule("record: a\nexpr: 1\nkeep_firing_for: 1m"),
        "r.yml:4:13: invalid field 'keep_firing_for' in recording rule",
    );
    check_fault(
        &rule("record: a\nexpr: 1\nannotations: {a: b}"),
        "r.yml:4:13: invalid field 'annotations' in recording rule",
    );
}

#[test]
fn unknown_fields_are_refused() {
    check_fault(
        &rule("alert: a\nexpr: 1\nlabls: 1m"),
        "r.yml:6:5: unknown field labls (did you mean labels?)",
    );
    check_fault(
        "groups:\n- name: a\n  intervall: 1m\n",
        "r.yml:3:3: unknown field intervall (did you mean interval?)",
    );
}

#[test]
fn faults_in_expressions_point_into_the_file() {
    let at = |text: &str| {
        let error = parse(text).expect_err(text);
        let fault = error.faults.first().expect("one fault");
        assert!(fault.message.starts_with("could not parse expression: "), "{fault}");
        (fault.line, fault.column)
    };
    assert_eq!(at(&rule("record: a\nexpr: sum(up))")), (Some(5), Some(18)));
    assert_eq!(at(&rule("record: a\nexpr: |\n  sum(up)\n    / sum(up))\n")), (Some(7), Some(18)));
    assert_eq!(at(&rule("record: a\nexpr: 'sum(up))'")), (Some(5), Some(19)));
}

#[test]
fn faults_in_templates_point_into_the_file() {
    check_fault(
        &rule("alert: a\nexpr: 1\nannotations:\n  summary: 'x {{ nosuch }}'"),
        "r.yml:7:16: error parsing template: function \"nosuch\" not defined",
    );
    let error = parse(&rule("alert: a\nexpr: 1\nlabels:\n  s: |\n    one\n    two {{ if }}"))
        .expect_err("bad template");
    assert_eq!((error.faults[0].line, error.faults[0].column.is_some()), (Some(9), true), "{error}");
}

#[test]
fn all_faults_are_told_at_once() {
    let error = parse("groups:\n- name: a\n  rules:\n  - expr: 1\n- name: a\n  rules:\n  - record: x\n")
        .expect_err("three");
    assert_eq!(error.faults.len(), 3, "{error}");
}

#[test]
fn a_template_that_cannot_work_is_a_warning() {
    let file = parse(&rule("alert: a\nexpr: 1\nlabels: {s: '{{ $labels.a.b }}'}")).expect("valid");
    assert_eq!(file.warnings.len(), 1);
    assert!(file.warnings[0].to_string().starts_with("r.yml:6:17: template fails when tried without data: "));
}
