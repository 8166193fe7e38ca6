//! What cannot wait: urgent care, the emergency room, hospital stays.

use tally_types::ServiceDate;

use super::some_day;
use crate::demo::generate::bill::Bill;
use crate::demo::generate::desk::Desk;
use crate::demo::generate::families::Household;
use crate::demo::generate::providers;
use crate::demo::generate::time::plus;

/// What brings people to an emergency room: diagnosis, level, picture.
const EMERGENCIES: &[(&str, &str, &str)] = &[
    ("S93.401A", "99283", "73630"),
    ("R07.9", "99285", "71046"),
    ("S42.001A", "99284", "73030"),
    ("R10.9", "99284", "76700"),
    ("S01.81XA", "99283", ""),
];

/// An urgent-care visit, in network from July 2025.
pub fn urgent_care(desk: &mut Desk, home: &mut Household, member: usize) {
    for _ in 0..2 {
        let day = some_day(desk, 10);
        let npi = desk.choose(&providers::URGENT);
        let who = home.member(member);
        if let Some(bill) = desk.walk_in(who, npi, day, &["S61.219A"]) {
            let mut bill = bill.at("20");
            bill.add("S9083");
            if desk.dice.percent(40) {
                bill.add("S9088");
            }
            if desk.dice.percent(30) {
                bill.add("12001");
            }
            desk.send(bill);
        }
    }
}

/// A visit to the emergency room.
pub fn emergency(desk: &mut Desk, home: &mut Household, member: usize) {
    let day = some_day(desk, 10);
    emergency_room(desk, home, member, day);
}

/// The same, brought by ambulance.
pub fn emergency_with_ambulance(desk: &mut Desk, home: &mut Household, member: usize) {
    let day = some_day(desk, 10);
    let npi = desk.choose(&providers::AMBULANCE);
    if let Some(bill) = desk.walk_in(home.member(member), npi, day, &["R07.9"]) {
        let mut bill = bill.at("41");
        bill.add("A0429").emergency = true;
        let tenths = i64::from(desk.dice.between(21, 187));
        bill.add("A0425").tenths(tenths).emergency = true;
        desk.send(bill);
    }
    emergency_room(desk, home, member, day);
}

/// The hospital's bill and the physician's, who is often out of network.
fn emergency_room(desk: &mut Desk, home: &Household, member: usize, day: ServiceDate) {
    let who = home.member(member);
    let (diagnosis, level, picture) = desk.dice.pick(EMERGENCIES);
    if let Some(bill) = desk.walk_in(who, home.hospital, day, &[diagnosis]) {
        let mut bill = bill.institutional().at("23");
        bill.add_revenue("0450");
        if !picture.is_empty() {
            let line = bill.add(picture);
            line.modifier("TC");
            line.revenue = "0320";
        }
        desk.send(bill);
    }
    let npi = if desk.dice.percent(55) {
        desk.dice.pick(providers::EMERGENCY.outside)
    } else {
        desk.dice.pick(providers::EMERGENCY.inside)
    };
    if let Some(bill) = desk.walk_in(who, npi, day, &[diagnosis]) {
        let mut bill = bill.at("23");
        bill.add(level);
        if diagnosis == "S01.81XA" {
            bill.add("12001");
        }
        desk.send(bill);
    }
}

/// A crash with the whole family in the car: an ambulance for each takes them
/// past the family's deductible.
pub fn accident(desk: &mut Desk, home: &mut Household, _: usize) {
    let day = some_day(desk, 10);
    let npi = providers::AMBULANCE.inside[0];
    for member in 0..home.contract.members.len() {
        let bill = desk.walk_in(home.member(member), npi, day, &["V49.9XXA", "S13.4XXA"]);
        if let Some(bill) = bill {
            let mut bill = bill.at("41");
            bill.add("A0429").emergency = true;
            bill.add("A0425").tenths(163).emergency = true;
            desk.send(bill);
        }
        emergency_room(desk, home, member, day);
    }
}

/// A week in hospital, some of it in intensive care: it takes the member to
/// the out-of-pocket limit.
pub fn intensive_care(desk: &mut Desk, home: &mut Household, member: usize) {
    let day = some_day(desk, 30);
    home.authorize(member, "0200", day, 30, 3);
    home.authorize(member, "0120", day, 30, 5);
    if let Some(mut bill) = stay(desk, home, member, day, 4) {
        bill.diagnoses = vec!["A41.9", "J18.9"];
        bill.lines[0].from = plus(day, 3);
        bill.lines[0].through = plus(day, 6);
        bill.add_revenue("0200").units(3).through(plus(day, 2));
        desk.send(bill);
    }
    // Seen to afterwards, when the limit has been reached.
    for after in [20, 48] {
        let doctor = home.doctor;
        if let Some(mut bill) =
            desk.visit(home.member(member), doctor, plus(day, after), &["J18.9"])
        {
            bill.add("99214");
            bill.add("71046");
            desk.send(bill);
        }
    }
}

/// A stay that nobody has authorised yet: the claim waits.
pub fn stay_unauthorized(desk: &mut Desk, home: &mut Household, member: usize) {
    let day = some_day(desk, 30);
    let nights = i64::from(desk.dice.between(2, 6));
    if let Some(bill) = stay(desk, home, member, day, nights) {
        desk.send(bill);
    }
}

/// A hospital's bill for a room.
pub fn stay(
    desk: &mut Desk,
    home: &Household,
    member: usize,
    day: ServiceDate,
    nights: i64,
) -> Option<Bill> {
    let days = i32::try_from(nights).unwrap_or(1);
    let diagnoses = ["K80.20", "I10"];
    let bill = desk.walk_in(home.member(member), home.hospital, day, &diagnoses)?;
    let mut bill = bill.institutional().at("21");
    bill.add_revenue("0120")
        .units(nights)
        .through(plus(day, days - 1));
    for code in ["80053", "85025"] {
        let line = bill.add(code);
        line.revenue = "0300";
    }
    Some(bill)
}
