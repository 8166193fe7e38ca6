//! What a policy's `Cargo.toml` says.

use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

use crate::error::{BuildError, io};

/// What a policy's `Cargo.toml` says that matters to a build.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The package's name.
    pub name: String,
    /// The day it is meant to be in force from: `effective` in
    /// `[package.metadata.tally]`, as written.
    pub effective: Option<String>,
    /// Whether the SDK that it names lies inside its folder.
    pub(crate) own_sdk: bool,
    pub(crate) table: Table,
}

impl Manifest {
    /// Reads the manifest of a policy's folder.
    ///
    /// # Errors
    /// When there is none, or it is not a policy's.
    pub fn read(folder: &Path) -> Result<Self, BuildError> {
        let path = folder.join("Cargo.toml");
        let wrong = |what: String| BuildError::Folder {
            path: path.clone(),
            what,
        };
        if !path.is_file() {
            return Err(BuildError::Folder {
                path: folder.to_owned(),
                what: "no Cargo.toml: make a policy with `tally policy new`".to_owned(),
            });
        }
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        let table: Table = text.parse().map_err(|error| wrong(format!("{error}")))?;
        let package = table.get("package");
        let name = package
            .and_then(|package| package.get("name"))
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("no `name` in `[package]`".to_owned()))?
            .to_owned();
        let effective = package
            .and_then(|package| package.get("metadata")?.get("tally")?.get("effective"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let mut sdk = None;
        for (dependency, place) in paths(&table) {
            let inside = within(&place);
            if dependency == "tally-sdk" {
                sdk = Some(inside);
            } else if !inside {
                return Err(wrong(format!(
                    "`{dependency}` is at {}, outside the policy's folder: all that a policy is \
                     built from lies in its folder, so that its hash is the same anywhere",
                    place.display()
                )));
            }
        }
        let own_sdk = sdk.ok_or_else(|| {
            wrong("no `tally-sdk = { path = \"…\" }` in `[dependencies]`".to_owned())
        })?;
        Ok(Self {
            name,
            effective,
            own_sdk,
            table,
        })
    }
}

/// The dependencies that are named by a path, with it.
fn paths(manifest: &Table) -> Vec<(String, PathBuf)> {
    const KINDS: [&str; 3] = ["dependencies", "build-dependencies", "dev-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table);
    let mut tables = vec![manifest];
    tables.extend(
        targets
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table),
    );
    let mut found = Vec::new();
    for table in tables {
        for dependencies in KINDS.iter().filter_map(|kind| table.get(*kind)?.as_table()) {
            for (name, value) in dependencies {
                if let Some(path) = value.get("path").and_then(Value::as_str) {
                    found.push((name.clone(), PathBuf::from(path)));
                }
            }
        }
    }
    found
}

/// Whether a relative path stays inside, told by its text alone.
fn within(path: &Path) -> bool {
    let mut depth = 0i32;
    for component in path.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_stays_inside() {
        for (path, inside) in [
            ("sdk/sdk", true),
            ("./a/../b", true),
            ("../x", false),
            ("a/../../x", false),
            ("/x", false),
        ] {
            assert_eq!(within(Path::new(path)), inside, "{path}");
        }
    }
}
