//! What happens in a seed.

use std::collections::BTreeMap;

use crate::dice::Dice;
use crate::liars::{ALL, Behaviour};
use crate::mutants::Mutant;
use crate::people::Turn;

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub founders: usize,
    /// At most f of every set.
    pub liars: BTreeMap<usize, Behaviour>,
    pub turns: Vec<Turn>,
    pub kills: usize,
    pub partitions: usize,
    /// Of a hundred messages.
    pub loss: u64,
    /// Of a hundred blocks, after each of which whoever wrote it is killed.
    pub dies: u64,
    pub mutant: Option<Mutant>,
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let founders = *dice.pick(&[4, 4, 4, 5, 6, 7]);
        // Where the set may become smaller by one.
        let may_lie = (founders - 2) / 3;
        let lying = if dice.percent(80) { may_lie } else { 0 };
        let mut liars = BTreeMap::new();
        let leaves = founders > 4 || lying == 0;
        let lying = if founders == 4 && !leaves { 1 } else { lying };
        while liars.len() < lying {
            liars.insert(dice.below(founders), *dice.pick(&ALL));
        }
        if founders == 4 && liars.is_empty() && dice.percent(80) {
            liars.insert(dice.below(founders), *dice.pick(&ALL));
        }
        let honest: Vec<_> = (0..founders)
            .filter(|who| !liars.contains_key(who))
            .collect();
        let mut turns = Vec::new();
        if dice.percent(60) {
            turns.push(Turn::Join);
        }
        if dice.percent(40) {
            turns.push(Turn::Rotate(*dice.pick(&honest)));
        }
        if dice.percent(40) && founders > 4 {
            turns.push(Turn::Leave(*dice.pick(&honest)));
        }
        if turns.len() > 1 && dice.percent(50) {
            turns.reverse();
        }
        Self {
            seed,
            founders,
            liars,
            turns,
            kills: dice.below(5),
            partitions: dice.below(3),
            loss: dice.range(0, 25),
            dies: dice.range(0, 6),
            mutant: None,
        }
    }
}
