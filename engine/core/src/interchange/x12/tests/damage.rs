//! Damage to files of claims: no claim is read in part. A transaction set is read as
//! a whole or not at all, and its neighbours are read as they were.

#[path = "../../../../../x12/tests/damage/mutate.rs"]
mod mutate;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tally_x12::ack::{self, Verdict};

use super::acknowledgement::source;
use super::{assert_sound, cases, files, payer, stamp};
use crate::canon::Canon as _;
use crate::claim::Claim;
use crate::interchange::x12::{
    Asked, Enrolment, answer_eligibility, claim_acknowledgements, text_of,
};
use crate::interchange::{Benefits, Format, read_claims};
use mutate::{Damage, Parts};

/// A claim but for its place in the file.
fn content(claim: &Claim) -> Vec<u8> {
    let mut claim = claim.clone();
    claim.id = super::generate::id_at(0);
    claim.to_canon()
}

/// A transaction set of a file: whether it is taken, and how many claims it has.
struct SetOf {
    taken: bool,
    claims: usize,
    text: String,
}

fn sets(text: &str) -> Vec<SetOf> {
    let file = tally_x12::read(text);
    let mut found = Vec::new();
    for interchange in &file.interchanges {
        for group in &interchange.groups {
            let around = interchange.is_rejected() || !group.faults.is_empty();
            for set in &group.transactions {
                let verdict = ack::judge(group, set).verdict();
                let segments = set.segments.iter();
                found.push(SetOf {
                    taken: !around && verdict != Verdict::Rejected,
                    claims: segments.clone().filter(|s| s.tag() == "CLM").count(),
                    text: segments.map(|s| s.text()).collect::<Vec<_>>().join("\n"),
                });
            }
        }
    }
    found
}

/// What a sound file was read as.
struct Before {
    sets: Vec<SetOf>,
    claims: Vec<Vec<u8>>,
}

impl Before {
    fn of(text: &str) -> Self {
        let reading = read_claims(text.as_bytes(), None, &source());
        Self {
            sets: sets(text),
            claims: reading.claims.iter().map(content).collect(),
        }
    }

    /// The claims of a set, where all of the file were read.
    fn of_set(&self, at: usize) -> Option<&[Vec<u8>]> {
        let before = self
            .sets
            .iter()
            .take(at)
            .map(|set| set.claims)
            .sum::<usize>();
        self.claims.get(before..before + self.sets[at].claims)
    }
}

/// All claims of what is taken are read or refused, none of what is not is read, and
/// what was not touched is read as it was.
fn whole_or_not_at_all(before: &Before, damage: &Damage) {
    let what = || {
        let Damage {
            what,
            segment,
            unsound,
            text,
        } = damage;
        format!("{what}, {segment:?} {unsound:?}\n{text}")
    };
    let reading = read_claims(damage.text.as_bytes(), None, &source());
    assert_eq!(
        reading.read as usize,
        reading.claims.len() + reading.refusals.len(),
        "{}",
        what()
    );
    let after = sets(&damage.text);
    let most: usize = after.iter().filter(|s| s.taken).map(|s| s.claims).sum();
    let least = after.iter().filter(|set| set.taken);
    assert!(reading.claims.len() <= most, "{}", what());
    assert!(
        least.map(|set| set.claims).sum::<usize>() <= reading.read as usize,
        "{}",
        what()
    );
    // A set as it was gives the claims that it gave.
    let mut read = reading.claims.iter().map(content).collect::<Vec<_>>();
    for set in after.iter().filter(|set| set.taken) {
        let same = before.sets.iter().position(|other| other.text == set.text);
        if let Some(claims) = same.and_then(|at| before.of_set(at)) {
            for claim in claims {
                let at = read.iter().position(|other| other == claim);
                assert!(at.is_some(), "{}", what());
                read.remove(at.unwrap_or(0));
            }
        }
    }
    for refusal in &reading.refusals {
        assert!(!refusal.place.is_empty() && !refusal.reason.is_empty());
    }
    let told = claim_acknowledgements(&damage.text, &source(), &reading, &payer(), &stamp("A-1"));
    match told {
        Ok(written) => written.iter().for_each(|text| {
            assert_sound(text);
        }),
        Err(error) => panic!("{error}: {}", what()),
    }
}

fn all(text: &str, every: usize, first: usize) -> Vec<Damage> {
    let parts = Parts::of(text);
    let mut all = parts.of_segments();
    all.extend(parts.of_elements());
    all.extend(parts.of_delimiters(1, 0));
    all.extend(parts.cuts(1, 0));
    let some = all.into_iter().skip(first).step_by(every);
    some.collect()
}

/// The files of the cases, damaged here and there: another place in each.
#[test]
fn files_of_the_cases_are_read_whole_or_not_at_all() {
    if cases().is_none() {
        return;
    }
    let mut good = files(".837");
    good.extend(files(".837i"));
    good.retain(|(_, text)| sets(text).iter().all(|set| set.taken));
    assert!(good.len() > 15, "{}", good.len());
    for (at, (_, text)) in good.iter().enumerate() {
        let before = Before::of(text);
        for damage in all(text, 37, at % 37) {
            whole_or_not_at_all(&before, &damage);
        }
    }
}

/// Files of two transaction sets of professional claims, with what may stand in them.
fn generated() -> impl Strategy<Value = String> {
    let line = (1u32..100_000, "[A-Z0-9]{1,9}", any::<[bool; 3]>());
    let claim = (vec(line, 1..4), any::<[bool; 4]>(), "[A-Z0-9 ]{1,12}");
    let set = vec(claim, 1..3);
    vec(set, 2..=2).prop_map(|sets| {
        let mut out = String::from(
            "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*\
             00501*000000077*0*P*:~\nGS*HC*LB*HH*20260110*1023*1*X*005010X222A1~\n",
        );
        for (at, claims) in sets.iter().enumerate() {
            let mut segments: Vec<String> = [
                "BHT*0019*00*77*20260110*1023*CH",
                "NM1*41*2*LAKESIDE BILLING*****46*LB1",
                "PER*IC*ROBIN*TE*5550100",
                "NM1*40*2*HARBOR HEALTH*****46*HH",
                "HL*1**20*1",
                "NM1*85*2*LAKESIDE CLINIC*****XX*1234567893",
                "N3*1 SHORE ROAD",
                "N4*HARBOR*ME*04000",
                "REF*EI*123456789",
            ]
            .map(str::to_owned)
            .to_vec();
            for (number, (lines, options, name)) in claims.iter().enumerate() {
                let sum: u32 = lines.iter().map(|line| line.0).sum();
                segments.extend([
                    format!("HL*{}*1*22*0", number + 2),
                    "SBR*P*18*******CI".into(),
                    format!("NM1*IL*1*N{name}*ALEX****MI*M-{number}"),
                    "N3*2 HILL STREET".into(),
                    "N4*HARBOR*ME*04000".into(),
                    "DMG*D8*19800203*F".into(),
                    "NM1*PR*2*HARBOR HEALTH*****PI*HH".into(),
                    format!(
                        "CLM*C{at}-{number}*{}.{:02}***11:B:1*Y*A*Y*Y",
                        sum / 100,
                        sum % 100
                    ),
                ]);
                let may = [
                    "REF*G1*AUTH1",
                    "HI*ABK:J069*ABF:I10",
                    "NM1*82*1*SMITH*SAM****XX*1234567893",
                    "SBR*S*18*******CI\nAMT*D*120\nOI***Y***Y\nNM1*IL*1*EXAMPLE*ALEX****MI*X-9\nNM1*PR*2*OTHER*****PI*OP",
                ];
                for (segment, put) in may.iter().zip(options) {
                    // A claim has a diagnosis.
                    if *put || segment.starts_with("HI") {
                        segments.extend(segment.split('\n').map(str::to_owned));
                    }
                }
                for (number, (charge, control, options)) in lines.iter().enumerate() {
                    segments.extend([
                        format!("LX*{}", number + 1),
                        format!(
                            "SV1*HC:99213{}*{}.{:02}*UN*1***1",
                            if options[0] { ":25" } else { "" },
                            charge / 100,
                            charge % 100
                        ),
                        if options[1] {
                            "DTP*472*RD8*20260105-20260106".into()
                        } else {
                            "DTP*472*D8*20260105".into()
                        },
                    ]);
                    if options[2] {
                        segments.push(format!("REF*6R*{control}"));
                    }
                }
            }
            let control = format!("{:04}", at + 1);
            out += &format!("ST*837*{control}*005010X222A1~\n");
            for segment in &segments {
                out += segment;
                out += "~\n";
            }
            out += &format!("SE*{}*{control}~\n", segments.len() + 2);
        }
        out + "GE*2*1~\nIEA*1*000000077~\n"
    })
}

/// Nobody is a member.
struct Nobody;

impl Enrolment for Nobody {
    fn contract(&self, _: &str, _: tally_types::ServiceDate) -> Option<&crate::claim::Contract> {
        None
    }
    fn benefits(&self, _: &Asked<'_>) -> Benefits {
        Benefits::default()
    }
}

/// An inquiry that is damaged is answered, or has its 999.
#[test]
fn damaged_inquiries_are_answered_or_not() {
    for (_, text) in files("health-benefit-check.270") {
        for damage in all(&text, 1, 0) {
            let answers = answer_eligibility(&damage.text, &Nobody, &payer(), &stamp("E-1"));
            match answers {
                Ok(answers) => answers.texts.iter().for_each(|text| {
                    assert_sound(text);
                }),
                Err(error) => panic!("{error}: {}\n{}", damage.what, damage.text),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn generated_files_are_read_whole_or_not_at_all(
        text in generated(),
        places in vec(any::<Index>(), 16),
    ) {
        let before = Before::of(&text);
        let claims: usize = before.sets.iter().map(|set| set.claims).sum();
        prop_assert_eq!(before.claims.len(), claims);
        let all = all(&text, 1, 0);
        for place in places {
            whole_or_not_at_all(&before, place.get(&all));
        }
    }

    /// Bytes that are no UTF-8: what was put in their place is in no claim, and what
    /// stands in other sets is read as it was.
    #[test]
    fn bytes_that_are_no_text(
        text in generated(),
        edits in vec((any::<Index>(), 0x80u8..), 1..4),
    ) {
        let before = Before::of(&text);
        let mut bytes = text.into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let reading = read_claims(&bytes, Some(Format::X12), &source());
        let mark = "\u{fffd}".as_bytes();
        for claim in &reading.claims {
            prop_assert!(!content(claim).windows(mark.len()).any(|part| part == mark));
        }
        let damage = Damage {
            text: text_of(&bytes).into_owned(),
            what: "bytes that are no text".into(),
            segment: None,
            unsound: None,
        };
        whole_or_not_at_all(&before, &damage);
    }

    /// Two places at once, and bytes of any kind.
    #[test]
    fn bytes_of_any_kind(
        text in generated(),
        edits in vec((any::<Index>(), prop_oneof!["[A-Z0-9*:~^ .\n-]{0,3}", ".{0,2}"]), 1..5),
    ) {
        let before = Before::of(&text);
        let mut damaged: Vec<char> = text.chars().collect();
        for (at, with) in edits {
            let at = at.index(damaged.len());
            damaged.splice(at..=at, with.chars());
        }
        let damage = Damage {
            text: damaged.into_iter().collect(),
            what: "bytes of any kind".into(),
            segment: None,
            unsound: None,
        };
        whole_or_not_at_all(&before, &damage);
    }
}
