//! Invariant 10: who has every public byte of a ledger, the times of its blocks and a
//! provider's own receipts, tells no better than chance which of its claims was flagged.
//!
//! The argument, in `docs/threat-model.md`, has two steps. A commitment under a fresh
//! salt of 256 bits cannot be told from 32 uniform bytes by who lacks the salt. With
//! uniform bytes in their place, what is public is not only distributed alike whichever
//! claims are flagged: for every draw of a ledger with flags there is one of the ledger
//! without, of the same bytes. The first test shows that, byte for byte. The second has
//! the real commitments, and simple distinguishers that a leak would help, which it
//! shows on schedules that do leak.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tally_types::{Money, ServiceDate};

use super::shared::{Envelope, OrganisationId};
use super::tree::leaf_hash;
use super::{Adjudication, Commitment, Entry, Salt, SigningKey, Subject, commit};
use crate::canon::Canon;
use crate::claim::ClaimId;
use crate::fraud::schedule::{Batch, BatchRandom, SLOTS, Schedule, Tick, fill};
use crate::fraud::{Flag, FlagId, Pattern};

/// What happens at a payer, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A claim is received and adjudicated, and raises so many flags.
    Claim { flags: usize },
    /// The queue is empty.
    Drained,
}

/// 32 bytes of a seed, by what they are for.
fn drawn(seed: u64, what: &str, at: usize, n: usize) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(what);
    hasher.update(at.to_be_bytes());
    hasher.update(n.to_be_bytes());
    hasher.finalize().into()
}

fn batch_random(seed: u64, at: usize) -> BatchRandom {
    let order = |n| u128::from_be_bytes(*drawn(seed, "order", at, n).first_chunk().unwrap());
    BatchRandom {
        dummies: core::array::from_fn(|n| drawn(seed, "dummy", at, n)),
        order: core::array::from_fn(order),
    }
}

/// A payer's own log, and what nobody else knows of it.
struct Log {
    entries: Vec<Entry>,
    /// The place of each claim's adjudication.
    claims: Vec<usize>,
    /// For each batch, the commitments in it that are of flags, in the order they were
    /// filled in.
    filled: Vec<Vec<Commitment>>,
}

/// How a payer keeps its log: as the engine does, or in a way that leaks.
struct Habit<'a> {
    flag: &'a dyn Fn(usize, usize) -> Commitment,
    random: &'a dyn Fn(usize) -> BatchRandom,
    /// A flag brings its batch about at once.
    at_once: bool,
}

fn keep(seed: u64, steps: &[Step], habit: &Habit<'_>) -> Log {
    let mut schedule = Schedule::default();
    let mut pending: Vec<Commitment> = Vec::new();
    let mut log = Log {
        entries: Vec::new(),
        claims: Vec::new(),
        filled: Vec::new(),
    };
    for (at, step) in steps.iter().enumerate() {
        let mut hurried = false;
        let tick = match step {
            Step::Drained => Tick::Drained,
            Step::Claim { flags } => {
                let of = |what| drawn(seed, what, at, 0);
                log.entries.push(Entry::Received(of("received")));
                log.claims.push(log.entries.len());
                log.entries.push(Entry::Adjudicated(Adjudication {
                    commitment: commit(Subject::Receipt, &of("salt"), &of("body")),
                    policy: Some([1; 32]),
                    prefix: 3,
                }));
                pending.extend((0..*flags).map(|n| (habit.flag)(at, n)));
                hurried = habit.at_once && *flags > 0;
                Tick::Adjudicated
            }
        };
        let (next, due) = schedule.after(tick);
        schedule = next;
        if due || hurried {
            let filled = fill(&pending, &(habit.random)(log.filled.len()));
            let taken = pending.drain(..filled.places.len()).collect();
            log.filled.push(taken);
            log.entries.push(Entry::Flags(Box::new(filled.batch)));
        }
    }
    log
}

/// The most entries that a block of the simulated ledger has.
const PACE: usize = 50;

/// All that is public: the leaves of the shared ledger, each with the time of its block.
/// An envelope a block, a block a second, as many entries as there are up to a number.
/// To sign takes time, and says nothing that the entries do not.
fn public(log: &Log, sign: bool) -> Vec<(u64, Vec<u8>)> {
    let key = SigningKey::new("signing", &[4; 32]).unwrap();
    let id = OrganisationId::parse("harbor").unwrap();
    let mut first = 0u64;
    let mut leaves = Vec::new();
    for (time, entries) in (1_000u64..).zip(log.entries.chunks(PACE)) {
        let bytes: Vec<Vec<u8>> = entries.iter().map(Canon::to_canon).collect();
        let header = if sign {
            let envelope = Envelope::seal("ledger", id.clone(), first, bytes.clone(), &key);
            Entry::Envelope(Box::new(envelope.header)).to_canon()
        } else {
            Vec::new()
        };
        first += entries.len() as u64;
        leaves.push((time, header));
        leaves.extend(bytes.into_iter().map(|entry| (time, entry)));
    }
    leaves
}

/// The batch that a leaf is, if it is one: kind 4.
fn batch_of(leaf: &[u8]) -> Option<Batch> {
    (leaf.get(1) == Some(&4)).then(|| match Entry::from_canon(leaf) {
        Ok(Entry::Flags(batch)) => *batch,
        _ => unreachable!(),
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => Just(Step::Claim { flags: 0 }),
        6 => (1usize..4).prop_map(|flags| Step::Claim { flags }),
        // More than a batch holds.
        1 => (60usize..150).prop_map(|flags| Step::Claim { flags }),
        2 => Just(Step::Drained),
    ];
    prop::collection::vec(step, 0..220)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is flagged, however often: with uniform bytes for commitments, there is
    /// a draw of the dummies under which the ledger without any flag has the same bytes
    /// at the same times. The draw is the one with flags but for the dummies that flags
    /// kept out, in whose place it has the flags' bytes: uniform for uniform, one to
    /// one, so that both ledgers are distributed alike.
    #[test]
    fn with_flags_and_without_the_public_bytes_are_the_same(steps in steps(), seed in any::<u64>()) {
        let uniform = |at: usize, n: usize| drawn(seed, "uniform", at, n);
        let random = |batch: usize| batch_random(seed, batch);
        let flagged = keep(seed, &steps, &Habit { flag: &uniform, random: &random, at_once: false });
        let other = |batch: usize| {
            let mut random = random(batch);
            for (dummy, flag) in random.dummies.iter_mut().zip(&flagged.filled[batch]) {
                *dummy = *flag;
            }
            random
        };
        let quiet: Vec<Step> = steps.iter().map(|step| match step {
            Step::Claim { .. } => Step::Claim { flags: 0 },
            Step::Drained => Step::Drained,
        }).collect();
        let quiet = keep(seed, &quiet, &Habit { flag: &uniform, random: &other, at_once: false });
        prop_assert_eq!(&flagged.claims, &quiet.claims);
        prop_assert!(public(&flagged, true) == public(&quiet, true));
    }
}

/// What a provider has who wonders which of two claims of its own was flagged.
struct Seen<'a> {
    /// Public.
    leaves: &'a [(u64, Vec<u8>)],
    /// The leaves of the two claims.
    own: [usize; 2],
    /// The salts of their receipts.
    salts: [Salt; 2],
    /// What the flag would say of each: a suspect knows what it did.
    flags: [Vec<u8>; 2],
}

impl Seen<'_> {
    /// The first batch after a claim, with the time of its block and of the claim's.
    fn batch(&self, which: usize) -> (u64, u64, Batch) {
        let at = self.own[which];
        let after = self.leaves[at..].iter();
        let mut batches = after.filter_map(|(time, leaf)| Some((*time, batch_of(leaf)?)));
        let (time, batch) = batches.next().unwrap();
        (self.leaves[at].0, time, batch)
    }

    /// How many entries lie between a claim and the next batch.
    fn distance(&self, which: usize) -> usize {
        let after = self.leaves[self.own[which]..].iter();
        after
            .take_while(|(_, leaf)| batch_of(leaf).is_none())
            .count()
    }
}

/// A guess: which of the two, by whatever number is higher; even, the first.
type Distinguisher = fn(&Seen<'_>, usize) -> i64;

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap()
}

/// By how soon a batch follows, in time.
fn timing(seen: &Seen<'_>, which: usize) -> i64 {
    let (claim, batch, _) = seen.batch(which);
    i64::try_from(claim).unwrap() - i64::try_from(batch).unwrap()
}

/// By how soon a batch follows, in entries.
fn position(seen: &Seen<'_>, which: usize) -> i64 {
    -number(seen.distance(which))
}

/// By how full the batch looks.
fn occupancy(seen: &Seen<'_>, which: usize) -> i64 {
    let (_, _, batch) = seen.batch(which);
    let bytes = batch.slots.iter().flatten();
    bytes.map(|byte| i64::from(byte.count_ones())).sum()
}

/// By whether a slot is what the provider can compute itself, or stands elsewhere too.
fn equality(seen: &Seen<'_>, which: usize) -> i64 {
    let (_, _, batch) = seen.batch(which);
    let flag = &seen.flags[which];
    let mut guesses: Vec<[u8; 32]> = vec![Sha256::digest(flag).into()];
    for salt in seen.salts.iter().chain([&[0; 32], &leaf_hash(flag)]) {
        guesses.push(commit(Subject::Flag, salt, flag));
    }
    let own = &seen.leaves[seen.own[which]].1;
    let elsewhere = |slot: &Commitment| own.windows(32).any(|bytes| bytes == slot);
    number(
        batch
            .slots
            .iter()
            .filter(|slot| guesses.contains(*slot) || elsewhere(slot))
            .count(),
    )
}

/// By how far the slots are from their order.
fn ordering(seen: &Seen<'_>, which: usize) -> i64 {
    let (_, _, batch) = seen.batch(which);
    number(
        batch
            .slots
            .windows(2)
            .filter(|pair| pair[0] > pair[1])
            .count(),
    )
}

const DISTINGUISHERS: [(&str, Distinguisher); 5] = [
    ("timing", timing),
    ("position", position),
    ("occupancy", occupancy),
    ("equality", equality),
    ("ordering", ordering),
];

fn flag_of(claim: usize) -> Flag {
    let on = ServiceDate::parse("2026-03-10").unwrap();
    Flag {
        id: FlagId([u8::try_from(claim % 251).unwrap(); 16]),
        pattern: Pattern::SuspectDuplicate,
        rule_version: "suspect-duplicate/1".into(),
        score: 0,
        parts: vec![],
        claims: vec![(ClaimId([u8::try_from(claim % 251).unwrap(); 16]), 1)],
        first_seen: on,
        last_seen: on,
        exposure: Money::cents(9_200),
        evidence: vec![],
    }
}

/// A way to keep the log, with the leak it has, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leak {
    None,
    /// A flag brings its batch about.
    AtOnce,
    /// Empty slots are zeros.
    Zeros,
    /// The salt is the receipt's.
    Salt,
    /// Dummies in order, flags in front.
    Order,
}

/// How often each distinguisher is right, of so many trials.
fn right(leak: Leak, trials: u64) -> [u64; 5] {
    let mut right = [0; 5];
    for trial in 0..trials {
        let coin = |what: &str, n: u64| {
            let bytes = drawn(trial, what, 0, 0);
            usize::try_from(u64::from_be_bytes(*bytes.first_chunk().unwrap()) % n).unwrap()
        };
        // One of the provider's claims is in the first batch, one in the second, each
        // anywhere; other claims are flagged too.
        let own = [coin("first", 64), 64 + coin("second", 64)];
        let flagged = coin("which", 2);
        let mut steps: Vec<Step> = (0..140usize)
            .map(|at| Step::Claim {
                flags: usize::from(drawn(trial, "others", at, 0)[0] < 8),
            })
            .collect();
        steps.push(Step::Drained);
        for at in own {
            steps[at] = Step::Claim { flags: 0 };
        }
        steps[own[flagged]] = Step::Claim { flags: 1 };
        let salt = |at: usize| match leak {
            Leak::Salt => drawn(trial, "salt", at, 0),
            _ => drawn(trial, "flag salt", at, 0),
        };
        let flag = |at: usize, _| commit(Subject::Flag, &salt(at), &flag_of(at).to_canon());
        let random = |batch: usize| {
            let mut random = batch_random(trial, batch);
            match leak {
                Leak::Zeros => random.dummies = [[0; 32]; SLOTS],
                Leak::Order => {
                    random.dummies.sort_unstable();
                    random.order = [0; SLOTS];
                }
                _ => {}
            }
            random
        };
        let habit = Habit {
            flag: &flag,
            random: &random,
            at_once: leak == Leak::AtOnce,
        };
        let log = keep(trial, &steps, &habit);
        let leaves = public(&log, false);
        let place = |claim: usize| {
            // Behind the headers of the envelopes so far.
            let place = log.claims[claim];
            place + place / PACE + 1
        };
        let seen = Seen {
            leaves: &leaves,
            own: own.map(place),
            salts: own.map(|at| drawn(trial, "salt", at, 0)),
            flags: own.map(|at| flag_of(at).to_canon()),
        };
        for (right, (_, of)) in right.iter_mut().zip(DISTINGUISHERS) {
            let guess = usize::from(of(&seen, 1) > of(&seen, 0));
            *right += u64::from(guess == flagged);
        }
    }
    right
}

/// Five standard deviations of so many tosses of a coin, around a half.
fn chance(trials: u64) -> core::ops::RangeInclusive<u64> {
    let (half, deviation) = (trials / 2, (trials / 4).isqrt() + 1);
    half - 5 * deviation..=half + 5 * deviation
}

#[test]
fn no_distinguisher_does_better_than_chance() {
    let trials = 1_000;
    for ((name, _), right) in DISTINGUISHERS.iter().zip(right(Leak::None, trials)) {
        assert!(
            chance(trials).contains(&right),
            "{name}: {right} of {trials}"
        );
    }
}

/// And they would, if there were something to see.
#[test]
fn distinguishers_see_what_leaks() {
    let trials = 300;
    for (leak, seen_by) in [
        (Leak::AtOnce, &["timing", "position"][..]),
        (Leak::Zeros, &["occupancy"]),
        (Leak::Salt, &["equality"]),
        (Leak::Order, &["ordering"]),
    ] {
        for ((name, _), right) in DISTINGUISHERS.iter().zip(right(leak, trials)) {
            assert!(
                !seen_by.contains(name) || right > *chance(trials).end(),
                "{leak:?} is not seen by {name}: {right} of {trials}"
            );
        }
    }
}
