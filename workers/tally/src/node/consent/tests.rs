//! A payer and a custodian, each with a node of its own, on one shared ledger: what a
//! custodian grants and takes back counts when it stands there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tally_core::canon::Canon as _;
use tally_core::claim::{ClaimId, Contract, Member, Relationship, Sex, Span};
use tally_core::ledger::access::{
    Bestowal, By, Custody, Denied, Grant, Grantee, Group, Membership, Purpose, Scope,
};
use tally_core::ledger::shared::{Charter, Envelope, OrganisationId, Role, Snapshot, build};
use tally_store::port::{Brought, Log as _, NewBlock, SharedHead, SharedLedger as _};
use tally_types::ServiceDate;

use super::{Asking, Need, Refused, Rules};
use crate::config::PoliciesConfig;
use crate::node::clock::Clock;
use crate::node::keys::hex;
use crate::node::{Applying, Delivery, Node};

const LEDGER: &str = "ledger.example";
const NEED: (&str, Need) = (
    "test",
    Need {
        care: false,
        amounts: false,
        party: false,
        entered: false,
    },
);

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

fn id(text: &str) -> OrganisationId {
    OrganisationId::parse(text).unwrap()
}

async fn node(folder: &Path, name: &str) -> Node {
    let clock = Clock::simulated(day("2026-03-02"));
    let policies = match name {
        "harbor" => PoliciesConfig::Bundled,
        _ => PoliciesConfig::None,
    };
    let node = Node::open_with(&folder.join(name), clock, policies).await;
    node.unwrap()
}

fn applying(id: &str, role: Role) -> Applying {
    Applying {
        ledger: LEDGER.into(),
        id: id.into(),
        name: id.into(),
        roles: vec![role],
        address: match role {
            Role::Payer => "127.0.0.1:9000".into(),
            _ => String::new(),
        },
        url: String::new(),
    }
}

/// The nodes, and the ledger that the payer alone orders.
struct Consortium {
    payer: Node,
    custodian: Node,
    at: Arc<Snapshot>,
    claim: ClaimId,
    _folder: tempfile::TempDir,
}

impl Consortium {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let payer = node(folder.path(), "harbor").await;
        let custodian = node(folder.path(), "trust").await;
        let provider = node(folder.path(), "north").await;
        payer.make_authority(false).unwrap();
        let applications = [
            payer.application(&applying("harbor", Role::Payer)).await,
            custodian
                .application(&applying("trust", Role::Custodian))
                .await,
            provider
                .application(&applying("north", Role::Provider))
                .await,
        ];
        let applications = applications.map(Result::unwrap);
        let charter = crate::shared::found(LEDGER, &applications, Vec::new()).unwrap();
        let at = Arc::new(Snapshot::found(&charter).unwrap());
        let claim = Self::claim(&payer).await;
        let new = Self {
            payer,
            custodian,
            at,
            claim,
            _folder: folder,
        };
        new.begin(&charter).await;
        new
    }

    /// A claim of a member, which nobody but the payer is a party to.
    async fn claim(payer: &Node) -> ClaimId {
        let member = Member {
            id: "M-1".into(),
            name: "Ann Ash".into(),
            birth: day("1980-01-01"),
            death: None,
            sex: Sex::Female,
            relationship: Relationship::Subscriber,
            spans: vec![Span {
                product: "harbor-ppo".into(),
                from: day("2024-01-01"),
                through: None,
            }],
            authorizations: Vec::new(),
        };
        let contract = Contract {
            id: "C-1".into(),
            inception: day("2024-01-01"),
            members: vec![member],
        };
        payer.enrol(&contract, false).await.unwrap();
        let claim = r#"{"format":"tallystick-claim/v1","kind":"professional","control_number":"A-1",
            "member":"M-1","billing":"1234567893","diagnoses":["J06.9"],"lines":[{"procedure":"99213",
            "place":"11","quantity":"1","charge":"180.00","from":"2026-02-10"}]}"#;
        let submitted = payer.submit(Delivery::local(claim.as_bytes(), None)).await;
        payer.drain(&|_| ()).await.unwrap();
        submitted.unwrap().claims[0]
    }

    async fn append(&self, at: &Snapshot, leaves: Vec<Vec<u8>>, brought: Vec<Brought>) {
        let block = NewBlock {
            head: SharedHead {
                height: at.height,
                id: at.id,
                size: at.frontier.size(),
                snapshot: at.to_canon(),
            },
            leaves,
            tiles: Vec::new(),
            brought,
            agreed: 0,
            disputed: 0,
        };
        for node in [&self.payer, &self.custodian] {
            node.store().append_block(&block).await.unwrap();
        }
    }

    async fn begin(&self, charter: &Charter) {
        self.append(&self.at, vec![charter.leaf()], Vec::new())
            .await;
    }

    /// Brings what is new in the log of a node to the ledger.
    async fn relay(&mut self, of: &str) {
        let node = match of {
            "harbor" => &self.payer,
            _ => &self.custodian,
        };
        let first = self.at.state.next(&id(of)).unwrap();
        let entries = node.store().entries(first, 250).await.unwrap();
        let count = u32::try_from(entries.len()).unwrap();
        let key = node.signing_key().unwrap();
        let envelope = Envelope::seal(LEDGER, id(of), first, entries, &key);
        let leaf = self.at.frontier.size() + 1;
        let (block, next) = build(&self.at, &[envelope]).unwrap();
        let brought = Brought {
            organisation: of.into(),
            first,
            count,
            leaf,
        };
        self.append(&next, block.leaves(), vec![brought]).await;
        self.at = Arc::new(next);
    }

    /// What harbor grants north: the patient's claims, for treatment, in March.
    async fn to_north(&self) -> Grant {
        Grant {
            patient: self.payer.patient_of("M-1").await.unwrap(),
            keeper: id("harbor"),
            to: Grantee::Organisations(vec![id("north")]),
            scope: Scope::all(),
            purposes: vec![Purpose::Treatment],
            from: day("2026-03-01"),
            through: day("2026-03-31"),
        }
    }

    /// Lets north read, for treatment.
    async fn read(&self) -> Result<By, Denied> {
        let asking = Asking {
            who: Some("north".into()),
            person: "dr-oak".into(),
            purpose: Some(Purpose::Treatment),
            emergency: None,
        };
        let rules = Rules::default();
        let read = self.payer.disclose(&rules, self.claim, &asking, NEED).await;
        match read.unwrap() {
            Ok(disclosed) => Ok(disclosed.allowed.access.reading.by.clone()),
            Err(Refused::Denied(why)) => Err(why),
            Err(_) => panic!("it is refused for another reason"),
        }
    }

    /// A grant of the custodian's to north, which the payer was shown. Answers its digits.
    async fn granted(&mut self, custody: &Custody) -> String {
        let rules = Rules::default();
        let bestowal = Bestowal::Access(Grant {
            patient: custody.patient,
            keeper: id("trust"),
            to: Grantee::Organisations(vec![id("north")]),
            scope: Scope::all(),
            purposes: vec![Purpose::Treatment],
            from: day("2026-03-01"),
            through: day("2026-03-31"),
        });
        let granted = self.custodian.bestow(&rules, &bestowal).await.unwrap();
        let digits = hex(&granted);
        let kept = self.custodian.consent(&rules, &digits).await.unwrap();
        let shown = (&kept.salt, &kept.bestowal);
        // It is not on the ledger yet.
        let early = self.payer.receive_consent(&rules, shown.0, shown.1).await;
        assert!(early.is_err());
        self.relay("trust").await;
        for new in [true, false] {
            let received = self.payer.receive_consent(&rules, shown.0, shown.1).await;
            assert_eq!(received.unwrap(), new);
        }
        digits
    }
}

#[tokio::test]
async fn a_custodian_grants_from_a_node_of_its_own() {
    let mut all = Consortium::new().await;
    let rules = Rules::default();
    assert_eq!(all.read().await.err(), Some(Denied::NoPath));
    let custody = Custody {
        patient: all.payer.patient_of("M-1").await.unwrap(),
        custodian: id("trust"),
        payer: id("harbor"),
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    };
    let given = Bestowal::Custody(custody.clone());
    let commitment = all.payer.bestow(&rules, &given).await.unwrap();
    let kept = hex(&commitment);
    let kept = all.payer.consent(&rules, &kept).await.unwrap();
    assert_eq!(kept.stands(), "not on the ledger yet");
    all.relay("harbor").await;
    let received = all.custodian.receive_consent(&rules, &kept.salt, &given);
    assert!(received.await.unwrap());
    // Nobody passes a grant off as another's.
    let mut forged = custody.clone();
    forged.custodian = id("north");
    let forged = Bestowal::Custody(forged);
    let received = all.custodian.receive_consent(&rules, &kept.salt, &forged);
    assert!(received.await.is_err());

    let first = all.granted(&custody).await;
    assert!(matches!(all.read().await.ok().unwrap(), By::Grant(_)));
    // What the custodian takes back counts when it stands on the ledger.
    let grant = all.custodian.consent(&rules, &first).await.unwrap();
    assert!(all.custodian.revoke(&rules, &grant, "").await.unwrap());
    assert!(all.read().await.is_ok());
    all.relay("trust").await;
    assert_eq!(all.read().await.err(), Some(Denied::Revoked));

    // A custody that the payer ends takes its grants with it, at once.
    all.granted(&custody).await;
    assert!(all.read().await.is_ok());
    assert!(all.payer.revoke(&rules, &kept, "").await.unwrap());
    assert_eq!(all.read().await.err(), Some(Denied::NotKeeper));
    let only: Vec<_> = all.payer.consents(&rules, Some("M-1")).await.unwrap();
    let stands: Vec<_> = only.iter().map(|of| of.stands()).collect();
    assert_eq!(stands.iter().filter(|of| **of == "revoked").count(), 2);
    all.relay("harbor").await;
    assert_eq!(all.read().await.err(), Some(Denied::NotKeeper));
}

/// How each of what is known about the member stands on a node, by its commitment's digits.
async fn stand(node: &Node, member: Option<&str>) -> BTreeMap<String, &'static str> {
    let kept = node.consents(&Rules::default(), member).await.unwrap();
    let stand = kept
        .iter()
        .map(|kept| (hex(&kept.commitment), kept.stands()));
    stand.collect()
}

/// What is listed to stand lets read, and nothing else does: also of what another than the
/// keeper took back, and on the node of whoever keeps it.
#[tokio::test]
async fn what_is_listed_to_stand_decides() {
    let mut all = Consortium::new().await;
    let rules = Rules::default();
    let custody = Custody {
        patient: all.payer.patient_of("M-1").await.unwrap(),
        custodian: id("trust"),
        payer: id("harbor"),
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    };
    let given = Bestowal::Custody(custody.clone());
    let acts = all.payer.bestow(&rules, &given).await.unwrap();
    let acts = all.payer.consent(&rules, &hex(&acts)).await.unwrap();
    // A grant of the payer's own, which the custodian is shown and takes back.
    let granted = Bestowal::Access(Grant {
        patient: custody.patient,
        keeper: id("harbor"),
        to: Grantee::Organisations(vec![id("north")]),
        scope: Scope::all(),
        purposes: vec![Purpose::Treatment],
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    });
    let granted = all.payer.bestow(&rules, &granted).await.unwrap();
    let kept = all.payer.consent(&rules, &hex(&granted)).await.unwrap();
    all.relay("harbor").await;
    for kept in [&acts, &kept] {
        let received = all
            .custodian
            .receive_consent(&rules, &kept.salt, &kept.bestowal);
        assert!(received.await.unwrap());
    }
    let of = hex(&granted);
    assert_eq!(stand(&all.payer, Some("M-1")).await[&of], "stands");
    assert!(all.read().await.is_ok());
    let here = all.custodian.consent(&rules, &of).await.unwrap();
    assert!(all.custodian.revoke(&rules, &here, "").await.unwrap());
    all.relay("trust").await;
    assert_eq!(all.read().await.err(), Some(Denied::Revoked));
    for (node, member) in [
        (&all.payer, Some("M-1")),
        (&all.payer, None),
        (&all.custodian, None),
    ] {
        let stand = stand(node, member).await;
        assert_eq!(stand[&of], "revoked");
        assert_eq!(stand[&hex(&acts.commitment)], "stands");
    }

    // What a custodian granted ends with its custody, and is not told to stand.
    let second = all.granted(&custody).await;
    assert_eq!(stand(&all.payer, Some("M-1")).await[&second], "stands");
    assert!(all.read().await.is_ok());
    assert!(all.payer.revoke(&rules, &acts, "").await.unwrap());
    assert_eq!(all.read().await.err(), Some(Denied::Revoked));
    let ended = "its keeper may not";
    assert_eq!(stand(&all.payer, Some("M-1")).await[&second], ended);
    all.relay("harbor").await;
    assert_eq!(stand(&all.custodian, None).await[&second], ended);
}

/// The ledger is decoded once a block, however many read.
#[tokio::test]
async fn the_shared_ledger_is_decoded_once_a_block() {
    let mut all = Consortium::new().await;
    let before = all.payer.decoded.lock().await.times;
    for _ in 0..20 {
        assert!(all.read().await.is_err());
    }
    assert_eq!(all.payer.decoded.lock().await.times, before + 1);
    all.relay("harbor").await;
    for _ in 0..20 {
        assert!(all.read().await.is_err());
    }
    assert_eq!(all.payer.decoded.lock().await.times, before + 2);
}

/// Once the payer has left the ledger, the configuration decides alone: its own readers go
/// on, and what was granted on the ledger to others of it does not hold.
#[tokio::test]
async fn a_payer_that_left_reads_on() {
    let mut all = Consortium::new().await;
    let rules = Rules::default();
    let granted = Bestowal::Access(all.to_north().await);
    all.payer.bestow(&rules, &granted).await.unwrap();
    all.relay("harbor").await;
    assert!(all.read().await.is_ok());
    let mut at = (*all.at).clone();
    at.height += 1;
    let state = Arc::make_mut(&mut at.state);
    Arc::make_mut(state.members.get_mut(&id("harbor")).unwrap()).left = true;
    all.append(&at, Vec::new(), Vec::new()).await;
    assert_eq!(all.read().await.err(), Some(Denied::Unknown));
    let asking = Asking {
        who: None,
        person: "ann".into(),
        purpose: None,
        emergency: None,
    };
    let read = all.payer.disclose(&rules, all.claim, &asking, NEED).await;
    assert!(
        read.unwrap()
            .is_ok_and(|read| read.allowed.access.reading.by == By::Payer)
    );
}

/// Of whom has left the ledger it is said, of what was granted to it as well as to a group that
/// it alone is in; and nothing new is granted to it.
#[tokio::test]
async fn what_was_granted_to_one_that_left_does_not_stand() {
    let mut all = Consortium::new().await;
    let rules = Rules::default();
    let group = Group {
        keeper: id("harbor"),
        name: "care-team".into(),
    };
    let to_north = all.to_north().await;
    let to_both = Grant {
        to: Grantee::Organisations(vec![id("north"), id("trust")]),
        ..to_north.clone()
    };
    let to_group = Grant {
        to: Grantee::Group(group.clone()),
        ..to_north.clone()
    };
    let is_in = Membership {
        group,
        organisation: id("north"),
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    };
    let given = [
        Bestowal::Access(to_north.clone()),
        Bestowal::Access(to_both),
        Bestowal::Access(to_group),
        Bestowal::Membership(is_in),
    ];
    let mut digits = Vec::new();
    for given in &given {
        let given = all.payer.bestow(&rules, given).await.unwrap();
        digits.push(hex(&given));
    }
    all.relay("harbor").await;
    let stand = async |all: &Consortium| {
        let stand = stand(&all.payer, None).await;
        digits.iter().map(|of| stand[of]).collect::<Vec<_>>()
    };
    assert_eq!(stand(&all).await, ["stands"; 4]);
    let mut at = (*all.at).clone();
    at.height += 1;
    let state = Arc::make_mut(&mut at.state);
    Arc::make_mut(state.members.get_mut(&id("north")).unwrap()).left = true;
    all.append(&at, Vec::new(), Vec::new()).await;
    assert_eq!(all.read().await.err(), Some(Denied::Left));
    let stands = ["left", "stands", "group without members", "left"];
    assert_eq!(stand(&all).await, stands);
    let refused = all.payer.bestow(&rules, &Bestowal::Access(to_north)).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.starts_with("A120: `north` has left"), "{refused}");
}
