//! What authorities say beside the chain, as bytes.

use super::envelope::Envelope;
use crate::canon::{Canon, DecodeError, Reader};

/// What authorities tell each other beside the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gossip {
    /// An envelope that waits.
    Envelope(Box<Envelope>),
    /// An authority signed the checkpoint of a block: its size, and the note with that
    /// one signature.
    Signed(String),
    /// A checkpoint that a quorum signed.
    Checkpoint(String),
    /// Asks for how epochs were handed over, from that of this number on.
    Handovers(u64),
}

impl Canon for Gossip {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Envelope(envelope) => {
                out.push(1);
                envelope.put(out);
            }
            Self::Signed(note) => {
                out.push(2);
                note.put(out);
            }
            Self::Checkpoint(note) => {
                out.push(3);
                note.put(out);
            }
            Self::Handovers(from) => {
                out.push(4);
                from.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match u8::take(from)? {
            1 => Self::Envelope(Box::new(Canon::take(from)?)),
            2 => Self::Signed(Canon::take(from)?),
            3 => Self::Checkpoint(Canon::take(from)?),
            4 => Self::Handovers(Canon::take(from)?),
            n => return Err(from.invalid("gossip", n.into())),
        })
    }
}
