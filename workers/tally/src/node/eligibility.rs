//! Whether somebody is covered, and what is left of their benefits: answered from
//! enrolment, the policies in force on the day asked about, and the unit's balances.

mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::adjudication::{
    Accumulator, AccumulatorPeriod, AccumulatorScope, AccumulatorUnit, key_of, period_start,
};
use tally_core::claim::{Contract, MemberReference, UnitKey};
use tally_core::interchange::x12::{self, Asked, Enrolment, Stamp};
use tally_core::interchange::{
    BalanceKind, BalancePeriod, BenefitAmount, BenefitBalance, BenefitNetwork, Benefits,
    Eligibility, EligibilityRequest, ServiceBenefit, ServiceLimit, eligibility_response,
};
use tally_store::port::{AccumulatorName, Token, Work as _};
use tally_types::{Money, ServiceDate};

use super::Node;
use super::acknowledge::{HOUR, control};
use super::keys::hex;
use super::resolve::Enrolled;
use crate::config::PayerConfig;
use crate::policies::{Book, Loaded};

/// What a file of X12 inquiries was answered.
pub struct Answered {
    /// The 271, an interchange for each that holds inquiries; empty where there is
    /// none that can be read.
    pub text: String,
    /// The 999 of the file.
    pub receipts: String,
    /// Patients asked about.
    pub asked: u32,
    /// Patients of whom nothing could be said.
    pub unanswered: u32,
}

/// Enrolment as far as it is asked about.
struct Desk<'a> {
    node: &'a Node,
    book: Book,
    enrolled: Enrolled,
    /// By the unit.
    balances: BTreeMap<Token, BTreeMap<AccumulatorName, i64>>,
}

/// A balance of an accumulator on a day.
struct Standing<'a> {
    accumulator: &'a Accumulator,
    period: ServiceDate,
    used: i64,
}

impl Node {
    /// Answers a file of X12 270 inquiries. Those that say no day are of today.
    ///
    /// # Errors
    /// When the store fails, or the payer's or a plan's name fits no answer.
    pub async fn eligibility_x12(&self, text: &str, payer: &PayerConfig) -> Result<Answered> {
        let today = self.clock.today();
        let inquiries = x12::read_inquiries(text, today);
        let asked = inquiries.iter().map(|inquiry| {
            let whose = MemberReference::new(&inquiry.subscriber.identifier);
            (whose, inquiry.from)
        });
        let desk = self.desk(asked.collect()).await?;
        let token = self.keys.tokens.token("eligibility", &[text.as_bytes()]).0;
        let trace = hex(token.get(..8).unwrap_or_default());
        let stamp = Stamp {
            date: today,
            time: HOUR,
            control: control(&token),
            trace: &trace,
        };
        let receipts = x12::functional_acknowledgements(text, &stamp);
        let after = stamp.after(&receipts);
        let answered = x12::answer_eligibility(text, &desk, &payer.in_x12(), &after)
            .context("the inquiries could not be answered")?;
        Ok(Answered {
            text: answered.texts.concat(),
            receipts: receipts.concat(),
            asked: answered.asked,
            unanswered: answered.unanswered,
        })
    }

    /// Answers a FHIR request as a `CoverageEligibilityResponse`; and whether the
    /// member is known.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn eligibility_fhir(
        &self,
        request: &EligibilityRequest,
        payer: &PayerConfig,
    ) -> Result<(String, bool)> {
        let mut asked = request.clone();
        let sent = MemberReference::new(&asked.member.identifier);
        let desk = self.desk(vec![(sent.clone(), asked.from)]).await?;
        let contract = desk.contract(&sent.identifier, asked.from);
        asked.member.resolve(contract);
        let member = contract.and_then(|contract| {
            let at = contract.find(&asked.member)?;
            Some((contract, at))
        });
        let span = member.and_then(|(contract, at)| {
            let member = contract.members.get(at)?;
            Some((contract, member, member.span_on(asked.from)?))
        });
        let standing = span.map_or_else(Vec::new, |(contract, member, span)| {
            desk.standing(&Asked {
                contract,
                member,
                product: &span.product,
                on: asked.from,
            })
        });
        let of = span.map(|(.., span)| (span.product.as_str(), asked.from));
        let benefits = Benefits {
            plan: String::new(),
            balances: standing.iter().filter_map(balance).collect(),
            services: of.map_or_else(Vec::new, |(product, on)| desk.terms(product, on)),
            limits: of.map_or_else(Vec::new, |(product, on)| {
                desk.limits(product, on, &standing)
            }),
        };
        let period = standing
            .iter()
            .find(|of| of.accumulator.period != AccumulatorPeriod::Lifetime)
            .zip(member)
            .and_then(|(of, (contract, _))| {
                let next = of.period.plus_days(370)?;
                let next = period_start(of.accumulator.period, contract.inception, next);
                Some((of.period, next.plus_days(-1)?))
            });
        let response = eligibility_response(&Eligibility {
            // Of whom nobody knows nothing is said but what was sent.
            request: if member.is_some() { &asked } else { request },
            member,
            benefit_period: period,
            benefits: &benefits,
            insurer: payer.in_fhir(),
            created: self.clock.today(),
        });
        Ok((response, member.is_some()))
    }

    /// All that is needed to answer about members on days, with an audit entry of each
    /// of their units.
    async fn desk(&self, asked: Vec<(MemberReference, ServiceDate)>) -> Result<Desk<'_>> {
        let enrolled = self.enrolled_on(asked).await?;
        let unit = |contract: &Contract| self.unit_token(&UnitKey::contract(&contract.id));
        let units: BTreeSet<Token> = enrolled.contracts().map(unit).collect();
        let units: Vec<Token> = units.into_iter().collect();
        let mut balances = BTreeMap::new();
        if !units.is_empty() {
            let subjects: Vec<String> = units.iter().map(|unit| hex(&unit.0)).collect();
            self.audit("eligibility-answered", &subjects).await?;
            let states = self.store.units(&units).await?;
            for (unit, state) in units.into_iter().zip(states) {
                let of = state.accumulators.into_iter();
                balances.insert(unit, of.map(|row| (row.name, row.used)).collect());
            }
        }
        Ok(Desk {
            node: self,
            book: self.book().await?,
            enrolled,
            balances,
        })
    }
}

impl Desk<'_> {
    /// The policy of a product that is in force on a day.
    fn policy(&self, product: &str, on: ServiceDate) -> Option<&Arc<Loaded>> {
        let publication = self.book.publication(product, on)?;
        self.book.loaded(&publication.policy)
    }

    /// The terms of types of service of the policy in force on a day.
    fn terms(&self, product: &str, on: ServiceDate) -> Vec<ServiceBenefit> {
        let loaded = self.policy(product, on);
        loaded.map_or_else(Vec::new, |loaded| terms::terms(&loaded.tables, on))
    }

    /// The limits of types of service of the policy in force on a day, with what is used
    /// of them.
    fn limits(
        &self,
        product: &str,
        on: ServiceDate,
        standing: &[Standing<'_>],
    ) -> Vec<ServiceLimit> {
        let loaded = self.policy(product, on);
        let limits = loaded.map_or_else(Vec::new, |loaded| terms::limits(&loaded.tables, on));
        let of = limits.into_iter().filter_map(|of| {
            let balance = balance(standing.get(of.accumulator)?)?;
            balance.amount.limit()?;
            Some(ServiceLimit {
                service: of.service,
                per: of.per,
                balance,
            })
        });
        of.collect()
    }

    /// The accumulators of the policy in force on the day, each with its balance in
    /// the period that the day is in.
    fn standing(&self, asked: &Asked<'_>) -> Vec<Standing<'_>> {
        let loaded = self.policy(asked.product, asked.on);
        let unit = UnitKey::contract(&asked.contract.id);
        let balances = self.balances.get(&self.node.unit_token(&unit));
        let declared = loaded
            .into_iter()
            .flat_map(|loaded| &loaded.policy.description().accumulators);
        declared
            .map(|accumulator| {
                let inception = asked.contract.inception;
                let period = period_start(accumulator.period, inception, asked.on);
                let key = key_of(accumulator, asked.product, &asked.member.id, period);
                let name = self.node.accumulator_name(&key);
                let used = balances.and_then(|balances| balances.get(&name));
                Standing {
                    accumulator,
                    period,
                    used: used.copied().unwrap_or(0),
                }
            })
            .collect()
    }
}

impl Enrolment for Desk<'_> {
    fn contract(&self, identifier: &str, on: ServiceDate) -> Option<&Contract> {
        let whose = MemberReference::new(identifier);
        let member = self.node.member_token(identifier);
        let ((_, contract), _) = self.enrolled.on(member, &whose, on)?;
        Some(contract)
    }

    fn benefits(&self, asked: &Asked<'_>) -> Benefits {
        let loaded = self.policy(asked.product, asked.on);
        let title = loaded.map(|loaded| loaded.policy.description().title.clone());
        let standing = self.standing(asked);
        Benefits {
            plan: title.unwrap_or_else(|| asked.product.to_owned()),
            balances: standing.iter().filter_map(of_plan).collect(),
            services: self.terms(asked.product, asked.on),
            limits: self.limits(asked.product, asked.on, &standing),
        }
    }
}

/// What an accumulator of money with a limit is, by its name: policies call them
/// `deductible`, `out-of-pocket`, with `in-` or `out-` before it for a network.
/// What is of some services alone (`hearing-benefit`), or counts toward another year
/// (`in-deductible-last-quarter`), is none of them.
fn kind_of(name: &str) -> (Option<BalanceKind>, BenefitNetwork) {
    let (network, rest) = BenefitNetwork::of_accumulator(name);
    let kind = match rest.strip_suffix("-family").unwrap_or(rest) {
        "deductible" => Some(BalanceKind::Deductible),
        "out-of-pocket" => Some(BalanceKind::OutOfPocket),
        maximum if maximum.contains("maximum") => Some(BalanceKind::Maximum),
        _ => None,
    };
    (kind, network)
}

/// A balance of the plan as a whole: what is of some services alone has no place in
/// a 271, which would say it of all.
fn of_plan(of: &Standing<'_>) -> Option<BenefitBalance> {
    let money = of.accumulator.unit == AccumulatorUnit::Money;
    kind_of(&of.accumulator.name).0.filter(|_| money)?;
    balance(of).filter(|balance| balance.amount.limit().is_some())
}

/// A balance with a limit or use.
fn balance(of: &Standing<'_>) -> Option<BenefitBalance> {
    let Standing {
        accumulator,
        period,
        used,
    } = of;
    let limit = accumulator.limit_in(*period);
    if limit.is_none() && *used == 0 {
        return None;
    }
    let (kind, network) = kind_of(&accumulator.name);
    Some(BenefitBalance {
        name: accumulator.name.clone(),
        kind: kind.unwrap_or(BalanceKind::Maximum),
        family: accumulator.scope == AccumulatorScope::Family,
        network,
        period: match accumulator.period {
            AccumulatorPeriod::CalendarYear => BalancePeriod::CalendarYear,
            AccumulatorPeriod::ContractYear => BalancePeriod::ContractYear,
            AccumulatorPeriod::Lifetime => BalancePeriod::Lifetime,
        },
        amount: match accumulator.unit {
            AccumulatorUnit::Money => BenefitAmount::Money {
                limit: limit.map(Money::cents),
                used: Money::cents(*used),
            },
            AccumulatorUnit::Count => BenefitAmount::Count {
                limit: limit.and_then(|limit| u32::try_from(limit).ok()),
                used: u32::try_from(*used).unwrap_or(u32::MAX),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accumulators_are_known_by_their_names() {
        use BalanceKind as K;
        use BenefitNetwork as N;
        for (name, kind, network) in [
            ("in-deductible", K::Deductible, N::In),
            ("in-deductible-family", K::Deductible, N::In),
            ("out-deductible", K::Deductible, N::Out),
            ("deductible", K::Deductible, N::Any),
            ("out-of-pocket", K::OutOfPocket, N::Any),
            ("out-of-pocket-family", K::OutOfPocket, N::Any),
            ("in-out-of-pocket", K::OutOfPocket, N::In),
            ("out-out-of-pocket", K::OutOfPocket, N::Out),
            ("annual-maximum", K::Maximum, N::Any),
        ] {
            assert_eq!(kind_of(name), (Some(kind), network), "{name}");
        }
        assert_eq!(kind_of("hearing-benefit"), (None, N::Any));
        // What counts toward another year is no deductible of this one.
        assert_eq!(kind_of("in-deductible-last-quarter"), (None, N::In));
    }
}
