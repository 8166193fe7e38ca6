//! What the tables say of the drug of each line on the day of the fill.

use alloc::vec::Vec;

use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::clauses::clause;
use crate::plan::table;

/// Who dispenses, as `network.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// A pharmacy round the corner.
    Retail,
    /// By mail.
    Mail,
    /// A specialty pharmacy.
    Specialty,
    /// A clinic, which gives the drug.
    Clinic,
}

/// A tier of the formulary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Nothing is borne.
    Vaccine,
    /// Preferred generics.
    One,
    /// Other generics.
    Two,
    /// Preferred brands.
    Three,
    /// Other brands.
    Four,
    /// Specialty drugs.
    Five,
}

impl Tier {
    fn of(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Vaccine,
            1 => Self::One,
            2 => Self::Two,
            3 => Self::Three,
            4 => Self::Four,
            5 => Self::Five,
            _ => return None,
        })
    }

    /// Its clause.
    pub fn clause(self) -> ClauseId {
        match self {
            Self::Vaccine => clause::VACCINES,
            Self::One => clause::TIER1,
            Self::Two => clause::TIER2,
            Self::Three => clause::TIER3,
            Self::Four => clause::TIER4,
            Self::Five => clause::TIER5,
        }
    }

    /// Its key in `shares.csv`; none of vaccines.
    fn key(self) -> Option<Code> {
        match self {
            Self::Vaccine => None,
            Self::One => Some(const { Code::of("T1") }),
            Self::Two => Some(const { Code::of("T2") }),
            Self::Three => Some(const { Code::of("T3") }),
            Self::Four => Some(const { Code::of("T4") }),
            Self::Five => Some(const { Code::of("T5") }),
        }
    }

    /// Whether the deductible applies, clause 5.2.
    pub fn deductible(self) -> bool {
        self >= Self::Three
    }
}

/// What the member bears of a tier, a row of `shares.csv`.
#[derive(Clone, Copy)]
pub struct Terms {
    /// The copayment.
    pub copay: Money,
    /// The coinsurance.
    pub coinsurance: Rate,
    /// The least of it.
    pub least: Money,
    /// The most of it; zero where there is none.
    pub most: Money,
}

/// The drug of a line.
pub struct Drug {
    /// How much of it.
    pub quantity: Quantity,
    /// Whether a clinic gives it, clause 3.4.
    pub given: bool,
    /// Its tier.
    pub tier: Tier,
    /// How many units last 30 days; zero of drugs taken as needed.
    pub month: i64,
    /// Whether it must be authorised.
    pub authorization: bool,
    /// The price of a unit.
    pub price: UnitPrice,
    /// The price of a unit of its generic, where there is one.
    pub generic: Option<UnitPrice>,
    /// Who dispenses; none out of network.
    pub channel: Option<Channel>,
    /// The dispensing fee.
    pub fee: Money,
    /// What the member bears: nothing of vaccines.
    pub terms: Option<Terms>,
}

impl Drug {
    /// How many units last so many months, in ten-thousandths; `None` of drugs
    /// taken as needed.
    pub fn lasting(&self, months: i64) -> Option<i64> {
        let units = self.month.checked_mul(months)?;
        let scaled = units.checked_mul(Quantity::ONE.scaled())?;
        (scaled > 0).then_some(scaled)
    }

    /// Whether a fill is by mail and of more than a month, clause 5.4.
    fn quarter(&self) -> bool {
        let month = self.lasting(1);
        self.channel == Some(Channel::Mail)
            && month.is_some_and(|month| self.quantity.scaled() > month)
    }
}

/// What a line says of its drug.
pub enum Named {
    /// A drug, and how much.
    Drug(Code, Quantity),
    /// None.
    Nothing,
    /// It is no claim for drugs.
    Other,
}

/// The code of a line's drug and its quantity.
pub fn named(claim: &Claim, line: &Line) -> Named {
    let (ndc, quantity) = match (claim.kind, line.drug) {
        (ClaimKind::Pharmacy, _) => (line.procedure, line.quantity),
        (ClaimKind::Professional, Some(drug)) => (drug.ndc, drug.quantity),
        _ => return Named::Other,
    };
    let known = matches!(
        line.system,
        CodeSystem::Ndc | CodeSystem::Unspecified | CodeSystem::Other
    );
    // On a clinic's line the procedure is of another list, and the drug beside it.
    let listed = known || claim.kind == ClaimKind::Professional;
    if listed && is_ndc(ndc) {
        Named::Drug(ndc, quantity)
    } else {
        Named::Nothing
    }
}

/// Whether a code has the form in which drugs are billed: eleven digits.
fn is_ndc(code: Code) -> bool {
    const DIGITS: usize = 11;
    code.len() == DIGITS && code.chars().all(|c| c.is_ascii_digit())
}

/// Looks the drug of every line up; `None` for one that is not in the formulary,
/// has no price, or is of a tier that pays nothing.
pub fn look_up(claim: &Claim) -> Vec<Option<Drug>> {
    let drugs: Vec<(Code, Quantity)> = claim
        .lines
        .iter()
        .map(|line| match named(claim, line) {
            Named::Drug(ndc, quantity) => (ndc, quantity),
            Named::Nothing | Named::Other => (Code::NONE, Quantity::ZERO),
        })
        .collect();
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .zip(&drugs)
        .map(|(line, (ndc, _))| Key::one(*ndc, line.from))
        .collect();
    let formulary = reference::lookup(table::FORMULARY, &keys);
    let prices = reference::lookup(table::PRICES, &keys);
    let pharmacies: Vec<Key> = claim
        .lines
        .iter()
        .map(|line| Key::one(line.rendering, line.from))
        .collect();
    let network = reference::lookup(table::NETWORK, &pharmacies);
    let mut found: Vec<Option<Drug>> = drugs
        .iter()
        .enumerate()
        .map(|(i, (_, quantity))| {
            let (row, price) = (of(&formulary, i)?, of(&prices, i)?);
            let pharmacy = of(&network, i);
            let generic = price.price(1);
            Some(Drug {
                quantity: *quantity,
                given: claim.kind == ClaimKind::Professional,
                tier: Tier::of(row.number(0))?,
                month: row.number(1),
                authorization: row.number(2) == 1,
                price: price.price(0),
                generic: (generic > UnitPrice::ZERO).then_some(generic),
                channel: pharmacy.and_then(|row| channel(row.number(0))),
                fee: pharmacy.map_or(Money::ZERO, |row| row.money(1)),
                terms: None,
            })
        })
        .collect();
    find_terms(claim, &mut found);
    found
}

fn of(rows: &[Option<Row>], i: usize) -> Option<Row> {
    rows.get(i).copied().flatten()
}

fn channel(number: i64) -> Option<Channel> {
    Some(match number {
        1 => Channel::Retail,
        2 => Channel::Mail,
        3 => Channel::Specialty,
        4 => Channel::Clinic,
        _ => return None,
    })
}

fn find_terms(claim: &Claim, drugs: &mut [Option<Drug>]) {
    let span = |drug: &Drug| {
        const MONTH: Code = Code::of("MONTH");
        const QUARTER: Code = Code::of("QUARTER");
        if drug.quarter() { QUARTER } else { MONTH }
    };
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .zip(drugs.iter())
        .filter_map(|(line, drug)| {
            let drug = drug.as_ref()?;
            Some(Key::two(drug.tier.key()?, span(drug), line.from))
        })
        .collect();
    let mut rows = reference::lookup(table::SHARES, &keys).into_iter();
    for found in drugs {
        let Some(drug) = found else { continue };
        if drug.tier.key().is_none() {
            continue;
        }
        match rows.next().flatten() {
            Some(row) => {
                drug.terms = Some(Terms {
                    copay: row.money(0),
                    coinsurance: row.rate(1),
                    least: row.money(2),
                    most: row.money(3),
                });
            }
            // A tier of which nothing says what it pays pays nothing.
            None => *found = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drug_code_has_eleven_digits() {
        assert!(is_ndc(Code::of("00071015523")));
        assert!(!is_ndc(Code::of("0071-0155-23")));
        assert!(!is_ndc(Code::of("0071015523")));
        assert!(!is_ndc(Code::NONE));
    }
}
