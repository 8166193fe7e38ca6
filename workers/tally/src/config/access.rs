//! Who may read: lists of codes that grants name, and what organisations are.

use serde::Deserialize;
use tally_core::ledger::access::CodeList;
use tally_core::ledger::shared::Role;
use tally_types::Code;

/// A list of codes that tells a kind of care.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeListConfig {
    /// Its name: grants are given by it, and refer to the list by its hash.
    pub name: String,
    /// Its version.
    #[serde(default = "first")]
    pub version: String,
    /// What its codes begin with: `F10` is all of F10.
    pub prefixes: Vec<String>,
    /// Whether it is given away only where a grant names it, as the law has it of
    /// treatment of substance use (42 CFR Part 2).
    #[serde(default)]
    pub protected: bool,
}

fn first() -> String {
    "1".to_owned()
}

impl CodeListConfig {
    /// The list.
    ///
    /// # Errors
    /// What cannot be used of it.
    pub fn list(&self) -> Result<CodeList, String> {
        let wrong = |what: &str| format!("the `[[code_list]]` `{}` has {what}", self.name);
        if self.name.is_empty() || self.name.len() > 64 || self.version.len() > 64 {
            return Err(wrong(
                "no name of 1 to 64 bytes, or a version that is longer",
            ));
        }
        let codes = self.prefixes.iter().map(|text| Code::parse(text));
        let mut prefixes = codes
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong("a prefix that no code begins with"))?;
        prefixes.sort_unstable();
        prefixes.dedup();
        if prefixes.is_empty() {
            return Err(wrong("no prefixes"));
        }
        Ok(CodeList {
            name: self.name.clone(),
            version: self.version.clone(),
            prefixes,
        })
    }
}

/// What an organisation is, where no shared ledger says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleConfig {
    /// It treats, and so may break the glass.
    Provider,
    /// It acts for patients.
    Custodian,
    /// It supervises.
    Regulator,
}

impl From<RoleConfig> for Role {
    fn from(role: RoleConfig) -> Self {
        match role {
            RoleConfig::Provider => Self::Provider,
            RoleConfig::Custodian => Self::Custodian,
            RoleConfig::Regulator => Self::Regulator,
        }
    }
}
