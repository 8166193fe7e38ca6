//! What the tables say of each line on its date of service.

use alloc::vec::Vec;

use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::category::{Benefit, Category};
use crate::plan::table;

/// The emergency room as a place of service.
const EMERGENCY_ROOM: ShortCode = ShortCode::of("23");
/// Preventive, as the provider marks it.
const PREVENTIVE: ShortCode = ShortCode::of("33");

/// What must be on file before a service is paid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// Nothing.
    NotNeeded,
    /// Denied without one, clause 4.1.
    Denied,
    /// Waits for one, clause 4.2.
    Awaited,
}

/// Which limit of part 4 concerns a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// None.
    None,
    /// Clause 4.3.
    Therapy,
    /// Clause 4.4.
    Chiropractic,
    /// Clause 4.5.
    Hearing,
}

/// What a line's share is by the table of benefits.
#[derive(Clone, Copy)]
pub struct Terms {
    /// The copayment.
    pub copay: Money,
    /// The coinsurance.
    pub coinsurance: Rate,
    /// Whether the deductible applies.
    pub deductible: bool,
}

/// A line whose code is in the schedule.
pub struct Service {
    /// Its category.
    pub category: Category,
    /// What must be on file.
    pub authorization: Authorization,
    /// Its limit.
    pub limit: Limit,
    /// Whether the provider is in network.
    pub in_network: bool,
    /// Whether it is an emergency, clause 3.3.
    pub emergency: bool,
    /// Its benefit: none for what is not covered or reviewed by hand.
    pub benefit: Option<Benefit>,
    /// The terms of the benefit: none where it is covered in network only.
    pub terms: Option<Terms>,
    /// The fee of one unit, in network or out of it as the line is allowed.
    pub fee: Option<UnitPrice>,
    /// What modifiers make of the fee.
    pub factor: Rate,
}

impl Service {
    /// Whether it is allowed and shared as in network.
    pub fn as_in_network(&self) -> bool {
        self.in_network || self.emergency
    }
}

/// Looks every line up; `None` for a code that is not in the schedule.
pub fn look_up(claim: &Claim) -> Vec<Option<Service>> {
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .map(|line| Key::one(line.service(), line.from))
        .collect();
    let renders = |line: &Line| Key::one(line.rendering, line.from);
    let providers: Vec<Key> = claim.lines.iter().map(renders).collect();
    let schedule = reference::lookup(table::SERVICES, &keys);
    let fees = reference::lookup(table::FEES, &keys);
    let providers = reference::lookup(table::NETWORK, &providers);
    let network = network(claim, &providers);
    let factors = factors(claim);
    let mut services: Vec<Option<Service>> = claim
        .lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let row = of(&schedule, i)?;
            Some(service(
                line,
                row,
                of(&fees, i),
                of(&providers, i),
                network.get(i) == Some(&true),
                *factors.get(i)?,
            ))
        })
        .collect();
    recognise_preventive(claim, &schedule, &mut services);
    find_terms(claim, &mut services);
    services
}

/// Clause 3.1: whether each line is of a provider in network. Of what a hospital
/// bills it is the hospital that counts, whomever a line names.
fn network(claim: &Claim, providers: &[Option<Row>]) -> Vec<bool> {
    let inside = |row: &Option<Row>| row.is_some_and(|row| row.number(0) == 1);
    if claim.kind != ClaimKind::Institutional {
        return providers.iter().map(inside).collect();
    }
    let bills = |line: &Line| Key::one(claim.billing, line.from);
    let hospital: Vec<Key> = claim.lines.iter().map(bills).collect();
    let rows = reference::lookup(table::NETWORK, &hospital);
    rows.iter().map(inside).collect()
}

fn of(rows: &[Option<Row>], i: usize) -> Option<Row> {
    rows.get(i).copied().flatten()
}

fn service(
    line: &Line,
    row: Row,
    fees: Option<Row>,
    provider: Option<Row>,
    in_network: bool,
    factor: Rate,
) -> Service {
    let category = Category::of(row.number(0));
    let emergency = line.emergency
        || line.place == EMERGENCY_ROOM
        || category == Category::Benefit(Benefit::Emergency);
    let column = if in_network || emergency { 0 } else { 1 };
    Service {
        category,
        authorization: match row.number(1) {
            0 => Authorization::NotNeeded,
            1 => Authorization::Denied,
            _ => Authorization::Awaited,
        },
        limit: match row.number(2) {
            1 => Limit::Therapy,
            2 => Limit::Chiropractic,
            3 => Limit::Hearing,
            _ => Limit::None,
        },
        in_network,
        emergency,
        benefit: category.benefit(provider.map_or(0, |provider| provider.number(1))),
        terms: None,
        fee: fees.map(|fees| fees.price(column)),
        factor,
    }
}

/// What modifiers make of each line's fee: the first in the table counts.
fn factors(claim: &Claim) -> Vec<Rate> {
    reference::by_modifier(table::MODIFIERS, claim)
        .iter()
        .map(|rows| rows.iter().flatten().next())
        .map(|row| row.map_or(Rate::ONE, |row| row.rate(0)))
        .collect()
}

/// Clause 6.3: a service so marked in the schedule is preventive, in network,
/// with modifier 33 or a listed diagnosis.
fn recognise_preventive(claim: &Claim, schedule: &[Option<Row>], services: &mut [Option<Service>]) {
    for ((line, row), service) in claim.lines.iter().zip(schedule).zip(services) {
        let (Some(row), Some(service)) = (row, service) else {
            continue;
        };
        if row.number(3) == 1
            && service.as_in_network()
            && (line.has_modifier(PREVENTIVE) || listed(claim, line))
        {
            service.benefit = Some(Benefit::Preventive);
        }
    }
}

fn listed(claim: &Claim, line: &Line) -> bool {
    let keys: Vec<Key> = claim
        .diagnoses_of(line)
        .map(|diagnosis| Key::one(diagnosis.without('.'), line.from))
        .collect();
    reference::lookup(table::PREVENTIVE, &keys)
        .iter()
        .any(Option::is_some)
}

fn find_terms(claim: &Claim, services: &mut [Option<Service>]) {
    let tier = |service: &Service| {
        const IN: Code = Code::of("IN");
        const OUT: Code = Code::of("OUT");
        if service.as_in_network() { IN } else { OUT }
    };
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .zip(services.iter())
        .filter_map(|(line, service)| {
            let service = service.as_ref()?;
            Some(Key::two(service.benefit?.key(), tier(service), line.from))
        })
        .collect();
    let mut rows = reference::lookup(table::BENEFITS, &keys).into_iter();
    for service in services.iter_mut().flatten() {
        if service.benefit.is_some() {
            service.terms = rows.next().flatten().map(|row| Terms {
                copay: row.money(0),
                coinsurance: row.rate(1),
                deductible: row.number(2) == 1,
            });
        }
    }
}
