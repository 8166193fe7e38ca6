//! The decision: what is denied, what waits, and otherwise what is shared.

use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::fee::{self, Benefit};
use crate::plan::pend;
use crate::{edit, pairs, review, share};

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let services = fee::look_up(claim);
    let mut denials = edit::outright(claim, &services);
    for (i, (line, service)) in claim.lines.iter().zip(&services).enumerate() {
        let Some(service) = service else { continue };
        if edit::denied(&denials, i) {
            continue;
        }
        if !service.known_supplier {
            return Determination::pended(pend::SUPPLIER, line.number, clause::UNKNOWN_SUPPLIER);
        }
        if service.benefit == Benefit::ByReport {
            return Determination::pended(pend::REPORT, line.number, clause::BY_REPORT);
        }
    }
    edit::units(claim, &mut denials);
    edit::frequency(claim, &mut denials);
    let separated = pairs::on_claim(claim, &mut denials);
    pairs::with_earlier(claim, &mut denials);
    let findings = review::findings(claim, &denials, &separated);
    Determination::settled(share::settle(claim, &services, &denials)).with_findings(findings)
}
