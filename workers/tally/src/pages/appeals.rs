//! Appeals that wait for a decision, what is to be decided first before others.

use askama::Template;
use tally_core::appeal::{Moment, Stage};
use tally_store::port::{AppealFilter, Appeals as _};

use super::chart::{Svg, bar};
use super::show::{Shell, Tab, grouped, html};
use super::{Answered, Shared};
use crate::appeals::{days_left, is_overdue, stage, time_left};
use crate::node::AppealRead;

/// The most that are shown.
pub(super) const MOST: u32 = 500;

/// An appeal with its deadline.
pub(super) struct AppealRow {
    pub(super) id: String,
    pub(super) claim: String,
    pub(super) level: String,
    pub(super) by: String,
    pub(super) stands: String,
    /// The class of its badge.
    pub(super) class: &'static str,
    pub(super) expedited: bool,
    pub(super) filed: String,
    pub(super) due: String,
    /// How much of the time is over, and in words what is left.
    pub(super) bar: Svg,
    pub(super) left: String,
    pub(super) changed: Option<String>,
}

impl AppealRow {
    pub(super) fn of(read: &AppealRead, now: Moment) -> Self {
        let (appeal, filed) = (&read.appeal, read.appeal.as_filed());
        let stage = stage(read, now);
        let due = appeal.due(now).day;
        let whole = due.days_since(appeal.on()).max(1);
        let until = appeal.ended().unwrap_or(now.day);
        let gone = until.days_since(appeal.on()).max(0);
        let over = stage == Stage::Lapsed;
        Self {
            id: read.row.id.to_string(),
            claim: read.row.claim.to_string(),
            level: filed.name.clone(),
            by: filed.by.to_string(),
            stands: stage.to_string(),
            class: match stage {
                Stage::Filed | Stage::Extended | Stage::Asked => "waiting",
                Stage::Lapsed => "high",
                Stage::Upheld => "denied",
                Stage::Overturned | Stage::InPart => "paid",
                Stage::Withdrawn => "reversed",
            },
            expedited: filed.expedited,
            filed: appeal.on().to_string(),
            due: appeal.due(now).to_string(),
            bar: bar(
                &[(
                    0,
                    gone.min(whole).into(),
                    if over { "denied" } else { "before" },
                )],
                whole.into(),
            ),
            left: time_left(read, now).unwrap_or_else(|| match appeal.ended() {
                None => "gone on to the next level".to_owned(),
                Some(on) if appeal.decided().is_some() => format!("decided {on}"),
                Some(on) => format!("closed {on}"),
            }),
            changed: read.changed.map(|changed| changed.on.to_string()),
        }
    }
}

#[derive(Template)]
#[template(path = "appeals.html")]
struct Open {
    shell: Shell,
    appeals: Vec<AppealRow>,
    of_one_claim: bool,
    overdue: usize,
    more: Option<String>,
}

pub(super) async fn page(site: Shared) -> Answered {
    let node = &site.node;
    let filter = AppealFilter {
        open: true,
        after: 0,
        limit: MOST,
    };
    let rows = node.store().appeals(&filter).await?;
    let more = rows.len() == MOST as usize;
    let now = node.moment();
    let mut reads = node.read_appeals(rows, "page:appeals").await?;
    reads.sort_by_key(|read| (days_left(read, now), read.row.place));
    html(&Open {
        shell: Shell::new("Appeals", Tab::Appeals, node.origin()),
        overdue: reads.iter().filter(|read| is_overdue(read, now)).count(),
        appeals: reads.iter().map(|of| AppealRow::of(of, now)).collect(),
        of_one_claim: false,
        more: more.then(|| grouped(MOST)),
    })
}
