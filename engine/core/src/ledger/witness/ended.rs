//! The epochs of a shared ledger that have ended, as a witness remembers them.

use super::super::note::{Note, VerifierKey};
use super::super::shared::{Authorities, SetError};
use super::{Evidence, Request, Signers};

/// An epoch that has ended: who signed in it, and the handover that ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    set: Authorities,
    handover: Note,
}

impl Ended {
    /// An epoch of this set; `None` when the note is no handover of it. It verifies no
    /// signature.
    #[must_use]
    pub fn new(set: Authorities, handover: Note) -> Option<Self> {
        set.read(&handover).ok()?.1?;
        Some(Self { set, handover })
    }

    /// Who signed in it.
    #[must_use]
    pub fn set(&self) -> &Authorities {
        &self.set
    }

    /// What ended it.
    #[must_use]
    pub fn handover(&self) -> &Note {
        &self.handover
    }

    /// What a request shows that cannot be true beside the handover, if one of the set
    /// at least signed both. No quorum is asked for.
    pub(super) fn contradicts(&self, request: &Request) -> Option<Evidence> {
        self.set.read(&request.note).ok()?;
        let (keys, mut note) = (self.set.keys().ok()?, request.note.clone());
        let by = |key: &VerifierKey| {
            let mut lines = request.note.signatures.iter().enumerate();
            let found = lines.find(|(line, _)| request.note.verify_line(*line, key).is_ok());
            found.map(|(_, signature)| signature.clone())
        };
        note.signatures = keys.iter().filter_map(by).collect();
        let evidence = Evidence::of(self.handover.clone(), note, &request.proof)?;
        let known = [Signers::Authorities(self.set.clone())];
        evidence.check(&known).is_ok().then_some(evidence)
    }

    /// Reads what [`Self`] is written as: the set's text, an empty line, the handover.
    ///
    /// # Errors
    /// When it is not the form of it.
    pub fn parse(text: &str) -> Result<Self, SetError> {
        let form = SetError::Form;
        let (set, handover) = text.split_once("\n\n").ok_or(form("no empty line"))?;
        let set = Authorities::parse(&format!("{set}\n"))?;
        let ended = Self::new(set, Note::parse(handover)?);
        ended.ok_or(form("what follows is no handover of it"))
    }
}

impl core::fmt::Display for Ended {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}\n{}", self.set.text(), self.handover)
    }
}
