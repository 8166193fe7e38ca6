//! What can be known of a policy without running or compiling it.
//!
//! A component passes when it validates under an explicit list of features
//! without floats, imports and exports exactly what the interface lists, starts
//! nothing, nests nothing, keeps to its limits, and no function calls itself
//! directly. Cycles through tables cannot be excluded and are counted.

use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::{CanonicalFunction, Encoding, Instance, Parser, Payload, Validator, WasmFeatures};

use crate::Limits;
use crate::module::Module;

/// Why a component cannot be a policy. Numbered, never used again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// P101.
    #[error("P101 not a WebAssembly component")]
    NotWasm,
    /// P102.
    #[error("P102 {bytes} bytes are more than {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// P103.
    #[error("P103 a core module, not a component: wrap it with `tally policy build`")]
    CoreModule,
    /// P104.
    #[error("P104 not valid, or uses a feature that policies may not use: {reason}")]
    Invalid {
        /// What the validator says.
        reason: String,
    },
    /// P105.
    #[error("P105 uses floating-point numbers; amounts are integers (types `Money`, `Rate`)")]
    Floats,
    /// P106.
    #[error("P106 has a shared memory")]
    SharedMemory,
    /// P107.
    #[error("P107 has a start function; code may run only when a claim is adjudicated")]
    Start,
    /// P108.
    #[error("P108 nests a component")]
    Nested,
    /// P109.
    #[error("P109 imports `{name}`; a policy may import only `reference` and `history`")]
    Import {
        /// The import.
        name: String,
    },
    /// P110.
    #[error("P110 exports `{name}`, which the interface does not list")]
    Export {
        /// The export.
        name: String,
    },
    /// P111.
    #[error("P111 does not export the function `{name}`")]
    Missing {
        /// The function.
        name: &'static str,
    },
    /// P112.
    #[error("P112 function {function} of module {module} calls itself, through {through} others")]
    Recursion {
        /// Position of the core module, from 0.
        module: usize,
        /// Index or name of the function.
        function: String,
        /// How many other functions are on the cycle.
        through: usize,
    },
    /// P113.
    #[error("P113 {what} must state a maximum of at most {limit}")]
    Unbounded {
        /// A memory (in bytes) or a table (in elements).
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// P114.
    #[error("P114 {found} {what} are more than {limit}")]
    TooMany {
        /// Modules, functions, memories, locals, loops or bytes of code.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// P115.
    #[error("P115 does not fit the interface: {reason}")]
    Interface {
        /// What differs.
        reason: String,
    },
}

/// A component that passed, with what was learned on the way.
#[derive(Debug, Clone)]
pub struct Proven {
    bytes: Vec<u8>,
    hash: [u8; 32],
    indirect: usize,
    sections: Vec<(String, core::ops::Range<usize>)>,
}

impl Proven {
    /// The component.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// SHA-256 of the component: the policy's name on the ledger.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
    /// How many functions may call themselves through a table. None is proven
    /// to, so it is no reason to refuse; an author should know.
    #[must_use]
    pub fn indirect_cycles(&self) -> usize {
        self.indirect
    }
    /// The component's own custom sections whose names begin with `prefix`, in
    /// order, without the prefix.
    pub fn sections<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.sections.iter().filter_map(move |(name, range)| {
            let name = name.strip_prefix(prefix)?;
            Some((name, self.bytes.get(range.clone())?))
        })
    }
}

const INTEGERS_ONLY: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::COMPONENT_MODEL);

const IMPORTS: [(&str, &[&str]); 2] = [
    ("tallystick:policy/reference@2.0.0", &["lookup"]),
    ("tallystick:policy/history@2.0.0", &["query"]),
];
const EXPORTS: [&str; 2] = ["describe", "adjudicate"];

/// Proves that a component may be compiled and run as a policy.
///
/// # Errors
/// The first rule that it breaks, by number.
pub fn prove(bytes: Vec<u8>) -> Result<Proven, Refused> {
    if bytes.len() > Limits::COMPONENT_BYTES {
        return Err(Refused::TooLarge {
            bytes: bytes.len(),
            limit: Limits::COMPONENT_BYTES,
        });
    }
    if Parser::is_core_wasm(&bytes) {
        return Err(Refused::CoreModule);
    }
    if !Parser::is_component(&bytes) {
        return Err(Refused::NotWasm);
    }
    let shape = Shape::read(&bytes)?;
    let with_floats = INTEGERS_ONLY
        .union(WasmFeatures::FLOATS)
        .union(WasmFeatures::SATURATING_FLOAT_TO_INT);
    Validator::new_with_features(with_floats)
        .validate_all(&bytes)
        .map_err(|error| Refused::Invalid {
            reason: error.message().to_owned(),
        })?;
    let types = Validator::new_with_features(INTEGERS_ONLY)
        .validate_all(&bytes)
        .map_err(|_| Refused::Floats)?;
    shape.check_interface(&types)?;
    // Counted before anything whose time grows with the counts.
    let count = |get: fn(&Module) -> usize| shape.modules.iter().map(get).sum::<usize>();
    bound("modules", shape.modules.len(), Limits::MODULES)?;
    bound("instances of modules", shape.instances, Limits::MODULES)?;
    bound("functions", count(Module::functions), Limits::FUNCTIONS)?;
    bound("bytes of code", count(|m| m.code), Limits::CODE_BYTES)?;
    let most = |get: fn(&Module) -> usize| shape.modules.iter().map(get).max().unwrap_or(0);
    bound(
        "bytes of one function",
        most(|m| m.longest),
        Limits::FUNCTION_BYTES,
    )?;
    bound("locals, for each loop", count(|m| m.locals), Limits::LOCALS)?;
    bound("loops in loops", most(|m| m.depth), Limits::LOOP_DEPTH)?;
    bound("memories", count(|m| m.memories.len()), 1)?;
    let mut indirect = 0usize;
    for (position, module) in shape.modules.iter().enumerate() {
        module.check_bounds()?;
        module.check_recursion(position)?;
        indirect = indirect.saturating_add(module.indirect_cycles());
    }
    Ok(Proven {
        hash: Sha256::digest(&bytes).into(),
        indirect,
        sections: shape.sections,
        bytes,
    })
}

fn bound(what: &'static str, found: usize, limit: usize) -> Result<(), Refused> {
    if found > limit {
        return Err(Refused::TooMany { what, found, limit });
    }
    Ok(())
}

fn invalid(error: &wasmparser::BinaryReaderError) -> Refused {
    Refused::Invalid {
        reason: error.message().to_owned(),
    }
}

#[derive(Default)]
struct Shape {
    modules: Vec<Module>,
    instances: usize,
    imports: Vec<String>,
    exports: Vec<String>,
    sections: Vec<(String, core::ops::Range<usize>)>,
}

impl Shape {
    fn read(bytes: &[u8]) -> Result<Self, Refused> {
        let mut shape = Self::default();
        let mut inside = false;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|error| invalid(&error))?;
            match payload {
                Payload::Version {
                    encoding: Encoding::Module,
                    ..
                } => {
                    inside = true;
                    shape.modules.push(Module::default());
                }
                Payload::End(_) => inside = false,
                Payload::ComponentSection { .. } => return Err(Refused::Nested),
                Payload::StartSection { .. } | Payload::ComponentStartSection { .. } => {
                    return Err(Refused::Start);
                }
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        let import = import.map_err(|error| invalid(&error))?;
                        shape.imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let export = export.map_err(|error| invalid(&error))?;
                        shape.exports.push(export.name.name.to_owned());
                    }
                }
                Payload::InstanceSection(section) => {
                    for instance in section {
                        if let Instance::Instantiate { .. } =
                            instance.map_err(|error| invalid(&error))?
                        {
                            shape.instances = shape.instances.saturating_add(1);
                        }
                    }
                }
                Payload::ComponentCanonicalSection(section) => {
                    for function in section {
                        match function.map_err(|error| invalid(&error))? {
                            CanonicalFunction::Lift { .. } | CanonicalFunction::Lower { .. } => {}
                            // Resources, streams and threads: a policy has none.
                            _ => {
                                return Err(Refused::Invalid {
                                    reason: "a built-in other than lift and lower".to_owned(),
                                });
                            }
                        }
                    }
                }
                Payload::CustomSection(section) if !inside => {
                    let start = usize::try_from(section.data_offset()).unwrap_or(usize::MAX);
                    let end = start.saturating_add(section.data().len());
                    shape.sections.push((section.name().to_owned(), start..end));
                }
                other => {
                    if let Some(module) = shape.modules.last_mut().filter(|_| inside) {
                        module.read(other).map_err(|error| invalid(&error))??;
                    }
                }
            }
        }
        Ok(shape)
    }

    fn check_interface(&self, types: &wasmparser::types::Types) -> Result<(), Refused> {
        let types = types.as_ref();
        for name in &self.imports {
            let refused = || Refused::Import { name: name.clone() };
            let item = types.component_item_for_import(name).ok_or_else(refused)?;
            match item.ty {
                // Types are not callable: a world's own types stand here.
                ComponentEntityType::Type { .. } => {}
                ComponentEntityType::Instance(id) => {
                    let (_, functions) = IMPORTS
                        .iter()
                        .find(|(allowed, _)| allowed == name)
                        .ok_or_else(refused)?;
                    for (export, item) in &types[id].exports {
                        let callable = !matches!(item.ty, ComponentEntityType::Type { .. });
                        if callable && !functions.contains(&export.as_str()) {
                            return Err(Refused::Import {
                                name: format!("{name}#{export}"),
                            });
                        }
                    }
                }
                _ => return Err(refused()),
            }
        }
        for name in &self.exports {
            let item = types.component_item_for_export(name);
            match item.map(|item| item.ty) {
                Some(ComponentEntityType::Type { .. }) => {}
                Some(ComponentEntityType::Func(_)) if EXPORTS.contains(&name.as_str()) => {}
                _ => return Err(Refused::Export { name: name.clone() }),
            }
        }
        match EXPORTS
            .into_iter()
            .find(|name| !self.exports.iter().any(|export| export == name))
        {
            Some(name) => Err(Refused::Missing { name }),
            None => Ok(()),
        }
    }
}
