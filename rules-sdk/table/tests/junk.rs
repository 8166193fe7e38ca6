//! Readers are total: whatever bytes there are, a table or an error.

use proptest::collection::vec;
use proptest::prelude::*;
use tally_table::Table;
use tally_table::import::{FORMATS, Need, Options, Setting};
use tally_types::ServiceDate;

const SAMPLES: &[(&str, &[&[u8]])] = &[
    ("carc", &[include_bytes!("samples/carc.csv")]),
    ("hcpcs", &[include_bytes!("samples/HCPC2026_ANWEB.txt")]),
    (
        "hcpcs-modifiers",
        &[include_bytes!("samples/HCPC2026_ANWEB.csv")],
    ),
    ("icd10cm", &[include_bytes!("samples/icd10cm_order.txt")]),
    ("icd10pcs", &[include_bytes!("samples/icd10pcs_order.txt")]),
    ("leie", &[include_bytes!("samples/UPDATED.csv")]),
    (
        "mpfs-factor",
        &[include_bytes!("samples/PPRRVU2026_Apr.csv")],
    ),
    (
        "mpfs-fees",
        &[
            include_bytes!("samples/PPRRVU2026_Jan.csv"),
            include_bytes!("samples/GPCI2026.csv"),
        ],
    ),
    ("mpfs-gpcis", &[include_bytes!("samples/GPCI2026.csv")]),
    (
        "mpfs-indicators",
        &[include_bytes!("samples/PPRRVU2026_Apr.csv")],
    ),
    ("mpfs-rvus", &[include_bytes!("samples/PPRRVU2026_Jan.csv")]),
    (
        "mpfs-surgeons",
        &[include_bytes!("samples/PPRRVU2026_Jan.csv")],
    ),
    ("ncci-mue", &[include_bytes!("samples/MCR_MUE_2026Q1.csv")]),
    (
        "ncci-ptp",
        &[
            include_bytes!("samples/ccipra-f1.txt"),
            include_bytes!("samples/ccipra-f2.txt"),
        ],
    ),
    (
        "nucc-taxonomy",
        &[include_bytes!("samples/nucc_taxonomy_dated.csv")],
    ),
    ("pos", &[include_bytes!("samples/pos.csv")]),
    ("rarc", &[include_bytes!("samples/rarc.csv")]),
];

fn options(format: &str) -> Options {
    let format = FORMATS.iter().find(|known| known.name == format).unwrap();
    let needs = |need| format.needs.contains(&need);
    Options {
        effective: (needs(Need::Effective) || format.takes.contains(&Need::Effective))
            .then(|| ServiceDate::new(2026, 1, 1).unwrap()),
        version: needs(Need::Version).then(|| "1".to_owned()),
        locality: needs(Need::Locality).then(|| "01112-05".parse().unwrap()),
        setting: needs(Need::Setting).then_some(Setting::Hospital),
    }
}

/// Reads, and holds what is read to both forms and to its own count.
fn read(format: &str, files: &[Vec<u8>]) -> Option<Table> {
    let slices: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let found = tally_table::import::read(format, &slices, &options(format));
    // What is wrong can always be printed.
    let table = found.map_err(|error| error.to_string()).ok()?;
    assert!(Table::from_bytes(&table.to_bytes()).unwrap() == table);
    assert!(Table::from_csv(&table.to_csv()).unwrap() == table);
    let kept: u64 = table.sources().iter().map(|source| source.kept()).sum();
    // The fees' second file gives one row of factors.
    let factors = u64::from(format == "mpfs-fees");
    assert_eq!(kept, table.len() as u64 + factors, "{format}");
    Some(table)
}

#[test]
fn every_format_has_a_sample() {
    let names: Vec<&str> = SAMPLES.iter().map(|(name, _)| *name).collect();
    let formats: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(names, formats);
    for (name, files) in SAMPLES {
        let files: Vec<Vec<u8>> = files.iter().map(|file| file.to_vec()).collect();
        assert!(read(name, &files).is_some(), "{name}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(at in 0..SAMPLES.len(), bytes in vec(any::<u8>(), 0..400)) {
        let (name, files) = SAMPLES[at];
        read(name, &vec![bytes; files.len()]);
    }

    /// A good file with a few bytes changed, left out or doubled.
    #[test]
    fn damaged_files_never_panic(
        at in 0..SAMPLES.len(),
        which in any::<prop::sample::Index>(),
        wounds in vec((any::<prop::sample::Index>(), 0..6u8, any::<u8>()), 1..5),
    ) {
        let (name, files) = SAMPLES[at];
        let mut files: Vec<Vec<u8>> = files.iter().map(|file| file.to_vec()).collect();
        let file = which.index(files.len());
        for (place, kind, byte) in wounds {
            let bytes = &mut files[file];
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.truncate(place),
                2 => drop(bytes.remove(place)),
                3 => bytes.insert(place, byte),
                4 => bytes[place] = b"\",\t\n\r*0"[usize::from(byte) % 7],
                _ => {
                    let tail = bytes[place..].to_vec();
                    bytes.extend(tail);
                }
            }
        }
        read(name, &files);
    }
}
