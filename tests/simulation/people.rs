//! The organisations of a simulated ledger, and what they enter.

use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Change, Charter, Organisation, OrganisationId, Possession, Role};
use tally_core::ledger::{Entry, SigningKey};

use crate::dice::Dice;

pub const ORIGIN: &str = "ledger.example/simulated";
/// The last is never a founder.
pub const NAMES: [&str; 8] = [
    "aspen", "brook", "cedar", "delta", "elm", "fir", "grove", "harbor",
];
pub const JOINER: usize = 7;

pub fn id(who: usize) -> OrganisationId {
    OrganisationId::parse(NAMES[who]).unwrap()
}

fn secret(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

/// The key of an organisation for a purpose; `made` counts how often it was made anew.
pub fn key(who: usize, purpose: &str, made: u32) -> SigningKey {
    let of = if purpose == "authority" {
        ORIGIN
    } else {
        "key"
    };
    SigningKey::new(of, &secret(&format!("{}/{purpose}/{made}", NAMES[who]))).unwrap()
}

/// The authority's key that has this public part.
pub fn key_of(public: &[u8; 32]) -> SigningKey {
    let all = (0..NAMES.len()).flat_map(|who| [0, 1].map(|made| key(who, "authority", made)));
    let mut all = all.filter(|key| key.verifier().public() == *public);
    all.next().unwrap()
}

pub fn organisation(who: usize, made: u32) -> Organisation {
    let public = |purpose, made| key(who, purpose, made).verifier().public();
    Organisation {
        id: id(who),
        name: NAMES[who].to_uppercase(),
        roles: vec![if who.is_multiple_of(2) {
            Role::Payer
        } else {
            Role::Provider
        }],
        signing: public("signing", 0),
        sealing: [1; 32],
        origin: format!("{}.example/log", NAMES[who]),
        log: public("log", 0),
        publisher: None,
        authority: Some(public("authority", made)),
        address: format!("127.0.0.1:{}", 7000 + who),
        url: String::new(),
    }
}

pub fn charter(founders: usize) -> Charter {
    Charter {
        origin: ORIGIN.into(),
        organisations: (0..founders).map(|who| organisation(who, 0)).collect(),
        witnesses: Vec::new(),
    }
}

/// A change of the set, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Join,
    Leave(usize),
    Rotate(usize),
}

impl Turn {
    pub fn change(self) -> Change {
        let shown = |who, made| {
            let organisation = organisation(who, made);
            let (signing, authority) = (key(who, "signing", 0), key(who, "authority", made));
            let possession = Possession::show(ORIGIN, &organisation, &signing, Some(&authority));
            (organisation, possession)
        };
        match self {
            Self::Leave(who) => Change::Leave(id(who)),
            Self::Join => {
                let (organisation, possession) = shown(JOINER, 0);
                Change::Join {
                    organisation,
                    possession,
                }
            }
            Self::Rotate(who) => {
                let (organisation, possession) = shown(who, 1);
                Change::Rotate {
                    organisation,
                    possession,
                }
            }
        }
    }
}

/// The first entry of a log.
pub fn genesis(who: usize) -> Vec<u8> {
    let organisation = organisation(who, 0);
    let entry = Entry::Genesis {
        origin: organisation.origin,
        key: organisation.log,
    };
    entry.to_canon()
}

/// Something that an organisation of its role enters.
pub fn entry(who: usize, dice: &mut Dice) -> Vec<u8> {
    let commitment = dice.bytes();
    let entry = match (who % 2, dice.percent(70)) {
        (0, true) => Entry::Received(commitment),
        (0, false) => Entry::PaymentAdvised(commitment),
        (_, true) => Entry::Agreed(commitment),
        (_, false) => Entry::Disputed(commitment),
    };
    entry.to_canon()
}
