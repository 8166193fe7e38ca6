//! The ledger: the signed checkpoint, the tree, the latest entries, and how
//! anyone checks them without us.

use askama::Template;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use tally_core::canon::Canon as _;
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Entry, Standing, tiles};
use tally_store::port::Log as _;

use super::chart::{Svg, cells, tree};
use super::show::{Shell, Tab, grouped, html, short};
use super::{Answered, Shared};
use crate::node::keys::hex;

/// Entries drawn as cells: a tile.
const DRAWN: u64 = tiles::WIDTH;
/// Entries listed.
const LISTED: usize = 12;

/// What entries there are, by class.
const KINDS: [(&str, &str); 5] = [
    ("k-genesis", "Genesis"),
    ("k-policy", "Policy published"),
    ("k-adjudicated", "Claim adjudicated"),
    ("k-flags", "Batch of flags, on schedule"),
    ("k-unknown", "Of another version"),
];

struct Row {
    index: u64,
    kind: &'static str,
    class: &'static str,
    what: String,
    policy: Option<String>,
    leaf: String,
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct Ledger {
    shell: Shell,
    size: String,
    root: String,
    note: String,
    key: String,
    folder: String,
    tree: Svg,
    subtrees: u32,
    tiles: Vec<(u8, usize)>,
    cells: Svg,
    kinds: Vec<(&'static str, &'static str, usize)>,
    from: u64,
    to: u64,
    rows: Vec<Row>,
}

pub(super) async fn page(site: Shared) -> Answered {
    let node = &site.node;
    let (note, checkpoint) = node.checkpoint().await?;
    let size = checkpoint.size;
    let from = size.saturating_sub(DRAWN);
    let entries = node
        .store()
        .entries(from, u32::try_from(size - from).unwrap_or(u32::MAX))
        .await?;
    let rows: Vec<Row> = (from..)
        .zip(&entries)
        .map(|(i, bytes)| row(i, bytes))
        .collect();
    let drawn: Vec<_> = rows.iter().map(|row| (row.index, row.class)).collect();
    let mut levels: Vec<(u8, usize)> = Vec::new();
    for tile in tiles::tiles(size) {
        match levels.last_mut() {
            Some((level, count)) if *level == tile.level => *count += 1,
            _ => levels.push((tile.level, 1)),
        }
    }
    let trust = node.trust().await?;
    html(&Ledger {
        shell: Shell::new("Ledger", Tab::Ledger, node.origin()),
        size: grouped(size),
        root: hex(&checkpoint.root),
        note: note.to_string(),
        key: trust
            .logs
            .iter()
            .flat_map(|log| &log.keys)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
        folder: node.folder().display().to_string(),
        tree: tree(size),
        subtrees: size.count_ones(),
        tiles: levels,
        cells: cells(&drawn),
        kinds: KINDS
            .into_iter()
            .map(|(class, name)| {
                let count = rows.iter().filter(|row| row.class == class).count();
                (class, name, count)
            })
            .filter(|(.., count)| *count > 0)
            .collect(),
        from,
        to: size.saturating_sub(1),
        rows: rows.into_iter().rev().take(LISTED).collect(),
    })
}

fn row(index: u64, bytes: &[u8]) -> Row {
    let leaf = hex(&leaf_hash(bytes));
    let (kind, class, what, policy) = match Entry::from_canon(bytes) {
        Ok(Entry::Genesis { .. }) => (
            "Genesis",
            "k-genesis",
            "which log this is, and its key".into(),
            None,
        ),
        Ok(Entry::Policy(published)) => {
            let publication = &published.publication;
            (
                "Policy",
                "k-policy",
                format!(
                    "{}, in force from {}",
                    publication.product, publication.effective
                ),
                Some(hex(&publication.policy)),
            )
        }
        Ok(Entry::Adjudicated(adjudication)) => (
            "Adjudicated",
            "k-adjudicated",
            committed(&adjudication.commitment),
            None,
        ),
        Ok(Entry::Reversed(commitment)) => {
            ("Reversed", "k-adjudicated", committed(&commitment), None)
        }
        Ok(Entry::Flags(batch)) => (
            "Flags",
            "k-flags",
            format!("{} commitments, dummies among them", batch.slots.len()),
            None,
        ),
        Ok(other) => {
            let (kind, class, what) = said(&other);
            (kind, class, what, None)
        }
        Err(_) => (
            "Unknown",
            "k-unknown",
            "this program cannot read it".into(),
            None,
        ),
    };
    Row {
        index,
        kind,
        class,
        what,
        policy,
        leaf: format!("{}…", short(&leaf)),
    }
}

fn committed(commitment: &[u8; 32]) -> String {
    format!("commitment {}…", short(&hex(commitment)))
}

/// What entries say that are of no adjudication, policy or flags.
fn said(entry: &Entry) -> (&'static str, &'static str, String) {
    match entry {
        Entry::Received(commitment) => ("Received", "k-adjudicated", committed(commitment)),
        Entry::Agreed(commitment) => ("Agreed", "k-adjudicated", committed(commitment)),
        Entry::Disputed(commitment) => ("Disputed", "k-flags", committed(commitment)),
        Entry::Granted(commitment) => ("Granted", "k-policy", committed(commitment)),
        Entry::Revoked { grant } => ("Revoked", "k-policy", committed(grant)),
        Entry::Read(commitment) => ("Read", "k-genesis", committed(commitment)),
        Entry::ReadUnderEmergency(commitment) => {
            ("Emergency read", "k-flags", committed(commitment))
        }
        Entry::PaymentAdvised(commitment) => ("Payment", "k-adjudicated", committed(commitment)),
        Entry::Erased { index, .. } => (
            "Erased",
            "k-flags",
            format!("what entry {index} commits to is gone"),
        ),
        Entry::Standing { policy, standing } => {
            let policy = hex(policy);
            let policy = short(&policy);
            let what = match standing {
                Standing::Activated => format!("{policy}… is active"),
                Standing::Superseded { by } => {
                    format!("{policy}… is superseded by {}…", short(&hex(by)))
                }
            };
            ("Standing", "k-policy", what)
        }
        Entry::Charter(charter) => (
            "Charter",
            "k-genesis",
            format!("{} organisations", charter.organisations.len()),
        ),
        Entry::Envelope(header) => (
            "Envelope",
            "k-genesis",
            format!("{} of {}", header.count, header.organisation),
        ),
        Entry::Proposed(proposal) => (
            "Proposed",
            "k-policy",
            format!("proposal {}…", short(&hex(&proposal.id()))),
        ),
        Entry::Voted(motion) => (
            "Voted",
            "k-policy",
            format!(
                "{} proposal {}…",
                if motion.assent { "for" } else { "against" },
                short(&hex(&motion.proposal))
            ),
        ),
        Entry::Genesis { .. }
        | Entry::Policy(_)
        | Entry::Adjudicated(_)
        | Entry::Flags(_)
        | Entry::Reversed(_) => ("Entry", "k-unknown", String::new()),
    }
}

/// The signed note as it is.
pub(super) async fn checkpoint(site: Shared) -> Answered {
    let (note, _) = site.node.checkpoint().await?;
    let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, note.to_string()).into_response())
}

/// The trust file.
pub(super) async fn trust(site: Shared) -> Answered {
    let head = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"trust.json\""),
    ];
    Ok((head, site.node.trust().await?.to_string()).into_response())
}
