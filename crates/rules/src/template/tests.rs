//! What templates give: one table a subject.

use super::*;

fn context() -> Context {
    let vector = |expr: &str| match expr {
        "broken" => Err("1:1: no such thing".to_owned()),
        "empty" => Ok(Vec::new()),
        _ => Ok(vec![
            (Labels::from_pairs([("instance", "b"), ("q", expr)]), 21.0),
            (Labels::from_pairs([("instance", "a")]), 11.0),
        ]),
    };
    Context {
        labels: Labels::from_pairs([("instance", "orders-1:8001"), ("job", "order-service"), ("n", "1024")]),
        value: 1.5,
        at: TimestampMs(1_000_500),
        external_labels: Labels::from_pairs([("region", "eu")]),
        external_url: Arc::from("http://mon.example.org:9090/watch/"),
        query: Arc::new(vector),
    }
}

fn check_with(context: &Context, text: &str, expected: &str) {
    let template = Template::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(template.expand_or_explain(context), expected, "of {text}");
}

fn check(cases: &[(&str, &str)]) {
    cases.iter().for_each(|(text, expected)| check_with(&context(), text, expected));
}

#[test]
fn the_usual_annotations() {
    check(&[
        ("plain text", "plain text"),
        ("{{ $labels.instance }} of {{$labels.job}}", "orders-1:8001 of order-service"),
        ("{{ .Labels.instance }} {{ .Value }}", "orders-1:8001 1.5"),
        ("{{ $.labels.instance }}", "<error expanding template: can't evaluate field labels>"),
        ("{{ $value }}", "1.5"),
        ("{{ $value | humanize }}", "1.5"),
        (r#"{{ printf "%.2f" $value }}"#, "1.50"),
        (r#"{{ $value | printf "%.0f%%" }}"#, "2%"),
        ("{{ if gt $value 1.0 }}high{{ else }}low{{ end }}", "high"),
        ("{{ $externalLabels.region }} {{ $externalURL }}", "eu http://mon.example.org:9090/watch/"),
        ("{{ externalURL }} {{ pathPrefix }} {{ now }}", "http://mon.example.org:9090/watch/ /watch 1000.5"),
    ]);
}

#[test]
fn a_missing_label_is_empty_everywhere() {
    check(&[
        ("[{{ $labels.nothing }}]", "[]"),
        (r#"{{ if eq $labels.nothing "" }}none{{ end }}"#, "none"),
        (r#"[{{ index $labels "nothing" }}][{{ index $labels "job" }}]"#, "[][order-service]"),
        ("{{ $labels.nothing | toUpper }}", ""),
        ("{{ with $labels.nothing }}x{{ else }}y{{ end }}", "y"),
        ("{{ .Nothing }}", "<error expanding template: can't evaluate field Nothing>"),
        ("{{ $labels.job.x }}", "<error expanding template: can't evaluate field x in type string>"),
    ]);
}

#[test]
fn functions_of_numbers() {
    check(&[
        ("{{ humanize 1234567.0 }}", "1.235M"),
        ("{{ humanize1024 $labels.n }}", "1ki"),
        ("{{ 0.051 | humanizePercentage }}", "5.1%"),
        ("{{ humanizeDuration 3661 }}", "1h 1m 1s"),
        ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        (r#"{{ parseDuration "1h30m" }}"#, "5400"),
        (r#"{{ humanize "x" }}"#, "<error expanding template: humanize: \"x\" is not a number>"),
        ("{{ 1234567.0 }} {{ print 1234567.0 }}", "1.234567e+06 1.234567e+06"),
        (r#"{{ printf "%v|%s|%d|%6.1f" 1234567.0 "a" 3 2.25 }}"#, "1.234567e+06|a|3|   2.2"),
        (
            r#"{{ if gt $value 1 }}x{{ end }}"#,
            "<error expanding template: incompatible types for comparison: float64 and int>",
        ),
    ]);
    let infinite = Context { value: f64::INFINITY, ..context() };
    for (text, expected) in [
        ("{{ $value }}", "+Inf"),
        ("{{ $value | humanize }}", "+Inf"),
        (r#"{{ printf "%.2f" $value }}"#, "+Inf"),
    ] {
        check_with(&infinite, text, expected);
    }
}

#[test]
fn functions_of_text() {
    check(&[
        (r#"{{ "aa bb CC" | title }}"#, "Aa Bb CC"),
        (r#"{{ toUpper "aa" }}{{ toLower "BB" }}"#, "AAbb"),
        (r#"{{ match "a+" "caat" }} {{ match "^a" "caat" }}"#, "true false"),
        (r#"{{ reReplaceAll "(a)b" "x$1" "abab" }}"#, "xaxa"),
        (r#"{{ reReplaceAll "(" "" "x" }}"#, "<error expanding template: \"(\" is not a regular expression>"),
        ("{{ stripPort $labels.instance }}", "orders-1"),
        (r#"{{ stripPort "[::1]:80" }} {{ stripPort "nothing" }}"#, "::1 nothing"),
        (
            r#"{{ stripDomain "a.b.c:80" }} {{ stripDomain "10.0.0.1:80" }} {{ stripDomain "a.b" }}"#,
            "a:80 10.0.0.1:80 a",
        ),
        (r#"{{ graphLink "up == 0" }}"#, "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"),
        (r#"{{ tableLink "up" }} {{ urlQueryEscape "a b" }}"#, "/graph?g0.expr=up&g0.tab=1 a+b"),
    ]);
}

#[test]
fn functions_of_query_results() {
    check(&[
        (r#"{{ query "up" | first | value }}"#, "21"),
        (r#"{{ query "up" | first | label "q" }}"#, "up"),
        (r#"{{ range query "up" }}{{ .Labels.instance }}={{ .Value }} {{ end }}"#, "b=21 a=11 "),
        (r#"{{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}{{ end }}"#, "ab"),
        (r#"{{ (query "up" | first).Labels.instance }}"#, "b"),
        (
            r#"{{ query "empty" | first | value }}"#,
            "<error expanding template: first() called on vector with no elements>",
        ),
        (r#"{{ query "broken" }}"#, "<error expanding template: 1:1: no such thing>"),
        (r#"{{ with query "empty" }}x{{ else }}none{{ end }}"#, "none"),
    ]);
}

#[test]
fn definitions_ranges_and_variables() {
    check(&[
        (r#"{{ define "x" }}<{{ .job }}>{{ end }}{{ template "x" $labels }}"#, "<order-service>"),
        (
            "{{ range $name, $value := $labels }}{{ $name }}={{ $value }};{{ end }}",
            "instance=orders-1:8001;job=order-service;n=1024;",
        ),
        ("{{ $x := 1 }}{{ range $labels }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        (r#"{{ define "a" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "a" (args "x" 2) }}"#, "x-2"),
        ("a {{- /* words */ -}} b", "ab"),
    ]);
}

#[test]
fn what_is_wrong_is_told_at_load() {
    for (text, message, place) in [
        ("{{ $labels.x ", "unclosed action", true),
        ("{{ if }}x{{ end }}", "empty command", true),
        ("{{ nosuch 1 }}", "function \"nosuch\" not defined", false),
        ("{{ if true }}{{ 1 | nosuch }}{{ end }}", "function \"nosuch\" not defined", false),
        ("{{ $nosuch }}", "undefined variable \"$nosuch\"", false),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "undefined variable \"$x\"", false),
        ("{{ define \"x\" }}{{ $labels.a }}{{ end }}", "undefined variable \"$labels\"", false),
    ] {
        let error = Template::parse(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.place.is_some(), place, "{text}: {error:?}");
    }
    for text in [
        "ab {{ end }}",
        "{{ else }}",
        "{{ if true }}{{ end }}{{ end }} more",
        "{{ define \"x\" }}{{ end }}{{ end }}",
    ] {
        assert_eq!(
            Template::parse(text).expect_err(text).message,
            "unexpected {{end}} or {{else}}",
            "{text}"
        );
    }
}

#[test]
fn a_dry_run_finds_what_can_never_work() {
    for (text, works) in [
        ("{{ $labels.a.b }}", false),
        ("{{ query \"up\" | first | value }}", true),
        ("{{ $value | humanize }}", true),
    ] {
        assert_eq!(Template::parse(text).expect("parses").dry_run().is_ok(), works, "{text}");
    }
}

#[test]
fn an_expansion_is_bounded() {
    let long = "x".repeat(EXPANSION_MAX_BYTES / 2);
    let template = Template::parse(&format!("{{{{ range $labels }}}}{long}{{{{ end }}}}")).expect("parses");
    assert_eq!(
        template.expand(&context()),
        Err(format!("result is longer than {EXPANSION_MAX_BYTES} bytes"))
    );
}

#[test]
fn no_text_makes_it_panic() {
    const PIECES: [&str; 32] = [
        "{{", "}}", "{{-", "-}}", " ", "if", "else", "end", "range", "with", "define", "template", "$labels",
        ".x", "$", ":=", "=", "|", "(", ")", "\"a\"", "`b`", "1", "2.5", "printf", "query", "first", "ü",
        "/*", "*/", ",", "\n",
    ];
    let mut parsed = 0;
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let length = random.usize(1..20);
        let text: String = (0..length).map(|_| PIECES[random.usize(0..PIECES.len())]).collect();
        if let Ok(template) = Template::parse(&text) {
            parsed += 1;
            // Whatever comes of it, it comes back.
            let _ = template.expand_or_explain(&context());
        }
    }
    assert!(parsed > 100, "only {parsed} texts were templates");
}
