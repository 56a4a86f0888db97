//! The application dashboard in a real browser: not only loaded, but drawn with data.

use std::time::Duration;

use e2e::{Browser, RunningLab, until};
use thirtyfour::By;

const DRAWN_LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_application_dashboard_draws_data() {
    let lab = RunningLab::start(&[]).await;
    let browser = Browser::start(1440, 1400).await;
    let url = format!("{}/d/application-performance?from=now-5m&to=now&refresh=2s", lab.url("monitor", "ui"));
    browser.page.goto(&url).await.expect("the page loads");

    for (kind, count) in [("timeseries", "data-points"), ("heatmap", "data-cells")] {
        until(&format!("a {kind} with data"), DRAWN_LIMIT, async || drawn(&browser, kind, count).await).await;
    }
    until("the p95 panel with data", DRAWN_LIMIT, async || p95_drawn(&browser).await).await;
    let picture = browser.picture("application-performance").await;
    assert!(
        std::fs::metadata(&picture).expect("written").len() > 20_000,
        "{} is nearly empty",
        picture.display()
    );
    browser.stop().await;
    lab.stop().await;
}

/// How much a panel of this kind says that it drew.
async fn drawn(browser: &Browser, kind: &str, count: &str) -> Result<u64, String> {
    let panels = browser
        .page
        .find_all(By::Css(format!("[data-panel-type='{kind}']")))
        .await
        .map_err(|e| e.to_string())?;
    let mut most = 0;
    for panel in &panels {
        let value = panel.attr(count).await.map_err(|e| e.to_string())?;
        most = most.max(value.and_then(|v| v.parse().ok()).unwrap_or(0));
    }
    if most > 0 {
        Ok(most)
    } else {
        Err(format!("{} panels of kind {kind}, none with {count} above 0", panels.len()))
    }
}

/// The panel named by p95 holds at least one point of at least one series.
async fn p95_drawn(browser: &Browser) -> Result<(), String> {
    const SCRIPT: &str = r"
        return [...document.querySelectorAll('[data-panel-type]')]
            .filter((panel) => panel.closest('section, article, [data-panel-title]')?.textContent.includes('p95'))
            .map((panel) => Number(panel.dataset.points ?? 0));";
    let answer = browser.page.execute(SCRIPT, vec![]).await.map_err(|e| e.to_string())?;
    let points: Vec<f64> = answer.convert().map_err(|e| e.to_string())?;
    if points.iter().any(|p| *p > 0.0) {
        Ok(())
    } else {
        Err(format!("points drawn by p95 panels: {points:?}"))
    }
}
