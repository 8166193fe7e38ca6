//! Where wrapped keys are kept: what a vault asks of a database.

use std::future::Future;

use super::{VaultError, record};
use crate::port::RecordId;

/// A record, and its key, wrapped.
pub(super) type Row = (RecordId, Vec<u8>);

/// Wrapped keys in a database.
pub(super) trait Rows: Sized {
    /// The proof that is stored; `None` when there was none, and the new one is.
    fn proof(
        &self,
        new: Vec<u8>,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, VaultError>> + Send;
    /// Puts a proof in the place of another. Answers whether it was that.
    fn prove_anew(
        &self,
        old: &[u8],
        new: &[u8],
    ) -> impl Future<Output = Result<bool, VaultError>> + Send;
    /// Stores keys, all or none, on the disk when it answers. Answers whether the proof
    /// that is stored is this one: under another nothing is stored.
    fn insert(
        &self,
        rows: &[Row],
        proof: &[u8],
    ) -> impl Future<Output = Result<bool, VaultError>> + Send;
    /// How many keys there are.
    fn count(&self) -> impl Future<Output = Result<u64, VaultError>> + Send;
    /// Keys in the order of their records, from behind one on.
    fn page(
        &self,
        after: Option<RecordId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Row>, VaultError>> + Send;
    /// Puts wrapped keys in the place of others, where they are still those: a record,
    /// what was, what is.
    fn replace(
        &self,
        rows: &[(RecordId, Vec<u8>, Vec<u8>)],
    ) -> impl Future<Output = Result<(), VaultError>> + Send;
    /// Those of records that are there, each at least once, in any order.
    fn find(
        &self,
        records: &[RecordId],
    ) -> impl Future<Output = Result<Vec<Row>, VaultError>> + Send;
    /// Overwrites a key and deletes it, as far as the database lets one.
    fn destroy(
        &self,
        record: RecordId,
        noise: [u8; record::WRAPPED],
    ) -> impl Future<Output = Result<(), VaultError>> + Send;
    /// Closes the database.
    fn close(self) -> impl Future<Output = Result<(), VaultError>> + Send;
}
