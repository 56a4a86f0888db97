//! Explore: completion from the live store, errors at their place, graph and table, links from elsewhere.

use std::time::Duration;

use e2e::{Browser, RunningLab, until};

/// A page that takes longer is broken.
const LIMIT: Duration = Duration::from_secs(45);

const POINTS: &str =
    "Number(document.querySelector('.explore-graph [data-panel-type]')?.dataset.points ?? 0)";

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_typed_completed_run_and_shared() {
    let lab = RunningLab::start(&[]).await;
    let browser = Browser::start(1440, 900).await;
    let ui = lab.url("monitor", "ui").trim_end_matches('/').to_owned();
    browser.open(&format!("{ui}/explore?from=now-5m&to=now&refresh=2s")).await;
    browser
        .wait("the editor has the focus", "document.activeElement?.closest('[data-editor=codemirror]')")
        .await;

    typed(&browser).await;
    mistaken(&browser).await;
    linked(&browser, &ui, &lab.url("monitor", "prometheus")).await;
    browser.stop().await;
    lab.stop().await;
}

/// Names are offered, the answer is a graph and a table, the address holds the query.
async fn typed(browser: &Browser) {
    // Names come from the store: nobody types them to the end.
    browser.press("sum by (job) (rate(http_requests_t").await;
    browser.offered("http_requests_total").await;
    browser.enter().await;
    browser.press("{endpo").await;
    browser.offered("endpoint").await;
    browser.enter().await;
    browser.press("=\"/api/order/").await;
    browser.wait_words(".cm-tooltip-autocomplete", "/api/order/{id}").await;
    browser.escape().await;
    replace(browser, "sum by (job) (rate(http_requests_total[1m]))\n").await;
    browser.wait("the graph is drawn", &format!("{POINTS} > 1")).await;
    // Behind a whole expression Enter runs it, whatever operator the list offers.
    browser.click(".cm-content").await;
    browser.retype("sum by (job) (rate(http_requests_total[1m]").await;
    browser.press("))").await;
    browser.enter().await;
    browser.wait("the list is gone", "!document.querySelector('.cm-tooltip-autocomplete')").await;
    browser.wait_words(".explore-table tbody", "order-service").await;
    browser.wait_words(".explore-cost", "samples of").await;
    let address = browser.page.current_url().await.expect("an address");
    let expr = address.query_pairs().find(|(name, _)| name == "expr").map(|(_, text)| text.into_owned());
    assert_eq!(expr.as_deref(), Some("sum by (job) (rate(http_requests_total[1m]))"));
    browser.pictures("explore").await;
}

/// What is wrong is said at its place; what gave nothing comes with a reason and what may be meant.
async fn mistaken(browser: &Browser) {
    // A mistake is underlined where it is, before anything is run.
    replace(browser, "sum(up) + + )").await;
    browser
        .wait(
            "the mistake is underlined",
            "document.querySelector('.cm-lintRange-error')?.textContent === ')'",
        )
        .await;
    browser.wait_words(".query-wrong", "1:13 unexpected").await;

    // A slip is found out, and one click puts it right.
    replace(browser, "http_request_total\n").await;
    browser.wait_words(".query-said", "Did you mean http_requests_total?").await;
    browser.picture("explore-slip").await;
    browser.click(".query-instead").await;
    browser.wait("the right one is drawn", &format!("{POINTS} > 1")).await;
    browser.page.back().await.expect("Back works");
    browser.wait_words(".query-said", "Did you mean").await;

    // What ran is remembered in this browser.
    browser.click("[aria-label='Queries used before']").await;
    browser.wait_words(".history", "sum by (job) (rate(http_requests_total[1m]))").await;
    browser.escape().await;
    assert_eq!(browser.troubles().await, Vec::<String>::new());
}

/// Addresses that others made.
async fn linked(browser: &Browser, ui: &str, prometheus: &str) {
    // A range of samples has no curve, but rows.
    browser.open(&format!("{ui}/explore?expr=up%5B1m%5D")).await;
    browser.wait_words(".query-said", "has no curve").await;
    browser.wait_words(".explore-table tbody", "orders-1").await;

    // Prometheus' own links lead here, from its port too.
    for base in [prometheus, ui] {
        let base = base.trim_end_matches('/');
        browser
            .open(&format!(
                "{base}/graph?g0.expr=up%7Bjob%3D%22order-service%22%7D&g0.tab=1&g0.range_input=15m"
            ))
            .await;
        browser.wait("the link's query is drawn", &format!("{POINTS} > 1 && location.search.includes('from=now-15m') && !location.search.includes('g0')")).await;
    }

    // Two queries at once, each with its letter.
    browser.open(&format!("{ui}/explore?expr=up&expr=scrape_duration_seconds&from=now-5m&to=now")).await;
    browser
        .wait(
            "both are drawn",
            "Number(document.querySelector('.explore-graph [data-series]')?.dataset.series) >= 4",
        )
        .await;
    browser.wait_words(".explore-table thead", "Value #B").await;
    assert_eq!(browser.troubles().await, Vec::<String>::new());
}

/// Types over all that is in the editor, and runs it where the text ends a line.
async fn replace(browser: &Browser, text: &str) {
    browser.click(".cm-content").await;
    browser.retype(text.trim_end()).await;
    if text.ends_with('\n') {
        // Enter would take what the list offers, should it be open; and it may open over the button at any moment.
        until("the query is run", LIMIT, async || {
            browser.escape().await;
            browser.try_click(".query-tools .button-primary").await
        })
        .await;
    }
}
