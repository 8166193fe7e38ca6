//! The file as it is written: text that is read exactly later, each with its
//! place.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A text with its place.
pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) title: Text,
    pub(super) clauses: Vec<Text>,
    pub(super) worked: Text,
    /// The inception of the contract.
    pub(super) contract: Option<Text>,
    #[serde(default)]
    pub(super) member: Vec<Spanned<Member>>,
    #[serde(default)]
    pub(super) balance: Vec<Balance>,
    #[serde(default)]
    pub(super) claim: Vec<Spanned<Claim>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub(super) id: Text,
    pub(super) birth: Text,
    pub(super) death: Option<Text>,
    pub(super) sex: Option<Text>,
    pub(super) relationship: Option<Text>,
    pub(super) since: Option<Text>,
    pub(super) until: Option<Text>,
    pub(super) product: Option<Text>,
    #[serde(default)]
    pub(super) cover: Vec<Cover>,
    #[serde(default)]
    pub(super) authorization: Vec<Authorization>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cover {
    pub(super) from: Text,
    pub(super) through: Option<Text>,
    pub(super) product: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authorization {
    #[serde(default)]
    pub(super) referral: bool,
    pub(super) number: Option<Text>,
    pub(super) procedure: Option<Text>,
    pub(super) provider: Option<Text>,
    pub(super) from: Text,
    pub(super) through: Text,
    pub(super) units: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Balance {
    pub(super) member: Option<Text>,
    pub(super) accumulator: Text,
    pub(super) period: Text,
    pub(super) used: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    pub(super) member: Option<Text>,
    pub(super) kind: Option<Text>,
    pub(super) billing: Text,
    pub(super) received: Option<Text>,
    #[serde(default)]
    pub(super) diagnoses: Vec<Text>,
    /// This payer's place among those of the claim.
    pub(super) sequence: Option<u8>,
    #[serde(default)]
    pub(super) payer: Vec<Spanned<Payer>>,
    #[serde(rename = "patient-paid")]
    pub(super) patient_paid: Option<Text>,
    pub(super) referral: Option<Text>,
    pub(super) referring: Option<Text>,
    pub(super) facility: Option<Text>,
    pub(super) accident: Option<Text>,
    pub(super) institutional: Option<Institutional>,
    #[serde(default)]
    pub(super) line: Vec<Line>,
    pub(super) expect: Spanned<Expect>,
}

/// Another payer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payer {
    pub(super) sequence: u8,
    pub(super) filing: Option<Text>,
    pub(super) paid: Option<Text>,
    pub(super) remaining: Option<Text>,
    /// `CO 45 20.00`, a text each.
    #[serde(default)]
    pub(super) adjustments: Vec<Text>,
}

/// What another payer did to a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prior {
    /// Its place among the payers.
    pub(super) payer: Spanned<u8>,
    pub(super) paid: Text,
    pub(super) remaining: Option<Text>,
    #[serde(default)]
    pub(super) adjustments: Vec<Text>,
}

/// What only an institutional claim has. Codes with a day or an amount are one
/// text: `11 2026-01-03`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Institutional {
    pub(super) bill_type: Option<Text>,
    pub(super) from: Option<Text>,
    pub(super) through: Option<Text>,
    pub(super) admission: Option<Text>,
    pub(super) admission_type: Option<Text>,
    pub(super) origin: Option<Text>,
    pub(super) discharge: Option<Text>,
    pub(super) drg: Option<Text>,
    pub(super) attending: Option<Text>,
    #[serde(default)]
    pub(super) procedures: Vec<Text>,
    #[serde(default)]
    pub(super) values: Vec<Text>,
    #[serde(default)]
    pub(super) occurrences: Vec<Text>,
    #[serde(default)]
    pub(super) conditions: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) procedure: Option<Text>,
    pub(super) system: Option<Text>,
    pub(super) charge: Text,
    pub(super) from: Text,
    pub(super) through: Option<Text>,
    pub(super) quantity: Option<Text>,
    #[serde(default)]
    pub(super) modifiers: Vec<Text>,
    pub(super) place: Option<Text>,
    pub(super) revenue: Option<Text>,
    pub(super) rendering: Option<Text>,
    #[serde(default)]
    pub(super) emergency: bool,
    #[serde(default)]
    pub(super) diagnoses: Vec<Spanned<u32>>,
    /// What a unit is: `MJ` minutes.
    pub(super) unit: Option<Text>,
    /// A drug that is given: its code, how much, of what: `00409115801 2 ML`.
    pub(super) drug: Option<Text>,
    /// Teeth with their surfaces: `14 MOD`.
    #[serde(default)]
    pub(super) teeth: Vec<Text>,
    #[serde(default)]
    pub(super) cavities: Vec<Text>,
    #[serde(default)]
    pub(super) prior: Vec<Prior>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: Text,
    pub(super) paid: Option<Text>,
    pub(super) patient: Option<Text>,
    pub(super) pend: Option<Text>,
    #[serde(default)]
    pub(super) findings: Vec<Text>,
    #[serde(default)]
    pub(super) line: Vec<Spanned<ExpectLine>>,
    #[serde(default)]
    pub(super) after: BTreeMap<Text, Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectLine {
    #[serde(default)]
    pub(super) denied: bool,
    pub(super) allowed: Option<Text>,
    pub(super) paid: Option<Text>,
    pub(super) clause: Option<Text>,
    #[serde(default)]
    pub(super) adjustments: Vec<Text>,
}
