//! The place of this node's organisation among the authorities: the key that it votes
//! with, and the notary that does.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Authorities, Authority, OrganisationId, Snapshot};
use tally_notary::{Notary, Running, Standing};

use super::machine::{Chain, authorities};
use super::nearest::nearest;
use super::pool::Pool;
use super::scribe::Scribe;
use crate::node::Node;
use crate::node::keyring::{Key, Keyring, Place};

/// What to do about a store that lacks what the only authority's key has ordered.
const HAS_ENDED: &str = "Put the store back that has all of it, or a backup from after the last block. Where there is \
                         none, this ledger has ended; what was receipted stands, under its charter: found another one, \
                         with another key (`tally org init --ledger NAME --authority --new-key`, `tally org found`), \
                         and enter again what came since (docs/operations.md#keys)";

/// What a notary is started with, whatever its key.
pub struct Seat {
    /// The node.
    pub node: Arc<Node>,
    /// How its organisation is called on the ledger.
    pub organisation: OrganisationId,
    /// Where it listens to the other authorities.
    pub listen: Option<SocketAddr>,
    /// Nodes to ask besides those that the ledger has.
    pub peers: Vec<String>,
    /// Where the ledger began.
    pub genesis: Arc<Snapshot>,
    /// What waits to be ordered.
    pub pool: Arc<Pool>,
    /// The authorities of today, where other members showed that they are of an epoch that
    /// the store has not come to.
    pub today: Option<Authorities>,
}

impl Seat {
    /// Puts the keys in their place that the ledger has in force by now. Answers the
    /// authority's, if it is another than the one that signs. It is put there only where the
    /// epoch that knows it was handed over to: until then the old one may have that to sign.
    ///
    /// # Errors
    /// When a key cannot be read or its file not be written, or the store fails.
    pub async fn settle(&self, scribe: &Scribe) -> Result<Option<SigningKey>> {
        let at = scribe.at();
        let Some(own) = at.state.members.get(&self.organisation) else {
            return Ok(None);
        };
        self.node.settle_keys(&own.organisation)?;
        let handed_over = scribe.reached() >= at.state.authorities.epoch;
        // Who left has its key there still.
        let is_one = |key: &[u8; 32]| {
            let found = at.state.authorities.of(&self.organisation);
            found.is_some_and(|found| found.key == *key)
        };
        let wanted = own.organisation.authority;
        let wanted = wanted.filter(|key| handed_over && is_one(key));
        let Some(wanted) = wanted.filter(|wanted| Some(*wanted) != scribe.key()) else {
            return Ok(None);
        };
        let ring = &self.node.keys().ring;
        match ring.place_of(Key::Authority, &wanted) {
            None => return Ok(None),
            Some(Place::Present | Place::Next) => {}
            Some(Place::Aside(_)) => {
                let sets = super::all_authorities(self.node.store()).await?;
                if !self.may_begin(&sets, &wanted)? {
                    return Ok(None);
                }
            }
        }
        self.node.put_in_force(Key::Authority, &wanted)?;
        let key = self.node.authority_key(&at.state.origin)?;
        Ok(key.filter(|key| key.verifier().public() == wanted))
    }

    /// Whether this node may go on with a key of its ring in the place of the present one:
    /// it was made here and never voted, and the authorities took it after the present one.
    /// So one that was put aside because it has voted never votes again, whatever the store
    /// knows.
    ///
    /// # Errors
    /// When the fence cannot be read.
    pub fn may_begin(&self, sets: &[Authorities], key: &[u8; 32]) -> Result<bool> {
        let present = self.node.keys().present(Key::Authority).ok();
        let Some(present) = present.and_then(|present| Key::Authority.public(&present)) else {
            return Ok(false);
        };
        let is_new = tally_notary::is_new(&self.ring().fence(), key)?;
        Ok(is_new && came_after(sets, &self.organisation, &present, key))
    }

    fn ring(&self) -> &Keyring {
        &self.node.keys().ring
    }

    /// Whether a key of this node is the only authority's: the one that it has, or another
    /// that was voted in.
    pub fn is_only(&self, at: &Snapshot) -> bool {
        let [only] = &at.state.authorities.members[..] else {
            return false;
        };
        self.ring().place_of(Key::Authority, &only.key).is_some()
    }

    /// Whether the only authority may order, with what is stored. The store is its journal: on
    /// an empty one, or one that lacks blocks, a key that has ordered them would begin another
    /// history.
    ///
    /// # Errors
    /// When it may not: what to do; or when the fence cannot be read or written.
    pub fn may_order(&self, at: &Snapshot) -> Result<()> {
        let (fence, key) = self.fenced()?;
        let ledger = &at.state.origin;
        let known = tally_notary::spent(&fence, &key)?;
        if at.height == 0 {
            ensure!(
                tally_notary::is_new(&fence, &key)?,
                "this node's store has nothing of the ledger `{ledger}`, whose only authority it is, and its authority's \
                 key may have ordered it before: the store was lost, or the folder was and its keys were put back \
                 ({fence} does not know the key as one that never voted). It could order another history. {HAS_ENDED}",
                fence = fence.display()
            );
            return Ok(());
        }
        let reached = known.unwrap_or(0);
        ensure!(
            reached <= at.height,
            "this node's store has {has} blocks of the ledger `{ledger}`, whose only authority it is, and its authority's \
             key has signed {reached} ({fence} knows): an older store was put back. It could order another history. \
             {HAS_ENDED}",
            has = at.height,
            fence = fence.display()
        );
        if known.is_none() {
            tracing::warn!(
                "{} was copied, put back or lost and does not know how many blocks of the ledger `{ledger}`, whose only \
                 authority this node is, its authority's key has signed. The store has {}, {} leaves: where anybody, a \
                 witness or a member, has a checkpoint of more, stop this node now, put a store back that has those \
                 too, and found another ledger where there is none (docs/operations.md#keys)",
                fence.display(),
                at.height,
                at.frontier.size()
            );
        }
        self.mark(at)
    }

    /// Before the only authority shows anything that it signed: how far its store has come,
    /// noted where no backup of the store brings it back.
    ///
    /// # Errors
    /// When the fence cannot be read or written.
    pub fn mark(&self, at: &Snapshot) -> Result<()> {
        let (fence, key) = self.fenced()?;
        Ok(tally_notary::spend(&fence, &key, at.height)?)
    }

    /// The fence, and the authority's key that is there.
    fn fenced(&self) -> Result<(PathBuf, [u8; 32])> {
        let present = self.node.keys().present(Key::Authority)?;
        let key = Key::Authority.public(&present);
        Ok((self.ring().fence(), key.context("32 bytes are a key")?))
    }

    /// Whether the node is to follow what the authorities' nodes serve: its organisation is
    /// none of them, or it listens nowhere and cannot vote. Where too few of them serve
    /// anything, one that has a key waits to be heard by them; and so does one that may have to
    /// sign still how its epoch was handed over.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    pub async fn is_afar(&self, scribe: &Scribe, has_key: bool) -> Result<bool> {
        let at = scribe.at();
        let set = &at.state.authorities;
        if set.of(&self.organisation).is_some() {
            // Whoever founds has to listen, or there would be nothing to follow.
            return Ok(self.listen.is_none() && at.height > 0);
        }
        if !has_key {
            return Ok(true);
        }
        if scribe.reached() < set.epoch {
            let sets = super::all_authorities(self.node.store()).await?;
            let last = sets.iter().find(|set| set.epoch == scribe.reached());
            if last.is_some_and(|last| last.of(&self.organisation).is_some()) {
                return Ok(false);
            }
        }
        Ok(self.is_served(at))
    }

    /// Whether an authority's node serves the ledger to members that are none.
    pub fn is_served(&self, at: &Snapshot) -> bool {
        super::afar::is_served(at, &self.organisation, &self.peers)
    }

    /// That the ledger has no member of this node's id, as far as the node has read it: a
    /// newcomer's, or a misspelt one.
    pub fn unknown(&self, at: &Snapshot) -> Option<String> {
        let (id, ledger, members) = (&self.organisation, &at.state.origin, &at.state.members);
        if members.contains_key(id) {
            return None;
        }
        let present = members.iter().filter(|(_, member)| !member.left);
        let near = nearest(id.as_str(), present.map(|(id, _)| id.as_str()));
        let near = match &near[..] {
            [] => String::new(),
            some => format!(" (nearest to it: `{}`)", some.join("`, `")),
        };
        Some(format!(
            "{ledger} has no member `{id}`{near}, as far as this node has read it: it reads along, and nothing of its own \
             log comes to stand there. Where `ledger.organisation` is misspelt, set it right and start the node again; \
             where `{id}` is to be voted in, a member proposes its application with `tally org join` \
             (docs/shared-ledger.md#to-take-part)"
        ))
    }

    /// What this node lacks to vote as the authority that its organisation is, if it is one.
    pub fn lacks(&self, at: &Snapshot) -> Option<String> {
        at.state.authorities.of(&self.organisation)?;
        let own = at.state.members.get(&self.organisation)?;
        self.listen.is_none().then(|| {
            format!(
                "`{}` is an authority of {}, and this node has no `ledger.listen`: it does not vote, and follows as a \
                 member. Set that to where the others reach it by {}, and start it again (docs/shared-ledger.md#to-take-part)",
                self.organisation, at.state.origin, own.organisation.address
            )
        })
    }

    /// The authorities that a notary should know besides those of its chain: those of
    /// today, where they are.
    fn known(&self, at: &Snapshot) -> Vec<tally_notary::Authority> {
        let Some(today) = &self.today else {
            return authorities(at);
        };
        let place = |authority: &Authority| {
            let member = at.state.members.get(&authority.organisation)?;
            let address = member.organisation.address.clone();
            let key = authority.key;
            (!address.is_empty()).then_some(tally_notary::Authority { key, address })
        };
        today.members.iter().filter_map(place).collect()
    }

    /// Starts a notary with the key that the node has, where its store stands.
    ///
    /// # Errors
    /// When there is no key, or the notary refuses to start: its error says what to do.
    pub fn notary(&self, scribe: &Scribe) -> Result<Running<Arc<Snapshot>>> {
        let at = scribe.at();
        // Whoever does not vote must not order blocks either: that would be another ledger.
        let seed = self.node.authority_seed()?.with_context(|| {
            format!(
                "this node has no authority's key for the ledger `{}`, which its {} authorities order: \
                 make one with `tally org init --authority`, and have it voted in",
                at.state.origin,
                at.state.authorities.members.len()
            )
        })?;
        let listen = self.listen.context(
            "`ledger.listen` is needed by an authority: set it to where the others reach it",
        )?;
        let journal = self.ring().journal();
        put_aside(&journal, self.ring())?;
        let mut settings = tally_notary::Config::new(
            self.genesis.state.origin.as_bytes(),
            *seed,
            listen,
            authorities(&self.genesis),
            journal,
            self.ring().fence(),
        );
        settings.known = self.known(at);
        let stored = (at.height > 0).then(|| Standing {
            epoch: at.signers.epoch,
            height: at.height,
            digest: scribe.id(),
            state: Arc::clone(at),
        });
        let chain = Chain {
            genesis: Arc::clone(&self.genesis),
            pool: Arc::clone(&self.pool),
        };
        Notary::start(settings, chain, stored).map_err(|error| match error {
            refused if refused.needs_another_key() => anyhow::Error::new(refused).context(
                "this node may not vote with the authority's key that it has: `tally org init --authority --new-key` \
                 makes another, and another organisation proposes it with `tally org rotate` \
                 (docs/shared-ledger.md#to-take-part)",
            ),
            other => other.into(),
        })
    }
}

/// Whether an organisation had a key in an epoch before the first in which it had another.
fn came_after(
    sets: &[Authorities],
    organisation: &OrganisationId,
    one: &[u8; 32],
    other: &[u8; 32],
) -> bool {
    let first = |key: &[u8; 32]| {
        let has = |set: &Authorities| set.of(organisation).is_some_and(|of| of.key == *key);
        sets.iter().position(has)
    };
    matches!((first(one), first(other)), (Some(one), Some(other)) if one < other)
}

/// Puts a journal aside that a key voted from which is put aside itself: every key votes
/// from a journal of its own. The fence still knows if the key that is there has voted.
fn put_aside(journal: &Path, ring: &Keyring) -> Result<()> {
    let Some(owner) = tally_notary::owner(journal)? else {
        return Ok(());
    };
    let present = ring.read(Key::Authority, Place::Present)?;
    if Key::Authority.public(&present) == Some(owner) {
        return Ok(());
    }
    let mut places = ring.places(Key::Authority)?.into_iter();
    let was = places.find(|place| {
        let secret = ring.read(Key::Authority, *place).ok();
        let public = secret.and_then(|secret| Key::Authority.public(&secret));
        matches!(place, Place::Aside(_)) && public == Some(owner)
    });
    if was.is_none() {
        return Ok(());
    }
    let aside = (1u32..)
        .map(|n| journal.with_extension(n.to_string()))
        .find(|path| !path.exists())
        .context("no name is left for the journal that was")?;
    fs::rename(journal, &aside)
        .with_context(|| format!("{} could not be put aside", journal.display()))
}

#[cfg(test)]
mod tests {
    use tally_core::ledger::shared::MAX_AUTHORITIES;

    use super::*;

    fn sets(of_one: &[Option<u8>]) -> Vec<Authorities> {
        let set = |(epoch, key): (u64, &Option<u8>)| {
            let authority = |name: &str, key: u8| Authority {
                organisation: OrganisationId::parse(name).unwrap(),
                key: [key; 32],
            };
            let own = key.map(|key| authority("one", key));
            Authorities {
                origin: "ledger.example".into(),
                epoch,
                members: own.into_iter().chain([authority("two", 99)]).collect(),
                witnesses: Vec::new(),
            }
        };
        (0..).zip(of_one).map(set).collect()
    }

    /// The ledger lets in as many authorities as the notary was measured with, and no more:
    /// one more would be voted in, and refused by all, for ever.
    #[test]
    fn the_ledger_and_the_notary_have_one_bound() {
        let at = SocketAddr::from(([127, 0, 0, 1], 0));
        let nowhere = PathBuf::new();
        let config = tally_notary::Config::new(
            b"ledger.example",
            [1; 32],
            at,
            Vec::new(),
            nowhere.clone(),
            nowhere,
        );
        assert_eq!(config.most_authorities, MAX_AUTHORITIES);
    }

    /// A key that sets went on to from the present one, and no other: not one that the
    /// present one was made for, not one before it, not another organisation's.
    #[test]
    fn a_key_comes_after_another_by_the_sets() {
        let one = OrganisationId::parse("one").unwrap();
        let after = |keys: &[Option<u8>], present: u8, other: u8| {
            came_after(&sets(keys), &one, &[present; 32], &[other; 32])
        };
        assert!(after(&[Some(1), Some(1), Some(2)], 1, 2));
        assert!(after(&[Some(1), None, Some(3), Some(2)], 1, 2));
        assert!(!after(&[Some(1), Some(2)], 2, 1));
        assert!(!after(&[Some(1), Some(2), Some(1)], 2, 1));
        assert!(!after(&[Some(1)], 3, 1), "made in its place, not voted in");
        assert!(!after(&[Some(1)], 1, 3));
        assert!(!after(&[Some(1), Some(2)], 1, 99));
    }
}
