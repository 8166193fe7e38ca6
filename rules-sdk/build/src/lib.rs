//! Builds a policy: compiles its folder for WebAssembly, wraps the module as a
//! component of the interface, and attaches its reference tables.
//!
//! The bytes do not depend on where the folder lies or whose home it is in:
//! the environment is cleared, paths are remapped, and the flags are ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Bytes of a policy's stack. A slot's memory is reset after each claim, so a
/// small stack is a quick one.
const STACK: u32 = 16_384;
/// Bytes of memory a policy begins with: two pages hold a usual claim, so that
/// no claim of a few lines asks for more.
const INITIAL: u32 = 2 * 65_536;
/// Bytes of memory a policy may grow to: the sandbox refuses more.
const MAXIMUM: u32 = 4 << 20;

/// Variables a compiler needs; the rest of the environment is left out, since
/// `RUSTFLAGS`, for instance, would change the policy's hash.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_HTTP_CAINFO",
    "CARGO_NET_OFFLINE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "TMPDIR",
];

/// Why a policy could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The folder is not a policy's.
    #[error("{}: {what}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A file could not be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The compiler could not be started.
    #[error("`cargo` could not be started: install Rust with rustup")]
    Cargo(#[source] std::io::Error),
    /// The compiler refused the policy.
    #[error("the policy does not compile:\n{0}")]
    Compile(String),
    /// The module is not one of the interface.
    #[error("the module could not be wrapped as a component: {0}")]
    Wrap(String),
    /// A table is wrong.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: tally_table::TableError,
    },
}

/// A policy that was built.
#[derive(Clone)]
pub struct Built {
    /// The component.
    pub component: Vec<u8>,
    /// Its SHA-256: the policy's name on the ledger.
    pub hash: [u8; 32],
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError + '_ {
    move |source| BuildError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Builds the policy in `folder`, with intermediate files in `target`.
///
/// # Errors
/// When the folder is not a policy's, or the policy does not compile, wrap or
/// has a table that is wrong.
pub fn build(folder: &Path, target: &Path) -> Result<Built, BuildError> {
    let folder = folder.canonicalize().map_err(io(folder))?;
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::Folder {
            path: folder,
            what: "no Cargo.toml: make a policy with `tally policy new`",
        });
    }
    std::fs::create_dir_all(target).map_err(io(target))?;
    let target = target.canonicalize().map_err(io(target))?;
    let module = compile(&folder, &target)?;
    let component = attach_tables(wrap(&module)?, &folder)?;
    Ok(Built {
        hash: Sha256::digest(&component).into(),
        component,
    })
}

fn compile(folder: &Path, target: &Path) -> Result<Vec<u8>, BuildError> {
    let mut command = Command::new("cargo");
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .current_dir(folder)
        .args(["build", "--release", "--lib", "--quiet"])
        .args(["--target", "wasm32-unknown-unknown"])
        .arg("--target-dir")
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(folder, target).join("\u{1f}"));
    if folder.join("Cargo.lock").is_file() {
        command.arg("--locked");
    }
    let output = command.output().map_err(BuildError::Cargo)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BuildError::Compile(text));
    }
    let release = target.join("wasm32-unknown-unknown/release");
    let name = package_name(folder)?.replace('-', "_");
    let path = release.join(format!("{name}.wasm"));
    std::fs::read(&path).map_err(io(&path))
}

/// Rust embeds the paths of sources (in panics, and in the names of crates
/// outside a registry): each is given a name that is the same everywhere.
fn flags(folder: &Path, target: &Path) -> Vec<String> {
    let mut flags = vec![
        "-Cpanic=abort".to_owned(),
        format!("-Clink-arg=-zstack-size={STACK}"),
        format!("-Clink-arg=--initial-memory={INITIAL}"),
        format!("-Clink-arg=--max-memory={MAXIMUM}"),
        "-Clink-arg=--no-export-dynamic".to_owned(),
    ];
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let or_home = |name: &str, folder: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(folder)))
    };
    let places = [
        (or_home("CARGO_HOME", ".cargo"), "/cargo"),
        (or_home("RUSTUP_HOME", ".rustup"), "/rustup"),
        (sdk_root(folder), "/sdk"),
        (Some(target.to_owned()), "/target"),
        (Some(folder.to_owned()), "/policy"),
    ];
    for (place, name) in places {
        if let Some(place) = place {
            flags.push(format!("--remap-path-prefix={}={name}", place.display()));
        }
    }
    flags
}

/// The folder that holds the SDK, as the policy's manifest names it.
fn sdk_root(folder: &Path) -> Option<PathBuf> {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let line = manifest.lines().find(|line| line.starts_with("tally-sdk"))?;
    let path = line.split('"').nth(1)?;
    folder.join(path).parent()?.canonicalize().ok()
}

fn package_name(folder: &Path) -> Result<String, BuildError> {
    let path = folder.join("Cargo.toml");
    let manifest = std::fs::read_to_string(&path).map_err(io(&path))?;
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or(BuildError::Folder {
            path,
            what: "no line `name = \"…\"`",
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
            what: "a name that is not text",
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
