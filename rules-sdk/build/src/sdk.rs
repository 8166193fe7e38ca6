//! The SDK's own sources, carried along.

use std::path::Path;

use crate::error::{BuildError, io};

/// Each file of the SDK: its path under `sdk/` and its text.
pub(crate) const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Writes the SDK into a folder.
pub(crate) fn unpack(folder: &Path) -> Result<(), BuildError> {
    for (name, text) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io(parent))?;
        }
        std::fs::write(&path, text).map_err(io(&path))?;
    }
    Ok(())
}
