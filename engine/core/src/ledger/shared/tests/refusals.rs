//! Every refusal by its number. In the table each row holds to what the rows above
//! break, and breaks the next rule.

use super::*;
use crate::canon::Blob;
use crate::ledger::Ground;

/// An envelope with everything wrong with it, but for what a row says.
struct Wrong {
    organisation: &'static str,
    count: Option<u32>,
    first: Option<u64>,
    signed: bool,
    digest: bool,
    entries: Vec<Vec<u8>>,
}

impl Wrong {
    fn of(organisation: &'static str, entries: Vec<Vec<u8>>) -> Self {
        Self {
            organisation,
            count: Some(9),
            first: Some(99),
            signed: false,
            digest: false,
            entries,
        }
    }

    /// What of it is right, from the front: count, place, signature, digest.
    fn right(mut self, rules: usize) -> Self {
        if rules > 0 {
            self.count = None;
        }
        if rules > 1 {
            self.first = None;
        }
        self.signed = rules > 2;
        self.digest = rules > 3;
        self
    }

    fn envelope(self, world: &World) -> Envelope {
        let name = self.organisation;
        let member = world.snapshot.state.members.get(&id(name));
        let first = self.first.or(member.map(|member| member.next)).unwrap_or(0);
        let sealed = if self.digest {
            self.entries.clone()
        } else {
            vec![vec![1]; self.entries.len()]
        };
        let signing = key("key", &format!("{name}/signing/0"));
        let mut envelope = Envelope::seal(ORIGIN, id(name), first, sealed, &signing);
        envelope.entries = self.entries.into_iter().map(Blob).collect();
        if !self.signed {
            envelope.header.signature = [0; 64];
        }
        if let Some(count) = self.count {
            envelope.header.count = count;
        }
        envelope
    }
}

/// What a world answers to an envelope: it cannot be built into a block, and a block
/// that has it all the same is refused for the same reason.
pub(super) fn refused(world: &World, envelope: Envelope) -> Refusal {
    let (mut block, after) = build(&world.snapshot, std::slice::from_ref(&envelope)).unwrap();
    assert_eq!(block.envelopes, vec![], "it was admitted");
    assert_eq!(after.state, world.snapshot.state);
    block.envelopes.push(envelope.clone());
    let refusal = world.snapshot.extend(&block).unwrap_err();
    let leaves = world.leaves.iter().cloned().chain(envelope.leaves());
    let leaves: Vec<_> = leaves.collect();
    let audited = audit(leaves.iter().map(Vec::as_slice)).unwrap_err();
    // An auditor takes no more entries than an envelope may have.
    assert!(audited == refusal || matches!(refusal, Refusal::Count(_) | Refusal::BlockSize { .. }));
    refusal
}

fn sealed(world: &World, name: &str, entries: &[Entry]) -> Refusal {
    refused(world, world.seal(name, entries))
}

fn proposed(world: &World, change: Change) -> Entry {
    Entry::Proposed(Box::new(world.proposal(change)))
}

fn changed(world: &World, change: Change) -> Refusal {
    foreseen(world, "clinic", &[proposed(world, change)])
}

/// Why the last of these proposals and votes would be refused, told before it is entered.
/// Entered all the same, as one is that others came before, it stands and is nothing; but
/// what is a lie whenever it comes is refused.
fn foreseen(world: &World, name: &str, entries: &[Entry]) -> Refusal {
    let mut state = State::clone(&world.snapshot.state);
    let mut told = |entry: &Entry| match entry.clone() {
        Entry::Proposed(proposal) => state.propose(&id(name), *proposal),
        Entry::Voted(motion) => state.vote(&id(name), motion),
        _ => unreachable!("neither proposal nor vote"),
    };
    let (last, before) = entries.split_last().unwrap();
    assert!(before.iter().all(|entry| told(entry).is_ok()));
    let refusal = told(last).unwrap_err();
    if let Refusal::Possession(_) = refusal {
        assert_eq!(sealed(world, name, entries), refusal);
        return refusal;
    }
    let mut late = world.clone();
    if !before.is_empty() {
        late.enter(name, before);
    }
    let on_time = late.snapshot.state.clone();
    late.enter(name, &entries[before.len()..]);
    let state = &late.snapshot.state;
    assert_eq!(state.motions, on_time.motions);
    assert_eq!(state.authorities, on_time.authorities);
    assert_eq!(
        state.next(&id(name)),
        on_time.next(&id(name)).map(|next| next + 1)
    );
    refusal
}

/// A header's rules, and those of reading an entry.
#[test]
fn envelopes() {
    let big = || vec![vec![0; 70_000]];
    let rows: [(&str, Wrong); 10] = [
        ("L101", Wrong::of("nobody", big())),
        ("L102", Wrong::of("gone", big())),
        ("L105", Wrong::of("harbor", big())),
        ("L105", Wrong::of("harbor", vec![vec![0]; 501]).right(1)),
        ("L105", Wrong::of("harbor", vec![]).right(1)),
        (
            "L131",
            Wrong::of("harbor", vec![vec![0; 60_000]; 4]).right(1),
        ),
        ("L104", Wrong::of("harbor", big()).right(1)),
        ("L103", Wrong::of("harbor", big()).right(2)),
        ("L106", Wrong::of("harbor", big()).right(3)),
        ("L108", Wrong::of("harbor", big()).right(4)),
    ];
    let world = World::later();
    let whole = world.seal("harbor", &[Entry::Received([0; 32])]);
    assert!(whole.is_whole());
    let mut swapped = whole.clone();
    swapped.entries = vec![Blob(Entry::Received([1; 32]).to_canon())];
    let mut longer = whole.clone();
    longer.entries.extend(swapped.entries.clone());
    assert!(!swapped.is_whole() && !longer.is_whole());
    for (row, (code, wrong)) in rows.into_iter().enumerate() {
        let envelope = wrong.envelope(&world);
        let mut state = (*world.snapshot.state).clone();
        assert_eq!(state.take_in(&envelope).unwrap_err().code(), code, "{row}");
        // A block cannot hold it in the first place.
        if code != "L131" {
            assert_eq!(refused(&world, envelope).code(), code, "{row}");
        }
    }
    let junk = |bytes: Vec<u8>| refused(&world, world.seal_bytes("harbor", 7, vec![bytes]));
    for bytes in [vec![], vec![9, 9], vec![1, 200], vec![1, 6, 0]] {
        assert_eq!(junk(bytes).code(), "L107");
    }
    let mut longer = Entry::Received([0; 32]).to_canon();
    longer.push(0);
    assert_eq!(junk(longer).code(), "L107");
}

type Row = (&'static str, fn(&World) -> Refusal);

/// The rules for entries, by what is entered.
const ENTRIES: &[Row] = &[
    ("L109", |w| sealed(w, "clinic", &[Entry::Received([0; 32])])),
    ("L109", |w| sealed(w, "clinic", &[policy(4, "2026-01-01")])),
    ("L109", |w| sealed(w, "state", &[Entry::Read([0; 32])])),
    // Who passes claims on, and neither pays nor provides, agrees and disputes nothing.
    ("L109", |w| sealed(w, "keeper", &[Entry::Agreed([0; 32])])),
    ("L109", |w| sealed(w, "keeper", &[Entry::Disputed([0; 32])])),
    ("L109", |w| sealed(w, "state", &[Entry::Agreed([0; 32])])),
    ("L109", |w| sealed(w, "state", &[Entry::Disputed([0; 32])])),
    // A log begins with its genesis, and has one.
    ("L110", |w| sealed(w, "late", &[Entry::Received([0; 32])])),
    ("L110", |w| sealed(w, "harbor", &[genesis("harbor")])),
    // What stands around envelopes is nothing that an organisation enters.
    ("L110", |w| {
        sealed(w, "harbor", &[Entry::Charter(Box::new(charter()))])
    }),
    ("L110", |w| {
        let header = w.seal("harbor", &[Entry::Received([0; 32])]).header;
        sealed(w, "harbor", &[Entry::Envelope(Box::new(header))])
    }),
    ("L111", |w| sealed(w, "late", &[genesis("harbor")])),
    ("L111", |w| {
        let mut genesis = genesis("late");
        if let Entry::Genesis { key, .. } = &mut genesis {
            *key = public("another");
        }
        sealed(w, "late", &[genesis])
    }),
    ("L112", |w| {
        let mut entry = policy(4, "2026-01-01");
        if let Entry::Policy(published) = &mut entry {
            published.publication.fuel = 7;
        }
        sealed(w, "harbor", &[entry])
    }),
    // Who publishes has the key that stands on the ledger.
    ("L113", |w| {
        sealed(w, "meridian", &[policy(4, "2026-01-01")])
    }),
    ("L114", |w| sealed(w, "harbor", &[policy(1, "2026-01-01")])),
    ("L114", |w| {
        let key = key("publisher", "harbor/publisher/0");
        let mut other = publication(1, "2027-01-01");
        other.product = "hmo".into();
        let published = Published::sign(other, &key);
        sealed(w, "harbor", &[Entry::Policy(Box::new(published))])
    }),
    ("L115", |w| {
        sealed(w, "harbor", &[standing(9, Standing::Activated)])
    }),
    ("L115", |w| sealed(w, "harbor", &[adjudicated(Some(9), 1)])),
    ("L115", |w| {
        sealed(w, "meridian", &[adjudicated(Some(1), 1)])
    }),
    // Published, but not within the prefix that the adjudication names.
    ("L115", |w| sealed(w, "harbor", &[adjudicated(Some(1), 1)])),
    ("L116", |w| sealed(w, "harbor", &[adjudicated(Some(3), 6)])),
    ("L117", |w| sealed(w, "harbor", &[adjudicated(None, 8)])),
    ("L118", |w| {
        sealed(w, "harbor", &[standing(1, Standing::Activated)])
    }),
    ("L118", |w| sealed(w, "harbor", &[superseded(1, 1)])),
    ("L118", |w| sealed(w, "harbor", &[superseded(1, 3)])),
    ("L118", |w| sealed(w, "harbor", &[superseded(3, 1)])),
    ("L118", |w| {
        sealed(w, "harbor", &[superseded(1, 2), superseded(1, 2)])
    }),
    ("L119", |w| sealed(w, "harbor", &[erased(0)])),
    ("L119", |w| sealed(w, "harbor", &[erased(7)])),
    ("L119", |w| sealed(w, "harbor", &[erased(u64::MAX)])),
];

fn genesis(name: &str) -> Entry {
    let of = organisation(name, &[Role::Payer], false, 0);
    Entry::Genesis {
        origin: of.origin,
        key: of.log,
    }
}

fn superseded(policy: u8, by: u8) -> Entry {
    standing(policy, Standing::Superseded { by: [by; 32] })
}

fn erased(index: u64) -> Entry {
    Entry::Erased {
        index,
        ground: Ground::Request,
    }
}

/// The rules for proposals and votes.
const MOTIONS: &[Row] = &[
    ("L120", |w| {
        let entry = proposed(w, Change::Leave(id("state")));
        foreseen(w, "keeper", &[entry])
    }),
    ("L120", |w| foreseen(w, "keeper", &[vote([0; 32], true)])),
    ("L121", |w| foreseen(w, "clinic", &[vote([0; 32], true)])),
    // Who proposed has voted for it.
    ("L122", |w| {
        let proposal = w.proposal(Change::Leave(id("state")));
        let voted = vote(proposal.id(), false);
        foreseen(w, "clinic", &[Entry::Proposed(Box::new(proposal)), voted])
    }),
    ("L123", |w| {
        let mut proposal = w.proposal(Change::Leave(id("state")));
        proposal.epoch += 1;
        foreseen(w, "clinic", &[Entry::Proposed(Box::new(proposal))])
    }),
    ("L123", |w| {
        let entry = proposed(w, Change::Leave(id("state")));
        foreseen(w, "clinic", &[entry.clone(), entry])
    }),
    ("L123", |w| {
        let many = ["clinic", "harbor", "keeper", "late", "meridian"];
        let many = many.map(|name| proposed(w, Change::Leave(id(name))));
        foreseen(w, "clinic", &many)
    }),
    ("L124", |w| {
        changed(w, join(organisation("harbor", &[Role::Payer], true, 5), 5))
    }),
    ("L124", |w| changed(w, Change::Leave(id("gone")))),
    ("L124", |w| changed(w, Change::Leave(id("nobody")))),
    ("L124", |w| {
        changed(w, rotate(organisation("gone", &[Role::Payer], false, 5), 5))
    }),
    ("L124", |w| changed(w, joins(|of| of.roles.clear()))),
    ("L124", |w| {
        changed(w, joins(|of| of.roles = vec![Role::Provider, Role::Payer]))
    }),
    ("L124", |w| changed(w, joins(|of| of.name = "\n".into()))),
    ("L124", |w| changed(w, joins(|of| of.url = "u".repeat(201)))),
    ("L124", |w| changed(w, joins(|of| of.address.clear()))),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "nonsense".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "host:".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "host:0".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "host:65536".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "host:+1".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "-host:1".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "a..b:1".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "a b:1".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.address = "127.0.0.1:0".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.url = "nonsense".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.url = "http://".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.url = "https:///x".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.url = "http://a b".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.url = "ftp://a".into()))
    }),
    ("L124", |w| changed(w, joins(|of| of.log = [0; 32]))),
    ("L124", |w| {
        changed(w, joins(|of| of.authority = Some(of.signing)))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.publisher = Some([1; 32])))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.log = public("harbor/authority/0")))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.origin = "harbor.example/log".into()))
    }),
    ("L124", |w| {
        changed(w, joins(|of| of.origin = ORIGIN.into()))
    }),
    // A log that has begun has the key it began with, even after its organisation left.
    ("L124", |w| {
        let mut of = organisation("harbor", &[Role::Payer], true, 5);
        of.log = public("another");
        changed(w, rotate(of, 5))
    }),
    ("L124", |w| {
        let mut of = organisation("gone", &[Role::Payer], false, 5);
        of.origin = "gone.example/another".into();
        changed(w, join(of, 5))
    }),
    ("L124", |w| {
        changed(w, Change::Witnesses(vec![witness("a"), witness("a")]))
    }),
    ("L124", |w| {
        changed(w, Change::Witnesses(vec![witness("a b")]))
    }),
    ("L125", |w| {
        let of = organisation("new", &[Role::Provider], true, 5);
        let (_, possession) = shown(organisation("new", &[Role::Provider], true, 6), 6);
        changed(
            w,
            Change::Join {
                organisation: of,
                possession,
            },
        )
    }),
    ("L125", |w| {
        let (organisation, mut possession) =
            shown(organisation("new", &[Role::Provider], true, 5), 5);
        possession.authority = None;
        changed(
            w,
            Change::Join {
                organisation,
                possession,
            },
        )
    }),
];

fn joins(flaw: fn(&mut Organisation)) -> Change {
    let mut of = organisation("new", &[Role::Provider], true, 5);
    flaw(&mut of);
    join(of, 5)
}

#[test]
fn entries_and_motions() {
    let world = World::later();
    for (row, (code, refusal)) in ENTRIES.iter().chain(MOTIONS).enumerate() {
        let refusal = refusal(&world);
        assert_eq!(refusal.code(), *code, "row {row}: {refusal}");
    }
}

/// The last authority cannot leave, nor give its key back.
#[test]
fn somebody_agrees() {
    let world = World::founded(charter_of(1));
    for change in [
        Change::Leave(id("clinic")),
        rotate(organisation("clinic", &[Role::Provider], false, 1), 1),
    ] {
        assert_eq!(changed(&world, change).code(), "L124");
    }
}

/// One authority takes in no second, whoever it is; whatever leaves it alone is its own.
#[test]
fn one_authority_stays_one() {
    let mut world = World::founded(charter_of(1));
    let of = |name: &str, roles: &[Role], authority| organisation(name, roles, authority, 1);
    for change in [
        join(of("new", &[Role::Provider], true), 1),
        rotate(of("keeper", &[Role::Custodian], true), 1),
    ] {
        assert_eq!(changed(&world, change).code(), "L124");
    }
    let rotated = of("clinic", &[Role::Provider], true);
    for (name, change) in [
        ("new", join(of("new", &[Role::Provider], false), 1)),
        ("keeper", rotate(of("keeper", &[Role::Custodian], false), 1)),
        ("clinic", rotate(rotated.clone(), 1)),
    ] {
        world.carry(change);
        world.knows(&id(name), 1);
        assert_eq!(
            world.member(name).organisation.signing,
            public(&format!("{name}/signing/1"))
        );
    }
    let set = &world.snapshot.state.authorities;
    assert_eq!((set.epoch, set.members.len()), (1, 1));
    assert_eq!(Some(set.members[0].key), rotated.authority);
}

/// There are sixteen authorities at most, and none more comes in.
#[test]
fn there_are_sixteen_authorities_at_most() {
    let refusal = Snapshot::found(&charter_of(17)).unwrap_err();
    assert_eq!(refusal.code(), "L129");
    let world = World::founded(charter_of(16));
    assert_eq!(world.genesis.members.len(), 16);
    for change in [
        join(organisation("new", &[Role::Provider], true, 1), 1),
        rotate(organisation("keeper", &[Role::Custodian], true, 1), 1),
    ] {
        assert_eq!(changed(&world, change).code(), "L124");
    }
    // One of them takes another key, and a seventeenth comes in for one that leaves.
    let mut world = World::founded(charter_of(16));
    let rotated = organisation("clinic", &[Role::Provider], true, 1);
    world.knows(&rotated.id, 1);
    world.carry(rotate(rotated, 1));
    world.carry(Change::Leave(id("state")));
    world.carry(join(organisation("new", &[Role::Provider], true, 1), 1));
    let set = &world.snapshot.state.authorities;
    assert_eq!((set.epoch, set.members.len()), (3, 16));
}

/// Of two keys with one id none could be told by a signature's line: the other would be
/// silenced.
#[test]
fn two_keys_of_one_id() {
    let [one, two] = twins();
    let ids = [&one, &two].map(|of| {
        let key = crate::ledger::VerifierKey::new(ORIGIN, &of.authority.unwrap()).unwrap();
        key.to_string().split('+').nth(1).unwrap().to_owned()
    });
    assert_eq!(ids[0], ids[1]);
    let mut founders = charter();
    founders.organisations.extend([one.clone(), two.clone()]);
    assert_eq!(Snapshot::found(&founders).unwrap_err().code(), "L129");

    let mut world = World::later();
    world.carry(join(one, TWINS[0].1));
    assert_eq!(world.snapshot.state.authorities.epoch, 1);
    assert_eq!(
        changed(&world, join(two.clone(), TWINS[1].1)).code(),
        "L124"
    );
    // Nor does one that is there take such a key.
    let mut state = organisation("state", &[Role::Regulator], true, 0);
    state.authority = two.authority;
    let [signing, authority] = [
        "state/signing/0".to_owned(),
        format!("two/authority/{}", TWINS[1].1),
    ]
    .map(|name| key("key", &name));
    let possession = Possession::show(ORIGIN, &state, &signing, Some(&authority));
    let change = Change::Rotate {
        organisation: state,
        possession,
    };
    assert_eq!(changed(&world, change).code(), "L124");
    let mut set = world.snapshot.state.authorities.clone();
    set.members.push(Authority {
        organisation: two.id,
        key: two.authority.unwrap(),
    });
    set.members
        .sort_by(|a, b| a.organisation.cmp(&b.organisation));
    assert!(matches!(
        Authorities::parse(&set.text()),
        Err(SetError::Form(_))
    ));
}

/// Whatever one envelope carries leaves an authority: each change is held against those
/// before it, not only against the set that votes.
#[test]
fn an_envelope_empties_no_set() {
    let gives_up = || rotate(organisation("clinic", &[Role::Provider], false, 1), 1);
    let leaves = |name| Change::Leave(id(name));
    for changes in [
        [leaves("clinic"), leaves("harbor")],
        [leaves("harbor"), leaves("clinic")],
        [gives_up(), leaves("harbor")],
        [leaves("harbor"), gives_up()],
    ] {
        let mut world = World::founded(charter_of(2));
        let proposals = changes.map(|change| world.proposal(change));
        let votes = proposals.clone().map(|proposal| vote(proposal.id(), true));
        let proposed = proposals.map(|proposal| Entry::Proposed(Box::new(proposal)));
        world.enter("clinic", &proposed);
        world.enter("harbor", &votes);
        // The first was carried, and the second was nothing.
        let set = &world.snapshot.state.authorities;
        assert_eq!((set.epoch, set.members.len()), (1, 1));
        assert!(world.snapshot.boundary && world.snapshot.state.motions.is_empty());
        assert_eq!(Authorities::parse(&set.text()).as_ref(), Ok(set));
        let read = Snapshot::from_canon(&world.snapshot.to_canon());
        assert_eq!(read.as_ref(), Ok(&world.snapshot));
        let (state, _) = audit(world.leaves.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(state, *world.snapshot.state);
    }
}

/// What a block, a charter or a list of leaves is refused for.
#[test]
fn blocks_charters_and_leaves() {
    let world = World::later();
    let snapshot = &world.snapshot;
    let received = |from: u64, count: usize| {
        let entries = vec![Entry::Received([0; 32]).to_canon(); count];
        world.seal_bytes("harbor", from, entries)
    };
    let of = |envelopes: Vec<Envelope>| {
        let header = build(snapshot, &[]).unwrap().0.header;
        snapshot.extend(&Block { header, envelopes }).unwrap_err()
    };
    let next = world.member("harbor").next;
    let three = [(0, 500), (500, 500), (1_000, 1)];
    let three = three.map(|(from, count)| received(next + from, count));
    assert_eq!(of(three.to_vec()).code(), "L126");
    assert_eq!(Block::parse(&vec![0; 300_000]).unwrap_err().code(), "L126");
    assert_eq!(Block::parse(&[0; 300]).unwrap_err().code(), "L128");
    // They fit but for the last, which is left for the next block.
    let (block, _) = build(snapshot, &three).unwrap();
    assert_eq!(block.envelopes.len(), 2);

    let (block, _) = build(snapshot, &three[..1]).unwrap();
    let wrongs: [fn(&mut Header); 8] = [
        |h| h.epoch += 1,
        |h| h.height += 1,
        |h| h.parent[0] ^= 1,
        |h| h.envelopes[0] ^= 1,
        |h| h.size += 1,
        |h| h.root[0] ^= 1,
        |h| h.authorities[0] ^= 1,
        |h| h.height = 0,
    ];
    for wrong in wrongs {
        let mut block = block.clone();
        wrong(&mut block.header);
        assert_eq!(snapshot.extend(&block).unwrap_err().code(), "L127");
    }

    let wrongs: [fn(&mut Charter); 9] = [
        |c| c.organisations.clear(),
        |c| c.organisations[0].roles.clear(),
        |c| c.organisations[1] = c.organisations[0].clone(),
        |c| c.organisations[1].id = c.organisations[0].id.clone(),
        |c| c.organisations[1].origin = c.organisations[0].origin.clone(),
        |c| c.organisations[1].origin = ORIGIN.into(),
        |c| c.origin = "a ledger".into(),
        |c| c.witnesses.push(witness("auditor.example/w")),
        |c| *c = charter_of(17),
    ];
    for (row, wrong) in wrongs.into_iter().enumerate() {
        let mut charter = charter();
        wrong(&mut charter);
        let refusal = Snapshot::found(&charter).unwrap_err();
        assert_eq!(refusal.code(), "L129", "row {row}: {refusal}");
    }

    let audited = |leaves: &[Vec<u8>]| audit(leaves.iter().map(Vec::as_slice));
    assert!(audited(&world.leaves).is_ok());
    assert_eq!(audited(&[]).unwrap_err().code(), "L130");
    assert_eq!(audited(&world.leaves[1..]).unwrap_err().code(), "L130");
    let mut twice = world.leaves.clone();
    twice.push(world.leaves[2].clone());
    assert_eq!(audited(&twice).unwrap_err().code(), "L130");
}

/// No envelope follows in its block the one that ended the epoch.
#[test]
fn an_epoch_ends_with_its_block() {
    let mut world = World::later();
    let new = organisation("new", &[Role::Provider], true, 1);
    world.knows(&new.id, 1);
    let proposal = world.proposal(join(new, 1));
    let voted = vote(proposal.id(), true);
    world.enter("clinic", &[Entry::Proposed(Box::new(proposal))]);
    world.enter("harbor", std::slice::from_ref(&voted));
    let last = world.seal("meridian", &[voted]);
    let more = world.seal("harbor", &[Entry::Received([0; 32])]);
    let (mut block, after) = build(&world.snapshot, &[last.clone(), more.clone()]).unwrap();
    assert_eq!(block.envelopes, [last]);
    assert!(after.boundary && after.state.authorities.epoch == 1);
    assert_eq!(after.signers.epoch, 0);
    block.envelopes.push(more);
    assert_eq!(world.snapshot.extend(&block).unwrap_err().code(), "L132");
}

/// There is a test of every number here, and the numbers are as they always were.
#[test]
fn every_number_has_a_row() {
    let mut codes: Vec<&str> = ENTRIES.iter().chain(MOTIONS).map(|row| row.0).collect();
    codes.extend([
        "L101", "L102", "L103", "L104", "L105", "L106", "L107", "L108",
    ]);
    codes.extend(["L126", "L127", "L128", "L129", "L130", "L131", "L132"]);
    // `bounds.rs` drives a ledger to these.
    codes.extend(["L133", "L134"]);
    codes.sort_unstable();
    codes.dedup();
    let all: Vec<_> = (101..=134).map(|number| format!("L{number}")).collect();
    assert_eq!(codes, all);
}
