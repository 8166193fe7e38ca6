//! Publishing a policy: proof, compilation, signature, an entry of the log.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::Description;
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{MAX_PUBLICATIONS, Role, Snapshot};
use tally_core::ledger::{self, Entry, PolicyPublished, SigningKey, Standing, kind};
use tally_sandbox::{ABI, FUEL_COST_TABLE, Limits};
use tally_store::port::{
    NewPolicy, NewStatement, Publications as _, StatementFilter, Statements as _,
};
use tally_types::ServiceDate;
use thiserror::Error;

use super::Node;
use super::keyring::{Key, Place, Secret};
use crate::policies::{Book, PolicyError};

/// Why a policy was not published. Nothing has changed.
#[derive(Debug, Error)]
pub enum PublishError {
    /// It is no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The same policy is published with the same effective date.
    #[error(
        "P119 this very policy is already published, effective {effective}: to return to it, \
         raise its version and build it again"
    )]
    Already {
        /// The date.
        effective: ServiceDate,
    },
    /// An accumulator of the product would change its meaning.
    #[error(
        "P120 accumulator `{name}` has another scope, unit or period in the version effective \
         {effective}: balances carry over by name, so give it another name"
    )]
    Accumulator {
        /// Its name.
        name: String,
        /// The version it differs from.
        effective: ServiceDate,
    },
    /// A ledger takes no more of one organisation.
    #[error(
        "P121 this node has published {MAX_PUBLICATIONS} times, and a ledger takes no more of one organisation: what \
         is published next has to be a node's in a new folder, which joins under another name"
    )]
    TooMany,
    /// Something of the node's own.
    #[error(transparent)]
    Node(#[from] anyhow::Error),
}

/// A policy that is published.
pub struct Published {
    /// What was signed.
    pub publication: PolicyPublished,
    /// What it says of itself.
    pub description: std::sync::Arc<Description>,
    /// The index of its entry.
    pub index: u64,
    /// How many functions may call themselves through a table.
    pub indirect_cycles: usize,
    /// The size of the component in bytes.
    pub bytes: usize,
}

impl Node {
    /// Publishes a component from an effective date on.
    ///
    /// # Errors
    /// The first rule it breaks, by number; nothing has changed then.
    pub async fn publish(
        &self,
        component: Vec<u8>,
        effective: ServiceDate,
    ) -> Result<Published, PublishError> {
        let loaded = self.shelf.load(component.clone())?;
        // One publication at a time, over processes too.
        let _one = self.lock()?;
        let insurer = self.insurer().await?;
        let description = std::sync::Arc::clone(loaded.policy.description());
        let hash = loaded.policy.hash();
        let book = self.book().await?;
        check(&book, &description, hash, effective)?;
        let publication = PolicyPublished {
            product: description.product.clone(),
            effective,
            policy: hash,
            tables: loaded.hashes.clone(),
            abi: ABI,
            fuel: Limits::FUEL,
            fuel_costs: FUEL_COST_TABLE,
            description: Sha256::digest(description.to_canon()).into(),
        };
        let signed = ledger::Published::sign(publication.clone(), &insurer);
        let before = self.before(&book, &publication);
        let policy = NewPolicy {
            product: publication.product.clone(),
            effective,
            hash,
            component,
            entry: Entry::Policy(Box::new(signed)).to_canon(),
            stands: taking_over(&book, hash, before),
        };
        let stored = self.store.publish(&policy).await;
        stored.context("the policy could not be stored")?;
        self.integrate(false).await?;
        let rows = self.store.publications().await;
        let index = rows
            .context("the publications could not be read")?
            .into_iter()
            .rev()
            .find(|row| row.entry == policy.entry)
            .and_then(|row| row.leaf)
            .context("the publication is not on the log")?;
        tracing::info!(product = %publication.product, %effective, index, "policy published");
        Ok(Published {
            publication,
            description,
            index,
            indirect_cycles: loaded.indirect_cycles,
            bytes: loaded.bytes,
        })
    }

    /// The policy of a product that this publication takes over from.
    fn before(&self, book: &Book, publication: &PolicyPublished) -> Option<[u8; 32]> {
        book.publications()
            .filter(|(_, other)| other.product == publication.product)
            .filter(|(_, other)| other.effective <= publication.effective)
            .max_by_key(|(index, other)| (other.effective, *index))
            .map(|(_, other)| other.policy)
            .filter(|other| *other != publication.policy)
    }

    /// Activates what was published and is not active yet, by a version that did not do both
    /// at once.
    pub(super) async fn activate_published(&self) -> Result<()> {
        let filter = StatementFilter {
            kinds: vec![kind::STANDING],
            ..StatementFilter::default()
        };
        let mut active = BTreeSet::new();
        for row in self.store.statements(&filter).await? {
            if let Ok(Entry::Standing {
                policy,
                standing: Standing::Activated,
            }) = Entry::from_canon(&row.entry)
            {
                active.insert(policy);
            }
        }
        let mut missing = Vec::new();
        for row in self.store.publications().await? {
            if let Ok(Entry::Policy(published)) = Entry::from_canon(&row.entry)
                && active.insert(published.publication.policy)
            {
                missing.push(stands(published.publication.policy, Standing::Activated));
            }
        }
        if !missing.is_empty() {
            self.store.state(&missing).await?;
            self.integrate(false).await?;
        }
        Ok(())
    }

    /// The key that policies are signed with: the one that the ledger has of this node's
    /// organisation, where it is on one. A policy that the ledger does not take would hold
    /// up everything after it.
    async fn insurer(&self) -> Result<SigningKey> {
        let secret = match self.shared_snapshot_if_any().await? {
            None => self.keys.present(Key::Insurer)?,
            Some(snapshot) => self.insurer_on(&snapshot)?,
        };
        Ok(SigningKey::new("insurer", &secret)?)
    }

    fn insurer_on(&self, snapshot: &Snapshot) -> Result<Secret> {
        let (id, origin) = (self.organisation_of(snapshot)?, &snapshot.state.origin);
        let member = snapshot.state.members.get(&id);
        let own = member.map(|member| &member.organisation);
        let own = own.filter(|own| own.is(Role::Payer)).with_context(|| {
            format!(
                "`{id}` is no payer on the ledger {origin}, which takes policies from payers alone"
            )
        })?;
        self.settle_keys(own)?;
        anyhow::ensure!(
            !self.keys.ring.has(Key::Insurer, Place::Next),
            "another `insurer` key is made and not voted in yet: a policy that the old one signs might come to \
             the ledger too late, and hold up all that follows it; publish when `tally keys list` shows the new \
             one in force"
        );
        let known = own
            .publisher
            .and_then(|key| self.keys.of(Key::Insurer, &key));
        known.with_context(|| {
            format!(
                "the ledger {origin} knows `{id}` by another `insurer` key than this node has: `tally keys list`"
            )
        })
    }

    /// Publishes the policies that the binary carries, where they are not yet.
    pub(super) async fn publish_bundled(&self) -> Result<()> {
        let mut published = BTreeSet::new();
        for row in self.store.publications().await? {
            if let Ok(Entry::Policy(policy)) = Entry::from_canon(&row.entry) {
                published.insert(policy.publication.product);
            }
        }
        let waits = self.keys.ring.has(Key::Insurer, Place::Next);
        // A node that was killed while it was made lacks some.
        let lacks = |bundled: &&tally_bundled::Bundled| !published.contains(bundled.name);
        let lacking: Vec<_> = tally_bundled::all().iter().filter(lacks).collect();
        if !waits {
            let components: Vec<_> = lacking.iter().map(|bundled| bundled.component).collect();
            self.shelf.warm(&components);
        }
        for bundled in lacking {
            if waits {
                tracing::warn!(
                    policy = bundled.name,
                    "it is published when the `insurer` key that is made is voted in"
                );
                continue;
            }
            let effective = ServiceDate::parse(bundled.effective)
                .with_context(|| format!("the effective date of {}", bundled.name))?;
            match self.publish(bundled.component.to_vec(), effective).await {
                Ok(_) | Err(PublishError::Already { .. }) => {}
                // It starts all the same, with what it has published.
                Err(error @ PublishError::TooMany) => {
                    tracing::warn!(policy = bundled.name, "it is not published: {error}");
                }
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("publishing the bundled {}", bundled.name));
                }
            }
        }
        Ok(())
    }
}

/// What the log is told of a policy: that it is active, and which one it supersedes.
fn taking_over(book: &Book, policy: [u8; 32], superseded: Option<[u8; 32]>) -> Vec<NewStatement> {
    let known = book.publications().any(|(_, other)| other.policy == policy);
    let activated = (!known).then_some((policy, Standing::Activated));
    let superseded = superseded.map(|old| (old, Standing::Superseded { by: policy }));
    let both = activated.into_iter().chain(superseded);
    both.map(|(policy, standing)| stands(policy, standing))
        .collect()
}

fn stands(policy: [u8; 32], standing: Standing) -> NewStatement {
    let entry = Entry::Standing { policy, standing };
    let activated = standing == Standing::Activated;
    NewStatement {
        kind: entry.kind(),
        about: policy.to_vec(),
        // It becomes active once, and may be superseded more often.
        once: activated.then_some(policy),
        entry: entry.to_canon(),
        opening: None,
    }
}

fn check(
    book: &Book,
    description: &Description,
    hash: [u8; 32],
    effective: ServiceDate,
) -> Result<(), PublishError> {
    let same_product = book
        .publications()
        .filter(|(_, other)| other.product == description.product);
    for (_, other) in same_product {
        if other.policy == hash && other.effective == effective {
            return Err(PublishError::Already { effective });
        }
        let Some(loaded) = book.loaded(&other.policy) else {
            continue;
        };
        for before in &loaded.policy.description().accumulators {
            let differs = description.accumulators.iter().any(|now| {
                now.name == before.name
                    && (now.scope, now.unit, now.period)
                        != (before.scope, before.unit, before.period)
            });
            if differs {
                return Err(PublishError::Accumulator {
                    name: before.name.clone(),
                    effective: other.effective,
                });
            }
        }
    }
    // Refused by the ledger, it would hold up all that follows it on this node's log.
    if book.publications().count() >= MAX_PUBLICATIONS {
        return Err(PublishError::TooMany);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node enters nothing that the ledger would refuse for its number.
    #[test]
    fn a_node_publishes_no_more_than_a_ledger_takes() {
        let today = ServiceDate::parse("2026-01-01").unwrap();
        let of = |index: usize| PolicyPublished {
            product: "ppo".to_owned(),
            effective: today.plus_days(i32::try_from(index).unwrap()).unwrap(),
            policy: [1; 32],
            tables: Vec::new(),
            abi: ABI,
            fuel: 1,
            fuel_costs: FUEL_COST_TABLE,
            description: [0; 32],
        };
        let next = |published: usize| {
            let entries = (0..published).map(|index| (index as u64, of(index)));
            let book = Book::new(published as u64, entries.collect());
            check(&book, &Description::default(), [2; 32], today)
        };
        assert!(next(MAX_PUBLICATIONS - 1).is_ok());
        let refused = next(MAX_PUBLICATIONS).unwrap_err();
        assert!(refused.to_string().starts_with("P121 "), "{refused}");
    }
}
