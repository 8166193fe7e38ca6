//! Appeals as JSON, and their deadlines as a picture: what the command line prints, the
//! API answers and the pages show.

use serde_json::{Value, json};
use tally_core::appeal::{Appeal, Event, Moment, Stage};

use crate::node::keys::hex;
use crate::node::{ActStand, AppealRead};

/// Whether what people wrote is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// To the payer.
    Told,
    /// To who filed it; who noted what at the payer's is the payer's to know.
    WithoutNames,
    /// To others, who see that something happened and when.
    Withheld,
}

/// Where an appeal stands: one that was overtaken lapsed, and stays so.
#[must_use]
pub fn stage(read: &AppealRead, now: Moment) -> Stage {
    match read.overtaken {
        true => Stage::Lapsed,
        false => read.appeal.stage(now),
    }
}

/// Whether it waits for a decision whose time is over.
#[must_use]
pub fn is_overdue(read: &AppealRead, now: Moment) -> bool {
    !read.overtaken && read.appeal.stage(now) == Stage::Lapsed
}

/// Days that are left to decide it, below zero when the time is over; none when it is
/// closed.
#[must_use]
pub fn days_left(read: &AppealRead, now: Moment) -> Option<i32> {
    let open = read.appeal.is_open() && !read.overtaken;
    open.then(|| read.appeal.due(now).day.days_since(now.day))
}

/// What is left of the time to decide it, in words; none when it is closed.
#[must_use]
pub fn time_left(read: &AppealRead, now: Moment) -> Option<String> {
    let left = days_left(read, now)?;
    Some(match left {
        left if left < 0 => format!("{} over", days(-left)),
        0 if is_overdue(read, now) => "over".to_owned(),
        0 => "due today".to_owned(),
        left => format!("{} left", days(left)),
    })
}

/// How much of the time is over, in twenty parts, and in words.
#[must_use]
pub fn picture(read: &AppealRead, now: Moment) -> String {
    const PARTS: i32 = 20;
    let appeal = &read.appeal;
    let due = appeal.due(now).day;
    let whole = due.days_since(appeal.on()).max(1);
    let until = appeal.ended().unwrap_or(now.day);
    let gone = until.days_since(appeal.on()).max(0);
    let full = (gone.min(whole) * PARTS / whole).clamp(0, PARTS);
    let bar: String = (0..PARTS)
        .map(|part| if part < full { '█' } else { '░' })
        .collect();
    let words = time_left(read, now);
    let words = words.unwrap_or_else(|| format!("closed on day {gone} of {whole}"));
    match read.overtaken {
        true => format!("{bar} lapsed"),
        false => format!("{bar} {words}"),
    }
}

/// `1 day`, `2 days`.
#[must_use]
pub fn days(count: i32) -> String {
    match count {
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

/// An appeal.
#[must_use]
pub fn appeal_json(read: &AppealRead, now: Moment, texts: Texts) -> Value {
    let appeal = &read.appeal;
    let filed = appeal.as_filed();
    let told = |text: &str| match texts {
        Texts::Told | Texts::WithoutNames => Value::from(text),
        Texts::Withheld => Value::Null,
    };
    let named = |name: &str| match texts {
        Texts::Told => Value::from(name),
        Texts::WithoutNames | Texts::Withheld => Value::Null,
    };
    json!({
        "appeal": read.row.id.to_string(),
        "claim": read.row.claim.to_string(),
        "level": { "number": filed.level, "name": filed.name },
        "by": filed.by.to_string(),
        "status": stage(read, now).name(),
        "expedited": filed.expedited,
        "known": filed.known.to_string(),
        "last_day_to_file": filed.last_day.to_string(),
        "filed": appeal.on().to_string(),
        "due": appeal.due(now).to_string(),
        "days_left": days_left(read, now),
        "overdue": is_overdue(read, now),
        "waits_until": appeal.waits_until(now).map(|day| day.to_string()),
        "reason": told(&filed.reason),
        "appealed": {
            "outcome": hex(&filed.appealed.outcome),
            "number": filed.appealed.number,
            "entry": filed.appealed.entry,
        },
        "changed": read.changed.map(|changed| json!({
            "by": changed.by.to_string(),
            "on": changed.on.to_string(),
            "gone": changed.gone,
        })),
        "decision": decision(read, appeal, told),
        "events": events(read, told, named),
    })
}

fn decision(read: &AppealRead, appeal: &Appeal, told: impl Fn(&str) -> Value) -> Option<Value> {
    let (on, decided) = appeal.decided()?;
    Some(json!({
        "on": on.to_string(),
        "verdict": decided.verdict.to_string(),
        "reason": told(&decided.reason),
        "act": read.act.map(|of| of.act.to_string()),
        "done": read.act.map(|of| of.stand == ActStand::Done),
    }))
}

fn events(
    read: &AppealRead,
    told: impl Fn(&str) -> Value,
    named: impl Fn(&str) -> Value,
) -> Vec<Value> {
    let of = |(day, event): &(_, Event)| {
        let (by, text) = match event {
            Event::Filed(filed) => (&filed.noted_by, &filed.reason),
            Event::Extended { by, reason, .. } | Event::Withdrawn { by, reason } => (by, reason),
            Event::Asked { by, what, .. } | Event::Answered { by, what } => (by, what),
            Event::Decided(decided) => (&decided.by, &decided.reason),
        };
        let mut value = json!({
            "on": tally_types::ServiceDate::to_string(day),
            "event": event.name(),
            "noted_by": named(by),
            "text": told(text),
        });
        match event {
            Event::Extended { days, .. } => value["days"] = (*days).into(),
            Event::Asked { until, .. } => value["until"] = until.to_string().into(),
            _ => {}
        }
        value
    };
    read.events.iter().map(of).collect()
}
