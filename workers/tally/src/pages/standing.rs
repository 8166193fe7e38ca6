//! Where the shared ledger stands, as this node knows it: what was agreed on, who signed,
//! which organisations there are, what this one disputes, and what others dispute of it.

use anyhow::Result;
use tally_core::ledger::shared::{Member as Listed, OrganisationId, State};

use super::show::grouped;
use crate::api::{CheckpointBody, StatusBody};
use crate::node::{Dispute, DisputedRead, Node};
use crate::shared::{Ledger as _, Member};

/// The most disputes that are shown.
const DISPUTES: usize = 20;

/// The part of the page.
pub(super) struct Standing {
    pub(super) at: StatusBody,
    /// How many of how many must sign.
    pub(super) quorum: (usize, usize),
    /// The names of the epoch's witnesses.
    pub(super) witnesses: String,
    pub(super) organisations: Vec<Organisation>,
    pub(super) disputes: Vec<Disputed>,
    /// How many disputes there are in all.
    pub(super) disputed: usize,
    /// The last that others dispute of what this node decided, the latest first.
    pub(super) told: Vec<DisputedRead>,
    /// How many of those there are in all.
    pub(super) told_in_all: u64,
    /// Where this node answers others, or what stands for it.
    pub(super) url: String,
}

/// An organisation of the ledger.
pub(super) struct Organisation {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) roles: String,
    pub(super) entries: String,
    /// The part that it has, and the class of its badge.
    pub(super) part: (&'static str, &'static str),
    pub(super) url: String,
}

/// A dispute.
pub(super) struct Disputed {
    pub(super) claim: String,
    pub(super) payer: String,
    pub(super) difference: String,
    pub(super) entry: Option<String>,
}

impl Standing {
    /// As it stands now. An audit entry of the disputes is made first.
    pub(super) async fn of(node: &Node, member: &Member) -> Result<Self> {
        let state = member.subscribe().borrow().state.clone();
        let checkpoint = CheckpointBody::last(node, member).await?;
        let at = StatusBody::of(node, member, checkpoint).await?;
        let (disputes, disputed) = node.last_disputes(DISPUTES).await?;
        let (mut told, told_in_all) = node.disputed(None, DISPUTES as u32).await?;
        told.reverse();
        let set = &state.authorities;
        let url = state.members.get(&member.organisation);
        let url = url.map_or("", |own| own.organisation.url.as_str());
        Ok(Self {
            quorum: (set.quorum(), set.members.len()),
            witnesses: names(set.witnesses.iter().map(|of| of.name.as_str())),
            organisations: state
                .members
                .values()
                .map(|of| Organisation::of(of, &state, &at))
                .collect(),
            disputes: disputes.iter().rev().map(Disputed::of).collect(),
            disputed,
            told,
            told_in_all,
            url: if url.is_empty() { "URL" } else { url }.to_owned(),
            at,
        })
    }

    /// How far this node is behind, in words.
    pub(super) fn lag(&self) -> String {
        let plural = |count: u64, what: &str, more: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{} {more}", grouped(count)),
        };
        let blocks = self.at.tip.saturating_sub(self.at.height);
        format!(
            "{} to be written down here; {} of this node’s own log not on the ledger yet",
            plural(blocks, "block", "blocks"),
            plural(self.at.behind, "entry", "entries")
        )
    }

    pub(super) fn signers(&self) -> String {
        names(self.at.checkpoint.iter().flat_map(|of| &of.signers))
    }

    pub(super) fn cosigners(&self) -> String {
        names(self.at.checkpoint.iter().flat_map(|of| &of.cosigners))
    }
}

/// Names, or that there are none.
fn names(of: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<_> = of.into_iter().collect();
    match &names[..] {
        [] => "nobody".to_owned(),
        some => {
            let some: Vec<_> = some.iter().map(AsRef::as_ref).collect();
            some.join(", ")
        }
    }
}

impl Organisation {
    fn of(listed: &Listed, state: &State, at: &StatusBody) -> Self {
        let of = &listed.organisation;
        let roles: Vec<_> = of.roles.iter().map(|role| role.as_str()).collect();
        Self {
            id: of.id.to_string(),
            name: of.name.clone(),
            roles: roles.join(", "),
            entries: grouped(listed.next),
            part: part(listed.left, &of.id, state, at),
            url: of.url.clone(),
        }
    }
}

/// The part that an organisation has in the epoch.
fn part(
    left: bool,
    id: &OrganisationId,
    state: &State,
    at: &StatusBody,
) -> (&'static str, &'static str) {
    let of_epoch = |of: &&CheckpointBody| of.epoch == state.authorities.epoch;
    let signed = at.checkpoint.as_ref().filter(of_epoch);
    let signed = signed.map(|of| of.signers.iter().any(|signer| signer == id.as_str()));
    match (state.authorities.of(id), signed) {
        _ if left => ("left", "waiting"),
        (None, _) => ("member, no authority", "waiting"),
        (Some(_), Some(true)) => ("authority, signed the last checkpoint", "good"),
        (Some(_), Some(false)) => ("authority, has not signed the last checkpoint", "medium"),
        (Some(_), None) => ("authority", "waiting"),
    }
}

impl Disputed {
    fn of(dispute: &Dispute) -> Self {
        Self {
            claim: dispute.claim.to_string(),
            payer: dispute.payer.to_string(),
            difference: dispute.difference.clone(),
            entry: dispute.leaf.map(grouped),
        }
    }
}
