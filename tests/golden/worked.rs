//! The worked cases of both products, and what they cost.

use std::fmt::Write;
use std::sync::OnceLock;

use tally_testing::{Report, run_cases};

use crate::products::{self, Product};

fn report(product: &Product) -> Report {
    run_cases(&product.folder, &product.policy).unwrap()
}

fn harbor() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| report(products::harbor()))
}

fn meridian() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| report(products::meridian()))
}

fn check(report: &Report) {
    println!("{report}");
    assert!(report.passed(), "\n{report}");
    assert!(report.cases.len() >= 25, "at least 25 cases");
    assert!(
        report.without_case.is_empty(),
        "clauses without a case: {:?}",
        report.without_case
    );
}

#[test]
fn harbor_decides_its_worked_cases() {
    check(harbor());
}

#[test]
fn meridian_decides_its_worked_cases() {
    check(meridian());
}

/// Fuel of every claim. A change here is a change of what insurers are charged
/// by: look at why before accepting it.
#[test]
fn fuel_is_frozen() {
    for report in [harbor(), meridian()] {
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
}
