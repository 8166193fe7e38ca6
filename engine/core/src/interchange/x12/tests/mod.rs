//! What is written is read by others: a checker of remittances that shares nothing
//! with what writes them, generated claims with lawful outcomes, the shared cases,
//! and every kind of damage.
#![allow(clippy::disallowed_methods)] // tests read the folder of cases

mod acknowledgement;
mod balances;
mod checker;
mod damage;
mod eligibility;
mod generate;
mod reading;
mod remittance;
mod services;
mod teeth;

use std::path::{Path, PathBuf};

use tally_types::ServiceDate;
use tally_x12::ack;

use super::{Address, Payer, Stamp};

/// The folder of real cases, where it is present.
fn cases() -> Option<PathBuf> {
    let root = std::env::var_os("TALLY_CASES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        PathBuf::from,
    );
    let path = root.join("claims");
    if !path.is_dir() {
        eprintln!("SKIPPED: no folder of cases; set TALLY_CASES to check against it");
        return None;
    }
    Some(path)
}

/// The X12 files of the cases whose name has an ending, by their names.
fn files(ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<(String, String)>) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, ending, found);
                continue;
            }
            let name = path.to_str().unwrap().to_owned();
            if name.contains("/x12-") && name.ends_with(ending) {
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    if let Some(cases) = cases() {
        walk(&cases, ending, &mut found);
    }
    found
}

fn day(year: i32, month: u32, day: u32) -> ServiceDate {
    ServiceDate::new(year, month, day).unwrap()
}

fn payer() -> Payer<'static> {
    Payer {
        name: "HARBOR HEALTH",
        id: "HARBOR",
        tax: "123456789",
        address: Address {
            street: "1 QUAY",
            city: "HARBOR",
            state: "ME",
            zip: "04000",
        },
        telephone: "5550100",
    }
}

fn stamp(trace: &str) -> Stamp<'_> {
    Stamp {
        date: day(2026, 6, 5),
        time: "1015",
        control: 31,
        trace,
    }
}

/// Nothing in it is against its guide; answers the sets.
fn assert_sound(text: &str) -> usize {
    let file = tally_x12::read(text);
    let mut sets = 0;
    for interchange in &file.interchanges {
        assert_eq!(interchange.faults, [], "{text}");
        for group in &interchange.groups {
            assert_eq!(group.faults, [], "{text}");
            for set in &group.transactions {
                sets += 1;
                let judged = ack::judge(group, set);
                assert_eq!(judged.codes, [], "{text}");
                assert_eq!(judged.faults(), [], "{text}");
            }
        }
    }
    sets
}
