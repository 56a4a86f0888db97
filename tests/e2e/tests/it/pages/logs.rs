//! Explore for logs: asked by completion, lines and how they lie in time, what a line holds, what a click filters, the lines around one.

use std::time::Duration;

use e2e::{Browser, RunningLab, RunningMonitor, now_s, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);
/// Lines that are shown, none while others are asked for.
const LINES: &str = "(document.querySelector('.explore-found[data-loading]') ? -1 : Number(document.querySelector('.explore-lines [data-panel-type=logs]')?.dataset.points ?? 0))";
const SEARCH: &str = "new URLSearchParams(location.search)";
/// Requests that are pushed; every tenth has failed.
const REQUESTS: usize = 60;

/// Lines of one stream at moments, in nanoseconds since the epoch.
pub(crate) async fn push(monitor: &RunningMonitor, stream: Value, lines: &[(u64, String)]) {
    let values: Vec<_> = lines.iter().map(|(ns, line)| json!([ns.to_string(), line])).collect();
    let body = json!({ "streams": [{ "stream": stream, "values": values }] });
    let (status, text) =
        monitor.post_to(monitor.loki_url(), "/loki/api/v1/push", &body).await.expect("an answer");
    assert_eq!(status, 204, "{text}");
}

/// A line a second until a minute ago: JSON of requests; and few lines of another stream.
async fn fill(monitor: &RunningMonitor) -> u64 {
    let last_ns = (now_s() as u64 - 60) * 1_000_000_000;
    let line = |at: usize| {
        let (level, status) = if at.is_multiple_of(10) { ("ERROR", 500) } else { ("INFO", 200) };
        let view = if at.is_multiple_of(2) { "get_order" } else { "list_orders" };
        format!(
            r#"{{"level":"{level}","view":"{view}","status":{status},"client":{{"ip":"10.0.0.{at}"}},"path":"/api/order/{at}"}}"#
        )
    };
    let at_ns = |at: usize| last_ns - (REQUESTS - 1 - at) as u64 * 1_000_000_000;
    let requests: Vec<_> = (0..REQUESTS).map(|at| (at_ns(at), line(at))).collect();
    push(monitor, json!({ "job": "access", "service": "orders" }), &requests).await;
    let pairs: Vec<_> =
        (0..5).map(|at| (at_ns(at), format!("level=warn msg=\"it is {at}\" n={at}"))).collect();
    push(monitor, json!({ "job": "worker" }), &pairs).await;
    last_ns
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_asked_and_looked_into() {
    let monitor = RunningMonitor::start().await;
    let last_ns = fill(&monitor).await;
    let browser = Browser::start(1440, 900).await;
    let ui = monitor.ui_url();
    browser.open(&format!("{ui}/explore?from=now-30m&to=now")).await;
    switched(&browser).await;
    mistaken(&browser).await;
    looked_into(&browser).await;
    filtered(&browser).await;
    around(&browser, ui).await;
    saved(&browser, ui).await;
    numbers(&browser, ui).await;
    zoomed(&browser, ui, last_ns / 1_000_000).await;
    assert_eq!(browser.troubles().await, Vec::<String>::new());
    browser.stop().await;
}

/// From metrics to logs; labels and values are offered, and make a query.
async fn switched(browser: &Browser) {
    browser.click("[aria-label='What is asked'] button:nth-child(2)").await;
    browser.wait("it is in the address", &format!("{SEARCH}.get('language') === 'logql'")).await;
    browser.wait_words(".notice", "Ask the logs something").await;
    browser
        .wait("the editor has the focus", "document.activeElement?.closest('[data-editor=codemirror]')")
        .await;
    browser.press("{jo").await;
    browser.offered("job").await;
    browser.enter().await;
    browser.offered("worker").await;
    browser.press("acc").await;
    browser.offered("access").await;
    browser.enter().await;
    browser
        .wait(
            "the editor has both",
            "document.querySelector('.cm-content')?.innerText === '{job=\"access\"}'",
        )
        .await;
    browser.escape().await;
    browser.click(".query-tools .button-primary").await;
    browser.wait("all lines are there", &format!("{LINES} === {REQUESTS}")).await;
    browser.wait_words(".explore-cost", &format!("{REQUESTS} lines")).await;
    browser
        .wait(
            "levels over time",
            "document.querySelector('.explore-volume [data-panel-type]')?.dataset.series === '2'",
        )
        .await;
    browser.wait_words(".explore-volume .legend", "error").await;
    let newest =
        format!("document.querySelector('.log-text')?.innerText.includes('/api/order/{}')", REQUESTS - 1);
    browser.wait("the newest is first", &newest).await;
    browser.pictures("explore-logs").await;
}

/// Types over the query and runs it.
async fn ask(browser: &Browser, query: &str) {
    browser.click(".cm-content").await;
    browser.retype(query).await;
    // A list of completions may lie over the button.
    let run = "document.querySelector('.query-tools .button-primary').click(); return null;";
    browser.eval::<Value>(run).await.expect("it runs");
}

/// What is wrong is underlined at its place; what found nothing comes with a reason.
async fn mistaken(browser: &Browser) {
    browser.click(".cm-content").await;
    browser.retype("{job=\"access\"} | jsonn )").await;
    browser
        .wait(
            "the mistake is underlined",
            "document.querySelector('.cm-lintRange-error')?.textContent === ')'",
        )
        .await;
    browser.wait_words(".query-wrong", "1:24 ").await;
    ask(browser, "{job=\"acces\"}").await;
    browser.wait_words(".query-said", "No stream has job=\"acces\"; job is access, worker.").await;
    browser.picture("explore-logs-none").await;
    browser.click(".query-instead").await;
    browser.wait("the right one finds lines", &format!("{LINES} === {REQUESTS}")).await;
    ask(browser, "{job=\"access\"} |= \"no such words\"").await;
    browser.wait_words(".query-said", "no line passes what stands behind the selector").await;
}

/// What filters found is marked; a line unfolds to what it holds; values are counted.
async fn looked_into(browser: &Browser) {
    ask(browser, "{job=~\"access|worker\"} |~ \"(?i)error|WARN\"").await;
    browser.wait("errors and warnings", &format!("{LINES} === 11")).await;
    let marks =
        "[...document.querySelectorAll('.log-text mark')].map((mark) => mark.textContent).sort().join(' ')";
    let sorted = "ERROR ERROR ERROR ERROR ERROR ERROR warn warn warn warn warn";
    browser.wait("they are marked", &format!("{marks} === '{sorted}'")).await;
    browser.wait("in their colours", "document.querySelectorAll('.log[data-level=error]').length === 6 && document.querySelectorAll('.log[data-level=warning]').length === 5").await;
    browser.click(".logs-tools button[aria-pressed=true]").await;
    browser.wait("lines are not wrapped", "!document.querySelector('.logs[data-wrap]')").await;
    browser.click(".logs-tools button[aria-pressed=false]").await;

    ask(browser, "{job=\"access\"}").await;
    browser.wait("all lines again", &format!("{LINES} === {REQUESTS}")).await;
    browser.click(".log:first-child .log-twist").await;
    let fields = "Object.fromEntries([...document.querySelectorAll('.log-details .log-field')].map((row) => [row.querySelector('dt').textContent, row.querySelector('.log-value').textContent]))";
    let has = format!(
        "(() => {{ const fields = {fields}; return fields.client_ip === '10.0.0.59' && fields.status === '200' && fields.service === 'orders' && fields.detected_level === 'info'; }})()"
    );
    browser.wait("fields, labels and metadata", &has).await;
    browser.click("[aria-label='Values of view']").await;
    browser.wait_words(".log-counts", "2 values in all 60 lines shown").await;
    let shares = "[...document.querySelectorAll('.log-count')].map((row) => row.innerText.replace(/\\s+/g, ' ')).join('; ')";
    browser.wait("half each", &format!("{shares} === 'get_order 30 50 %; list_orders 30 50 %'")).await;
    browser.pictures("explore-logs-details").await;
}

/// A click keeps a value or leaves it out; the query says how.
async fn filtered(browser: &Browser) {
    browser.click("[aria-label='Filter out status = 200']").await;
    browser
        .wait(
            "failures are left",
            &format!(
                "{LINES} === 6 && {SEARCH}.get('expr') === '{{job=\"access\"}} | json | status!=\"200\"'"
            ),
        )
        .await;
    browser.click(".log:first-child .log-twist").await;
    browser.click("[aria-label='Filter for service = orders']").await;
    browser
        .wait(
            "the label goes into the selector",
            &format!(
                "{SEARCH}.get('expr').startsWith('{{job=\"access\", service=\"orders\"}} ') && {LINES} === 6"
            ),
        )
        .await;
    browser.page.back().await.expect("Back works");
    browser.wait("as it was", &format!("!{SEARCH}.get('expr').includes('service')")).await;
    // Oldest first asks for the other end.
    browser.click(".logs-tools button:first-child").await;
    browser.wait("the oldest is first", &format!("{SEARCH}.get('sort') === 'asc' && document.querySelector('.log-text')?.innerText.includes('/api/order/0')")).await;
    browser.click(".logs-tools button:first-child").await;
    browser.wait("the newest is first", &format!("{SEARCH}.get('sort') === null && document.querySelector('.log-text')?.innerText.includes('/api/order/50')")).await;
    browser.click("[aria-label='Queries used before']").await;
    browser.wait_words(".history", "| status!=\"200\"").await;
    browser.escape().await;
}

/// The lines before and after one, whatever was filtered.
async fn around(browser: &Browser, ui: &str) {
    browser.open(&format!("{ui}/explore?language=logql&expr=%7Bjob%3D%22access%22%7D%20%7C%3D%20%22/api/order/30%5C%22%22&from=now-30m&to=now")).await;
    browser.wait("the one line", &format!("{LINES} === 1")).await;
    browser.click(".log-twist").await;
    browser.click(".log-details .log-tools button:nth-child(2)").await;
    let near = "[...document.querySelectorAll('.log-near')].map((row) => Number(/order.(\\d+)/.exec(row.innerText)?.[1]))";
    let span = |from: usize, to: usize| {
        let all: Vec<_> = (from..=to).map(|at| at.to_string()).collect();
        format!("{near}.join() === '{}'", all.join(","))
    };
    browser.wait("ten to each side", &span(20, 40)).await;
    browser
        .wait(
            "the line itself is told apart",
            "document.querySelector('.log-near[data-own]')?.innerText.includes('/api/order/30')",
        )
        .await;
    browser.click(".log-context > .log-more:first-child button").await;
    browser.wait("twenty before", &span(10, 40)).await;
    browser.picture("explore-logs-context").await;
}

/// Lines as a file, and a line in the clipboard.
async fn saved(browser: &Browser, ui: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    browser
        .cdp("Browser.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": folder.path() }))
        .await;
    browser
        .cdp(
            "Browser.grantPermissions",
            json!({ "origin": ui, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] }),
        )
        .await;
    browser.click(".logs-tools button:nth-child(3)").await;
    browser.click(".logs-tools button:nth-child(4)").await;
    let file = async |name: &str| {
        let path = folder.path().join(name);
        until(name, LIMIT, async || {
            std::fs::read_to_string(&path)
                .map_err(|e| e.to_string())
                .and_then(|text| if text.ends_with('\n') { Ok(text) } else { Err(text) })
        })
        .await
    };
    let text = file("Lines.txt").await;
    assert!(text.contains("Z\t{\"level\":\"ERROR\"") && text.lines().count() == 1, "{text}");
    let all: Value = serde_json::from_str(&file("Lines.json").await).expect("JSON");
    assert_eq!(
        (&all[0]["labels"]["service"], &all[0]["metadata"]["detected_level"]),
        (&json!("orders"), &json!("error"))
    );
    // The button says it for a second and a half only.
    let watch = "const tools = document.querySelector('.log-details .log-tools');
        new MutationObserver(() => { window.saidCopied ||= tools.innerText.includes('Copied'); })
            .observe(tools, { subtree: true, childList: true, characterData: true });
        return null;";
    browser.eval::<Value>(watch).await.expect("it watches");
    browser.click(".log-details .log-tools button:first-child").await;
    browser.wait("it says so", "window.saidCopied").await;
    let copied: String = browser.eval("return navigator.clipboard.readText();").await.expect("a text");
    assert!(copied.starts_with("{\"level\":\"ERROR\""), "{copied}");
}

/// A query for numbers is a graph and a table, as for metrics.
async fn numbers(browser: &Browser, ui: &str) {
    let expr = "sum%20by%20(view)%20(count_over_time(%7Bjob%3D%22access%22%7D%20%7C%20json%20%5B1h%5D))";
    browser.open(&format!("{ui}/explore?language=logql&expr={expr}&from=now-30m&to=now")).await;
    browser
        .wait("two curves", "document.querySelector('.explore-graph [data-series]')?.dataset.series === '2'")
        .await;
    browser.wait_words(".explore-table tbody", "list_orders").await;
    browser.wait("their numbers", "[...document.querySelectorAll('.explore-table tbody tr')].every((row) => row.innerText.includes('30'))").await;
    browser.wait_words(".explore-cost", "lines").await;
}

/// Drag over the bars zooms.
async fn zoomed(browser: &Browser, ui: &str, last_ms: u64) {
    let (from, to) = (last_ms - 120_000, last_ms + 60_000);
    browser
        .open(&format!("{ui}/explore?language=logql&expr=%7Bjob%3D%22access%22%7D&from={from}&to={to}"))
        .await;
    browser.wait("all lines", &format!("{LINES} === {REQUESTS} && Number(document.querySelector('.explore-volume [data-points]')?.dataset.points) > 0")).await;
    browser.drag(".explore-volume .u-over", 0.45, 0.55).await;
    let span = format!("(Number({SEARCH}.get('to')) - Number({SEARCH}.get('from')))");
    browser
        .wait(
            "fewer lines of a shorter time",
            &format!("{span} > 10000 && {span} < 30000 && {LINES} > 5 && {LINES} < 40"),
        )
        .await;
}

/// From a point of a latency panel to the lines of that service and time; and the panel of lines in a dashboard.
#[tokio::test(flavor = "multi_thread")]
async fn a_spike_leads_to_its_lines() {
    let lab = RunningLab::start_whole(&[]).await;
    let browser = Browser::start(1440, 900).await;
    let ui = lab.url("monitor", "ui").trim_end_matches('/').to_owned();
    until("lines of orders", LIMIT, async || {
        let found = lab.lines(r#"{job="access", service="order-service"}"#).await?;
        if found.len() > 20 { Ok(()) } else { Err(format!("{} lines", found.len())) }
    })
    .await;
    for (panel, links) in [(13, 2), (14, 1)] {
        let board = format!("{ui}/d/service-deep-dive?var-job=order-service&from=now-1m&to=now&refresh=2s");
        followed(&browser, &format!("{board}&viewPanel={panel}"), links, 1).await;
        browser.wait("the lines of that service", &format!("{LINES} > 0 && {SEARCH}.get('expr').startsWith('{{job=\"access\", service=\"order-service\"}}') && {SEARCH}.get('language') === 'logql'")).await;
        let window = format!(
            "Number({SEARCH}.get('to')) - Number({SEARCH}.get('from')) === 120000 && !location.search.includes('panes')"
        );
        browser.wait("around that time", &window).await;
    }
    // Those that took at least as long as the point says: the other link, of another dashboard and by instance.
    followed(
        &browser,
        &format!("{ui}/d/use-red?var-job=order-service&from=now-1m&to=now&refresh=2s&viewPanel=9"),
        2,
        2,
    )
    .await;
    browser.wait("the slow ones", &format!("{LINES} > 0 && /instance=.orders-[12].. [|] json duration_ms, endpoint [|] endpoint != ..health. [|] label_format .* took >= [0-9.e-]+s$/.test({SEARCH}.get('expr'))")).await;
    browser.picture("explore-logs-slow").await;

    until("an error of the sample service", LIMIT, async || {
        let found = lab.lines(r#"{job="flask-app"} |~ "ERROR|error""#).await?;
        if found.is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await;
    browser.open(&format!("{ui}/d/flask-observability?from=now-15m&to=now&refresh=off&viewPanel=13")).await;
    browser.wait("errors are marked in a dashboard too", "[...document.querySelectorAll('.panel .log-text mark')].some((mark) => mark.textContent === 'ERROR')").await;
    browser.click(".panel .log-twist").await;
    browser.click(".panel .log-details a[aria-label^='Filter for job = flask-app']").await;
    browser
        .wait(
            "a filter leads into Explore",
            &format!(
                "location.pathname === '/explore' && {SEARCH}.get('expr').startsWith('{{job=\"flask-app\"')"
            ),
        )
        .await;
    assert_eq!(browser.troubles().await, Vec::<String>::new());
    browser.stop().await;
    lab.stop().await;
}

/// Opens a panel, clicks its newest points and follows one of the links.
async fn followed(browser: &Browser, panel: &str, links: usize, which: usize) {
    browser.open(panel).await;
    browser.wait("it is drawn", "Number(document.querySelector('.panel [data-points]')?.dataset.points ?? 0) > 20 && document.querySelector('.panel .u-over')").await;
    // Where no value is nothing is held: from the right, where the newest are, to the left.
    let mut share = 0.98;
    until("a point with links", LIMIT, async || {
        let place = "const box = document.querySelector('.panel .u-over').getBoundingClientRect(); return [box.left, box.top + box.height * 0.9, box.width];";
        let [left, y, width] = browser.eval::<[f64; 3]>(place).await?;
        browser.point((left + width * share, y)).await;
        share = if share < 0.5 { 0.98 } else { share - 0.04 };
        let held = "return document.querySelectorAll('.chart-tip-pinned a').length;";
        let n_links = browser.eval::<usize>(held).await?;
        if n_links == links { Ok(()) } else { Err(format!("{n_links} at {share}")) }
    })
    .await;
    let name = panel.rsplit('=').next().unwrap_or_default();
    browser.picture(&format!("link-of-panel-{name}")).await;
    browser.click(&format!(".chart-tip a:nth-of-type({which})")).await;
}
