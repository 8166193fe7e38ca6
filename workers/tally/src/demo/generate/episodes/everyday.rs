//! Everyday care: well visits, colds, chronic illness and its tests.

use tally_core::claim::Sex;
use tally_types::ServiceDate;

use super::some_day;
use crate::demo::generate::bill::BillId;
use crate::demo::generate::desk::Desk;
use crate::demo::generate::families::Household;
use crate::demo::generate::providers::{self, Npi};
use crate::demo::generate::time::{self, day, plus};

/// Colds and other short troubles: diagnosis and a test, if any.
const TROUBLES: &[(&str, &str)] = &[
    ("J06.9", ""),
    ("J02.9", "87426"),
    ("H66.90", ""),
    ("R05.9", ""),
    ("M54.50", ""),
    ("N39.0", "87086"),
    ("L30.9", ""),
    ("R53.83", "85025"),
    ("J45.20", "94010"),
];
/// Chronic illnesses, with the laboratory's tests for them.
const CHRONIC: &[(&[&str], &[&str])] = &[
    (&["I10", "E78.5"], &["36415", "80053", "80061"]),
    (&["E11.9", "I10"], &["36415", "80053", "83036"]),
    (&["E03.9"], &["36415", "84443"]),
    (&["E78.5"], &["36415", "80061"]),
    (&["E55.9", "M81.0"], &["36415", "82306", "80048"]),
];

/// A member's fourteen months of everyday care.
pub fn care(desk: &mut Desk, home: &Household, member: usize) {
    let age = time::FIRST.age_from(home.member(member).birth);
    if age < 18 {
        child(desk, home, member, age);
    } else {
        well_adult(desk, home, member, age);
        if desk.dice.percent(if age < 40 { 8 } else { 24 }) {
            chronic(desk, home, member);
        }
    }
    let troubles = if age < 18 {
        desk.dice.between(0, 2)
    } else {
        desk.dice.between(0, 1)
    };
    for _ in 0..troubles {
        let start = some_day(desk, 10);
        ordinary_visit(desk, home, member, start);
    }
}

/// Who sees a member for everyday things.
fn clinician(desk: &mut Desk, home: &Household, age: i32) -> Npi {
    if desk.dice.percent(6) {
        return desk.dice.pick(providers::PRIMARY.outside);
    }
    if age < 18 {
        home.paediatrician
    } else {
        home.doctor
    }
}

/// A visit for some short trouble.
pub fn ordinary_visit(
    desk: &mut Desk,
    home: &Household,
    member: usize,
    start: ServiceDate,
) -> Option<BillId> {
    let who = home.member(member);
    let npi = clinician(desk, home, start.age_from(who.birth));
    let (trouble, test) = desk.dice.pick(TROUBLES);
    let mut bill = desk.visit(who, npi, start, &[trouble])?;
    let level = desk
        .dice
        .pick(&["99212", "99213", "99213", "99213", "99214"]);
    bill.add(level);
    if !test.is_empty() {
        bill.add(test);
    }
    Some(desk.send(bill))
}

fn child(desk: &mut Desk, home: &Household, member: usize, age: i32) {
    let visits = match age {
        ..=0 => 4,
        1 => 3,
        _ => 1,
    };
    let who = home.member(member);
    // Before the second birthday every three months, then once a year.
    let mut next = some_day(desk, 90 * visits).max(plus(who.birth, 21));
    for _ in 0..visits {
        let code = match next.age_from(who.birth) {
            ..=0 => "99391",
            1..=4 => "99392",
            5..=11 => "99393",
            _ => "99394",
        };
        let diagnoses = if desk.dice.percent(15) {
            ["Z00.121", "Z23"]
        } else {
            ["Z00.129", "Z23"]
        };
        if let Some(mut bill) = desk.visit(who, home.paediatrician, next, &diagnoses) {
            bill.add(code);
            if age < 2 || desk.dice.percent(55) {
                bill.add("90460").points_to(&[2]);
                let vaccine = if age > 10 { "90715" } else { "90686" };
                bill.add(vaccine).points_to(&[2]);
            }
            desk.send(bill);
        }
        next = plus(next, 92);
    }
}

fn well_adult(desk: &mut Desk, home: &Household, member: usize, age: i32) {
    let who = home.member(member);
    if desk.dice.percent(55) {
        let code = if age < 40 { "99395" } else { "99396" };
        let start = some_day(desk, 30);
        if let Some(mut bill) = desk.visit(who, home.doctor, start, &["Z00.00", "Z23"]) {
            bill.add(code);
            if matches!(bill.day().ymd().1, 9..=12) {
                bill.add("90471").points_to(&[2]);
                bill.add("90686").points_to(&[2]);
            }
            let seen = bill.day();
            desk.send(bill);
            // Screening, free by its diagnosis; the drawing of blood is not.
            let tests = desk.visit(who, home.laboratory, plus(seen, 2), &["Z13.220", "Z13.1"]);
            if let Some(mut bill) = tests {
                bill.add("36415");
                bill.add("80061").modifier("33");
                bill.add("82947").points_to(&[2]);
                desk.send(bill);
            }
        }
    }
    if who.sex == Sex::Female && age >= 40 && desk.dice.percent(60) {
        let start = some_day(desk, 30);
        if let Some(mut bill) = desk.visit(who, home.imaging, start, &["Z12.31"]) {
            bill.add("77067");
            desk.send(bill);
        }
    }
    if who.sex == Sex::Female && desk.dice.percent(35) {
        let start = some_day(desk, 30);
        let npi = desk.choose(&providers::WOMEN);
        if let Some(mut bill) = desk.visit(who, npi, start, &["Z01.419", "Z12.4"]) {
            bill.add("99213");
            bill.add("88175").points_to(&[2]);
            desk.send(bill);
        }
    }
    if age >= 45 && desk.dice.percent(12) {
        colonoscopy(desk, home, member);
    }
}

fn colonoscopy(desk: &mut Desk, home: &Household, member: usize) {
    let start = some_day(desk, 40);
    let npi = desk.choose(&providers::DIGESTION);
    let diagnoses = ["Z12.11", "K63.5"];
    if let Some(bill) = desk.visit(home.member(member), npi, start, &diagnoses) {
        let mut bill = bill.at("24");
        if desk.dice.percent(50) {
            bill.add("45385").modifier("33").points_to(&[2]);
        } else {
            bill.add("G0121");
        }
        desk.send(bill);
    }
}

/// A visit and tests every three months, dearer in the second year.
fn chronic(desk: &mut Desk, home: &Household, member: usize) {
    let who = home.member(member);
    let (diagnoses, tests) = desk.dice.pick(CHRONIC);
    let mut next = plus(time::FIRST, desk.dice.between(0, 80));
    while next < time::LAST {
        if let Some(mut bill) = desk.visit(who, home.doctor, next, diagnoses) {
            bill.add(desk.dice.pick(&["99213", "99214", "99214"]));
            if desk.dice.percent(20) {
                bill.add("93000");
            }
            let seen = bill.day();
            desk.send(bill);
            if let Some(mut bill) = desk.visit(who, home.laboratory, plus(seen, 1), diagnoses) {
                bill.add_all(tests);
                desk.send(bill);
            }
            // Some telephone in between, with a code that ended with 2025.
            if desk.dice.percent(9) && seen < day(2026, 2, 20) {
                let call = desk.visit(who, home.doctor, plus(seen, 14), diagnoses);
                if let Some(bill) = call {
                    let mut bill = bill.at("10");
                    bill.add("99441");
                    desk.send(bill);
                }
            }
        }
        next = plus(next, 88 + desk.dice.between(0, 14));
    }
}
