//! The claim worth explaining: it crosses a deductible, with a copayment,
//! three rates of coinsurance, a line not covered and one not authorised.

use super::bill::{Bill, BillId};
use super::desk::Desk;
use super::episodes;
use super::families::{self, Household};
use super::providers;
use super::time::{day, plus};

/// The household of the claim, and the claim. Nothing else happens to its
/// first member.
pub fn household(desk: &mut Desk) -> (Vec<Household>, BillId) {
    let mut home = families::family(&mut desk.dice, 1);
    let april = plus(day(2025, 4, 7), desk.dice.between(0, 9));
    // A copayment of 100.00, and most of the deductible of 500.00.
    if let Some(id) = episodes::first_imaging(desk, &mut home, 0, april) {
        desk.reserve_bill(id);
    }
    let may = super::time::workday(plus(april, 36));
    let surgeon = providers::BONES.inside[0];
    let mut bill = Bill::new(&home.member(0).id, surgeon, may, &["M17.11", "M54.16"]);
    bill.reserved = true;
    bill.add("99214").modifier("25"); // a copayment
    bill.add("73562").modifier("RT"); // deductible
    bill.add("20610").modifier("RT"); // deductible
    bill.add("J3301").units(40); // crosses it; an eighth of the rest
    bill.add("L1830").modifier("RT"); // 35 %
    bill.add("80053"); // 15 %, no deductible
    bill.add("72148").points_to(&[2]); // needs an authorisation that is used up
    bill.add("A9270"); // not covered
    let star = desk.send_after(bill, 6);
    (vec![home], star)
}
