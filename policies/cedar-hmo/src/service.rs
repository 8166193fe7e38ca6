//! What the tables say of each line on its date of service.

use alloc::vec::Vec;

use tally_sdk::prelude::*;
use tally_sdk::pricing::percent_of_charge;
use tally_sdk::reference::{Key, Row};

use crate::category::{Benefit, Category, EMERGENCY, Role};
use crate::clauses::clause;
use crate::on_file;
use crate::plan::{ROUNDING, table};
use crate::stay::Stay;

/// The emergency room as a place of service.
const EMERGENCY_ROOM: ShortCode = ShortCode::of("23");
/// The rates of hospitals out of network, for emergencies.
const ELSEWHERE: Code = Code::of("OUT");

/// How a copayment is borne, as `benefits.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// By the visit: a provider's day.
    Visit,
    /// By the line.
    Line,
    /// By the admission.
    Admission,
    /// By the day, for so many days of an episode.
    Day(u32),
}

/// The copayment of a benefit.
#[derive(Clone, Copy)]
pub struct Terms {
    /// How much.
    pub copay: Money,
    /// How often.
    pub basis: Basis,
}

impl Terms {
    /// Of a row of `benefits.csv`.
    pub fn of(row: &Row) -> Self {
        Self {
            copay: row.money(0),
            basis: match row.number(1) {
                1 => Basis::Visit,
                3 => Basis::Admission,
                4 => Basis::Day(u32::try_from(row.number(2)).unwrap_or(0)),
                _ => Basis::Line,
            },
        }
    }

    /// The copayment, where it is by the visit.
    pub fn by_visit(self) -> Option<Money> {
        (self.basis == Basis::Visit).then_some(self.copay)
    }
}

/// What a line allows.
#[derive(Clone, Copy)]
pub struct Price {
    /// How much.
    pub amount: Money,
    /// Whether it holds whatever was charged.
    pub whatever: bool,
    /// The clause.
    pub clause: ClauseId,
}

/// A line that may be covered.
pub struct Service {
    /// Its category; none for a line of a stay.
    pub category: Option<Category>,
    /// Its benefit: none for what is not covered or has no price.
    pub benefit: Option<Benefit>,
    /// Its copayment.
    pub terms: Option<Terms>,
    /// Whether it must be authorised beforehand, clause 4.1.
    pub authorized: bool,
    /// Whether the therapy limit concerns it.
    pub limited: bool,
    /// Whether the provider is in the network.
    pub in_network: bool,
    /// Whether it is an emergency, clause 3.7.
    pub emergency: bool,
    /// What it allows: none where there is no price.
    pub price: Option<Price>,
}

/// Looks every line up; `None` for a code that is not in the schedule.
pub fn look_up(claim: &Claim, stay: Option<&Stay>) -> Vec<Option<Service>> {
    let lines = || claim.lines.iter();
    let codes: Vec<Key> = lines()
        .map(|line| Key::one(line.service(), line.from))
        .collect();
    let providers: Vec<Key> = lines()
        .map(|line| Key::one(line.rendering, line.from))
        .collect();
    let schedule = reference::lookup(table::SERVICES, &codes);
    let fees = reference::lookup(table::FEES, &codes);
    let providers = reference::lookup(table::PROVIDERS, &providers);
    let by_hospital = claim.kind == ClaimKind::Institutional;
    // Clause 3.6: of what a hospital bills it is the hospital that counts.
    let hospitals: Vec<Hospital> = match by_hospital {
        true => Hospital::of(claim.billing, lines().map(|line| day_of(line, stay))),
        false => Vec::new(),
    };
    let rows = schedule.into_iter().zip(fees).zip(providers).enumerate();
    let mut services: Vec<Option<Service>> = lines()
        .zip(rows)
        .map(|(line, (i, ((row, fee), provider)))| {
            let hospital = hospitals.get(i);
            let mut service = match stay {
                Some(stay) => of_stay(stay, i, row),
                None => outpatient(line, row?, fee, provider, hospital),
            };
            service.in_network = match hospital {
                Some(hospital) => hospital.in_network,
                None => in_network(provider),
            };
            Some(service)
        })
        .collect();
    find_terms(claim, stay, &mut services);
    services
}

/// The day that a line is decided by: its own, or a stay's day of admission.
fn day_of(line: &Line, stay: Option<&Stay>) -> ServiceDate {
    stay.map_or(line.from, |stay| stay.admitted)
}

fn in_network(provider: Option<Row>) -> bool {
    provider.is_some_and(|provider| provider.number(0) == 1)
}

/// The hospital that bills, on a day.
#[derive(Clone, Copy)]
pub struct Hospital {
    /// Whether it is in the network.
    pub in_network: bool,
    /// Its rates; of one out of network, those for emergencies.
    pub rates: Option<Row>,
}

impl Hospital {
    /// One a day.
    pub fn of(billing: Code, days: impl Iterator<Item = ServiceDate>) -> Vec<Self> {
        let keys: Vec<Key> = days.map(|on| Key::one(billing, on)).collect();
        let providers = reference::lookup(table::PROVIDERS, &keys).into_iter();
        let inside: Vec<bool> = providers.map(in_network).collect();
        let whose = |(key, inside): (&Key, &bool)| match inside {
            true => *key,
            false => Key::one(ELSEWHERE, key.on),
        };
        let whose: Vec<Key> = keys.iter().zip(&inside).map(whose).collect();
        let rates = reference::lookup(table::HOSPITALS, &whose);
        inside
            .into_iter()
            .zip(rates)
            .map(|(in_network, rates)| Self { in_network, rates })
            .collect()
    }
}

fn outpatient(
    line: &Line,
    row: Row,
    fee: Option<Row>,
    provider: Option<Row>,
    hospital: Option<&Hospital>,
) -> Service {
    let category = Category::of(row.number(0));
    let role = Role::of(provider.map_or(0, |provider| provider.number(1)));
    let price = if let Some(hospital) = hospital {
        hospital.rates.and_then(|rates| {
            let cap = Some(rates.money(2));
            let amount = percent_of_charge(line.charge, rates.rate(1), None, cap, ROUNDING)?;
            Some((amount, clause::OUTPATIENT))
        })
    } else {
        fee.and_then(|fee| {
            let amount = fee.price(0).extend(line.quantity, Rate::ONE, ROUNDING)?;
            Some((amount, clause::FEE))
        })
    };
    Service {
        category: Some(category),
        benefit: category.benefit(role, hospital.is_some()),
        terms: None,
        authorized: row.number(1) == 1,
        limited: row.number(2) == 1,
        in_network: false,
        emergency: line.emergency
            || line.place == EMERGENCY_ROOM
            || category == Category::Emergency,
        price: price.map(|(amount, clause)| Price {
            amount,
            whatever: false,
            clause,
        }),
    }
}

/// A line of a stay: of the schedule only what is not covered matters.
fn of_stay(stay: &Stay, position: usize, row: Option<Row>) -> Service {
    let category = row.map(|row| Category::of(row.number(0)));
    let category = category.filter(|category| *category == Category::Convenience);
    Service {
        category,
        benefit: category.is_none().then_some(stay.benefit),
        terms: None,
        authorized: false,
        limited: false,
        in_network: false,
        emergency: stay.emergency,
        price: stay.price_of(position),
    }
}

fn find_terms(claim: &Claim, stay: Option<&Stay>, services: &mut [Option<Service>]) {
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .zip(services.iter())
        .filter_map(|(line, service)| {
            let benefit = service.as_ref()?.benefit?;
            Some(Key::one(benefit.key, day_of(line, stay)))
        })
        .collect();
    let mut rows = reference::lookup(table::BENEFITS, &keys).into_iter();
    let mut visits: Vec<(ServiceDate, bool)> = Vec::new();
    let lines = claim.lines.iter().zip(services.iter_mut());
    for (line, service) in lines.filter_map(|(line, service)| Some((line, service.as_mut()?))) {
        if service.benefit.is_some() {
            service.terms = rows.next().flatten().map(|row| Terms::of(&row));
        }
        if service.benefit == Some(EMERGENCY) && admitted(claim, line.from, &mut visits) {
            service.terms = service.terms.map(|terms| Terms {
                copay: Money::ZERO,
                ..terms
            });
        }
    }
}

/// Clause 7.6: whether the hospital admitted the member on a day or the next. Asked
/// once a day.
fn admitted(claim: &Claim, on: ServiceDate, asked: &mut Vec<(ServiceDate, bool)>) -> bool {
    if let Some((_, admitted)) = asked.iter().find(|(day, _)| *day == on) {
        return *admitted;
    }
    let next = on.plus_days(1).unwrap_or(on);
    let admitted = on_file::has_rooms(claim.billing, on, next);
    asked.push((on, admitted));
    admitted
}
