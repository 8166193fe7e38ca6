//! The edits of part 2 and those of part 3 that no other line of the claim has a
//! part in: each line is denied by the first that concerns it.

use alloc::vec::Vec;

use tally_sdk::edits::{Exclusion, UnitLimit, UnitRule, Unlisted};
use tally_sdk::fees::Permission;
use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::fee::{Benefit, Service};
use crate::plan::table;

/// The provider is not eligible to perform the service.
const NOT_ELIGIBLE: Carc = Carc(185);
/// The diagnosis was not valid on the date of service.
const INVALID_DIAGNOSIS: Carc = Carc(146);

/// What denies each line, if anything does.
pub type Denials = Vec<Option<Denial>>;

/// Sets a denial where none is set.
pub fn deny(denials: &mut Denials, i: usize, denial: Denial) {
    if let Some(slot) = denials.get_mut(i) {
        slot.get_or_insert(denial);
    }
}

/// Whether a line is denied.
pub fn denied(denials: &Denials, i: usize) -> bool {
    denials.get(i).is_some_and(Option::is_some)
}

/// Part 2: what is denied for what the line itself says, and who gave it.
pub fn outright(claim: &Claim, services: &[Option<Service>], exclusions: &[Exclusion]) -> Denials {
    let valid = edits::diagnoses_valid(claim, table::DIAGNOSES, Unlisted::Valid);
    let lines = claim.lines.iter().zip(services);
    let each = lines.zip(exclusions).zip(valid);
    each.map(|(((line, service), exclusion), valid)| {
        let excluded = *exclusion == Exclusion::Excluded;
        let by_whom = || Denial::contractual(NOT_ELIGIBLE, clause::EXCLUDED);
        let why = || Denial::contractual(INVALID_DIAGNOSIS, clause::DIAGNOSIS);
        of_line(claim, line, service.as_ref())
            .or_else(|| excluded.then(by_whom))
            .or_else(|| (!valid).then(why))
    })
    .collect()
}

fn of_line(claim: &Claim, line: &Line, service: Option<&Service>) -> Option<Denial> {
    let lacking =
        |remark, clause| Denial::contractual(Carc::LACKS_INFORMATION, clause).remark(remark);
    if !matches!(
        claim.kind,
        ClaimKind::Professional | ClaimKind::Institutional
    ) {
        return Some(Denial::patient(
            Carc::NOT_COVERED_PLAN,
            clause::OTHER_CLAIMS,
        ));
    }
    if edits::filed_after_a_year(claim, line) {
        return Some(Denial::contractual(Carc::TIMELY_FILING, clause::TIMELY));
    }
    if line.procedure.is_none() {
        return Some(lacking(ShortCode::of("M51"), clause::NO_CODE));
    }
    if line.quantity <= Quantity::ZERO {
        return Some(lacking(ShortCode::of("M53"), clause::NO_UNITS));
    }
    match service {
        None => Some(Denial::contractual(
            Carc::INVALID_CODE,
            clause::INVALID_CODE,
        )),
        Some(service) if service.benefit == Benefit::NotCovered => {
            let denial = Denial::patient(Carc::NOT_COVERED, clause::NOT_COVERED);
            Some(denial.remark(ShortCode::of("N130")))
        }
        Some(service) if service.surgeon == Permission::NotPayable => {
            let denial = Denial::contractual(Carc::NOT_COVERED, clause::SURGEONS);
            Some(denial.remark(ShortCode::of("N130")))
        }
        Some(_) => None,
    }
}

/// How many units each line may have, or those of its day.
pub fn unit_limits(claim: &Claim) -> Vec<Option<UnitLimit>> {
    let rows = reference::by_procedure(table::UNITS, claim);
    rows.iter()
        .map(|row| UnitLimit::of(row.as_ref()?))
        .collect()
}

/// Clause 3.1.
pub fn units_of_lines(claim: &Claim, limits: &[Option<UnitLimit>], denials: &mut Denials) {
    for (i, (line, limit)) in claim.lines.iter().zip(limits).enumerate() {
        let of_line = limit.filter(|limit| limit.rule == UnitRule::Line);
        if of_line.is_some_and(|limit| line.quantity > limit.units) {
            let denial = Denial::contractual(Carc::OVER_UNITS, clause::UNITS_LINE);
            deny(denials, i, denial);
        }
    }
}

/// Clause 3.6, with earlier claims. Answers how many days must lie between each line
/// and another of its kind.
pub fn frequency(claim: &Claim, denials: &mut Denials) -> Vec<Option<i32>> {
    let days: Vec<Option<i32>> = reference::by_procedure(table::FREQUENCY, claim)
        .iter()
        .map(|row| row.and_then(|row| i32::try_from(row.number(0)).ok()))
        .collect();
    let mut questions = Vec::new();
    for (line, days) in claim.lines.iter().zip(&days) {
        if let Some(days) = days {
            questions.push(Question::of(
                Measure::Lines,
                line.procedure,
                line.from.plus_days(-days).unwrap_or(ServiceDate::MIN),
                line.from.plus_days(*days).unwrap_or(ServiceDate::MAX),
            ));
        }
    }
    let mut earlier = history::query(&questions).into_iter();
    for (i, days) in days.iter().enumerate() {
        if days.is_some() && earlier.next().unwrap_or(0) > 0 {
            let carc = Carc::BENEFIT_MAXIMUM;
            deny(denials, i, Denial::contractual(carc, clause::FREQUENCY));
        }
    }
    days
}
