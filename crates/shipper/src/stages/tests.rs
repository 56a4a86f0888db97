//! Each stage by what it makes of lines; configurations as people write them.

use std::path::Path;

use ::config::ConfigError;
use jiff::Timestamp;

use super::*;
use crate::config::Settings;

/// 2026-01-01T00:00:00Z, when all lines are read.
const NOW_NS: i64 = 1_767_225_600_000_000_000;

fn settings(stages: &str) -> Result<Settings, ConfigError> {
    let indented: String = stages.trim_matches('\n').lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "clients: [{{url: http://loki/loki/api/v1/push}}]\nscrape_configs:\n- job_name: test\n  pipeline_stages:\n{indented}"
    );
    Settings::parse(Path::new("p.yml"), &text)
}

struct Run {
    pipeline: Pipeline,
    metrics: Metrics,
    custom: Vec<Arc<CustomMetrics>>,
    now: Instant,
    rest: Duration,
}

impl Run {
    fn of(stages: &str) -> Self {
        let settings = settings(stages).unwrap_or_else(|error| panic!("{error}\n{stages}"));
        let job = settings.jobs.first().expect("a job");
        let (pipeline, custom) = (job.pipeline.pipeline(), job.pipeline.metrics());
        Self { pipeline, metrics: Metrics::default(), custom, now: Instant::now(), rest: Duration::ZERO }
    }

    fn take(&mut self, entry: Entry) -> Vec<Entry> {
        let mut context =
            Context { now: self.now, now_ns: NOW_NS, metrics: &self.metrics, rest: Duration::ZERO };
        let mut out = Vec::new();
        self.pipeline.take(entry, &mut context, &mut out);
        self.rest = context.rest;
        out
    }

    fn release(&mut self, all: bool) -> Vec<Entry> {
        let mut context =
            Context { now: self.now, now_ns: NOW_NS, metrics: &self.metrics, rest: Duration::ZERO };
        let mut out = Vec::new();
        self.pipeline.release(all, &mut context, &mut out);
        out
    }
}

fn line(text: &str) -> Entry {
    let mut entry = Entry::of(text, &[("job", "test"), ("filename", "/x.log")]);
    entry.at_ns = NOW_NS;
    entry
}

/// What came of a line: `labels line metadata`, with the labels that all have left out.
fn shown(entry: &Entry) -> String {
    let labels = entry.labels.without(|name| name == "filename" || name == "job");
    let mut text = format!("{labels} {}", entry.line);
    for (name, value) in &entry.metadata {
        text.push_str(&format!(" [{name}={value}]"));
    }
    text
}

fn check(stages: &str, lines: &[&str], expected: &[&str]) {
    let mut run = Run::of(stages);
    let mut got: Vec<Entry> = lines.iter().flat_map(|text| run.take(line(text))).collect();
    got.extend(run.release(true));
    let got: Vec<String> = got.iter().map(shown).collect();
    assert_eq!(got, expected, "{stages}\non {lines:?}");
}

#[test]
fn fields_become_labels() {
    let regex = "- regex: {expression: '^(?P<level>\\w+) (?P<rest>.*)$'}\n- labels: {level: , text: rest}";
    check(regex, &["INFO x", "!"], &["{level=\"INFO\", text=\"x\"} INFO x", "{} !"]);
    let json = "
- json: {expressions: {level: , user: 'a.b[0].\"first name\"', n: n, gone: gone, all: a}}
- labels: {level: , user: , n: , gone: , all: }";
    check(
        json,
        &[r#"{"level":"warn","n":1.50,"gone":null,"a":{"b":[{"first name":"jo"}]}}"#, "no json", "[1]"],
        &[
            r#"{all="{\"b\":[{\"first name\":\"jo\"}]}", level="warn", n="1.5", user="jo"} {"level":"warn","n":1.50,"gone":null,"a":{"b":[{"first name":"jo"}]}}"#,
            "{} no json",
            "{} [1]",
        ],
    );
    check("- json: {expressions: {a: a}, drop_malformed: true}", &["{}", "{", "5"], &["{} {}"]);
    let logfmt = "- logfmt: {mapping: {took: duration, level: }}\n- labels: {took: , level: }";
    check(
        logfmt,
        &["level=info duration=\"1 s\""],
        &["{level=\"info\", took=\"1 s\"} level=info duration=\"1 s\""],
    );
    let source = "
- json: {expressions: {inner: inner}}
- regex: {expression: '(?P<word>\\w+)', source: inner}
- output: {source: word}";
    check(source, &[r#"{"inner":"hello there"}"#, "plain"], &["{} hello", "{} plain"]);
}

#[test]
fn texts_change() {
    let template = "
- regex: {expression: '(?P<level>\\w+)'}
- template: {source: level, template: '{{ ToLower .Value }}-{{ .job }}-{{ .Entry }}'}
- labels: {level: }";
    check(template, &["WARN"], &["{level=\"warn-test-WARN\"} WARN"]);
    for (template, expected) in [
        ("{{ ToUpper .Value }}", "A.B-C"),
        ("{{ Replace .Value \".\" \"_\" -1 }}", "a_b-c"),
        ("{{ Replace .Value \".\" \"_\" 0 }}", "a.b-c"),
        ("{{ TrimPrefix .Value \"a.\" | TrimSpace }}", "b-c"),
        ("{{ Trim .Value \"ac\" }}", ".b-"),
        ("{{ regexReplaceAll \"(.)[.](.)\" .Value \"$2$1\" }}", "ba-c"),
        ("{{ regexReplaceAllLiteral \"[.]\" .Value \"$1\" }}", "a$1b-c"),
        (
            "{{ Sha2Hash \"salt\" .Value }}",
            "deada7558a24ee3cf3736a5b540590e47c5b52c0c2c8117455f94aa8312b2aee",
        ),
        ("{{ if eq .Value \"a.b-c\" }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ default \"none\" .missing }}", "none"),
        ("{{ .missing }}", "a.b-c"),
    ] {
        let stages = format!(
            "- regex: {{expression: '(?P<v>.*)'}}\n- template: {{source: v, template: '{template}'}}\n- output: {{source: v}}"
        );
        let mut run = Run::of(&stages);
        let got = run.take(line("a.b-c")).pop().expect("a line").line;
        assert_eq!(got, expected, "{template}");
    }
    let replace = "- replace: {expression: 'password=(\\S+)', replace: '****'}";
    check(
        replace,
        &["a password=x b password=y", "none"],
        &["{} a password=**** b password=****", "{} none"],
    );
    let groups = "
- replace: {expression: '(?P<ip>[\\d.]+) - (?P<user>\\w+)', replace: '{{ .Value | ToUpper }}!'}
- labels: {user: , ip: }";
    check(groups, &["1.2.3.4 - frank x"], &["{ip=\"1.2.3.4!\", user=\"FRANK!\"} 1.2.3.4! - FRANK! x"]);
    check("- decolorize:", &["\u{1b}[1;31mred\u{1b}[0m plain"], &["{} red plain"]);
    let pack = "
- static_labels: {pod: p}
- regex: {expression: '(?P<n>\\d)'}
- pack: {labels: [job, n, none, pod], ingest_timestamp: false}";
    // A static label was not found in the line, and is not packed.
    check(pack, &["a \"1\""], &[r#"{pod="p"} {"_entry":"a \"1\"","job":"test","n":"1"}"#]);
}

#[test]
fn labels_come_and_go() {
    check("- static_labels: {a: x, b: }", &["l"], &["{a=\"x\"} l"]);
    check("- static_labels: {a: x, b: y, c: z}\n- labeldrop: [a, none]", &["l"], &["{b=\"y\", c=\"z\"} l"]);
    check("- static_labels: {a: x, b: y, c: z}\n- labelallow: [a, c]", &["l"], &["{a=\"x\", c=\"z\"} l"]);
    let metadata = "
- regex: {expression: '(?P<trace>\\w+)'}
- static_labels: {pod: p}
- structured_metadata: {trace_id: trace, pod: , gone: }";
    check(metadata, &["abc"], &["{} abc [pod=p] [trace_id=abc]"]);
    check("- tenant: {value: team}", &["l"], &["{__tenant_id__=\"team\"} l"]);
    check(
        "- regex: {expression: '(?P<t>\\w+)'}\n- tenant: {source: t}",
        &["a", ""],
        &["{__tenant_id__=\"a\"} a", "{} "],
    );
    check("- tenant: {label: job}\n- labelallow: []", &["l"], &["{__tenant_id__=\"test\"} l"]);
}

#[test]
fn times_of_lines() {
    let time = |stages: &str, lines: &[&str]| {
        let mut run = Run::of(stages);
        let entries: Vec<Entry> = lines.iter().flat_map(|text| run.take(line(text))).collect();
        let at = |entry: &Entry| {
            Timestamp::from_nanosecond(i128::from(entry.at_ns)).expect("in range").to_string()
        };
        entries.iter().map(at).collect::<Vec<_>>()
    };
    let regex = "- regex: {expression: '^(?P<time>\\S+)'}\n";
    let stage =
        format!("{regex}- timestamp: {{source: time, format: RFC3339Nano, fallback_formats: [UnixMs]}}");
    assert_eq!(
        time(&stage, &["x", "2025-12-31T10:00:00.5Z a", "y", "z", "1767225600001"]),
        [
            "2026-01-01T00:00:00Z",
            "2025-12-31T10:00:00.5Z",
            "2025-12-31T10:00:00.500000001Z",
            "2025-12-31T10:00:00.500000002Z",
            "2026-01-01T00:00:00.001Z",
        ]
    );
    let stage = format!(
        "{regex}- timestamp: {{source: time, format: '2006-01-02T15:04', location: Europe/Berlin, action_on_failure: skip}}"
    );
    assert_eq!(time(&stage, &["2025-07-01T10:00", "x"]), ["2025-07-01T08:00:00Z", "2026-01-01T00:00:00Z"]);
}

#[test]
fn blocks_are_joined() {
    let stage = "- multiline: {firstline: '^\\d', max_lines: 3}";
    check(
        stage,
        &["before", "1 a", " at b", "2 c", "", "x", "y", "3 d"],
        &["{} before", "{} 1 a\n at b", "{} 2 c\n\nx", "{} y", "{} 3 d"],
    );
    let two_streams = "
- regex: {expression: '^(?P<s>[ab])'}
- labels: {s: }
- multiline: {firstline: 'first'}";
    check(
        two_streams,
        &["a first", "b first", "a more", "b more"],
        &["{s=\"a\"} a first\na more", "{s=\"b\"} b first\nb more"],
    );
    let mut run = Run::of("- multiline: {firstline: '^\\d', max_wait_time: 2s}\n- static_labels: {after: y}");
    assert!(run.take(line("1")).is_empty() && run.take(line("more")).is_empty());
    assert_eq!(run.pipeline.held().len(), 1);
    run.now += Duration::from_secs(1);
    assert!(run.release(false).is_empty(), "too early");
    run.now += Duration::from_secs(1);
    let released: Vec<String> = run.release(false).iter().map(shown).collect();
    assert_eq!((released, run.pipeline.held().len()), (vec!["{after=\"y\"} 1\nmore".to_owned()], 0));
}

#[test]
fn runtimes_of_containers() {
    check(
        "- docker: {}",
        &[r#"{"log":"hello\n","stream":"stderr","time":"2025-01-01T00:00:00.5Z"}"#, "other"],
        &["{stream=\"stderr\"} hello", "{} other"],
    );
    check(
        "- cri: {}",
        &[
            "2025-01-01T00:00:00Z stdout P one ",
            "2025-01-01T00:00:00Z stderr F apart",
            "2025-01-01T00:00:01Z stdout P two ",
            "2025-01-01T00:00:02Z stdout F three",
        ],
        &["{stream=\"stderr\"} apart", "{stream=\"stdout\"} one two three"],
    );
}

#[test]
fn lines_are_chosen() {
    let stages = "
- match:
    selector: '{job=\"test\", filename!~\"/y.*\"} |= \"a\" !~ `b.*c`'
    stages:
    - static_labels: {hit: y}
    - match: {selector: '{hit=\"y\"} |~ \"^x\"', stages: [{static_labels: {deep: y}}]}
- match: {selector: '{hit!=\"y\"} != \"keep\"', action: drop, drop_counter_reason: mine}";
    check(
        stages,
        &["a", "xa", "a bxc", "keep", "gone"],
        &["{hit=\"y\"} a", "{deep=\"y\", hit=\"y\"} xa", "{} keep"],
    );
    let mut run = Run::of(stages);
    run.take(line("gone"));
    assert_eq!(run.metrics.get(crate::metrics::Family::LinesDropped, &[("reason", "mine")]), 1.0);
    // What is held within goes on behind the match.
    let held = "
- match: {selector: '{job=\"test\"}', stages: [{multiline: {firstline: '^1'}}]}
- static_labels: {after: y}";
    check(held, &["1", "2"], &["{after=\"y\"} 1\n2"]);
}

#[test]
fn lines_are_dropped() {
    for (stage, lines, kept) in [
        ("- drop: {expression: 'debug|DEBUG'}", vec!["a debug", "b"], vec!["{} b"]),
        ("- drop: {longer_than: 3B}", vec!["abc", "abcd"], vec!["{} abc"]),
        ("- drop: {longer_than: 3B, expression: x}", vec!["abcx", "abcd", "x"], vec!["{} abcd", "{} x"]),
        ("- regex: {expression: '(?P<w>w)'}\n- drop: {source: w}", vec!["w", "v"], vec!["{} v"]),
        ("- drop: {source: job, value: test}", vec!["a"], vec![]),
        ("- drop: {source: job, value: other}", vec!["a"], vec!["{} a"]),
        ("- drop: {source: [job, filename], expression: '^test;/x'}", vec!["a"], vec![]),
        ("- drop: {source: [job, filename], separator: '#', value: 'test#/x.log'}", vec!["a"], vec![]),
        ("- sampling: {rate: 0}", vec!["a", "b"], vec![]),
        ("- sampling: {rate: 1}", vec!["a", "b"], vec!["{} a", "{} b"]),
        ("- limit: {rate: 1, burst: 2, drop: true}", vec!["1", "2", "3"], vec!["{} 1", "{} 2"]),
    ] {
        check(stage, &lines, &kept);
    }
    let old = "- timestamp: {source: t, format: Unix}\n- drop: {older_than: 1h}";
    let old = format!("- regex: {{expression: '(?P<t>\\d+)'}}\n{old}");
    check(&old, &["1767221999", "1767222001"], &["{} 1767222001"]);
    let by_label = "
- regex: {expression: '^(?P<s>.)'}
- labels: {s: }
- limit: {rate: 1, burst: 1, drop: true, by_label_name: s}";
    check(by_label, &["a1", "b1", "a2"], &["{s=\"a\"} a1", "{s=\"b\"} b1"]);
    let mut run = Run::of("- limit: {rate: 10, burst: 1}");
    assert_eq!(run.take(line("1")).len() + run.take(line("2")).len(), 2);
    assert_eq!(run.rest, Duration::from_millis(100), "the file rests, nothing is lost");
}

#[test]
fn lines_are_counted() {
    let stages = "
- regex: {expression: '^(?P<status>\\d+) (?P<took>\\S+)'}
- labels: {status: }
- metrics:
    lines_total: {type: Counter, description: all, config: {match_all: true, action: inc}}
    bytes_total: {type: Counter, config: {match_all: true, count_entry_bytes: true, action: add}}
    errors: {type: counter, source: status, prefix: my_, config: {value: '500', action: inc}}
    took: {type: Histogram, config: {buckets: [1, 0.1]}}
    last: {type: Gauge, source: took, config: {action: set}}";
    let mut run = Run::of(stages);
    for text in ["200 50ms", "200 0.5", "500 3s", "odd"] {
        run.take(line(text));
    }
    let mut out = exposition::Writer::new(exposition::Format::Text);
    run.custom.first().expect("one").write(run.now, &mut out);
    let text = out.finish();
    let labels = |status: &str| format!("{{filename=\"/x.log\",job=\"test\",status=\"{status}\"");
    for expected in [
        format!("promtail_custom_lines_total{}}} 2\n", labels("200")),
        "promtail_custom_lines_total{filename=\"/x.log\",job=\"test\"} 1\n".to_owned(),
        format!("promtail_custom_bytes_total{}}} 15\n", labels("200")),
        format!("my_errors{}}} 1\n", labels("500")),
        format!("promtail_custom_took_bucket{},le=\"0.1\"}} 1\n", labels("200")),
        format!("promtail_custom_took_bucket{},le=\"1\"}} 2\n", labels("200")),
        format!("promtail_custom_took_bucket{},le=\"+Inf\"}} 1\n", labels("500")),
        format!("promtail_custom_took_sum{}}} 0.55\n", labels("200")),
        format!("promtail_custom_last{}}} 3\n", labels("500")),
        "# TYPE promtail_custom_took histogram\n".to_owned(),
    ] {
        assert!(text.contains(&expected), "no {expected} in\n{text}");
    }
    assert_eq!(text.matches("my_errors{").count(), 1, "{text}");
    let mut later = exposition::Writer::new(exposition::Format::Text);
    run.custom.first().expect("one").write(run.now + Duration::from_secs(301), &mut later);
    assert_eq!(later.finish(), "", "idle series are forgotten");
}

#[test]
fn what_is_wrong_has_a_place() {
    for (stages, expected) in [
        ("- nonsense: {}", "p.yml:5:5: unknown field nonsense"),
        ("- geoip: {}", "p.yml:5:5: the stage geoip is not supported"),
        ("- regex: {expression: '('}", "p.yml:5:25: invalid regular expression \"(\": unclosed group"),
        ("- regex: {expression: 'a'}", "p.yml:5:25: the expression must have at least one named group"),
        ("- regex: {expresion: 'a'}", "unknown field expresion (did you mean expression?)"),
        ("- json: {expressions: {a: 'a[*]'}}", "p.yml:5:29: \"a[*]\" cannot be read at \"[*]\""),
        ("- template: {source: a, template: '{{ Hash .Value }}'}", "function \"Hash\" not defined"),
        ("- template: {source: a, template: '{{ .Value'}", "p.yml:5:37: invalid template"),
        (
            "- timestamp: {source: t, format: Unix, location: Nowhere}",
            "p.yml:5:52: unknown location \"Nowhere\"",
        ),
        ("- timestamp: {source: t, format: Unix, action_on_failure: x}", "unknown action_on_failure \"x\""),
        ("- labels: {1a: }", "invalid label name \"1a\""),
        ("- drop: {value: x}", "drop needs at least one of source"),
        ("- limit: {rate: 0, burst: 1}", "limit needs a rate and a burst above zero"),
        ("- limit: {rate: 1, burst: 1, by_label_name: x}", "by_label_name needs drop: true"),
        ("- sampling: {rate: 2}", "sampling rate 2 is not between 0 and 1"),
        ("- tenant: {}", "tenant needs exactly one of source, label and value"),
        (
            "- match: {selector: '{a=b}', stages: [{docker: {}}]}",
            "p.yml:5:23: invalid selector: parse error at line 1, col 4",
        ),
        (
            "- match: {selector: '{a=\"b\"} | json', stages: [{docker: {}}]}",
            "only line filters may follow its matchers",
        ),
        ("- match: {selector: '{}'}", "match needs stages, or action: drop"),
        ("- match: {selector: '{}', action: x}", "p.yml:5:37: unknown match action \"x\""),
        ("- metrics: {a: {type: Counter, config: {action: set}}}", "unknown action \"set\" of a counter"),
        ("- metrics: {a: {type: Meter}}", "unknown metric type \"meter\""),
        ("- docker: {}\n  cri: {}", "a stage has one name, and cri stands beside docker"),
    ] {
        let error = settings(stages).map(|_| ()).expect_err(stages).to_string();
        assert!(error.contains(expected) && error.lines().count() == 1, "{stages} gave {error}");
    }
}
