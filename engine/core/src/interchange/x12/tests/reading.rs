//! What is read of a claim: what stands at another place, or names somebody else, is not
//! taken for what it is not.

use tally_types::{Code, CodeSystem, Money, ShortCode};

use super::day;
use crate::claim::Claim;
use crate::interchange::{IntakeRule, ReadClaims, Source, read_claims};

/// The segments of a claim, of one line of 100.00 of an office visit.
const CLAIM: &str = "CLM*P-1*100***11:B:1*Y*A*Y*Y~HI*ABK:J069*ABF:I10~\
LX*1~SV1*HC:99213*100*UN*1***1~DTP*472*D8*20260105~";

/// One of a dentist.
const DENTAL: &str = "CLM*D-1*100***11:B:1*Y*A*Y*Y~HI*ABK:K021*TQ:1234*ABF:I10~\
LX*1~SV3*AD:D2391*100****1*****1~DTP*472*D8*20260105~";

fn file(version: &str, claim: &str) -> String {
    let mut text = format!(
        "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*00501*000000077*0*P*:~\
GS*HC*LB*HH*20260110*1023*1*X*{version}~ST*837*0001*{version}~BHT*0019*00*77*20260110*1023*CH~\
NM1*41*2*LAKESIDE*****46*LB1~PER*IC*ROBIN*TE*5550100~NM1*40*2*HARBOR HEALTH*****46*HH~HL*1**20*1~\
NM1*85*2*LAKESIDE*****XX*1234567893~N3*1 SHORE ROAD~N4*HARBOR*ME*04000~REF*EI*123456789~HL*2*1*22*0~\
SBR*P*18*******CI~NM1*IL*1*EXAMPLE*ALEX****MI*M-1~N3*2 HILL STREET~N4*HARBOR*ME*04000~DMG*D8*19800203*F~\
NM1*PR*2*HARBOR HEALTH*****PI*HH~"
    );
    text.push_str(claim);
    let segments = text.matches('~').count() - 1;
    text.push_str(&format!("SE*{segments}*0001~GE*1*1~IEA*1*000000077~"));
    text
}

fn reading(claim: &str) -> ReadClaims {
    let version = match claim.contains("SV3*") {
        true => "005010X224A2",
        false => "005010X222A1",
    };
    let source = Source {
        submitter: "local",
        interchange: "reading",
        received: day(2026, 1, 10),
    };
    read_claims(file(version, claim).as_bytes(), None, &source)
}

fn read(claim: &str) -> Claim {
    let mut read = reading(claim);
    assert_eq!(read.refusals, [], "{claim}");
    read.claims.remove(0)
}

/// The rule and the place of what a claim is refused for.
fn refused(claim: &str) -> (IntakeRule, String, String) {
    let mut read = reading(claim);
    assert!(read.claims.is_empty(), "{claim}");
    let refusal = read.refusals.remove(0);
    (refusal.rule, refusal.place, refusal.reason)
}

fn codes(codes: &[&str]) -> Vec<Code> {
    codes.iter().map(|code| Code::of(code)).collect()
}

/// A pointer is the number of an element of HI, whatever is empty or no diagnosis before.
#[test]
fn pointers_count_the_places_of_hi() {
    let gap = CLAIM.replace("HI*ABK:J069*ABF:I10", "HI*ABK:J069**ABF:Z0000");
    for (pointers, bits) in [("1", 0b1), ("3", 0b10), ("1:3", 0b11)] {
        let claim = read(&gap.replace("***1~", &format!("***{pointers}~")));
        assert!(claim.diagnoses == codes(&["J069", "Z0000"]));
        assert_eq!(claim.lines[0].diagnoses, bits, "{pointers}");
    }
    for nothing in ["2", "4", "0", "1:2"] {
        let (rule, place, _) = refused(&gap.replace("***1~", &format!("***{nothing}~")));
        assert_eq!(rule, IntakeRule::Pointer, "{nothing}");
        assert!(place.contains("2400 SV1-07"), "{place}");
    }
    for (pointer, bits) in [("1", 0b1), ("3", 0b10)] {
        let claim = read(&DENTAL.replace("*****1~", &format!("*****{pointer}~")));
        assert!(claim.diagnoses == codes(&["K021", "I10"]));
        assert_eq!(claim.lines[0].diagnoses, bits, "{pointer}");
    }
    assert_eq!(
        refused(&DENTAL.replace("*****1~", "*****2~")).0,
        IntakeRule::Pointer
    );
}

/// A referral of a line is the claim's, unless the claim has its own or it is another
/// payer's.
#[test]
fn a_line_may_name_the_referral_and_the_authorisation() {
    let line = |numbers: &str| CLAIM.replace("20260105~", &format!("20260105~{numbers}"));
    assert_eq!(read(CLAIM).circumstances.referral, None);
    let claim = read(&line("REF*G1*A-1~REF*9F*R-1~"));
    assert_eq!(claim.circumstances.referral.as_deref(), Some("R-1"));
    assert_eq!(claim.authorizations, ["A-1"]);
    let both = line("REF*9F*R-1~").replace("HI*ABK", "REF*9F*R-0~HI*ABK");
    assert_eq!(read(&both).circumstances.referral.as_deref(), Some("R-0"));
    let claim = read(&line("REF*G1*A-2**2U:XX~REF*9F*R-2**2U:XX~"));
    assert_eq!(claim.circumstances.referral, None);
    assert!(claim.authorizations.is_empty());
}

/// Of payers with one number each has an answer of a line, in their order.
#[test]
fn payers_of_one_number_are_told_apart_by_their_order() {
    let payer = |place: &str, id: &str| {
        format!(
            "SBR*{place}*18*******CI~OI***Y***Y~NM1*IL*1*EXAMPLE*ALEX****MI*X-9~\
NM1*PR*2*OTHER*****PI*{id}~"
        )
    };
    let answer = |paid: &str| format!("SVD*OP*{paid}*HC:99213**1~DTP*573*D8*20260108~");
    let claim = |payers: &[&str], answers: &[&str]| {
        let places = ["P", "S", "T"].iter().zip(payers);
        let payers: String = places.map(|(place, id)| payer(place, id)).collect();
        let answers: String = answers.iter().map(|paid| answer(paid)).collect();
        let with = CLAIM.replace("LX*1", &format!("{payers}LX*1"));
        format!("{with}{answers}")
    };
    let paid = |claim: &Claim| -> Vec<(u8, Money)> {
        let prior = claim.lines[0].prior.iter();
        prior.map(|of| (of.payer, of.paid)).collect()
    };
    let two = read(&claim(&["OP", "OP"], &["30", "20"]));
    assert_eq!(
        paid(&two),
        [(0, Money::cents(3_000)), (1, Money::cents(2_000))]
    );
    let apart = read(&claim(&["OP", "XP", "OP"], &["30", "20"]));
    assert_eq!(
        paid(&apart),
        [(0, Money::cents(3_000)), (2, Money::cents(2_000))]
    );
    // One payer's are parts of what it split.
    let split = read(&claim(&["OP", "XP"], &["30", "20"]));
    assert_eq!(paid(&split), [(0, Money::cents(5_000))]);
    let (rule, place, reason) = refused(&claim(&["OP", "OP"], &["30", "20", "10"]));
    assert_eq!(rule, IntakeRule::Pointer);
    assert!(place.contains("2430 SVD-01"), "{place}");
    assert!(reason.contains("identifier of its own"), "{reason}");
}

/// Minutes are of anaesthesia; other lists than CPT are no CPT.
#[test]
fn minutes_are_of_anaesthesia_alone() {
    let line = |service: &str| CLAIM.replace("HC:99213*100*UN*1", service);
    let claim = read(&line("HC:00142:QK*100*MJ*61"));
    assert!(claim.lines[0].detail.unit == ShortCode::of("MJ"));
    for service in ["HC:01999*100*MJ*15", "HC:00100*100*MJ*15"] {
        read(&line(service));
    }
    for service in ["HC:97110", "HC:02000", "HC:00099", "HC:0001T", "ER:00142"] {
        let (rule, place, _) = refused(&line(&format!("{service}*100*MJ*15")));
        assert_eq!(rule, IntakeRule::BadUnit, "{service}");
        assert!(place.contains("2400 SV1-03"), "{place}");
    }
    for list in ["ER", "IV", "WK"] {
        let claim = read(&line(&format!("{list}:99213*100*UN*1")));
        assert!(claim.lines[0].system == CodeSystem::Other, "{list}");
    }
}

/// Whoever rendered a line and has no number is nobody else.
#[test]
fn a_person_without_a_number_is_nobody_else() {
    let plain = read(CLAIM);
    assert!(plain.lines[0].rendering.is_none());
    let of_claim = |name: &str| CLAIM.replace("LX*1", &format!("{name}~LX*1"));
    let of_line = |claim: &str, name: &str| format!("{claim}{name}~");
    let rendering = |claim: &str| read(claim).lines[0].rendering.clone().unwrap();
    let sam = rendering(&of_claim("NM1*82*1*SMITH*SAM"));
    assert!(!sam.is_npi && !sam.code().is_none());
    assert!(sam == rendering(&of_line(CLAIM, "NM1*82*1*SMITH*SAM")));
    let numbered = of_claim("NM1*82*1*JONES*LEE****XX*1245319599");
    assert!(rendering(&numbered).identifier == "1245319599");
    assert!(rendering(&of_line(&numbered, "NM1*82*1*SMITH*SAM")) == sam);
    assert!(rendering(&of_line(CLAIM, "NM1*82*1*SMITH*PAT")) != sam);
    let secondary = of_line(CLAIM, "NM1*82*1*SMITH*SAM~REF*G2*P-77");
    assert!(rendering(&secondary).identifier == "P-77");
}

/// What is not assigned to the provider would be the member's.
#[test]
fn benefits_are_assigned_to_the_provider() {
    for not in ["N", "W"] {
        let claim = CLAIM.replace("*Y*A*Y*Y", &format!("*Y*A*{not}*Y"));
        let (rule, place, _) = refused(&claim);
        assert_eq!(rule, IntakeRule::NotAssigned, "{not}");
        assert!(place.contains("2300 CLM-08"), "{place}");
    }
}
