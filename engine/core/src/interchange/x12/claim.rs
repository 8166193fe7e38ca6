//! One claim of an 837: loop 2300, with the levels that it stands in.

use tally_types::{Money, ServiceDate, ShortCode};
use tally_x12::LoopRef;

use super::super::draft::Draft;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::{Source, scalar};
use super::spot::{Set, Spot};
use super::{coordination, institutional, line};
use crate::claim::{
    Accident, AccidentCause, Circumstances, Claim, ClaimId, ClaimKind, Dependant, Frequency,
    Limits, MemberReference, Provider, Sex,
};

/// A claim and what it stands in.
#[derive(Clone, Copy)]
pub(super) struct Levels<'t, 'a> {
    pub set: Set,
    pub kind: ClaimKind,
    /// The BHT.
    pub purpose: Option<Spot<'a>>,
    /// 2000A.
    pub billing: LoopRef<'t, 'a>,
    /// 2000B.
    pub subscriber: LoopRef<'t, 'a>,
    /// 2000C, where the patient is not the subscriber.
    pub patient: Option<LoopRef<'t, 'a>>,
    /// 2300.
    pub claim: LoopRef<'t, 'a>,
}

/// Which loop of a claim or line names whom, in each of the three guides.
pub(super) struct Roles {
    pub referring: &'static str,
    pub rendering: &'static str,
    pub facility: &'static str,
    pub line_rendering: &'static str,
}

impl<'t, 'a> Levels<'t, 'a> {
    /// The first segment of a name, and of a code, in a loop.
    pub fn find(&self, at: LoopRef<'t, 'a>, tag: &'static str, key: &str) -> Option<Spot<'a>> {
        let found = match key {
            "" => at.segment(tag),
            key => at.keyed(tag, key),
        };
        found.map(|found| Spot::new(self.set, at.id(), found))
    }

    /// All segments of a name in a loop.
    pub fn all(
        &self,
        at: LoopRef<'t, 'a>,
        tag: &'static str,
    ) -> impl Iterator<Item = Spot<'a>> + use<'t, 'a> {
        let set = self.set;
        at.segments(tag)
            .map(move |found| Spot::new(set, at.id(), found))
    }

    pub fn roles(&self) -> Roles {
        match self.kind {
            ClaimKind::Institutional => Roles {
                referring: "2310F",
                rendering: "2310D",
                facility: "2310E",
                line_rendering: "2420C",
            },
            _ => Roles {
                referring: "2310A",
                rendering: "2310B",
                facility: "2310C",
                line_rendering: "2420A",
            },
        }
    }

    /// Whether the lines' charges come to the claim's, as far as both can be read.
    pub fn lines_come_to_total(&self) -> Result<(), Fault> {
        let Some(clm) = self.find(self.claim, "CLM", "") else {
            return Ok(());
        };
        let total = clm.at(2);
        let Ok(stated) = total.money() else {
            return Ok(());
        };
        let mut sum = Money::ZERO;
        for line in self.claim.loops("2400") {
            let charge =
                line::service(self, line).and_then(|(spot, element)| spot.at(element).money());
            let Some(next) = charge.ok().and_then(|charge| sum.checked_add(charge)) else {
                return Ok(());
            };
            sum = next;
        }
        if sum == stated {
            return Ok(());
        }
        Err(total.fault(
            IntakeRule::TotalDiffers,
            format!("the total is {stated}, the lines come to {sum}"),
        ))
    }

    /// Whoever an NM1 names; none where it gives no identifier.
    pub fn provider(&self, at: LoopRef<'t, 'a>) -> Result<Option<Provider>, Fault> {
        let Some(name) = self.find(at, "NM1", "") else {
            return Ok(None);
        };
        if let Some(identifier) = name.at(9).identifier()? {
            return Ok(Some(Provider::new(&identifier)));
        }
        for key in ["G2", "EI", "SY", "1G", "0B", "LU"] {
            if let Some(reference) = self.find(at, "REF", key)
                && let Some(identifier) = reference.at(2).identifier()?
            {
                return Ok(Some(Provider::new(&identifier)));
            }
        }
        Ok(None)
    }

    /// Who bills: by the identifier of its name, by this payer's own number for it (REF
    /// G2, which stands with the payer), by another number.
    fn billing_provider(&self) -> Result<Option<Provider>, Fault> {
        let Some(billing) = self.billing.one("2010AA") else {
            return Ok(None);
        };
        let has_identifier = match self.find(billing, "NM1", "") {
            Some(name) => name.at(9).identifier()?.is_some(),
            None => return Ok(None),
        };
        if !has_identifier
            && let Some(payer) = self.subscriber.one("2010BB")
            && let Some(reference) = self.find(payer, "REF", "G2")
            && let Some(identifier) = reference.at(2).identifier()?
        {
            return Ok(Some(Provider::new(&identifier)));
        }
        self.provider(billing)
    }

    /// Whoever the first loop of a name in another names.
    pub fn named(&self, at: LoopRef<'t, 'a>, id: &'static str) -> Result<Option<Provider>, Fault> {
        match at.one(id) {
            Some(found) => self.provider(found),
            None => Ok(None),
        }
    }

    /// Whoever the first loop of a name in another names, for somebody of their own also
    /// where no number is given: then by their name ([`Provider::without_number`]), so
    /// that they are not taken for another.
    pub fn person(&self, at: LoopRef<'t, 'a>, id: &'static str) -> Result<Option<Provider>, Fault> {
        let numbered = self.named(at, id)?;
        let Some(name) = at.one(id).and_then(|found| self.find(found, "NM1", "")) else {
            return Ok(numbered);
        };
        let parts = [3, 4, 5, 7].map(|element| name.at(element).text);
        Ok(Some(
            numbered.unwrap_or_else(|| Provider::without_number(&parts)),
        ))
    }

    fn fault(&self, at: LoopRef<'t, 'a>, rule: IntakeRule, reason: &str) -> Fault {
        let place = format!("set {}, segment {}, {}", self.set.0, at.begins(), at.id());
        Fault::new(rule, place, reason)
    }

    /// The member: the subscriber, or somebody the patient loop describes.
    fn member(&self) -> Result<MemberReference, Fault> {
        let missing = |at| self.fault(at, IntakeRule::NoMember, "nothing names the member");
        let Some(subscriber) = self.subscriber.one("2010BA") else {
            return Err(missing(self.subscriber));
        };
        let name = self.find(subscriber, "NM1", "");
        let identifier = match name {
            Some(name) => name.at(9).identifier()?,
            None => None,
        };
        let identifier = identifier.ok_or_else(|| missing(subscriber))?;
        let Some(patient) = self.patient else {
            // SBR02 says that the subscriber is the patient.
            if let Some(insured) = self.find(self.subscriber, "SBR", "")
                && insured.at(2).text != "18"
            {
                return Err(insured.at(2).fault(
                    IntakeRule::NoMember,
                    "the subscriber is not said to be the patient (18), and no patient follows",
                ));
            }
            return Ok(MemberReference::new(&identifier));
        };
        let described = patient.one("2010CA").ok_or_else(|| missing(patient))?;
        let (Some(name), Some(demographics)) = (
            self.find(described, "NM1", ""),
            self.find(described, "DMG", ""),
        ) else {
            return Err(missing(described));
        };
        let text = |element| name.at(element).identifier().map(Option::unwrap_or_default);
        Ok(MemberReference {
            identifier,
            dependant: Some(Dependant {
                family: text(3)?,
                given: text(4)?,
                birth: demographics.at(2).day()?,
                sex: match demographics.at(3).text {
                    "F" => Sex::Female,
                    "M" => Sex::Male,
                    _ => Sex::Unknown,
                },
            }),
        })
    }

    fn check_purpose(&self) -> Result<(), Fault> {
        let Some(purpose) = self.purpose else {
            return Ok(());
        };
        let what = match purpose.at(6).text {
            "RP" => "an encounter that is reported",
            "31" => "a demand of subrogation",
            _ => return self.check_currency(),
        };
        Err(purpose.at(6).fault(
            IntakeRule::NotAClaim,
            format!("it is {what}; only claims (CH) are adjudicated"),
        ))
    }

    fn check_currency(&self) -> Result<(), Fault> {
        match self.find(self.billing, "CUR", "") {
            Some(currency) if currency.at(2).text != "USD" => Err(currency
                .at(2)
                .fault(IntakeRule::Currency, "only USD is adjudicated")),
            _ => Ok(()),
        }
    }

    /// Whether it is an original, and which claim it takes the place of.
    fn frequency(&self, clm: &Spot<'a>) -> Result<(Frequency, Option<ClaimId>), Fault> {
        let code = clm.part(5, 3);
        let frequency = match code.text {
            "1" => {
                return match self.find(self.claim, "REF", "F8") {
                    None => Ok((Frequency::Original, None)),
                    Some(reference) => Err(reference.at(2).fault(
                        IntakeRule::NotOriginal,
                        "it is an original (1), and names a claim that it replaces or voids",
                    )),
                };
            }
            "7" => Frequency::Replacement,
            "8" => Frequency::Void,
            other => {
                let what = match other {
                    "0" => "a bill that asks for nothing (0)",
                    "2" | "3" | "4" => "an interim bill (2, 3, 4)",
                    "5" => "late charges (5)",
                    _ => "of a frequency that is not known",
                };
                return Err(code.fault(
                    IntakeRule::NotOriginal,
                    format!("it is {what}; 1, 7 and 8 are taken"),
                ));
            }
        };
        let Some(reference) = self.find(self.claim, "REF", "F8") else {
            return Err(code.fault(
                IntakeRule::NoReplaced,
                "it names no claim that it replaces or voids (REF F8)",
            ));
        };
        let number = reference.at(2);
        match ClaimId::parse(&number.text.to_ascii_lowercase()) {
            Some(id) => Ok((frequency, Some(id))),
            None => Err(number.fault(
                IntakeRule::NoReplaced,
                "it is no number that this payer gives its claims",
            )),
        }
    }

    /// The referral that the claim names, else the first that one of its lines does.
    fn referral(&self) -> Result<Option<String>, Fault> {
        let lines = self.claim.loops("2400");
        for at in core::iter::once(self.claim).chain(lines) {
            let mut named = line::numbers(self, at, "9F")?.into_iter();
            if let Some(referral) = named.next() {
                return Ok(Some(referral));
            }
        }
        Ok(None)
    }

    fn circumstances(&self, clm: &Spot<'a>) -> Result<Circumstances, Fault> {
        let roles = self.roles();
        let causes = [1, 2, 3].map(|component| clm.part(11, component).text);
        let cause = [
            ("AA", AccidentCause::Vehicle),
            ("EM", AccidentCause::Employment),
            ("OA", AccidentCause::Other),
        ]
        .into_iter()
        .find(|(code, _)| causes.contains(code));
        let on = match self.find(self.claim, "DTP", "439") {
            Some(date) => Some(date.at(3).days()?.0),
            None => None,
        };
        Ok(Circumstances {
            referral: self.referral()?,
            referring: self.named(self.claim, roles.referring)?,
            facility: self.named(self.claim, roles.facility)?,
            accident: cause.map(|(_, cause)| Accident { cause, on }),
        })
    }

    /// Whether the whole of it is an emergency: by the type of the admission (1).
    pub fn is_emergency(&self) -> bool {
        self.find(self.claim, "CL1", "")
            .is_some_and(|kind| kind.at(1).text == "1")
    }

    /// The days of lines that have none of their own.
    pub fn usual_days(&self) -> Result<Option<(ServiceDate, ServiceDate)>, Fault> {
        let code = match self.kind {
            ClaimKind::Institutional => "434",
            _ => "472",
        };
        match self.find(self.claim, "DTP", code) {
            Some(date) => date.at(3).days().map(Some),
            None => Ok(None),
        }
    }

    /// Where lines are done that do not say: CLM05-1 of all but institutional claims.
    pub fn usual_place(&self) -> Result<ShortCode, Fault> {
        match (self.kind, self.find(self.claim, "CLM", "")) {
            (ClaimKind::Institutional, _) | (_, None) => Ok(ShortCode::NONE),
            (_, Some(clm)) => clm.part(5, 1).short(),
        }
    }
}

/// Reads a claim whose transaction set fits its guide.
pub(super) fn read(
    levels: &Levels<'_, '_>,
    source: &Source<'_>,
    position: u32,
) -> Result<Claim, Fault> {
    levels.check_purpose()?;
    let Some(clm) = levels.find(levels.claim, "CLM", "") else {
        return Err(levels.fault(levels.claim, IntakeRule::Missing, "there is no CLM"));
    };
    if clm.at(19).text == "PB" {
        return Err(clm.at(19).fault(
            IntakeRule::NotAClaim,
            "it asks what would be paid (a predetermination, PB); only claims are adjudicated: \
             ask for an estimate",
        ));
    }
    if matches!(clm.at(8).text, "N" | "W") {
        return Err(clm.at(8).fault(
            IntakeRule::NotAssigned,
            "the benefits are not assigned to the provider (Y), and nobody else is paid here",
        ));
    }
    let (frequency, replaces) = levels.frequency(&clm)?;
    let billing = levels.billing_provider()?.ok_or_else(|| {
        let reason = "nothing names the billing provider";
        levels.fault(levels.billing, IntakeRule::NoProvider, reason)
    })?;
    let diagnoses = institutional::diagnoses(levels)?;
    let mut authorizations = line::numbers(levels, levels.claim, "G1")?;
    let coordination = coordination::read(levels)?;
    let mut lines = Vec::new();
    for line in levels.claim.loops("2400") {
        authorizations.extend(line::numbers(levels, line, "G1")?);
        lines.push(line::read(levels, line, &diagnoses, &coordination)?);
    }
    authorizations.sort();
    authorizations.dedup();
    if authorizations.len() > Limits::AUTHORIZATIONS {
        return Err(clm.fault(
            IntakeRule::TooMany,
            format!(
                "{} authorisation numbers where at most {} may stand",
                authorizations.len(),
                Limits::AUTHORIZATIONS
            ),
        ));
    }
    let draft = Draft {
        frequency,
        replaces,
        control_number: scalar::checked(&clm.at(1), clm.at(1).text)?.unwrap_or_default(),
        diagnoses: diagnoses.codes,
        authorizations,
        coordination,
        circumstances: levels.circumstances(&clm)?,
        institutional: institutional::read(levels, &clm)?,
        lines,
        ..Draft::new(levels.kind, levels.member()?, billing)
    };
    let total = clm.at(2);
    let stated = total.money()?;
    draft.into_claim(&clm.place(), Some((stated, &total)), source, position)
}
