//! What happens to the insured over fourteen months: each episode is a few
//! bills that belong together.

mod acute;
mod everyday;
mod planned;
mod senior;
mod series;

pub use everyday::ordinary_visit;
pub use planned::first_imaging;
pub use senior::year_of_a_senior;

use super::desk::Desk;
use super::families::Household;
use super::time;

/// An episode that not every household has.
type Episode = fn(&mut Desk, &mut Household, usize);

/// What one household after another has, besides everyday care. The order is
/// fixed so that every population has some of each.
const EPISODES: [Episode; 21] = [
    planned::knee_replacement,
    series::therapy_past_the_limit,
    planned::imaging_unauthorized,
    acute::emergency,
    planned::infusions,
    series::psychotherapy,
    planned::rental_unauthorized,
    planned::imaging_authorized,
    series::chiropractic_past_the_limit,
    acute::stay_unauthorized,
    planned::day_surgery,
    series::therapy_short,
    acute::urgent_care,
    planned::unlisted,
    planned::imaging_unauthorized,
    acute::emergency_with_ambulance,
    planned::hearing_aids,
    planned::rental_authorized,
    acute::intensive_care,
    planned::day_surgery_unauthorized,
    acute::accident,
];

/// Fourteen months of a family in the PPO.
pub fn months_of_a_family(desk: &mut Desk, home: &mut Household, number: usize) {
    for member in 0..home.contract.members.len() {
        everyday::care(desk, home, member);
    }
    let count = EPISODES.len();
    let turns = [number % count, number * 8 + 10, number * 5 + 3];
    for (i, turn) in turns.into_iter().enumerate() {
        // The grown-ups have most of what happens.
        let members = home.contract.members.len();
        let member = if desk.dice.percent(75) {
            i % members.min(2)
        } else {
            desk.dice.below(members)
        };
        EPISODES[turn % count](desk, home, member);
    }
}

/// Some day of the period, early enough for `days` more.
pub fn some_day(desk: &mut Desk, days: i32) -> tally_types::ServiceDate {
    let span = time::LAST.days_since(time::FIRST) - days;
    time::plus(time::FIRST, desk.dice.between(0, span.max(0)))
}
