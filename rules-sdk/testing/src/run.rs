//! Runs the cases of a folder.

use std::path::Path;

use tally_core::canon::Canon;
use tally_sandbox::Backend;

use crate::case::{Case, CaseError};
use crate::compare::compare;
use crate::policy::{Adjudicated, PolicyUnderTest, TestError};
use crate::report::{CaseReport, ClaimReport, Difference, Report};

/// Runs every `cases/*.toml` of a policy's folder, in order of their names.
///
/// A case that cannot be read is a failure of its own in the report.
///
/// # Errors
/// When the folder cannot be read or has no case.
pub fn run_cases(folder: &Path, policy: &PolicyUnderTest) -> Result<Report, CaseError> {
    let cases = folder.join("cases");
    let wrong = |what: String| CaseError {
        file: cases.display().to_string(),
        line: 0,
        what,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&cases).map_err(|error| wrong(error.to_string()))? {
        paths.push(entry.map_err(|error| wrong(error.to_string()))?.path());
    }
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    if paths.is_empty() {
        return Err(wrong("no case: write one, `<name>.toml`".to_owned()));
    }
    let reports: Vec<CaseReport> = paths.iter().map(|path| run_file(path, policy)).collect();
    let description = policy.description();
    let illustrated = |id: &String| reports.iter().any(|case| case.clauses.contains(id));
    let without_case = description
        .clauses
        .iter()
        .map(|clause| clause.id.clone())
        .filter(|id| !illustrated(id))
        .collect();
    Ok(Report {
        product: description.product.clone(),
        version: description.version.clone(),
        hash: policy.hash(),
        cases: reports,
        without_case,
    })
}

fn run_file(path: &Path, policy: &PolicyUnderTest) -> CaseReport {
    let file = path.file_name().unwrap_or_default();
    let file = file.to_string_lossy().into_owned();
    let mut report = CaseReport {
        file: file.clone(),
        title: String::new(),
        clauses: Vec::new(),
        claims: Vec::new(),
        differences: Vec::new(),
        error: None,
    };
    let case = std::fs::read_to_string(path)
        .map_err(|error| CaseError {
            file: file.clone(),
            line: 0,
            what: error.to_string(),
        })
        .and_then(|text| Case::read(&file, &text, policy.description()));
    let case = match case {
        Ok(case) => case,
        Err(error) => {
            report.error = Some(error);
            return report;
        }
    };
    report.title.clone_from(&case.title);
    report.clauses.clone_from(&case.clauses);
    if let Err(error) = run_case(case, policy, &mut report) {
        report.error = Some(CaseError {
            file,
            line: 0,
            what: error.to_string(),
        });
    }
    report
}

fn run_case(
    case: Case,
    policy: &PolicyUnderTest,
    report: &mut CaseReport,
) -> Result<(), TestError> {
    let mut family = case.family;
    for (number, (claim, expected)) in (1usize..).zip(&case.claims) {
        let place = format!("claim {number}");
        let done = policy.adjudicate(Backend::Cranelift, &family, claim)?;
        let again = policy.adjudicate(Backend::Pulley, &family, claim)?;
        let mut apart = apart(&place, &done, &again);
        // Winch faults elsewhere: only calls that succeed are compared.
        if apart.is_none() && done.fuel.is_some() {
            let winch = policy.adjudicate(Backend::Winch, &family, claim)?;
            apart = apart_on_winch(&place, &done, &winch);
        }
        let alike = apart.is_none();
        report.differences.extend(apart);
        family.commit(&done.settled);
        let found = compare(&place, expected, &done.settled, &family);
        report.differences.extend(found);
        report.claims.push(ClaimReport {
            outcome: done.settled.outcome,
            fuel: done.fuel,
            alike,
        });
    }
    Ok(())
}

/// What differs on Winch, but for fuel: nothing may.
fn apart_on_winch(place: &str, done: &Adjudicated, winch: &Adjudicated) -> Option<Difference> {
    let same = done.settled.outcome.to_canon() == winch.settled.outcome.to_canon()
        && done.transcript == winch.transcript;
    (!same).then(|| Difference {
        place: format!("{place}, the outcome on Winch"),
        expected: done.settled.outcome.status().to_string(),
        got: winch.settled.outcome.status().to_string(),
    })
}

/// What differs between the backends: nothing may.
fn apart(place: &str, cranelift: &Adjudicated, pulley: &Adjudicated) -> Option<Difference> {
    let bytes = |done: &Adjudicated| done.settled.outcome.to_canon();
    let what = if bytes(cranelift) != bytes(pulley) {
        "the outcome"
    } else if cranelift.fuel != pulley.fuel {
        "fuel"
    } else if cranelift.transcript != pulley.transcript {
        "what was asked"
    } else {
        return None;
    };
    let fuel = |done: &Adjudicated| match done.fuel {
        Some(fuel) => format!("{} with {fuel} fuel", done.settled.outcome.status()),
        None => done.settled.outcome.status().to_string(),
    };
    Some(Difference {
        place: format!("{place}, {what} on Pulley"),
        expected: fuel(cranelift),
        got: fuel(pulley),
    })
}
