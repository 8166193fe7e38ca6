//! A new policy builds and passes its cases as it is.

mod common;

use common::target;
use tally_testing::{Sandboxes, load_policy, run_cases};

#[test]
fn a_new_policy_passes_its_cases() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("north-plan");
    tally_policy_build::template("north-plan", &policy).unwrap();
    let built = tally_policy_build::build(&policy, &target()).unwrap();
    assert!(built.component.len() < 100_000, "{}", built.component.len());
    let under_test = load_policy(built.component, &Sandboxes::new().unwrap()).unwrap();
    assert_eq!(under_test.description().title, "North plan");
    let report = run_cases(&policy, &under_test).unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.without_case.is_empty(), "{report}");
}
