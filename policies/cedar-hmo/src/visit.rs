//! What earlier claims had of a visit's copayment (clause 5.2). History tells which
//! services there were, and the tables tell their copayments; what was borne of them
//! it does not tell.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::category::{Category, Role};
use crate::plan::table;
use crate::service::Terms;

/// The services of the schedule.
const SERVICES: &[Code] = codes!("../tables/services.csv");

/// The highest copayment by the visit of the services of a day for which who renders
/// them was paid on earlier professional claims.
pub fn taken(whose: Code, on: ServiceDate) -> Money {
    let ask = |code| {
        Question::of(Measure::Lines, code, on, on)
            .by(whose)
            .on_claims(ClaimKind::Professional)
    };
    // Most visits are on one claim: one question.
    let any = history::query(&[ask(Code::NONE)]);
    if any.first().is_none_or(|lines| *lines == 0) {
        return Money::ZERO;
    }
    let questions: Vec<Question> = SERVICES.iter().map(|code| ask(*code)).collect();
    let lines = SERVICES.iter().zip(history::query(&questions));
    let given: Vec<Key> = lines
        .filter(|(_, lines)| *lines > 0)
        .map(|(code, _)| Key::one(*code, on))
        .collect();
    let provider = reference::row(table::PROVIDERS, Key::one(whose, on));
    let role = Role::of(provider.map_or(0, |provider| provider.number(1)));
    let benefit = |row: Row| Category::of(row.number(0)).benefit(role, false);
    let rows = reference::lookup(table::SERVICES, &given);
    let benefits: Vec<Key> = rows
        .into_iter()
        .filter_map(|row| Some(Key::one(benefit(row?)?.key, on)))
        .collect();
    reference::lookup(table::BENEFITS, &benefits)
        .into_iter()
        .filter_map(|row| Terms::of(&row?).by_visit())
        .fold(Money::ZERO, Money::greater)
}
