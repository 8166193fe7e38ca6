//! The segments of a remittance.

use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity};
use tally_x12::Writer;

use super::balance::{Adjustment, Balance};
use super::{Method, OtherPayerName, Payee, Remittance, RemittedClaim};
use crate::adjudication::{EngineRule, LineOutcome};
use crate::claim::{Claim, ClaimKind, Frequency, Modifiers, Provider, ServiceLine};
use crate::interchange::x12::reply::{
    self, Address, FIRST, PatientName, Payer, close, day, fit, fit_or, open, said,
};

/// An element each, at its number.
fn spread(elements: &[(usize, &str)]) -> [String; 16] {
    let mut spread: [String; 16] = Default::default();
    for (number, text) in elements {
        if let Some(element) = number.checked_sub(1).and_then(|at| spread.get_mut(at)) {
            *element = (*text).to_owned();
        }
    }
    spread
}

fn put(out: &mut Writer, tag: &str, elements: &[(usize, &str)]) {
    let elements = spread(elements);
    let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
    out.simple(tag, &elements);
}

/// Writes a remittance that was checked.
pub(super) fn write(remittance: &Remittance<'_>, balance: &Balance) -> String {
    let Remittance {
        payer,
        payee,
        stamp,
        ..
    } = remittance;
    let mut out = Writer::default();
    open(&mut out, (payer.id, payee.id), stamp, "HP", "005010X221A1");
    out.begin("835", FIRST, "");
    head(&mut out, remittance, balance.payment);
    payer_loop(&mut out, payer);
    payee_loop(&mut out, payee);
    if !remittance.claims.is_empty() {
        out.simple("LX", &["1"]);
    }
    for of in remittance.claims {
        claim(&mut out, of);
    }
    let year = format!("{:04}1231", stamp.date.year());
    let (_, provider) = known_by(payee);
    for of in &balance.adjustments {
        adjust(&mut out, &provider, &year, of);
    }
    out.end(FIRST);
    close(out, 1, stamp)
}

fn head(out: &mut Writer, remittance: &Remittance<'_>, paid: Money) {
    let Remittance {
        payer,
        method,
        stamp,
        ..
    } = remittance;
    let date = day(stamp.date);
    let (amount, tax) = (paid.to_string(), format!("1{}", payer.tax));
    let mut bpr = vec![(2, amount.as_str()), (3, "C"), (16, &date)];
    // A payment of nothing is only told.
    match (paid.is_zero(), method) {
        (true, _) => bpr.extend([(1, "H"), (4, "NON")]),
        (false, Method::Cheque) => bpr.extend([(1, "I"), (4, "CHK")]),
        (false, Method::Ach { from, to }) => {
            bpr.extend([(1, "I"), (4, "ACH"), (5, "CCP"), (10, tax.as_str())]);
            bpr.extend([
                (6, "01"),
                (7, from.routing),
                (8, "DA"),
                (9, from.number),
                (12, "01"),
                (13, to.routing),
                (14, "DA"),
                (15, to.number),
            ]);
        }
    }
    put(out, "BPR", &bpr);
    out.simple("TRN", &["1", stamp.trace, &tax]);
    out.simple("DTM", &["405", &date]);
}

fn place(out: &mut Writer, address: &Address<'_>) {
    out.simple("N3", &[address.street]);
    out.simple("N4", &[address.city, address.state, address.zip]);
}

fn payer_loop(out: &mut Writer, payer: &Payer<'_>) {
    out.simple("N1", &["PR", payer.name]);
    place(out, &payer.address);
    out.simple("PER", &["BL", payer.name, "TE", payer.telephone]);
}

/// What a payee is known by: its NPI, or its tax number.
fn known_by(payee: &Payee<'_>) -> (&'static str, String) {
    match Provider::new(payee.npi).is_npi {
        true => ("XX", payee.npi.to_owned()),
        false => ("FI", fit(payee.tax, 2, 50)),
    }
}

fn payee_loop(out: &mut Writer, payee: &Payee<'_>) {
    let (kind, number) = known_by(payee);
    out.simple("N1", &["PE", payee.name, kind, &number]);
    if !payee.address.street.is_empty() {
        place(out, &payee.address);
    }
    if kind == "XX" && !payee.tax.is_empty() {
        out.simple("REF", &["TJ", payee.tax]);
    }
}

fn adjust(out: &mut Writer, provider: &str, year: &str, of: &Adjustment) {
    let amount = of.amount.to_string();
    let reference = fit(&of.reference, 1, 50);
    out.segment(
        "PLB",
        &[&[provider], &[year], &[&of.reason, &reference], &[&amount]],
    );
}

/// The revenue codes whose lines are billed by a HIPPS code: skilled nursing, home
/// health, inpatient rehabilitation.
const HIPPS: [&str; 3] = ["0022", "0023", "0024"];

/// Turns signs round in a reversal.
#[derive(Clone, Copy)]
struct Sign(bool);

impl Sign {
    fn of(self, amount: Money) -> Money {
        match self.0 {
            true => Money::ZERO.checked_sub(amount).unwrap_or_default(),
            false => amount,
        }
    }
}

/// How the claim was processed (CLP02). That every line is denied does not say
/// that the claim is (4): that says the patient is not known.
fn status(of: &RemittedClaim<'_>) -> &'static str {
    if of.standing.is_reversal() {
        return "22";
    }
    let lines = of.outcome.lines();
    let unknown = EngineRule::MemberUnknown.id();
    if lines.iter().all(|line| line.clause() == unknown) && of.crossover.is_none() {
        return "4";
    }
    let coordination = &of.claim.coordination;
    let before = coordination.others.iter().filter(|o| o.paid.is_some());
    let stated = match coordination.sequence {
        0 => before.count().saturating_add(1),
        sequence => usize::from(sequence),
    };
    // What earlier payers did counts only after one.
    let mut adjustments = lines.iter().flat_map(LineOutcome::adjustments);
    let after = adjustments.any(|a| a.group == Group::Oa && a.carc == Carc::PRIOR_PAYERS);
    let place = if after { stated.max(2) } else { stated };
    match (place, of.crossover.is_some()) {
        (0 | 1, false) => "1",
        (0 | 1, true) => "19",
        (2, false) => "2",
        (2, true) => "20",
        (_, false) => "3",
        (_, true) => "21",
    }
}

/// Facility and frequency, as the claim had them (CLP08, CLP09).
fn facility(claim: &Claim) -> (String, &'static str) {
    let place = match &claim.institutional {
        Some(institutional) => institutional.bill_type.to_string(),
        None => claim
            .lines
            .first()
            .map_or_else(String::new, |line| line.place.to_string()),
    };
    let frequency = match claim.frequency {
        Frequency::Original => "1",
        Frequency::Replacement => "7",
        Frequency::Void => "8",
    };
    match place.chars().count() {
        1 | 2 => (fit(&place, 1, 2), frequency),
        _ => (String::new(), frequency),
    }
}

fn claim(out: &mut Writer, of: &RemittedClaim<'_>) {
    let RemittedClaim { claim, outcome, .. } = of;
    let sign = Sign(of.standing.is_reversal());
    let patient = match of.standing.is_reversal() {
        // A reversal leaves nothing to the patient, nor takes it away.
        true => String::new(),
        false => said(outcome.patient()),
    };
    let (place, frequency) = facility(claim);
    let drg = claim.institutional.as_ref().map(|i| i.drg.to_string());
    put(
        out,
        "CLP",
        &[
            (1, &fit_or(&claim.control_number, 1, 38, "0")),
            (2, status(of)),
            (3, &sign.of(outcome.charge()).to_string()),
            (4, &sign.of(outcome.paid()).to_string()),
            (5, &patient),
            (6, of.filing),
            (7, &outcome.claim().to_string()),
            (8, &place),
            (9, frequency),
            (11, &fit(&drg.unwrap_or_default(), 1, 4)),
        ],
    );
    names(out, of);
    remarks(out, of);
    if let Some(replaced) = claim.replaces {
        out.simple("REF", &["F8", &replaced.to_string()]);
    }
    for number in claim.authorizations.iter().take(4) {
        let number = fit(number, 1, 50);
        if !number.is_empty() {
            out.simple("REF", &["G1", &number]);
        }
    }
    if let Some(stay) = &claim.institutional {
        out.simple("DTM", &["232", &day(stay.from)]);
        out.simple("DTM", &["233", &day(stay.through)]);
    }
    let ended = |line: &LineOutcome| {
        let mut adjustments = line.adjustments().iter();
        adjustments.any(|of| of.carc == Carc::AFTER_COVERAGE)
    };
    if let Some(end) = of.cover_ended
        && outcome.lines().iter().any(ended)
    {
        out.simple("DTM", &["036", &day(end)]);
    }
    out.simple("DTM", &["050", &day(claim.received)]);
    for (kind, amount) in [
        ("AU", outcome.allowed()),
        ("F5", claim.coordination.patient_paid),
        ("I", of.interest),
    ] {
        if !amount.is_zero() {
            out.simple("AMT", &[kind, &sign.of(amount).to_string()]);
        }
    }
    let one = rendering(claim);
    for (service, line) in claim.lines.iter().zip(outcome.lines()) {
        self::line(out, of, service, line, one.is_none(), sign);
    }
}

/// Whoever rendered all lines of a claim.
fn rendering(claim: &Claim) -> Option<&Provider> {
    let first = claim.lines.first()?.rendering.as_ref()?;
    let same = |line: &ServiceLine| line.rendering.as_ref() == Some(first);
    claim.lines.iter().all(same).then_some(first)
}

fn names(out: &mut Writer, of: &RemittedClaim<'_>) {
    person(out, "QC", &of.patient, &of.claim.member.identifier);
    if let Some(insured) = &of.insured {
        person(out, "IL", &insured.name, insured.identifier);
    }
    if let Some(provider) = rendering(of.claim) {
        let identifier = fit(&provider.identifier, 2, 80);
        if !identifier.is_empty() {
            let kind = if provider.is_npi { "XX" } else { "PC" };
            put(
                out,
                "NM1",
                &[(1, "82"), (2, "1"), (8, kind), (9, &identifier)],
            );
        }
    }
    let other = |out: &mut Writer, role: &str, payer: &OtherPayerName<'_>| {
        put(
            out,
            "NM1",
            &[
                (1, role),
                (2, "2"),
                (3, &fit(payer.name, 1, 60)),
                (8, "PI"),
                (9, &fit(payer.id, 2, 80)),
            ],
        );
    };
    if let Some(payer) = &of.crossover {
        other(out, "TT", payer);
    }
    if let Some(payer) = &of.priority {
        other(out, "PR", payer);
    }
}

/// A patient or an insured. Who is known by a number alone is called so: but for a
/// pharmacy's claims there has to be a name.
fn person(out: &mut Writer, role: &str, name: &PatientName<'_>, identifier: &str) {
    let identifier = reply::member(identifier);
    let kind = if identifier.is_empty() { "" } else { "MI" };
    put(
        out,
        "NM1",
        &[
            (1, role),
            (2, "1"),
            (3, &fit_or(name.family, 1, 60, "UNKNOWN")),
            (4, &fit(name.given, 1, 35)),
            (8, kind),
            (9, &identifier),
        ],
    );
}

/// Remarks on the claim: MIA for an inpatient stay, else MOA.
fn remarks(out: &mut Writer, of: &RemittedClaim<'_>) {
    let remarks: Vec<String> = of.remarks.iter().take(5).map(ToString::to_string).collect();
    let mut remarks = remarks.iter().map(String::as_str);
    let Some(first) = remarks.next() else {
        return;
    };
    let bill = of.claim.institutional.as_ref().map(|i| i.bill_type);
    let inpatient = of.claim.kind == ClaimKind::Institutional
        && bill.is_some_and(|bill| {
            let bill = bill.to_string();
            ["11", "12", "18", "21", "41"].contains(&bill.as_str())
        });
    let (tag, at, mut elements) = match inpatient {
        // Covered days and the price of the group are not told here.
        true => ("MIA", [20usize, 21, 22, 23], vec![String::new(); 23]),
        false => ("MOA", [4, 5, 6, 7], vec![String::new(); 7]),
    };
    let mut set = |number: usize, text: &str| {
        if let Some(element) = number.checked_sub(1).and_then(|at| elements.get_mut(at)) {
            *element = text.to_owned();
        }
    };
    match inpatient {
        true => {
            set(1, "0");
            set(4, "0");
            set(5, first);
        }
        false => set(3, first),
    }
    for (number, remark) in at.into_iter().zip(remarks) {
        set(number, remark);
    }
    let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
    out.simple(tag, &elements);
}

/// A service as a composite names it, beside its revenue code.
fn composite(
    system: CodeSystem,
    procedure: Code,
    modifiers: &Modifiers,
    revenue: &str,
) -> Vec<String> {
    let qualifier = match system {
        CodeSystem::Cdt => "AD",
        CodeSystem::Ndc => "N4",
        CodeSystem::Hcpcs | CodeSystem::Unspecified => "HC",
        CodeSystem::Revenue => "NU",
        // Stays that are paid by the patient's group: the code is of HIPPS.
        CodeSystem::Other if HIPPS.contains(&revenue) => "HP",
        _ => "ER",
    };
    let code = fit_or(&procedure.to_string(), 1, 48, "NONE");
    let mut parts = vec![qualifier.to_owned(), code];
    let modifiers = modifiers.iter().map(|of| fit(&of.to_string(), 2, 2));
    parts.extend(modifiers.filter(|modifier| !modifier.is_empty()));
    parts
}

fn line(
    out: &mut Writer,
    of: &RemittedClaim<'_>,
    service: &ServiceLine,
    line: &LineOutcome,
    name_provider: bool,
    sign: Sign,
) {
    let revenue = service.revenue.to_string();
    // A line with nothing but a revenue code is of that, whether it stands as the
    // procedure or beside it.
    let (system, procedure) = match service.procedure.is_none() {
        true => (CodeSystem::Revenue, service.revenue.into()),
        false => (service.system, service.procedure),
    };
    let submitted = composite(system, procedure, &service.modifiers, &revenue);
    let other = of.paid_as(line.number());
    let (paid, system) = match other {
        None => (submitted.clone(), system),
        Some(other) => (
            composite(other.system, other.procedure, &other.modifiers, &revenue),
            other.system,
        ),
    };
    let beside = match system {
        CodeSystem::Revenue => "",
        _ => &revenue,
    };
    let units = match (other, line.denied()) {
        (Some(other), _) => other.units,
        (None, true) => Quantity::ZERO,
        (None, false) => service.quantity,
    };
    let original = match units == service.quantity {
        true => String::new(),
        false => service.quantity.to_string(),
    };
    let submitted = match paid == submitted {
        true => Vec::new(),
        false => submitted,
    };
    let paid: Vec<&str> = paid.iter().map(String::as_str).collect();
    let submitted: Vec<&str> = submitted.iter().map(String::as_str).collect();
    out.segment(
        "SVC",
        &[
            &paid,
            &[&sign.of(line.charge()).to_string()],
            &[&sign.of(line.paid()).to_string()],
            &[&fit(beside, 1, 48)],
            &[&units.to_string()],
            &submitted,
            &[&original],
        ],
    );
    match service.from == service.through {
        true => out.simple("DTM", &["472", &day(service.from)]),
        false => {
            out.simple("DTM", &["150", &day(service.from)]);
            out.simple("DTM", &["151", &day(service.through)]);
        }
    }
    adjustments(out, line, sign);
    let number = line.number().to_string();
    out.simple(
        "REF",
        &[
            "6R",
            &fit_or(&service.detail.control_number, 1, 50, &number),
        ],
    );
    if let Some(provider) = service.rendering.as_ref().filter(|_| name_provider) {
        let identifier = fit(&provider.identifier, 1, 50);
        if !identifier.is_empty() {
            let kind = if provider.is_npi { "HPI" } else { "G2" };
            out.simple("REF", &[kind, &identifier]);
        }
    }
    if !line.allowed().is_zero() {
        out.simple("AMT", &["B6", &sign.of(line.allowed()).to_string()]);
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

/// The adjustments of a line: a segment a group, of up to six reasons.
fn adjustments(out: &mut Writer, line: &LineOutcome, sign: Sign) {
    for group in [Group::Co, Group::Pr, Group::Oa, Group::Pi] {
        let of_group = line.adjustments().iter().filter(|of| of.group == group);
        let of_group: Vec<(String, String)> = of_group
            .map(|of| (of.carc.to_string(), sign.of(of.amount).to_string()))
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
}
