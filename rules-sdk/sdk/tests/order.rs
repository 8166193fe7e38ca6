//! The order of payers: NAIC Model 120 §6, rule by rule, and Medicare's place.

use tally_sdk::cob::order::{
    Birthday, Cover, Custody, Entitlement, Holder, Kind, NAIC_120, Parent, Place, Rule, Side,
    Standing, first, rank,
};
use tally_sdk::prelude::*;

const DAY: ServiceDate = date(2026, 3, 2);

const OWN: Cover = Cover {
    kind: Kind::Group(50),
    coordinates: true,
    holder: Holder::Patient,
    standing: Standing::Active,
    since: date(2020, 1, 1),
};

const fn parent(month: u32, day: u32) -> Parent {
    Parent {
        // The year does not count: each next parent is younger.
        birthday: Birthday::of(date(1970 + (12 - month as i32), month, day)),
        responsible: false,
        spouse: false,
        custody: Custody::Together,
    }
}

const fn through(parent: Parent) -> Cover {
    Cover {
        holder: Holder::Parent(parent),
        ..OWN
    }
}

fn medicare(why: Entitlement) -> Cover {
    Cover {
        kind: Kind::Medicare(why),
        standing: Standing::Retired,
        ..OWN
    }
}

#[test]
fn each_rule_decides_and_is_named() {
    let spouse = Cover {
        holder: Holder::Spouse(Birthday::of(date(1980, 6, 1))),
        ..OWN
    };
    let earlier = Cover {
        since: date(2019, 12, 31),
        ..OWN
    };
    let apart = |custody, spouse| {
        through(Parent {
            custody,
            spouse,
            ..parent(12, 31)
        })
    };
    let january = through(parent(1, 1));
    let table = [
        (
            Cover {
                coordinates: false,
                ..spouse
            },
            OWN,
            Rule::NoCoordination,
        ),
        (
            Cover {
                kind: Kind::Liability,
                ..spouse
            },
            OWN,
            Rule::Liability,
        ),
        (OWN, spouse, Rule::NotDependent),
        (
            through(Parent {
                responsible: true,
                ..parent(12, 31)
            }),
            january,
            Rule::CourtDecree,
        ),
        (
            through(Parent {
                responsible: true,
                ..parent(12, 31)
            }),
            through(Parent {
                responsible: true,
                spouse: true,
                ..parent(1, 1)
            }),
            Rule::CourtDecree,
        ),
        (
            apart(Custody::Custodial, false),
            apart(Custody::Custodial, true),
            Rule::Custody,
        ),
        (
            apart(Custody::Custodial, true),
            apart(Custody::Other, false),
            Rule::Custody,
        ),
        (
            apart(Custody::Other, false),
            apart(Custody::Other, true),
            Rule::Custody,
        ),
        // 2 March 1979 comes before 3 March of any year.
        (through(parent(3, 2)), through(parent(3, 3)), Rule::Birthday),
        (
            Cover {
                since: date(2019, 12, 31),
                ..january
            },
            january,
            Rule::SameBirthday,
        ),
        (
            OWN,
            Cover {
                standing: Standing::Retired,
                ..earlier
            },
            Rule::Active,
        ),
        (
            OWN,
            Cover {
                standing: Standing::Continued,
                ..earlier
            },
            Rule::Continuation,
        ),
        (
            Cover {
                standing: Standing::Retired,
                ..OWN
            },
            Cover {
                standing: Standing::Continued,
                ..earlier
            },
            Rule::Continuation,
        ),
        (earlier, OWN, Rule::Longer),
        (january, spouse, Rule::SpouseBirthday),
    ];
    for (one, other, rule) in table {
        let both = [one, other];
        let found = first(&one, &other, &both, DAY, NAIC_120);
        assert_eq!(found, Some((Side::One, rule)));
        let found = first(&other, &one, &both, DAY, NAIC_120);
        assert_eq!(found, Some((Side::Other, rule)), "the other way round");
    }
    // Two that nothing tells apart share equally (§6 D (6)).
    assert_eq!(first(&OWN, &OWN, &[OWN, OWN], DAY, NAIC_120), None);
}

#[test]
fn birthdays_have_no_year() {
    // The elder parent's birthday is later in the year.
    let elder = through(Parent {
        birthday: Birthday::of(date(1950, 11, 2)),
        ..parent(1, 1)
    });
    let younger = through(Parent {
        birthday: Birthday::of(date(1984, 2, 29)),
        ..parent(1, 1)
    });
    let found = first(&younger, &elder, &[younger, elder], DAY, NAIC_120);
    assert_eq!(found, Some((Side::One, Rule::Birthday)));
}

#[test]
fn medicare_has_its_place() {
    let plan = |size, standing, holder| Cover {
        kind: Kind::Group(size),
        standing,
        holder,
        ..OWN
    };
    let (own, child) = (Holder::Patient, Holder::Parent(parent(1, 1)));
    let spouse = Holder::Spouse(Birthday::of(date(1980, 6, 1)));
    let recent = Entitlement::RenalDisease(date(2023, 9, 3));
    let past = Entitlement::RenalDisease(date(2023, 9, 2));
    for (why, plan, plan_first) in [
        (Entitlement::Age, plan(20, Standing::Active, own), true),
        (Entitlement::Age, plan(19, Standing::Active, own), false),
        (Entitlement::Age, plan(500, Standing::Retired, own), false),
        (Entitlement::Age, plan(20, Standing::Active, spouse), true),
        (
            Entitlement::Disability,
            plan(100, Standing::Active, child),
            true,
        ),
        (
            Entitlement::Disability,
            plan(99, Standing::Active, own),
            false,
        ),
        // 30 months, whatever the plan rests on.
        (recent, plan(2, Standing::Continued, own), true),
        (past, plan(500, Standing::Active, own), false),
        (
            Entitlement::Age,
            Cover {
                kind: Kind::Individual,
                ..OWN
            },
            false,
        ),
    ] {
        let medicare = medicare(why);
        let both = [medicare, plan];
        let side = if plan_first { Side::Other } else { Side::One };
        let found = first(&medicare, &plan, &both, DAY, NAIC_120);
        assert_eq!(found, Some((side, Rule::Medicare)));
    }
}

/// A retired person with Medicare whose spouse still works: the spouse's plan,
/// Medicare, the own plan (NAIC Model 120 §6 D (1)(b)).
#[test]
fn the_working_spouses_plan_comes_before_medicare_and_the_retired_ones_after() {
    let retired = Cover {
        kind: Kind::Group(500),
        standing: Standing::Retired,
        ..OWN
    };
    let spouse = Cover {
        kind: Kind::Group(500),
        holder: Holder::Spouse(Birthday::of(date(1980, 6, 1))),
        ..OWN
    };
    let covers = [retired, medicare(Entitlement::Age), spouse];
    let place = |cover, rule| Place { cover, rule };
    assert_eq!(
        rank(&covers, DAY, NAIC_120),
        [
            place(2, None),
            place(1, Some(Rule::Medicare)),
            place(0, Some(Rule::Medicare)),
        ]
    );
    let found = first(&retired, &spouse, &covers, DAY, NAIC_120);
    assert_eq!(found, Some((Side::Other, Rule::MedicareBetween)));
    // Without Medicare the own plan is first.
    let found = rank(&[spouse, retired], DAY, NAIC_120);
    assert_eq!(found, [place(1, None), place(0, Some(Rule::NotDependent))]);
}

#[test]
fn a_policy_may_have_other_rules() {
    let older = Cover {
        since: date(2001, 1, 1),
        ..through(parent(12, 1))
    };
    let younger = through(parent(2, 1));
    let both = [older, younger];
    let by = |rules: &[Rule]| first(&older, &younger, &both, DAY, rules);
    assert_eq!(by(NAIC_120), Some((Side::Other, Rule::Birthday)));
    let reordered = [Rule::Longer, Rule::Birthday];
    assert_eq!(by(&reordered), Some((Side::One, Rule::Longer)));
    assert_eq!(by(&[]), None);
    assert!(rank(&[], DAY, NAIC_120).is_empty());
}
