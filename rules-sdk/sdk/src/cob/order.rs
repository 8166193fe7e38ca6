//! The order of payers: who pays first, and by which rule. The rules are a
//! table ([`NAIC_120`]) that a policy may shorten or put into another order;
//! the first that decides, decides.

use alloc::vec::Vec;

use tally_types::ServiceDate;

/// A birthday: month and day only (NAIC Model 120 §6 D (2)(a)). The year does
/// not matter, so it is not kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Birthday {
    month: u32,
    day: u32,
}

impl Birthday {
    /// Of a date of birth.
    #[must_use]
    pub const fn of(birth: ServiceDate) -> Self {
        let (_, month, day) = birth.ymd();
        Self { month, day }
    }
}

/// Where a child lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Custody {
    /// With both parents, or the decree gives custody to both without saying who
    /// is responsible for health care, or says that both are.
    Together,
    /// With this parent.
    Custodial,
    /// With the other parent.
    Other,
}

/// A parent through whom a child is covered.
#[derive(Clone, Copy)]
pub struct Parent {
    /// The birthday of whoever holds the cover.
    pub birthday: Birthday,
    /// A court decree makes this parent responsible for the child's health care,
    /// and the plan knows it.
    pub responsible: bool,
    /// The cover is of this parent's spouse.
    pub spouse: bool,
    /// Where the child lives.
    pub custody: Custody,
}

/// Through whom the patient is covered.
#[derive(Clone, Copy)]
pub enum Holder {
    /// The patient: an employee, a member, a subscriber, a retired person.
    Patient,
    /// The patient's spouse.
    Spouse(Birthday),
    /// A parent, or another who covers the patient as a child.
    Parent(Parent),
}

impl Holder {
    fn is_patient(self) -> bool {
        matches!(self, Self::Patient)
    }
}

/// On what the cover rests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Current work: neither laid off nor retired.
    Active,
    /// Retired or laid off.
    Retired,
    /// Continued by law after it ended (COBRA, state continuation).
    Continued,
}

/// Why the patient has Medicare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entitlement {
    /// Age.
    Age,
    /// Disability, below 65.
    Disability,
    /// End-stage renal disease, since this day.
    RenalDisease(ServiceDate),
}

/// What kind of cover it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A plan of an employer of this many.
    Group(u32),
    /// A plan that is not an employer's.
    Individual,
    /// Medicare.
    Medicare(Entitlement),
    /// Workers' compensation, no-fault or liability insurance.
    Liability,
}

/// One cover of the patient.
#[derive(Clone, Copy)]
pub struct Cover {
    /// What kind it is.
    pub kind: Kind,
    /// Whether it coordinates benefits at all.
    pub coordinates: bool,
    /// Through whom.
    pub holder: Holder,
    /// On what it rests.
    pub standing: Standing,
    /// Since when it covers the holder.
    pub since: ServiceDate,
}

/// A rule that may say which of two covers pays first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// A plan that does not coordinate pays first (NAIC Model 120 §6 B (1)).
    NoCoordination,
    /// Workers' compensation, no-fault and liability insurance pay before
    /// Medicare (42 CFR 411.20 (a)(2)), and before health plans.
    Liability,
    /// Medicare and a plan, in outline (42 CFR 411.162, 411.172, 411.206): the
    /// plan pays first for the aged with current work of the patient or spouse
    /// and an employer of 20 or more; for the disabled with current work and an
    /// employer of 100 or more; for renal disease in the first 30 months,
    /// whatever it rests on. Otherwise Medicare pays first.
    Medicare,
    /// Where Medicare pays after the plan that covers the patient as a dependant
    /// and before the one that does not, the plan of the dependant pays first
    /// (NAIC Model 120 §6 D (1)(b)).
    MedicareBetween,
    /// The plan that covers the patient not as a dependant pays first (§6 D (1)).
    NotDependent,
    /// The plan of the parent whom a decree makes responsible, then that of this
    /// parent's spouse (§6 D (2)(b)(i)).
    CourtDecree,
    /// Parents apart: the plan of the parent with custody, of this parent's
    /// spouse, of the other parent, of the other's spouse (§6 D (2)(b)(iv)).
    Custody,
    /// The plan of the parent whose birthday is earlier in the year
    /// (§6 D (2)(a)(i)).
    Birthday,
    /// The same birthday: the plan that has covered the parent longer
    /// (§6 D (2)(a)(ii)).
    SameBirthday,
    /// The plan of current work before that of a retired or laid-off holder
    /// (§6 D (3)).
    Active,
    /// Any plan before continued cover (§6 D (4)).
    Continuation,
    /// The plan that has covered longer (§6 D (5)).
    Longer,
    /// A child also covered by a spouse, both as long: the earlier birthday of
    /// parent and spouse (§6 D (2)(d)).
    SpouseBirthday,
}

/// The order of NAIC Model 120 §6, with Medicare's place by federal law.
pub const NAIC_120: &[Rule] = &[
    Rule::Liability,
    Rule::Medicare,
    Rule::NoCoordination,
    Rule::MedicareBetween,
    Rule::NotDependent,
    Rule::CourtDecree,
    Rule::Custody,
    Rule::Birthday,
    Rule::SameBirthday,
    Rule::Active,
    Rule::Continuation,
    Rule::Longer,
    Rule::SpouseBirthday,
];

/// Which of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The first of them.
    One,
    /// The second.
    Other,
}

/// Of two keys the lesser is first; equal ones decide nothing.
fn lesser<K: Ord>(one: K, other: K) -> Option<Side> {
    match one.cmp(&other) {
        core::cmp::Ordering::Less => Some(Side::One),
        core::cmp::Ordering::Greater => Some(Side::Other),
        core::cmp::Ordering::Equal => None,
    }
}

/// Whether an employer's plan pays before Medicare.
fn before_medicare(plan: &Cover, why: Entitlement, on: ServiceDate) -> bool {
    let Kind::Group(size) = plan.kind else {
        return false;
    };
    let active = plan.standing == Standing::Active;
    match why {
        // A parent's work does not count for the aged.
        Entitlement::Age => active && size >= 20 && !matches!(plan.holder, Holder::Parent(_)),
        Entitlement::Disability => active && size >= 100,
        Entitlement::RenalDisease(since) => since.plus_months(30).is_none_or(|end| on < end),
    }
}

impl Rule {
    /// Which of two covers pays first by this rule; `None` where it does not
    /// decide. `all` are the patient's covers, `on` is the date of service.
    #[must_use]
    pub fn decide(
        self,
        one: &Cover,
        other: &Cover,
        all: &[Cover],
        on: ServiceDate,
    ) -> Option<Side> {
        let parents = match (one.holder, other.holder) {
            (Holder::Parent(one), Holder::Parent(other)) => Some((one, other)),
            _ => None,
        };
        match self {
            Self::NoCoordination => lesser(one.coordinates, other.coordinates),
            Self::Liability => lesser(one.kind != Kind::Liability, other.kind != Kind::Liability),
            Self::Medicare => match (one.kind, other.kind) {
                (Kind::Medicare(_), Kind::Medicare(_)) => None,
                (Kind::Medicare(why), _) if before_medicare(other, why, on) => Some(Side::Other),
                (Kind::Medicare(_), _) => Some(Side::One),
                (_, Kind::Medicare(why)) if before_medicare(one, why, on) => Some(Side::One),
                (_, Kind::Medicare(_)) => Some(Side::Other),
                _ => None,
            },
            Self::MedicareBetween => {
                let why = all.iter().find_map(|cover| match cover.kind {
                    Kind::Medicare(why) => Some(why),
                    _ => None,
                })?;
                let key = |cover: &Cover| !before_medicare(cover, why, on);
                (one.holder.is_patient() != other.holder.is_patient())
                    .then(|| lesser(key(one), key(other)))
                    .flatten()
            }
            Self::NotDependent => lesser(!one.holder.is_patient(), !other.holder.is_patient()),
            Self::CourtDecree => {
                let (one, other) = parents?;
                lesser(!one.responsible, !other.responsible).or_else(|| {
                    let same = one.responsible && one.custody == other.custody;
                    same.then(|| lesser(one.spouse, other.spouse)).flatten()
                })
            }
            Self::Custody => {
                let (one, other) = parents?;
                let rank = |parent: Parent| match (parent.custody, parent.spouse) {
                    (Custody::Together, _) => None,
                    (Custody::Custodial, false) => Some(0),
                    (Custody::Custodial, true) => Some(1),
                    (Custody::Other, false) => Some(2),
                    (Custody::Other, true) => Some(3),
                };
                lesser(rank(one)?, rank(other)?)
            }
            Self::Birthday => {
                let (one, other) = parents?;
                lesser(one.birthday, other.birthday)
            }
            Self::SameBirthday => {
                parents?;
                lesser(one.since, other.since)
            }
            Self::Active => {
                let key = |cover: &Cover| cover.standing == Standing::Retired;
                let apply =
                    one.standing != Standing::Continued && other.standing != Standing::Continued;
                apply.then(|| lesser(key(one), key(other))).flatten()
            }
            Self::Continuation => {
                let key = |cover: &Cover| cover.standing == Standing::Continued;
                lesser(key(one), key(other))
            }
            Self::Longer => lesser(one.since, other.since),
            Self::SpouseBirthday => match (one.holder, other.holder) {
                (Holder::Parent(one), Holder::Spouse(other)) => lesser(one.birthday, other),
                (Holder::Spouse(one), Holder::Parent(other)) => lesser(one, other.birthday),
                _ => None,
            },
        }
    }
}

/// Which of two covers pays first, and by which rule. `None` when no rule
/// decides: they share the expense equally (NAIC Model 120 §6 D (6)).
#[must_use]
pub fn first(
    one: &Cover,
    other: &Cover,
    all: &[Cover],
    on: ServiceDate,
    rules: &[Rule],
) -> Option<(Side, Rule)> {
    rules
        .iter()
        .find_map(|rule| Some((rule.decide(one, other, all, on)?, *rule)))
}

/// A cover in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its position among the covers given.
    pub cover: usize,
    /// The rule that put it behind the one before: none for the first, and
    /// where no rule decided.
    pub rule: Option<Rule>,
}

/// Puts covers into their order: each by how many others it comes before, equal
/// ones as they were given.
#[must_use]
pub fn rank(covers: &[Cover], on: ServiceDate, rules: &[Rule]) -> Vec<Place> {
    let mut order: Vec<(usize, usize)> = covers
        .iter()
        .enumerate()
        .map(|(i, cover)| {
            let behind = covers.iter().enumerate().filter(|(j, other)| {
                let decided = first(cover, other, covers, on, rules);
                *j != i && decided.is_some_and(|(side, _)| side == Side::Other)
            });
            (behind.count(), i)
        })
        .collect();
    crate::sort_by_key(&mut order, |place| *place);
    let mut places: Vec<Place> = Vec::with_capacity(order.len());
    for (_, cover) in order {
        let before = places.last().and_then(|place| covers.get(place.cover));
        let decided = before
            .zip(covers.get(cover))
            .and_then(|(before, this)| first(before, this, covers, on, rules));
        places.push(Place {
            cover,
            rule: decided.map(|(_, rule)| rule),
        });
    }
    places
}
