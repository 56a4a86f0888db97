//! Queries, series and labels: what is asked, and the answer in full.

use crate::services::{Site, encoded};

const UP_A: &str = r#""__name__":"up","instance":"a:1","job":"api""#;
const UP_B: &str = r#""__name__":"up","instance":"b:2","job":"api""#;

/// Asks every path, and compares status and body.
async fn check(cases: &[(&str, u16, &str)]) {
    let site = Site::start().await;
    for (path, status, expected) in cases {
        let (seen, body) = site.get(path).await;
        assert_eq!((seen, body.as_str()), (*status, *expected), "{path}");
    }
    site.stop().await;
}

/// The same where members are written in no promised order.
async fn check_values(cases: &[(&str, &str)]) {
    let site = Site::start().await;
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    for (path, expected) in cases {
        let (seen, body) = site.get(path).await;
        assert_eq!((seen, value(&body)), (200, value(expected)), "{path}");
    }
    site.stop().await;
}

fn ok(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

#[tokio::test]
async fn instant_queries() {
    let both = ok(&format!(
        r#"{{"resultType":"vector","result":[{{"metric":{{{UP_A}}},"value":[1435781451.781,"1"]}},{{"metric":{{{UP_B}}},"value":[1435781451.781,"0"]}}]}}"#
    ));
    let cut = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{{UP_A}}},"value":[1435781451.781,"1"]}}]}},"warnings":["results truncated due to limit"]}}"#
    );
    let raw = ok(
        r#"{"resultType":"matrix","result":[{"metric":{"__name__":"requests_total","http.code":"2\"0","job":"api"},"values":[[1435781436.781,"28.5"],[1435781451.781,"30"]]}]}"#,
    );
    check(&[
        ("/api/v1/query?query=up", 200, &both),
        ("/api/v1/query?query=up&limit=2", 200, &both),
        ("/api/v1/query?query=up&limit=1", 200, &cut),
        ("/api/v1/query?query=requests_total%5B20s%5D", 200, &raw),
        ("/api/v1/query?query=1&time=0", 200, &ok(r#"{"resultType":"scalar","result":[0,"1"]}"#)),
        ("/api/v1/query?query=1&time=12.05", 200, &ok(r#"{"resultType":"scalar","result":[12.050,"1"]}"#)),
        (
            "/api/v1/query?query=1e-7&time=2015-07-01T20:10:51.781Z",
            200,
            &ok(r#"{"resultType":"scalar","result":[1435781451.781,"1e-07"]}"#),
        ),
        (
            "/api/v1/query?query=%22a%5C%22b%22&time=1",
            200,
            &ok(r#"{"resultType":"string","result":[1,"a\"b"]}"#),
        ),
        ("/api/v1/query?query=nothing", 200, &ok(r#"{"resultType":"vector","result":[]}"#)),
        ("/api/v1/query?query=ended", 200, &ok(r#"{"resultType":"vector","result":[]}"#)),
        (
            "/api/v1/query?query=count(up)&lookback_delta=1ms&time=1435781450",
            200,
            &ok(r#"{"resultType":"vector","result":[]}"#),
        ),
        ("/api/v1/query?query=-Inf&time=1", 200, &ok(r#"{"resultType":"scalar","result":[1,"-Inf"]}"#)),
    ])
    .await;
}

#[tokio::test]
async fn range_queries() {
    let rows = ok(&format!(
        r#"{{"resultType":"matrix","result":[{{"metric":{{{UP_A}}},"values":[[1435781421,"1"],[1435781436,"1"],[1435781451,"1"]]}}]}}"#
    ));
    let scalar =
        ok(r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"2"],[1.500,"2"],[3,"2"]]}]}"#);
    let selector = encoded(r#"up{instance="a:1"}"#);
    let path = format!("/api/v1/query_range?query={selector}&start=1435781421&end=1435781455&step=15");
    let cut = format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{{UP_A}}},"values":[[1435781451,"1"]]}}]}},"warnings":["results truncated due to limit"]}}"#
    );
    check(&[
        (&path, 200, &rows),
        ("/api/v1/query_range?query=2&start=0&end=4&step=1500ms", 200, &scalar),
        (
            "/api/v1/query_range?query=nothing&start=0&end=4&step=1",
            200,
            &ok(r#"{"resultType":"matrix","result":[]}"#),
        ),
        ("/api/v1/query_range?query=up&start=1435781451&end=1435781451&step=1m&limit=1", 200, &cut),
    ])
    .await;
}

#[tokio::test]
async fn series_and_labels() {
    let ups = ok(&format!("[{{{UP_A}}},{{{UP_B}}}]"));
    let cut = format!(
        r#"{{"status":"success","data":[{{{UP_A}}}],"warnings":["results truncated due to limit"]}}"#
    );
    check(&[
        ("/api/v1/series?match[]=up", 200, &ups),
        ("/api/v1/series?match%5B%5D=up&match%5B%5D=%7Binstance%3D%22a%3A1%22%7D", 200, &ups),
        ("/api/v1/series?match[]=up&limit=1", 200, &cut),
        ("/api/v1/series?match[]=up&limit=2", 200, &ups),
        ("/api/v1/series?match[]=nothing", 200, &ok("[]")),
        ("/api/v1/series?match[]=up&end=1000", 200, &ok("[]")),
        ("/api/v1/labels", 200, &ok(r#"["__name__","http.code","instance","job"]"#)),
        ("/api/v1/labels?match[]=up", 200, &ok(r#"["__name__","instance","job"]"#)),
        (
            "/api/v1/labels?limit=1",
            200,
            r#"{"status":"success","data":["__name__"],"warnings":["results truncated due to limit"]}"#,
        ),
        ("/api/v1/label/__name__/values", 200, &ok(r#"["ended","requests_total","up"]"#)),
        ("/api/v1/label/job/values?match[]=up&match[]=ended", 200, &ok(r#"["api","old"]"#)),
        ("/api/v1/label/U__http_2e_code/values", 200, &ok(r#"["2\"0"]"#)),
        ("/api/v1/label/none/values", 200, &ok("[]")),
    ])
    .await;
}

#[tokio::test]
async fn texts_and_trees() {
    let tree = ok(
        r#"{"expr":{"args":[{"matchers":[{"name":"job","type":"=~","value":"a.*"},{"name":"__name__","type":"=","value":"foo"}],"name":"foo","offset":60000,"range":300000,"startOrEnd":null,"timestamp":null,"type":"matrixSelector"}],"func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"},"grouping":["x"],"op":"sum","param":null,"type":"aggregation","without":false}"#,
    );
    let binary = ok(
        r#"{"bool":false,"lhs":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":"end","timestamp":null,"type":"vectorSelector"},"matching":{"card":"many-to-one","include":["z"],"labels":["y"],"on":true},"op":"/","rhs":{"expr":{"expr":{"matchers":[{"name":"__name__","type":"=","value":"b"}],"name":"b","offset":0,"startOrEnd":null,"timestamp":1500,"type":"vectorSelector"},"op":"-","type":"unaryExpr"},"type":"parenExpr"},"type":"binaryExpr"}"#,
    );
    let sub = ok(
        r#"{"expr":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"offset":0,"range":600000,"startOrEnd":null,"step":60000,"timestamp":null,"type":"subquery"}"#,
    );
    let parse = |query: &str| format!("/api/v1/parse_query?query={}", encoded(query));
    check_values(&[
        ("/api/v1/format_query?query=foo%2Fbar", &ok(r#""foo / bar""#)),
        (&parse(r#"sum by (x) (rate(foo{job=~"a.*"}[5m] offset 1m))"#), &tree),
        (&parse("a @ end() / on (y) group_left (z) (-b @ 1.5)"), &binary),
        (&parse("a[10m:1m]"), &sub),
        (&parse("1e3"), &ok(r#"{"type":"numberLiteral","val":"1000"}"#)),
        (&parse("\"x\""), &ok(r#"{"type":"stringLiteral","val":"x"}"#)),
    ])
    .await;
}

#[tokio::test]
async fn exemplars() {
    let series = r#"{"seriesLabels":{"__name__":"requests_total","job":"api"},"exemplars":["#;
    let first = r#"{"labels":{"trace_id":"a\"1"},"value":"0.5","timestamp":1}"#;
    let second = r#"{"labels":{"trace_id":"b"},"value":"NaN","timestamp":2.050}"#;
    let path = "/api/v1/query_exemplars?query=";
    check(&[
        (&format!("{path}up&start=1&end=2"), 200, &ok("[]")),
        (
            &format!("{path}rate(requests_total%5B5m%20%5D)+%2B+up&start=1"),
            200,
            &ok(&format!("[{series}{first},{second}]}}]")),
        ),
        (&format!("{path}requests_total&start=1&end=2"), 200, &ok(&format!("[{series}{first}]}}]"))),
        (&format!("{path}requests_total&start=3"), 200, &ok("[]")),
        (&format!("{path}1"), 200, r#"{"status":"success"}"#),
        (
            &format!("{path}up{{"),
            400,
            &error("bad_data", "1:4: parse error: unexpected end of input inside braces"),
        ),
    ])
    .await;
}

fn error(kind: &str, text: &str) -> String {
    format!(r#"{{"status":"error","errorType":"{kind}","error":{}}}"#, serde_json::json!(text))
}

#[tokio::test]
async fn wrong_instant_queries() {
    let bad = |text: &str| error("bad_data", text);
    let cases = [
        (
            "/api/v1/query",
            bad(r#"invalid parameter "query": 1:1: parse error: no expression found in input"#),
        ),
        (
            "/api/v1/query?query=up%7B",
            bad(r#"invalid parameter "query": 1:4: parse error: unexpected end of input inside braces"#),
        ),
        (
            "/api/v1/query?query=up&time=x",
            bad(
                r#"invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp"#,
            ),
        ),
        (
            "/api/v1/query?query=up&timeout=x",
            bad(r#"invalid parameter "timeout": cannot parse "x" to a valid duration"#),
        ),
        ("/api/v1/query?query=up&limit=-1", bad(r#"invalid parameter "limit": limit must be non-negative"#)),
        (
            "/api/v1/query?query=up&lookback_delta=x",
            bad(r#"error parsing lookback delta duration: cannot parse "x" to a valid duration"#),
        ),
    ];
    let cases: Vec<(&str, u16, &str)> = cases.iter().map(|(p, e)| (*p, 400, e.as_str())).collect();
    check(&cases).await;
    let path = format!("/api/v1/query?query={}", encoded(r#"label_replace(up, "a", "b", "c", "(")"#));
    check(&[
        (&path, 422, &error("execution", "invalid regular expression in label_replace(): (")),
        (
            "/api/v1/query?query=up&timeout=0",
            503,
            &error("timeout", "query timed out in expression evaluation"),
        ),
        ("/api/v1/nothing", 404, "404 page not found\n"),
    ])
    .await;
}

#[tokio::test]
async fn wrong_ranges_and_searches() {
    let bad = |text: &str| error("bad_data", text);
    let range = "/api/v1/query_range?query=up&start=0&end=1";
    let cases = [
        (
            "/api/v1/query_range?query=up".to_owned(),
            bad(r#"invalid parameter "start": cannot parse "" to a valid timestamp"#),
        ),
        (
            format!("{range}&step=0"),
            bad(
                r#"invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer"#,
            ),
        ),
        (range.to_owned(), bad(r#"invalid parameter "step": cannot parse "" to a valid duration"#)),
        (
            "/api/v1/query_range?query=up&start=2&end=1&step=1".to_owned(),
            bad(r#"invalid parameter "end": end timestamp must not be before start time"#),
        ),
        (
            "/api/v1/query_range?query=up&start=0&end=11001&step=1".to_owned(),
            bad(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ),
        ),
        (
            "/api/v1/query_range?query=up%5B1m%5D&start=0&end=1&step=1".to_owned(),
            bad(
                r#"invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector"#,
            ),
        ),
        ("/api/v1/series".to_owned(), bad("no match[] parameter provided")),
        (
            "/api/v1/series?match[]=%7Ba%3D%22%22%7D".to_owned(),
            bad(r#"invalid parameter "match[]": match[] must contain at least one non-empty matcher"#),
        ),
        (
            "/api/v1/labels?limit=x".to_owned(),
            bad(r#"invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax"#),
        ),
        ("/api/v1/metadata?limit=x".to_owned(), bad("limit must be a number")),
        ("/api/v1/status/tsdb?limit=0".to_owned(), bad("limit must be a positive number")),
        (
            "/api/v1/query_exemplars?query=up&start=2&end=1".to_owned(),
            bad("end timestamp must not be before start timestamp"),
        ),
    ];
    let cases: Vec<(&str, u16, &str)> = cases.iter().map(|(p, e)| (p.as_str(), 400, e.as_str())).collect();
    check(&cases).await;
}

#[tokio::test]
async fn statistics() {
    let site = Site::start().await;
    let start = 1_435_781_421;
    let path = format!("/api/v1/query_range?query=up&start={start}&end={}&step=15&stats=", start + 30);
    for (word, per_step, warned) in [("true", false, false), ("all", true, false), ("yes", false, true)] {
        let (status, body) = site.get(&format!("{path}{word}")).await;
        let answer = &crate::services::object(&body);
        assert_eq!(status, 200, "{body}");
        let stats = &answer["data"]["stats"];
        let samples = stats["samples"].as_object().expect("samples");
        assert_eq!(samples["totalQueryableSamples"], 6, "{body}");
        assert!(
            samples["peakSamples"].as_u64() >= Some(1) && samples["samplesRead"].as_u64() >= Some(6),
            "{body}"
        );
        let steps = serde_json::json!([[start, 2], [start + 15, 2], [start + 30, 2]]);
        assert_eq!(samples.get("totalQueryableSamplesPerStep"), per_step.then_some(&steps));
        let timings = stats["timings"].as_object().expect("timings");
        let seconds = |name: &str| timings[name].as_f64().expect("seconds");
        assert!(seconds("evalTotalTime") > 0.0 && seconds("execTotalTime") >= seconds("evalTotalTime"));
        assert!(
            seconds("queryPreparationTime") + seconds("innerEvalTime") <= seconds("evalTotalTime") + 1e-9
        );
        assert_eq!(answer.contains_key("warnings"), warned);
    }
    let path = format!("/api/v1/query?query={}&stats=true", encoded("rate(requests_total[1m])"));
    let (_, body) = site.get(&path).await;
    let answer = crate::services::object(&body);
    assert_eq!(answer["data"]["stats"]["samples"]["totalQueryableSamples"], 4, "{body}");
    site.stop().await;
}
