//! What is said of claims: their rows and links, without opening them.

use serde::Serialize;
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_store::port::ClaimRow;
use utoipa::ToSchema;

use super::ROOT;
use crate::changes::standing;

/// A claim in short.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimSummary)]
pub(super) struct Summary {
    /// Its id.
    #[schema(
        example = "0f4b1c2d3e4f5a6b7c8d9e0f1a2b3c4d",
        pattern = "^[0-9a-f]{32}$"
    )]
    claim: String,
    /// `paid`, `denied`, `pended`, `waiting` or `discarded`; `reversed` when it stands
    /// no more, `done` of a void.
    #[schema(example = "paid")]
    status: &'static str,
    /// When it was received.
    #[schema(format = Date)]
    received: String,
    /// What was charged, as a decimal of dollars and cents.
    #[schema(example = "180.00")]
    charge: String,
    /// What is allowed; nothing while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
    /// What is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<String>,
    /// What the patient owes.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<String>,
    /// The index of its entry on the ledger; nothing until it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
    /// Where more is.
    links: Links,
}

/// Where more of a claim is, once it is decided. Its receipt and proof follow
/// when its entry is on the ledger, a moment later.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimLinks)]
pub(super) struct Links {
    /// The claim.
    #[serde(rename = "self")]
    this: String,
    /// The receipt that it was received, for who submitted it: at once.
    received: String,
    /// Its explanation of benefits.
    #[serde(skip_serializing_if = "Option::is_none")]
    eob: Option<String>,
    /// Its remittance, of a claim that is settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    remittance: Option<String>,
    /// Its receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    /// That its entry is on the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

/// A claim's status in a word.
pub(super) fn status(row: &ClaimRow) -> &'static str {
    crate::changes::standing(row)
}

/// Whether nothing more is to be waited for.
pub(super) fn is_decided(row: &ClaimRow) -> bool {
    standing(row) != "waiting"
}

impl Links {
    pub(super) fn of(row: &ClaimRow) -> Self {
        let this = address(row.id);
        let outcome = row.outcome.as_ref();
        let settled = outcome.is_some_and(|outcome| outcome.status != Status::Pended);
        let below = |part| outcome.map(|_| format!("{this}/{part}"));
        Self {
            received: format!("{this}/received"),
            eob: below("eob"),
            remittance: below("remittance").filter(|_| settled),
            receipt: below("receipt"),
            proof: below("proof"),
            this,
        }
    }
}

/// Where a claim is.
pub(super) fn address(id: ClaimId) -> String {
    format!("{ROOT}/claims/{id}")
}

impl Summary {
    pub(super) fn of(row: &ClaimRow) -> Self {
        let outcome = row.outcome.as_ref();
        Self {
            claim: row.id.to_string(),
            status: status(row),
            received: row.received.to_string(),
            charge: row.charge.to_string(),
            allowed: outcome.map(|outcome| outcome.allowed.to_string()),
            paid: outcome.map(|outcome| outcome.paid.to_string()),
            patient: outcome.map(|outcome| outcome.patient.to_string()),
            entry: outcome.and_then(|outcome| outcome.leaf),
            links: Links::of(row),
        }
    }
}

/// A text as part of an address (RFC 3986): only what is unreserved stands as
/// it is.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut address = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}
