//! Every kind of panel in a real browser, with answers that are known: what is drawn is read from the page and from the canvases.

use std::time::Duration;

use e2e::{Browser, RunningMonitor};
use serde_json::{Value, json};

/// Draws all kinds into an empty page and gives what each shows.
const SCRIPT: &str = include_str!("../../pages/panels.js");
/// Draws graphs of 50 series × 1,000 points and gives the times of frames while the pointer moves and while the page scrolls.
const FRAMES: &str = include_str!("../../pages/frames.js");
/// Ten frames at 60 a second: a machine of which nothing is known, and which does much else, may take several times what a desk
/// takes, and what grows with the square of the points takes more.
const WORK_MS_MAX: f64 = 10.0 * 1000.0 / 60.0;
const LIMIT: Duration = Duration::from_secs(240);

/// What must be found of each panel: its name in the script, a pointer into what it shows, the value.
fn wanted() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("lines", "/data/points", json!("113")),
        ("lines", "/legend", json!(["NameLast *Max", "one88 req/s90 req/s", "two24 req/s26 req/s"])),
        ("stacked", "/legend", json!(["oneMean 53.8", "twoMean 23"])),
        ("marked", "/data/marks", json!("1")),
        ("graph", "/legend", json!(["NameMax", "one90 B", "two26 B"])),
        ("stat", "/values", json!(["90 ms", "26 ms"])),
        ("gauge", "/values", json!(["90%"])),
        ("bargauge", "/values", json!(["50", "30", "20"])),
        ("table", "/cells", json!([["web", "30", "25%"], ["mail", "50", "2%"], ["cron", "20", "0%"]])),
        ("table", "/foot", json!(["Total", "100", "27%"])),
        ("table", "/links/0", json!("/d/service?var-job=web&rate=30")),
        ("heatmap", "/data/cells", json!("162")),
        ("pie", "/shares", json!(["0.5000", "0.3000", "0.2000"])),
        ("pie", "/legend", json!(["ValuePercent", "mail5050%", "web3030%", "cron2020%"])),
        ("states", "/data/cells", json!("4")),
        ("states", "/legend", json!(["up", "down"])),
        ("history", "/data/cells", json!("11")),
        ("history", "/legend", json!(["< 60", "60+"])),
        ("bars", "/shapes", json!(["50", "30", "20"])),
        ("histogram", "/shapes", json!(["11", "57", "5", "4", "6", "7", "7", "14", "2"])),
        (
            "logs",
            "/lines",
            json!([
                ["unknown", "a plain line"],
                ["error", "{\"level\":\"error\",\"path\":\"/api/order\",\"took\":12}"],
                ["info", "level=info msg=\"started\""]
            ]),
        ),
        ("text", "/text", json!("Hello readerbold and redab12")),
        ("text", "/styled", json!("color: red;")),
        ("text", "/hacked", json!(false)),
        ("unknown", "/note", json!("Panels of type “flux-capacitor” are not supportedx")),
        ("missing", "/note", json!("The query faileddata sources of type tempo are not available here")),
        ("empty", "/state", json!("empty")),
        ("words", "/note", json!("no replica")),
        ("failed", "/note", json!("The query failedunexpected end of input")),
    ]
}

/// Kinds drawn on a canvas: at least so many pixels and colours, half of what a screen of ordinary density has.
const INKED: [(&str, u64, u64); 7] = [
    ("lines", 8000, 40),
    ("stacked", 8000, 40),
    ("marked", 20_000, 40),
    ("graph", 8000, 40),
    ("heatmap", 15_000, 20),
    ("states", 15_000, 20),
    ("history", 15_000, 20),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_panel_is_drawn() {
    let monitor = RunningMonitor::start().await;
    let browser = Browser::start(1600, 1500).await;
    browser.page.set_script_timeout(LIMIT).await.expect("a limit");
    for theme in ["dark", "light"] {
        browser.page.goto(format!("{}/status", monitor.ui_url())).await.expect("the page loads");
        let shown = run(&browser, &format!("const theme = '{theme}'; {SCRIPT}")).await;
        let missed: Vec<String> = wanted().iter().filter_map(|want| missing(&shown, want)).collect();
        assert!(missed.is_empty(), "{theme}: {missed:#?}");
        for (name, painted, colours) in INKED {
            let ink = &shown[name]["ink"];
            let is_enough =
                ink["painted"].as_u64() >= Some(painted) && ink["colours"].as_u64() >= Some(colours);
            assert!(is_enough, "{theme} {name}: {ink}");
        }
        browser.picture(&format!("panels-{theme}")).await;
    }
    browser.stop().await;
}

/// The work of a frame stays what it is by nature; how it does beside the screen's own pace depends on the machine, so that is told.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "the times are what a reader wants to see")]
async fn hovering_and_scrolling_keep_up_with_the_screen() {
    let monitor = RunningMonitor::start().await;
    let browser = Browser::start(1440, 900).await;
    browser.page.set_script_timeout(LIMIT).await.expect("a limit");
    browser.page.goto(format!("{}/status", monitor.ui_url())).await.expect("the page loads");
    let times = run(&browser, FRAMES).await;
    println!("two graphs of 50 series x 1,000 points and six of 10, in one page: {times}");
    assert!(times["tips"].as_u64() >= Some(20), "the pointer is told the series: {times}");
    for what in ["hovering", "scrolling"] {
        let median = times[what]["work_median_ms"].as_f64().expect("a time");
        assert!(median < WORK_MS_MAX, "{what}: {times}");
    }
    browser.stop().await;
}

/// What a script gives that waits.
async fn run(browser: &Browser, script: &str) -> Value {
    let script = format!(
        "const done = arguments[0];
         (async () => {{ {script} }})().then(done, (error) => done({{ error: String(error.stack ?? error) }}));"
    );
    let answer = browser.page.execute_async(script, vec![]).await.expect("the script runs");
    let shown: Value = answer.convert().expect("an object");
    assert!(shown.get("error").is_none(), "{}", shown["error"]);
    shown
}

fn missing(shown: &Value, (name, pointer, value): &(&str, &str, Value)) -> Option<String> {
    let found = shown[*name].pointer(pointer);
    (found != Some(value)).then(|| format!("{name}{pointer}: {found:?} instead of {value}"))
}
