//! A family and a practice: what the tests of what goes in and out work with.
#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};

use tally::node::clock::Clock;
use tally_types::ServiceDate;

use super::common::{json, tally, text};

/// What the binary takes for today.
pub fn today() -> ServiceDate {
    Clock::System.today()
}

/// The day of all services: the binary goes by the machine's clock, and a claim has
/// to come in time.
pub fn service() -> ServiceDate {
    ServiceDate::from_days(today().days() - 20).unwrap()
}

/// CCYYMMDD.
pub fn compact(day: ServiceDate) -> String {
    day.to_string().replace('-', "")
}

/// A text without what differs from day to day and from build to build: dates, claims'
/// ids, payments' and interchanges' numbers, policies' hashes.
pub fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for (day, name) in [(service(), "SERVICE"), (today(), "TODAY")] {
        text = text.replace(&day.to_string(), name);
        let day = compact(day);
        text = text
            .replace(&day, name)
            .replace(&format!("*{}*", &day[2..]), &format!("*{name}*"));
    }
    let year = service().year();
    for (year, name) in [(year, "YEAR"), (year - 1, "LAST YEAR")] {
        text = text.replace(&format!("{year}-01-01"), name);
    }
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        out.push_str(match run.len() {
            32 => "[claim]",
            12 if c == '…' => "[hash]",
            16 => "[number]",
            9 if digits == 9 && !matches!(run.as_str(), "000000000") => "[control]",
            _ => &run,
        });
        run.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// The contract of Ann Ash and her son, under the bundled Harbor PPO.
pub const CONTRACT: &str = r#"{
  "format": "tallystick-contract/v1", "id": "C-1", "inception": "2024-01-01",
  "members": [
    { "id": "M-1001", "name": "Ann Ash", "birth": "1980-01-01", "sex": "female",
      "relationship": "subscriber", "spans": [ { "product": "harbor-ppo", "from": "2024-01-01" } ] },
    { "id": "M-1002", "name": "Ben Ash", "birth": "2012-05-06", "sex": "male",
      "relationship": "child", "spans": [ { "product": "harbor-ppo", "from": "2024-01-01" } ] }
  ]
}"#;

/// Runs the binary on a node's folder.
pub fn run(data: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = tally();
    command.args(arguments).arg("--data").arg(data);
    command.output().unwrap()
}

/// Enrols the family.
pub fn enrol(data: &Path) {
    let file = data.with_file_name("contract.json");
    std::fs::write(&file, CONTRACT).unwrap();
    text(&run(data, &["member", "import", file.to_str().unwrap()]), 0);
}

/// Writes a file beside the node's folder.
pub fn file(data: &Path, name: &str, content: &str) -> PathBuf {
    let path = data.with_file_name(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Submits a text; answers the ids of its claims.
pub fn submit(data: &Path, name: &str, content: &str) -> Vec<String> {
    let path = file(data, name, content);
    let said = json(
        &run(data, &["claim", "submit", "--json", path.to_str().unwrap()]),
        0,
    );
    let claims = said["claims"].as_array().unwrap().iter();
    claims.map(|id| id.as_str().unwrap().to_owned()).collect()
}
