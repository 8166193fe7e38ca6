//! What the tables say of each line on its date of service.

use alloc::vec::Vec;

use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::clauses::clause;
use crate::frequency::Limit;
use crate::mouth::{Jaw, Teeth};
use crate::plan::table;

/// A class of service, as `services.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Clause 6.1.
    Preventive,
    /// Clause 6.2.
    Basic,
    /// Clause 6.3.
    Major,
    /// Clause 6.4.
    Orthodontics,
    /// Not covered, clause 1.4.
    NotCovered,
    /// Reviewed by hand, clause 2.7.
    ByReport,
}

impl Class {
    /// The class of a number of `services.csv`; an unknown one is reviewed by
    /// hand.
    fn of(number: i64) -> Self {
        match number {
            1 => Self::Preventive,
            2 => Self::Basic,
            3 => Self::Major,
            4 => Self::Orthodontics,
            5 => Self::NotCovered,
            _ => Self::ByReport,
        }
    }

    /// Its key in `benefits.csv` and its clause; none where nothing is paid.
    fn benefit(self) -> Option<(Code, ClauseId)> {
        match self {
            Self::Preventive => Some((const { Code::of("PREVENTIVE") }, clause::PREVENTIVE)),
            Self::Basic => Some((const { Code::of("BASIC") }, clause::BASIC)),
            Self::Major => Some((const { Code::of("MAJOR") }, clause::MAJOR)),
            Self::Orthodontics => Some((const { Code::of("ORTHO") }, clause::ORTHODONTICS)),
            Self::NotCovered | Self::ByReport => None,
        }
    }
}

/// What a class pays.
#[derive(Clone, Copy)]
pub struct Terms {
    /// The clause of the class.
    pub clause: ClauseId,
    /// The member's share.
    pub coinsurance: Rate,
    /// Whether the deductible applies.
    pub deductible: bool,
    /// Months that cover must have lasted.
    pub waiting: u32,
}

/// A line whose code is in the schedule.
pub struct Service {
    /// Its class.
    pub class: Class,
    /// What it must name of the mouth, and which teeth it is for.
    pub teeth: Teeth,
    /// Its limit in time and by age.
    pub limit: Option<Limit>,
    /// What its class pays: none where nothing is paid.
    pub terms: Option<Terms>,
    /// Whether the dentist is in network.
    pub in_network: bool,
    /// The fee of one unit, in network or out of it.
    pub fee: Option<UnitPrice>,
    /// What one unit is allowed as, and by which clause.
    pub alternate: Option<(UnitPrice, ClauseId)>,
}

/// Looks every line up; `None` for a code that is not in the schedule.
pub fn look_up(claim: &Claim, jaw: &Jaw) -> Vec<Option<Service>> {
    let schedule = reference::by_procedure(table::SERVICES, claim);
    let fees = reference::by_procedure(table::FEES, claim);
    let limits = reference::by_procedure(table::LIMITS, claim);
    let dentists: Vec<Key> = claim
        .lines
        .iter()
        .map(|line| Key::one(line.rendering, line.from))
        .collect();
    let network = reference::lookup(table::NETWORK, &dentists);
    let mut services: Vec<Option<Service>> = claim
        .lines
        .iter()
        .enumerate()
        .map(|(i, _)| {
            let row = of(&schedule, i)?;
            let in_network = of(&network, i).is_some_and(|dentist| dentist.number(0) == 1);
            Some(Service {
                class: Class::of(row.number(0)),
                teeth: Teeth::of(&row),
                limit: of(&limits, i).map(|row| Limit::of(&row)),
                terms: None,
                in_network,
                fee: of(&fees, i).map(|fees| fees.price(column(in_network))),
                alternate: None,
            })
        })
        .collect();
    find_terms(claim, &mut services);
    find_alternates(claim, jaw, &mut services);
    services
}

fn of(rows: &[Option<Row>], i: usize) -> Option<Row> {
    rows.get(i).copied().flatten()
}

/// The column of `fees.csv`.
fn column(in_network: bool) -> usize {
    if in_network { 0 } else { 1 }
}

fn find_terms(claim: &Claim, services: &mut [Option<Service>]) {
    let benefit = |service: &Option<Service>| service.as_ref().and_then(|s| s.class.benefit());
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .zip(services.iter())
        .filter_map(|(line, service)| Some(Key::one(benefit(service)?.0, line.from)))
        .collect();
    let mut rows = reference::lookup(table::BENEFITS, &keys).into_iter();
    for service in services.iter_mut().flatten() {
        let Some((_, clause)) = service.class.benefit() else {
            continue;
        };
        service.terms = rows.next().flatten().map(|row| Terms {
            clause,
            coinsurance: row.rate(0),
            deductible: row.number(1) == 1,
            waiting: u32::try_from(row.number(2)).unwrap_or(0),
        });
    }
}

/// Part 3: the fee of the service that a line is allowed as.
fn find_alternates(claim: &Claim, jaw: &Jaw, services: &mut [Option<Service>]) {
    let rows = reference::by_procedure(table::ALTERNATES, claim);
    let mut keys = Vec::new();
    let mut concerned = Vec::new();
    for (i, (line, row)) in claim.lines.iter().zip(&rows).enumerate() {
        let Some(row) = row else { continue };
        let only_molars = row.number(1) == 1;
        if only_molars && !jaw.all_molars(line) {
            continue;
        }
        let packed = u64::try_from(row.number(0)).ok();
        let Some(code) = packed.and_then(ShortCode::from_packed) else {
            continue;
        };
        keys.push(Key::one(code.into(), line.from));
        concerned.push((i, only_molars));
    }
    let fees = reference::lookup(table::FEES, &keys);
    for ((i, only_molars), fees) in concerned.into_iter().zip(fees) {
        let (Some(Some(service)), Some(fees)) = (services.get_mut(i), fees) else {
            continue;
        };
        let clause = if only_molars {
            clause::CERAMIC
        } else {
            clause::COMPOSITE
        };
        service.alternate = Some((fees.price(column(service.in_network)), clause));
    }
}
