//! A witness of logs (C2SP tlog-witness): it cosigns a checkpoint that is consistent
//! with the last it cosigned, and keeps what contradicts it.
//!
//! A log that organisations share is known by its authorities: a quorum of them must
//! have signed, and a checkpoint that hands over makes the next set the one that is
//! known. So handovers are submitted in order, none left out. The sets before are
//! remembered with the handovers that ended their epochs: what they sign afterwards is
//! not cosigned, and is evidence.

mod ended;
mod evidence;
mod request;
#[cfg(test)]
mod tests;

pub use ended::Ended;
pub use evidence::{Contradiction, Evidence, EvidenceError};
pub use request::{MAX_REQUEST, Request, merge, told_size};

use super::checkpoint::Checkpoint;
use super::note::{Note, NoteError, SigningKey, VerifierKey};
use super::shared::{Authorities, SetError};
use super::tree::{Hash, empty_root, verify_consistency};

/// Whose signature a log's checkpoints bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signers {
    /// One key's, whose name is the log's.
    Key(VerifierKey),
    /// Those of a quorum.
    Authorities(Authorities),
}

impl Signers {
    /// Reads what [`Self`] is written as: a verifier key, or [`Authorities::text`].
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, SetError> {
        if text.ends_with('\n') {
            let set = Authorities::parse(text)?;
            return Ok(Self::Authorities(set));
        }
        Ok(Self::Key(VerifierKey::parse(text)?))
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        match self {
            Self::Key(key) => key.name(),
            Self::Authorities(set) => &set.origin,
        }
    }

    /// What a note says, if it is signed as it must be, and by whom it is signed from
    /// then on. Lines of nobody who signs for the log are taken out of the note.
    fn check(&self, note: &mut Note) -> Result<(Checkpoint, Option<Self>), SetError> {
        match self {
            Self::Key(key) => {
                note.signatures.retain(|signature| key.is_of(signature));
                Ok((Checkpoint::open(note, key)?, None))
            }
            Self::Authorities(set) => {
                let keys = set.keys()?;
                let known = |signature: &_| keys.iter().any(|key| key.is_of(signature));
                note.signatures.retain(known);
                let signed = set.verify(note)?;
                let next = signed.next.map(Self::Authorities);
                Ok((signed.checkpoint, next))
            }
        }
    }
}

impl core::fmt::Display for Signers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Authorities(set) => f.write_str(&set.text()),
        }
    }
}

/// What a witness knows of a log: its record, to be kept before an answer is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    signers: Signers,
    last: Option<(Note, Checkpoint)>,
    ended: Vec<Ended>,
}

/// What a witness answers, as HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; its type is [`Self::content_type`].
    pub body: String,
}

impl Answer {
    fn new(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        Self { status, body }
    }

    /// The type of the body.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.status {
            409 => "text/x.tlog.size",
            _ => "text/plain; charset=utf-8",
        }
    }
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The answer, to be given after `record` is kept.
    pub answer: Answer,
    /// The log's record from now on, if it changes.
    pub record: Option<Log>,
    /// What the log signed that cannot both be true.
    pub evidence: Option<Evidence>,
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            record: None,
            evidence: None,
        }
    }
}

/// Decides a request to `add-checkpoint`: `log` finds the record of a log by its
/// origin. The witness's keys cosign, at a time in seconds since 1970. Between reading
/// the record and keeping the next one nobody else may change it.
#[must_use]
pub fn add_checkpoint<'a>(
    body: &[u8],
    log: impl FnOnce(&str) -> Option<&'a Log>,
    keys: &[SigningKey],
    time: u64,
) -> Decision {
    let request = match Request::parse(body) {
        Ok(request) => request,
        Err(what) => return Answer::new(400, format!("{what}\n")).into(),
    };
    match log(&request.checkpoint.origin) {
        Some(log) => log.add(&request, keys, time),
        None => Answer::new(404, "this log is not known here\n").into(),
    }
}

impl Log {
    /// A log that the witness never cosigned.
    #[must_use]
    pub fn new(signers: Signers) -> Self {
        Self {
            signers,
            last: None,
            ended: Vec::new(),
        }
    }

    /// A log as it was kept: who signs for it now, and [`Self::last`].
    ///
    /// # Errors
    /// When the note is no checkpoint of it.
    pub fn resume(signers: Signers, last: Note) -> Result<Self, SetError> {
        let checkpoint = Checkpoint::parse(&last.text)?;
        if checkpoint.origin != signers.origin() {
            return Err(SetError::Origin(checkpoint.origin));
        }
        Ok(Self {
            signers,
            last: Some((last, checkpoint)),
            ended: Vec::new(),
        })
    }

    /// The same log with the epochs that had ended, as they were kept. One that is not
    /// over, as the log was kept, is passed over.
    #[must_use]
    pub fn with_ended(mut self, mut ended: Vec<Ended>) -> Self {
        let now = match &self.signers {
            Signers::Key(_) => return self,
            Signers::Authorities(set) => set,
        };
        ended.retain(|of| of.set().origin == now.origin && of.set().epoch < now.epoch);
        ended.sort_by_key(|of| of.set().epoch);
        self.ended = ended;
        self
    }

    /// The epochs that have ended since the log is known here, in their order.
    #[must_use]
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// Who signs for it now.
    #[must_use]
    pub fn signers(&self) -> &Signers {
        &self.signers
    }

    /// The last checkpoint that was cosigned, with the log's signatures and the
    /// cosignatures: what is served as `<origin hash>/checkpoint`.
    #[must_use]
    pub fn last(&self) -> Option<&Note> {
        self.last.as_ref().map(|(note, _)| note)
    }

    /// The size of the last tree that was cosigned; 0 when none was.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.last.as_ref().map_or(0, |(_, last)| last.size)
    }

    fn add(&self, request: &Request, keys: &[SigningKey], time: u64) -> Decision {
        let mut note = request.note.clone();
        let (checkpoint, next) = match self.signers.check(&mut note) {
            Ok(checked) => checked,
            Err(error) => {
                let mut of_ended = self.ended.iter();
                return Decision {
                    answer: Answer::new(403, format!("{error}\n")),
                    record: None,
                    evidence: of_ended.find_map(|of| of.contradicts(request)),
                };
            }
        };
        let (old, size) = (request.old, checkpoint.size);
        let refusal = if old > size {
            let what = "the old size is larger than the checkpoint's\n";
            Err(Answer::new(400, what))
        } else if old != self.size() {
            Err(Answer::new(409, format!("{}\n", self.size())))
        } else {
            let followed = self.follows(&checkpoint, &request.proof);
            followed.map_err(|what| Answer::new(422, format!("{what}\n")))
        };
        if let Err(answer) = refusal {
            let seen = self.last().map(|last| (last.clone(), note));
            let evidence = seen.and_then(|(ours, theirs)| {
                Evidence::of(ours, theirs, &request.proof).filter(Evidence::contradicts)
            });
            return Decision {
                answer,
                record: None,
                evidence,
            };
        }
        let cosignatures: Vec<_> = keys
            .iter()
            .map(|key| key.cosign(&note.text, time))
            .collect();
        let lines = cosignatures.iter().map(|line| format!("{line}\n"));
        let answer = Answer::new(200, lines.collect::<String>());
        note.signatures.extend(cosignatures);
        let mut ended = self.ended.clone();
        if let (Signers::Authorities(set), Some(_)) = (&self.signers, &next) {
            ended.extend(Ended::new(set.clone(), note.clone()));
        }
        Decision {
            answer,
            record: Some(Self {
                signers: next.unwrap_or_else(|| self.signers.clone()),
                last: Some((note, checkpoint)),
                ended,
            }),
            evidence: None,
        }
    }

    /// Whether a checkpoint is consistent with the last.
    fn follows(&self, next: &Checkpoint, proof: &[Hash]) -> Result<(), String> {
        if next.size == 0 && next.root != empty_root() {
            return Err("the empty tree has another root".to_owned());
        }
        match &self.last {
            Some((_, last)) if last.size > 0 => {
                verify_consistency(last.size, next.size, proof, &last.root, &next.root)
                    .map_err(|error| error.to_string())
            }
            _ if proof.is_empty() => Ok(()),
            _ => Err("nothing is to be proven from the empty tree on".to_owned()),
        }
    }
}

/// Names who signed a note, of those who sign for its log; lines that do not hold are
/// nobody's.
fn signed_by(note: &Note, signers: &[&Signers]) -> Vec<String> {
    let holds =
        |key: &VerifierKey, place: usize| -> Result<(), NoteError> { note.verify_line(place, key) };
    let mut names = std::collections::BTreeSet::new();
    for place in 0..note.signatures.len() {
        for of in signers {
            match of {
                Signers::Key(key) if holds(key, place).is_ok() => {
                    names.insert(key.name().to_owned());
                }
                // Only a checkpoint of this very set.
                Signers::Authorities(set) if set.read(note).is_ok() => {
                    let keys = set.keys().unwrap_or_default();
                    let of = keys.iter().zip(&set.members);
                    let of = of.filter(|(key, _)| holds(key, place).is_ok());
                    names.extend(of.map(|(_, member)| member.organisation.to_string()));
                }
                _ => {}
            }
        }
    }
    names.into_iter().collect()
}
