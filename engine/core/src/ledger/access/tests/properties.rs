//! What always holds, over grants, custodies, memberships and revocations drawn at random.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tally_types::ServiceDate;

use super::*;

/// Draws things from one number, the same on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()].clone()
    }
    fn some<T: Clone + Ord>(&mut self, of: &[T]) -> Vec<T> {
        let mut some: Vec<T> = of.iter().filter(|_| self.below(2) == 0).cloned().collect();
        some.sort();
        some
    }
    fn days(&mut self) -> (ServiceDate, ServiceDate) {
        if self.below(3) > 0 {
            return (day("2026-01-01"), day("2026-12-31"));
        }
        let first = day("2026-01-01").days();
        let mut of = || i32::try_from(self.below(300)).unwrap() + first;
        let (a, b) = (of(), of());
        let date = |days| ServiceDate::from_days(days).unwrap();
        (date(a.min(b)), date(a.max(b)))
    }
    fn who(&mut self) -> OrganisationId {
        self.one(&["harbor", "mercy", "north", "west", "trust", "lab"].map(id))
    }
    fn lists(&mut self) -> Vec<ListId> {
        if self.below(2) == 0 {
            return Vec::new();
        }
        self.some(&[[1; 32], [2; 32], [3; 32]])
    }
    fn grant(&mut self) -> Grant {
        let (from, through) = self.days();
        let dates = self.days();
        let mut purposes = self.some(&Purpose::all().collect::<Vec<_>>());
        purposes.push(Purpose::PowerOfAttorney);
        purposes.dedup();
        Grant {
            patient: PATIENT,
            keeper: self.one(&["harbor", "harbor", "trust"].map(id)),
            to: if self.below(3) == 0 {
                Grantee::Group(group())
            } else {
                let mut named = self.some(&["mercy", "north", "trust"].map(id));
                named.push(id("west"));
                Grantee::Organisations(named)
            },
            scope: Scope {
                claim: self.one(&[None, Some(CLAIM), Some(CLAIM), Some(ClaimId([1; 16]))]),
                kinds: self.one(&[vec![], vec![ClaimKind::Professional]]),
                from: dates.0,
                through: dates.1,
                only: self.one(&[None, None, Some([1; 32])]),
                except: self.lists(),
                expressly: self.lists(),
            },
            purposes,
            from,
            through,
        }
    }
    fn facts(&mut self) -> ClaimFacts {
        let mut facts = facts();
        (facts.from, facts.through) = self.days();
        facts.lists.clear();
        for list in [[1; 32], [2; 32]] {
            let reach = self.one(&[Reach::None, Reach::None, Reach::Some, Reach::EveryLine]);
            facts.lists.insert(list, reach);
        }
        facts.protected = self.one(&[BTreeSet::new(), [[2; 32]].into()]);
        facts
    }
    fn request(&mut self) -> Request {
        let mut asked = request("north", self.one(&Purpose::all().collect::<Vec<_>>()));
        asked.who = self.who();
        if self.below(4) == 0 {
            asked.emergency = Some("Found unconscious.".into());
        }
        asked
    }
    fn entries(&mut self) -> Vec<Entered> {
        let mut entries: Vec<Entered> = Vec::new();
        for place in 0..self.below(14) {
            let entered = match self.below(6) {
                0 => {
                    let to = self.one(&["trust", "lab"]);
                    enter(place, custody(to))
                }
                1 => {
                    let whom = self.one(&["north", "mercy"]);
                    enter(place, membership(whom))
                }
                2 if !entries.is_empty() => {
                    let of = self.one(&entries);
                    let by = self.who();
                    revoke(place, by.as_str(), &of)
                }
                _ => enter(place, Bestowal::Access(self.grant())),
            };
            entries.push(entered);
        }
        entries
    }
    /// Something within a grant.
    fn shrink(&mut self, grant: &Grant) -> Grant {
        let mut less = grant.clone();
        match self.below(7) {
            0 => less.scope.claim = less.scope.claim.or(Some(CLAIM)),
            1 => less.scope.kinds = vec![ClaimKind::Professional],
            2 => {
                less.scope.from = less
                    .scope
                    .from
                    .plus_days(1)
                    .unwrap()
                    .min(less.scope.through)
            }
            3 => less.scope.except = vec![[1; 32], [2; 32], [3; 32]],
            4 => less.scope.expressly = vec![],
            5 => less.purposes.truncate(1),
            _ => less.through = less.from,
        }
        less
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Who reads is a party, acts for the patient, is granted it, or says why; and it
    /// yields one reading, which says by which of them.
    #[test]
    fn nobody_reads_without_a_path(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let (facts, asked, entries) = (draw.facts(), draw.request(), draw.entries());
        let Ok(access) = ask(&asked, &facts, &entries) else { return Ok(()) };
        let reading = &access.reading;
        prop_assert!(reading.claim == facts.claim && reading.reader == asked.who);
        prop_assert!(reading.purpose == asked.purpose && reading.at == asked.at);
        prop_assert_eq!(access.notice.is_some(), reading.is_emergency());
        let find = |cited: &Commitment| {
            let mut granted = entries.iter().filter(|e| matches!(e.what, What::Granted { .. }));
            granted.find(|e| commitment(e) == *cited).cloned()
        };
        let kept_by_revoker = |cited: &Commitment| {
            let of = find(cited).unwrap();
            entries.iter().any(|e| {
                matches!(e.what, What::Revoked { .. }) && commitment(e) == *cited && e.by == of.by
            })
        };
        match &reading.by {
            By::Payer => prop_assert!(asked.who == facts.parties.payer),
            By::Billing => prop_assert!(Some(&asked.who) == facts.parties.billing.as_ref()),
            By::Rendering => prop_assert!(facts.parties.rendering.contains(&asked.who)),
            By::Submitter => prop_assert!(Some(&asked.who) == facts.parties.submitter.as_ref()),
            By::Grant(grant) | By::Custodian(grant) => {
                prop_assert!(find(grant).is_some() && !kept_by_revoker(grant));
            }
            By::Group { grant, membership } => {
                prop_assert!(find(grant).is_some() && !kept_by_revoker(grant));
                prop_assert!(find(membership).is_some() && !kept_by_revoker(membership));
            }
            By::Emergency(_) => {
                prop_assert!(asked.emergency.is_some() && !access.view.amounts);
            }
        }
        // Without the entries there is no more than what parties and emergencies have.
        if matches!(reading.by, By::Grant(_) | By::Group { .. } | By::Custodian(_)) {
            let without = ask(&asked, &facts, &[]);
            prop_assert!(without.is_err() || asked.emergency.is_some());
        }
    }

    /// What is decided depends on what is entered where, not on when it was learnt of.
    #[test]
    fn the_order_of_arrival_is_nothing(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let (facts, asked, entries) = (draw.facts(), draw.request(), draw.entries());
        let first = ask(&asked, &facts, &entries);
        let mut again = entries.clone();
        for at in (1..again.len()).rev() {
            let with = usize::try_from(draw.below(at as u64 + 1)).unwrap();
            again.swap(at, with);
        }
        // And some come twice.
        again.extend(draw.some(&(0..entries.len()).collect::<Vec<_>>()).into_iter().map(|at| entries[at].clone()));
        prop_assert!(first == ask(&asked, &facts, &again));
    }

    /// A revocation by the keeper holds wherever it stands, and whatever comes with it.
    #[test]
    fn what_was_taken_back_never_counts_again(seed in any::<u64>(), place in 0u64..20) {
        let mut draw = Draw(seed);
        let (facts, asked, mut entries) = (draw.facts(), draw.request(), draw.entries());
        let all: Vec<Entered> = entries.iter().filter(|e| matches!(e.what, What::Granted { .. })).cloned().collect();
        for granted in &all {
            entries.push(Entered { place, by: granted.by.clone(), what: What::Revoked { grant: commitment(granted) } });
        }
        entries.extend(all.clone());
        let answer = ask(&asked, &facts, &entries);
        let by_grant = answer.is_ok_and(|a| matches!(a.reading.by, By::Grant(_) | By::Group { .. } | By::Custodian(_)));
        prop_assert!(!by_grant);
    }

    /// What is told to stand is what decides: whatever is cited stands, and whatever stands
    /// and fits lets whom it names read. Whoever may have left the ledger.
    #[test]
    fn what_stands_is_what_decides(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let (facts, asked, entries) = (draw.facts(), draw.request(), draw.entries());
        let mut members = members();
        for who in ["west", "trust", "lab", "mercy"] {
            members.get_mut(&id(who)).unwrap().left = draw.below(4) == 0;
        }
        let book: Book = entries.iter().cloned().collect();
        let ledger = Ledger { size: 10, book: &book, groups: &book, members: &members };
        let (payer, today) = (id("harbor"), day("2026-06-15"));
        let holds = |cited: &Commitment| {
            ledger.stands(cited, &payer, today).is_some_and(Stands::holds)
        };
        let answer = decide(&asked, &facts, &ledger);
        match answer.as_ref().map(|access| &access.reading.by) {
            Ok(By::Grant(of) | By::Custodian(of)) => prop_assert!(holds(of)),
            Ok(By::Group { grant, membership }) => {
                prop_assert!(holds(grant) && holds(membership));
            }
            _ => {}
        }
        let here = members.get(&asked.who).is_some_and(|who| !who.left);
        for entered in &entries {
            let What::Granted { commitment, bestowal, .. } = &entered.what else { continue };
            let fits = match &**bestowal {
                Bestowal::Access(grant) => {
                    let named = match &grant.to {
                        Grantee::Organisations(named) => named.contains(&asked.who),
                        Grantee::Group(group) => entries.iter().any(|of| match &of.what {
                            What::Granted { commitment, bestowal, .. } => match &**bestowal {
                                Bestowal::Membership(is) => {
                                    is.group == *group && is.organisation == asked.who && holds(commitment)
                                }
                                _ => false,
                            },
                            What::Revoked { .. } => false,
                        }),
                    };
                    let mut purposes = grant.purposes.iter();
                    named
                        && grant.scope.holds(&facts).is_ok()
                        && purposes.any(|of| asked.purpose.is_under(*of))
                }
                Bestowal::Custody(custody) => {
                    custody.custodian == asked.who && asked.purpose.is_under(Purpose::PatientRequest)
                }
                Bestowal::Membership(_) => false,
            };
            if here && fits && holds(commitment) {
                prop_assert!(answer.is_ok());
            }
        }
    }

    /// To shrink a grant never gives anybody anything.
    #[test]
    fn to_shrink_a_grant_never_widens(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let (facts, asked, mut entries) = (draw.facts(), draw.request(), draw.entries());
        let at = entries.iter().position(|e| matches!(&e.what, What::Granted { bestowal, .. } if matches!(**bestowal, Bestowal::Access(_))));
        let Some(at) = at else { return Ok(()) };
        let What::Granted { bestowal, .. } = &entries[at].what else { unreachable!() };
        let Bestowal::Access(grant) = &**bestowal else { unreachable!() };
        let less = draw.shrink(grant);
        prop_assert!(less.is_within(grant));
        prop_assert!(less.breadth() <= grant.breadth());
        let before = ask(&asked, &facts, &entries).is_ok();
        // Its revocations are of the commitment before: they go with it.
        let old = commitment(&entries[at]);
        let place = entries[at].place;
        entries[at] = enter(place, Bestowal::Access(less));
        let new = commitment(&entries[at]);
        for entered in &mut entries {
            if let What::Revoked { grant } = &mut entered.what && *grant == old {
                *grant = new;
            }
        }
        prop_assert!(before || ask(&asked, &facts, &entries).is_err());
    }

    /// What is within another is good for nothing that the other is not.
    #[test]
    fn within_is_within(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let (a, b, facts) = (draw.grant(), draw.grant(), draw.facts());
        if a.scope.is_within(&b.scope) {
            prop_assert!(a.scope.breadth() <= b.scope.breadth());
            prop_assert!(a.scope.holds(&facts).is_err() || b.scope.holds(&facts).is_ok());
        }
    }

    #[test]
    fn only_its_own_bytes_decode(seed in any::<u64>(), at in any::<usize>(), bit in 0u8..8) {
        let bytes = Bestowal::Access(Draw(seed).grant()).to_canon();
        let back = Bestowal::from_canon(&bytes).unwrap();
        prop_assert_eq!(back.to_canon(), bytes.clone());
        let mut damaged = bytes;
        let at = at % damaged.len();
        damaged[at] ^= 1 << bit;
        if let Ok(other) = Bestowal::from_canon(&damaged) {
            prop_assert_eq!(other.to_canon(), damaged);
        }
    }
}

/// The properties above would hold of who never answers: each way is taken, and many a
/// step refuses.
#[test]
fn what_is_drawn_takes_every_way() {
    let (mut ways, mut refusals) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..4_000 {
        let mut draw = Draw(seed);
        let (facts, asked, entries) = (draw.facts(), draw.request(), draw.entries());
        match ask(&asked, &facts, &entries) {
            Ok(access) => ways.insert(access.reading.by.to_canon()[0]),
            Err(denied) => refusals.insert(denied.code()),
        };
    }
    assert_eq!(ways, [1, 2, 5, 6, 7, 8].into());
    assert!(refusals.len() >= 10, "{refusals:?}");
}
