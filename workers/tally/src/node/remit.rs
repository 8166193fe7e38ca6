//! Remittances: what claims came to, told to who is paid. One for each payee, made
//! from what is stored and what the configuration says of payer and payees, so that
//! the same claims on the same day are the same bytes. What was told is not told again:
//! see [`super::pay`].

pub(in crate::node) mod due;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::{Claim, ClaimId, Contract, Provider};
use tally_core::interchange::outcome_json;
use tally_core::interchange::x12::{
    Address, Forwarded, InsuredName, PatientName, Payee, Remittance, RemittanceError,
    RemittedClaim, Stamp, Standing, remittance,
};
use tally_store::port::{PartKind, Payments as _, Token};
use tally_types::interest::InterestError;
use tally_types::{Money, ServiceDate};
use thiserror::Error;

use super::acknowledge::{HOUR, control};
use super::keys::hex;
use super::payable::is_named;
use super::{ClaimRead, Node};
use crate::config::{PayeeConfig, PayerConfig};
use due::Part;

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
    /// The how-manieth payment of the payee it is, from 1.
    pub number: u32,
    /// The day of it.
    pub on: ServiceDate,
    /// The 835.
    pub text: String,
    /// What is paid, never below zero.
    pub payment: Money,
    /// What the payment before left for this one to take.
    pub brought: Money,
    /// What is left for the next remittance to take.
    pub forwarded: Money,
    /// What earlier remittances left with the payee, and is taken: by claim.
    pub recovered: Vec<(ClaimId, Money)>,
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
    /// Of what is taken back, what is left with the payee until the correction.
    pub withheld: Money,
    /// All of it, as `tally claim export` prints it.
    pub json: String,
}

impl Remitted {
    /// The claims that something is told of.
    pub fn told(&self) -> impl Iterator<Item = ClaimId> {
        let told = self.claims.iter().chain(&self.reversed);
        let recovered = self.recovered.iter().map(|(claim, _)| *claim);
        told.map(|of| of.claim).chain(recovered)
    }
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

    pub(super) fn of(claim: &Claim, outcome: &Outcome, interest: Money, withheld: Money) -> Self {
        Self {
            claim: claim.id,
            control_number: claim.control_number.clone(),
            status: outcome.status(),
            charge: outcome.charge(),
            paid: outcome.paid(),
            patient: outcome.patient(),
            interest,
            withheld,
            json: outcome_json(claim, outcome),
        }
    }
}

/// What the next payment of a payee follows on.
#[derive(Clone, Default)]
pub(super) struct Following {
    /// How many there were.
    pub(super) number: u32,
    /// What the last one carried forward.
    pub(super) brought: Option<Forwarded>,
    /// Its day.
    pub(super) day: Option<ServiceDate>,
}

impl Following {
    pub(super) fn of(number: u32, day: ServiceDate, trace: &str, forwarded: Money) -> Self {
        Self {
            number,
            day: Some(day),
            brought: (!forwarded.is_zero()).then(|| Forwarded {
                reference: trace.to_owned(),
                amount: forwarded,
            }),
        }
    }
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
    /// The payee was paid on a later day.
    #[error(
        "whoever is paid for claim {claim} was paid on {last}: a payment is on that day or a later one"
    )]
    Earlier {
        /// A claim of it.
        claim: ClaimId,
        /// The day of the last payment.
        last: ServiceDate,
    },
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

/// Whom a claim is for.
#[derive(Default)]
pub(super) struct Named {
    family: String,
    given: String,
    /// The product that covers them; empty where none does.
    product: String,
    /// The subscriber's family and given names and number, where that is another.
    insured: Option<[String; 3]>,
    /// The last day of cover before a service that is not covered.
    ended: Option<ServiceDate>,
}

impl Node {
    /// What would be told of claims now, as remittances: one for each payee, in the order
    /// of the first claim of each. What was told stays told; what was paid and stands no
    /// more is reversed first. What a payment brings forward is in none. Those that wait
    /// have to be left out before.
    ///
    /// With a claim all at its place is told, what it replaces and what replaces it. For a
    /// purpose each of these leaves an audit entry; without one nothing is noted: who shows
    /// what is told notes that, and has decided that it may be shown.
    ///
    /// # Errors
    /// When the store fails; [`RemitError`] when one waits, or a payee is none that
    /// can be named.
    pub async fn remit(
        &self,
        reads: &[ClaimRead],
        remitting: &Remitting<'_>,
        purpose: Option<&str>,
    ) -> Result<Vec<Remitted>> {
        if let Some(read) = reads
            .iter()
            .find(|read| !is_gone(read) && settled(read).is_none())
        {
            return Err(RemitError::Waits(read.row.id).into());
        }
        let parts = self.parts(reads, remitting, purpose).await?;
        let names = self.patients(&parts).await?;
        let mut all = Vec::new();
        for of in grouped(&parts, &names) {
            let Some((first, _)) = of.first() else {
                continue;
            };
            // A view of claims: the payee's balance, and the order of its payments, are
            // of the payment that is made.
            let following = Following {
                number: self.following(first.row.provider).await?.number,
                ..Following::default()
            };
            all.push(remit_payee(&of, &following, remitting)?);
        }
        Ok(all)
    }

    /// The interest that is or was paid with claims that are settled and stand, and the
    /// day of it. What else is at their places is reckoned with, and not noted.
    ///
    /// # Errors
    /// As [`Self::remit`].
    pub async fn interest(
        &self,
        reads: &[ClaimRead],
        remitting: &Remitting<'_>,
    ) -> Result<BTreeMap<ClaimId, (Money, ServiceDate)>> {
        let mut interest = BTreeMap::new();
        for row in self.told_of(reads).await? {
            if row.part.kind == PartKind::Payment {
                interest.insert(row.part.claim, (row.part.interest, row.day));
            }
        }
        for part in self.parts(reads, remitting, None).await? {
            if part.kind == PartKind::Payment {
                interest.insert(part.row.id, (part.interest, remitting.on));
            }
        }
        Ok(interest)
    }

    async fn parts(
        &self,
        reads: &[ClaimRead],
        remitting: &Remitting<'_>,
        purpose: Option<&str>,
    ) -> Result<Vec<Part>> {
        let ids: Vec<ClaimId> = reads.iter().map(|read| read.row.id).collect();
        let mut done = BTreeSet::new();
        let due = self.due_of(&ids, remitting, purpose, &mut done).await?;
        match due.failed.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(due.parts),
        }
    }

    /// What the next payment of a payee follows on.
    pub(super) async fn following(&self, payee: Token) -> Result<Following> {
        let last = self.store().last_payment(payee).await?;
        Ok(last.map_or_else(Following::default, |last| {
            Following::of(last.number, last.day, &last.trace, last.forwarded)
        }))
    }

    /// Whom claims are for: as enrolled, else as the claim describes a dependant.
    pub(super) async fn patients(&self, parts: &[Part]) -> Result<Vec<Named>> {
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

fn name_of(claim: &Claim, contract: Option<&Contract>) -> Named {
    let member = contract.and_then(|contract| contract.members.get(contract.find(&claim.member)?));
    if let Some(member) = member {
        let (family, given) = member.family_and_given();
        let subscriber = contract.and_then(Contract::subscriber);
        let other = subscriber.filter(|of| of.id != member.id);
        let uncovered = claim.lines.iter().map(|line| line.from);
        let uncovered = uncovered.filter(|day| member.span_on(*day).is_none());
        let ended = uncovered.filter_map(|day| {
            let ends = member.spans.iter().filter_map(|span| span.through);
            ends.filter(|end| *end < day).max()
        });
        // What a claim's lines are covered under is one product.
        let mut covers = claim
            .lines
            .iter()
            .filter_map(|line| member.span_on(line.from));
        return Named {
            family: family.to_owned(),
            given: given.to_owned(),
            product: covers
                .next()
                .map(|of| of.product.clone())
                .unwrap_or_default(),
            insured: other.map(|of| {
                let (family, given) = of.family_and_given();
                [family, given, &of.id].map(str::to_owned)
            }),
            ended: ended.max(),
        };
    }
    let described = claim.member.dependant.as_ref();
    described.map_or_else(Named::default, |patient| Named {
        family: patient.family.clone(),
        given: patient.given.clone(),
        ..Named::default()
    })
}

/// What is told of whom.
pub(super) type Telling<'a> = Vec<(&'a Part, &'a Named)>;

/// The parts of each payee, in the order of its first.
pub(super) fn grouped<'a>(parts: &'a [Part], names: &'a [Named]) -> Vec<Telling<'a>> {
    let mut payees: Vec<Telling<'a>> = Vec::new();
    for (part, name) in parts.iter().zip(names) {
        let same = |of: &&mut Telling<'a>| {
            of.first()
                .is_some_and(|(first, _)| first.claim.billing == part.claim.billing)
        };
        match payees.iter_mut().find(same) {
            Some(of) => of.push((part, name)),
            None => payees.push(vec![(part, name)]),
        }
    }
    payees
}

/// What a payee is told: parts of its own claims alone.
pub(super) fn remit_payee(
    parts: &[(&Part, &Named)],
    following: &Following,
    remitting: &Remitting<'_>,
) -> Result<Remitted, RemitError> {
    let Remitting { payer, payees, on } = *remitting;
    let Some((first, _)) = parts.first() else {
        // Nobody asks for a remittance of nothing.
        return Err(RemitError::NoPayee(ClaimId([0; 16])));
    };
    if let Some(last) = following.day.filter(|last| *last > on) {
        let claim = first.row.id;
        return Err(RemitError::Earlier { claim, last });
    }
    let provider = &first.claim.billing;
    let configured = payees
        .iter()
        .find(|payee| payee.identifier == provider.identifier);
    // Nothing in a claim says what a provider is called.
    let called = format!("PROVIDER {}", provider.identifier);
    let payee = match configured {
        Some(payee) => payee.in_x12(),
        None => unconfigured(provider, &called).ok_or(RemitError::NoPayee(first.row.id))?,
    };
    let mut claims = Vec::with_capacity(parts.len());
    let mut recovered = Vec::new();
    for (part, named) in parts {
        let patient = PatientName {
            family: &named.family,
            given: &named.given,
        };
        let mut claim = RemittedClaim::new(&part.claim, &part.outcome, patient);
        claim.filing = payer.filing.of(&named.product);
        claim.cover_ended = named.ended;
        claim.insured = named
            .insured
            .as_ref()
            .map(|[family, given, identifier]| InsuredName {
                name: PatientName { family, given },
                identifier,
            });
        claim.interest = part.interest;
        claim.standing = match part.kind {
            PartKind::Payment => Standing::Payment,
            PartKind::Reversal => Standing::Reversal,
            PartKind::ReversalAhead => Standing::ReversalAhead,
            PartKind::Recovery => {
                recovered.push(Forwarded {
                    reference: part.row.id.to_string(),
                    amount: part.withheld,
                });
                continue;
            }
        };
        claims.push(claim);
    }
    let number = number(payer, &payee, on, following, parts);
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
        claims: &claims,
        adjustments: &[],
        brought: following.brought.as_slice(),
        recovered: &recovered,
    })
    .map_err(|source| RemitError::Refused {
        claim: first.row.id,
        source,
    })?;
    let told = |reversal: bool| {
        let of = parts.iter().filter(move |(part, _)| match part.kind {
            PartKind::Payment => !reversal,
            PartKind::Reversal | PartKind::ReversalAhead => reversal,
            PartKind::Recovery => false,
        });
        of.map(|(part, _)| ToldClaim::of(&part.claim, &part.outcome, part.interest, part.withheld))
            .collect()
    };
    let taken = parts.iter().filter(|(p, _)| p.kind == PartKind::Recovery);
    Ok(Remitted {
        payee: provider.identifier.clone(),
        name: payee.name.to_owned(),
        trace,
        number: following.number.saturating_add(1),
        on,
        text: written.text,
        payment: written.payment,
        brought: following
            .brought
            .as_ref()
            .map_or(Money::ZERO, |of| of.amount),
        forwarded: written.forwarded.map_or(Money::ZERO, |of| of.amount),
        recovered: taken
            .map(|(part, _)| (part.row.id, part.withheld))
            .collect(),
        claims: told(false),
        reversed: told(true),
    })
}

/// A payee of whom nothing is known but what it is called in its claims: an NPI, or a
/// tax number.
fn unconfigured<'a>(provider: &'a Provider, called: &'a str) -> Option<Payee<'a>> {
    let identifier = provider.identifier.as_str();
    is_named(provider).then(|| Payee {
        name: called,
        id: identifier,
        npi: if provider.is_npi { identifier } else { "" },
        tax: if provider.is_npi { "" } else { identifier },
        address: Address::default(),
    })
}

/// What numbers a payment: who pays whom, the how-manieth time, when, and what for.
fn number(
    payer: &PayerConfig,
    payee: &Payee<'_>,
    on: ServiceDate,
    following: &Following,
    parts: &[(&Part, &Named)],
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"tallystick/remittance/v2");
    for part in [payer.identifier.as_str(), payee.id, &on.to_string()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update(following.number.to_be_bytes());
    for (part, _) in parts {
        hasher.update(part.row.id.0);
        hasher.update(part.kind.name());
        for number in [
            i64::from(part.revision),
            part.interest.scaled(),
            part.withheld.scaled(),
        ] {
            hasher.update(number.to_be_bytes());
        }
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
