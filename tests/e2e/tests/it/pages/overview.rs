//! Home, dashboards, targets, alerts, status: what they say of a lab at work; and how much is sent before the first picture.

use e2e::{Browser, RunningLab};

/// All that a first visit loads, compressed: scripts, styles, the page itself.
const FIRST_VISIT_BYTES_MAX: u64 = 250_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_whole_lab() {
    let mut lab = RunningLab::start_whole(&["--hold", "reviews"]).await;
    let browser = Browser::start(1440, 900).await;
    let ui = lab.url("monitor", "ui").trim_end_matches('/').to_owned();

    browser.open(&format!("{ui}/")).await;
    browser.wait("a tile for each service", "document.querySelectorAll('.tile h3').length >= 15").await;
    browser.wait_words(".tiles", "order-service").await;
    browser.wait("rates are there", "[...document.querySelectorAll('.tile')].filter((tile) => /[\\d.]+\\/s/.test(tile.innerText)).length >= 12").await;
    first_visit(&browser, "home").await;

    lab.kill("reviews").await;
    worst_first(&browser).await;
    lists(&browser, &ui).await;
    rules_and_status(&browser, &ui).await;
    // Nothing is kept from before in a browser that has just started.
    let fresh = Browser::start(1440, 900).await;
    fresh.open(&format!("{ui}/d/operations-overview")).await;
    fresh
        .wait(
            "rows are drawn",
            "Number(document.querySelector('[data-panel-type=table]')?.dataset.rows ?? 0) >= 10",
        )
        .await;
    first_visit(&fresh, "a dashboard").await;
    fresh.stop().await;

    // A panel whose target is down says which, and since when.
    let query = "http_requests_total%7Bjob%3D%22review-service%22%7D";
    browser.open(&format!("{ui}/explore?expr={query}&from=now-1s&to=now&refresh=2s")).await;
    browser.wait("why it is empty", "/Target .* of job review-service is down since \\d{4}-/.test(document.querySelector('.query-said')?.innerText)").await;
    browser.pictures("explore-target-down").await;
    browser.stop().await;
    lab.stop().await;
}

/// Home, while a service is down.
async fn worst_first(browser: &Browser) {
    browser.wait("the worst is first", "document.querySelector('.tile').innerText.includes('review-service') && document.querySelector('.tile').innerText.includes('Down')").await;
    browser.wait_words("[aria-labelledby=home-firing]", "InstanceDown").await;
    browser.wait_words("[aria-labelledby=home-firing]", "told").await;
    browser.wait_words("[aria-labelledby=home-changes]", "processes started").await;
    browser.wait_words(".budgets", "payment-processor").await;
    browser.wait("bars are as long as what is left", "[...document.querySelectorAll('.budget-fill')].every((bar) => parseFloat(bar.style.width) >= 0 && parseFloat(bar.style.width) <= 100)").await;
    browser.wait("the line on top is red", "document.querySelector('.critical-line-on')").await;
    browser.pictures("home").await;
}

/// Dashboards and targets.
async fn lists(browser: &Browser, ui: &str) {
    browser.open(&format!("{ui}/dashboards")).await;
    browser.wait("all of them", "document.querySelectorAll('.dashboard-row').length >= 11").await;
    browser.press("/").await;
    browser.press("budget").await;
    browser.wait("found", "document.querySelectorAll('.dashboard-row').length === 1 && location.search.includes('q=budget')").await;
    browser.wait_words(".dashboard-row", "Error Budget").await;
    browser.pictures("dashboards").await;

    browser.open(&format!("{ui}/targets?health=down")).await;
    browser
        .wait("only what is down", "document.querySelectorAll('.targets-table tbody tr').length === 1")
        .await;
    browser.wait_words(".targets-table", "refused").await;
    browser.pictures("targets").await;
}

async fn rules_and_status(browser: &Browser, ui: &str) {
    browser.open(&format!("{ui}/alerts")).await;
    browser
        .wait(
            "the rule that fires is open",
            "document.querySelector('.rule-crit .rule-inside')?.innerText.includes('up == 0')",
        )
        .await;
    browser
        .wait(
            "it has a history",
            "Number(document.querySelector('.rule-crit .rule-strip')?.dataset.spans) >= 1",
        )
        .await;
    browser.pictures("alerts").await;
    browser.open(&format!("{ui}/alerts?state=recording")).await;
    browser.wait("rules that only compute", "document.querySelectorAll('.rule').length > 20").await;

    browser.open(&format!("{ui}/status")).await;
    browser.wait_words("main", "Last start").await;
    browser.wait_words("main", "Series by metric").await;
    browser.pictures("status").await;
}

/// Counts what came over the wire, in the browser's own figures.
#[expect(clippy::print_stdout, reason = "figures, for who runs it with --nocapture")]
async fn first_visit(browser: &Browser, name: &str) {
    let script =
        "return performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
        .filter((entry) => new URL(entry.name).pathname.startsWith('/ui/') || entry.entryType === 'navigation')
        .map((entry) => [entry.name, entry.encodedBodySize]);";
    let all: Vec<(String, u64)> = browser.eval(script).await.expect("figures");
    let bytes: u64 = all.iter().map(|(_, bytes)| bytes).sum();
    assert!(all.len() > 40, "only {} files were loaded", all.len());
    assert!(bytes > 20_000, "{bytes} bytes cannot be all of it");
    assert!(bytes < FIRST_VISIT_BYTES_MAX, "{bytes} bytes in {} files", all.len());
    assert!(
        all.iter().all(|(name, _)| !name.contains("codemirror")),
        "the editor is loaded where nobody edits"
    );
    println!("first visit of {name}: {bytes} bytes in {} files", all.len());
}
