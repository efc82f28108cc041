//! A headless Chromium, driven over pipes by its DevTools protocol: what people see, and not only what is sent to them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

pub(crate) struct Browser {
    process: Child,
    to: File,
    from: Receiver<Value>,
    calls: u64,
    session: Option<String>,
    /// What the page complained of, and where it asked.
    complaints: Vec<String>,
    requests: Vec<String>,
    loaded: bool,
    _profile: TempDir,
}

/// The browser, which speaks through its descriptors 3 and 4.
fn launch(program: &str, profile: &Path, to: &Path, from: &Path) -> Child {
    Command::new("sh")
        .args(["-c", r#"exec "$0" "$@" 3<"$TO" 4>"$FROM""#, program])
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--remote-debugging-pipe",
            "--hide-scrollbars",
            "--disable-background-networking",
        ])
        .args(["--force-color-profile=srgb", "--disable-dev-shm-usage"])
        .arg(format!(
            "--user-data-dir={}",
            profile.join("profile").display()
        ))
        .env("TO", to)
        .env("FROM", from)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Browser {
    /// None where there is no Chromium: the test says so, and checks the pages by HTTP alone.
    pub(crate) fn start() -> Option<Self> {
        let runs = |program: &&&str| {
            let asked = Command::new(**program).arg("--version").output();
            asked.is_ok_and(|answer| answer.status.success())
        };
        let Some(program) = PROGRAMS.iter().find(runs) else {
            eprintln!(
                "no Chromium on this machine: pages are checked by HTTP alone, without screenshots"
            );
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = profile.path().join(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            // Open for both: neither end waits for the other.
            let open = File::options().read(true).write(true).open(&path);
            (path, open.unwrap())
        };
        let ((to_path, to), (from_path, from)) = (pipe("to"), pipe("from"));
        let process = launch(program, profile.path(), &to_path, &from_path);
        let (heard, receiver) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(from).split(0) {
                let Ok(Ok(message)) = message.map(|text| serde_json::from_slice(&text)) else {
                    return;
                };
                if heard.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            process,
            to,
            from: receiver,
            calls: 0,
            session: None,
            complaints: Vec::new(),
            requests: Vec::new(),
            loaded: false,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", target);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Log", "Runtime"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    fn call(&mut self, method: &str, parameters: impl Into<Value>) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({"id": id, "method": method, "params": parameters.into()});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        loop {
            let mut answer = self.hear(method);
            if answer["id"] == id {
                assert_eq!(answer["error"], Value::Null, "{method}");
                return answer["result"].take();
            }
        }
    }

    /// The next message; events are noted.
    fn hear(&mut self, waiting_for: &str) -> Value {
        let message = self.from.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            panic!("the browser does not answer: {waiting_for}");
        });
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                let entry = &message["params"]["entry"];
                self.complaints
                    .push(format!("{} {}", entry["text"], entry["url"]));
            }
            Some("Runtime.exceptionThrown") => {
                self.complaints
                    .push(message["params"]["exceptionDetails"].to_string());
            }
            Some("Network.requestWillBeSent") => {
                let url = message["params"]["request"]["url"].as_str();
                self.requests.push(url.unwrap_or_default().to_owned());
            }
            _ => {}
        }
        message
    }

    /// A window of this size.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        // As a phone it would make room for what is too wide, and nobody would notice.
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub(crate) fn scripts(&mut self, allowed: bool) {
        let disabled = json!({"value": !allowed});
        self.call("Emulation.setScriptExecutionDisabled", disabled);
    }

    pub(crate) fn open(&mut self, url: &str) {
        self.loaded = false;
        self.call("Page.navigate", json!({"url": url}));
        while !self.loaded {
            self.hear(url);
        }
    }

    /// The value of an expression in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let what = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", what);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    #[expect(
        clippy::disallowed_methods,
        reason = "asks the page again after a pause, up to a deadline"
    )]
    pub(crate) fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.evaluate(expression) != true {
            assert!(begun.elapsed() < DEADLINE, "never true: {expression}");
            std::thread::sleep(POLL);
        }
    }

    pub(crate) fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": 9});
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// The whole page as a picture.
    pub(crate) fn picture(&mut self, path: &Path) {
        let metrics = self.call("Page.getLayoutMetrics", json!({}));
        let size = &metrics["cssContentSize"];
        let clip =
            json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let how = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.call("Page.captureScreenshot", how);
        let picture = BASE64_STANDARD.decode(picture["data"].as_str().unwrap());
        std::fs::write(path, picture.unwrap()).unwrap();
    }

    /// What the page complained of since the last time: refused scripts and styles, errors, missing files.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    /// Where pages asked since the last time.
    pub(crate) fn requests(&mut self) -> Vec<String> {
        std::mem::take(&mut self.requests)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
