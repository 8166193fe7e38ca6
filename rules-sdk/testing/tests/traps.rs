//! What an author would stumble over, and what helps.

mod common;

use common::target;
use tally_policy_build::{Names, build_with, template};
use tally_sandbox::{Refused, prove};

/// Whether a fresh policy with one change is proven.
fn proven(name: &str, from: &str, to: &str, names: Names) -> Result<(), Refused> {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join(name);
    template(name, &policy).unwrap();
    let source = policy.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    assert!(text.contains(from));
    std::fs::write(&source, text.replacen(from, to, 1)).unwrap();
    let built = build_with(&policy, &target(), names).unwrap();
    prove(built.component).map(|_| ())
}

const LINES: &str = "Determination::settled(lines)";

#[test]
fn the_standard_sort_calls_itself_and_ours_does_not() {
    let sort = "lines.sort_unstable_by_key(|line: &LineDetermination| line.line);";
    let with = format!("{{ {sort} {LINES} }}");
    let error = proven("sort-plan", LINES, &with, Names::Stripped)
        .err()
        .unwrap();
    assert!(matches!(error, Refused::Recursion { .. }), "{error}");
    // With the names kept it is said which.
    let error = proven("sort-plan", LINES, &with, Names::Kept)
        .err()
        .unwrap();
    assert!(error.to_string().contains("sort"), "{error}");

    let sort = "sort_by_key(&mut lines, |line: &LineDetermination| line.line);";
    let with = format!("{{ {sort} {LINES} }}");
    proven("sort-plan", LINES, &with, Names::Stripped).unwrap();
}

#[test]
fn floats_are_refused() {
    let with = format!(
        "{{ let f = lines.len() as f64 * 0.2; if f > 100.5 {{ return Determination::pended(pend::NO_FEE, 0, clause::FEES); }} {LINES} }}"
    );
    let error = proven("float-plan", LINES, &with, Names::Stripped)
        .err()
        .unwrap();
    assert_eq!(error, Refused::Floats);
}
