//! Every proof of every tree up to a size that crosses a tile: each holds, and
//! holds nothing else.

use std::collections::BTreeMap;

use tally_core::ledger::tiles;
use tally_core::ledger::tree::{
    Frontier, Hash, consistency_proof, inclusion_proof, leaf_hash, node_hash, root,
    verify_consistency, verify_inclusion,
};

const SIZE: u64 = 300;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn grown() -> (Vec<Hash>, BTreeMap<(u8, u64), Hash>) {
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    let mut roots = vec![frontier.root()];
    for index in 0..SIZE {
        for node in frontier.append(leaf(index)) {
            nodes.insert((node.level, node.index), node.hash);
        }
        roots.push(frontier.root());
    }
    (roots, nodes)
}

/// The root by the definition of RFC 6962 §2.1, leaf by leaf.
fn by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => tally_core::ledger::tree::empty_root(),
        [only] => *only,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(left);
            node_hash(&by_definition(left), &by_definition(right))
        }
    }
}

#[test]
fn roots_are_those_of_the_definition() {
    let (roots, nodes) = grown();
    let leaves: Vec<Hash> = (0..SIZE).map(leaf).collect();
    for size in 0..=SIZE {
        let expected = by_definition(&leaves[..size as usize]);
        assert_eq!(roots[size as usize], expected, "{size}");
        assert_eq!(root(&nodes, size).unwrap(), expected, "{size}");
        assert_eq!(
            Frontier::of(size, &nodes).unwrap().root(),
            expected,
            "{size}"
        );
    }
}

#[test]
fn inclusion_at_every_size_and_index() {
    let (roots, nodes) = grown();
    for size in 1..=SIZE {
        let root = &roots[size as usize];
        for index in 0..size {
            let mut proof = inclusion_proof(&nodes, index, size).unwrap();
            let leaf = leaf(index);
            let holds = |proof: &[Hash], index, size| {
                verify_inclusion(&leaf, index, size, proof, root).is_ok()
            };
            assert!(holds(&proof, index, size), "{index} of {size}");
            assert!(!holds(&proof, (index + 1) % size, size) || size == 1);
            assert!(!holds(&proof, size, size));
            if let Some(at) = proof.len().checked_sub(1) {
                let at = index as usize % (at + 1);
                proof[at][31] ^= 1;
                assert!(!holds(&proof, index, size));
                proof[at][31] ^= 1;
                assert!(!holds(&proof[1..], index, size));
            }
            proof.push([0; 32]);
            assert!(!holds(&proof, index, size));
        }
    }
}

#[test]
fn consistency_between_every_two_sizes() {
    let (roots, nodes) = grown();
    for new in 1..=SIZE {
        for old in 1..=new {
            let mut proof = consistency_proof(&nodes, old, new).unwrap();
            let (before, after) = (&roots[old as usize], &roots[new as usize]);
            let holds = |proof: &[Hash], before, after| {
                verify_consistency(old, new, proof, before, after).is_ok()
            };
            assert!(holds(&proof, before, after), "{old} to {new}");
            if old < new {
                assert!(!holds(&proof, after, before));
                assert!(!holds(&proof[1..], before, after));
            }
            assert!(!holds(&proof, &roots[0], after));
            assert!(!holds(&proof, before, &roots[0]));
            proof.push([0; 32]);
            assert!(!holds(&proof, before, after));
        }
        assert!(consistency_proof(&nodes, 0, new).is_err());
        assert!(consistency_proof(&nodes, new + 1, new).is_err());
    }
}

/// Tiles hold every node a proof needs: those of a level of 256, which the
/// rest is computed from.
#[test]
fn tiles_hold_the_tree() {
    let (_, nodes) = grown();
    for size in 1..=SIZE {
        let mut leaves = Vec::new();
        for tile in tiles::tiles(size) {
            let bytes = tiles::tile_bytes(&nodes, tile).unwrap();
            assert_eq!(bytes.len() as u64, tile.width * 32);
            if tile.level == 0 {
                leaves.extend(
                    bytes
                        .chunks_exact(32)
                        .map(|hash| Hash::try_from(hash).unwrap()),
                );
            } else {
                assert_eq!(bytes, by_definition(&leaves[..256]));
            }
        }
        assert_eq!(leaves, (0..size).map(leaf).collect::<Vec<_>>());
    }
    assert_eq!(
        tiles::tile_path(1, 1_234_067, 8),
        "tile/1/x001/x234/067.p/8"
    );
}
