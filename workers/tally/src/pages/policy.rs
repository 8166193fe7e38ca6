//! The policies: what insurers wrote, as it was published.

use anyhow::Result;
use askama::Template;
use axum::extract::Path;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use tally_core::adjudication::{Accumulator, AccumulatorPeriod, AccumulatorScope, Description};
use tally_core::canon::Canon as _;
use tally_core::ledger::Entry;
use tally_store::port::{Log as _, Publications as _};

use super::error::Failure;
use super::overview::Summary;
use super::show::{Shell, Tab, grouped, html, short};
use super::{Answered, Shared};
use crate::node::Node;
use crate::node::keys::hex;
use crate::view::amount;

/// A publication in a list.
pub(super) struct PolicyRow {
    pub(super) product: String,
    pub(super) title: String,
    pub(super) version: String,
    pub(super) effective: String,
    /// `in force`, `later` or `superseded`, today.
    pub(super) standing: &'static str,
    pub(super) hash: String,
    pub(super) short: String,
    pub(super) entry: u64,
    pub(super) clauses: usize,
    pub(super) claims: Option<String>,
    pub(super) paid: Option<String>,
}

/// Every publication, the latest first.
pub(super) async fn policies(node: &Node, summary: Option<&Summary>) -> Result<Vec<PolicyRow>> {
    let book = node.book().await?;
    let today = node.clock().today();
    let mut rows: Vec<_> = book
        .publications()
        .filter_map(|(entry, publication)| {
            let loaded = book.loaded(&publication.policy)?;
            let description = loaded.policy.description();
            let current = book.publication(&publication.product, today);
            let sums = summary.and_then(|summary| summary.policies.get(&publication.policy));
            let hash = hex(&publication.policy);
            Some(PolicyRow {
                product: publication.product.clone(),
                title: description.title.clone(),
                version: description.version.clone(),
                effective: publication.effective.to_string(),
                standing: if publication.effective > today {
                    "later"
                } else if current == Some(publication) {
                    "in force"
                } else {
                    "superseded"
                },
                short: short(&hash).to_owned(),
                hash,
                entry,
                clauses: description.clauses.len(),
                claims: summary.map(|_| grouped(sums.map_or(0, |(claims, _)| *claims))),
                paid: summary
                    .map(|_| grouped(sums.map_or_else(Default::default, |(_, paid)| *paid))),
            })
        })
        .collect();
    rows.sort_by(|a, b| (&a.product, b.entry).cmp(&(&b.product, a.entry)));
    Ok(rows)
}

#[derive(Template)]
#[template(path = "policies.html")]
struct Policies {
    shell: Shell,
    today: String,
    rows: Vec<PolicyRow>,
}

pub(super) async fn list(site: Shared) -> Answered {
    let summary = site.summary().await?;
    html(&Policies {
        shell: Shell::new("Policies", Tab::Policies, site.node.origin()),
        today: site.node.clock().today().to_string(),
        rows: policies(&site.node, summary.as_deref()).await?,
    })
}

struct AccumulatorRow {
    name: String,
    whose: &'static str,
    period: &'static str,
    limits: Vec<String>,
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage<'a> {
    shell: Shell,
    description: &'a Description,
    hash: String,
    published: Vec<PolicyRow>,
    publisher: String,
    accumulators: Vec<AccumulatorRow>,
    tables: Vec<(String, String)>,
    bytes: String,
    fuel: String,
    fuel_costs: u32,
    abi: u32,
}

fn none() -> Failure {
    Failure::none(
        "There is no such policy",
        "A policy is named by the SHA-256 of its component. Those published here:",
        ("/policies", "All policies"),
    )
}

/// Reads 64 lower-case hexadecimal digits.
fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let (high, low) = text.split_at_checked(32)?;
    let mut hash = [0; 32];
    for (half, to) in [high, low].into_iter().zip(hash.chunks_exact_mut(16)) {
        to.copy_from_slice(&tally_core::claim::ClaimId::parse(half)?.0);
    }
    Some(hash)
}

pub(super) async fn page(site: Shared, Path(hash): Path<String>) -> Answered {
    let node = &site.node;
    let book = node.book().await?;
    let hash = parse_hash(&hash).ok_or_else(none)?;
    let loaded = book.loaded(&hash).ok_or_else(none)?;
    let (entry, publication) = book
        .publications()
        .find(|(_, publication)| publication.policy == hash)
        .ok_or_else(none)?;
    let bytes = node.store().entries(entry, 1).await?.pop();
    let publisher = match bytes.map(|bytes| Entry::from_canon(&bytes)) {
        Some(Ok(Entry::Policy(published))) => hex(&published.publisher),
        _ => String::new(),
    };
    let description = loaded.policy.description();
    let summary = site.summary().await?;
    let text = hex(&hash);
    html(&PolicyPage {
        shell: Shell::new(&description.title, Tab::Policies, node.origin()),
        description,
        published: policies(node, summary.as_deref())
            .await?
            .into_iter()
            .filter(|row| row.hash == text)
            .collect(),
        hash: text,
        publisher,
        accumulators: description.accumulators.iter().map(accumulator).collect(),
        tables: publication
            .tables
            .iter()
            .map(|table| (table.name.clone(), hex(&table.hash)))
            .collect(),
        bytes: grouped(loaded.bytes),
        fuel: grouped(publication.fuel),
        fuel_costs: publication.fuel_costs,
        abi: publication.abi,
    })
}

fn accumulator(accumulator: &Accumulator) -> AccumulatorRow {
    AccumulatorRow {
        name: accumulator.name.clone(),
        whose: match accumulator.scope {
            AccumulatorScope::Member => "each member",
            AccumulatorScope::Family => "the family",
        },
        period: match accumulator.period {
            AccumulatorPeriod::CalendarYear => "calendar year",
            AccumulatorPeriod::ContractYear => "contract year",
            AccumulatorPeriod::Lifetime => "lifetime",
        },
        limits: accumulator
            .limits
            .iter()
            .map(|dated| {
                let limit = grouped(amount(dated.limit, accumulator.unit));
                if dated.effective.year() < 1900 {
                    limit
                } else {
                    format!("{limit} from {}", dated.effective)
                }
            })
            .collect(),
    }
}

/// The component itself: whoever disputes an outcome can run it.
pub(super) async fn component(site: Shared, Path(hash): Path<String>) -> Answered {
    let hash = parse_hash(&hash).ok_or_else(none)?;
    let component = site.node.store().component(hash).await?.ok_or_else(none)?;
    let head = [
        (CONTENT_TYPE, "application/wasm".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.wasm\"", hex(&hash)),
        ),
    ];
    Ok((head, component).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_goes_out_and_back() {
        let hash: [u8; 32] = std::array::from_fn(|i| i as u8 * 7);
        assert_eq!(parse_hash(&hex(&hash)), Some(hash));
        for wrong in ["", "00", &"0".repeat(63), &"A".repeat(64), &"é".repeat(32)] {
            assert_eq!(parse_hash(wrong), None, "{wrong}");
        }
    }
}
