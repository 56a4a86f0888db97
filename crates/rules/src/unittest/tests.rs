//! Test files that fail: what a person gets to read.

use std::path::Path;

use super::*;
use crate::{Groups, RuleFile};

const RULES: &str = "groups:
- name: first
  rules:
  - record: a:up
    expr: min by (job) (up)
- name: second
  interval: 1h
  rules:
  - alert: Down
    expr: a:up < 1
    for: 2m
    labels: {severity: page}
    annotations: {summary: '{{ $labels.job }} is down since {{ $externalLabels.region }}'}
";

fn report(tests: &str) -> FileReport {
    let rules = RuleFile::parse(Path::new("r.yml"), RULES).expect("valid rules");
    let file = TestFile::parse(Path::new("t.yml"), tests).unwrap_or_else(|e| panic!("{e}"));
    run(&file, &Groups::new([rules]), None)
}

fn check(cases: &str, expected: &str) {
    let tests = format!(
        "tests:\n- name: n\n  external_labels: {{region: eu}}\n  input_series:\n  - {{series: 'up{{job=\"j\"}}', values: '1x2 0x5'}}\n{cases}"
    );
    let report = report(&tests);
    assert_eq!(report.to_string(), expected, "for {cases}");
    assert_eq!(report.passed(), expected.is_empty());
}

const EXACT: &str = "      exp_alerts: [{exp_labels: {job: j, severity: page}, exp_annotations: {summary: j is down since eu}}]\n";

#[test]
fn what_goes_as_expected_is_not_told() {
    check(&format!("  alert_rule_test:\n    - eval_time: 5m\n      alertname: Down\n{EXACT}"), "");
    // Judged by the last evaluation before.
    check(&format!("  alert_rule_test:\n    - eval_time: 5m59s\n      alertname: Down\n{EXACT}"), "");
}

#[test]
fn an_alert_that_is_not_there_yet() {
    check(
        &format!("  alert_rule_test:\n    - eval_time: 4m\n      alertname: Down\n{EXACT}"),
        "t.yml:7: n: alert Down at 4m
  expected  {alertname=\"Down\", job=\"j\", severity=\"page\"}
              summary: j is down since eu
  got       nothing
  pending   {alertname=\"Down\", job=\"j\", severity=\"page\"} since 3m
  a:up
  from 0s to 4m, a column every 1m
    a:up{job=\"j\"} |███▁▁| 0 to 1
  count by (alertstate) (ALERTS{alertname=\"Down\"})
  from 0s to 4m, a column every 1m
    {alertstate=\"pending\"} |   ▅▅| 1
",
    );
}

#[test]
fn one_alert_for_another_shows_what_differs() {
    check(
        "  alert_rule_test:\n    - eval_time: 5m\n      alertname: Down\n      exp_alerts: [{exp_labels: {job: j, severity: ticket}, exp_annotations: {summary: j is down, x: y}}]\n",
        "t.yml:7: n: alert Down at 5m
  label severity
    expected  \"ticket\"
    got       \"page\"
  annotation summary
    expected  \"j is down\"
    got       \"j is down since eu\"
  annotation x
    expected  \"y\"
    got       none
  a:up
  from 0s to 5m, a column every 1m
    a:up{job=\"j\"} |███▁▁▁| 0 to 1
  count by (alertstate) (ALERTS{alertname=\"Down\"})
  from 0s to 5m, a column every 1m
    {alertstate=\"firing\"}  |     ▅| 1
    {alertstate=\"pending\"} |   ▅▅ | 1
",
    );
}

#[test]
fn expressions() {
    check(
        "  promql_expr_test:\n    - expr: a:up + 1\n      eval_time: 1m\n      exp_samples: [{labels: '{job=\"j\"}', value: 3}]\n",
        "t.yml:7: n: a:up + 1 at 1m
  expected  {job=\"j\"} 3
  got       {job=\"j\"} 2
  a:up + 1
  from 0s to 1m, a column every 1m
    {job=\"j\"} |▅▅| 2
",
    );
    check(
        "  promql_expr_test:\n    - {expr: 'up * on () vector(1)', eval_time: 0}\n",
        "t.yml:7: n: up * on () vector(1) at 0s\n  expected  nothing\n  got       {} 1\n",
    );
}

#[test]
fn groups_are_evaluated_in_the_order_given() {
    // The alert's group first: it sees what was recorded a minute before.
    let tests = "group_eval_order: [second, first]\ntests:\n- input_series: [{series: 'up{job=\"j\"}', values: '0x5'}]\n  alert_rule_test:\n";
    let at =
        |minute: i64, expected: &str| format!("  - {{eval_time: {minute}m, alertname: Down{expected}}}\n");
    let firing = ", exp_alerts: [{exp_labels: {job: j, severity: page}, exp_annotations: {summary: \"j is down since \"}}]";
    let late = report(&format!("{tests}{}{}", at(2, ""), at(3, firing)));
    assert!(late.passed(), "{late}");
    let early = report(&format!("{}{}", tests.replace("second, first", "first, second"), at(2, firing)));
    assert!(early.passed(), "{early}");
}

#[test]
fn a_rule_that_fails_ends_its_test_group() {
    let tests = "tests:\n- input_series:\n  - {series: 'a:up{job=\"j\"}', values: '5x5'}\n  - {series: 'up{job=\"j\"}', values: '0x5'}\n  promql_expr_test: [{expr: up, eval_time: 5m}]\n";
    let report = report(tests).to_string();
    assert_eq!(
        report,
        "t.yml:2: cannot be run\n  error     rule a:up of group first: duplicate sample for timestamp\n"
    );
}
