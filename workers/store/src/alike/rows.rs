//! Rows as the ports have them, in the order of the columns that both stores
//! select.

use tally_core::appeal::AppealId;
use tally_core::claim::ClaimId;
use tally_core::fraud::FlagId;

use crate::port::{
    Answer, AppealEventRow, AppealRow, AuditRow, ContractRow, DisputedRow, DueRow, EventRow,
    FlagListed, FlagRow, Head, HeldRow, HoldRow, OutcomeRow, PartRow, PaymentRow, PendingFlag,
    PolicyRow, RequestEventRow, RequestRow, RevisionRow, SharedBlock, SharedCheckpoint, SharedHead,
    ShownRow, StatementRow, Token, ToldRow,
};

use super::{ASKED, Cells, Columns, Version, part_of, request_event_of, status_of};

/// What was found of each that was asked for, of which there is one at most: a row's
/// first column says of which, from 0.
pub(crate) fn of_each<R: Columns, A, T: Clone>(
    asked: &[A],
    rows: &[R],
    what: &'static str,
    read: impl Fn(&mut Cells<'_, R>, &A) -> Answer<T>,
) -> Answer<Vec<Option<T>>> {
    let mut found = vec![None; asked.len()];
    each(asked, rows, what, read, |at, row| {
        *found.get_mut(at).ok_or(ASKED)? = Some(row);
        Ok(())
    })?;
    Ok(found)
}

/// All that was found of each that was asked for, in the order of the rows.
pub(crate) fn all_of_each<R: Columns, A, T: Clone>(
    asked: &[A],
    rows: &[R],
    what: &'static str,
    read: impl Fn(&mut Cells<'_, R>, &A) -> Answer<T>,
) -> Answer<Vec<Vec<T>>> {
    let mut found = vec![Vec::new(); asked.len()];
    each(asked, rows, what, read, |at, row| {
        found.get_mut(at).ok_or(ASKED)?.push(row);
        Ok(())
    })?;
    Ok(found)
}

/// The last disputes, of rows with the latest first, and how many there are in all.
pub(crate) fn last_disputed<R: Columns>(rows: &[R], count: &R) -> Answer<(Vec<DisputedRow>, u64)> {
    let rows = rows.iter().rev();
    let rows = rows.map(|row| Cells::of(row, "dispute").disputed());
    let count = Cells::of(count, "number of disputes").number()?;
    Ok((rows.collect::<Answer<_>>()?, count))
}

fn each<R: Columns, A, T>(
    asked: &[A],
    rows: &[R],
    what: &'static str,
    read: impl Fn(&mut Cells<'_, R>, &A) -> Answer<T>,
    mut found: impl FnMut(usize, T) -> Answer<()>,
) -> Answer<()> {
    for row in rows {
        let mut cells = Cells::of(row, what);
        let at: usize = cells.number()?;
        let of = asked.get(at).ok_or(ASKED)?;
        found(at, read(&mut cells, of)?)?;
    }
    Ok(())
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

    /// A request, and an event of it where there is one.
    fn request(&mut self) -> Answer<(i64, RequestRow, Option<RequestEventRow>)> {
        let id = self.number()?;
        let row = RequestRow {
            number: self.text()?,
            content: self.token()?,
            submitter: self.text()?,
            member: self.token()?,
            provider: self.token()?,
            received: self.day()?,
            sealed: self.sealed()?,
            events: Vec::new(),
        };
        let event = self.optional(|cells| {
            Ok(RequestEventRow {
                number: cells.number()?,
                kind: request_event_of(cells.number()?)?,
                day: cells.day()?,
                contract: cells.optional(Self::number)?,
                sealed: cells.sealed()?,
            })
        })?;
        Ok((id, row, event))
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

    pub(crate) fn statement(&mut self) -> Answer<StatementRow> {
        Ok(StatementRow {
            id: self.number()?,
            kind: self.number()?,
            about: self.blob()?,
            entry: self.blob()?,
            leaf: self.optional(Self::number)?,
            opening: self.optional(Self::sealed)?,
        })
    }

    pub(crate) fn hold(&mut self) -> Answer<HoldRow> {
        Ok(HoldRow {
            claim: self.claim()?,
            name: self.text()?,
            day: self.day()?,
            lifted: self.truth()?,
        })
    }

    pub(crate) fn disputed(&mut self) -> Answer<DisputedRow> {
        Ok(DisputedRow {
            organisation: self.text()?,
            entry: self.number()?,
            claim: self.claim()?,
            leaf: self.number()?,
            day: self.day()?,
            told: self.sealed()?,
        })
    }

    pub(crate) fn shown(&mut self) -> Answer<ShownRow> {
        Ok(ShownRow {
            commitment: self.bytes()?,
            about: self.token()?,
            opening: self.sealed()?,
        })
    }

    pub(crate) fn shared_head(&mut self) -> Answer<SharedHead> {
        Ok(SharedHead {
            height: self.number()?,
            id: self.bytes()?,
            size: self.number()?,
            snapshot: self.blob()?,
        })
    }

    pub(crate) fn shared_block(&mut self) -> Answer<SharedBlock> {
        Ok(SharedBlock {
            height: self.number()?,
            id: self.bytes()?,
            size: self.number()?,
        })
    }

    /// Height and size of the shared ledger.
    pub(crate) fn height(&mut self) -> Answer<(u64, u64)> {
        Ok((self.number()?, self.number()?))
    }

    pub(crate) fn shared_checkpoint(&mut self) -> Answer<SharedCheckpoint> {
        Ok(SharedCheckpoint {
            size: self.number()?,
            epoch: self.number()?,
            hands_over: self.truth()?,
            note: self.text()?,
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

    pub(crate) fn due(&mut self) -> Answer<DueRow> {
        Ok(DueRow {
            mark: self.number()?,
            claim: self.claim()?,
        })
    }

    pub(crate) fn payment(&mut self) -> Answer<PaymentRow> {
        Ok(PaymentRow {
            id: self.number()?,
            trace: self.text()?,
            payee: self.token()?,
            number: self.number()?,
            day: self.day()?,
            amount: self.money()?,
            brought: self.money()?,
            forwarded: self.money()?,
            parts: self.number()?,
            submitter: self.optional(Self::text)?,
            hash: self.bytes()?,
            sealed: self.sealed()?,
        })
    }

    pub(crate) fn part(&mut self) -> Answer<PartRow> {
        Ok(PartRow {
            claim: self.claim()?,
            revision: self.number()?,
            kind: part_of(self.number()?)?,
            paid: self.money()?,
            interest: self.money()?,
            withheld: self.money()?,
            sealed: self.optional(Self::sealed)?,
        })
    }

    pub(crate) fn told(&mut self) -> Answer<ToldRow> {
        Ok(ToldRow {
            trace: self.text()?,
            day: self.day()?,
            part: self.part()?,
        })
    }
}

/// Requests with what happened to each: a row for each event, next to each other
/// and in order, or one for a request that has none.
pub(crate) fn requests<R: Columns>(rows: &[R]) -> Answer<Vec<RequestRow>> {
    let mut found: Vec<(i64, RequestRow)> = Vec::new();
    for row in rows {
        let (id, request, event) = Cells::of(row, "request").request()?;
        match found.last_mut() {
            Some((last, request)) if *last == id => request.events.extend(event),
            _ => {
                let mut request = request;
                request.events.extend(event);
                found.push((id, request));
            }
        }
    }
    Ok(found.into_iter().map(|(_, request)| request).collect())
}
