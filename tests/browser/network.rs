//! The page of a network of four, of which one was killed and one pays by another
//! schedule than it published.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::cdp::{self, Browser, PATIENCE};
use super::{checked, complaints, look_at, tabbed, verify};

/// A network that runs and serves its page.
struct Network {
    child: Child,
    address: String,
}

impl Network {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tally"))
            .args(["network", "--authorities", "4", "--claims", "80", "--kill"])
            .args(["--tamper", "--port", "0", "--data"])
            .arg(folder)
            .env_remove("TALLY_DATA")
            .env_remove("TALLY_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the network ended before its page was there: {said}");
            };
            if let Some(rest) = line.strip_prefix("The network's page on ") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Network {
    /// Tells it to stop, so that it stops what it started itself.
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}

/// What the page says, as a person reads it.
fn text(browser: &mut Browser) -> String {
    let text = browser.value("document.body.innerText");
    text.as_str().unwrap().to_owned()
}

/// A column of the organisations, as text.
fn column(browser: &mut Browser, number: usize) -> Vec<String> {
    let ask = format!(
        "[...document.querySelectorAll('tbody')][0].querySelectorAll('tr > :nth-child({number})').values().map((e) => e.innerText.split('\\n')[0]).toArray()"
    );
    let cells = browser.value(&ask);
    let cells = cells.as_array().unwrap().iter();
    cells
        .map(|cell| cell.as_str().unwrap().to_owned())
        .collect()
}

/// Opens the page until what the claims led to is on the log of each: until then one
/// may be a checkpoint ahead of another.
fn settled(browser: &mut Browser, address: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        browser.open(address);
        let checkpoints = column(browser, 5);
        if checkpoints.iter().all(|of| *of == checkpoints[0]) {
            return;
        }
        assert!(
            Instant::now() < until,
            "the checkpoints stay apart: {checkpoints:?}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Authorities, heights, checkpoints, lag, disputes: all of it is told.
fn all_is_told(browser: &mut Browser) {
    let said = text(browser);
    for word in [
        "3 of 4 authorities must agree",
        "AGREEING",
        "An authority was away",
        "Disputes",
        "First difference",
        "The last checkpoint",
        "signed by 4 of 4",
    ] {
        let found = said.to_uppercase().contains(&word.to_uppercase());
        assert!(found, "{word} is not told: {said}");
    }
    let heights = column(browser, 2);
    assert_eq!(heights.len(), 4);
    assert!(
        heights
            .iter()
            .all(|height| height.parse::<u64>().unwrap() > 0)
    );
    assert!(
        column(browser, 3)
            .iter()
            .all(|lag| lag.parse::<u64>().unwrap() < 5)
    );
    let checkpoints = column(browser, 5);
    let more = |of: &String| of.parse::<u64>().unwrap() > 24;
    assert!(checkpoints.iter().all(more), "{checkpoints:?}");
    let disputes = "document.querySelectorAll('tbody')[1].querySelectorAll('tr').length";
    assert!(browser.value(disputes).as_u64().unwrap() > 0);
}

/// One is killed by keyboard, and then so many that nothing is final; the page says so.
fn authorities_are_killed(browser: &mut Browser, address: &str) -> Vec<String> {
    let still = format!("{address}/?still");
    let mut faults = Vec::new();
    browser.look(1280, false);
    for (down, badge) in [(1, "agreeing"), (2, "halted")] {
        browser.open(&still);
        let first = "[...document.querySelectorAll('button')].find((e) => e.innerText === 'Kill')";
        let name = browser.value(&format!("{first}.ariaLabel"));
        assert!(name.as_str().unwrap().starts_with("Kill "));
        browser.value(&format!("{first}.focus()"));
        browser.events();
        browser.press("Enter");
        let starts = "[...document.querySelectorAll('button')].filter((e) => e.innerText === 'Start').length";
        browser.until(&format!(
            "document.readyState === 'complete' && {starts} === {down}"
        ));
        faults.extend(complaints(&browser.events(), address));
        faults.extend(checked(browser));
        let said = browser.value("document.querySelector('h1 .badge').innerText");
        assert_eq!(said.as_str().unwrap().to_lowercase(), badge);
    }
    faults.extend(look_at(browser, ("network-halted", &still), address));
    faults
}

#[test]
fn a_network_and_its_receipts_are_seen_in_a_browser() {
    let Some(program) = cdp::installed() else {
        eprintln!("SKIPPED: no browser is installed (Debian: chromium)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("network");
    let network = Network::start(&data);
    let mut browser = Browser::start(&program);
    let still = format!("{}/?still", network.address);
    let mut faults = look_at(&mut browser, ("network", &still), &network.address);
    settled(&mut browser, &still);
    all_is_told(&mut browser);
    faults.extend(tabbed(&mut browser));
    // The page that looks again says the same, and does.
    let events = browser.open(&network.address);
    faults.extend(complaints(&events, &network.address));
    browser.value("document.body.dataset.seen = 'before'");
    browser.until("document.readyState === 'complete' && !document.body.dataset.seen");
    all_is_told(&mut browser);
    faults.extend(authorities_are_killed(&mut browser, &network.address));
    drop(network);
    faults.extend(verify::receipts(&mut browser, &data));
    assert_eq!(faults, Vec::<String>::new());
}
