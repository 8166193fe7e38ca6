//! What processes said they did, held against the rules of the model.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};
use tally_model::trace::check_trace;

/// What has the nodes of a network say it.
pub const SAID: (&str, &str) = ("TALLY_LOG", "info,tally::trace=debug");

/// Checks what all organisations of a network said. Answers how many lines that were.
///
/// # Panics
/// When a line of it is not what the rules allow.
#[track_caller]
pub fn holds(folder: &Path) -> usize {
    let lines = lines(folder);
    if let Err(violation) = check_trace(lines.iter().map(String::as_str)) {
        let at = folder.with_extension("trace");
        std::fs::write(&at, lines.join("\n")).unwrap();
        let kept = at.display();
        panic!("{violation:?}\nthe whole trace is in {kept}");
    }
    lines.len()
}

/// The lines of all logs, by the time at which they were said. One machine has one clock,
/// and each line is written before what it says has an effect elsewhere.
fn lines(folder: &Path) -> Vec<String> {
    let mut said: Vec<(String, Value)> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let Ok(log) = std::fs::read_to_string(entry.path().join("log")) else {
            continue;
        };
        said.extend(log.lines().filter_map(|line| read(&name, line)));
    }
    said.sort_by(|(one, _), (other, _)| one.cmp(other));
    // Nobody but the one who kills can say it.
    let mut runs = BTreeSet::new();
    let mut lines = Vec::new();
    for (_, line) in said {
        let node = line["node"].as_str().unwrap().to_owned();
        if line["event"] == "started" && !runs.insert(node.clone()) {
            lines.push(json!({"node": node, "event": "killed"}).to_string());
        }
        lines.push(line.to_string());
    }
    lines
}

/// A line of a log: `TIME LEVEL TARGET: EVENT NAME=VALUE …`.
fn read(node: &str, line: &str) -> Option<(String, Value)> {
    let (before, said) = line.split_once(" tally::trace: ")?;
    let time = before.split(' ').next()?.to_owned();
    let (event, mut rest) = said.split_once(' ')?;
    let mut fields = Map::new();
    fields.insert("node".into(), node.into());
    fields.insert("event".into(), event.into());
    while let Some((name, value)) = rest.trim_start().split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(text) => text.split_once('"')?,
            None => value.split_once(' ').unwrap_or((value, "")),
        };
        let number = value.parse::<u64>().ok().filter(|_| !rest_is_text(rest));
        let value = number.map_or_else(|| Value::from(value), Value::from);
        fields.insert(name.to_owned(), value);
        rest = after;
    }
    Some((time, fields.into()))
}

/// Whether the next value is a text between marks, whatever digits it has.
fn rest_is_text(rest: &str) -> bool {
    rest.split_once('=')
        .is_some_and(|(_, value)| value.starts_with('"'))
}
