//! The epochs so far: which heights are theirs and who votes in them.
//!
//! Where an epoch ends is found out when its last block is final. Until then it
//! has no end here, which is safe because nothing asks about a height above the
//! newest final block of a known epoch: the next epoch's engine starts after its
//! entry is on disk. The table is kept beside the journal.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use commonware_codec::{Copying, DecodeExt as _, FixedSize as _};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::{Epoch, EpochInfo, Epocher, Height};
use commonware_cryptography::Digestible as _;
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_utils::TryCollect as _;
use commonware_utils::ordered::Set;

use crate::block::{Block, Digest};
use crate::files::{self, hex, unhex};
use crate::{Authority, Config, Error};

#[derive(Clone)]
pub(crate) struct Term {
    pub epoch: u64,
    /// The height of its first block (of epoch 0: genesis).
    pub first: u64,
    /// The block before its first.
    pub anchor: Digest,
    pub authorities: Vec<Authority>,
    pub scheme: Arc<Scheme>,
    /// Whether this node is one of them.
    pub votes: bool,
}

#[derive(Clone)]
pub(crate) struct Epochs(Arc<Inner>);

struct Inner {
    namespace: Vec<u8>,
    signer: PrivateKey,
    most: usize,
    file: PathBuf,
    table: RwLock<Vec<Term>>,
}

impl Epochs {
    pub fn open(config: &Config, signer: PrivateKey) -> Result<Self, Error> {
        let file = config.journal.join("epochs");
        let genesis = Block::genesis(&config.namespace, &config.authorities);
        let epochs = Self(Arc::new(Inner {
            namespace: config.namespace.clone(),
            signer,
            most: config.most_authorities,
            file: file.clone(),
            table: RwLock::default(),
        }));
        let mut table = vec![epochs.term(0, 0, genesis.digest(), config.authorities.clone())?];
        if let Some(text) = files::read(&file)? {
            let damaged = |what| Error::Damaged {
                path: file.clone(),
                what,
            };
            let rows = parse(&text).ok_or_else(|| damaged("not a table of epochs"))?;
            for (at, (first, anchor, authorities)) in rows.into_iter().enumerate() {
                let term = epochs.term(at as u64, first, anchor, authorities)?;
                match table.get(at) {
                    Some(known) if known.anchor != term.anchor => {
                        return Err(Error::Foreign {
                            path: config.journal.clone(),
                            what: "chain",
                        });
                    }
                    Some(_) => {}
                    None => table.push(term),
                }
            }
            if table.windows(2).any(|pair| pair[0].first >= pair[1].first) {
                return Err(damaged("epochs out of order"));
            }
        }
        *epochs.write() = table;
        Ok(epochs)
    }

    pub fn key(authority: &Authority) -> Option<PublicKey> {
        PublicKey::decode(Copying(&authority.key)).ok()
    }

    /// Whether a set could vote, for judging the block that names it.
    pub fn may_vote(&self, epoch: u64, authorities: &[Authority]) -> Result<(), Error> {
        self.set(epoch, authorities).map(drop)
    }

    fn set(&self, epoch: u64, authorities: &[Authority]) -> Result<Set<PublicKey>, Error> {
        let wrong = |what: String| Error::Authorities { epoch, what };
        if authorities.is_empty() || authorities.len() > self.0.most {
            let what = format!("{} of them, at most {}", authorities.len(), self.0.most);
            return Err(wrong(what));
        }
        let mut keys = Vec::new();
        for authority in authorities {
            let key = Self::key(authority);
            keys.push(key.ok_or_else(|| wrong(format!("{} is no key", hex(&authority.key))))?);
        }
        keys.into_iter()
            .try_collect()
            .map_err(|_| wrong("a key is named twice".to_owned()))
    }

    fn term(
        &self,
        epoch: u64,
        first: u64,
        anchor: Digest,
        authorities: Vec<Authority>,
    ) -> Result<Term, Error> {
        let set = self.set(epoch, &authorities)?;
        let namespace = [&self.0.namespace[..], b"/votes"].concat();
        let signer = Scheme::signer(&namespace, set.clone(), self.0.signer.clone());
        let votes = signer.is_some();
        let scheme = signer.unwrap_or_else(|| Scheme::verifier(&namespace, set));
        Ok(Term {
            epoch,
            first,
            anchor,
            authorities,
            scheme: Arc::new(scheme),
            votes,
        })
    }

    /// Ends an epoch with the block `last` and begins the next. Idempotent, as
    /// blocks come again after a restart.
    pub fn close(&self, last: &Block, next: Vec<Authority>) -> Result<(), Error> {
        let mut table = self.write();
        let epoch = last.epoch + 1;
        let term = self.term(epoch, last.height + 1, last.digest(), next)?;
        match table.get(epoch as usize) {
            Some(known) if known.anchor == term.anchor && known.first == term.first => Ok(()),
            None if table.len() as u64 == epoch => {
                table.push(term);
                files::replace(&self.0.file, print(&table).as_bytes())
            }
            _ => Err(Error::Diverged {
                height: last.height,
                reason: format!("epoch {epoch} began elsewhere"),
            }),
        }
    }

    pub fn now(&self) -> Term {
        let table = self.read();
        table.last().cloned().expect("epoch 0 is always there")
    }

    pub fn get(&self, epoch: u64) -> Option<Term> {
        self.read().get(usize::try_from(epoch).ok()?).cloned()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Term>> {
        self.0.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Term>> {
        self.0.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Epocher for Epochs {
    fn containing(&self, height: Height) -> Option<EpochInfo> {
        let epoch = {
            let table = self.read();
            let after = table.partition_point(|term| term.first <= height.get());
            Epoch::new(after.checked_sub(1)? as u64)
        };
        let (first, last) = (self.first(epoch)?, self.last(epoch)?);
        Some(EpochInfo::new(epoch, height, first, last))
    }

    fn first(&self, epoch: Epoch) -> Option<Height> {
        self.get(epoch.get()).map(|term| Height::new(term.first))
    }

    fn last(&self, epoch: Epoch) -> Option<Height> {
        let table = self.read();
        let at = usize::try_from(epoch.get()).ok()?;
        table.get(at)?;
        let last = table.get(at + 1).map_or(u64::MAX, |next| next.first - 1);
        Some(Height::new(last))
    }
}

impl Provider for Epochs {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        let term = self.get(epoch.get())?;
        Some(if term.votes {
            Scoped::scheme(term.scheme)
        } else {
            Scoped::verifier(term.scheme)
        })
    }
}

fn print(table: &[Term]) -> String {
    let mut text = String::from("tally-notary epochs 1\n");
    for term in table {
        let (first, anchor) = (term.first, hex(&term.anchor));
        let _ = writeln!(text, "epoch {first} {anchor} {}", term.authorities.len());
        for authority in &term.authorities {
            let _ = writeln!(text, "{} {}", hex(&authority.key), authority.address);
        }
    }
    text
}

type Row = (u64, Digest, Vec<Authority>);

fn parse(text: &str) -> Option<Vec<Row>> {
    let mut lines = text.strip_prefix("tally-notary epochs 1\n")?.lines();
    let mut rows = Vec::new();
    while let Some(line) = lines.next() {
        let mut words = line.strip_prefix("epoch ")?.split(' ');
        let first = words.next()?.parse().ok()?;
        let anchor = unhex::<{ Digest::SIZE }>(words.next()?)?;
        let count: usize = words.next()?.parse().ok()?;
        let mut authorities = Vec::new();
        for _ in 0..count {
            let (key, address) = lines.next()?.split_once(' ')?;
            authorities.push(Authority {
                key: unhex(key)?,
                address: address.to_owned(),
            });
        }
        rows.push((first, anchor.into(), authorities));
    }
    Some(rows)
}

#[cfg(test)]
#[path = "epochs_tests.rs"]
mod tests;
