//! Granting, and taking back.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tally_core::canon::Canon as _;
use tally_core::ledger::access::{
    Bestowal, Custody, Grant, Grantee, Group, ListId, Membership, Patient, Scope,
};
use tally_core::ledger::shared::OrganisationId;
use tally_types::ServiceDate;

use super::{CustodianArgs, Days, GrantArgs, GroupArgs, ReceiveArgs, RevokeArgs, ScopeArgs};
use crate::cli::{Ended, NodeArgs, read_file, say};
use crate::consents::{kept_json, of, purpose, short};
use crate::node::Node;
use crate::node::consent::Rules;
use crate::node::keys::hex;

/// The first line of what a commitment opens to, as it is shown to another.
pub(super) const OPENING: &str = "tallystick-consent/v1";
/// The largest file of it.
const LIMIT: u64 = 64 << 10;

impl Days {
    fn from(&self, today: ServiceDate) -> ServiceDate {
        self.from.unwrap_or(today)
    }
}

/// In ascending order, each once.
fn ascending<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items.dedup();
    items
}

fn list(rules: &Rules, name: &str) -> Result<ListId> {
    if let Some(list) = rules.list(name) {
        return Ok(list.id());
    }
    let known: Vec<_> = rules.all_lists().map(|list| list.name.as_str()).collect();
    match known.is_empty() {
        true => bail!(
            "no list of codes `{name}`: the configuration has none; say `--config FILE` with a `[[code_list]]`"
        ),
        false => bail!(
            "no list of codes `{name}`: the configuration has {}",
            known.join(", ")
        ),
    }
}

fn lists(rules: &Rules, names: &[String]) -> Result<Vec<ListId>> {
    let ids = names.iter().map(|name| list(rules, name));
    Ok(ascending(ids.collect::<Result<_>>()?))
}

impl ScopeArgs {
    fn scope(&self, rules: &Rules) -> Result<Scope> {
        let all = Scope::all();
        Ok(Scope {
            claim: self.claim,
            kinds: ascending(self.kind.clone()),
            from: self.services_from.unwrap_or(all.from),
            through: self.services_through.unwrap_or(all.through),
            only: self
                .only
                .as_ref()
                .map(|name| list(rules, name))
                .transpose()?,
            except: lists(rules, &self.except)?,
            expressly: lists(rules, &self.expressly)?,
        })
    }
}

/// To whom it is granted.
fn grantee(args: &GrantArgs, own: &OrganisationId) -> Result<Grantee> {
    let Some(group) = &args.to_group else {
        return Ok(Grantee::Organisations(ascending(args.to.clone())));
    };
    let (keeper, name) = match group.split_once('/') {
        None => (own.clone(), group.as_str()),
        Some((keeper, name)) => {
            let keeper = OrganisationId::parse(keeper);
            let keeper = keeper.context("a group of another's is `KEEPER/NAME`")?;
            (keeper, name)
        }
    };
    Ok(Grantee::Group(Group {
        keeper,
        name: name.to_owned(),
    }))
}

/// Whose claims are meant: a member's of this node, or of whom a custodian acts for.
async fn patient(args: &GrantArgs, node: &Node, rules: &Rules) -> Result<Patient> {
    match (&args.member, &args.custody) {
        (Some(member), _) => node.patient_of(member).await,
        (None, Some(custody)) => match node.consent(rules, custody).await?.bestowal {
            Bestowal::Custody(custody) => Ok(custody.patient),
            _ => bail!("`--custody` is the id of a custody: `tally consent list` lists them"),
        },
        (None, None) => bail!("say whose claims: MEMBER, or `--custody ID` on a custodian's node"),
    }
}

pub(super) async fn grant(args: &GrantArgs) -> Result<Ended> {
    let (node, rules) = (args.node.open().await?, args.node.rules()?);
    let own = node.organisation_on(&rules).await?;
    let grant = Grant {
        to: grantee(args, &own)?,
        patient: patient(args, &node, &rules).await?,
        scope: args.scope.scope(&rules)?,
        purposes: ascending(args.purpose.clone()),
        from: args.days.from(node.clock().today()),
        through: args.days.through,
        keeper: own,
    };
    give(&node, &rules, Bestowal::Access(grant), args.json).await
}

pub(super) async fn custodian(args: &CustodianArgs) -> Result<Ended> {
    let (node, rules) = (args.node.open().await?, args.node.rules()?);
    let custody = Custody {
        patient: node.patient_of(&args.member).await?,
        custodian: args.custodian.clone(),
        payer: node.organisation_on(&rules).await?,
        from: args.days.from(node.clock().today()),
        through: args.days.through,
    };
    give(&node, &rules, Bestowal::Custody(custody), args.json).await
}

pub(super) async fn group(args: &GroupArgs) -> Result<Ended> {
    let (node, rules) = (args.node.open().await?, args.node.rules()?);
    let membership = Membership {
        group: Group {
            keeper: node.organisation_on(&rules).await?,
            name: args.group.clone(),
        },
        organisation: args.add.clone(),
        from: args.days.from(node.clock().today()),
        through: args.days.through,
    };
    give(&node, &rules, Bestowal::Membership(membership), args.json).await
}

async fn give(node: &Node, rules: &Rules, bestowal: Bestowal, json: bool) -> Result<Ended> {
    let commitment = node.bestow(rules, &bestowal).await?;
    let kept = node.consent(rules, &hex(&commitment)).await?;
    if json {
        say(kept_json(&kept, rules))?;
        return Ok(Ended::Well);
    }
    let (from, through) = kept.bestowal.days();
    let (to, of) = (kept.to(), of(&kept, rules));
    let may = match &kept.bestowal {
        Bestowal::Access(_) => format!("{to} may read {of} for {}", purpose(&kept)),
        Bestowal::Custody(_) => format!("{to} {of}"),
        Bestowal::Membership(_) => format!("{to} is in {of}"),
    };
    say(format!(
        "Granted, as {}: {may}, {from} through {through}.",
        short(&commitment)
    ))?;
    Ok(Ended::Well)
}

pub(super) async fn revoke(args: &RevokeArgs) -> Result<Ended> {
    let (node, rules) = (args.node.open().await?, args.node.rules()?);
    let kept = node.consent(&rules, &args.id).await?;
    let new = node.revoke(&rules, &kept, &args.reason).await?;
    if args.json {
        say(json!({ "id": hex(&kept.commitment), "revoked": true, "before": !new }))?;
        return Ok(Ended::Well);
    }
    let id = short(&kept.commitment);
    say(match new {
        true => format!("Taken back: {id}, {} to {}.", kept.what(), kept.to()),
        false => format!("{id} was taken back before: nothing is left to do."),
    })?;
    Ok(Ended::Well)
}

pub(super) async fn receive(args: &ReceiveArgs) -> Result<Ended> {
    let what = || format!("{} is no opening of a grant", args.file.display());
    let text = String::from_utf8(read_file(&args.file, LIMIT)?)
        .ok()
        .with_context(what)?;
    let body = text.strip_prefix(OPENING).with_context(what)?;
    let bytes = BASE64.decode(body.trim()).ok().with_context(what)?;
    let (salt, body) = bytes.split_first_chunk::<32>().with_context(what)?;
    let bestowal = Bestowal::from_canon(body).with_context(what)?;
    let (node, rules) = (args.node.open().await?, args.node.rules()?);
    let new = node.receive_consent(&rules, salt, &bestowal).await?;
    let id = hex(&bestowal.commitment(salt));
    if args.json {
        say(json!({ "id": id, "new": new }))?;
        return Ok(Ended::Well);
    }
    say(match new {
        true => format!("Taken in: {id}."),
        false => format!("{id} was here before."),
    })?;
    Ok(Ended::Well)
}

/// Opens a node with its rules.
pub(super) async fn opened(node: &NodeArgs) -> Result<(Node, Rules)> {
    Ok((node.open().await?, node.rules()?))
}
