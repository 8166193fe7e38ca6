//! What changes the past, as it is asked for: a sender takes a claim back, a payer
//! has a unit decided anew or a claim settled by hand. Each is an act in the order
//! of its unit.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{
    AccumulatorUnit, Act, ActKind, Decision, Description, Inputs, LineDetermination, LineOutcome,
    OutcomeAdjustment, OverLimit, PastLine, Review, Run, decide, over_limits,
};
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId, Frequency, SubmissionKey, UnitKey};
use tally_store::port::{
    ClaimRow, Enrolment as _, NewAct, NewClaim, Reading as _, RecordId, Sealed, Submission, Token,
    Work as _,
};
use tally_store::vault;
use tally_types::{Carc, Group, Money};

use super::acts::ACT;
use super::keys::hex;
use super::past::{Opening, by_hand};
use super::submit::{Sending, Sent, Submitted};
use super::work::{open_claim, open_history};
use super::{Node, SUBMITTER};
use crate::view::amount;

/// An act of the payer's in a unit.
pub(super) struct PayersAct<'a> {
    unit: Token,
    /// A claim of the unit, by which it is found again.
    row: &'a ClaimRow,
    act: &'a Act,
}

/// What is to be decided anew.
#[derive(Debug, Clone)]
pub enum Anew {
    /// Every claim.
    All,
    /// The claims of a member's contract.
    Member(String),
    /// A claim, and those of the same contract.
    Claim(ClaimId),
}

impl Node {
    /// Takes a claim back: what it came to is reversed, and later claims of its
    /// contract come out as if it had never been. Asked again, the first is
    /// answered.
    ///
    /// # Errors
    /// When the claim is not known to this submitter, or the store fails. A claim
    /// that cannot be voided is a refusal.
    pub async fn void(&self, claim: ClaimId, submitter: &str) -> Result<Submitted> {
        let name = format!("void/{claim}");
        let parts = [submitter.as_bytes(), name.as_bytes()];
        let token = self.keys.tokens.token("submission", &parts);
        self.take_in(token, token, &Sending::Void(claim, submitter))
            .await
    }

    pub(super) async fn prepare_void(
        &self,
        token: Token,
        content: Token,
        claim: ClaimId,
        submitter: &str,
    ) -> Result<Submission> {
        let name = format!("void/{claim}");
        let row = self.row_of(claim).await?;
        let key = self.vault.key(row.sealed.record).await?;
        let mut void = open_claim(&key, &row.sealed)?;
        void.id = ClaimId::of(&SubmissionKey {
            submitter: submitter.to_owned(),
            interchange: name.clone(),
            position: 0,
        });
        void.frequency = Frequency::Void;
        void.replaces = Some(claim);
        void.received = self.clock.today();
        let sent = Sent {
            submitter,
            token,
            content,
            read: 1,
            refusals: Vec::new(),
            submission: Some(Sha256::digest(name).into()),
        };
        self.seal(sent, vec![void]).await
    }

    pub(super) async fn row_of(&self, claim: ClaimId) -> Result<ClaimRow> {
        let row = self.store.claim(claim).await?;
        row.with_context(|| format!("no claim {claim} on this node"))
    }

    /// Has claims decided anew, by the contract, the policies and the tables that
    /// are known by now: an act for each contract. Claims of members who were not known
    /// when they came, and are by now, go to their contracts first. Answers the acts, and
    /// what was moved.
    ///
    /// # Errors
    /// When what is asked for is not known, or the store fails.
    pub async fn readjudicate(&self, what: &Anew, by: &str, reason: &str) -> Result<Vec<ClaimId>> {
        let moved = self.move_known(what).await?;
        let units: BTreeSet<Token> = match what {
            Anew::Claim(_) if !moved.is_empty() => moved.iter().map(|of| of.row.unit).collect(),
            Anew::All => self.store.all_units().await?.into_iter().collect(),
            Anew::Member(member) => {
                let token = self.member_token(member);
                let units = self.store.units_of(&[token]).await?;
                let unit = units.into_iter().flatten().next();
                BTreeSet::from([unit.context("no such member is enrolled")?])
            }
            Anew::Claim(claim) => {
                let row = self.row_of(*claim).await?;
                BTreeSet::from([self.moved_to(row).await?.unit])
            }
        };
        let act = Act {
            by: by.to_owned(),
            reason: reason.to_owned(),
            kind: ActKind::Readjudicate,
        };
        let mut acts: Vec<ClaimId> = Vec::with_capacity(units.len());
        acts.extend(moved.iter().flat_map(|of| of.claims.iter().copied()));
        for unit in units {
            let rows = self.store.claims_of_unit(unit).await?;
            let came = moved.iter().map(|of| &of.row).find(|row| row.unit == unit);
            // Without a claim that came to something there is nothing to decide.
            let Some(row) = rows.iter().find(|row| row.outcome.is_some()).or(came) else {
                continue;
            };
            acts.extend(self.do_act(unit, row, &act).await?);
        }
        Ok(acts)
    }

    /// Has a claim settled by hand. `lines` is what the reviewer determines, in the
    /// terms of the policy that is described: it is checked against the claim and the policy
    /// that the claim is decided by before it is taken in.
    ///
    /// # Errors
    /// When the claim is not known or its policy leaves nothing to determine, when
    /// what is determined does not balance or names what the policy does not have,
    /// when the store fails.
    pub async fn review(
        &self,
        claim: ClaimId,
        by: &str,
        reason: &str,
        lines: &(dyn Fn(&Description) -> Result<Vec<LineDetermination>> + Sync),
    ) -> Result<ClaimId> {
        let row = self.row_of(claim).await?;
        if row.outcome.is_none() {
            bail!("claim {claim} waits to be adjudicated: review it when it is decided");
        }
        let review = self.checked(&row, lines).await?;
        let act = Act {
            by: by.to_owned(),
            reason: reason.to_owned(),
            kind: ActKind::Review(review),
        };
        let acts = self.do_act(row.unit, &row, &act).await?;
        acts.into_iter().next().context("the act was not taken in")
    }

    /// A review that its policy would accept, at the claim's place and with the balances
    /// that stand there.
    pub(super) async fn checked(
        &self,
        row: &ClaimRow,
        lines: &(dyn Fn(&Description) -> Result<Vec<LineDetermination>> + Sync),
    ) -> Result<Review> {
        let (claim, run) = self.reviewable(row).await?;
        let review = Review {
            claim: row.id,
            policy: run.policy.hash,
            lines: lines(&run.policy.description)?,
        };
        acceptable(&claim, &run, &review)?;
        Ok(review)
    }

    /// That a review that was taken down before would be accepted still.
    pub(super) async fn checked_again(&self, row: &ClaimRow, review: &Review) -> Result<()> {
        let (claim, run) = self.reviewable(row).await?;
        if run.policy.hash != review.policy {
            bail!(
                "claim {} is decided by another policy since: `tally claim review` settles it by that",
                row.id
            );
        }
        acceptable(&claim, &run, review)
    }

    /// A claim at its place, and what the engine leaves of it to its policy there. It is
    /// decided by the contract and the policies by which a worker does an act at that
    /// place: not by those of today.
    async fn reviewable(&self, row: &ClaimRow) -> Result<(Claim, Run)> {
        // Of an erased claim that is said first.
        self.vault.key(row.sealed.record).await?;
        self.nothing_waits(row.unit).await?;
        let stored = self.standing_past(row.unit).await?;
        let Some((at, occupant)) = stored.past.standing(row.id) else {
            bail!(
                "claim {} was taken back or replaced: nothing of it stands that could be reviewed",
                row.id
            );
        };
        let history = self.history_before(row.unit, at).await?;
        let contract = occupant.contract.as_deref();
        let book = self.book().await?;
        let used = self.balances_before(row.unit, &stored, &book, at).await?;
        let balances = Opening {
            node: self,
            opening: &used,
        };
        let book = book.at(occupant.prefix);
        let inputs = Inputs {
            claim: &occupant.claim,
            enrolled: contract.and_then(|c| Some((c, c.find(&occupant.claim.member)?))),
            policies: &book,
            history: &history,
            balances: &balances,
        };
        let Decision::Run(run) = decide(&inputs)? else {
            bail!(
                "the engine decides claim {} without a policy: there is nothing to review",
                row.id
            );
        };
        Ok((occupant.claim.clone(), *run))
    }

    /// That no act of a unit waits: what it would leave of a claim is not known before it
    /// is done.
    async fn nothing_waits(&self, unit: Token) -> Result<()> {
        let rows = self.store.claims_of_unit(unit).await?;
        let waits = rows.iter().find(|row| {
            let act = row.act.as_ref();
            act.is_some_and(|act| act.done.is_none()) && !row.discarded
        });
        if let Some(row) = waits {
            bail!(
                "act {} of the same contract is not done yet: review the claim when it is (`tally queue dead list` shows what was set aside)",
                row.id
            );
        }
        Ok(())
    }

    /// The lines of a unit's claims before a place, as they stand.
    async fn history_before(&self, unit: Token, at: usize) -> Result<Vec<PastLine>> {
        let states = self.store.units(&[unit]).await?;
        // A payload a place.
        let before = states.into_iter().flat_map(|state| state.history).take(at);
        let before: Vec<Sealed> = before.collect();
        let records: BTreeSet<RecordId> = before.iter().map(|sealed| sealed.record).collect();
        let records: Vec<RecordId> = records.into_iter().collect();
        let keys = self.vault.keys(&records).await?;
        let mut lines = Vec::new();
        for sealed in &before {
            if let Some(key) = keys.get(&sealed.record) {
                lines.extend(open_history(key, sealed)?);
            }
        }
        Ok(lines)
    }

    async fn do_act(&self, unit: Token, row: &ClaimRow, act: &Act) -> Result<Vec<ClaimId>> {
        let token = self.act_token(&hex(&vault::random::<16>()?));
        self.do_act_as(token, unit, row, act).await
    }

    /// The token of an act of a name: of the same name there is one act.
    pub(super) fn act_token(&self, name: &str) -> Token {
        self.keys.tokens.token("act", &[name.as_bytes()])
    }

    /// The id of the act of a token.
    pub(super) fn act_id(&self, token: Token) -> ClaimId {
        ClaimId::of(&SubmissionKey {
            submitter: SUBMITTER.to_owned(),
            interchange: format!("act/{}", hex(&token.0)),
            position: 0,
        })
    }

    /// Takes an act in, once under its token.
    pub(super) async fn do_act_as(
        &self,
        token: Token,
        unit: Token,
        row: &ClaimRow,
        act: &Act,
    ) -> Result<Vec<ClaimId>> {
        let sending = Sending::Act(PayersAct { unit, row, act });
        Ok(self.take_in(token, token, &sending).await?.claims)
    }

    pub(super) async fn prepare_act(
        &self,
        token: Token,
        content: Token,
        doing: &PayersAct<'_>,
    ) -> Result<Submission> {
        let PayersAct { unit, row, act } = doing;
        let latest = self.contract_of(*unit, None).await?;
        let (kind, original) = match &act.kind {
            ActKind::Readjudicate => (tally_store::port::ActKind::Readjudication, None),
            ActKind::Review(review) => (tally_store::port::ActKind::Review, Some(review.claim)),
        };
        let partition = self
            .partition_of(row, latest.as_ref().map(|(_, c)| c.id.as_str()))
            .await?;
        let key = self.vault.fresh_one().await?;
        let id = self.act_id(token);
        let today = self.clock.today();
        Ok(Submission {
            token,
            submitter: SUBMITTER.to_owned(),
            content,
            partitions: self.partitions().get(),
            trace: None,
            read: 0,
            refusals: Vec::<super::RefusedClaim>::new().to_canon(),
            refused: 0,
            claims: vec![NewClaim {
                id,
                unit: *unit,
                partition,
                contract: latest.map(|(version, _)| version),
                former: false,
                member: Token([0; 32]),
                provider: Token([0; 32]),
                received: today,
                first_service: today,
                charge: Money::ZERO,
                sealed: key.seal(ACT, &act.to_canon())?,
                act: Some(NewAct { kind, original }),
                statement: None,
            }],
        })
    }

    /// The partition of a unit, by its contract, or by the member of a claim that
    /// enrolment does not know.
    async fn partition_of(&self, row: &ClaimRow, contract: Option<&str>) -> Result<u32> {
        let unit = match contract {
            Some(contract) => UnitKey::contract(contract),
            None => {
                let key = self.vault.key(row.sealed.record).await?;
                let claim = open_claim(&key, &row.sealed)?;
                UnitKey::unknown(&row.submitter, &claim.member)
            }
        };
        Ok(unit.partition(self.partitions()))
    }
}

/// That what a review says can stand, within every limit.
fn acceptable(claim: &Claim, run: &Run, review: &Review) -> Result<()> {
    match objection(claim, run, review)? {
        Some(why) => bail!("what the review says cannot stand: {why}"),
        None => Ok(()),
    }
}

/// Why what a review says cannot stand, where it cannot.
fn objection(claim: &Claim, run: &Run, review: &Review) -> Result<Option<String>> {
    let description = &run.policy.description;
    for line in &review.lines {
        let nothing = line.postings.iter().find(|posting| posting.amount <= 0);
        if let Some(posting) = nothing {
            let declared = description
                .accumulators
                .get(usize::from(posting.accumulator));
            let declared = declared.context("an accumulator of the policy")?;
            return Ok(Some(format!(
                "line {} posts {} to {}, and what is posted is above zero",
                line.line,
                amount(posting.amount, declared.unit),
                declared.name
            )));
        }
    }
    let settled = by_hand(claim, run, review)?.settled;
    if let Some(fault) = &settled.fault {
        return Ok(Some(format!("{} {fault}", fault.rule().id())));
    }
    let mut lines = settled.outcome.lines().iter();
    if let Some(wrong) = lines.find_map(|line| beside(line, description)) {
        return Ok(Some(wrong));
    }
    let over = over_limits(&settled.outcome, description);
    let over: Vec<String> = over.iter().map(above).collect();
    Ok((!over.is_empty()).then(|| over.join("; ")))
}

/// What of a line does not go with the rest of it: more posted than is borne or paid,
/// or allowed what is told to be above the price.
fn beside(line: &LineOutcome, description: &Description) -> Option<String> {
    let number = line.number();
    let sum = |of: &dyn Fn(&OutcomeAdjustment) -> bool| {
        let amounts = line
            .adjustments()
            .iter()
            .filter(|adjustment| of(adjustment));
        Money::checked_sum(amounts.map(|adjustment| adjustment.amount)).unwrap_or_default()
    };
    let borne = sum(&|adjustment| adjustment.group == Group::Pr);
    let most = borne.greater(line.paid());
    for posting in line.postings() {
        let declared = description.accumulator(&posting.accumulator);
        let is_money = declared.is_some_and(|of| of.unit == AccumulatorUnit::Money);
        if is_money && posting.amount > most.scaled() {
            return Some(format!(
                "line {number} posts {} to {}, and of the line the patient bears {borne} and the plan pays {}",
                Money::cents(posting.amount),
                posting.accumulator,
                line.paid()
            ));
        }
    }
    let above = sum(&|adjustment| adjustment.carc == Carc::ABOVE_FEE_SCHEDULE);
    let told = line.allowed().checked_add(above)?;
    (told > line.charge()).then(|| {
        format!(
            "line {number} allows {} of {}, and {above} of it is told to be above the price (CARC 45)",
            line.allowed(),
            line.charge()
        )
    })
}

/// What a review would take above a limit.
fn above(over: &OverLimit) -> String {
    let shown = |value| amount(value, over.unit);
    let posting = &over.posting;
    format!(
        "line {} posts {} to {} ({}, from {}), whose limit is {} and of which {} is used",
        over.line,
        shown(posting.amount),
        posting.accumulator,
        if posting.family {
            "the family's"
        } else {
            "the member's own"
        },
        posting.period,
        shown(over.limit),
        shown(posting.before),
    )
}
