//! Hospital stays: what the whole claim is allowed, spread over its lines.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::pricing::drg::{Drg, Transfer};
use tally_sdk::pricing::{DayTier, by_day, days_of, price_lines, stay_days};
use tally_sdk::reference::Key;

use crate::category::{Benefit, DELIVERY, NEWBORN, STAY};
use crate::clauses::clause;
use crate::plan::{ROUNDING, table};
use crate::service::{self, Price};

/// The type of bill of hospital stays.
const INPATIENT: ShortCode = ShortCode::of("11");
/// An emergency, as a type of admission.
const EMERGENCY: ShortCode = ShortCode::of("1");
/// Transferred to another hospital, as a discharge status.
const TRANSFERRED: ShortCode = ShortCode::of("02");
/// The rooms: those that earlier days are counted of.
const ROOMS: &[Code] = codes!("../tables/diems.csv");
/// From this day of a stay the later daily price holds, clause 3.3.
const LATER: u32 = 4;
/// Days before a stay within which earlier ones are of its episode, clause 5.3.
const EPISODE: i32 = 30;

/// A stay.
pub struct Stay {
    /// Its benefit.
    pub benefit: Benefit,
    /// Whether it began as an emergency.
    pub emergency: bool,
    /// The day of admission.
    pub admitted: ServiceDate,
    /// Its days of room on this claim.
    days: u32,
    /// Which day of the episode the first of them is.
    first_day: u32,
    /// Which lines are rooms.
    pub rooms: Vec<bool>,
    /// What each line allows, by position; none where the stay has no price.
    prices: Option<Vec<Option<Money>>>,
    whatever: bool,
    clause: ClauseId,
}

impl Stay {
    /// Whether a claim is for a stay.
    pub fn is_billed(claim: &Claim) -> bool {
        let bill = claim.institutional.as_ref();
        claim.kind == ClaimKind::Institutional
            && bill.is_some_and(|bill| bill.bill_type.starts_with(INPATIENT))
    }

    /// Of a claim for a stay. `included` says of each line whether it is part of
    /// it, and not refused for what it lacks.
    pub fn of(claim: &Claim, included: &[bool]) -> Option<Self> {
        let bill = claim.institutional.as_ref()?;
        let admitted = bill.admission.unwrap_or(bill.from);
        let nights = stay_days(admitted, bill.through);
        let group = Key::one(bill.drg.into(), admitted);
        let case = reference::row(table::CASES, group);
        let weights = reference::row(table::GROUPS, group);
        let keys: Vec<Key> = claim
            .lines
            .iter()
            .map(|line| Key::one(line.service(), line.from))
            .collect();
        let diems = reference::lookup(table::DIEMS, &keys);
        let rooms: Vec<bool> = diems.iter().map(Option::is_some).collect();

        let (benefit, price, whatever, clause) = if let Some(case) = case {
            let benefit = match case.number(1) {
                2 => NEWBORN,
                _ => DELIVERY,
            };
            (benefit, Some(case.money(0)), true, clause::CASE_RATE)
        } else if let Some(weights) = weights {
            let price = service::hospital_rates(claim).and_then(|rates| {
                let group = Drg::of(&weights, rates.money(0));
                if bill.discharge == TRANSFERRED {
                    group.transfer(nights, Transfer::PerDiem, ROUNDING)
                } else {
                    group.payment(ROUNDING)
                }
            });
            (STAY, price, true, clause::GROUP)
        } else {
            (
                STAY,
                by_room(claim, &diems, included),
                false,
                clause::PER_DIEM,
            )
        };
        let emergency =
            bill.admission_type == EMERGENCY || claim.lines.iter().any(|line| line.emergency);
        Some(Self {
            benefit,
            emergency,
            admitted,
            days: match rooms_of(claim, &rooms) {
                0 => nights,
                days => days,
            },
            first_day: match benefit == STAY {
                true => days_before(admitted).saturating_add(1),
                false => 1,
            },
            rooms,
            prices: price.and_then(|price| spread(claim, included, price, !whatever)),
            whatever,
            clause,
        })
    }

    /// What the line at a position allows.
    pub fn price_of(&self, position: usize) -> Option<Price> {
        let amount = self.prices.as_ref()?.get(position).copied().flatten()?;
        Some(Price {
            amount,
            whatever: self.whatever,
            clause: self.clause,
        })
    }

    /// Whether its rooms must be authorised, clause 4.2.
    pub fn authorized(&self) -> bool {
        self.benefit == STAY && !self.emergency
    }

    /// A copayment by the day, for so many days of the episode.
    pub fn copay_by_day(&self, copay: Money, most: u32) -> Money {
        let tiers = [
            DayTier {
                from_day: 1,
                amount: copay,
            },
            DayTier {
                from_day: most.saturating_add(1),
                amount: Money::ZERO,
            },
        ];
        by_day(&tiers, self.first_day, self.days).unwrap_or(Money::ZERO)
    }
}

/// Clause 3.3: the daily prices of the rooms together; none without a room that
/// has one.
fn by_room(claim: &Claim, diems: &[Option<reference::Row>], included: &[bool]) -> Option<Money> {
    let lines = claim.lines.iter().zip(diems).zip(included);
    let mut rooms = lines.filter_map(|((line, row), included)| match (row, included) {
        (Some(row), true) => Some((days_of(line.quantity), row)),
        _ => None,
    });
    let mut sum = Money::ZERO;
    let mut day = 1u32;
    let first = rooms.next()?;
    for (days, row) in core::iter::once(first).chain(rooms) {
        let tier = |from_day, column| DayTier {
            from_day,
            amount: row.money(column),
        };
        let amount = by_day(&[tier(1, 0), tier(LATER, 1)], day, days)?;
        sum = sum.checked_add(amount)?;
        day = day.saturating_add(days);
    }
    Some(sum)
}

/// The days of room that a claim bills.
fn rooms_of(claim: &Claim, rooms: &[bool]) -> u32 {
    let lines = claim.lines.iter().zip(rooms);
    lines.filter(|(_, room)| **room).fold(0, |days, (line, _)| {
        days.saturating_add(days_of(line.quantity))
    })
}

/// The days of room that earlier claims were paid in the 30 days before a stay, and on
/// its first. History knows a line by its first day: of what began before those 30 days
/// the last of each room may reach into them.
fn days_before(admitted: ServiceDate) -> u32 {
    let begin = admitted.plus_days(-EPISODE).unwrap_or(ServiceDate::MIN);
    let before = begin.plus_days(-1).unwrap_or(ServiceDate::MIN);
    let ask = |what, code, from, through| Question {
        what,
        code,
        provider: Code::NONE,
        from,
        through,
        family: false,
    };
    let within = |code: &Code| ask(Measure::Units, *code, begin, admitted);
    let units = history::query(&ROOMS.iter().map(within).collect::<Vec<_>>());
    let units = units.into_iter().fold(0, i64::saturating_add);
    let last = |code: &Code| ask(Measure::LastDate, *code, ServiceDate::MIN, before);
    let last = history::query(&ROOMS.iter().map(last).collect::<Vec<_>>());
    let began: Vec<(Code, ServiceDate)> = ROOMS
        .iter()
        .zip(last)
        .filter_map(|(code, day)| Some((*code, history::as_date(day)?)))
        .collect();
    let of = |(code, day): &(Code, ServiceDate)| ask(Measure::Units, *code, *day, *day);
    let long = history::query(&began.iter().map(of).collect::<Vec<_>>());
    began.iter().zip(long).fold(
        days_of(Quantity::from_scaled(units)),
        |days, (room, units)| {
            let all = days_of(Quantity::from_scaled(units));
            let gone = u32::try_from(begin.days_since(room.1)).unwrap_or(0);
            days.saturating_add(all.saturating_sub(gone))
        },
    )
}

/// Spreads a price over the lines that are part of the stay, by their charges.
fn spread(
    claim: &Claim,
    included: &[bool],
    price: Money,
    lesser: bool,
) -> Option<Vec<Option<Money>>> {
    let charges: Vec<Money> = claim
        .lines
        .iter()
        .zip(included)
        .filter(|(_, included)| **included)
        .map(|(line, _)| line.charge)
        .collect();
    let mut prices = price_lines(price, &charges, lesser)?.into_iter();
    let each = included.iter();
    Some(
        each.map(|included| if *included { prices.next() } else { None })
            .collect(),
    )
}
