//! Under which list the service of a line is told (SVC01-1), and its revenue code
//! beside it (SVC04): as it was billed.

use tally_types::{Carc, Group, Money, ShortCode};

use super::checker::unbalanced;
use super::day;
use super::remittance::{PATIENT, sound, written};
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use crate::claim::Claim;
use crate::interchange::x12::RemittedClaim;
use crate::interchange::{Source, read_claims};

/// A claim of a hospital with these lines of 10.00.
fn bill(lines: &[&str]) -> String {
    let mut text = String::from(
        "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*00501*000000077*0*P*:~\
GS*HC*LB*HH*20260110*1023*1*X*005010X223A2~ST*837*0001*005010X223A2~BHT*0019*00*78*20260110*1023*CH~\
NM1*41*2*SHORE HOSPITAL*****46*SH~PER*IC*ROBIN*TE*5550100~NM1*40*2*HARBOR HEALTH*****46*HH~HL*1**20*1~\
NM1*85*2*SHORE HOSPITAL*****XX*1234567893~N3*3 SHORE ROAD~N4*HARBOR*ME*04000~REF*EI*123456789~HL*2*1*22*0~\
SBR*P*18*******CI~NM1*IL*1*EXAMPLE*ALEX****MI*M-1~N3*2 HILL STREET~N4*HARBOR*ME*04000~DMG*D8*19800203*M~\
NM1*PR*2*HARBOR HEALTH*****PI*HH~",
    );
    let total = lines.len() * 10;
    text.push_str(&format!(
        "CLM*I-1*{total}***13:A:1**A*Y*Y~DTP*434*RD8*20260101-20260104~CL1*1*1*01~HI*ABK:J189~\
NM1*71*1*SMITH*SAM****XX*1234567893~"
    ));
    for (number, line) in (1..).zip(lines) {
        text.push_str(&format!("LX*{number}~{line}~DTP*472*D8*20260101~"));
    }
    let segments = text.matches('~').count() - 1;
    text.push_str(&format!("SE*{segments}*0001~GE*1*1~IEA*1*000000077~"));
    text
}

/// The remittance of a claim whose lines cost 10.00 each: all is paid, but for 1.00 of
/// coinsurance.
fn remitted(claim: &Claim) -> String {
    let ten = Money::cents(1_000);
    let lines = claim.lines.iter().map(|line| {
        let share = OutcomeAdjustment {
            group: Group::Pr,
            carc: Carc::COINSURANCE,
            rarc: ShortCode::NONE,
            amount: Money::cents(100),
            clause: "4.2".into(),
        };
        LineOutcome::settle(
            line.number,
            ten,
            ten,
            false,
            "4.2".into(),
            vec![share],
            vec![],
        )
        .unwrap()
    });
    let outcome = Outcome::new(claim.id, None, Settlement::Settled(lines.collect()), vec![]);
    let outcome = outcome.unwrap();
    let remitted = written(&[RemittedClaim::new(claim, &outcome, PATIENT)]).unwrap();
    sound(&remitted).to_owned()
}

/// The services of it.
fn services(claim: &Claim) -> Vec<String> {
    let text = remitted(claim);
    let of = text.split(['~', '\n']).filter(|of| of.starts_with("SVC*"));
    of.map(str::to_owned).collect()
}

fn read(file: &[u8]) -> Claim {
    let source = Source {
        submitter: "local",
        interchange: "services",
        received: day(2026, 1, 10),
    };
    let mut read = read_claims(file, None, &source);
    assert_eq!(read.refusals, []);
    read.claims.remove(0)
}

/// What an institutional line bills comes back under the list it was billed by, as far
/// as a claim keeps it.
#[test]
fn a_service_is_told_as_it_was_billed() {
    for (billed, told) in [
        ("SV2*0120**10*DA*1", "SVC*NU:0120*10.00*9.00**1"),
        (
            "SV2*0450*HC:99283:25*10*UN*1",
            "SVC*HC:99283:25*10.00*9.00*0450*1",
        ),
        (
            "SV2*0022*HP:AAA00*10*UN*1",
            "SVC*HP:AAA00*10.00*9.00*0022*1",
        ),
        (
            "SV2*0023*HP:1AA11*10*UN*1",
            "SVC*HP:1AA11*10.00*9.00*0023*1",
        ),
        (
            "SV2*0024*HP:A0101*10*UN*1",
            "SVC*HP:A0101*10.00*9.00*0024*1",
        ),
        // A claim does not keep which other list a code is of.
        (
            "SV2*0640*IV:S9379*10*UN*1",
            "SVC*ER:S9379*10.00*9.00*0640*1",
        ),
    ] {
        let claim = read(bill(&[billed]).as_bytes());
        assert_eq!(services(&claim), [told], "{billed}");
    }
}

/// The same line is told alike, whichever way it was billed by its revenue code alone.
#[test]
fn a_revenue_code_alone_is_told_alike_from_every_format() {
    let fhir = br#"{"resourceType":"Claim","status":"active","use":"claim",
        "type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"institutional"}]},
        "created":"2026-01-10","patient":{"identifier":{"value":"M-1"}},
        "provider":{"identifier":{"value":"1234567893"}},"insurance":[{"sequence":1,"focal":true,
        "coverage":{"identifier":{"value":"M-1"}}}],"priority":{"coding":[{"code":"normal"}]},
        "item":[{"sequence":1,"revenue":{"coding":[{"system":"https://www.nubc.org/CodeSystem/RevenueCodes","code":"0120"}]},
        "productOrService":{"text":"room"},"servicedDate":"2026-01-01","net":{"value":10.00,"currency":"USD"}}]}"#;
    let own = br#"{"format":"tallystick-claim/v1","kind":"institutional","member":"M-1","billing":"1234567893",
        "institutional":{"bill_type":"13","from":"2026-01-01","through":"2026-01-04"},
        "lines":[{"system":"revenue","revenue":"0120","charge":"10.00","from":"2026-01-01"}]}"#;
    let x12 = bill(&["SV2*0120**10*DA*1"]);
    for file in [x12.as_bytes(), fhir.as_slice(), own.as_slice()] {
        assert_eq!(services(&read(file)), ["SVC*NU:0120*10.00*9.00**1"]);
    }
}

/// The checker sees a revenue code that is told as another list's, or twice.
#[test]
fn the_checker_sees_a_revenue_code_in_the_wrong_place() {
    let claim = read(bill(&["SV2*0120**10*DA*1"]).as_bytes());
    let good = remitted(&claim);
    for wrong in [
        "ER:0120*10.00*9.00*0120*",
        "NU:0120*10.00*9.00*0120*",
        "HC:0120*10.00*9.00*0120*",
    ] {
        let text = good.replace("NU:0120*10.00*9.00**", wrong);
        assert_ne!(text, good);
        assert_eq!(
            unbalanced(&text),
            ["SVC04 beside its own revenue code: claim 0"]
        );
    }
}
