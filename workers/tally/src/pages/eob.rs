//! The explanation of benefits a member is sent: what was billed, who bears what
//! and why, how far deductible and limit have come, and what to do about it. For
//! paper as much as for a screen.

use askama::Template;
use axum::extract::Path;
use tally_core::adjudication::{AccumulatorKey, AccumulatorUnit, key_of, period_start};
use tally_core::appeal::Party;
use tally_core::claim::{Claim, Contract, UnitKey};
use tally_store::port::Appeals as _;
use tally_types::{Money, ServiceDate};

use super::chart::{Svg, bar};
use super::readings::{Told, told};
use super::show::{Shell, Tab, encoded, grouped, html, short};
use super::{Answered, Shared, Site};
use crate::appeals::is_overdue;
use crate::config::AppealLevels;
use crate::eob::member::{Bears, Because, MemberEob, Service, Shares};
use crate::node::statement::{Asked, Stood, described, statement};
use crate::node::{ClaimRead, Stage, is_gone};
use crate::policies::Book;
use crate::view::{ClaimView, accumulator_words};

/// An amount with its currency.
pub(super) fn dollars(amount: Money) -> String {
    let text = grouped(amount);
    match text.strip_prefix('−') {
        Some(digits) => format!("−${digits}"),
        None => format!("${text}"),
    }
}

/// Shares as a page shows them.
struct Shown {
    billed: String,
    discount: String,
    refused: String,
    other: String,
    paid: String,
    owed: String,
}

impl Shown {
    fn of(shares: &Shares) -> Self {
        Self {
            billed: dollars(shares.billed),
            discount: dollars(shares.discount),
            refused: dollars(shares.refused),
            other: dollars(shares.other),
            paid: dollars(shares.paid),
            owed: dollars(shares.owed),
        }
    }
}

struct Why {
    amount: String,
    class: &'static str,
    whose: &'static str,
    words: String,
    clause: Option<(String, String)>,
}

struct Row {
    what: &'static str,
    code: String,
    days: String,
    denied: bool,
    shown: Shown,
    because: Vec<Why>,
}

/// How far an accumulator has come, this claim included.
struct Gauge {
    name: String,
    whose: &'static str,
    bar: Svg,
    /// What this claim added; none when nothing.
    added: Option<String>,
    used: String,
    limit: String,
    left: String,
    full: bool,
}

/// Another payer, as the provider reported it.
struct Payer {
    name: String,
    paid: Option<String>,
    decided: Option<String>,
}

/// How long a member has to appeal, as far as the payer's configuration says it.
struct Rights {
    within: Option<String>,
    hours: Option<String>,
    /// The levels after the first: name, and how long one may go on to it.
    further: Vec<(String, String)>,
    /// The name of the first level.
    first: Option<String>,
    /// Of this claim: the level at which the member may appeal next, and the last day.
    next: Option<(String, String)>,
    /// By when an appeal that is open is to be decided.
    open: Option<String>,
}

impl Rights {
    fn of(appeal: &AppealLevels) -> Self {
        let mut levels = appeal.levels_of_members();
        let first = levels.next();
        let hours = first.and_then(|level| level.expedited);
        Self {
            within: first.map(|level| level.file_within.to_string()),
            hours: hours.map(|hours| match hours {
                1 => "1 hour".to_owned(),
                hours => format!("{hours} hours"),
            }),
            further: levels
                .map(|level| (level.name.clone(), level.file_within.to_string()))
                .collect(),
            first: first.map(|level| level.name.clone()),
            next: None,
            open: None,
        }
    }

    /// Whether the claim has come to a level after the first, or past all of them: what
    /// is said of the first is over.
    fn is_further(&self) -> bool {
        self.open.is_some()
            || self
                .first
                .as_ref()
                .is_some_and(|first| self.next.as_ref().is_none_or(|(level, _)| level != first))
    }
}

#[derive(Template)]
#[template(path = "eob.html")]
struct EobPage<'a> {
    shell: Shell,
    view: &'a ClaimView,
    patient: Option<String>,
    statement: Option<String>,
    today: String,
    days: String,
    decided: bool,
    /// Whether it was taken back.
    gone: bool,
    denied: bool,
    owes: bool,
    totals: Shown,
    has_refused: bool,
    has_other: bool,
    columns: usize,
    provider: String,
    received: String,
    split: Svg,
    rows: Vec<Row>,
    payers: Vec<Payer>,
    patient_paid: Option<String>,
    year: Option<String>,
    gauges: Vec<Gauge>,
    carried: Vec<(String, String)>,
    rights: Rights,
    /// Readings of this claim in an emergency.
    emergencies: Vec<Told>,
}

pub(super) async fn page(site: Shared, Path(id): Path<String>) -> Answered {
    let node = &site.node;
    let read = site.claim(&id, "page:eob").await?;
    let book = node.book().await?;
    let view = ClaimView::of(&read, &book);
    let eob = MemberEob::of(&view);
    let contract = match read.row.contract {
        Some(_) => node.read_contract(&read.claim.member.identifier).await?,
        None => None,
    };
    let (gauges, carried) = match &contract {
        Some(contract) if eob.decided && !is_gone(&read) => {
            site.gauges(contract, &read, &book).await?
        }
        _ => (Vec::new(), Vec::new()),
    };
    let claim = &read.claim;
    let member = contract.as_ref().and_then(|contract| {
        let mut members = contract.members.iter();
        members.find(|member| member.id == claim.member.identifier)
    });
    // A column without an amount is left out.
    let any = |get: fn(&Shares) -> Money| eob.services.iter().any(|s| !get(&s.shares).is_zero());
    let (has_refused, has_other) = (any(|s| s.refused), any(|s| s.other));
    let emergencies = told(&node.emergencies_of(read.row.id).await?);
    html(&EobPage {
        emergencies,
        shell: Shell::new(
            &format!("Explanation of benefits {}", short(&view.claim)),
            Tab::Claims,
            node.origin(),
        ),
        patient: member.map(|member| member.name.clone()),
        statement: member.map(|member| format!("/members/{}/statement", encoded(&member.id))),
        today: in_words(node.clock().today()),
        days: all_days(claim),
        decided: eob.decided,
        gone: is_gone(&read),
        denied: view.status == "denied",
        owes: !eob.totals.owed.is_zero(),
        totals: Shown::of(&eob.totals),
        columns: 5 + usize::from(has_refused) + usize::from(has_other),
        has_refused,
        has_other,
        provider: match claim.billing.is_npi {
            true => format!("NPI {}", view.provider),
            false => view.provider.clone(),
        },
        received: in_words(claim.received),
        split: split(&eob),
        rows: eob.services.iter().map(row).collect(),
        payers: payers(claim),
        patient_paid: Some(claim.coordination.patient_paid)
            .filter(|paid| !paid.is_zero())
            .map(dollars),
        year: (!gauges.is_empty()).then(|| claim.first_service().year().to_string()),
        gauges,
        carried,
        rights: site.rights(&read).await?,
        view: &view,
    })
}

impl Site {
    /// What a member may do who does not agree.
    async fn rights(&self, read: &ClaimRead) -> anyhow::Result<Rights> {
        let mut rights = Rights::of(&self.payer.appeal);
        let next = self
            .node
            .appealable_until(self.payer.appeal.levels(), &read.row, &[Party::Member])
            .await?;
        rights.next = next.map(|(level, last)| (level, in_words(last)));
        let mut rows = self.node.store().appeals_of(read.row.id).await?;
        rows.retain(|row| row.open);
        let now = self.node.moment();
        let open = self.node.read_appeals(rows, "page:eob-appeals").await?;
        let open = open.iter().find(|of| !is_overdue(of, now));
        rights.open = open.map(|of| in_words(of.appeal.due(now).day));
        Ok(rights)
    }

    /// Deductibles and out-of-pocket limits as they stood after a claim: those of
    /// the plan's network, and others that this claim was counted toward. And
    /// what was carried over from the period before, by name and amount: it is in
    /// no balance of this period, and what it lowers is the policy's to know.
    async fn gauges(
        &self,
        contract: &Contract,
        read: &ClaimRead,
        book: &Book,
    ) -> anyhow::Result<(Vec<Gauge>, Vec<(String, String)>)> {
        let loaded = read.outcome.as_ref().and_then(|outcome| {
            let hash = outcome.policy()?;
            book.loaded(&hash)
        });
        let Some(loaded) = loaded else {
            return Ok((Vec::new(), Vec::new()));
        };
        let unit = self.node.unit_token(&UnitKey::contract(&contract.id));
        let stages = self.node.stages(unit, "page:eob-balances").await?;
        // As they stand, up to this claim's place in the order.
        let own = stages.iter().find(|stage| stage.row.id == read.row.id);
        let asked = Asked {
            through: Some(own.map_or(read.row.sequence, |stage| stage.place)),
            ..Asked::default()
        };
        let stood: Vec<Stood<'_>> = stages.iter().map(Stage::stood).collect();
        let made = statement(&stood, &described(book), asked);
        let description = loaded.policy.description();
        let member = &read.claim.member.identifier;
        let first = read.claim.first_service();
        let (mut gauges, mut carried) = (Vec::new(), Vec::new());
        for declared in &description.accumulators {
            let counted = ["deductible", "out-of-pocket"]
                .iter()
                .any(|word| declared.name.contains(word));
            if declared.unit != AccumulatorUnit::Money || !counted {
                continue;
            }
            let period = period_start(declared.period, contract.inception, first);
            if let Some(before) = period.plus_days(-1).filter(|_| declared.carried) {
                let before = period_start(declared.period, contract.inception, before);
                let key = key_of(declared, &description.product, member, before);
                let account = made.accounts.iter().find(|account| account.key == key);
                if let Some(account) = account.filter(|account| account.balance > 0) {
                    let amount = dollars(Money::cents(account.balance));
                    let name = accumulator_words(&declared.name);
                    carried.push((format!("{name}, {}", whose(&key)), amount));
                }
            }
            let Some(limit) = declared.limit_in(period).filter(|limit| *limit > 0) else {
                continue;
            };
            let key = key_of(declared, &description.product, member, period);
            let account = made.accounts.iter().find(|account| account.key == key);
            let used = account.map_or(0, |account| account.balance);
            let entries = account.into_iter().flat_map(|account| &account.entries);
            let added: i64 = entries
                .filter(|entry| {
                    let source = entry.source.as_ref();
                    source.is_some_and(|source| source.claim == read.row.id)
                })
                .map(|entry| entry.amount)
                .sum();
            // Of the other network only where this claim was counted there.
            let other = declared.name.starts_with("out-") && !declared.name.starts_with("out-of-");
            if other && added == 0 {
                continue;
            }
            // Where a member bears more toward the family's than toward their own,
            // their own stops nothing: the deductible is the family's together.
            let together = made.accounts.iter().filter(|account| {
                let ours = account.key.member.is_none() && key.member.is_some();
                ours && account.key.period == period
                    && account.key.name.strip_suffix("-family") == Some(&declared.name)
            });
            let borne: i64 = together
                .flat_map(|account| &account.entries)
                .filter(|entry| entry.source.as_ref().is_some_and(|of| of.member == *member))
                .map(|entry| entry.amount)
                .sum();
            if borne > used {
                continue;
            }
            let before = used - added;
            gauges.push(Gauge {
                name: accumulator_words(&declared.name),
                whose: whose(&key),
                bar: bar(
                    &[(0, before, "before"), (before, used, "added")],
                    limit.max(used),
                ),
                added: (added != 0).then(|| dollars(Money::cents(added))),
                used: dollars(Money::cents(used)),
                limit: dollars(Money::cents(limit)),
                left: dollars(Money::cents((limit - used).max(0))),
                full: used >= limit,
            });
        }
        Ok((gauges, carried))
    }
}

fn whose(key: &AccumulatorKey) -> &'static str {
    match key.member {
        Some(_) => "the patient’s own",
        None => "the family’s together",
    }
}

/// The days of service, from the first to the last.
fn all_days(claim: &Claim) -> String {
    let first = claim.first_service();
    let last = claim.lines.iter().map(|line| line.through).max();
    match last {
        Some(last) if last > first => format!("{} to {}", in_words(first), in_words(last)),
        _ => in_words(first),
    }
}

/// A day that nobody reads the wrong way round: `3 February 2026`.
fn in_words(day: ServiceDate) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (year, month, date) = day.ymd();
    let month = usize::try_from(month).unwrap_or(0).saturating_sub(1);
    let month = MONTHS.get(month).copied().unwrap_or_default();
    format!("{date} {month} {year}")
}

fn split(eob: &MemberEob) -> Svg {
    let totals = &eob.totals;
    let whole = totals.billed.scaled();
    if !eob.decided {
        return bar(&[(0, whole, "pended")], whole);
    }
    let parts = [
        (totals.discount, "co"),
        (totals.refused, "denied"),
        (totals.other, "oa"),
        (totals.paid, "paid"),
        (totals.owed, "pr"),
    ];
    let mut from = 0;
    let pieces = parts.map(|(amount, class)| {
        // A price above the charge takes the discount below zero.
        let to = from + amount.scaled().max(0);
        let piece = (from, to, class);
        from = to;
        piece
    });
    bar(&pieces, whole.max(from))
}

fn row(service: &Service) -> Row {
    let day = |text: &str| ServiceDate::parse(text).map_or_else(|_| text.to_owned(), in_words);
    Row {
        what: service.what,
        code: service.code.clone(),
        days: match &service.days {
            (first, last) if first == last => day(first),
            (first, last) => format!("{} to {}", day(first), day(last)),
        },
        denied: service.denied,
        shown: Shown::of(&service.shares),
        because: service.because.iter().map(why).collect(),
    }
}

fn why(because: &Because) -> Why {
    let (class, whose) = match because.bears {
        Bears::Member => ("pr", "You may owe"),
        Bears::Other => ("oa", "Other insurance"),
        Bears::Discount => ("co", "Discount"),
        Bears::Provider => ("gone", "Not owed"),
        Bears::Elsewhere => ("gone", "Not paid here"),
    };
    Why {
        amount: dollars(because.amount),
        class,
        whose,
        words: because.words.clone(),
        clause: because.clause.clone(),
    }
}

fn payers(claim: &Claim) -> Vec<Payer> {
    (1..)
        .zip(&claim.coordination.others)
        .map(|(number, payer): (u32, _)| Payer {
            name: match payer.identifier.as_str() {
                "" => format!("Other insurance {number}"),
                name => name.to_owned(),
            },
            paid: paid_by(claim, number - 1).or(payer.paid).map(dollars),
            decided: payer.decided.map(in_words),
        })
        .collect()
}

/// What another payer paid of the lines; none when no line says so.
fn paid_by(claim: &Claim, payer: u32) -> Option<Money> {
    let mut paid = claim
        .lines
        .iter()
        .flat_map(|line| &line.prior)
        .filter(|prior| u32::from(prior.payer) == payer)
        .map(|prior| prior.paid)
        .peekable();
    paid.peek()?;
    Money::checked_sum(paid)
}
