//! What payees were told that they are paid: the payments, and one of them with all of
//! its parts and its 835.

use askama::Template;
use axum::extract::Path;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use tally_store::port::{PartKind, PartRow, PaymentFilter, PaymentRow};
use tally_types::Money;

use super::error::Failure;
use super::show::{Shell, Tab, grouped, html};
use super::{Answered, Shared};
use crate::node::Paid;

/// The most that are shown.
const MOST: u32 = 200;

struct Row {
    trace: String,
    on: String,
    payee: String,
    name: String,
    told: String,
    paid: String,
    carried: String,
}

impl Row {
    fn of(row: &PaymentRow, payee: &str, name: &str) -> Self {
        Self {
            trace: row.trace.clone(),
            on: row.day.to_string(),
            payee: payee.to_owned(),
            name: name.to_owned(),
            told: grouped(row.parts),
            paid: grouped(row.amount),
            carried: match row.forwarded.is_zero() {
                true => "–".to_owned(),
                false => grouped(row.forwarded),
            },
        }
    }
}

#[derive(Template)]
#[template(path = "payments.html")]
struct List {
    shell: Shell,
    rows: Vec<Row>,
    more: Option<String>,
}

pub(super) async fn page(site: Shared) -> Answered {
    let node = &site.node;
    let filter = PaymentFilter {
        limit: MOST + 1,
        ..PaymentFilter::default()
    };
    let mut reads = node.read_payments(&filter, "page:payments").await?;
    let more = reads.len() > MOST as usize;
    reads.truncate(MOST as usize);
    let row = |of: &crate::node::PaymentRead| Row::of(&of.row, &of.payee, &of.name);
    html(&List {
        shell: Shell::new("Payments", Tab::Payments, node.origin()),
        rows: reads.iter().map(row).collect(),
        more: more.then(|| grouped(MOST)),
    })
}

/// A part of a payment, in words.
struct Part {
    claim: String,
    what: &'static str,
    /// The class of its badge.
    class: &'static str,
    paid: String,
    interest: String,
    withheld: String,
}

impl Part {
    fn of(row: &PartRow) -> Self {
        let (what, class) = match row.kind {
            PartKind::Payment if row.paid.is_zero() => ("nothing is paid", "waiting"),
            PartKind::Payment => ("paid", "paid"),
            PartKind::Recovery => ("what was left is taken", "reversed"),
            PartKind::Reversal => ("taken back", "reversed"),
            PartKind::ReversalAhead => ("taken back, the money stays for now", "reversed"),
        };
        let shown = |amount: Money| match amount.is_zero() {
            true => "–".to_owned(),
            false => grouped(amount),
        };
        Self {
            claim: row.claim.to_string(),
            what,
            class,
            paid: match row.kind {
                PartKind::Recovery => "–".to_owned(),
                _ => grouped(row.paid),
            },
            interest: shown(row.interest),
            withheld: shown(row.withheld),
        }
    }
}

#[derive(Template)]
#[template(path = "payment.html")]
struct One {
    shell: Shell,
    row: Row,
    brought: Option<String>,
    parts: Vec<Part>,
    erased: usize,
    is_told: bool,
}

async fn read(site: &Shared, trace: &str, why: &str) -> Result<Paid, Failure> {
    let paid = site.node.read_payment(trace, why).await?;
    paid.ok_or_else(|| {
        let link = ("/payments", "All payments");
        Failure::none("There is no payment of this number", "Look among:", link)
    })
}

pub(super) async fn one(site: Shared, Path(trace): Path<String>) -> Answered {
    let paid = read(&site, &trace, "page:payment").await?;
    html(&One {
        shell: Shell::new("Payment", Tab::Payments, site.node.origin()),
        row: Row::of(&paid.row, &paid.told.payee, &paid.told.name),
        brought: (!paid.row.brought.is_zero()).then(|| grouped(paid.row.brought)),
        parts: paid.parts.iter().map(Part::of).collect(),
        erased: paid.erased.len(),
        is_told: !paid.told.text.is_empty(),
    })
}

/// Its 835, byte for byte as it was told.
pub(super) async fn remittance(site: Shared, Path(trace): Path<String>) -> Answered {
    let paid = read(&site, &trace, "page:payment").await?;
    if paid.told.text.is_empty() {
        let link = ("/payments", "All payments");
        let title = "A record of this payment was erased: its 835 cannot be given again";
        return Err(Failure::none(title, "Look among:", link));
    }
    let head = [
        (CONTENT_TYPE, "application/EDI-X12".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.835\"", paid.row.trace),
        ),
    ];
    Ok((head, paid.told.text).into_response())
}
