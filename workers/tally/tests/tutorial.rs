//! The README's tutorial, line by line, as its reader would run it.

mod common;

use std::path::Path;
use std::process::Command;

/// The blocks marked `sh` between the marks of the tutorial.
fn script() -> String {
    let readme = include_str!("../../../README.md");
    let begin = readme
        .find("<!-- tutorial")
        .expect("the README has a tutorial");
    let end = readme.find("<!-- /tutorial").expect("the tutorial ends");
    let mut script = String::from("set -euo pipefail\n");
    let mut inside = false;
    for line in readme[begin..end].lines() {
        match (inside, line) {
            (false, "```sh") => inside = true,
            (true, "```") => inside = false,
            (true, line) => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}

#[test]
fn every_line_of_the_tutorial_works() {
    // The claim of the README is of a day that is long past one day, and the
    // plan has a time limit: here it is of yesterday.
    let yesterday = chrono::Utc::now().date_naive() - chrono::Days::new(1);
    let script = script().replace("2026-02-03", &yesterday.to_string());
    assert!(script.contains("tally ledger verify"));
    let folder = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_tally"));
    let path = std::env::join_paths(std::iter::once(binary.parent().unwrap().to_owned()).chain(
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
    ))
    .unwrap();
    let output = Command::new("bash")
        .arg("-c")
        .arg(&script)
        .current_dir(folder.path())
        .env("PATH", path)
        .env_remove("TALLY_DATA")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains(": trusted: claim "), "{said}");
    assert!(!folder.path().join("data").exists());
}
