//! What the fuzz targets begin from: envelopes and blocks that the ledger of the seed
//! `snapshot/later` takes in, so that what is changed of them goes as deep as the rules.
//! `TALLY_WRITE_SEEDS=1` writes them anew, after a change of a format.
#![allow(clippy::disallowed_methods)] // it reads and writes files

use std::path::Path;

use super::*;
use crate::ledger::entry::Ground;

/// All that an organisation may enter there.
fn envelopes(world: &World) -> Vec<(&'static str, Envelope)> {
    let new = join(organisation("new", &[Role::Payer], true, 2), 2);
    let rotated = rotate(organisation("clinic", &[Role::Provider], true, 2), 2);
    let proposed = |change| Entry::Proposed(Box::new(world.proposal(change)));
    let open = *world.snapshot.state.motions.keys().next().unwrap();
    let erased = Entry::Erased {
        index: 1,
        ground: Ground::Request,
    };
    let of = |name, entries: &[Entry]| world.seal(name, entries);
    let [one, two] = [[1; 32], [2; 32]];
    vec![
        (
            "adjudicated",
            of(
                "harbor",
                &[
                    Entry::Received(one),
                    adjudicated(Some(1), 6),
                    adjudicated(None, 6),
                    Entry::Reversed(one),
                    Entry::PaymentAdvised(two),
                    erased,
                ],
            ),
        ),
        (
            "policies",
            of(
                "harbor",
                &[policy(4, "2026-09-01"), standing(3, Standing::Activated)],
            ),
        ),
        (
            "counterparty",
            of(
                "clinic",
                &[
                    Entry::Agreed(one),
                    Entry::Disputed(two),
                    Entry::Granted(one),
                    Entry::Revoked { grant: one },
                    Entry::Read(one),
                    Entry::ReadUnderEmergency(two),
                ],
            ),
        ),
        ("joins", of("meridian", &[proposed(new)])),
        ("rotates", of("meridian", &[proposed(rotated)])),
        (
            "leaves",
            of("clinic", &[proposed(Change::Leave(id("late")))]),
        ),
        ("voted", of("meridian", &[vote(open, true)])),
    ]
}

#[test]
fn seeds_of_the_fuzz_targets_are_taken_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let later = std::fs::read(folder.join("snapshot/later")).unwrap();
    let mut world = World::later();
    world.snapshot = Snapshot::from_canon(&later).unwrap();
    let sealed = envelopes(&world);
    let mut seeds = Vec::new();
    for (name, envelope) in &sealed {
        let (block, _) = build(&world.snapshot, std::slice::from_ref(envelope)).unwrap();
        let refused = world.snapshot.state.may_take(envelope);
        assert_eq!(block.envelopes.len(), 1, "{name}: {refused:?}");
        seeds.push((format!("sealed/{name}"), envelope.to_canon()));
    }
    // One organisation's next is one envelope: those of several make a block.
    let of = |name| sealed.iter().find(|(of, _)| *of == name).unwrap().1.clone();
    let (block, after) = build(
        &world.snapshot,
        &["adjudicated", "counterparty", "joins"].map(of),
    )
    .unwrap();
    assert_eq!(block.envelopes.len(), 3);
    assert_eq!(world.snapshot.extend(&block), Ok(after));
    seeds.push(("block/next".into(), block.to_canon()));
    let note = |by| world.signed(by).to_string();
    for (name, gossip) in [
        ("envelope", Gossip::Envelope(Box::new(of("counterparty")))),
        ("signed", Gossip::Signed(note(1))),
        ("checkpoint", Gossip::Checkpoint(note(4))),
        ("handovers", Gossip::Handovers(7)),
    ] {
        seeds.push((format!("gossip/{name}"), gossip.to_canon()));
    }
    for (name, bytes) in seeds {
        let path = folder.join(&name);
        if std::env::var_os("TALLY_WRITE_SEEDS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let found = std::fs::read(&path).unwrap();
        assert!(found == bytes, "{name} is of another format: write it anew");
    }
}
