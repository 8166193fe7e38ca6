//! The list of claims.

use askama::Template;
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_store::port::{ClaimFilter, Reading as _};

use super::error::Failure;
use super::show::{Shell, Tab, field, grouped, html, query, short};
use super::{Answered, Asked, Shared};
use crate::node::ClaimRead;

/// Claims on a page.
const LIMIT: u32 = 50;

struct Row {
    id: String,
    short: String,
    control_number: String,
    member: String,
    provider: String,
    received: String,
    status: &'static str,
    charge: String,
    paid: String,
    patient: String,
}

#[derive(Template)]
#[template(path = "claims.html")]
struct Claims {
    shell: Shell,
    rows: Vec<Row>,
    statuses: [(&'static str, &'static str, bool); 4],
    provider: String,
    member: String,
    filtered: bool,
    found: String,
    first: Option<String>,
    next: Option<String>,
}

pub(super) async fn page(site: Shared, asked: Asked) -> Answered {
    let node = &site.node;
    let status = field(&asked, "status").map(status).transpose()?;
    let after = field(&asked, "after").map(parse_after).transpose()?;
    let provider = field(&asked, "provider").unwrap_or_default();
    let member = field(&asked, "member").unwrap_or_default();
    let given = |id: &str| Some(id.to_owned()).filter(|id| !id.is_empty());
    let mut filter = ClaimFilter {
        status,
        provider: given(provider).map(|id| node.provider_token(&id)),
        member: given(member).map(|id| node.member_token(&id)),
        unit: None,
        after,
        limit: LIMIT + 1,
        ..ClaimFilter::default()
    };
    // One more than a page tells whether there is a next; only what is shown
    // is opened.
    let listed = node.store().claims(&filter).await?;
    let more = listed.len() > LIMIT as usize;
    let last = listed.get(LIMIT as usize - 1).map(|row| row.id.to_string());
    filter.limit = LIMIT;
    let reads = node.read_claims(&filter, "page:claims").await?;
    let status = status.map_or("", Status::as_str);
    let link = |after: &str| {
        let fields = [
            ("status", status),
            ("provider", provider),
            ("member", member),
            ("after", after),
        ];
        format!("/claims{}", query(&fields))
    };
    html(&Claims {
        shell: Shell::new("Claims", Tab::Claims, node.origin()),
        found: found(reads.len(), more, after.is_some()),
        rows: reads.iter().map(row).collect(),
        statuses: [
            ("", "Any"),
            ("paid", "Paid"),
            ("denied", "Denied"),
            ("pended", "Pended"),
        ]
        .map(|(value, name)| (value, name, value == status)),
        provider: provider.to_owned(),
        member: member.to_owned(),
        filtered: !(status.is_empty() && provider.is_empty() && member.is_empty()),
        first: after.is_some().then(|| link("")),
        next: last.filter(|_| more).map(|last| link(&last)),
    })
}

/// How many are shown, and whether that is all.
fn found(shown: usize, more: bool, further: bool) -> String {
    let claims = |count: usize| {
        let word = if count == 1 { "claim" } else { "claims" };
        format!("{} {word}", grouped(count))
    };
    match (more, further) {
        (true, _) => format!("{}, and there are more", claims(shown)),
        (false, true) => format!("The last {}", claims(shown)),
        (false, false) => claims(shown),
    }
}

fn status(text: &str) -> Result<Status, Failure> {
    [Status::Paid, Status::Denied, Status::Pended]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| {
            Failure::wrong(
                "A status is `paid`, `denied` or `pended`.".into(),
                ("/claims", "All claims"),
            )
        })
}

fn parse_after(text: &str) -> Result<ClaimId, Failure> {
    ClaimId::parse(text).ok_or_else(|| {
        Failure::wrong(
            "`after` is the id of a claim: 32 hexadecimal digits.".into(),
            ("/claims", "All claims"),
        )
    })
}

fn row(read: &ClaimRead) -> Row {
    let id = read.row.id.to_string();
    let outcome = read.row.outcome.as_ref();
    Row {
        short: short(&id).to_owned(),
        control_number: read.claim.control_number.clone(),
        member: read.claim.member.identifier.clone(),
        provider: read.claim.billing.identifier.clone(),
        received: read.row.received.to_string(),
        status: outcome.map_or("waiting", |outcome| outcome.status.as_str()),
        charge: grouped(read.row.charge),
        paid: outcome.map_or_else(|| "–".into(), |outcome| grouped(outcome.paid)),
        patient: outcome.map_or_else(|| "–".into(), |outcome| grouped(outcome.patient)),
        id,
    }
}
