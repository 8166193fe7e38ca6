//! The organisations of the measured ledger, and what they enter.

use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Charter, Organisation, OrganisationId, Role};
use tally_core::ledger::{Entry, SigningKey};

pub const ORIGIN: &str = "ledger.example/measured";

pub fn id(who: usize) -> OrganisationId {
    OrganisationId::parse(&format!("org-{who}")).expect("it is a name")
}

/// The secret of an organisation's key for a purpose: the same in every process.
pub fn seed(who: usize, purpose: &str) -> [u8; 32] {
    Sha256::digest(format!("{who}/{purpose}")).into()
}

pub fn key(who: usize, purpose: &str) -> SigningKey {
    let of = if purpose == "authority" {
        ORIGIN
    } else {
        "key"
    };
    SigningKey::new(of, &seed(who, purpose)).expect("every 32 bytes are a seed")
}

fn organisation(who: usize, address: &str) -> Organisation {
    let public = |purpose| key(who, purpose).verifier().public();
    Organisation {
        id: id(who),
        name: format!("Organisation {who}"),
        roles: vec![if who.is_multiple_of(2) {
            Role::Payer
        } else {
            Role::Provider
        }],
        signing: public("signing"),
        sealing: [1; 32],
        origin: format!("org-{who}.example/log"),
        log: public("log"),
        publisher: None,
        authority: Some(public("authority")),
        address: address.to_owned(),
        url: String::new(),
    }
}

/// All of them are authorities, reached at these addresses.
pub fn charter(addresses: &[String]) -> Charter {
    let organisations = addresses.iter().enumerate();
    Charter {
        origin: ORIGIN.into(),
        organisations: organisations
            .map(|(who, address)| organisation(who, address))
            .collect(),
        witnesses: Vec::new(),
    }
}

/// What stands at an index of an organisation's own log: whoever reads the ledger can
/// tell whether it is there as it was handed over.
pub fn entry(who: usize, index: u64) -> Vec<u8> {
    let entry = if index == 0 {
        Entry::Genesis {
            origin: format!("org-{who}.example/log"),
            key: key(who, "log").verifier().public(),
        }
    } else {
        let commitment = Sha256::digest(format!("{who}/{index}")).into();
        if who.is_multiple_of(2) {
            Entry::Received(commitment)
        } else {
            Entry::Agreed(commitment)
        }
    };
    entry.to_canon()
}
