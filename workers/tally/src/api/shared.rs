//! The shared ledger's public bytes: for everyone, without a token.

mod handed;
mod seen;
pub(super) mod told;

use anyhow::Result;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use tally_core::ledger::tiles::{WIDTH, parse_path, push_entry};
use tally_core::ledger::tree::Hash;
use tally_store::port::{Publications as _, SharedBlock, SharedLedger};
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Code, Problem};
use super::query::{Asked, Fields};
use super::{Answered, Service, Shared, json, signed, text};
use crate::node::clock::when;
use crate::node::keys::hex;
use crate::node::{Dispute, Node};
use crate::shared::{CutOff, ErasedUnrun, Ledger as _, Member};
pub(super) use handed::Handed;
pub(super) use seen::Seen;
pub use told::DisputedBody;

/// The most blocks that are listed at once.
const BLOCKS: u32 = 500;

fn nothing() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such part of a shared ledger on this node.",
    )
}

/// The shared ledger as its member's own people are shown it: to others it is not there.
fn own<'a>(service: &'a Service, caller: &Caller) -> Result<&'a Member, Problem> {
    let member = service.api.ledger.as_ref();
    let is_own = |member: &&Member| caller.id == member.organisation.as_str();
    member.filter(is_own).ok_or_else(nothing)
}

/// The shared ledger's checkpoint
///
/// A C2SP signed note: the ledger's name, its size, its root, a line `epoch N`, and the
/// signatures of a quorum of that epoch's authorities.
#[utoipa::path(
    get, path = "/ledger/shared/checkpoint", tag = "ledger", operation_id = "getSharedCheckpoint",
    responses(
        (status = 200, description = "The checkpoint", body = String, content_type = "text/plain"),
        (status = 404, description = "This node is on no shared ledger, or no quorum has signed yet"),
    ),
)]
pub(super) async fn checkpoint(State(service): Shared) -> Answered {
    let kept = service.api.node.store().shared_checkpoint().await?;
    Ok(text(kept.ok_or_else(nothing)?.note))
}

/// The handovers of the shared ledger
///
/// The last checkpoint of each epoch that ended, which names the authorities of the next,
/// one after the other, each as a signed note behind a line with its length in bytes.
#[utoipa::path(
    get, path = "/ledger/shared/handovers", tag = "ledger", operation_id = "getHandovers",
    responses((status = 200, description = "The handovers", body = String, content_type = "text/plain")),
)]
pub(super) async fn handovers(State(service): Shared) -> Answered {
    let mut body = String::new();
    for handover in service.api.node.store().handovers().await? {
        body.push_str(&format!("{}\n{}", handover.note.len(), handover.note));
    }
    Ok(text(body))
}

/// A block, without what it holds: that is in the tiles.
#[derive(Serialize, ToSchema)]
pub struct BlockBody {
    /// Its height; 0 is the charter.
    height: u64,
    /// Leaves of the tree after it.
    size: u64,
    /// How those that agreed on it name it, hexadecimal.
    id: String,
}

/// Blocks of the shared ledger.
#[derive(Serialize, ToSchema)]
pub struct BlocksBody {
    /// In the order of their heights.
    blocks: Vec<BlockBody>,
}

/// The blocks of the shared ledger
///
/// From a height on, at most 500: their heights, sizes and names, for a member's node that
/// is no authority and writes down what the authorities agree on. An authority signs them.
#[utoipa::path(
    get, path = "/ledger/shared/blocks", tag = "ledger", operation_id = "listBlocks",
    params(("from" = Option<u64>, Query, description = "The height of the first; 0, the charter, when it is not said")),
    responses((
        status = 200, description = "The blocks", body = BlocksBody,
        headers(("Tally-Signature" = String, description = "On an authority's node: a JWT (`typ` blocks+jwt) signed with the authority's key, of the blocks from this height on")),
    )),
)]
pub(super) async fn blocks(State(service): Shared, Asked(asked): Asked) -> Answered {
    let from = Fields::of(&asked, &["from"])?.number("from", 0, 0..=u64::MAX)?;
    let store = service.api.node.store();
    let blocks = store.shared_blocks(from, BLOCKS).await?;
    let body = |block: SharedBlock| BlockBody {
        height: block.height,
        size: block.size,
        id: hex(&block.id),
    };
    let listed = json(&BlocksBody {
        blocks: blocks.into_iter().map(body).collect(),
    })?;
    signed::blocks(&service.api, from, listed).await
}

/// Whether an envelope is taken.
#[derive(Serialize, ToSchema)]
pub struct EnvelopeBody {
    /// Whether it waits here now, and did not before.
    taken: bool,
    /// The index of the entry that is next of its organisation's log.
    next: u64,
}

/// Hands over an envelope of a member's log
///
/// The canonical bytes of an envelope, signed by a member of the ledger that is no authority
/// itself: it is passed on to the authorities, and stands on the ledger when a block has it.
#[utoipa::path(
    post, path = "/ledger/shared/envelopes", tag = "ledger", operation_id = "handOverEnvelope",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 202, description = "Heard", body = EnvelopeBody),
        (status = 400, description = "It is no envelope"),
        (status = 404, description = "This node is on no shared ledger"),
        (status = 403, description = "This node orders nothing, or the envelope is of no member"),
    ),
)]
pub(super) async fn envelope(State(service): Shared, request: Request) -> Answered {
    let member = service.api.ledger.as_ref().ok_or_else(nothing)?;
    let (taken, next) = handed::take(&service, member, request).await?;
    let mut response = json(&EnvelopeBody { taken, next })?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// A tile of the shared ledger
///
/// As C2SP tlog-tiles has it: `tile/<level>/<index>[.p/<width>]` of hashes,
/// `tile/entries/<index>[.p/<width>]` of entries.
#[utoipa::path(
    get, path = "/ledger/shared/tile/{*path}", tag = "ledger", operation_id = "getTile",
    params(("path" = String, Path, description = "The rest of the tile's path")),
    responses(
        (status = 200, description = "The tile", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such tile"),
    ),
)]
pub(super) async fn tile(State(service): Shared, Path(path): Path<String>) -> Answered {
    let asked = parse_path(&format!("tile/{path}")).ok_or_else(nothing)?;
    let store = service.api.node.store();
    let width = usize::try_from(asked.width).map_err(|_| nothing())?;
    let bytes = match asked.level {
        Some(level) => {
            let found = store.shared_tiles(&[(level, asked.index)]).await?;
            let mut hashes = found.into_iter().next().flatten().ok_or_else(nothing)?;
            if hashes.len() < width * size_of::<Hash>() {
                return Err(nothing());
            }
            hashes.truncate(width * size_of::<Hash>());
            hashes
        }
        None => {
            let from = asked.index.checked_mul(WIDTH).ok_or_else(nothing)?;
            let leaves = store.shared_leaves(from, u32::try_from(width)?).await?;
            if leaves.len() < width {
                return Err(nothing());
            }
            let mut bundle = Vec::new();
            for leaf in &leaves {
                push_entry(&mut bundle, leaf).ok_or_else(nothing)?;
            }
            bundle
        }
    };
    let full = asked.width == WIDTH;
    let head = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        // What is full never changes; a partial tile neither, but soon nobody asks for it.
        (
            header::CACHE_CONTROL,
            if full {
                "public, max-age=31536000, immutable"
            } else {
                "public, max-age=300"
            },
        ),
    ];
    Ok((head, bytes).into_response())
}

/// Where the shared ledger stands on this node.
#[derive(Serialize, ToSchema)]
pub struct StatusBody {
    /// The ledger's name.
    pub(crate) ledger: String,
    /// How this node's organisation is called there.
    pub(crate) organisation: String,
    /// Whether it is an authority of the epoch.
    pub(crate) authority: bool,
    /// The epoch.
    pub(crate) epoch: u64,
    /// The authorities of the epoch, in the order of their names.
    pub(crate) authorities: Vec<String>,
    /// The height of the last block written down here.
    pub(crate) height: u64,
    /// The height of the last block known to be final.
    pub(crate) tip: u64,
    /// Leaves of the tree.
    pub(crate) size: u64,
    /// Entries of organisations' own logs among them.
    pub(crate) entries: u64,
    /// Adjudications that counterparties agreed with.
    pub(crate) agreed: u64,
    /// Adjudications that counterparties disputed.
    pub(crate) disputed: u64,
    /// Entries of this node's own log that are not on the shared ledger yet.
    pub(crate) behind: u64,
    /// Why nothing more of this node's own log is taken; nothing when all is well.
    pub(crate) refused: Option<String>,
    /// Adjudications of this organisation's claims that it has not run again yet.
    pub(crate) unchecked: u64,
    /// Those that the payer shows nothing for, since the node's start.
    pub(crate) withheld: u64,
    /// Those that a person decided at the payer, since the node's start.
    pub(crate) by_hand: u64,
    /// Those that the payer erased before they were run again, since the node's start:
    /// `GET /ledger/shared/erased` names them.
    pub(crate) erased: u64,
    /// Answers that the payer they should be of has not signed, since the node's start: they
    /// count for nothing, and what was asked for is asked again.
    pub(crate) unsigned: u64,
    /// How often an authority was seen to contradict itself, since the start.
    pub(crate) contradictions: u64,
    /// That no other authority answers this node; nothing when all is well.
    pub(crate) cut_off: Option<CutOffBody>,
    /// What this node lacks to vote, where its organisation is an authority and it follows
    /// as a member; or that the ledger has no member of its organisation's id. Nothing when all
    /// is well.
    pub(crate) lacks: Option<String>,
    /// The last checkpoint that a quorum signed.
    pub(crate) checkpoint: Option<CheckpointBody>,
}

/// That no other authority answers this node.
#[derive(Serialize, ToSchema)]
pub struct CutOffBody {
    /// Since when, RFC 3339.
    pub(crate) since: String,
    /// What is known of why.
    pub(crate) what: String,
    /// What to do.
    pub(crate) next: String,
}

impl CutOffBody {
    fn of(cut_off: CutOff) -> Self {
        Self {
            since: when(cut_off.since),
            what: cut_off.what,
            next: cut_off.next,
        }
    }
}

/// Whether a node goes on with the shared ledger, for whoever watches its process.
pub struct Heard {
    /// `ok`; `starts`; `cut off`, where no other authority answers; nothing where the node is
    /// on no shared ledger.
    pub ledger: Option<&'static str>,
    /// That no other authority answers: since when, why, and what to do.
    pub cut_off: Option<CutOffBody>,
    /// What the node lacks to take part as it is configured, and what to do.
    pub lacks: Option<String>,
}

impl Heard {
    /// On no shared ledger.
    pub const NONE: Self = Self {
        ledger: None,
        cut_off: None,
        lacks: None,
    };
    /// On one that the node has not read yet.
    pub const STARTS: Self = Self {
        ledger: Some("starts"),
        cut_off: None,
        lacks: None,
    };

    /// As a member of it.
    #[must_use]
    pub fn of(member: &Member) -> Self {
        let cut_off = member.cut_off().map(CutOffBody::of);
        Self {
            ledger: Some(cut_off.as_ref().map_or("ok", |_| "cut off")),
            cut_off,
            lacks: member.lacks(),
        }
    }
}

/// A checkpoint that a quorum signed.
#[derive(Clone, Serialize, ToSchema)]
pub struct CheckpointBody {
    /// The tree's size.
    pub(crate) size: u64,
    /// The tree's root, hexadecimal.
    pub(crate) root: String,
    /// The epoch whose authorities signed.
    pub(crate) epoch: u64,
    /// Who signed.
    pub(crate) signers: Vec<String>,
    /// Which witnesses cosigned.
    pub(crate) cosigners: Vec<String>,
}

impl StatusBody {
    /// Where it stands, with its last checkpoint.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    pub(crate) async fn of(
        node: &Node,
        member: &Member,
        checkpoint: Option<CheckpointBody>,
    ) -> Result<Self> {
        let at = member.subscribe().borrow().clone();
        let store = node.store();
        let totals = store.shared_totals().await?;
        let own = tally_store::port::Log::head(store).await?.size;
        let notary = member.notary();
        let state = &at.state;
        Ok(Self {
            ledger: state.origin.clone(),
            organisation: member.organisation.to_string(),
            authority: state.authorities.of(&member.organisation).is_some(),
            epoch: state.authorities.epoch,
            authorities: state
                .authorities
                .members
                .iter()
                .map(|authority| authority.organisation.to_string())
                .collect(),
            height: at.height,
            tip: notary
                .as_ref()
                .map_or(at.height, |notary| notary.tip.max(at.height)),
            size: at.frontier.size(),
            entries: totals.entries,
            agreed: totals.agreed,
            disputed: totals.disputed,
            behind: own.saturating_sub(state.next(&member.organisation).unwrap_or_default()),
            refused: member.refused(),
            unchecked: member.not_run().unchecked(),
            withheld: member.not_run().withheld(),
            by_hand: member.not_run().by_hand(),
            erased: member.not_run().erased().len() as u64,
            unsigned: member.not_run().unsigned(),
            contradictions: notary.map_or(0, |notary| notary.contradictions),
            cut_off: member.cut_off().map(CutOffBody::of),
            lacks: member.lacks(),
            checkpoint,
        })
    }
}

impl CheckpointBody {
    /// The last that is kept here, verified.
    ///
    /// # Errors
    /// When the store fails, or has one that does not hold.
    pub(crate) async fn last(node: &Node, member: &Member) -> Result<Option<Self>> {
        Ok(match member.checkpoint().await? {
            None => None,
            Some(kept) => Some(seen::verified(node.store(), &kept).await?),
        })
    }
}

/// Where the shared ledger stands on this node
#[utoipa::path(
    get, path = "/ledger/shared/status", tag = "ledger", operation_id = "getSharedStatus",
    responses(
        (status = 200, description = "Where it stands", body = StatusBody),
        (status = 404, description = "This node is on no shared ledger"),
    ),
)]
pub(super) async fn status(State(service): Shared) -> Answered {
    let member = service.api.ledger.as_ref().ok_or_else(nothing)?;
    let checkpoint = match member.checkpoint().await? {
        None => None,
        Some(kept) => Some(service.seen.body(service.api.node.store(), kept).await?),
    };
    json(&StatusBody::of(&service.api.node, member, checkpoint).await?)
}

/// An adjudication that this node disputes.
#[derive(Serialize, ToSchema)]
pub struct DisputeBody {
    /// The claim.
    claim: String,
    /// Who decided it.
    payer: String,
    /// The index of the adjudication in the payer's own log.
    index: u64,
    /// The first thing that differs, for people: line, field, theirs, ours, clause.
    difference: String,
    /// The index of the dispute in this node's own log, once it is there.
    entry: Option<u64>,
    /// Whether what the payer signed is kept with it: `tally ledger dispute` shows and checks
    /// it.
    signed: bool,
}

impl DisputeBody {
    /// A dispute, for machines.
    #[must_use]
    pub fn of(dispute: &Dispute) -> Self {
        Self {
            claim: dispute.claim.to_string(),
            payer: dispute.payer.to_string(),
            index: dispute.index,
            difference: dispute.difference.clone(),
            entry: dispute.leaf,
            signed: dispute.signed,
        }
    }
}

/// What this node's organisation disputes
///
/// Adjudications that it ran again, and that came to something else. For the organisation
/// itself alone.
#[utoipa::path(
    get, path = "/ledger/shared/disputes", tag = "ledger", operation_id = "listDisputes",
    security(("organisation" = [])),
    responses(
        (status = 200, description = "The disputes, in the order they were entered", body = Vec<DisputeBody>),
        (status = 404, description = "This node is on no shared ledger, or is another organisation's"),
    ),
)]
pub(super) async fn disputes(State(service): Shared, caller: Caller) -> Answered {
    own(&service, &caller)?;
    let disputes = service.api.node.disputes().await?;
    let body: Vec<DisputeBody> = disputes.iter().map(DisputeBody::of).collect();
    json(&body)
}

/// An adjudication that its payer erased before this node ran it again.
#[derive(Serialize, ToSchema)]
pub struct ErasedBody {
    /// The claim.
    claim: String,
    /// Who decided it.
    payer: String,
    /// The index of the adjudication in the payer's own log.
    index: u64,
}

impl ErasedBody {
    fn of(erased: &ErasedUnrun) -> Self {
        Self {
            claim: erased.claim.to_string(),
            payer: erased.payer.to_string(),
            index: erased.index,
        }
    }
}

/// What was erased before this node's organisation could run it again
///
/// Adjudications of its claims that it has neither agreed with nor disputed, since the node's
/// start. For the organisation itself alone.
#[utoipa::path(
    get, path = "/ledger/shared/erased", tag = "ledger", operation_id = "listErased",
    security(("organisation" = [])),
    responses(
        (status = 200, description = "What was erased, in the order it was learnt of", body = Vec<ErasedBody>),
        (status = 404, description = "This node is on no shared ledger, or is another organisation's"),
    ),
)]
pub(super) async fn erased(State(service): Shared, caller: Caller) -> Answered {
    let member = own(&service, &caller)?;
    let erased = member.not_run().erased();
    let body: Vec<ErasedBody> = erased.iter().map(ErasedBody::of).collect();
    json(&body)
}

/// A policy's component
///
/// By its hash, as it was published: whoever has it can run it again.
#[utoipa::path(
    get, path = "/policies/{hash}", tag = "ledger", operation_id = "getPolicy",
    params(("hash" = String, Path, description = "SHA-256 of the component, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "The component", body = Vec<u8>, content_type = "application/wasm"),
        (status = 404, description = "No such policy was published here"),
    ),
)]
pub(super) async fn policy(State(service): Shared, Path(hash): Path<String>) -> Answered {
    let hash = crate::node::keys::unhex::<32>(&hash).ok_or_else(nothing)?;
    let component = service.api.node.store().component(hash).await?;
    let component = component.ok_or_else(nothing)?;
    let head = [
        (header::CONTENT_TYPE, "application/wasm"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((head, component).into_response())
}

#[cfg(test)]
mod tests;
