//! What can be known of a policy without running or compiling it.
//!
//! A component passes when it validates under an explicit list of features
//! without floats, imports and exports exactly what the interface lists, starts
//! nothing, nests nothing, keeps to its limits, and no function calls itself
//! directly. Cycles through tables cannot be excluded and are counted.

use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::{
    CompositeInnerType, ElementItems, Encoding, ExternalKind, Operator, Parser, Payload, TypeRef,
    Validator, WasmFeatures,
};

use crate::Limits;

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
        /// Modules, functions, memories or bytes of code.
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
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::COMPONENT_MODEL);

const IMPORTS: [(&str, &[&str]); 2] = [
    ("tallystick:policy/reference@1.0.0", &["lookup"]),
    ("tallystick:policy/history@1.0.0", &["query"]),
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
    let mut indirect = 0usize;
    for (position, module) in shape.modules.iter().enumerate() {
        module.check_bounds()?;
        module.check_recursion(position)?;
        indirect = indirect.saturating_add(module.cycles(true).len());
    }
    let count = |get: fn(&Module) -> usize| shape.modules.iter().map(get).sum::<usize>();
    bound("modules", shape.modules.len(), Limits::MODULES)?;
    bound("functions", count(|m| m.types.len()), Limits::FUNCTIONS)?;
    bound("bytes of code", count(|m| m.code), Limits::CODE_BYTES)?;
    bound("memories", count(|m| m.memories.len()), 1)?;
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
struct Module {
    imported: usize,
    /// The type of each function, imported ones first.
    types: Vec<u32>,
    /// For each function with a body: what it calls, directly and by type.
    calls: Vec<(Vec<u32>, Vec<u32>)>,
    /// Functions that stand in a table.
    listed: Vec<u32>,
    memories: Vec<Option<u64>>,
    tables: Vec<Option<u64>>,
    code: usize,
    names: std::collections::BTreeMap<u32, String>,
}

#[derive(Default)]
struct Shape {
    modules: Vec<Module>,
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

impl Module {
    fn read(
        &mut self,
        payload: Payload<'_>,
    ) -> Result<Result<(), Refused>, wasmparser::BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                // Floats are found by validation; here only that types are functions.
                for group in section {
                    for ty in group?.into_types() {
                        if !matches!(ty.composite_type.inner, CompositeInnerType::Func(_)) {
                            return Ok(Err(Refused::Invalid {
                                reason: "a type that is not a function's".to_owned(),
                            }));
                        }
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                            self.types.push(ty);
                            self.imported = self.imported.saturating_add(1);
                        }
                        TypeRef::Memory(memory) if memory.shared => {
                            return Ok(Err(Refused::SharedMemory));
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.types.push(ty?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    if memory.shared {
                        return Ok(Err(Refused::SharedMemory));
                    }
                    let pages = memory.maximum.filter(|max| *max >= memory.initial);
                    self.memories
                        .push(pages.map(|max| max.saturating_mul(65_536)));
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?.ty;
                    self.tables.push(Some(table.maximum.unwrap_or(u64::MAX)));
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    match element?.items {
                        ElementItems::Functions(functions) => {
                            for function in functions {
                                self.listed.push(function?);
                            }
                        }
                        ElementItems::Expressions(_, expressions) => {
                            for expression in expressions {
                                for operator in expression?.get_operators_reader() {
                                    if let Operator::RefFunc { function_index } = operator? {
                                        self.listed.push(function_index);
                                    }
                                }
                            }
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                let length = range.end.saturating_sub(range.start);
                self.code = self
                    .code
                    .saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                let (mut direct, mut indirect) = (Vec::new(), Vec::new());
                for operator in body.get_operators_reader()? {
                    match operator? {
                        Operator::Call { function_index } => direct.push(function_index),
                        Operator::CallIndirect { type_index, .. } => indirect.push(type_index),
                        _ => {}
                    }
                }
                direct.sort_unstable();
                direct.dedup();
                indirect.sort_unstable();
                indirect.dedup();
                self.calls.push((direct, indirect));
            }
            Payload::CustomSection(section) if section.name() == "name" => {
                // Names only make a message readable; unreadable ones are left out.
                if let wasmparser::KnownCustom::Name(names) = section.as_known() {
                    for names in names.into_iter().map_while(Result::ok) {
                        if let wasmparser::Name::Function(names) = names {
                            for name in names.into_iter().map_while(Result::ok) {
                                self.names.insert(name.index, name.name.to_owned());
                            }
                        }
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Tag {
                        return Ok(Err(Refused::Export {
                            name: export.name.to_owned(),
                        }));
                    }
                }
            }
            _ => {}
        }
        Ok(Ok(()))
    }

    fn check_bounds(&self) -> Result<(), Refused> {
        let bounded = |max: &Option<u64>, limit: u64| max.is_some_and(|max| max <= limit);
        if !self
            .memories
            .iter()
            .all(|m| bounded(m, Limits::MEMORY_BYTES))
        {
            return Err(Refused::Unbounded {
                what: "the memory (bytes)",
                limit: Limits::MEMORY_BYTES,
            });
        }
        if !self
            .tables
            .iter()
            .all(|t| bounded(t, Limits::TABLE_ELEMENTS))
        {
            return Err(Refused::Unbounded {
                what: "a table (elements)",
                limit: Limits::TABLE_ELEMENTS,
            });
        }
        Ok(())
    }

    fn check_recursion(&self, module: usize) -> Result<(), Refused> {
        match self.cycles(false).first() {
            None => Ok(()),
            Some(cycle) => {
                let first = cycle.first().copied().unwrap_or(0);
                let function = match self.names.get(&first) {
                    Some(name) => format!("`{name}`"),
                    None => first.to_string(),
                };
                Err(Refused::Recursion {
                    module,
                    function,
                    through: cycle.len().saturating_sub(1),
                })
            }
        }
    }

    fn callees(&self, function: usize, indirect: bool) -> Vec<usize> {
        let Some((direct, by_type)) = function
            .checked_sub(self.imported)
            .and_then(|body| self.calls.get(body))
        else {
            return Vec::new();
        };
        let index = |f: &u32| usize::try_from(*f).unwrap_or(usize::MAX);
        let mut callees: Vec<usize> = direct.iter().map(index).collect();
        if indirect && !by_type.is_empty() {
            callees.extend(
                self.listed
                    .iter()
                    .map(index)
                    .filter(|f| self.types.get(*f).is_some_and(|ty| by_type.contains(ty))),
            );
        }
        callees
    }

    /// The groups of functions that call each other in a circle: Tarjan's
    /// strongly connected components, without recursion of our own.
    fn cycles(&self, indirect: bool) -> Vec<Vec<u32>> {
        let n = self.types.len();
        let (mut order, mut low) = (vec![0usize; n], vec![0usize; n]);
        let (mut on_stack, mut stack) = (vec![false; n], Vec::new());
        let (mut next, mut found) = (1usize, Vec::new());
        for root in 0..n {
            if order[root] != 0 {
                continue;
            }
            let mut work = vec![(root, self.callees(root, indirect), 0usize)];
            order[root] = next;
            low[root] = next;
            next += 1;
            stack.push(root);
            on_stack[root] = true;
            while let Some((function, callees, at)) = work.last_mut() {
                let function = *function;
                if let Some(&callee) = callees.get(*at) {
                    *at += 1;
                    if callee >= n {
                        continue;
                    }
                    if order[callee] == 0 {
                        order[callee] = next;
                        low[callee] = next;
                        next += 1;
                        stack.push(callee);
                        on_stack[callee] = true;
                        work.push((callee, self.callees(callee, indirect), 0));
                    } else if on_stack[callee] {
                        low[function] = low[function].min(order[callee]);
                    }
                    continue;
                }
                let own = callees.contains(&function);
                work.pop();
                if let Some((caller, ..)) = work.last() {
                    low[*caller] = low[*caller].min(low[function]);
                }
                if low[function] == order[function] {
                    let mut group = Vec::new();
                    while let Some(member) = stack.pop() {
                        on_stack[member] = false;
                        group.push(u32::try_from(member).unwrap_or(u32::MAX));
                        if member == function {
                            break;
                        }
                    }
                    group.sort_unstable();
                    if group.len() > 1 || own {
                        found.push(group);
                    }
                }
            }
        }
        found
    }
}
