//! A headless Chromium, driven through chromedriver by W3C WebDriver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::need::BROWSER;

/// Longest time that a page may take to draw everything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with its own profile, which is removed on drop.
pub struct Browser {
    driver: Child,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub fn start() -> Browser {
        let mut command = BROWSER.command();
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().expect("it starts");
        let output = driver.stdout.take().expect("it is piped");
        let server = format!("http://127.0.0.1:{}", port(BufReader::new(output)));
        let profile = tempfile::tempdir().unwrap();
        let session = session(&server, profile.path());
        Browser { driver, session, _profile: profile }
    }

    /// Opens a file and waits until everything is drawn.
    pub fn open(&self, page: &Path) {
        self.post("url", &json!({ "url": format!("file://{}", page.display()) }));
        self.wait();
    }

    /// Waits until the page is not busy.
    pub fn wait(&self) {
        let since = Instant::now();
        let busy = "return document.getElementById('charts').getAttribute('aria-busy') !== 'false'";
        while self.run(busy) == true {
            assert!(since.elapsed() < PATIENCE, "the page is still busy: {:?}", self.complaints());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs the body of a function in the page, and returns its result.
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Opens later pages on a screen of this width, in a light or dark theme.
    pub fn screen(&self, width: u32, theme: &str) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        let theme = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": theme }));
    }

    /// Returns the console's entries since the last call: errors, refusals, warnings.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({ "type": "browser" }));
        log.as_array().expect("a list").iter().map(|entry| entry["message"].to_string()).collect()
    }

    fn devtools(&self, command: &str, params: &Value) {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": params }));
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        post(&format!("{}/{command}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // This ends Chromium; if there is no answer it ends with its driver.
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Reads the driver's port from its first output.
fn port(output: impl BufRead) -> u16 {
    let mut log = String::new();
    for line in output.lines().map_while(Result::ok) {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().expect("a port");
        }
        log += &line;
    }
    panic!("chromedriver tells no port: {log}");
}

fn session(server: &str, profile: &Path) -> String {
    let profile = format!("--user-data-dir={}", profile.display());
    // Chromium has no sandbox for root, the usual user in a container.
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        &profile,
    ];
    let wanted = json!({
        "browserName": "chrome",
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": { "args": arguments },
    });
    let body = json!({ "capabilities": { "alwaysMatch": wanted } });
    let made = post(&format!("{server}/session"), &body);
    format!("{server}/session/{}", made["sessionId"].as_str().expect("a session has an id"))
}

fn post(url: &str, body: &Value) -> Value {
    // An answer with an error message is worth more than its status.
    let config = ureq::config::Config::builder().http_status_as_error(false).build();
    let mut answer = config.new_agent().post(url).send_json(body).expect("chromedriver answers");
    let mut answer: Value = answer.body_mut().read_json().expect("an answer is JSON");
    let value = answer["value"].take();
    assert!(value.get("error").is_none(), "{url}: {value:#}");
    value
}
