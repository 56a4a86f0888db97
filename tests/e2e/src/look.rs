//! What a person does with a page and sees of it, in few words: open, press, click, read, in dark and light and at any size.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thirtyfour::By;

use crate::{Browser, until};

/// A page that takes longer to show what it should is broken.
const SEEN_LIMIT: Duration = Duration::from_secs(180);

/// Keeps what a page complains of, from its first script on.
const RECORDER: &str = r"
    window.troubles = [];
    addEventListener('error', (event) => troubles.push(String(event.message || event.target?.src || event.type)), true);
    addEventListener('unhandledrejection', (event) => troubles.push(String(event.reason)));
    for (const kind of ['error', 'warn']) console[kind] = (...words) => troubles.push(words.join(' '));
    addEventListener('securitypolicyviolation', (event) => troubles.push(`blocked: ${event.violatedDirective} ${event.blockedURI}`));";

/// The sizes at which every page is looked at: a desk, a small window, a phone.
pub const SIZES: [(u32, u32); 3] = [(1440, 900), (1024, 768), (390, 844)];

impl Browser {
    /// Opens a page; what it complains of from then on is kept for [`Browser::troubles`].
    pub async fn open(&self, url: &str) {
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": RECORDER })).await;
        self.page.goto(url).await.expect("the page loads");
    }

    /// Asks the browser itself, by the DevTools protocol.
    pub async fn cdp(&self, method: &str, parameters: Value) -> Value {
        self.page.cdp().send_raw(method, parameters).await.unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    /// Makes the page as large as a screen, whatever the window is.
    pub async fn resize(&self, (width, height): (u32, u32)) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What the system would ask for: dark or light, motion or none.
    pub async fn prefer(&self, scheme: &str, motion: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion },
        ]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// What a script in the page gives back.
    ///
    /// # Errors
    /// When it throws, or gives something else.
    pub async fn eval<T: DeserializeOwned>(&self, script: &str) -> Result<T, String> {
        let answer = self.page.execute(script, vec![]).await.map_err(|e| e.to_string())?;
        answer.convert().map_err(|e| e.to_string())
    }

    /// What the page complained of so far: errors, warnings, what its policy blocked.
    pub async fn troubles(&self) -> Vec<String> {
        self.eval("return window.troubles ?? ['nothing was recorded'];").await.expect("a list")
    }

    /// Clicks the first element that a selector finds, once it is there and nothing lies over it.
    pub async fn click(&self, css: &str) {
        until(&format!("{css} can be clicked"), SEEN_LIMIT, async || self.try_click(css).await).await;
    }

    /// Clicks the first element that a selector finds.
    ///
    /// # Errors
    /// When there is none, or something lies over it.
    pub async fn try_click(&self, css: &str) -> Result<(), String> {
        let element = self.page.find(By::Css(css.to_owned())).await.map_err(|e| e.to_string())?;
        element.click().await.map_err(|e| e.to_string())
    }

    /// Types on the keyboard, wherever the focus is.
    pub async fn press(&self, text: &str) {
        for letter in text.chars().map(String::from) {
            // The numbers of other signs are those of other keys: a bracket's is that of an arrow.
            let code = letter.to_ascii_uppercase().bytes().next().filter(u8::is_ascii_alphanumeric);
            self.key(json!({ "key": letter, "text": letter, "windowsVirtualKeyCode": code.unwrap_or(0) }))
                .await;
        }
    }

    /// Presses Enter.
    pub async fn enter(&self) {
        self.key(json!({ "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 })).await;
    }

    /// Presses Escape.
    pub async fn escape(&self) {
        self.key(json!({ "key": "Escape", "code": "Escape", "windowsVirtualKeyCode": 27 })).await;
    }

    /// Presses Ctrl-A, and types over what that selected.
    pub async fn retype(&self, text: &str) {
        self.key(json!({
            "key": "a", "code": "KeyA", "windowsVirtualKeyCode": 65, "modifiers": 2, "commands": ["selectAll"],
        }))
        .await;
        self.cdp("Input.insertText", json!({ "text": text })).await;
    }

    // The driver's own keys wait for the page between any two, which a page that refreshes keeps them from doing.
    async fn key(&self, key: Value) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = key.clone();
            event["type"] = json!(kind);
            if kind == "keyUp" {
                event.as_object_mut().expect("an object").remove("text");
            }
            self.cdp("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Moves the pointer to a place in the window and, once the page has drawn that, clicks there.
    pub async fn point(&self, (x, y): (f64, f64)) {
        let event = |kind: &str, dx: f64, button: &str| json!({ "type": kind, "x": x + dx, "y": y, "button": button, "buttons": u8::from(button == "left"), "clickCount": 1 });
        // Two moves: one that enters, one that is a move within.
        for dx in [-2.0, 0.0] {
            self.cdp("Input.dispatchMouseEvent", event("mouseMoved", dx, "none")).await;
        }
        self.drawn().await;
        for kind in ["mousePressed", "mouseReleased"] {
            self.cdp("Input.dispatchMouseEvent", event(kind, 0.0, "left")).await;
        }
    }

    /// Waits until the page has drawn what it knows by now.
    pub async fn drawn(&self) {
        let drawn = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));";
        self.eval::<bool>(drawn).await.expect("a frame is drawn");
    }

    /// Brings an element into the window and drags over its middle, from one share of its width to another.
    pub async fn drag(&self, css: &str, from: f64, to: f64) {
        self.wait(&format!("{css} is there"), &format!("document.querySelector({css:?})")).await;
        // Plots are built in no certain order: the first there is may be one below the window.
        let script = format!(
            "const element = document.querySelector({css:?});
             element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
             const box = element.getBoundingClientRect();
             return [box.left, box.top + box.height / 2, box.width];"
        );
        let [left, y, width] = self.eval::<[f64; 3]>(&script).await.expect("an element");
        for (kind, share, buttons) in [
            ("mouseMoved", from, 0),
            ("mousePressed", from, 1),
            ("mouseMoved", (from + to) / 2.0, 1),
            ("mouseMoved", to, 1),
            ("mouseReleased", to, 0),
        ] {
            let button = if kind == "mouseMoved" && buttons == 0 { "none" } else { "left" };
            let x = left + width * share;
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1 });
            self.cdp("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Waits until an expression in the page is true, and says what another gives when it does not become so.
    pub async fn wait(&self, what: &str, expression: &str) {
        let script = format!("return Boolean({expression});");
        until(what, SEEN_LIMIT, async || match self.eval::<bool>(&script).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.words("body").await),
            Err(error) => Err(error),
        })
        .await;
    }

    /// The words on the page, or in a part of it.
    pub async fn words(&self, css: &str) -> String {
        let script = format!("return document.querySelector({css:?})?.innerText ?? '';");
        self.eval(&script).await.unwrap_or_default()
    }

    /// Waits until a part of the page has these words.
    pub async fn wait_words(&self, css: &str, words: &str) {
        let text = format!("document.querySelector({css:?})?.innerText.includes({words:?})");
        self.wait(&format!("{words:?} in {css}"), &text).await;
    }

    /// Waits for a name in the editor's list of completions, and until the list takes Enter: not in the moment in which it opens, as
    /// nobody has read it then, nor while it asks for what fits better.
    pub async fn offered(&self, name: &str) {
        let open = "(() => { const list = document.querySelector('.cm-tooltip-autocomplete');
            if (list !== window.listSeen?.list) window.listSeen = { list, at: performance.now() };
            if (!list || list.classList.contains('cm-tooltip-autocomplete-disabled')) return false;
            return performance.now() - window.listSeen.at > 150; })()";
        let text = format!(
            "{open} && document.querySelector('.cm-tooltip-autocomplete').innerText.includes({name:?})"
        );
        self.wait(&format!("{name:?} is offered"), &text).await;
    }

    /// Pictures at every size in dark and light; no part of the page may stick out to the side, and nothing is complained of.
    pub async fn pictures(&self, name: &str) {
        for scheme in ["dark", "light"] {
            self.prefer(scheme, "reduce").await;
            for (width, height) in SIZES {
                self.resize((width, height)).await;
                let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
                self.wait(&format!("{name} fits into {width} px"), fits).await;
                // Canvases are drawn on the frame after their size is known.
                self.eval::<Value>("return new Promise((done) => setTimeout(done, 300));")
                    .await
                    .expect("a pause");
                self.picture(&format!("{name}-{scheme}-{width}")).await;
            }
        }
        self.resize(SIZES[0]).await;
        assert_eq!(self.troubles().await, Vec::<String>::new(), "{name}");
    }
}
