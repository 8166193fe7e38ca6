//! Whether requests open, have come to what they could, and are on file so.

use std::collections::BTreeSet;

use anyhow::Result;
use tally_store::port::{Authorizations as _, Enrolment as _, RequestFilter, Token};
use tally_store::vault::VaultError;

use crate::node::Node;
use crate::node::fsck::Fscked;
use crate::node::keys::hex;

impl Node {
    /// Checks every request, and the latest contract of each unit that has any.
    pub(in crate::node) async fn check_authorizations(&self, found: &mut Fscked) -> Result<()> {
        let mut filter = RequestFilter {
            limit: 256,
            ..RequestFilter::default()
        };
        let mut units: BTreeSet<Token> = BTreeSet::new();
        let mut damaged: BTreeSet<Token> = BTreeSet::new();
        loop {
            let rows = self.store.requests(&filter).await?;
            let Some(last) = rows.last() else { break };
            filter.before = Some(last.number.clone());
            let members: Vec<Token> = rows.iter().map(|row| row.member).collect();
            let of = self.store.units_of(&members).await?;
            for (row, unit) in rows.iter().zip(of) {
                match self.open_requests(std::slice::from_ref(row)).await {
                    Ok(reads) if reads.is_empty() => found.erased += 1,
                    Ok(_) => found.authorizations += 1,
                    Err(error) => {
                        found.fault(format!("request {}", row.number), format!("{error:#}"));
                        damaged.extend(unit);
                    }
                }
                units.extend(unit);
            }
        }
        for unit in units.difference(&damaged) {
            let contract = match self.contract_of(*unit, None).await {
                Ok(Some((_, contract))) => contract,
                Ok(None) => continue,
                // What is erased has nothing on file.
                Err(error) if error.downcast_ref::<VaultError>().is_some() => continue,
                Err(error) => return Err(error),
            };
            for position in self.misfiled(&contract).await? {
                found.fault(
                    format!("contract of unit {}, member {position}", hex(&unit.0)),
                    "what is on file of its authorisations is not what was decided: import the contract again",
                );
            }
        }
        Ok(())
    }
}
