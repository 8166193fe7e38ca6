//! Which organisations there are for the API: those of the configuration and those of the
//! shared ledger, and what must not be mixed up between them.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tally_core::ledger::shared::{Member, OrganisationId, Snapshot};

use super::Api;
use super::caller::Caller;
use crate::config::{Config, May, Organisation};
use crate::node::SUBMITTER;
use crate::node::keys::hex;
use crate::shared::Ledger as _;

#[cfg(test)]
mod tests;

/// An organisation that a token may be from.
pub(super) struct Known {
    /// The key that has to have signed it.
    pub key: [u8; 32],
    /// What it may do here.
    pub caller: Caller,
    /// Whether it has left the shared ledger: then it may do nothing.
    pub left: bool,
}

/// What the configuration says, and the shared ledger.
pub(super) struct Both<'a> {
    config: &'a Config,
    /// The shared ledger, and how this node's organisation is called there; `None` on a node
    /// without one, and where the organisation has left it: then the configuration alone
    /// counts.
    shared: Option<(Arc<Snapshot>, &'a OrganisationId)>,
}

impl<'a> Both<'a> {
    /// Of an API, as it stands.
    pub(super) fn of(api: &'a Api) -> Self {
        let member = api.ledger.as_ref();
        let shared = member.map(|member| {
            let at = Arc::clone(&member.subscribe().borrow());
            (at, &member.organisation)
        });
        Self::new(&api.config, shared)
    }

    fn new(config: &'a Config, shared: Option<(Arc<Snapshot>, &'a OrganisationId)>) -> Self {
        let shared = shared.filter(|(at, own)| {
            let own = at.state.members.get(*own);
            own.is_some_and(|own| !own.left)
        });
        Self { config, shared }
    }

    fn own(&self) -> Option<&str> {
        self.shared.as_ref().map(|(_, own)| own.as_str())
    }

    fn on_ledger(&self, id: &str) -> Option<&Member> {
        let (at, _) = self.shared.as_ref()?;
        let member = at.state.members.get(&OrganisationId::parse(id)?)?;
        Some(member)
    }

    /// The organisation of an id. Where it is on the shared ledger, its key there counts,
    /// whatever the configuration has.
    pub(super) fn known(&self, id: &str, person: Option<String>) -> Option<Known> {
        let configured = self.config.organisation(id);
        let Some(member) = self.on_ledger(id) else {
            return configured.map(|of| Known {
                key: of.key.0,
                caller: Caller::of(of, person),
                left: false,
            });
        };
        // That name is what this node's own commands submit under.
        if configured.is_none() && (member.left || id == SUBMITTER) {
            return None;
        }
        let mut caller = match configured {
            Some(of) => Caller::of(of, person),
            None => Caller::of_ledger(id, person),
        };
        // Another organisation of the ledger is never taken for the payer itself. Nor has who
        // came to be there under an id that the payer gave to another key what that one may.
        caller.reads_claims &= self.own() == Some(id);
        let is_that_one = configured.is_none_or(|of| of.key.0 == member.organisation.signing);
        caller.reads_flags &= is_that_one;
        caller.asks_eligibility &= is_that_one;
        Some(Known {
            key: member.organisation.signing,
            caller,
            left: member.left,
        })
    }

    /// Whether a token for an audience is meant for this payer: by `node.payer`, or as the
    /// payer is called on the shared ledger.
    pub(super) fn is_meant(&self, audience: &str) -> bool {
        // A name that is another's on the ledger is meant for that one.
        self.own() == Some(audience)
            || self.config.node.payer == audience && self.on_ledger(audience).is_none()
    }

    /// What is to be seen to, each a sentence; `keys` are those that this node signs with,
    /// signed with, or will.
    ///
    /// # Errors
    /// What would let one organisation be taken for another, with what to do.
    fn see_to(&self, keys: &[[u8; 32]]) -> Result<Vec<String>> {
        let payer = self.config.node.payer.as_str();
        if let Some(own) = self.own() {
            ensure!(
                payer == own || self.on_ledger(payer).is_none(),
                "`node.payer` is `{payer}`, which is another organisation of the shared ledger: \
                 this node is `{own}` there, so say `payer = \"{own}\"`"
            );
        }
        let on = self.config.ledger.as_ref();
        let own = [
            Some(payer),
            self.own(),
            on.map(|on| on.organisation.as_str()),
        ];
        let mut said = Vec::new();
        for of in &self.config.organisations {
            let id = of.id.as_str();
            let member = self.on_ledger(id);
            let is_staff = of.may.contains(&May::ReadClaims);
            if own.contains(&Some(id)) {
                let there = member.map(|member| member.organisation.signing);
                ensure!(
                    is_staff || keys.contains(&of.key.0) || there == Some(of.key.0),
                    "the `[[organisation]]` `{id}` has the payer's own id and a key that is not \
                     this node's: give who has that key an id of its own, or take it out"
                );
            } else {
                ensure!(
                    !is_staff || member.is_none(),
                    "the `[[organisation]]` `{id}` may read every claim, as the payer itself, and \
                     has the id of another organisation of the shared ledger: give it another id"
                );
            }
            said.extend(member.and_then(|member| differs(of, member)));
        }
        Ok(said)
    }
}

/// What the configuration says of organisations, beside the shared ledger as it stands:
/// what is to be seen to, each a sentence.
///
/// # Errors
/// What would let one organisation be taken for another, with what to do.
pub fn see_to(api: &Api) -> Result<Vec<String>> {
    Both::of(api).see_to(&api.node.signing_keys())
}

/// In what the ledger says another thing of an organisation than the configuration.
fn differs(of: &Organisation, member: &Member) -> Option<String> {
    let id = &of.id;
    if member.left {
        return Some(format!(
            "the organisation `{id}` has left the shared ledger: it is not let in under that id"
        ));
    }
    (member.organisation.signing != of.key.0).then(|| {
        let there = hex(&member.organisation.signing);
        format!(
            "the organisation `{id}` signs with {there} on the shared ledger: that key counts, \
             and not the one of the configuration"
        )
    })
}
