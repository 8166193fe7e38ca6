//! What the detectors measure against: thresholds and a dated table of
//! typical minutes, versioned and hashed, so that a flag says what it rests on.

use sha2::{Digest, Sha256};
use tally_types::{Code, ServiceDate, ShortCode};

use super::fact::DetectorId;
use crate::canon::Canon;

/// Parameters of all detectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// A name for people; a flag shows it. Change it with any value.
    pub version: String,
    /// Of the suspect duplicate.
    pub duplicate: DuplicateParameters,
    /// Of the impossible day.
    pub day: DayParameters,
    /// Of the service after death.
    pub death: DeathParameters,
}

/// Parameters of the suspect duplicate. The points add up to at most 1000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateParameters {
    /// Modifiers that make a service another one unless both lines have them.
    pub distinguishing: Vec<ShortCode>,
    /// For dates that overlap.
    pub overlap_points: u16,
    /// For the same first and last date.
    pub dates_points: u16,
    /// For the same charge.
    pub charge_points: u16,
    /// For as many units.
    pub units_points: u16,
    /// For the same modifiers.
    pub modifiers_points: u16,
}

/// Parameters of the impossible day; times in minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayParameters {
    /// A long day, from this on.
    pub warn_minutes: u32,
    /// A very long day, from this on.
    pub high_minutes: u32,
    /// Beyond this it is impossible.
    pub impossible_minutes: u32,
    /// For a long day.
    pub warn_points: u16,
    /// For a very long day.
    pub high_points: u16,
    /// For an impossible day; up to 200 more for how far beyond.
    pub impossible_points: u16,
    /// Typical minutes of one unit; a procedure that is not here takes none.
    pub minutes: Vec<TypicalMinutes>,
}

/// How long one unit of a procedure typically takes its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypicalMinutes {
    /// The procedure.
    pub procedure: Code,
    /// The first date of service it is good for.
    pub effective: ServiceDate,
    /// Minutes a unit.
    pub minutes: u16,
}

/// Parameters of the service after death.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeathParameters {
    /// Modifiers that mark a rental.
    pub rental_modifiers: Vec<ShortCode>,
    /// Up to so many days after the death a date may be a slip of the pen.
    pub slip_days: i32,
    /// For a service begun after the death.
    pub after_points: u16,
    /// More, when later than [`Self::slip_days`].
    pub late_points: u16,
    /// More, when there are several claims.
    pub repeat_points: u16,
    /// For a service that began before and ended after, and is no rental.
    pub straddle_points: u16,
}

impl Parameters {
    /// SHA-256 of the canonical encoding.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/fraud-parameters/v1");
        hasher.update(self.to_canon());
        hasher.finalize().into()
    }

    /// The detector's name and version, and the version of the parameters:
    /// `impossible-day/1 (defaults 2026.1)`.
    #[must_use]
    pub fn rule_version(&self, detector: DetectorId) -> String {
        format!(
            "{}/{} ({})",
            detector.as_str(),
            detector.version(),
            self.version
        )
    }
}

impl DayParameters {
    /// Typical minutes of one unit on `day`.
    #[must_use]
    pub fn minutes_of(&self, procedure: Code, day: ServiceDate) -> Option<u16> {
        self.minutes
            .iter()
            .filter(|row| row.procedure == procedure && row.effective <= day)
            .max_by_key(|row| (row.effective, row.minutes))
            .map(|row| row.minutes)
    }
}

const fn codes<const N: usize>(texts: [&str; N]) -> [ShortCode; N] {
    let mut codes = [ShortCode::NONE; N];
    let mut i = 0;
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // const, bounded by N
    while i < N {
        codes[i] = ShortCode::of(texts[i]);
        i += 1;
    }
    codes
}

/// Medicare Claims Processing Manual ch. 1 §120.
const DISTINGUISHING: [ShortCode; 6] = codes(["76", "77", "50", "LT", "RT", "59"]);
/// HCPCS: rental, lease or rental, first, second or third and fourth to
/// fifteenth month of a capped rental, partial month.
const RENTAL: [ShortCode; 6] = codes(["RR", "LL", "KH", "KI", "KJ", "KR"]);

/// Minutes of one unit, our own approximations. Left out are services that a
/// provider gives to several members at once, or that others carry out.
const MINUTES: &[(&str, u16)] = &[
    // Office and other visits.
    ("99202", 20),
    ("99203", 30),
    ("99204", 45),
    ("99205", 60),
    ("99212", 10),
    ("99213", 20),
    ("99214", 30),
    ("99215", 40),
    ("99242", 20),
    ("99243", 30),
    ("99244", 40),
    ("99245", 55),
    ("99341", 15),
    ("99342", 30),
    ("99344", 60),
    ("99345", 75),
    ("99347", 20),
    ("99348", 30),
    ("99349", 40),
    ("99350", 60),
    ("99495", 40),
    ("99496", 60),
    // Hospital and emergency.
    ("99221", 40),
    ("99222", 55),
    ("99223", 75),
    ("99231", 25),
    ("99232", 35),
    ("99233", 50),
    ("99238", 30),
    ("99239", 35),
    ("99281", 5),
    ("99282", 10),
    ("99283", 20),
    ("99284", 35),
    ("99285", 50),
    ("99291", 60),
    // Preventive.
    ("99381", 30),
    ("99382", 30),
    ("99383", 30),
    ("99384", 35),
    ("99385", 35),
    ("99386", 40),
    ("99387", 40),
    ("99391", 25),
    ("99392", 25),
    ("99393", 25),
    ("99394", 30),
    ("99395", 30),
    ("99396", 35),
    ("99397", 35),
    ("G0438", 40),
    ("G0439", 30),
    // Therapy: a unit is a quarter of an hour unless it is an evaluation.
    ("92507", 45),
    ("97110", 15),
    ("97112", 15),
    ("97116", 15),
    ("97124", 15),
    ("97140", 15),
    ("97161", 20),
    ("97162", 30),
    ("97163", 45),
    ("97164", 20),
    ("97165", 30),
    ("97166", 45),
    ("97167", 60),
    ("97530", 15),
    ("97535", 15),
    // Mental health.
    ("90791", 60),
    ("90792", 60),
    ("90832", 30),
    ("90834", 45),
    ("90837", 60),
    ("90846", 50),
    ("90847", 50),
    // Procedures, from the first cut to the last stitch.
    ("10060", 15),
    ("11042", 15),
    ("12001", 15),
    ("17000", 10),
    ("17003", 2),
    ("20610", 10),
    ("27447", 100),
    ("29880", 50),
    ("29881", 45),
    ("45378", 25),
    ("45380", 30),
    ("45385", 35),
    ("66984", 20),
];

/// Office visits before the times of 2021.
const MINUTES_BEFORE_2021: &[(&str, u16)] = &[
    ("99202", 20),
    ("99203", 30),
    ("99204", 45),
    ("99205", 60),
    ("99212", 10),
    ("99213", 15),
    ("99214", 25),
    ("99215", 40),
];

impl Default for Parameters {
    fn default() -> Self {
        Self {
            version: "defaults 2026.1".to_owned(),
            duplicate: DuplicateParameters::default(),
            day: DayParameters::default(),
            death: DeathParameters::default(),
        }
    }
}

impl Default for DuplicateParameters {
    fn default() -> Self {
        Self {
            distinguishing: DISTINGUISHING.to_vec(),
            overlap_points: 300,
            dates_points: 200,
            charge_points: 200,
            units_points: 100,
            modifiers_points: 100,
        }
    }
}

impl Default for DayParameters {
    fn default() -> Self {
        let epoch = ServiceDate::new(2000, 1, 1).unwrap_or(ServiceDate::MIN);
        let reform = ServiceDate::new(2021, 1, 1).unwrap_or(ServiceDate::MIN);
        let before = |code: &str| MINUTES_BEFORE_2021.iter().any(|(c, _)| *c == code);
        let rows = MINUTES.iter().map(|(code, minutes)| {
            let effective = if before(code) { reform } else { epoch };
            (*code, effective, *minutes)
        });
        let old = MINUTES_BEFORE_2021
            .iter()
            .map(|(code, minutes)| (*code, epoch, *minutes));
        Self {
            warn_minutes: 12 * 60,
            high_minutes: 16 * 60,
            impossible_minutes: 24 * 60,
            warn_points: 300,
            high_points: 500,
            impossible_points: 800,
            minutes: rows
                .chain(old)
                .map(|(code, effective, minutes)| TypicalMinutes {
                    procedure: Code::parse(code).unwrap_or(Code::NONE),
                    effective,
                    minutes,
                })
                .collect(),
        }
    }
}

impl Default for DeathParameters {
    fn default() -> Self {
        Self {
            rental_modifiers: RENTAL.to_vec(),
            slip_days: 7,
            after_points: 600,
            late_points: 200,
            repeat_points: 100,
            straddle_points: 400,
        }
    }
}

crate::canon_record!(TypicalMinutes {
    procedure,
    effective,
    minutes
});
crate::canon_record!(DuplicateParameters {
    distinguishing,
    overlap_points,
    dates_points,
    charge_points,
    units_points,
    modifiers_points,
});
crate::canon_record!(DayParameters {
    warn_minutes,
    high_minutes,
    impossible_minutes,
    warn_points,
    high_points,
    impossible_points,
    minutes,
});
crate::canon_record!(DeathParameters {
    rental_modifiers,
    slip_days,
    after_points,
    late_points,
    repeat_points,
    straddle_points,
});
crate::canon_record!(Parameters {
    version,
    duplicate,
    day,
    death
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_those_of_the_day() {
        let day = DayParameters::default();
        let on = |text: &str, year| {
            day.minutes_of(Code::of(text), ServiceDate::new(year, 6, 1).unwrap())
        };
        for (code, year, minutes) in [
            ("99213", 2020, Some(15)),
            ("99213", 2026, Some(20)),
            ("97110", 2026, Some(15)),
            ("80053", 2026, None),
            ("99213", 1999, None),
        ] {
            assert_eq!(on(code, year), minutes, "{code} in {year}");
        }
        assert!(day.minutes.iter().all(|row| !row.procedure.is_none()));
    }

    #[test]
    fn the_digest_covers_every_value() {
        let base = Parameters::default();
        let mut other = base.clone();
        other.death.slip_days += 1;
        assert_ne!(base.digest(), other.digest());
        assert!(Parameters::from_canon(&base.to_canon()).as_ref() == Ok(&base));
    }
}
