//! A tiny policy, built, proven and loaded: the whole way end to end.

use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies")
}

#[test]
fn a_policy_is_built_proven_and_loaded() {
    let built = tally_policy_build::build(&fixture("tiny"), &target()).unwrap();
    let proven = tally_sandbox::prove(built.component).unwrap();
    assert_eq!(proven.hash(), built.hash);
    eprintln!(
        "{} bytes, {} cycles",
        proven.bytes().len(),
        proven.indirect_cycles()
    );
    for backend in [
        tally_sandbox::Backend::Cranelift,
        tally_sandbox::Backend::Pulley,
    ] {
        let sandbox = tally_sandbox::Sandbox::new(backend).unwrap();
        let policy = sandbox.load(&proven).unwrap();
        assert_eq!(policy.description().product, "tiny");
    }
}
