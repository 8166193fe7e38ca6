//! The remittance, X12 835 (005010X221A1): what was paid for which claims, and
//! why it is not more.
//!
//! It balances by construction. A line's adjustments are those of its outcome,
//! which balances; a claim's payment is the sum of its lines; the payment is the
//! sum of the claims less the provider's adjustments, and where that is negative
//! it is carried forward (`FB`), so that it is zero.

use tally_types::{CodeSystem, Group, Money, ServiceDate};
use tally_x12::Writer;
use thiserror::Error;

use crate::adjudication::{EngineRule, LineOutcome, Outcome, Status};
use crate::claim::{Claim, ServiceLine};

/// Where somebody is.
#[derive(Clone, Copy, Default)]
pub struct Address<'a> {
    /// Street and number.
    pub street: &'a str,
    /// The city.
    pub city: &'a str,
    /// The state, two letters.
    pub state: &'a str,
    /// The ZIP code.
    pub zip: &'a str,
}

/// Who pays.
#[derive(Clone, Copy)]
pub struct Payer<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is called in interchanges.
    pub id: &'a str,
    /// Its tax number, nine digits.
    pub tax: &'a str,
    /// Where it is.
    pub address: Address<'a>,
    /// A telephone number for questions.
    pub telephone: &'a str,
}

/// Who is paid.
#[derive(Clone, Copy)]
pub struct Payee<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is called in interchanges.
    pub id: &'a str,
    /// Its NPI.
    pub npi: &'a str,
}

/// How the money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By cheque.
    Cheque,
    /// Through the clearing house.
    Ach,
}

/// Of when it is, and its numbers.
#[derive(Clone, Copy)]
pub struct Stamp<'a> {
    /// The day it is made, and of the payment.
    pub date: ServiceDate,
    /// HHMM.
    pub time: &'a str,
    /// The interchange's control number.
    pub control: u32,
    /// The payment's own number: a cheque's, or of the transfer.
    pub trace: &'a str,
}

/// Whose claim it is, as remittances name them.
#[derive(Clone, Copy, Default)]
pub struct PatientName<'a> {
    /// The family name.
    pub family: &'a str,
    /// Given names.
    pub given: &'a str,
}

/// A claim that is settled, and what it came to.
#[derive(Clone, Copy)]
pub struct RemittedClaim<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// What it came to.
    pub outcome: &'a Outcome,
    /// Whose it is.
    pub patient: PatientName<'a>,
    /// The kind of cover (CLP06): `12` a PPO, `MB` Medicare part B, `HM` an HMO.
    pub filing: &'a str,
}

/// Something between payer and provider that is of no claim: positive amounts lower
/// the payment.
#[derive(Clone, Copy)]
pub struct ProviderAdjustment<'a> {
    /// Why (PLB03-1): `WO` overpayment, `L6` interest, `FB` forwarding balance.
    pub reason: &'a str,
    /// What it refers to.
    pub reference: &'a str,
    /// How much.
    pub amount: Money,
}

/// A payment and all that it is for.
pub struct Remittance<'a> {
    /// Who pays.
    pub payer: Payer<'a>,
    /// Who is paid.
    pub payee: Payee<'a>,
    /// How.
    pub method: Method,
    /// When, and its numbers.
    pub stamp: Stamp<'a>,
    /// What for.
    pub claims: &'a [RemittedClaim<'a>],
    /// What else.
    pub adjustments: &'a [ProviderAdjustment<'a>],
}

/// Why there is no remittance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RemittanceError {
    /// A claim waits: nothing is said of it yet.
    #[error("claim {0} of the remittance waits; only settled claims are remitted")]
    Pended(usize),
    /// An outcome that is not of the claim beside it.
    #[error("claim {0} of the remittance has another claim's outcome")]
    AnotherClaim(usize),
    /// The sum is beyond what can be held.
    #[error("the payment is beyond what can be held")]
    Overflow,
}

/// CCYYMMDD.
fn day(date: ServiceDate) -> String {
    let (year, month, day) = date.ymd();
    format!("{year:04}{month:02}{day:02}")
}

/// The payment, and what is carried forward where it would be negative.
fn payment(remittance: &Remittance<'_>) -> Result<(Money, Money), RemittanceError> {
    let paid = Money::checked_sum(remittance.claims.iter().map(|of| of.outcome.paid()));
    let kept = Money::checked_sum(remittance.adjustments.iter().map(|of| of.amount));
    let net = paid
        .zip(kept)
        .and_then(|(paid, kept)| paid.checked_sub(kept))
        .ok_or(RemittanceError::Overflow)?;
    Ok(match net.is_negative() {
        true => (Money::ZERO, net),
        false => (net, Money::ZERO),
    })
}

/// A remittance as an interchange of its own.
///
/// # Errors
/// When a claim waits or is not its outcome's, or the sum is out of range.
pub fn remittance(remittance: &Remittance<'_>) -> Result<String, RemittanceError> {
    for (at, of) in remittance.claims.iter().enumerate() {
        if of.outcome.status() == Status::Pended {
            return Err(RemittanceError::Pended(at));
        }
        let lines = of.outcome.lines().iter().map(LineOutcome::number);
        if of.outcome.claim() != of.claim.id || !lines.eq(of.claim.lines.iter().map(|l| l.number)) {
            return Err(RemittanceError::AnotherClaim(at));
        }
    }
    let (paid, carried) = payment(remittance)?;
    let Remittance {
        payer,
        payee,
        stamp,
        ..
    } = remittance;
    let date = day(stamp.date);
    let mut out = Writer::default();
    let ids = ["ZZ", payer.id, "ZZ", payee.id];
    out.interchange(
        ids,
        (date.get(2..).unwrap_or(""), stamp.time),
        stamp.control,
        false,
    );
    let version = "005010X221A1";
    out.simple(
        "GS",
        &[
            "HP", payer.id, payee.id, &date, stamp.time, "1", "X", version,
        ],
    );
    let control = "0001";
    out.begin("835", control, "");
    head(&mut out, remittance, paid, &date);
    if !remittance.claims.is_empty() {
        out.simple("LX", &["1"]);
    }
    for of in remittance.claims {
        claim(&mut out, of);
    }
    let year = format!("{:04}1231", stamp.date.year());
    for of in remittance.adjustments {
        adjust(&mut out, payee, &year, of);
    }
    if carried.is_negative() {
        let of = ProviderAdjustment {
            reason: "FB",
            reference: stamp.trace,
            amount: carried,
        };
        adjust(&mut out, payee, &year, &of);
    }
    out.end(control);
    out.simple("GE", &["1", "1"]);
    let number = format!("{:09}", stamp.control % 1_000_000_000);
    out.simple("IEA", &["1", &number]);
    Ok(out.done())
}

fn head(out: &mut Writer, remittance: &Remittance<'_>, paid: Money, date: &str) {
    let Remittance {
        payer,
        payee,
        method,
        stamp,
        ..
    } = remittance;
    // A payment of nothing is only told.
    let (kind, method) = match (paid.is_zero(), method) {
        (true, _) => ("H", "NON"),
        (false, Method::Cheque) => ("I", "CHK"),
        (false, Method::Ach) => ("I", "ACH"),
    };
    let tax = format!("1{}", payer.tax);
    let amount = paid.to_string();
    let mut bpr = [""; 16];
    for (at, value) in [(0, kind), (1, &amount), (2, "C"), (3, method), (15, date)] {
        if let Some(element) = bpr.get_mut(at) {
            *element = value;
        }
    }
    out.simple("BPR", &bpr);
    out.simple("TRN", &["1", stamp.trace, &tax]);
    out.simple("DTM", &["405", date]);
    out.simple("N1", &["PR", payer.name]);
    let Address {
        street,
        city,
        state,
        zip,
    } = payer.address;
    out.simple("N3", &[street]);
    out.simple("N4", &[city, state, zip]);
    out.simple("PER", &["BL", payer.name, "TE", payer.telephone]);
    out.simple("N1", &["PE", payee.name, "XX", payee.npi]);
}

fn adjust(out: &mut Writer, payee: &Payee<'_>, year: &str, of: &ProviderAdjustment<'_>) {
    let amount = of.amount.to_string();
    out.segment(
        "PLB",
        &[
            &[payee.npi],
            &[year],
            &[of.reason, of.reference],
            &[&amount],
        ],
    );
}

fn claim(out: &mut Writer, of: &RemittedClaim<'_>) {
    let RemittedClaim { claim, outcome, .. } = of;
    // 4 says that the patient is not known; a known one's denied claim is processed.
    let unknown = EngineRule::MemberUnknown.id();
    let lines = outcome.lines();
    let status = match lines.iter().all(|line| line.clause() == unknown) {
        true => "4",
        false => "1",
    };
    let patient = outcome.patient();
    let control = match claim.control_number.as_str() {
        "" => "0",
        number => number,
    };
    out.simple(
        "CLP",
        &[
            control,
            status,
            &outcome.charge().to_string(),
            &outcome.paid().to_string(),
            &said(patient),
            of.filing,
            &outcome.claim().to_string(),
        ],
    );
    let PatientName { family, given } = of.patient;
    out.simple(
        "NM1",
        &[
            "QC",
            "1",
            family,
            given,
            "",
            "",
            "",
            "MI",
            &claim.member.identifier,
        ],
    );
    out.simple("DTM", &["050", &day(claim.received)]);
    for (service, line) in claim.lines.iter().zip(lines) {
        self::line(out, service, line);
    }
}

/// An amount; nothing, for nothing.
fn said(amount: Money) -> String {
    match amount.is_zero() {
        true => String::new(),
        false => amount.to_string(),
    }
}

fn line(out: &mut Writer, service: &ServiceLine, line: &LineOutcome) {
    let qualifier = match service.system {
        CodeSystem::Cdt => "AD",
        CodeSystem::Ndc => "N4",
        CodeSystem::Hcpcs | CodeSystem::Unspecified => "HC",
        _ => "ER",
    };
    let revenue = service.revenue.to_string();
    let procedure = service.procedure.to_string();
    let modifiers = service.modifiers.map(|of| of.to_string());
    let mut composite = vec![qualifier, procedure.as_str()];
    composite.extend(
        modifiers
            .iter()
            .map(String::as_str)
            .filter(|m| !m.is_empty()),
    );
    // A line with nothing but a revenue code is of that.
    let mut beside = revenue.as_str();
    if procedure.is_empty() {
        composite = vec!["NU", beside];
        beside = "";
    }
    let (charge, paid) = (line.charge().to_string(), line.paid().to_string());
    let quantity = service.quantity.to_string();
    out.segment(
        "SVC",
        &[&composite, &[&charge], &[&paid], &[beside], &[&quantity]],
    );
    match service.from == service.through {
        true => out.simple("DTM", &["472", &day(service.from)]),
        false => {
            out.simple("DTM", &["150", &day(service.from)]);
            out.simple("DTM", &["151", &day(service.through)]);
        }
    }
    for group in [Group::Co, Group::Pr, Group::Oa, Group::Pi] {
        let of_group = line.adjustments().iter().filter(|of| of.group == group);
        let of_group: Vec<(String, String)> = of_group
            .map(|of| (of.carc.to_string(), of.amount.to_string()))
            .collect();
        for six in of_group.chunks(6) {
            let name = group.to_string();
            let mut elements = vec![name.as_str()];
            for (reason, amount) in six {
                elements.extend([reason.as_str(), amount.as_str(), ""]);
            }
            out.simple("CAS", &elements);
        }
    }
    out.simple("REF", &["6R", &line.number().to_string()]);
    if !line.allowed().is_zero() {
        out.simple("AMT", &["B6", &line.allowed().to_string()]);
    }
    let mut remarks: Vec<String> = line
        .adjustments()
        .iter()
        .filter(|of| !of.rarc.is_none())
        .map(|of| of.rarc.to_string())
        .collect();
    remarks.sort();
    remarks.dedup();
    for remark in remarks {
        out.simple("LQ", &["HE", &remark]);
    }
}
