//! Bodies and what is read from them, line by line.

use exposition::{Entry, Format, Meta, Reader};

/// Every entry in one short line of text; an error ends the list.
fn shown(format: Format, body: &[u8]) -> Vec<String> {
    let reader = match Reader::new(format, body) {
        Ok(reader) => reader,
        Err(error) => return vec![error.to_string()],
    };
    reader.map(|entry| entry.map_or_else(|e| e.to_string(), |entry| show(&entry))).collect()
}

fn show(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Meta(Meta::Help { name, text }) => format!("help {name} {text:?}"),
        Entry::Meta(Meta::Type { name, kind }) => format!("type {name} {}", kind.as_str()),
        Entry::Meta(Meta::Unit { name, unit }) => format!("unit {name} {unit}"),
        Entry::Sample(row) => {
            let time = row.timestamp.map(|t| format!(" @{}", t.0)).unwrap_or_default();
            let exemplar = row
                .exemplar
                .map(|e| format!(" # {:?} {} {:?}", e.labels(), e.value, e.timestamp.map(|t| t.0)));
            format!("{} {}{time}{}", row.series.as_str(), row.value, exemplar.unwrap_or_default())
        }
    }
}

fn check(format: Format, body: &str, expected: &[&str]) {
    assert_eq!(shown(format, body.as_bytes()), expected, "{body:?}");
}

#[test]
fn text_rows() {
    check(Format::Text, "a 1\nb{x=\"1\"}  2.5\t1500 \n", &["a 1", "b{x=\"1\"} 2.5 @1500"]);
    check(Format::Text, "\n  \n# just words\n#\n#HELPS x\n a 1", &["a 1"]);
    check(Format::Text, "a{x=\"1\"}1\n", &["a{x=\"1\"} 1"]);
    check(Format::Text, "{\"my.metric\",\"l.x\"=\"v\"} -1 -5\n", &["{\"my.metric\",\"l.x\"=\"v\"} -1 @-5"]);
    check(Format::Text, "a NaN\nb -Inf", &["a NaN", "b -inf"]);
    check(Format::Text, "", &[]);
}

#[test]
fn text_metadata() {
    check(
        Format::Text,
        "# HELP a one \\\\ two\\nthree \"x\"",
        &["help a \"one \\\\ two\\nthree \\\"x\\\"\""],
    );
    check(Format::Text, "#  TYPE\ta \t counter \n# TYPE b untyped", &["type a counter", "type b unknown"]);
    check(Format::Text, "# HELP a\n# HELP\n# TYPE", &["help a \"\""]);
    check(Format::Text, "# TYPE \"a.b\" gauge", &["type a.b gauge"]);
}

#[test]
fn text_errors_say_where() {
    for (body, expected) in [
        ("a 1\nb\n", "line 2, column 2: expected a value, found the end of the line"),
        ("a x\n", "line 1, column 3: expected a value, found \"x\""),
        ("a 1 1.5\n", "line 1, column 5: expected a timestamp in milliseconds, found \"1.5\""),
        ("a 1 2 3", "line 1, column 7: expected the end of the line, found \"3\""),
        ("a{x=\"1} 1", "line 1, column 5: the quote is not closed on this line"),
        ("a{x=1} 1", "line 1, column 5: expected a quoted text, found '1'"),
        ("a{x\"1\"} 1", "line 1, column 4: expected '=', found '\"'"),
        ("a{x=\"1\" y=\"2\"} 1", "line 1, column 9: expected ',' or '}', found 'y'"),
        ("a{,} 1", "line 1, column 3: expected a label name, found ','"),
        ("a{\"b\"} 1", "line 1, column 3: expected '=' behind \"b\""),
        ("a{1x=\"1\"} 1", "line 1, column 3: expected a label name, found \"1x\""),
        ("0a 1", "line 1, column 1: expected a metric name, found \"0a\""),
        ("a.b 1", "line 1, column 2: expected a value, found \".b\""),
        ("ü 1", "line 1, column 1: expected a metric name, found \"ü\""),
        ("# TYPE a bogus", "line 1, column 10: invalid metric type \"bogus\""),
        ("# TYPE 0a gauge", "line 1, column 8: expected a metric name, found \"0a\""),
        ("a 1 # {x=\"1\"} 1", "line 1, column 5: expected a timestamp in milliseconds, found \"#\""),
        ("a 1\r\n", "line 1, column 3: expected a value, found \"1\\r\""),
    ] {
        assert_eq!(
            shown(Format::Text, body.as_bytes()).last().map(String::as_str),
            Some(expected),
            "{body:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(shown(Format::Text, b"a 1\nb{x=\"\xff\"} 1\n"), ["line 2, column 6: invalid UTF-8"]);
}

#[test]
fn openmetrics_rows() {
    let body =
        "# TYPE a counter\n# UNIT a_s s\n# HELP a x \\\"y\\\"\na_total 1 1.5 # {t=\"x\"} 0.5 2\n# EOF\n";
    let row = "a_total 1 @1500 # Ok([(\"t\", \"x\")]) 0.5 Some(2000)";
    check(Format::OpenMetrics, body, &["type a counter", "unit a_s s", "help a \"x \\\"y\\\"\"", row]);
    check(Format::OpenMetrics, "a 1 # {} 1\n# EOF", &["a 1 # Ok([]) 1 None"]);
}

#[test]
fn openmetrics_errors_say_where() {
    for (body, expected) in [
        ("a 1\n", "line 2, column 1: data does not end with # EOF"),
        ("", "line 1, column 1: data does not end with # EOF"),
        ("# EOF\n\n", "line 2, column 1: unexpected data after # EOF"),
        ("\n# EOF", "line 1, column 1: blank lines are not allowed"),
        ("# hello\n# EOF", "line 1, column 1: expected # HELP, # TYPE, # UNIT or # EOF, found \"# hello\""),
        ("a  1\n# EOF", "line 1, column 2: expected one blank and a value"),
        ("a 1 \n# EOF", "line 1, column 5: expected a timestamp in seconds, found \"\""),
        ("a{x=\"1\", y=\"2\"} 1\n# EOF", "line 1, column 9: expected a label name, found ' '"),
        ("# UNIT a seconds\n# EOF", "line 1, column 10: unit \"seconds\" is not a suffix of metric \"a\""),
    ] {
        assert_eq!(
            shown(Format::OpenMetrics, body.as_bytes()).last().map(String::as_str),
            Some(expected),
            "{body:?}"
        );
    }
}

#[test]
fn nothing_comes_after_an_error() {
    let mut reader = Reader::new(Format::Text, b"a x\nb 1\n").expect("UTF-8");
    assert!(reader.next().is_some_and(|e| e.is_err()));
    assert!(reader.next().is_none());
}

#[test]
fn an_expected_series_is_recognised_and_only_that() {
    for (body, expected, is_expected) in [
        ("a{x=\"1\"} 1", "a{x=\"1\"}", true),
        ("a{x=\"1\"} 1", "a", false),
        ("a{x=\"12\"} 1", "a{x=\"1\"}", false),
        ("a 1", "a", true),
        ("a {x=\"1\"} 1", "a", false),
        ("a 1", "", false),
    ] {
        let entry = Reader::new(Format::Text, body.as_bytes()).expect("UTF-8").next_entry(expected);
        let Some(Ok(Entry::Sample(row))) = entry else { panic!("{body:?} gave {entry:?}") };
        assert_eq!((row.is_expected, row.value), (is_expected, 1.0), "{body:?} expecting {expected:?}");
    }
}
