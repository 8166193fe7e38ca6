//! Fees of professional services: relative values, what modifiers make of a
//! fee, and what several procedures of one day make of each other. All numbers
//! are data; the constants are Medicare's.
//!
//! Ranking compares each line with each: it is made for professional claims, of
//! at most 50 lines.

use alloc::vec::Vec;

use tally_types::{Code, Money, Quantity, Rate, Rounding, ShortCode, UnitPrice};

use crate::claim::{Claim, Line};
use crate::reference::Row;

/// Relative values of a service, with two places or more: work, practice
/// expense in and out of a facility, malpractice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelativeValues {
    /// Work.
    pub work: Quantity,
    /// Practice expense in a facility.
    pub facility: Quantity,
    /// Practice expense elsewhere.
    pub non_facility: Quantity,
    /// Malpractice.
    pub malpractice: Quantity,
}

/// The geographic practice cost indices of a locality.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Locality {
    /// Of work.
    pub work: Rate,
    /// Of practice expense.
    pub practice: Rate,
    /// Of malpractice.
    pub malpractice: Rate,
}

impl Locality {
    /// From a table row of three rates: work, practice expense, malpractice.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        Self {
            work: row.rate(0),
            practice: row.rate(1),
            malpractice: row.rate(2),
        }
    }
}

impl RelativeValues {
    /// From a table row of four rates, in the order of the published file: work,
    /// practice expense elsewhere and in a facility, malpractice.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        Self {
            work: row.quantity(0),
            non_facility: row.quantity(1),
            facility: row.quantity(2),
            malpractice: row.quantity(3),
        }
    }

    /// A fee: (work × index + practice expense × index + malpractice × index) ×
    /// conversion factor × every factor, rounded once to the cent (42 CFR 414.20
    /// (a)). `None` when it cannot be held.
    #[must_use]
    pub const fn fee(
        &self,
        locality: &Locality,
        conversion: UnitPrice,
        in_facility: bool,
        factors: &[Rate],
        rounding: Rounding,
    ) -> Option<Money> {
        let practice = if in_facility {
            self.facility
        } else {
            self.non_facility
        };
        conversion.extend_sum(
            &[
                (self.work, locality.work),
                (practice, locality.practice),
                (self.malpractice, locality.malpractice),
            ],
            factors,
            rounding,
        )
    }
}

/// Places of service at which the facility's practice expense counts (CMS 100-04
/// ch. 12 §20.4.2): a facility bills for itself there.
pub const FACILITIES: &[ShortCode] = &[
    ShortCode::of("02"),
    ShortCode::of("19"),
    ShortCode::of("21"),
    ShortCode::of("22"),
    ShortCode::of("23"),
    ShortCode::of("24"),
    ShortCode::of("26"),
    ShortCode::of("31"),
    ShortCode::of("34"),
    ShortCode::of("41"),
    ShortCode::of("42"),
    ShortCode::of("51"),
    ShortCode::of("52"),
    ShortCode::of("53"),
    ShortCode::of("56"),
    ShortCode::of("61"),
];

/// Whether a place of service is one of a list.
#[must_use]
pub fn is_facility(place: ShortCode, facilities: &[ShortCode]) -> bool {
    facilities.contains(&place)
}

/// What a fee schedule says of a modifier for one service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    /// The modifier's factor applies.
    Applies,
    /// It changes nothing: the fee stands as it is.
    Ignored,
    /// It is not payable with this modifier.
    NotPayable,
    /// It is payable when documents show the need.
    Documented,
}

/// The fee schedule's indicator for modifier 50: 1 applies (150 %); 0, 2, 3 and
/// 9 do not, 2 having both sides in its fee and 3 paying each in full (CMS
/// 100-04 ch. 12 §40.7).
#[must_use]
pub const fn bilateral(indicator: i64) -> Permission {
    match indicator {
        1 => Permission::Applies,
        _ => Permission::Ignored,
    }
}

/// The fee schedule's indicator for an assistant at surgery (80, 81, 82, AS) or
/// co-surgeons (62): 0 with documents, 1 and 2 as named; for co-surgeons 0 is
/// not payable and 1 is with documents (CMS 100-04 ch. 12 §20.4.3, §40.8).
#[must_use]
pub const fn second_surgeon(indicator: i64, co_surgeon: bool) -> Permission {
    match (indicator, co_surgeon) {
        (2, _) => Permission::Applies,
        (0, false) | (1, true) => Permission::Documented,
        _ => Permission::NotPayable,
    }
}

/// What a modifier makes of a fee.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModifierRule {
    /// The modifier.
    pub modifier: ShortCode,
    /// The factor of the fee.
    pub factor: Rate,
    /// Rules of one group exclude each other: of them the line's first modifier
    /// counts. Those of different groups multiply.
    pub group: u8,
}

const fn rule(modifier: &str, millionths: i64, group: u8) -> ModifierRule {
    ModifierRule {
        modifier: ShortCode::of(modifier),
        factor: Rate::from_scaled(millionths),
        group,
    }
}

/// Medicare's factors: both sides 150 % (CMS 100-04 ch. 12 §40.7), an assistant
/// 16 %, a physician's assistant at surgery 85 % of that (§20.4.3, §110.2), each
/// co-surgeon 62.5 % (§40.8). What Medicare leaves to its contractors (52, 53,
/// 22) and what has a fee of its own (26, TC) is not in it.
pub const MEDICARE_MODIFIERS: &[ModifierRule] = &[
    rule("50", 1_500_000, 1),
    rule("80", 160_000, 2),
    rule("81", 160_000, 2),
    rule("82", 160_000, 2),
    rule("AS", 136_000, 2),
    rule("62", 625_000, 2),
];

/// The factors of a line's modifiers, for [`UnitPrice::extend_by`] or
/// [`RelativeValues::fee`], which round their product once. A modifier without a
/// rule, and a second one of a group, changes nothing. `applies` says of each
/// whether it counts ([`bilateral`], [`second_surgeon`]).
#[must_use]
pub fn factors(
    line: &Line,
    rules: &[ModifierRule],
    applies: impl Fn(ShortCode) -> bool,
) -> Vec<Rate> {
    let mut groups = Vec::new();
    let mut factors = Vec::new();
    for modifier in line.modifiers {
        let found = rules.iter().find(|rule| rule.modifier == modifier);
        if let Some(rule) = found
            && !modifier.is_none()
            && !groups.contains(&rule.group)
            && applies(modifier)
        {
            groups.push(rule.group);
            factors.push(rule.factor);
        }
    }
    factors
}

/// Which component of a service a line bills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Component {
    /// Both.
    Global,
    /// The professional one: modifier 26.
    Professional,
    /// The technical one: modifier TC.
    Technical,
}

impl Component {
    /// Of a line: the first of its modifiers that names one. Its code is the
    /// second of the fee's key where a fee schedule lists components apart
    /// ([`Component::key`]).
    #[must_use]
    pub fn of(line: &Line) -> Self {
        let mut modifiers = line.modifiers.iter();
        modifiers
            .find_map(|modifier| match *modifier {
                PROFESSIONAL => Some(Self::Professional),
                TECHNICAL => Some(Self::Technical),
                _ => None,
            })
            .unwrap_or(Self::Global)
    }

    /// `26`, `TC`, or none.
    #[must_use]
    pub fn key(self) -> Code {
        match self {
            Self::Global => Code::NONE,
            Self::Professional => PROFESSIONAL.into(),
            Self::Technical => TECHNICAL.into(),
        }
    }
}

const PROFESSIONAL: ShortCode = ShortCode::of("26");
const TECHNICAL: ShortCode = ShortCode::of("TC");

/// Medicare's multiple-procedure rates: the highest in full and up to four more
/// at half; what comes after them is decided by report (CMS 100-04 ch. 12
/// §40.6).
pub const MEDICARE_RANKS: &[Rate] = &[
    Rate::ONE,
    Rate::percent(50),
    Rate::percent(50),
    Rate::percent(50),
    Rate::percent(50),
];

/// Ranks the fees of one day and provider: the highest is paid at the first of
/// `rates`, the next at the second, and so on; beyond them at `beyond`. Of equal
/// fees the earlier line comes first. Each is rounded once. `fees` has `None`
/// for lines that the reduction does not concern; a line whose fee cannot be
/// held has none either.
#[must_use]
pub fn rank_procedures(
    claim: &Claim,
    fees: &[Option<Money>],
    rates: &[Rate],
    beyond: Rate,
    rounding: Rounding,
) -> Vec<Option<Money>> {
    let units = fees.iter().enumerate().map(|(i, fee)| (*fee, i));
    let units: Vec<(Option<Money>, usize)> = units.collect();
    let ranked = ranks(claim, &units);
    let each = fees.iter().zip(ranked);
    each.map(|(fee, rank)| fee.as_ref()?.share(rate_of(rates, rank, beyond), rounding))
        .collect()
}

fn rate_of(rates: &[Rate], rank: usize, beyond: Rate) -> Rate {
    rates.get(rank).copied().unwrap_or(beyond)
}

/// Whether two lines are of one session.
fn together(claim: &Claim, one: usize, other: usize) -> bool {
    match (claim.lines.get(one), claim.lines.get(other)) {
        (Some(one), Some(other)) => one.from == other.from && one.rendering == other.rendering,
        _ => false,
    }
}

/// The rank of each line, from zero. Lines that name the same line as their
/// head are one unit, of the value that stands beside.
fn ranks(claim: &Claim, units: &[(Option<Money>, usize)]) -> Vec<usize> {
    units
        .iter()
        .map(|(value, head)| {
            let above = units
                .iter()
                .enumerate()
                .filter(|(j, (theirs, their_head))| {
                    j == their_head
                        && theirs.is_some()
                        && together(claim, *head, *their_head)
                        && (theirs > value || (theirs == value && their_head < head))
                });
            above.count()
        })
        .collect()
}

/// A procedure, as the multiple-procedure rules see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ranked {
    /// Its fee.
    pub fee: Money,
    /// Of an endoscopy: the base procedure of its family, and that one's fee.
    pub base: Option<(Code, Money)>,
}

/// Ranks as [`rank_procedures`], with endoscopies by family (CMS 100-04 ch. 12
/// §40.6 C): of a family the highest is paid its fee and each other what its fee
/// exceeds the base's by; the base itself beside another of its family is paid
/// nothing. A family then counts as one procedure of its sum among the others
/// of the day, and each of its lines is paid at the family's rank. Each line is
/// rounded once.
#[must_use]
pub fn rank_with_endoscopies(
    claim: &Claim,
    procedures: &[Option<Ranked>],
    rates: &[Rate],
    beyond: Rate,
    rounding: Rounding,
) -> Vec<Option<Money>> {
    let family = |i: usize| procedures.get(i).copied().flatten();
    let same_family = |i: usize, j: usize| {
        let bases = (
            family(i).and_then(|procedure| procedure.base),
            family(j).and_then(|procedure| procedure.base),
        );
        matches!(bases, (Some((one, _)), Some((other, _))) if one == other) && together(claim, i, j)
    };
    // What each is worth within its family, and its family's head.
    let mut worth: Vec<(Option<Money>, usize)> = Vec::with_capacity(procedures.len());
    for (i, procedure) in procedures.iter().enumerate() {
        let Some(procedure) = procedure else {
            worth.push((None, i));
            continue;
        };
        let head = (0..procedures.len())
            .filter(|j| same_family(i, *j) || i == *j)
            .fold(i, |best, j| {
                let fee = |at| family(at).map(|procedure| procedure.fee);
                let higher = fee(j) > fee(best) || (fee(j) == fee(best) && j < best);
                if higher { j } else { best }
            });
        let base = procedure.base.map_or(Money::ZERO, |(_, fee)| fee);
        let value = if head == i {
            procedure.fee
        } else {
            procedure.fee.less(base)
        };
        worth.push((Some(value), head));
    }
    let units: Vec<(Option<Money>, usize)> = worth
        .iter()
        .map(|(value, head)| {
            let members = worth.iter().filter(|(_, other)| other == head);
            let sum = Money::checked_sum(members.filter_map(|(value, _)| *value));
            (value.and(sum), *head)
        })
        .collect();
    let ranked = ranks(claim, &units);
    worth
        .iter()
        .zip(ranked)
        .map(|((value, _), rank)| {
            value
                .as_ref()?
                .share(rate_of(rates, rank, beyond), rounding)
        })
        .collect()
}
