//! The pages as a browser shows them: each one, wide and narrow, light and
//! dark, with nothing on the console, nothing fetched from elsewhere, nothing
//! that runs over the edge, and text that can be read.
//!
//! `TALLY_SCREENS=DIR` keeps the pictures.

mod cdp;
#[path = "../../engine/core/tests/verifiers/kinds.rs"]
mod kinds;
#[allow(dead_code)] // what only the verifier in Python is given
#[path = "../../engine/core/tests/verifiers/made.rs"]
mod made;
mod network;
#[path = "../../engine/core/tests/verifiers/strict.rs"]
mod strict;
mod verify;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use cdp::Browser;
use serde_json::Value;

/// The demo, serving its pages.
struct Demo {
    child: Child,
    address: String,
    /// The claim it explained.
    star: String,
    _folder: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tally"))
            .args([
                "demo", "--port", "0", "--claims", "300", "--seed", "1", "--data",
            ])
            .arg(folder.path().join("data"))
            .env_remove("TALLY_DATA")
            .env_remove("TALLY_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // All it says is read, so that it never waits for a reader.
        let (send, star) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(rest) = line.strip_prefix("Claim ") {
                    let id = rest.split_whitespace().next().unwrap_or_default();
                    let _ = send.send(id.to_owned());
                }
            }
        });
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the demo ended before its pages were there: {said}");
            };
            if let Some(rest) = line.strip_prefix("Pages on ") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        std::thread::spawn(move || lines.for_each(drop));
        let star = star.recv_timeout(Duration::from_secs(10)).unwrap();
        Self {
            child,
            address,
            star,
            _folder: folder,
        }
    }

    /// Tells it to stop, as an operator would, and waits.
    fn stop(mut self) {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(told.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the demo ended with {status}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a browser has to complain of: the console, violations of the policy,
/// requests to anywhere else.
fn complaints(events: &[Value], address: &str) -> Vec<String> {
    events
        .iter()
        .filter(|event| match event["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Audits.issueAdded" => true,
            "Log.entryAdded" => {
                // That a page is missing is what the page of that name is for.
                let text = event["params"]["entry"]["text"]
                    .as_str()
                    .unwrap_or_default();
                !text.contains("status of 404")
            }
            "Network.requestWillBeSent" => {
                let url = event["params"]["request"]["url"]
                    .as_str()
                    .unwrap_or_default();
                !url.starts_with(address) && !url.starts_with("data:")
            }
            "Network.loadingFailed" => true,
            _ => false,
        })
        .map(ToString::to_string)
        .collect()
}

/// Text whose contrast with what is behind it is below WCAG AA.
const CONTRAST: &str = r"(() => {
  const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const element = walk.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest('svg')) continue;
    const style = getComputedStyle(element);
    const under = behind(element);
    const [a, b] = [light(over(rgba(style.color), under)), light(under)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) poor.push(`${contrast.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return poor;
})()";

/// What runs over the right edge of the page.
const OVERFLOW: &str = r"(() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > width + 1)
    .map((e) => `${e.tagName}.${e.className}`).slice(0, 5);
})()";

/// Controls and pictures without a name, ids given twice, links to nowhere on
/// the page, tables without heads.
const UNNAMED: &str = r##"(() => {
  const faults = [];
  const name = (e) => (e.textContent + (e.getAttribute('aria-label') || '') + (e.labels ? [...e.labels].map((l) => l.textContent).join('') : '')).trim();
  for (const e of document.querySelectorAll('a, button, input, select, summary')) if (!name(e)) faults.push('no name: ' + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll('img:not([alt])')) faults.push('no alt: ' + e.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of ids) if (ids.filter((other) => other === id).length > 1) faults.push('twice: ' + id);
  for (const e of document.querySelectorAll('a[href^="#"]')) if (!document.getElementById(decodeURIComponent(e.hash.slice(1)))) faults.push('nowhere: ' + e.hash);
  for (const e of document.querySelectorAll('table')) if (!e.querySelector('th[scope=col]')) faults.push('no heads: ' + e.className);
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  if (document.querySelectorAll('script, [style], [onclick]').length) faults.push('a script or a style in the page');
  return faults;
})()"##;

/// Where the first link of a list leads, if it has one.
fn first(browser: &mut Browser, list: &str, to: &str) -> Option<String> {
    browser.open(list);
    let ask = format!("document.querySelector('main a[href^=\"{to}\"]')?.href ?? null");
    Some(browser.value(&ask).as_str()?.to_owned())
}

/// Each page, by name and address.
fn pages(browser: &mut Browser, demo: &Demo) -> Vec<(&'static str, String)> {
    let base = &demo.address;
    let star = format!("{base}/claims/{}", demo.star);
    let eob = format!("{star}/eob");
    let mut pages = vec![("claim-explained", star), ("eob", eob)];
    for (name, list, to) in [
        ("claim-paid", "/claims?status=paid", "/claims/"),
        ("claim-denied", "/claims?status=denied", "/claims/"),
        ("claim-pended", "/claims?status=pended", "/claims/"),
        ("flag", "/flags", "/flags/"),
        ("policy", "/policies", "/policies/"),
    ] {
        let found = first(browser, &format!("{base}{list}"), to);
        pages.push((name, found.unwrap_or_else(|| panic!("{list} is empty"))));
    }
    for (name, claim) in [
        ("eob-denied", "claim-denied"),
        ("eob-pended", "claim-pended"),
    ] {
        let (_, found) = pages.iter().find(|(name, _)| *name == claim).unwrap();
        pages.push((name, format!("{found}/eob")));
    }
    let member = first(browser, &pages[0].1.clone(), "/members/");
    let member = member.expect("the member of the claim explained is enrolled");
    pages.push(("statement", format!("{member}/statement")));
    pages.push((
        "statement-early",
        format!("{member}/statement?as-of=2025-05-31"),
    ));
    pages.push(("member", member));
    // Which patterns a population has depends on its seed and size.
    for (name, pattern) in [
        ("flag-duplicate", "suspect-duplicate"),
        ("flag-day", "impossible-day"),
        ("flag-death", "service-after-death"),
    ] {
        let list = format!("{base}/flags?pattern={pattern}");
        pages.extend(first(browser, &list, "/flags/").map(|found| (name, found)));
    }
    for (name, path) in [
        ("overview", "/"),
        ("claims", "/claims"),
        ("claims-none", "/claims?provider=nobody"),
        ("flags", "/flags"),
        ("ledger", "/ledger"),
        ("policies", "/policies"),
        ("missing", "/no/such/page"),
    ] {
        pages.push((name, format!("{base}{path}")));
    }
    pages
}

/// How often an explanation of benefits is printed.
const TRIES: usize = 12;

fn keep(folder: Option<&Path>, name: &str, bytes: &[u8]) {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// How many pages a PDF has. Chromium writes the objects of pages as plain text.
fn sheets(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    let pages = text.matches("/Type /Page").count();
    pages - text.matches("/Type /Pages").count()
}

/// How many of them have no letter on them: no font is named.
fn blanks(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    let objects = text.split("endobj");
    let pages = objects.filter(|of| of.contains("/Type /Page") && !of.contains("/Type /Pages"));
    pages.filter(|page| !page.contains("/Font")).count()
}

/// Each check names what is wrong where something is.
fn the_checks_can_fail(browser: &mut Browser, address: &str) {
    browser.look(1280, false);
    browser.open(&format!("{address}/claims"));
    browser.value("document.querySelector('h1').style.color = '#c8c8c8'");
    browser.value("document.querySelector('h1').style.width = '3000px'");
    browser.value("document.querySelector('h1').id = 'main'");
    for check in [CONTRAST, OVERFLOW, UNNAMED] {
        assert_ne!(browser.value(check), Value::from(Vec::<Value>::new()));
    }
    for violation in [
        "document.head.append(Object.assign(document.createElement('script'), { textContent: 'x = 1' }))",
        "document.body.append(Object.assign(document.createElement('img'), { src: 'http://localhost:1/x.png' }))",
        "console.log('a word')",
    ] {
        browser.events();
        browser.value(&format!("{{ {violation}; null }}"));
        browser.value("new Promise((done) => setTimeout(done, 200))");
        let events = browser.events();
        assert_ne!(
            complaints(&events, address),
            Vec::<String>::new(),
            "{violation}"
        );
    }
}

/// Looks at a page wide and narrow, light and dark; answers with what is wrong with it.
/// What its `base` is fetched from is its own.
fn look_at(browser: &mut Browser, page: (&str, &str), base: &str) -> Vec<String> {
    let screens = std::env::var_os("TALLY_SCREENS").map(PathBuf::from);
    let (name, address) = page;
    let mut faults = Vec::new();
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        browser.look(width, dark);
        let events = browser.open(address);
        let shade = if dark { "dark" } else { "light" };
        let of = format!("{name} {width} {shade}");
        let found = complaints(&events, base)
            .into_iter()
            .chain(checked(browser));
        faults.extend(found.map(|fault| format!("{of}: {fault}")));
        let picture = browser.picture();
        assert!(picture.starts_with(b"\x89PNG"));
        keep(
            screens.as_deref(),
            &format!("{name}-{width}-{shade}.png"),
            &picture,
        );
    }
    faults
}

/// What is wrong with the page as it stands.
fn checked(browser: &mut Browser) -> Vec<String> {
    let said = [CONTRAST, OVERFLOW, UNNAMED].map(|check| browser.value(check));
    let said = said.iter().flat_map(|said| said.as_array().unwrap());
    said.map(ToString::to_string).collect()
}

/// Goes through a page by keyboard alone: everything that can be used is come to, in
/// order, and is seen to be the one.
fn tabbed(browser: &mut Browser) -> Vec<String> {
    const USED: &str = "[...document.querySelectorAll('a[href], button, input, select, summary')]";
    let count = browser.value(&format!("{USED}.length")).as_u64().unwrap();
    assert!(count > 0);
    browser.value("document.activeElement.blur()");
    let mut faults = Vec::new();
    for expected in 0..count {
        let seen = loop {
            browser.press("Tab");
            let seen = browser.value(&format!(
                r"(() => {{
                  const at = document.activeElement;
                  const outlined = (e) => e && getComputedStyle(e).outlineStyle !== 'none';
                  return [{USED}.indexOf(at), outlined(at) || outlined(at.closest('label')), at.outerHTML.slice(0, 80)];
                }})()"
            ));
            // What scrolls is come to as well.
            if seen[0] != -1 || seen[1] != true {
                break seen;
            }
        };
        if seen[0] != expected || seen[1] != true {
            faults.push(format!("by keyboard, {expected}: {seen}"));
        }
    }
    faults
}

#[test]
fn every_page_is_whole_in_a_browser() {
    let Some(program) = cdp::installed() else {
        eprintln!(
            "SKIPPED: no browser is installed (Debian: chromium); the pages were not looked at"
        );
        return;
    };
    let screens = std::env::var_os("TALLY_SCREENS").map(PathBuf::from);
    let demo = Demo::start();
    let mut browser = Browser::start(&program);
    let pages = pages(&mut browser, &demo);
    let mut faults = Vec::new();
    for (name, address) in &pages {
        faults.extend(look_at(&mut browser, (name, address), &demo.address));
        if ["claim-explained", "eob", "eob-denied", "statement"].contains(name) {
            let mut printed = browser.print();
            assert!(printed.starts_with(b"%PDF"));
            if name.starts_with("eob") {
                let pages = sheets(&printed);
                assert!((1..=2).contains(&pages), "{name} takes {pages} pages");
                // An empty page came before the first at times, so one try is not enough.
                for _ in 0..TRIES {
                    assert_eq!(blanks(&printed), 0, "{name} has an empty page");
                    browser.open(address);
                    printed = browser.print();
                }
            }
            keep(screens.as_deref(), &format!("{name}.pdf"), &printed);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    the_checks_can_fail(&mut browser, &demo.address);
    // The browser still holds its connections open: that keeps nobody.
    demo.stop();
}
