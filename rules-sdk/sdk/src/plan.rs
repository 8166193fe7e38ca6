//! What a policy says of itself: constants, numbered by macros.

use tally_types::{Carc, Group, Money, Rounding, ServiceDate, ShortCode};

use crate::claim::{Claim, Determination};

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub struct $name(pub u16);
    )*};
}
number! {
    /// A clause, by its position in [`Plan::clauses`].
    ClauseId,
    /// An accumulator, by its position in [`Plan::accumulators`].
    AccumulatorId,
    /// A reference table, by its position in [`Plan::tables`].
    TableId,
    /// A pend reason, by its position in [`Plan::pend_reasons`].
    PendId,
    /// A pattern, by its position in [`Plan::patterns`].
    PatternId
}

/// A clause of the policy. Every amount names one.
pub struct Clause {
    /// What an adjustment shows, for instance `4.2`.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// The text the insured agreed to.
    pub text: &'static str,
}

/// Who shares an accumulator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One member.
    Member,
    /// The whole family.
    Family,
}

/// What an accumulator counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Cents.
    Money,
    /// Whole visits or services.
    Count,
}

/// When an accumulator begins again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// On 1 January.
    CalendarYear,
    /// On the contract's anniversary.
    ContractYear,
    /// Never.
    Lifetime,
}

/// A running total the engine keeps: never below zero, never above its limit.
pub struct Accumulator {
    /// Its name, stable over versions.
    pub name: &'static str,
    /// Who shares it.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// When it begins again.
    pub period: Period,
    /// Limits (cents, or a count) for periods that begin on or after a date,
    /// dates rising; none when it has no limit.
    pub limits: &'static [(ServiceDate, i64)],
    /// Products that name the same pool share the total, so that it goes on when
    /// a member changes between them; empty when it is this product's alone.
    pub pool: &'static str,
    /// Whether the balance of the period before is given as well: for what is
    /// carried over.
    pub carried: bool,
}

/// A step of cost sharing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CostStep {
    /// An amount for each visit or service.
    Copay,
    /// What the member bears before the plan pays.
    Deductible,
    /// A share of what is left.
    Coinsurance,
}

impl Accumulator {
    /// The limit in the period that begins on `period`.
    #[must_use]
    pub fn limit_in(&self, period: ServiceDate) -> Option<i64> {
        self.limits
            .iter()
            .rev()
            .find(|(effective, _)| *effective <= period)
            .map(|(_, limit)| *limit)
    }
}

/// Why a claim may wait.
pub struct PendReason {
    /// A stable short name.
    pub id: &'static str,
    /// Why.
    pub text: &'static str,
    /// What would resolve it.
    pub resolution: &'static str,
}

/// A pattern the policy may flag.
pub struct Pattern {
    /// A stable short name.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
}

/// What a policy says of itself.
pub struct Plan {
    /// The product's stable name: lower-case letters, digits, `-` and `.`.
    pub product: &'static str,
    /// The product's title for people.
    pub title: &'static str,
    /// The version, for people.
    pub version: &'static str,
    /// The clauses.
    pub clauses: &'static [Clause],
    /// The accumulators.
    pub accumulators: &'static [Accumulator],
    /// The reference tables: the files `tables/<name>.csv`.
    pub tables: &'static [&'static str],
    /// The pend reasons.
    pub pend_reasons: &'static [PendReason],
    /// The patterns.
    pub patterns: &'static [Pattern],
    /// In which order what a member bears is taken, where the policy has one
    /// order. Stated, so that the policy's hash pins it.
    pub cost_share: &'static [CostStep],
    /// How amounts are rounded.
    pub rounding: Rounding,
}

/// A policy: constants and one function. Put [`crate::policy`] on its `impl`.
pub trait Policy {
    /// What it says of itself.
    const PLAN: &'static Plan;

    /// Decides a claim. It must determine each line once, in order.
    fn adjudicate(claim: &Claim) -> Determination;
}

/// A denial: who bears it, why, and by which clause.
#[derive(Clone, Copy)]
pub struct Denial {
    /// Who bears it.
    pub group: Group,
    /// Why.
    pub carc: Carc,
    /// A remark, or [`ShortCode::NONE`]; CARC 16 and 96 need one.
    pub rarc: ShortCode,
    /// The clause.
    pub clause: ClauseId,
}

impl Denial {
    /// A denial that the provider bears.
    #[must_use]
    pub const fn contractual(carc: Carc, clause: ClauseId) -> Self {
        Self {
            group: Group::Co,
            carc,
            rarc: ShortCode::NONE,
            clause,
        }
    }

    /// A denial that the patient bears.
    #[must_use]
    pub const fn patient(carc: Carc, clause: ClauseId) -> Self {
        Self {
            group: Group::Pr,
            carc,
            rarc: ShortCode::NONE,
            clause,
        }
    }
}

impl Denial {
    /// The same denial with a remark.
    #[must_use]
    pub const fn remark(mut self, rarc: ShortCode) -> Self {
        self.rarc = rarc;
        self
    }
}

/// A date known when the policy is written; a wrong one does not compile.
///
/// ```
/// use tally_sdk::date;
/// const START: tally_sdk::ServiceDate = date(2026, 1, 1);
/// ```
#[must_use]
pub const fn date(year: i32, month: u32, day: u32) -> ServiceDate {
    match ServiceDate::new(year, month, day) {
        Some(date) => date,
        None => panic!("no such date"),
    }
}

/// The cents of an amount known when the policy is written, for a limit; a
/// wrong one does not compile.
///
/// ```
/// assert_eq!(tally_sdk::amount("500.00"), 50_000);
/// ```
#[must_use]
pub const fn amount(text: &str) -> i64 {
    match Money::parse(text) {
        Ok(amount) => amount.scaled(),
        Err(_) => panic!("not an amount"),
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __numbered {
    ($(#[$outer:meta])* $module:ident: $id:ident, $item:ty;
     $($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $(#[$outer])*
        pub mod $module {
            #[allow(unused_imports)]
            use super::*;
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum Position { $($name),* }
            $($(#[$doc])* pub const $name: $crate::$id = $crate::$id(Position::$name as u16);)*
            /// All of them, in order.
            pub const ALL: &[$item] = &[$($value),*];
        }
    };
}

/// Declares the clauses, as constants of a module `clause`:
/// `NAME = "id", "title", "text";`.
#[macro_export]
macro_rules! clauses {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:literal, $text:literal;)*) => {
        $crate::__numbered! {
            /// The clauses.
            clause: ClauseId, $crate::Clause;
            $($(#[$doc])* $name = $crate::Clause { id: $id, title: $title, text: $text };)*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __pool {
    (pool $pool:literal $(, carried)?) => {
        $pool
    };
    ($(carried)?) => {
        ""
    };
}
#[doc(hidden)]
#[macro_export]
macro_rules! __carried {
    ($(pool $pool:literal,)? carried) => {
        true
    };
    ($(pool $pool:literal)?) => {
        false
    };
}
/// Declares the accumulators, as constants of a module `accumulator`:
/// `NAME = "name", Scope::Member, Unit::Money, Period::CalendarYear, &[(date, limit)];`.
/// Before the semicolon may stand `, pool "name"` for a total that products share,
/// and `, carried` where the balance of the period before is wanted too.
#[macro_export]
macro_rules! accumulators {
    ($($(#[$doc:meta])* $name:ident =
        $id:literal, $scope:expr, $unit:expr, $period:expr, $limits:expr
        $(, $option:ident $($pool:literal)?)*;)*) => {
        $crate::__numbered! {
            /// The accumulators.
            accumulator: AccumulatorId, $crate::Accumulator;
            $($(#[$doc])* $name = $crate::Accumulator {
                name: $id, scope: $scope, unit: $unit, period: $period, limits: $limits,
                pool: $crate::__pool!($($option $($pool)?),*),
                carried: $crate::__carried!($($option $($pool)?),*),
            };)*
        }
    };
}

/// Declares the reference tables, as constants of a module `table`:
/// `NAME = "file name without .csv";`.
#[macro_export]
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $id:literal;)*) => {
        $crate::__numbered! {
            /// The reference tables.
            table: TableId, &str;
            $($(#[$doc])* $name = $id;)*
        }
    };
}

/// Declares the pend reasons, as constants of a module `pend`:
/// `NAME = "id", "why", "what would resolve it";`.
#[macro_export]
macro_rules! pend_reasons {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $text:literal, $resolution:literal;)*) => {
        $crate::__numbered! {
            /// The pend reasons.
            pend: PendId, $crate::PendReason;
            $($(#[$doc])* $name = $crate::PendReason {
                id: $id, text: $text, resolution: $resolution,
            };)*
        }
    };
}

/// Declares the patterns, as constants of a module `pattern`:
/// `NAME = "id", "title";`.
#[macro_export]
macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:literal;)*) => {
        $crate::__numbered! {
            /// The patterns.
            pattern: PatternId, $crate::Pattern;
            $($(#[$doc])* $name = $crate::Pattern { id: $id, title: $title };)*
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(dead_code)] // the list is tested, and one name
    mod declared {
        use super::*;

        accumulators! {
            /// Neither.
            PLAIN = "plain", Scope::Member, Unit::Money, Period::CalendarYear, &[];
            /// Of a pool.
            SHARED = "shared", Scope::Member, Unit::Money, Period::CalendarYear, &[], pool "all";
            /// With the period before.
            LATE = "late", Scope::Member, Unit::Money, Period::CalendarYear, &[], carried;
            /// Both.
            BOTH = "both", Scope::Member, Unit::Money, Period::CalendarYear, &[],
                pool "all", carried;
        }
    }

    #[test]
    fn accumulators_say_their_pool_and_what_is_carried() {
        let all = declared::accumulator::ALL;
        let said = |i: usize| all.get(i).map(|a| (a.pool, a.carried));
        assert_eq!(said(0), Some(("", false)));
        assert_eq!(said(1), Some(("all", false)));
        assert_eq!(said(2), Some(("", true)));
        assert_eq!(said(3), Some(("all", true)));
        assert_eq!(declared::accumulator::BOTH, AccumulatorId(3));
    }
}
