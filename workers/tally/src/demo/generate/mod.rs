//! The demonstration's insured and their claims, made from a seed.
//!
//! Everything follows from the seed and the number of claims: the same bytes
//! on any machine and day, for chance is ChaCha8 and all arithmetic is of
//! integers. Names, numbers and providers are invented. The simulated clock
//! runs with the files: each says on which day it is received.
//!
//! The population crosses deductibles, out-of-pocket limits and visit limits,
//! and a change of year; some claims are denied, some wait, some cannot be
//! read; and schemes are planted, each with what it is.

mod bill;
mod catalogue;
mod desk;
mod dice;
mod episodes;
mod families;
mod files;
mod irregular;
mod malformed;
mod providers;
mod schemes;
mod star;
#[cfg(test)]
mod tests;
mod time;
mod wire;

use tally_core::claim::Contract;
use tally_types::ServiceDate;

use bill::{Bill, BillId};
use desk::Desk;
use dice::Dice;
use families::Household;

/// A file as a submitter sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct DemoFile {
    /// The day it is received: the simulated clock.
    pub received: ServiceDate,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Something planted on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Planted {
    /// What it is: the name of a pattern (`suspect-duplicate`,
    /// `impossible-day`, `service-after-death`, or a policy's own), `control`
    /// for what resembles one and must not be flagged, `exact-duplicate`, or
    /// `malformed`.
    pub pattern: &'static str,
    /// The claims that make it, by their control numbers.
    pub control_numbers: Vec<String>,
    /// What was done, without saying to whom.
    pub note: String,
}

/// The insured and their claims.
pub struct Population {
    /// The contracts, to be enrolled before the first file.
    pub contracts: Vec<Contract>,
    /// The files, in the order they are received.
    pub files: Vec<DemoFile>,
    /// What was planted.
    pub planted: Vec<Planted>,
    /// The control number of a claim worth explaining line by line.
    pub star: String,
}

/// Streams of chance, so that one part moves no other.
const DESK: u64 = 0;
const WIRE: u64 = 1;
const HOMES: u64 = 1 << 32;

/// Of so many households two are seniors', who live alone and have fewer
/// claims than a family.
const ROUND: usize = 5;

/// Makes a population with `claims` claims, the malformed included: an
/// unreadable file counts as one. Fewer than some hundred leave no room for
/// every scheme.
#[must_use]
pub fn generate(seed: u64, claims: usize) -> Population {
    let (spoilt, ruined) = malformed::counts(claims);
    let sound = claims.saturating_sub(ruined);
    let extra = irregular::count(claims) + schemes::count(claims);
    let mut desk = Desk::new(Dice::new(seed, DESK));
    let (mut homes, star) = star::household(&mut desk);
    everyone(seed, &mut desk, &mut homes, sound.saturating_sub(extra));

    let twice = irregular::add(&mut desk, &homes, claims);
    let mut plants = schemes::plant(&mut desk, &homes, claims);
    plants.extend(twice.into_iter().map(|pair| schemes::Plant {
        pattern: "exact-duplicate",
        bills: pair.to_vec(),
        note: "sent a second time, to the letter".to_owned(),
    }));
    top_up(&mut desk, &homes, sound);
    let mut dice = Dice::new(seed, WIRE);
    let spoilt = malformed::mark(&mut dice, desk.bills_mut(), spoilt);
    plants.extend(spoilt.into_iter().map(|(fault, id)| schemes::Plant {
        pattern: "malformed",
        bills: vec![id],
        note: fault.name().to_owned(),
    }));

    let (files, bills) = files::write(&mut dice, desk.into_bills(), ruined);
    let controls = controls(&bills);
    let control = |id: &BillId| controls.get(id.0).cloned().unwrap_or_default();
    Population {
        contracts: homes.into_iter().map(|home| home.contract).collect(),
        files,
        planted: plants
            .into_iter()
            .map(|plant| Planted {
                pattern: plant.pattern,
                control_numbers: plant.bills.iter().map(control).collect(),
                note: plant.note,
            })
            .collect(),
        star: control(&star),
    }
}

/// Households and what happens to them, until there are `wanted` bills.
fn everyone(seed: u64, desk: &mut Desk, homes: &mut Vec<Household>, wanted: usize) {
    let before = desk.len();
    let (mut families, mut seniors) = (1, 0);
    while desk.len() < wanted && homes.len() <= wanted {
        let number = families + seniors;
        let dice = Dice::new(seed, HOMES + u64::try_from(number).unwrap_or(0));
        let shared = std::mem::replace(&mut desk.dice, dice);
        if number % ROUND < 2 {
            seniors += 1;
            let mut home = families::senior(&mut desk.dice, seniors);
            home.contract.members[0].death = schemes::death_of(seniors);
            episodes::year_of_a_senior(desk, &home, seniors);
            homes.push(home);
        } else {
            families += 1;
            let mut home = if families % 40 == 4 {
                families::turning_65(&mut desk.dice, families)
            } else {
                families::family(&mut desk.dice, families)
            };
            episodes::months_of_a_family(desk, &mut home, families);
            homes.push(home);
        }
        desk.dice = shared;
    }
    // The last household's claims are cut off where there are enough.
    desk.truncate(wanted.max(before));
}

/// Ordinary visits until there are `wanted` bills.
fn top_up(desk: &mut Desk, homes: &[Household], wanted: usize) {
    let mut tries = 0;
    while desk.len() < wanted && tries < wanted * 4 + 100 {
        tries += 1;
        let home = &homes[desk.dice.below(homes.len())];
        let member = desk.dice.below(home.contract.members.len());
        let start = episodes::some_day(desk, 10);
        episodes::ordinary_visit(desk, home, member, start);
    }
}

/// The control numbers by bill.
fn controls(bills: &[Bill]) -> Vec<String> {
    let mut controls = vec![String::new(); bills.len()];
    for bill in bills {
        if let Some(slot) = controls.get_mut(bill.id.0) {
            slot.clone_from(&bill.control);
        }
    }
    controls
}
