//! `tally adjudicate`: a policy, a file of claims, no node, nothing kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{AccumulatorKey, Balances, PastLine};
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, Contract, Member, Relationship, Sex, Span};
use tally_core::interchange::{self, Format, Source, read_claims, read_contracts};
use tally_core::ledger::PolicyPublished;
use tally_sandbox::{ABI, Backend, FUEL_COST_TABLE, Limits, Sandbox};
use tally_types::ServiceDate;

use super::claim::FormatArg;
use super::{Ended, say, table};
use crate::node::clock::Clock;
use crate::node::keys::hex;
use crate::policies::{Book, Loaded};

#[derive(Args)]
pub struct AdjudicateArgs {
    /// The policy: a component, as `tally policy build` writes it
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The claims: X12 837, FHIR R4 or our JSON; those of one contract are taken in order
    #[arg(long, value_name = "FILE")]
    claim: PathBuf,
    /// The contracts; without it every member is a subscriber born 1980-01-01 who is always covered
    #[arg(long, value_name = "FILE")]
    member: Option<PathBuf>,
    /// The day the claims are received; today when not said
    #[arg(long, value_parser = super::parse_date, value_name = "DATE")]
    as_of: Option<ServiceDate>,
    /// What the claims are; recognised when not said
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// `cranelift` or `pulley`
    #[arg(long, default_value = "cranelift")]
    backend: Backend,
    /// Print one outcome a line, as `tally claim export` does
    #[arg(long)]
    json: bool,
}

/// A unit in memory.
#[derive(Default)]
struct Unit {
    balances: BTreeMap<AccumulatorKey, i64>,
    history: Arc<Vec<PastLine>>,
}

impl Balances for Unit {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        self.balances.get(key).copied().unwrap_or(0)
    }
}

pub fn run(args: &AdjudicateArgs) -> Result<Ended> {
    let component = super::read_file(&args.policy, Limits::COMPONENT_BYTES as u64)?;
    let sandbox = Sandbox::new(args.backend)?;
    let loaded = Loaded::new(&sandbox, component)
        .with_context(|| format!("{} is no policy", args.policy.display()))?;
    let loaded = Arc::new(loaded);
    let book = Book::of_one(Arc::clone(&loaded), publication(&loaded));
    let contracts = match &args.member {
        None => None,
        Some(path) => {
            let bytes = super::read_file(path, 64 << 20)?;
            let contracts = read_contracts(&bytes)
                .with_context(|| format!("{} is no file of contracts", path.display()))?;
            for contract in &contracts {
                contract.check()?;
            }
            Some(contracts)
        }
    };
    let bytes = super::read_file(&args.claim, interchange::FileLimits::BYTES as u64)?;
    let interchange = hex(&Sha256::digest(&bytes));
    let mut read = read_claims(
        &bytes,
        args.format.map(Format::from),
        &Source {
            submitter: "local",
            interchange: &interchange,
            received: args.as_of.unwrap_or_else(|| Clock::System.today()),
        },
    );
    let product = &loaded.policy.description().product;
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    let mut rows = Vec::new();
    for claim in &mut read.claims {
        let contract = match &contracts {
            None => Some(covered(claim, product)),
            Some(contracts) => contracts
                .iter()
                .find(|contract| contract.find(&claim.member).is_some())
                .cloned(),
        };
        claim.member.resolve(contract.as_ref());
        let contract = contract.filter(|contract| contract.find(&claim.member).is_some());
        let claim = &*claim;
        let unit = contract
            .as_ref()
            .map_or_else(|| format!("?{}", claim.member.identifier), |c| c.id.clone());
        let unit = units.entry(unit).or_default();
        let history = Arc::clone(&unit.history);
        let done = crate::node::adjudicate(
            &book,
            claim,
            contract.as_ref(),
            &history,
            &*unit,
            args.backend,
        )?;
        for movement in &done.settled.movements {
            unit.balances.insert(movement.key.clone(), movement.after);
        }
        Arc::make_mut(&mut unit.history).extend(done.settled.lines.iter().cloned());
        let outcome = &done.settled.outcome;
        if args.json {
            say(interchange::outcome_json(claim, outcome))?;
        } else {
            rows.push(vec![
                claim.control_number.clone(),
                outcome.status().to_string(),
                outcome.charge().to_string(),
                outcome.allowed().to_string(),
                outcome.paid().to_string(),
                outcome.patient().to_string(),
                done.execution
                    .fuel
                    .map_or_else(|| "-".to_owned(), |fuel| fuel.to_string()),
            ]);
        }
    }
    if !args.json && !rows.is_empty() {
        say(table(
            &[
                "claim", "status", "charge>", "allowed>", "paid>", "patient>", "fuel>",
            ],
            rows,
        ))?;
    }
    for refusal in &read.refusals {
        if args.json {
            say(json!({
                "refused": { "place": refusal.place, "reason": format!("{} {}", refusal.rule.id(), refusal.reason) }
            }))?;
        }
        eprintln!(
            "refused: {}: {}: {} {}",
            args.claim.display(),
            refusal.place,
            refusal.rule.id(),
            refusal.reason
        );
    }
    Ok(if read.refusals.is_empty() {
        Ended::Well
    } else {
        Ended::Refused
    })
}

fn publication(loaded: &Loaded) -> PolicyPublished {
    let description = loaded.policy.description();
    PolicyPublished {
        product: description.product.clone(),
        effective: ServiceDate::MIN,
        policy: loaded.policy.hash(),
        tables: loaded.hashes.clone(),
        abi: ABI,
        fuel: Limits::FUEL,
        fuel_costs: FUEL_COST_TABLE,
        description: Sha256::digest(description.to_canon()).into(),
    }
}

/// A contract of one member who is always covered, as the claim describes them.
fn covered(claim: &Claim, product: &str) -> Contract {
    let described = claim.member.dependant.as_ref();
    let usual = ServiceDate::new(1980, 1, 1).unwrap_or(ServiceDate::MIN);
    let birth = described.map_or(usual, |patient| patient.birth);
    Contract {
        id: claim.member.identifier.clone(),
        inception: usual,
        members: vec![Member {
            id: claim.member.identifier.clone(),
            name: String::new(),
            birth,
            death: None,
            sex: described.map_or(Sex::Unknown, |patient| patient.sex),
            relationship: match described {
                Some(_) => Relationship::Other,
                None => Relationship::Subscriber,
            },
            spans: vec![Span {
                product: product.to_owned(),
                from: ServiceDate::MIN,
                through: None,
            }],
            authorizations: Vec::new(),
        }],
    }
}
