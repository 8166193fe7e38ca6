//! What members' applications are given: explanations of benefits, everything of one
//! member, and the files of a bulk export. Every opened claim leaves an audit entry.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context as _, Result};
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::{ClaimId, Contract, Member};
use tally_core::interchange::{
    Explanation, PaidOn, coverage_lines, explanation_lines, explanation_of_benefit,
    patient_access_bundle, patient_lines,
};
use tally_store::port::{ActKind, ClaimFilter, ClaimRow, PartKind, Reading as _, ToldRow};

use super::{ClaimRead, Node, Stage, is_gone};
use crate::changes::claim_response;
use crate::config::PayerConfig;

/// What became of claims.
#[derive(Default)]
struct Fates {
    /// Those that were replaced, and by which.
    successors: BTreeMap<ClaimId, ClaimId>,
    /// The payments that told of them as they stand, or stood last.
    payments: BTreeMap<ClaimId, PaidOn>,
}

/// Units of a bulk export that are held at a time.
const UNITS: usize = 64;

/// The files of a bulk export, a resource a line.
pub struct BulkFiles<W> {
    /// `Patient.ndjson`.
    pub patients: W,
    /// `Coverage.ndjson`.
    pub coverages: W,
    /// `ExplanationOfBenefit.ndjson`.
    pub explanations: W,
}

/// How many resources a bulk export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Patients.
    pub patients: u64,
    /// Coverages.
    pub coverages: u64,
    /// Explanations of benefits.
    pub explanations: u64,
    /// Claims that are settled and of nobody who is enrolled: there is no patient to
    /// explain them to.
    pub strangers: u64,
}

impl Node {
    /// A claim's `ExplanationOfBenefit`, under the contract that it was decided under;
    /// nothing of a claim that waits, or of somebody who is not enrolled.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn explanation(
        &self,
        read: &ClaimRead,
        payer: &PayerConfig,
    ) -> Result<Option<String>> {
        let Some(version) = read.row.contract else {
            return Ok(None);
        };
        let found = self.contract_of(read.row.unit, Some(version)).await?;
        let Some((_, contract)) = found else {
            return Ok(None);
        };
        let fates = self.fates(std::slice::from_ref(read)).await?;
        let explained = explain(read, &contract, payer, &fates);
        Ok(explained.and_then(|of| explanation_of_benefit(&of)))
    }

    /// What a claim came to, as a FHIR `ClaimResponse` of today, with the payment that told
    /// of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_response(
        &self,
        read: &ClaimRead,
        outcome: &Outcome,
        payer: &PayerConfig,
    ) -> Result<String> {
        let paid = self.paid_on(std::slice::from_ref(read)).await?;
        let paid = paid.get(&read.row.id).copied();
        let today = self.clock.today();
        Ok(claim_response(read, outcome, payer.in_fhir(), today, paid))
    }

    async fn fates(&self, reads: &[ClaimRead]) -> Result<Fates> {
        Ok(Fates {
            successors: self.successors(reads).await?,
            payments: self.paid_on(reads).await?,
        })
    }

    /// The payments that told of what claims came to. Of what was told before it was
    /// decided anew to something else there is none: the new one is not paid yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn paid_on(&self, reads: &[ClaimRead]) -> Result<BTreeMap<ClaimId, PaidOn>> {
        let gone: BTreeSet<ClaimId> = reads
            .iter()
            .filter(|read| is_gone(read))
            .map(|read| read.row.id)
            .collect();
        let mut told: BTreeMap<ClaimId, ToldRow> = BTreeMap::new();
        for row in self.told_of(reads).await? {
            let claim = row.part.claim;
            match row.part.kind {
                PartKind::Payment => drop(told.insert(claim, row)),
                PartKind::Reversal | PartKind::ReversalAhead if !gone.contains(&claim) => {
                    told.remove(&claim);
                }
                // What is taken back was paid nevertheless.
                PartKind::Reversal | PartKind::ReversalAhead | PartKind::Recovery => {}
            }
        }
        let mut payments = BTreeMap::new();
        for read in reads {
            let Some(row) = told.get(&read.row.id) else {
                continue;
            };
            if self.is_told(read, row).await? {
                let (day, interest) = (row.day, row.part.interest);
                payments.insert(read.row.id, PaidOn { day, interest });
            }
        }
        Ok(payments)
    }

    /// Whether a payment told what a claim stands at, or the same by another name.
    async fn is_told(&self, read: &ClaimRead, told: &ToldRow) -> Result<bool> {
        let (Some(row), Some(outcome)) = (&read.row.outcome, &read.outcome) else {
            return Ok(false);
        };
        if row.revision == told.part.revision {
            return Ok(true);
        }
        if outcome.paid() != told.part.paid {
            return Ok(false);
        }
        let own = BTreeSet::from([read.row.id]);
        let stages = self.stages_of_claims(read.row.unit, &own, None).await?;
        let of = |stage: &Stage| (stage.row.id, stage.number) == (read.row.id, told.part.revision);
        let stage = stages.iter().find(|stage| of(stage));
        Ok(stage.is_some_and(|stage| outcome.is_told_alike(&stage.outcome)))
    }

    /// By which claims those that stand no more were replaced.
    async fn successors(&self, reads: &[ClaimRead]) -> Result<BTreeMap<ClaimId, ClaimId>> {
        let gone = |read: &ClaimRead| Some((read.row.id, read.row.outcome.as_ref()?.gone?));
        let gone: BTreeMap<ClaimId, ClaimId> = reads.iter().filter_map(gone).collect();
        let by: Vec<ClaimId> = gone.values().copied().collect();
        let mut replacements = BTreeSet::new();
        for chunk in by.chunks(256) {
            let rows = self.store.claims_by_id(chunk).await?;
            let replaces = |row: &&ClaimRow| {
                let act = row.act.as_ref();
                act.is_some_and(|act| act.kind == ActKind::Replacement)
            };
            replacements.extend(rows.iter().filter(replaces).map(|row| row.id));
        }
        let of = gone.into_iter();
        Ok(of.filter(|(_, by)| replacements.contains(by)).collect())
    }

    /// Everything of one member, as a Bundle: who they are, every span of cover, every
    /// claim that is settled. Nothing, when nobody of that id is enrolled.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn patient_access(
        &self,
        member: &str,
        payer: &PayerConfig,
    ) -> Result<Option<String>> {
        let Some(contract) = self.read_contract(member).await? else {
            return Ok(None);
        };
        let Some(of) = contract.members.iter().find(|of| of.id == member) else {
            return Ok(None);
        };
        let mut filter = ClaimFilter {
            member: Some(self.member_token(member)),
            limit: 256,
            ..ClaimFilter::default()
        };
        let mut reads = Vec::new();
        loop {
            let page = self.store.claims(&filter).await?;
            let more = page.len() == filter.limit as usize;
            filter.after = page.last().map(|last| last.id);
            reads.extend(self.open_claims(page, "patient-access").await?);
            if !more {
                break;
            }
        }
        // In the order of their services, as a person would have it.
        reads.sort_by_key(|read| (read.claim.first_service(), read.row.id));
        let fates = self.fates(&reads).await?;
        let explanations: Vec<Explanation<'_>> = reads
            .iter()
            .filter_map(|read| explain(read, &contract, payer, &fates))
            .collect();
        let today = self.clock.today();
        let insurer = payer.in_fhir();
        let bundle = patient_access_bundle(&contract, of, insurer, today, explanations.iter());
        Ok(Some(bundle))
    }

    /// Writes every family that has a claim: its patients, their cover, and what their
    /// claims came to, those of one status where that is said. `progress` is told how
    /// many families are done.
    ///
    /// # Errors
    /// When the store fails, a payload is damaged or a file cannot be written.
    pub async fn export_bulk<W: Write + Send>(
        &self,
        files: &mut BulkFiles<W>,
        payer: &PayerConfig,
        status: Option<Status>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Exported> {
        let mut exported = Exported::default();
        let today = self.clock.today();
        let units = self.store.all_units().await?;
        let mut done = 0;
        for chunk in units.chunks(UNITS) {
            let latest: Vec<_> = chunk.iter().map(|unit| (*unit, None)).collect();
            let contracts = self.contracts_of(&latest).await?;
            for (unit, contract) in chunk.iter().zip(contracts) {
                let rows = self.store.claims_of_unit(*unit).await?;
                let of = |row: &ClaimRow| {
                    let outcome = row.outcome.as_ref();
                    outcome.is_some_and(|of| status.is_none_or(|status| of.status == status))
                };
                let rows: Vec<_> = rows.into_iter().filter(of).collect();
                let reads = self.open_claims(rows, "claims-exported").await?;
                let fates = self.fates(&reads).await?;
                let settled = reads.iter().filter(|read| explained(read).is_some());
                let Some((_, contract)) = contract.transpose()? else {
                    exported.strangers += settled.count() as u64;
                    continue;
                };
                let one = std::iter::once(&contract);
                exported.patients += write(&mut files.patients, patient_lines(one.clone(), today))?;
                let lines = coverage_lines(one, payer.in_fhir(), today);
                exported.coverages += write(&mut files.coverages, lines)?;
                let explained = settled.filter_map(|read| {
                    let explained = explain(read, &contract, payer, &fates);
                    exported.strangers += u64::from(explained.is_none());
                    explained
                });
                let written = write(&mut files.explanations, explanation_lines(explained))?;
                exported.explanations += written;
            }
            done += chunk.len() as u64;
            progress(done);
        }
        Ok(exported)
    }
}

/// The outcome of a claim that was settled, whether it stands or was taken back.
pub fn explained(read: &ClaimRead) -> Option<&Outcome> {
    let outcome = read.outcome.as_ref()?;
    (outcome.status() != Status::Pended).then_some(outcome)
}

fn write(file: &mut impl Write, lines: impl Iterator<Item = String>) -> Result<u64> {
    let mut count = 0;
    for line in lines {
        file.write_all(line.as_bytes())
            .context("a file of the export could not be written")?;
        count += 1;
    }
    Ok(count)
}

/// What a claim is explained by. The day it was decided on is not kept: that it was
/// received stands for it.
fn explain<'a>(
    read: &'a ClaimRead,
    contract: &'a Contract,
    payer: &'a PayerConfig,
    fates: &Fates,
) -> Option<Explanation<'a>> {
    let outcome = explained(read)?;
    let member: &Member = contract.members.get(contract.find(&read.claim.member)?)?;
    Some(Explanation {
        claim: &read.claim,
        outcome,
        contract,
        member,
        insurer: payer.in_fhir(),
        decided: read.claim.received,
        paid: fates.payments.get(&read.row.id).copied(),
        reversed: is_gone(read),
        replaced_by: fates.successors.get(&read.row.id).copied(),
    })
}
