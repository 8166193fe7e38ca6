//! A statement of accumulators: what each came to, posting by posting, as of a
//! day of service and as it was known on a day.
//!
//! It is made of outcomes alone, those that stand and those that stood: an
//! outcome that was taken back is listed with what took it back and adds
//! nothing. So the sum of what is listed is the balance, or the statement says
//! what is missing.

use std::collections::BTreeMap;

use anyhow::Result;
use tally_core::adjudication::{
    Accumulator, AccumulatorKey, AccumulatorPeriod, AccumulatorUnit, Description, Outcome, key_of,
};
use tally_core::claim::{Claim, ClaimId, Contract, UnitKey};
use tally_store::port::Work as _;
use tally_types::ServiceDate;

use super::Node;
use super::stages::Stage;
use crate::policies::Book;

/// An outcome that stands, or stood.
#[derive(Clone, Copy)]
pub struct Stood<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// Its number in the unit: outcomes are posted in this order.
    pub number: u64,
    /// What it came to.
    pub outcome: &'a Outcome,
    /// The day from which it stands.
    pub since: ServiceDate,
    /// What took it back; `None` while it stands.
    pub taken_back: Option<TakenBack>,
}

/// What took an outcome back: the claim that voids or replaces it, or the one
/// that had it decided anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    /// The day from which it no longer stands.
    pub on: ServiceDate,
    /// The claim.
    pub by: ClaimId,
}

/// What a statement is asked for. Nothing said is everything there is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only services on this day or earlier.
    pub as_of: Option<ServiceDate>,
    /// Only what stood on this day.
    pub known: Option<ServiceDate>,
    /// Only outcomes of this number or earlier ones.
    pub through: Option<u64>,
}

/// A statement of one member: their own accounts and those they share.
pub struct Statement {
    /// What was asked for.
    pub asked: Asked,
    /// The accounts, by product, period and name.
    pub accounts: Vec<Account>,
}

/// An accumulator in a period.
pub struct Account {
    /// Whose, of which product or pool, its name, and the period's first day.
    pub key: AccumulatorKey,
    /// The last day of the period; `None` of a lifetime.
    pub through: Option<ServiceDate>,
    /// The products whose claims moved it, by name: several where it is a pool.
    pub products: Vec<String>,
    /// What it counts.
    pub unit: AccumulatorUnit,
    /// Its limit in the period, as the policy last run says it.
    pub limit: Option<i64>,
    /// What was posted, in order.
    pub entries: Vec<Entry>,
    /// What was posted and taken back again, in order: it adds nothing.
    pub taken_back: Vec<Entry>,
    /// What the entries come to.
    pub balance: i64,
}

/// A posting, or what is missing between two.
pub struct Entry {
    /// What posted it; `None` of what is missing: outcomes that were erased, or
    /// were not given.
    pub source: Option<Source>,
    /// The balance before it, of what is listed.
    pub before: i64,
    /// What was added.
    pub amount: i64,
}

/// Where a posting is from.
pub struct Source {
    /// The claim.
    pub claim: ClaimId,
    /// The sender's number for it.
    pub control_number: String,
    /// Its number in the unit.
    pub number: u64,
    /// The line.
    pub line: u16,
    /// Whose claim it is.
    pub member: String,
    /// The first day of the service.
    pub service: ServiceDate,
    /// The day from which it stands.
    pub since: ServiceDate,
    /// What took it back.
    pub taken_back: Option<TakenBack>,
}

impl Entry {
    /// The balance after it, of what is listed.
    #[must_use]
    pub fn after(&self) -> i64 {
        self.before.saturating_add(self.amount)
    }
}

impl Account {
    /// What is left of the limit; `None` where there is none.
    #[must_use]
    pub fn left(&self) -> Option<i64> {
        self.limit
            .map(|limit| limit.saturating_sub(self.balance).max(0))
    }

    /// By how much it is over its limit, where it is: a review holds that later changes
    /// left no room for.
    #[must_use]
    pub fn over_limit(&self) -> Option<i64> {
        let over = self.balance.saturating_sub(self.limit?);
        (over > 0).then_some(over)
    }

    /// The pool it is of, where products share it.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        self.key.product.strip_prefix("pool=")
    }

    /// An account without postings.
    fn empty(key: AccumulatorKey, declared: Option<&Accumulator>) -> Self {
        let period = declared.map(|declared| declared.period);
        Self {
            through: last_day(period, key.period),
            products: Vec::new(),
            unit: declared.map_or(AccumulatorUnit::Money, |declared| declared.unit),
            limit: None,
            entries: Vec::new(),
            taken_back: Vec::new(),
            balance: 0,
            key,
        }
    }

    /// Adds an entry at the end.
    fn push(&mut self, source: Option<Source>, amount: i64) {
        let before = self.balance;
        self.balance = before.saturating_add(amount);
        self.entries.push(Entry {
            source,
            before,
            amount,
        });
    }
}

fn last_day(period: Option<AccumulatorPeriod>, first: ServiceDate) -> Option<ServiceDate> {
    match period {
        None | Some(AccumulatorPeriod::Lifetime) => None,
        Some(_) => first.plus_months(12)?.plus_days(-1),
    }
}

/// An account in the making.
struct Making {
    account: Account,
    /// The balance of everything that stands, of whatever day of service.
    standing: i64,
}

/// The statement of all accounts that outcomes of a unit moved. `describe` says
/// what a policy is; postings of a policy it does not know are taken as money of
/// a product without a name.
#[must_use]
pub fn statement<'d>(
    stood: &[Stood<'_>],
    describe: &dyn Fn(&[u8; 32]) -> Option<&'d Description>,
    asked: Asked,
) -> Statement {
    let mut order: Vec<&Stood<'_>> = stood
        .iter()
        .filter(|one| asked.known.is_none_or(|known| one.since <= known))
        .filter(|one| asked.through.is_none_or(|through| one.number <= through))
        .collect();
    order.sort_by_key(|one| (one.number, one.since));
    let mut making: BTreeMap<AccumulatorKey, Making> = BTreeMap::new();
    for one in order {
        // What was taken back later than the day that is asked about stood then.
        let taken_back = one
            .taken_back
            .filter(|taken| asked.known.is_none_or(|known| taken.on <= known));
        let described = one.outcome.policy().and_then(|hash| describe(&hash));
        let product = described.map_or("", |description| description.product.as_str());
        for line in one.outcome.lines() {
            let billed = one.claim.lines.iter().find(|b| b.number == line.number());
            let service = billed.map_or(one.claim.first_service(), |billed| billed.from);
            for posting in line.postings() {
                let declared = described.and_then(|of| of.accumulator(&posting.accumulator));
                let member = &one.claim.member.identifier;
                let key = match declared {
                    Some(declared) => key_of(declared, product, member, posting.period),
                    None => AccumulatorKey {
                        member: (!posting.family).then(|| member.clone()),
                        product: product.to_owned(),
                        name: posting.accumulator.clone(),
                        period: posting.period,
                    },
                };
                let made = making.entry(key.clone()).or_insert_with(|| Making {
                    account: Account::empty(key, declared),
                    standing: 0,
                });
                let account = &mut made.account;
                if !account.products.iter().any(|known| known == product) {
                    account.products.push(product.to_owned());
                    account.products.sort();
                }
                let limit = declared.and_then(|declared| declared.limit_in(posting.period));
                account.limit = limit.or(account.limit);
                let source = Source {
                    claim: one.claim.id,
                    control_number: one.claim.control_number.clone(),
                    number: one.number,
                    line: line.number(),
                    member: member.clone(),
                    service,
                    since: one.since,
                    taken_back,
                };
                let asked_for = asked.as_of.is_none_or(|day| service <= day);
                if taken_back.is_some() {
                    if asked_for {
                        account.taken_back.push(Entry {
                            source: Some(source),
                            before: posting.before,
                            amount: posting.amount,
                        });
                    }
                    continue;
                }
                // What is missing has no day of service: it is never left out.
                let missing = posting.before.saturating_sub(made.standing);
                if missing != 0 {
                    account.push(None, missing);
                }
                made.standing = posting.after();
                if asked_for {
                    account.push(Some(source), posting.amount);
                }
            }
        }
    }
    let accounts = making.into_values().map(|made| made.account);
    let mut accounts: Vec<Account> = accounts
        .filter(|account| !account.entries.is_empty() || !account.taken_back.is_empty())
        .collect();
    accounts.sort_by(|a, b| {
        (&a.products, a.key.period, &a.key.name, &a.key.member).cmp(&(
            &b.products,
            b.key.period,
            &b.key.name,
            &b.key.member,
        ))
    });
    Statement { asked, accounts }
}

impl Statement {
    /// Adds what stored balances have beyond the postings, as missing.
    fn reconcile(&mut self, stored: &BTreeMap<AccumulatorKey, i64>) {
        for account in &mut self.accounts {
            let held = stored.get(&account.key).copied().unwrap_or(0);
            let missing = held.saturating_sub(account.balance);
            if missing != 0 {
                account.push(None, missing);
            }
        }
        for (key, held) in stored.iter().filter(|(_, held)| **held != 0) {
            if !self.accounts.iter().any(|account| account.key == *key) {
                let mut account = Account::empty(key.clone(), None);
                account.push(None, *held);
                self.accounts.push(account);
            }
        }
    }

    /// One member's accounts, and those the family shares.
    fn of_member(&mut self, member: &str) {
        self.accounts
            .retain(|account| account.key.member.as_deref().is_none_or(|of| of == member));
    }
}

/// What the book knows of a policy.
pub(crate) fn described<'b>(
    book: &'b Book,
) -> impl Fn(&[u8; 32]) -> Option<&'b Description> + use<'b> {
    move |hash| Some(book.loaded(hash)?.policy.description().as_ref())
}

impl Node {
    /// The statement of a member of a contract, each claim with an audit entry.
    /// Asked for all there is, it holds the stored balances to the cent; what no
    /// outcome explains stands there as missing.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn statement(
        &self,
        contract: &Contract,
        member: &str,
        asked: Asked,
    ) -> Result<Statement> {
        let unit = self.unit_token(&UnitKey::contract(&contract.id));
        let book = self.book().await?;
        let stages = self.stages(unit, "statement-read").await?;
        let stood: Vec<Stood<'_>> = stages.iter().map(Stage::stood).collect();
        let mut made = statement(&stood, &described(&book), asked);
        if asked == Asked::default() {
            let stored = self.stored(contract, member).await?;
            made.reconcile(&stored);
        }
        made.of_member(member);
        Ok(made)
    }

    /// The stored balances of a member and of the family.
    async fn stored(
        &self,
        contract: &Contract,
        member: &str,
    ) -> Result<BTreeMap<AccumulatorKey, i64>> {
        let unit = self.unit_token(&UnitKey::contract(&contract.id));
        let token = self.member_token(member);
        let state = self.store().units(&[unit]).await?.pop();
        Ok(state
            .into_iter()
            .flat_map(|state| state.accumulators)
            .filter(|row| row.name.member.is_none_or(|of| of == token))
            .map(|row| {
                let key = AccumulatorKey {
                    member: row.name.member.map(|_| member.to_owned()),
                    product: row.name.product,
                    name: row.name.name,
                    period: row.name.period,
                };
                (key, row.used)
            })
            .collect())
    }
}

#[cfg(test)]
mod tests;
