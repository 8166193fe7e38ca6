//! Every kind of damage, one place at a time: what is answered is precise, fits its
//! own guide, and blames nothing that comes before the damage.

mod envelope;
mod mutate;

use std::path::{Path, PathBuf};

use mutate::{Damage, Parts};
use tally_x12::ack::{Judged, Stamp, Verdict, acknowledge, judge};
use tally_x12::{File, read};

/// The 837 files of the shared cases that are accepted, where the folder is present.
fn good() -> Vec<(String, String)> {
    let root = std::env::var_os("TALLY_CASES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        PathBuf::from,
    );
    let folder = root.join("claims/x12-linuxforhealth");
    let mut found = Vec::new();
    if !folder.is_dir() {
        eprintln!("SKIPPED: no folder of cases; set TALLY_CASES to check against it");
        return found;
    }
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "837" || e == "837i") {
                let text = std::fs::read_to_string(&path).unwrap();
                let name = path.file_name().unwrap().to_str().unwrap();
                found.push((name.to_owned(), text));
            }
        }
    }
    walk(&folder, &mut found);
    found.retain(|(_, text)| {
        let file = read(text);
        judged(&file)
            .iter()
            .flatten()
            .flatten()
            .all(|set| set.verdict() != Verdict::Rejected)
    });
    assert!(found.len() > 15, "{}", found.len());
    found
}

/// By interchange, group and set.
fn judged<'a>(file: &File<'a>) -> Vec<Vec<Vec<Judged<'a>>>> {
    let interchanges = file.interchanges.iter();
    interchanges
        .map(|interchange| {
            let groups = interchange.groups.iter();
            groups
                .map(|group| {
                    let sets = group.transactions.iter();
                    sets.map(|set| judge(group, set)).collect()
                })
                .collect()
        })
        .collect()
}

/// An acknowledgement's segments as they stand there, each as its elements.
fn segments(answer: &str) -> Vec<Vec<&str>> {
    let all = answer.split("~\n").filter(|segment| !segment.is_empty());
    all.map(|segment| segment.split('*').collect()).collect()
}

/// What is said of sets, of their group and of the interchange goes together, read
/// without any of our own code.
fn agrees_with_itself(answer: &str, say: &str) {
    let (mut sets, mut taken, mut refused) = (0, 0, false);
    for segment in segments(answer) {
        match (segment[0], segment[1]) {
            ("TA1", _) => {
                let widths: Vec<usize> = segment.iter().map(|element| element.len()).collect();
                assert_eq!(widths, [3, 9, 6, 4, 1, 3], "{say}");
                assert_eq!(segment[4] == "A", segment[5] == "000", "{say}");
                refused = segment[4] == "R";
            }
            ("GS", _) => assert!(!refused, "{say}"),
            ("AK2", _) => sets += 1,
            ("IK5", verdict) => taken += usize::from(verdict != "R"),
            ("AK9", verdict) => {
                let stated: usize = segment[2].parse().unwrap();
                assert_eq!(segment[3], sets.to_string(), "{say}");
                assert_eq!(segment[4], taken.to_string(), "{say}");
                let expected = match () {
                    () if taken == 0 => "R",
                    () if taken < sets => "P",
                    () => verdict,
                };
                assert_eq!(verdict, expected, "{say}");
                let counted = segment.iter().skip(5).any(|code| *code == "5");
                assert!(stated == sets || counted, "{say}");
                (sets, taken) = (0, 0);
            }
            _ => {}
        }
    }
}

/// What is answered says everything that is wrong, by its codes, and fits the guide
/// of acknowledgements. Answers whether anything is rejected.
fn answered(damage: &Damage) -> bool {
    let file = read(&damage.text);
    assert!(!file.interchanges.is_empty() || damage.text.trim().is_empty());
    let all = judged(&file);
    let mut rejected = file.interchanges.is_empty();
    for (interchange, judged) in file.interchanges.iter().zip(&all) {
        let stamp = Stamp {
            date: "20260111",
            time: "0930",
            control: 5,
        };
        let answer = acknowledge(interchange, judged, stamp);
        let what = &damage.what;
        let say = |what: &str| format!("{what}\n{answer}\n{}", damage.text);
        let answered = read(&answer);
        assert_eq!(answered.interchanges.len(), 1, "{}", say(what));
        let ours = &answered.interchanges[0];
        assert_eq!(ours.faults, [], "{}", say(what));
        for group in &ours.groups {
            assert_eq!(group.faults, [], "{}", say(what));
            for set in &group.transactions {
                let judged = judge(group, set);
                assert_eq!(judged.codes, [], "{}", say(what));
                assert_eq!(judged.faults(), [], "{}", say(what));
            }
        }
        agrees_with_itself(&answer, &say(what));
        let has = |text: &str| answer.contains(text);
        if let Some(code) = interchange.faults.first() {
            assert!(has(&format!("*{}~", code.code())), "{}", say(what));
        }
        if interchange.is_rejected() {
            rejected = true;
            continue;
        }
        for (group, judged) in interchange.groups.iter().zip(judged) {
            rejected |= !group.faults.is_empty();
            for code in &group.faults {
                assert!(has("\nAK9*R*"), "{}", say(what));
                assert!(has(&format!("*{}", code.code())), "{}", say(what));
            }
            for set in judged {
                if set.verdict() != Verdict::Rejected {
                    continue;
                }
                rejected = true;
                assert!(has("\nIK5*R*"), "{}", say(what));
                for fault in set.faults() {
                    let tag = format!("*{}*{}", fault.segment, fault.loop_id);
                    assert!(has(&tag), "{}", say(what));
                    assert!(has(&format!("*{}", fault.code.code())), "{}", say(what));
                    if let Some((at, code)) = fault.element {
                        assert!(has(&format!("\nIK4*{}", at.element)), "{}", say(what));
                        assert!(has(&format!("**{}~", code.code())), "{}", say(what));
                    }
                }
            }
        }
    }
    rejected
}

/// The faults of the one set of a file.
fn faults(text: &str) -> Vec<tally_x12::Fault> {
    let file = read(text);
    let all = judged(&file);
    let sets = all.into_iter().flatten().flatten();
    sets.flat_map(|set| set.faults().to_vec()).collect()
}

#[test]
fn segments_that_are_dropped_doubled_swapped_or_cut() {
    for (name, text) in good() {
        let parts = Parts::of(&text);
        let before = faults(&parts.text());
        for damage in parts.of_segments() {
            answered(&damage);
            // Nothing is blamed that stands before the damage.
            let Some(segment) = damage.segment.filter(|segment| *segment > 1) else {
                continue;
            };
            // But for a level that says there are others within it, which is noted.
            for fault in faults(&damage.text).into_iter().filter(|fault| fault.fatal) {
                assert!(
                    fault.segment >= segment || before.contains(&fault),
                    "{name}, {}: {}: {}",
                    damage.what,
                    fault.place(),
                    fault.says()
                );
            }
        }
    }
}

#[test]
fn elements_that_are_blanked_lengthened_or_replaced() {
    for (at, (name, text)) in good().into_iter().enumerate() {
        let parts = Parts::of(&text);
        // Some in each file: the same segments stand in many.
        for damage in parts.of_elements().into_iter().skip(at % 3).step_by(3) {
            answered(&damage);
            let (Some(segment), Some(element)) = (damage.segment, damage.unsound) else {
                continue;
            };
            let named = faults(&damage.text).into_iter().any(|fault| {
                let at = fault.element.map(|(at, _)| at.element);
                // What the guide does not use is only noted.
                fault.segment == segment && at.is_none_or(|at| at == element)
            });
            assert!(named, "{name}, {}: {}", damage.what, damage.text);
        }
    }
}

#[test]
fn delimiters_that_are_others() {
    for (at, (_, text)) in good().into_iter().enumerate() {
        for damage in Parts::of(&text).of_delimiters(7, at % 7) {
            answered(&damage);
        }
    }
}

/// A file that is cut anywhere is rejected as a whole.
#[test]
fn files_that_are_cut() {
    for (at, (name, text)) in good().into_iter().enumerate() {
        for damage in Parts::of(&text).cuts(23, at % 23) {
            let text = damage.text.trim();
            if text.is_empty() {
                continue;
            }
            assert!(answered(&damage), "{name}, {}", damage.what);
        }
    }
}
