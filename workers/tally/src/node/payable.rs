//! Whether a claim's billing provider is somebody whom a payment can be told to, as it
//! is asked at intake.

use std::collections::{BTreeMap, BTreeSet};

use tally_core::claim::{ClaimId, Provider, SubmissionKey};
use tally_core::interchange::{IntakeRule, ReadClaims, Refusal, Source};

use crate::config::{Config, UnknownPayeeConfig};

/// Who can be paid, and what becomes of claims of others.
#[derive(Default)]
pub(super) struct Payable {
    refuses: bool,
    /// The identifiers of the payees that are configured.
    named: BTreeSet<String>,
}

/// Whether a provider of whom nothing is known but its identifier can be paid: by an
/// NPI, or by a tax number.
pub(super) fn is_named(provider: &Provider) -> bool {
    let identifier = provider.identifier.as_bytes();
    let is_tax = identifier.len() == 9 && identifier.iter().all(u8::is_ascii_digit);
    provider.is_npi || is_tax
}

/// The positions of a file's claims, by their ids.
pub(crate) fn positions(source: &Source<'_>, read: &ReadClaims) -> BTreeMap<ClaimId, u32> {
    let id_at = |position| {
        ClaimId::of(&SubmissionKey {
            submitter: source.submitter.to_owned(),
            interchange: source.interchange.to_owned(),
            position,
        })
    };
    (0..read.read).map(|at| (id_at(at), at)).collect()
}

/// The place of a refusal for who bills.
pub(super) fn place(position: u32) -> String {
    format!("claim {} of the file", position.saturating_add(1))
}

impl Payable {
    pub(super) fn of(config: &Config) -> Self {
        let named = config.payees.iter().map(|payee| payee.identifier.clone());
        Self {
            refuses: config.intake.unknown_payee == UnknownPayeeConfig::Refuse,
            named: named.collect(),
        }
    }

    fn is_known(&self, provider: &Provider) -> bool {
        is_named(provider) || self.named.contains(&provider.identifier)
    }

    /// Refuses claims of whom no payment could be told, or warns of them.
    pub(super) fn check(&self, read: &mut ReadClaims, source: &Source<'_>) {
        let unknown = read.claims.iter().filter(|c| !self.is_known(&c.billing));
        let claims = unknown.count();
        if claims == 0 {
            return;
        }
        if !self.refuses {
            tracing::warn!(
                claims,
                "the billing provider has no NPI with the right check digit and no tax number: \
                 no payment can tell of these claims before a `[[payee]]` of the configuration \
                 names it"
            );
            return;
        }
        let positions = positions(source, read);
        let (known, others): (Vec<_>, Vec<_>) = std::mem::take(&mut read.claims)
            .into_iter()
            .partition(|claim| self.is_known(&claim.billing));
        read.claims = known;
        for claim in others {
            let position = positions.get(&claim.id).copied().unwrap_or_default();
            read.refusals.push(Refusal {
                position,
                place: place(position),
                rule: IntakeRule::NotPayable,
                reason: "the billing provider has no NPI with the right check digit and no tax \
                         number, and this payer knows it by no other name"
                    .to_owned(),
            });
        }
        read.refusals.sort_by_key(|refusal| refusal.position);
    }
}
