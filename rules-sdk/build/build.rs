//! Gathers the SDK's sources, so that a policy can be built where there is no
//! checkout of the project: each crate's manifest is made to stand alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The SDK's crates, as folders of `rules-sdk/`.
const CRATES: [&str; 3] = ["types", "macros", "sdk"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let sdk = here.parent().ok_or("no folder rules-sdk")?.to_owned();
    let root = sdk.parent().ok_or("no root")?.join("Cargo.toml");
    let workspace: Table = std::fs::read_to_string(&root)?.parse()?;
    changed(&root);

    let mut list = String::from("&[\n");
    for name in CRATES {
        let manifest = sdk.join(name).join("Cargo.toml");
        changed(&manifest);
        let alone = stand_alone(std::fs::read_to_string(&manifest)?.parse()?, &workspace)?;
        let path = out.join(format!("{name}.toml"));
        std::fs::write(&path, alone)?;
        entry(&mut list, &format!("{name}/Cargo.toml"), &path)?;
        sources(&mut list, &sdk, &sdk.join(name).join("src"))?;
    }
    sources(&mut list, &sdk, &sdk.join("wit"))?;
    list.push(']');
    std::fs::write(out.join("sdk.rs"), list)?;
    Ok(())
}

fn changed(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

fn entry(list: &mut String, name: &str, path: &Path) -> std::fmt::Result {
    writeln!(list, "({name:?}, include_str!({path:?})),")
}

/// Every file of a folder, in order, under its path in the SDK.
fn sources(list: &mut String, sdk: &Path, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    changed(folder);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            sources(list, sdk, &path)?;
        } else {
            let name = path.strip_prefix(sdk)?.to_str().ok_or("a name not text")?;
            entry(list, &name.replace('\\', "/"), &path)?;
        }
    }
    Ok(())
}

/// A manifest without anything of our workspace: inherited fields are written
/// out, and what only our own tests and lints need is left out.
fn stand_alone(mut manifest: Table, root: &Table) -> Result<String, Box<dyn std::error::Error>> {
    let workspace = |table: &str| root.get("workspace")?.get(table)?.as_table();
    let package = workspace("package").ok_or("no workspace.package")?;
    let known = workspace("dependencies").ok_or("no workspace.dependencies")?;
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    if let Some(Value::Table(fields)) = manifest.get_mut("package") {
        for (name, value) in fields.iter_mut() {
            if inherited(value) {
                *value = package.get(name).ok_or("not in workspace.package")?.clone();
            }
        }
    }
    if let Some(Value::Table(dependencies)) = manifest.get_mut("dependencies") {
        for (name, value) in dependencies.iter_mut() {
            if inherited(value) {
                *value = known
                    .get(name)
                    .ok_or("not in workspace.dependencies")?
                    .clone();
            }
            // All of the SDK lie side by side.
            if let Some(Value::String(path)) = value.get_mut("path") {
                *path = path.replace("rules-sdk/", "../");
            }
        }
    }
    Ok(toml::to_string(&manifest)?)
}

fn inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
