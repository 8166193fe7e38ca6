//! Organisations and charters as files people send each other:
//! `tallystick-organisation/v1` and `tallystick-charter/v1`, in JSON.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tally_core::ledger::VerifierKey;
use tally_core::ledger::shared::{
    Charter, Organisation, OrganisationId, Possession, Role, Snapshot, Witness,
};

use crate::node::keys::{hex, unhex};

const ORGANISATION: &str = "tallystick-organisation/v1";
const CHARTER: &str = "tallystick-charter/v1";
/// The longest of these files, in bytes.
const LIMIT: u64 = 1 << 20;

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct OrganisationBody {
    id: String,
    name: String,
    roles: Vec<String>,
    signing: String,
    sealing: String,
    log: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    address: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    url: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationFile {
    format: String,
    /// The ledger that it is meant for.
    ledger: String,
    organisation: OrganisationBody,
    possession: PossessionBody,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PossessionBody {
    signing: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CharterFile {
    format: String,
    ledger: String,
    organisations: Vec<OrganisationBody>,
    #[serde(default)]
    witnesses: Vec<String>,
}

/// An organisation that wants to be on a ledger, with the proof that it holds its keys.
#[derive(Clone)]
pub struct Application {
    /// The ledger.
    pub ledger: String,
    /// The organisation.
    pub organisation: Organisation,
    /// The proof.
    pub possession: Possession,
}

fn key(text: &str, what: &'static str) -> Result<[u8; 32]> {
    unhex(text).with_context(|| format!("`{what}` is not 64 hexadecimal digits"))
}

impl OrganisationBody {
    fn of(organisation: &Organisation) -> Result<Self> {
        Ok(Self {
            id: organisation.id.to_string(),
            name: organisation.name.clone(),
            roles: organisation
                .roles
                .iter()
                .map(|role| role.as_str().to_owned())
                .collect(),
            signing: hex(&organisation.signing),
            sealing: hex(&organisation.sealing),
            log: VerifierKey::new(&organisation.origin, &organisation.log)?.to_string(),
            publisher: organisation.publisher.map(|key| hex(&key)),
            authority: organisation.authority.map(|key| hex(&key)),
            address: organisation.address.clone(),
            url: organisation.url.clone(),
        })
    }

    fn read(self) -> Result<Organisation> {
        let log = VerifierKey::parse(&self.log).context("`log` is no verifier key")?;
        let roles = self.roles.iter().map(|role| {
            Role::parse(role).with_context(|| {
                format!("`{role}` is no role: payer, provider, custodian or regulator")
            })
        });
        let mut roles = roles.collect::<Result<Vec<_>>>()?;
        roles.sort_unstable();
        Ok(Organisation {
            id: OrganisationId::parse(&self.id)
                .context("`id` is 1 to 64 of the characters a-z, 0-9 and -")?,
            name: self.name,
            roles,
            signing: key(&self.signing, "signing")?,
            sealing: key(&self.sealing, "sealing")?,
            origin: log.name().to_owned(),
            log: log.public(),
            publisher: self
                .publisher
                .map(|text| key(&text, "publisher"))
                .transpose()?,
            authority: self
                .authority
                .map(|text| key(&text, "authority"))
                .transpose()?,
            address: self.address,
            url: self.url,
        })
    }
}

impl Application {
    /// Reads the file, and checks that the keys are held.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = crate::cli::read_file(path, LIMIT)?;
        Self::of(&bytes).with_context(|| format!("{} is no application", path.display()))
    }

    fn of(bytes: &[u8]) -> Result<Self> {
        let file: ApplicationFile = serde_json::from_slice(bytes)?;
        ensure!(
            file.format == ORGANISATION,
            "its format is not `{ORGANISATION}`"
        );
        let organisation = file.organisation.read()?;
        let signature =
            |text: &str| unhex::<64>(text).context("a signature is 128 hexadecimal digits");
        let possession = Possession {
            signing: signature(&file.possession.signing)?,
            authority: file
                .possession
                .authority
                .as_deref()
                .map(signature)
                .transpose()?,
        };
        possession
            .verify(&file.ledger, &organisation)
            .context("it does not show that the keys are held")?;
        Ok(Self {
            ledger: file.ledger,
            organisation,
            possession,
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// When a key is none.
    pub fn text(&self) -> Result<String> {
        let file = ApplicationFile {
            format: ORGANISATION.to_owned(),
            ledger: self.ledger.clone(),
            organisation: OrganisationBody::of(&self.organisation)?,
            possession: PossessionBody {
                signing: hex(&self.possession.signing),
                authority: self.possession.authority.map(|signature| hex(&signature)),
            },
        };
        Ok(serde_json::to_string_pretty(&file)? + "\n")
    }
}

/// Founds a ledger: a charter of those who apply.
///
/// # Errors
/// When an application is for another ledger, or they do not go together.
pub fn found(
    origin: &str,
    applications: &[Application],
    witnesses: Vec<Witness>,
) -> Result<Charter> {
    for application in applications {
        if application.ledger != origin {
            bail!(
                "`{}` applies for the ledger `{}`, not for `{origin}`",
                application.organisation.id,
                application.ledger
            );
        }
    }
    let mut organisations: Vec<_> = applications
        .iter()
        .map(|application| application.organisation.clone())
        .collect();
    organisations.sort_by(|a, b| a.id.cmp(&b.id));
    let charter = Charter {
        origin: origin.to_owned(),
        organisations,
        witnesses,
    };
    Snapshot::found(&charter)?;
    Ok(charter)
}

/// A charter's text.
///
/// # Errors
/// When a key is none.
pub fn charter_text(charter: &Charter) -> Result<String> {
    let organisations = charter.organisations.iter().map(OrganisationBody::of);
    let witnesses = charter.witnesses.iter().map(|witness| {
        VerifierKey::cosigner(&witness.name, &witness.key).map(|key| key.to_string())
    });
    let file = CharterFile {
        format: CHARTER.to_owned(),
        ledger: charter.origin.clone(),
        organisations: organisations.collect::<Result<_>>()?,
        witnesses: witnesses.collect::<Result<_, _>>()?,
    };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

/// Reads a charter, and checks that it holds.
///
/// # Errors
/// When it cannot be read, or does not hold.
pub fn read_charter(path: &Path) -> Result<Charter> {
    let bytes = crate::cli::read_file(path, LIMIT)?;
    let read = || -> Result<Charter> {
        let file: CharterFile = serde_json::from_slice(&bytes)?;
        ensure!(file.format == CHARTER, "its format is not `{CHARTER}`");
        let organisations = file.organisations.into_iter().map(OrganisationBody::read);
        let witnesses = file.witnesses.iter().map(|text| -> Result<Witness> {
            let key = VerifierKey::parse_cosigner(text).context("a witness's key")?;
            Ok(Witness {
                name: key.name().to_owned(),
                key: key.public(),
            })
        });
        let charter = Charter {
            origin: file.ledger,
            organisations: organisations.collect::<Result<_>>()?,
            witnesses: witnesses.collect::<Result<_>>()?,
        };
        Snapshot::found(&charter)?;
        Ok(charter)
    };
    read().with_context(|| format!("{} is no charter", path.display()))
}
