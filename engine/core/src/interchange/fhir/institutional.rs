//! What only institutional Claims have: supporting information by the categories of
//! CARIN Blue Button and HL7, codes of the NUBC by their systems, and procedures.

use tally_types::{Code, ServiceDate, ShortCode};

use super::super::decimal;
use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding::{self, Coding};
use super::dates::{self, Days};
use super::supporting::{self, Info};
use super::who::{Role, Who};
use super::{diagnosis, sequence_of};
use crate::claim::{
    ClaimKind, DatedProcedure, Institutional, Limits, OccurrenceCode, ServiceLine, ValueCode,
};

/// Reads them; `days` are those of the billable period, else those of the lines.
pub(super) fn read<'a>(
    who: &Who<'a, '_>,
    kind: ClaimKind,
    bill_type: ShortCode,
    lines: &[(ServiceLine, String)],
) -> Result<Option<Institutional>, Fault> {
    if kind != ClaimKind::Institutional {
        return Ok(None);
    }
    let claim = who.claim;
    let billable = match claim.get("billablePeriod")? {
        Some(node) => dates::period(&node)?,
        None => None,
    };
    let Some((from, through)) = billable.or_else(|| days_of(lines)) else {
        return Ok(None); // without lines the claim is refused for that
    };
    let mut read = Institutional {
        bill_type,
        from,
        through,
        admission: None,
        admission_type: ShortCode::NONE,
        origin: ShortCode::NONE,
        discharge: ShortCode::NONE,
        drg: diagnosis::group(claim)?,
        attending: who.in_role(Role::Attending)?,
        procedures: procedures(claim, who)?,
        values: Vec::new(),
        occurrences: Vec::new(),
        conditions: Vec::new(),
    };
    for info in claim.items("supportingInfo")? {
        add(&mut read, &info)?;
    }
    if let Some(list) = read.too_many() {
        return Err(claim.fault_at(
            "supportingInfo",
            IntakeRule::TooMany,
            format!("more {list} than a claim may have"),
        ));
    }
    Ok(Some(read))
}

fn days_of(lines: &[(ServiceLine, String)]) -> Option<Days> {
    let from = lines.iter().map(|(line, _)| line.from).min();
    from.zip(lines.iter().map(|(line, _)| line.through).max())
}

/// What a piece of supporting information says.
fn add(read: &mut Institutional, info: &Node<'_>) -> Result<(), Fault> {
    let kind = supporting::kind(info)?;
    if kind == Some(Info::Admission) {
        read.admission = timing(info)?.map(|(from, _)| from);
        return Ok(());
    }
    let rank = |system: &str| match kind {
        Some(Info::Group) => diagnosis::drg(system),
        _ => system.to_ascii_lowercase().contains("nubc").then_some(0),
    };
    let Some(code) = coding::picked_at(info, "code", rank)? else {
        return Ok(());
    };
    let short = scalar::short_code(&code.node, code.code);
    match kind {
        Some(Info::AdmissionType) => read.admission_type = short?,
        Some(Info::Origin) => read.origin = short?,
        Some(Info::Discharge) => read.discharge = short?,
        Some(Info::Group) => read.drg = short?,
        _ => add_code(read, info, &code)?,
    }
    Ok(())
}

/// What a code of the NUBC says, by the list it is of.
fn add_code(read: &mut Institutional, info: &Node<'_>, code: &Coding<'_>) -> Result<(), Fault> {
    let Some(list) = coding::meaning_at(info, "code", |coding| nubc(coding.system))? else {
        return Ok(());
    };
    let short = scalar::short_code(&code.node, code.code)?;
    match list {
        Nubc::Value => {
            let value = info.need("valueQuantity")?.need("value")?;
            read.values.push(ValueCode {
                code: short,
                amount: decimal::money(&value, value.number()?)?,
            });
        }
        Nubc::Occurrence | Nubc::Span => {
            let (from, through) = timing(info)?
                .ok_or_else(|| info.fault(IntakeRule::NoDate, "an occurrence has no day"))?;
            read.occurrences.push(OccurrenceCode {
                code: short,
                from,
                through: (list == Nubc::Span).then_some(through),
            });
        }
        Nubc::Condition => read.conditions.push(short),
    }
    Ok(())
}

fn timing(info: &Node<'_>) -> Result<Option<Days>, Fault> {
    if let Some(day) = info.get("timingDate")? {
        return Ok(scalar::day_if_whole(&day)?.map(|day| (day, day)));
    }
    match info.get("timingPeriod")? {
        Some(period) => dates::period(&period),
        None => Ok(None),
    }
}

/// A list of the National Uniform Billing Committee.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nubc {
    Value,
    Occurrence,
    Span,
    Condition,
}

fn nubc(system: Option<&str>) -> Option<Nubc> {
    let system = system?.to_ascii_lowercase();
    if !system.contains("nubc") {
        return None;
    }
    match system.trim_end_matches('/').rsplit('/').next()? {
        "valuecodes" => Some(Nubc::Value),
        "occurrencecodes" => Some(Nubc::Occurrence),
        "occurrencespancodes" => Some(Nubc::Span),
        "conditioncodes" => Some(Nubc::Condition),
        _ => None,
    }
}

/// The procedures: in order of their sequence, the one typed principal first.
fn procedures<'a>(claim: &Node<'a>, who: &Who<'a, '_>) -> Result<Vec<DatedProcedure>, Fault> {
    let most = Limits::PROCEDURES;
    let mut found: Vec<(bool, u16, DatedProcedure)> = Vec::new();
    for procedure in claim.items_within("procedure", most)? {
        coding::understood(&procedure)?;
        let mut principal = false;
        for concept in procedure.items("type")? {
            principal |= coding::codings(&concept)?
                .iter()
                .any(|coding| matches!(coding.code, "principal" | "primary"));
        }
        let sequence = sequence_of(&procedure)?;
        let code = procedure_code(&procedure, who)?;
        let on: Option<ServiceDate> = match procedure.get("date")? {
            Some(day) => scalar::day_if_whole(&day)?,
            None => None,
        };
        found.push((!principal, sequence, DatedProcedure { code, on }));
    }
    found.sort_by_key(|(secondary, sequence, _)| (*secondary, *sequence));
    Ok(found.into_iter().map(|(_, _, found)| found).collect())
}

/// A procedure's code, in place or in the Procedure it refers to.
fn procedure_code<'a>(procedure: &Node<'a>, who: &Who<'a, '_>) -> Result<Code, Fault> {
    let concept = match procedure.get("procedureReference")? {
        None => procedure.need("procedureCodeableConcept")?,
        Some(reference) => who
            .resolve(&reference)?
            .ok_or_else(|| {
                reference.fault(
                    IntakeRule::Pointer,
                    "the procedure it refers to is not in the file",
                )
            })?
            .need("code")?,
    };
    let coding = coding::pick(&concept, coding::icd)?
        .ok_or_else(|| concept.fault(IntakeRule::Missing, "a procedure needs a code"))?;
    scalar::code(&coding.node, coding.code)
}
