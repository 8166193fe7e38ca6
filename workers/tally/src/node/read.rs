//! Reading what was decided. Every read of protected health information leaves
//! an audit entry before it is answered.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tally_core::adjudication::{AccumulatorScope, AccumulatorUnit, Outcome};
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId, Contract, UnitKey};
use tally_core::fraud::Flag;
use tally_core::ledger::ReceiptBody;
use tally_store::port::{
    ActKind, Audit as _, AuditRow, ClaimFilter, ClaimRow, Enrolment as _, FlagFilter, FlagListed,
    Reading as _, Work as _,
};
use tally_types::ServiceDate;

use super::Node;
use super::clock::Clock;
use super::record::Record;
use super::stages::is_claim;
use super::work::{RECORD, open_claim};

/// A claim as read: what was sent, and what it came to.
pub struct ClaimRead {
    /// The row.
    pub row: ClaimRow,
    /// What was sent.
    pub claim: Claim,
    /// What it came to; `None` while it waits.
    pub outcome: Option<Outcome>,
    /// How it was come by.
    pub body: Option<ReceiptBody>,
}

/// A flag as read.
pub struct FlagRead {
    /// The flag.
    pub flag: Flag,
    /// Where it is committed to: entry and slot.
    pub place: Option<(u64, u16)>,
}

/// A balance, and the claims that moved it.
pub struct Accumulated {
    /// The member it is of; `None` for the family's.
    pub member: Option<String>,
    /// The product.
    pub product: String,
    /// The accumulator.
    pub name: String,
    /// First day of the period.
    pub period: ServiceDate,
    /// What it counts.
    pub unit: AccumulatorUnit,
    /// Its limit in the period.
    pub limit: Option<i64>,
    /// What has accumulated.
    pub used: i64,
    /// Who moved it: claim, line, before, after.
    pub moved: Vec<(ClaimId, u16, i64, i64)>,
}

impl Accumulated {
    /// By how much it is over its limit, where it is.
    #[must_use]
    pub fn over_limit(&self) -> Option<i64> {
        let over = self.used.saturating_sub(self.limit?);
        (over > 0).then_some(over)
    }
}

impl Node {
    /// Notes who did what: see [`acting`].
    pub(super) async fn audit(&self, action: &str, subjects: &[String]) -> Result<()> {
        let actor = actor();
        let at = Clock::now_ms();
        let row = |subject: &str| AuditRow {
            at,
            actor: actor.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
        };
        let rows: Vec<AuditRow> = if subjects.is_empty() {
            vec![row("all")]
        } else {
            subjects.iter().map(|subject| row(subject)).collect()
        };
        Ok(self.store.note(&rows).await?)
    }

    /// An entry for the audit trail, of this moment and actor.
    pub(crate) fn audit_row(&self, action: &str, subject: &str) -> AuditRow {
        AuditRow {
            at: Clock::now_ms(),
            actor: actor(),
            action: action.to_owned(),
            subject: subject.to_owned(),
        }
    }

    /// Notes what is done with something.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn note_of(&self, action: &str, subject: &str) -> Result<()> {
        self.audit(action, &[subject.to_owned()]).await
    }

    /// Gives up a claim that is set aside. Answers whether it was.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn discard(&self, claim: ClaimId) -> Result<bool> {
        let note = self.audit_row("claim-discarded", &claim.to_string());
        Ok(self.store.discard(claim, &note).await?)
    }

    /// Notes what is done with a claim.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note(&self, action: &str, claim: ClaimId) -> Result<()> {
        self.audit(action, &[claim.to_string()]).await
    }

    /// Opens claims for a purpose, each with an audit entry. Erased ones are
    /// left out.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn read_claims(&self, filter: &ClaimFilter, purpose: &str) -> Result<Vec<ClaimRead>> {
        let rows = self.store.claims(filter).await?;
        self.open_claims(rows, purpose).await
    }

    /// Opens one claim for a purpose, with an audit entry.
    ///
    /// # Errors
    /// When there is none, it was erased, or the store fails.
    pub async fn read_claim(&self, id: ClaimId, purpose: &str) -> Result<ClaimRead> {
        let row = self.store.claim(id).await?.with_context(|| {
            format!("no claim {id} on this node: `tally claim export` lists them")
        })?;
        self.open_claims(vec![row], purpose)
            .await?
            .pop()
            .with_context(|| format!("claim {id} was erased"))
    }

    /// Opens claims that were listed, for a purpose, each with an audit entry.
    /// Erased ones are left out.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn open_claims(&self, rows: Vec<ClaimRow>, purpose: &str) -> Result<Vec<ClaimRead>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let subjects: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
        self.audit(purpose, &subjects).await?;
        self.open_rows(rows).await
    }

    /// Opens claims, for a purpose as [`Self::open_claims`] does; without one there is no
    /// audit entry: who shows something of them notes that.
    pub(super) async fn open_noted(
        &self,
        rows: Vec<ClaimRow>,
        purpose: Option<&str>,
    ) -> Result<Vec<ClaimRead>> {
        match purpose {
            Some(purpose) => self.open_claims(rows, purpose).await,
            None => self.open_rows(rows).await,
        }
    }

    /// Opens claims without an audit entry: for what shows nothing of them.
    pub(super) async fn open_rows(&self, rows: Vec<ClaimRow>) -> Result<Vec<ClaimRead>> {
        let mut reads = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(256) {
            let records: Vec<_> = chunk.iter().map(|row| row.sealed.record).collect();
            let keys = self.vault.keys(&records).await?;
            // Looked at last: what is erased meanwhile is entered before its keys are gone.
            // An act that comes to nothing by itself was erased with its claim.
            let with = |row: &ClaimRow| match is_claim(row) {
                true => row.id,
                false => row
                    .act
                    .as_ref()
                    .and_then(|act| act.original)
                    .unwrap_or(row.id),
            };
            let erased = self.erased_among(chunk.iter().map(with)).await?;
            for row in chunk.iter().filter(|row| !erased.contains(&with(row))) {
                // What a payer does is no claim.
                let sent = row
                    .act
                    .as_ref()
                    .is_none_or(|act| matches!(act.kind, ActKind::Replacement | ActKind::Void));
                let Some(key) = keys.get(&row.sealed.record).filter(|_| sent) else {
                    continue;
                };
                let claim = open_claim(key, &row.sealed)?;
                let opened = match &row.outcome {
                    None => None,
                    Some(outcome) => {
                        let record = Record::from_canon(&key.open(RECORD, &outcome.record)?)
                            .context("a stored record is damaged")?;
                        Some(record.open().context("a stored outcome is damaged")?)
                    }
                };
                let (body, outcome) = opened.unzip();
                reads.push(ClaimRead {
                    row: row.clone(),
                    claim,
                    outcome,
                    body,
                });
            }
        }
        Ok(reads)
    }

    /// Flags that stand, the highest score first, each with an audit entry.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn read_flags(&self, filter: &FlagFilter, purpose: &str) -> Result<Vec<FlagRead>> {
        let listed = self.store.flags(filter).await?;
        if !listed.is_empty() {
            let subjects: Vec<String> = listed.iter().map(|f| f.row.id.to_string()).collect();
            self.audit(purpose, &subjects).await?;
        }
        self.open_listed(listed).await
    }

    async fn open_listed(&self, listed: Vec<FlagListed>) -> Result<Vec<FlagRead>> {
        let places: Vec<_> = listed
            .iter()
            .map(|flag| (flag.row.id, flag.place))
            .collect();
        let places: BTreeMap<_, _> = places.into_iter().collect();
        let rows = listed.into_iter().map(|flag| flag.row).collect();
        let open = self.open_flags(rows).await?;
        Ok(open
            .into_iter()
            .map(|(row, flag)| FlagRead {
                place: places.get(&row.id).copied().flatten(),
                flag,
            })
            .collect())
    }

    /// The contract a member is enrolled under, with an audit entry.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read_contract(&self, member: &str) -> Result<Option<Contract>> {
        let token = self.member_token(member);
        let unit = self.store.units_of(&[token]).await?.pop().flatten();
        let Some(unit) = unit else {
            return Ok(None);
        };
        self.audit("contract-read", &[super::keys::hex(&unit.0)])
            .await?;
        Ok(self
            .contract_of(unit, None)
            .await?
            .map(|(_, contract)| contract))
    }

    /// The balances of a contract, with the claims that moved each.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn accumulators(&self, contract: &Contract) -> Result<Vec<Accumulated>> {
        let unit = self.unit_token(&UnitKey::contract(&contract.id));
        let names: BTreeMap<_, _> = contract
            .members
            .iter()
            .map(|member| (self.member_token(&member.id), member.id.clone()))
            .collect();
        let claims = self.store.claims_of_unit(unit).await?;
        let reads = self.open_claims(claims, "accumulators-read").await?;
        let book = self.book().await?;
        let state = self.store.units(&[unit]).await?.pop();
        let mut rows = Vec::new();
        for row in state.into_iter().flat_map(|state| state.accumulators) {
            // A pool is of several products, each of which declares it.
            let pool = row.name.product.strip_prefix("pool=");
            let declared = book
                .publications()
                .filter(|(_, publication)| {
                    pool.is_some() || publication.product == row.name.product
                })
                .filter_map(|(_, publication)| book.loaded(&publication.policy))
                .flat_map(|loaded| &loaded.policy.description().accumulators)
                .filter(|accumulator| {
                    accumulator.name == row.name.name
                        && accumulator.pool == pool.unwrap_or_default()
                })
                .last();
            let member = row.name.member.map(|token| {
                names
                    .get(&token)
                    .cloned()
                    .unwrap_or_else(|| "left the contract".into())
            });
            let family = declared.is_some_and(|a| a.scope == AccumulatorScope::Family);
            let moved = reads
                .iter()
                .filter(|read| family || Some(&read.claim.member.identifier) == member.as_ref())
                .filter(|read| {
                    let outcome = read.row.outcome.as_ref();
                    outcome.is_some_and(|outcome| outcome.gone.is_none())
                })
                .filter_map(|read| Some((read.row.id, read.outcome.as_ref()?)))
                .flat_map(|(id, outcome)| outcome.lines().iter().map(move |line| (id, line)))
                .flat_map(|(id, line)| line.postings().iter().map(move |p| (id, line.number(), p)))
                .filter(|(_, _, posting)| {
                    posting.accumulator == row.name.name
                        && posting.period == row.name.period
                        && posting.family == family
                })
                .map(|(id, line, posting)| (id, line, posting.before, posting.after()))
                .collect();
            rows.push(Accumulated {
                member,
                product: row.name.product,
                name: row.name.name,
                period: row.name.period,
                unit: declared.map_or(AccumulatorUnit::Money, |a| a.unit),
                limit: declared.and_then(|a| a.limit_in(row.name.period)),
                used: row.used,
                moved,
            });
        }
        rows.sort_by(|a, b| {
            (&a.product, a.period, &a.name, &a.member)
                .cmp(&(&b.product, b.period, &b.name, &b.member))
        });
        Ok(rows)
    }
}

tokio::task_local! {
    static ACTOR: String;
}

/// Lets whatever is awaited act in somebody's name: its audit entries are
/// theirs. What it spawns does not act in that name.
pub async fn acting<F: Future>(actor: String, work: F) -> F::Output {
    ACTOR.scope(actor, work).await
}

/// Who acts: as said with [`acting`]; else, on an embedded node, the operating
/// system's user.
pub(crate) fn actor() -> String {
    ACTOR.try_with(Clone::clone).unwrap_or_else(|_| {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        format!("local:{}", user.unwrap_or_else(|_| "unknown".to_owned()))
    })
}

impl Node {
    /// Notes what is done with several claims; nothing when there are none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_all(
        &self,
        action: &str,
        claims: impl Iterator<Item = ClaimId>,
    ) -> Result<()> {
        let subjects: Vec<String> = claims.map(|claim| claim.to_string()).collect();
        if subjects.is_empty() {
            return Ok(());
        }
        self.audit(action, &subjects).await
    }
}
