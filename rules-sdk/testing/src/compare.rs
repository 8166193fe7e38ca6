//! What a case expects against what came.

use tally_core::adjudication::{
    AccumulatorKey, AccumulatorUnit, Flagged, LineOutcome, Outcome, OutcomeAdjustment, Settled,
    Settlement, Status,
};
use tally_types::Money;

use crate::family::Family;
use crate::report::Difference;

/// What a case expects of a claim.
pub(crate) struct Expected {
    pub(crate) status: Status,
    pub(crate) paid: Option<Money>,
    pub(crate) patient: Option<Money>,
    pub(crate) pend: Option<ExpectedPend>,
    pub(crate) findings: Vec<Flagged>,
    pub(crate) lines: Vec<ExpectedLine>,
    pub(crate) after: Vec<ExpectedBalance>,
}

/// A reason to wait; the line and the clause only where the case names them.
pub(crate) struct ExpectedPend {
    pub(crate) reason: String,
    pub(crate) line: Option<u16>,
    pub(crate) clause: Option<String>,
}

/// A line; its deciding clause only where the case names it.
pub(crate) struct ExpectedLine {
    pub(crate) denied: bool,
    pub(crate) allowed: Money,
    pub(crate) paid: Money,
    pub(crate) clause: Option<String>,
    pub(crate) adjustments: Vec<OutcomeAdjustment>,
}

/// A balance after the claim.
pub(crate) struct ExpectedBalance {
    pub(crate) name: String,
    pub(crate) key: AccumulatorKey,
    pub(crate) unit: AccumulatorUnit,
    pub(crate) used: i64,
}

struct Found<'a> {
    place: &'a str,
    all: Vec<Difference>,
}

impl Found<'_> {
    fn differs(&mut self, what: &str, expected: impl ToString, got: impl ToString) {
        let (expected, got) = (expected.to_string(), got.to_string());
        if expected != got {
            self.all.push(Difference {
                place: format!("{}, {what}", self.place),
                expected,
                got,
            });
        }
    }
}

/// Everything that is not as expected, in reading order.
pub(crate) fn compare(
    place: &str,
    expected: &Expected,
    settled: &Settled,
    family: &Family,
) -> Vec<Difference> {
    let outcome = &settled.outcome;
    let mut found = Found {
        place,
        all: Vec::new(),
    };
    if let Some(fault) = &settled.fault {
        found.differs("the policy's contract", "", fault);
    }
    found.differs("status", expected.status, outcome.status());
    pend(&mut found, expected, outcome);
    if expected.status != Status::Pended && outcome.status() != Status::Pended {
        if expected.lines.len() != outcome.lines().len() {
            found.differs("lines", expected.lines.len(), outcome.lines().len());
        }
        for (expected, line) in expected.lines.iter().zip(outcome.lines()) {
            compare_line(&mut found, expected, line);
        }
        if let Some(paid) = expected.paid {
            found.differs("paid in all", paid, outcome.paid());
        }
        if let Some(patient) = expected.patient {
            found.differs("borne by the patient in all", patient, outcome.patient());
        }
    }
    let findings = |findings: &[Flagged]| findings.iter().map(finding).collect();
    unordered(
        &mut found,
        "finding",
        findings(&expected.findings),
        findings(outcome.findings()),
    );
    for balance in &expected.after {
        let used = family.balances.get(&balance.key).copied().unwrap_or(0);
        let shown = |used: i64| match balance.unit {
            AccumulatorUnit::Money => Money::cents(used).to_string(),
            AccumulatorUnit::Count => used.to_string(),
        };
        found.differs(
            &format!("after it {}", balance.name),
            shown(balance.used),
            shown(used),
        );
    }
    found.all
}

fn pend(found: &mut Found<'_>, expected: &Expected, outcome: &Outcome) {
    let got = match outcome.settlement() {
        Settlement::Settled(_) => None,
        Settlement::Pended {
            reason,
            line,
            clause,
            ..
        } => Some((reason, *line, clause)),
    };
    match (&expected.pend, got) {
        (None, None) => {}
        (Some(expected), None) => found.differs("waits for", &expected.reason, ""),
        (None, Some((reason, ..))) => found.differs("waits for", "", reason),
        (Some(expected), Some((reason, line, clause))) => {
            found.differs("waits for", &expected.reason, reason);
            if let Some(expected) = expected.line {
                found.differs("waits for line", expected, line);
            }
            if let Some(expected) = &expected.clause {
                found.differs("waits by clause", expected, clause);
            }
        }
    }
}

fn compare_line(found: &mut Found<'_>, expected: &ExpectedLine, line: &LineOutcome) {
    let number = line.number();
    let state = |denied| if denied { "denied" } else { "not denied" };
    let at = |what: &str| format!("line {number}, {what}");
    found.differs(&at("state"), state(expected.denied), state(line.denied()));
    found.differs(&at("allowed"), expected.allowed, line.allowed());
    found.differs(&at("paid"), expected.paid, line.paid());
    if let Some(clause) = &expected.clause {
        found.differs(&at("decided by clause"), clause, line.clause());
    }
    let adjustments = |all: &[OutcomeAdjustment]| all.iter().map(adjustment).collect();
    unordered(
        found,
        &at("adjustment"),
        adjustments(&expected.adjustments),
        adjustments(line.adjustments()),
    );
}

/// Compares without regard to order: what is on one side alone, side by side.
fn unordered(found: &mut Found<'_>, what: &str, expected: Vec<String>, mut got: Vec<String>) {
    let mut missing = Vec::new();
    for item in expected {
        match got.iter().position(|other| *other == item) {
            Some(at) => {
                got.remove(at);
            }
            None => missing.push(item),
        }
    }
    for i in 0..missing.len().max(got.len()) {
        let side = |items: &[String]| items.get(i).cloned().unwrap_or_default();
        found.differs(what, side(&missing), side(&got));
    }
}

fn adjustment(adjustment: &OutcomeAdjustment) -> String {
    let OutcomeAdjustment {
        group,
        carc,
        rarc,
        amount,
        clause,
    } = adjustment;
    if rarc.is_none() {
        format!("{group} {carc} {amount} {clause}")
    } else {
        format!("{group} {carc} {rarc} {amount} {clause}")
    }
}

fn finding(finding: &Flagged) -> String {
    let Flagged {
        pattern,
        line,
        score,
        clause,
    } = finding;
    format!("{pattern} {line} {score} {clause}")
}
