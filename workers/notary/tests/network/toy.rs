//! A machine with a rule or two: a payload is a kind, then what the kind says.
//!
//! `e` nothing, with its height · `n` entries of 200 bytes, after the time they
//! were proposed at · `m` the name of a file that who judges must have ·
//! `s` the authorities of the next epoch, which ends this one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use tally_notary::{Authority, Header, Judged, Machine};

pub const ENTRY: usize = 200;

#[derive(Clone, Debug, Default)]
pub struct Toy {
    pub entries: u64,
    pub next: Option<Arc<Vec<Authority>>>,
}

/// What a leader would say, in order.
pub type Queue = Arc<Mutex<Vec<Vec<u8>>>>;

pub struct Rules {
    pub queue: Queue,
    /// Entries that every block of ours has, when nothing is queued.
    pub entries: usize,
    /// Proposes what is refused, and accepts anything.
    pub lies: bool,
    /// Where the files are that `m` names.
    pub folder: PathBuf,
}

pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

pub fn entries(count: usize) -> Vec<u8> {
    let mut payload = vec![b'n'];
    payload.extend_from_slice(&now().to_be_bytes());
    payload.resize(payload.len() + count * ENTRY, 7);
    payload
}

/// When it was proposed, and how many entries it has.
pub fn read(payload: &[u8]) -> Option<(u64, usize)> {
    let (time, entries) = payload.strip_prefix(b"n")?.split_first_chunk()?;
    let whole = entries.len() % ENTRY == 0;
    whole.then(|| (u64::from_be_bytes(*time), entries.len() / ENTRY))
}

pub fn set(authorities: &[Authority]) -> Vec<u8> {
    let mut payload = vec![b's'];
    for authority in authorities {
        payload.extend_from_slice(&authority.key);
        payload.extend_from_slice(format!("{}\n", authority.address).as_bytes());
    }
    payload
}

fn read_set(mut rest: &[u8]) -> Option<Vec<Authority>> {
    let mut authorities = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.split_first_chunk()?;
        let end = after.iter().position(|byte| *byte == b'\n')?;
        let address = String::from_utf8(after[..end].to_vec()).ok()?;
        authorities.push(Authority { key: *key, address });
        rest = &after[end + 1..];
    }
    Some(authorities)
}

impl Rules {
    /// What stands after a payload that is known to hold.
    pub fn apply(before: &Toy, payload: &[u8]) -> Toy {
        let next = payload.strip_prefix(b"s").and_then(read_set);
        Toy {
            entries: before.entries + read(payload).map_or(0, |(_, count)| count as u64),
            next: next.map(Arc::new),
        }
    }
}

impl Machine for Rules {
    type State = Toy;

    fn genesis(&self) -> Toy {
        Toy::default()
    }

    fn propose(&self, _: &Toy, _: Header) -> Option<Vec<u8>> {
        if self.lies {
            return Some(b"lies".to_vec());
        }
        // It stays queued until a block with it is final.
        if let Some(payload) = self.queue.lock().unwrap().first() {
            return Some(payload.clone());
        }
        (self.entries > 0).then(|| entries(self.entries))
    }

    fn empty(&self, _: &Toy, header: Header) -> Vec<u8> {
        [b"e", &header.height.to_be_bytes()[..]].concat()
    }

    fn judge(&self, parent: &Toy, header: Header, payload: &[u8]) -> Judged<Toy> {
        let holds = match payload.split_first() {
            Some((b'e', height)) => height == header.height.to_be_bytes(),
            Some((b'n', _)) => read(payload).is_some(),
            Some((b's', set)) => read_set(set).is_some(),
            Some((b'm', name)) => {
                let name = String::from_utf8_lossy(name).into_owned();
                if !self.folder.join(name).exists() {
                    return Judged::Missing;
                }
                true
            }
            _ => false,
        };
        if holds || self.lies {
            Judged::Holds(Self::apply(parent, payload))
        } else {
            Judged::Refused("not of a kind that I know".to_owned())
        }
    }

    fn next_authorities(&self, state: &Toy) -> Option<Vec<Authority>> {
        state.next.as_ref().map(|next| next.to_vec())
    }
}
