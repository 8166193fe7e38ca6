//! The stage: a copy of the policy's folder under the target folder, where all
//! that is compiled lies under one root. Cargo names crates by their paths
//! relative to that root, and the names decide the order of the code.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::error::{BuildError, io};
use crate::manifest::Manifest;
use crate::sdk;

/// How deep folders may lie in each other: a link to a folder above would
/// otherwise never end.
const DEPTH: usize = 16;
/// Where the SDK lies in the stage of a policy that has none of its own.
const SDK: &str = "sdk";

/// Waits until nobody else builds a policy of this name in this target folder;
/// held until it is dropped.
pub(crate) fn lock(target: &Path, manifest: &Manifest) -> Result<File, BuildError> {
    let stages = target.join("stage");
    std::fs::create_dir_all(&stages).map_err(io(&stages))?;
    let path = stages.join(format!("{}.lock", manifest.name));
    let file = File::create(&path).map_err(io(&path))?;
    file.lock().map_err(io(&path))?;
    Ok(file)
}

/// Brings the stage in line with the folder and answers its path. Files that
/// are the same are left alone, so that only what changed is compiled again.
pub(crate) fn prepare(
    folder: &Path,
    target: &Path,
    manifest: &Manifest,
) -> Result<PathBuf, BuildError> {
    let mut files = BTreeMap::new();
    gather(folder, folder, target, 0, &mut files)?;
    if !manifest.own_sdk {
        files.retain(|path, _| !path.starts_with(SDK));
        for (name, text) in sdk::files()? {
            files.insert(Path::new(SDK).join(name), text.into_bytes());
        }
    }
    files.insert(
        "Cargo.toml".into(),
        rewritten(folder, manifest)?.into_bytes(),
    );
    let stage = target.join("stage").join(&manifest.name);
    std::fs::create_dir_all(&stage).map_err(io(&stage))?;
    remove_others(&stage, &stage, &files)?;
    for (path, bytes) in &files {
        let path = stage.join(path);
        if std::fs::read(&path).is_ok_and(|old| old == *bytes) {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io(parent))?;
        }
        std::fs::write(&path, bytes).map_err(io(&path))?;
    }
    Ok(stage)
}

/// Every file of the folder, except hidden ones and what a compiler left.
fn gather(
    root: &Path,
    folder: &Path,
    target: &Path,
    depth: usize,
    files: &mut BTreeMap<PathBuf, Vec<u8>>,
) -> Result<(), BuildError> {
    if depth > DEPTH {
        return Err(BuildError::Folder {
            path: folder.to_owned(),
            what: format!("more than {DEPTH} folders deep"),
        });
    }
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let name = path.file_name().unwrap_or_default();
        let hidden = name.to_string_lossy().starts_with('.');
        if hidden || name == "target" || path == target {
            continue;
        }
        if path.is_dir() {
            gather(root, &path, target, depth + 1, files)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            let bytes = std::fs::read(&path).map_err(io(&path))?;
            files.insert(relative.to_owned(), bytes);
        }
    }
    Ok(())
}

/// Removes what is no longer in the folder. A lock file that the compiler made
/// stays: without it each build would ask the registry anew.
fn remove_others(
    stage: &Path,
    folder: &Path,
    files: &BTreeMap<PathBuf, Vec<u8>>,
) -> Result<(), BuildError> {
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        if path.is_dir() {
            remove_others(stage, &path, files)?;
            // Only an empty one goes.
            let _ = std::fs::remove_dir(&path);
            continue;
        }
        let kept = path
            .strip_prefix(stage)
            .is_ok_and(|relative| files.contains_key(relative) || relative == "Cargo.lock");
        if !kept {
            std::fs::remove_file(&path).map_err(io(&path))?;
        }
    }
    Ok(())
}

/// The manifest with the SDK where it lies in the stage, as the root of a
/// workspace of its own.
fn rewritten(folder: &Path, manifest: &Manifest) -> Result<String, BuildError> {
    let mut table = manifest.table.clone();
    if !manifest.own_sdk
        && let Some(Value::Table(dependencies)) = table.get_mut("dependencies")
        && let Some(Value::Table(dependency)) = dependencies.get_mut("tally-sdk")
    {
        dependency.insert("path".into(), format!("{SDK}/sdk").into());
    }
    let workspace = table
        .entry("workspace")
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(workspace) = workspace {
        workspace.insert("exclude".into(), vec![Value::from(SDK)].into());
    }
    // The profile is given on the command line and is the same for all.
    table.remove("profile");
    toml::to_string(&table).map_err(|error| BuildError::Folder {
        path: folder.join("Cargo.toml"),
        what: error.to_string(),
    })
}
