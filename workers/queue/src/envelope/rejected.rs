//! Why an envelope is rejected.

use thiserror::Error;

use crate::message::Reason;

/// Why an envelope is rejected. The codes are stable: `docs/queue.md` lists
/// them. Nothing of the payload, and no text of the sender's, is in the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejected {
    /// Another content type, or none.
    #[error(
        "the content type is not that of an envelope: set the property \
         `content-type` to `application/vnd.tallystick.envelope+json; version=1`"
    )]
    ContentType,
    /// More bytes than the limit.
    #[error("the envelope has {bytes} bytes, more than {limit}: send fewer claims in each")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not JSON, or not the fields of an envelope.
    #[error("the envelope is malformed: {0}")]
    Malformed(&'static str),
    /// A version this node does not read.
    #[error("the envelope's version is unknown: this node reads version 1")]
    UnknownVersion,
    /// Meant for a payer that this node does not serve.
    #[error("the envelope is for a payer that this node does not serve")]
    UnknownPayer,
    /// Sent by somebody who is not registered.
    #[error("the submitter is not registered here: register its ed25519 key first")]
    UnknownSubmitter,
    /// Without a signature.
    #[error("the envelope is not signed")]
    Unsigned,
    /// With a signature that does not hold.
    #[error(
        "the envelope's signature does not hold: sign every field with the key \
         that is registered"
    )]
    WronglySigned,
    /// Signed well, but sealed to another key.
    #[error("the payload does not open: seal it to the public key that this node shows")]
    DoesNotOpen,
}

impl Rejected {
    /// Its stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ContentType => "Q101",
            Self::TooLarge { .. } => "Q102",
            Self::Malformed(_) => "Q103",
            Self::UnknownVersion => "Q104",
            Self::UnknownPayer => "Q105",
            Self::UnknownSubmitter => "Q106",
            Self::Unsigned => "Q107",
            Self::WronglySigned => "Q108",
            Self::DoesNotOpen => "Q109",
        }
    }

    /// As the reason of a dead letter.
    #[must_use]
    pub fn reason(self) -> Reason {
        Reason {
            code: self.code().to_owned(),
            text: self.to_string(),
        }
    }
}
