//! The keys that an organisation has on a shared ledger: its application with them, with
//! those that are to come in their place, and how they come into force.

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{self as ledger, Organisation, OrganisationId, State};
use tally_core::ledger::{Entry, SigningKey};
use tally_queue::envelope::NodeKey;
use tally_store::port::Publications as _;

use super::Node;
use super::keyring::{Key, Place, Secret};
use super::keys::{Keys, hex};
use crate::shared::Application;

/// What an organisation says of itself when it applies for a ledger.
pub struct Applying {
    /// The ledger's name.
    pub ledger: String,
    /// How it is to be called there.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it does.
    pub roles: Vec<ledger::Role>,
    /// Where it is reached as an authority, `host:port`; empty where it is to be none,
    /// whether or not its node has a key for that.
    pub address: String,
    /// Where its node answers over HTTP.
    pub url: String,
}

/// The key of an organisation that the ledger has for a purpose.
#[must_use]
pub fn on_ledger(of: &Organisation, key: Key) -> Option<[u8; 32]> {
    match key {
        Key::Signing => Some(of.signing),
        Key::Envelope => Some(of.sealing),
        Key::Log => Some(of.log),
        Key::Insurer => of.publisher,
        Key::Authority => of.authority,
        Key::Wrap | Key::Tokens | Key::Artefact | Key::Queue => None,
    }
}

impl Node {
    /// The secret of the authority's key on a shared ledger; `None` where there is none.
    pub(crate) fn authority_seed(&self) -> Result<Option<zeroize::Zeroizing<[u8; 32]>>> {
        Keys::authority(&self.folder.join("keys"))
    }

    /// The authority's key, which signs checkpoints of the ledger of this name.
    pub(crate) fn authority_key(&self, ledger: &str) -> Result<Option<SigningKey>> {
        let seed = self.authority_seed()?;
        let key = seed.map(|seed| SigningKey::new(ledger, &seed));
        key.transpose().context("the ledger's name cannot sign")
    }

    /// The key that signs the envelopes of this node's own log on a shared ledger.
    pub(crate) fn signing_key(&self) -> Result<SigningKey> {
        Ok(SigningKey::new("signing", &self.keys.signing)?)
    }

    /// The secret behind [`Self::signing_key`].
    pub(crate) fn signing_secret(&self) -> zeroize::Zeroizing<[u8; 32]> {
        self.keys.signing.clone()
    }

    /// Makes an authority's key where there is none, or anew.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn make_authority(&self, anew: bool) -> Result<()> {
        Keys::make_authority(&self.folder.join("keys"), anew).map(drop)
    }

    /// The application of this node's organisation for a ledger, with the keys that the
    /// node has.
    ///
    /// # Errors
    /// When what is said of the organisation is not sound.
    pub async fn application(&self, applying: &Applying) -> Result<Application> {
        let publishes = applying.roles.contains(&ledger::Role::Payer);
        let published = !self.store.publications().await?.is_empty();
        anyhow::ensure!(
            publishes || !published,
            "this node's log has published policies, which a ledger takes from payers alone: apply as a \
             payer, or from a new folder, which then has none"
        );
        let id = OrganisationId::parse(&applying.id)
            .context("an organisation's id is 1 to 64 of a-z, 0-9 and `-`")?;
        let authority = match applying.address.as_str() {
            "" => None,
            _ => self.authority_key(&applying.ledger)?,
        };
        let insurer = match publishes {
            true => Key::Insurer.public(&self.keys.present(Key::Insurer)?),
            false => None,
        };
        self.is_published_under(insurer).await?;
        let signing = self.signing_key()?;
        let mut roles = applying.roles.clone();
        roles.sort_unstable();
        roles.dedup();
        let organisation = ledger::Organisation {
            id,
            name: applying.name.clone(),
            publisher: insurer,
            roles,
            signing: signing.verifier().public(),
            sealing: self.envelope_key().to_bytes(),
            origin: self.origin.clone(),
            log: self.keys.log.verifier().public(),
            authority: authority.as_ref().map(|key| key.verifier().public()),
            address: applying.address.clone(),
            url: applying.url.clone(),
        };
        if let Some(flaw) = organisation.flaw() {
            anyhow::bail!("no ledger would take `{}` in: {flaw}", organisation.id);
        }
        let possession = ledger::Possession::show(
            &applying.ledger,
            &organisation,
            &signing,
            authority.as_ref(),
        );
        Ok(Application {
            ledger: applying.ledger.clone(),
            organisation,
            possession,
        })
    }

    /// Whether all that was published is signed by the key that the ledger is to know: it
    /// takes nothing of another's, nor anything that follows it.
    async fn is_published_under(&self, insurer: Option<[u8; 32]>) -> Result<()> {
        for row in self.store.publications().await? {
            let Ok(Entry::Policy(published)) = Entry::from_canon(&row.entry) else {
                anyhow::bail!("what is stored of a policy is damaged: run `tally ledger fsck`");
            };
            anyhow::ensure!(
                Some(published.publisher) == insurer,
                "policies of this node's log were published under another `insurer` key than the present one, \
                 and a ledger takes those of one key: put that key back in its place (it is put aside in \
                 {}), join, and then rotate it by vote; or join from a new folder",
                self.keys.ring.folder().display()
            );
        }
        Ok(())
    }

    /// What opens what was sealed to this node: to the key that it has, to one that is to
    /// come, or to one that was.
    pub(crate) fn envelope_secrets(&self) -> Vec<NodeKey> {
        let secrets = self.keys.ring.secrets(Key::Envelope);
        secrets
            .iter()
            .filter_map(|secret| NodeKey::new(secret))
            .collect()
    }

    /// The public parts of the signing keys of this node: present, to come and put aside.
    pub(crate) fn signing_keys(&self) -> Vec<[u8; 32]> {
        let secrets = self.keys.ring.secrets(Key::Signing);
        let public = secrets
            .iter()
            .filter_map(|secret| Key::Signing.public(secret));
        public.collect()
    }

    /// The signing key that the ledger knows this organisation by. Where it is none of this
    /// node's, the one that is there: the ledger will say that it is another.
    pub(crate) fn signing_secret_on(&self, of: &Organisation) -> Secret {
        let known = self.keys.of(Key::Signing, &of.signing);
        known.unwrap_or_else(|| self.keys.signing.clone())
    }

    /// The organisation of this node as the ledger has it, with every key in its place
    /// that is made and not in force yet: what one vote brings, no other takes back.
    ///
    /// # Errors
    /// When a key cannot be read, or one that is in force is none of this node's.
    pub(super) fn rotated(&self, state: &State) -> Result<Application> {
        let log = self.keys.log.verifier().public();
        let member = state.member_of_log(&log).filter(|member| !member.left);
        let member =
            member.context("this node's log is on no organisation of the shared ledger")?;
        let mut organisation = member.organisation.clone();
        let next = |key: Key| -> Result<Option<[u8; 32]>> {
            if !self.keys.ring.has(key, Place::Next) {
                return Ok(None);
            }
            Ok(key.public(&self.keys.ring.read(key, Place::Next)?))
        };
        if let Some(signing) = next(Key::Signing)? {
            organisation.signing = signing;
        }
        if let Some(sealing) = next(Key::Envelope)? {
            organisation.sealing = sealing;
        }
        organisation.publisher = match organisation.publisher {
            Some(publisher) => Some(next(Key::Insurer)?.unwrap_or(publisher)),
            None => None,
        };
        organisation.authority = match organisation.authority {
            Some(authority) => Some(next(Key::Authority)?.unwrap_or(authority)),
            None => None,
        };
        let held = |key: Key, public: &[u8; 32]| {
            let secret = self.keys.ring.find(key, public);
            secret.with_context(|| {
                format!(
                    "the `{}` key that the ledger has of this organisation, {}, is not in {}: restore it from \
                     the backup, or have others voted in, from `tally org init`",
                    key.as_str(),
                    hex(public),
                    self.keys.ring.folder().display()
                )
            })
        };
        let signing = SigningKey::new("signing", &*held(Key::Signing, &organisation.signing)?)?;
        let authority = organisation.authority.as_ref();
        let authority = authority.map(|public| held(Key::Authority, public));
        let authority = authority.transpose()?;
        let authority = authority.map(|seed| SigningKey::new(&state.origin, &seed));
        let authority = authority.transpose()?;
        let possession =
            ledger::Possession::show(&state.origin, &organisation, &signing, authority.as_ref());
        Ok(Application {
            ledger: state.origin.clone(),
            organisation,
            possession,
        })
    }

    /// Puts keys in their place that the ledger has in force by now, and those before them
    /// aside: but the authority's, which may have something to sign still.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub(crate) fn settle_keys(&self, of: &Organisation) -> Result<()> {
        for key in [Key::Signing, Key::Envelope, Key::Insurer] {
            if let Some(public) = on_ledger(of, key) {
                self.put_in_force(key, &public)?;
            }
        }
        Ok(())
    }

    /// Puts a key in its place that the ledger has in force: the next one, or one that was
    /// put aside and voted in all the same. Whatever is not among this node's is left.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub(crate) fn put_in_force(&self, key: Key, public: &[u8; 32]) -> Result<()> {
        let ring = &self.keys.ring;
        let place = || {
            let place = ring.place_of(key, public);
            place.filter(|place| *place != Place::Present)
        };
        if place().is_none() {
            return Ok(());
        }
        // Whoever holds it may do so for long: then at the next time.
        let Some(_one) = ring.try_lock()? else {
            return Ok(());
        };
        if let Some(place) = place() {
            ring.promote(key, place)?;
            tracing::info!(key = key.as_str(), "another key is in force");
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::PoliciesConfig;
    use crate::node::clock::Clock;

    /// The node of a payer that is to be an authority, and what it applies with.
    pub(crate) async fn applicant(folder: &std::path::Path, id: &str) -> (Node, Application) {
        let node = Node::open_with(folder, Clock::System, PoliciesConfig::None).await;
        let node = node.unwrap();
        node.make_authority(false).unwrap();
        let applying = Applying {
            ledger: "ledger.example".into(),
            id: id.into(),
            name: id.into(),
            roles: vec![ledger::Role::Payer],
            address: "127.0.0.1:1".into(),
            url: String::new(),
        };
        let application = node.application(&applying).await.unwrap();
        (node, application)
    }

    /// Copies a folder or a file of a node that was dropped.
    pub(crate) fn copy(from: &std::path::Path, to: &std::path::Path) {
        let copied = || {
            let mut copies = std::process::Command::new("cp");
            let done = copies.arg("-a").args([from, to]).status();
            done.unwrap().success()
        };
        // A store that is dropped is closed a moment later: files of its go meanwhile.
        let mut tries = 1..=50;
        while !copied() {
            assert!(tries.next().is_some(), "{} is not copied", from.display());
            let _ = std::fs::remove_dir_all(to);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}
