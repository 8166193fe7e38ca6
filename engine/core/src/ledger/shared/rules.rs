//! What an organisation may enter: the rules for its own entries, in order. They
//! hold on a log of one organisation as on a ledger of many.

use std::sync::Arc;

use super::bounds::MAX_PUBLICATIONS;
use super::organisation::Role;
use super::refusal::Refusal;
use super::state::{Member, Policy};
use crate::adjudication::DescriptionLimits;
use crate::ledger::entry::{Adjudication, Entry, Standing};
use crate::ledger::publication::{PublicationError, Published};

/// Who may enter what is of an entry's kind; `None` when nobody may.
fn allowed(entry: &Entry) -> Option<&'static [Role]> {
    use Role::{Custodian, Payer, Provider, Regulator};
    Some(match entry {
        Entry::Genesis { .. } | Entry::Proposed(_) | Entry::Voted(_) => {
            &[Payer, Provider, Custodian, Regulator]
        }
        Entry::Policy(_)
        | Entry::Standing { .. }
        | Entry::Adjudicated(_)
        | Entry::Flags(_)
        | Entry::Reversed(_)
        | Entry::Received(_)
        | Entry::PaymentAdvised(_) => &[Payer],
        Entry::Agreed(_) | Entry::Disputed(_) => &[Payer, Provider],
        Entry::Granted(_)
        | Entry::Revoked { .. }
        | Entry::Read(_)
        | Entry::ReadUnderEmergency(_)
        | Entry::Erased { .. } => &[Payer, Provider, Custodian],
        Entry::Charter(_) | Entry::Envelope(_) => return None,
    })
}

impl Member {
    /// How often it published: each policy counts as often as it has dates.
    #[must_use]
    pub fn publications(&self) -> usize {
        let dates = self.policies.values().map(|policy| policy.effective.len());
        dates.fold(0, usize::saturating_add)
    }

    /// Takes in the next entry of the organisation's own log.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn enter(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let (index, kind) = (self.next, entry.kind());
        let roles = allowed(entry).ok_or(Refusal::Place { index, kind })?;
        if !roles.iter().any(|role| self.organisation.is(*role)) {
            return Err(Refusal::Role {
                organisation: self.organisation.id.clone(),
                index,
                kind,
            });
        }
        if (index == 0) != matches!(entry, Entry::Genesis { .. }) {
            return Err(Refusal::Place { index, kind });
        }
        match entry {
            Entry::Genesis { origin, key }
                if *origin != self.organisation.origin || *key != self.organisation.log =>
            {
                return Err(Refusal::Log(origin.clone()));
            }
            Entry::Policy(published) => self.publish(published)?,
            Entry::Standing { policy, standing } => self.stand(*policy, *standing)?,
            Entry::Adjudicated(adjudication) => self.adjudicate(adjudication)?,
            Entry::Erased { index: of, .. } if *of == 0 || *of >= index => {
                return Err(Refusal::Reference { index, of: *of });
            }
            _ => {}
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn publish(&mut self, published: &Published) -> Result<(), Refusal> {
        published
            .verify()
            .map_err(|PublicationError::Signature(source)| Refusal::Publication(source))?;
        if self.organisation.publisher != Some(published.publisher) {
            return Err(Refusal::Publisher(self.organisation.id.clone()));
        }
        let publication = &published.publication;
        if !DescriptionLimits::is_name(&publication.product) {
            return Err(Refusal::Product(self.next));
        }
        // Published again from another date on, it is returned to.
        let differs = |policy: &Arc<Policy>| {
            policy.product != publication.product
                || policy.effective.contains(&publication.effective)
        };
        if self.policies.get(&publication.policy).is_some_and(differs) {
            return Err(Refusal::Republished);
        }
        if self.publications() >= MAX_PUBLICATIONS {
            return Err(Refusal::Publications(self.next));
        }
        let new = || {
            Arc::new(Policy {
                product: publication.product.clone(),
                effective: Vec::new(),
                published: self.next,
                activated: None,
                superseded: None,
            })
        };
        let policies = Arc::make_mut(&mut self.policies);
        let policy = policies.entry(publication.policy).or_insert_with(new);
        let policy = Arc::make_mut(policy);
        policy.effective.push(publication.effective);
        policy.superseded = None;
        Ok(())
    }

    fn stand(&mut self, policy: [u8; 32], standing: Standing) -> Result<(), Refusal> {
        let index = self.next;
        if let Standing::Superseded { by } = standing {
            let of = |hash| self.policies.get(hash).filter(|p| p.activated.is_some());
            let (Some(old), Some(new)) = (of(&policy), of(&by)) else {
                return Err(Refusal::Standing);
            };
            if by == policy || old.product != new.product {
                return Err(Refusal::Standing);
            }
        }
        let found = Arc::make_mut(&mut self.policies)
            .get_mut(&policy)
            .map(Arc::make_mut)
            .ok_or(Refusal::Unpublished(index))?;
        match standing {
            Standing::Activated if found.activated.is_none() => found.activated = Some(index),
            Standing::Superseded { by } if found.superseded != Some(by) => {
                found.superseded = Some(by);
            }
            _ => return Err(Refusal::Standing),
        }
        Ok(())
    }

    fn adjudicate(&self, adjudication: &Adjudication) -> Result<(), Refusal> {
        let (index, prefix) = (self.next, adjudication.prefix);
        if prefix > index {
            return Err(Refusal::Prefix { index, prefix });
        }
        let Some(hash) = &adjudication.policy else {
            return Ok(());
        };
        let policy = self
            .policies
            .get(hash)
            .filter(|policy| policy.published < prefix)
            .ok_or(Refusal::Unpublished(index))?;
        // Before this entry: that need not be within the prefix. A policy is published and
        // activated by two entries, and what is adjudicated meanwhile knows the first alone.
        policy
            .activated
            .is_some()
            .then_some(())
            .ok_or(Refusal::Inactive(index))
    }
}
