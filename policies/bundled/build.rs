//! Builds the bundled policies, each with its own lock file and a target folder
//! apart from ours, and lists the components.

use std::fmt::Write as _;
use std::path::PathBuf;

use tally_policy_build::{BuildError, Manifest, build};

/// The folders of the policies, beside this one.
const POLICIES: [&str; 6] = [
    "aspen-rx",
    "brook-dental",
    "cedar-hmo",
    "harbor-ppo",
    "meridian-b",
    "summit-hdhp",
];
/// In force from, for a policy that states nothing else.
const EFFECTIVE: &str = "2025-01-01";
/// What of a policy's folder is built; its cases and its README are not.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "src", "tables"];

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("no manifest folder")?);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no output folder")?);
    let policies = here.parent().ok_or("no folder of policies")?;
    let mut list = String::from("&[\n");
    for name in POLICIES {
        let folder = policies.join(name);
        for source in SOURCES {
            // Relative, so that it means this checkout's file.
            println!("cargo:rerun-if-changed=../{name}/{source}");
        }
        let manifest = Manifest::read(&folder)?;
        let effective = manifest.effective.as_deref().unwrap_or(EFFECTIVE);
        let built = build(&folder, &out.join("policies")).map_err(|error| named(name, error))?;
        let path = out.join(format!("{name}.wasm"));
        std::fs::write(&path, &built.component)?;
        writeln!(
            list,
            "Bundled {{ name: {name:?}, component: include_bytes!({path:?}), hash: {:?}, \
             effective: {effective:?} }},",
            built.hash
        )?;
    }
    list.push(']');
    std::fs::write(out.join("bundled.rs"), list)?;
    Ok(())
}

fn named(name: &str, error: BuildError) -> String {
    format!("{name}: {error}")
}
