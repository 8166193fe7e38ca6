//! Rows as the ports have them, in the order of the columns that both stores
//! select.

use tally_core::appeal::AppealId;
use tally_core::claim::ClaimId;
use tally_core::fraud::FlagId;

use crate::port::{
    Answer, AppealEventRow, AppealRow, AuditRow, ContractRow, EventRow, FlagListed, FlagRow, Head,
    HeldRow, OutcomeRow, PendingFlag, PolicyRow, RevisionRow, Token,
};

use super::{ASKED, Cells, Columns, Version, status_of};

/// What was found of each that was asked for: a row's first column says of which,
/// from 0.
pub(crate) fn of_each<R: Columns, A, T: Clone>(
    asked: &[A],
    rows: &[R],
    what: &'static str,
    read: impl Fn(&mut Cells<'_, R>, &A) -> Answer<T>,
) -> Answer<Vec<Option<T>>> {
    let mut found = vec![None; asked.len()];
    for row in rows {
        let mut cells = Cells::of(row, what);
        let at: usize = cells.number()?;
        let of = asked.get(at).ok_or(ASKED)?;
        *found.get_mut(at).ok_or(ASKED)? = Some(read(&mut cells, of)?);
    }
    Ok(found)
}

/// A claim of the queue, and where it stands.
pub(crate) struct Stands {
    pub(crate) place: i64,
    pub(crate) unit: i64,
    pub(crate) sequence: i64,
    pub(crate) previous: i64,
    pub(crate) state: i64,
    pub(crate) attempts: u32,
}

impl<R: Columns> Cells<'_, R> {
    pub(crate) fn stands(&mut self) -> Answer<Stands> {
        Ok(Stands {
            place: self.number()?,
            unit: self.number()?,
            sequence: self.number()?,
            previous: self.number()?,
            state: self.number()?,
            attempts: self.number()?,
        })
    }

    /// What a claim came to, the how-manieth time, from its status on.
    pub(crate) fn outcome(&mut self, revision: u32) -> Answer<OutcomeRow> {
        Ok(OutcomeRow {
            status: status_of(self.number()?)?,
            allowed: self.money()?,
            paid: self.money()?,
            patient: self.money()?,
            policy: self.optional(Self::bytes)?,
            outcome_hash: self.bytes()?,
            record: self.sealed()?,
            leaf: self.optional(Self::number)?,
            revision,
            gone: None,
        })
    }

    pub(crate) fn revision(&mut self) -> Answer<RevisionRow> {
        let (claim, number) = (self.claim()?, self.number()?);
        Ok(RevisionRow {
            claim,
            number,
            act: self.claim()?,
            sequence: self.number()?,
            reversal: self.sealed()?,
            reversal_leaf: self.optional(Self::number)?,
            now: self.optional(|cells| cells.outcome(number))?,
        })
    }

    pub(crate) fn appeal(&mut self) -> Answer<AppealRow> {
        Ok(AppealRow {
            place: self.number()?,
            id: AppealId(self.bytes()?),
            claim: self.claim()?,
            level: self.number()?,
            filed: self.day()?,
            open: self.truth()?,
        })
    }

    pub(crate) fn appeal_event(&mut self) -> Answer<AppealEventRow> {
        Ok(AppealEventRow {
            claim: self.claim()?,
            number: self.number()?,
            appeal: AppealId(self.bytes()?),
            day: self.day()?,
            sealed: self.sealed()?,
        })
    }

    pub(crate) fn held(&mut self) -> Answer<HeldRow> {
        Ok(HeldRow {
            claim: self.claim()?,
            unit: self.token()?,
            sequence: self.number()?,
            attempts: self.number()?,
            reason: self.text()?,
            behind: self.number()?,
        })
    }

    pub(crate) fn contract(&mut self, unit: Token) -> Answer<ContractRow> {
        Ok(ContractRow {
            unit,
            version: self.number()?,
            sealed: self.sealed()?,
        })
    }

    pub(crate) fn event(&mut self, unit: Token) -> Answer<EventRow> {
        Ok(EventRow {
            unit,
            sequence: self.number()?,
            member: self.token()?,
            from: self.token()?,
            to: self.token()?,
        })
    }

    pub(crate) fn version(&mut self) -> Answer<Version> {
        Ok(Version {
            id: self.number()?,
            flag: FlagId(self.bytes()?),
            commitment: self.bytes()?,
            standing: self.truth()?,
        })
    }

    pub(crate) fn flag(&mut self) -> Answer<FlagListed> {
        let row = FlagRow {
            id: FlagId(self.bytes()?),
            pattern: self.text()?,
            score: self.number()?,
            first_seen: self.day()?,
            last_seen: self.day()?,
            exposure: self.money()?,
            claims: self.list()?.into_iter().map(ClaimId).collect(),
            members: self.list()?.into_iter().map(Token).collect(),
            providers: self.list()?.into_iter().map(Token).collect(),
            sealed: self.sealed()?,
            commitment: self.bytes()?,
        };
        let leaf = self.optional(Self::number)?;
        let slot = self.optional(Self::number)?;
        Ok(FlagListed {
            row,
            place: leaf.zip(slot),
        })
    }

    pub(crate) fn pending(&mut self) -> Answer<PendingFlag> {
        Ok(PendingFlag {
            id: self.number()?,
            commitment: self.bytes()?,
        })
    }

    pub(crate) fn head(&mut self) -> Answer<Head> {
        Ok(Head {
            size: self.number()?,
            adjudicated: self.number()?,
            checkpoint: Some(self.text()?),
        })
    }

    pub(crate) fn policy(&mut self) -> Answer<PolicyRow> {
        Ok(PolicyRow {
            leaf: self.optional(Self::number)?,
            hash: self.bytes()?,
            entry: self.blob()?,
        })
    }

    pub(crate) fn audit(&mut self) -> Answer<AuditRow> {
        Ok(AuditRow {
            at: self.number()?,
            actor: self.text()?,
            action: self.text()?,
            subject: self.text()?,
        })
    }
}
