//! A browser without a window, told what to do over a pipe (the Chrome
//! DevTools Protocol): messages of JSON, each ended by a zero byte.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long anything may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What Debian and others call it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    next: u64,
    events: Vec<Value>,
    _folder: tempfile::TempDir,
}

/// The browser that is installed.
pub fn installed() -> Option<String> {
    let found = |name: &&&str| {
        Command::new("sh")
            .args(["-c", "command -v \"$0\"", **name])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    NAMES.iter().find(found).map(|name| (*name).to_owned())
}

impl Browser {
    /// Starts it, with a profile of its own.
    pub fn start(program: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (down, up) = (folder.path().join("down"), folder.path().join("up"));
        let made = Command::new("mkfifo").arg(&down).arg(&up).status().unwrap();
        assert!(made.success());
        let child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<\"$DOWN\" 4>\"$UP\"", program])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--font-render-hinting=none",
                "--remote-debugging-pipe",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .arg("about:blank")
            .env("DOWN", &down)
            .env("UP", &up)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = OpenOptions::new().write(true).open(&down).unwrap();
        let from = listen(&up);
        let mut browser = Self {
            child,
            to,
            from,
            session: None,
            next: 0,
            events: Vec::new(),
            _folder: folder,
        };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method and waits for its answer.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        let answer = self.wait(method, |message| message["id"] == id);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// Waits for a message; what comes before it is kept as an event.
    fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.from.recv_timeout(left);
            let message = message.unwrap_or_else(|_| panic!("the browser did not answer: {what}"));
            if wanted(&message) {
                return message;
            }
            if message["method"].is_string() {
                self.events.push(message);
            }
        }
    }

    /// Opens an address, waits until all of it is there, and answers with what
    /// happened meanwhile.
    pub fn open(&mut self, address: &str) -> Vec<Value> {
        self.events.clear();
        let gone = self.call("Page.navigate", json!({ "url": address }));
        assert!(
            gone["errorText"].is_null(),
            "{address}: {}",
            gone["errorText"]
        );
        let loaded = |message: &Value| message["method"] == "Page.loadEventFired";
        if !self.events.iter().any(loaded) {
            self.wait("loading", loaded);
        }
        // What is still on its way arrives before the answer to this.
        self.value("document.readyState");
        self.events()
    }

    /// What happened since this was last asked.
    pub fn events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    /// What an expression comes to on the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let ask = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", ask);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str) {
        let code = if key == "Tab" { 9 } else { 13 };
        let text = if key == "Tab" { "" } else { "\r" };
        for kind in ["keyDown", "keyUp"] {
            let ask = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.call("Input.dispatchKeyEvent", ask);
        }
    }

    /// Waits until an expression is true of the page.
    pub fn until(&mut self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        while self.value(expression) != true {
            assert!(Instant::now() < until, "it never was: {expression}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sets the width of the page and its colours.
    pub fn look(&mut self, width: u32, dark: bool) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 }),
        );
        let scheme = if dark { "dark" } else { "light" };
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "media": "", "features": feature }),
        );
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let size = self.call("Page.getLayoutMetrics", json!({}));
        let size = &size["cssContentSize"];
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"],
            "height": size["height"].as_f64().unwrap().min(4000.0), "scale": 1,
        });
        let ask = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.call("Page.captureScreenshot", ask);
        unbase64(answer["data"].as_str().unwrap())
    }

    /// The page as it would be printed, as PDF.
    pub fn print(&mut self) -> Vec<u8> {
        let answer = self.call("Page.printToPDF", json!({ "printBackground": true }));
        unbase64(answer["data"].as_str().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ours alone, by its handle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads messages as they come, on a thread of its own.
fn listen(path: &Path) -> Receiver<Value> {
    let mut from = BufReader::new(File::open(path).unwrap());
    let (send, receive) = channel();
    std::thread::spawn(move || {
        loop {
            let mut bytes = Vec::new();
            match from.read_until(0, &mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(_) => bytes.pop(),
            };
            let Ok(message) = serde_json::from_slice(&bytes) else {
                return;
            };
            if send.send(message).is_err() {
                return;
            }
        }
    });
    receive
}

fn unbase64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for c in text.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    bytes
}
