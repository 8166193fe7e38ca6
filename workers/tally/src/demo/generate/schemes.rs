//! Planted schemes, with their ground truth. They are written against the
//! definitions of the patterns, apart from the detectors: those are not called
//! here.

use tally_core::claim::Member;
use tally_types::ServiceDate;

use super::bill::{Bill, BillId};
use super::desk::{Desk, is_covered};
use super::families::{HARBOR, Household, MERIDIAN};
use super::irregular::someone;
use super::providers::{self, Npi};
use super::time::{self, day, plus, saturday, workday};

/// A scheme and its bills.
pub struct Plant {
    /// The pattern that ought to find it, or `control`: none may.
    pub pattern: &'static str,
    /// The bills that make it.
    pub bills: Vec<BillId>,
    /// What was done, without saying to whom.
    pub note: String,
}

/// Patterns across claims, named as detectors name them.
pub const SUSPECT_DUPLICATE: &str = "suspect-duplicate";
/// More typical minutes than a provider's day has.
pub const IMPOSSIBLE_DAY: &str = "impossible-day";
/// A service to someone who had died.
pub const AFTER_DEATH: &str = "service-after-death";
/// Looks like a scheme and is none.
pub const CONTROL: &str = "control";

/// Members needed for a day of the schemes.
const A_DAY: usize = 13;

/// How often each scheme stands in a population.
pub fn repeats(claims: usize) -> usize {
    (claims / 1000).clamp(1, 25)
}

/// How many days of schemes there are: they take many claims.
fn days(claims: usize) -> usize {
    if claims < 300 {
        0
    } else {
        (claims / 2000).clamp(1, 12)
    }
}

/// About how many bills [`plant`] adds.
pub fn count(claims: usize) -> usize {
    repeats(claims) * 32 + days(claims) * 2 * A_DAY
}

/// The days on which one therapist does the work of two days, and those on
/// which one psychologist works from dawn to night.
fn scheme_days(claims: usize) -> Vec<(ServiceDate, ServiceDate)> {
    let days = i32::try_from(days(claims)).unwrap_or(0);
    (0..days)
        .map(|i| {
            let tireless = workday(plus(day(2025, 6, 11), 17 * i));
            let busy = workday(plus(day(2025, 10, 7), 9 * i));
            (tireless, busy)
        })
        .collect()
}

/// A date of death for some of the seniors, before their bills are made.
pub fn death_of(number: usize) -> Option<ServiceDate> {
    match number % 60 {
        1 => Some(day(2025, 8, 3)),
        2 => Some(day(2025, 11, 12)),
        3 => Some(day(2025, 10, 20)),
        _ => None,
    }
}

/// Plants every scheme.
pub fn plant(desk: &mut Desk, homes: &[Household], claims: usize) -> Vec<Plant> {
    let mut planted = Vec::new();
    for repeat in 0..repeats(claims) {
        duplicates(desk, homes, &mut planted);
        findings(desk, homes, repeat, &mut planted);
    }
    for (tireless, busy) in scheme_days(claims) {
        planted.extend(impossible(desk, homes, tireless));
        planted.extend(long_day(desk, homes, busy));
    }
    deaths(desk, homes, repeats(claims), &mut planted);
    planted
}

fn send(desk: &mut Desk, mut bill: Bill, lag: i32) -> BillId {
    bill.reserved = true;
    desk.send_after(bill, lag)
}

/// A visit to the family doctor by someone of a product.
fn visit(desk: &mut Desk, homes: &[Household], product: &str, latest: i32) -> Option<Bill> {
    for _ in 0..20 {
        let start = workday(plus(time::FIRST, desk.dice.between(10, latest)));
        if let Some((home, who)) = someone(desk, homes, product, start)
            && let Some(bill) = desk.visit(who, home.doctor, start, &["I10", "M17.11"])
        {
            return Some(bill);
        }
    }
    None
}

/// Same member, provider, service and day, though not to the letter.
fn duplicates(desk: &mut Desk, homes: &[Household], planted: &mut Vec<Plant>) {
    type Change = fn(&mut Bill);
    let variants: [(&str, &str, Change); 6] = [
        (HARBOR, "billed again at another charge", |bill| {
            bill.lines[0].charge = tally_types::Money::cents(bill.lines[0].charge.scaled() + 2_140);
        }),
        (HARBOR, "billed again at another place of service", |bill| {
            bill.lines[0].place = "22";
        }),
        (HARBOR, "billed again with a modifier", |bill| {
            bill.lines[0].modifiers.push("25");
        }),
        (HARBOR, "billed again within a longer claim", |bill| {
            bill.lines[0].charge = tally_types::Money::cents(bill.lines[0].charge.scaled() - 7_15);
            bill.add("93000");
        }),
        (MERIDIAN, "billed again with more units", |bill| {
            bill.lines[0].units(2);
            bill.lines[0].charge = tally_types::Money::ZERO;
        }),
        (
            MERIDIAN,
            "billed again at another place of service",
            |bill| {
                bill.lines[0].place = "19";
            },
        ),
    ];
    for (product, note, change) in variants {
        let Some(mut first) = visit(desk, homes, product, 330) else {
            continue;
        };
        first.add("99214");
        let first = send(desk, first, 6);
        let mut second = desk.bill(first).clone();
        change(&mut second);
        let lag = 24 + desk.dice.between(0, 20);
        let second = send(desk, second, lag);
        planted.push(Plant {
            pattern: SUSPECT_DUPLICATE,
            bills: vec![first, second],
            note: format!("an office visit {note}"),
        });
    }
    planted.extend(overlapping_rental(desk, homes));
    planted.extend(both_knees(desk, homes));
}

/// Rent of one device for two months that overlap.
fn overlapping_rental(desk: &mut Desk, homes: &[Household]) -> Option<Plant> {
    let start = plus(time::FIRST, desk.dice.between(30, 200));
    let npi = providers::SUPPLIES.inside[0];
    let (_, who) = someone(desk, homes, MERIDIAN, start)?;
    let mut bills = Vec::new();
    for from in [start, plus(start, 19)] {
        if !is_covered(who, from) {
            return None;
        }
        let mut bill = Bill::new(&who.id, npi, from, &["M62.81"]).at("12");
        bill.add("L1830").modifier("RR").through(plus(from, 29));
        bills.push(send(desk, bill, 5));
    }
    Some(Plant {
        pattern: SUSPECT_DUPLICATE,
        bills,
        note: "a device rented for two months that overlap".to_owned(),
    })
}

/// No duplicate: the modifier says that the second is the other side.
fn both_knees(desk: &mut Desk, homes: &[Household]) -> Option<Plant> {
    let mut first = visit(desk, homes, HARBOR, 330)?;
    let mut second = first.clone();
    first.add("73562").modifier("LT");
    second.add("73562").modifier("RT");
    let bills = vec![send(desk, first, 6), send(desk, second, 13)];
    Some(Plant {
        pattern: CONTROL,
        bills,
        note: "left and right knee on two claims of one day".to_owned(),
    })
}

/// Bills of one provider and day for `A_DAY` members, lines by `lines`.
fn whole_day(
    desk: &mut Desk,
    homes: &[Household],
    npi: Npi,
    on: ServiceDate,
    diagnosis: &'static str,
    lines: fn(&mut Bill),
) -> Vec<BillId> {
    let covered = |who: &&Member| {
        is_covered(who, on) && on.age_from(who.birth) >= 5 && {
            who.span_on(on).is_some_and(|span| span.product == HARBOR)
        }
    };
    let members = homes.iter().flat_map(|home| home.contract.members.iter());
    let mut bills = Vec::new();
    // Spread over the families, so that they are not all of the first ones.
    let members: Vec<&Member> = members.filter(covered).collect();
    let step = (members.len() / A_DAY).max(1);
    for who in members.into_iter().step_by(step).take(A_DAY) {
        let mut bill = Bill::new(&who.id, npi, on, &[diagnosis]);
        lines(&mut bill);
        let lag = desk.dice.between(3, 12);
        bills.push(send(desk, bill, lag));
    }
    bills
}

/// One therapist, thirteen patients of two hours each on one day.
fn impossible(desk: &mut Desk, homes: &[Household], on: ServiceDate) -> Option<Plant> {
    let bills = whole_day(desk, homes, providers::TIRELESS, on, "M54.16", |bill| {
        // A unit is a quarter of an hour.
        bill.add("97110").units(4);
        bill.add("97140").units(2);
        bill.add("97530").units(2);
    });
    let hours = bills.len() * 2;
    (hours > 24).then(|| Plant {
        pattern: IMPOSSIBLE_DAY,
        bills,
        note: format!("one therapist, {hours} hours of treatment on one day"),
    })
}

/// One psychologist, thirteen sessions of an hour on one day.
fn long_day(desk: &mut Desk, homes: &[Household], on: ServiceDate) -> Option<Plant> {
    let bills = whole_day(desk, homes, providers::BUSY, on, "F41.1", |bill| {
        bill.add("90837");
    });
    let hours = bills.len();
    (hours >= 12).then(|| Plant {
        pattern: IMPOSSIBLE_DAY,
        bills,
        note: format!("one psychologist, {hours} hours of sessions on one day"),
    })
}

/// Services after a death, and a rental that only runs past one.
fn deaths(desk: &mut Desk, homes: &[Household], most: usize, planted: &mut Vec<Plant>) {
    let dead = homes.iter().filter_map(|home| {
        let who = home.member(0);
        who.death.map(|death| (home, who, death))
    });
    for (i, (home, who, death)) in dead.take(3 * most).enumerate() {
        let on = |days| workday(plus(death, days));
        let (pattern, bills, note) = match i % 3 {
            0 => {
                let visits = [19, 47, 82].map(|days| {
                    let mut bill = Bill::new(&who.id, home.doctor, on(days), &["I10"]);
                    bill.add("99214");
                    send(desk, bill, 9)
                });
                (
                    AFTER_DEATH,
                    visits.to_vec(),
                    "three visits in the weeks after the death",
                )
            }
            1 => {
                let mut bill = Bill::new(&who.id, home.laboratory, on(3), &["I10"]);
                bill.add_all(&["36415", "80053"]);
                (
                    AFTER_DEATH,
                    vec![send(desk, bill, 4)],
                    "laboratory tests some days after the death",
                )
            }
            _ => {
                let npi = providers::SUPPLIES.inside[0];
                let from = plus(death, -12);
                let mut bill = Bill::new(&who.id, npi, from, &["G47.33"]).at("12");
                bill.add("E0601").modifier("RR").through(plus(from, 29));
                (
                    CONTROL,
                    vec![send(desk, bill, 6)],
                    "a month's rental that began before the death",
                )
            }
        };
        planted.push(Plant {
            pattern,
            bills,
            note: note.to_owned(),
        });
    }
}

/// What the products themselves ask a person to look at.
fn findings(desk: &mut Desk, homes: &[Household], repeat: usize, planted: &mut Vec<Plant>) {
    let mut put = |bill: Option<BillId>, pattern, note: &str| {
        if let Some(id) = bill {
            planted.push(Plant {
                pattern,
                bills: vec![id],
                note: note.to_owned(),
            });
        }
    };
    for _ in 0..2 {
        let bill = visit(desk, homes, HARBOR, 380).map(|mut bill| {
            bill.diagnoses = vec!["Z00.00"];
            bill.add("99215");
            send(desk, bill, 7)
        });
        put(
            bill,
            "high-level-visit",
            "the highest visit for an examination without complaint",
        );
        let bill = visit(desk, homes, MERIDIAN, 380).map(|mut bill| {
            bill.diagnoses = vec!["R73.09"];
            bill.add("99215");
            send(desk, bill, 7)
        });
        put(
            bill,
            "high-level-visit",
            "the highest visit for a finding of the laboratory",
        );
        let bill = on_a_saturday(desk, homes);
        put(
            bill,
            "weekend-office-surgery",
            "a procedure in an office on a Saturday",
        );
    }
    let pairs: [[&'static str; 2]; 3] =
        [["80053", "82947"], ["97530", "97140"], ["17110", "11102"]];
    for turn in 0..3 {
        let [first, second] = pairs[(turn + repeat) % pairs.len()];
        let bill = visit(desk, homes, MERIDIAN, 380).map(|mut bill| {
            bill.add(first);
            bill.add(second).modifier("59");
            send(desk, bill, 7)
        });
        put(
            bill,
            "separated-pair",
            "a pair of services kept apart by modifier 59",
        );
    }
}

fn on_a_saturday(desk: &mut Desk, homes: &[Household]) -> Option<BillId> {
    let on = saturday(plus(time::FIRST, desk.dice.between(10, 380)));
    let (home, who) = someone(desk, homes, HARBOR, on)?;
    let mut bill = Bill::new(&who.id, home.doctor, on, &["L57.0"]);
    let code = desk.dice.pick(&["17000", "11102"]);
    bill.add(code);
    Some(send(desk, bill, 5))
}
