//! Every element of ISA, GS, ST, SE, GE and IEA, damaged in turn, beside what has to be
//! answered: told here by the tables of X12 and the guides, not by what was found.

use super::{good, segments};
use tally_x12::ack::{Judged, Stamp, acknowledge, judge};
use tally_x12::{read, text_of};

/// What must be answered.
#[derive(Clone, Copy)]
enum Answer {
    /// The interchange is rejected: TA105.
    Interchange(&'static str),
    /// The group is rejected, and the interchange's own acknowledgement names what is
    /// wrong: AK905, TA105.
    Header(&'static str, &'static str),
    /// The group is rejected: AK905.
    Group(&'static str),
    /// The set is rejected: IK502.
    Set(&'static str),
    /// The set is rejected for an element: segment, IK401, IK403.
    Element(&'static str, &'static str, &'static str),
}

use Answer::{Element, Group, Header, Interchange, Set};

/// A segment, an element of it, what is put there, and what must be answered.
const TABLE: &[(&str, usize, &str, Answer)] = &[
    ("ISA", 1, "QQ", Interchange("010")),
    ("ISA", 1, "  ", Interchange("010")),
    ("ISA", 1, "", Interchange("010")),
    ("ISA", 2, "", Interchange("011")),
    ("ISA", 2, "          ", Interchange("011")),
    ("ISA", 2, "12345678901", Interchange("011")),
    ("ISA", 2, "\u{7}         ", Interchange("011")),
    ("ISA", 3, "QQ", Interchange("012")),
    ("ISA", 3, "", Interchange("012")),
    ("ISA", 4, "", Interchange("013")),
    ("ISA", 4, "          ", Interchange("013")),
    ("ISA", 4, "123456789\u{7}", Interchange("013")),
    ("ISA", 5, "QQ", Interchange("005")),
    ("ISA", 5, "", Interchange("005")),
    ("ISA", 6, "               ", Interchange("006")),
    ("ISA", 6, "", Interchange("006")),
    ("ISA", 6, "SENDER\u{7}        ", Interchange("006")),
    ("ISA", 7, "QQ", Interchange("007")),
    ("ISA", 7, "", Interchange("007")),
    ("ISA", 8, "               ", Interchange("008")),
    ("ISA", 8, "", Interchange("008")),
    ("ISA", 9, "991399", Interchange("014")),
    ("ISA", 9, "", Interchange("014")),
    ("ISA", 10, "2460", Interchange("015")),
    ("ISA", 10, "", Interchange("015")),
    ("ISA", 11, "7", Interchange("016")),
    ("ISA", 11, " ", Interchange("016")),
    ("ISA", 12, "00401", Interchange("017")),
    ("ISA", 12, "", Interchange("017")),
    ("ISA", 13, "00000000A", Interchange("018")),
    ("ISA", 13, "", Interchange("018")),
    ("ISA", 13, "123454321", Interchange("001")),
    ("ISA", 14, "2", Interchange("019")),
    ("ISA", 14, "", Interchange("019")),
    ("ISA", 15, "Q", Interchange("020")),
    ("ISA", 15, "", Interchange("020")),
    ("ISA", 16, "X", Interchange("027")),
    ("IEA", 1, "2", Interchange("021")),
    ("IEA", 1, "+1", Interchange("021")),
    ("IEA", 1, "", Interchange("021")),
    ("IEA", 2, "123454321", Interchange("001")),
    ("IEA", 2, "", Interchange("001")),
    ("GS", 1, "HP", Group("1")),
    ("GS", 1, "HS", Group("1")),
    ("GS", 1, "FA", Group("1")),
    ("GS", 1, "QQ", Group("1")),
    ("GS", 1, "", Group("1")),
    ("GS", 2, "", Header("1", "024")),
    ("GS", 2, "1234567890123456", Header("1", "024")),
    ("GS", 2, "A\u{7}B", Header("1", "024")),
    ("GS", 3, "", Header("1", "024")),
    ("GS", 3, "X", Header("1", "024")),
    ("GS", 4, "99999999", Header("1", "024")),
    ("GS", 4, "260110", Header("1", "024")),
    ("GS", 4, "", Header("1", "024")),
    ("GS", 5, "9999", Header("1", "024")),
    ("GS", 5, "", Header("1", "024")),
    ("GS", 6, "X", Group("6")),
    ("GS", 6, "1234567890", Group("6")),
    ("GS", 6, "", Group("6")),
    ("GS", 6, "77", Group("4")),
    ("GS", 7, "Q", Group("2")),
    ("GS", 7, "", Group("2")),
    ("GS", 8, "005010X221A1", Group("2")),
    ("GS", 8, "005010X279A1", Group("2")),
    ("GS", 8, "004010X098A1", Group("2")),
    ("GS", 8, "005010X999", Group("2")),
    ("GS", 8, "", Group("2")),
    ("GE", 1, "5", Group("5")),
    ("GE", 1, "0", Group("5")),
    ("GE", 1, "X", Group("5")),
    ("GE", 1, "", Group("5")),
    ("GE", 2, "99", Group("4")),
    ("GE", 2, "", Group("4")),
    ("ST", 1, "835", Set("18")),
    ("ST", 1, "999", Set("18")),
    ("ST", 1, "QQQ", Set("1")),
    ("ST", 1, "", Set("6")),
    ("ST", 2, "1", Set("7")),
    ("ST", 2, "1234567890", Set("7")),
    ("ST", 2, "", Set("7")),
    ("ST", 2, "4321", Set("3")),
    ("ST", 3, "005010X999", Set("I6")),
    ("ST", 3, "005010X279A1", Set("18")),
    ("ST", 3, "", Element("ST", "3", "1")),
    ("SE", 1, "99999", Set("4")),
    ("SE", 1, "X", Set("4")),
    ("SE", 1, "", Set("4")),
    ("SE", 2, "4321", Set("3")),
    ("SE", 2, "", Set("3")),
];

/// A file of our own, so that there is always one.
const OWN: &str = "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*00501*000000077*0*P*:~
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
HI*ABK:J069~
LX*1~
SV1*HC:99213*250*UN*1***1~
DTP*472*D8*20260105~
SE*26*0001~
GE*1*1~
IEA*1*000000077~
";

/// Puts something in the place of an element of the first segment of a name.
fn put(text: &str, tag: &str, element: usize, value: &str) -> String {
    let head = format!("{tag}*");
    let at = match text.starts_with(&head) {
        true => 0,
        false => {
            let at = text.find(&format!("\n{head}")).map(|at| at + 1);
            at.or_else(|| text.find(&format!("~{head}")).map(|at| at + 1))
                .unwrap()
        }
    };
    let end = at + text[at..].find('~').unwrap();
    let mut elements: Vec<&str> = text[at..end].split('*').collect();
    // What ends with empty elements is shorter.
    while elements.len() <= element {
        elements.push("");
    }
    elements[element] = value;
    format!("{}{}{}", &text[..at], elements.join("*"), &text[end..])
}

/// What a file of one interchange is acknowledged with.
pub fn answer(text: &str) -> String {
    let file = read(text);
    assert_eq!(file.interchanges.len(), 1, "{text}");
    let interchange = &file.interchanges[0];
    let groups = interchange.groups.iter();
    let judged: Vec<Vec<Judged<'_>>> = groups
        .map(|group| {
            group
                .transactions
                .iter()
                .map(|set| judge(group, set))
                .collect()
        })
        .collect();
    let stamp = Stamp {
        date: "20260111",
        time: "0930",
        control: 5,
    };
    acknowledge(interchange, &judged, stamp)
}

/// The elements of the segments of a name.
fn all<'a>(answer: &'a str, tag: &str) -> Vec<Vec<&'a str>> {
    let mut all = segments(answer);
    all.retain(|segment| segment[0] == tag);
    all
}

fn check(name: &str, text: &str, expected: Answer) {
    let answer = answer(text);
    let say = format!("{name}\n{answer}\n{text}");
    let receipts = all(&answer, "TA1");
    let totals = all(&answer, "AK9");
    let verdicts = all(&answer, "IK5");
    super::agrees_with_itself(&answer, &say);
    if let Interchange(code) = expected {
        assert_eq!(receipts.len(), 1, "{say}");
        assert_eq!(receipts[0][4..], ["R", code], "{say}");
        assert!(totals.is_empty(), "{say}");
        return;
    }
    assert!(receipts.iter().all(|receipt| receipt[4] != "R"), "{say}");
    assert_eq!((totals.len(), totals[0][1]), (1, "R"), "{say}");
    assert!(verdicts.iter().all(|verdict| verdict[1] == "R"), "{say}");
    let has = |segments: &[Vec<&str>], code: &str| {
        segments
            .iter()
            .any(|segment| segment.iter().skip(2).any(|at| *at == code))
    };
    let group = totals[0].get(5..).unwrap_or(&[]);
    match expected {
        Interchange(_) => {}
        Header(code, noted) => {
            assert!(group.contains(&code), "{say}");
            assert_eq!(receipts.len(), 1, "{say}");
            assert_eq!(receipts[0][4..], ["E", noted], "{say}");
        }
        Group(code) => assert!(group.contains(&code), "{say}"),
        Set(code) => {
            assert!(has(&verdicts, code), "{say}");
            assert!(group.is_empty(), "{say}");
        }
        Element(tag, element, code) => {
            assert!(has(&verdicts, "5"), "{say}");
            let place = format!("\nIK3*{tag}*1**8~\nIK4*{element}**{code}~\n");
            assert!(answer.contains(&place), "{say}");
        }
    }
}

/// The files that are damaged: ours, and those of the cases that have one set.
fn files() -> Vec<(String, String)> {
    let mut files = good();
    files.retain(|(_, text)| text.matches("ST*837*").count() == 1 && text[..106].ends_with(":~"));
    files.push(("our own".into(), OWN.into()));
    files
}

#[test]
fn every_element_of_the_envelopes() {
    for (name, text) in files() {
        let sound = answer(&text);
        assert!(!sound.contains("*R*"), "{name}\n{sound}");
        for (tag, element, value, expected) in TABLE {
            let damaged = put(&text, tag, *element, value);
            if damaged == text {
                continue;
            }
            let what = format!("{name}, {tag}{element:02} {value:?}");
            check(&what, &damaged, *expected);
        }
    }
}

/// Every element of each envelope segment is in the table.
#[test]
fn the_table_leaves_nothing_out() {
    for (tag, elements) in [
        ("ISA", 16),
        ("GS", 8),
        ("ST", 3),
        ("SE", 2),
        ("GE", 2),
        ("IEA", 2),
    ] {
        for element in 1..=elements {
            let listed = TABLE.iter().any(|row| (row.0, row.1) == (tag, element));
            assert!(listed, "{tag}{element:02}");
        }
    }
}

/// A byte that is no UTF-8 in each element is found there.
#[test]
fn bytes_that_are_no_text() {
    for (tag, count) in [
        ("ISA", 15),
        ("GS", 8),
        ("ST", 3),
        ("SE", 2),
        ("GE", 2),
        ("IEA", 2),
    ] {
        for element in 1..=count {
            let rows = TABLE.iter().filter(|row| (row.0, row.1) == (tag, element));
            let codes: Vec<Answer> = rows.map(|row| row.3).collect();
            let marked = put(OWN, tag, element, "\u{1}");
            let bytes: Vec<u8> = marked
                .bytes()
                .map(|b| if b == 1 { 0xe9 } else { b })
                .collect();
            let text = text_of(&bytes);
            let answer = answer(&text);
            super::agrees_with_itself(&answer, &answer);
            assert!(!answer.contains("*A*"), "{tag}{element}\n{answer}");
            // What it is not said to be is one of the same kind of fault.
            let interchange = codes.iter().any(|code| matches!(code, Interchange(_)));
            assert_eq!(
                interchange,
                answer.contains("*R*0"),
                "{tag}{element}\n{answer}"
            );
        }
    }
    // In the set: at its segment and element, and no neighbour is refused for it.
    for (segment, element) in [
        ("PER", 2),
        ("NM1*IL", 4),
        ("N3", 1),
        ("CLM", 1),
        ("SV1", 6),
        ("SBR", 4),
    ] {
        let tag = segment.split('*').next().unwrap();
        let start = OWN.find(&format!("\n{segment}*")).unwrap() + 1;
        let marked = format!(
            "{}{}",
            &OWN[..start],
            put(&OWN[start..], tag, element, "\u{1}")
        );
        let bytes: Vec<u8> = marked
            .bytes()
            .map(|b| if b == 1 { 0xe9 } else { b })
            .collect();
        let answer = answer(&text_of(&bytes));
        let number = OWN[..start].lines().count() - 1;
        let at = format!("\nIK3*{tag}*{number}*");
        let place = answer.find(&at).unwrap_or_else(|| panic!("{at}\n{answer}"));
        let of_it = &answer[place..];
        assert!(of_it.contains(&format!("\nIK4*{element}**6~")), "{answer}");
        assert!(answer.contains("\nIK5*R*5~"), "{answer}");
    }
}

/// The number of sets that a sender states, and that came.
#[test]
fn the_count_of_a_group_is_the_senders() {
    let answer = answer(&put(OWN, "GE", 1, "5"));
    assert_eq!(all(&answer, "AK9"), [["AK9", "R", "5", "1", "0", "5"]]);
    assert_eq!(all(&answer, "IK5"), [["IK5", "R"]]);
}

/// What the interchange asks for.
#[test]
fn a_receipt_that_is_asked_for_is_given() {
    assert!(all(&answer(OWN), "TA1").is_empty());
    let answer = answer(&put(OWN, "ISA", 14, "1"));
    let expected = ["TA1", "000000077", "260110", "1023", "A", "000"];
    assert_eq!(all(&answer, "TA1"), [expected]);
    assert_eq!(all(&answer, "AK9"), [["AK9", "A", "1", "1", "1"]]);
}

/// Receipts of what we sent stand before the groups.
#[test]
fn receipts_that_come_are_no_fault() {
    let receipt = "TA1*000000005*260109*0930*A*000~\n";
    let with = OWN.replacen("GS*", &format!("{receipt}{receipt}GS*"), 1);
    let file = read(&with);
    assert_eq!(
        (
            file.interchanges[0].faults.len(),
            file.interchanges[0].receipts
        ),
        (0, 2)
    );
    assert!(!file.interchanges[0].only_acknowledges());
    assert_eq!(all(&answer(&with), "AK9")[0][1], "A");
    // In a group, and after one, they have no place.
    let after = OWN.replacen("IEA*", &format!("{receipt}IEA*"), 1);
    assert_eq!(all(&answer(&after), "TA1")[0][4..], ["R", "024"]);
}

/// Nothing but acknowledgements is never acknowledged, whatever is wrong with it.
#[test]
fn acknowledgements_are_not_acknowledged() {
    let (header, _) = OWN.split_once("GS*").unwrap();
    let receipt = "TA1*000000005*260109*0930*A*000~\n";
    let group = "GS*FA*LB*HH*20260110*1023*1*X*005010X231A1~\nST*999*0001*005010X231A1~\n\
                 AK1*HC*1~\nAK9*A*1*1*1~\nSE*4*0001~\nGE*1*1~\n";
    let acknowledges = |body: &str, groups: usize| {
        let text = format!("{header}{body}IEA*{groups}*000000077~\n");
        read(&text).interchanges[0].only_acknowledges()
    };
    assert!(acknowledges(receipt, 0));
    assert!(acknowledges(receipt, 3));
    assert!(acknowledges(group, 1));
    assert!(acknowledges(&format!("{receipt}{group}"), 1));
    assert!(acknowledges(&group.replace("*005010X231A1", "*"), 1));
    assert!(acknowledges(&group.replace("ST*999", "ST*99?"), 1));
    assert!(!acknowledges("", 0));
    assert!(!acknowledges(&group.replace("ST*999", "ST*837"), 1));
    // What we answer ends it.
    for damaged in [put(OWN, "ISA", 5, "QQ"), put(OWN, "GE", 1, "5"), OWN.into()] {
        let answer = answer(&damaged);
        assert!(
            read(&answer).interchanges[0].only_acknowledges(),
            "{answer}"
        );
    }
}

/// Levels that say they have none within them, and have.
#[test]
fn levels_within_a_level_are_said() {
    let answer = answer(&OWN.replace("HL*2*1*22*1~", "HL*2*1*22*0~"));
    let expected = "\nIK3*HL*11*2000B*8~\nIK4*4**7~\nIK5*R*5~\nAK9*R*1*1*0~\n";
    assert!(answer.contains(expected), "{answer}");
    // The other way round nothing is hidden.
    let from = OWN.find("HL*3*").unwrap();
    let to = OWN.find("CLM*").unwrap();
    let alone = format!("{}{}", &OWN[..from], &OWN[to..])
        .replace("SBR*P**", "SBR*P*18*")
        .replace("SE*26*", "SE*20*");
    let answer = self::answer(&alone);
    assert!(
        answer.contains("\nIK4*4**7~\nIK5*E~\nAK9*E*1*1*1~\n"),
        "{answer}"
    );
}
