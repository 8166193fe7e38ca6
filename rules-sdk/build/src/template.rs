//! A new policy's folder.

use std::path::Path;

use crate::error::BuildError;

/// What was made.
pub struct New {
    /// Files written.
    pub files: usize,
}

/// Makes a new policy.
///
/// # Errors
/// When it cannot.
pub fn template(name: &str, folder: &Path) -> Result<New, BuildError> {
    let _ = (name, folder);
    crate::sdk::unpack(folder)?;
    Ok(New { files: 0 })
}
