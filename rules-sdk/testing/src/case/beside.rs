//! What may stand on a claim beside its lines: other payers, circumstances, what
//! only institutional claims, drugs and teeth have.

use tally_core::claim::{
    Accident, AccidentCause, Circumstances, Coordination, DatedProcedure, Drug, Institutional,
    LineDetail, OccurrenceCode, OtherPayer, PriorAdjustment, PriorLine, Provider, ServiceLine,
    Tooth, ValueCode,
};
use tally_types::{Code, Group, Money, Quantity, ServiceDate, ShortCode};

use super::Wrong;
use super::file::{self, Text};
use super::read::{date, date_of, optional, parsed, short, word, wrong};

/// The words of a text, of which there are as many as are asked for.
fn words<'a, const N: usize>(text: &'a Text, form: &str) -> Result<[&'a str; N], Wrong> {
    let words: Vec<&str> = text.get_ref().split_whitespace().collect();
    words
        .try_into()
        .map_err(|_| wrong(text, format!("`{}` is not as in `{form}`", text.get_ref())))
}

/// A word of a text, by its type's own parser.
fn part<T, E: core::fmt::Display>(
    text: &Text,
    word: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Wrong> {
    parse(word).map_err(|error| wrong(text, format!("`{word}`: {error}")))
}

fn money(text: &Text) -> Result<Money, Wrong> {
    parsed(text, Money::parse)
}

fn adjustment(text: &Text) -> Result<PriorAdjustment, Wrong> {
    let [group, reason, amount] = words(text, "CO 45 20.00")?;
    Ok(PriorAdjustment {
        group: match group {
            "CO" => Group::Co,
            "PR" => Group::Pr,
            "OA" => Group::Oa,
            "PI" => Group::Pi,
            _ => return Err(wrong(text, "a group is CO, PR, OA or PI")),
        },
        reason: part(text, reason, ShortCode::parse)?,
        amount: part(text, amount, Money::parse)?,
    })
}

fn adjustments(texts: &[Text]) -> Result<Vec<PriorAdjustment>, Wrong> {
    texts.iter().map(adjustment).collect()
}

/// The payers of a claim. One that says no place is the first.
pub(super) fn coordination(claim: &file::Claim) -> Result<Coordination, Wrong> {
    let mut others: Vec<OtherPayer> = Vec::new();
    for from in &claim.payer {
        let payer = from.get_ref();
        if others.iter().any(|other| other.sequence == payer.sequence) {
            return Err(wrong(from, "two payers have one place"));
        }
        others.push(OtherPayer {
            identifier: format!("payer-{}", payer.sequence),
            sequence: payer.sequence,
            filing: short(payer.filing.as_ref())?,
            paid: optional(payer.paid.as_ref(), money)?,
            remaining: optional(payer.remaining.as_ref(), money)?,
            decided: None,
            adjustments: adjustments(&payer.adjustments)?,
        });
    }
    Ok(Coordination {
        sequence: claim.sequence.unwrap_or(1),
        others,
        patient_paid: optional(claim.patient_paid.as_ref(), money)?.unwrap_or_default(),
    })
}

/// What other payers did to a line.
pub(super) fn prior(
    line: &file::Line,
    quantity: Quantity,
    coordination: &Coordination,
) -> Result<Vec<PriorLine>, Wrong> {
    let mut prior = Vec::new();
    for from in &line.prior {
        let place = *from.payer.get_ref();
        let position = (0u8..)
            .zip(&coordination.others)
            .find(|(_, other)| other.sequence == place);
        let Some((payer, _)) = position else {
            let what = format!("the claim has no [[claim.payer]] of sequence {place}");
            return Err(wrong(&from.payer, what));
        };
        prior.push(PriorLine {
            payer,
            paid: money(&from.paid)?,
            units: quantity,
            remaining: optional(from.remaining.as_ref(), money)?,
            decided: None,
            adjustments: adjustments(&from.adjustments)?,
        });
    }
    Ok(prior)
}

fn provider(text: Option<&Text>) -> Option<Provider> {
    text.map(|text| Provider::new(text.get_ref()))
}

/// What led to the care.
pub(super) fn circumstances(claim: &file::Claim) -> Result<Circumstances, Wrong> {
    let cause = |text: &Text| {
        let known = [
            ("vehicle", AccidentCause::Vehicle),
            ("employment", AccidentCause::Employment),
            ("other", AccidentCause::Other),
        ];
        word(text, &known)
    };
    let accident = optional(claim.accident.as_ref(), cause)?;
    Ok(Circumstances {
        referral: claim.referral.as_ref().map(|text| text.get_ref().clone()),
        referring: provider(claim.referring.as_ref()),
        facility: provider(claim.facility.as_ref()),
        accident: accident.map(|cause| Accident { cause, on: None }),
    })
}

/// What only an institutional claim has. Its statement is of the days of its lines
/// unless it says otherwise.
pub(super) fn institutional(
    from: &file::Institutional,
    lines: &[ServiceLine],
) -> Result<Institutional, Wrong> {
    let first = lines.iter().map(|line| line.from).min();
    let last = lines.iter().map(|line| line.through).max();
    let mut procedures = Vec::new();
    for text in &from.procedures {
        let words: Vec<&str> = text.get_ref().split_whitespace().collect();
        let (code, on) = match words.as_slice() {
            [code] => (*code, None),
            [code, on] => (*code, Some(date_of(text, on)?)),
            _ => return Err(wrong(text, "as in `0DTJ4ZZ 2026-01-03`, or the code alone")),
        };
        procedures.push(DatedProcedure {
            code: part(text, code, Code::parse)?,
            on,
        });
    }
    let mut values = Vec::new();
    for text in &from.values {
        let [code, amount] = words(text, "80 5.00")?;
        values.push(ValueCode {
            code: part(text, code, ShortCode::parse)?,
            amount: part(text, amount, Money::parse)?,
        });
    }
    let mut occurrences = Vec::new();
    for text in &from.occurrences {
        let words: Vec<&str> = text.get_ref().split_whitespace().collect();
        let (code, from, through) = match words.as_slice() {
            [code, from] => (*code, *from, None),
            [code, from, through] => (*code, *from, Some(date_of(text, through)?)),
            _ => return Err(wrong(text, "as in `11 2026-01-03`, or with a last day")),
        };
        occurrences.push(OccurrenceCode {
            code: part(text, code, ShortCode::parse)?,
            from: date_of(text, from)?,
            through,
        });
    }
    let conditions = from.conditions.iter();
    Ok(Institutional {
        bill_type: short(from.bill_type.as_ref())?,
        from: optional(from.from.as_ref(), date)?
            .or(first)
            .unwrap_or(ServiceDate::MIN),
        through: optional(from.through.as_ref(), date)?
            .or(last)
            .unwrap_or(ServiceDate::MIN),
        admission: optional(from.admission.as_ref(), date)?,
        admission_type: short(from.admission_type.as_ref())?,
        origin: short(from.origin.as_ref())?,
        discharge: short(from.discharge.as_ref())?,
        drg: short(from.drg.as_ref())?,
        attending: provider(from.attending.as_ref()),
        procedures,
        values,
        occurrences,
        conditions: conditions
            .map(|text| parsed(text, ShortCode::parse))
            .collect::<Result<_, _>>()?,
    })
}

/// What only some lines have.
pub(super) fn detail(line: &file::Line) -> Result<LineDetail, Wrong> {
    let drug = |text: &Text| {
        let [ndc, quantity, unit] = words(text, "00409115801 2 ML")?;
        Ok(Drug {
            ndc: part(text, ndc, Code::parse)?,
            quantity: part(text, quantity, Quantity::parse)?,
            unit: part(text, unit, ShortCode::parse)?,
        })
    };
    let tooth = |text: &Text| {
        let words: Vec<&str> = text.get_ref().split_whitespace().collect();
        let (code, surfaces) = match words.as_slice() {
            [code] => (*code, None),
            [code, surfaces] => (*code, Some(*surfaces)),
            _ => return Err(wrong(text, "as in `14 MOD`, or the tooth alone")),
        };
        Ok(Tooth {
            code: part(text, code, ShortCode::parse)?,
            surfaces: match surfaces {
                Some(surfaces) => part(text, surfaces, ShortCode::parse)?,
                None => ShortCode::NONE,
            },
        })
    };
    let cavities = line.cavities.iter();
    Ok(LineDetail {
        control_number: String::new(),
        unit: short(line.unit.as_ref())?,
        drug: optional(line.drug.as_ref(), drug)?,
        cavities: cavities
            .map(|text| parsed(text, ShortCode::parse))
            .collect::<Result<_, _>>()?,
        teeth: line.teeth.iter().map(tooth).collect::<Result<_, _>>()?,
        non_covered: Money::ZERO,
    })
}
