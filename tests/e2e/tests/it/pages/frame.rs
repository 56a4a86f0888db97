//! What is around every page: the time range, refresh, keys, theme, links to share, addresses that lead nowhere.

use e2e::{Browser, RunningLab};

const SEARCH: &str = "new URLSearchParams(location.search)";

#[tokio::test(flavor = "multi_thread")]
async fn time_keys_and_addresses() {
    let lab = RunningLab::start(&[]).await;
    let browser = Browser::start(1440, 900).await;
    let ui = lab.url("monitor", "ui").trim_end_matches('/').to_owned();
    browser.prefer("dark", "no-preference").await;
    browser.open(&format!("{ui}/d/application-performance?from=now-5m&to=now&refresh=2s")).await;
    browser.wait("a panel is drawn", "[...document.querySelectorAll('[data-points]')].some((panel) => Number(panel.dataset.points) > 3)").await;

    zoom_and_shift(&browser).await;
    typed_ranges(&browser).await;
    keys(&browser).await;

    // One round of queries a refresh, whatever the number of panels. What else the page asks meanwhile is its own affair.
    let record = "window.asked = [];
        const real = window.fetch;
        window.fetch = (path, init) => {
            const panels = String(path).endsWith('/api/ui/query') ? JSON.parse(init.body).targets.map(({ id }) => id.split(':')[0]) : [];
            window.asked.push(new Set(panels).size);
            return real(path, init);
        };
        return null;";
    browser.eval::<serde_json::Value>(record).await.expect("it records");
    browser.press("r").await;
    browser.wait("all panels in one request", "window.asked.some((panels) => panels >= 6)").await;

    panels(&browser).await;
    assert_eq!(browser.troubles().await, Vec::<String>::new());

    // One key leads into the search for dashboards from where there is nothing else to search.
    browser.open(&format!("{ui}/status")).await;
    browser.wait_words("main", "Last start").await;
    browser.press("/").await;
    browser
        .wait(
            "the search has the focus",
            "location.pathname === '/dashboards' && document.activeElement?.type === 'search'",
        )
        .await;
    browser.open(&format!("{ui}/no/such/page")).await;
    browser.wait_words("main", "There is nothing at this address").await;
    let status = "return performance.getEntriesByType('navigation')[0].responseStatus;";
    assert_eq!(browser.eval::<u16>(status).await, Ok(404));
    browser.open(&format!("{ui}/d/no-such-board")).await;
    browser.wait_words("main", "None is provisioned with the uid").await;
    assert_eq!(browser.eval::<u16>(status).await, Ok(404));
    browser.stop().await;
    lab.stop().await;
}

/// Drag on a panel zooms all of them, the buttons move and widen, Back undoes.
async fn zoom_and_shift(browser: &Browser) {
    let span = format!("(Number({SEARCH}.get('to')) - Number({SEARCH}.get('from')))");
    browser.drag("[data-panel-type=timeseries] .u-over", 0.3, 0.6).await;
    browser.wait("the range is what was dragged", &format!("{span} > 1000 && {span} < 200000")).await;
    let before: f64 = browser.eval(&format!("return {span};")).await.expect("a range");
    browser.click("[aria-label='Zoom out']").await;
    browser.wait("twice as long", &format!("Math.abs({span} - {}) < 10", before * 2.0)).await;
    let from: f64 = browser.eval(&format!("return Number({SEARCH}.get('from'));")).await.expect("a start");
    browser.click("[aria-label='Earlier']").await;
    let earlier =
        format!("Math.abs({span} - {}) < 10 && Number({SEARCH}.get('from')) < {from}", before * 2.0);
    browser.wait("as long, but earlier", &earlier).await;
    for _ in 0..3 {
        browser.page.back().await.expect("Back works");
    }
    browser.wait("as it was", &format!("{SEARCH}.get('from') === 'now-5m'")).await;
}

/// Relative and absolute ends, refused with a sentence when they cannot be read, remembered when they can; UTC or local.
async fn typed_ranges(browser: &Browser) {
    browser.press("t").await;
    browser.wait("the picker is open", "document.querySelector('.picker')").await;
    typed(browser, "now-tomorrow", "now").await;
    browser.wait_words(".typed-problem", "From is not a time we can read").await;
    typed(browser, "now-1m", "now-2m").await;
    browser.wait_words(".typed-problem", "From must be before To").await;
    typed(browser, "now-7m", "now").await;
    browser.wait_words(".time-name", "Last 7 minutes").await;
    browser.press("t").await;
    browser.wait_words(".picker-typed", "Last 7 minutes").await;
    typed(browser, "2026-01-02 03:04", "2026-01-02 04:00").await;
    browser.wait_words(".time-name", "2026-01-02 03:04 to 04:00").await;
    // Long before anything was kept: every panel that has nothing says so.
    browser
        .wait_words("[data-panel-type=timeseries][data-state=empty]", "outside the retention of 30d")
        .await;
    browser.press("t").await;
    browser.click(".picker [role=radio]:nth-child(2)").await;
    browser.wait("times are in UTC", "document.querySelector('.picker [role=radio]:nth-child(2)').getAttribute('aria-checked') === 'true'").await;
    browser.escape().await;
    browser.eval::<serde_json::Value>("history.go(-2); return null;").await.expect("Back works");
    browser.wait("as it was", &format!("{SEARCH}.get('from') === 'now-5m'")).await;
}

async fn typed(browser: &Browser, from: &str, to: &str) {
    let set = format!(
        "const fields = document.querySelectorAll('.typed input');
         [{from:?}, {to:?}].forEach((text, at) => {{ fields[at].value = text; fields[at].dispatchEvent(new Event('input', {{bubbles: true}})); }});
         return null;"
    );
    browser.eval::<serde_json::Value>(&set).await.expect("fields");
    browser.click(".typed [type=submit]").await;
}

/// The sheet lists every key that does something; each does it.
async fn keys(browser: &Browser) {
    browser.press("?").await;
    for word in [
        "Search the dashboards",
        "Time range",
        "Refresh now",
        "Dark or light",
        "Full screen of the panel in focus",
        "Explore the panel in focus",
    ] {
        browser.wait_words("dialog", word).await;
    }
    browser.picture("help").await;
    browser.escape().await;
    browser.wait("the sheet is gone", "!document.querySelector('dialog[open]')").await;
    browser.press("d").await;
    browser.wait("light", "document.documentElement.dataset.theme === 'light'").await;
    browser.press("d").await;
    browser.wait("dark again, as the system", "document.documentElement.dataset.theme === 'dark' && localStorage.getItem('watchfire.theme') === null").await;
}

/// Full screen, what is behind a panel, its way into Explore.
async fn panels(browser: &Browser) {
    let focus = "document.querySelector('.panel[aria-label*=\"p95\"]').focus(); return null;";
    browser.eval::<serde_json::Value>(focus).await.expect("a panel");
    browser.press("f").await;
    browser.wait("one panel alone", "document.querySelectorAll('.panel').length === 1").await;
    browser
        .wait("it is drawn", "Number(document.querySelector('[data-points]')?.dataset.points ?? 0) > 0")
        .await;
    browser.pictures("full-screen").await;
    browser.prefer("dark", "no-preference").await;
    browser.escape().await;
    browser.wait("all panels again", "document.querySelectorAll('.panel').length > 3").await;
    browser.eval::<serde_json::Value>(focus).await.expect("a panel");
    browser.press("i").await;
    browser.wait_words("dialog .table-data thead", "Time").await;
    browser.click("dialog .segmented button:nth-child(2)").await;
    browser.wait_words("dialog", "samples of").await;
    browser.picture("inspect").await;
    browser.escape().await;
    browser.click("[aria-label='Share this page']").await;
    browser.wait("both links", "[...document.querySelectorAll('.share input')].map((field) => field.value).filter((link) => link.includes('/d/application-performance')).length === 2").await;
    browser.escape().await;
    browser.eval::<serde_json::Value>(focus).await.expect("a panel");
    browser.press("e").await;
    browser.wait("its query is in Explore", "location.pathname === '/explore' && new URLSearchParams(location.search).get('expr')?.includes('histogram_quantile')").await;
    browser
        .wait(
            "and drawn",
            "Number(document.querySelector('.explore-graph [data-panel-type]')?.dataset.points ?? 0) > 0",
        )
        .await;
}
