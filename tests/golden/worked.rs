//! The worked cases of every product, and what they cost.

use std::fmt::Write;

use tally_testing::run_cases;

use crate::products;

/// A product decides its worked cases, on every backend alike; every clause has
/// one; and the fuel of every claim is what it was. A change of fuel is a change
/// of what insurers are charged by: look at why before accepting it.
fn check(name: &str) {
    let product = products::named(name);
    let report = run_cases(&product.folder, &product.policy).unwrap();
    println!("{report}");
    assert!(report.passed(), "\n{report}");
    assert!(report.cases.len() >= 25, "at least 25 cases");
    assert!(
        report.without_case.is_empty(),
        "clauses without a case: {:?}",
        report.without_case
    );
    let mut text = String::new();
    for case in &report.cases {
        let fuel: Vec<String> = case
            .claims
            .iter()
            .map(|claim| claim.fuel.map_or("-".to_owned(), |fuel| fuel.to_string()))
            .collect();
        writeln!(text, "{:<40} {}", case.file, fuel.join(" ")).unwrap();
    }
    insta::assert_snapshot!(format!("fuel_of_{}", report.product), text);
}

#[test]
fn aspen_decides_its_worked_cases() {
    check("aspen-rx");
}

#[test]
fn brook_decides_its_worked_cases() {
    check("brook-dental");
}

#[test]
fn cedar_decides_its_worked_cases() {
    check("cedar-hmo");
}

#[test]
fn harbor_decides_its_worked_cases() {
    check("harbor-ppo");
}

#[test]
fn meridian_decides_its_worked_cases() {
    check("meridian-b");
}

#[test]
fn summit_decides_its_worked_cases() {
    check("summit-hdhp");
}

/// Every folder of a policy is tested here, and what the binary carries too.
#[test]
fn every_product_is_tested() {
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let mut found: Vec<String> = std::fs::read_dir(policies)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("cases").is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, products::NAMES);
}
