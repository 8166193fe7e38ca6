//! Remittances: what claims came to, told to who is paid. One for each payee, made
//! from what is stored and what the configuration says of payer and payees, so that
//! the same claims on the same day are the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::interchange::outcome_json;
use tally_core::interchange::x12::{
    Address, Forwarded, PatientName, Payee, Remittance, RemittanceError, RemittedClaim, Stamp,
    Standing, by_payee, remittance,
};
use tally_store::port::{ClaimRow, Token};
use tally_types::interest::InterestError;
use tally_types::{Money, ServiceDate};
use thiserror::Error;

use super::acknowledge::{HOUR, control};
use super::keys::hex;
use super::{ClaimRead, Node, Stage};
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
    /// The day on which what is taken back was paid; the day from which it stood, when
    /// not said.
    pub paid_before: Option<ServiceDate>,
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
    /// The claims that are paid or denied by it, in order.
    pub claims: Vec<ToldClaim>,
    /// What is taken back by it, in order: each before what takes its place.
    pub reversed: Vec<ToldClaim>,
}

/// A claim that is told of, with the amounts as they stand, or stood.
pub struct ToldClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The sender's number for it.
    pub control_number: String,
    /// Paid or denied.
    pub status: Status,
    /// Its charge.
    pub charge: Money,
    /// What is paid for it.
    pub paid: Money,
    /// What is the patient's.
    pub patient: Money,
    /// Interest for late payment; of what is taken back, what was paid of it.
    pub interest: Money,
    /// All of it, as `tally claim export` prints it.
    pub json: String,
}

impl ToldClaim {
    /// As `tally claim export` prints it, with its interest.
    ///
    /// # Errors
    /// Never: it is JSON.
    pub fn described(&self) -> serde_json::Result<serde_json::Value> {
        let mut value: serde_json::Value = serde_json::from_str(&self.json)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("interest".to_owned(), self.interest.to_string().into());
        }
        Ok(value)
    }

    fn of(of: &RemittedClaim<'_>) -> Self {
        Self {
            claim: of.claim.id,
            control_number: of.claim.control_number.clone(),
            status: of.outcome.status(),
            charge: of.outcome.charge(),
            paid: of.outcome.paid(),
            patient: of.outcome.patient(),
            interest: of.interest,
            json: outcome_json(of.claim, of.outcome),
        }
    }
}

/// A claim of a remittance: as it stands, or as it stood and is taken back.
struct Part {
    row: ClaimRow,
    claim: Claim,
    outcome: Outcome,
    reversal: bool,
    interest: Money,
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
    /// Interest cannot be reckoned.
    #[error("the interest of claim {claim}: {source}")]
    Interest {
        /// The claim.
        claim: ClaimId,
        /// Why.
        source: InterestError,
    },
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
    /// of the first claim of each. Those that wait have to be left out before. Of one
    /// that an act has changed, what it came to before is reversed first; of one that
    /// stands no more, that is all.
    ///
    /// # Errors
    /// When the store fails; [`RemitError`] when one waits, or a payee is none that
    /// can be named.
    pub async fn remit(
        &self,
        reads: &[ClaimRead],
        remitting: &Remitting<'_>,
    ) -> Result<Vec<Remitted>> {
        let parts = self.parts(reads, remitting).await?;
        let names = self.patients(&parts).await?;
        let mut claims = Vec::with_capacity(parts.len());
        for (part, (family, given)) in parts.iter().zip(&names) {
            let patient = PatientName { family, given };
            let mut claim = RemittedClaim::new(&part.claim, &part.outcome, patient);
            claim.interest = part.interest;
            if part.reversal {
                claim.standing = Standing::Reversal;
            }
            claims.push(claim);
        }
        let payees = by_payee(&claims);
        let mut all = Vec::with_capacity(payees.len());
        for of in &payees {
            let Some(first) = of.first() else { continue };
            all.push(remit_payee(of, first.claim, remitting)?);
        }
        Ok(all)
    }

    /// The interest that is paid with claims that are settled and stand.
    ///
    /// # Errors
    /// As [`Self::remit`].
    pub async fn interest(
        &self,
        reads: &[ClaimRead],
        remitting: &Remitting<'_>,
    ) -> Result<BTreeMap<ClaimId, Money>> {
        let parts = self.parts(reads, remitting).await?;
        let paid = parts.iter().filter(|part| !part.reversal);
        Ok(paid.map(|part| (part.row.id, part.interest)).collect())
    }

    /// What is to be told of claims: each place in a unit's order once.
    async fn parts(&self, reads: &[ClaimRead], remitting: &Remitting<'_>) -> Result<Vec<Part>> {
        let changed: BTreeSet<Token> = reads
            .iter()
            .filter(|read| is_changed(&read.row))
            .map(|read| read.row.unit)
            .collect();
        let mut stages: BTreeMap<Token, Vec<Stage>> = BTreeMap::new();
        for unit in changed {
            stages.insert(unit, self.stages(unit, "claims-remitted").await?);
        }
        let mut told: BTreeSet<(Token, u64)> = BTreeSet::new();
        let mut parts = Vec::with_capacity(reads.len());
        for read in reads {
            let of_unit = stages.get(&read.row.unit);
            let own = |stage: &&Stage| stage.row.id == read.row.id;
            let place = of_unit.and_then(|stages| Some(stages.iter().find(own)?.place));
            let (Some(of_unit), Some(place)) = (of_unit, place) else {
                let outcome = settled(read).ok_or(RemitError::Waits(read.row.id))?;
                parts.push(Part {
                    row: read.row.clone(),
                    claim: read.claim.clone(),
                    outcome: outcome.clone(),
                    reversal: false,
                    // What no act changed never waited.
                    interest: owed(remitting, read.row.id, outcome.paid(), read.claim.received)?,
                });
                continue;
            };
            if told.insert((read.row.unit, place)) {
                let here = of_unit.iter().filter(|stage| stage.place == place);
                parts.extend(pair(here, remitting)?);
            }
        }
        Ok(parts)
    }

    /// Whom claims are for: as enrolled, else as the claim describes a dependant.
    async fn patients(&self, parts: &[Part]) -> Result<Vec<Named>> {
        let wanted: BTreeMap<(Token, u32), ()> = parts
            .iter()
            .filter_map(|part| Some(((part.row.unit, part.row.contract?), ())))
            .collect();
        let of: Vec<_> = wanted.keys().map(|(unit, at)| (*unit, Some(*at))).collect();
        let found = self.contracts_of(&of).await?;
        let mut contracts: BTreeMap<(Token, u32), Contract> = BTreeMap::new();
        for (of, found) in wanted.into_keys().zip(found) {
            if let Some((_, contract)) = found.transpose()? {
                contracts.insert(of, contract);
            }
        }
        let named = parts.iter().map(|part| {
            let version = part.row.contract;
            let contract = version.and_then(|version| contracts.get(&(part.row.unit, version)));
            name_of(&part.claim, contract)
        });
        Ok(named.collect())
    }
}

/// The outcome of a claim that is settled and stands.
pub fn settled(read: &ClaimRead) -> Option<&Outcome> {
    let outcome = read.outcome.as_ref()?;
    (outcome.status() != Status::Pended && !is_gone(read)).then_some(outcome)
}

/// Whether a claim was settled and stands no more.
pub fn is_gone(read: &ClaimRead) -> bool {
    let outcome = read.row.outcome.as_ref();
    outcome.is_some_and(|outcome| outcome.gone.is_some())
}

/// Whether a claim is not simply what it came to at first.
fn is_changed(row: &ClaimRow) -> bool {
    let outcome = row.outcome.as_ref();
    row.act.is_some() || outcome.is_some_and(|o| o.revision > 0 || o.gone.is_some())
}

/// What was taken back last at a place, and what stands there; neither when it
/// waits.
fn pair<'a>(
    stages: impl Iterator<Item = &'a Stage>,
    remitting: &Remitting<'_>,
) -> Result<Vec<Part>, RemitError> {
    let stages: Vec<&Stage> = stages.collect();
    let settled = |stage: &&Stage| stage.outcome.status() != Status::Pended;
    let (was, is): (Vec<&Stage>, Vec<&Stage>) = stages
        .iter()
        .copied()
        .partition(|stage| stage.taken_back.is_some());
    // While it waited nothing was told.
    let back = was.into_iter().rfind(settled);
    let stands = is.last().copied().filter(settled);
    let clean = |stage: &Stage| clean(&stages, stage);
    let part = |stage: &Stage, reversal, interest| Part {
        row: stage.row.clone(),
        claim: stage.claim.clone(),
        outcome: stage.outcome.clone(),
        reversal,
        interest,
    };
    let mut parts = Vec::with_capacity(2);
    let paid_before = |back: &Stage| remitting.paid_before.unwrap_or(back.since);
    if let Some(back) = back {
        let before = Remitting {
            on: paid_before(back),
            ..*remitting
        };
        let interest = owed(&before, back.row.id, back.outcome.paid(), clean(back))?;
        parts.push(part(back, true, interest));
    }
    if let Some(stands) = stands {
        let paid = stands.outcome.paid();
        let (id, day) = (stands.row.id, clean(stands));
        // What was paid before and stays was late by then; the rest is late by now.
        let kept = back.map_or(Money::ZERO, |back| back.outcome.paid().lesser(paid));
        let more = paid.checked_sub(kept).unwrap_or(paid);
        let mut interest = owed(remitting, id, more, day)?;
        if let Some(back) = back {
            let before = Remitting {
                on: paid_before(back),
                ..*remitting
            };
            let of_kept = owed(&before, id, kept, day)?;
            let sum = interest.checked_add(of_kept);
            interest = sum.ok_or(RemitError::Interest {
                claim: id,
                source: InterestError::OutOfRange,
            })?;
        }
        parts.push(part(stands, false, interest));
    }
    Ok(parts)
}

/// The day on which a claim was clean: when it was received, or when an act settled it
/// after it had waited.
fn clean(stages: &[&Stage], stage: &Stage) -> ServiceDate {
    let own = stages
        .iter()
        .filter(|one| one.row.id == stage.row.id && one.number <= stage.number);
    let mut day = stage.claim.received;
    let mut waited = false;
    for one in own {
        let waits = one.outcome.status() == Status::Pended;
        if waited && !waits {
            day = one.since;
        }
        waited = waits;
    }
    day
}

fn owed(
    remitting: &Remitting<'_>,
    claim: ClaimId,
    paid: Money,
    clean: ServiceDate,
) -> Result<Money, RemitError> {
    let rules = &remitting.payer.prompt_pay;
    let interest = rules.interest(paid, clean, remitting.on);
    interest.map_err(|source| RemitError::Interest { claim, source })
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
    let Remitting {
        payer, payees, on, ..
    } = *remitting;
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
        claims: claims
            .iter()
            .filter(|of| !of.standing.is_reversal())
            .map(ToldClaim::of)
            .collect(),
        reversed: claims
            .iter()
            .filter(|of| of.standing.is_reversal())
            .map(ToldClaim::of)
            .collect(),
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
        if of.standing.is_reversal() {
            hasher.update(b"reversed");
        }
        // Another interest, as of another day of an earlier payment, is another payment.
        if !of.interest.is_zero() {
            hasher.update(b"interest");
            hasher.update(of.interest.scaled().to_be_bytes());
        }
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
