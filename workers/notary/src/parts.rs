//! The parts of commonware as they are used here.

use commonware_consensus::marshal::core::Mailbox;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_cryptography::ed25519::PublicKey;

use crate::block::{Block, Digest};

pub(crate) type Marshal = Mailbox<Scheme, Standard<Block>>;
pub(crate) type View = simplex::types::Context<Digest, PublicKey>;
pub(crate) type Activity = simplex::types::Activity<Scheme, Digest>;
pub(crate) type Finalization = simplex::types::Finalization<Scheme, Digest>;
pub(crate) type Runtime = commonware_runtime::tokio::Context;
