//! The machine: one engine, a pool of slots, a fresh instance for every claim.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tally_core::adjudication::{
    Answers, Context, ContractFault, Description, DescriptionError, Determination, Transcript,
};
use tally_core::canon::{Canon as _, Reader};
use thiserror::Error;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Store};

use crate::bindings::{self, Meaningless, generated};
use crate::calls::link;
use crate::config::{CONFIGURATION, config};
use crate::faults::{Failed, HostFault, fault};
use crate::state::State;
use crate::{Limits, Proven, Refused};

type Describe = TypedFunc<(), (generated::Description,)>;
type Adjudicate<'a> = TypedFunc<(&'a generated::Context,), (generated::Determination,)>;

/// What turns a policy into machine code. Outcomes are the same on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Native code by Cranelift.
    Cranelift,
    /// Pulley bytecode, interpreted: some ten times slower, and portable.
    Pulley,
    /// Native code by Winch, which shares no optimiser with the others. It
    /// charges fuel otherwise: only what calls that succeed put out is compared.
    /// For checks alone; claims are never decided by it.
    Winch,
}

impl Backend {
    /// Every backend.
    pub const ALL: [Self; 3] = [Self::Cranelift, Self::Pulley, Self::Winch];

    /// Whether a call uses the same fuel here as on Cranelift, and ends in the same
    /// fault.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self != Self::Winch
    }

    /// As it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Pulley => "pulley",
            Self::Winch => "winch",
        }
    }
}

impl core::str::FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|one| one.as_str() == text);
        named.ok_or_else(|| format!("`{text}` is no backend: say `cranelift`, `pulley` or `winch`"))
    }
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
    pre: InstancePre<State>,
    /// `adjudicate`, whose type was checked when the policy was linked.
    adjudicate: ComponentExportIndex,
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
        let Some((tag, body)) = sealed.split_first_chunk::<32>() else {
            return Ok(None);
        };
        if !constant_time_eq(tag, &self.seal(hash, body, key)) {
            return Ok(None);
        }
        let mut reader = Reader::new(body);
        let Ok(description) = Description::take(&mut reader) else {
            return Ok(None);
        };
        let artefact = body.get(reader.position()..).unwrap_or_default();
        // SAFETY: the bytes are what `Component::serialize` gave this program
        // under this very configuration: the tag, made with a key that only
        // this node holds, covers them, the policy's hash and the configuration.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(&self.engine, artefact) };
        // What was sealed had been linked, its types checked, and described.
        match component {
            Ok(component) => self.policy(hash, component, description).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn seal(&self, policy: [u8; 32], body: &[u8], key: &[u8; 32]) -> [u8; 32] {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!());
        mac.update(b"tallystick/artefact/v1");
        mac.update(&self.configuration());
        mac.update(&policy);
        mac.update(body);
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

    /// Links a component and lets it describe itself.
    fn link(self: &Arc<Self>, hash: [u8; 32], component: Component) -> Result<Policy, LoadError> {
        let nothing = Description::default();
        let mut policy = self.policy(hash, component, nothing)?;
        let missing = Refused::Missing { name: "describe" };
        let describe = policy.component.get_export_index(None, "describe");
        let describe = describe.ok_or(missing)?;

        let mut store = self.store(None);
        let broken = |error| match fault(error, Limits::FUEL) {
            Ok(fault) => LoadError::Describe(fault),
            Err(host) => LoadError::Host(host),
        };
        store.set_fuel(Limits::INSTANTIATION_FUEL).map_err(broken)?;
        let instance = policy.pre.instantiate(&mut store).map_err(broken)?;
        // Here the types of both functions are checked, once for all calls.
        instance
            .get_typed_func::<(&generated::Context,), (generated::Determination,)>(
                &mut store,
                policy.adjudicate,
            )
            .map_err(misfit)?;
        let describe: Describe = instance
            .get_typed_func(&mut store, describe)
            .map_err(misfit)?;
        store.set_fuel(Limits::FUEL).map_err(broken)?;
        let (said,) = describe.call(&mut store, ()).map_err(broken)?;
        let description = bindings::description_in(said)
            .map_err(|_| LoadError::Describe(ContractFault::BadAnswer))?;
        description.check()?;
        policy.description = Arc::new(description);
        Ok(policy)
    }

    fn policy(
        self: &Arc<Self>,
        hash: [u8; 32],
        component: Component,
        description: Description,
    ) -> Result<Policy, LoadError> {
        let pre = self.linker.instantiate_pre(&component).map_err(misfit)?;
        let missing = Refused::Missing { name: "adjudicate" };
        let adjudicate = component.get_export_index(None, "adjudicate");
        Ok(Policy {
            pre,
            adjudicate: adjudicate.ok_or(missing)?,
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

    /// Its description and machine code, sealed with `key`, for
    /// [`Sandbox::load_artefact`].
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn artefact(&self, key: &[u8; 32]) -> Result<Vec<u8>, HostFault> {
        let mut body = self.description.to_canon();
        body.extend(self.component.serialize().map_err(HostFault::Compile)?);
        let mut sealed = self.sandbox.seal(self.hash, &body, key).to_vec();
        sealed.append(&mut body);
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
        // What succeeds elsewhere is not to run out where fuel is charged otherwise.
        let fuel = match self.sandbox.backend.is_exact() {
            true => fuel,
            false => fuel.saturating_mul(2),
        };
        let called = self.call(&mut store, &bindings::context_out(context), fuel);
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

impl Policy {
    fn call(
        &self,
        store: &mut Store<State>,
        context: &generated::Context,
        fuel: u64,
    ) -> wasmtime::Result<generated::Determination> {
        store.set_fuel(Limits::INSTANTIATION_FUEL)?;
        let instance = self.pre.instantiate(&mut *store)?;
        let adjudicate = instance
            .get_func(&mut *store, self.adjudicate)
            .ok_or_else(|| Failed("`adjudicate` is gone".to_owned()))?;
        // SAFETY: the function is that of this component whose type was checked
        // when the component was linked.
        #[allow(unsafe_code)]
        let adjudicate: Adjudicate<'_> = unsafe { TypedFunc::new_unchecked(adjudicate) };
        store.set_fuel(fuel)?;
        let (said,) = adjudicate.call(&mut *store, (context,))?;
        Ok(said)
    }
}

fn misfit(error: wasmtime::Error) -> Refused {
    Refused::Interface {
        reason: format!("{error:#}"),
    }
}

fn constant_time_eq(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0u8, |acc, (a, b)| acc | (a ^ b)) == 0
}
