//! What the enrolment has on file of what was decided.

use tally_types::ServiceDate;

use super::request::Certification;
use super::state::State;
use crate::claim::{Authorization, Provider};

/// The authorisations on file for a member, as known at the end of `day`, from what
/// became of the member's requests. Adjudication takes them as it takes any others and
/// counts what claims have used, so recorded use plays no part.
///
/// What is over stays on file: it is the day of the service that counts. What was taken
/// back is good for the days before that day; what a revision replaced is not on file, as
/// the revision restates it, and neither is a revision of which a line waits: the old one
/// stands until then. The order is that in which they are used up: authorisations
/// before referrals, and what ends first before what is good for longer.
#[must_use]
pub fn entries(decided: &[State], day: ServiceDate) -> Vec<Authorization> {
    let found = entries_by_line(decided, day).into_iter();
    found.map(|(entry, _)| entry).collect()
}

/// The same, each with the number of the request's line that it is of.
#[must_use]
pub fn entries_by_line(decided: &[State], day: ServiceDate) -> Vec<(Authorization, u16)> {
    let mut found: Vec<(Authorization, u16)> = Vec::new();
    for state in decided {
        if state.superseded().is_some_and(|on| on <= day) {
            continue;
        }
        // It takes the place of the old one as a whole, or not yet.
        let revision = state.request().certification == Certification::Revised;
        if revision && state.waits() {
            continue;
        }
        let cancelled = state.cancelled().filter(|on| *on <= day);
        for line in state.lines() {
            let Some((since, grant)) = line.granted() else {
                continue;
            };
            let Some(asked) = state.request().line(line.number()) else {
                continue;
            };
            let before = |on: ServiceDate| on.plus_days(-1).unwrap_or(ServiceDate::MIN);
            let through = cancelled.map_or(grant.through, |on| grant.through.min(before(on)));
            if since > day || through < grant.from {
                continue;
            }
            let entry = Authorization {
                kind: state.request().kind,
                number: state.number().to_owned(),
                procedure: asked.procedure,
                provider: asked
                    .servicing
                    .as_ref()
                    .map_or(tally_types::Code::NONE, Provider::code),
                from: grant.from,
                through,
                units: grant.units,
            };
            found.push((entry, line.number()));
        }
    }
    found.sort_by(|(a, i), (b, j)| {
        let key = |of: &Authorization| (of.kind as u8, of.through, of.from);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.number.cmp(&b.number))
            .then(i.cmp(j))
    });
    found
}
