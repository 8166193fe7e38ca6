//! A policy loaded on every backend, and one claim's way through the engine.

use std::sync::Arc;

use tally_core::adjudication::{
    Decision, Description, Inputs, OutcomeError, Policies, PolicyInForce, Settled, decide, settle,
};
use tally_core::claim::Claim;
use tally_sandbox::{Backend, HostFault, Limits, Policy, Sandbox, prove};
use tally_table::{SECTION, Tables, TablesError};
use tally_types::ServiceDate;
use thiserror::Error;

use crate::family::{Family, InMemory};

/// Why a component cannot be tested.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It is no policy.
    #[error(transparent)]
    Policy(#[from] tally_sandbox::LoadError),
    /// Its tables are not those it describes.
    #[error(transparent)]
    Tables(#[from] TablesError),
}

/// Why a claim could not be adjudicated. It says nothing of the policy.
#[derive(Debug, Error)]
pub enum TestError {
    /// The sandbox failed.
    #[error(transparent)]
    Host(#[from] HostFault),
    /// The claim is none that intake would make.
    #[error("the claim cannot have an outcome: {0}")]
    Claim(#[from] OutcomeError),
}

/// A sandbox of each backend. Made once, used for every policy.
pub struct Sandboxes {
    cranelift: Arc<Sandbox>,
    pulley: Arc<Sandbox>,
    winch: Arc<Sandbox>,
}

impl Sandboxes {
    /// Sets up all.
    ///
    /// # Errors
    /// When the machine cannot be set up here.
    pub fn new() -> Result<Self, HostFault> {
        Ok(Self {
            cranelift: Sandbox::new(Backend::Cranelift)?,
            pulley: Sandbox::new(Backend::Pulley)?,
            winch: Sandbox::new(Backend::Winch)?,
        })
    }
}

/// A policy loaded on every backend, with its tables.
pub struct PolicyUnderTest {
    hash: [u8; 32],
    indirect: usize,
    tables: Arc<Tables>,
    cranelift: Policy,
    pulley: Policy,
    winch: Policy,
}

/// What came of one claim on one backend.
pub struct Adjudicated {
    /// The outcome, movements and lines.
    pub settled: Settled,
    /// Fuel used; `None` when the policy did not run or did not succeed.
    pub fuel: Option<u64>,
    /// The hash of what it asked and was answered.
    pub transcript: Option<[u8; 32]>,
}

/// Proves, compiles and loads a component on every backend.
///
/// # Errors
/// When it is refused, or its tables are not those it describes.
pub fn load_policy(
    component: Vec<u8>,
    sandboxes: &Sandboxes,
) -> Result<PolicyUnderTest, LoadError> {
    let proven = prove(component).map_err(tally_sandbox::LoadError::from)?;
    let cranelift = sandboxes.cranelift.load(&proven)?;
    let pulley = sandboxes.pulley.load(&proven)?;
    let winch = sandboxes.winch.load(&proven)?;
    let described = &cranelift.description().tables;
    let tables = Tables::from_sections(
        described.iter().map(String::as_str),
        proven.sections(SECTION),
    )?;
    Ok(PolicyUnderTest {
        hash: proven.hash(),
        indirect: proven.indirect_cycles(),
        tables: Arc::new(tables),
        cranelift,
        pulley,
        winch,
    })
}

/// The one policy of its product, in force on every day.
impl Policies for PolicyUnderTest {
    fn in_force(&self, product: &str, _: ServiceDate) -> Option<PolicyInForce> {
        let description = self.description();
        (description.product == product).then(|| PolicyInForce {
            hash: self.hash,
            description: Arc::clone(description),
        })
    }
}

impl PolicyUnderTest {
    /// SHA-256 of the component.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Arc<Description> {
        self.cranelift.description()
    }

    /// Its tables.
    #[must_use]
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// How many groups of functions may call themselves through a table.
    #[must_use]
    pub fn indirect_cycles(&self) -> usize {
        self.indirect
    }

    /// Adjudicates one claim of a family, which it leaves as it is:
    /// [`Family::commit`] takes over what comes of it.
    ///
    /// # Errors
    /// When the host fails, or the claim is none that intake would make.
    pub fn adjudicate(
        &self,
        backend: Backend,
        family: &Family,
        claim: &Claim,
    ) -> Result<Adjudicated, TestError> {
        let member = family.contract.find(&claim.member);
        self.decided(
            backend,
            &Inputs {
                claim,
                enrolled: member.map(|position| (&family.contract, position)),
                policies: self,
                history: &family.history,
                balances: family,
            },
        )
    }

    /// Decides a claim on what is given: for what decides many claims of a unit, as
    /// [`tally_core::adjudication::readjudicate`] does.
    ///
    /// # Errors
    /// As [`PolicyUnderTest::adjudicate`].
    pub fn decided(&self, backend: Backend, inputs: &Inputs<'_>) -> Result<Adjudicated, TestError> {
        let run = match decide(inputs)? {
            Decision::Done(settled) => {
                return Ok(Adjudicated {
                    settled: *settled,
                    fuel: None,
                    transcript: None,
                });
            }
            Decision::Run(run) => run,
        };
        let policy = match backend {
            Backend::Cranelift => &self.cranelift,
            Backend::Pulley => &self.pulley,
            Backend::Winch => &self.winch,
        };
        let answers = InMemory {
            tables: Arc::clone(&self.tables),
            member: inputs.claim.member.identifier.clone(),
            history: inputs.history.to_vec(),
        };
        let ran = policy.run(&run.context, Arc::new(answers), Limits::FUEL)?;
        Ok(Adjudicated {
            settled: settle(inputs.claim, &run, ran.determined)?,
            fuel: ran.fuel,
            transcript: Some(ran.transcript.hash()),
        })
    }
}
