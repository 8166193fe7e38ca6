//! A table's two forms, and what it answers.

mod common;

use common::{csv, day, keys};
use proptest::prelude::*;
use tally_table::import::{self, Options};
use tally_table::{Row, Source, Table};

/// A table with a source: an import of a few unit limits.
fn imported() -> Table {
    let file = include_bytes!("samples/MCR_MUE_2026Q1.csv");
    let options = Options {
        effective: tally_types::ServiceDate::new(2026, 1, 1),
        ..Options::default()
    };
    import::read("ncci-mue", &[file], &options).unwrap()
}

proptest! {
    /// As whoever reads all rows would answer.
    #[test]
    fn a_look_up_is_what_a_scan_finds(text in csv()) {
        let table = Table::from_csv(&text).unwrap();
        let rows: Vec<Row> = table.rows().collect();
        prop_assert_eq!(rows.len(), table.len());
        prop_assert_eq!(table.first_day(), rows.iter().map(|row| row.from).min());
        for (a, b) in keys() {
            for number in -2..110 {
                let on = day(number);
                let found = rows.iter().find(|row| {
                    (row.code, row.second) == (a, b) && row.from <= on && on <= row.through
                });
                prop_assert_eq!(table.lookup(a, b, on), found.map(|row| row.values));
            }
        }
    }

    /// One table, one sequence of bytes: what else is accepted is another table.
    #[test]
    fn changed_bytes_are_refused_or_another_table(
        text in csv(),
        source in any::<bool>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        kind in 0..3u8,
    ) {
        let mut table = Table::from_csv(&text).unwrap();
        if source {
            table = table.with_sources(imported().sources().to_vec()).unwrap();
        }
        let sound = table.to_bytes();
        let mut bytes = sound.clone();
        let place = place.index(bytes.len());
        match kind {
            0 => bytes[place] = byte,
            1 => bytes.insert(place, byte),
            _ => drop(bytes.remove(place)),
        }
        if let Ok(other) = Table::from_bytes(&bytes) {
            prop_assert_eq!(other.to_bytes(), &bytes[..]);
            prop_assert_eq!(other == table, bytes == sound);
            // And it has a text, which is its own.
            prop_assert!(Table::from_csv(&other.to_csv()).unwrap() == other);
        }
    }
}

#[test]
fn the_hash_covers_the_sources() {
    let table = imported();
    let without = table.clone().with_sources(vec![]).unwrap();
    assert!(table.rows().eq(without.rows()));
    assert_ne!(table.hash(), without.hash());
    let mut other = table.sources().to_vec();
    other[0].version = "2026 Q2".to_owned();
    let other = table.clone().with_sources(other).unwrap();
    assert_ne!(table.hash(), other.hash());
    // What a line cannot hold is refused.
    let bad = Source {
        version: "a; b".to_owned(),
        ..table.sources()[0].clone()
    };
    assert!(table.with_sources(vec![bad]).is_err());
}

#[test]
fn a_line_of_a_source_is_one_or_an_error() {
    let text = imported().to_csv();
    assert!(Table::from_csv(&text).unwrap() == imported());
    let says = |text: &str| Table::from_csv(text).err().unwrap().to_string();
    let broken = text.replacen("read=12", "read=twelve", 1);
    assert!(says(&broken).starts_with("line 1: `#= `"), "{broken}");
    // A ruled line is a comment.
    assert!(Table::from_csv("#=====\ncode,from,through,v:count\n").is_ok());
}

#[test]
fn codes_as_values_are_text_again() {
    let text = "code,from,through,type:code\nA,2026-01-01,,1128b14\nB,2026-01-01,,\n";
    let table = Table::from_csv(text).unwrap();
    assert_eq!(table.to_csv(), text);
    let long = text.replace("1128b14", "1128b14567");
    let says = Table::from_csv(&long).err().unwrap().to_string();
    assert!(says.starts_with("line 2, column `type:code`"), "{says}");
}
