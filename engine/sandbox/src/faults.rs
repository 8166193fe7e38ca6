//! Whose fault it is when a call does not come to an answer: the policy's,
//! which is deterministic, or the host's.

use tally_core::adjudication::{ContractFault, TrapKind};
use thiserror::Error;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::Limits;

/// A fault of the host: nothing is known of the policy or the claim from it.
/// It is retried, then quarantined; it never becomes an outcome.
#[derive(Debug, Error)]
pub enum HostFault {
    /// The engine could not be made.
    #[error("the sandbox could not be set up")]
    Setup(#[source] wasmtime::Error),
    /// Native stack ran out: how deep a call may go differs over compilers.
    #[error("the native stack ran out")]
    StackOverflow,
    /// Every slot is taken: more threads call than [`Limits::CONCURRENT`].
    #[error("all {} slots of the sandbox are taken: try again", Limits::CONCURRENT)]
    Busy,
    /// The system refused memory.
    #[error("a fresh instance could not be made")]
    Instance(#[source] wasmtime::Error),
    /// A proven component did not compile.
    #[error("the policy could not be compiled")]
    Compile(#[source] wasmtime::Error),
    /// Something of the machine's own.
    #[error("the sandbox failed")]
    Machine(#[source] wasmtime::Error),
}

/// A contract fault that a host function raises through the machine.
#[derive(Debug, Error)]
#[error(transparent)]
pub(crate) struct Raised(pub ContractFault);

/// A fault of the host's own, raised through the machine.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Failed(pub String);

/// Tells a contract fault from a host fault by type, never by text.
pub(crate) fn fault(error: wasmtime::Error, limit: u64) -> Result<ContractFault, HostFault> {
    if let Some(Raised(fault)) = error.downcast_ref::<Raised>() {
        return Ok(match fault {
            ContractFault::OutOfFuel { .. } => ContractFault::OutOfFuel { limit },
            other => other.clone(),
        });
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Err(HostFault::Busy);
    }
    if error.is::<wasmtime::OutOfMemory>() || error.is::<std::io::Error>() {
        return Err(HostFault::Instance(error));
    }
    if error.is::<Failed>() || error.is::<wasmtime::WasmtimeBug>() {
        return Err(HostFault::Machine(error));
    }
    Ok(match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Err(HostFault::StackOverflow),
        Some(Trap::Interrupt) => return Err(HostFault::Machine(error)),
        Some(Trap::OutOfFuel) => ContractFault::OutOfFuel { limit },
        Some(Trap::UnreachableCodeReached) => ContractFault::Trap(TrapKind::Unreachable),
        Some(Trap::MemoryOutOfBounds | Trap::HeapMisaligned) => {
            ContractFault::Trap(TrapKind::Memory)
        }
        Some(Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature) => {
            ContractFault::Trap(TrapKind::Call)
        }
        Some(
            Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger,
        ) => ContractFault::Trap(TrapKind::Arithmetic),
        Some(
            Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidDiscriminant
            | Trap::InvalidChar
            | Trap::UnalignedPointer,
        )
        // Values that cannot be lifted, and more bytes than may be handed over,
        // are errors of the machine without a type; both are deterministic.
        | None => ContractFault::BadAnswer,
        Some(_) => ContractFault::Trap(TrapKind::Other),
    })
}
