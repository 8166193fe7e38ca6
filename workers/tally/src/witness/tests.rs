use tally_core::ledger::Checkpoint;
use tally_core::ledger::shared::{Authorities, Authority, OrganisationId};
use tally_core::ledger::witness::Evidence;

use super::kept::{EVIDENCE, MOST};
use super::*;

const ORIGIN: &str = "ledger.example/shared";

fn key(seed: u8) -> SigningKey {
    SigningKey::new(ORIGIN, &[seed; 32]).unwrap()
}

/// The set of an epoch, of four.
fn set(epoch: u64) -> Authorities {
    let member = |(id, seed): (&str, u8)| Authority {
        organisation: OrganisationId::parse(id).unwrap(),
        key: key(seed).verifier().public(),
    };
    Authorities {
        origin: ORIGIN.into(),
        epoch,
        members: [("four", 4), ("one", 1), ("three", 3), ("two", 2)]
            .map(member)
            .into(),
        witnesses: Vec::new(),
    }
}

fn by(of: &Checkpoint, seeds: &[u8]) -> Note {
    let mut note = of.sign(&key(seeds[0]));
    let others = seeds[1..]
        .iter()
        .flat_map(|seed| of.sign(&key(*seed)).signatures);
    note.signatures.extend(others);
    note
}

/// What the first set signs of a larger tree after its epoch had ended.
fn behind(size: u64, seeds: &[u8]) -> Note {
    by(&set(0).checkpoint(size, [8; 32], None), seeds)
}

fn open(folder: &Path) -> Witness {
    Witness::open(folder, "w.example", &[Signers::Authorities(set(0))]).unwrap()
}

fn add(witness: &Witness, old: u64, note: &Note) -> u16 {
    let answer = witness
        .add(format!("old {old}\n\n{note}").as_bytes())
        .unwrap();
    answer.status().as_u16()
}

/// Who signed both texts of each piece of evidence in a folder.
fn against(folder: &Path) -> Vec<String> {
    let known = [Signers::Authorities(set(0))];
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(EVIDENCE)
        {
            let evidence = Evidence::parse(&fs::read_to_string(path).unwrap()).unwrap();
            all.push(evidence.check(&known).unwrap().join(", "));
        }
    }
    all.sort();
    all
}

/// Two that cosign from one folder would each sign what the other had not seen.
#[test]
fn a_folder_is_one_witness_of_one_name() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let held = hold(folder).unwrap();
    open(folder);
    let refused = hold(folder).unwrap_err().to_string();
    assert!(refused.contains("another witness runs from"), "{refused}");
    drop(held);
    hold(folder).unwrap();
    let other = Witness::open(folder, "v.example", &[]).err().unwrap();
    assert!(
        other.to_string().contains("is called `w.example`"),
        "{other}"
    );
}

/// However much one signs, the first of it is kept, and another's is kept beside it.
#[test]
fn one_liar_does_not_keep_out_evidence_against_another() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let witness = open(folder);
    let handover = set(0).checkpoint(9, [9; 32], Some(&set(1)));
    assert_eq!(add(&witness, 0, &by(&handover, &[1, 2, 3, 4])), 200);
    for size in 0..1_010 {
        assert_eq!(add(&witness, 9, &behind(1_000 + size, &[4])), 403);
    }
    assert_eq!(add(&witness, 9, &behind(5_000, &[1])), 403);
    let of = |name: &str| against(folder).iter().filter(|of| *of == name).count();
    assert_eq!((of("four"), of("one")), (MOST, 1));

    // Of a text that is kept, it is kept who else signed it; and another text that one signed
    // who has not signed as many.
    assert_eq!(add(&witness, 9, &behind(1_000, &[2])), 403);
    assert_eq!(add(&witness, 9, &behind(6_000, &[1, 4])), 403);
    let counts = || ["four", "one", "four, two", "four, one"].map(of);
    assert_eq!(counts(), [MOST - 1, 1, 1, 1]);

    // So it is after a start, until some are moved elsewhere.
    drop(witness);
    let witness = open(folder);
    assert_eq!(add(&witness, 9, &behind(7_000, &[4])), 403);
    assert_eq!(counts(), [MOST - 1, 1, 1, 1]);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains(EVIDENCE) {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(add(&witness, 9, &behind(7_000, &[4])), 403);
    assert_eq!(counts(), [1, 0, 0, 0]);
}
