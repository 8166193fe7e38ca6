//! Hospital stays: what the whole claim is allowed, spread over its lines.

use alloc::vec::Vec;

use tally_sdk::Institutional;
use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::pricing::drg::{Drg, Transfer};
use tally_sdk::pricing::{DayTier, by_day, days_of, price_lines, stay_days};
use tally_sdk::reference::Key;

use crate::category::{Benefit, DELIVERY, NEWBORN, STAY};
use crate::clauses::clause;
use crate::on_file;
use crate::plan::{ROUNDING, table};
use crate::service::{Hospital, Price};

/// The type of bill of hospital stays.
const INPATIENT: ShortCode = ShortCode::of("11");
/// An emergency, as a type of admission.
const EMERGENCY: ShortCode = ShortCode::of("1");
/// Transferred to another hospital, as a discharge status.
const TRANSFERRED: ShortCode = ShortCode::of("02");
/// Still a patient, as a discharge status.
const STILL_THERE: ShortCode = ShortCode::of("30");
/// From this day of a stay the later daily price holds, clause 3.3.
const LATER: u32 = 4;
/// Days before a stay within which earlier ones are of its episode, clause 5.3; and
/// after a bill within which later bills of the stay are looked for, clause 3.8.
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
    /// Whether an earlier bill of it is on file that this one adds nothing to,
    /// clause 3.8.
    pub included: bool,
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
            let hospital = Hospital::of(claim.billing, core::iter::once(admitted));
            let rates = hospital.first().and_then(|hospital| hospital.rates);
            let price = rates.and_then(|rates| {
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
                by_room(claim, admitted, &diems, included),
                false,
                clause::PER_DIEM,
            )
        };
        let emergency =
            bill.admission_type == EMERGENCY || claim.lines.iter().any(|line| line.emergency);
        let last = last_day(bill, admitted);
        let billed = |line: &Line| on_file::is_room(line.service());
        let whole = whatever || !claim.lines.iter().any(billed);
        Some(Self {
            benefit,
            emergency,
            admitted,
            days: match rooms.contains(&true) {
                false => nights,
                true => rooms_of(claim, &rooms, included),
            },
            first_day: match benefit == STAY {
                true => days_before(admitted, last).saturating_add(1),
                false => 1,
            },
            rooms,
            included: whole && on_file::has_rooms(claim.billing, admitted, last),
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

/// The last day on which a room may begin that belongs with a bill: the day of
/// discharge has none. Of a patient who is still there later bills may have come
/// before this one.
fn last_day(bill: &Institutional, admitted: ServiceDate) -> ServiceDate {
    let more = match bill.discharge == STILL_THERE {
        true => EPISODE,
        false => -1,
    };
    let last = bill.through.plus_days(more).unwrap_or(bill.through);
    last.max(admitted)
}

/// Clause 3.3: the daily prices of the rooms together; none without a room that
/// has one. Which day of the stay a day is, is told by its date; of rooms that share
/// days, also with what is on file, the later goes on after the earlier.
fn by_room(
    claim: &Claim,
    admitted: ServiceDate,
    diems: &[Option<reference::Row>],
    included: &[bool],
) -> Option<Money> {
    let lines = claim.lines.iter().zip(diems).zip(included);
    let mut rooms: Vec<(&Line, reference::Row)> = lines
        .filter_map(|((line, row), included)| row.filter(|_| *included).map(|row| (line, row)))
        .collect();
    sort_by_key(&mut rooms, |(line, _)| {
        (line.from, line.through, line.service())
    });
    let (first, _) = rooms.first()?;
    let mut next = on_file::days(claim.billing, admitted, first.from).saturating_add(1);
    let mut sum = Money::ZERO;
    for (line, row) in rooms {
        let tier = |from_day, column| DayTier {
            from_day,
            amount: row.money(column),
        };
        let days = days_of(line.quantity);
        let gone = u32::try_from(line.from.days_since(admitted)).unwrap_or(0);
        let day = next.max(gone.saturating_add(1));
        let amount = by_day(&[tier(1, 0), tier(LATER, 1)], day, days)?;
        sum = sum.checked_add(amount)?;
        next = day.saturating_add(days);
    }
    Some(sum)
}

/// The days of room of the lines that are part of the stay.
fn rooms_of(claim: &Claim, rooms: &[bool], included: &[bool]) -> u32 {
    let lines = claim.lines.iter().zip(rooms).zip(included);
    lines
        .filter(|((_, room), included)| **room && **included)
        .fold(0, |days, ((line, _), _)| {
            days.saturating_add(days_of(line.quantity))
        })
}

/// The days of room that earlier claims were paid in the 30 days before a stay, and
/// from its first day through the last that belongs with its bill. History knows a
/// line by its first day: of what began before those 30 days the last of each room may
/// reach into them.
fn days_before(admitted: ServiceDate, last: ServiceDate) -> u32 {
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
    let within = |code: &Code| ask(Measure::Units, *code, begin, last);
    let units = history::query(&on_file::PRICED.iter().map(within).collect::<Vec<_>>());
    let units = units.into_iter().fold(0, i64::saturating_add);
    let last = |code: &Code| ask(Measure::LastDate, *code, ServiceDate::MIN, before);
    let last = history::query(&on_file::PRICED.iter().map(last).collect::<Vec<_>>());
    let began: Vec<(Code, ServiceDate)> = on_file::PRICED
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
