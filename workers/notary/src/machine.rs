//! What is agreed on is the machine's business; the notary sees bytes.

/// An authority: who may vote, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its ed25519 public key.
    pub key: [u8; 32],
    /// `host:port`; the host is an address or a name.
    pub address: String,
}

/// Where a block stands in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The epoch whose authorities agree on it.
    pub epoch: u64,
    /// 1 for the first block.
    pub height: u64,
    /// The digest of the block before.
    pub parent: [u8; 32],
}

/// What the machine says of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged<S> {
    /// It follows the rules, and this is the state after it.
    Holds(S),
    /// It breaks them, for ever and for everyone: the reason.
    Refused(String),
    /// Something to judge it by is not here yet. It is asked again at each
    /// [`nudge`](crate::Voice::nudge) and a few times a second.
    Missing,
}

/// The rules of the chain. All is a function of the arguments: two machines
/// that say different things of one block stop the chain.
pub trait Machine: Send + Sync + 'static {
    /// What the blocks so far amount to. Cloned often: cheap (an `Arc` inside).
    type State: Clone + Send + Sync + 'static;

    /// The state before the first block.
    fn genesis(&self) -> Self::State;

    /// The payload of the next block, or `None` when there is nothing to say
    /// yet: it is asked again at each nudge.
    fn propose(&self, parent: &Self::State, header: Header) -> Option<Vec<u8>>;

    /// The payload that says nothing, when nobody had anything to say for as
    /// long as the chain's pace.
    fn empty(&self, parent: &Self::State, header: Header) -> Vec<u8>;

    /// Whether a payload may follow, and what then stands.
    fn judge(&self, parent: &Self::State, header: Header, payload: &[u8]) -> Judged<Self::State>;

    /// The authorities of the next epoch, if the block that led to this state
    /// is the last of its epoch. Must be cheap.
    fn next_authorities(&self, state: &Self::State) -> Option<Vec<Authority>>;
}

/// The last block that the store has, to go on from.
#[derive(Clone, Debug)]
pub struct Standing<S> {
    /// The epoch that agreed on it.
    pub epoch: u64,
    /// Its height.
    pub height: u64,
    /// Its digest.
    pub digest: [u8; 32],
    /// What stands after it.
    pub state: S,
}
