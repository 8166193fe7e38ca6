//! The ledger: the signed checkpoint, the tree, the latest entries, and how
//! anyone checks them without us.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anyhow::Result;
use askama::Template;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::Authority;
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Entry, Standing as PolicyStanding, VerifierKey, tiles};
use tally_store::port::Log as _;

use super::chart::{Svg, cells, tree};
use super::show::{Shell, Tab, grouped, html, short};
use super::standing::Standing;
use super::{Answered, Shared};
use crate::node::Node;
use crate::node::keys::hex;
use crate::shared::founders_if_any;

/// Entries drawn as cells: a tile.
const DRAWN: u64 = tiles::WIDTH;
/// Entries listed.
const LISTED: usize = 12;

/// A key that signs a log, and whose it is.
struct Key {
    whose: String,
    key: String,
}

/// What kind of entry it is, in words, and the colour that it shares with its group.
type Kind = (&'static str, &'static str);

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
    keys: Vec<Key>,
    folder: String,
    tree: Svg,
    subtrees: u32,
    tiles: Vec<(u8, usize)>,
    cells: Svg,
    kinds: Vec<(Kind, usize)>,
    from: u64,
    to: u64,
    rows: Vec<Row>,
    shared: Option<Standing>,
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
    html(&Ledger {
        shell: Shell::new("Ledger", Tab::Ledger, node.origin()),
        size: grouped(size),
        root: hex(&checkpoint.root),
        note: note.to_string(),
        keys: keys(node).await?,
        folder: node.folder().display().to_string(),
        tree: tree(size),
        subtrees: size.count_ones(),
        tiles: levels,
        cells: cells(&drawn),
        kinds: legend(&rows),
        from,
        to: size.saturating_sub(1),
        rows: rows.into_iter().rev().take(LISTED).collect(),
        shared: match &site.ledger {
            None => None,
            Some(member) => Some(Standing::of(node, member).await?),
        },
    })
}

/// How many there are of each kind, the most first.
fn legend(rows: &[Row]) -> Vec<(Kind, usize)> {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry((row.kind, row.class)).or_default() += 1;
    }
    let mut kinds: Vec<_> = counts.into_iter().collect();
    kinds.sort_by_key(|(_, count)| Reverse(*count));
    kinds
}

/// The keys of the trust file, each with whose it is.
async fn keys(node: &Node) -> Result<Vec<Key>> {
    let trust = node.trust().await?;
    let founders = founders_if_any(node.store()).await?;
    let whose = |key: &VerifierKey| match &founders {
        Some(founders) if key.name() == founders.origin => {
            let is = |of: &&Authority| of.key == key.public();
            let of = founders.members.iter().find(is);
            let name = of.map_or("an authority", |of| of.organisation.as_str());
            format!("{name}, an authority of the shared ledger from its first epoch")
        }
        _ => "this node’s own log".to_owned(),
    };
    let keys = trust.logs.iter().flat_map(|log| &log.keys);
    let keys = keys.map(|key| Key {
        whose: whose(key),
        key: key.to_string(),
    });
    Ok(keys.collect())
}

fn row(index: u64, bytes: &[u8]) -> Row {
    let leaf = hex(&leaf_hash(bytes));
    let ((kind, class), what, policy) = match Entry::from_canon(bytes) {
        Ok(entry) => {
            let policy = match &entry {
                Entry::Policy(published) => Some(hex(&published.publication.policy)),
                _ => None,
            };
            (kind(&entry), what(&entry), policy)
        }
        Err(_) => (
            ("Of another version", "k-unknown"),
            "this program cannot read it".to_owned(),
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

/// What an entry is. Each kind has words of its own.
const fn kind(entry: &Entry) -> Kind {
    match entry {
        Entry::Genesis { .. } => ("Genesis", "k-genesis"),
        Entry::Policy(_) => ("Policy published", "k-policy"),
        Entry::Standing { .. } => ("Policy’s standing", "k-policy"),
        Entry::Received(_) => ("Claim received", "k-received"),
        Entry::Adjudicated(_) => ("Claim adjudicated", "k-adjudicated"),
        Entry::Reversed(_) => ("Adjudication reversed", "k-adjudicated"),
        Entry::PaymentAdvised(_) => ("Payment advised", "k-adjudicated"),
        Entry::Agreed(_) => ("Adjudication agreed with", "k-agreed"),
        Entry::Disputed(_) => ("Adjudication disputed", "k-disputed"),
        Entry::Flags(_) => ("Batch of flags, on schedule", "k-flags"),
        Entry::Granted(_) => ("Access granted", "k-access"),
        Entry::Revoked { .. } => ("Grant revoked", "k-access"),
        Entry::Read(_) => ("Claim read", "k-read"),
        Entry::ReadUnderEmergency(_) => ("Claim read in an emergency", "k-read"),
        Entry::Erased { .. } => ("Entry’s key destroyed", "k-erased"),
        Entry::Charter(_) => ("Charter", "k-shared"),
        Entry::Envelope(_) => ("Envelope", "k-shared"),
        Entry::Proposed(_) => ("Change proposed", "k-shared"),
        Entry::Voted(_) => ("Vote", "k-shared"),
    }
}

fn committed(commitment: &[u8; 32]) -> String {
    format!("commitment {}…", short(&hex(commitment)))
}

/// What an entry says.
fn what(entry: &Entry) -> String {
    match entry {
        Entry::Genesis { .. } => "which log this is, and its key".into(),
        Entry::Policy(published) => {
            let publication = &published.publication;
            format!(
                "{}, in force from {}",
                publication.product, publication.effective
            )
        }
        Entry::Adjudicated(adjudication) => committed(&adjudication.commitment),
        Entry::Flags(batch) => format!("{} commitments, dummies among them", batch.slots.len()),
        Entry::Reversed(commitment)
        | Entry::Received(commitment)
        | Entry::Agreed(commitment)
        | Entry::Disputed(commitment)
        | Entry::Granted(commitment)
        | Entry::Revoked { grant: commitment }
        | Entry::Read(commitment)
        | Entry::ReadUnderEmergency(commitment)
        | Entry::PaymentAdvised(commitment) => committed(commitment),
        Entry::Erased { index, .. } => format!("what entry {index} commits to is gone"),
        Entry::Standing { policy, standing } => {
            let policy = hex(policy);
            let policy = short(&policy);
            match standing {
                PolicyStanding::Activated => format!("{policy}… is active"),
                PolicyStanding::Superseded { by } => {
                    format!("{policy}… is superseded by {}…", short(&hex(by)))
                }
            }
        }
        Entry::Charter(charter) => format!("{} organisations", charter.organisations.len()),
        Entry::Envelope(header) => format!("{} of {}", header.count, header.organisation),
        Entry::Proposed(proposal) => format!("proposal {}…", short(&hex(&proposal.id()))),
        Entry::Voted(motion) => format!(
            "{} proposal {}…",
            if motion.assent { "for" } else { "against" },
            short(&hex(&motion.proposal))
        ),
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

#[cfg(test)]
mod tests {
    use tally_core::ledger::Ground;

    use super::*;

    /// Colours are shared by groups; words never are.
    #[test]
    fn each_kind_of_entry_has_its_own_words() {
        let at = [7; 32];
        let entries = [
            Entry::Received(at),
            Entry::Agreed(at),
            Entry::Agreed(at),
            Entry::Disputed(at),
            Entry::Granted(at),
            Entry::Revoked { grant: at },
            Entry::Read(at),
            Entry::ReadUnderEmergency(at),
            Entry::PaymentAdvised(at),
            Entry::Reversed(at),
            Entry::Erased {
                index: 3,
                ground: Ground::Request,
            },
            Entry::Standing {
                policy: at,
                standing: PolicyStanding::Activated,
            },
        ];
        let rows: Vec<Row> = entries.iter().map(|e| row(0, &e.to_canon())).collect();
        let legend = legend(&rows);
        assert_eq!(
            legend.len(),
            entries.len() - 1,
            "two of them are of one kind"
        );
        assert_eq!(legend[0], (("Adjudication agreed with", "k-agreed"), 2));
        let told = |name| {
            legend
                .iter()
                .any(|((kind, _), count)| *kind == name && *count == 1)
        };
        for name in [
            "Adjudication disputed",
            "Claim read",
            "Entry’s key destroyed",
        ] {
            assert!(told(name), "{name}");
        }
        for name in [
            "Genesis",
            "Claim adjudicated",
            "Batch of flags, on schedule",
        ] {
            assert!(!told(name), "{name}");
        }
    }
}
