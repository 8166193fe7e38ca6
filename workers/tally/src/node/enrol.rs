//! Enrolment: contracts as versions that never change, members found by token.

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::claim::{Contract, UnitKey};
use tally_store::port::{ContractRow, Enrolment as _, NewContract, Token};

use super::Node;
use super::work::CONTRACT;

/// A contract that was stored.
pub struct Enrolled {
    /// How many members it names.
    pub members: usize,
    /// Its version, from 1.
    pub version: u32,
}

impl Node {
    /// Stores a contract as the next version of its unit. Members who are
    /// enrolled under another move to it when `moving`, as an event in the
    /// order of both.
    ///
    /// # Errors
    /// When it is not sound, a member is enrolled elsewhere and does not move,
    /// or the store fails.
    pub async fn enrol(&self, contract: &Contract, moving: bool) -> Result<Enrolled> {
        contract.check()?;
        let unit = self.unit_token(&UnitKey::contract(&contract.id));
        // Those of whose death something else is known by now.
        let before = self.contract_of(unit, None).await?;
        let before = before.map(|(_, contract)| contract);
        let mut touched = Vec::new();
        for member in &contract.members {
            let token = self.member_token(&member.id);
            let known = if self.store.unit_of(token).await? == Some(unit) {
                before.as_ref().and_then(|before| self.death(before, token))
            } else {
                self.death_of(token).await?
            };
            if known != member.death {
                touched.push(self.death_group(&member.id));
            }
        }
        let touches = !touched.is_empty();
        let key = self.vault.fresh(1).await?.pop().context("no record key")?;
        let version = self
            .store
            .put_contract(&NewContract {
                unit,
                members: contract
                    .members
                    .iter()
                    .map(|member| self.member_token(&member.id))
                    .collect(),
                moving,
                sealed: key.seal(CONTRACT, &contract.to_canon())?,
                touched,
            })
            .await?;
        self.audit("contract-stored", &[super::keys::hex(&unit.0)])
            .await?;
        // What follows from a death that became known, or was corrected.
        if touches {
            self.judge().await?;
        }
        Ok(Enrolled {
            members: contract.members.len(),
            version,
        })
    }

    /// Opens a stored contract.
    pub(super) async fn open_contract(&self, row: &ContractRow) -> Result<Contract> {
        let key = self.vault.key(row.sealed.record).await?;
        Contract::from_canon(&key.open(CONTRACT, &row.sealed)?)
            .context("a stored contract is damaged")
    }

    /// The contract of a unit, at a version or the latest.
    pub(super) async fn contract_of(
        &self,
        unit: Token,
        version: Option<u32>,
    ) -> Result<Option<(u32, Contract)>> {
        match self.store.contract(unit, version).await? {
            None => Ok(None),
            Some(row) => Ok(Some((row.version, self.open_contract(&row).await?))),
        }
    }
}
