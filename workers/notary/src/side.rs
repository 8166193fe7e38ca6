//! The side channels: what authorities tell each other beside the chain, and how
//! one that missed the end of an epoch learns of it.

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

/// Passes messages on in both ways; what does not fit is dropped.
pub(crate) async fn gossip(
    most: usize,
    (mut sender, mut receiver): (
        impl Sender<PublicKey = PublicKey>,
        impl Receiver<PublicKey = PublicKey>,
    ),
    mut said: mpsc::Receiver<Vec<u8>>,
    heard: mpsc::Sender<Heard>,
) {
    loop {
        tokio::select! {
            message = said.recv() => match message {
                Some(message) if message.len() <= most => {
                    let _ = sender.send(Recipients::All, message, false);
                }
                Some(_) => {}
                None => return,
            },
            message = receiver.recv() => match message {
                Ok((from, message)) => {
                    let mut key = [0; 32];
                    key.copy_from_slice(from.as_ref());
                    let message = message.as_ref().to_vec();
                    let _ = heard.try_send(Heard { from: key, message });
                }
                Err(_) => return,
            },
        }
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
