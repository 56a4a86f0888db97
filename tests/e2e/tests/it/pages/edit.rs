//! Empty panels that explain themselves, and panels that are edited in the browser and written to their file.

use std::path::Path;

use e2e::{Browser, RunningMonitor, Target};
use serde_json::{Value, json};

fn panel(id: u32, title: &str, expr: &str) -> Value {
    let place = json!({ "x": (id - 1) % 3 * 8, "y": (id - 1) / 3 * 8, "w": 8, "h": 8 });
    json!({
        "id": id, "type": "timeseries", "title": title, "gridPos": place,
        "fieldConfig": { "defaults": { "unit": "short", "thresholds": { "mode": "absolute", "steps": [
            { "color": "green", "value": null }, { "color": "red", "value": 80 },
        ] } }, "overrides": [] },
        "targets": [{ "refId": "A", "expr": expr }],
    })
}

/// A dashboard with a panel for each reason to be empty; written as people indent.
fn board() -> String {
    let panels: Vec<Value> = [
        ("Well", "m{i=\"1\"}"),
        ("Slip", "mm"),
        ("Labels", "m{i=\"99\"}"),
        ("Threshold", "m < 0"),
        ("Wrong", "sum(m"),
        ("Nothing", "quite_another_name"),
    ]
    .iter()
    .zip(1..)
    .map(|((title, expr), id)| panel(id, title, expr))
    .collect();
    let mut repeated = panel(7, "Copy of $who", "m{i=\"$who\"}");
    repeated["repeat"] = json!("who");
    let panels: Vec<Value> = panels.into_iter().chain([repeated]).collect();
    let who = json!({ "name": "who", "type": "custom", "query": "0,1", "multi": true, "includeAll": true,
        "current": { "value": ["$__all"] } });
    let board = json!({ "uid": "reasons", "title": "Reasons", "schemaVersion": 39,
        "templating": { "list": [who] }, "panels": panels });
    format!("{}\n", serde_json::to_string_pretty(&board).expect("JSON"))
}

struct Site {
    browser: Browser,
    monitor: RunningMonitor,
    folder: tempfile::TempDir,
    _target: Target,
}

async fn site() -> Site {
    let target = Target::start(3).await;
    let folder = tempfile::tempdir().expect("a folder");
    let boards = folder.path().join("boards");
    std::fs::create_dir(&boards).expect("made");
    std::fs::write(boards.join("reasons.json"), board()).expect("written");
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\nscrape_configs:\n- job_name: app\n  static_configs: [{{targets: ['{}']}}]\n",
        target.address
    );
    std::fs::write(&config, text).expect("written");
    let flags = ["--dashboards", boards.to_str().expect("UTF-8")];
    let monitor = RunningMonitor::start_on(&config, &folder.path().join("data"), &flags).await;
    let browser = Browser::start(1440, 900).await;
    Site { browser, monitor, folder, _target: target }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_panels_say_why_and_changes_go_to_the_file() {
    let Site { browser, monitor, folder, _target } = site().await;
    let ui = monitor.ui_url().to_owned();
    let page = format!("{ui}/d/reasons?from=now-2m&to=now&refresh=1s");
    browser.open(&page).await;
    browser
        .wait(
            "a curve",
            "Number(document.querySelector('[data-panel=\"1\"] [data-points]')?.dataset.points ?? 0) > 1",
        )
        .await;
    for (id, words) in [
        (3, "No series of m has i=\"99\"; i is 0, 1 or 2."),
        (4, "Nothing is < 0 in this time: the lowest value is"),
        (5, "1:6: unclosed left parenthesis"),
        (6, "No metric is called quite_another_name."),
    ] {
        browser.wait_words(&format!("[data-panel=\"{id}\"]"), words).await;
    }
    browser.wait_words("[data-panel=\"2\"]", "No metric is called mm.").await;
    browser.pictures("empty-panels").await;

    let file = folder.path().join("boards/reasons.json");
    saved(&browser, &page, &file).await;
    copies(&browser, &page, &file).await;
    refused(&browser, &page, &file).await;
    browser.stop().await;
    drop(monitor);
}

/// Title, unit, threshold and query of the second panel are changed; the file differs in these lines alone.
async fn saved(browser: &Browser, page: &str, file: &Path) {
    browser.open(&format!("{page}&editPanel=2")).await;
    browser
        .wait("the editor is there", "document.querySelector('.edit [data-editor=codemirror] .cm-content')")
        .await;
    browser
        .wait("nothing to save yet", "document.querySelector('.edit-foot .button-primary').disabled")
        .await;
    fill(browser, ".edit-field input[type=text]:not([list])", "Put right").await;
    fill(browser, ".edit-field input[list]", "ms").await;
    fill(browser, ".edit-step input[type=number]", "90").await;
    browser.click(".edit .cm-content").await;
    browser.retype("m + 1").await;
    browser
        .wait(
            "the preview is drawn",
            "Number(document.querySelector('.edit-preview [data-points]')?.dataset.points ?? 0) > 1",
        )
        .await;
    browser.pictures("edit-panel").await;
    browser.click(".edit-foot .button-primary").await;
    browser.wait("the sheet is gone", "!document.querySelector('dialog[open]')").await;
    browser
        .wait(
            "the page shows it at once",
            "document.querySelector('[data-panel=\"2\"] .panel-title').textContent === 'Put right'",
        )
        .await;
    browser
        .wait(
            "with a curve",
            "Number(document.querySelector('[data-panel=\"2\"] [data-points]')?.dataset.points ?? 0) > 1",
        )
        .await;

    let (before, after) = (board(), std::fs::read_to_string(file).expect("readable"));
    assert_eq!(before.lines().count(), after.lines().count());
    let pairs = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
    let plain = |line: &str| line.trim().trim_end_matches(',').to_owned();
    let mut differ: Vec<(String, String)> = pairs.map(|(a, b)| (plain(a), plain(b))).collect();
    differ.sort();
    let expected = [
        (r#""expr": "mm""#, r#""expr": "m + 1""#),
        (r#""title": "Slip""#, r#""title": "Put right""#),
        (r#""unit": "short""#, r#""unit": "ms""#),
        (r#""value": 80"#, r#""value": 90"#),
    ];
    assert_eq!(differ, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

/// A change of the second copy of a repeated panel is one of the panel, and so of the first copy.
async fn copies(browser: &Browser, page: &str, file: &Path) {
    let before = std::fs::read_to_string(file).expect("readable");
    browser.open(page).await;
    let titled = |title: &str| {
        format!(
            "[...document.querySelectorAll('.panel')].find((one) => one.querySelector('.panel-title').textContent === '{title}')"
        )
    };
    browser.wait("both copies", &format!("{} && {}", titled("Copy of 0"), titled("Copy of 1"))).await;
    let id: String =
        browser.eval(&format!("return {}.dataset.panel;", titled("Copy of 1"))).await.expect("an id");
    browser.open(&format!("{page}&editPanel={id}")).await;
    browser.wait_words("dialog", "This panel is repeated for each value of $who").await;
    browser.wait("the editor is there", "document.querySelector('.edit .cm-content')").await;
    fill(browser, ".edit-field input[type=text]:not([list])", "Twin of $who").await;
    browser.click(".edit-foot .button-primary").await;
    browser.wait("both are changed", &format!("{} && {}", titled("Twin of 0"), titled("Twin of 1"))).await;
    let after = std::fs::read_to_string(file).expect("readable");
    assert_eq!(after, before.replace("Copy of $who", "Twin of $who"));
}

/// Somebody else changes the file; then it is read-only.
async fn refused(browser: &Browser, page: &str, file: &Path) {
    browser.open(&format!("{page}&editPanel=1")).await;
    browser.wait("the editor is there", "document.querySelector('.edit .cm-content')").await;
    let theirs = std::fs::read_to_string(file).expect("readable").replace("Labels", "Theirs");
    std::fs::write(file, &theirs).expect("written");
    fill(browser, ".edit-field input[type=text]:not([list])", "Ours").await;
    browser.click(".edit-foot .button-primary").await;
    browser.wait_words(".edit-foot", "changed on disk meanwhile").await;
    assert_eq!(std::fs::read_to_string(file).expect("readable"), theirs);
    browser.click(".edit-foot [role=alert] button").await;
    browser.wait_words("[data-panel=\"3\"]", "Theirs").await;

    let mut mode = std::fs::metadata(file).expect("is there").permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(file, mode).expect("set");
    browser.open(&format!("{page}&editPanel=1")).await;
    browser.wait_words("dialog", "is read-only").await;
    fill(browser, ".edit-field input[type=text]:not([list])", "Ours").await;
    browser.wait("it cannot be saved", "document.querySelector('.edit-foot .button-primary').disabled").await;
    browser.picture("edit-read-only").await;
}

/// Types into a field of the page.
async fn fill(browser: &Browser, css: &str, text: &str) {
    let set = format!(
        "const field = document.querySelector({css:?});
         field.value = {text:?};
         field.dispatchEvent(new Event('input', {{bubbles: true}}));
         return null;"
    );
    browser.eval::<Value>(&set).await.expect("a field");
}
