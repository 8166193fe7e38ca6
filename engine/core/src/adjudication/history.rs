//! A unit's own earlier lines: what duplicates are told by, what policies'
//! questions are answered from, and what authorisations have been used.
//! They hold protected health information: no `Debug`, no `Display`.

use tally_types::{Code, Money, Quantity, ServiceDate, ShortCode};

use super::context::ContextAuthorization;
use super::questions::{Measure, Question};
use crate::claim::{
    Authorization, AuthorizationKind, Claim, ClaimKind, Drug, Modifiers, ServiceLine, Tooth,
};

/// What became of an earlier line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// Settled and not denied.
    Allowed,
    /// Denied.
    Denied,
    /// Its claim waits, as a policy has judged.
    Pended,
    /// Its claim waits for a rule of the engine: no policy has judged it.
    Unjudged,
}

/// One line of an earlier claim of the unit.
#[derive(Clone, PartialEq, Eq)]
pub struct PastLine {
    /// The member, as enrolled.
    pub member: String,
    /// What kind of claim it was on.
    pub kind: ClaimKind,
    /// The billing provider, as sent.
    pub billing: String,
    /// Who rendered it, as sent; the billing provider where none is named.
    pub rendering: String,
    /// The procedure.
    pub procedure: Code,
    /// Its modifiers, sorted: their order does not make another service.
    pub modifiers: Modifiers,
    /// Revenue code.
    pub revenue: ShortCode,
    /// Place of service.
    pub place: ShortCode,
    /// Units.
    pub quantity: Quantity,
    /// Charge.
    pub charge: Money,
    /// First date of service.
    pub from: ServiceDate,
    /// Last date of service.
    pub through: ServiceDate,
    /// The drug it bills for giving.
    pub drug: Option<Drug>,
    /// Areas of the mouth, sorted, each once.
    pub cavities: Vec<ShortCode>,
    /// Teeth with their surfaces, both sorted: `DOM` is `MOD`.
    pub teeth: Vec<Tooth>,
    /// What became of it.
    pub state: LineState,
}

impl PastLine {
    /// A line of a claim, as later claims will see it.
    #[must_use]
    pub fn of(claim: &Claim, line: &ServiceLine, state: LineState) -> Self {
        let mut modifiers = line.modifiers;
        modifiers.sort_unstable();
        Self {
            member: claim.member.identifier.clone(),
            kind: claim.kind,
            billing: claim.billing.identifier.clone(),
            rendering: line
                .rendering
                .as_ref()
                .unwrap_or(&claim.billing)
                .identifier
                .clone(),
            procedure: line.procedure,
            modifiers,
            revenue: line.revenue,
            place: line.place,
            quantity: line.quantity,
            charge: line.charge,
            from: line.from,
            through: line.through,
            drug: line.detail.drug,
            cavities: line.detail.areas(),
            teeth: line.detail.sorted_teeth(),
            state,
        }
    }

    /// What was done: the procedure, or the revenue code of a line without one.
    #[must_use]
    pub fn service(&self) -> Code {
        if self.procedure.is_none() {
            Code::parse(&self.revenue.to_string()).unwrap_or(Code::NONE)
        } else {
            self.procedure
        }
    }

    /// Who rendered it, as a policy knows them: the billing provider where
    /// nobody else is named, or by nothing that is a code.
    fn provider(&self) -> Code {
        Code::parse(&self.rendering)
            .or_else(|_| Code::parse(&self.billing))
            .unwrap_or(Code::NONE)
    }

    /// Whether this provider billed it.
    fn is_billed_by(&self, whose: Code) -> bool {
        Code::parse(&self.billing).is_ok_and(|billing| billing == whose)
    }

    /// Whether another line is the same service billed again: the same member,
    /// billing provider, dates, procedure with modifiers, charge, and rendering
    /// provider and place (professional) or revenue code (institutional)
    /// (Medicare Claims Processing Manual, ch. 1 §120), and the same place in the
    /// mouth, to the surface, and the same drug, as much of it: two teeth filled on
    /// a day are two services, and so are two drugs under one procedure. What a
    /// pharmacy bills is the drug itself, so there its quantity is compared. A line
    /// that was denied, or that no policy has judged, is not repeated: it may be
    /// sent again.
    #[must_use]
    pub fn is_repeated_by(&self, other: &Self) -> bool {
        let institutional = self.kind == ClaimKind::Institutional;
        let pharmacy = self.kind == ClaimKind::Pharmacy;
        matches!(self.state, LineState::Allowed | LineState::Pended)
            && self.kind == other.kind
            && self.from == other.from
            && self.through == other.through
            && self.procedure == other.procedure
            && self.modifiers == other.modifiers
            && self.charge == other.charge
            && (institutional || self.place == other.place)
            && (institutional || self.rendering == other.rendering)
            && (!institutional || self.revenue == other.revenue)
            && (!pharmacy || self.quantity == other.quantity)
            && self.drug == other.drug
            && self.cavities == other.cavities
            && self.teeth == other.teeth
            && self.billing == other.billing
            && self.member == other.member
    }
}

/// The answer to a policy's question.
#[must_use]
pub fn answer(question: &Question, member: &str, history: &[PastLine]) -> i64 {
    let matching = history.iter().filter(|line| {
        line.state == LineState::Allowed
            && line.from >= question.from
            && line.from <= question.through
            && line.through <= question.until
            && (question.revenue.is_none() || line.revenue == question.revenue)
            && (question.code.is_none() || line.service() == question.code)
            && (question.family || line.member == member)
            && (question.provider.is_none() || line.provider() == question.provider)
            && question.kind.is_none_or(|kind| line.kind == kind)
            && (question.billing.is_none() || line.is_billed_by(question.billing))
    });
    match question.what {
        Measure::Units => matching.fold(0, |sum, line| sum.saturating_add(line.quantity.scaled())),
        Measure::Lines => i64::try_from(matching.count()).unwrap_or(i64::MAX),
        Measure::LastDate => matching
            .map(|line| i64::from(line.from.days()))
            .max()
            .unwrap_or(i64::MIN),
    }
}

/// What an earlier line took of an authorisation on file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The line: its position in the history.
    pub line: usize,
    /// The authorisation: its position on file.
    pub authorization: usize,
    /// Units.
    pub units: Quantity,
}

/// Whether what is used of an authorisation is counted here: of a referral to anybody
/// it is not. Every line of the member would be of it, the primary-care provider's too;
/// whose services need one is the policy's to know, so the policy counts them.
#[must_use]
pub const fn is_counted(auth: &Authorization) -> bool {
    !(matches!(auth.kind, AuthorizationKind::Referral) && auth.provider.is_none())
}

/// Whether an authorisation is good for an earlier line, as the toolkit's
/// `authorized_lines` has it for the lines of a claim: for what was done, for all of
/// its days, and for who rendered or billed it.
fn is_good_for(auth: &Authorization, line: &PastLine) -> bool {
    let referral = auth.kind == AuthorizationKind::Referral;
    let of = auth.procedure == line.service() || (referral && auth.procedure.is_none());
    let to = auth.provider.is_none()
        || auth.provider == line.provider()
        || line.is_billed_by(auth.provider);
    of && to && line.from >= auth.from && line.through <= auth.through
}

/// What earlier lines took of a member's authorisations: each takes its units from
/// the first authorisation on file that is good for it and has any, then from the
/// next; a line that is not covered in full takes none. Authorisations and referrals
/// are apart: a line that needs both takes its units from each.
#[must_use]
pub fn uses(authorizations: &[Authorization], member: &str, history: &[PastLine]) -> Vec<Use> {
    use AuthorizationKind::{Authorization as Prior, Referral};
    let mut left: Vec<Quantity> = authorizations.iter().map(|auth| auth.units).collect();
    let mut found = Vec::new();
    let used = history
        .iter()
        .enumerate()
        .filter(|(_, line)| line.state == LineState::Allowed && line.member == member);
    for (at, line) in used {
        for kind in [Prior, Referral] {
            let mut units = line.quantity;
            let mut after = left.clone();
            let mut taking = Vec::new();
            let on_file = authorizations.iter().zip(&mut after).enumerate();
            for (authorization, (auth, left)) in on_file {
                if auth.kind != kind || !is_counted(auth) || !is_good_for(auth, line) {
                    continue;
                }
                let taken = left.lesser(units);
                *left = left.checked_sub(taken).unwrap_or(Quantity::ZERO);
                units = units.checked_sub(taken).unwrap_or(Quantity::ZERO);
                if !taken.is_zero() {
                    taking.push(Use {
                        line: at,
                        authorization,
                        units: taken,
                    });
                }
            }
            if units.is_zero() {
                left = after;
                found.append(&mut taking);
            }
        }
    }
    found
}

/// What is left of a member's authorisations after [`uses`].
#[must_use]
pub fn remaining(
    authorizations: &[Authorization],
    member: &str,
    history: &[PastLine],
) -> Vec<ContextAuthorization> {
    let mut left: Vec<ContextAuthorization> = authorizations
        .iter()
        .map(|auth| ContextAuthorization {
            kind: auth.kind,
            procedure: auth.procedure,
            provider: auth.provider,
            from: auth.from,
            through: auth.through,
            remaining: auth.units,
        })
        .collect();
    if left.is_empty() {
        return left;
    }
    for used in uses(authorizations, member, history) {
        if let Some(auth) = left.get_mut(used.authorization) {
            let less = auth.remaining.checked_sub(used.units);
            auth.remaining = less.unwrap_or(Quantity::ZERO);
        }
    }
    left
}

crate::canon_enum!(LineState {
    Allowed = 1,
    Denied = 2,
    Pended = 3,
    Unjudged = 4,
});
crate::canon_record!(PastLine {
    member,
    kind,
    billing,
    rendering,
    procedure,
    modifiers,
    revenue,
    place,
    quantity,
    charge,
    from,
    through,
    drug,
    cavities,
    teeth,
    state,
});
