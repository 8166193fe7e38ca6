//! Building the fixtures.
#![allow(dead_code)] // each test uses some

use std::path::{Path, PathBuf};

use tally_testing::{PolicyUnderTest, Sandboxes, load_policy};

pub fn fixture(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("fixtures").join(name)
}

pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies")
}

pub fn tiny() -> PolicyUnderTest {
    let built = tally_policy_build::build(&fixture("tiny"), &target()).unwrap();
    load_policy(built.component, &Sandboxes::new().unwrap()).unwrap()
}

/// A folder with one case file.
pub fn folder(case: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("cases")).unwrap();
    std::fs::write(folder.path().join("cases/case.toml"), case).unwrap();
    folder
}
