//! Another wrapping key: all record keys wrapped anew, beside whoever uses them.

use super::rows::Rows as _;
use super::{Kept, Vault, VaultError};
use crate::port::RecordId;

/// Keys wrapped in one transaction.
const BATCH: u32 = 1_000;

/// What wrapping anew came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys that were wrapped anew.
    pub wrapped: u64,
    /// Keys that were wrapped so already.
    pub already: u64,
    /// Keys that open under neither key: they are damaged, and stay as they are.
    pub damaged: u64,
}

impl Vault {
    /// Wraps all record keys with the last of the wrapping keys, which has to be another
    /// than the first. `told` hears how many were looked at, and of how many.
    ///
    /// The proof is changed first. From then on every process that stores a key is told
    /// that it has to read the wrapping keys again, so that nothing is wrapped with the old
    /// one any more, and one way through the keys is enough. Killed in the middle it is
    /// done again, from the beginning: what is wrapped already is only looked at. A key
    /// that is destroyed meanwhile stays destroyed.
    ///
    /// # Errors
    /// [`VaultError::NoOther`] when there is no other key; or when the database fails.
    pub async fn rewrap(&self, told: &(dyn Fn(u64, u64) + Sync)) -> Result<Rewrapped, VaultError> {
        let mut held = self.read_wraps().await?;
        let [first, .., target] = &held.wraps[..] else {
            return Err(VaultError::NoOther);
        };
        // One key under two names is no other: nothing would be wrapped anew.
        if first.check(&target.proof()?).is_ok() {
            return Err(VaultError::NoOther);
        }
        if target.check(&held.proof).is_err() {
            let proof = target.proof()?;
            let old = &held.proof;
            kept!(&self.kept, |rows| rows.prove_anew(old, &proof).await)?;
            held = self.read_wraps().await?;
        }
        let target = held.wraps.last().ok_or(VaultError::NoOther)?;
        target.check(&held.proof)?;
        let of = kept!(&self.kept, |rows| rows.count().await)?;
        let (mut done, mut after) = (Rewrapped::default(), None::<RecordId>);
        loop {
            let page = kept!(&self.kept, |rows| rows.page(after, BATCH).await)?;
            let Some((last, _)) = page.last() else {
                return Ok(done);
            };
            after = Some(*last);
            let mut anew = Vec::new();
            for (record, wrapped) in page {
                if target.unwrap(record, &wrapped).is_ok() {
                    done.already += 1;
                } else if let Ok(key) = held.unwrap(record, &wrapped) {
                    anew.push((record, wrapped, target.wrap(&key)?));
                } else {
                    // One that is being destroyed is overwritten for a moment.
                    let there = kept!(&self.kept, |rows| rows.find(&[record]).await)?;
                    done.damaged += there.len() as u64;
                }
            }
            done.wrapped += anew.len() as u64;
            kept!(&self.kept, |rows| rows.replace(&anew).await)?;
            told(done.wrapped + done.already + done.damaged, of);
        }
    }
}
