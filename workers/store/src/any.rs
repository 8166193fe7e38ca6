//! Either store, for a node that is told which when it starts.

use std::ops::Range;

use tally_core::appeal::AppealId;
use tally_core::claim::ClaimId;
use tally_core::ledger::tree::Hash;

use crate::port::{
    Access, ActDone, Acts, Answer, AppealEventRow, AppealFilter, AppealRow, Appeals, Audit,
    AuditRow, Authorizations, Batch, ClaimFilter, ClaimRow, ContractRow, Detection, Disputed,
    DisputedRow, DueRow, Enrolment, EventRow, FactRow, FlagFilter, FlagGroup, FlagListed, FlagRow,
    Following, Group, Head, HeldRow, HoldRow, Holds, Identity, Intake, Integration, Judged, Layout,
    Log, NewAppealEvent, NewBlock, NewContract, NewPayment, NewPolicy, NewRequest, NewStatement,
    OutboxRow, OutcomeRow, PartRow, PaymentFilter, PaymentRow, Payments, PendingFlag, PolicyRow,
    Publications, Queued, Reading, RequestFilter, RequestRow, RevisionRow, Sealed, SharedBlock,
    SharedCheckpoint, SharedHead, SharedLedger, ShownRow, StatementFilter, StatementRow,
    Statements, Submission, SubmissionRow, Taken, Token, ToldRow, Totalled, Totals, UnitState,
    Unjudged, Waiting, Work,
};
use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;

/// A store of one kind or the other.
#[allow(clippy::large_enum_variant, reason = "a process has one")]
pub enum AnyStore {
    /// In a file.
    Sqlite(SqliteStore),
    /// In a PostgreSQL database.
    Postgres(PostgresStore),
}

impl AnyStore {
    /// The store on PostgreSQL, beside which a broker can stand.
    #[must_use]
    pub fn postgres(&self) -> Option<&PostgresStore> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => Some(store),
        }
    }
}

macro_rules! either {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match $self {
            Self::Sqlite(store) => store.$method($($argument),*).await,
            Self::Postgres(store) => store.$method($($argument),*).await,
        }
    };
}

impl Layout for AnyStore {
    async fn identity(&self) -> Answer<Option<Identity>> {
        either!(self, identity())
    }
    async fn set_up(&self, identity: &Identity) -> Answer<Identity> {
        either!(self, set_up(identity))
    }
    async fn repartition(&self, partitions: u32) -> Answer<()> {
        either!(self, repartition(partitions))
    }
    async fn former(&self) -> Answer<Vec<u32>> {
        either!(self, former())
    }
    async fn removed(&self, partitions: u32) -> Answer<()> {
        either!(self, removed(partitions))
    }
}

impl Enrolment for AnyStore {
    async fn put_contract(&self, contract: &NewContract) -> Answer<u32> {
        either!(self, put_contract(contract))
    }
    async fn contracts(&self, of: &[(Token, Option<u32>)]) -> Answer<Vec<Option<ContractRow>>> {
        either!(self, contracts(of))
    }
    async fn units_of(&self, members: &[Token]) -> Answer<Vec<Option<Token>>> {
        either!(self, units_of(members))
    }
    async fn units_before(&self, members: &[Token]) -> Answer<Vec<Vec<Token>>> {
        either!(self, units_before(members))
    }
    async fn events(&self, unit: Token) -> Answer<Vec<EventRow>> {
        either!(self, events(unit))
    }
}

impl Authorizations for AnyStore {
    async fn put_request(&self, request: &NewRequest) -> Answer<RequestRow> {
        either!(self, put_request(request))
    }
    async fn request(&self, number: &str) -> Answer<Option<RequestRow>> {
        either!(self, request(number))
    }
    async fn requests_of(&self, members: &[Token]) -> Answer<Vec<RequestRow>> {
        either!(self, requests_of(members))
    }
    async fn requests(&self, filter: &RequestFilter) -> Answer<Vec<RequestRow>> {
        either!(self, requests(filter))
    }
    async fn follow(&self, following: &Following) -> Answer<Option<u32>> {
        either!(self, follow(following))
    }
}

impl Intake for AnyStore {
    async fn submission(&self, token: Token) -> Answer<Option<SubmissionRow>> {
        either!(self, submission(token))
    }
    async fn accept(&self, submission: &Submission) -> Answer<SubmissionRow> {
        either!(self, accept(submission))
    }
}

impl Work for AnyStore {
    async fn next(&self, partition: u32, limit: u32) -> Answer<Vec<Queued>> {
        either!(self, next(partition, limit))
    }
    async fn generations(&self) -> Answer<Vec<u32>> {
        either!(self, generations())
    }
    async fn take(&self, claims: &[ClaimId], limit: u32) -> Answer<Taken> {
        either!(self, take(claims, limit))
    }
    async fn units(&self, units: &[Token]) -> Answer<Vec<UnitState>> {
        either!(self, units(units))
    }
    async fn units_at(&self, units: &[(Token, u64)]) -> Answer<Vec<UnitState>> {
        either!(self, units_at(units))
    }
    async fn commit(&self, batch: &Batch) -> Answer<()> {
        either!(self, commit(batch))
    }
    async fn failed(&self, claim: ClaimId, limit: u32, reason: &str) -> Answer<bool> {
        either!(self, failed(claim, limit, reason))
    }
    async fn held(&self) -> Answer<Vec<HeldRow>> {
        either!(self, held())
    }
    async fn release(&self, claim: Option<ClaimId>) -> Answer<u64> {
        either!(self, release(claim))
    }
    async fn discard(&self, claim: ClaimId, note: &AuditRow) -> Answer<bool> {
        either!(self, discard(claim, note))
    }
    async fn waiting(&self) -> Answer<Waiting> {
        either!(self, waiting())
    }
}

impl Acts for AnyStore {
    async fn commit_act(&self, done: &ActDone) -> Answer<()> {
        either!(self, commit_act(done))
    }
    async fn revisions(&self, unit: Token) -> Answer<Vec<RevisionRow>> {
        either!(self, revisions(unit))
    }
    async fn first_outcomes(&self, unit: Token) -> Answer<Vec<(ClaimId, OutcomeRow)>> {
        either!(self, first_outcomes(unit))
    }
}

impl Appeals for AnyStore {
    async fn add_appeal_event(&self, event: &NewAppealEvent) -> Answer<()> {
        either!(self, add_appeal_event(event))
    }
    async fn appeal(&self, id: AppealId) -> Answer<Option<AppealRow>> {
        either!(self, appeal(id))
    }
    async fn appeals(&self, filter: &AppealFilter) -> Answer<Vec<AppealRow>> {
        either!(self, appeals(filter))
    }
    async fn appeals_of(&self, claim: ClaimId) -> Answer<Vec<AppealRow>> {
        either!(self, appeals_of(claim))
    }
    async fn appeal_events(&self, claims: &[ClaimId]) -> Answer<Vec<AppealEventRow>> {
        either!(self, appeal_events(claims))
    }
}

impl Detection for AnyStore {
    async fn unjudged(&self, limit: u32) -> Answer<Vec<Unjudged>> {
        either!(self, unjudged(limit))
    }
    async fn facts(&self, groups: &[Group]) -> Answer<Vec<FactRow>> {
        either!(self, facts(groups))
    }
    async fn flags_in(&self, groups: &[FlagGroup]) -> Answer<Vec<(FlagGroup, FlagRow)>> {
        either!(self, flags_in(groups))
    }
    async fn judge(&self, judged: &[Judged]) -> Answer<()> {
        either!(self, judge(judged))
    }
}

impl Log for AnyStore {
    async fn head(&self) -> Answer<Head> {
        either!(self, head())
    }
    async fn outbox(&self, limit: u32) -> Answer<Vec<OutboxRow>> {
        either!(self, outbox(limit))
    }
    async fn pending_flags(&self, limit: u32) -> Answer<Vec<PendingFlag>> {
        either!(self, pending_flags(limit))
    }
    async fn integrate(&self, integration: &Integration) -> Answer<()> {
        either!(self, integrate(integration))
    }
    async fn nodes(&self, nodes: &[(u8, u64)]) -> Answer<Vec<Option<Hash>>> {
        either!(self, nodes(nodes))
    }
    async fn entries(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        either!(self, entries(from, limit))
    }
}

impl Publications for AnyStore {
    async fn publish(&self, policy: &NewPolicy) -> Answer<()> {
        either!(self, publish(policy))
    }
    async fn publications(&self) -> Answer<Vec<PolicyRow>> {
        either!(self, publications())
    }
    async fn component(&self, hash: [u8; 32]) -> Answer<Option<Vec<u8>>> {
        either!(self, component(hash))
    }
}

impl Statements for AnyStore {
    async fn state(&self, new: &[NewStatement]) -> Answer<Vec<Option<i64>>> {
        either!(self, state(new))
    }
    async fn state_unless(
        &self,
        new: &[NewStatement],
        taken: &[(u8, Vec<u8>)],
    ) -> Answer<Vec<Option<i64>>> {
        either!(self, state_unless(new, taken))
    }
    async fn statements(&self, filter: &StatementFilter) -> Answer<Vec<StatementRow>> {
        either!(self, statements(filter))
    }
    async fn statements_about(&self, kind: u8, about: &[Vec<u8>]) -> Answer<Vec<StatementRow>> {
        either!(self, statements_about(kind, about))
    }
}

impl Access for AnyStore {
    async fn patient(&self, member: Token) -> Answer<Option<Sealed>> {
        either!(self, patient(member))
    }
    async fn keep_patient(&self, member: Token, drawn: &Sealed) -> Answer<Sealed> {
        either!(self, keep_patient(member, drawn))
    }
    async fn keep_shown(&self, shown: &ShownRow) -> Answer<bool> {
        either!(self, keep_shown(shown))
    }
    async fn shown(&self, about: Option<&[Token]>) -> Answer<Vec<ShownRow>> {
        either!(self, shown(about))
    }
}

impl Disputed for AnyStore {
    async fn keep_disputed(&self, row: &DisputedRow) -> Answer<bool> {
        either!(self, keep_disputed(row))
    }
    async fn disputed_by(&self, organisation: &str, leaf: u64) -> Answer<Option<DisputedRow>> {
        either!(self, disputed_by(organisation, leaf))
    }
    async fn disputed(&self, claim: Option<ClaimId>, last: u32) -> Answer<(Vec<DisputedRow>, u64)> {
        either!(self, disputed(claim, last))
    }
}

impl Holds for AnyStore {
    async fn hold(&self, row: &HoldRow) -> Answer<()> {
        either!(self, hold(row))
    }
    async fn state_unless_held(
        &self,
        new: &[NewStatement],
        claims: &[ClaimId],
    ) -> Answer<Vec<Option<i64>>> {
        either!(self, state_unless_held(new, claims))
    }
    async fn holds(&self, claim: Option<ClaimId>) -> Answer<Vec<HoldRow>> {
        either!(self, holds(claim))
    }
}

impl SharedLedger for AnyStore {
    async fn shared_head(&self) -> Answer<Option<SharedHead>> {
        either!(self, shared_head())
    }
    async fn shared_height(&self) -> Answer<Option<(u64, u64)>> {
        either!(self, shared_height())
    }
    async fn append_block(&self, new: &NewBlock) -> Answer<()> {
        either!(self, append_block(new))
    }
    async fn shared_leaves(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        either!(self, shared_leaves(from, limit))
    }
    async fn shared_blocks(&self, from: u64, limit: u32) -> Answer<Vec<SharedBlock>> {
        either!(self, shared_blocks(from, limit))
    }
    async fn shared_tiles(&self, tiles: &[(u8, u64)]) -> Answer<Vec<Option<Vec<u8>>>> {
        either!(self, shared_tiles(tiles))
    }
    async fn shared_place(&self, organisation: &str, index: u64) -> Answer<Option<u64>> {
        either!(self, shared_place(organisation, index))
    }
    async fn shared_totals(&self) -> Answer<Totalled> {
        either!(self, shared_totals())
    }
    async fn keep_checkpoint(&self, checkpoint: &SharedCheckpoint) -> Answer<()> {
        either!(self, keep_checkpoint(checkpoint))
    }
    async fn shared_checkpoint(&self) -> Answer<Option<SharedCheckpoint>> {
        either!(self, shared_checkpoint())
    }
    async fn handovers(&self) -> Answer<Vec<SharedCheckpoint>> {
        either!(self, handovers())
    }
}

impl Payments for AnyStore {
    async fn due_payee(&self, after: Option<Token>) -> Answer<Option<Token>> {
        either!(self, due_payee(after))
    }
    async fn due(&self, payee: Token, after: i64, limit: u32) -> Answer<Vec<DueRow>> {
        either!(self, due(payee, after, limit))
    }
    async fn marked(&self, claims: &[ClaimId]) -> Answer<Vec<ClaimId>> {
        either!(self, marked(claims))
    }
    async fn nothing_due(&self, marks: &[i64]) -> Answer<()> {
        either!(self, nothing_due(marks))
    }
    async fn told_of(&self, claims: &[ClaimId]) -> Answer<Vec<ToldRow>> {
        either!(self, told_of(claims))
    }
    async fn pay(&self, payment: &NewPayment) -> Answer<()> {
        either!(self, pay(payment))
    }
    async fn last_payment(&self, payee: Token) -> Answer<Option<PaymentRow>> {
        either!(self, last_payment(payee))
    }
    async fn payment(&self, trace: &str) -> Answer<Option<PaymentRow>> {
        either!(self, payment(trace))
    }
    async fn parts(&self, payment: i64) -> Answer<Vec<PartRow>> {
        either!(self, parts(payment))
    }
    async fn payments(&self, filter: &PaymentFilter) -> Answer<Vec<PaymentRow>> {
        either!(self, payments(filter))
    }
}

impl Reading for AnyStore {
    async fn claim(&self, id: ClaimId) -> Answer<Option<ClaimRow>> {
        either!(self, claim(id))
    }
    async fn claims_by_id(&self, ids: &[ClaimId]) -> Answer<Vec<ClaimRow>> {
        either!(self, claims_by_id(ids))
    }
    async fn claims(&self, filter: &ClaimFilter) -> Answer<Vec<ClaimRow>> {
        either!(self, claims(filter))
    }
    async fn decided(
        &self,
        submitter: &str,
        providers: &[Token],
        entries: Range<u64>,
        limit: u32,
    ) -> Answer<Vec<(ClaimId, u64)>> {
        either!(self, decided(submitter, providers, entries, limit))
    }
    async fn all_units(&self) -> Answer<Vec<Token>> {
        either!(self, all_units())
    }
    async fn claims_of_unit(&self, unit: Token) -> Answer<Vec<ClaimRow>> {
        either!(self, claims_of_unit(unit))
    }
    async fn flags(&self, filter: &FlagFilter) -> Answer<Vec<FlagListed>> {
        either!(self, flags(filter))
    }
    async fn totals(&self) -> Answer<Totals> {
        either!(self, totals())
    }
}

impl Audit for AnyStore {
    async fn note(&self, rows: &[AuditRow]) -> Answer<()> {
        either!(self, note(rows))
    }
    async fn audit(&self, limit: u32) -> Answer<Vec<AuditRow>> {
        either!(self, audit(limit))
    }
}
