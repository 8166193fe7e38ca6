//! Edits: what is not paid whatever the benefit.

use alloc::vec::Vec;

use tally_types::filing::Window;
use tally_types::{Code, Money, Quantity, Rate, Rounding, ServiceDate};

use crate::claim::{Authorization, Claim, Line};
use crate::history::{self, Measure, Question};
use crate::plan::TableId;
use crate::reference::{self, Key, Row};

/// Whether a claim came later than `days` after a line's last day.
#[must_use]
pub fn filed_late(claim: &Claim, line: &Line, days: i32) -> bool {
    claim.received.days_since(line.through) > days
}

/// Whether a claim came after the end of the calendar year after the service
/// (42 CFR 424.44: within one calendar year after the date of service).
#[must_use]
pub fn filed_after_a_year(claim: &Claim, line: &Line) -> bool {
    let (year, month, day) = line.through.ymd();
    // 29 February has no anniversary: the limit is the 28th.
    let limit = ServiceDate::new(year.saturating_add(1), month, day)
        .or_else(|| ServiceDate::new(year.saturating_add(1), month, day.saturating_sub(1)));
    limit.is_some_and(|limit| claim.received > limit)
}

/// Whether a claim came after the end of a window that begins with a line's last
/// day: days, or months.
#[must_use]
pub fn filed_outside(claim: &Claim, line: &Line, window: Window) -> bool {
    !window.holds(line.through, claim.received)
}

/// Which lines a prior authorisation on file covers, one flag a line; always
/// `false` for lines that need none. Lines use units up in their order, and one
/// may draw on several authorisations; a line that is not covered in full uses
/// none up. The engine counts what earlier claims used by the same rules.
#[must_use]
pub fn authorized_lines(claim: &Claim, needed: &[bool]) -> Vec<bool> {
    let mut units = AuthorizedUnits::of(claim);
    let good = |auth: &Authorization, line: &Line| {
        !auth.referral && auth.procedure == line.service() && auth.is_good_for(claim, line)
    };
    let lines = claim.lines.iter().enumerate();
    lines
        .map(|(i, line)| needed.get(i) == Some(&true) && units.take(line, |auth| good(auth, line)))
        .collect()
}

/// Units of a claim's authorisations and referrals as its lines use them up.
pub struct AuthorizedUnits<'a> {
    on_file: &'a [Authorization],
    left: Vec<Quantity>,
}

impl<'a> AuthorizedUnits<'a> {
    /// What earlier claims left.
    #[must_use]
    pub fn of(claim: &'a Claim) -> Self {
        Self {
            on_file: &claim.authorizations,
            left: claim
                .authorizations
                .iter()
                .map(|auth| auth.remaining.greater(Quantity::ZERO))
                .collect(),
        }
    }

    /// Takes off what else has been used of the one at a position, as far as there is
    /// any; how much it was. Of a referral to anybody the engine counts nothing.
    pub fn less(&mut self, at: usize, used: Quantity) -> Quantity {
        let Some(left) = self.left.get_mut(at) else {
            return Quantity::ZERO;
        };
        let taken = left.lesser(used);
        *left = left.checked_sub(taken).unwrap_or(*left);
        taken
    }

    /// Takes a line's units from those that are good for it, in their order.
    /// Whether all were there: if not, none is taken. A line of no units still
    /// needs one that has some, and so is never covered.
    pub fn take(&mut self, line: &Line, good: impl Fn(&Authorization) -> bool) -> bool {
        let mut open = line.quantity;
        let mut after = self.left.clone();
        for (auth, left) in self.on_file.iter().zip(&mut after) {
            if good(auth) {
                let taken = left.lesser(open);
                *left = left.checked_sub(taken).unwrap_or(*left);
                open = open.checked_sub(taken).unwrap_or(open);
            }
        }
        let covered = open.is_zero() && line.quantity > Quantity::ZERO;
        if covered {
            self.left = after;
        }
        covered
    }
}

/// What a table of exclusions says of who gives or bills a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exclusion {
    /// Nothing.
    None,
    /// Excluded, and waived by a state: that holds in the state alone, so that a
    /// person must look.
    Waived,
    /// Excluded.
    Excluded,
}

/// Which lines are of a provider who is excluded on their first or last day, the
/// rendering or the billing one: nothing may be paid for what an excluded person
/// furnishes (42 CFR 1001.1901 (b)). The table is as imported from the list of
/// excluded individuals and entities: keyed by NPI, with `waived` as second column.
#[must_use]
pub fn excluded(claim: &Claim, table: TableId) -> Vec<Exclusion> {
    let mut keys = Vec::new();
    let mut counts = Vec::new();
    for line in &claim.lines {
        let before = keys.len();
        for on in [line.from, line.through] {
            for provider in [line.rendering, claim.billing] {
                let key = (provider, on);
                if !keys.iter().skip(before).any(|known| *known == key) {
                    keys.push(key);
                }
            }
        }
        counts.push(keys.len().saturating_sub(before));
    }
    let keys: Vec<Key> = keys.iter().map(|(of, on)| Key::one(*of, *on)).collect();
    let mut rows = reference::lookup(table, &keys).into_iter();
    let found = |row: Row| match row.number(1) {
        0 => Exclusion::Excluded,
        _ => Exclusion::Waived,
    };
    let lines = counts.into_iter();
    lines
        .map(|count| {
            let line = rows.by_ref().take(count).flatten().map(found);
            line.fold(Exclusion::None, |worst, next| match worst {
                Exclusion::Excluded => worst,
                _ => next,
            })
        })
        .collect()
}

/// What a code is of which a table of diagnoses says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unlisted {
    /// Valid: the table has what may not be billed, and when.
    Valid,
    /// Not valid: the table has all codes, as the published list.
    Invalid,
}

/// Which lines point to diagnoses that are all valid on their first day, one flag a
/// line. The table is as imported from the published list: keyed by code without its
/// point, with `billable` as first column, 0 of what heads others. A line without a
/// diagnosis has none that is not valid.
#[must_use]
pub fn diagnoses_valid(claim: &Claim, table: TableId, unlisted: Unlisted) -> Vec<bool> {
    let of = |line: &Line| -> Vec<Key> {
        let pointed = claim.diagnoses_of(line);
        pointed
            .map(|code| Key::one(code.without('.'), line.from))
            .collect()
    };
    let each: Vec<Vec<Key>> = claim.lines.iter().map(of).collect();
    let mut rows = reference::lookup(table, &each.concat()).into_iter();
    let valid = |row: Option<Row>| match row {
        Some(row) => row.number(0) == 1,
        None => unlisted == Unlisted::Valid,
    };
    let lines = each.iter();
    lines
        .map(|keys| {
            let found = rows.by_ref().take(keys.len());
            found.filter(|row| !valid(*row)).count() == 0
        })
        .collect()
}

/// How a unit limit is applied (the MUE adjudication indicator).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnitRule {
    /// 1: to each line.
    Line,
    /// 2: to the day, absolutely.
    Day,
    /// 3: to the day, appealable.
    DayAppealable,
}

/// A limit of units of a procedure.
#[derive(Clone, Copy)]
pub struct UnitLimit {
    /// The most units.
    pub units: Quantity,
    /// How it is applied.
    pub rule: UnitRule,
}

impl UnitLimit {
    /// From a table row: whole units, then the indicator 1, 2 or 3.
    #[must_use]
    pub fn of(row: &Row) -> Option<Self> {
        Some(Self {
            units: Quantity::whole(row.number(0))?,
            rule: match row.number(1) {
                1 => UnitRule::Line,
                2 => UnitRule::Day,
                3 => UnitRule::DayAppealable,
                _ => return None,
            },
        })
    }
}

/// Which lines exceed their limit, one flag a line. All units of the claim are
/// denied, never some: of the line, or of that procedure, rendering provider and
/// day. Units that earlier claims were paid for count, and stay paid: of a claim
/// split in two what comes later is denied, and what came first is not. A line
/// without a limit counts for no other: give none to a line that is denied anyway.
#[must_use]
pub fn over_units(claim: &Claim, limits: &[Option<UnitLimit>]) -> Vec<bool> {
    let by_day = |line: &Line| {
        let mut units = Quantity::ZERO;
        for (other, limit) in claim.lines.iter().zip(limits) {
            if limit.is_some()
                && other.procedure == line.procedure
                && other.from == line.from
                && other.rendering == line.rendering
            {
                units = units.checked_add(other.quantity).unwrap_or(units);
            }
        }
        units
    };
    let mut questions = Vec::new();
    for (line, limit) in claim.lines.iter().zip(limits) {
        if limit.is_some_and(|limit| limit.rule != UnitRule::Line) {
            questions.push(
                Question::of(Measure::Units, line.procedure, line.from, line.from)
                    .by(line.rendering),
            );
        }
    }
    let mut earlier = history::query(&questions).into_iter();
    claim
        .lines
        .iter()
        .zip(limits)
        .map(|(line, limit)| match limit {
            None => false,
            Some(limit) if limit.rule == UnitRule::Line => line.quantity > limit.units,
            Some(limit) => {
                let before = Quantity::from_scaled(earlier.next().unwrap_or(0));
                by_day(line)
                    .checked_add(before)
                    .is_none_or(|units| units > limit.units)
            }
        })
        .collect()
}

/// The pairs of different procedures of one day and provider on this claim:
/// positions of the lines, the first as column 1, the second as column 2.
#[must_use]
pub fn same_day_pairs(claim: &Claim) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (i, first) in claim.lines.iter().enumerate() {
        for (j, second) in claim.lines.iter().enumerate() {
            if first.procedure != second.procedure
                && first.from == second.from
                && first.rendering == second.rendering
            {
                pairs.push((i, j));
            }
        }
    }
    pairs
}

/// Two services of one day and provider on this claim that stand in a table of
/// pairs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// Position of the line in column 1, which is paid.
    pub first: usize,
    /// Position of the line in column 2.
    pub second: usize,
    /// The pair's indicator: [`pair_denies`] says what it means.
    pub indicator: i64,
}

/// The pairs of this claim that stand in a table keyed by the codes of column 1
/// and column 2, with the indicator in its first value column.
#[must_use]
pub fn pairs_on_claim(claim: &Claim, table: TableId) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut keys = Vec::new();
    for (i, j) in same_day_pairs(claim) {
        if let (Some(first), Some(second)) = (claim.lines.get(i), claim.lines.get(j)) {
            keys.push(Key::two(first.procedure, second.procedure, second.from));
            pairs.push((i, j));
        }
    }
    let rows = reference::lookup(table, &keys);
    pairs
        .into_iter()
        .zip(rows)
        .filter_map(|((first, second), row)| {
            Some(Pair {
                first,
                second,
                indicator: row?.number(0),
            })
        })
        .collect()
}

/// A line that makes a pair with a service of an earlier claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EarlierPair {
    /// Position of the line on this claim.
    pub line: usize,
    /// The earlier service.
    pub with: Code,
    /// Whether the earlier service is the one in column 1. Otherwise it is the
    /// one in column 2, and was paid before this line came.
    pub earlier_is_first: bool,
    /// The pair's indicator. The earlier line's modifiers are not known.
    pub indicator: i64,
}

/// The pairs that lines make with services of earlier claims: same member,
/// rendering provider and day, not denied. `codes` are those of the table, by
/// [`crate::codes!`], since history answers about codes one by one. A claim
/// without an earlier one of its day costs one question a line.
#[must_use]
pub fn pairs_with_earlier(claim: &Claim, table: TableId, codes: &[Code]) -> Vec<EarlierPair> {
    let ask = |line: &Line, code: Code| {
        Question::of(Measure::Lines, code, line.from, line.from).by(line.rendering)
    };
    let paired = || {
        let lines = claim.lines.iter().enumerate();
        lines.filter(|(_, line)| codes.contains(&line.procedure))
    };
    let any: Vec<Question> = paired().map(|(_, line)| ask(line, Code::NONE)).collect();
    let any = history::query(&any);
    let busy = || {
        paired()
            .zip(&any)
            .filter(|(_, count)| **count > 0)
            .map(|(line, _)| line)
    };
    let mut asked = Vec::new();
    let mut questions = Vec::new();
    for (i, line) in busy() {
        for code in codes.iter().filter(|code| **code != line.procedure) {
            asked.push((i, line, *code));
            questions.push(ask(line, *code));
        }
    }
    let counts = history::query(&questions);
    asked.retain({
        let mut counts = counts.into_iter();
        move |_| counts.next().is_some_and(|count| count > 0)
    });
    let mut keys = Vec::new();
    for (_, line, code) in &asked {
        keys.push(Key::two(*code, line.procedure, line.from));
        keys.push(Key::two(line.procedure, *code, line.from));
    }
    let mut rows = reference::lookup(table, &keys).into_iter();
    let mut found = Vec::new();
    for (line, _, with) in asked {
        for earlier_is_first in [true, false] {
            if let Some(row) = rows.next().flatten() {
                found.push(EarlierPair {
                    line,
                    with,
                    earlier_is_first,
                    indicator: row.number(0),
                });
            }
        }
    }
    found
}

/// Which lines have a modifier that says their service was separate, one flag a
/// line: one that stands in a table of such modifiers on the line's first day. NCCI
/// names them (policy manual, ch. 1 §E) and adds to them, so that they are data.
#[must_use]
pub fn separate_lines(claim: &Claim, table: TableId) -> Vec<bool> {
    reference::by_modifier(table, claim)
        .iter()
        .map(|rows| rows.iter().any(Option::is_some))
        .collect()
}

/// Whether a pair denies its second line: indicator 0 always, 1 unless a modifier
/// of either line says that the services were `separate` ([`separate_lines`]), 9
/// never.
#[must_use]
pub const fn pair_denies(indicator: i64, separate: bool) -> bool {
    match indicator {
        0 => true,
        1 => !separate,
        _ => false,
    }
}

/// Fees after a multiple-procedure reduction: of the procedures of one day and
/// provider the highest fee stays whole and each other is paid at `rate` of its
/// own. `fees` has `None` for lines the reduction does not concern.
#[must_use]
pub fn multiple_procedures(
    claim: &Claim,
    fees: &[Option<Money>],
    rate: Rate,
    rounding: Rounding,
) -> Vec<Option<Money>> {
    claim
        .lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let fee = fees.get(i).copied().flatten()?;
            let highest = !claim.lines.iter().enumerate().any(|(j, other)| {
                let same = i != j && other.from == line.from && other.rendering == line.rendering;
                same && fees
                    .get(j)
                    .copied()
                    .flatten()
                    .is_some_and(|theirs| theirs > fee || (theirs == fee && j < i))
            });
            if highest {
                Some(fee)
            } else {
                fee.share(rate, rounding)
            }
        })
        .collect()
}
