//! The terms of types of service, which a policy may tell beside how it decides: its
//! table `eligibility`, pinned with it.
//!
//! A row is of a type of service (X12 list 1365) and of what is said of it: `COVERED`,
//! `EXCLUDED`, `COPAY`, `SHARE`, with `-IN` or `-OUT` where that is so within the
//! network, or outside it, alone. Its columns: `amount` and `per` of a copayment (27 a
//! visit, 7 a day, 36 an admission, 0 a line), `share` of coinsurance, and whether what
//! is covered must be authorised (`authorization`: 0 no, 1 yes, 2 some of it).

use tally_core::interchange::{BenefitNetwork, CopayPer, ServiceBenefit};
use tally_table::{Row, Table, Tables};
use tally_types::{Money, Rate, ServiceDate, ShortCode};

/// What it is called.
const NAME: &str = "eligibility";

/// The terms in force on a day, by type of service, and of each in the network before
/// out of it. None where the policy has no such table.
pub(super) fn terms(tables: &Tables, on: ServiceDate) -> Vec<ServiceBenefit> {
    let Some(table) = tables.named(NAME) else {
        return Vec::new();
    };
    let columns = Columns::of(table);
    let mut terms: Vec<ServiceBenefit> = Vec::new();
    let in_force = |row: &Row| row.from <= on && on <= row.through;
    for row in table.rows().filter(in_force) {
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
            columns.tell(of, what, &row);
        }
    }
    terms.sort_by_key(|of| (of.service, network_order(of.network)));
    terms
}

fn network_order(of: BenefitNetwork) -> u8 {
    match of {
        BenefitNetwork::Any => 0,
        BenefitNetwork::In => 1,
        BenefitNetwork::Out => 2,
    }
}

/// Where the columns stand.
struct Columns([Option<usize>; 4]);

impl Columns {
    fn of(table: &Table) -> Self {
        Self(
            ["amount", "per", "share", "authorization"]
                .map(|name| table.columns().position(|(column, _)| column == name)),
        )
    }

    fn tell(&self, of: &mut ServiceBenefit, what: &str, row: &Row) {
        let [amount, per, share, authorization] = self.0.map(|at| {
            let value = at.and_then(|at| row.values.get(at));
            value.copied().unwrap_or_default()
        });
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
                of.per = match per {
                    27 => CopayPer::Visit,
                    7 => CopayPer::Day,
                    36 => CopayPer::Admission,
                    _ => CopayPer::Service,
                };
            }
            "SHARE" => of.coinsurance = Some(Rate::from_scaled(share)),
            _ => {}
        }
    }
}
