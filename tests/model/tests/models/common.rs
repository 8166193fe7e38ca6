//! What the models share.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use stateright::{Checker, Model};
use tally_model::rules::Refusal;

/// A log of a few blocks: which of two blocks stands at each height. It is its own root, and
/// two are consistent when one begins with the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    /// Blocks, and leaves: each has one.
    pub size: u8,
    choices: u8,
}

impl Log {
    pub const EMPTY: Self = Self {
        size: 0,
        choices: 0,
    };

    /// With one block more.
    pub fn grow(self, choice: u8) -> Self {
        Self {
            size: self.size + 1,
            choices: self.choices | (choice << self.size),
        }
    }

    /// What it was at a smaller size.
    pub fn at(self, size: u8) -> Self {
        Self {
            size,
            choices: self.choices & !(u8::MAX << size),
        }
    }

    pub fn consistent(self, other: Self) -> bool {
        let size = self.size.min(other.size);
        self.at(size) == other.at(size)
    }
}

impl Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for place in 0..self.size {
            write!(
                f,
                "{}",
                if self.choices >> place & 1 == 0 {
                    'a'
                } else {
                    'b'
                }
            )?;
        }
        Ok(())
    }
}

/// Whether a step is taken: the rules allow it, or the rule that refuses it is broken.
pub fn taken<T>(asked: Result<T, Refusal>, broken: Option<Refusal>) -> bool {
    asked.map_or_else(|refusal| Some(refusal) == broken, |_| true)
}

/// Explores all of a model, says how large it is and asserts its properties.
pub fn holds<M>(name: &str, model: M)
where
    M: Model<
            State: Hash + Debug + Clone + PartialEq + Send + Sync,
            Action: Debug + Clone + PartialEq,
        > + Send
        + Sync
        + 'static,
{
    let started = Instant::now();
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps, at most {} deep, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        started.elapsed().as_secs_f64()
    );
    checker.assert_properties();
}

/// Explores a model until the property fails; gives the steps that lead there.
pub fn fails<M>(name: &str, model: M, property: &'static str) -> Vec<M::Action>
where
    M: Model<
            State: Hash + Debug + Clone + PartialEq + Send + Sync,
            Action: Debug + Clone + PartialEq,
        > + Send
        + Sync
        + 'static,
{
    // One thread: the same counterexample each time, and a short one.
    let checker = model
        .checker()
        .finish_when(stateright::HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let path = checker
        .discovery(property)
        .unwrap_or_else(|| panic!("{name}: `{property}` was not found to fail"));
    let steps = path.into_actions();
    println!(
        "{name}: `{property}` fails after {} steps, {} states: {steps:?}",
        steps.len(),
        checker.unique_state_count()
    );
    steps
}
