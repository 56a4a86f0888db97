//! Each stage, alone and behind others.

use logstage::{
    Comparison, Conversion, Json, LabelFilter, LabelFormat, LineFilter, LineOp, LineOperand, Logfmt,
    NameFilter, Needed, NumberFilter, NumberKind, PatternParser, Pipeline, Regexp, Row, Stage, Template,
    Unpack, Unwrap,
};
use model::{Labels, MatchOp, Matcher};

fn all(stages: Vec<Stage>) -> Pipeline {
    Pipeline::new(stages, None, Needed::All)
}

/// What is left of a line of the stream `{job="j", status="s"}` with the metadata `{trace="t"}`.
fn shown(pipeline: &Pipeline, line: &str) -> String {
    let stream = Labels::from_pairs([("job", "j"), ("status", "s")]);
    let metadata = Labels::from_pairs([("trace", "t")]);
    let mut row = Row::new(0, line, &stream, Some(&metadata));
    if !pipeline.run(&mut row) {
        return "gone".to_owned();
    }
    let mut labels = Vec::new();
    row.for_each(|name, value, _| labels.push(format!("{name}={value}")));
    labels.retain(|pair| !pair.starts_with("__error_details__"));
    labels.sort();
    format!("{} | {}", row.line(), labels.join(" "))
}

fn check(stages: Vec<Stage>, line: &str, expected: &str) {
    assert_eq!(shown(&all(stages), line), expected, "{line:?}");
}

fn json() -> Stage {
    Stage::Json(Json::default())
}

fn text(name: &str, op: MatchOp, value: &str) -> LabelFilter {
    LabelFilter::Text(Matcher::new(name, op, value).expect("a matcher"))
}

fn number(name: &str, op: Comparison, kind: NumberKind, value: f64) -> LabelFilter {
    LabelFilter::Number(NumberFilter { name: name.into(), op, kind, value })
}

#[test]
fn fields_of_the_same_name_as_a_label_are_told_apart() {
    let line = r#"{"status":500,"trace":"x","a":{"b":1},"a_b":2,"n":null}"#;
    check(
        vec![json()],
        line,
        &format!("{line} | a_b=1 job=j status=s status_extracted=500 trace=t trace_extracted=x"),
    );
}

#[test]
fn what_does_not_parse_is_marked_and_kept() {
    check(vec![json()], "no json", "no json | __error__=JSONParserErr job=j status=s trace=t");
    let strict = Logfmt { is_strict: true, keeps_empty: false, fields: Vec::new() };
    check(vec![Stage::Logfmt(strict)], "a=b=c", "a=b=c | __error__=LogfmtParserErr job=j status=s trace=t");
    let clean = Stage::Label(text("__error__", MatchOp::Equal, ""));
    check(vec![json(), clean], "no json", "gone");
    let dropped = Stage::Drop(vec![NameFilter::Name("__error__".into())]);
    check(vec![json(), dropped], "no json", "no json | job=j status=s trace=t");
}

#[test]
fn parsers_with_names_take_only_those() {
    let paths = Json::new([("first", "a[0]"), ("whole", "a"), ("none", "x.y")]).expect("paths");
    let line = r#"{"a":[1,2]}"#;
    check(vec![Stage::Json(paths)], line, &format!("{line} | first=1 job=j status=s trace=t whole=[1,2]"));
    let named = Logfmt { is_strict: false, keeps_empty: false, fields: vec![("b".into(), "a".into())] };
    check(vec![Stage::Logfmt(named)], "a=1 c=2", "a=1 c=2 | b=1 job=j status=s trace=t");
    let regexp = Regexp::new(r"(?P<method>\w+) (?P<path>/\S*)").expect("a regexp");
    check(vec![Stage::Regexp(regexp)], "x GET /a", "x GET /a | job=j method=GET path=/a status=s trace=t");
    let pattern = PatternParser::new("<method> <_> <code>").expect("a pattern");
    check(
        vec![Stage::Pattern(pattern)],
        "GET /a 200",
        "GET /a 200 | code=200 job=j method=GET status=s trace=t",
    );
    assert!(Regexp::new("(a)").is_err() && Regexp::new("(").is_err());
    assert!(PatternParser::new("<_>").is_err() && PatternParser::new("<a> <a>").is_err());
}

#[test]
fn packed_lines_are_unpacked() {
    let line = r#"{"app":"x","job":"k","n":5,"_entry":"the line"}"#;
    check(vec![Stage::Unpack(Unpack)], line, "the line | app=x job=j job_extracted=k status=s trace=t");
    check(vec![Stage::Unpack(Unpack)], "[]", "[] | __error__=JSONParserErr job=j status=s trace=t");
}

#[test]
fn numbers_are_compared_and_what_is_none_is_marked() {
    let line = r#"{"code":503,"took":"1.5s","size":"2KB","x":"abc"}"#;
    let passes = |filter| shown(&all(vec![json(), Stage::Label(filter)]), line) != "gone";
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    for (name, op, kind, value, expected) in [
        ("code", GreaterOrEqual, NumberKind::Plain, 503.0, true),
        ("code", Greater, NumberKind::Plain, 503.0, false),
        ("code", NotEqual, NumberKind::Plain, 1.0, true),
        ("took", Greater, NumberKind::Duration, 1.0, true),
        ("took", Less, NumberKind::Duration, 1.0, false),
        ("size", Equal, NumberKind::Bytes, 2000.0, true),
        ("size", LessOrEqual, NumberKind::Bytes, 1999.0, false),
        ("missing", Equal, NumberKind::Plain, 0.0, false),
    ] {
        assert_eq!(passes(number(name, op, kind, value)), expected, "{name} {op:?} {value}");
    }
    let wrong = number("x", Equal, NumberKind::Plain, 1.0);
    assert!(shown(&all(vec![json(), Stage::Label(wrong)]), line).contains("__error__=LabelFilterErr"));
    let both = |a, b| LabelFilter::And(Box::new(a), Box::new(b));
    let either = |a, b| LabelFilter::Or(Box::new(a), Box::new(b));
    let (yes, no) = (text("x", MatchOp::Regex, "a.c"), text("x", MatchOp::NotEqual, "abc"));
    assert!(!passes(both(yes.clone(), no.clone())) && passes(either(no, yes)));
}

#[test]
fn lines_and_labels_are_formatted() {
    let format = Stage::LineFormat(Template::new("{{.status}} {{.a}}").expect("a template"));
    check(vec![json(), format], r#"{"a":1}"#, "s 1 | a=1 job=j status=s trace=t");
    let labels = vec![
        LabelFormat::rename("b", "a"),
        LabelFormat::template("status", "{{.status}}-{{.b}}").expect("a template"),
        LabelFormat::template("trace", "").expect("a template"),
        LabelFormat::rename("none", "missing"),
    ];
    let line = r#"{"a":1}"#;
    check(vec![json(), Stage::LabelFormat(labels)], line, &format!("{line} | b=1 job=j status=s-1"));
}

#[test]
fn what_a_formatted_line_holds_can_be_parsed() {
    let format = Stage::LineFormat(Template::new(r#"{"q":"{{.a}}"}"#).expect("a template"));
    let first = Stage::Logfmt(Logfmt::default());
    check(vec![first, format, json()], "a=7", r#"{"q":"7"} | a=7 job=j q=7 status=s trace=t"#);
}

#[test]
fn labels_are_dropped_and_kept() {
    let matcher =
        |name: &str, value: &str| NameFilter::Value(Matcher::new(name, MatchOp::Regex, value).expect("ok"));
    let name = |name: &str| NameFilter::Name(name.into());
    check(vec![Stage::Drop(vec![name("job"), matcher("status", "x.*"), name("trace")])], "l", "l | status=s");
    check(vec![Stage::Keep(vec![name("job"), matcher("status", "x.*")])], "l", "l | job=j");
    check(vec![json(), Stage::Keep(vec![name("job")])], "l", "l | __error__=JSONParserErr job=j");
}

#[test]
fn colours_go() {
    check(vec![Stage::Decolorize], "\u{1b}[31;1mred\u{1b}[0m ü", "red ü | job=j status=s trace=t");
    check(vec![Stage::Decolorize], "cut \u{1b}[3", "cut  | job=j status=s trace=t");
}

#[test]
fn a_number_is_taken_out_of_a_label() {
    let unwrap = |label: &str, conversion| Unwrap { label: label.into(), conversion, filters: Vec::new() };
    let stream = Labels::from_pairs([("job", "j")]);
    let line = r#"{"a":"2.5","d":"250ms","b":"1KiB","x":"y"}"#;
    let pipeline = all(vec![json()]);
    let number = |unwrap: Unwrap| {
        let mut row = Row::new(0, line, &stream, None);
        assert!(pipeline.run(&mut row));
        (unwrap.number(&mut row), row.get(&unwrap.label).is_some(), row.error().map(str::to_owned))
    };
    assert_eq!(number(unwrap("a", Conversion::None)), (Some(2.5), false, None));
    assert_eq!(number(unwrap("d", Conversion::DurationSeconds)).0, Some(0.25));
    assert_eq!(number(unwrap("b", Conversion::Bytes)).0, Some(1024.0));
    assert_eq!(number(unwrap("none", Conversion::None)).0, None);
    assert_eq!(number(unwrap("x", Conversion::None)), (Some(0.0), true, Some("SampleExtractionErr".into())));
    let filters = vec![text("__error__", MatchOp::Equal, "")];
    assert_eq!(number(Unwrap { filters, ..unwrap("x", Conversion::None) }).0, None);
}

/// What a result does not need is not extracted, and the line not read to its end.
#[test]
fn only_what_is_needed_is_extracted() {
    let line = r#"{"status":"500","a":{"b":1},"view":"/x","rest":"#;
    let stages = || {
        vec![json(), Stage::Label(number("status_extracted", Comparison::Equal, NumberKind::Plain, 500.0))]
    };
    let few = Pipeline::new(stages(), None, Needed::only(["view"]));
    assert_eq!(shown(&few, line), format!("{line} | job=j status=s status_extracted=500 trace=t view=/x"));
    assert!(shown(&all(stages()), line).contains("JSONParserErr"));
    let none = Pipeline::new(vec![json()], None, Needed::only::<&str>([]));
    assert_eq!(shown(&none, "no json"), "no json | job=j status=s trace=t");
    let asked = Stage::Label(text("__error__", MatchOp::Equal, ""));
    let asking = Pipeline::new(vec![json(), asked], None, Needed::only(["view"]));
    assert_eq!(shown(&asking, line), "gone");
    let by_path = || Stage::Json(Json::new([("view", "view"), ("rest", "rest")]).expect("paths"));
    let few = Pipeline::new(vec![by_path()], None, Needed::only(["view"]));
    assert_eq!(shown(&few, line), "{line} | job=j status=s trace=t view=/x".replace("{line}", line));
    let asked = Stage::Label(text("__error__", MatchOp::Equal, ""));
    let asking = Pipeline::new(vec![by_path(), asked], None, Needed::only(["view"]));
    assert_eq!(shown(&asking, line), "gone");
    let keep = Stage::Keep(vec![NameFilter::Name("a_b".into())]);
    assert_eq!(shown(&all(vec![json(), keep]), r#"{"a":{"b":1},"c":2}"#), r#"{"a":{"b":1},"c":2} | a_b=1"#);
}

/// A field that is there twice is one of those that are needed, and what the stream has is none of them.
#[test]
fn reading_ends_with_the_last_field_that_is_needed() {
    let few = |stage: Stage, names: &[&str]| Pipeline::new(vec![stage], None, Needed::only(names.to_vec()));
    let end = "job=j status=s trace=t";
    let twice = few(json(), &["a", "b"]);
    let line = r#"{"a":1,"a":2,"b":3,oh"#;
    assert_eq!(shown(&twice, line), format!("{line} | a=1 b=3 {end}"));
    let twice = few(Stage::Logfmt(Logfmt { is_strict: true, ..Logfmt::default() }), &["a", "b"]);
    assert_eq!(shown(&twice, "a=1 a=2 b=3 =oh"), format!("a=1 a=2 b=3 =oh | a=1 b=3 {end}"));
    let given = few(json(), &["status", "b", "trace"]);
    let line = r#"{"status":1,"b":3,oh"#;
    assert_eq!(shown(&given, line), format!("{line} | b=3 {end}"));
    let renamed = few(json(), &["status", "status_extracted"]);
    let line = r#"{"status":1,oh"#;
    assert_eq!(shown(&renamed, line), format!("{line} | job=j status=s status_extracted=1 trace=t"));
    let rivals = Json::new([("x", "none"), ("x", "b"), ("x", "a")]).expect("paths");
    let line = r#"{"a":1,"b":3}"#;
    assert_eq!(shown(&few(Stage::Json(rivals), &["x"]), line), format!("{line} | {end} x=3"));
}

#[test]
fn a_line_filter_behind_a_format_is_no_needle() {
    let filter = |text: &str| {
        Stage::Line(LineFilter::new(LineOp::Contains, &[LineOperand::Text(text.into())]).expect("a filter"))
    };
    let format = Stage::LineFormat(Template::new("x").expect("a template"));
    let pipeline = all(vec![filter("a"), json(), filter("b"), format, filter("c")]);
    assert_eq!(pipeline.needles(), [["a"], ["b"]]);
    assert!(pipeline.finder().is_some());
}
