//! Tests of the shared ledger, and the consortium they play on.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tally_types::ServiceDate;

use super::*;
use crate::canon::Canon;
use crate::ledger::{Adjudication, Entry, Note, PolicyPublished, Published, SigningKey, Standing};

mod authorities;
mod blocks;
mod bounds;
mod codec;
mod erasure;
mod histories;
mod receipt;
mod refusals;
mod seeds;
mod witnessed;

pub(super) const ORIGIN: &str = "ledger.example/shared";

/// An organisation's name.
pub(super) fn id(name: &str) -> OrganisationId {
    OrganisationId::parse(name).unwrap()
}

/// The secret bytes of a key that is called so.
fn secret(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

/// The key that is called so, under this name in signature lines.
pub(super) fn key(of: &str, name: &str) -> SigningKey {
    SigningKey::new(of, &secret(name)).unwrap()
}

fn public(name: &str) -> [u8; 32] {
    key("key", name).verifier().public()
}

/// An organisation whose keys are called after it and the time of their making.
pub(super) fn organisation(name: &str, roles: &[Role], authority: bool, made: u32) -> Organisation {
    let of = |purpose: &str| public(&format!("{name}/{purpose}/{made}"));
    Organisation {
        id: id(name),
        name: name.to_uppercase(),
        roles: roles.to_vec(),
        signing: of("signing"),
        sealing: [1; 32],
        origin: format!("{name}.example/log"),
        log: public(&format!("{name}/log")),
        publisher: roles.contains(&Role::Payer).then(|| of("publisher")),
        authority: authority.then(|| of("authority")),
        address: "127.0.0.1:7000".into(),
        url: String::new(),
    }
}

/// The change by which it joins or takes other keys.
pub(super) fn shown(organisation: Organisation, made: u32) -> (Organisation, Possession) {
    let of = |purpose| key("key", &format!("{}/{purpose}/{made}", organisation.id));
    let authority = organisation.authority.map(|_| of("authority"));
    let possession = Possession::show(ORIGIN, &organisation, &of("signing"), authority.as_ref());
    (organisation, possession)
}

pub(super) fn join(organisation: Organisation, made: u32) -> Change {
    let (organisation, possession) = shown(organisation, made);
    Change::Join {
        organisation,
        possession,
    }
}

pub(super) fn rotate(organisation: Organisation, made: u32) -> Change {
    let (organisation, possession) = shown(organisation, made);
    Change::Rotate {
        organisation,
        possession,
    }
}

pub(super) fn charter() -> Charter {
    Charter {
        origin: ORIGIN.into(),
        organisations: vec![
            organisation("clinic", &[Role::Provider], true, 0),
            organisation("gone", &[Role::Payer], false, 0),
            organisation("harbor", &[Role::Payer], true, 0),
            organisation("keeper", &[Role::Custodian], false, 0),
            organisation("late", &[Role::Payer], false, 0),
            organisation("meridian", &[Role::Payer, Role::Provider], true, 0),
            organisation("state", &[Role::Regulator], true, 0),
        ],
        witnesses: vec![witness("auditor.example/w")],
    }
}

/// The charter with so many authorities, and the others as they are.
pub(super) fn charter_of(authorities: usize) -> Charter {
    let mut charter = charter();
    let mut left = authorities;
    for organisation in &mut charter.organisations {
        if organisation.authority.is_some() && left == 0 {
            organisation.authority = None;
        }
        left = left.saturating_sub(usize::from(organisation.authority.is_some()));
    }
    let more = |n| organisation(&format!("x{n:03}"), &[Role::Provider], true, 0);
    charter.organisations.extend((0..left).map(more));
    charter
}

/// Organisations, and when their keys were made: then those of their authorities have one
/// id under the ledger's name.
pub(super) const TWINS: [(&str, u32); 2] = [("one", 38_746), ("two", 99_686)];

/// Organisations whose authorities' keys have one id.
pub(super) fn twins() -> [Organisation; 2] {
    TWINS.map(|(name, made)| organisation(name, &[Role::Provider], true, made))
}

pub(super) fn witness(name: &str) -> Witness {
    Witness {
        name: name.into(),
        key: public(name),
    }
}

/// A ledger as it stands, with all there is of it: its leaves and handovers.
#[derive(Clone)]
pub(super) struct World {
    pub snapshot: Snapshot,
    pub leaves: Vec<Vec<u8>>,
    /// The names of signing keys by their public keys.
    pub secrets: BTreeMap<[u8; 32], String>,
    pub genesis: Authorities,
    pub handovers: Vec<Handover>,
}

impl World {
    /// The charter, and of every founder but the late one the genesis of its log.
    pub fn new() -> Self {
        Self::founded(charter())
    }

    /// The same, of another charter.
    pub fn founded(charter: Charter) -> Self {
        let snapshot = Snapshot::found(&charter).unwrap();
        let mut world = Self {
            leaves: vec![charter.leaf()],
            genesis: snapshot.state.authorities.clone(),
            snapshot,
            secrets: BTreeMap::new(),
            handovers: Vec::new(),
        };
        for organisation in &charter.organisations {
            world.knows(&organisation.id, 0);
        }
        for organisation in charter.organisations {
            if organisation.id.as_str() != "late" {
                let genesis = Entry::Genesis {
                    origin: organisation.origin,
                    key: organisation.log,
                };
                world.enter(organisation.id.as_str(), &[genesis]);
            }
        }
        world
    }

    /// The same, a little later: policies of a payer, and one organisation that left.
    pub fn later() -> Self {
        let mut world = Self::new();
        world.enter(
            "harbor",
            &[
                policy(1, "2026-01-01"),
                policy(2, "2026-06-01"),
                policy(3, "2026-01-01"),
                standing(1, Standing::Activated),
                standing(2, Standing::Activated),
            ],
        );
        world.carry(Change::Leave(id("gone")));
        world
    }

    /// Remembers the keys of an organisation.
    pub fn knows(&mut self, id: &OrganisationId, made: u32) {
        for purpose in ["signing", "authority"] {
            let name = format!("{id}/{purpose}/{made}");
            self.secrets.insert(public(&name), name);
        }
    }

    pub fn member(&self, name: &str) -> &Member {
        &self.snapshot.state.members[&id(name)]
    }

    /// Entries sealed as the next of a log.
    pub fn seal(&self, name: &str, entries: &[Entry]) -> Envelope {
        let entries: Vec<_> = entries.iter().map(Entry::to_canon).collect();
        self.seal_bytes(name, self.member(name).next, entries)
    }

    pub fn seal_bytes(&self, name: &str, first: u64, entries: Vec<Vec<u8>>) -> Envelope {
        let signing = &self.secrets[&self.member(name).organisation.signing];
        Envelope::seal(ORIGIN, id(name), first, entries, &key("key", signing))
    }

    /// A block of these envelopes, all of which must be admitted.
    pub fn block(&mut self, envelopes: &[Envelope]) {
        let (block, _) = build(&self.snapshot, envelopes).unwrap();
        assert_eq!(block.envelopes, envelopes);
        self.extend(&block);
    }

    pub fn extend(&mut self, block: &Block) {
        self.snapshot = self.snapshot.extend(block).unwrap();
        self.leaves.extend(block.leaves());
        if self.snapshot.boundary {
            self.handovers.push(self.signed(usize::MAX));
        }
    }

    pub fn enter(&mut self, name: &str, entries: &[Entry]) {
        self.block(&[self.seal(name, entries)]);
    }

    /// Has a change proposed by the first authority, and voted for by all others.
    pub fn carry(&mut self, change: Change) {
        let proposal = self.proposal(change);
        let proposed = proposal.id();
        let names: Vec<_> = self.snapshot.state.authorities.members.clone();
        for (place, authority) in names.iter().enumerate() {
            let entry = if place == 0 {
                Entry::Proposed(Box::new(proposal.clone()))
            } else {
                vote(proposed, true)
            };
            self.enter(authority.organisation.as_str(), &[entry]);
            if place > 0 && !self.snapshot.state.motions.contains_key(&proposed) {
                return;
            }
        }
    }

    pub fn proposal(&self, change: Change) -> Proposal {
        Proposal {
            epoch: self.snapshot.state.authorities.epoch,
            change,
        }
    }

    /// The checkpoint of the last block, signed by so many of its authorities.
    pub fn signed(&self, by: usize) -> Note {
        sign(&self.snapshot.signers, self.text(), &self.secrets, by)
    }

    pub fn text(&self) -> String {
        self.snapshot.checkpoint().text()
    }
}

/// A text signed by so many of a set.
pub(super) fn sign(
    set: &Authorities,
    text: String,
    secrets: &BTreeMap<[u8; 32], String>,
    by: usize,
) -> Note {
    let signatures = set.members.iter().take(by).flat_map(|authority| {
        let key = key(&set.origin, &secrets[&authority.key]);
        key.sign_note(text.clone()).signatures
    });
    let signatures = signatures.collect();
    Note { text, signatures }
}

pub(super) fn vote(proposal: [u8; 32], assent: bool) -> Entry {
    Entry::Voted(Motion { proposal, assent })
}

pub(super) fn publication(hash: u8, effective: &str) -> PolicyPublished {
    PolicyPublished {
        product: if hash == 3 { "other" } else { "ppo" }.into(),
        effective: ServiceDate::parse(effective).unwrap(),
        policy: [hash; 32],
        tables: vec![],
        abi: 2,
        fuel: 1,
        fuel_costs: 1,
        description: [0; 32],
    }
}

/// A policy of the first payer.
pub(super) fn policy(hash: u8, effective: &str) -> Entry {
    let key = key("publisher", "harbor/publisher/0");
    Entry::Policy(Box::new(Published::sign(
        publication(hash, effective),
        &key,
    )))
}

pub(super) fn standing(policy: u8, standing: Standing) -> Entry {
    Entry::Standing {
        policy: [policy; 32],
        standing,
    }
}

pub(super) fn adjudicated(policy: Option<u8>, prefix: u64) -> Entry {
    Entry::Adjudicated(Adjudication {
        commitment: [9; 32],
        policy: policy.map(|hash| [hash; 32]),
        prefix,
    })
}
