//! What a call keeps beside the machine's own: answers, transcript, limits.

use std::sync::Arc;

use tally_core::adjudication::{Answers, Exchange};
use wasmtime::ResourceLimiter;

use crate::Limits;
use crate::faults::Failed;

/// The state of one call. It ends with the call.
pub(crate) struct State {
    pub answers: Option<Arc<dyn Answers>>,
    pub transcript: Vec<Exchange>,
    pub moved: u64,
    /// Whether growth that was permitted is still to succeed.
    pub growing: bool,
}

pub(crate) const MEMORY_BYTES: usize = Limits::MEMORY_BYTES as usize;
pub(crate) const TABLE_ELEMENTS: usize = Limits::TABLE_ELEMENTS as usize;

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.growing = desired <= MEMORY_BYTES && maximum.is_none_or(|max| desired <= max);
        Ok(self.growing)
    }

    /// What was permitted and still failed was refused by the system. A policy
    /// must not see that: its answer would depend on the host.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if core::mem::take(&mut self.growing) {
            return Err(wasmtime::Error::from(Failed(error.to_string())));
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS && maximum.is_none_or(|max| desired <= max))
    }

    fn instances(&self) -> usize {
        2 * Limits::MODULES
    }

    fn tables(&self) -> usize {
        Limits::MODULES
    }

    fn memories(&self) -> usize {
        1
    }
}
