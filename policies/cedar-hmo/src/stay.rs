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
/// The days before it.
const EARLY: usize = LATER as usize - 1;
/// Days before a stay within which earlier ones are of its episode, clause 5.3; and
/// after a bill within which later bills of the stay are looked for, clause 3.8.
const EPISODE: i32 = 30;

/// A stay.
pub struct Stay {
    /// Its benefit.
    pub benefit: Benefit,
    /// Whether the admission was an emergency, clause 3.7.
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
            .map(|line| Key::one(line.revenue.into(), line.from))
            .collect();
        let diems = reference::lookup(table::DIEMS, &keys);
        let rooms: Vec<bool> = claim.lines.iter().map(on_file::is_room).collect();

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
                by_room(claim, admitted, &rooms, &diems, included),
                false,
                clause::PER_DIEM,
            )
        };
        let last = last_day(bill, admitted);
        let whole = whatever || !rooms.contains(&true);
        Some(Self {
            benefit,
            emergency: bill.admission_type == EMERGENCY,
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

/// Clause 3.3: the daily prices of the rooms together; none without a room, or with
/// one that has no price. Which day of the stay a day is, is told by its date, or is
/// the next that is not taken.
fn by_room(
    claim: &Claim,
    admitted: ServiceDate,
    rooms: &[bool],
    diems: &[Option<reference::Row>],
    included: &[bool],
) -> Option<Money> {
    let lines = claim.lines.iter().zip(diems);
    let part = lines.zip(rooms.iter().zip(included));
    let mut rooms: Vec<(&Line, Option<reference::Row>)> = part
        .filter(|(_, (room, included))| **room && **included)
        .map(|((line, row), _)| (line, *row))
        .collect();
    sort_by_key(&mut rooms, |(line, _)| {
        (line.from, line.through, line.revenue)
    });
    rooms.first()?;
    let mut taken = [false; EARLY];
    let billed = on_file::days(claim.billing, admitted, EARLY as i32);
    for (from, days) in billed.into_iter().enumerate() {
        take(&mut taken, from, days);
    }
    let mut sum = Money::ZERO;
    for (line, row) in rooms {
        let row = row?;
        let days = days_of(line.quantity);
        let gone = usize::try_from(line.from.days_since(admitted)).unwrap_or(0);
        let early = take(&mut taken, gone, days);
        let tier = |from_day, column| DayTier {
            from_day,
            amount: row.money(column),
        };
        let tiers = [tier(1, 0), tier(early.saturating_add(1), 1)];
        sum = sum.checked_add(by_day(&tiers, 1, days)?)?;
    }
    Some(sum)
}

/// Takes so many days of a stay that begin when some are gone, each the first that is
/// free from its own on, and says how many of them are early ones. All later days cost
/// the same, so that it does not matter which of them are taken.
fn take(taken: &mut [bool; EARLY], gone: usize, days: u32) -> u32 {
    let mut early = 0u32;
    for own in (gone..EARLY).take(days as usize) {
        let free = taken.iter_mut().skip(own).find(|taken| !**taken);
        if let Some(free) = free {
            *free = true;
            early = early.saturating_add(1);
        }
    }
    early
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
/// from its first day through the last that belongs with its bill.
fn days_before(admitted: ServiceDate, last: ServiceDate) -> u32 {
    let begin = admitted.plus_days(-EPISODE).unwrap_or(ServiceDate::MIN);
    let within: Vec<Question> = on_file::begun(begin, last)
        .into_iter()
        .map(|room| on_file::ask(Measure::Units, room, begin, last))
        .collect();
    let units = history::query(&within);
    let units = units.into_iter().fold(0, i64::saturating_add);
    days_of(Quantity::from_scaled(units)).saturating_add(days_into(begin))
}

/// The days from one on of rooms that began before it. History knows a line by its
/// first day, so that those of each room are gone through from the last to the first.
fn days_into(begin: ServiceDate) -> u32 {
    let day_before = |day: ServiceDate| day.plus_days(-1);
    let Some(before) = day_before(begin) else {
        return 0;
    };
    let rooms = on_file::begun(ServiceDate::MIN, before);
    let mut open: Vec<_> = rooms.into_iter().map(|room| (room, before)).collect();
    let mut days = 0u32;
    while !open.is_empty() {
        let last = |(room, through): &(ShortCode, ServiceDate)| {
            on_file::ask(Measure::LastDate, *room, ServiceDate::MIN, *through)
        };
        let last = history::query(&open.iter().map(last).collect::<Vec<_>>());
        let began: Vec<(ShortCode, ServiceDate)> = open
            .iter()
            .zip(last)
            .filter_map(|((room, _), day)| Some((*room, history::as_date(day)?)))
            .collect();
        let of = |(room, day): &(ShortCode, ServiceDate)| {
            on_file::ask(Measure::Units, *room, *day, *day)
        };
        let units = history::query(&began.iter().map(of).collect::<Vec<_>>());
        for ((_, day), units) in began.iter().zip(units) {
            let all = days_of(Quantity::from_scaled(units));
            let gone = u32::try_from(begin.days_since(*day)).unwrap_or(0);
            days = days.saturating_add(all.saturating_sub(gone));
        }
        let earlier = began.into_iter();
        open = earlier
            .filter_map(|(room, day)| Some((room, day_before(day)?)))
            .collect();
    }
    days
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
