//! Claims that an answer shows beside the one that was asked for, or that an act changed:
//! each is decided by itself, as if it had been asked for alone.

use std::collections::BTreeSet;

use anyhow::Result;
use tally_core::claim::ClaimId;
use tally_core::ledger::access::Denied;
use tally_store::port::Reading as _;

use super::disclose::{Allowed, Asking, Need};
use super::rules::Rules;
use crate::node::Node;

/// Claims that are decided at a time.
const CHUNK: usize = 256;

/// What was decided of claims, each by itself.
#[derive(Default)]
pub struct Beside {
    /// Those that may be shown: by what right, and what is to be entered.
    pub may: Vec<Allowed>,
    /// Those that may not, and why; without a reason where what they are read for does not
    /// need what would be shown.
    pub not: Vec<(ClaimId, Option<Denied>)>,
}

impl Beside {
    /// The claims that may be shown.
    pub fn claims(&self) -> impl Iterator<Item = ClaimId> {
        self.may.iter().map(Allowed::claim)
    }
}

impl Node {
    /// What [`Self::disclose`] would decide of each of some claims. Of one that was erased
    /// its id and what it was paid may be shown to who may know that it was. Nothing is
    /// noted, and nothing entered: what is shown of them is noted first, and entered by
    /// [`Self::enter_reads`].
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn decide_beside(
        &self,
        rules: &Rules,
        asking: &Asking,
        claims: &BTreeSet<ClaimId>,
        need: Need,
    ) -> Result<Beside> {
        let mut beside = Beside::default();
        if claims.is_empty() {
            return Ok(beside);
        }
        let standing = self.access_standing(rules).await?;
        let Some(request) = self.request(asking, &standing)? else {
            let unknown = claims.iter().map(|id| (*id, Some(Denied::Unknown)));
            beside.not.extend(unknown);
            return Ok(beside);
        };
        let claims: Vec<ClaimId> = claims.iter().copied().collect();
        for chunk in claims.chunks(CHUNK) {
            let rows = self.store.claims_by_id(chunk).await?;
            let missing = chunk
                .iter()
                .filter(|id| !rows.iter().any(|row| row.id == **id));
            let missing = missing.map(|id| (*id, Some(Denied::NoPath)));
            beside.not.extend(missing);
            for row in rows {
                let (_, decided) = self.decided_of(rules, &standing, &request, &row).await?;
                match decided {
                    Ok(allowed) if need.is_met(&allowed.access) => beside.may.push(allowed),
                    Ok(_) => beside.not.push((row.id, None)),
                    Err(why) => beside.not.push((row.id, Some(why))),
                }
            }
        }
        Ok(beside)
    }

    /// Notes that claims were not shown beside another, and why.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_kept_back(&self, not: &[(ClaimId, Option<Denied>)]) -> Result<()> {
        for (claim, why) in not {
            let code = why.map_or_else(|| "minimum-necessary".to_owned(), |why| why.code());
            self.note(&format!("access-denied:{code}"), *claim).await?;
        }
        Ok(())
    }
}
