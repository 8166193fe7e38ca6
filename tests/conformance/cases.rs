//! The folder of real cases.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A folder of the ledger's cases, or a loud word that it is absent.
pub fn folder(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases");
    let root = std::env::var_os("TALLY_CASES").map_or_else(|| default.into(), PathBuf::from);
    let path = root.join("ledger").join(name);
    if !path.is_dir() {
        // Not `eprintln!`, which is shown only for tests that fail.
        let said = format!("SKIPPED: no cases in {}: set TALLY_CASES\n", path.display());
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    Some(path)
}

/// Every JSON file below a folder, in order.
pub fn json_files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// What stands between the fences of a specification's examples.
pub fn examples(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("\n```\n") {
        let Some((example, after)) = after.split_once("\n```") else {
            break;
        };
        found.push(format!("{example}\n"));
        rest = after;
    }
    found
}
