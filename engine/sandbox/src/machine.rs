//! The machine: one engine, a pool of slots, a fresh instance for every claim.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tally_core::adjudication::{
    Answers, Context, ContractFault, Description, DescriptionError, Determination, Exchange,
    Transcript, TrapKind,
};
use thiserror::Error;
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolConcurrencyLimitError,
    PoolingAllocationConfig, ResourceLimiter, Store, StoreContextMut, Trap,
};

use crate::bindings::{self, Key, Meaningless, PolicyPre, Question, Row};
use crate::{Limits, Proven, Refused};

/// What turns a policy into machine code. Outcomes are the same on each, and
/// fuel too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Native code by Cranelift.
    Cranelift,
    /// Pulley bytecode, interpreted: some ten times slower, and portable.
    Pulley,
}

impl Backend {
    /// As it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Pulley => "pulley",
        }
    }
}

impl core::str::FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cranelift" => Ok(Self::Cranelift),
            "pulley" => Ok(Self::Pulley),
            other => Err(format!(
                "`{other}` is no backend: say `cranelift` or `pulley`"
            )),
        }
    }
}

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

/// Why a component could not be loaded as a policy.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It breaks a rule.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It could not describe itself.
    #[error("P116 `describe` failed: {0}")]
    Describe(ContractFault),
    /// Its description is not sound.
    #[error("P117 {0}")]
    Description(#[from] DescriptionError),
    /// The host failed.
    #[error(transparent)]
    Host(#[from] HostFault),
}

/// The sandbox: the only place where a policy runs.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<State>,
    backend: Backend,
}

/// A policy compiled and linked, ready for claims.
pub struct Policy {
    pre: PolicyPre<State>,
    component: Component,
    hash: [u8; 32],
    description: Arc<Description>,
    sandbox: Arc<Sandbox>,
}

/// What came of running a policy over one claim.
pub struct Ran {
    /// The determination, or how the policy broke its contract.
    pub determined: Result<Determination, ContractFault>,
    /// Fuel used; only for calls that succeeded, since on a trap it depends on
    /// the machine.
    pub fuel: Option<u64>,
    /// What was asked and answered.
    pub transcript: Transcript,
}

struct State {
    answers: Option<Arc<dyn Answers>>,
    transcript: Vec<Exchange>,
    moved: u64,
    /// Whether growth that was permitted is still to succeed.
    growing: bool,
}

const MEMORY_BYTES: usize = Limits::MEMORY_BYTES as usize;
const TABLE_ELEMENTS: usize = Limits::TABLE_ELEMENTS as usize;

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

impl Sandbox {
    /// Sets up a sandbox. One is enough for a process; it is shared by threads.
    ///
    /// # Errors
    /// When the machine cannot be set up here.
    pub fn new(backend: Backend) -> Result<Arc<Self>, HostFault> {
        let config = config(backend).map_err(HostFault::Setup)?;
        let engine = Engine::new(&config).map_err(HostFault::Setup)?;
        let mut linker = Linker::new(&engine);
        link(&mut linker).map_err(HostFault::Setup)?;
        Ok(Arc::new(Self {
            engine,
            linker,
            backend,
        }))
    }

    /// What runs policies here.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Compiles a proven component and lets it describe itself.
    ///
    /// # Errors
    /// When it does not fit the interface, or its description is not sound.
    pub fn load(self: &Arc<Self>, proven: &Proven) -> Result<Policy, LoadError> {
        let component =
            Component::from_binary(&self.engine, proven.bytes()).map_err(HostFault::Compile)?;
        self.link(proven.hash(), component)
    }

    /// Loads what [`Policy::artefact`] gave, if it is authentic: `None` when it
    /// is of another policy, configuration or key, so that the caller compiles.
    ///
    /// # Errors
    /// As [`Sandbox::load`].
    pub fn load_artefact(
        self: &Arc<Self>,
        hash: [u8; 32],
        sealed: &[u8],
        key: &[u8; 32],
    ) -> Result<Option<Policy>, LoadError> {
        let Some((tag, artefact)) = sealed.split_first_chunk::<32>() else {
            return Ok(None);
        };
        if !constant_time_eq(tag, &self.seal(hash, artefact, key)) {
            return Ok(None);
        }
        // SAFETY: the bytes are what `Component::serialize` gave this program
        // under this very configuration: the tag, made with a key that only
        // this node holds, covers them, the policy's hash and the configuration.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(&self.engine, artefact) };
        match component {
            Ok(component) => self.link(hash, component).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn seal(&self, policy: [u8; 32], artefact: &[u8], key: &[u8; 32]) -> [u8; 32] {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!());
        mac.update(b"tallystick/artefact/v1");
        mac.update(&self.configuration());
        mac.update(&policy);
        mac.update(artefact);
        mac.finalize().into_bytes().into()
    }

    /// A hash of everything that decides what machine code means.
    fn configuration(&self) -> [u8; 32] {
        struct Feed(Sha256);
        impl std::hash::Hasher for Feed {
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
            fn finish(&self) -> u64 {
                0
            }
        }
        let mut feed = Feed(Sha256::new());
        std::hash::Hash::hash(&self.engine.precompile_compatibility_hash(), &mut feed);
        // What that hash does not cover: an artefact made without canonical
        // NaNs loads without complaint in an engine with them.
        feed.0.update(format!(
            "{CONFIGURATION}/{}/{}",
            self.backend.as_str(),
            env!("CARGO_PKG_VERSION")
        ));
        feed.0.finalize().into()
    }

    fn link(self: &Arc<Self>, hash: [u8; 32], component: Component) -> Result<Policy, LoadError> {
        let misfit = |error: wasmtime::Error| Refused::Interface {
            reason: format!("{error:#}"),
        };
        let pre = self.linker.instantiate_pre(&component).map_err(misfit)?;
        let pre = PolicyPre::new(pre).map_err(misfit)?;
        let description = self.describe(&pre)?;
        description.check()?;
        Ok(Policy {
            pre,
            component,
            hash,
            description: Arc::new(description),
            sandbox: Arc::clone(self),
        })
    }

    fn store(&self, answers: Option<Arc<dyn Answers>>) -> Store<State> {
        let mut store = Store::new(
            &self.engine,
            State {
                answers,
                transcript: Vec::new(),
                moved: 0,
                growing: false,
            },
        );
        store.limiter(|state| state);
        store.set_hostcall_fuel(Limits::ANSWER_BYTES);
        store
    }

    fn describe(&self, pre: &PolicyPre<State>) -> Result<Description, LoadError> {
        let mut store = self.store(None);
        let said = instantiate(&mut store, pre, Limits::FUEL)
            .and_then(|policy| policy.call_describe(&mut store))
            .map_err(|error| match fault(error, Limits::FUEL) {
                Ok(fault) => LoadError::Describe(fault),
                Err(host) => LoadError::Host(host),
            })?;
        bindings::description_in(said).map_err(|_| LoadError::Describe(ContractFault::BadAnswer))
    }
}

impl Policy {
    /// SHA-256 of the component.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Arc<Description> {
        &self.description
    }

    /// Its machine code, sealed with `key`, for [`Sandbox::load_artefact`].
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn artefact(&self, key: &[u8; 32]) -> Result<Vec<u8>, HostFault> {
        let artefact = self.component.serialize().map_err(HostFault::Compile)?;
        let mut sealed = self.sandbox.seal(self.hash, &artefact, key).to_vec();
        sealed.extend_from_slice(&artefact);
        Ok(sealed)
    }

    /// Runs the policy over one claim, in a fresh instance, on at most `fuel`.
    ///
    /// # Errors
    /// When the host fails: try again, then set the claim aside.
    pub fn run(
        &self,
        context: &Context,
        answers: Arc<dyn Answers>,
        fuel: u64,
    ) -> Result<Ran, HostFault> {
        let mut store = self.sandbox.store(Some(answers));
        let called = instantiate(&mut store, &self.pre, fuel)
            .and_then(|policy| policy.call_adjudicate(&mut store, &bindings::context_out(context)));
        let (determined, used) = match called {
            Ok(said) => {
                let left = store.get_fuel().map_err(HostFault::Machine)?;
                match bindings::determination_in(said) {
                    Ok(determination) => (Ok(determination), Some(fuel.saturating_sub(left))),
                    Err(Meaningless(_)) => (Err(ContractFault::BadAnswer), None),
                }
            }
            Err(error) => (Err(fault(error, fuel)?), None),
        };
        Ok(Ran {
            determined,
            fuel: used,
            transcript: Transcript(core::mem::take(&mut store.data_mut().transcript)),
        })
    }
}

/// The settings that decide what outcomes are: part of every artefact's key.
const CONFIGURATION: &str = "1: nan-canonical, fuel, cow, no relaxed simd, no threads, no gc";

fn config(backend: Backend) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    if backend == Backend::Pulley {
        config.target("pulley64")?;
    }
    config
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .epoch_interruption(false)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .shared_memory(false)
        .concurrency_support(false)
        .wasm_backtrace_max_frames(None)
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

fn instantiate(
    store: &mut Store<State>,
    pre: &PolicyPre<State>,
    fuel: u64,
) -> wasmtime::Result<crate::bindings::Policy> {
    store.set_fuel(Limits::INSTANTIATION_FUEL)?;
    let policy = pre.instantiate(&mut *store)?;
    store.set_fuel(fuel)?;
    Ok(policy)
}

/// A contract fault that a host function raises through the machine.
#[derive(Debug, Error)]
#[error(transparent)]
struct Raised(ContractFault);

/// A fault of the host's own, raised through the machine.
#[derive(Debug, Error)]
#[error("{0}")]
struct Failed(String);

/// Tells a contract fault from a host fault by type, never by text.
fn fault(error: wasmtime::Error, limit: u64) -> Result<ContractFault, HostFault> {
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

fn raise(fault: ContractFault) -> wasmtime::Error {
    wasmtime::Error::from(Raised(fault))
}

/// Bytes of a key, row, question and answer as the interface lays them out in
/// a policy's memory: fuel is charged by these, the same on every host.
const KEY_BYTES: u64 = 40;
const ROW_BYTES: u64 = 40;
const QUESTION_BYTES: u64 = 56;
const ANSWER_BYTES: u64 = 8;

fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker
        .instance("tallystick:policy/reference@1.0.0")?
        .func_wrap(
            "lookup",
            |mut store: StoreContextMut<'_, State>, (table, keys): (u16, Vec<Key>)| {
                charge(&mut store, keys.len() as u64 * (KEY_BYTES + ROW_BYTES))?;
                let keys = keys
                    .into_iter()
                    .map(bindings::key_in)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(meaningless)?;
                let rows = store
                    .data()
                    .answers
                    .as_ref()
                    .and_then(|answers| answers.lookup(table, &keys))
                    .ok_or_else(|| meaningless(Meaningless("table")))?;
                answered(keys.len(), rows.len())?;
                let out: Vec<Row> = rows.iter().map(bindings::row_out).collect();
                store
                    .data_mut()
                    .transcript
                    .push(Exchange::Lookup { table, keys, rows });
                Ok((out,))
            },
        )?;
    linker
        .instance("tallystick:policy/history@1.0.0")?
        .func_wrap(
            "query",
            |mut store: StoreContextMut<'_, State>, (questions,): (Vec<Question>,)| {
                charge(
                    &mut store,
                    questions.len() as u64 * (QUESTION_BYTES + ANSWER_BYTES),
                )?;
                let questions = questions
                    .into_iter()
                    .map(bindings::question_in)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(meaningless)?;
                let answers = store
                    .data()
                    .answers
                    .as_ref()
                    .map(|answers| answers.query(&questions))
                    .ok_or_else(|| meaningless(Meaningless("history")))?;
                answered(questions.len(), answers.len())?;
                store.data_mut().transcript.push(Exchange::Query {
                    questions,
                    answers: answers.clone(),
                });
                Ok((answers,))
            },
        )?;
    Ok(())
}

/// The host owes one answer a question.
fn answered(asked: usize, answers: usize) -> wasmtime::Result<()> {
    if asked != answers {
        let text = format!("{answers} answers to {asked} questions");
        return Err(wasmtime::Error::from(Failed(text)));
    }
    Ok(())
}

fn meaningless(Meaningless(what): Meaningless) -> wasmtime::Error {
    raise(ContractFault::BadQuestion { what })
}

/// Charges fuel for a call out of the sandbox, and bounds what all of them
/// move together.
fn charge(store: &mut StoreContextMut<'_, State>, bytes: u64) -> wasmtime::Result<()> {
    let moved = store.data().moved.saturating_add(bytes);
    if moved > Limits::ASKED_BYTES {
        return Err(raise(ContractFault::TooMuchData {
            limit: Limits::ASKED_BYTES,
        }));
    }
    store.data_mut().moved = moved;
    let cost = Limits::CALL_FUEL.saturating_add(bytes.saturating_mul(Limits::BYTE_FUEL));
    match store.get_fuel()?.checked_sub(cost) {
        Some(left) => store.set_fuel(left),
        None => Err(raise(ContractFault::OutOfFuel { limit: 0 })),
    }
}

fn constant_time_eq(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0u8, |acc, (a, b)| acc | (a ^ b)) == 0
}
