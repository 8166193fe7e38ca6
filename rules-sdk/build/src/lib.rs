//! Builds a policy: compiles its folder for WebAssembly, wraps the module as a
//! component of the interface, and attaches its reference tables. Makes a new
//! policy's folder from the [`template`].
//!
//! The bytes are a function of the folder, the SDK and the compiler: they do
//! not depend on where the folder lies, whose home it is in or what stands in
//! the environment. The folder is copied to a stage of its own, so that all that
//! is compiled lies under one root; the environment is cleared, paths are
//! remapped, and flags and profile are ours.

mod compile;
mod error;
mod manifest;
mod sdk;
mod stage;
mod template;

use std::path::Path;

use sha2::{Digest, Sha256};

pub use error::BuildError;
pub use manifest::Manifest;
pub use template::template;

use error::io;

/// A policy that was built.
#[derive(Clone)]
pub struct Built {
    /// The component.
    pub component: Vec<u8>,
    /// Its SHA-256: the policy's name on the ledger.
    pub hash: [u8; 32],
}

/// Whether the names of functions stay in the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// They are left out: what is published.
    #[default]
    Stripped,
    /// They stay, so that a refusal names the function that breaks a rule. The
    /// component has another hash.
    Kept,
}

/// Builds the policy in `folder`, with intermediate files in `target`.
///
/// With a `Cargo.lock` in the folder exactly those dependencies are used;
/// without one it is made, and put there.
///
/// # Errors
/// When the folder is not a policy's, or the policy does not compile, wrap or
/// has a table that is wrong.
pub fn build(folder: &Path, target: &Path) -> Result<Built, BuildError> {
    build_with(folder, target, Names::Stripped)
}

/// Builds as [`build`], with or without the names of functions.
///
/// # Errors
/// As [`build`].
pub fn build_with(folder: &Path, target: &Path, names: Names) -> Result<Built, BuildError> {
    let folder = folder.canonicalize().map_err(io(folder))?;
    std::fs::create_dir_all(target).map_err(io(target))?;
    let target = target.canonicalize().map_err(io(target))?;
    let manifest = Manifest::read(&folder)?;
    let _lock = stage::lock(&target, &manifest)?;
    let stage = stage::prepare(&folder, &target, &manifest)?;
    let module = compile::compile(&folder, &stage, &target, &manifest, names)?;
    let component = attach_tables(wrap(&module)?, &folder)?;
    Ok(Built {
        hash: Sha256::digest(&component).into(),
        component,
    })
}

fn wrap(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let encode = || {
        wit_component::ComponentEncoder::default()
            .validate(true)
            .module(module)?
            .encode()
    };
    encode().map_err(|error| BuildError::Wrap(format!("{error:#}")))
}

/// Appends every `tables/<name>.csv`, in order of the names, as a custom
/// section of canonical bytes.
fn attach_tables(mut component: Vec<u8>, folder: &Path) -> Result<Vec<u8>, BuildError> {
    let tables = folder.join("tables");
    let mut paths = Vec::new();
    if tables.is_dir() {
        for entry in std::fs::read_dir(&tables).map_err(io(&tables))? {
            paths.push(entry.map_err(io(&tables))?.path());
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    paths.sort();
    for path in paths {
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.ok_or(BuildError::Folder {
            path: path.clone(),
            what: "a name that is not text".to_owned(),
        })?;
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        let table = tally_table::Table::from_csv(&text).map_err(|source| BuildError::Table {
            path: path.clone(),
            source,
        })?;
        let bytes = table.to_bytes();
        let section = wasm_encoder::CustomSection {
            name: format!("{}{name}", tally_table::SECTION).into(),
            data: bytes.as_slice().into(),
        };
        wasm_encoder::ComponentSection::append_to_component(&section, &mut component);
    }
    Ok(component)
}
