//! Claim acknowledgements: every claim of a file is in one, and their sums agree.

use proptest::prelude::*;
use tally_x12::ack;

use super::checker::cents;
use super::{assert_sound, cases, day, files, payer, stamp};
use crate::claim::ClaimId;
use crate::interchange::x12::{
    AcknowledgementError, claim_acknowledgements, functional_acknowledgements, text_of,
};
use crate::interchange::{IntakeRule, ReadClaims, Source, read_claims};

pub fn source() -> Source<'static> {
    Source {
        submitter: "local",
        interchange: "cases",
        received: day(2026, 6, 1),
    }
}

/// A claim as an acknowledgement tells it.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    control: String,
    codes: Vec<String>,
    action: String,
    charge: i128,
    number: String,
}

/// Takes acknowledgements apart, and sees whether their sums agree.
fn told(text: &str) -> Vec<Told> {
    let mut claims: Vec<Told> = Vec::new();
    // Counts and amounts of the receiver, then of each provider: as said, as summed.
    let mut said: Vec<[i128; 4]> = Vec::new();
    let mut summed: Vec<[i128; 4]> = Vec::new();
    let mut at = "";
    let mut receiver = 0;
    for segment in text.split("~\n") {
        let elements: Vec<&str> = segment.split('*').collect();
        let of = |at: usize| elements.get(at).copied().unwrap_or("");
        let which = ["90", "AA", "QA", "QC", "YU", "YY"]
            .iter()
            .position(|q| *q == of(1));
        match of(0) {
            "HL" => {
                at = match of(3) {
                    "21" => "receiver",
                    "19" => "provider",
                    "PT" => "patient",
                    _ => "payer",
                };
                if at == "receiver" {
                    receiver = said.len();
                }
                if at == "receiver" || at == "provider" {
                    said.push([0; 4]);
                    summed.push([0; 4]);
                }
            }
            // What is wrong at a line was told of its claim.
            "SVC" => at = "line",
            "QTY" => said.last_mut().unwrap()[which.unwrap() % 2] = of(2).parse().unwrap(),
            "AMT" => said.last_mut().unwrap()[which.unwrap() % 2 + 2] = cents(of(2)),
            "TRN" if at == "patient" => claims.push(Told {
                control: of(2).into(),
                codes: vec![],
                action: String::new(),
                charge: 0,
                number: String::new(),
            }),
            "STC" if at == "patient" => {
                let claim = claims.last_mut().unwrap();
                let codes = [of(1), of(10), of(11)];
                let codes = codes.iter().filter(|code| !code.is_empty());
                claim.codes = codes.map(|&code| code.to_owned()).collect();
                claim.action = of(3).into();
                claim.charge = cents(of(4));
                let refused = usize::from(claim.action == "U");
                for at in [receiver, said.len() - 1] {
                    summed[at][refused] += 1;
                    summed[at][refused + 2] += claim.charge;
                }
            }
            "REF" if of(1) == "1K" => claims.last_mut().unwrap().number = of(2).into(),
            _ => {}
        }
    }
    assert_eq!(said, summed, "{text}");
    claims
}

/// The acknowledgements of a file, sound, with its reading.
fn acknowledged(text: &str) -> (ReadClaims, Vec<Told>, Vec<String>) {
    let reading = read_claims(text.as_bytes(), None, &source());
    let written =
        claim_acknowledgements(text, &source(), &reading, &payer(), &stamp("A-7")).unwrap();
    let claims = written.iter().flat_map(|text| {
        assert!(assert_sound(text) > 0);
        told(text)
    });
    let claims = claims.collect();
    (reading, claims, written)
}

/// Every claim is told of once: those that were read by their number, the others as
/// refused.
fn agrees(reading: &ReadClaims, claims: &[Told]) {
    let numbers: Vec<String> = reading
        .claims
        .iter()
        .map(|claim| claim.id.to_string())
        .collect();
    let told: Vec<&Told> = claims.iter().filter(|claim| claim.action == "WQ").collect();
    assert_eq!(
        told.iter().map(|claim| &claim.number).collect::<Vec<_>>(),
        numbers.iter().collect::<Vec<_>>()
    );
    for (claim, read) in told.iter().zip(&reading.claims) {
        assert_eq!(claim.control, read.control_number);
        assert_eq!(claim.charge, i128::from(read.charge.scaled()));
        assert_eq!(claim.codes, ["A2:20:PR"]);
        assert!(ClaimId::parse(&claim.number).is_some());
    }
}

const TWO_CLAIMS: &str = "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*00501*000000077*0*P*:~
GS*HC*LB*HH*20260110*1023*1*X*005010X222A1~
ST*837*0001*005010X222A1~
BHT*0019*00*BATCH-7*20260110*1023*CH~
NM1*41*2*LAKESIDE BILLING*****46*LB1~
PER*IC*ROBIN*TE*5550100~
NM1*40*2*HARBOR HEALTH*****46*HH~
HL*1**20*1~
NM1*85*2*LAKESIDE CLINIC*****XX*1234567893~
N3*1 SHORE ROAD~
N4*HARBOR*ME*04000~
REF*EI*123456789~
HL*2*1*22*1~
SBR*P********CI~
NM1*IL*1*EXAMPLE*ALEX****MI*M-1~
NM1*PR*2*HARBOR HEALTH*****PI*HH~
HL*3*2*23*0~
PAT*19~
NM1*QC*1*EXAMPLE*KIM~
N3*2 HILL STREET~
N4*HARBOR*ME*04000~
DMG*D8*20100203*M~
CLM*P-1*250***11:B:1*Y*A*Y*Y~
REF*D9*CH-1~
HI*ABK:J069~
LX*1~
SV1*HC:99213*250*UN*1***1~
DTP*472*RD8*20260105-20260106~
CLM*P-2*100.5***11:B:1*Y*A*Y*Y~
HI*ABK:J069~
LX*1~
SV1*HC:99213*99.5*UN*1***1~
DTP*472*D8*20260105~
SE*32*0001~
GE*1*1~
IEA*1*000000077~
";

#[test]
fn an_acknowledgement_as_x12() {
    let (reading, claims, written) = acknowledged(TWO_CLAIMS);
    assert_eq!((reading.claims.len(), reading.refusals.len()), (1, 1));
    agrees(&reading, &claims);
    assert_eq!(claims[1].codes, ["A8:400", "A8:178"]);
    insta::assert_snapshot!(written.concat());
}

/// What is wrong at a line is told of the line too.
#[test]
fn a_line_at_fault_is_told() {
    let late = TWO_CLAIMS
        .replace("CLM*P-2*100.5*", "CLM*P-2*120.5*")
        .replace(
            "HC:99213*99.5*UN*1***1~\n",
            "HC:99213*99.5*UN*1***1~\nDTP*472*D8*20260105~\nLX*2~\nSV1*HC:87070:25*21*UN*3***1~\n",
        )
        .replace(
            "DTP*472*D8*20260105~\nSE*32*",
            "DTP*472*D8*20261231~\nREF*6R*L-77~\nSE*36*",
        );
    let (reading, claims, written) = acknowledged(&late);
    assert_eq!(reading.claims.len(), 1);
    assert_eq!(reading.refusals[0].place, "set 1, segment 33, 2400 SV1");
    assert_eq!(claims[1].codes, ["A7:510", "A7:187"]);
    let [text] = &written[..] else {
        panic!("one");
    };
    let line = "SVC*HC:87070:25*21*****3~\n\
                STC*A7:510**U*******A7:187~\n\
                REF*FJ*L-77~\n\
                DTP*472*D8*20261231~\n";
    assert!(text.contains(line), "{text}");
    assert_eq!(text.matches("SVC*").count(), 1, "{text}");
    // Without a number of the sender's, the line's own.
    let text = acknowledged(
        &late
            .replace("REF*6R*L-77~\n", "")
            .replace("SE*36*", "SE*35*"),
    )
    .2;
    assert!(text[0].contains("REF*FJ*2~\n"), "{}", text[0]);
    // What is wrong with a claim as a whole is told of no line.
    assert!(!acknowledged(TWO_CLAIMS).2[0].contains("SVC*"));
}

/// An institutional line is told by its procedure, and by its revenue code without one.
#[test]
fn a_line_of_a_hospital_is_told() {
    let text = TWO_CLAIMS
        .replace("005010X222A1", "005010X223A2")
        .replace("***11:B:1*Y*A*Y*Y", "***11:A:1**A*Y*Y")
        .replace("CLM*P-2*100.5*", "CLM*P-2*99.5*")
        .replace("REF*D9*CH-1~\n", "")
        .replace(
            "HI*ABK:J069~",
            "DTP*434*RD8*20260105-20260106~\nCL1*1*1*01~\nHI*ABK:J069~",
        )
        .replace("SV1*HC:99213*250*UN*1***1~", "SV2*0300*HC:87070*250*UN*1~")
        .replace("SV1*HC:99213*99.5*UN*1***1~", "SV2*0120**99.5*DA*1~")
        .replace("RD8*20260105-20260106~\nCLM", "D8*20261231~\nCLM")
        .replace("D8*20260105~\nSE*32*", "D8*20261231~\nSE*35*");
    let (reading, claims, written) = acknowledged(&text);
    assert_eq!(
        (reading.claims.len(), claims.len()),
        (0, 2),
        "{}",
        reading.refusals[0].reason
    );
    let text = written.concat();
    assert!(
        text.contains("SVC*HC:87070*250**0300***1~\nSTC*A7:510*"),
        "{text}"
    );
    assert!(
        text.contains("SVC*NU:0120*99.5*****1~\nSTC*A7:510*"),
        "{text}"
    );
}

/// An answer goes back to whom it came from, by the names it was sent with.
#[test]
fn an_answer_goes_back_where_it_came_from() {
    let from = "*ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*00501*000000077*0*P*";
    let sent = "*30*123456789      *27*PAYERS         *260110*1023*^*00501*000000077*1*T*";
    let text = TWO_CLAIMS.replacen(from, sent, 1);
    let back = "*27*PAYERS         *30*123456789      *260605*1015*^*00501*000000031*0*T*:~";
    let (_, _, written) = acknowledged(&text);
    assert!(written[0].contains(back), "{}", written[0]);
    let receipts = functional_acknowledgements(&text, &stamp("A-7"));
    assert!(receipts[0].contains(back), "{}", receipts[0]);
    assert!(
        receipts[0].contains("\nTA1*000000077*260110*1023*A*000~\nGS*"),
        "{}",
        receipts[0]
    );
}

/// A byte that is no UTF-8 refuses its own set, at its segment and element.
#[test]
fn a_byte_that_is_no_text_refuses_its_set() {
    let (head, rest) = TWO_CLAIMS.split_once("ST*837").unwrap();
    let (set, tail) = rest.split_once("GE*1*").unwrap();
    let second = set
        .replace("0001*005010X222A1", "0002*005010X222A1")
        .replace("SE*32*0001", "SE*32*0002");
    let text = format!("{head}ST*837{set}ST*837{second}GE*2*{tail}").replace("*100.5*", "*99.5*");
    let mut bytes = text.clone().into_bytes();
    let at = text.find("EXAMPLE*KIM").unwrap();
    bytes[at] = 0xc9;
    let reading = read_claims(&bytes, None, &source());
    assert_eq!((reading.read, reading.claims.len()), (4, 2));
    for refusal in &reading.refusals {
        assert_eq!(refusal.rule, IntakeRule::X12Element);
        assert_eq!(refusal.place, "set 1, segment 17, 2010CA NM1-03");
    }
    let text = text_of(&bytes);
    let receipts = functional_acknowledgements(&text, &stamp("A-7")).concat();
    let expected = "\nIK3*NM1*17*2010CA*8~\nIK4*3**6~\nIK5*R*5~\nAK2*837*0002*005010X222A1~\nIK5*A~\nAK9*P*2*2*1~\n";
    assert!(receipts.contains(expected), "{receipts}");
    let written =
        claim_acknowledgements(&text, &source(), &reading, &payer(), &stamp("A-7")).unwrap();
    assert_eq!(told(&written.concat()).len(), 2);
}

/// No claim is read of a file with any fault in its envelopes, and each is answered.
#[test]
fn no_claim_is_read_of_a_damaged_envelope() {
    for (tag, elements) in [
        ("ISA", 16),
        ("GS", 8),
        ("ST", 3),
        ("SE", 2),
        ("GE", 2),
        ("IEA", 2),
    ] {
        for element in 1..=elements {
            let lines = TWO_CLAIMS.lines().map(|line| {
                let mut parts: Vec<&str> = line.trim_end_matches('~').split('*').collect();
                if parts[0] == tag {
                    parts[element] = if tag == "ISA" && element == 16 {
                        "X"
                    } else {
                        ""
                    };
                }
                format!("{}~\n", parts.join("*"))
            });
            let text: String = lines.collect();
            let reading = read_claims(text.as_bytes(), None, &source());
            assert!(reading.claims.is_empty(), "{tag}{element}\n{text}");
            let receipts = functional_acknowledgements(&text, &stamp("A-7")).concat();
            assert!(receipts.contains("*R*"), "{tag}{element}\n{receipts}");
            for accepted in ["IK5*A", "IK5*E", "AK9*A", "AK9*E", "AK9*P"] {
                assert!(!receipts.contains(accepted), "{tag}{element}\n{receipts}");
            }
            let written =
                claim_acknowledgements(&text, &source(), &reading, &payer(), &stamp("A-7"));
            assert_eq!(written, Ok(vec![]), "{tag}{element}");
        }
    }
}

/// Interchanges of acknowledgements alone are not answered, and what we answer is one.
#[test]
fn acknowledgements_end_with_their_receiver() {
    let ours = functional_acknowledgements(TWO_CLAIMS, &stamp("A-7")).concat();
    assert_eq!(
        functional_acknowledgements(&ours, &stamp("A-8")),
        Vec::<String>::new()
    );
    let rejected = TWO_CLAIMS.replacen("*ZZ*LAKESIDE", "*QQ*LAKESIDE", 1);
    let receipt = functional_acknowledgements(&rejected, &stamp("A-7")).concat();
    assert!(
        receipt.contains("\nTA1*000000077*260110*1023*R*005~\nIEA*0*"),
        "{receipt}"
    );
    assert_eq!(
        functional_acknowledgements(&receipt, &stamp("A-8")),
        Vec::<String>::new()
    );
    // Beside claims it hides nothing.
    let (head, tail) = TWO_CLAIMS.split_once("GS*").unwrap();
    let both = format!("{head}TA1*000000005*260109*0930*A*000~\nGS*{tail}");
    let reading = read_claims(both.as_bytes(), None, &source());
    assert_eq!(reading.claims.len(), 1);
}

#[test]
fn a_reading_of_something_else_is_refused() {
    let reading = read_claims(TWO_CLAIMS.as_bytes(), None, &source());
    let other = Source {
        interchange: "another",
        ..source()
    };
    let of = |text: &str, source: &Source<'_>| {
        claim_acknowledgements(text, source, &reading, &payer(), &stamp("A-7")).unwrap_err()
    };
    assert_eq!(of(TWO_CLAIMS, &other), AcknowledgementError::Unread(0));
    assert_eq!(
        of("ISA", &source()),
        AcknowledgementError::AnotherReading { read: 2, found: 1 }
    );
}

/// The files of the cases: every claim of a set whose structure is sound is told of.
#[test]
fn the_cases_are_acknowledged() {
    if cases().is_none() {
        return;
    }
    let mut all = files(".837");
    all.extend(files(".837i"));
    all.extend(files(".txt"));
    let (mut accepted, mut refused) = (0, 0);
    for (name, text) in all {
        let name = name.rsplit('/').next().unwrap();
        if name == "ORIGIN.txt" {
            continue;
        }
        let (reading, claims, _) = acknowledged(&text);
        agrees(&reading, &claims);
        let sound = tally_x12::read(&text)
            .interchanges
            .iter()
            .all(|interchange| {
                !interchange.is_rejected()
                    && interchange.groups.iter().all(|group| {
                        let sets = group.transactions.iter();
                        let claims = sets.clone().all(|set| set.set() == "837");
                        let mut sets = sets.map(|set| ack::judge(group, set).verdict());
                        group.faults.is_empty()
                            && claims
                            && sets.all(|v| v != ack::Verdict::Rejected)
                    })
            });
        if sound {
            assert_eq!(claims.len(), reading.read as usize, "{name}");
        }
        accepted += claims.iter().filter(|claim| claim.action == "WQ").count();
        refused += claims.iter().filter(|claim| claim.action == "U").count();
    }
    assert!(accepted > 20, "{accepted}");
    // The sets of most others have a wrong count or level, for which a 999 is all.
    assert!(refused > 0, "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the charges, and however often the claims stand there.
    #[test]
    fn sums_agree(
        amounts in prop::collection::vec((0u32..1_000_000, any::<bool>()), 1..6),
        date in "2026010[1-9]",
    ) {
        let (head, rest) = TWO_CLAIMS.split_once("CLM*P-1").unwrap();
        let (_, tail) = rest.split_once("SE*32").unwrap();
        let mut text = head.to_owned();
        for (at, (amount, sound)) in amounts.iter().enumerate() {
            let line = amount + u32::from(!sound);
            text += &format!(
                "CLM*C{at}*{}.{:02}***11:B:1*Y*A*Y*Y~\nHI*ABK:J069~\nLX*1~\nSV1*HC:99213*{}.{:02}*UN*1***1~\nDTP*472*D8*{date}~\n",
                amount / 100, amount % 100, line / 100, line % 100,
            );
        }
        let count = 22 - 2 + 5 * amounts.len() + 1;
        text += &format!("SE*{count}{tail}");
        let (reading, claims, _) = acknowledged(&text);
        prop_assert_eq!(claims.len(), amounts.len());
        agrees(&reading, &claims);
        for (claim, (amount, sound)) in claims.iter().zip(&amounts) {
            prop_assert_eq!(claim.charge, i128::from(*amount));
            prop_assert_eq!(claim.action == "WQ", *sound);
        }
    }
}
