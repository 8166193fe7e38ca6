//! The claims of a file with what became of each, by provider: the file is gone
//! through as when it was read, so that positions are the same.

use std::collections::{BTreeMap, BTreeSet};

use tally_types::{Money, ServiceDate};
use tally_x12::ack::{self, Verdict};
use tally_x12::{File, LoopRef, Tree};

use super::AcknowledgementError;
use super::status::{ACCEPTED, StatusCodes, status_codes};
use crate::claim::{ClaimId, ClaimKind, SubmissionKey};
use crate::interchange::x12::claim::Levels;
use crate::interchange::x12::line::{layout, service};
use crate::interchange::x12::reply::{fit, fit_or};
use crate::interchange::x12::spot::{Set, segment_of};
use crate::interchange::{ReadClaims, Source};

/// Somebody an NM1 names.
#[derive(Clone, Default)]
pub(super) struct Named {
    /// NM102: `1` a person, `2` not.
    pub kind: String,
    pub family: String,
    pub given: String,
    pub middle: String,
    pub qualifier: String,
    pub identifier: String,
}

/// A transaction set that was looked at.
pub(super) struct Received {
    /// BHT03: the sender's name for it.
    pub batch: String,
    pub submitter: Named,
    pub providers: Vec<FromProvider>,
}

/// The claims of one billing provider.
pub(super) struct FromProvider {
    pub provider: Named,
    pub claims: Vec<ReceivedClaim>,
}

/// A claim, and what became of it.
pub(super) struct ReceivedClaim {
    pub patient: Named,
    pub control: String,
    /// CLM02, as sent.
    pub charge: String,
    pub status: StatusCodes,
    /// Our number, where it was accepted.
    pub number: Option<ClaimId>,
    /// REF D9, the clearing house's.
    pub clearinghouse: String,
    /// The type of bill, of institutional claims.
    pub bill: String,
    pub days: Option<(ServiceDate, ServiceDate)>,
    /// The line that it is refused for, where it is one.
    pub line: Option<RefusedLine>,
}

/// A service line that is at fault, as it was sent.
pub(super) struct RefusedLine {
    /// The kind of code, then the code and its modifiers.
    pub service: Vec<String>,
    pub charge: String,
    /// The revenue code, beside a procedure.
    pub revenue: String,
    pub units: String,
    /// REF 6R, else LX01.
    pub number: String,
    pub days: Option<(ServiceDate, ServiceDate)>,
}

impl ReceivedClaim {
    pub fn is_accepted(&self) -> bool {
        self.number.is_some()
    }

    /// The charge, where it is an amount of whole cents.
    pub fn amount(&self) -> Option<Money> {
        let text = self.charge.as_str();
        let (sign, text) = match text.strip_prefix('-') {
            Some(text) => ("-", text),
            None => ("", text),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        let fraction = fraction.trim_end_matches('0');
        Money::parse(&match fraction {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        })
        .ok()
    }
}

/// What became of the claims, by position.
struct Fates<'a> {
    source: &'a Source<'a>,
    accepted: BTreeSet<ClaimId>,
    refused: BTreeMap<u32, Fate>,
    position: u32,
}

/// What became of a claim.
#[derive(Clone, Copy)]
struct Fate {
    status: StatusCodes,
    /// Its number, where it was taken.
    number: Option<ClaimId>,
    /// The segment that it is refused for.
    segment: Option<u32>,
}

impl Fates<'_> {
    /// What became of the next claim.
    fn next(&mut self) -> Result<Fate, AcknowledgementError> {
        let position = self.position;
        self.pass();
        if let Some(refused) = self.refused.get(&position) {
            return Ok(*refused);
        }
        let id = ClaimId::of(&SubmissionKey {
            submitter: self.source.submitter.to_owned(),
            interchange: self.source.interchange.to_owned(),
            position,
        });
        match self.accepted.contains(&id) {
            true => Ok(Fate {
                status: ACCEPTED,
                number: Some(id),
                segment: None,
            }),
            false => Err(AcknowledgementError::Unread(position)),
        }
    }

    fn pass(&mut self) {
        self.position = self.position.saturating_add(1);
    }
}

/// The sets of each interchange that have claims to tell of.
pub(super) fn receive(
    file: &File<'_>,
    source: &Source<'_>,
    reading: &ReadClaims,
) -> Result<Vec<Vec<Received>>, AcknowledgementError> {
    let mut fates = Fates {
        source,
        accepted: reading.claims.iter().map(|claim| claim.id).collect(),
        refused: reading
            .refusals
            .iter()
            .map(|refusal| {
                let fate = Fate {
                    status: status_codes(refusal.rule),
                    number: None,
                    segment: segment_of(&refusal.place),
                };
                (refusal.position, fate)
            })
            .collect(),
        position: 0,
    };
    let mut set = 0u32;
    let mut all = Vec::new();
    for interchange in &file.interchanges {
        let mut received = Vec::new();
        let sets = interchange.groups.iter().map(|g| g.transactions.len());
        if sets.sum::<usize>() == 0 {
            // A file, or an interchange, without a set counts as one claim.
            fates.pass();
        }
        for group in &interchange.groups {
            let around = interchange.is_rejected() || !group.faults.is_empty();
            for transaction in &group.transactions {
                set = set.saturating_add(1);
                let judged = ack::judge(group, transaction);
                let taken = !around && judged.verdict() != Verdict::Rejected;
                let tree = judged.tree.as_ref();
                let Some((tree, kind)) = tree.and_then(|tree| Some((tree, kind(tree)?))) else {
                    fates.pass();
                    continue;
                };
                let found = set_of(Set(set), kind, tree, &mut fates)?;
                let any = found.providers.iter().any(|p| !p.claims.is_empty());
                if any && taken {
                    received.push(found);
                }
            }
        }
        all.push(received);
    }
    let found = fates.position.max(1);
    if found != reading.read {
        return Err(AcknowledgementError::AnotherReading {
            read: reading.read,
            found,
        });
    }
    Ok(all)
}

fn kind(tree: &Tree<'_>) -> Option<ClaimKind> {
    match tree.guide().versions().first()?.get(..10)? {
        "005010X222" => Some(ClaimKind::Professional),
        "005010X223" => Some(ClaimKind::Institutional),
        "005010X224" => Some(ClaimKind::Oral),
        _ => None,
    }
}

fn set_of(
    set: Set,
    kind: ClaimKind,
    tree: &Tree<'_>,
    fates: &mut Fates<'_>,
) -> Result<Received, AcknowledgementError> {
    let root = tree.root();
    let batch = root.segment("BHT").map_or("", |(_, bht)| bht.element(3));
    let submitter = root.one("1000A").map(named).unwrap_or_default();
    let mut any = false;
    let mut providers = Vec::new();
    for billing in root.loops("2000A") {
        let mut provider = billing.one("2010AA").map(named).unwrap_or_default();
        if let Some(at) = billing
            .one("2010AA")
            .filter(|_| provider.identifier.is_empty())
        {
            let tax = ["EI", "SY"]
                .into_iter()
                .find_map(|key| at.keyed("REF", key));
            let tax = tax.map_or("", |(_, reference)| reference.element(2));
            provider.identifier = fit_or(tax, 2, 80, "000000000");
            provider.qualifier = "FI".into();
        }
        let mut claims = Vec::new();
        for subscriber in billing.loops("2000B") {
            let insured = subscriber.one("2010BA").map(named).unwrap_or_default();
            let mut take = |at: LoopRef<'_, '_>, patient: Option<LoopRef<'_, '_>>| {
                for claim in at.loops("2300") {
                    any = true;
                    let levels = Levels {
                        set,
                        kind,
                        purpose: None,
                        billing,
                        subscriber,
                        patient,
                        claim,
                    };
                    claims.push(claim_of(&levels, &insured, fates.next()?));
                }
                Ok(())
            };
            take(subscriber, None)?;
            for patient in subscriber.loops("2000C") {
                take(patient, Some(patient))?;
            }
        }
        providers.push(FromProvider { provider, claims });
    }
    if !any {
        fates.pass();
    }
    Ok(Received {
        batch: fit_or(batch, 1, 50, "0"),
        submitter,
        providers,
    })
}

fn named(at: LoopRef<'_, '_>) -> Named {
    let Some((_, name)) = at.segment("NM1") else {
        return Named::default();
    };
    let of = |number, most| fit(name.element(number), 1, most);
    Named {
        kind: of(2, 1),
        family: of(3, 60),
        given: of(4, 35),
        middle: of(5, 25),
        qualifier: of(8, 2),
        identifier: fit(name.element(9), 2, 80),
    }
}

fn claim_of(levels: &Levels<'_, '_>, insured: &Named, fate: Fate) -> ReceivedClaim {
    let clm = levels.find(levels.claim, "CLM", "");
    let text = |element: usize| clm.as_ref().map_or("", |clm| clm.at(element).text);
    let described = levels.patient.and_then(|patient| patient.one("2010CA"));
    let patient = match described.map(named) {
        // Whom the payer knows by the subscriber's number.
        Some(patient) => Named {
            qualifier: insured.qualifier.clone(),
            identifier: insured.identifier.clone(),
            ..patient
        },
        None => insured.clone(),
    };
    let bill = match (levels.kind, &clm) {
        (ClaimKind::Institutional, Some(clm)) => {
            format!("{}{}", clm.part(5, 1).text, clm.part(5, 3).text)
        }
        _ => String::new(),
    };
    let clearinghouse = levels.find(levels.claim, "REF", "D9");
    ReceivedClaim {
        patient,
        control: fit_or(text(1), 1, 50, "0"),
        charge: text(2).to_owned(),
        status: fate.status,
        number: fate.number,
        clearinghouse: clearinghouse.map_or_else(String::new, |of| fit(of.at(2).text, 1, 50)),
        bill: fit(&bill, 1, 50),
        days: days_of(levels),
        line: fate.segment.and_then(|segment| line_of(levels, segment)),
    }
}

/// The line that a segment is of.
fn line_of(levels: &Levels<'_, '_>, segment: u32) -> Option<RefusedLine> {
    let mut lines = levels.claim.loops("2400");
    let line = lines.find(|line| stands_in(*line, segment))?;
    let (spot, charge) = service(levels, line).ok()?;
    let text = |element: usize| fit(spot.at(element).text, 1, 48);
    let layout = layout(levels.kind);
    let procedure = layout.procedure;
    let revenue = layout.revenue.map(text).unwrap_or_default();
    let part = |number: usize| fit(spot.part(procedure, number).text, 1, 48);
    let code = |text: &str| fit_or(text, 1, 48, "0");
    let (service, revenue) = match spot.at(procedure).is_empty() {
        true => (vec!["NU".into(), code(&revenue)], String::new()),
        false => {
            let modifiers = (3..=6).map(part);
            let named = [part(1), code(&part(2))].into_iter();
            (named.chain(modifiers).collect(), revenue)
        }
    };
    let number = levels.find(line, "REF", "6R").map(|of| of.at(2).text);
    let counted = || levels.find(line, "LX", "").map(|of| of.at(1).text);
    let date = levels.find(line, "DTP", "472");
    Some(RefusedLine {
        service,
        charge: text(charge),
        revenue,
        units: text(layout.quantity),
        number: fit_or(number.or_else(counted).unwrap_or(""), 1, 50, "0"),
        days: date.and_then(|date| date.at(3).days().ok()),
    })
}

/// Whether a segment stands in a loop, or in one within it.
fn stands_in(at: LoopRef<'_, '_>, segment: u32) -> bool {
    at.all().iter().any(|(number, _)| *number == segment)
        || at.within().any(|within| stands_in(within, segment))
}

/// From the first day of service to the last.
fn days_of(levels: &Levels<'_, '_>) -> Option<(ServiceDate, ServiceDate)> {
    let lines = levels.claim.loops("2400");
    let of_lines = lines.filter_map(|line| levels.find(line, "DTP", "472")?.at(3).days().ok());
    let usual = levels.usual_days().ok().flatten();
    let all: Vec<_> = of_lines.chain(usual).collect();
    let from = all.iter().map(|(from, _)| *from).min()?;
    let through = all.iter().map(|(_, through)| *through).max()?;
    Some((from, through))
}
