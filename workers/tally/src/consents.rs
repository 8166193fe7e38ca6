//! Grants, and readings, as commands and pages tell of them.

use serde_json::{Value, json};
use tally_core::ledger::access::{Bestowal, By, Grantee, Purpose, Reading, Scope};
use tally_types::ServiceDate;

use crate::node::consent::{Kept, ReadingRead, Rules};
use crate::node::keys::hex;
use crate::view;

/// By what right something was read, in words.
#[must_use]
pub fn by(by: &By) -> String {
    match by {
        By::Payer => "as the payer".to_owned(),
        By::Billing => "as the billing provider".to_owned(),
        By::Rendering => "as the rendering provider".to_owned(),
        By::Submitter => "as the submitter".to_owned(),
        By::Grant(grant) => format!("by grant {}", short(grant)),
        By::Group { grant, .. } => format!("by grant {} to a group", short(grant)),
        By::Custodian(custody) => format!("as the patient's custodian, {}", short(custody)),
        By::Emergency(reason) => format!("in an emergency: {reason}"),
    }
}

/// The first digits of a commitment: enough to name it on one node.
#[must_use]
pub fn short(commitment: &[u8; 32]) -> String {
    hex(commitment).chars().take(12).collect()
}

/// A second since 1970, for people.
#[must_use]
pub fn time(second: u64) -> String {
    let second = i64::try_from(second).ok();
    let time = second.and_then(|second| chrono::DateTime::from_timestamp(second, 0));
    time.map_or_else(
        || "-".to_owned(),
        |time| time.format("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// A right in a word, for machines.
fn right(by: &By) -> &'static str {
    match by {
        By::Payer => "payer",
        By::Billing => "billing",
        By::Rendering => "rendering",
        By::Submitter => "submitter",
        By::Grant(_) => "grant",
        By::Group { .. } => "group",
        By::Custodian(_) => "custodian",
        By::Emergency(_) => "emergency",
    }
}

/// A reading as JSON.
#[must_use]
pub fn reading_json(reading: &Reading) -> Value {
    let (grant, reason) = match &reading.by {
        By::Grant(grant) | By::Group { grant, .. } | By::Custodian(grant) => (Some(grant), None),
        By::Emergency(reason) => (None, Some(reason)),
        _ => (None, None),
    };
    json!({
        "reader": reading.reader.as_str(),
        "person": reading.person,
        "claim": reading.claim.to_string(),
        "purpose": reading.purpose.code(),
        "right": right(&reading.by),
        "grant": grant.map(|grant| hex(grant)),
        "reason": reason,
        "at": time(reading.at),
    })
}

/// A reading that was entered, as JSON.
#[must_use]
pub fn entered_json(read: &ReadingRead) -> Value {
    let mut json = reading_json(&read.reading);
    json["reading"] = hex(&read.commitment).into();
    json["entry"] = read.leaf.into();
    json
}

/// Purposes by their codes.
#[must_use]
pub fn purposes(of: &[Purpose]) -> String {
    let codes: Vec<_> = of.iter().map(|purpose| purpose.code()).collect();
    codes.join(", ")
}

/// The name of a list of codes; its hash where the configuration does not have it.
fn list(rules: &Rules, id: &[u8; 32]) -> String {
    let mut lists = rules.all_lists();
    let known = lists.find(|list| list.id() == *id);
    known.map_or_else(|| short(id), |list| list.name.clone())
}

/// Which claims a grant is of, in words.
#[must_use]
pub fn scope(scope: &Scope, rules: &Rules) -> String {
    let mut parts = Vec::new();
    match scope.claim {
        Some(claim) => parts.push(format!("claim {claim}")),
        None => parts.push("all claims".to_owned()),
    }
    if !scope.kinds.is_empty() {
        let kinds: Vec<_> = scope.kinds.iter().map(|kind| view::kind(*kind)).collect();
        parts.push(kinds.join(" or "));
    }
    match (
        scope.from > ServiceDate::MIN,
        scope.through < ServiceDate::MAX,
    ) {
        (false, false) => {}
        (true, false) => parts.push(format!("services from {}", scope.from)),
        (false, true) => parts.push(format!("services through {}", scope.through)),
        (true, true) => parts.push(format!("services {} to {}", scope.from, scope.through)),
    }
    let lists = |of: &[[u8; 32]]| {
        let names: Vec<_> = of.iter().map(|id| list(rules, id)).collect();
        names.join(", ")
    };
    if let Some(only) = &scope.only {
        parts.push(format!("only {}", list(rules, only)));
    }
    if !scope.except.is_empty() {
        parts.push(format!("except {}", lists(&scope.except)));
    }
    if !scope.expressly.is_empty() {
        parts.push(format!("expressly {}", lists(&scope.expressly)));
    }
    parts.join("; ")
}

/// What something granted is of, in words.
#[must_use]
pub fn of(kept: &Kept, rules: &Rules) -> String {
    match &kept.bestowal {
        Bestowal::Access(grant) => scope(&grant.scope, rules),
        Bestowal::Custody(_) => "acts for the patient".to_owned(),
        Bestowal::Membership(of) => format!("group {} of {}", of.group.name, of.group.keeper),
    }
}

/// What it is for, in codes.
#[must_use]
pub fn purpose(kept: &Kept) -> String {
    match &kept.bestowal {
        Bestowal::Access(grant) => purposes(&grant.purposes),
        Bestowal::Custody(_) => Purpose::PatientRequest.code().to_owned(),
        Bestowal::Membership(_) => "-".to_owned(),
    }
}

/// Something granted, as JSON.
#[must_use]
pub fn kept_json(kept: &Kept, rules: &Rules) -> Value {
    let (from, through) = kept.bestowal.days();
    let mut json = json!({
        "id": hex(&kept.commitment),
        "what": kept.what(),
        "keeper": kept.bestowal.keeper().as_str(),
        "of": of(kept, rules),
        "from": from.to_string(),
        "through": through.to_string(),
        "stands": kept.stands(),
        "entry": kept.place(),
    });
    match &kept.bestowal {
        Bestowal::Access(grant) => {
            let codes = grant.purposes.iter().map(|purpose| purpose.code());
            json["purposes"] = codes.collect::<Vec<_>>().into();
            json["to"] = match &grant.to {
                Grantee::Organisations(named) => named
                    .iter()
                    .map(|id| id.as_str())
                    .collect::<Vec<_>>()
                    .into(),
                Grantee::Group(group) => {
                    json!({ "group": group.name, "keeper": group.keeper.as_str() })
                }
            };
        }
        Bestowal::Custody(_) | Bestowal::Membership(_) => json["to"] = vec![kept.to()].into(),
    }
    json
}
