//! Institutional claims that hold all that an 837I can, and one code more; and
//! interchanges of test data.

use tally_core::claim::Claim;
use tally_core::interchange::x12::{Address, Payer, Stamp, claim_acknowledgements};
use tally_core::interchange::{
    Format, IntakeRule, ReadClaims, Source, TestData, claim_json, read_claims, read_claims_with,
};

use super::generate::day;

const STAY: &str = include_str!("../../fuzz/seeds/x12_claims/institutional");

fn source() -> Source<'static> {
    Source {
        submitter: "local",
        interchange: "000000077",
        received: day(2026, 1, 20),
    }
}

/// Two segments of twelve of a list, and of a third segment what is beyond.
fn codes(list: &str, rest: &str, beyond: usize) -> String {
    let element = |n: usize| format!("{list}:{:02}{rest}", n % 100);
    let mut out = String::new();
    for (first, last) in [(10, 22), (22, 34), (34, 34 + beyond)] {
        let elements: Vec<String> = (first..last).map(element).collect();
        if !elements.is_empty() {
            out += &format!("HI*{}~\n", elements.join("*"));
        }
    }
    out
}

/// The stay with every list full, and of one list a code more.
fn full(beyond: &str) -> String {
    let one = |list: &str| usize::from(list == beyond);
    let mut lists = String::from("HI*ABK:J189~\nHI*ABJ:J189~\n");
    let others: Vec<String> = (0..24 + one("ABF"))
        .map(|n| format!("ABF:J{:02}", n + 10))
        .collect();
    for twelve in others.chunks(12) {
        lists += &format!("HI*{}~\n", twelve.join("*"));
    }
    lists += "HI*BBR:0DTJ4ZZ:D8:20260102~\n";
    lists += &codes("BBQ", "TJ4ZZ:D8:20260102", one("BBQ"));
    lists += &codes("BI", ":RD8:20260101-20260102", one("BI"));
    lists += &codes("BH", ":D8:20260101", one("BH"));
    lists += &codes("BE", ":::12.5", one("BE"));
    lists += &codes("BG", "", one("BG"));
    let (before, rest) = STAY.split_once("HI*ABK:J189~\n").unwrap();
    let (_, after) = rest.split_once("HI*BH:11:D8:20251230~\n").unwrap();
    counted(&format!("{before}{lists}{after}"))
}

/// With the count of segments in SE.
fn counted(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let st = lines.iter().position(|l| l.starts_with("ST*")).unwrap();
    let se = lines.iter().position(|l| l.starts_with("SE*")).unwrap();
    text.replace(lines[se], &format!("SE*{}*0001~", se - st + 1))
}

fn only(reading: &ReadClaims) -> &Claim {
    assert_eq!(reading.refusals, []);
    &reading.claims[0]
}

#[test]
fn a_claim_holds_what_an_837i_can() {
    let text = full("");
    let reading = read_claims(text.as_bytes(), Some(Format::X12), &source());
    let claim = only(&reading);
    let stay = claim.institutional.as_ref().unwrap();
    assert_eq!(claim.diagnoses.len(), 25);
    assert_eq!(stay.procedures.len(), 25);
    assert_eq!(stay.occurrences.len(), 48);
    assert_eq!((stay.values.len(), stay.conditions.len()), (24, 24));
    // Our own JSON holds as much.
    let json = claim_json(claim);
    let again = read_claims(json.as_bytes(), Some(Format::TallyJson), &source());
    assert!(only(&again).institutional == claim.institutional);
}

#[test]
fn one_code_more_is_refused() {
    for list in ["ABF", "BBQ", "BI", "BH", "BE", "BG"] {
        let text = full(list);
        let reading = read_claims(text.as_bytes(), Some(Format::X12), &source());
        assert_eq!(reading.claims.len(), 0, "{list}");
        assert_eq!(reading.refusals[0].rule, IntakeRule::X12Segment, "{list}");
    }
    // As JSON a day more is no span less.
    let text = full("");
    let reading = read_claims(text.as_bytes(), Some(Format::X12), &source());
    let mut claim = only(&reading).clone();
    if let Some(stay) = &mut claim.institutional {
        let day = stay.occurrences.iter().position(|of| of.through.is_none());
        let span = stay.occurrences.iter().position(|of| of.through.is_some());
        stay.occurrences[span.unwrap()] = stay.occurrences[day.unwrap()];
        assert_eq!(stay.too_many(), Some("occurrence codes"));
    }
    let json = claim_json(&claim);
    let again = read_claims(json.as_bytes(), Some(Format::TallyJson), &source());
    assert_eq!(again.refusals[0].rule, IntakeRule::TooMany);
}

/// Test data is refused by name where none is read, and acknowledged all the same.
#[test]
fn test_data_is_read_where_it_is_asked_for() {
    let test = STAY.replace("*0*P*:~", "*0*T*:~");
    assert_ne!(test, STAY);
    for (text, how, read) in [
        (STAY, TestData::Read, true),
        (STAY, TestData::Refused, true),
        (&test, TestData::Read, true),
        (&test, TestData::Refused, false),
    ] {
        let reading = read_claims_with(text.as_bytes(), None, &source(), how);
        assert_eq!((reading.read, reading.claims.len()), (1, usize::from(read)));
        if let [refusal] = &reading.refusals[..] {
            assert_eq!(refusal.rule, IntakeRule::TestData);
            assert_eq!(refusal.place, "interchange 1, ISA15");
        }
        let payer = Payer {
            name: "HARBOR HEALTH",
            id: "HH",
            tax: "123456789",
            address: Address {
                street: "1 QUAY",
                city: "HARBOR",
                state: "ME",
                zip: "04000",
            },
            telephone: "5550100",
        };
        let stamp = Stamp {
            date: day(2026, 1, 20),
            time: "1000",
            control: 1,
            trace: "A-1",
        };
        let told = claim_acknowledgements(text, &source(), &reading, &payer, &stamp).unwrap();
        let told = told.concat();
        let status = if read { "STC*A2:20:PR*" } else { "STC*A3:541*" };
        assert!(told.contains(status), "{told}");
    }
}
