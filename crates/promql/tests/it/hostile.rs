//! Queries made to hurt: each gets an answer or a clear refusal, soon and in bounded memory.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use columns::Steps;
use model::{Labels, TimestampMs};
use promql::script::MemoryStore;
use promql::{Cancel, Engine, EngineOptions, QueryRequest, Value, parse};

/// Two metrics of 400 series, a sample every 10 s for 20 minutes, every value another.
fn store() -> &'static MemoryStore {
    static STORE: LazyLock<MemoryStore> = LazyLock::new(filled);
    &STORE
}

fn filled() -> MemoryStore {
    let mut store = MemoryStore::new();
    for i in 0..400 {
        for name in ["many", "other"] {
            let number = i.to_string();
            let labels = Labels::from_pairs([("__name__", name), ("i", &*number), ("job", "j")]);
            for step in 0..120 {
                let value = f64::from(step) + f64::from(i) / 1e3;
                assert!(store.push(&labels, i64::from(step) * 10_000 + 17, value));
            }
        }
    }
    store
}

/// Values that may be held: a hundred steps of all that is in the store fit five times.
const SAMPLES_MAX: usize = 400_000;
/// Far above what any of these takes in an unoptimised build on a busy machine.
const SOON: Duration = Duration::from_secs(180);

/// The values that a query gives, or the text with which it is refused.
fn ask(query: &str) -> Result<usize, String> {
    let started = Instant::now();
    let expr = match parse(query) {
        Ok(expr) => expr,
        Err(error) => return Err(error.message.clone()),
    };
    let (cancel, steps) = (Cancel::new(), Steps::range(TimestampMs(0), TimestampMs(1_000_000), 10_000));
    let engine = Engine::new(EngineOptions {
        threads: 2,
        samples_max: SAMPLES_MAX,
        experimental: true,
        timeout: SOON,
        ..EngineOptions::standard()
    });
    let result = engine.eval(store(), &QueryRequest { query: &expr, steps, lookback: None, cancel: &cancel });
    assert!(started.elapsed() < SOON, "{query:.100} took {:?}", started.elapsed());
    let answer = result.map_err(|error| error.to_string())?;
    assert!(answer.stats.samples_peak <= SAMPLES_MAX, "{query:.100} held {}", answer.stats.samples_peak);
    match answer.value {
        Value::Vector(series) => {
            Ok(series.iter().flat_map(|s| &s.values).filter(|value| !columns::is_absent(**value)).count())
        }
        Value::Scalar(values) => Ok(values.len()),
        other => panic!("{query:.100}: {other:?}"),
    }
}

fn refused(query: &str, with: &str) {
    let result = ask(query);
    assert!(result.as_ref().is_err_and(|text| text.contains(with)), "{query:.100}: {result:?}");
}

fn answered(query: &str, values: usize) {
    assert_eq!(ask(query), Ok(values), "{query:.100}");
}

const TOO_MANY: &str = "would load too many samples";

#[test]
fn what_does_not_fit_is_refused() {
    let names: Vec<String> = (0..1_000_000).map(|i| format!("l{i}")).collect();
    refused(&format!("sum by ({}) (many)", names.join(",")), "bytes");
    let bomb = r#"label_replace(many, "a", "$1", "i", "((a{100}){100}){100}")"#;
    refused(bomb, "invalid regular expression in label_replace()");
    refused(r#"many{i=~"((a{100}){100}){100}"}"#, "error parsing regexp");
    // Each step of each series makes a series of its own.
    refused(r#"count_values("v", many)"#, TOO_MANY);
    // The range times the step: a million steps for each series.
    refused("max_over_time(many[11d:1s])", TOO_MANY);
    refused("max_over_time(many[100y:1ms])", "steps are more than the");
    refused("sum_over_time(sum_over_time(sum_over_time(many[1d:1s])[1d:1s])[1d:1s])", TOO_MANY);
    refused("many[1e30]", "duration out of range");
    refused("many offset 1e30", "duration out of range");
    refused("many @ 1e300", "timestamp out of bounds");
    // 400 times 400 pairs of series meet; only one side may hold several.
    refused("many * on (job) group_left () other", "many-to-many matching not allowed");
    refused("many * on () other", "many-to-many matching not allowed");
    refused("topk(1e300, many)", "Scalar value 1e+300 overflows int64");
    refused("bottomk(-1e300, many)", "Scalar value -1e+300 underflows int64");
    refused("topk(NaN, many)", "NaN");
}

#[test]
fn what_fits_is_answered() {
    // At the first step there is no sample yet.
    let all = 400 * 100;
    let names: Vec<String> = (0..20_000).map(|i| format!("l{i}")).collect();
    answered(&format!("sum by ({}) (many)", names.join(",")), 100);
    answered(&format!("many + on (i, {}) other", names.join(",")), all);
    answered("sum(many) by (i)", all);
    // Nothing is held for what is not there.
    answered("topk(1e18, many)", all);
    answered("topk(-1e18, many)", 0);
    answered("quantile(1e300, many)", 100);
    answered("quantile_over_time(-1e300, many[1m])", all);
    answered("many @ -2000000000000000", 0);
    answered("many @ 2000000000000000 offset -290y", 0);
    answered("many offset 290y", 0);
    answered("rate(many[1m] offset -290y)", 0);
    answered("sum_over_time(many[290y])", all);
    answered("sum_over_time(many[1m:1m] @ -2000000000000000)", 0);
    answered("sum_over_time(many[290y:290y])", 0);
    answered("round(many, 1e-320)", all);
    answered("predict_linear(many[5m], 1e308)", all - 400);
    answered(&format!("many{{i=~\"{}\"}}", "x|".repeat(20_000)), 0);
}

#[test]
fn many_operands_are_no_problem() {
    let chain = vec!["sum(many)"; 200].join(" + ");
    answered(&chain, 100);
    let wide = vec!["vector(1)"; 200].join(" or ");
    answered(&wide, 101);
}
