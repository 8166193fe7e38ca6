//! Claims of our own making, sound and damaged in every place.

use proptest::prelude::*;
use tally_x12::ack::{Judged, Stamp, Verdict, acknowledge, judge};
use tally_x12::{File, Writer, read};

/// Segments of a transaction set, without ST and SE.
fn professional() -> Vec<&'static str> {
    vec![
        "BHT*0019*00*77*20260110*1023*CH",
        "NM1*41*2*LAKESIDE BILLING*****46*LB1",
        "PER*IC*ROBIN*TE*5550100",
        "NM1*40*2*HARBOR HEALTH*****46*HH",
        "HL*1**20*1",
        "PRV*BI*PXC*207Q00000X",
        "NM1*85*2*LAKESIDE CLINIC*****XX*1234567893",
        "N3*1 SHORE ROAD",
        "N4*HARBOR*ME*04000",
        "REF*EI*123456789",
        "HL*2*1*22*0",
        "SBR*P*18*******CI",
        "NM1*IL*1*EXAMPLE*ALEX****MI*M-1",
        "N3*2 HILL STREET",
        "N4*HARBOR*ME*04000",
        "DMG*D8*19800203*F",
        "NM1*PR*2*HARBOR HEALTH*****PI*HH",
        "CLM*P-1*250***11:B:1*Y*A*Y*Y",
        "REF*G1*AUTH1",
        "HI*ABK:J069*ABF:I10",
        "NM1*82*1*SMITH*SAM****XX*1234567893",
        "PRV*PE*PXC*207Q00000X",
        "SBR*S*18*******CI",
        "CAS*PR*1*20**2*10",
        "AMT*D*120",
        "OI***Y***Y",
        "NM1*IL*1*EXAMPLE*ALEX****MI*X-9",
        "NM1*PR*2*OTHER PAYER*****PI*OP",
        "LX*1",
        "SV1*HC:99213:25*150*UN*1***1:2",
        "DTP*472*D8*20260105",
        "REF*6R*L1",
        "SVD*OP*120*HC:99213**1",
        "CAS*CO*45*30",
        "DTP*573*D8*20260108",
        "LX*2",
        "SV1*HC:87070*100*UN*2***1",
        "DTP*472*RD8*20260105-20260106",
    ]
}

fn institutional() -> Vec<&'static str> {
    vec![
        "BHT*0019*00*78*20260110*1023*CH",
        "NM1*41*2*SHORE HOSPITAL*****46*SH",
        "PER*IC*ROBIN*TE*5550100",
        "NM1*40*2*HARBOR HEALTH*****46*HH",
        "HL*1**20*1",
        "NM1*85*2*SHORE HOSPITAL*****XX*1234567893",
        "N3*3 SHORE ROAD",
        "N4*HARBOR*ME*04000",
        "REF*EI*123456789",
        "HL*2*1*22*1",
        "SBR*P********CI",
        "NM1*IL*1*EXAMPLE*ALEX****MI*M-1",
        "NM1*PR*2*HARBOR HEALTH*****PI*HH",
        "HL*3*2*23*0",
        "PAT*19",
        "NM1*QC*1*EXAMPLE*KIM",
        "N3*2 HILL STREET",
        "N4*HARBOR*ME*04000",
        "DMG*D8*20100203*M",
        "CLM*I-1*9000.5***11:A:1**A*Y*Y",
        "DTP*434*RD8*20260101-20260104",
        "DTP*435*DT*202601010800",
        "CL1*1*1*01",
        "HI*ABK:J189::::::: Y".split(' ').next().unwrap(),
        "HI*DR:193",
        "HI*BE:80:::3",
        "HI*BH:11:D8:20251230",
        "NM1*71*1*SMITH*SAM****XX*1234567893",
        "LX*1",
        "SV2*0120**9000.5*DA*3",
        "DTP*472*D8*20260101",
    ]
}

fn dental() -> Vec<&'static str> {
    let mut segments = professional();
    let from = segments.iter().position(|s| s.starts_with("CLM")).unwrap();
    segments.truncate(from);
    segments.extend([
        "CLM*D-1*200***11:B:1*Y*A*Y*Y",
        "DTP*472*D8*20260105",
        "LX*1",
        "SV3*AD:D2391*200***I*1",
        "TOO*JP*3*M:O",
    ]);
    segments
}

fn file(version: &str, segments: &[String]) -> String {
    let mut out = String::from(
        "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*\
         00501*000000077*0*T*:~\n",
    );
    out += &format!("GS*HC*LB*HH*20260110*1023*1*X*{version}~\n");
    out += &format!("ST*837*0001*{version}~\n");
    for segment in segments {
        out += segment;
        out += "~\n";
    }
    out += &format!(
        "SE*{}*0001~\nGE*1*1~\nIEA*1*000000077~\n",
        segments.len() + 2
    );
    out
}

fn samples() -> [(&'static str, Vec<String>); 3] {
    let owned = |segments: Vec<&str>| segments.into_iter().map(str::to_owned).collect();
    [
        ("005010X222A1", owned(professional())),
        ("005010X223A2", owned(institutional())),
        ("005010X224A2", owned(dental())),
    ]
}

fn judged<'a>(file: &File<'a>) -> Vec<Judged<'a>> {
    let all = file.interchanges.iter().flat_map(|i| &i.groups);
    all.flat_map(|group| group.transactions.iter().map(move |set| judge(group, set)))
        .collect()
}

fn rejected(text: &str) -> bool {
    let file = read(text);
    let envelope = file.interchanges.iter().any(|i| i.is_rejected());
    let sets = judged(&file);
    envelope || sets.is_empty() || sets.iter().any(|set| set.verdict() == Verdict::Rejected)
}

#[test]
fn samples_are_sound() {
    for (version, segments) in samples() {
        let text = file(version, &segments);
        let read = read(&text);
        assert_eq!(read.interchanges[0].faults, []);
        for set in judged(&read) {
            assert_eq!(set.faults(), [], "{version}");
            assert_eq!(set.verdict(), Verdict::Accepted);
        }
    }
}

/// A segment that is lost or doubled is missed by the trailer, if by nothing else.
#[test]
fn no_segment_is_lost_unnoticed() {
    for (version, segments) in samples() {
        let count = segments.len();
        for at in 0..count {
            let mut lost = segments.clone();
            lost.remove(at);
            let text = file(version, &lost)
                .replace(&format!("SE*{}*", count + 1), &format!("SE*{}*", count + 2));
            assert!(rejected(&text), "{version} without {}", segments[at]);
            let mut twice = segments.clone();
            twice.insert(at, segments[at].clone());
            let text = file(version, &twice)
                .replace(&format!("SE*{}*", count + 3), &format!("SE*{}*", count + 2));
            assert!(rejected(&text), "{version} with {} twice", segments[at]);
        }
    }
}

/// What the guide asks for and is not there is named at its place.
#[test]
fn a_required_segment_that_is_missing_is_named() {
    let (version, segments) = &samples()[0];
    for (tag, loop_id) in [
        ("NM1*41", "1000A"),
        ("NM1*85", "2010AA"),
        ("REF*EI", "2010AA"),
        ("SBR*P", "2000B"),
        ("NM1*IL*1*EXAMPLE*ALEX****MI*M-1", "2010BA"),
        ("HI*", "2300"),
        ("OI", "2320"),
        ("SV1*HC:87070", "2400"),
        ("DTP*472*RD8", "2400"),
        ("DTP*573", "2430"),
    ] {
        let mut less = segments.clone();
        let at = less.iter().position(|s| s.starts_with(tag)).unwrap();
        let gone = less.remove(at);
        let text = file(version, &less);
        let read = read(&text);
        let sets = judged(&read);
        let named = sets[0].faults().iter().any(|fault| {
            fault.code.code() == "3"
                && fault.loop_id == loop_id
                && gone.starts_with(fault.tag.as_str())
        });
        assert!(named, "{gone}: {:?}", sets[0].faults());
    }
}

/// Its number is the one that it would have had.
#[test]
fn what_is_missing_is_where_it_should_stand() {
    let (version, segments) = &samples()[0];
    for gone in [
        "BHT*0019*00*77*20260110*1023*CH",
        "NM1*40*2*HARBOR HEALTH*****46*HH",
        "N3*1 SHORE ROAD",
        "SBR*P*18*******CI",
        "HI*ABK:J069*ABF:I10",
        "SV1*HC:87070*100*UN*2***1",
        "SV1*HC:99213:25*150*UN*1***1:2",
        "DTP*472*D8*20260105",
        "DTP*472*RD8*20260105-20260106",
        "DTP*573*D8*20260108",
        "OI***Y***Y",
    ] {
        let mut less = segments.clone();
        let at = less.iter().position(|segment| segment == gone).unwrap();
        less.remove(at);
        let text = file(version, &less);
        let read = read(&text);
        let sets = judged(&read);
        let missing = sets[0]
            .faults()
            .iter()
            .find(|fault| fault.code.code() == "3" && gone.starts_with(fault.tag.as_str()));
        let number = missing.map(|fault| fault.segment);
        assert_eq!(number, u32::try_from(at + 2).ok(), "{gone}");
    }
}

/// Codes that only some values may be: causes of an accident, and how a date of HI is
/// written.
#[test]
fn related_causes_and_forms_of_dates_are_of_their_lists() {
    let with = |sample: usize, from: &str, to: &str| {
        let (version, segments) = &samples()[sample];
        let changed: Vec<String> = segments.iter().map(|s| s.replace(from, to)).collect();
        assert_ne!(&changed, segments, "{from}");
        let text = file(version, &changed);
        let read = read(&text);
        let sets = judged(&read);
        let fatal = sets[0].faults().iter().filter(|fault| fault.fatal);
        fatal
            .map(|fault| format!("{}: {}", fault.place(), fault.says()))
            .collect::<Vec<_>>()
    };
    for (sample, claim) in [
        (0, "CLM*P-1*250***11:B:1*Y*A*Y*Y"),
        (2, "CLM*D-1*200***11:B:1*Y*A*Y*Y"),
    ] {
        let related = |causes: &str| with(sample, claim, &format!("{claim}**{causes}"));
        for sound in ["OA", "EM:OA", "AA:::ME"] {
            assert_eq!(related(sound), [""; 0], "{sound}");
        }
        for (unsound, component) in [("XX", 1), ("AA:ZZ:::", 2), ("AP", 1)] {
            let faults = related(unsound);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(
                faults[0].contains(&format!("CLM-11-{component}: the code")),
                "{faults:?}"
            );
        }
    }
    for (unsound, element) in [
        ("HI*BH:11:RD8:20251230-20251231", 3),
        ("HI*BH:11:DT:202512301200", 3),
        ("HI*BH:11:XX:20251230", 3),
        ("HI*BI:74:D8:20251230", 3),
        ("HI*BBR:0JH60DZ:RD8:20251230-20251231", 3),
    ] {
        let faults = with(1, "HI*BH:11:D8:20251230", unsound);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].contains(&format!("HI-01-{element}: the code")),
            "{faults:?}"
        );
    }
    for sound in [
        "HI*BI:74:RD8:20251230-20251231",
        "HI*BBR:0JH60DZ:D8:20251230",
    ] {
        assert_eq!(with(1, "HI*BH:11:D8:20251230", sound), [""; 0], "{sound}");
    }
}

/// Control characters may separate, and a carriage return alone may end a segment.
#[test]
fn control_characters_may_be_delimiters() {
    let (version, segments) = &samples()[0];
    let text = file(version, segments);
    let said = |text: &str| {
        let read = read(text);
        assert_eq!(read.interchanges[0].faults, [], "{text:?}");
        let sets = judged(&read);
        assert_eq!(sets[0].verdict(), Verdict::Accepted);
        let lines = sets[0].tree.as_ref().unwrap().root();
        let billing = lines.one("2000A").unwrap();
        let claim = billing.one("2000B").and_then(|of| of.one("2300")).unwrap();
        let clm = claim.segment("CLM").unwrap().1;
        assert_eq!(clm.component(5, 2), "B");
        answer_is_sound(text);
    };
    let ascii = text
        .replace('*', "\u{1d}")
        .replace(':', "\u{1f}")
        .replace('^', "\u{1e}");
    said(&ascii.replace("~\n", "\u{1c}"));
    said(&text.replace(':', "\u{1f}").replace('^', "\u{1e}"));
    said(&text.replace("~\n", "\r"));
    said(&text.replace("~\n", "\r\n"));
    // What is no character of a text still is none.
    let faults = |text: &str| read(text).interchanges[0].faults.len();
    for bad in ["\r", "\n", "\t", "\0", " ", "A"] {
        assert!(faults(&text.replace(':', bad)) > 0, "{bad:?}");
        let repeats = text.replacen("*^*", &format!("*{bad}*"), 1);
        assert!(faults(&repeats) > 0, "{bad:?}");
    }
    assert!(faults(&text.replace([':', '^'], "\u{1f}")) > 0);
}

/// Every element that is blanked, overlong or of the wrong characters is found at
/// its place, or may be so.
#[test]
fn damaged_elements_are_named() {
    for (version, segments) in samples() {
        for (at, segment) in segments.iter().enumerate() {
            let elements: Vec<&str> = segment.split('*').collect();
            for element in 1..elements.len() {
                if elements[element].is_empty() {
                    continue;
                }
                let long = "x".repeat(300);
                for bad in [long.as_str(), "\u{7}"] {
                    let mut damaged = elements.clone();
                    damaged[element] = bad;
                    let mut all = segments.clone();
                    all[at] = damaged.join("*");
                    let text = file(version, &all);
                    let read = read(&text);
                    let sets = judged(&read);
                    let number = u32::try_from(at + 2).unwrap();
                    let named = sets[0].faults().iter().any(|fault| {
                        fault.segment == number
                            && fault.fatal
                            && (fault.element.is_none()
                                || fault.element.unwrap().0.element
                                    == u16::try_from(element).unwrap())
                    });
                    assert!(
                        named || sets[0].verdict() == Verdict::Rejected,
                        "{segment} element {element}: {:?}",
                        sets[0].faults()
                    );
                    assert!(named, "{segment} element {element}: {:?}", sets[0].faults());
                }
            }
        }
    }
}

#[test]
fn a_file_cut_short_is_rejected() {
    let (version, segments) = &samples()[0];
    let text = file(version, segments);
    let end = text.trim_end().len();
    for at in 0..end {
        assert!(rejected(&text[..at]), "cut at {at}");
    }
    assert!(!rejected(&text));
}

/// What is answered can be read by whoever reads acknowledgements.
fn answer_is_sound(text: &str) {
    let file = read(text);
    for interchange in &file.interchanges {
        let judged: Vec<Vec<Judged<'_>>> = interchange
            .groups
            .iter()
            .map(|group| {
                let sets = group.transactions.iter();
                sets.map(|set| judge(group, set)).collect()
            })
            .collect();
        let stamp = Stamp {
            date: "20260111",
            time: "0930",
            control: 5,
        };
        let answer = acknowledge(interchange, &judged, stamp);
        let answered = read(&answer);
        assert_eq!(answered.interchanges.len(), 1, "{answer}");
        let ours = &answered.interchanges[0];
        let groups = ours.groups.iter().filter(|group| group.element(1) == "FA");
        // Of what is rejected as a whole there is a TA1 alone.
        let expected = match interchange.is_rejected() {
            true => 0,
            false => interchange.groups.len(),
        };
        assert_eq!(groups.clone().count(), expected, "{answer}");
        for group in groups {
            assert_eq!(group.faults, [], "{answer}");
            for set in &group.transactions {
                let judged = judge(group, set);
                assert_eq!(judged.codes, [], "{answer}");
            }
        }
    }
}

#[test]
fn an_acknowledgement_names_every_fault() {
    let (version, mut segments) = samples()[0].clone();
    segments[7] = "N3".into();
    segments[30] = "DTP*472*D8*20260231".into();
    segments[12] = "NM1*IL*7*EXAMPLE*ALEX****MI*M-1".into();
    let text = file(version, &segments);
    let file = read(&text);
    let interchange = &file.interchanges[0];
    let group = &interchange.groups[0];
    let judged = vec![vec![judge(group, &group.transactions[0])]];
    let stamp = Stamp {
        date: "20260111",
        time: "0930",
        control: 5,
    };
    insta::assert_snapshot!(acknowledge(interchange, &judged, stamp));
}

proptest! {
    /// Whatever the bytes, nothing panics, and the answer is one.
    #[test]
    fn damaged_bytes_are_answered(
        which in 0..3usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[A-Z0-9*:~^ .\n-]{0,3}"), 1..6),
    ) {
        let (version, segments) = &samples()[which];
        let mut text = file(version, segments);
        for (at, with) in edits {
            let at = at.index(text.len());
            text.replace_range(at..=at, &with);
        }
        answer_is_sound(&text);
    }

    #[test]
    fn any_text_is_read(text in ".{0,200}") {
        answer_is_sound(&text);
        answer_is_sound(&format!("ISA{text}"));
    }

    /// What is written comes back, but for the delimiters in it.
    #[test]
    fn texts_come_back(text in "[ -}]{1,40}") {
        let mut writer = Writer::default();
        writer.begin("837", "0001", "005010X222A1");
        writer.simple("NTE", &["ADD", &text]);
        writer.end("0001");
        let written = file("005010X222A1", &[]).replace(
            "ST*837*0001*005010X222A1~\nSE*2*0001~\n",
            &writer.done(),
        );
        let read = read(&written);
        let set = &read.interchanges[0].groups[0].transactions[0];
        prop_assert_eq!(&set.faults, &[]);
        let expected: String = text
            .chars()
            .map(|c| if "*:^~".contains(c) { ' ' } else { c })
            .collect();
        prop_assert_eq!(set.segments[1].element(2), expected);
    }
}
