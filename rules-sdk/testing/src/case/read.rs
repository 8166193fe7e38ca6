//! From the file to a family and its claims.

use tally_core::adjudication::{
    Accumulator, AccumulatorKey, AccumulatorScope, AccumulatorUnit, Description, key_of,
};
use tally_core::claim::{
    Authorization, AuthorizationKind, Claim, ClaimId, ClaimKind, Contract, Coordination, Frequency,
    Member, MemberReference, Provider, Relationship, ServiceLine, Sex, Span, SubmissionKey,
};
use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};
use toml::Spanned;

use super::file::{self, Text};
use super::{Case, Wrong, beside, expect};
use crate::family::Family;

/// The subscriber of a case that names no member.
const NOBODY: (&str, i32, i32) = ("A", 1980, 2020);

pub(super) fn wrong<T>(at: &Spanned<T>, what: impl Into<String>) -> Wrong {
    Wrong {
        at: Some(at.span().start),
        what: what.into(),
    }
}

/// Reads a text with a type's own parser.
pub(super) fn parsed<T, E: core::fmt::Display>(
    text: &Text,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Wrong> {
    parse(text.get_ref()).map_err(|error| wrong(text, format!("`{}`: {error}", text.get_ref())))
}

pub(super) fn date(text: &Text) -> Result<ServiceDate, Wrong> {
    parsed(text, ServiceDate::parse)
}

/// A date that is part of the text `at`.
pub(super) fn date_of(at: &Text, date: &str) -> Result<ServiceDate, Wrong> {
    ServiceDate::parse(date).map_err(|error| wrong(at, format!("`{date}`: {error}")))
}

pub(super) fn optional<T>(
    text: Option<&Text>,
    read: impl FnOnce(&Text) -> Result<T, Wrong>,
) -> Result<Option<T>, Wrong> {
    text.map(read).transpose()
}

/// A short code; none where there is no text.
pub(super) fn short(text: Option<&Text>) -> Result<ShortCode, Wrong> {
    let code = optional(text, |text| parsed(text, ShortCode::parse))?;
    Ok(code.unwrap_or(ShortCode::NONE))
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &Text, known: &[(&str, T)]) -> Result<T, Wrong> {
    let found = known.iter().find(|(name, _)| name == text.get_ref());
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let given = text.get_ref();
        wrong(text, format!("`{given}` is none of {}", names.join(", ")))
    })
}

pub(super) fn case(
    name: &str,
    file: &file::File,
    description: &Description,
) -> Result<Case, Wrong> {
    if file.title.get_ref().trim().is_empty() {
        return Err(wrong(&file.title, "a case has a title"));
    }
    if file.worked.get_ref().trim().is_empty() {
        return Err(wrong(
            &file.worked,
            "a case says how its numbers were worked out by hand",
        ));
    }
    for clause in &file.clauses {
        known_clause(clause, clause.get_ref(), description)?;
    }
    let mut family = Family::new(contract(file, description)?);
    for balance in &file.balance {
        let accumulator = accumulator(&balance.accumulator, description)?;
        let member = balance.member.as_ref().map(Text::get_ref);
        let at = balance.member.as_ref().unwrap_or(&balance.accumulator);
        let period = date(&balance.period)?;
        let key = key(at, accumulator, member, period, description)?;
        let used = amount(&balance.used, accumulator.unit)?;
        family.balances.insert(key, used);
    }
    if file.claim.is_empty() {
        return Err(Wrong {
            at: None,
            what: "a case has at least one [[claim]]".to_owned(),
        });
    }
    let mut claims = Vec::new();
    for (position, from) in (0u32..).zip(&file.claim) {
        let claim = claim(name, position, from, &family.contract)?;
        let expected = expect::expected(&from.get_ref().expect, &claim, &family, description)?;
        claims.push((claim, expected));
    }
    Ok(Case {
        title: file.title.get_ref().clone(),
        clauses: file.clauses.iter().map(|c| c.get_ref().clone()).collect(),
        family,
        claims,
    })
}

/// Whether a clause is one of the policy's, or a rule of the engine's.
pub(super) fn known_clause(
    at: &Text,
    clause: &str,
    description: &Description,
) -> Result<(), Wrong> {
    let known = description.clauses.iter().any(|known| known.id == clause)
        || tally_core::adjudication::EngineRule::of_id(clause).is_some();
    known
        .then_some(())
        .ok_or_else(|| wrong(at, format!("the policy has no clause `{clause}`")))
}

pub(super) fn accumulator<'a>(
    name: &Text,
    description: &'a Description,
) -> Result<&'a Accumulator, Wrong> {
    accumulator_named(name, name.get_ref(), description)
}

pub(super) fn accumulator_named<'a>(
    at: &Text,
    name: &str,
    description: &'a Description,
) -> Result<&'a Accumulator, Wrong> {
    let mut accumulators = description.accumulators.iter();
    accumulators
        .find(|known| known.name == name)
        .ok_or_else(|| {
            let names = description.accumulators.iter().map(|a| a.name.as_str());
            let names: Vec<&str> = names.collect();
            let names = names.join(", ");
            wrong(
                at,
                format!("the policy has no accumulator `{name}`; it has {names}"),
            )
        })
}

/// The key of an accumulator; a member for a member's, none for the family's.
pub(super) fn key(
    at: &Text,
    accumulator: &Accumulator,
    member: Option<&String>,
    period: ServiceDate,
    description: &Description,
) -> Result<AccumulatorKey, Wrong> {
    let name = &accumulator.name;
    match (accumulator.scope, member) {
        (AccumulatorScope::Member, None) => Err(wrong(at, format!("`{name}` is of a member"))),
        (AccumulatorScope::Family, Some(_)) => {
            Err(wrong(at, format!("`{name}` is of the whole family")))
        }
        (_, member) => {
            let member = member.map_or("", String::as_str);
            Ok(key_of(accumulator, &description.product, member, period))
        }
    }
}

/// Cents, or a count.
pub(super) fn amount(text: &Text, unit: AccumulatorUnit) -> Result<i64, Wrong> {
    match unit {
        AccumulatorUnit::Money => Ok(parsed(text, Money::parse)?.scaled()),
        AccumulatorUnit::Count => parsed(text, str::parse::<i64>),
    }
}

fn contract(file: &file::File, description: &Description) -> Result<Contract, Wrong> {
    let mut members = Vec::new();
    for from in &file.member {
        members.push(member(from, description)?);
    }
    if members.is_empty() {
        let (id, born, since) = NOBODY;
        let first_of = |year| ServiceDate::new(year, 1, 1).unwrap_or(ServiceDate::MIN);
        members.push(Member {
            id: id.to_owned(),
            name: id.to_owned(),
            birth: first_of(born),
            death: None,
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
            spans: vec![Span {
                product: description.product.clone(),
                from: first_of(since),
                through: None,
            }],
            authorizations: Vec::new(),
        });
    }
    let first = members.iter().flat_map(|member| &member.spans);
    let first = first.map(|span| span.from).min();
    let inception = match &file.contract {
        Some(text) => date(text)?,
        None => first.unwrap_or(ServiceDate::MIN),
    };
    let contract = Contract {
        id: "case".to_owned(),
        inception,
        members,
    };
    contract.check().map_err(|error| Wrong {
        at: file.member.first().map(|member| member.span().start),
        what: error.to_string(),
    })?;
    Ok(contract)
}

fn member(from: &Spanned<file::Member>, description: &Description) -> Result<Member, Wrong> {
    let member = from.get_ref();
    let product = |named: Option<&Text>| match named {
        Some(text) => text.get_ref().clone(),
        None => description.product.clone(),
    };
    let mut spans = Vec::new();
    match (&member.since, member.cover.is_empty()) {
        (Some(since), true) => spans.push(Span {
            product: product(member.product.as_ref()),
            from: date(since)?,
            through: optional(member.until.as_ref(), date)?,
        }),
        (None, false) => {
            for cover in &member.cover {
                spans.push(Span {
                    product: product(cover.product.as_ref()),
                    from: date(&cover.from)?,
                    through: optional(cover.through.as_ref(), date)?,
                });
            }
        }
        _ => {
            return Err(wrong(
                from,
                "either `since` or [[member.cover]] says the cover",
            ));
        }
    }
    let mut authorizations = Vec::new();
    for auth in &member.authorization {
        let number = auth.number.as_ref().map(|text| text.get_ref().clone());
        authorizations.push(Authorization {
            kind: match auth.referral {
                true => AuthorizationKind::Referral,
                false => AuthorizationKind::Authorization,
            },
            number: number.unwrap_or_default(),
            procedure: optional(auth.procedure.as_ref(), |text| parsed(text, Code::parse))?
                .unwrap_or(Code::NONE),
            provider: optional(auth.provider.as_ref(), |text| parsed(text, Code::parse))?
                .unwrap_or(Code::NONE),
            from: date(&auth.from)?,
            through: date(&auth.through)?,
            units: parsed(&auth.units, Quantity::parse)?,
        });
    }
    Ok(Member {
        id: member.id.get_ref().clone(),
        name: member.id.get_ref().clone(),
        birth: date(&member.birth)?,
        death: optional(member.death.as_ref(), date)?,
        sex: optional(member.sex.as_ref(), sex)?.unwrap_or(Sex::Unknown),
        relationship: optional(member.relationship.as_ref(), relationship)?
            .unwrap_or(Relationship::Subscriber),
        spans,
        authorizations,
    })
}

fn sex(text: &Text) -> Result<Sex, Wrong> {
    word(
        text,
        &[
            ("female", Sex::Female),
            ("male", Sex::Male),
            ("other", Sex::Other),
            ("unknown", Sex::Unknown),
        ],
    )
}

fn relationship(text: &Text) -> Result<Relationship, Wrong> {
    word(
        text,
        &[
            ("subscriber", Relationship::Subscriber),
            ("spouse", Relationship::Spouse),
            ("child", Relationship::Child),
            ("other", Relationship::Other),
        ],
    )
}

fn kind(text: &Text) -> Result<ClaimKind, Wrong> {
    word(
        text,
        &[
            ("professional", ClaimKind::Professional),
            ("institutional", ClaimKind::Institutional),
            ("oral", ClaimKind::Oral),
            ("vision", ClaimKind::Vision),
            ("pharmacy", ClaimKind::Pharmacy),
        ],
    )
}

fn system(text: &Text) -> Result<CodeSystem, Wrong> {
    word(
        text,
        &[
            ("hcpcs", CodeSystem::Hcpcs),
            ("cdt", CodeSystem::Cdt),
            ("ndc", CodeSystem::Ndc),
            ("rxnorm", CodeSystem::RxNorm),
            ("snomed", CodeSystem::Snomed),
            ("icd10-pcs", CodeSystem::Icd10Pcs),
            ("revenue", CodeSystem::Revenue),
            ("other", CodeSystem::Other),
            ("unspecified", CodeSystem::Unspecified),
        ],
    )
}

fn claim(
    name: &str,
    position: u32,
    from: &Spanned<file::Claim>,
    contract: &Contract,
) -> Result<Claim, Wrong> {
    let claim = from.get_ref();
    let coordination = beside::coordination(claim)?;
    let mut lines = Vec::new();
    for (number, line) in (1u16..).zip(&claim.line) {
        let diagnoses = claim.diagnoses.len();
        lines.push(service_line(number, line, diagnoses, &coordination)?);
    }
    let Some(last) = lines.iter().map(|line| line.through).max() else {
        return Err(wrong(from, "a claim has at least one [[claim.line]]"));
    };
    let charge = Money::checked_sum(lines.iter().map(|line| line.charge));
    let charge = charge.ok_or_else(|| wrong(from, "the charges are out of range"))?;
    let diagnoses = claim.diagnoses.iter();
    let diagnoses = diagnoses.map(|text| parsed(text, Code::parse));
    let received = match &claim.received {
        Some(text) => date(text)?,
        None => last.plus_days(1).unwrap_or(last),
    };
    let first = contract.members.first().map(|member| member.id.clone());
    let member = claim.member.as_ref().map(|text| text.get_ref().clone());
    Ok(Claim {
        id: ClaimId::of(&SubmissionKey {
            submitter: "cases".to_owned(),
            interchange: name.to_owned(),
            position,
        }),
        kind: optional(claim.kind.as_ref(), kind)?.unwrap_or(ClaimKind::Professional),
        frequency: Frequency::Original,
        replaces: None,
        control_number: format!("{}", u64::from(position) + 1),
        member: MemberReference::new(&member.or(first).unwrap_or_default()),
        billing: Provider::new(claim.billing.get_ref()),
        diagnoses: diagnoses.collect::<Result<_, _>>()?,
        authorizations: Vec::new(),
        charge,
        received,
        coordination,
        circumstances: beside::circumstances(claim)?,
        institutional: match &claim.institutional {
            Some(from) => Some(beside::institutional(from, &lines)?),
            None => None,
        },
        lines,
    })
}

fn service_line(
    number: u16,
    line: &file::Line,
    diagnoses: usize,
    coordination: &Coordination,
) -> Result<ServiceLine, Wrong> {
    let mut modifiers = [ShortCode::NONE; 4];
    for (i, text) in line.modifiers.iter().enumerate() {
        let slot = modifiers
            .get_mut(i)
            .ok_or_else(|| wrong(text, "a line has at most four modifiers"))?;
        *slot = parsed(text, ShortCode::parse)?;
    }
    let mut pointers = 0u32;
    for pointer in &line.diagnoses {
        let number = *pointer.get_ref();
        let bit = number.checked_sub(1).and_then(|i| 1u32.checked_shl(i));
        let named = usize::try_from(number).is_ok_and(|number| number <= diagnoses);
        pointers |= bit
            .filter(|_| named)
            .ok_or_else(|| wrong(pointer, format!("the claim has no diagnosis {number}")))?;
    }
    let from = date(&line.from)?;
    let procedure = optional(line.procedure.as_ref(), |text| parsed(text, Code::parse))?;
    let quantity = optional(line.quantity.as_ref(), |text| parsed(text, Quantity::parse))?;
    let quantity = quantity.unwrap_or(Quantity::ONE);
    Ok(ServiceLine {
        number,
        system: optional(line.system.as_ref(), system)?.unwrap_or(CodeSystem::Hcpcs),
        procedure: procedure.unwrap_or(Code::NONE),
        modifiers,
        revenue: short(line.revenue.as_ref())?,
        place: short(line.place.as_ref())?,
        diagnoses: pointers,
        quantity,
        charge: parsed(&line.charge, Money::parse)?,
        from,
        through: optional(line.through.as_ref(), date)?.unwrap_or(from),
        rendering: line
            .rendering
            .as_ref()
            .map(|text| Provider::new(text.get_ref())),
        emergency: line.emergency,
        detail: beside::detail(line)?,
        prior: beside::prior(line, quantity, coordination)?,
    })
}
