//! The side channels: what authorities tell each other beside the chain, and how
//! one that missed the end of an epoch learns of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use commonware_codec::{Copying, Decode as _, Encode as _, FixedSize as _};
use commonware_consensus::Reporter as _;
use commonware_consensus::types::Height;
use commonware_cryptography::ed25519::{PublicKey, Signature};
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_parallel::Sequential;
use tokio::sync::{mpsc, watch};

use crate::epochs::Epochs;
use crate::parts::{Activity, Finalization, Marshal, Runtime};

/// What an authority said on the side channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The public key it is connected under.
    pub from: [u8; 32],
    /// What it said.
    pub message: Vec<u8>,
}

/// What is to be said, and to which authority alone, if not to all.
pub(crate) struct Said {
    pub message: Vec<u8>,
    pub to: Option<[u8; 32]>,
}

/// The most messages of one authority that wait, and the most bytes of them (one message
/// has room in any case).
const WAITING: usize = 256;
const WAITING_BYTES: usize = 4 << 20;

/// What one authority said and nobody has taken yet.
#[derive(Default)]
struct Share {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// What waits, of each authority by itself, and whose turn it is: of nobody whose messages
/// have all been taken.
#[derive(Default)]
struct Waiting {
    shares: BTreeMap<[u8; 32], Share>,
    turns: VecDeque<[u8; 32]>,
}

impl Waiting {
    /// Answers whether there was room.
    fn put(&mut self, Heard { from, message }: Heard) -> bool {
        let share = self.shares.entry(from).or_default();
        let is_first = share.messages.is_empty();
        let bytes = share.bytes.saturating_add(message.len());
        if share.messages.len() >= WAITING || (!is_first && bytes > WAITING_BYTES) {
            return false;
        }
        share.bytes = bytes;
        share.messages.push_back(message);
        if is_first {
            self.turns.push_back(from);
        }
        true
    }

    fn take(&mut self) -> Option<Heard> {
        let from = self.turns.pop_front()?;
        let share = self.shares.get_mut(&from)?;
        let message = share.messages.pop_front()?;
        share.bytes = share.bytes.saturating_sub(message.len());
        if share.messages.is_empty() {
            self.shares.remove(&from);
        } else {
            self.turns.push_back(from);
        }
        Some(Heard { from, message })
    }
}

/// What other authorities said: taken in turns among them, each in its own order. Each has
/// its own room, so that nobody who says much takes that of another.
pub struct Inbox {
    waiting: Arc<Mutex<Waiting>>,
    /// One for each message that waits.
    told: mpsc::UnboundedReceiver<()>,
}

/// Where that is put.
pub(crate) struct Ear {
    waiting: Arc<Mutex<Waiting>>,
    told: mpsc::UnboundedSender<()>,
}

/// An inbox, and what fills it.
pub(crate) fn inbox() -> (Ear, Inbox) {
    let waiting = Arc::<Mutex<Waiting>>::default();
    let (tell, told) = mpsc::unbounded_channel();
    let ear = Ear {
        waiting: Arc::clone(&waiting),
        told: tell,
    };
    (ear, Inbox { waiting, told })
}

impl Ear {
    /// Drops what has no room.
    fn put(&self, heard: Heard) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.put(heard) {
            let _ = self.told.send(());
        }
    }
}

impl Inbox {
    /// The next message; `None` once the notary has ended. Given up before it answers, it
    /// has taken nothing out.
    pub async fn recv(&mut self) -> Option<Heard> {
        self.told.recv().await?;
        self.take()
    }

    /// The same, for a thread that waits.
    pub fn blocking_recv(&mut self) -> Option<Heard> {
        self.told.blocking_recv()?;
        self.take()
    }

    fn take(&self) -> Option<Heard> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.take()
    }
}

/// Passes messages on in both ways; what does not fit is dropped.
pub(crate) async fn gossip(
    most: usize,
    (mut sender, mut receiver): (
        impl Sender<PublicKey = PublicKey>,
        impl Receiver<PublicKey = PublicKey>,
    ),
    mut said: mpsc::Receiver<Said>,
    heard: Ear,
) {
    loop {
        tokio::select! {
            message = said.recv() => match message {
                Some(Said { message, to }) if message.len() <= most => {
                    let _ = sender.send(recipients(to), message, false);
                }
                Some(_) => {}
                None => return,
            },
            message = receiver.recv() => match message {
                Ok((from, message)) => {
                    let mut key = [0; 32];
                    key.copy_from_slice(from.as_ref());
                    let message = message.as_ref().to_vec();
                    heard.put(Heard { from: key, message });
                }
                Err(_) => return,
            },
        }
    }
}

/// Of a key that is none it is for nobody.
fn recipients(to: Option<[u8; 32]>) -> Recipients<PublicKey> {
    match to.map(|key| PublicKey::decode_cfg(Copying(&key), &())) {
        None => Recipients::All,
        Some(Ok(key)) => Recipients::One(key),
        Some(Err(_)) => Recipients::Some(Vec::new()),
    }
}

/// `0 | epoch(8)`: the epoch I am in. `1 | epoch(8) | certificate`: the end of it.
const IN: u8 = 0;
const END: u8 = 1;
/// How often each says which epoch it is in.
const EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// The most bytes of a message of ours, for sets of so many authorities: digest,
/// numbers and a signature of each.
pub(crate) fn most(authorities: u32) -> usize {
    256 + authorities as usize * (Signature::SIZE + 1)
}

pub(crate) struct Control<S> {
    pub context: Runtime,
    pub epochs: Epochs,
    pub marshal: Marshal,
    pub sender: S,
    /// When another authority was heard last.
    pub last: watch::Sender<Instant>,
}

impl<S: Sender<PublicKey = PublicKey>> Control<S> {
    pub async fn run(
        mut self,
        mut receiver: impl Receiver<PublicKey = PublicKey>,
        mut ended: watch::Receiver<u64>,
    ) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => self.say(),
                changed = ended.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let epoch = *ended.borrow_and_update();
                    if epoch + 1 == self.epochs.now().epoch {
                        self.tell(epoch, Recipients::All).await;
                    }
                    self.say();
                }
                message = receiver.recv() => match message {
                    Ok((from, message)) => self.heard(from, message.as_ref()).await,
                    Err(_) => return,
                },
            }
        }
    }

    fn say(&mut self) {
        let epoch = self.epochs.now().epoch;
        let message = [&[IN][..], &epoch.to_be_bytes()].concat();
        let _ = self.sender.send(Recipients::All, message, true);
    }

    /// Sends the certificate that ended an epoch.
    async fn tell(&mut self, epoch: u64, to: Recipients<PublicKey>) {
        let Some(next) = self.epochs.get(epoch + 1) else {
            return;
        };
        let last = Height::new(next.first - 1);
        let Some(end) = self.marshal.get_finalization(last).await else {
            return;
        };
        let mut message = vec![END];
        message.extend_from_slice(&epoch.to_be_bytes());
        message.extend_from_slice(&end.encode());
        let _ = self.sender.send(to, message, true);
    }

    async fn heard(&mut self, from: PublicKey, message: &[u8]) {
        self.last.send_replace(Instant::now());
        let Some((tag, rest)) = message.split_first() else {
            return;
        };
        let Some((epoch, rest)) = rest.split_first_chunk() else {
            return;
        };
        let epoch = u64::from_be_bytes(*epoch);
        match *tag {
            IN if epoch < self.epochs.now().epoch => {
                self.tell(epoch, Recipients::One(from)).await;
            }
            END => self.learn(epoch, rest),
            _ => {}
        }
    }

    /// A certificate proves itself, whoever sent it.
    fn learn(&mut self, epoch: u64, certificate: &[u8]) {
        let now = self.epochs.now();
        if epoch != now.epoch {
            return;
        }
        let most = now.authorities.len();
        let Ok(end) = Finalization::decode_cfg(Copying(certificate), &most) else {
            return;
        };
        let of_this = end.proposal.round.epoch().get() == epoch;
        if of_this && end.verify(&mut self.context, &*now.scheme, &Sequential) {
            let _ = self.marshal.report(Activity::Finalization(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(from: u8, message: &[u8]) -> Heard {
        let message = message.to_vec();
        Heard {
            from: [from; 32],
            message,
        }
    }

    /// Whoever says much fills its own room, and all are heard in turns.
    #[test]
    fn each_has_room_of_its_own_and_its_turn() {
        let (ear, mut inbox) = inbox();
        for _ in 0..10 * WAITING {
            ear.put(heard(1, b"junk"));
        }
        for word in [b"one", b"two"] {
            ear.put(heard(2, word));
        }
        // Of long ones fewer have room, of the longest one.
        for _ in 0..3 {
            ear.put(heard(3, &vec![0; WAITING_BYTES / 2]));
            ear.put(heard(4, &vec![0; WAITING_BYTES + 1]));
        }
        let taken: Vec<Heard> = std::iter::from_fn(|| inbox.take()).collect();
        let of = |from: u8| taken.iter().filter(move |of| of.from == [from; 32]);
        assert_eq!(
            [1, 2, 3, 4].map(|from| of(from).count()),
            [WAITING, 2, 2, 1]
        );
        assert_eq!(taken[..2], [heard(1, b"junk"), heard(2, b"one")]);
        assert_eq!(of(2).next_back(), Some(&heard(2, b"two")));
        assert!(inbox.waiting.lock().unwrap().shares.is_empty());

        // What was put is told of once, and the end after it.
        ear.put(heard(5, b""));
        drop(ear);
        let mut told = 0;
        while inbox.told.blocking_recv().is_some() {
            told += 1;
        }
        assert_eq!(told, taken.len() + 1);
    }
}
