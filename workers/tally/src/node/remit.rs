//! Remittances: what claims came to, told to who is paid. One for each payee, made
//! from what is stored and what the configuration says of payer and payees, so that
//! the same claims on the same day are the same bytes.

use std::collections::BTreeMap;

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::interchange::x12::{
    Address, Forwarded, PatientName, Payee, Remittance, RemittanceError, RemittedClaim, Stamp,
    by_payee, remittance,
};
use tally_store::port::Token;
use tally_types::{Money, ServiceDate};
use thiserror::Error;

use super::acknowledge::{HOUR, control};
use super::keys::hex;
use super::{ClaimRead, Node};
use crate::config::{PayeeConfig, PayerConfig};

/// Who pays, who is paid, and when.
#[derive(Clone, Copy)]
pub struct Remitting<'a> {
    /// Who pays.
    pub payer: &'a PayerConfig,
    /// Who is paid, as far as more is known of them than their claims say.
    pub payees: &'a [PayeeConfig],
    /// The day of the payment.
    pub on: ServiceDate,
}

/// What one payee is told.
pub struct Remitted {
    /// What the payee is known by in claims.
    pub payee: String,
    /// Its name.
    pub name: String,
    /// The payment's number.
    pub trace: String,
    /// The 835.
    pub text: String,
    /// What is paid, never below zero.
    pub payment: Money,
    /// What is left for the next remittance to take.
    pub forwarded: Option<Forwarded>,
    /// The claims in it, in order.
    pub claims: Vec<ClaimId>,
}

/// Why claims have no remittance.
#[derive(Debug, Error)]
pub enum RemitError {
    /// One waits.
    #[error("claim {0} waits: it is remitted when it is settled")]
    Waits(ClaimId),
    /// Nobody can be paid by what is known.
    #[error(
        "the billing provider of claim {0} has neither an NPI nor a tax number: name it, with its \
         tax number, in a `[[payee]]` of the configuration"
    )]
    NoPayee(ClaimId),
    /// The core refuses it.
    #[error("the remittance that begins with claim {claim}: {source}")]
    Refused {
        /// The first claim of it.
        claim: ClaimId,
        /// Why.
        source: RemittanceError,
    },
}

/// Family name and given names of whom a claim is for.
type Named = (String, String);

impl Node {
    /// The remittances of claims that are settled: one for each payee, in the order
    /// of the first claim of each. Those that wait have to be left out before.
    ///
    /// # Errors
    /// When the store fails; [`RemitError`] when one waits, or a payee is none that
    /// can be named.
    pub async fn remit(
        &self,
        reads: &[ClaimRead],
        remitting: &Remitting<'_>,
    ) -> Result<Vec<Remitted>> {
        let names = self.patients(reads).await?;
        let mut claims = Vec::with_capacity(reads.len());
        for (read, (family, given)) in reads.iter().zip(&names) {
            let Some(outcome) = settled(read) else {
                return Err(RemitError::Waits(read.row.id).into());
            };
            let patient = PatientName { family, given };
            claims.push(RemittedClaim::new(&read.claim, outcome, patient));
        }
        let payees = by_payee(&claims);
        let mut all = Vec::with_capacity(payees.len());
        for of in &payees {
            let Some(first) = of.first() else { continue };
            all.push(remit_payee(of, first.claim, remitting)?);
        }
        Ok(all)
    }

    /// Whom claims are for: as enrolled, else as the claim describes a dependant.
    async fn patients(&self, reads: &[ClaimRead]) -> Result<Vec<Named>> {
        let wanted: BTreeMap<(Token, u32), ()> = reads
            .iter()
            .filter_map(|read| Some(((read.row.unit, read.row.contract?), ())))
            .collect();
        let of: Vec<_> = wanted.keys().map(|(unit, at)| (*unit, Some(*at))).collect();
        let found = self.contracts_of(&of).await?;
        let mut contracts: BTreeMap<(Token, u32), Contract> = BTreeMap::new();
        for (of, found) in wanted.into_keys().zip(found) {
            if let Some((_, contract)) = found.transpose()? {
                contracts.insert(of, contract);
            }
        }
        let named = reads.iter().map(|read| {
            let version = read.row.contract;
            let contract = version.and_then(|version| contracts.get(&(read.row.unit, version)));
            name_of(&read.claim, contract)
        });
        Ok(named.collect())
    }
}

/// The outcome of a claim that is settled.
pub fn settled(read: &ClaimRead) -> Option<&Outcome> {
    let outcome = read.outcome.as_ref()?;
    (outcome.status() != Status::Pended).then_some(outcome)
}

fn name_of(claim: &Claim, contract: Option<&Contract>) -> Named {
    let member = contract.and_then(|contract| contract.members.get(contract.find(&claim.member)?));
    if let Some(member) = member {
        let name = member.name.trim();
        let (given, family) = name.rsplit_once(' ').unwrap_or(("", name));
        return (family.to_owned(), given.to_owned());
    }
    let described = claim.member.dependant.as_ref();
    described.map_or_else(Named::default, |patient| {
        (patient.family.clone(), patient.given.clone())
    })
}

fn remit_payee(
    claims: &[RemittedClaim<'_>],
    first: &Claim,
    remitting: &Remitting<'_>,
) -> Result<Remitted, RemitError> {
    let Remitting { payer, payees, on } = *remitting;
    let provider = &first.billing;
    let configured = payees
        .iter()
        .find(|payee| payee.identifier == provider.identifier);
    // Nothing in a claim says what a provider is called.
    let called = format!("PROVIDER {}", provider.identifier);
    let payee = match configured {
        Some(payee) => payee.in_x12(),
        None => unconfigured(&provider.identifier, provider.is_npi, &called)
            .ok_or(RemitError::NoPayee(first.id))?,
    };
    let number = number(payer, &payee, on, claims);
    let trace = hex(number.get(..8).unwrap_or_default()).to_uppercase();
    let written = remittance(&Remittance {
        payer: payer.in_x12(),
        payee,
        method: payer.pays(configured),
        stamp: Stamp {
            date: on,
            time: HOUR,
            control: control(&number),
            trace: &trace,
        },
        claims,
        adjustments: &[],
        brought: &[],
    })
    .map_err(|source| RemitError::Refused {
        claim: first.id,
        source,
    })?;
    Ok(Remitted {
        payee: provider.identifier.clone(),
        name: payee.name.to_owned(),
        trace,
        text: written.text,
        payment: written.payment,
        forwarded: written.forwarded,
        claims: claims.iter().map(|of| of.claim.id).collect(),
    })
}

/// A payee of whom nothing is known but what it is called in its claims: an NPI, or a
/// tax number.
fn unconfigured<'a>(identifier: &'a str, is_npi: bool, called: &'a str) -> Option<Payee<'a>> {
    let is_tax = identifier.len() == 9 && identifier.bytes().all(|byte| byte.is_ascii_digit());
    (is_npi || is_tax).then(|| Payee {
        name: called,
        id: identifier,
        npi: if is_npi { identifier } else { "" },
        tax: if is_npi { "" } else { identifier },
        address: Address::default(),
    })
}

/// What numbers a payment: who pays whom what for, and when.
fn number(
    payer: &PayerConfig,
    payee: &Payee<'_>,
    on: ServiceDate,
    claims: &[RemittedClaim<'_>],
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"tallystick/remittance/v1");
    for part in [payer.identifier.as_str(), payee.id, &on.to_string()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    for of in claims {
        hasher.update(of.claim.id.0);
    }
    hasher.finalize().into()
}
