//! Enrolment in and out, `tallystick-contract/v1`: `docs/contract-json.md`.

use std::collections::BTreeMap;

use tally_types::Code;
use thiserror::Error;

use super::decimal;
use super::json::{self, Budget, Json, list, object, text};
use super::node::Node;
use super::refusal::{Fault, IntakeRule, Place as _};
use super::scalar;
use super::tally::{SEXES, check_fields, check_format, choice, word};
use crate::claim::{
    Authorization, AuthorizationKind, Contract, EnrolmentError, Limits, Member, Relationship, Sex,
    Span,
};

const FORMAT: &str = "tallystick-contract/v1";

const RELATIONSHIPS: [(&str, Relationship); 4] = [
    ("subscriber", Relationship::Subscriber),
    ("spouse", Relationship::Spouse),
    ("child", Relationship::Child),
    ("other", Relationship::Other),
];

/// Why a file of contracts is refused, all of it: enrolment is never half read.
/// It names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {reason} ({})", rule.id())]
pub struct ContractFileError {
    /// Where: `contracts[0].members[1].spans[0].from`.
    pub place: String,
    /// Which rule.
    pub rule: IntakeRule,
    /// What was found, in a sentence.
    pub reason: String,
}

impl From<Fault> for ContractFileError {
    fn from(fault: Fault) -> Self {
        Self {
            place: fault.place,
            rule: fault.rule,
            reason: fault.reason,
        }
    }
}

/// Reads a file of contracts: one, or a list. Each is sound
/// ([`Contract::check`]). No id of a contract stands twice in the file, nor that of a
/// member, but of one who left: whose cover under the one ended before that under the
/// other began.
///
/// # Errors
/// The first error, with its place.
pub fn read_contracts(bytes: &[u8]) -> Result<Vec<Contract>, ContractFileError> {
    super::check_file(bytes)?;
    let document = json::read(super::utf8(bytes, "file")?, "file", &mut Budget::new())?;
    let nodes: Vec<Node<'_>> = match &document {
        Json::List(_) => Node::new(&document, "contracts").list()?.collect(),
        _ => vec![Node::new(&document, "contract")],
    };
    if nodes.is_empty() {
        let fault = Fault::new(IntakeRule::Missing, "contracts", "the list is empty");
        return Err(fault.into());
    }
    let mut contracts: Vec<Contract> = Vec::new();
    let mut contract_ids: BTreeMap<String, String> = BTreeMap::new();
    let mut members: BTreeMap<String, Vec<(String, Member)>> = BTreeMap::new();
    for node in nodes {
        let contract = read_contract(&node)?;
        once(&mut contract_ids, &contract.id, node.place(), "contract")?;
        for (i, member) in contract.members.iter().enumerate() {
            let place = format!("{}.members[{i}]", node.place());
            let before = members.entry(member.id.clone()).or_default();
            let same = before.iter().find(|(_, other)| !member.is_apart(other));
            if let Some((first, _)) = same {
                return Err(again(&place, first, "member").into());
            }
            before.push((place, member.clone()));
        }
        contracts.push(contract);
    }
    Ok(contracts)
}

fn once(
    seen: &mut BTreeMap<String, String>,
    id: &str,
    place: &str,
    what: &str,
) -> Result<(), Fault> {
    match seen.insert(id.to_owned(), place.to_owned()) {
        None => Ok(()),
        Some(first) => Err(again(place, &first, what)),
    }
}

fn again(place: &str, first: &str, what: &str) -> Fault {
    Fault::new(
        IntakeRule::Sequence,
        format!("{place}.id"),
        format!("the {what} has the id of {first}"),
    )
}

fn read_contract(node: &Node<'_>) -> Result<Contract, Fault> {
    node.json().check_keys(node.place(), &|_| false)?;
    check_format(node, FORMAT)?;
    check_fields(node, &["format", "id", "inception", "members"])?;
    let mut members = Vec::new();
    for member in node.items_within("members", Limits::MEMBERS)? {
        members.push(read_member(&member)?);
    }
    let contract = Contract {
        id: scalar::need_identifier(&node.need("id")?)?,
        inception: scalar::date(&node.need("inception")?)?,
        members,
    };
    contract.check().map_err(|error| unsound(node, &error))?;
    Ok(contract)
}

/// What is not sound in a contract, at its place.
fn unsound(node: &Node<'_>, error: &EnrolmentError) -> Fault {
    let member = |number: &usize| format!("members[{}]", number.saturating_sub(1));
    let (rule, key) = match error {
        EnrolmentError::NoMembers => (IntakeRule::Missing, "members".to_owned()),
        EnrolmentError::SameId { second, .. } => {
            (IntakeRule::Sequence, format!("{}.id", member(second)))
        }
        EnrolmentError::Spans { member: m, span } => (
            IntakeRule::DatesOutOfOrder,
            format!("{}.spans[{}]", member(m), span.saturating_sub(1)),
        ),
        EnrolmentError::Authorization {
            member: m,
            authorization,
        } => (
            IntakeRule::DatesOutOfOrder,
            format!(
                "{}.authorizations[{}]",
                member(m),
                authorization.saturating_sub(1)
            ),
        ),
        EnrolmentError::DeathBeforeBirth { member: m } => {
            (IntakeRule::DatesOutOfOrder, format!("{}.death", member(m)))
        }
    };
    node.fault_at(&key, rule, error.to_string())
}

/// An identifier that every answer can name: X12 has 2 to 80 characters for it (NM109).
fn read_member_id(node: &Node<'_>) -> Result<String, Fault> {
    let id = scalar::need_identifier(node)?;
    let characters = id.chars().count();
    if !(2..=80).contains(&characters) {
        let reason =
            format!("2 to 80 characters may stand, as X12 names members; it has {characters}");
        let rule = match characters {
            0 | 1 => IntakeRule::BadText,
            _ => IntakeRule::TooLong,
        };
        return Err(node.fault(rule, reason));
    }
    Ok(id)
}

fn read_member(node: &Node<'_>) -> Result<Member, Fault> {
    check_fields(
        node,
        &[
            "id",
            "name",
            "birth",
            "death",
            "sex",
            "relationship",
            "spans",
            "authorizations",
        ],
    )?;
    let mut spans = Vec::new();
    for span in node.items_within("spans", Limits::SPANS)? {
        check_fields(&span, &["product", "from", "through"])?;
        spans.push(Span {
            product: scalar::need_identifier(&span.need("product")?)?,
            from: scalar::date(&span.need("from")?)?,
            through: match span.get("through")? {
                Some(day) => Some(scalar::date(&day)?),
                None => None,
            },
        });
    }
    let mut authorizations = Vec::new();
    for authorization in node.items_within("authorizations", Limits::MEMBER_AUTHORIZATIONS)? {
        authorizations.push(read_authorization(&authorization)?);
    }
    Ok(Member {
        id: read_member_id(&node.need("id")?)?,
        name: match node.get("name")? {
            Some(name) => scalar::identifier(&name)?.unwrap_or_default(),
            None => String::new(),
        },
        birth: scalar::date(&node.need("birth")?)?,
        death: match node.get("death")? {
            Some(day) => Some(scalar::date(&day)?),
            None => None,
        },
        sex: match node.get("sex")? {
            Some(sex) => choice(&sex, &SEXES, IntakeRule::BadText)?,
            None => Sex::Unknown,
        },
        relationship: choice(
            &node.need("relationship")?,
            &RELATIONSHIPS,
            IntakeRule::BadText,
        )?,
        spans,
        authorizations,
    })
}

const AUTHORIZATION_FIELDS: [&str; 7] = [
    "kind",
    "number",
    "procedure",
    "provider",
    "from",
    "through",
    "units",
];

const AUTHORIZATION_KINDS: [(&str, AuthorizationKind); 2] = [
    ("authorization", AuthorizationKind::Authorization),
    ("referral", AuthorizationKind::Referral),
];

fn read_authorization(node: &Node<'_>) -> Result<Authorization, Fault> {
    check_fields(node, &AUTHORIZATION_FIELDS)?;
    let kind = match node.get("kind")? {
        Some(kind) => choice(&kind, &AUTHORIZATION_KINDS, IntakeRule::BadText)?,
        None => AuthorizationKind::Authorization,
    };
    let procedure = match (node.get("procedure")?, kind) {
        (Some(procedure), _) => scalar::code(&procedure, procedure.text()?)?,
        (None, AuthorizationKind::Referral) => Code::NONE,
        (None, AuthorizationKind::Authorization) => {
            return Err(node.fault_at("procedure", IntakeRule::Missing, "it is missing"));
        }
    };
    let units = node.need("units")?;
    Ok(Authorization {
        kind,
        number: scalar::need_identifier(&node.need("number")?)?,
        procedure,
        provider: match node.get("provider")? {
            Some(provider) => scalar::code(&provider, provider.text()?)?,
            None => Code::NONE,
        },
        from: scalar::date(&node.need("from")?)?,
        through: scalar::date(&node.need("through")?)?,
        units: decimal::quantity(&units, units.number_or_text()?)?,
    })
}

/// A contract as `tallystick-contract/v1`, on one line.
#[must_use]
pub fn contract_json(contract: &Contract) -> String {
    object([
        ("format", text(FORMAT)),
        ("id", text(&contract.id)),
        ("inception", text(contract.inception.to_string())),
        ("members", list(contract.members.iter().map(member_json))),
    ])
    .to_string()
}

fn member_json(member: &Member) -> Json<'_> {
    let span = |span: &'_ Span| {
        object([
            ("product", text(span.product.clone())),
            ("from", text(span.from.to_string())),
            (
                "through",
                span.through.map_or(Json::Null, |day| text(day.to_string())),
            ),
        ])
    };
    let code = |code: Code| match code.is_none() {
        true => Json::Null,
        false => text(code.to_string()),
    };
    let authorization = |authorization: &Authorization| {
        object([
            ("kind", text(word(&AUTHORIZATION_KINDS, authorization.kind))),
            ("number", text(authorization.number.clone())),
            ("procedure", code(authorization.procedure)),
            ("provider", code(authorization.provider)),
            ("from", text(authorization.from.to_string())),
            ("through", text(authorization.through.to_string())),
            ("units", text(authorization.units.to_string())),
        ])
    };
    object([
        ("id", text(&member.id)),
        (
            "name",
            if member.name.is_empty() {
                Json::Null
            } else {
                text(&member.name)
            },
        ),
        ("birth", text(member.birth.to_string())),
        (
            "death",
            member.death.map_or(Json::Null, |day| text(day.to_string())),
        ),
        ("sex", text(word(&SEXES, member.sex))),
        (
            "relationship",
            text(word(&RELATIONSHIPS, member.relationship)),
        ),
        ("spans", list(member.spans.iter().map(span))),
        (
            "authorizations",
            list(member.authorizations.iter().map(authorization)),
        ),
    ])
}
