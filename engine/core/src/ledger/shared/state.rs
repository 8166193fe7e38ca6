//! What the ledger's leaves come to: organisations, authorities, proposals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tally_types::ServiceDate;

use super::authorities::{Authorities, Authority};
use super::bounds::MAX_ORGANISATIONS;
use super::envelope::{Envelope, MAX_ENVELOPE_BYTES, MAX_ENVELOPE_ENTRIES, digest};
use super::organisation::{
    Change, Charter, Motion, MotionId, Organisation, OrganisationId, Proposal, Witness,
};
use super::refusal::Refusal;
use crate::canon::{Canon, DecodeError, Reader};
use crate::ledger::entry::{Entry, MAX_ENTRY};

/// The most proposals of one authority that may be open at once, so that none can
/// keep the others from proposing.
const MAX_OPEN: usize = 4;

/// A policy that an organisation published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its product.
    pub product: String,
    /// The first dates of service it is in force on, one of each publication.
    pub effective: Vec<ServiceDate>,
    /// The index of its first publication in its organisation's own log.
    pub published: u64,
    /// That of its activation.
    pub activated: Option<u64>,
    /// What supersedes it.
    pub superseded: Option<[u8; 32]>,
}

crate::canon_record!(Policy {
    product,
    effective,
    published,
    activated,
    superseded,
});

/// An organisation, and how far its log stands on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// It.
    pub organisation: Organisation,
    /// How many entries of its own log stand on the ledger.
    pub next: u64,
    /// Whether it has left.
    pub left: bool,
    /// Its policies, by the hash of the component: shared by all copies of the member until
    /// one publishes.
    pub policies: Arc<BTreeMap<[u8; 32], Arc<Policy>>>,
}

impl Member {
    /// An organisation whose log has not begun.
    #[must_use]
    pub fn new(organisation: Organisation) -> Self {
        Self {
            organisation,
            next: 0,
            left: false,
            policies: Arc::default(),
        }
    }
}

/// A proposal that is voted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMotion {
    /// What is proposed.
    pub proposal: Proposal,
    /// Who proposed it.
    pub by: OrganisationId,
    /// Who is for it.
    pub ayes: BTreeSet<OrganisationId>,
    /// Who is against it.
    pub noes: BTreeSet<OrganisationId>,
}

/// What the ledger's leaves come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The ledger's name.
    pub origin: String,
    /// Who agrees on the next block.
    pub authorities: Authorities,
    /// Organisations, also those that left.
    pub members: BTreeMap<OrganisationId, Arc<Member>>,
    /// Proposals that are open.
    pub motions: BTreeMap<MotionId, OpenMotion>,
    /// Witnesses of the next epoch, where they changed in this envelope.
    witnesses: Option<Vec<Witness>>,
    /// Whether the organisations or witnesses changed in this envelope.
    changed: bool,
}

impl State {
    /// What stands after the charter.
    ///
    /// # Errors
    /// When the charter does not hold.
    pub fn found(charter: &Charter) -> Result<Self, Refusal> {
        let mut members = BTreeMap::new();
        let (mut keys, mut logs) = (BTreeSet::new(), BTreeSet::from([&charter.origin]));
        for organisation in &charter.organisations {
            if let Some(flaw) = organisation.flaw() {
                return Err(Refusal::Charter(flaw));
            }
            if !organisation.keys().into_iter().all(|key| keys.insert(key)) {
                return Err(Refusal::Charter("two organisations have one key"));
            }
            if !logs.insert(&organisation.origin) {
                return Err(Refusal::Charter("two logs have one name"));
            }
            let member = Arc::new(Member::new(organisation.clone()));
            if members.insert(organisation.id.clone(), member).is_some() {
                return Err(Refusal::Charter("two organisations have one name"));
            }
        }
        if charter.leaf().len() > MAX_ENTRY {
            return Err(Refusal::Charter("it is too long for an entry"));
        }
        let authorities = Authorities {
            origin: charter.origin.clone(),
            epoch: 0,
            members: authorities(&members),
            witnesses: charter.witnesses.clone(),
        };
        authorities.check().map_err(Refusal::Charter)?;
        Ok(Self {
            origin: charter.origin.clone(),
            authorities,
            members,
            motions: BTreeMap::new(),
            witnesses: None,
            changed: false,
        })
    }

    /// The organisation whose own log is signed by this key.
    #[must_use]
    pub fn member_of_log(&self, log: &[u8; 32]) -> Option<&Member> {
        let mut members = self.members.values();
        let found = members.find(|member| member.organisation.log == *log);
        found.map(core::ops::Deref::deref)
    }

    /// How many entries of an organisation's own log stand on the ledger.
    #[must_use]
    pub fn next(&self, organisation: &OrganisationId) -> Option<u64> {
        self.members.get(organisation).map(|member| member.next)
    }

    /// Takes in an envelope; answers whether it ended the epoch. After an error the
    /// state is good for nothing: go on with a copy from before.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(super) fn take_in(&mut self, envelope: &Envelope) -> Result<bool, Refusal> {
        self.open(envelope)?;
        if digest(&envelope.entries) != envelope.header.digest {
            return Err(Refusal::Digest);
        }
        for bytes in &envelope.entries {
            self.enter(&envelope.header.organisation, &bytes.0)?;
        }
        Ok(self.close())
    }

    /// Checks an envelope's header.
    fn open(&self, envelope: &Envelope) -> Result<(), Refusal> {
        let (header, found) = (&envelope.header, envelope.entries.len());
        let id = &header.organisation;
        let member = self
            .members
            .get(id)
            .ok_or_else(|| Refusal::UnknownOrganisation(id.clone()))?;
        if member.left {
            return Err(Refusal::Left(id.clone()));
        }
        let count = usize::try_from(header.count).unwrap_or(usize::MAX);
        if count != found || !(1..=MAX_ENVELOPE_ENTRIES).contains(&count) {
            return Err(Refusal::Count(found));
        }
        // An entry that is too large has a refusal of its own.
        if found > 1 && envelope.weight() > MAX_ENVELOPE_BYTES {
            return Err(Refusal::Weight(envelope.weight()));
        }
        if header.first != member.next {
            return Err(Refusal::Order {
                organisation: id.clone(),
                expected: member.next,
                found: header.first,
            });
        }
        header
            .verify(&self.origin, &member.organisation.signing)
            .map_err(|source| Refusal::Signature {
                organisation: id.clone(),
                source,
            })
    }

    /// Takes in the next entry of an organisation's own log.
    fn enter(&mut self, id: &OrganisationId, bytes: &[u8]) -> Result<(), Refusal> {
        let member = self
            .members
            .get_mut(id)
            .ok_or_else(|| Refusal::UnknownOrganisation(id.clone()))?;
        let index = member.next;
        if bytes.len() > MAX_ENTRY {
            return Err(Refusal::Oversize {
                index,
                bytes: bytes.len(),
            });
        }
        let entry =
            Entry::from_canon(bytes).map_err(|source| Refusal::Unreadable { index, source })?;
        Arc::make_mut(member).enter(&entry)?;
        match entry {
            Entry::Proposed(proposal) => late(self.propose(id, *proposal)),
            Entry::Voted(motion) => late(self.vote(id, motion)),
            _ => Ok(()),
        }
    }

    fn authority(&self, id: &OrganisationId) -> Result<(), Refusal> {
        if self.authorities.of(id).is_none() {
            return Err(Refusal::NoAuthority(id.clone()));
        }
        Ok(())
    }

    pub(super) fn propose(
        &mut self,
        by: &OrganisationId,
        proposal: Proposal,
    ) -> Result<(), Refusal> {
        self.authority(by)?;
        let id = proposal.id();
        let open = self.motions.values().filter(|open| open.by == *by).count();
        if proposal.epoch != self.authorities.epoch
            || self.motions.contains_key(&id)
            || open >= MAX_OPEN
        {
            return Err(Refusal::Proposal);
        }
        self.check_change(&proposal.change)?;
        let open = OpenMotion {
            proposal,
            by: by.clone(),
            ayes: BTreeSet::new(),
            noes: BTreeSet::new(),
        };
        self.motions.insert(id, open);
        // Who proposes is for it.
        self.vote(
            by,
            Motion {
                proposal: id,
                assent: true,
            },
        )
    }

    pub(super) fn vote(&mut self, by: &OrganisationId, motion: Motion) -> Result<(), Refusal> {
        self.authority(by)?;
        let quorum = self.authorities.quorum();
        let can_fail = self.authorities.members.len().saturating_sub(quorum);
        let open = self
            .motions
            .get_mut(&motion.proposal)
            .ok_or(Refusal::Motion)?;
        if open.ayes.contains(by) || open.noes.contains(by) {
            return Err(Refusal::Voted(by.clone()));
        }
        let side = if motion.assent {
            &mut open.ayes
        } else {
            &mut open.noes
        };
        side.insert(by.clone());
        let (passes, fails) = (open.ayes.len() >= quorum, open.noes.len() > can_fail);
        if !passes && !fails {
            return Ok(());
        }
        let Some(open) = self.motions.remove(&motion.proposal) else {
            return Ok(());
        };
        // What was carried meanwhile may have made it impossible: then it is nothing.
        if passes && self.check_change(&open.proposal.change).is_ok() {
            self.carry(open.proposal.change);
        }
        Ok(())
    }

    /// Whether a change can be made, after those that were carried before it in the same
    /// envelope.
    fn check_change(&self, change: &Change) -> Result<(), Refusal> {
        match change {
            Change::Join {
                organisation,
                possession,
            } => {
                let before = self.members.get(&organisation.id);
                if before.is_some_and(|member| !member.left) {
                    return Err(Refusal::Change("it is there already"));
                }
                if before.is_none() && self.members.len() >= MAX_ORGANISATIONS {
                    return Err(Refusal::Change("there are too many organisations"));
                }
                check_log(before, organisation)?;
                self.check_organisation(organisation, possession)?;
            }
            Change::Rotate {
                organisation,
                possession,
            } => {
                let present = self.members.get(&organisation.id).filter(|m| !m.left);
                if present.is_none() {
                    return Err(Refusal::Change("it is not there"));
                }
                check_log(present, organisation)?;
                self.check_organisation(organisation, possession)?;
            }
            Change::Leave(id) => {
                if self.members.get(id).is_none_or(|member| member.left) {
                    return Err(Refusal::Change("it is not there"));
                }
            }
            // They are of the set that comes of it.
            Change::Witnesses(_) => {}
        }
        self.check_set(change)
    }

    /// Whether the set that comes of a change can agree on what follows: nobody could
    /// refuse it later without stopping the ledger.
    fn check_set(&self, change: &Change) -> Result<(), Refusal> {
        let mut after = self.clone();
        after.carry(change.clone());
        let set = after.set();
        if set.members.is_empty() {
            return Err(Refusal::Change("no authority would be left"));
        }
        // One authority runs no consensus, and so cannot hand over to several.
        if self.authorities.members.len() == 1 && set.members.len() > 1 {
            return Err(Refusal::Change("one authority takes in no other"));
        }
        set.check().map_err(Refusal::Change)
    }

    fn check_organisation(
        &self,
        organisation: &Organisation,
        possession: &super::Possession,
    ) -> Result<(), Refusal> {
        if let Some(flaw) = organisation.flaw() {
            return Err(Refusal::Change(flaw));
        }
        possession
            .verify(&self.origin, organisation)
            .map_err(Refusal::Possession)?;
        if organisation.origin == self.origin {
            return Err(Refusal::Change("two logs have one name"));
        }
        let keys = organisation.keys();
        let others = self.members.values().map(|member| &member.organisation);
        for other in others.filter(|other| other.id != organisation.id) {
            if keys.iter().any(|key| other.keys().contains(key)) {
                return Err(Refusal::Change("another organisation has that key"));
            }
            if organisation.origin == other.origin {
                return Err(Refusal::Change("two logs have one name"));
            }
        }
        Ok(())
    }

    fn carry(&mut self, change: Change) {
        match change {
            Change::Join { organisation, .. } | Change::Rotate { organisation, .. } => {
                let id = organisation.id.clone();
                let member = self
                    .members
                    .entry(id)
                    .or_insert_with(|| Arc::new(Member::new(organisation.clone())));
                let member = Arc::make_mut(member);
                member.organisation = organisation;
                member.left = false;
            }
            Change::Leave(id) => {
                if let Some(member) = self.members.get_mut(&id) {
                    Arc::make_mut(member).left = true;
                }
            }
            Change::Witnesses(witnesses) => self.witnesses = Some(witnesses),
        }
        self.changed = true;
    }

    /// Ends an envelope: what changed among authorities and witnesses takes effect, in
    /// a new epoch. Answers whether one begins.
    fn close(&mut self) -> bool {
        if !core::mem::take(&mut self.changed) {
            return false;
        }
        let next = self.set();
        self.witnesses = None;
        let now = &self.authorities;
        if next.members == now.members && next.witnesses == now.witnesses {
            return false;
        }
        self.authorities = next;
        self.motions.clear();
        true
    }

    /// The set that would agree on what follows if the envelope ended here.
    fn set(&self) -> Authorities {
        let now = &self.authorities;
        Authorities {
            origin: self.origin.clone(),
            epoch: now.epoch.saturating_add(1),
            members: authorities(&self.members),
            witnesses: self.witnesses.as_ref().unwrap_or(&now.witnesses).clone(),
        }
    }
}

/// What an authority proposed or voted stood in its own log before anybody knew what
/// would come first on the ledger: what has come too late stands, and is nothing.
/// Refused, it would hold back all that follows it in that log, for ever.
fn late(outcome: Result<(), Refusal>) -> Result<(), Refusal> {
    match outcome {
        Err(
            Refusal::NoAuthority(_)
            | Refusal::Motion
            | Refusal::Voted(_)
            | Refusal::Proposal
            | Refusal::Change(_),
        ) => Ok(()),
        outcome => outcome,
    }
}

/// A log that has begun goes on, also when its organisation left and comes back.
fn check_log(before: Option<&Arc<Member>>, organisation: &Organisation) -> Result<(), Refusal> {
    let Some(member) = before.filter(|member| member.next > 0) else {
        return Ok(());
    };
    let (old, new) = (&member.organisation, organisation);
    if old.origin != new.origin || old.log != new.log {
        return Err(Refusal::Change("its log has begun under another key"));
    }
    Ok(())
}

fn authorities(members: &BTreeMap<OrganisationId, Arc<Member>>) -> Vec<Authority> {
    members
        .values()
        .filter(|member| !member.left)
        .filter_map(|member| {
            Some(Authority {
                organisation: member.organisation.id.clone(),
                key: member.organisation.authority?,
            })
        })
        .collect()
}

crate::canon_record!(Member {
    organisation,
    next,
    left,
} without { policies } then kept_policies);

/// A member's policies, behind its fields.
mod kept_policies {
    use super::{Arc, Canon, Member, Policy};
    use crate::canon::{DecodeError, Reader};

    pub(super) fn put_behind(member: &Member, out: &mut Vec<u8>) {
        let named = |(hash, policy): (&[u8; 32], &Arc<Policy>)| Named {
            hash: *hash,
            policy: Arc::clone(policy),
        };
        member
            .policies
            .iter()
            .map(named)
            .collect::<Vec<_>>()
            .put(out);
    }

    pub(super) fn take_behind(
        mut member: Member,
        from: &mut Reader<'_>,
    ) -> Result<Member, DecodeError> {
        let policies: Vec<Named> = Canon::take(from)?;
        let policies = policies.into_iter().map(|n| (n.hash, n.policy));
        member.policies = Arc::new(super::ascending(policies.collect(), from)?);
        Ok(member)
    }

    struct Named {
        hash: [u8; 32],
        policy: Arc<Policy>,
    }
    crate::canon_record!(Named { hash, policy });
}

/// A map of what was encoded in the order of its keys, as it must be.
fn ascending<K: Ord, V>(
    items: Vec<(K, V)>,
    from: &Reader<'_>,
) -> Result<BTreeMap<K, V>, DecodeError> {
    let keys = items.iter().map(|(key, _)| key);
    if keys.clone().zip(keys.skip(1)).any(|(a, b)| a >= b) {
        return Err(from.invalid("order", items.len() as u64));
    }
    Ok(items.into_iter().collect())
}

impl Canon for OpenMotion {
    fn put(&self, out: &mut Vec<u8>) {
        self.proposal.put(out);
        self.by.put(out);
        for side in [&self.ayes, &self.noes] {
            side.iter().cloned().collect::<Vec<_>>().put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let side = |from: &mut Reader<'_>| {
            let side: Vec<OrganisationId> = Canon::take(from)?;
            let side = ascending(side.into_iter().map(|id| (id, ())).collect(), from)?;
            Ok(side.into_keys().collect())
        };
        Ok(Self {
            proposal: Canon::take(from)?,
            by: Canon::take(from)?,
            ayes: side(from)?,
            noes: side(from)?,
        })
    }
}

/// As it stands between two envelopes.
impl Canon for State {
    fn put(&self, out: &mut Vec<u8>) {
        self.origin.put(out);
        self.authorities.put(out);
        self.members.values().cloned().collect::<Vec<_>>().put(out);
        self.motions.values().cloned().collect::<Vec<_>>().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (origin, authorities) = (Canon::take(from)?, Canon::take(from)?);
        let members: Vec<Arc<Member>> = Canon::take(from)?;
        let named = |member: Arc<Member>| (member.organisation.id.clone(), member);
        let members = ascending(members.into_iter().map(named).collect(), from)?;
        let motions: Vec<OpenMotion> = Canon::take(from)?;
        let named = |open: OpenMotion| (open.proposal.id(), open);
        let motions = ascending(motions.into_iter().map(named).collect(), from)?;
        Ok(Self {
            origin,
            authorities,
            members,
            motions,
            witnesses: None,
            changed: false,
        })
    }
}
