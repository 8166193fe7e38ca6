//! The envelope as JSON: every field once, and no others.

use serde::{Deserialize, Serialize};

use super::{Rejected, VERSION};

/// The fields as they stand in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    pub version: u64,
    pub payer: String,
    pub submitter: String,
    pub interchange: String,
    pub format: String,
    pub created: String,
    pub sealed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl Wire {
    /// Reads it; the errors quote nothing.
    pub fn read(bytes: &[u8]) -> Result<Self, Rejected> {
        let text = core::str::from_utf8(bytes).map_err(|_| Rejected::Malformed("not UTF-8"))?;
        let Versioned { version } = serde_json::from_str(text).map_err(|error| {
            Rejected::Malformed(if error.is_data() {
                "no `version` that is a whole number, or more than one"
            } else {
                "not JSON"
            })
        })?;
        if version != VERSION {
            return Err(Rejected::UnknownVersion);
        }
        serde_json::from_str(text)
            .map_err(|_| Rejected::Malformed("a field is missing, unknown, doubled or not a text"))
    }

    pub fn write(&self) -> Vec<u8> {
        // Texts and a number: there is nothing in it that cannot be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
