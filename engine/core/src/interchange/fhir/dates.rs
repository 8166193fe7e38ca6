//! Periods, and the dates of a line that has none of its own.

use tally_types::ServiceDate;

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;

/// A first and a last day.
pub(super) type Days = (ServiceDate, ServiceDate);

/// A `Period` by its days. One with a single end is that day.
pub(super) fn period(node: &Node<'_>) -> Result<Option<Days>, Fault> {
    let side = |key: &str| match node.get(key)? {
        Some(day) => scalar::day(&day).map(Some),
        None => Ok(None),
    };
    let (start, end) = (side("start")?, side("end")?);
    let Some((from, through)) = start.or(end).zip(end.or(start)) else {
        return Ok(None);
    };
    if through < from {
        return Err(node.fault(IntakeRule::DatesOutOfOrder, "it ends before it begins"));
    }
    Ok(Some((from, through)))
}

/// The dates of a line that has none: the billable period's, else the day the
/// claim was made.
pub(super) fn fallback(claim: &Node<'_>) -> Result<Option<Days>, Fault> {
    let billable = match claim.get("billablePeriod")? {
        Some(node) => period(&node)?,
        None => None,
    };
    let created = match claim.get("created")? {
        Some(node) => scalar::day_if_whole(&node)?,
        None => None,
    };
    Ok(billable.or(created.map(|day| (day, day))))
}
