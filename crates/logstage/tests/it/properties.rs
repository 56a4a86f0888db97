//! No line makes a stage panic, and what is extracted lazily is what is extracted in full.

use logstage::{
    Json, Logfmt, NameFilter, Needed, PatternParser, Pipeline, Regexp, Row, Stage, Template, Unpack, json,
};
use model::Labels;
use proptest::prelude::*;

fn pipelines() -> Vec<Pipeline> {
    let strict = Logfmt { is_strict: true, keeps_empty: true, fields: Vec::new() };
    let stages = [
        Stage::Json(Json::default()),
        Stage::Json(Json::new([("a", "a.b[0]"), ("c", "c")]).expect("paths")),
        Stage::Logfmt(Logfmt::default()),
        Stage::Logfmt(strict),
        Stage::Regexp(Regexp::new("(?P<a>[a-z]+).*?(?P<b>.)$").expect("a regexp")),
        Stage::Pattern(PatternParser::new("<a> <b>=<c>").expect("a pattern")),
        Stage::Unpack(Unpack),
        Stage::Decolorize,
        Stage::LineFormat(
            Template::new("{{.a}} {{ __line__ | trunc 5 }} {{ fromJson __line__ }}").expect("a template"),
        ),
    ];
    stages
        .into_iter()
        .map(|stage| Pipeline::new(vec![stage, Stage::Json(Json::default())], None, Needed::All))
        .collect()
}

fn spoilt() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(r#"{"a":"#.to_owned()),
        Just(r#""b":{"#.to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(r#""\u12"#.to_owned()),
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("key=".to_owned()),
        Just(" ".to_owned()),
        Just("\u{1b}[".to_owned()),
        Just("üx".to_owned()),
        Just("12.5e3".to_owned()),
        "[ -~]{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_line_makes_a_stage_panic(line in spoilt()) {
        let stream = Labels::from_pairs([("a", "1"), ("z", "2")]);
        for pipeline in pipelines() {
            let mut row = Row::new(0, &line, &stream, None);
            pipeline.run(&mut row);
            row.for_each(|_, _, _| {});
        }
        let _ = json::parse_path(&line);
        let _ = Template::new(&line);
        let _ = Regexp::new(&line);
        let _ = PatternParser::new(&line);
    }

    #[test]
    fn lazy_and_full_extraction_agree(pairs in prop::collection::vec(("[a-d]{1,2}", 0..5u8), 0..8)) {
        let fields: Vec<String> = pairs.iter().map(|(key, value)| format!("\"{key}\":{{\"x\":{value}}}")).collect();
        let line = format!("{{{}}}", fields.join(","));
        let stream = Labels::from_pairs([("a_x", "1")]);
        for wanted in ["a_x", "a_x_extracted", "b_x", "cc_x"] {
            let keep = || Stage::Keep(vec![NameFilter::Name(wanted.into())]);
            let value = |needed| {
                let pipeline = Pipeline::new(vec![Stage::Json(Json::default())], None, needed);
                let mut row = Row::new(0, &line, &stream, None);
                prop_assert!(pipeline.run(&mut row));
                Ok(row.get(wanted).map(str::to_owned))
            };
            prop_assert_eq!(value(Needed::All)?, value(Needed::only([wanted]))?);
            let kept = Pipeline::new(vec![Stage::Json(Json::default()), keep()], None, Needed::All);
            let mut row = Row::new(0, &line, &stream, None);
            prop_assert!(kept.run(&mut row));
            prop_assert_eq!(row.get(wanted).map(str::to_owned), value(Needed::All)?);
        }
    }
}
