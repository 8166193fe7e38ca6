//! Signed notes (C2SP signed-note): text, an empty line, signature lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use thiserror::Error;

const ED25519: u8 = 1;
/// Of C2SP tlog-cosignature, `cosignature/v1`.
const COSIGNATURE: u8 = 4;
/// The most bytes a note may have.
const MAX_BYTES: usize = 64 * 1024;
/// The most signatures a note may carry.
const MAX_SIGNATURES: usize = 128;

/// Why a text is no note, or a key no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Not the form of a signed note.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// Not the form of a verifier key.
    #[error("not a verifier key: {0}")]
    Key(&'static str),
    /// No signature by the key.
    #[error("no signature by the key")]
    NotSigned,
    /// A signature by the key that does not hold.
    #[error("a signature does not hold")]
    Signature,
}

fn is_name(name: &str) -> bool {
    let other = |c: char| c == '+' || c.is_whitespace() || c.is_control();
    !name.is_empty() && !name.contains(other)
}

fn key_id(name: &str, algorithm: u8, public: &[u8; 32]) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', algorithm]);
    hasher.update(public);
    let digest: [u8; 32] = hasher.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Whether a key's height is below the field's prime, 2²⁵⁵ − 19, as RFC 8032 asks: the library
/// takes two encodings for one point. What else has two is weak.
fn is_canonical(public: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = public;
    *low < 0xed || middle.iter().any(|byte| *byte != 0xff) || high & 0x7f != 0x7f
}

/// A key that checks signatures, as `name+keyid+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: u8,
    id: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// A key of this name.
    ///
    /// # Errors
    /// When the name or the key is not sound.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        Self::of(name, ED25519, public)
    }

    /// The key of a witness of this name, which signs cosignatures
    /// (C2SP tlog-cosignature, `cosignature/v1`).
    ///
    /// # Errors
    /// When the name or the key is not sound.
    pub fn cosigner(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        Self::of(name, COSIGNATURE, public)
    }

    fn of(name: &str, algorithm: u8, public: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Key(
                "its name has spaces, control characters or a plus",
            ));
        }
        if !is_canonical(public) {
            return Err(NoteError::Key("not in its one form"));
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(public)
            .map_err(|_| NoteError::Key("not a point of the curve"))?;
        if key.is_weak() {
            return Err(NoteError::Key("a weak point of the curve"));
        }
        Ok(Self {
            name: name.to_owned(),
            algorithm,
            id: key_id(name, algorithm, public),
            key,
        })
    }

    /// Reads `name+keyid+base64`, and only its canonical form.
    ///
    /// # Errors
    /// When it is not the form of a log's key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        Self::parse_as(text, ED25519)
    }

    /// Reads the key of a witness in the same form.
    ///
    /// # Errors
    /// When it is not the form of a witness's key.
    pub fn parse_cosigner(text: &str) -> Result<Self, NoteError> {
        Self::parse_as(text, COSIGNATURE)
    }

    fn parse_as(text: &str, algorithm: u8) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("three parts joined by a plus are needed"));
        };
        let bytes = BASE64
            .decode(key)
            .map_err(|_| NoteError::Key("not base64"))?;
        let public: &[u8; 32] = match bytes.split_first() {
            Some((found, rest)) if *found == algorithm => {
                rest.try_into().map_err(|_| NoteError::Key("length"))?
            }
            _ => return Err(NoteError::Key("only ed25519 keys are read")),
        };
        let key = Self::of(name, algorithm, public)?;
        if key.to_string() != text {
            return Err(NoteError::Key("its id is another's"));
        }
        Ok(key)
    }

    /// The key's name: the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// What signature lines call it by: its name and its id.
    #[must_use]
    pub fn called(&self) -> (&str, [u8; 4]) {
        (&self.name, self.id)
    }

    /// Whether a signature line says that it is by this key.
    #[must_use]
    pub fn is_of(&self, signature: &Signature) -> bool {
        signature.name == self.name && signature.bytes.starts_with(&self.id)
    }

    /// Checks a bare signature, strictly.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), NoteError> {
        self.key
            .verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
            .map_err(|_| NoteError::Signature)
    }
}

impl core::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut bytes = vec![self.algorithm];
        bytes.extend_from_slice(&self.public());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, BASE64.encode(bytes))
    }
}

/// A key that signs. Its secret is wiped when dropped.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key of 32 secret bytes, which come from the operating system.
    ///
    /// # Errors
    /// When the name is not sound.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self, NoteError> {
        let key = ed25519_dalek::SigningKey::from_bytes(secret);
        let verifier = VerifierKey::new(name, &key.verifying_key().to_bytes())?;
        Ok(Self { key, verifier })
    }

    /// The key of a witness of 32 secret bytes, which come from the operating system.
    ///
    /// # Errors
    /// When the name is not sound.
    pub fn cosigner(name: &str, secret: &[u8; 32]) -> Result<Self, NoteError> {
        let key = ed25519_dalek::SigningKey::from_bytes(secret);
        let verifier = VerifierKey::cosigner(name, &key.verifying_key().to_bytes())?;
        Ok(Self { key, verifier })
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Cosigns a checkpoint's text, as seen at a time in seconds since 1970.
    #[must_use]
    pub fn cosign(&self, text: &str, time: u64) -> Signature {
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend_from_slice(&time.to_be_bytes());
        bytes.extend_from_slice(&self.sign(cosigned(text, time).as_bytes()));
        Signature {
            name: self.verifier.name.clone(),
            bytes,
        }
    }

    /// Signs a text as a note.
    #[must_use]
    pub fn sign_note(&self, text: String) -> Note {
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend_from_slice(&self.sign(text.as_bytes()));
        let signatures = vec![Signature {
            name: self.verifier.name.clone(),
            bytes,
        }];
        Note { text, signatures }
    }
}

/// What a cosignature signs.
fn cosigned(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who signed.
    pub name: String,
    /// Key id and signature.
    pub bytes: Vec<u8>,
}

/// A text with signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with its final newline.
    pub text: String,
    /// The signatures, in order.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Reads a note; only its canonical form.
    ///
    /// # Errors
    /// When it is not the form of a note.
    pub fn parse(input: &str) -> Result<Self, NoteError> {
        if input.len() > MAX_BYTES {
            return Err(NoteError::Form("too long"));
        }
        if input.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Form("a control character"));
        }
        let split = input
            .rfind("\n\n")
            .ok_or(NoteError::Form("no empty line before the signatures"))?;
        let (text, rest) = input.split_at(split.saturating_add(1));
        let lines = rest
            .strip_prefix('\n')
            .and_then(|rest| rest.strip_suffix('\n'))
            .ok_or(NoteError::Form("it ends inside a line"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            let (name, bytes) = line
                .strip_prefix("— ")
                .and_then(|line| line.split_once(' '))
                .ok_or(NoteError::Form("a line that is no signature"))?;
            let decoded = BASE64
                .decode(bytes)
                .map_err(|_| NoteError::Form("a signature that is not base64"))?;
            if !is_name(name) || decoded.len() < 5 {
                return Err(NoteError::Form("a signature without name or bytes"));
            }
            signatures.push(Signature {
                name: name.to_owned(),
                bytes: decoded,
            });
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Form("too many signatures"));
        }
        let note = Self {
            text: text.to_owned(),
            signatures,
        };
        if note.to_string() != input {
            return Err(NoteError::Form("not in its canonical form"));
        }
        Ok(note)
    }

    /// Checks that `key` signed this text.
    ///
    /// # Errors
    /// When it did not, or one of its signatures does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut found = false;
        for signature in self.signatures.iter().filter(|s| s.name == key.name) {
            let Some((id, bytes)) = signature.bytes.split_first_chunk::<4>() else {
                continue;
            };
            if *id != key.id {
                continue;
            }
            let bytes: &[u8; 64] = bytes.try_into().map_err(|_| NoteError::Signature)?;
            key.verify(self.text.as_bytes(), bytes)?;
            found = true;
        }
        found.then_some(()).ok_or(NoteError::NotSigned)
    }
}

impl Note {
    /// Checks one signature line, which must be of `key`.
    ///
    /// # Errors
    /// When it is not, or does not hold.
    pub fn verify_line(&self, line: usize, key: &VerifierKey) -> Result<(), NoteError> {
        let bytes = self.line(line, key)?;
        let signature = bytes.try_into().map_err(|_| NoteError::Signature)?;
        key.verify(self.text.as_bytes(), signature)
    }

    /// Checks one cosignature line, which must be of `key`; answers its time, in
    /// seconds since 1970.
    ///
    /// # Errors
    /// When it is not, has no time, or does not hold.
    pub fn verify_cosignature(&self, line: usize, key: &VerifierKey) -> Result<u64, NoteError> {
        let bytes = self.line(line, key)?;
        let (time, signature) = bytes.split_first_chunk::<8>().ok_or(NoteError::Signature)?;
        let time = u64::from_be_bytes(*time);
        // Zero is no time, and the format ends at 2^63.
        if time == 0 || i64::try_from(time).is_err() {
            return Err(NoteError::Signature);
        }
        let signature = signature.try_into().map_err(|_| NoteError::Signature)?;
        key.verify(cosigned(&self.text, time).as_bytes(), signature)?;
        Ok(time)
    }

    fn line(&self, line: usize, key: &VerifierKey) -> Result<&[u8], NoteError> {
        self.signatures
            .get(line)
            .filter(|signature| key.is_of(signature))
            .and_then(|signature| signature.bytes.get(4..))
            .ok_or(NoteError::NotSigned)
    }
}

impl core::fmt::Display for Signature {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "— {} {}", self.name, BASE64.encode(&self.bytes))
    }
}

impl core::fmt::Display for Note {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}
