//! Who may read: a table that fails one step later a row, properties, frozen bytes.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use tally_types::{Code, Quantity, ServiceDate, ShortCode};

use super::*;
use crate::canon::Canon;
use crate::claim::{ClaimId, ClaimKind};
use crate::ledger::shared::{Member, Organisation, OrganisationId, Role};
use crate::ledger::{Commitment, Entry};

mod properties;

const PATIENT: Patient = [7; 32];
const CLAIM: ClaimId = ClaimId([9; 16]);
/// Noon of 2026-06-15.
const NOON: u64 = 1_781_524_800;

fn id(text: &str) -> OrganisationId {
    OrganisationId::parse(text).unwrap()
}

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

fn organisation(name: &str, roles: &[Role]) -> (OrganisationId, Member) {
    let organisation = Organisation {
        id: id(name),
        name: name.into(),
        roles: roles.to_vec(),
        signing: [1; 32],
        sealing: [2; 32],
        origin: format!("{name}.example/log"),
        log: [3; 32],
        publisher: None,
        authority: None,
        address: String::new(),
        url: String::new(),
    };
    (id(name), Member::new(organisation))
}

fn members() -> BTreeMap<OrganisationId, Member> {
    let mut members: BTreeMap<_, _> = [
        organisation("harbor", &[Role::Payer]),
        organisation("mercy", &[Role::Provider]),
        organisation("north", &[Role::Provider]),
        organisation("west", &[Role::Provider]),
        organisation("clearing", &[Role::Provider]),
        organisation("trust", &[Role::Custodian]),
        organisation("lab", &[Role::Custodian]),
        organisation("gone", &[Role::Provider]),
    ]
    .into();
    members.get_mut(&id("gone")).unwrap().left = true;
    members
}

fn list(name: &str, prefix: &str) -> CodeList {
    CodeList {
        name: name.into(),
        version: "1".into(),
        prefixes: vec![Code::of(prefix)],
    }
}

fn facts() -> ClaimFacts {
    let hiv = list("hiv", "B20").id();
    let office = list("office", "992").id();
    ClaimFacts {
        claim: CLAIM,
        patient: Some(PATIENT),
        kind: ClaimKind::Professional,
        from: day("2026-03-10"),
        through: day("2026-03-12"),
        parties: Parties {
            payer: id("harbor"),
            billing: Some(id("mercy")),
            rendering: BTreeSet::new(),
            submitter: Some(id("clearing")),
        },
        lists: [(hiv, Reach::None), (office, Reach::EveryLine)].into(),
        protected: BTreeSet::new(),
    }
}

fn grant() -> Grant {
    Grant {
        patient: PATIENT,
        keeper: id("harbor"),
        to: Grantee::Organisations(vec![id("north")]),
        scope: Scope::all(),
        purposes: vec![Purpose::Treatment],
        from: day("2026-06-01"),
        through: day("2026-06-30"),
    }
}

fn enter(place: u64, bestowal: Bestowal) -> Entered {
    let salt = [u8::try_from(place).unwrap(); 32];
    Entered {
        place,
        by: bestowal.keeper().clone(),
        what: What::Granted {
            commitment: bestowal.commitment(&salt),
            salt,
            bestowal: Box::new(bestowal),
        },
    }
}

fn commitment(entered: &Entered) -> Commitment {
    match &entered.what {
        What::Granted { commitment, .. } | What::Revoked { grant: commitment } => *commitment,
    }
}

fn revoke(place: u64, by: &str, of: &Entered) -> Entered {
    Entered {
        place,
        by: id(by),
        what: What::Revoked {
            grant: commitment(of),
        },
    }
}

fn custody(custodian: &str) -> Bestowal {
    Bestowal::Custody(Custody {
        patient: PATIENT,
        custodian: id(custodian),
        payer: id("harbor"),
        from: day("2026-01-01"),
        through: day("2026-12-31"),
    })
}

fn membership(organisation: &str) -> Bestowal {
    Bestowal::Membership(Membership {
        group: group(),
        organisation: id(organisation),
        from: day("2026-01-01"),
        through: day("2026-12-31"),
    })
}

fn group() -> Group {
    Group {
        keeper: id("west"),
        name: "valley".into(),
    }
}

fn request(who: &str, purpose: Purpose) -> Request {
    Request {
        who: id(who),
        person: "nurse 12".into(),
        purpose,
        at: NOON,
        emergency: None,
    }
}

fn ask(request: &Request, facts: &ClaimFacts, entries: &[Entered]) -> Result<Access, Denied> {
    let book: Book = entries.iter().cloned().collect();
    let ledger = Ledger {
        size: 100,
        book: &book,
        groups: &book,
        members: &members(),
    };
    decide(request, facts, &ledger)
}

fn denied(request: &Request, facts: &ClaimFacts, entries: &[Entered]) -> Option<Denied> {
    ask(request, facts, entries).err()
}

#[test]
fn each_row_fails_one_step_later() {
    let mut facts = facts();
    let hiv = list("hiv", "B20").id();
    facts.lists.insert(hiv, Reach::Some);
    facts.protected.insert(hiv);
    let mut wrong = grant();
    wrong.keeper = id("trust");
    wrong.to = Grantee::Group(group());
    wrong.scope.claim = Some(ClaimId([1; 16]));
    wrong.scope.only = Some([0; 32]);
    wrong.purposes = vec![Purpose::Research];
    wrong.from = day("2026-06-16");
    type Mend = fn(&mut Grant);
    let rows: [(Denied, Mend); 9] = [
        (Denied::NotInGroup, |g| {
            g.to = Grantee::Organisations(vec![id("north")]);
        }),
        (Denied::NotKeeper, |g| g.keeper = id("harbor")),
        (Denied::Scope, |g| g.scope.claim = Some(CLAIM)),
        (Denied::UnknownList, |g| {
            g.scope.only = Some(list("office", "992").id());
        }),
        (Denied::Sensitive, |g| {
            g.scope.expressly = vec![list("hiv", "B20").id()];
        }),
        (Denied::Purpose, |g| g.purposes = vec![Purpose::Treatment]),
        (Denied::NotYet, |g| g.from = day("2026-05-01")),
        (Denied::Expired, |_| {}),
        (Denied::Revoked, |_| {}),
    ];
    let asked = request("north", Purpose::Treatment);
    for (expected, mend) in rows {
        let mut entries = vec![enter(5, Bestowal::Access(wrong.clone()))];
        if expected == Denied::Expired {
            let mut asked = asked.clone();
            // The last day is included, to its last second.
            asked.at = NOON - 43_200 + 16 * 86_400 - 1;
            assert!(ask(&asked, &facts, &entries).is_ok());
            asked.at += 1;
            assert_eq!(denied(&asked, &facts, &entries), Some(Denied::Expired));
            continue;
        }
        if expected == Denied::Revoked {
            assert!(ask(&asked, &facts, &entries).is_ok());
            entries.push(revoke(6, "harbor", &entries[0]));
        }
        assert_eq!(denied(&asked, &facts, &entries), Some(expected));
        mend(&mut wrong);
    }
}

#[test]
fn parties_read_by_right_for_what_they_do() {
    let facts = facts();
    let may = |who: &str, purpose| ask(&request(who, purpose), &facts, &[]);
    let by = |who: &str, purpose| may(who, purpose).map(|access| access.reading.by);
    assert!(by("harbor", Purpose::Fraud).ok() == Some(By::Payer));
    assert!(by("mercy", Purpose::Treatment).ok() == Some(By::Billing));
    assert!(by("clearing", Purpose::Remittance).ok() == Some(By::Submitter));
    for (who, purpose) in [
        ("harbor", Purpose::Research),
        ("mercy", Purpose::Research),
        ("clearing", Purpose::Treatment),
    ] {
        assert_eq!(may(who, purpose).err(), Some(Denied::PartyPurpose));
    }
    assert_eq!(may("north", Purpose::Treatment).err(), Some(Denied::NoPath));
    assert_eq!(may("gone", Purpose::Treatment).err(), Some(Denied::Left));
    assert_eq!(may("nobody", Purpose::Payment).err(), Some(Denied::Unknown));
    // Of the context only the payer sees anything; of money alone a submitter.
    assert!(may("harbor", Purpose::Payment).unwrap().view.context);
    assert!(!may("mercy", Purpose::Payment).unwrap().view.context);
    assert!(!may("clearing", Purpose::Payment).unwrap().view.care);
    let mut nobody = request("mercy", Purpose::Payment);
    for person in [String::new(), "nurse\u{1b}[2K".into(), "a\nb".into()] {
        nobody.person = person;
        assert_eq!(denied(&nobody, &facts, &[]), Some(Denied::Request));
    }
}

#[test]
fn who_asks_is_not_told_what_there_is() {
    let told: BTreeSet<String> = [
        Denied::NoPath,
        Denied::Scope,
        Denied::Sensitive,
        Denied::Revoked,
        Denied::EmergencyPatient,
    ]
    .iter()
    .map(Denied::told)
    .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(Denied::Revoked.code(), "A114");
}

#[test]
fn the_narrowest_grant_that_suffices_is_cited() {
    let facts = facts();
    let wide = enter(1, Bestowal::Access(grant()));
    let mut one = grant();
    one.scope.claim = Some(CLAIM);
    let one = enter(2, Bestowal::Access(one));
    let mut other = grant();
    other.scope.claim = Some(ClaimId([1; 16]));
    let other = enter(3, Bestowal::Access(other));
    let asked = request("north", Purpose::Treatment);
    let entries = [wide.clone(), one.clone(), other];
    let by = ask(&asked, &facts, &entries).ok().unwrap().reading.by;
    assert!(by == By::Grant(commitment(&one)));
    let taken = [&entries[..], &[revoke(4, "harbor", &one)]].concat();
    let by = ask(&asked, &facts, &taken).ok().unwrap().reading.by;
    assert!(by == By::Grant(commitment(&wide)));
}

#[test]
fn a_group_is_who_is_in_it_on_the_ledger() {
    let facts = facts();
    let mut to = grant();
    to.to = Grantee::Group(group());
    let to = enter(1, Bestowal::Access(to));
    let joins = enter(2, membership("north"));
    let asked = request("north", Purpose::Treatment);
    let by = ask(&asked, &facts, &[to.clone(), joins.clone()]);
    let cited = By::Group {
        grant: commitment(&to),
        membership: commitment(&joins),
    };
    assert!(by.ok().unwrap().reading.by == cited);
    for by in ["west", "north"] {
        let out = revoke(3, by, &joins);
        let entries = [to.clone(), joins.clone(), out];
        assert_eq!(denied(&asked, &facts, &entries), Some(Denied::NotInGroup));
    }
    // Another's word takes nobody out; nor does it bring anybody in.
    let entries = [to.clone(), joins.clone(), revoke(3, "mercy", &joins)];
    assert!(ask(&asked, &facts, &entries).is_ok());
    let mut forged = joins;
    forged.by = id("north");
    assert_eq!(
        denied(&asked, &facts, &[to, forged]),
        Some(Denied::NotInGroup)
    );
}

#[test]
fn a_custodian_acts_for_the_patient_as_long_as_it_may() {
    let facts = facts();
    let acts = enter(1, custody("trust"));
    let mut kept = grant();
    kept.keeper = id("trust");
    let early = enter(0, Bestowal::Access(kept.clone()));
    let kept = enter(2, Bestowal::Access(kept));
    let asked = request("north", Purpose::Treatment);
    let entries = [acts.clone(), kept.clone()];
    assert!(ask(&asked, &facts, &entries).is_ok());
    // Nobody makes itself a custodian; what was granted before it was one never holds.
    assert_eq!(
        denied(&asked, &facts, std::slice::from_ref(&kept)),
        Some(Denied::NotKeeper)
    );
    assert_eq!(
        denied(&asked, &facts, &[acts.clone(), early]),
        Some(Denied::NotKeeper)
    );
    let mut forged = acts.clone();
    forged.by = id("trust");
    assert_eq!(
        denied(&asked, &facts, &[forged, kept.clone()]),
        Some(Denied::NotKeeper)
    );
    // It takes back what the payer keeps too; another custodian does not.
    let payers = enter(3, Bestowal::Access(grant()));
    let by = |who: &str| [acts.clone(), payers.clone(), revoke(4, who, &payers)];
    assert_eq!(denied(&asked, &facts, &by("trust")), Some(Denied::Revoked));
    assert!(ask(&asked, &facts, &by("lab")).is_ok());
    // When it acts no more, what it granted ends, and what it took back stays so.
    let ends = revoke(5, "harbor", &acts);
    let ended = [acts.clone(), kept, ends.clone()];
    assert_eq!(denied(&asked, &facts, &ended), Some(Denied::NotKeeper));
    let stays = [&by("trust")[..], std::slice::from_ref(&ends)].concat();
    assert_eq!(denied(&asked, &facts, &stays), Some(Denied::Revoked));
    let late = [acts, ends, payers.clone(), revoke(6, "trust", &payers)];
    assert!(ask(&asked, &facts, &late).is_ok());
    // And it reads what the patient may.
    let reads = request("trust", Purpose::PowerOfAttorney);
    let read = ask(&reads, &facts, &entries).ok().unwrap();
    assert!(read.reading.by == By::Custodian(commitment(&entries[0])));
    let treats = request("trust", Purpose::Treatment);
    assert_eq!(denied(&treats, &facts, &entries), Some(Denied::NoPath));
}

/// What an organisation kept that has left the ledger holds no more.
#[test]
fn who_has_left_keeps_nothing() {
    let facts = facts();
    let asked = request("north", Purpose::Treatment);
    let without = |who: &str, entries: &[Entered]| {
        let book: Book = entries.iter().cloned().collect();
        let mut members = members();
        members.get_mut(&id(who)).unwrap().left = true;
        let ledger = Ledger {
            size: 100,
            book: &book,
            groups: &book,
            members: &members,
        };
        let last = entries.last().map(commitment).unwrap();
        let stands = ledger.stands(&last, &id("harbor"), day("2026-06-15"));
        (
            decide(&asked, &facts, &ledger).err(),
            stands.unwrap().holds(),
        )
    };
    let mut to = grant();
    to.to = Grantee::Group(group());
    let in_group = [
        enter(1, Bestowal::Access(to)),
        enter(2, membership("north")),
    ];
    assert_eq!(without("lab", &in_group), (None, true));
    let denied = Some(Denied::NotInGroup);
    assert_eq!(without("west", &in_group), (denied, false));
    // Who is in it has left itself.
    assert_eq!(without("north", &in_group), (Some(Denied::Left), false));

    let mut kept = grant();
    kept.keeper = id("trust");
    let of_custodian = [enter(1, custody("trust")), enter(2, Bestowal::Access(kept))];
    assert_eq!(without("lab", &of_custodian), (None, true));
    let denied = Some(Denied::NotKeeper);
    assert_eq!(without("trust", &of_custodian), (denied, false));
    assert!(!without("trust", &of_custodian[..1]).1);
    // A payer's own grants go with it.
    let of_payer = [enter(1, Bestowal::Access(grant()))];
    assert_eq!(without("harbor", &of_payer), (denied, false));
    // Nor does it stand without anybody whom it is to.
    assert_eq!(without("lab", &of_payer), (None, true));
    assert_eq!(without("north", &of_payer), (Some(Denied::Left), false));
    let [to, joins] = in_group;
    let later = [joins, to];
    assert_eq!(without("lab", &later), (None, true));
    assert!(!without("north", &later).1);
    let denied = Some(Denied::NotInGroup);
    assert_eq!(without("lab", &later[1..]), (denied, false));
}

/// Of the many that are in a group, who asks alone is looked at.
#[test]
fn who_else_is_in_a_group_is_not_looked_at() {
    struct Counted(BTreeMap<OrganisationId, Member>, Cell<u32>);
    impl Members for Counted {
        fn member(&self, id: &OrganisationId) -> Option<&Member> {
            self.1.set(self.1.get() + 1);
            self.0.get(id)
        }
    }
    let mut to = grant();
    to.to = Grantee::Group(group());
    let mut entries = vec![
        enter(1, Bestowal::Access(to)),
        enter(2, membership("north")),
    ];
    let mut members = members();
    for place in 3..100 {
        let name = format!("clinic-{place}");
        entries.push(enter(place, membership(&name)));
        members.extend([organisation(&name, &[Role::Provider])]);
    }
    // Those in the group are in a book of their own.
    let groups: Book = entries.drain(1..).collect();
    let book: Book = entries.into_iter().collect();
    let members = Counted(members, Cell::new(0));
    let ledger = Ledger {
        size: 100,
        book: &book,
        groups: &groups,
        members: &members,
    };
    let may = |who| decide(&request(who, Purpose::Treatment), &facts(), &ledger);
    assert!(matches!(
        may("north").ok().unwrap().reading.by,
        By::Group { .. }
    ));
    assert!(members.1.get() < 10, "{}", members.1.get());
    assert_eq!(may("lab").err(), Some(Denied::NotInGroup));
}

#[test]
fn breaking_the_glass() {
    let mut facts = facts();
    let mut asked = request("north", Purpose::BreakTheGlass);
    assert_eq!(denied(&asked, &facts, &[]), Some(Denied::NoPath));
    asked.emergency = Some("Unconscious in the emergency room.".into());
    let access = ask(&asked, &facts, &[]).ok().unwrap();
    assert!(access.view.care && !access.view.amounts && !access.view.context);
    assert!(access.notice.is_some_and(|n| n.patient == PATIENT));
    let entry = access.reading.entry(&[1; 32]);
    assert!(matches!(entry, Entry::ReadUnderEmergency(_)));
    // Where there is a right, no glass is broken.
    let granted = [enter(1, Bestowal::Access(grant()))];
    let access = ask(&asked, &facts, &granted).ok().unwrap();
    assert!(access.notice.is_none() && !access.reading.is_emergency());
    assert!(matches!(access.reading.entry(&[1; 32]), Entry::Read(_)));

    let with = |change: fn(&mut Request)| {
        let mut asked = asked.clone();
        change(&mut asked);
        denied(&asked, &facts, &[])
    };
    assert_eq!(
        with(|a| a.purpose = Purpose::Treatment),
        Some(Denied::EmergencyPurpose)
    );
    for reason in ["", "          x", "now\nand\nthen", &"x".repeat(501)] {
        let mut asked = asked.clone();
        asked.emergency = Some(reason.into());
        assert_eq!(
            denied(&asked, &facts, &[]),
            Some(Denied::EmergencyReason),
            "{reason:?}"
        );
    }
    assert_eq!(with(|a| a.who = id("trust")), Some(Denied::EmergencyRole));
    facts.patient = None;
    assert_eq!(denied(&asked, &facts, &[]), Some(Denied::EmergencyPatient));
}

#[test]
fn a_list_tells_a_claim_apart() {
    use crate::adjudication::tests::rig;
    let mut claim = rig::claim(vec![
        rig::line(1, "99213", 1_000, "2026-03-10"),
        rig::line(2, "80305", 1_000, "2026-03-10"),
    ]);
    let reach = |claim: &_, prefix| list("x", prefix).reach(claim);
    assert_eq!(reach(&claim, "992"), Reach::Some);
    assert_eq!(reach(&claim, "J06"), Reach::Some);
    assert_eq!(reach(&claim, "F10"), Reach::None);
    claim.diagnoses.push(Code::of("F1020"));
    assert_eq!(reach(&claim, "F10.2"), Reach::Some);
    // However it is written.
    claim.diagnoses = vec![Code::of("f10.20")];
    assert_eq!(reach(&claim, "F10.2"), Reach::Some);
    assert_eq!(reach(&claim, "f102"), Reach::Some);
    claim.diagnoses = vec![];
    // In what else tells the care: a modifier, a drug.
    assert_eq!(reach(&claim, "HF"), Reach::None);
    claim.lines[1].modifiers[0] = ShortCode::parse("HF").unwrap();
    assert_eq!(reach(&claim, "HF"), Reach::Some);
    claim.lines[1].detail.drug = Some(crate::claim::Drug {
        ndc: Code::of("63459030042"),
        quantity: Quantity::ONE,
        unit: ShortCode::parse("UN").unwrap(),
    });
    assert_eq!(reach(&claim, "63459-0300"), Reach::Some);
    claim.lines.truncate(1);
    assert_eq!(reach(&claim, "992"), Reach::EveryLine);
}

#[test]
fn purposes_go_out_and_back() {
    for purpose in Purpose::all() {
        assert_eq!(Purpose::parse(purpose.code()), Some(purpose));
        assert_eq!(Purpose::from_canon(&purpose.to_canon()), Ok(purpose));
    }
    assert!(Purpose::BreakTheGlass.is_under(Purpose::Treatment));
    assert!(!Purpose::Treatment.is_under(Purpose::BreakTheGlass));
}

/// The encodings are frozen: to change a hash here is to change what entries mean.
#[test]
fn encodings_are_frozen() {
    use sha2::{Digest, Sha256};
    let mut one = grant();
    one.scope = Scope {
        claim: Some(CLAIM),
        kinds: vec![ClaimKind::Professional, ClaimKind::Oral],
        from: day("2026-01-01"),
        through: day("2026-12-31"),
        only: Some([1; 32]),
        except: vec![[2; 32]],
        expressly: vec![[3; 32]],
    };
    let mut to = grant();
    to.to = Grantee::Group(group());
    let reading = |by| Reading {
        reader: id("north"),
        person: "nurse 12".into(),
        claim: CLAIM,
        purpose: Purpose::BreakTheGlass,
        by,
        at: NOON,
    };
    let group = By::Group {
        grant: [1; 32],
        membership: [2; 32],
    };
    let revocation = Revocation {
        grant: [1; 32],
        by: id("trust"),
        on: day("2026-06-15"),
        reason: "moved away".into(),
    };
    assert!(revocation.entry() == Entry::Revoked { grant: [1; 32] });
    let frozen = [
        ("grant", Bestowal::Access(one).to_canon()),
        ("grant to a group", Bestowal::Access(to).to_canon()),
        ("custody", custody("trust").to_canon()),
        ("membership", membership("north").to_canon()),
        ("revocation", revocation.to_canon()),
        ("list", list("hiv", "B20").id().to_vec()),
        ("read by the payer", reading(By::Payer).to_canon()),
        ("read by a grant", reading(By::Grant([1; 32])).to_canon()),
        ("read by a group", reading(group).to_canon()),
        (
            "read in an emergency",
            reading(By::Emergency("Unconscious.".into())).to_canon(),
        ),
    ];
    let lines: Vec<String> = frozen
        .iter()
        .map(|(of, bytes)| {
            let digest: [u8; 32] = Sha256::digest(bytes).into();
            let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            format!("{of}: {hex}")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
