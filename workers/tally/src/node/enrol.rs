//! Enrolment: contracts as versions that never change, members found by token.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::claim::{Contract, UnitKey};
use tally_store::port::{ContractRow, Enrolment as _, NewContract, Token};
use tally_store::vault::VaultError;
use tally_types::ServiceDate;

use super::work::CONTRACT;
use super::{Node, is_fenced};

/// How often a contract is prepared again when something is decided meanwhile.
const TRIES: u32 = 8;

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
        let members: Vec<Token> = contract
            .members
            .iter()
            .map(|member| self.member_token(&member.id))
            .collect();
        let units = self.store.units_of(&members).await?;
        let left = self.left(contract, unit, &units).await?;
        let tokens = members.iter().copied();
        let own: Vec<Token> = tokens.filter(|member| !left.contains(member)).collect();
        let (theirs, elsewhere): (Vec<_>, Vec<_>) = members
            .iter()
            .copied()
            .zip(units)
            .partition(|(_, of)| *of == Some(unit));
        let theirs = theirs.into_iter().map(|(member, _)| {
            let death = before
                .as_ref()
                .and_then(|before| self.death(before, member));
            (member, death)
        });
        let mut known: BTreeMap<Token, Option<ServiceDate>> = theirs.collect();
        known.extend(self.deaths(&elsewhere).await?);
        let mut touched = Vec::new();
        for (member, token) in contract.members.iter().zip(&members) {
            if known.get(token).copied().flatten() != member.death {
                touched.push(self.death_group(&member.id));
            }
        }
        let touches = !touched.is_empty();
        let mut tries = 0;
        let version = loop {
            // What was decided here of its members' authorisations is on file in it.
            let mut stated = contract.clone();
            let events = self.put_on_file(&mut stated, &own).await?;
            let key = self.vault.fresh_one().await?;
            let put = self
                .store
                .put_contract(&NewContract {
                    unit,
                    members: own.clone(),
                    left: left.iter().copied().collect(),
                    moving,
                    events,
                    sealed: key.seal(CONTRACT, &stated.to_canon())?,
                    touched: touched.clone(),
                })
                .await;
            match put.map_err(Into::into) {
                Ok(version) => break version,
                // Something was decided meanwhile.
                Err(error) if is_fenced(&error) && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        };
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

    /// Members whom a contract names for days that are over, and who are covered under
    /// another contract since: they stay there.
    async fn left(
        &self,
        contract: &Contract,
        unit: Token,
        units: &[Option<Token>],
    ) -> Result<BTreeSet<Token>> {
        let others = units.iter().flatten().filter(|of| **of != unit);
        let contracts = self.latest_contracts(others.copied()).await?;
        let mut left = BTreeSet::new();
        for (member, of) in contract.members.iter().zip(units) {
            let other = of.and_then(|of| contracts.get(&of));
            let other = other.and_then(|(_, of)| of.members.iter().find(|of| of.id == member.id));
            if other.is_some_and(|other| member.left_before(other)) {
                left.insert(self.member_token(&member.id));
            }
        }
        Ok(left)
    }

    /// The latest contracts of units that have one, with their versions.
    pub(super) async fn latest_contracts(
        &self,
        units: impl IntoIterator<Item = Token>,
    ) -> Result<BTreeMap<Token, (u32, Contract)>> {
        let units: BTreeSet<Token> = units.into_iter().collect();
        let latest: Vec<_> = units.iter().map(|unit| (*unit, None)).collect();
        let mut contracts = BTreeMap::new();
        for (unit, found) in units.into_iter().zip(self.contracts_of(&latest).await?) {
            if let Some(found) = found.transpose()? {
                contracts.insert(unit, found);
            }
        }
        Ok(contracts)
    }

    /// Contracts of units, each at a version or the latest; none where there is
    /// none, and an error in the place of one that does not open.
    pub(super) async fn contracts_of(
        &self,
        of: &[(Token, Option<u32>)],
    ) -> Result<Vec<Option<Result<(u32, Contract)>>>> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.contracts(of).await?;
        let records: Vec<_> = rows.iter().flatten().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let open = |row: &ContractRow| {
            let key = keys.get(&row.sealed.record).ok_or(VaultError::Erased)?;
            let contract = Contract::from_canon(&key.open(CONTRACT, &row.sealed)?)
                .context("a stored contract is damaged")?;
            Ok((row.version, contract))
        };
        Ok(rows.iter().map(|row| row.as_ref().map(open)).collect())
    }

    /// The contract of a unit, at a version or the latest.
    pub(super) async fn contract_of(
        &self,
        unit: Token,
        version: Option<u32>,
    ) -> Result<Option<(u32, Contract)>> {
        let mut contracts = self.contracts_of(&[(unit, version)]).await?;
        contracts.pop().flatten().transpose()
    }
}
