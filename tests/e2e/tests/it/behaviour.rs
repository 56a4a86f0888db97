//! What a dashboard does in a real browser beside drawing: variables, repeats, links, annotations, rows, ranges of its own, old files.

use std::path::Path;
use std::time::Duration;

use e2e::{Browser, RunningMonitor, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// What the page shows, panel by panel.
const SHOWN: &str = r"
    const text = (root, selector) => root.querySelector(selector)?.textContent.trim() ?? '';
    return {
        panels: Object.fromEntries([...document.querySelectorAll('.grid > .panel')].map((panel) => [text(panel, '.panel-title') || panel.dataset.panel, {
            range: text(panel, '.panel-range'), type: panel.querySelector('[data-panel-type]')?.dataset.panelType, data: { ...panel.querySelector('.panel-body')?.dataset },
            strip: text(panel, '.panel-strip'), text: text(panel, '.panel-text'), values: [...panel.querySelectorAll('[data-text]')].map((one) => one.dataset.text),
            names: [...panel.querySelectorAll('.stat-name')].map((one) => one.textContent), legend: [...panel.querySelectorAll('.legend tbody tr')].map((one) => one.textContent.trim()),
            head: [...panel.querySelectorAll('.panel-table thead th')].map((one) => one.textContent), cells: [...panel.querySelectorAll('.panel-table tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent)),
            links: [...panel.querySelectorAll('.panel-inside a')].map((one) => one.getAttribute('href')), coloured: [...panel.querySelectorAll('.panel-table td')].filter((one) => one.style.background).length,
        }])),
        rows: [...document.querySelectorAll('.grid-row h2')].map((one) => one.textContent), variables: [...document.querySelectorAll('.variable-text')].map((one) => one.textContent),
        links: [...document.querySelectorAll('.dashboard-links > a')].map((one) => one.getAttribute('href')), switches: [...document.querySelectorAll('.dashboard-links [role=switch]')].map((one) => one.getAttribute('aria-checked')),
        tip: document.querySelector('.chart-tip:not([hidden]):not(.chart-tip-follows)')?.innerText ?? '', followed: [...document.querySelectorAll('.chart-tip-follows')].map((one) => one.innerText), tipLinks: [...document.querySelectorAll('.chart-tip:not([hidden]) a')].map((one) => one.getAttribute('href')),
    };";

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_behaves() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let monitor = RunningMonitor::start_with(&["--dashboards", &folder.display().to_string()]).await;
    let browser = Browser::start(1440, 1100).await;
    let page = Page { browser: &browser, ui: monitor.ui_url() };

    page.open("/d/e2e-behaviour").await;
    page.has("/panels/Load of alpha/names", json!(["alpha"])).await;
    page.has("/panels/Load of beta/values", json!(["7%"])).await;
    page.has("/rows", json!(["Row of (alpha|beta)-1"])).await;
    page.has("/variables", json!(["(alpha|beta)-1", "alpha + beta"])).await;
    page.has("/panels/Own range/range", json!("last 2m, 1h earlier")).await;
    page.has("/panels/Own range/legend", json!(["wave90 req/s", "flat20 req/s"])).await;
    page.has("/panels/Services/head", json!(["Service", "Up", "Share"])).await;
    page.has("/panels/Services/cells", json!([["beta", "2", "25%"], ["alpha", "1", "50%"]])).await;
    page.has("/panels/Services/links", json!(["/d/e2e-old?var-svc=beta", "/d/e2e-old?var-svc=alpha"])).await;
    page.has("/panels/Borrowed/data/series", json!("2")).await;
    page.has(
        "/panels/Elsewhere/strip",
        json!("Query A failed: data sources of type mysql are not available here"),
    )
    .await;
    page.has(
        "/links",
        json!(["/d/e2e-old?from=now-10m&to=now&var-datasource=watchfire&var-inst=(alpha%7Cbeta)-1&var-svc=alpha&var-svc=beta"]),
    )
    .await;
    browser.picture("behaviour").await;

    // Marks are drawn, and can be switched off.
    until("marks", LIMIT, async || {
        let shown = page.shown().await;
        let marks = shown["panels"]["Borrowed"]["data"]["marks"].as_str().and_then(|n| n.parse().ok());
        marks.filter(|n: &u32| *n >= 3).ok_or_else(|| shown["panels"]["Borrowed"].to_string())
    })
    .await;
    page.click(".dashboard-links [role=switch]").await;
    page.has("/switches", json!(["false"])).await;

    // The pointer is told all series at its time; so is it, in small, of the plot beside it that shows the same time.
    until("a tooltip", LIMIT, async || {
        // Again and again: a plot that is built anew meanwhile has not seen the pointer come.
        page.point_at("Borrowed").await;
        let shown = page.shown().await;
        let tip = shown["tip"].as_str().unwrap_or_default().to_owned();
        if tip.contains("wave") && tip.contains("flat") { Ok(()) } else { Err(tip) }
    })
    .await;
    until("a tooltip that follows", LIMIT, async || {
        let shown = page.shown().await;
        let followed = shown["followed"].as_array().cloned().unwrap_or_default();
        let is_one = matches!(&followed[..], [one] if one.as_str().is_some_and(|text| text.ends_with("\n1")));
        if is_one { Ok(()) } else { Err(shown["followed"].to_string()) }
    })
    .await;

    // A closed row asks for nothing until it is opened.
    page.click(".grid-row-button").await;
    page.has("/panels/5/text", json!("Hidden words of (alpha|beta)-1")).await;

    // The address chooses; what stands on it follows.
    page.open("/d/e2e-behaviour?var-svc=gamma").await;
    page.has("/rows", json!(["Row of gamma-1"])).await;
    page.has("/panels/Load of gamma/names", json!(["gamma"])).await;
    assert!(page.shown().await["panels"].get("Load of alpha").is_none());
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_file_is_drawn_as_one_of_today() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let monitor = RunningMonitor::start_with(&["--dashboards", &folder.display().to_string()]).await;
    let browser = Browser::start(1440, 1100).await;
    let page = Page { browser: &browser, ui: monitor.ui_url() };
    page.open("/d/e2e-old").await;
    page.has("/rows", json!(["First", "Second"])).await;
    page.has("/panels/Graph/legend", json!(["wave90", "low5"])).await;
    page.has("/panels/Graph/type", json!("timeseries")).await;
    page.has("/panels/Single/values", json!(["85%"])).await;
    page.has("/panels/Dial/type", json!("gauge")).await;
    page.has("/panels/Dial/values", json!(["120 px"])).await;
    page.click(".grid-row:last-of-type .grid-row-button[aria-expanded=false]").await;
    page.has("/panels/Styles/cells", json!([["alpha", "10%"], ["beta", "90%"]])).await;
    page.has("/panels/Styles/coloured", json!(2)).await;
    browser.picture("old-dashboard").await;
    browser.stop().await;
}

/// The browser's window on the monitor's pages.
struct Page<'a> {
    browser: &'a Browser,
    ui: &'a str,
}

impl Page<'_> {
    async fn open(&self, path: &str) {
        self.browser.page.goto(format!("{}{path}", self.ui)).await.expect("the page loads");
    }

    async fn shown(&self) -> Value {
        let answer = self.browser.page.execute(SHOWN, vec![]).await.expect("the script runs");
        answer.convert().expect("an object")
    }

    /// Waits until what is shown at `pointer` is this.
    async fn has(&self, pointer: &str, value: Value) {
        until(&format!("{pointer} is {value}"), LIMIT, async || {
            let shown = self.shown().await;
            match shown.pointer(pointer) {
                Some(found) if *found == value => Ok(()),
                found => Err(format!("{found:?}")),
            }
        })
        .await;
    }

    async fn click(&self, selector: &str) {
        let script = format!("document.querySelector('{selector}').click();");
        self.browser.page.execute(script, vec![]).await.expect("it can be clicked");
    }

    /// Moves the pointer over the middle of a panel's plot.
    async fn point_at(&self, title: &str) {
        let script = format!(
            "const panel = [...document.querySelectorAll('.grid > .panel')].find((one) => one.querySelector('.panel-title').textContent === '{title}');
             panel.scrollIntoView({{ block: 'center', behavior: 'instant' }}); const box = panel.querySelector('.u-over').getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2];"
        );
        let answer = self.browser.page.execute(script, vec![]).await.expect("the panel has a plot");
        let at: Vec<f64> = answer.convert().expect("a place");
        let actions = self.browser.page.action_chain();
        actions.move_to(at[0] as i64, at[1] as i64).move_by_offset(3, 0).perform().await.expect("it moves");
        self.browser.drawn().await;
    }
}
