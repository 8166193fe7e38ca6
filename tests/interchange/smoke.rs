//! The fuzz targets on seeded inputs, so that every test run exercises them:
//! the seeds of `fuzz/`, each seed damaged some hundred times.

use std::path::{Path, PathBuf};

use super::cases::files;
use super::targets::TARGETS;

/// SplitMix64: the same damage on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }

    fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len());
            match self.next(5) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] ^= 1 << self.next(8),
                2 if !bytes.is_empty() => {
                    bytes.remove(at);
                }
                3 => bytes.insert(at, u8::try_from(self.next(256)).unwrap()),
                _ => {
                    let end = at + self.next(bytes.len() - at + 1);
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    }
}

#[test]
fn every_target_stands_its_seeds_and_their_damage() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (number, (name, run)) in TARGETS.into_iter().enumerate() {
        let mut seeds: Vec<PathBuf> = Vec::new();
        files(&folder.join(name), &mut seeds);
        assert!(!seeds.is_empty(), "no seeds for {name}");
        let mut seeded = Seeded(number as u64);
        run(b"");
        for path in seeds {
            let seed = std::fs::read(&path).unwrap();
            run(&seed);
            for _ in 0..300 {
                run(&seeded.damage(&seed));
            }
        }
    }
}
