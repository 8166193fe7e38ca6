//! Levels of appeal and how long each thing may take: numbers of the law that a payer is
//! under. `docs/appeals.md` names sources for some of them.

use std::collections::BTreeSet;

use serde::Deserialize;
use tally_core::appeal::{Level, Party, Window};

/// The levels, in the order in which they are gone through. None: nothing can be
/// appealed here.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "Vec<Checked>")]
pub struct AppealLevels(Vec<Level>);

/// A level as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelConfig {
    name: String,
    file_within_days: Option<i64>,
    file_within_months: Option<i64>,
    decide_within_days: i64,
    #[serde(default)]
    extend_days: i64,
    expedited_hours: Option<i64>,
    by: Option<BTreeSet<By>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Member,
    Provider,
}

#[derive(Deserialize)]
#[serde(try_from = "LevelConfig")]
struct Checked(Level);

/// A number of its kind in a range, or what is wrong with it.
fn within<N: TryFrom<i64>>(
    number: i64,
    range: std::ops::RangeInclusive<i64>,
    wrong: &'static str,
) -> Result<N, String> {
    let number = Some(number).filter(|number| range.contains(number));
    number
        .and_then(|number| N::try_from(number).ok())
        .ok_or_else(|| wrong.to_owned())
}

impl TryFrom<LevelConfig> for Checked {
    type Error = String;

    fn try_from(level: LevelConfig) -> Result<Self, String> {
        let plain = |byte: u8| byte == b' ' || byte == b'-' || byte.is_ascii_alphanumeric();
        let name = level.name;
        if name.is_empty() || name.len() > 40 || !name.bytes().all(plain) || name.trim() != name {
            return Err("`name` of a level is 1 to 40 letters, digits, blanks and `-`".into());
        }
        let file_within = match (level.file_within_days, level.file_within_months) {
            (Some(days), None) => {
                Window::Days(within(days, 1..=3660, "`file_within_days` is 1 to 3660")?)
            }
            (None, Some(months)) => {
                Window::Months(within(months, 1..=120, "`file_within_months` is 1 to 120")?)
            }
            _ => {
                return Err(
                    "a level says either `file_within_days` or `file_within_months`".into(),
                );
            }
        };
        let decide_within = within(
            level.decide_within_days,
            1..=3660,
            "`decide_within_days` is 1 to 3660",
        )?;
        let extend = within(level.extend_days, 0..=3660, "`extend_days` is 0 to 3660")?;
        let hours = |hours| within(hours, 1..=2400, "`expedited_hours` is 1 to 2400");
        let by = level.by;
        if by.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err("`by` names who may appeal: \"member\", \"provider\" or both".into());
        }
        let open = |party| by.as_ref().is_none_or(|by| by.contains(&party));
        Ok(Self(Level {
            member: open(By::Member),
            provider: open(By::Provider),
            name,
            file_within,
            decide_within,
            extend,
            expedited: level.expedited_hours.map(hours).transpose()?,
        }))
    }
}

impl TryFrom<Vec<Checked>> for AppealLevels {
    type Error = &'static str;

    fn try_from(levels: Vec<Checked>) -> Result<Self, Self::Error> {
        if levels.len() > 16 {
            return Err("`[[payer.appeal]]` says at most 16 levels");
        }
        let names: BTreeSet<&str> = levels.iter().map(|level| &level.0.name[..]).collect();
        if names.len() != levels.len() {
            return Err("two levels of `[[payer.appeal]]` have one name: say each once, in order");
        }
        Ok(Self(levels.into_iter().map(|level| level.0).collect()))
    }
}

impl AppealLevels {
    /// The levels, in order.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.0
    }

    /// Those that are open to members, in order: what an explanation of benefits tells
    /// of.
    pub fn levels_of_members(&self) -> impl Iterator<Item = &Level> {
        self.0
            .iter()
            .filter(|level| level.is_open_to(Party::Member))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const FIRST: &str =
        "[[payer.appeal]]\nname = 'internal'\nfile_within_days = 180\ndecide_within_days = 60\n";
    const SECOND: &str = "[[payer.appeal]]\nname = 'external'\nfile_within_months = 4\n\
         decide_within_days = 45\nexpedited_hours = 72\nextend_days = 5\nby = ['member']\n";

    fn of(levels: &str) -> Result<AppealLevels, String> {
        let text = format!("[node]\ndata='x'\n{levels}");
        let config = Config::of("t", &text, []);
        config
            .map(|config| config.payer.appeal)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn levels_are_read_in_order() {
        assert!(of("").unwrap().levels().is_empty());
        let read = of(&format!("{FIRST}{SECOND}")).unwrap();
        let [internal, external] = read.levels() else {
            panic!("two");
        };
        assert_eq!(internal.file_within, Window::Days(180));
        assert!(internal.member && internal.provider);
        assert_eq!((internal.extend, internal.expedited), (0, None));
        assert_eq!(external.file_within, Window::Months(4));
        assert!(external.member && !external.provider);
        assert_eq!((external.extend, external.expedited), (5, Some(72)));
        let members = read.levels_of_members().map(|level| &level.name[..]);
        assert_eq!(members.collect::<Vec<_>>(), ["internal", "external"]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, expected) in [
            (FIRST.replace("180", "0"), "`file_within_days` is 1 to 3660"),
            (FIRST.replace("60", "-3"), "`decide_within_days` is 1"),
            (
                FIRST.replace("file_within_days = 180\n", ""),
                "either `file_within_days` or `file_within_months`",
            ),
            (
                format!("{FIRST}file_within_months = 6\n"),
                "either `file_within_days` or `file_within_months`",
            ),
            (
                SECOND.replace("= 4\n", "= 121\n"),
                "`file_within_months` is 1 to 120",
            ),
            (SECOND.replace("72", "0"), "`expedited_hours` is 1 to 2400"),
            (SECOND.replace("= 5\n", "= -1\n"), "`extend_days` is 0"),
            (SECOND.replace("['member']", "[]"), "`by` names who"),
            (SECOND.replace("member", "judge"), "unknown variant"),
            (FIRST.replace("internal", " a"), "`name` of a level"),
            (FIRST.replace("decide_", "conclude_"), "unknown field"),
            (
                FIRST.replace("decide_within_days = 60", ""),
                "missing field `decide_within_days`",
            ),
            (format!("{FIRST}{FIRST}"), "have one name"),
        ] {
            let Err(error) = of(&text) else {
                panic!("{text}");
            };
            assert!(error.contains(expected), "{error} has not: {expected}");
            assert!(error.contains("line "), "{error}");
        }
    }
}
