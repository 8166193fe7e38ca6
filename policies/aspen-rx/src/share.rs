//! What a covered fill allows, what the member bears, what the plan pays.

use tally_sdk::cob::PriorPayer;
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::drug::Drug;
use crate::fills::Left;
use crate::plan::{ONLY_POCKET, OTHERS, TOWARD};

/// Settles a covered line. `branded` says that a brand is allowed as such.
pub fn settle(
    line: &Line,
    drug: &Drug,
    branded: bool,
    left: Option<Left>,
    earlier: &[PriorPayer],
    balances: &mut Balances,
) -> LineDetermination {
    let mut work = LineWork::begin(line, drug.tier.clause());
    let price = |price: UnitPrice| {
        let amount = price.extend(drug.quantity, Rate::ONE, Rounding::HalfUp)?;
        amount.checked_add(drug.fee)
    };
    let limit = price(drug.price).unwrap_or(line.charge);
    work.limit_to(limit, Group::Co, Carc::ABOVE_FEE_SCHEDULE, clause::PRICE);
    if let Some(limit) = drug.generic.filter(|_| !branded).and_then(price) {
        work.limit_to(limit, Group::Pr, Carc::ABOVE_FEE_SCHEDULE, clause::BRAND);
    }
    if let Some(left) = left {
        limit_quantity(&mut work, drug, left, balances);
    }
    share(&mut work, drug, balances);
    work.coordinate(balances, earlier, &OTHERS);
    work.finish()
}

/// Clauses 4.1 and 4.2.
fn limit_quantity(work: &mut LineWork<'_>, drug: &Drug, left: Left, balances: &mut Balances) {
    let asked = drug.quantity.scaled();
    if left.units <= 0 {
        let denial = Denial::patient(Carc::BENEFIT_MAXIMUM, left.clause);
        work.refuse(balances, denial);
    } else if left.units < asked {
        let part = work
            .allowed()
            .proportion(left.units, asked, Rounding::HalfUp);
        let part = part.unwrap_or(work.allowed());
        work.limit_to(part, Group::Pr, Carc::BENEFIT_MAXIMUM, left.clause);
    }
}

/// Parts 5 and 6.
fn share(work: &mut LineWork<'_>, drug: &Drug, balances: &mut Balances) {
    let Some(terms) = drug.terms else { return };
    let clause = drug.tier.clause();
    if drug.tier.deductible() {
        work.deductible(balances, TOWARD, clause::DEDUCTIBLE);
    }
    work.copay(balances, terms.copay, ONLY_POCKET, clause);
    let Some(amount) = work.open().share(terms.coinsurance, Rounding::HalfUp) else {
        return;
    };
    let mut amount = amount.greater(terms.least);
    if terms.most > Money::ZERO {
        amount = amount.lesser(terms.most);
    }
    work.share(balances, Carc::COINSURANCE, amount, ONLY_POCKET, clause);
}
