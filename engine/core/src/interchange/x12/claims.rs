//! The claims of an X12 file: 837 professional, institutional and dental.
//!
//! A transaction set that does not fit its guide is refused as a whole: no claim
//! of it is adjudicated, and each says why. A claim whose lines do not come to its
//! total says that first, since no correction of the rest would mend it; what else
//! is told beside it leaves out counts and the numbers of levels, which the
//! acknowledgement has.

use tally_x12::ack::{self, Judged};
use tally_x12::{File, Group, GroupCode, InterchangeCode, LoopRef, Transaction};

use super::super::refusal::{Fault, IntakeRule};
use super::super::{ReadClaims, Source, TestData};
use super::claim::{self, Levels};
use super::spot::{Set, Spot};
use crate::claim::ClaimKind;

/// Reads a file's claims.
pub(in crate::interchange) fn read(
    text: &str,
    source: &Source<'_>,
    test_data: TestData,
    reading: &mut ReadClaims,
) {
    let file: File<'_> = tally_x12::read(text);
    let mut set = 0u32;
    for (interchange, at) in file.interchanges.iter().zip(1u32..) {
        let counts = |code: &InterchangeCode| *code == InterchangeCode::GroupCount;
        let counted_wrong = interchange.faults.iter().all(counts);
        let envelope = interchange
            .is_rejected()
            .then(|| interchange.faults.first())
            .flatten()
            .map(|code| {
                let says = code.says();
                Fault::new(
                    IntakeRule::X12Envelope,
                    format!("interchange {at}, ISA to IEA"),
                    says,
                )
            });
        let test = (test_data == TestData::Refused && interchange.element(15) == "T").then(|| {
            Fault::new(
                IntakeRule::TestData,
                format!("interchange {at}, ISA15"),
                TEST,
            )
        });
        let sets = interchange
            .groups
            .iter()
            .map(|group| group.transactions.len());
        if sets.sum::<usize>() == 0 {
            reading.refuse(envelope.unwrap_or_else(|| {
                Fault::new(
                    IntakeRule::NoClaim,
                    format!("interchange {at}"),
                    "it holds no transaction set",
                )
            }));
            continue;
        }
        for group in &interchange.groups {
            let group_fault = group.faults.first().map(|code| {
                let place = format!("interchange {at}, GS to GE");
                Fault::new(IntakeRule::X12Envelope, place, code.says())
            });
            for transaction in &group.transactions {
                set = set.saturating_add(1);
                let around = envelope.clone().or_else(|| group_fault.clone());
                let counts = |code: &GroupCode| *code == GroupCode::SetCount;
                let miscounted = counted_wrong && group.faults.iter().all(counts);
                let kinds = [GroupCode::NotSupported, GroupCode::Version];
                let of_kind = group.faults.iter().all(|code| kinds.contains(code));
                let unread = envelope.is_none() && of_kind;
                let around = around
                    .map(|fault| Around {
                        miscounted,
                        unread,
                        fault,
                    })
                    .or_else(|| test.clone().map(Around::other));
                read_set(Set(set), group, transaction, around, source, reading);
            }
        }
    }
}

/// What is wrong with the envelopes that a transaction set is in.
struct Around {
    fault: Fault,
    /// Whether it is but a count of groups or sets.
    miscounted: bool,
    /// Whether it is but that such groups are not read: of a set that is not read
    /// either that is no news.
    unread: bool,
}

impl Around {
    fn other(fault: Fault) -> Self {
        Self {
            miscounted: false,
            unread: false,
            fault,
        }
    }
}

/// Why claims of test data are refused.
const TEST: &str = "it is of test data (T), which is not adjudicated here; send it with P, or where test data is taken";

fn read_set(
    set: Set,
    group: &Group<'_>,
    transaction: &Transaction<'_>,
    around: Option<Around>,
    source: &Source<'_>,
    reading: &mut ReadClaims,
) {
    let judged = ack::judge(group, transaction);
    let kind = judged.tree.as_ref().and_then(|tree| {
        let kind = match tree.guide().versions().first()?.get(..10)? {
            "005010X222" => ClaimKind::Professional,
            "005010X223" => ClaimKind::Institutional,
            "005010X224" => ClaimKind::Oral,
            _ => return None,
        };
        Some((tree, kind))
    });
    let Some((tree, kind)) = kind else {
        let mut fault = not_read(set, group, transaction);
        if let Some(around) = around.filter(|around| !around.unread) {
            fault = and_besides(fault, &around.fault);
        }
        reading.refuse(fault);
        return;
    };
    let told = match &around {
        Some(around) if !around.miscounted => Some(around.fault.clone()),
        _ => set_fault(set, &judged, |fault| fault.tag != "HL", false),
    };
    let fault = around
        .map(|around| around.fault)
        .or_else(|| set_fault(set, &judged, |_| true, true));
    let mut any = false;
    let root = tree.root();
    let purpose = root.segment("BHT").map(|bht| Spot::new(set, "", bht));
    for billing in root.loops("2000A") {
        for subscriber in billing.loops("2000B") {
            let mut take = |at: LoopRef<'_, '_>, patient: Option<LoopRef<'_, '_>>| {
                for claim in at.loops("2300") {
                    any = true;
                    let levels = Levels {
                        set,
                        kind,
                        purpose,
                        billing,
                        subscriber,
                        patient,
                        claim,
                    };
                    reading.take(|position| {
                        let lines = levels.lines_come_to_total();
                        match (&fault, lines) {
                            (_, Err(differs)) => Err(match &told {
                                Some(told) => and_besides(differs, told),
                                None => differs,
                            }),
                            (Some(fault), Ok(())) => Err(fault.clone()),
                            (None, Ok(())) => claim::read(&levels, source, position),
                        }
                    });
                }
            };
            take(subscriber, None);
            for patient in subscriber.loops("2000C") {
                take(patient, Some(patient));
            }
        }
    }
    if !any {
        reading.refuse(fault.unwrap_or_else(|| {
            Fault::new(
                IntakeRule::NoClaim,
                format!("set {}", set.0),
                "the transaction set holds no claim",
            )
        }));
    }
}

/// How many faults of a transaction set a refusal tells; its acknowledgement has
/// them all.
const TOLD: usize = 8;

/// What a transaction set is refused for: the first fault, and in its reason those
/// that follow. With `whole`, what is wrong with its count and numbers too.
fn set_fault(
    set: Set,
    judged: &Judged<'_>,
    telling: impl Fn(&tally_x12::Fault) -> bool,
    whole: bool,
) -> Option<Fault> {
    let faults = judged.faults().iter().filter(|fault| fault.fatal);
    let faults = faults.filter(|fault| telling(fault));
    let of_segments = faults.map(|fault| {
        let rule = match fault.element {
            Some(_) => IntakeRule::X12Element,
            None => IntakeRule::X12Segment,
        };
        let place = format!("set {}, {}", set.0, fault.place());
        Fault::new(rule, place, fault.says())
    });
    let codes = judged.codes.iter().filter(|_| whole);
    let of_the_whole = codes.map(|code| {
        let place = format!("set {}, ST to SE", set.0);
        Fault::new(IntakeRule::X12Envelope, place, code.says())
    });
    let mut told = of_segments.chain(of_the_whole).take(TOLD);
    let first = told.next()?;
    Some(told.fold(first, |fault, other| and_besides(fault, &other)))
}

/// A total that differs, in a transaction set that is refused for something else.
fn and_besides(differs: Fault, other: &Fault) -> Fault {
    let reason = format!(
        "{}; besides, {}: {}",
        differs.reason, other.place, other.reason
    );
    Fault { reason, ..differs }
}

/// Another transaction set than a claim, or a version that is not read.
fn not_read(set: Set, group: &Group<'_>, transaction: &Transaction<'_>) -> Fault {
    let known = [
        ("270", "an eligibility inquiry"),
        ("271", "an eligibility response"),
        ("276", "a claim status request"),
        ("277", "a claim status or acknowledgement"),
        ("278", "an authorisation request"),
        ("820", "a premium payment"),
        ("834", "an enrolment"),
        ("835", "a remittance"),
        ("997", "an acknowledgement"),
        ("999", "an acknowledgement"),
    ];
    let version = printable(transaction.version(group));
    let reason = match transaction.set() {
        "837" => format!(
            "an 837 of version {version} is not read; send 005010X222A1 (professional), \
             005010X223A2 (institutional) or 005010X224A2 (dental)"
        ),
        other => match known.iter().find(|(number, _)| *number == other) {
            Some((number, what)) => format!("it is {what} ({number} {version}), not a claim (837)"),
            None => "it is no claim (837)".to_owned(),
        },
    };
    Fault::new(IntakeRule::X12Set, format!("set {}", set.0), reason)
}

/// A version as it may stand in an error.
fn printable(version: &str) -> &str {
    let plain = version.len() <= 12 && version.bytes().all(|b| b.is_ascii_alphanumeric());
    match plain && !version.is_empty() {
        true => version,
        false => "unknown",
    }
}
