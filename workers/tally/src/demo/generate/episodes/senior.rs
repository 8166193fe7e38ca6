//! A year of someone over 65: chronic care, small procedures of which several
//! fall on one day, pairs of codes, units over a limit, laboratory and drugs.

use tally_types::ServiceDate;

use super::some_day;
use crate::demo::generate::desk::Desk;
use crate::demo::generate::families::Household;
use crate::demo::generate::providers;
use crate::demo::generate::time::{self, plus, workday};

type Episode = fn(&mut Desk, &Household);

/// What one senior after another has, besides visits and tests.
const EPISODES: [Episode; 14] = [
    several_procedures,
    colonoscopy,
    therapy,
    cataracts,
    stranger,
    lungs_and_heart,
    by_report,
    emergency,
    wellness_too_soon,
    rental,
    eyes_and_extras,
    second_claim_of_a_pair,
    stay,
    drugs,
];

/// Fourteen months of a senior.
pub fn year_of_a_senior(desk: &mut Desk, home: &Household, number: usize) {
    let who = home.member(0);
    let illness: &[&'static str] = desk.dice.pick(&[
        &["I10", "E78.5", "E11.9"][..],
        &["I48.91", "I10"][..],
        &["J44.9", "I10"][..],
        &["M17.11", "I10"][..],
    ]);
    wellness(desk, home);
    let mut next = plus(time::FIRST, desk.dice.between(0, 75));
    while next < time::LAST {
        if let Some(mut bill) = desk.visit(who, home.doctor, next, illness) {
            bill.add(desk.dice.pick(&["99213", "99214", "99214", "99215"]));
            let seen = bill.day();
            desk.send(bill);
            tests(desk, home, plus(seen, 2), illness);
        }
        next = plus(next, 86 + desk.dice.between(0, 20));
    }
    let count = EPISODES.len();
    for turn in [number % count, (number * 3 + 5) % count] {
        EPISODES[turn](desk, home);
    }
}

fn tests(desk: &mut Desk, home: &Household, day: ServiceDate, illness: &[&'static str]) {
    let Some(mut bill) = desk.visit(home.member(0), home.laboratory, day, illness) else {
        return;
    };
    bill.add("36415");
    bill.add("80053");
    match desk.dice.below(5) {
        // The smaller panel is part of the larger.
        0 => bill.add_all(&["80048"]),
        1 => bill.add_all(&["83036", "80061"]),
        2 => bill.add_all(&["85610", "85025"]),
        3 => bill.add_all(&["84443", "82947"]),
        _ => bill.add_all(&["85025"]),
    }
    desk.send(bill);
}

fn wellness(desk: &mut Desk, home: &Household) {
    let start = plus(time::FIRST, desk.dice.between(0, 60));
    let who = home.member(0);
    if let Some(mut bill) = desk.visit(who, home.doctor, start, &["Z00.00", "Z23"]) {
        bill.add("G0439");
        bill.add("G0444");
        desk.send(bill);
    }
    let autumn = plus(time::day(2025, 9, 20), desk.dice.between(0, 50));
    if let Some(mut bill) = desk.visit(who, home.doctor, autumn, &["Z23"]) {
        bill.add("G0008");
        bill.add("90662");
        desk.send(bill);
    }
    // The next year's visit comes after, or a little before, its time.
    if desk.dice.percent(40) {
        let again = plus(start, 325 + desk.dice.between(0, 40));
        if let Some(mut bill) = desk.visit(who, home.doctor, again, &["Z00.00"]) {
            bill.add("G0439");
            desk.send(bill);
        }
    }
}

/// A wellness visit half a year after the last.
fn wellness_too_soon(desk: &mut Desk, home: &Household) {
    let start = plus(time::FIRST, 150 + desk.dice.between(0, 60));
    if let Some(mut bill) = desk.visit(home.member(0), home.doctor, start, &["Z00.00"]) {
        bill.add("G0439");
        desk.send(bill);
    }
}

/// Skin and nails: the second and third procedure at half their fee, a unit
/// too many, a pair.
fn several_procedures(desk: &mut Desk, home: &Household) {
    let who = home.member(0);
    for units in [1, 2] {
        let start = some_day(desk, 40);
        let npi = desk.choose(&providers::SKIN);
        if let Some(mut bill) = desk.visit(who, npi, start, &["L57.0", "B35.1"]) {
            bill.add("17110");
            bill.add("17000");
            bill.add("11721").units(units).points_to(&[2]);
            bill.add("99212").modifier("25");
            desk.send(bill);
        }
    }
    let start = some_day(desk, 40);
    if let Some(mut bill) = desk.visit(who, home.doctor, start, &["M17.11"]) {
        // The visit is part of the injection, as no modifier says otherwise.
        bill.add("20610").modifier("50");
        bill.add("99213");
        bill.add("J3301").units(8);
        desk.send(bill);
    }
}

/// A colonoscopy: looking is part of doing.
fn colonoscopy(desk: &mut Desk, home: &Household) {
    let start = some_day(desk, 40);
    let npi = desk.choose(&providers::DIGESTION);
    if let Some(bill) = desk.visit(home.member(0), npi, start, &["K63.5", "Z12.11"]) {
        let mut bill = bill.at("24");
        bill.add("45385");
        bill.add("45378");
        bill.add("43239");
        desk.send(bill);
    }
    let start = some_day(desk, 40);
    let npi = desk.choose(&providers::LABORATORY);
    if let Some(mut bill) = desk.visit(home.member(0), npi, start, &["K63.5"]) {
        bill.add("88305").units(2);
        desk.send(bill);
    }
}

/// Therapy with days of more units than the table allows, and a pair.
fn therapy(desk: &mut Desk, home: &Household) {
    let start = some_day(desk, 60);
    let npi = desk.choose(&providers::THERAPY);
    for visit in 0..8 {
        let day = plus(start, 4 * visit);
        if let Some(mut bill) = desk.visit(home.member(0), npi, day, &["M54.16"]) {
            match visit {
                0 => bill.add_all(&["97161"]),
                3 => {
                    bill.add("97110").units(9);
                }
                5 => bill.add_all(&["97530", "97140"]),
                _ => {
                    bill.add("97110").units(2);
                    bill.add("97112");
                }
            }
            desk.send(bill);
        }
    }
}

/// Both eyes, one after the other, each with a check before.
fn cataracts(desk: &mut Desk, home: &Household) {
    let start = some_day(desk, 90);
    let npi = desk.choose(&providers::EYES);
    let who = home.member(0);
    if let Some(mut bill) = desk.visit(who, npi, start, &["H25.9"]) {
        bill.add_all(&["92014", "92134"]);
        desk.send(bill);
    }
    for (side, after) in [("RT", 20), ("LT", 48)] {
        let day = workday(plus(start, after));
        if let Some(bill) = desk.walk_in(who, npi, day, &["H25.9"]) {
            let mut bill = bill.at("24");
            bill.add("66984").modifier(side);
            desk.send(bill);
        }
    }
}

/// A new knee, with an assistant.
fn stay(desk: &mut Desk, home: &Household) {
    let day = workday(some_day(desk, 60));
    let who = home.member(0);
    let complaint = &["M17.11", "I10"];
    let surgeon = providers::BONES.inside[0];
    if let Some(bill) = desk.walk_in(who, surgeon, day, complaint) {
        let mut bill = bill.at("21");
        bill.add("27447").modifier("RT");
        desk.send(bill);
    }
    let assistant = desk.dice.pick(providers::SURGERY.inside);
    if let Some(bill) = desk.walk_in(who, assistant, day, complaint) {
        let mut bill = bill.at("21");
        bill.add("27447").modifier("80").modifier("RT");
        desk.send(bill);
    }
    for (code, after) in [("99223", 0), ("99232", 1), ("99238", 2)] {
        // The hospital bills for the doctor who looks in.
        if let Some(bill) = desk.walk_in(who, home.hospital, plus(day, after), complaint) {
            let mut bill = bill.at("21");
            bill.add(code).by(home.doctor);
            desk.send(bill);
        }
    }
}

/// Suppliers the plan does not know: the claims wait.
fn stranger(desk: &mut Desk, home: &Household) {
    for _ in 0..4 {
        let start = some_day(desk, 40);
        let npi = desk.dice.pick(providers::STRANGERS);
        if let Some(mut bill) = desk.visit(home.member(0), npi, start, &["R42"]) {
            bill.add(desk.dice.pick(&["99203", "99213", "99214"]));
            desk.send(bill);
        }
    }
}

/// Services priced by report: the claims wait.
fn by_report(desk: &mut Desk, home: &Household) {
    for code in ["J3490", "64999", "20999"] {
        let start = some_day(desk, 40);
        let npi = desk.choose(&providers::BONES);
        if let Some(mut bill) = desk.visit(home.member(0), npi, start, &["M79.18"]) {
            bill.add("99213").modifier("25");
            bill.add(code);
            desk.send(bill);
        }
    }
}

/// Tests that hold one another, an echo, a picture read by someone else.
fn lungs_and_heart(desk: &mut Desk, home: &Household) {
    let start = some_day(desk, 40);
    let npi = desk.choose(&providers::HEART);
    let who = home.member(0);
    if let Some(mut bill) = desk.visit(who, npi, start, &["I48.91", "J44.9"]) {
        bill.add("99204");
        bill.add_all(&["93000", "93010", "93306"]);
        bill.add("94060").points_to(&[2]);
        bill.add("94010").points_to(&[2]);
        desk.send(bill);
    }
    let npi = desk.choose(&providers::IMAGING);
    if let Some(mut bill) = desk.visit(who, npi, plus(start, 6), &["R91.8"]) {
        bill.add("71046").modifier("26");
        desk.send(bill);
    }
}

/// An ambulance and the emergency room's physician.
fn emergency(desk: &mut Desk, home: &Household) {
    for _ in 0..2 {
        let day = some_day(desk, 20);
        let who = home.member(0);
        let npi = desk.choose(&providers::AMBULANCE);
        if let Some(bill) = desk.walk_in(who, npi, day, &["R55"]) {
            let mut bill = bill.at("41");
            bill.add("A0429");
            bill.add("A0425")
                .tenths(i64::from(desk.dice.between(14, 243)));
            desk.send(bill);
        }
        let npi = desk.choose(&providers::EMERGENCY);
        if let Some(bill) = desk.walk_in(who, npi, day, &["R55"]) {
            let mut bill = bill.at("23");
            bill.add("99285");
            bill.add("93010");
            desk.send(bill);
        }
    }
}

/// A rented device month after month, across the year.
fn rental(desk: &mut Desk, home: &Household) {
    let start = time::day(2025, 9, 8);
    let npi = providers::SUPPLIES.inside[0];
    for month in 0..5 {
        let day = plus(start, 30 * month);
        if let Some(bill) = desk.walk_in(home.member(0), npi, day, &["G47.33"]) {
            let mut bill = bill.at("12");
            bill.add("E0601").modifier("RR").through(plus(day, 29));
            desk.send(bill);
        }
    }
}

/// Eye and hearing services, some of which no one covers.
fn eyes_and_extras(desk: &mut Desk, home: &Household) {
    let who = home.member(0);
    let start = some_day(desk, 60);
    let npi = desk.choose(&providers::EYES);
    if let Some(mut bill) = desk.visit(who, npi, start, &["H52.4"]) {
        bill.add_all(&["92014", "92015"]);
        desk.send(bill);
    }
    let npi = desk.choose(&providers::HEARING);
    if let Some(mut bill) = desk.visit(who, npi, plus(start, 12), &["H91.90"]) {
        bill.add("V5010");
        desk.send(bill);
    }
}

/// A second claim of one day whose service is part of the first.
fn second_claim_of_a_pair(desk: &mut Desk, home: &Household) {
    for (first, second) in [("45380", "45378"), ("93000", "93010")] {
        let start = some_day(desk, 60);
        let npi = desk.choose(&providers::DIGESTION);
        if let Some(mut bill) = desk.visit(home.member(0), npi, start, &["K63.5"]) {
            bill.add(first);
            let mut again = bill.clone();
            desk.send_after(bill, 4);
            again.lines.clear();
            again.add(second);
            desk.send_after(again, 40);
        }
    }
}

/// Injections month after month.
fn drugs(desk: &mut Desk, home: &Household) {
    let start = some_day(desk, 130);
    let npi = desk.choose(&providers::INFUSION);
    for time in 0..4 {
        let day = plus(start, 30 * time);
        if let Some(mut bill) = desk.visit(home.member(0), npi, day, &["G43.909"]) {
            bill.add("96372");
            if time % 2 == 0 {
                bill.add("J0585").units(155);
            } else {
                bill.add("J1100").units(8);
            }
            desk.send(bill);
        }
    }
}
