//! The terms of types of service, which a policy may tell beside how it decides: its
//! table `eligibility`, pinned with it.
//!
//! A row is of a type of service (X12 list 1365) and of what is said of it: `COVERED`,
//! `EXCLUDED`, `COPAY`, `SHARE`, with `-IN` or `-OUT` where that is so within the
//! network, or outside it, alone. Its columns: `amount` and `per` of a copayment (27 a
//! visit, 7 a day, 36 an admission, 0 a line), `share` of coinsurance, and whether what
//! is covered must be authorised (`authorization`: 0 no, 1 yes, 2 some of it).
//!
//! The limits of types of service are in a table `eligibility-limits`: which of the
//! policy's accumulators it is (`accumulator`, from 1 in the order in which it declares
//! them), and what that counts (`per`: 27 visits, 7 days, 0 units).

use tally_core::interchange::{BenefitNetwork, CopayPer, ServiceBenefit};
use tally_table::{Row, Table, Tables};
use tally_types::{Money, Rate, ServiceDate, ShortCode};

/// What they are called.
const NAME: &str = "eligibility";
const LIMITS: &str = "eligibility-limits";

/// That an accumulator is the limit of a type of service.
pub(super) struct Limit {
    pub(super) service: ShortCode,
    pub(super) per: CopayPer,
    /// Its place among those that the policy declares.
    pub(super) accumulator: usize,
}

/// The limits in force on a day, as the table has them. None where the policy has no
/// such table.
pub(super) fn limits(tables: &Tables, on: ServiceDate) -> Vec<Limit> {
    let Some(table) = tables.named(LIMITS) else {
        return Vec::new();
    };
    let columns = Columns::of(table, ["accumulator", "per"]);
    let rows = table.rows().filter(|row| is_in_force(row, on));
    rows.filter_map(|row| {
        let [accumulator, counts] = columns.values(&row);
        Some(Limit {
            service: ShortCode::parse(&row.code.to_string()).ok()?,
            per: per(counts),
            accumulator: usize::try_from(accumulator).ok()?.checked_sub(1)?,
        })
    })
    .collect()
}

fn is_in_force(row: &Row, on: ServiceDate) -> bool {
    row.from <= on && on <= row.through
}

/// The terms in force on a day, by type of service, and of each in the network before
/// out of it. None where the policy has no such table.
pub(super) fn terms(tables: &Tables, on: ServiceDate) -> Vec<ServiceBenefit> {
    let Some(table) = tables.named(NAME) else {
        return Vec::new();
    };
    let columns = Columns::of(table, ["amount", "per", "share", "authorization"]);
    let mut terms: Vec<ServiceBenefit> = Vec::new();
    for row in table.rows().filter(|row| is_in_force(row, on)) {
        let said = row.second.to_string();
        let (what, network) = match said.rsplit_once('-') {
            Some((what, "IN")) => (what, BenefitNetwork::In),
            Some((what, "OUT")) => (what, BenefitNetwork::Out),
            _ => (said.as_str(), BenefitNetwork::Any),
        };
        let Ok(service) = ShortCode::parse(&row.code.to_string()) else {
            continue;
        };
        let known = |of: &ServiceBenefit| of.service == service && of.network == network;
        let at = terms.iter().position(known).unwrap_or_else(|| {
            terms.push(ServiceBenefit {
                service,
                covered: false,
                network,
                copay: None,
                per: CopayPer::Service,
                coinsurance: None,
                authorization: None,
            });
            terms.len().saturating_sub(1)
        });
        if let Some(of) = terms.get_mut(at) {
            tell(of, what, columns.values(&row));
        }
    }
    terms.sort_by_key(|of| (of.service, network_order(of.network)));
    terms
}

/// What the column `per` says.
fn per(value: i64) -> CopayPer {
    match value {
        27 => CopayPer::Visit,
        7 => CopayPer::Day,
        36 => CopayPer::Admission,
        _ => CopayPer::Service,
    }
}

fn network_order(of: BenefitNetwork) -> u8 {
    match of {
        BenefitNetwork::Any => 0,
        BenefitNetwork::In => 1,
        BenefitNetwork::Out => 2,
    }
}

/// Where columns stand.
struct Columns<const N: usize>([Option<usize>; N]);

impl<const N: usize> Columns<N> {
    fn of(table: &Table, names: [&str; N]) -> Self {
        Self(names.map(|name| table.columns().position(|(column, _)| column == name)))
    }

    /// What a row has in them, and zero in those that the table does not have.
    fn values(&self, row: &Row) -> [i64; N] {
        self.0.map(|at| {
            let value = at.and_then(|at| row.values.get(at));
            value.copied().unwrap_or_default()
        })
    }
}

/// What a row says of a type of service: amount, for what, share, authorisation.
fn tell(of: &mut ServiceBenefit, what: &str, values: [i64; 4]) {
    let [amount, counts, share, authorization] = values;
    match what {
        "COVERED" => {
            of.covered = true;
            of.authorization = match authorization {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            };
        }
        "COPAY" => {
            of.copay = Some(Money::cents(amount));
            of.per = per(counts);
        }
        "SHARE" => of.coinsurance = Some(Rate::from_scaled(share)),
        _ => {}
    }
}
