//! What goes wrong in the ordinary way: filed late, outside cover, a stranger
//! to enrolment, sent twice, not covered.

use tally_core::claim::Member;
use tally_types::ServiceDate;

use super::bill::{Bill, BillId, Kind};
use super::desk::{Desk, is_covered};
use super::families::{HARBOR, Household, MERIDIAN};
use super::providers;
use super::time::{self, day, plus, workday};

/// How many of a kind there are among `claims`, given how many among 1,000.
pub fn share(claims: usize, per_thousand: usize) -> usize {
    (claims * per_thousand + 500) / 1000
}

/// About how many bills [`add`] adds.
pub fn count(claims: usize) -> usize {
    let parts = [14, 10, 10, 12, 8, 16, 6, 3, 2, 2, 1];
    parts.iter().map(|part| share(claims, *part)).sum()
}

/// Adds them. Answers the exact duplicates: first and second sending.
pub fn add(desk: &mut Desk, homes: &[Household], claims: usize) -> Vec<[BillId; 2]> {
    for turn in 0..share(claims, 14) {
        filed_late(desk, homes, turn);
    }
    for _ in 0..share(claims, 10) {
        outside_cover(desk, homes);
    }
    for turn in 0..share(claims, 10) {
        unknown_member(desk, turn);
    }
    for _ in 0..share(claims, 8) {
        not_covered(desk, homes);
    }
    for turn in 0..share(claims, 16) {
        waiting(desk, homes, turn);
    }
    for _ in 0..share(claims, 6) {
        not_authorized(desk, homes);
    }
    for _ in 0..share(claims, 3) {
        out_of_network_chiropractic(desk, homes);
    }
    for _ in 0..share(claims, 2) {
        before_the_policy(desk, homes);
    }
    for turn in 0..share(claims, 2) {
        while_changing_cover(desk, homes, turn);
    }
    for _ in 0..share(claims, 1) {
        spectacles(desk, homes);
    }
    sent_twice(desk, share(claims, 12))
}

/// Someone of a product who is covered on a day.
pub fn someone<'a>(
    desk: &mut Desk,
    homes: &'a [Household],
    product: &str,
    on: ServiceDate,
) -> Option<(&'a Household, &'a Member)> {
    for _ in 0..200 {
        let home = &homes[desk.dice.below(homes.len())];
        let who = home.member(desk.dice.below(home.contract.members.len()));
        let of_product = who.span_on(on).is_some_and(|span| span.product == product);
        if of_product && is_covered(who, on) {
            return Some((home, who));
        }
    }
    None
}

/// A visit that reaches the plan after its time: 180 days, or a year.
fn filed_late(desk: &mut Desk, homes: &[Household], turn: usize) {
    let (product, latest, lag) = if turn % 5 == 4 {
        (MERIDIAN, 45, 372)
    } else {
        (HARBOR, 190, 185)
    };
    let start = workday(plus(time::FIRST, desk.dice.between(0, latest)));
    let Some((home, who)) = someone(desk, homes, product, start) else {
        return;
    };
    if let Some(mut bill) = desk.visit(who, home.doctor, start, &["J06.9"]) {
        bill.add("99213");
        let lag = lag + desk.dice.between(0, 40);
        desk.send_after(bill, lag);
    }
}

/// A service before the cover began, or after it ended.
fn outside_cover(desk: &mut Desk, homes: &[Household]) {
    for _ in 0..400 {
        let home = &homes[desk.dice.below(homes.len())];
        let who = home.member(desk.dice.below(home.contract.members.len()));
        let Some(span) = who.spans.first() else {
            continue;
        };
        let days = desk.dice.between(4, 55);
        let off = match span.through {
            Some(end) => plus(end, days),
            None => plus(span.from, -days),
        };
        let service = workday(off);
        let alive = service >= who.birth && who.death.is_none();
        if alive && who.span_on(service).is_none() && (time::FIRST..=time::LAST).contains(&service)
        {
            let mut bill = Bill::new(&who.id, home.doctor, service, &["R05.9"]);
            bill.add("99213");
            desk.send(bill);
            return;
        }
    }
}

/// Someone enrolment does not know.
fn unknown_member(desk: &mut Desk, turn: usize) {
    // Some are plainly slips of the pen, some are nobody.
    let member = if turn.is_multiple_of(3) {
        format!("HB-{:05}-0O", desk.dice.below(40))
    } else {
        format!("XX-{:05}-01", desk.dice.below(90_000))
    };
    let days = time::LAST.days_since(time::FIRST);
    let service = workday(plus(time::FIRST, desk.dice.between(0, days - 5)));
    let npi = desk.choose(&providers::PRIMARY);
    let mut bill = Bill::new(&member, npi, service, &["J02.9"]);
    bill.add("99203");
    bill.add("87426");
    desk.send(bill);
}

/// What the plan covers for no one, alone or next to what it does.
fn not_covered(desk: &mut Desk, homes: &[Household]) {
    let start = plus(time::FIRST, desk.dice.between(0, 380));
    let Some((home, who)) = someone(desk, homes, HARBOR, workday(start)) else {
        return;
    };
    let code = desk.dice.pick(&["A9270", "17380", "99075", "15820"]);
    if let Some(mut bill) = desk.visit(who, home.doctor, start, &["L68.0"]) {
        bill.add(code);
        if desk.dice.percent(25) {
            bill.add("99212");
        }
        desk.send(bill);
    }
}

/// What waits: for an authorisation, a supplier's enrolment, records.
fn waiting(desk: &mut Desk, homes: &[Household], turn: usize) {
    let start = plus(time::FIRST, desk.dice.between(0, 380));
    let (product, npi, code, diagnosis) = match turn % 4 {
        0 => (HARBOR, providers::SUPPLIES.inside[0], "K0001", "M62.81"),
        1 => (
            MERIDIAN,
            desk.dice.pick(providers::STRANGERS),
            "99213",
            "R42",
        ),
        2 => (HARBOR, providers::INFUSION.inside[0], "J1745", "K50.90"),
        _ => (HARBOR, desk.choose(&providers::BONES), "99499", "M79.18"),
    };
    let Some((_, who)) = someone(desk, homes, product, workday(start)) else {
        return;
    };
    if let Some(mut bill) = desk.visit(who, npi, start, &[diagnosis]) {
        let line = bill.add(code);
        if code == "J1745" {
            line.units(40);
        }
        desk.send(bill);
    }
}

/// A large picture that nobody asked the plan for.
fn not_authorized(desk: &mut Desk, homes: &[Household]) {
    let start = plus(time::FIRST, desk.dice.between(0, 380));
    let Some((home, who)) = someone(desk, homes, HARBOR, workday(start)) else {
        return;
    };
    if let Some(mut bill) = desk.visit(who, home.imaging, start, &["R51.9"]) {
        bill.add("70450");
        desk.send(bill);
    }
}

/// Chiropractic is covered in network only.
fn out_of_network_chiropractic(desk: &mut Desk, homes: &[Household]) {
    let start = plus(time::FIRST, desk.dice.between(0, 380));
    let npi = providers::SPINE.outside[0];
    let Some((_, who)) = someone(desk, homes, HARBOR, workday(start)) else {
        return;
    };
    if let Some(mut bill) = desk.visit(who, npi, start, &["M99.03"]) {
        bill.add("98941");
        desk.send(bill);
    }
}

/// A service of the year before any policy is in force: the claim waits.
fn before_the_policy(desk: &mut Desk, homes: &[Household]) {
    let service = workday(day(2024, 12, desk.dice.between(2, 20).unsigned_abs()));
    let Some((home, who)) = someone(desk, homes, HARBOR, service) else {
        return;
    };
    let mut bill = Bill::new(&who.id, home.doctor, service, &["J06.9"]);
    bill.add("99213");
    desk.send_after(bill, 35);
}

/// A claim of the weeks in which a member changed products: in lines of either
/// side, or in one line that straddles the day. It waits to be split.
fn while_changing_cover(desk: &mut Desk, homes: &[Household], turn: usize) {
    let moved = homes.iter().find_map(|home| {
        let who = home.member(0);
        let [first, _] = who.spans.as_slice() else {
            return None;
        };
        first.through.map(|end| (home, who, end))
    });
    let Some((home, who, end)) = moved else {
        return;
    };
    if turn.is_multiple_of(2) {
        let before = plus(end, -3);
        let mut bill = Bill::new(&who.id, home.doctor, before, &["M54.50"]);
        bill.add("99213");
        let line = bill.add("99212");
        line.from = plus(end, 4);
        line.through = line.from;
        desk.send(bill);
    } else {
        let npi = providers::SUPPLIES.inside[0];
        let from = plus(end, -12);
        let mut bill = Bill::new(&who.id, npi, from, &["M25.561"]).at("12");
        bill.add("E0114").modifier("RR").through(plus(end, 17));
        desk.send(bill);
    }
}

/// A vision claim, of a kind neither product covers.
fn spectacles(desk: &mut Desk, homes: &[Household]) {
    let start = plus(time::FIRST, desk.dice.between(0, 380));
    let Some((_, who)) = someone(desk, homes, HARBOR, workday(start)) else {
        return;
    };
    if let Some(mut bill) = desk.visit(who, providers::EYES.inside[0], start, &["H52.4"]) {
        bill.kind = Kind::Vision;
        bill.add("92015");
        desk.send(bill);
    }
}

/// Office visits sent a second time, to the letter, a month later.
fn sent_twice(desk: &mut Desk, count: usize) -> Vec<[BillId; 2]> {
    let mut pairs = Vec::new();
    let originals = desk.len();
    for turn in 0..count {
        let start = turn * originals / count.max(1) + desk.dice.below(5);
        let found = (start..originals).map(BillId).find(|id| {
            let bill = desk.bill(*id);
            let office = bill.lines.iter().all(|line| line.code.starts_with("9921"));
            office && !bill.lines.is_empty() && !bill.reserved && bill.ready < day(2026, 1, 31)
        });
        if let Some(first) = found {
            desk.reserve_bill(first);
            let mut again = desk.bill(first).clone();
            let lag = again.ready.days_since(again.through());
            again.reserved = true;
            let later = desk.dice.between(28, 45);
            let second = desk.send_after(again, lag + later);
            pairs.push([first, second]);
        }
    }
    pairs
}
