//! Witnesses (C2SP tlog-witness): what was cosigned last, and what may be next.

use super::Refusal;

/// What a witness remembers of one log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Witness<R> {
    /// Size and root of what it cosigned last.
    pub last: Option<(u64, R)>,
}

impl<R> Default for Witness<R> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<R: PartialEq> Witness<R> {
    /// Whether a checkpoint may be cosigned.
    ///
    /// `shown` is the root that the checkpoint's tree has at the size cosigned last, by its
    /// consistency proof; it is not looked at where there is none or the size is the same.
    /// `quorum` says whether the authorities' signatures are a quorum.
    ///
    /// # Errors
    /// No quorum; smaller, another root of the same size, or not consistent.
    pub fn may_cosign(
        &self,
        size: u64,
        root: &R,
        shown: Option<&R>,
        quorum: bool,
    ) -> Result<(), Refusal> {
        if !quorum {
            return Err(Refusal::CosignedWithoutQuorum);
        }
        match &self.last {
            None => Ok(()),
            Some((last, _)) if size < *last => Err(Refusal::CosignedShrinks),
            Some((last, held)) if size == *last && held == root => Ok(()),
            Some((last, _)) if size == *last => Err(Refusal::CosignedOtherRoot),
            Some((_, held)) if shown == Some(held) => Ok(()),
            Some(_) => Err(Refusal::CosignedInconsistent),
        }
    }

    /// Remembers it: before the cosignature leaves.
    pub fn cosign(&mut self, size: u64, root: R) {
        self.last = Some((size, root));
    }
}
