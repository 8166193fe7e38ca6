//! What is not granted, since it could allow nobody anything, as far as this node can know. It
//! is refused where it would be granted: the ledger sees commitments alone, and what is there
//! already is told as it stands.

use anyhow::Result;
use tally_core::claim::ClaimId;
use tally_core::ledger::access::{Bestowal, Custody, Grant, Grantee, Members as _, Purpose, Scope};
use tally_core::ledger::shared::OrganisationId;
use tally_store::port::Reading as _;
use tally_types::ServiceDate;
use thiserror::Error;

use super::Rules;
use super::book::Standing;
use super::keep::payer_of;
use crate::node::Node;

/// Why something would be granted without effect. Its numbers go on from those of
/// [`Denied`](tally_core::ledger::access::Denied), and are never used again.
#[derive(Debug, Error)]
pub enum NoEffect {
    /// No such organisation that this node knows; the node of the patient's payer, which
    /// decides, may.
    #[error(
        "A119: no organisation `{0}` is known here: name one of `tally org list`, or an \
         `[[organisation]]` of the configuration, with `--config FILE`"
    )]
    Unknown(OrganisationId),
    /// It has left.
    #[error(
        "A120: `{0}` has left the ledger and can read nothing: name one of `tally org list` that \
         has not; where it is voted in again, grant it then"
    )]
    Left(OrganisationId),
    /// Past.
    #[error(
        "A121: it would have ended on {through}, before today, {today}: say a later `--through`"
    )]
    Ended {
        /// Its last day.
        through: ServiceDate,
        /// Today, in UTC.
        today: ServiceDate,
    },
    /// To the payer, what it does by right.
    #[error(
        "A122: `{0}` is the payer of these claims, and reads them for payment, operations and what \
         the patient asks by right: name another, or of a grant another `--purpose`"
    )]
    Payer(OrganisationId),
    /// Of no claim at all.
    #[error(
        "A123: no claim would be in it: the list of codes that it is only of is one that it leaves \
         out: take it from `--only` or `--except`"
    )]
    Nothing,
    /// Of another's claim.
    #[error(
        "A124: claim {0} is not this member's: name one that is (`tally member statement MEMBER` \
         names them), or the member whose it is"
    )]
    NotTheirs(ClaimId),
    /// Of protected claims alone, and not of them expressly.
    #[error(
        "A125: no claim would be in it: `--only {0}` is a protected list of codes, whose claims \
         are given away only where a grant names it: say `--expressly {0}` too"
    )]
    Protected(String),
}

impl Node {
    /// Sees that something may come to have an effect, as far as this node can know.
    ///
    /// # Errors
    /// [`NoEffect`], or when the store fails.
    pub(super) async fn has_effect(
        &self,
        rules: &Rules,
        standing: &Standing,
        bestowal: &Bestowal,
    ) -> Result<()> {
        for id in named(bestowal) {
            match standing.member(id) {
                None => return Err(NoEffect::Unknown(id.clone()).into()),
                Some(member) if member.left => return Err(NoEffect::Left(id.clone()).into()),
                Some(_) => {}
            }
        }
        let ((_, through), today) = (bestowal.days(), self.clock.today());
        // By a custody that is over its custodian may still take back.
        let is_over = through < today && !matches!(bestowal, Bestowal::Custody(_));
        if is_over {
            return Err(NoEffect::Ended { through, today }.into());
        }
        match bestowal {
            Bestowal::Access(grant) => {
                is_of_something(rules, &grant.scope)?;
                self.allows_something(standing, bestowal, grant).await
            }
            Bestowal::Custody(of) if of.custodian == of.payer => {
                Err(NoEffect::Payer(of.payer.clone()).into())
            }
            Bestowal::Custody(_) | Bestowal::Membership(_) => Ok(()),
        }
    }

    async fn allows_something(
        &self,
        standing: &Standing,
        bestowal: &Bestowal,
        grant: &Grant,
    ) -> Result<()> {
        let given = self.granted_about(Some(&[self.about(bestowal)])).await?;
        let custodies: Vec<Custody> = given
            .into_iter()
            .filter_map(|given| match given.opened.bestowal {
                Bestowal::Custody(custody) => Some(custody),
                _ => None,
            })
            .collect();
        let payer = payer_of(standing, bestowal, &custodies);
        let by_right = |of: &Purpose| Purpose::OF_PAYER.iter().any(|right| of.is_under(*right));
        let to_payer = matches!(&grant.to, Grantee::Organisations(to) if to[..] == [payer.clone()]);
        if to_payer && grant.purposes.iter().all(by_right) {
            return Err(NoEffect::Payer(payer.clone()).into());
        }
        match grant.scope.claim {
            Some(claim) if *payer == standing.own => self.is_theirs(claim, grant).await,
            _ => Ok(()),
        }
    }

    /// Sees that a claim, where it is here, is of the member who grants it. One that is not may
    /// come yet: its id is known to who sends it.
    async fn is_theirs(&self, claim: ClaimId, grant: &Grant) -> Result<()> {
        let Some(row) = self.store.claim(claim).await? else {
            return Ok(());
        };
        let whose = match row.contract {
            None => None,
            Some(_) => self.patient(row.member).await?,
        };
        match whose == Some(grant.patient) {
            true => Ok(()),
            false => Err(NoEffect::NotTheirs(claim).into()),
        }
    }
}

/// Sees that the list of codes that a scope is only of is not one whose claims it keeps out.
fn is_of_something(rules: &Rules, scope: &Scope) -> Result<(), NoEffect> {
    let Some(only) = scope.only else {
        return Ok(());
    };
    if scope.except.contains(&only) {
        return Err(NoEffect::Nothing);
    }
    match rules.protected(&only) {
        Some(list) if !scope.expressly.contains(&only) => {
            Err(NoEffect::Protected(list.name.clone()))
        }
        _ => Ok(()),
    }
}

/// The organisations that something names beside its keeper.
fn named(bestowal: &Bestowal) -> Vec<&OrganisationId> {
    match bestowal {
        Bestowal::Access(grant) => match &grant.to {
            Grantee::Organisations(named) => named.iter().collect(),
            Grantee::Group(group) => vec![&group.keeper],
        },
        Bestowal::Custody(custody) => vec![&custody.custodian],
        Bestowal::Membership(membership) => vec![&membership.organisation],
    }
}
