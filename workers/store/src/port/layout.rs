//! What a store was set up as.

use std::future::Future;

use super::Answer;

/// What a store was set up as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the log.
    pub origin: String,
    /// How many partitions claims are queued in from now on.
    pub partitions: u32,
}

/// What every process on one store must agree on.
pub trait Layout {
    /// What the store was set up as; `None` before it was.
    fn identity(&self) -> impl Future<Output = Answer<Option<Identity>>> + Send;
    /// Sets up a store that is not; one that is keeps what it has. Answers what
    /// holds.
    fn set_up(&self, identity: &Identity) -> impl Future<Output = Answer<Identity>> + Send;
    /// Queues claims in another number of partitions from now on; what is
    /// queued keeps the partition it has, of the number it was given by.
    fn repartition(&self, partitions: u32) -> impl Future<Output = Answer<()>> + Send;
    /// Numbers of partitions of before, in order, as long as nobody has said that
    /// their queues are [removed](Self::removed).
    fn former(&self) -> impl Future<Output = Answer<Vec<u32>>> + Send;
    /// Notes that a former number of partitions has no queues any more.
    fn removed(&self, partitions: u32) -> impl Future<Output = Answer<()>> + Send;
}
