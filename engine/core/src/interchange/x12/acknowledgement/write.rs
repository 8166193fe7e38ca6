//! The segments of a claim acknowledgement.

use tally_types::Money;
use tally_x12::{Interchange, Writer};

use super::receive::{FromProvider, Named, Received, ReceivedClaim, RefusedLine};
use super::status::{ACCEPTED, RECEIVED, StatusCodes};
use crate::interchange::Source;
use crate::interchange::x12::reply::{self, Payer, Stamp, close, day, fit, fit_or, open_answer};

const VERSION: &str = "005010X214";

/// Writes the acknowledgement of an interchange, a transaction set for each of its.
pub(super) fn write(
    interchange: &Interchange<'_>,
    received: &[Received],
    source: &Source<'_>,
    payer: &Payer<'_>,
    stamp: &Stamp<'_>,
) -> String {
    let mut out = Writer::default();
    open_answer(&mut out, interchange, payer, stamp, "HN", VERSION);
    let mut sets = 0usize;
    for of in received {
        sets = sets.saturating_add(1);
        let control = format!("{sets:04}");
        out.begin("277", &control, VERSION);
        set(&mut out, of, &control, source, payer, stamp);
        out.end(&control);
    }
    close(out, sets, stamp)
}

/// Numbers the levels.
struct Level(u32);

impl Level {
    /// Begins a level; answers its number.
    fn begin(&mut self, out: &mut Writer, within: &str, kind: &str, children: &str) -> String {
        self.0 = self.0.saturating_add(1);
        let number = self.0.to_string();
        out.simple("HL", &[&number, within, kind, children]);
        number
    }
}

fn set(
    out: &mut Writer,
    of: &Received,
    control: &str,
    source: &Source<'_>,
    payer: &Payer<'_>,
    stamp: &Stamp<'_>,
) {
    let date = day(stamp.date);
    let trace = fit_or(stamp.trace, 1, 40, "0");
    out.simple("BHT", &["0085", "08", &trace, &date, stamp.time, "TH"]);
    let mut level = Level(0);
    let at_payer = level.begin(out, "", "20", "1");
    out.simple(
        "NM1",
        &["PR", "2", payer.name, "", "", "", "", "PI", payer.id],
    );
    out.simple("TRN", &["1", &format!("{trace}-{control}")]);
    out.simple("DTP", &["050", "D8", &day(source.received)]);
    out.simple("DTP", &["009", "D8", &date]);

    let at_receiver = level.begin(out, &at_payer, "21", "1");
    let submitter = Named {
        qualifier: "46".into(),
        identifier: fit_or(&of.submitter.identifier, 2, 80, "UNKNOWN"),
        ..of.submitter.clone()
    };
    name(out, "41", &submitter);
    out.simple("TRN", &["2", &of.batch]);
    let all = || of.providers.iter().flat_map(|provider| &provider.claims);
    status(out, RECEIVED, &date, "WQ", &charged(all()));
    totals(out, all, ["90", "AA"]);
    for provider in &of.providers {
        if !provider.claims.is_empty() {
            from_provider(out, &mut level, &at_receiver, provider, &date, source);
        }
    }
}

fn name(out: &mut Writer, role: &str, of: &Named) {
    let family = fit_or(&of.family, 1, 60, "UNKNOWN");
    let kind = if of.kind == "1" { "1" } else { "2" };
    let (given, middle) = match kind {
        "1" => (of.given.as_str(), of.middle.as_str()),
        _ => ("", ""),
    };
    let qualifier = match of.identifier.as_str() {
        "" => "",
        _ => of.qualifier.as_str(),
    };
    out.simple(
        "NM1",
        &[
            role,
            kind,
            &family,
            given,
            middle,
            "",
            "",
            qualifier,
            &of.identifier,
        ],
    );
}

/// A status: what, when, whether it is taken (`WQ`) or not (`U`), and of how much.
fn status(out: &mut Writer, codes: StatusCodes, date: &str, action: &str, charge: &str) {
    let mut composites = codes
        .statuses
        .iter()
        .map(|(status, entity)| [codes.category, status, entity]);
    let first = composites.next().unwrap_or(["A3", "0", ""]);
    let (second, third) = (composites.next(), composites.next());
    let part = |of: &Option<[&'static str; 3]>| of.map_or(Vec::new(), |of| of.to_vec());
    let (second, third) = (part(&second), part(&third));
    out.segment(
        "STC",
        &[
            &first,
            &[date],
            &[action],
            &[charge],
            &[],
            &[],
            &[],
            &[],
            &[],
            &second,
            &third,
        ],
    );
}

/// The sum of the charges; none where one is no amount of whole cents.
fn total<'a>(claims: impl Iterator<Item = &'a ReceivedClaim>) -> Option<Money> {
    let mut sum = Money::ZERO;
    for claim in claims {
        sum = sum.checked_add(claim.amount()?)?;
    }
    Some(sum)
}

/// The sum of the charges as it must be told.
fn charged<'a>(claims: impl Iterator<Item = &'a ReceivedClaim>) -> String {
    total(claims).map_or_else(|| "0".to_owned(), |total| total.to_string())
}

/// How many claims were taken, and not, and of how much.
fn totals<'a, I: Iterator<Item = &'a ReceivedClaim>>(
    out: &mut Writer,
    claims: impl Fn() -> I,
    quantities: [&str; 2],
) {
    let [taken, refused] = quantities;
    let of = |accepted: bool| claims().filter(move |claim| claim.is_accepted() == accepted);
    for (quantity, accepted) in [(taken, true), (refused, false)] {
        let count = of(accepted).count();
        if count > 0 {
            out.simple("QTY", &[quantity, &count.to_string()]);
        }
    }
    for (kind, accepted) in [("YU", true), ("YY", false)] {
        if of(accepted).count() > 0
            && let Some(sum) = total(of(accepted))
        {
            out.simple("AMT", &[kind, &sum.to_string()]);
        }
    }
}

fn from_provider(
    out: &mut Writer,
    level: &mut Level,
    within: &str,
    of: &FromProvider,
    date: &str,
    source: &Source<'_>,
) {
    let number = level.begin(out, within, "19", "1");
    let provider = Named {
        qualifier: match of.provider.qualifier.as_str() {
            "XX" => "XX".into(),
            _ => "FI".into(),
        },
        ..of.provider.clone()
    };
    name(out, "85", &provider);
    // No trace of the provider's own is known.
    out.simple("TRN", &["1", "0"]);
    // Of a provider the guide asks for no day.
    status(out, RECEIVED, "", "WQ", &charged(of.claims.iter()));
    totals(out, || of.claims.iter(), ["QA", "QC"]);
    for claim in &of.claims {
        self::claim(out, level, &number, claim, date, source);
    }
}

fn claim(
    out: &mut Writer,
    level: &mut Level,
    within: &str,
    of: &ReceivedClaim,
    date: &str,
    source: &Source<'_>,
) {
    level.begin(out, within, "PT", "");
    let patient = Named {
        kind: "1".into(),
        qualifier: match of.patient.qualifier.as_str() {
            "II" => "II".into(),
            _ => "MI".into(),
        },
        ..of.patient.clone()
    };
    name(out, "QC", &patient);
    out.simple("TRN", &["2", &of.control]);
    let action = if of.status == ACCEPTED { "WQ" } else { "U" };
    status(out, of.status, date, action, &of.charge);
    if let Some(number) = of.number {
        out.simple("REF", &["1K", &number.to_string()]);
    }
    for (kind, text) in [("D9", &of.clearinghouse), ("BLT", &of.bill)] {
        let text = fit(text, 1, 50);
        if !text.is_empty() {
            out.simple("REF", &[kind, &text]);
        }
    }
    let (from, through) = of.days.unwrap_or((source.received, source.received));
    let (form, days) = reply::days(from, through);
    out.simple("DTP", &["472", form, &days]);
    if let Some(refused) = &of.line {
        line(out, refused, of.status);
    }
}

/// The line that a claim is refused for, by the same codes.
fn line(out: &mut Writer, of: &RefusedLine, codes: StatusCodes) {
    let service: Vec<&str> = of.service.iter().map(String::as_str).collect();
    let (charge, revenue, units) = (&*of.charge, &*of.revenue, &*of.units);
    out.segment(
        "SVC",
        &[&service, &[charge], &[], &[revenue], &[], &[], &[units]],
    );
    status(out, codes, "", "U", "");
    out.simple("REF", &["FJ", &of.number]);
    if let Some((from, through)) = of.days {
        let (form, days) = reply::days(from, through);
        out.simple("DTP", &["472", form, &days]);
    }
}
