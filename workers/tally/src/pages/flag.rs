//! A flag: the evidence first, then the score by its parts, the claims that
//! make it, and where it is committed to.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use tally_core::claim::ClaimId;
use tally_core::fraud::schedule::SLOTS;
use tally_core::fraud::{Flag, FlagId, Pattern};
use tally_store::port::{FlagFilter, Reading as _};
use tally_types::ServiceDate;

use super::chart::{Svg, bar, days, slots};
use super::error::Failure;
use super::flags::{band, dates, patterns};
use super::show::{Shell, Tab, grouped, html, member_of, short, words};
use super::{Answered, Shared, Site};
use crate::node::ClaimRead;

/// Claims that are opened and shown; a flag may name thousands of lines.
const CLAIMS: usize = 50;

struct Part {
    points: u16,
    reason: String,
    bar: Svg,
}

struct Line {
    claim: String,
    short: String,
    line: u16,
    status: &'static str,
    provider: String,
    member: String,
    member_link: String,
    service: String,
    procedure: String,
    charge: String,
    days: Svg,
}

struct Place {
    entry: u64,
    slot: u16,
    drawn: Svg,
}

#[derive(Template)]
#[template(path = "flag.html")]
struct FlagPage<'a> {
    shell: Shell,
    flag: &'a Flag,
    id: String,
    name: String,
    means: String,
    policy: Option<String>,
    band: &'static str,
    score: Svg,
    parts: Vec<Part>,
    dates: String,
    exposure: String,
    first: String,
    last: String,
    death: Option<String>,
    several_days: bool,
    lines: Vec<Line>,
    more: usize,
    place: Option<Place>,
    slots: usize,
}

pub(super) async fn page(site: Shared, Path(id): Path<String>) -> Answered {
    let node = &site.node;
    let none = || {
        Failure::none(
            "No such flag stands",
            "A flag is withdrawn when the claims no longer support it. Those that stand:",
            ("/flags", "All flags"),
        )
    };
    let id = FlagId::parse(&id).ok_or_else(none)?;
    let filter = FlagFilter {
        id: Some(id),
        ..FlagFilter::default()
    };
    let reads = node.read_flags(&filter, "page:flag").await?;
    let read = reads.into_iter().next().ok_or_else(none)?;
    let flag = &read.flag;
    let book = node.book().await?;
    let title = patterns(&book)
        .into_iter()
        .find(|(known, _)| known == flag.pattern.as_str())
        .map(|(_, title)| title);
    let death = evidence(flag, "date of death").and_then(|d| ServiceDate::parse(d).ok());
    let (lines, more) = site.lines(flag, death).await?;
    let mut before = 0;
    let parts = flag
        .parts
        .iter()
        .map(|part| {
            let from = before;
            before += i64::from(part.points);
            Part {
                points: part.points,
                reason: part.reason.clone(),
                bar: bar(&[(from, before, band(flag.score))], 1000),
            }
        })
        .collect();
    html(&FlagPage {
        shell: Shell::new(&words(flag.pattern.as_str()), Tab::Flags, node.origin()),
        id: flag.id.to_string(),
        name: words(flag.pattern.as_str()),
        means: means(&flag.pattern, title.as_deref()),
        policy: flag.rule_version.strip_prefix("policy/").map(str::to_owned),
        band: band(flag.score),
        score: bar(&[(0, flag.score.into(), band(flag.score))], 1000),
        parts,
        dates: dates(flag.first_seen, flag.last_seen),
        exposure: grouped(flag.exposure),
        first: span(flag, death).0.to_string(),
        last: span(flag, death).1.to_string(),
        death: death.map(|death| death.to_string()),
        several_days: flag.first_seen != flag.last_seen || death.is_some(),
        lines,
        more,
        place: read.place.map(|(entry, slot)| Place {
            entry,
            slot,
            drawn: slots(SLOTS, slot.into()),
        }),
        slots: SLOTS,
        flag,
    })
}

fn evidence<'a>(flag: &'a Flag, label: &str) -> Option<&'a str> {
    let item = flag.evidence.iter().find(|item| item.label == label)?;
    Some(&item.value)
}

/// The first and last day of the time line.
fn span(flag: &Flag, death: Option<ServiceDate>) -> (ServiceDate, ServiceDate) {
    let death = death.unwrap_or(flag.first_seen);
    (flag.first_seen.min(death), flag.last_seen.max(death))
}

/// What a pattern means, for whoever sees it for the first time.
fn means(pattern: &Pattern, title: Option<&str>) -> String {
    match pattern {
        Pattern::SuspectDuplicate => {
            "Claims that bill the same service for the same member on days they share, and are \
             not exact duplicates, which are denied. It may be a correction sent twice."
        }
        Pattern::ImpossibleDay => {
            "The typical minutes of all that one provider rendered on one day. Typical times are \
             not mandatory, and incident-to billing inflates one number: a lead, never a denial."
        }
        Pattern::ServiceAfterDeath => {
            "Services dated after the member's death as enrolment knows it. One of the two dates \
             may be wrong."
        }
        Pattern::Policy(_) => {
            return title
                .unwrap_or("A pattern that the policy names.")
                .to_owned();
        }
    }
    .to_owned()
}

impl Site {
    /// The lines that make a flag, and how many are left out.
    async fn lines(
        &self,
        flag: &Flag,
        death: Option<ServiceDate>,
    ) -> Result<(Vec<Line>, usize), Failure> {
        let mut claims: BTreeMap<ClaimId, Option<ClaimRead>> = BTreeMap::new();
        let mut lines = Vec::new();
        let (first, last) = span(flag, death);
        for (id, number) in &flag.claims {
            if !claims.contains_key(id) {
                if claims.len() >= CLAIMS {
                    break;
                }
                let known = self.node.store().claim(*id).await?;
                let read = match known {
                    // An erased claim is named and not shown.
                    Some(row) => self.open(&row, "page:flag").await?,
                    None => None,
                };
                claims.insert(*id, read);
            }
            let read = claims.get(id).and_then(Option::as_ref);
            let services = read.into_iter().flat_map(|read| &read.claim.lines);
            let services: Vec<_> = services
                .filter(|line| *number == 0 || line.number == *number)
                .collect();
            let from = services.iter().map(|l| l.from).min().unwrap_or(first);
            let through = services.iter().map(|l| l.through).max().unwrap_or(last);
            let charge = services.iter().map(|l| l.charge);
            let outcome = read.and_then(|read| read.row.outcome.as_ref());
            let status = match (read, outcome) {
                (None, _) => "erased",
                (_, None) => "waiting",
                (_, Some(outcome)) => outcome.status.as_str(),
            };
            let text = id.to_string();
            lines.push(Line {
                short: short(&text).to_owned(),
                claim: text,
                line: *number,
                status,
                provider: read.map_or(String::new(), |read| {
                    let rendering = services.iter().find_map(|line| line.rendering.as_ref());
                    rendering.unwrap_or(&read.claim.billing).identifier.clone()
                }),
                member: read.map_or(String::new(), |r| r.claim.member.identifier.clone()),
                member_link: read.map_or(String::new(), member_of),
                service: dates(from, through),
                procedure: services.first().map_or(String::new(), |line| {
                    if line.procedure.is_none() {
                        line.revenue.to_string()
                    } else {
                        line.procedure.to_string()
                    }
                }),
                charge: tally_types::Money::checked_sum(charge).map_or_else(|| "–".into(), grouped),
                days: days(
                    from.days(),
                    through.days(),
                    first.days(),
                    last.days(),
                    death.map(ServiceDate::days),
                    status_class(status),
                ),
            });
        }
        lines.sort_by(|a, b| (&a.service, &a.claim, a.line).cmp(&(&b.service, &b.claim, b.line)));
        let more = flag.claims.len() - lines.len();
        Ok((lines, more))
    }
}

fn status_class(status: &str) -> &'static str {
    match status {
        "paid" => "paid",
        "denied" => "denied",
        "pended" => "pended",
        _ => "waiting",
    }
}
