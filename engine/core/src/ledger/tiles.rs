//! Tiles (C2SP tlog-tiles): the tree as files anyone can serve.

use super::tree::{Hash, HashSource, ProofError};

/// Hashes of a full tile; also entries of a full bundle.
pub const WIDTH: u64 = 256;

fn index_path(mut index: u64) -> String {
    let mut path = format!("{:03}", index.checked_rem(1000).unwrap_or(0));
    while index >= 1000 {
        index /= 1000;
        path = format!("x{:03}/{path}", index.checked_rem(1000).unwrap_or(0));
    }
    path
}

fn partial(path: String, width: u64) -> String {
    if width == WIDTH {
        path
    } else {
        format!("{path}.p/{width}")
    }
}

/// The path of a tile of hashes: `tile/<level>/<index>[.p/<width>]`.
#[must_use]
pub fn tile_path(level: u8, index: u64, width: u64) -> String {
    partial(format!("tile/{level}/{}", index_path(index)), width)
}

/// The path of a bundle of entries: `tile/entries/<index>[.p/<width>]`.
#[must_use]
pub fn bundle_path(index: u64, width: u64) -> String {
    partial(format!("tile/entries/{}", index_path(index)), width)
}

/// What a path of [`tile_path`] or [`bundle_path`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The level of a tile of hashes; `None` for a bundle of entries.
    pub level: Option<u8>,
    /// Its index.
    pub index: u64,
    /// How many hashes or entries, 1 to 256.
    pub width: u64,
}

/// Reads a path, and only the one form it has.
#[must_use]
pub fn parse_path(path: &str) -> Option<Asked> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let level = match level {
        "entries" => None,
        level => Some(level.parse::<u8>().ok().filter(|level| *level < 64)?),
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok()?),
        None => (rest, WIDTH),
    };
    let mut index = 0u64;
    for part in number.split('/') {
        let digits = part.strip_prefix('x').unwrap_or(part);
        if digits.len() != 3 {
            return None;
        }
        index = index
            .checked_mul(1000)?
            .checked_add(digits.parse::<u16>().ok()?.into())?;
    }
    let asked = Asked {
        level,
        index,
        width,
    };
    let same = match level {
        Some(level) => tile_path(level, index, width),
        None => bundle_path(index, width),
    };
    (same == path && (1..=WIDTH).contains(&width)).then_some(asked)
}

/// One tile of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// Its level: hashes of subtrees of `256^level` leaves.
    pub level: u8,
    /// Its index in the level.
    pub index: u64,
    /// How many hashes it holds, 1 to 256.
    pub width: u64,
}

/// Every tile of a log of this size, full and partial.
#[must_use]
pub fn tiles(size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0..8u8 {
        let hashes = size >> u32::from(level).saturating_mul(8);
        if hashes == 0 {
            break;
        }
        let full = hashes / WIDTH;
        let rest = hashes.checked_rem(WIDTH).unwrap_or(0);
        for index in 0..full {
            tiles.push(Tile {
                level,
                index,
                width: WIDTH,
            });
        }
        if rest > 0 {
            tiles.push(Tile {
                level,
                index: full,
                width: rest,
            });
        }
    }
    tiles
}

/// The bytes of a tile.
///
/// # Errors
/// When a node is missing.
pub fn tile_bytes(source: &dyn HashSource, tile: Tile) -> Result<Vec<u8>, ProofError> {
    let level = tile.level.saturating_mul(8);
    let start = tile.index.saturating_mul(WIDTH);
    let mut bytes = Vec::new();
    for index in start..start.saturating_add(tile.width) {
        let hash: Hash = source
            .hash(level, index)
            .ok_or(ProofError::Missing { level, index })?;
        bytes.extend_from_slice(&hash);
    }
    Ok(bytes)
}

/// Appends an entry to a bundle: a big-endian `u16` length and the bytes.
/// `None` when the entry is too long for a bundle.
#[must_use]
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let length = u16::try_from(entry.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}
