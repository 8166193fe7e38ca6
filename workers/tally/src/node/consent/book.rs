//! What stands on the ledger about access: places of entries, and the book of one
//! patient's grants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::access::{Bestowal, Book, Entered, Grantee, Group, Members, Patient, What};
use tally_core::ledger::shared::{Member, OrganisationId, Snapshot};
use tally_core::ledger::{Commitment, Entry, Salt, kind};
use tally_store::port::{
    Access as _, Log as _, SharedLedger as _, StatementFilter, StatementRow, Statements as _, Token,
};

use super::{GRANT, Rules};
use crate::node::Node;

/// Leaves of the shared ledger that are read at a time.
const PAGE: u32 = 1024;
/// Commitments that are asked about at a time.
const ABOUT: usize = 256;

/// The ledger that decides, as it stands: the shared one, or the node's own log where
/// there is none.
pub(super) struct Standing {
    pub size: u64,
    /// How this node's organisation is called there.
    pub own: OrganisationId,
    /// The shared one.
    shared: Option<Arc<Snapshot>>,
    /// The organisations of the configuration, and how the payer is called among them.
    local: (OrganisationId, Arc<BTreeMap<OrganisationId, Member>>),
}

impl Members for Standing {
    /// What the shared ledger says of an organisation counts, also that it has left.
    fn member(&self, id: &OrganisationId) -> Option<&Member> {
        let (own, local) = &self.local;
        let Some(at) = &self.shared else {
            return local.get(id);
        };
        let shared = at.state.members.get(id).map(Arc::as_ref);
        shared.or_else(|| local.get(id).filter(|_| id != own))
    }
}

/// Entries about access that were seen on the shared ledger: public bytes alone.
#[derive(Default)]
pub struct Seen {
    read: u64,
    /// Whose entries follow.
    by: Option<OrganisationId>,
    /// Whoever entered it: anybody can copy a commitment, and be first.
    granted: BTreeMap<Commitment, BTreeSet<(u64, OrganisationId)>>,
    revoked: BTreeMap<Commitment, BTreeSet<(u64, OrganisationId)>>,
}

impl Seen {
    fn see(&mut self, leaf: &[u8]) {
        let place = self.read;
        self.read += 1;
        let kinds = [kind::GRANTED, kind::REVOKED, kind::ENVELOPE];
        if !Entry::kind_of(leaf).is_some_and(|kind| kinds.contains(&kind)) {
            return;
        }
        match (Entry::from_canon(leaf), &self.by) {
            (Ok(Entry::Envelope(header)), _) => self.by = Some(header.organisation),
            (Ok(Entry::Granted(commitment)), Some(by)) => {
                let of = self.granted.entry(commitment).or_default();
                of.insert((place, by.clone()));
            }
            (Ok(Entry::Revoked { grant }), Some(by)) => {
                let of = self.revoked.entry(grant).or_default();
                of.insert((place, by.clone()));
            }
            _ => {}
        }
    }
}

/// Something granted, opened.
pub(super) struct Opened {
    pub commitment: Commitment,
    pub salt: Salt,
    pub bestowal: Bestowal,
}

impl Opened {
    /// Of what is sealed under [`GRANT`].
    pub(super) fn read(commitment: Commitment, plain: &[u8]) -> Option<Self> {
        let (salt, body) = plain.split_first_chunk::<32>()?;
        Some(Self {
            commitment,
            salt: *salt,
            bestowal: Bestowal::from_canon(body).ok()?,
        })
    }
}

/// The group that something is granted to, where it is one.
pub(super) fn group_of(bestowal: &Bestowal) -> Option<&Group> {
    match bestowal {
        Bestowal::Access(grant) => match &grant.to {
            Grantee::Group(group) => Some(group),
            Grantee::Organisations(_) => None,
        },
        _ => None,
    }
}

/// Something granted, as this node has it.
pub(super) struct Given {
    pub opened: Opened,
    /// Whether this node entered it.
    pub own: bool,
    /// Its place in this node's own log, where it is its own.
    pub leaf: Option<u64>,
}

/// The commitment of an entry that grants.
pub(super) fn granted(row: &StatementRow) -> Option<Commitment> {
    match Entry::from_canon(&row.entry) {
        Ok(Entry::Granted(commitment)) => Some(commitment),
        _ => None,
    }
}

impl Node {
    /// The ledger that decides who may read. One that this node's organisation has left
    /// decides nothing here any more.
    pub(super) async fn access_standing(&self, rules: &Rules) -> Result<Standing> {
        let log = self.keys.log.verifier().public();
        let local = (rules.own.clone(), Arc::clone(&rules.members));
        if let Some(at) = self.shared_at().await?
            && let Some(member) = at.state.member_of_log(&log)
            && !member.left
        {
            return Ok(Standing {
                size: at.frontier.size(),
                own: member.organisation.id.clone(),
                shared: Some(at),
                local,
            });
        }
        Ok(Standing {
            size: self.store.head().await?.size,
            own: rules.own.clone(),
            shared: None,
            local,
        })
    }

    /// What a patient's grants are found by.
    pub(super) fn patient_token(&self, patient: &Patient) -> Token {
        self.keys.tokens.token("patient", &[patient])
    }

    /// What memberships of a group are found by.
    pub(super) fn group_token(&self, group: &Group) -> Token {
        let parts = [group.keeper.as_str().as_bytes(), group.name.as_bytes()];
        self.keys.tokens.token("group", &parts)
    }

    /// The token that something granted is found by.
    pub(in crate::node) fn about(&self, bestowal: &Bestowal) -> Token {
        match bestowal {
            Bestowal::Access(grant) => self.patient_token(&grant.patient),
            Bestowal::Custody(custody) => self.patient_token(&custody.patient),
            Bestowal::Membership(membership) => self.group_token(&membership.group),
        }
    }

    /// What is granted about patients or groups, or all; what was erased is left out.
    pub(super) async fn granted_about(&self, about: Option<&[Token]>) -> Result<Vec<Given>> {
        let rows = match about {
            None => {
                let filter = StatementFilter {
                    kinds: vec![kind::GRANTED],
                    ..StatementFilter::default()
                };
                self.store.statements(&filter).await?
            }
            Some(about) => {
                let about: Vec<_> = about.iter().map(|token| token.0.to_vec()).collect();
                self.store.statements_about(kind::GRANTED, &about).await?
            }
        };
        let own = rows
            .into_iter()
            .filter_map(|row| Some((granted(&row)?, row.opening?, true, row.leaf)));
        let shown = self.store.shown(about).await?;
        let shown = shown
            .into_iter()
            .map(|row| (row.commitment, row.opening, false, None));
        let sealed: Vec<_> = own.chain(shown).collect();
        let records: Vec<_> = sealed.iter().map(|(_, of, ..)| of.record).collect();
        let keys = self.vault.keys(&records).await?;
        let mut granted = Vec::with_capacity(sealed.len());
        for (commitment, opening, own, leaf) in sealed {
            let Some(key) = keys.get(&opening.record) else {
                continue;
            };
            let plain = key.open(GRANT, &opening)?;
            let opened = Opened::read(commitment, &plain).context("a stored grant is damaged")?;
            granted.push(Given { opened, own, leaf });
        }
        Ok(granted)
    }

    /// The book of a patient: their grants, who acts for them, and the groups on their
    /// grants; how many entries of the ledger count; and what of it this node has not taken
    /// back.
    pub(super) async fn book_of_patient(
        &self,
        standing: &Standing,
        patient: &Patient,
    ) -> Result<(Book, u64, Vec<Commitment>)> {
        let granted = self.patient_token(patient);
        let mut granted = self.granted_about(Some(&[granted])).await?;
        let groups: BTreeSet<Token> = granted
            .iter()
            .filter_map(|given| group_of(&given.opened.bestowal))
            .map(|group| self.group_token(group))
            .collect();
        if !groups.is_empty() {
            let groups: Vec<Token> = groups.into_iter().collect();
            granted.extend(self.granted_about(Some(&groups)).await?);
        }
        let (entered, size) = self.entered(standing, &granted).await?;
        let is_taken =
            |of: &Entered| matches!(of.what, What::Revoked { .. }) && of.by == standing.own;
        let stand = granted.iter().zip(&entered);
        let stand = stand.filter(|(_, entered)| !entered.iter().any(is_taken));
        let stand = stand.map(|(given, _)| given.opened.commitment).collect();
        Ok((entered.into_iter().flatten().collect(), size, stand))
    }

    /// The entries of what was granted, each with those that took it back, and how many
    /// entries of the ledger count.
    pub(super) async fn entered(
        &self,
        standing: &Standing,
        granted: &[Given],
    ) -> Result<(Vec<Vec<Entered>>, u64)> {
        let commitments = granted.iter().map(|given| given.opened.commitment);
        let own = self.revoked_here(commitments).await?;
        let seen = self.seen(standing).await?;
        let mut size = standing.size;
        let mut all = Vec::with_capacity(granted.len());
        for Given { opened, leaf, .. } in granted {
            let commitment = opened.commitment;
            let here = own.get(&commitment).map_or(&[][..], Vec::as_slice);
            let mut revoked: Vec<(u64, OrganisationId)> = Vec::new();
            let mut at = |place: u64, revoked: &mut Vec<_>| {
                size = size.max(place.saturating_add(1));
                revoked.push((place, standing.own.clone()));
            };
            let places: Vec<(u64, OrganisationId)> = match &seen {
                None => {
                    // One that is on its way to the log counts as if it were the next entry.
                    for leaf in here {
                        at(leaf.unwrap_or(standing.size), &mut revoked);
                    }
                    let place = leaf.map(|leaf| (leaf, standing.own.clone()));
                    place.into_iter().collect()
                }
                Some(seen) => {
                    let on_ledger = seen.revoked.get(&commitment).into_iter().flatten();
                    revoked.extend(on_ledger.cloned());
                    // What this node takes back counts at once, and not only when it
                    // stands on the shared ledger: as if it were the next entry.
                    // Nor only when the page that it stands on is of the ledger's size here: it may
                    // have been read a moment before that was.
                    let stands = |(place, by): &(u64, OrganisationId)| {
                        *by == standing.own && *place < standing.size
                    };
                    if !here.is_empty() && !revoked.iter().any(stands) {
                        at(standing.size, &mut revoked);
                    }
                    let places = seen.granted.get(&commitment).into_iter().flatten();
                    places.cloned().collect()
                }
            };
            let revoked = revoked.into_iter().map(|(place, by)| {
                let what = What::Revoked { grant: commitment };
                Entered { place, by, what }
            });
            let granted = places.into_iter().map(|(place, by)| Entered {
                place,
                by,
                what: What::Granted {
                    commitment,
                    salt: opened.salt,
                    bestowal: Box::new(opened.bestowal.clone()),
                },
            });
            all.push(revoked.chain(granted).collect());
        }
        Ok((all, size))
    }

    /// Where this node's own revocations stand in its log, by what they took back.
    pub(super) async fn revoked_here(
        &self,
        commitments: impl Iterator<Item = Commitment>,
    ) -> Result<BTreeMap<Commitment, Vec<Option<u64>>>> {
        let about: Vec<Vec<u8>> = commitments.map(|commitment| commitment.to_vec()).collect();
        let mut revoked: BTreeMap<Commitment, Vec<Option<u64>>> = BTreeMap::new();
        for about in about.chunks(ABOUT) {
            for row in self.store.statements_about(kind::REVOKED, about).await? {
                if let Ok(commitment) = Commitment::try_from(&row.about[..]) {
                    revoked.entry(commitment).or_default().push(row.leaf);
                }
            }
        }
        Ok(revoked)
    }

    /// Entries about access on the shared ledger, as far as it stands; `None` where there
    /// is none.
    async fn seen(&self, standing: &Standing) -> Result<Option<tokio::sync::MutexGuard<'_, Seen>>> {
        if standing.shared.is_none() {
            return Ok(None);
        }
        let mut seen = self.seen.lock().await;
        while seen.read < standing.size {
            let leaves = self.store.shared_leaves(seen.read, PAGE).await?;
            if leaves.is_empty() {
                break;
            }
            for leaf in &leaves {
                seen.see(leaf);
            }
        }
        Ok(Some(seen))
    }

    /// Where something granted stands on the shared ledger: in whose logs.
    pub(super) async fn places_of(
        &self,
        standing: &Standing,
        commitment: &Commitment,
    ) -> Result<BTreeSet<(u64, OrganisationId)>> {
        let seen = self.seen(standing).await?;
        let places = seen.and_then(|seen| seen.granted.get(commitment).cloned());
        Ok(places.unwrap_or_default())
    }
}
