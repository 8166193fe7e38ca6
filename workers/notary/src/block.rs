//! A block as it is sent, stored and hashed.
//!
//! `parent(32) | epoch(8) | height(8) | length(4) | payload`, integers big-endian:
//! one encoding for each block. The digest is SHA-256 over a domain, the fields
//! of fixed size and the payload.

use std::sync::Arc;

use commonware_codec::{Buf, EncodeSize, Error, FixedSize, Read, ReadExt, Write};
use commonware_consensus::types::Height;
use commonware_consensus::{BoundedBlock, Heightable};
use commonware_cryptography::{Digestible, Hasher, Sha256, sha256};
use commonware_runtime::BufMut;

use crate::machine::{Authority, Header};

pub(crate) type Digest = sha256::Digest;

const BLOCK: &[u8] = b"tally-notary block 1\n";
const GENESIS: &[u8] = b"tally-notary genesis 1\n";
const FIXED: usize = Digest::SIZE + 8 + 8 + 4;

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub parent: Digest,
    pub epoch: u64,
    pub height: u64,
    pub payload: Arc<[u8]>,
}

impl Block {
    /// The block before the first: it commits to the origin and to the
    /// authorities that begin.
    pub fn genesis(namespace: &[u8], authorities: &[Authority]) -> Self {
        let mut keys: Vec<_> = authorities.iter().map(|authority| authority.key).collect();
        keys.sort_unstable();
        let length = (namespace.len() as u64).to_be_bytes();
        let keys = keys.concat();
        Self {
            parent: Sha256::hash(&[GENESIS, &length, namespace, &keys]),
            epoch: 0,
            height: 0,
            payload: Arc::default(),
        }
    }

    pub fn header(&self) -> Header {
        Header {
            epoch: self.epoch,
            height: self.height,
            parent: self.parent.0,
        }
    }
}

impl Write for Block {
    fn write(&self, buf: &mut impl BufMut) {
        self.parent.write(buf);
        self.epoch.write(buf);
        self.height.write(buf);
        (self.payload.len() as u32).write(buf);
        buf.put_slice(&self.payload);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        FIXED + self.payload.len()
    }
}

impl Read for Block {
    /// The most bytes that a payload may have.
    type Cfg = usize;

    fn read_cfg(buf: &mut impl Buf, most: &usize) -> Result<Self, Error> {
        let parent = Digest::read(buf)?;
        let epoch = u64::read(buf)?;
        let height = u64::read(buf)?;
        let length = u32::read(buf)? as usize;
        if length > *most {
            return Err(Error::InvalidLength(length));
        }
        if buf.remaining() < length {
            return Err(Error::EndOfBuffer);
        }
        let mut payload = vec![0; length];
        buf.copy_to_slice(&mut payload);
        Ok(Self {
            parent,
            epoch,
            height,
            payload: payload.into(),
        })
    }
}

impl Digestible for Block {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        Sha256::hash(&[
            BLOCK,
            self.parent.as_ref(),
            &self.epoch.to_be_bytes(),
            &self.height.to_be_bytes(),
            &self.payload,
        ])
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.height)
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> Digest {
        self.parent
    }
}

impl BoundedBlock for Block {
    fn max_encode_size(most: &usize) -> usize {
        FIXED + most
    }
}

#[cfg(test)]
mod tests {
    use commonware_codec::{Decode, Encode};

    use super::*;

    fn block() -> Block {
        Block {
            parent: Sha256::hash(&[b"parent"]),
            epoch: 3,
            height: 7,
            payload: Arc::from(*b"payload"),
        }
    }

    #[test]
    fn a_block_has_one_encoding() {
        let bytes = block().encode();
        let read = Block::decode_cfg(bytes.clone(), &7).unwrap();
        assert_eq!(read.digest(), block().digest());
        assert_eq!(read.encode(), bytes);
        assert!(Block::decode_cfg(bytes.clone(), &6).is_err(), "too long");
        for short in 0..bytes.len() {
            assert!(Block::decode_cfg(bytes.slice(..short), &7).is_err());
        }
        let mut long = bytes.to_vec();
        long.push(0);
        assert!(Block::decode_cfg(long, &7).is_err(), "more after it");
    }

    #[test]
    fn the_digest_covers_every_field() {
        let changed = [
            Block {
                parent: Sha256::hash(&[b"other"]),
                ..block()
            },
            Block {
                epoch: 4,
                ..block()
            },
            Block {
                height: 8,
                ..block()
            },
            Block {
                payload: Arc::from(*b"other"),
                ..block()
            },
        ];
        for block in &changed {
            assert_ne!(block.digest(), self::block().digest());
        }
    }

    #[test]
    fn genesis_is_of_one_origin_and_one_set() {
        let authority = |key| Authority {
            key: [key; 32],
            address: String::new(),
        };
        let (one, two) = (authority(1), authority(2));
        let digest = |namespace: &[u8], set: &[Authority]| Block::genesis(namespace, set).digest();
        let of = digest(b"origin", &[one.clone(), two.clone()]);
        assert_eq!(
            of,
            digest(b"origin", &[two.clone(), one.clone()]),
            "order is nothing"
        );
        assert_ne!(of, digest(b"other", &[one.clone(), two]));
        assert_ne!(of, digest(b"origin", &[one]));
    }
}
