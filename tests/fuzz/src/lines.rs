//! Queries in LogQL, and lines that stages take apart.

use std::sync::LazyLock;

use logql::Expr;
use logstage::{
    Json, LineFilter, LineOp, LineOperand, Logfmt, Needed, PatternParser, Pipeline, Regexp, Row, Stage,
    Template, Unpack, json,
};
use model::Labels;

pub(crate) fn query_seeds() -> Vec<Vec<u8>> {
    [
        r#"{app="a", env=~"b|c"} |= "x" or "y" != ip("192.0.2.0/24") | json | status >= 500 and took > 1.5s or size < 10KB"#,
        r#"{app="a"} | logfmt --strict a="b" | regexp "(?P<x>.)" | pattern "<y> <_>" | unpack | decolorize | line_format "{{.a | ToUpper}}""#,
        r#"sum by (a) (rate({app="a"} | json a="b[0].c" | unwrap duration(d) | __error__="" [5m] offset 1h)) / on (a) group_left (b) vector(1)"#,
        r#"topk(5, quantile_over_time(0.99, {a="b"} |> "<_> x" | drop c, d="e" | keep f | label_format g=h, i="{{.j}}" | unwrap k [1m]) by (l))"#,
        r#"label_replace(count_over_time({a="b"}[1h30m]) > bool 2 ^ 3, "x", "$1", "y", "(.*)") or vector(0)"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// What is read is written so that it reads back as the same.
pub(crate) fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = logql::parse_matchers(text);
    let Ok(expr) = logql::parse(text) else { return };
    let written = expr.to_string();
    // A query at the very limits may be longer when written out.
    match logql::parse(&written) {
        Ok(again) => assert_eq!(again, expr, "{written}"),
        Err(error) => assert!(error.limit.is_some(), "{written}: {error}"),
    }
    if let Expr::Log(_) = expr {
        assert!(written.starts_with('{'));
    }
}

pub(crate) fn line_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"a":{"b":[1,2,{"c":"d"}],"e":"\u00e9\ud83d\ude00\n"},"f":-1.5e3,"g":null,"h":true,"_entry":"x"}"#,
        r#"level=info msg="a \"b\" c" took=1.5s empty= bare a.b=c =x d=e"f""#,
        "192.0.2.1 - [10:00] \"GET /a?b=c HTTP/1.1\" 200 512 2001:db8::1",
        "\u{1b}[31;1mred\u{1b}[0m plain \u{1b}[",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

static PIPELINES: LazyLock<Vec<Pipeline>> = LazyLock::new(|| {
    let filter = |op, text: &str| {
        Stage::Line(LineFilter::new(op, &[LineOperand::Text(text.into())]).expect("a filter"))
    };
    let ip = LineFilter::new(LineOp::Lacks, &[LineOperand::Ip("2001:db8::/32".into())]).expect("a filter");
    let strict = Logfmt { is_strict: true, keeps_empty: true, fields: vec![("x".into(), "level".into())] };
    let template = "{{ .a | trunc 3 }} {{ fromJson __line__ }} {{ regexReplaceAll \"a+\" __line__ \"b\" }}";
    let stages = [
        vec![Stage::Json(Json::default())],
        vec![Stage::Json(Json::new([("a", "a.b[0]"), ("b", "a[\"e\"]")]).expect("paths"))],
        vec![Stage::Logfmt(Logfmt::default()), Stage::Logfmt(strict)],
        vec![Stage::Regexp(Regexp::new("(?P<a>[a-z]+)[^a]*(?P<b>.)?").expect("a regexp"))],
        vec![Stage::Pattern(PatternParser::new("<ip> - [<_>] \"<m> <p>\"<r>").expect("a pattern"))],
        vec![Stage::Unpack(Unpack), Stage::Decolorize, Stage::Json(Json::default())],
        vec![filter(LineOp::Looks, "<_> a <_>"), filter(LineOp::MatchesNot, "x.y"), Stage::Line(ip)],
        vec![
            Stage::LineFormat(Template::new(template).expect("a template")),
            Stage::Logfmt(Logfmt::default()),
        ],
    ];
    stages.into_iter().map(|stages| Pipeline::new(stages, None, Needed::All)).collect()
});

pub(crate) fn line(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let stream = Labels::from_pairs([("a", "1"), ("level", "x")]);
    for pipeline in PIPELINES.iter() {
        let mut row = Row::new(0, text, &stream, None);
        pipeline.run(&mut row);
        row.for_each(|name, _, _| assert!(!name.is_empty()));
    }
    let _ = json::parse_path(text);
    let _ = (
        logstage::units::bytes(text),
        logstage::units::duration_nanos(text),
        logstage::ip::IpRange::parse(text),
    );
}
