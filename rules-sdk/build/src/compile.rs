//! The compiler's run: what it may see, and what it is told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Names;
use crate::error::{BuildError, io};
use crate::manifest::Manifest;

/// Bytes of a policy's stack. A slot's memory is reset after each claim, so a
/// small stack is a quick one.
const STACK: u32 = 16_384;
/// Bytes of memory a policy begins with: two pages hold a usual claim, so that
/// no claim of a few lines asks for more.
const INITIAL: u32 = 2 * 65_536;
/// Bytes of memory a policy may grow to: the sandbox refuses more.
const MAXIMUM: u32 = 4 << 20;

/// How a policy is optimised, whatever its manifest says. Overflow stops it: a
/// wrong amount must never come of one.
const PROFILE: &[&str] = &[
    "opt-level=3",
    "lto=\"fat\"",
    "codegen-units=1",
    "panic=\"abort\"",
    "overflow-checks=true",
    "debug=false",
    "debug-assertions=false",
    "incremental=false",
];

/// Variables a compiler needs; the rest of the environment is left out, since
/// `RUSTFLAGS`, for instance, would change the policy's hash.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "USERPROFILE",
    "SYSTEMROOT",
    "CARGO_HOME",
    "RUSTUP_HOME",
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

/// Compiles what is on the stage and answers the module.
pub(crate) fn compile(
    folder: &Path,
    stage: &Path,
    target: &Path,
    manifest: &Manifest,
    names: Names,
) -> Result<Vec<u8>, BuildError> {
    let mut command = Command::new("cargo");
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // A policy that names its compiler gets that one.
    if !stage.join("rust-toolchain.toml").is_file()
        && let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN")
    {
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    command
        .current_dir(stage)
        .args(["rustc", "--release", "--lib", "--crate-type", "cdylib"])
        .args(["--target", "wasm32-unknown-unknown", "--quiet"])
        .arg("--target-dir")
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(stage, target));
    let strip = match names {
        Names::Stripped => "strip=\"symbols\"",
        Names::Kept => "strip=\"debuginfo\"",
    };
    for setting in PROFILE.iter().chain([&strip]) {
        command.args(["--config", &format!("profile.release.{setting}")]);
    }
    let lock = folder.join("Cargo.lock");
    let locked = lock.is_file();
    if locked {
        command.arg("--locked");
    }
    let output = command.output().map_err(BuildError::Cargo)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BuildError::Compile { text });
    }
    if !locked {
        std::fs::copy(stage.join("Cargo.lock"), &lock).map_err(io(&lock))?;
    }
    let release = target.join("wasm32-unknown-unknown/release");
    let path = release.join(format!("{}.wasm", library(manifest)));
    std::fs::read(&path).map_err(io(&path))
}

/// The library's name, as its file is called.
fn library(manifest: &Manifest) -> String {
    manifest
        .table
        .get("lib")
        .and_then(|lib| lib.get("name")?.as_str())
        .map_or_else(|| manifest.name.replace('-', "_"), str::to_owned)
}

/// Rust embeds the paths of sources (in panics, and in the names of crates
/// outside a registry): each is given a name that is the same everywhere.
fn flags(stage: &Path, target: &Path) -> OsString {
    let mut flags: Vec<OsString> = vec![
        format!("-Clink-arg=-zstack-size={STACK}").into(),
        format!("-Clink-arg=--initial-memory={INITIAL}").into(),
        format!("-Clink-arg=--max-memory={MAXIMUM}").into(),
    ];
    let home = std::env::home_dir();
    let or_home = |name: &str, folder: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(folder)))
    };
    // The last that fits is taken.
    let places = [
        (or_home("RUSTUP_HOME", ".rustup"), "/rustup"),
        (or_home("CARGO_HOME", ".cargo"), "/cargo"),
        (Some(target.to_owned()), "/target"),
        (Some(stage.to_owned()), "/policy"),
    ];
    for (place, name) in places {
        if let Some(place) = place {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(place);
            flag.push("=");
            flag.push(name);
            flags.push(flag);
        }
    }
    flags.join(std::ffi::OsStr::new("\u{1f}"))
}
