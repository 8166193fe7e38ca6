//! The SDK's own sources, carried along: a policy is built where there is no
//! checkout of the project.

use toml::{Table, Value};

use crate::error::BuildError;

macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../", $path)))
    };
}

/// Each source file of the SDK: its path under `sdk/`, and its text.
const SOURCES: &[(&str, &str)] = &[
    file!("macros/src/lib.rs"),
    file!("sdk/src/abi/generated.rs"),
    file!("sdk/src/abi/mod.rs"),
    file!("sdk/src/abi/runtime.rs"),
    file!("sdk/src/accrual.rs"),
    file!("sdk/src/allocator.rs"),
    file!("sdk/src/benefits/balances.rs"),
    file!("sdk/src/benefits/coordinate.rs"),
    file!("sdk/src/benefits/limits.rs"),
    file!("sdk/src/benefits/mod.rs"),
    file!("sdk/src/benefits/sharing.rs"),
    file!("sdk/src/claim.rs"),
    file!("sdk/src/cob/mod.rs"),
    file!("sdk/src/cob/order.rs"),
    file!("sdk/src/cob/prior.rs"),
    file!("sdk/src/cob/standing.rs"),
    file!("sdk/src/codes.rs"),
    file!("sdk/src/edits.rs"),
    file!("sdk/src/fees.rs"),
    file!("sdk/src/history.rs"),
    file!("sdk/src/lib.rs"),
    file!("sdk/src/mock.rs"),
    file!("sdk/src/order.rs"),
    file!("sdk/src/plan.rs"),
    file!("sdk/src/pricing/drg.rs"),
    file!("sdk/src/pricing/mod.rs"),
    file!("sdk/src/pricing/spread.rs"),
    file!("sdk/src/reference.rs"),
    file!("types/src/code.rs"),
    file!("types/src/date.rs"),
    file!("types/src/decimal.rs"),
    file!("types/src/filing.rs"),
    file!("types/src/interest.rs"),
    file!("types/src/lib.rs"),
    file!("types/src/money.rs"),
    file!("types/src/reason.rs"),
    file!("wit/tally-policy.wit"),
];

/// The manifests of its crates, as they are in our workspace.
const MANIFESTS: &[(&str, &str)] = &[
    file!("macros/Cargo.toml"),
    file!("sdk/Cargo.toml"),
    file!("types/Cargo.toml"),
];

/// Our workspace, from which they inherit.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Every file of the SDK, with manifests that stand alone.
pub(crate) fn files() -> Result<Vec<(&'static str, String)>, BuildError> {
    let wrong = |what: String| BuildError::Folder {
        path: "sdk".into(),
        what,
    };
    let parsed = |text: &str| {
        text.parse::<Table>()
            .map_err(|error| wrong(error.to_string()))
    };
    let workspace = parsed(WORKSPACE)?;
    let mut files = Vec::new();
    for (path, text) in MANIFESTS {
        let alone = stand_alone(parsed(text)?, &workspace);
        let alone = alone.ok_or_else(|| wrong(format!("{path} inherits what is not there")))?;
        let text = toml::to_string(&alone).map_err(|error| wrong(error.to_string()))?;
        files.push((*path, text));
    }
    let sources = SOURCES.iter();
    files.extend(sources.map(|(path, text)| (*path, (*text).to_owned())));
    Ok(files)
}

/// A manifest without anything of our workspace: inherited fields are written
/// out, and what only our own tests and lints need is left out. `None` when it
/// inherits what the workspace does not have.
fn stand_alone(mut manifest: Table, root: &Table) -> Option<Table> {
    let workspace = |table: &str| root.get("workspace")?.get(table)?.as_table();
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    if let Some(Value::Table(fields)) = manifest.get_mut("package") {
        for (name, value) in fields.iter_mut() {
            if inherited(value) {
                *value = workspace("package")?.get(name)?.clone();
            }
        }
    }
    if let Some(Value::Table(dependencies)) = manifest.get_mut("dependencies") {
        for (name, value) in dependencies.iter_mut() {
            if inherited(value) {
                *value = workspace("dependencies")?.get(name)?.clone();
            }
            // All of the SDK lie side by side.
            if let Some(Value::String(path)) = value.get_mut("path") {
                *path = path.replace("rules-sdk/", "../");
            }
        }
    }
    Some(manifest)
}

fn inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_sdk_stands_alone() {
        for (path, text) in files().unwrap() {
            if path.ends_with("Cargo.toml") {
                assert!(!text.contains("workspace"), "{path}: {text}");
                assert!(!text.contains("dev-dependencies"), "{path}: {text}");
                // Nothing is fetched to build a policy.
                let manifest: Table = text.parse().unwrap();
                for dependency in manifest
                    .get("dependencies")
                    .into_iter()
                    .flat_map(|d| d.as_table().unwrap().values())
                {
                    assert!(dependency.get("path").is_some(), "{path}: {text}");
                }
            }
        }
    }

    #[test]
    fn every_source_is_carried() {
        fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else {
                    let name = path.strip_prefix(root).unwrap();
                    found.push(name.to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = Vec::new();
        for folder in ["types/src", "macros/src", "sdk/src", "wit"] {
            walk(&root, &root.join(folder), &mut found);
        }
        found.sort();
        let carried: Vec<&str> = SOURCES.iter().map(|(path, _)| *path).collect();
        assert_eq!(carried, found);
    }
}
