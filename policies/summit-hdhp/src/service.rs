//! What the tables say of each line on its date of service.

use alloc::vec::Vec;

use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::category::{Benefit, CHRONIC, Category, EMERGENCY};
use crate::plan::table;

/// The emergency room as a place of service.
const EMERGENCY_ROOM: ShortCode = ShortCode::of("23");

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

/// A line whose code is in the schedule.
pub struct Service {
    /// Its category.
    pub category: Category,
    /// Its benefit: none for what is not covered or reviewed by hand.
    pub benefit: Option<Benefit>,
    /// What must be on file.
    pub authorization: Authorization,
    /// Whether the therapy limit concerns it.
    pub limited: bool,
    /// Whether the provider is in network.
    pub network: Network,
    /// Whether it is an emergency, clause 3.3.
    pub emergency: bool,
    /// The coinsurance, and whether the deductible applies: none where it is
    /// covered in network only.
    pub terms: Option<(Rate, bool)>,
    /// The fee of one unit, in network or out of it as the line is allowed.
    pub fee: Option<UnitPrice>,
}

impl Service {
    /// The tier by which it is allowed and shared.
    pub fn shared_as(&self) -> Network {
        self.network.shared_as(self.emergency)
    }
}

/// Looks every line up; `None` for a code that is not in the schedule.
pub fn look_up(claim: &Claim) -> Vec<Option<Service>> {
    let lines = || claim.lines.iter();
    let codes: Vec<Key> = lines()
        .map(|line| Key::one(line.service(), line.from))
        .collect();
    let providers: Vec<Key> = lines()
        .map(|line| Key::one(counted(claim, line), line.from))
        .collect();
    let schedule = reference::lookup(table::SERVICES, &codes);
    let fees = reference::lookup(table::FEES, &codes);
    let network = reference::lookup(table::NETWORK, &providers);
    let rows = schedule.into_iter().zip(fees).zip(network);
    let mut services: Vec<Option<Service>> = lines()
        .zip(rows)
        .map(|(line, ((row, fees), provider))| Some(service(line, row?, fees, provider)))
        .collect();
    recognise_chronic(claim, &mut services);
    find_terms(claim, &mut services);
    services
}

/// Clause 3.1: whose network counts. Of what a hospital bills it is the hospital's,
/// whomever a line names.
fn counted(claim: &Claim, line: &Line) -> Code {
    match claim.kind {
        ClaimKind::Institutional => claim.billing,
        _ => line.rendering,
    }
}

fn service(line: &Line, row: Row, fees: Option<Row>, provider: Option<Row>) -> Service {
    let category = Category::of(row.number(0));
    let benefit = match category {
        Category::Benefit(benefit) => Some(benefit),
        Category::Cosmetic | Category::Unlisted => None,
    };
    let emergency = line.emergency || line.place == EMERGENCY_ROOM || benefit == Some(EMERGENCY);
    let network = match provider.map(|provider| provider.number(0)) {
        Some(1) => Network::In,
        _ => Network::Out,
    };
    let column = match network.shared_as(emergency) {
        Network::In => 0,
        Network::Out => 1,
    };
    Service {
        category,
        benefit,
        authorization: match row.number(1) {
            0 => Authorization::NotNeeded,
            1 => Authorization::Denied,
            _ => Authorization::Awaited,
        },
        limited: row.number(2) == 1,
        network,
        emergency,
        terms: None,
        fee: fees.map(|fees| fees.price(column)),
    }
}

/// Clause 6.3: a service beside a diagnosis that stands in the table with it.
fn recognise_chronic(claim: &Claim, services: &mut [Option<Service>]) {
    let mut keys = Vec::new();
    let mut asked = Vec::new();
    for (i, line) in claim.lines.iter().enumerate() {
        for diagnosis in claim.diagnoses_of(line) {
            let diagnosis = diagnosis.without('.');
            keys.push(Key::two(line.service(), diagnosis, line.from));
            asked.push(i);
        }
    }
    let rows = reference::lookup(table::PREVENTIVE, &keys);
    for (i, row) in asked.into_iter().zip(rows) {
        if let Some(Some(service)) = services.get_mut(i)
            && row.is_some()
            && service.shared_as() == Network::In
        {
            service.benefit = Some(CHRONIC);
        }
    }
}

fn find_terms(claim: &Claim, services: &mut [Option<Service>]) {
    const IN: Code = Code::of("IN");
    const OUT: Code = Code::of("OUT");
    let tier = |service: &Service| match service.shared_as() {
        Network::In => IN,
        Network::Out => OUT,
    };
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .zip(services.iter())
        .filter_map(|(line, service)| {
            let service = service.as_ref()?;
            Some(Key::two(service.benefit?.key, tier(service), line.from))
        })
        .collect();
    let mut rows = reference::lookup(table::BENEFITS, &keys).into_iter();
    for service in services.iter_mut().flatten() {
        if service.benefit.is_some() {
            let row = rows.next().flatten();
            service.terms = row.map(|row| (row.rate(0), row.number(1) == 1));
        }
    }
}
