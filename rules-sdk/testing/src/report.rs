//! What came of a policy's cases, for people and for programs.

use core::fmt;

use tally_core::adjudication::Outcome;

use crate::case::CaseError;

/// How many differences of a case are shown to people.
const SHOWN: usize = 12;

/// One thing that is not as the case expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `claim 2, line 1, paid`.
    pub place: String,
    /// What the case expects; empty for nothing.
    pub expected: String,
    /// What came; empty for nothing.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            expected,
            got,
        } = self;
        match (expected.is_empty(), got.is_empty()) {
            (false, true) => write!(f, "{place}: expected {expected}, got nothing"),
            (true, false) => write!(f, "{place}: expected nothing, got {got}"),
            _ => write!(f, "{place}: expected {expected}, got {got}"),
        }
    }
}

/// What came of one claim of a case.
#[derive(Debug, Clone)]
pub struct ClaimReport {
    /// Its outcome.
    pub outcome: Outcome,
    /// Fuel used, on each backend alike; `None` when the policy did not run or
    /// did not succeed.
    pub fuel: Option<u64>,
    /// Whether every backend gave the same bytes, for the same fuel where it can.
    pub alike: bool,
}

/// What came of one case.
#[derive(Debug)]
pub struct CaseReport {
    /// The file's name.
    pub file: String,
    /// Its title; empty when the file cannot be read.
    pub title: String,
    /// The clauses it illustrates.
    pub clauses: Vec<String>,
    /// Its claims, in order.
    pub claims: Vec<ClaimReport>,
    /// What is not as expected; empty when it passed.
    pub differences: Vec<Difference>,
    /// Why it could not be run.
    pub error: Option<CaseError>,
}

impl CaseReport {
    /// Whether everything came as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty() && self.error.is_none()
    }

    /// Fuel used by all its claims together.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.claims.iter().filter_map(|claim| claim.fuel).sum()
    }
}

/// What came of all cases of a policy.
#[derive(Debug)]
pub struct Report {
    /// The product.
    pub product: String,
    /// The version, as the policy states it.
    pub version: String,
    /// SHA-256 of the component.
    pub hash: [u8; 32],
    /// The cases, in order of their files' names.
    pub cases: Vec<CaseReport>,
    /// Clauses that no case illustrates.
    pub without_case: Vec<String>,
}

impl Report {
    /// Whether every case passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.cases.iter().all(CaseReport::passed)
    }

    /// How many cases did not pass.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed()).count()
    }

    /// Whether every backend gave the same bytes throughout, for the same fuel where it
    /// can.
    #[must_use]
    pub fn alike(&self) -> bool {
        let mut claims = self.cases.iter().flat_map(|case| &case.claims);
        claims.all(|claim| claim.alike)
    }

    /// Fuel of the claims that used most and least.
    #[must_use]
    pub fn fuel_range(&self) -> Option<(u64, u64)> {
        let fuel = || {
            let claims = self.cases.iter().flat_map(|case| &case.claims);
            claims.filter_map(|claim| claim.fuel)
        };
        Some((fuel().min()?, fuel().max()?))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash: String = self
            .hash
            .iter()
            .take(6)
            .map(|b| format!("{b:02x}"))
            .collect();
        writeln!(f, "{} {}  {hash}…", self.product, self.version)?;
        let width = |text: fn(&CaseReport) -> usize| self.cases.iter().map(text).max().unwrap_or(0);
        let file = width(|case| case.file.chars().count());
        let title = width(|case| case.title.chars().count());
        for case in &self.cases {
            let mark = if case.passed() { "ok  " } else { "FAIL" };
            let line = format!("{mark}  {:file$}  {:title$}", case.file, case.title);
            match case.claims.len() {
                0 => writeln!(f, "{}", line.trim_end())?,
                n => {
                    let claims = if n == 1 { "claim " } else { "claims" };
                    writeln!(
                        f,
                        "{line}  {n:2} {claims}  {:>9} fuel",
                        grouped(case.fuel())
                    )?;
                }
            }
            if let Some(error) = &case.error {
                writeln!(f, "        {error}")?;
            }
            for difference in case.differences.iter().take(SHOWN) {
                writeln!(f, "        {difference}")?;
            }
            if let Some(more) = case.differences.len().checked_sub(SHOWN).filter(|n| *n > 0) {
                writeln!(f, "        and {more} more")?;
            }
        }
        let failed = self.failures();
        write!(f, "{} passed, {failed} failed", self.cases.len() - failed)?;
        if let Some((least, most)) = self.fuel_range() {
            let (least, most) = (grouped(least), grouped(most));
            write!(f, "; {least} to {most} fuel a claim")?;
            if self.alike() {
                write!(f, ", on Cranelift, Pulley and Winch alike")?;
            }
        }
        if !self.without_case.is_empty() {
            write!(f, "\nno case illustrates: {}", self.without_case.join(", "))?;
        }
        Ok(())
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
