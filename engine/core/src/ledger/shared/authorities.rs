//! Who agrees on the ledger in an epoch, and how a stranger follows them from
//! one epoch to the next.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::organisation::{LONGEST, OrganisationId, Witness};
use crate::canon::{Canon, DecodeError, Reader};
use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::note::{Note, NoteError, VerifierKey};

const HEAD: &str = "tallystick-authorities/v1";
/// The most authorities there may be: as many as the notary was measured with, which
/// takes no more (a test of `workers/tally` holds the two together).
pub const MAX_AUTHORITIES: usize = 16;
/// The most witnesses there may be.
const MAX_WITNESSES: usize = 32;

/// How many of `n` authorities must sign: `n − ⌊(n − 1) / 3⌋`. Any two quorums
/// have an honest authority in common while at most `⌊(n − 1) / 3⌋` are not.
#[must_use]
pub fn quorum(n: usize) -> usize {
    n.saturating_sub(n.saturating_sub(1) / 3)
}

/// An authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The ed25519 key that it votes and signs checkpoints with.
    pub key: [u8; 32],
}

crate::canon_record!(Authority { organisation, key });

/// The authorities of an epoch, and its witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// The ledger's name.
    pub origin: String,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The authorities, in the order of their names.
    pub members: Vec<Authority>,
    /// Who cosigns and does not vote.
    pub witnesses: Vec<Witness>,
}

/// Why a set of authorities, or what it is said to have signed, does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// Not the form of a set.
    #[error("not a set of authorities: {0}")]
    Form(&'static str),
    /// The note does not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint of another ledger.
    #[error("it is of another ledger, `{0}`")]
    Origin(String),
    /// A checkpoint of a set that is another, if only by a name.
    #[error("it is of another set of authorities")]
    Set,
    /// A checkpoint of another epoch.
    #[error("it is not of epoch {0}")]
    Epoch(u64),
    /// A signature line of nobody in the set.
    #[error("a signature is of nobody in the set")]
    Stranger,
    /// Two signature lines of one authority.
    #[error("two signatures are of `{0}`")]
    Twice(String),
    /// Fewer signatures than the quorum.
    #[error("{signed} of {of} authorities signed, and {quorum} must")]
    Quorum {
        /// How many signed.
        signed: usize,
        /// How many there are.
        of: usize,
        /// How many must.
        quorum: usize,
    },
    /// A handover that does not follow.
    #[error("handover {0}: {1}")]
    Handover(usize, Box<SetError>),
    /// The tree became smaller.
    #[error("the tree shrinks from {from} to {to} entries")]
    Shrinks {
        /// From.
        from: u64,
        /// To.
        to: u64,
    },
}

/// A checkpoint that a quorum signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Who signed, in the order of the set.
    pub signers: Vec<OrganisationId>,
    /// Who cosigned, with the time, in seconds since 1970.
    pub cosigners: Vec<(String, u64)>,
    /// The authorities of the next epoch, where it hands over to them.
    pub next: Option<Authorities>,
}

/// The chain of handovers to an epoch: the last checkpoint of each epoch before.
pub type Handover = Note;

impl Authorities {
    /// How many must sign.
    #[must_use]
    pub fn quorum(&self) -> usize {
        quorum(self.members.len())
    }

    /// The authority that is this organisation.
    #[must_use]
    pub fn of(&self, id: &OrganisationId) -> Option<&Authority> {
        self.members
            .iter()
            .find(|authority| authority.organisation == *id)
    }

    /// `SHA-256` of [`Self::text`].
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text()).into()
    }

    /// What is not sound about the set, if anything.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.members.is_empty() {
            return Err("no authority");
        }
        if self.members.len() > MAX_AUTHORITIES {
            return Err("too many authorities");
        }
        if self.origin.len() > LONGEST {
            return Err("too long an origin");
        }
        check_witnesses(&self.witnesses)?;
        let (Ok(mut keys), Ok(cosigners)) = (self.keys(), self.cosigners()) else {
            return Err("a name or key that is none");
        };
        let names = self.members.iter().map(|authority| &authority.organisation);
        if names.clone().zip(names.skip(1)).any(|(a, b)| a >= b) {
            return Err("the authorities are not in the order of their names");
        }
        // A signature is taken for that of the first key which is called so.
        keys.extend(cosigners);
        let called: BTreeSet<_> = keys.iter().map(VerifierKey::called).collect();
        if called.len() != keys.len() {
            return Err("two keys have one id");
        }
        Ok(())
    }

    /// The authorities' keys, in the order of the set, under the ledger's name.
    ///
    /// # Errors
    /// When one is none.
    pub fn keys(&self) -> Result<Vec<VerifierKey>, NoteError> {
        let of = |authority: &Authority| VerifierKey::new(&self.origin, &authority.key);
        self.members.iter().map(of).collect()
    }

    /// The witnesses' keys.
    ///
    /// # Errors
    /// When one is none.
    pub fn cosigners(&self) -> Result<Vec<VerifierKey>, NoteError> {
        let of = |witness: &Witness| VerifierKey::cosigner(&witness.name, &witness.key);
        self.witnesses.iter().map(of).collect()
    }

    /// The lines that name the set: in a checkpoint that hands over to it, and in
    /// [`Self::text`].
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("next {}", self.epoch)];
        for (authority, key) in self.members.iter().zip(self.keys().unwrap_or_default()) {
            lines.push(format!("authority {} {key}", authority.organisation));
        }
        for key in self.cosigners().unwrap_or_default() {
            lines.push(format!("witness {key}"));
        }
        lines
    }

    /// The set as text: a first line `tallystick-authorities/v1`, the origin, and
    /// [`Self::lines`].
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}\n{}\n", self.origin);
        for line in self.lines() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Reads a set's text; only its canonical form.
    ///
    /// # Errors
    /// When it is not the form of a set.
    pub fn parse(text: &str) -> Result<Self, SetError> {
        let rest = text
            .strip_suffix('\n')
            .ok_or(SetError::Form("it ends inside a line"))?;
        let mut lines = rest.split('\n');
        if lines.next() != Some(HEAD) {
            return Err(SetError::Form("its first line is another"));
        }
        let origin = lines.next().ok_or(SetError::Form("no origin"))?;
        let lines: Vec<&str> = lines.collect();
        Self::of_lines(origin, &lines)
    }

    fn of_lines(origin: &str, lines: &[&str]) -> Result<Self, SetError> {
        let mut set = Self {
            origin: origin.to_owned(),
            epoch: 0,
            members: Vec::new(),
            witnesses: Vec::new(),
        };
        for (index, line) in lines.iter().enumerate() {
            let (word, rest) = line.split_once(' ').unwrap_or_default();
            match (word, index) {
                ("next", 0) => {
                    let epoch = rest.parse();
                    set.epoch = epoch.map_err(|_| SetError::Form("the epoch is no number"))?;
                }
                ("authority", 1..) => {
                    let (id, key) = rest.split_once(' ').unwrap_or_default();
                    let organisation = OrganisationId::parse(id)
                        .ok_or(SetError::Form("an authority without a name"))?;
                    let key = VerifierKey::parse(key)?.public();
                    set.members.push(Authority { organisation, key });
                }
                ("witness", 1..) => {
                    let key = VerifierKey::parse_cosigner(rest)?;
                    set.witnesses.push(Witness {
                        name: key.name().to_owned(),
                        key: key.public(),
                    });
                }
                _ => return Err(SetError::Form("a line that does not belong there")),
            }
        }
        set.check().map_err(SetError::Form)?;
        if set.lines() != lines {
            return Err(SetError::Form("not in its canonical form"));
        }
        Ok(set)
    }

    /// The lines that say whose checkpoint it is: the epoch, and the hash of the set, so
    /// that whoever signs says who may sign, by name.
    fn signed_by(&self) -> [String; 2] {
        let hash = BASE64.encode(self.hash());
        [format!("epoch {}", self.epoch), format!("set {hash}")]
    }

    /// The text of the set's checkpoint of a tree, which hands over to `next` where
    /// it ends the epoch: lines `epoch N` and `set HASH` follow the root, and then
    /// those of `next`.
    #[must_use]
    pub fn checkpoint(&self, size: u64, root: [u8; 32], next: Option<&Self>) -> Checkpoint {
        let mut extensions = Vec::from(self.signed_by());
        extensions.extend(next.iter().flat_map(|next| next.lines()));
        Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
            extensions,
        }
    }

    /// Reads what a note says, if it is this set's: its origin, its epoch, and whom
    /// it hands over to. It verifies no signature.
    ///
    /// # Errors
    /// When it is not a checkpoint of this set.
    pub fn read(&self, note: &Note) -> Result<(Checkpoint, Option<Self>), SetError> {
        let checkpoint = Checkpoint::parse(&note.text)?;
        if checkpoint.origin != self.origin {
            return Err(SetError::Origin(checkpoint.origin));
        }
        let mut lines = checkpoint.extensions.iter().map(String::as_str);
        let [epoch, set] = self.signed_by();
        if lines.next() != Some(epoch.as_str()) {
            return Err(SetError::Epoch(self.epoch));
        }
        if lines.next() != Some(set.as_str()) {
            return Err(SetError::Set);
        }
        let lines: Vec<&str> = lines.collect();
        let next = if lines.is_empty() {
            None
        } else {
            let next = Self::of_lines(&self.origin, &lines)?;
            if Some(next.epoch) != self.epoch.checked_add(1) {
                return Err(SetError::Epoch(self.epoch.saturating_add(1)));
            }
            Some(next)
        };
        Ok((checkpoint, next))
    }

    /// Checks that a quorum of the set signed a note. Every signature must be of
    /// somebody in the set, once, and hold.
    ///
    /// # Errors
    /// When it is not a checkpoint that a quorum of this set signed.
    pub fn verify(&self, note: &Note) -> Result<Signed, SetError> {
        let (checkpoint, next) = self.read(note)?;
        let (keys, cosigners) = (self.keys()?, self.cosigners()?);
        let mut signed = BTreeSet::new();
        let mut cosigned = Vec::new();
        for (line, signature) in note.signatures.iter().enumerate() {
            let authority = keys.iter().position(|key| key.is_of(signature));
            let witness = cosigners.iter().find(|key| key.is_of(signature));
            if let Some(place) = authority {
                if !signed.insert(place) {
                    return Err(SetError::Twice(self.name(place)));
                }
                if let Some(key) = keys.get(place) {
                    note.verify_line(line, key)?;
                }
            } else if let Some(key) = witness {
                let time = note.verify_cosignature(line, key)?;
                if cosigned.iter().any(|(name, _)| name == key.name()) {
                    return Err(SetError::Twice(key.name().to_owned()));
                }
                cosigned.push((key.name().to_owned(), time));
            } else {
                return Err(SetError::Stranger);
            }
        }
        if signed.len() < self.quorum() {
            return Err(SetError::Quorum {
                signed: signed.len(),
                of: self.members.len(),
                quorum: self.quorum(),
            });
        }
        let signers = signed
            .iter()
            .filter_map(|place| self.members.get(*place))
            .map(|authority| authority.organisation.clone())
            .collect();
        Ok(Signed {
            checkpoint,
            signers,
            cosigners: cosigned,
            next,
        })
    }

    fn name(&self, place: usize) -> String {
        let member = self.members.get(place);
        member.map_or_else(String::new, |a| a.organisation.as_str().to_owned())
    }

    /// Follows handovers from this set: each is a checkpoint that a quorum of the set
    /// before it signed and that names the next. Answers the sets, from this one to the
    /// last, and the size of the tree when the last began.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn walk(&self, handovers: &[Handover]) -> Result<(Vec<Self>, u64), SetError> {
        let (mut sets, mut set, mut size) = (vec![self.clone()], self.clone(), 0);
        for (index, note) in handovers.iter().enumerate() {
            let wrong = |error| SetError::Handover(index, Box::new(error));
            let signed = set.verify_from(size, note).map_err(wrong)?;
            size = signed.checkpoint.size;
            set = signed
                .next
                .ok_or_else(|| wrong(SetError::Form("it hands over to nobody")))?;
            sets.push(set.clone());
        }
        Ok((sets, size))
    }

    /// Checks a checkpoint that a quorum signed, from this set over handovers; answers
    /// also the sets on the way.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn reach(
        &self,
        handovers: &[Handover],
        note: &Note,
    ) -> Result<(Signed, Vec<Self>), SetError> {
        let (sets, from) = self.walk(handovers)?;
        let set = sets.last().unwrap_or(self);
        Ok((set.verify_from(from, note)?, sets))
    }

    /// The same as [`Self::verify`], of a tree that had so many entries before.
    fn verify_from(&self, from: u64, note: &Note) -> Result<Signed, SetError> {
        let signed = self.verify(note)?;
        let to = signed.checkpoint.size;
        if to < from {
            return Err(SetError::Shrinks { from, to });
        }
        Ok(signed)
    }
}

/// What is not sound about witnesses, if anything.
fn check_witnesses(witnesses: &[Witness]) -> Result<(), &'static str> {
    let names: BTreeSet<_> = witnesses.iter().map(|witness| &witness.name).collect();
    let keys: BTreeSet<_> = witnesses.iter().map(|witness| &witness.key).collect();
    if witnesses.len() > MAX_WITNESSES || names.len().min(keys.len()) != witnesses.len() {
        return Err("too many witnesses, or two of one name or key");
    }
    let sound = |w: &Witness| VerifierKey::cosigner(&w.name, &w.key).is_ok();
    let sound = |w: &Witness| w.name.len() <= LONGEST && sound(w);
    let sound = witnesses.iter().all(sound);
    sound.then_some(()).ok_or("a witness's name or key")
}

/// Only a sound set is encoded.
impl Canon for Authorities {
    fn put(&self, out: &mut Vec<u8>) {
        self.origin.put(out);
        self.epoch.put(out);
        self.members.put(out);
        self.witnesses.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let set = Self {
            origin: Canon::take(from)?,
            epoch: Canon::take(from)?,
            members: Canon::take(from)?,
            witnesses: Canon::take(from)?,
        };
        let sound = set.check().map(|()| set);
        sound.map_err(|_| from.invalid("set of authorities", 0))
    }
}
