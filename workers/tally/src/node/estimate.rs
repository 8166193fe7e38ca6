//! What a claim would come to, were it made now: by the same code as adjudication, on
//! the unit's present state and the published policies. Nothing is stored but that it
//! was asked.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::adjudication::{
    AccumulatorKey, AccumulatorUnit, Balances, Outcome, PastLine, key_of,
};
use tally_core::claim::{Claim, ClaimId, Contract, Frequency};
use tally_core::interchange::x12::text_of;
use tally_core::interchange::{Format, IntakeRule, Source, detect, read_claims};
use tally_sandbox::Backend;
use tally_store::port::{AccumulatorName, Reading as _, Token, Work as _};
use tally_types::ServiceDate;

use super::keys::hex;
use super::past::{Doing, Occupying};
use super::submit::refused;
use super::work::{is_decided, open_history};
use super::{Delivery, Node, RefusedClaim, adjudicate};
use crate::policies::Book;

/// A balance that an estimate assumed.
pub struct Assumed {
    /// The member it is of; `None` for the family's.
    pub member: Option<String>,
    /// The product, or the pool it shares with others.
    pub product: String,
    /// The accumulator.
    pub name: String,
    /// First day of the period.
    pub period: ServiceDate,
    /// What it counts.
    pub unit: AccumulatorUnit,
    /// Its limit in the period.
    pub limit: Option<i64>,
    /// What had accumulated.
    pub used: i64,
}

/// What a claim would come to.
pub struct Estimate {
    /// The claim, its member as enrolled.
    pub claim: Claim,
    /// What it would come to.
    pub outcome: Outcome,
    /// The balances that were assumed.
    pub assumed: Vec<Assumed>,
}

/// What the claims of a file would come to, each after those before it.
pub struct Estimated {
    /// Claims read.
    pub read: u32,
    /// Claims that would be refused.
    pub refusals: Vec<RefusedClaim>,
    /// The others, in order.
    pub estimates: Vec<Estimate>,
}

/// A unit as the estimates of a file would move it.
#[derive(Default)]
struct Unit {
    balances: BTreeMap<AccumulatorName, i64>,
    history: Arc<Vec<PastLine>>,
    /// Whether a claim of the file has moved it.
    touched: bool,
}

/// Whose accumulators a claim would move, and in whose place it would stand.
struct Resolved {
    unit: Token,
    contract: Option<Arc<Contract>>,
    original: Option<ClaimId>,
}

/// A unit's balances, noting which were asked for.
struct Noting<'a> {
    node: &'a Node,
    unit: &'a Unit,
    asked: RefCell<BTreeMap<AccumulatorKey, i64>>,
}

impl Balances for Noting<'_> {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        let name = self.node.accumulator_name(key);
        let used = self.unit.balances.get(&name).copied().unwrap_or(0);
        self.asked.borrow_mut().insert(key.clone(), used);
        used
    }
}

impl Node {
    /// Estimates what the claims of a file would come to, were it submitted now.
    /// Claims that ask for no more than that are read as well: FHIR of the use
    /// `predetermination`, and dental X12 with CLM19 `PB`. A replacement is put in the
    /// place of the claim that it names; it has to be the first of its unit in the
    /// file. A void comes to nothing.
    ///
    /// # Errors
    /// When the store fails, something stored is damaged, or the sandbox fails.
    pub async fn estimate(&self, delivery: Delivery<'_>) -> Result<Estimated> {
        let interchange = delivery.interchange();
        let format = delivery.format.or_else(|| detect(delivery.bytes));
        let mut read = read_claims(
            &as_claims(delivery.bytes, format),
            format,
            &Source {
                submitter: delivery.submitter,
                interchange: &interchange,
                received: self.clock().today(),
            },
        );
        let mut refusals: Vec<RefusedClaim> = read.refusals.iter().map(refused).collect();
        let enrolled = self.enrolled(&read.claims).await?;
        let mut resolved: Vec<Option<Resolved>> = Vec::new();
        for claim in &mut read.claims {
            if claim.frequency != Frequency::Original {
                match self.succeeding(claim, delivery.submitter).await? {
                    Ok(succeeding) => resolved.push(Some(succeeding)),
                    Err(refused) => {
                        refusals.push(refused);
                        resolved.push(None);
                    }
                }
                continue;
            }
            let of = self.resolve(claim, delivery.submitter, self.partitions(), &enrolled);
            resolved.push(Some(Resolved {
                unit: of.unit,
                contract: of.contract.map(|(_, contract)| contract),
                original: None,
            }));
        }
        let tokens = resolved.iter().flatten().map(|of| of.unit);
        let mut units = self.present(tokens).await?;
        let book = self.book().await?;
        let mut estimates = Vec::with_capacity(read.claims.len());
        for (claim, resolved) in read.claims.into_iter().zip(resolved) {
            let Some(of) = resolved else { continue };
            let unit = units.entry(of.unit).or_default();
            if let Some(original) = of.original {
                match self.in_place_of(&claim, original, of, unit, &book).await? {
                    Ok(estimate) => estimates.push(estimate),
                    Err(reason) => refusals.push(beside(original, NOT_ORIGINAL, reason)),
                }
                continue;
            }
            unit.touched = true;
            let noting = Noting {
                node: self,
                unit,
                asked: RefCell::default(),
            };
            let history = Arc::clone(&unit.history);
            let contract = of.contract.as_deref();
            let backend = Backend::Cranelift;
            let done = adjudicate(&book, &claim, contract, &history, &noting, backend)?;
            let asked = noting.asked.into_inner();
            for movement in &done.settled.movements {
                let name = self.accumulator_name(&movement.key);
                unit.balances.insert(name, movement.after);
            }
            Arc::make_mut(&mut unit.history).extend(done.settled.lines.iter().cloned());
            let outcome = done.settled.outcome;
            estimates.push(Estimate {
                assumed: assumed(asked, &outcome, &book),
                claim,
                outcome,
            });
            // A large file keeps nobody else waiting.
            tokio::task::yield_now().await;
        }
        Ok(Estimated {
            read: read.read,
            refusals,
            estimates,
        })
    }

    /// Where a replacement belongs; or why it cannot be estimated.
    async fn succeeding(
        &self,
        claim: &mut Claim,
        submitter: &str,
    ) -> Result<Result<Resolved, RefusedClaim>> {
        let partitions = self.partitions();
        let placed = self.succession(claim, submitter, partitions).await?;
        let (Some(original), Some(placed)) = (claim.replaces, placed) else {
            let reason = "it names no claim that it replaces or voids";
            return Ok(Err(RefusedClaim {
                place: "a claim".to_owned(),
                rule: IntakeRule::NoReplaced.id(),
                reason: reason.to_owned(),
            }));
        };
        let placed = match placed {
            Ok(_) if claim.frequency == Frequency::Void => {
                let reason = "a void comes to nothing: there is nothing to estimate";
                return Ok(Err(beside(original, NOT_ORIGINAL, reason)));
            }
            Ok(placed) => placed,
            Err(unable) => return Ok(Err(beside(original, unable.rule, unable.reason))),
        };
        Ok(Ok(Resolved {
            unit: placed.unit,
            contract: placed.contract.map(|(_, contract)| contract),
            original: Some(original),
        }))
    }

    /// What a replacement would come to in the place of the claim that it names, all
    /// later claims of the unit decided anew; or why it cannot be said.
    async fn in_place_of(
        &self,
        claim: &Claim,
        original: ClaimId,
        of: Resolved,
        unit: &mut Unit,
        book: &Book,
    ) -> Result<Result<Estimate, &'static str>> {
        if unit.touched {
            return Ok(Err(
                "it stands behind another claim of its family: estimate it in a file of its own",
            ));
        }
        let rows = self.store.claims_of_unit(of.unit).await?;
        if rows.iter().any(|row| !row.discarded && !is_decided(row)) {
            return Ok(Err(
                "claims of its family wait to be adjudicated: ask again when they are",
            ));
        }
        let subjects: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
        self.audit("claim-estimated", &subjects).await?;
        let mut stored = self.stored_past(of.unit, u64::MAX, None).await?;
        let stand = self.balances_of(of.unit).await?;
        let opening = self.opening(stand, &stored, book);
        let new = Occupying {
            claim: claim.clone(),
            contract: of.contract,
            prefix: book.prefix,
        };
        let doing = Doing::Replace(original, Box::new(new));
        let backend = Backend::Cranelift;
        let acted = stored.past.act(self, book, doing, &opening, backend)?;
        unit.touched = true;
        unit.balances.clone_from(&acted.balances);
        unit.history = Arc::new(acted.lines);
        let now = acted.changed.into_iter().filter_map(|changed| changed.now);
        let own = now.into_iter().find(|(of, ..)| of.id == claim.id);
        let (claim, adjudication, _) = own.context("a replacement came to nothing")?;
        let outcome = adjudication.settled.outcome;
        Ok(Ok(Estimate {
            assumed: assumed(moved(&claim, &outcome, book), &outcome, book),
            claim,
            outcome,
        }))
    }

    /// The state of units as it is now, with an audit entry of each.
    async fn present(&self, tokens: impl Iterator<Item = Token>) -> Result<BTreeMap<Token, Unit>> {
        let mut tokens: Vec<Token> = tokens.collect();
        tokens.sort_unstable();
        tokens.dedup();
        if tokens.is_empty() {
            return Ok(BTreeMap::new());
        }
        let subjects: Vec<String> = tokens.iter().map(|token| hex(&token.0)).collect();
        self.audit("claim-estimated", &subjects).await?;
        let states = self.store.units(&tokens).await?;
        let records: Vec<_> = states
            .iter()
            .flat_map(|state| state.history.iter().map(|sealed| sealed.record))
            .collect();
        let keys = self.vault.keys(&records).await?;
        let mut units = BTreeMap::new();
        for state in states {
            let mut history = Vec::new();
            // An erased claim's lines are gone, as they are to its successors.
            for sealed in &state.history {
                if let Some(key) = keys.get(&sealed.record) {
                    history.extend(open_history(key, sealed)?);
                }
            }
            let balances = state.accumulators.into_iter();
            let unit = Unit {
                balances: balances.map(|row| (row.name, row.used)).collect(),
                history: Arc::new(history),
                touched: false,
            };
            units.insert(state.unit, unit);
        }
        Ok(units)
    }
}

/// The rule by which what is no original is refused.
const NOT_ORIGINAL: IntakeRule = IntakeRule::NotOriginal;

/// A claim refused that is to take the place of another.
fn beside(original: ClaimId, rule: IntakeRule, reason: &str) -> RefusedClaim {
    RefusedClaim {
        place: format!("the claim that replaces or voids {original}"),
        rule: rule.id(),
        reason: reason.to_owned(),
    }
}

/// The balances that an outcome moves, as they were before it.
fn moved(claim: &Claim, outcome: &Outcome, book: &Book) -> BTreeMap<AccumulatorKey, i64> {
    let loaded = outcome.policy().and_then(|hash| book.loaded(&hash));
    let mut moved: BTreeMap<AccumulatorKey, i64> = BTreeMap::new();
    let Some(loaded) = loaded else { return moved };
    let description = loaded.policy.description();
    for posting in outcome.lines().iter().flat_map(|line| line.postings()) {
        if let Some(declared) = description.accumulator(&posting.accumulator) {
            let member = &claim.member.identifier;
            let key = key_of(declared, &description.product, member, posting.period);
            let least = moved.entry(key).or_insert(posting.before);
            *least = posting.before.min(*least);
        }
    }
    moved
}

/// The balances that were asked for, with what the policy says of them.
fn assumed(asked: BTreeMap<AccumulatorKey, i64>, outcome: &Outcome, book: &Book) -> Vec<Assumed> {
    let loaded = outcome.policy().and_then(|hash| book.loaded(&hash));
    let of = |(key, used): (AccumulatorKey, i64)| {
        let declared = loaded.and_then(|of| of.policy.description().accumulator(&key.name));
        Assumed {
            unit: declared.map_or(AccumulatorUnit::Money, |declared| declared.unit),
            limit: declared.and_then(|declared| declared.limit_in(key.period)),
            member: key.member,
            product: key.product,
            name: key.name,
            period: key.period,
            used,
        }
    };
    asked.into_iter().map(of).collect()
}

/// A file whose claims ask for an estimate, as one whose claims are made: the use of a
/// FHIR Claim, or CLM19 of a dental claim. Neither can stand inside a text of the
/// file: there quotes are escaped, and delimiters are none.
fn as_claims(bytes: &[u8], format: Option<Format>) -> Cow<'_, [u8]> {
    let changed = match format {
        Some(Format::FhirJson | Format::FhirNdjson) => {
            core::str::from_utf8(bytes).ok().and_then(fhir_as_claims)
        }
        // What is no text in it is refused at its place.
        Some(Format::X12) => x12_as_claims(&text_of(bytes)),
        _ => None,
    };
    changed.map_or(Cow::Borrowed(bytes), |text| Cow::Owned(text.into_bytes()))
}

fn fhir_as_claims(text: &str) -> Option<String> {
    const ASKS: &str = "\"predetermination\"";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ASKS) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = before.trim_end().strip_suffix(':').map(str::trim_end);
        let uses = name.is_some_and(|name| name.ends_with("\"use\""));
        out.push_str(if uses { "\"claim\"" } else { ASKS });
        rest = after.get(ASKS.len()..)?;
    }
    (!out.is_empty()).then(|| out + rest)
}

fn x12_as_claims(text: &str) -> Option<String> {
    let start = text.find("ISA")?;
    let header = text.get(start..)?;
    let element = header.chars().nth(3)?;
    let end = header.chars().nth(105)?;
    let mut changed = false;
    let segments: Vec<String> = text
        .split(end)
        .map(|segment| {
            let mut elements: Vec<&str> = segment.split(element).collect();
            let is_claim = elements.first().is_some_and(|tag| tag.trim() == "CLM");
            if is_claim && elements.get(19) == Some(&"PB") {
                changed = true;
                elements.truncate(19);
                // What ends in empty elements is a fault of its own.
                while elements.last() == Some(&"") {
                    elements.pop();
                }
            }
            elements.join(&element.to_string())
        })
        .collect();
    changed.then(|| segments.join(&end.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_an_estimate_is_read_as_a_claim() {
        let text = r#"{"use" : "predetermination","note":"\"use\":\"predetermination\"","code":"predetermination"}"#;
        let expected =
            r#"{"use" : "claim","note":"\"use\":\"predetermination\"","code":"predetermination"}"#;
        assert_eq!(fhir_as_claims(text).as_deref(), Some(expected));
        assert_eq!(fhir_as_claims(r#"{"use":"claim"}"#), None);

        let header = "ISA*00*          *00*          *ZZ*A              *ZZ*B              *260210*1023*^*00501*000000001*0*P*:~";
        let claim = "CLM*A-1*10***11:B:1*Y*A*Y*Y**********PB";
        let text = format!("{header}\n{claim}~\nREF*PB~");
        let expected = format!("{header}\nCLM*A-1*10***11:B:1*Y*A*Y*Y~\nREF*PB~");
        assert_eq!(x12_as_claims(&text), Some(expected));
        assert_eq!(x12_as_claims(&text.replace("**PB", "**XX")), None);
        assert_eq!(x12_as_claims("ISA"), None);
    }
}
