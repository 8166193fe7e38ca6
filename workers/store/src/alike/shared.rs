//! The shared ledger's blocks, as both stores keep them.

use crate::port::{Answer, NewBlock, StoreError, Totalled};

use super::{Cells, Columns, fenced};

const BLOCK: StoreError = StoreError::Damaged {
    what: "block of the shared ledger",
};

const CHUNK: StoreError = StoreError::Damaged {
    what: "chunk of the shared ledger",
};

/// A block does not follow the last.
pub(crate) const FOLLOWS: StoreError = fenced("the shared ledger");

/// A block in the numbers of a database.
pub(crate) struct Written {
    pub(crate) height: i64,
    /// Leaves before it.
    pub(crate) from: i64,
    /// Leaves of its own.
    pub(crate) count: i32,
    /// Leaves after it.
    pub(crate) size: i64,
    /// Its leaves, each behind its length.
    pub(crate) bytes: Vec<u8>,
    /// Entries of organisations' own logs.
    pub(crate) entries: i64,
    pub(crate) agreed: i64,
    pub(crate) disputed: i64,
    /// What its envelopes brought: first, count, leaf.
    pub(crate) brought: Vec<(i64, i32, i64)>,
}

impl Written {
    /// # Errors
    /// [`StoreError::Damaged`] when the block contradicts itself.
    pub(crate) fn of(new: &NewBlock) -> Answer<Self> {
        let number = |number: u64| i64::try_from(number).map_err(|_| BLOCK);
        let size = number(new.head.size)?;
        let count = i32::try_from(new.leaves.len()).map_err(|_| BLOCK)?;
        let from = size.checked_sub(count.into()).ok_or(BLOCK)?;
        if from < 0 {
            return Err(BLOCK);
        }
        let mut entries = 0i64;
        let mut brought = Vec::with_capacity(new.brought.len());
        for envelope in &new.brought {
            let count = i32::try_from(envelope.count).map_err(|_| BLOCK)?;
            let (first, leaf) = (number(envelope.first)?, number(envelope.leaf)?);
            let end = |start: i64| start.checked_add(count.into()).ok_or(BLOCK);
            end(first)?;
            if count == 0 || leaf < from || end(leaf)? > size {
                return Err(BLOCK);
            }
            entries = end(entries)?;
            brought.push((first, count, leaf));
        }
        Ok(Self {
            height: i64::try_from(new.head.height).map_err(|_| FOLLOWS)?,
            from,
            count,
            size,
            bytes: packed(&new.leaves)?,
            entries,
            agreed: number(new.agreed)?,
            disputed: number(new.disputed)?,
            brought,
        })
    }
}

/// Leaves, each behind its length.
fn packed(leaves: &[Vec<u8>]) -> Answer<Vec<u8>> {
    let length = leaves.iter().map(|leaf| leaf.len().saturating_add(2)).sum();
    let mut bytes = Vec::with_capacity(length);
    for leaf in leaves {
        tally_core::ledger::tiles::push_entry(&mut bytes, leaf).ok_or(BLOCK)?;
    }
    Ok(bytes)
}

/// A block that does not follow the last, beside the one of its height, when there is
/// one: the same may be written again.
pub(crate) fn written_before<R: Columns>(row: Option<&R>, new: &NewBlock) -> Answer<()> {
    let mut cells = Cells::of(row.ok_or(FOLLOWS)?, "block of the shared ledger");
    let same = cells.bytes()? == new.head.id && cells.number::<u64>()? == new.head.size;
    if same { Ok(()) } else { Err(BLOCK) }
}

/// Leaves from an index on, of the chunks that hold them, in order: each row's columns
/// are its first leaf, how many, and they.
pub(crate) fn leaves<R: Columns>(rows: &[R], from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut next = None;
    for row in rows {
        let mut cells = Cells::of(row, "chunk of the shared ledger");
        let first: u64 = cells.number()?;
        let count: u64 = cells.number()?;
        let mut rest = cells.next(R::bytes)?;
        let end = first.checked_add(count).ok_or(CHUNK)?;
        if next.map_or(first > from, |next| first != next) {
            return Err(CHUNK);
        }
        next = Some(end);
        for index in first..end {
            let (length, more) = rest.split_first_chunk::<2>().ok_or(CHUNK)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (leaf, more) = more.split_at_checked(length).ok_or(CHUNK)?;
            if index >= from && found.len() < limit {
                found.push(leaf.to_vec());
            }
            rest = more;
        }
        if !rest.is_empty() {
            return Err(CHUNK);
        }
    }
    Ok(found)
}

/// Where an entry stands, by the last envelope that begins no later: its columns are
/// its first entry, how many, and where the first stands.
pub(crate) fn place_of<R: Columns>(row: Option<&R>, index: u64) -> Answer<Option<u64>> {
    let Some(row) = row else { return Ok(None) };
    let mut cells = Cells::of(row, "envelope of the shared ledger");
    let first: u64 = cells.number()?;
    let count: u32 = cells.number()?;
    let leaf: u64 = cells.number()?;
    let past = index.checked_sub(first).ok_or(StoreError::Damaged {
        what: "envelope of the shared ledger",
    })?;
    Ok((past < u64::from(count)).then(|| leaf.saturating_add(past)))
}

/// What there is in all.
pub(crate) fn totalled<R: Columns>(row: &R) -> Answer<Totalled> {
    let mut cells = Cells::of(row, "head of the shared ledger");
    Ok(Totalled {
        entries: cells.number()?,
        agreed: cells.number()?,
        disputed: cells.number()?,
    })
}
