//! That an erasure stands on a ledger that organisations share, and is of the entry it says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::receipt::ErasureError;
use crate::canon::Canon as _;
use crate::ledger::entry::Entry;
use crate::ledger::proof::LogProof;
use crate::ledger::receipt::{Sections, SharedProof, section};
use crate::ledger::shared::{Authorities, EnvelopeHeader, OrganisationId, Signed};
use crate::ledger::tree::{Hash, leaf_hash, verify_inclusion};

/// That both stand on a shared ledger: the entry of the erasure, and the one it is of. An
/// entry of an erasure has but an index: whose log that is in, and what stands there, say the
/// headers of the envelopes that brought them. Without those anybody could pass it off as
/// the erasure of something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedErasure {
    /// That the entry of the erasure is on the ledger.
    pub erased: SharedProof,
    /// What brought it.
    pub erased_by: Brought,
    /// That the leaf of what was erased is, at the same checkpoint.
    pub stays: LogProof,
    /// What brought that.
    pub stays_by: Brought,
}

/// The header of an envelope, and that it is on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The header's entry.
    pub header: Vec<u8>,
    /// That it is on the ledger.
    pub proof: LogProof,
}

impl SharedErasure {
    pub(super) fn parse(sections: &mut Sections<'_>) -> Result<Self, ErasureError> {
        Ok(Self {
            erased: SharedProof::parse(sections)?,
            erased_by: Brought::parse(sections)?,
            stays: sections.proof("stays")?,
            stays_by: Brought::parse(sections)?,
        })
    }

    /// Checks that one organisation brought both, at these indexes of its own log; answers
    /// who signed for that, and which organisation it is.
    pub(super) fn verify(
        &self,
        (entry, erased): (&[u8], u64),
        (leaf, stays): (&Hash, u64),
    ) -> Result<((Signed, Vec<Authorities>), OrganisationId), ErasureError> {
        let (signed, sets) = self.erased.verify(entry)?;
        let at = &self.erased.proof;
        let header = |of: &Brought| leaf_hash(&of.header);
        for (which, leaf, proof) in [
            (
                "envelope of the erasure",
                &header(&self.erased_by),
                &self.erased_by.proof,
            ),
            ("entry that was erased", leaf, &self.stays),
            (
                "envelope of what was erased",
                &header(&self.stays_by),
                &self.stays_by.proof,
            ),
        ] {
            if proof.checkpoint != at.checkpoint {
                return Err(ErasureError::Checkpoints);
            }
            let (size, root) = (signed.checkpoint.size, &signed.checkpoint.root);
            verify_inclusion(leaf, proof.index, size, &proof.path, root)
                .map_err(|source| ErasureError::SharedInclusion { which, source })?;
        }
        let by = self.erased_by.organisation(erased, at.index)?;
        match by == self.stays_by.organisation(stays, self.stays.index)? {
            true => Ok(((signed, sets), by)),
            false => Err(ErasureError::Brought),
        }
    }
}

impl Brought {
    fn parse(sections: &mut Sections<'_>) -> Result<Self, ErasureError> {
        let (line, text) = sections.next("envelope")?;
        let fail = |what| ErasureError::Form { line, what };
        let (header, proof) = text
            .strip_prefix("entry ")
            .and_then(|text| text.split_once('\n'))
            .ok_or(fail("no entry of an envelope's header"))?;
        let header = BASE64.decode(header).map_err(|_| fail("not base64"))?;
        let proof = LogProof::parse(proof).map_err(fail)?;
        Ok(Self { header, proof })
    }

    /// Who brought the entry of this index of its own log to this place on the ledger, where
    /// the entries of an envelope stand behind its header.
    fn organisation(&self, index: u64, place: u64) -> Result<OrganisationId, ErasureError> {
        let entry = Entry::from_canon(&self.header).map_err(ErasureError::Entry)?;
        let Entry::Envelope(header) = entry else {
            return Err(ErasureError::Brought);
        };
        let EnvelopeHeader {
            organisation,
            first,
            count,
            ..
        } = *header;
        let past = index
            .checked_sub(first)
            .filter(|past| *past < u64::from(count));
        let there = past.and_then(|past| self.proof.index.checked_add(1)?.checked_add(past));
        match there == Some(place) {
            true => Ok(organisation),
            false => Err(ErasureError::Brought),
        }
    }
}

impl core::fmt::Display for SharedErasure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let brought = |by: &Brought| {
            let header = BASE64.encode(&by.header);
            format!("entry {header}\n{}", by.proof)
        };
        write!(f, "{}", self.erased)?;
        section(f, "envelope", &brought(&self.erased_by))?;
        section(f, "stays", &self.stays.to_string())?;
        section(f, "envelope", &brought(&self.stays_by))
    }
}
