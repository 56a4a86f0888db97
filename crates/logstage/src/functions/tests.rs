use model::Labels;

use crate::{Needed, Pipeline, Row, Stage, Template};

fn formatted(template: &str, pairs: &[(&str, &str)]) -> String {
    let template = Template::new(template).unwrap_or_else(|e| panic!("{template}: {e}"));
    let pipeline = Pipeline::new(vec![Stage::LineFormat(template)], None, Needed::All);
    let labels = Labels::from_pairs(pairs.iter().copied());
    let mut row = Row::new(1_795_168_800_123_456_789, "the line", &labels, None);
    assert!(pipeline.run(&mut row));
    let error = row.error().map(|kind| format!("{kind}: {}", row.get(crate::ERROR_DETAILS).unwrap_or("")));
    error.unwrap_or_else(|| row.line().to_owned())
}

fn check(template: &str, expected: &str) {
    let pairs = [
        ("a", "Hello, World"),
        ("n", "7"),
        ("x", "  xx  "),
        ("d", "1.5s"),
        ("b", "2KiB"),
        ("j", r#"{"k":[1,"z"]}"#),
    ];
    assert_eq!(formatted(template, &pairs), expected, "{template}");
}

#[test]
fn labels_and_the_line_fill_a_template() {
    check("{{.a}} {{ __line__ }}-{{.missing}}.", "Hello, World the line-.");
    check("plain", "plain");
    check("{{ if eq .n \"7\" }}seven{{ else }}other{{ end }}", "seven");
    check("{{ .missing | default \"none\" }}", "none");
    check("{{ range $k, $v := fromJson .j }}{{ $k }}={{ $v }}{{ end }}", "k=[1 z]");
}

#[test]
fn functions_of_texts() {
    for (template, expected) in [
        ("{{ ToLower .a }}", "hello, world"),
        ("{{ .a | ToUpper }}", "HELLO, WORLD"),
        ("{{ lower .a }}{{ upper .a }}", "hello, worldHELLO, WORLD"),
        ("{{ title \"a bc\" }}", "A Bc"),
        ("{{ Replace .a \"l\" \"L\" 2 }}", "HeLLo, World"),
        ("{{ Replace .a \"l\" \"L\" -1 }}", "HeLLo, WorLd"),
        ("{{ replace \"o\" \"0\" .a }}", "Hell0, W0rld"),
        ("{{ Trim .x \" x\" }}|", "|"),
        ("{{ TrimLeft .x \" \" }}|", "xx  |"),
        ("{{ TrimRight .x \" \" }}|", "  xx|"),
        ("{{ TrimPrefix .a \"Hello\" }}", ", World"),
        ("{{ TrimSuffix .a \"World\" }}", "Hello, "),
        ("{{ TrimSpace .x }}{{ trim .x }}", "xxxx"),
        ("{{ trimAll \" \" .x }}", "xx"),
        ("{{ trimPrefix \"He\" .a }}{{ trimSuffix \"ld\" .a }}", "llo, WorldHello, Wor"),
        ("{{ regexReplaceAll \"(o)(.)\" .a \"<${1}>\" }}", "Hell<o> W<o>ld"),
        ("{{ regexReplaceAllLiteral \"o\" .a \"$1\" }}", "Hell$1, W$1rld"),
        ("{{ count \"l\" .a }}", "3"),
        ("{{ urlencode \"a b/c\" }} {{ urldecode \"a+b%2Fc\" }}", "a+b%2Fc a b/c"),
        ("{{ b64enc .n }} {{ b64dec \"Nw==\" }}", "Nw== 7"),
        ("{{ trunc 5 .a }}{{ trunc -5 .a }}", "HelloWorld"),
        ("{{ substr 1 3 .a }}{{ substr 7 -1 .a }}", "elWorld"),
        ("{{ contains \"World\" .a }}{{ hasPrefix \"H\" .a }}{{ hasSuffix \"x\" .a }}", "truetruefalse"),
        ("{{ alignLeft 3 .a }}|{{ alignLeft 3 .n }}|", "Hel|7  |"),
        ("{{ alignRight 3 .a }}|{{ alignRight 3 .n }}|", "rld|  7|"),
        ("{{ indent 2 .n }}{{ nindent 2 .n }}", "  7\n  7"),
        ("{{ repeat 3 .n }}", "777"),
        ("{{ printf \"%s-%d\" .n 4 }}", "7-4"),
    ] {
        check(template, expected);
    }
}

#[test]
fn functions_of_numbers() {
    for (template, expected) in [
        ("{{ add 1 2 3 }} {{ sub 5 2 }} {{ mul 2 3 }} {{ div 7 2 }} {{ mod 7 2 }}", "6 3 6 3 1"),
        ("{{ add .n 1 }} {{ int .n }} {{ float64 \"1.5\" }}", "8 7 1.5"),
        ("{{ addf 1.5 2 }} {{ subf 2 0.5 }} {{ mulf 1.5 2 }} {{ divf 3 2 }}", "3.5 1.5 3 1.5"),
        ("{{ max 1 3 2 }} {{ min 3 1 2 }} {{ maxf 1.5 2.5 }} {{ minf 1.5 0.5 }}", "3 1 2.5 0.5"),
        ("{{ ceil 1.2 }} {{ floor 1.8 }} {{ round 1.256 2 }}", "2 1 1.26"),
        ("{{ bytes .b }} {{ duration .d }} {{ duration_seconds .d }}", "2048 1.5 1.5"),
        ("{{ div 1 0 }}", "TemplateFormatErr: div: division by zero"),
        ("{{ bytes .a }}", "TemplateFormatErr: bytes: \"Hello, World\" is no amount of bytes"),
    ] {
        let got = formatted(template, &[("n", "7"), ("d", "1.5s"), ("b", "2KiB"), ("a", "Hello, World")]);
        assert!(got.contains(expected.trim_start_matches("TemplateFormatErr: ")), "{template}: {got}");
        assert_eq!(got.starts_with("TemplateFormatErr"), expected.starts_with("TemplateFormatErr"), "{got}");
    }
}

#[test]
fn functions_of_times() {
    for (template, expected) in [
        ("{{ __timestamp__ | date \"2006-01-02T15:04:05.000Z07:00\" }}", "2026-11-20T10:00:00.123Z"),
        ("{{ __timestamp__ | unixEpoch }}", "1795168800"),
        ("{{ __timestamp__ | unixEpochMillis }}", "1795168800123"),
        ("{{ __timestamp__ | unixEpochNanos }}", "1795168800123456789"),
        ("{{ __timestamp__.Unix }}", "1795168800"),
        ("{{ unixToTime \"1795168800\" | date \"15:04\" }}", "10:00"),
        ("{{ unixToTime \"1795168800123\" | unixEpochMillis }}", "1795168800123"),
        ("{{ toDate \"2006-01-02\" \"2026-11-20\" | unixEpoch }}", "1795132800"),
        (
            "{{ toDateInZone \"2006-01-02 15:04\" \"Europe/Berlin\" \"2026-11-20 11:00\" | unixEpoch }}",
            "1795168800",
        ),
    ] {
        check(template, expected);
    }
}

#[test]
fn what_is_wrong_is_told_and_what_is_huge_is_refused() {
    for wrong in ["{{ nothing .a }}", "{{ .a ", "{{ if }}", "{{ end }}"] {
        assert!(Template::new(wrong).is_err(), "{wrong}");
    }
    assert!(formatted("{{ repeat 100000000 .a }}", &[("a", "x")]).starts_with("TemplateFormatErr"));
}
