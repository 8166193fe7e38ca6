//! What a Byzantine authority does, by name. It follows the chain as everybody does,
//! and votes for whatever it hears of; only what it says is not what it should be.

use sha2::{Digest as _, Sha256};
use tally::shared::Gossip;
use tally_core::canon::{Blob, Canon as _};
use tally_core::ledger::shared::{Block, Envelope, Header, Role, Snapshot, build};
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Checkpoint, Note, SigningKey};

use crate::dice::Dice;
use crate::people::{self, ORIGIN, id, organisation};

/// A way of being Byzantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    /// As leader it proposes two blocks in one view, to different authorities; it votes
    /// for every block of a view, and signs two roots of each size, and says both. It hands
    /// over to two sets, and signs on in the epoch that this has ended.
    Equivocate,
    /// It proposes nothing, votes for nothing, signs nothing, and passes nothing on.
    Withhold,
    /// It proposes envelopes that stand already, and says again whatever it ever heard:
    /// envelopes, signatures and checkpoints, of this epoch and of those before.
    Replay,
    /// It proposes envelopes that break a rule: signed by nobody, of entries that its
    /// organisation may not enter, of bytes that are no entry, of a log that begins again.
    InvalidEntries,
    /// It proposes blocks whose header says another root, size or set than follows, and
    /// signs another root than the chain has.
    WrongRoot,
    /// It shows half of the others one thing and half another: its organisation's log has
    /// two versions, blocks are proposed with the one or the other, and each half is told
    /// a checkpoint with a root of its own.
    TwoFaced,
    /// It says what it should to the others, and signs another history for the witness alone:
    /// other roots, another set to hand over to, and what follows in the epoch that this ended.
    SplitView,
    /// Its key runs twice, each time as an honest node with a disk of its own: two logs of one
    /// organisation, two proposals of one leader, two votes of one key.
    Twin,
}

pub const ALL: [Behaviour; 8] = [
    Behaviour::Equivocate,
    Behaviour::Withhold,
    Behaviour::Replay,
    Behaviour::InvalidEntries,
    Behaviour::WrongRoot,
    Behaviour::TwoFaced,
    Behaviour::SplitView,
    Behaviour::Twin,
];

/// A block with a header as it would be if these envelopes were admitted.
fn claim(parent: &Snapshot, envelopes: Vec<Envelope>) -> Block {
    let mut frontier = parent.frontier.clone();
    for leaf in envelopes.iter().flat_map(Envelope::leaves) {
        frontier.append(leaf_hash(&leaf));
    }
    let header = Header {
        epoch: parent.state.authorities.epoch,
        height: parent.height + 1,
        parent: parent.id,
        envelopes: Sha256::digest(envelopes.to_canon()).into(),
        size: frontier.size(),
        root: frontier.root(),
        authorities: parent.state.authorities.hash(),
    };
    Block { header, envelopes }
}

/// An envelope of one entry.
fn sealed(who: usize, next: u64, entry: Vec<u8>) -> Envelope {
    let key = people::key(who, "signing", 0);
    Envelope::seal(ORIGIN, id(who), next, vec![entry], &key)
}

/// An entry that its organisation may not enter. A payer may enter what all others may,
/// but for what only stands around envelopes.
fn barred(who: usize, dice: &mut Dice) -> Vec<u8> {
    if organisation(who, 0).is(Role::Payer) {
        people::charter(1 + dice.below(3)).leaf()
    } else {
        people::entry(who + 1, dice)
    }
}

/// An envelope that must not stand.
fn invalid(who: usize, parent: &Snapshot, dice: &mut Dice) -> Envelope {
    let next = parent.state.next(&id(who)).unwrap_or(0);
    let seal = |entry: Vec<u8>| sealed(who, next, entry);
    let barred = barred(who, dice);
    match dice.below(6) {
        0 => seal(b"no entry".to_vec()),
        1 => seal(vec![7; 70_000]),
        2 if next > 0 => seal(people::genesis(who)),
        3 => {
            let mut forged = seal(people::entry(who, dice));
            forged.header.signature[3] ^= 1;
            forged
        }
        4 => {
            let mut other = seal(people::entry(who, dice));
            other.entries = vec![Blob(people::entry(who, dice))];
            other
        }
        _ => seal(barred),
    }
}

/// What a liar proposes: to those with an even and to those with an odd number.
pub fn proposals(
    behaviour: Behaviour,
    who: usize,
    parent: &Snapshot,
    waiting: &[Envelope],
    stood: &[Envelope],
    dice: &mut Dice,
) -> Option<[Vec<u8>; 2]> {
    let honest = build(parent, waiting)?.0;
    let empty = build(parent, &[])?.0;
    let both = |block: Block| Some([block.to_canon(), block.to_canon()]);
    match behaviour {
        Behaviour::Withhold => None,
        Behaviour::Equivocate => {
            let other = build(parent, &waiting[..waiting.len() / 2])?.0;
            let other = if other == honest { empty } else { other };
            Some([honest.to_canon(), other.to_canon()])
        }
        Behaviour::Replay if stood.is_empty() => both(honest),
        Behaviour::Replay => both(claim(parent, vec![dice.pick(stood).clone()])),
        Behaviour::InvalidEntries => both(claim(parent, vec![invalid(who, parent, dice)])),
        Behaviour::WrongRoot => {
            let mut block = honest;
            match dice.below(3) {
                0 => block.header.root[0] ^= 1,
                1 => block.header.size += 1,
                _ => block.header.authorities[0] ^= 1,
            }
            both(block)
        }
        Behaviour::TwoFaced => {
            let [one, other] = faces(who, parent, dice);
            let one = build(parent, &[one])?.0;
            Some([one.to_canon(), build(parent, &[other])?.0.to_canon()])
        }
        Behaviour::SplitView | Behaviour::Twin => both(honest),
    }
}

/// Two versions of what is next in an organisation's log.
pub fn faces(who: usize, parent: &Snapshot, dice: &mut Dice) -> [Envelope; 2] {
    let next = parent.state.next(&id(who)).unwrap_or(0);
    [0, 1].map(|_| {
        let entry = if next == 0 {
            people::genesis(who)
        } else {
            people::entry(who, dice)
        };
        sealed(who, next, entry)
    })
}

/// What a liar says in the place of something: each is for those with an even number,
/// an odd one, or both.
pub fn says(
    behaviour: Behaviour,
    key: &SigningKey,
    gossip: Gossip,
    heard: &[Gossip],
    dice: &mut Dice,
) -> Vec<(Option<u64>, Gossip)> {
    let other = |gossip: &Gossip| match gossip {
        Gossip::Signed(note) => Some(Gossip::Signed(another(note, key))),
        _ => None,
    };
    match behaviour {
        Behaviour::Withhold => Vec::new(),
        Behaviour::Equivocate => {
            let other = other(&gossip);
            let behind = match &gossip {
                Gossip::Signed(note) => behind(note, key),
                _ => Vec::new(),
            };
            let others = other.into_iter().chain(behind);
            others.chain([gossip]).map(|of| (None, of)).collect()
        }
        Behaviour::WrongRoot => vec![(None, other(&gossip).unwrap_or(gossip))],
        Behaviour::TwoFaced => match other(&gossip) {
            Some(other) => vec![(Some(0), gossip), (Some(1), other)],
            None => vec![(None, gossip)],
        },
        Behaviour::Replay => {
            let again = (0..3.min(heard.len())).map(|_| (None, dice.pick(heard).clone()));
            again.chain([(None, gossip)]).collect()
        }
        Behaviour::InvalidEntries | Behaviour::SplitView | Behaviour::Twin => {
            vec![(None, gossip)]
        }
    }
}

/// What a liar signs beside a checkpoint for the witness alone.
pub fn aside(behaviour: Behaviour, key: &SigningKey, gossip: &Gossip) -> Vec<String> {
    let Gossip::Signed(note) = gossip else {
        return Vec::new();
    };
    if behaviour != Behaviour::SplitView {
        return Vec::new();
    }
    let behind = behind(note, key).into_iter().filter_map(|of| match of {
        Gossip::Signed(note) => Some(note),
        _ => None,
    });
    behind.chain([another(note, key)]).collect()
}

/// The same checkpoint with another root, signed.
fn another(note: &str, key: &SigningKey) -> String {
    let note = Note::parse(note).unwrap();
    let mut checkpoint = Checkpoint::parse(&note.text).unwrap();
    checkpoint.root[0] ^= 1;
    checkpoint.sign(key).to_string()
}

/// Beside a handover: one of the same tree to another set, and a checkpoint of a larger tree
/// of the same epoch. Beside any other checkpoint nothing.
fn behind(note: &str, key: &SigningKey) -> Vec<Gossip> {
    let note = Note::parse(note).unwrap();
    let mut checkpoint = Checkpoint::parse(&note.text).unwrap();
    // The lines of the epoch, of its set and of the next epoch, and one authority at least.
    if checkpoint.extensions.len() < 5 {
        return Vec::new();
    }
    checkpoint.extensions.pop();
    let another = checkpoint.sign(key);
    checkpoint.extensions.truncate(2);
    checkpoint.size += 1;
    checkpoint.root[0] ^= 1;
    let signed = [another, checkpoint.sign(key)];
    signed.map(|note| Gossip::Signed(note.to_string())).into()
}
