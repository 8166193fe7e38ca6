//! A member's contract, and its accumulators with the claims that moved them.

use askama::Template;
use axum::extract::Path;
use tally_core::claim::{Member, Relationship};

use super::chart::{Svg, bar};
use super::error::Failure;
use super::readings::{Consent, Told, told};
use super::show::{Shell, Tab, grouped, html, short};
use super::{Answered, Shared};
use crate::node::Accumulated;
use crate::view::amount;

struct Person {
    id: String,
    name: String,
    here: bool,
    relationship: &'static str,
    birth: String,
    death: Option<String>,
    /// Product, and from when to when.
    spans: Vec<(String, String)>,
    authorizations: Vec<String>,
}

struct Moved {
    claim: String,
    short: String,
    line: u16,
    added: String,
    after: String,
}

struct Balance {
    name: String,
    whose: String,
    bar: Svg,
    used: String,
    limit: Option<String>,
    over: Option<String>,
    full: bool,
    moved: Vec<Moved>,
}

struct Period {
    product: String,
    from: String,
    balances: Vec<Balance>,
}

#[derive(Template)]
#[template(path = "member.html")]
struct MemberPage {
    shell: Shell,
    id: String,
    contract: String,
    inception: String,
    people: Vec<Person>,
    /// Readings in an emergency.
    emergencies: Vec<Told>,
    readings: Vec<Told>,
    consents: Vec<Consent>,
    periods: Vec<Period>,
}

pub(super) async fn page(site: Shared, Path(id): Path<String>) -> Answered {
    let node = &site.node;
    let contract = node.read_contract(&id).await?.ok_or_else(|| {
        Failure::none(
            "No member of that id is enrolled",
            "`tally member import` enrols; a claim of an unknown member is denied (CARC 31).",
            ("/claims", "All claims"),
        )
    })?;
    let mut periods: Vec<Period> = Vec::new();
    for row in node.accumulators(&contract).await?.into_iter().rev() {
        let from = row.period.to_string();
        let balance = balance(&row);
        match periods.last_mut() {
            Some(last) if (&last.product, &last.from) == (&row.product, &from) => {
                last.balances.push(balance);
            }
            _ => periods.push(Period {
                product: row.product,
                from,
                balances: vec![balance],
            }),
        }
    }
    for period in &mut periods {
        period.balances.reverse();
    }
    let readings = told(&node.readings_of_member(&id).await?);
    let consents = node.consents(&site.rules, Some(&id)).await?;
    html(&MemberPage {
        emergencies: readings.iter().filter(|of| of.emergency).cloned().collect(),
        readings,
        consents: consents
            .iter()
            .map(|of| Consent::of(of, &site.rules))
            .collect(),
        shell: Shell::new("Member", Tab::Claims, node.origin()),
        people: contract.members.iter().map(|m| person(m, &id)).collect(),
        contract: contract.id.clone(),
        inception: contract.inception.to_string(),
        periods,
        id,
    })
}

fn person(member: &Member, here: &str) -> Person {
    Person {
        id: member.id.clone(),
        name: member.name.clone(),
        here: member.id == here,
        relationship: match member.relationship {
            Relationship::Subscriber => "subscriber",
            Relationship::Spouse => "spouse",
            Relationship::Child => "child",
            Relationship::Other => "dependant",
        },
        birth: member.birth.to_string(),
        death: member.death.map(|death| death.to_string()),
        spans: member
            .spans
            .iter()
            .map(|span| match span.through {
                Some(end) => (span.product.clone(), format!("{} to {end}", span.from)),
                None => (span.product.clone(), format!("from {}", span.from)),
            })
            .collect(),
        authorizations: member
            .authorizations
            .iter()
            .map(|a| {
                let what = match a.procedure.is_none() {
                    true => "any service".to_owned(),
                    false => a.procedure.to_string(),
                };
                format!(
                    "{}: {what} × {}, {} to {}",
                    a.number, a.units, a.from, a.through
                )
            })
            .collect(),
    }
}

fn balance(row: &Accumulated) -> Balance {
    let shown = |value| grouped(amount(value, row.unit));
    Balance {
        name: row.name.clone(),
        whose: row.member.clone().unwrap_or_else(|| "family".to_owned()),
        bar: bar(
            &[(0, row.used, "added")],
            row.limit.unwrap_or(row.used).max(row.used),
        ),
        used: shown(row.used),
        limit: row.limit.map(shown),
        over: row.over_limit().map(shown),
        full: row.limit.is_some_and(|limit| row.used >= limit),
        moved: row
            .moved
            .iter()
            .map(|(claim, line, before, after)| {
                let claim = claim.to_string();
                Moved {
                    short: short(&claim).to_owned(),
                    claim,
                    line: *line,
                    added: shown(after - before),
                    after: shown(*after),
                }
            })
            .collect(),
    }
}
