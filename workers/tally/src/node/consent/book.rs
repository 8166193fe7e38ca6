//! What stands on the ledger about access: places of entries, and the book of one
//! patient's grants.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::access::{Bestowal, Book, Entered, Grantee, Group, Patient, What};
use tally_core::ledger::shared::{Member, OrganisationId, Snapshot};
use tally_core::ledger::{Commitment, Entry, Salt, kind};
use tally_store::port::{
    Access as _, Log as _, SharedLedger as _, StatementFilter, StatementRow, Statements as _, Token,
};

use super::{GRANT, Rules};
use crate::node::Node;

/// Leaves of the shared ledger that are read at a time.
const PAGE: u32 = 1024;

/// The ledger that decides, as it stands: the shared one, or the node's own log where
/// there is none.
pub(super) struct Standing {
    pub size: u64,
    pub members: BTreeMap<OrganisationId, Member>,
    /// How this node's organisation is called there.
    pub own: OrganisationId,
    pub shared: bool,
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

    /// The groups that it is granted to.
    fn group(&self) -> Option<&Group> {
        match &self.bestowal {
            Bestowal::Access(grant) => match &grant.to {
                Grantee::Group(group) => Some(group),
                Grantee::Organisations(_) => None,
            },
            _ => None,
        }
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
    /// The ledger that decides who may read.
    pub(super) async fn access_standing(&self, rules: &Rules) -> Result<Standing> {
        let log = self.keys.log.verifier().public();
        if let Some(head) = self.store.shared_head().await? {
            let snapshot = Snapshot::from_canon(&head.snapshot).context(
                "what is stored of the shared ledger is damaged: run `tally ledger fsck`",
            )?;
            if let Some(member) = snapshot.state.member_of_log(&log) {
                let own = member.organisation.id.clone();
                let mut members = rules.members.clone();
                members.remove(&rules.own);
                let shared = snapshot.state.members.iter();
                members.extend(shared.map(|(id, member)| (id.clone(), (**member).clone())));
                return Ok(Standing {
                    size: head.size,
                    members,
                    own,
                    shared: true,
                });
            }
        }
        Ok(Standing {
            size: self.store.head().await?.size,
            members: rules.members.clone(),
            own: rules.own.clone(),
            shared: false,
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
    pub(super) fn about(&self, bestowal: &Bestowal) -> Token {
        match bestowal {
            Bestowal::Access(grant) => self.patient_token(&grant.patient),
            Bestowal::Custody(custody) => self.patient_token(&custody.patient),
            Bestowal::Membership(membership) => self.group_token(&membership.group),
        }
    }

    /// What is granted about a patient or a group, or all; what was erased is left out.
    pub(super) async fn granted_about(&self, about: Option<Token>) -> Result<Vec<Given>> {
        let rows = self
            .store
            .statements(&StatementFilter {
                kinds: vec![kind::GRANTED],
                about: about.map(|about| about.0.to_vec()),
                ..StatementFilter::default()
            })
            .await?;
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
    /// grants; and how many entries of the ledger count.
    pub(super) async fn book_of_patient(
        &self,
        standing: &Standing,
        patient: &Patient,
    ) -> Result<(Book, u64)> {
        let granted = self.patient_token(patient);
        let mut granted = self.granted_about(Some(granted)).await?;
        let groups: BTreeSet<Token> = granted
            .iter()
            .filter_map(|given| given.opened.group())
            .map(|group| self.group_token(group))
            .collect();
        for group in groups {
            granted.extend(self.granted_about(Some(group)).await?);
        }
        let mut book = Book::default();
        let mut size = standing.size;
        let seen = self.seen(standing).await?;
        for Given { opened, leaf, .. } in granted {
            let commitment = opened.commitment;
            let own = self.revoked_here(commitment).await?;
            let mut revoked: Vec<(u64, OrganisationId)> = Vec::new();
            let places: Vec<(u64, OrganisationId)> = match &seen {
                None => {
                    // One that is on its way to the log counts as if it were the next entry.
                    for leaf in own {
                        let place = leaf.unwrap_or(standing.size);
                        size = size.max(place.saturating_add(1));
                        revoked.push((place, standing.own.clone()));
                    }
                    let place = leaf.map(|leaf| (leaf, standing.own.clone()));
                    place.into_iter().collect()
                }
                Some(seen) => {
                    let on_ledger = seen.revoked.get(&commitment).into_iter().flatten();
                    revoked.extend(on_ledger.cloned());
                    // What this node takes back counts at once, and not only when it
                    // stands on the shared ledger: as if it were the next entry.
                    if !own.is_empty() && !revoked.iter().any(|(_, by)| *by == standing.own) {
                        revoked.push((standing.size, standing.own.clone()));
                        size = standing.size.saturating_add(1);
                    }
                    let places = seen.granted.get(&commitment).into_iter().flatten();
                    places.cloned().collect()
                }
            };
            for (place, by) in revoked {
                let what = What::Revoked { grant: commitment };
                book.enter(Entered { place, by, what });
            }
            for (place, by) in places {
                book.enter(Entered {
                    place,
                    by,
                    what: What::Granted {
                        commitment,
                        salt: opened.salt,
                        bestowal: Box::new(opened.bestowal.clone()),
                    },
                });
            }
        }
        Ok((book, size))
    }

    /// Where this node's own revocations of something stand in its log.
    pub(super) async fn revoked_here(&self, commitment: Commitment) -> Result<Vec<Option<u64>>> {
        let rows = self
            .store
            .statements(&StatementFilter {
                kinds: vec![kind::REVOKED],
                about: Some(commitment.to_vec()),
                ..StatementFilter::default()
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.leaf).collect())
    }

    /// Entries about access on the shared ledger, as far as it stands; `None` where there
    /// is none.
    async fn seen(&self, standing: &Standing) -> Result<Option<tokio::sync::MutexGuard<'_, Seen>>> {
        if !standing.shared {
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

    /// Whether the keeper of something took it back on the shared ledger, or who it is
    /// about did.
    pub(super) async fn is_revoked_by(
        &self,
        standing: &Standing,
        commitment: &Commitment,
        bestowal: &Bestowal,
    ) -> Result<bool> {
        let seen = self.seen(standing).await?;
        let may = |by: &OrganisationId| {
            by == bestowal.keeper()
                || match bestowal {
                    Bestowal::Access(_) => *by == standing.own,
                    Bestowal::Custody(custody) => *by == custody.custodian,
                    Bestowal::Membership(membership) => *by == membership.organisation,
                }
        };
        let revoked = seen.and_then(|seen| seen.revoked.get(commitment).cloned());
        Ok(revoked.into_iter().flatten().any(|(_, by)| may(&by)))
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
