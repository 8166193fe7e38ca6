//! The place of this node's organisation among the authorities: the key that it votes
//! with, and the notary that does.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{OrganisationId, Snapshot};
use tally_notary::{Notary, Running, Standing};

use super::machine::{Chain, authorities};
use super::pool::Pool;
use super::run::is_only;
use super::scribe::Scribe;
use crate::node::Node;
use crate::node::keyring::{Key, Keyring, Place};

/// What a notary is started with, whatever its key.
pub struct Seat {
    /// The node.
    pub node: Arc<Node>,
    /// How its organisation is called on the ledger.
    pub organisation: OrganisationId,
    /// Where it listens to the other authorities.
    pub listen: Option<SocketAddr>,
    /// Where the ledger began.
    pub genesis: Arc<Snapshot>,
    /// What waits to be ordered.
    pub pool: Arc<Pool>,
}

impl Seat {
    /// Puts the keys in their place that the ledger has in force by now. Answers the
    /// authority's, if it is another than the one that signs.
    ///
    /// # Errors
    /// When a key cannot be read or its file not be written.
    pub fn settle(&self, scribe: &Scribe) -> Result<Option<SigningKey>> {
        let at = scribe.at();
        let Some(own) = at.state.members.get(&self.organisation) else {
            return Ok(None);
        };
        let handed_over = scribe.reached() >= at.state.authorities.epoch;
        self.node.settle_keys(&own.organisation, handed_over)?;
        if !handed_over || own.organisation.authority == scribe.key() {
            return Ok(None);
        }
        let key = self.node.authority_key(&at.state.origin)?;
        Ok(key.filter(|key| Some(key.verifier().public()) == own.organisation.authority))
    }

    /// Whether a key of this node is the only authority's: the one that it has, or the one
    /// that is to come.
    pub fn is_only(&self, at: &Snapshot) -> bool {
        let ring = Keyring::new(&self.node.folder().join("keys"));
        [Place::Present, Place::Next].into_iter().any(|place| {
            let secret = ring.read(Key::Authority, place).ok();
            let public = secret.and_then(|secret| Key::Authority.public(&secret));
            public.is_some() && is_only(at, public)
        })
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
        let listen = self
            .listen
            .context("`ledger.listen` is needed by an authority")?;
        let folder = self.node.folder();
        let journal = folder.join("journal");
        put_aside(&journal, &Keyring::new(&folder.join("keys")))?;
        let mut settings = tally_notary::Config::new(
            self.genesis.state.origin.as_bytes(),
            *seed,
            listen,
            authorities(&self.genesis),
            journal,
            folder.join("authority.fence"),
        );
        settings.known = authorities(at);
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
            lost @ tally_notary::Error::Fenced { .. } => anyhow::Error::new(lost).context(
                "this node may not vote with the authority's key that it has: `tally org init --authority --new-key` \
                 makes another, and another organisation proposes it with `tally org rotate`",
            ),
            other => other.into(),
        })
    }
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
