//! The Merkle tree of RFC 6962 §2.1: hashes, growth, proofs.

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::canon::{Canon, DecodeError, Reader};

/// A node of the tree.
pub type Hash = [u8; 32];

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The index is not in the tree.
    #[error("index {index} is not in a tree of size {size}")]
    Index {
        /// The index.
        index: u64,
        /// The size.
        size: u64,
    },
    /// Sizes that cannot be proven consistent.
    #[error("sizes {old} and {new} cannot be proven consistent")]
    Sizes {
        /// The smaller.
        old: u64,
        /// The larger.
        new: u64,
    },
    /// Too many or too few hashes.
    #[error("the proof has {found} hashes where {expected} belong")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there must be; zero when not known.
        expected: usize,
    },
    /// The proof leads elsewhere.
    #[error("the proof leads to another root")]
    Root,
    /// A node that the store should hold is missing.
    #[error("node {index} of level {level} is missing")]
    Missing {
        /// Its level; 0 is that of the leaves.
        level: u8,
        /// Its index in the level.
        index: u64,
    },
}

/// The hash of an entry: `SHA-256(0x00 ‖ entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(entry);
    hasher.finalize().into()
}

/// The hash of two subtrees: `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// The root of the empty tree.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A node that became complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its level; 0 is that of the leaves.
    pub level: u8,
    /// Its index in the level.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The growing edge of a tree: the roots of its complete subtrees, largest
/// first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree of `size` leaves whose nodes are in `source`.
    ///
    /// # Errors
    /// When a node is missing.
    pub fn of(size: u64, source: &dyn HashSource) -> Result<Self, ProofError> {
        let mut peaks = Vec::new();
        let mut start = 0u64;
        for level in (0..64u8).rev() {
            if size & (1u64 << level) != 0 {
                let index = start >> level;
                peaks.push(node(source, level, index)?);
                start = start.saturating_add(1u64 << level);
            }
        }
        Ok(Self { size, peaks })
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; answers the nodes that are complete now, leaf first.
    pub fn append(&mut self, leaf: Hash) -> Vec<Node> {
        let mut node = Node {
            level: 0,
            index: self.size,
            hash: leaf,
        };
        let mut complete = vec![node];
        while node.index & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            node = Node {
                level: node.level.saturating_add(1),
                index: node.index >> 1,
                hash: node_hash(&left, &node.hash),
            };
            complete.push(node);
        }
        self.peaks.push(node.hash);
        self.size = self.size.saturating_add(1);
        complete
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// A size and its peaks, which must be as many as the size says.
impl Canon for Frontier {
    fn put(&self, out: &mut Vec<u8>) {
        self.size.put(out);
        self.peaks.iter().for_each(|peak| peak.put(out));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let size = u64::take(from)?;
        let peaks = (0..size.count_ones()).map(|_| Canon::take(from));
        Ok(Self {
            size,
            peaks: peaks.collect::<Result<_, _>>()?,
        })
    }
}

/// Where complete nodes are kept.
pub trait HashSource {
    /// The hash of a complete subtree of `2^level` leaves.
    fn hash(&self, level: u8, index: u64) -> Option<Hash>;
}

impl HashSource for std::collections::BTreeMap<(u8, u64), Hash> {
    fn hash(&self, level: u8, index: u64) -> Option<Hash> {
        self.get(&(level, index)).copied()
    }
}

fn node(source: &dyn HashSource, level: u8, index: u64) -> Result<Hash, ProofError> {
    source
        .hash(level, index)
        .ok_or(ProofError::Missing { level, index })
}

/// The largest power of two below `n`, for `n` of two or more.
fn split(n: u64) -> u64 {
    1u64 << n.saturating_sub(1).checked_ilog2().unwrap_or(0)
}

/// The root of the leaves from `start` to before `end`; `start` is a multiple
/// of the largest power of two that fits.
fn range_hash(source: &dyn HashSource, start: u64, end: u64) -> Result<Hash, ProofError> {
    let n = end.saturating_sub(start);
    if n.is_power_of_two() {
        let level = u8::try_from(n.trailing_zeros()).unwrap_or(u8::MAX);
        return node(source, level, start >> n.trailing_zeros());
    }
    let middle = start.saturating_add(split(n));
    Ok(node_hash(
        &range_hash(source, start, middle)?,
        &range_hash(source, middle, end)?,
    ))
}

/// The root of the first `size` leaves.
///
/// # Errors
/// When a node is missing.
pub fn root(source: &dyn HashSource, size: u64) -> Result<Hash, ProofError> {
    if size == 0 {
        return Ok(empty_root());
    }
    range_hash(source, 0, size)
}

/// The proof that a leaf is in the tree of the first `size` leaves, from the
/// leaf's sibling up (RFC 6962 §2.1.1).
///
/// # Errors
/// When the index is not in the tree or a node is missing.
pub fn inclusion_proof(
    source: &dyn HashSource,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end.saturating_sub(start) > 1 {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if index < middle {
            proof.push(range_hash(source, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(source, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is a prefix of that of `new`
/// (RFC 6962 §2.1.2).
///
/// # Errors
/// When the sizes cannot be proven consistent or a node is missing.
pub fn consistency_proof(
    source: &dyn HashSource,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Sizes { old, new });
    }
    let (mut start, mut end, mut whole) = (0u64, new, true);
    let mut proof = Vec::new();
    while end != old {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if old <= middle {
            proof.push(range_hash(source, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(source, start, middle)?);
            start = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_hash(source, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks an inclusion proof (RFC 9162 §2.1.3.2).
///
/// # Errors
/// When it does not hold.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let (mut fnode, mut snode, mut hash) = (index, size.saturating_sub(1), *leaf);
    let wrong = ProofError::Length {
        found: proof.len(),
        expected: 0,
    };
    for sibling in proof {
        if snode == 0 {
            return Err(wrong);
        }
        if fnode & 1 == 1 || fnode == snode {
            hash = node_hash(sibling, &hash);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    if snode != 0 {
        return Err(wrong);
    }
    if hash != *root {
        return Err(ProofError::Root);
    }
    Ok(())
}

/// Checks a consistency proof (RFC 9162 §2.1.4.2), with both edge cases
/// decided: see the module [`crate::ledger`].
///
/// # Errors
/// When it does not hold.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Sizes { old, new });
    }
    let wrong = ProofError::Length {
        found: proof.len(),
        expected: 0,
    };
    if old == new {
        return match (proof.is_empty(), old_root == new_root) {
            (false, _) => Err(wrong),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    let (from_old, from_new) = roots(old, new, proof, old_root).ok_or(wrong)?;
    if from_old != *old_root || from_new != *new_root {
        return Err(ProofError::Root);
    }
    Ok(())
}

/// The roots that a consistency proof between two sizes leads to, without either given:
/// where the larger is that of a tree, the smaller is that of its first `old` leaves.
/// `None` when the proof is none, or says nothing of the smaller, as where its size is
/// a power of two.
#[must_use]
pub fn implied_roots(old: u64, new: u64, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if old == 0 || old >= new || old.is_power_of_two() {
        return None;
    }
    roots(old, new, proof, &empty_root())
}

/// Walks a consistency proof from the root of the smaller tree, which is looked at only
/// where the proof begins from it.
fn roots(old: u64, new: u64, proof: &[Hash], old_root: &Hash) -> Option<(Hash, Hash)> {
    let mut path = proof.iter();
    let first = if old.is_power_of_two() {
        *old_root
    } else {
        *path.next()?
    };
    let (mut fnode, mut snode) = (old.saturating_sub(1), new.saturating_sub(1));
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    let (mut from_old, mut from_new) = (first, first);
    for sibling in path {
        if snode == 0 {
            return None;
        }
        if fnode & 1 == 1 || fnode == snode {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    (snode == 0).then_some((from_old, from_new))
}
