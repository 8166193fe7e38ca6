//! How the machine is set up: everything that decides what outcomes are.

use wasmtime::{
    Config, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig, Strategy,
};

use crate::state::{MEMORY_BYTES, TABLE_ELEMENTS};
use crate::{Backend, Limits};

/// The settings that decide what outcomes are: part of every artefact's key.
pub(crate) const CONFIGURATION: &str =
    "2: nan-canonical, fuel by cost table 1, cow, no relaxed simd, no threads, no gc";

/// Fuel by operator: table 1 of [`crate::FUEL_COST_TABLE`]. The defaults of
/// wasmtime, by which an operator costs one unit and a byte that is moved
/// another, but for those that cost the machine far more than an addition.
fn costs() -> OperatorCost {
    OperatorCost {
        MemoryGrow: 200,
        MemoryFill: 20,
        MemoryCopy: 20,
        MemoryInit: 20,
        Call: 3,
        CallIndirect: 4,
        ..OperatorCost::new()
    }
}

pub(crate) fn config(backend: Backend) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    match backend {
        Backend::Cranelift => {}
        Backend::Pulley => {
            config.target("pulley64")?;
        }
        Backend::Winch => {
            config.strategy(Strategy::Winch);
        }
    }
    if backend != Backend::Winch {
        config
            .cranelift_opt_level(OptLevel::Speed)
            // No policy has a float (P105); Winch cannot make them canonical.
            .cranelift_nan_canonicalization(true);
    }
    config
        .consume_fuel(true)
        .operator_cost(costs())
        .epoch_interruption(false)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .shared_memory(false)
        .concurrency_support(false)
        // Nobody reads a policy's backtrace; its tables would be loaded each time.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false)
        .memory_init_cow(true)
        .max_wasm_stack(Limits::STACK_BYTES);
    let modules = u32::try_from(Limits::MODULES).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(Limits::CONCURRENT)
        .total_core_instances(Limits::CONCURRENT * modules)
        .total_memories(Limits::CONCURRENT)
        .total_tables(Limits::CONCURRENT * modules)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(MEMORY_BYTES)
        .linear_memory_keep_resident(MEMORY_BYTES)
        .table_keep_resident(TABLE_ELEMENTS * core::mem::size_of::<usize>());
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(config)
}
