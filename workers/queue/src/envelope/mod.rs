//! The envelope: what outside systems publish to `claims.intake`. Pure
//! functions; the format is in `docs/queue.md`.
//!
//! The signature says who sent it: ed25519, checked strictly, by the key the
//! submitter registered, over every field. The sealing says who may read it:
//! HPKE (RFC 9180) to the key of the node that the payer runs.

mod directory;
mod keys;
mod rejected;
#[cfg(test)]
mod tests;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

pub use directory::Directory;
pub use keys::{NodeKey, NodePublicKey};
pub use rejected::Rejected;
pub use tally_core::ledger::{SigningKey, VerifierKey};

use wire::Wire;

/// The content type of an envelope, in the message's `content-type` property.
pub const CONTENT_TYPE: &str = "application/vnd.tallystick.envelope+json; version=1";
/// The version this crate reads and writes.
pub const VERSION: u64 = 1;
/// The most bytes an envelope may have, unless configured.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

const SIGNED: &[u8] = b"tallystick/envelope/v1";
const SEALED: &[u8] = b"tallystick/envelope/v1/hpke";
/// The most characters of an id, a control number or a date.
const MAX_TEXT: usize = 64;

/// What the payload is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// FHIR R4 JSON: a Claim, or a Bundle with Claims.
    Fhir,
    /// FHIR R4 ndjson.
    FhirNdjson,
    /// `tallystick-claim/v1`.
    Tally,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Fhir, Self::FhirNdjson, Self::Tally];

    /// Its name in the envelope.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::FhirNdjson => "fhir-ndjson",
            Self::Tally => "tally",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Why an envelope could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// A field is not in its form.
    #[error("the envelope's `{field}` {what}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is too large.
    #[error("the envelope would have {bytes} bytes, more than {limit}: send fewer claims in each")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The node's public key is none.
    #[error("the node's public key cannot be used")]
    Key,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
}

/// What goes into an envelope.
#[derive(Clone, Copy)]
pub struct Sealing<'a> {
    /// The payer it is meant for.
    pub payer: &'a str,
    /// Who sends it.
    pub submitter: &'a str,
    /// The sender's control number: the same one twice is the same submission.
    pub interchange: &'a str,
    /// What the payload is written in.
    pub format: Format,
    /// When it was made, RFC 3339. Informative.
    pub created: &'a str,
    /// The bytes of the claims file.
    pub payload: &'a [u8],
}

/// An envelope that was read, but not yet verified: nothing in it is to be
/// believed. It has no `Debug`.
#[derive(PartialEq, Eq)]
pub struct Envelope {
    payer: String,
    submitter: String,
    interchange: String,
    format: Format,
    created: String,
    sealed: Vec<u8>,
    /// `None` when it is not signed.
    signature: Option<Vec<u8>>,
}

/// An envelope that was verified and opened. It holds what identifies people:
/// no `Debug`, and the payload is wiped when dropped.
pub struct Opened {
    /// The payer it is meant for.
    pub payer: String,
    /// Who sent it.
    pub submitter: String,
    /// The sender's control number.
    pub interchange: String,
    /// What the payload is written in.
    pub format: Format,
    /// When it was made, as the sender says.
    pub created: String,
    /// The bytes of the claims file.
    pub payload: Zeroizing<Vec<u8>>,
}

impl Envelope {
    /// Seals and signs a claims file: the bytes of a message's body.
    ///
    /// # Errors
    /// When a field is not in its form, or it becomes too large.
    pub fn seal(
        what: &Sealing<'_>,
        node: &NodePublicKey,
        signer: &SigningKey,
    ) -> Result<Vec<u8>, SealError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|_| SealError::Random)?;
        Self::seal_from(what, node, signer, &seed)
    }

    /// As [`Self::seal`], its ephemeral key from a seed.
    fn seal_from(
        what: &Sealing<'_>,
        node: &NodePublicKey,
        signer: &SigningKey,
        seed: &[u8; 32],
    ) -> Result<Vec<u8>, SealError> {
        let mut envelope = Self {
            payer: what.payer.to_owned(),
            submitter: what.submitter.to_owned(),
            interchange: what.interchange.to_owned(),
            format: what.format,
            created: what.created.to_owned(),
            sealed: Vec::new(),
            signature: None,
        };
        envelope
            .check()
            .map_err(|(field, what)| SealError::Field { field, what })?;
        envelope.sealed = node.seal(&envelope.info(), what.payload, seed)?;
        envelope.signature = Some(signer.sign(&envelope.signed()).to_vec());
        let bytes = envelope.to_json();
        if bytes.len() > MAX_BYTES {
            return Err(SealError::TooLarge {
                bytes: bytes.len(),
                limit: MAX_BYTES,
            });
        }
        Ok(bytes)
    }

    /// Reads an envelope and verifies nothing. `content_type` is the property
    /// of the message; `limit` is in bytes, [`MAX_BYTES`] unless configured.
    ///
    /// # Errors
    /// Q101 to Q104.
    pub fn read(bytes: &[u8], content_type: Option<&str>, limit: usize) -> Result<Self, Rejected> {
        check_content_type(content_type)?;
        if bytes.len() > limit {
            return Err(Rejected::TooLarge {
                bytes: bytes.len(),
                limit,
            });
        }
        let wire = Wire::read(bytes)?;
        let envelope = Self {
            payer: wire.payer,
            submitter: wire.submitter,
            interchange: wire.interchange,
            format: Format::of_name(&wire.format)
                .ok_or(Rejected::Malformed("`format` is none that is known"))?,
            created: wire.created,
            sealed: BASE64
                .decode(wire.sealed)
                .map_err(|_| Rejected::Malformed("`sealed` is not base64"))?,
            signature: wire
                .signature
                .filter(|text| !text.is_empty())
                .map(|text| BASE64.decode(text))
                .transpose()
                .map_err(|_| Rejected::Malformed("`signature` is not base64"))?,
        };
        envelope.check().map_err(|(field, _)| {
            Rejected::Malformed(match field {
                "payer" => "`payer` is not 1 to 64 visible characters",
                "submitter" => "`submitter` is not 1 to 64 visible characters",
                "interchange" => "`interchange` is not 1 to 64 visible characters",
                _ => "`created` is not an RFC 3339 date and time",
            })
        })?;
        Ok(envelope)
    }

    /// Reads, verifies and opens an envelope.
    ///
    /// # Errors
    /// Why it is rejected, with a stable code.
    pub fn open(
        bytes: &[u8],
        content_type: Option<&str>,
        directory: &Directory,
    ) -> Result<Opened, Rejected> {
        Self::read(bytes, content_type, directory.limit())?.verify(directory)
    }

    /// Verifies and opens it.
    ///
    /// # Errors
    /// Q105 to Q109.
    pub fn verify(self, directory: &Directory) -> Result<Opened, Rejected> {
        let nodes = directory.nodes(&self.payer).ok_or(Rejected::UnknownPayer)?;
        let key = directory
            .submitter(&self.submitter)
            .ok_or(Rejected::UnknownSubmitter)?;
        let signature = self.signature.as_deref().ok_or(Rejected::Unsigned)?;
        let signature: &[u8; 64] = signature.try_into().map_err(|_| Rejected::WronglySigned)?;
        key.verify(&self.signed(), signature)
            .map_err(|_| Rejected::WronglySigned)?;
        let info = self.info();
        let mut opened = nodes.iter().map(|node| node.open(&info, &self.sealed));
        let payload = opened
            .find_map(|opened| opened)
            .ok_or(Rejected::DoesNotOpen)?;
        Ok(Opened {
            payer: self.payer,
            submitter: self.submitter,
            interchange: self.interchange,
            format: self.format,
            created: self.created,
            payload,
        })
    }

    /// Who says it sent it. Not verified: only for an answer that tells a
    /// refusal, never for anything that is believed.
    #[must_use]
    pub fn claimed_submitter(&self) -> &str {
        &self.submitter
    }

    /// Its control number, as it says. Not verified.
    #[must_use]
    pub fn claimed_interchange(&self) -> &str {
        &self.interchange
    }

    /// As JSON: the only form that is written.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        Wire {
            version: VERSION,
            payer: self.payer.clone(),
            submitter: self.submitter.clone(),
            interchange: self.interchange.clone(),
            format: self.format.name().to_owned(),
            created: self.created.clone(),
            sealed: BASE64.encode(&self.sealed),
            signature: self.signature.as_ref().map(|bytes| BASE64.encode(bytes)),
        }
        .write()
    }

    /// What is wrong with the fields that are text.
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        for (field, text) in [
            ("payer", &self.payer),
            ("submitter", &self.submitter),
            ("interchange", &self.interchange),
        ] {
            let visible = text.bytes().all(|b| b.is_ascii_graphic());
            if text.is_empty() || text.len() > MAX_TEXT || !visible {
                return Err((field, "must be 1 to 64 visible ASCII characters"));
            }
        }
        let dated = chrono::DateTime::parse_from_rfc3339(&self.created).is_ok();
        if self.created.len() > MAX_TEXT || !dated {
            return Err(("created", "must be an RFC 3339 date and time"));
        }
        Ok(())
    }

    /// What the signature is over: the name of the format, then each field with
    /// its length before it, 4 bytes, big-endian.
    fn signed(&self) -> Vec<u8> {
        let mut bytes = SIGNED.to_vec();
        for field in [
            self.payer.as_bytes(),
            self.submitter.as_bytes(),
            self.interchange.as_bytes(),
            self.format.name().as_bytes(),
            self.created.as_bytes(),
            &self.sealed,
        ] {
            put(&mut bytes, field);
        }
        bytes
    }

    /// What the sealing is bound to.
    fn info(&self) -> Vec<u8> {
        let mut bytes = SEALED.to_vec();
        for field in [&self.payer, &self.submitter, &self.interchange] {
            put(&mut bytes, field.as_bytes());
        }
        bytes
    }
}

fn put(out: &mut Vec<u8>, field: &[u8]) {
    // An envelope is far below 4 GiB.
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(field);
}

/// Media type and version; case and spaces as HTTP has them.
fn check_content_type(content_type: Option<&str>) -> Result<(), Rejected> {
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    if !media.eq_ignore_ascii_case("application/vnd.tallystick.envelope+json") {
        return Err(Rejected::ContentType);
    }
    let mut version = None;
    for part in parts {
        match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("version") && version.is_none() => {
                version = Some(value.trim_matches('"'));
            }
            _ => return Err(Rejected::ContentType),
        }
    }
    match version {
        Some("1") => Ok(()),
        Some(_) => Err(Rejected::UnknownVersion),
        None => Err(Rejected::ContentType),
    }
}
