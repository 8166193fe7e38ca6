//! Blocks, and what they come to.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::authorities::Authorities;
use super::envelope::{Envelope, MAX_ENVELOPE_ENTRIES};
use super::organisation::Charter;
use super::refusal::Refusal;
use super::state::State;
use crate::canon::{Blob, Canon, DecodeError, Reader};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::entry::Entry;
use crate::ledger::tree::{Frontier, Hash, Node, leaf_hash};

/// The most entries of a block: larger ones stalled for seconds when measured.
pub const MAX_BLOCK_ENTRIES: usize = 1_000;
/// The most bytes of a block's envelopes, by their weight, for the same reason.
pub const MAX_BLOCK_BYTES: usize = 200_000;
/// The most bytes of an encoded block: lengths and its header come to that weight.
const MAX_BYTES: usize = MAX_BLOCK_BYTES + 4 * MAX_BLOCK_ENTRIES + 1_000;

/// A block's name: `SHA-256("tallystick/block/v1" ‖ header)`.
pub type BlockId = [u8; 32];

/// What a block says of itself and of what stands after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The epoch whose authorities agree on it.
    pub epoch: u64,
    /// Its height; the charter is before the first, 1.
    pub height: u64,
    /// The block before it.
    pub parent: BlockId,
    /// `SHA-256` of the canonical bytes of its envelopes.
    pub envelopes: [u8; 32],
    /// Leaves of the tree after it.
    pub size: u64,
    /// The root of the tree after it.
    pub root: Hash,
    /// The hash of the set of authorities after it.
    pub authorities: [u8; 32],
}

crate::canon_record!(Header {
    epoch,
    height,
    parent,
    envelopes,
    size,
    root,
    authorities,
});

impl Header {
    /// The block's name.
    #[must_use]
    pub fn id(&self) -> BlockId {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/block/v1");
        hasher.update(self.to_canon());
        hasher.finalize().into()
    }
}

/// A block: envelopes in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it says.
    pub header: Header,
    /// What it holds.
    pub envelopes: Vec<Envelope>,
}

crate::canon_record!(Block { header, envelopes });

impl Block {
    /// Reads a block's canonical bytes.
    ///
    /// # Errors
    /// When they are too many, or no block.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_BYTES {
            return Err(Refusal::BlockSize {
                entries: 0,
                bytes: bytes.len(),
            });
        }
        Self::from_canon(bytes).map_err(Refusal::Block)
    }

    /// Its leaves, in order: of each envelope its header, then its entries.
    #[must_use]
    pub fn leaves(&self) -> Vec<Vec<u8>> {
        self.envelopes.iter().flat_map(Envelope::leaves).collect()
    }
}

/// What all blocks so far come to. Cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last block; that of the charter before the first.
    pub id: BlockId,
    /// Its height.
    pub height: u64,
    /// The authorities that agreed on it.
    pub signers: Arc<Authorities>,
    /// Whether it ended their epoch.
    pub boundary: bool,
    /// What the leaves come to.
    pub state: Arc<State>,
    /// The growing edge of the tree.
    pub frontier: Frontier,
}

impl Snapshot {
    /// What stands after the charter: a tree of one leaf.
    ///
    /// # Errors
    /// When the charter does not hold.
    pub fn found(charter: &Charter) -> Result<Self, Refusal> {
        let state = State::found(charter)?;
        let mut frontier = Frontier::default();
        frontier.append(leaf_hash(&charter.leaf()));
        let header = Header {
            epoch: 0,
            height: 0,
            parent: [0; 32],
            envelopes: Sha256::digest([]).into(),
            size: frontier.size(),
            root: frontier.root(),
            authorities: state.authorities.hash(),
        };
        Ok(Self {
            id: header.id(),
            height: 0,
            signers: Arc::new(state.authorities.clone()),
            boundary: false,
            state: Arc::new(state),
            frontier,
        })
    }

    /// The snapshot after a block; what it lacks is nothing but the block.
    ///
    /// # Errors
    /// The first rule that the block breaks.
    pub fn extend(&self, block: &Block) -> Result<Self, Refusal> {
        let (next, _) = self.after(&block.envelopes, true)?;
        let header = next.header(self, &block.envelopes);
        let differs = |what| Refusal::Header(what);
        let said = &block.header;
        if said.epoch != header.epoch {
            return Err(differs("epoch"));
        }
        if said.height != header.height {
            return Err(differs("height"));
        }
        if said.parent != header.parent {
            return Err(differs("parent"));
        }
        if said.envelopes != header.envelopes {
            return Err(differs("hash of envelopes"));
        }
        if (said.size, said.root) != (header.size, header.root) {
            return Err(differs("tree"));
        }
        if said.authorities != header.authorities {
            return Err(differs("set of authorities"));
        }
        Ok(next.named(header.id()))
    }

    /// The nodes of the tree that a block completes, in order. The block must have
    /// been admitted.
    #[must_use]
    pub fn nodes(&self, block: &Block) -> Vec<Node> {
        let mut frontier = self.frontier.clone();
        block
            .leaves()
            .iter()
            .flat_map(|leaf| frontier.append(leaf_hash(leaf)))
            .collect()
    }

    /// The text of the checkpoint that the authorities of the last block sign.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let next = self.boundary.then_some(&self.state.authorities);
        self.signers
            .checkpoint(self.frontier.size(), self.frontier.root(), next)
    }

    /// What stands after envelopes, nameless yet; those that are refused or do not fit
    /// are left out unless `all` have to be admitted. None follows one that ends the
    /// epoch: so the leaves alone say where epochs end.
    fn after(&self, envelopes: &[Envelope], all: bool) -> Result<(Self, Vec<Envelope>), Refusal> {
        let mut state = Arc::clone(&self.state);
        let mut frontier = self.frontier.clone();
        let mut taken = Vec::new();
        let mut boundary = false;
        let (mut entries, mut bytes) = (0usize, 0usize);
        for (place, envelope) in envelopes.iter().enumerate() {
            if boundary {
                if all {
                    return Err(Refusal::AfterEpoch(place));
                }
                break;
            }
            let more = entries.saturating_add(envelope.entries.len());
            let heavier = bytes.saturating_add(envelope.weight());
            if more > MAX_BLOCK_ENTRIES || heavier > MAX_BLOCK_BYTES {
                if all {
                    return Err(Refusal::BlockSize {
                        entries: more,
                        bytes: heavier,
                    });
                }
                continue;
            }
            // Who leaves out what is refused goes on with what was before. In a copy nothing
            // but the sender's own part is another.
            let before = (!all).then(|| Arc::clone(&state));
            match (Arc::make_mut(&mut state).take_in(envelope), before) {
                (Ok(ends), _) => boundary = ends,
                (Err(refusal), None) => return Err(refusal),
                (Err(_), Some(before)) => {
                    state = before;
                    continue;
                }
            }
            (entries, bytes) = (more, heavier);
            for leaf in envelope.leaves() {
                frontier.append(leaf_hash(&leaf));
            }
            taken.push(envelope.clone());
        }
        let next = Self {
            id: [0; 32],
            height: self.height.saturating_add(1),
            signers: Arc::new(self.state.authorities.clone()),
            boundary,
            state,
            frontier,
        };
        Ok((next, taken))
    }

    fn header(&self, parent: &Self, envelopes: &[Envelope]) -> Header {
        Header {
            epoch: self.signers.epoch,
            height: self.height,
            parent: parent.id,
            envelopes: Sha256::digest(envelopes.to_vec().to_canon()).into(),
            size: self.frontier.size(),
            root: self.frontier.root(),
            authorities: self.state.authorities.hash(),
        }
    }

    fn named(mut self, id: BlockId) -> Self {
        self.id = id;
        self
    }
}

impl Canon for Snapshot {
    fn put(&self, out: &mut Vec<u8>) {
        self.id.put(out);
        self.height.put(out);
        self.signers.put(out);
        self.boundary.put(out);
        self.state.put(out);
        self.frontier.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: Canon::take(from)?,
            height: Canon::take(from)?,
            signers: Canon::take(from)?,
            boundary: Canon::take(from)?,
            state: Canon::take(from)?,
            frontier: Canon::take(from)?,
        })
    }
}

/// Makes the next block of those envelopes that are admitted, in the order given,
/// as many as fit; also what stands after it.
#[must_use]
pub fn build(parent: &Snapshot, envelopes: &[Envelope]) -> Option<(Block, Snapshot)> {
    let (next, envelopes) = parent.after(envelopes, false).ok()?;
    let header = next.header(parent, &envelopes);
    let next = next.named(header.id());
    Some((Block { header, envelopes }, next))
}

/// Goes over a ledger's leaves, the charter first, and checks every signature and
/// every rule again: what an auditor does with public bytes alone. Answers the state,
/// and the tree.
///
/// # Errors
/// The first leaf that does not hold.
pub fn audit<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Result<(State, Frontier), Refusal> {
    let mut leaves = leaves.into_iter();
    let mut audit = Audit::begin(leaves.next().ok_or(Refusal::Leaf(0))?)?;
    for leaf in leaves {
        audit.leaf(leaf)?;
    }
    audit.end()
}

/// An audit that goes on leaf by leaf.
#[derive(Debug)]
pub struct Audit {
    state: State,
    frontier: Frontier,
    /// An envelope whose entries are still to come.
    open: Option<Envelope>,
}

impl Audit {
    /// Begins with the charter.
    ///
    /// # Errors
    /// When the leaf is no charter, or it does not hold.
    pub fn begin(first: &[u8]) -> Result<Self, Refusal> {
        let Ok(Entry::Charter(charter)) = Entry::from_canon(first) else {
            return Err(Refusal::Leaf(0));
        };
        let mut frontier = Frontier::default();
        frontier.append(leaf_hash(first));
        Ok(Self {
            state: State::found(&charter)?,
            frontier,
            open: None,
        })
    }

    /// Takes in the next leaf. Where it ends an epoch, answers who agreed in it, and the
    /// checkpoint by which they hand over.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn leaf(&mut self, leaf: &[u8]) -> Result<Option<(Authorities, Checkpoint)>, Refusal> {
        let open = match self.open.take() {
            Some(mut open) => {
                open.entries.push(Blob(leaf.to_vec()));
                open
            }
            None => match Entry::from_canon(leaf) {
                Ok(Entry::Envelope(header)) => Envelope {
                    header: *header,
                    entries: Vec::new(),
                },
                _ => return Err(Refusal::Leaf(self.frontier.size())),
            },
        };
        self.frontier.append(leaf_hash(leaf));
        let count = usize::try_from(open.header.count).unwrap_or(usize::MAX);
        if open.entries.len() < count.min(MAX_ENVELOPE_ENTRIES) {
            self.open = Some(open);
            return Ok(None);
        }
        let before = self.state.authorities.clone();
        let ended = self.state.take_in(&open)?;
        Ok(ended.then(|| {
            let next = Some(&self.state.authorities);
            let checkpoint = before.checkpoint(self.frontier.size(), self.frontier.root(), next);
            (before, checkpoint)
        }))
    }

    /// There is no more. Answers the state, and the tree.
    ///
    /// # Errors
    /// When an envelope lacks entries.
    pub fn end(mut self) -> Result<(State, Frontier), Refusal> {
        if let Some(open) = self.open.take() {
            self.state.take_in(&open)?;
        }
        Ok((self.state, self.frontier))
    }
}
