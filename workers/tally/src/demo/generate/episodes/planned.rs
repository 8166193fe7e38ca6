//! Planned care: imaging, surgery, infusions, equipment, and whether the plan
//! was asked first.

use tally_types::ServiceDate;

use super::{acute, some_day};
use crate::demo::generate::bill::BillId;
use crate::demo::generate::desk::Desk;
use crate::demo::generate::families::Household;
use crate::demo::generate::providers::{self, Panel};
use crate::demo::generate::time::{self, plus, workday};

/// Pictures to be authorised, with the complaint and a plain picture.
const PICTURES: &[(&str, &str, &str)] = &[
    ("72148", "M54.16", "72100"),
    ("73721", "M25.561", "73562"),
    ("70551", "G43.909", ""),
    ("74177", "R10.9", "76700"),
    ("71260", "R91.8", "71046"),
];
/// Operations of a day, with the complaint and who does them.
const OPERATIONS: &[(&str, &str, &Panel)] = &[
    ("29881", "M23.209", &providers::BONES),
    ("47562", "K80.20", &providers::SURGERY),
    ("49505", "K40.90", &providers::SURGERY),
    ("66984", "H25.9", &providers::EYES),
];
/// Drugs given by the unit, with the illness and the units of one time.
const INFUSIONS: &[(&str, &str, i64)] = &[("J1745", "K50.90", 120), ("J9271", "C34.90", 200)];
/// Equipment rented by the month.
const RENTALS: &[(&str, &str)] = &[
    ("E0601", "G47.33"),
    ("E0260", "M62.81"),
    ("K0001", "M62.81"),
];

/// A visit to a specialist, a plain picture, then the large one, authorised.
pub fn imaging_authorized(desk: &mut Desk, home: &mut Household, member: usize) {
    for _ in 0..2 {
        imaging(desk, home, member, true);
    }
}

/// The same when nobody asked: denied.
pub fn imaging_unauthorized(desk: &mut Desk, home: &mut Household, member: usize) {
    for _ in 0..2 {
        imaging(desk, home, member, false);
    }
}

fn imaging(desk: &mut Desk, home: &mut Household, member: usize, authorized: bool) {
    let start = some_day(desk, 60);
    let (picture, complaint, plain) = desk.dice.pick(PICTURES);
    let npi = desk.choose(&providers::BONES);
    let mut when = plus(start, 9);
    if let Some(mut bill) = desk.visit(home.member(member), npi, start, &[complaint]) {
        bill.add(desk.dice.pick(&["99203", "99213", "99214"]));
        if !plain.is_empty() {
            bill.add(plain);
        }
        when = plus(bill.day(), 9);
        desk.send(bill);
    }
    if authorized {
        home.authorize(member, picture, start, 90, 1);
    }
    let npi = desk.choose(&providers::IMAGING);
    if let Some(mut bill) = desk.visit(home.member(member), npi, when, &[complaint]) {
        let share = desk.dice.below(4);
        let line = bill.add(picture);
        if share == 0 {
            line.modifier("26");
        }
        desk.send(bill);
    }
}

/// The picture that begins the claim worth explaining: authorised, and with a
/// copayment and most of a deductible.
pub fn first_imaging(
    desk: &mut Desk,
    home: &mut Household,
    member: usize,
    day: ServiceDate,
) -> Option<BillId> {
    let number = home.authorize(member, "72148", plus(day, -10), 90, 1);
    let imaging = home.imaging;
    let mut bill = desk.visit(home.member(member), imaging, day, &["M54.16"])?;
    bill.add("72148");
    bill.authorizations.push(number);
    Some(desk.send_after(bill, 5))
}

/// A new knee: consultation, pictures, tests, operation, stay, therapy.
pub fn knee_replacement(desk: &mut Desk, home: &mut Household, member: usize) {
    let start = some_day(desk, 180);
    let surgeon = desk.choose(&providers::BONES);
    let complaint: &[&'static str] = &["M17.11", "I10"];
    let Some(mut bill) = desk.visit(home.member(member), surgeon, start, complaint) else {
        return;
    };
    bill.add("99204");
    bill.add("73562").modifier("RT");
    bill.add("20610").modifier("RT");
    bill.add("J3301").units(40);
    let seen = bill.day();
    desk.send(bill);

    let laboratory = home.laboratory;
    if let Some(mut bill) = desk.visit(home.member(member), laboratory, plus(seen, 30), complaint) {
        bill.add_all(&["36415", "80053", "85025"]);
        desk.send(bill);
    }

    let day = workday(plus(seen, 38));
    let number = home.authorize(member, "27447", plus(day, -20), 60, 1);
    home.authorize(member, "0120", plus(day, -20), 60, 3);
    if let Some(bill) = desk.walk_in(home.member(member), surgeon, day, complaint) {
        let mut bill = bill.at("21");
        bill.add("27447").modifier("RT");
        bill.authorizations.push(number);
        desk.send(bill);
    }
    if let Some(mut bill) = acute::stay(desk, home, member, day, 3) {
        bill.diagnoses[0] = "M17.11";
        desk.send(bill);
    }
    if let Some(mut bill) = desk.visit(home.member(member), surgeon, plus(day, 21), complaint) {
        bill.add("99213");
        bill.add("73562").modifier("RT");
        desk.send(bill);
    }
    let therapist = desk.dice.pick(providers::THERAPY.inside);
    let mut next = plus(day, 25);
    for visit in 0..9 {
        let after = &["Z96.651"];
        if let Some(mut bill) = desk.visit(home.member(member), therapist, next, after) {
            if visit == 0 {
                bill.add("97161");
            }
            bill.add("97110").units(2);
            desk.send(bill);
        }
        next = plus(next, 4);
    }
}

/// An operation after which one goes home, authorised.
pub fn day_surgery(desk: &mut Desk, home: &mut Household, member: usize) {
    operation(desk, home, member, true);
}

/// The same when nobody asked: denied.
pub fn day_surgery_unauthorized(desk: &mut Desk, home: &mut Household, member: usize) {
    operation(desk, home, member, false);
}

fn operation(desk: &mut Desk, home: &mut Household, member: usize, authorized: bool) {
    let start = some_day(desk, 90);
    let (code, complaint, panel) = desk.dice.pick(OPERATIONS);
    let surgeon = desk.choose(panel);
    let Some(mut bill) = desk.visit(home.member(member), surgeon, start, &[complaint]) else {
        return;
    };
    bill.add("99204");
    let seen = bill.day();
    desk.send(bill);
    let day = workday(plus(seen, 24));
    if authorized {
        home.authorize(member, code, seen, 120, 2);
    }
    if let Some(bill) = desk.walk_in(home.member(member), surgeon, day, &[complaint]) {
        let mut bill = bill.at("24");
        bill.add(code);
        desk.send(bill);
    }
    let who = home.member(member);
    if let Some(mut bill) = desk.visit(who, surgeon, plus(day, 14), &[complaint]) {
        bill.add("99212");
        desk.send(bill);
    }
}

/// A course of infusions: the first two wait for an authorisation, the others
/// have one and take the member to the out-of-pocket limit.
pub fn infusions(desk: &mut Desk, home: &mut Household, member: usize) {
    let start = some_day(desk, 150);
    let (drug, illness, units) = desk.dice.pick(INFUSIONS);
    let npi = desk.choose(&providers::INFUSION);
    home.authorize(member, drug, plus(start, 30), 180, units * 6);
    let mut next = start;
    for _ in 0..6 {
        let who = home.member(member);
        if let Some(mut bill) = desk.visit(who, npi, next, &[illness]) {
            bill.add("96413");
            bill.add(drug).units(units);
            desk.send(bill);
        }
        next = plus(next, 21);
    }
}

/// Rented equipment that nobody has authorised yet: the claims wait.
pub fn rental_unauthorized(desk: &mut Desk, home: &mut Household, member: usize) {
    rental(desk, home, member, false);
}

/// Rented equipment, authorised.
pub fn rental_authorized(desk: &mut Desk, home: &mut Household, member: usize) {
    rental(desk, home, member, true);
}

fn rental(desk: &mut Desk, home: &mut Household, member: usize, authorized: bool) {
    let start = some_day(desk, 130);
    let (item, reason) = desk.dice.pick(RENTALS);
    let npi = desk.choose(&providers::SUPPLIES);
    if authorized {
        home.authorize(member, item, plus(start, -5), 150, 4);
    }
    let months = if authorized { 4 } else { 3 };
    for month in 0..months {
        let day = plus(start, 30 * month);
        if plus(day, 29) > time::LAST {
            break;
        }
        if let Some(bill) = desk.walk_in(home.member(member), npi, day, &[reason]) {
            let mut bill = bill.at("12");
            bill.add(item).modifier("RR").through(plus(day, 29));
            desk.send(bill);
        }
    }
}

/// A procedure without a code of its own: the claim waits for the records.
pub fn unlisted(desk: &mut Desk, home: &mut Household, member: usize) {
    for code in ["20999", "64999", "99499"] {
        let start = some_day(desk, 40);
        let npi = desk.choose(&providers::BONES);
        if let Some(mut bill) = desk.visit(home.member(member), npi, start, &["M79.18"]) {
            bill.add("99212").modifier("25");
            bill.add(code);
            desk.send(bill);
        }
    }
}

/// A test of hearing, then aids that pass the benefit's maximum.
pub fn hearing_aids(desk: &mut Desk, home: &mut Household, member: usize) {
    let start = some_day(desk, 60);
    let npi = desk.choose(&providers::HEARING);
    let who = home.member(member);
    for (code, after) in [("V5257", 0), ("V5261", 40)] {
        if let Some(mut bill) = desk.visit(who, npi, plus(start, after), &["H91.90"]) {
            bill.add(code);
            desk.send(bill);
        }
    }
}
