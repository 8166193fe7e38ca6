//! What a payer owes for paying late: a dated rule of the payer's state or
//! programme, as Medicare's (CMS 100-04 ch. 1 §80.2.2).

use serde::Deserialize;
use tally_types::interest::{DatedRate, InterestError, PromptPay, RateOn};
use tally_types::{Money, Rate, Rounding, ServiceDate};

/// The rules, each in force from its day until the next one's. None: nothing is owed
/// for paying late.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "Vec<PromptPayConfig>")]
pub struct PromptPayRules {
    rules: Vec<PromptPayConfig>,
    rates: Vec<DatedRate>,
}

/// A rule of prompt payment, in force from a day.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct PromptPayConfig {
    from: Day,
    days: Ceiling,
    rate: Annual,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Day(ServiceDate);

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let day = ServiceDate::parse(&text).ok();
        day.map(Self).ok_or("a day is written \"2026-01-01\"")
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i32")]
struct Ceiling(i32);

impl TryFrom<i32> for Ceiling {
    type Error = &'static str;

    fn try_from(days: i32) -> Result<Self, Self::Error> {
        match days {
            1..=366 => Ok(Self(days)),
            _ => Err("a claim is to be paid within 1 to 366 days"),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Annual(Rate);

impl TryFrom<String> for Annual {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let rate = Rate::parse(&text).ok();
        let rate = rate.filter(|rate| (0..=1_000_000).contains(&rate.scaled()));
        let wrong = "a rate is of a year, 0 to 1, written \"0.04625\"";
        rate.map(Self).ok_or(wrong)
    }
}

impl TryFrom<Vec<PromptPayConfig>> for PromptPayRules {
    type Error = &'static str;

    fn try_from(rules: Vec<PromptPayConfig>) -> Result<Self, Self::Error> {
        let rising = rules.is_sorted_by(|one, next| one.from.0 < next.from.0);
        if !rising {
            return Err(
                "the rules of `payer.prompt_pay` stand in the order of their `from`, each once",
            );
        }
        let rates = rules.iter().map(|rule| DatedRate {
            from: rule.from.0,
            rate: rule.rate.0,
        });
        Ok(Self {
            rates: rates.collect(),
            rules,
        })
    }
}

impl PromptPayRules {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The interest on a net payment of a claim that was clean on a day: none where the
    /// payment is in time, or no rule was in force on the day of receipt. The ceiling is that of the
    /// day of receipt and the rate that of the day of payment, for every day; the sum
    /// is rounded half up, once.
    ///
    /// # Errors
    /// When a number cannot be held.
    pub fn interest(
        &self,
        payment: Money,
        received: ServiceDate,
        paid: ServiceDate,
    ) -> Result<Money, InterestError> {
        let in_force = self.rules.iter().rev().find(|rule| rule.from.0 <= received);
        let Some(rule) = in_force else {
            return Ok(Money::ZERO);
        };
        let rule = PromptPay {
            ceiling_days: rule.days.0,
            rates: &self.rates,
            rate_on: RateOn::PaymentDay,
            rounding: Rounding::HalfUp,
        };
        let interest = rule.interest(payment, received, paid)?;
        Ok(interest.map_or(Money::ZERO, |interest| interest.amount))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn of(payer: &str) -> Result<PromptPayRules, String> {
        let text = format!("[node]\ndata='x'\n[payer]\nname='HARBOR'\n{payer}");
        let config = Config::of("t", &text, []);
        config
            .map(|config| config.payer.prompt_pay)
            .map_err(|error| error.to_string())
    }

    fn rule(from: &str, days: i32, rate: &str) -> String {
        format!("[[payer.prompt_pay]]\nfrom = '{from}'\ndays = {days}\nrate = '{rate}'\n")
    }

    fn owed(rules: &PromptPayRules, payment: &str, received: &str, paid: &str) -> String {
        let day = |text| ServiceDate::parse(text).unwrap();
        let payment = Money::parse(payment).unwrap();
        let interest = rules.interest(payment, day(received), day(paid));
        interest.unwrap().to_string()
    }

    /// CMS 100-04 ch. 1 §80.2.2 (`interest-clean-claim`): received on 1 March 2009, to be
    /// paid by the 31st, the first day of interest is 1 April. The rate of that half-year is 5.625 %.
    #[test]
    fn medicares_example() {
        let rules = of(&rule("2009-01-01", 30, "0.05625")).unwrap();
        let on = |paid| owed(&rules, "1000.00", "2009-03-01", paid);
        assert_eq!(on("2009-03-01"), "0.00");
        assert_eq!(on("2009-03-31"), "0.00");
        // 1,000.00 × 5.625 % × 1 / 365 = 0.1541, × 30 = 4.6233
        assert_eq!(on("2009-04-01"), "0.15");
        assert_eq!(on("2009-04-30"), "4.62");
    }

    #[test]
    fn half_a_cent_is_rounded_up() {
        let rules = of(&rule("2022-01-01", 30, "0.1")).unwrap();
        // One day of a common year: 18.25 × 0.1 / 365 = 0.005; and just below it.
        assert_eq!(owed(&rules, "18.25", "2023-01-01", "2023-02-01"), "0.01");
        assert_eq!(owed(&rules, "18.24", "2023-01-01", "2023-02-01"), "0.00");
        // One of a leap year: 18.30 × 0.1 / 366 = 0.005.
        assert_eq!(owed(&rules, "18.30", "2024-01-01", "2024-02-01"), "0.01");
        assert_eq!(owed(&rules, "18.29", "2024-01-01", "2024-02-01"), "0.00");
    }

    #[test]
    fn the_ceiling_is_of_the_day_of_receipt_and_the_rate_of_the_day_of_payment() {
        let both = rule("2025-01-01", 45, "0.04") + &rule("2026-01-01", 30, "0.08");
        let rules = of(&both).unwrap();
        // Received under the first: in time until 14 February, then at the second's rate.
        assert_eq!(owed(&rules, "3650.00", "2025-12-31", "2026-02-14"), "0.00");
        assert_eq!(owed(&rules, "3650.00", "2025-12-31", "2026-02-15"), "0.80");
        // Under the second until 31 January.
        assert_eq!(owed(&rules, "3650.00", "2026-01-01", "2026-01-31"), "0.00");
        assert_eq!(owed(&rules, "3650.00", "2026-01-01", "2026-02-01"), "0.80");
        // Before any rule nothing is owed; nor without one.
        assert_eq!(owed(&rules, "3650.00", "2024-12-31", "2026-02-15"), "0.00");
        let none = of("").unwrap();
        assert_eq!(owed(&none, "3650.00", "2024-12-31", "2026-02-15"), "0.00");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let good = rule("2026-01-01", 30, "0.04625");
        for (text, expected) in [
            (good.replace("01-01", "13-01"), "line 6: a day is written"),
            (good.replace("30", "0"), "line 7: a claim is to be paid"),
            (
                good.replace("0.04625", "1.5"),
                "line 8: a rate is of a year",
            ),
            (good.replace("rate", "ratio"), "line 8: unknown field"),
            (good.clone() + &good, "line 5: the rules of"),
        ] {
            let Err(error) = of(&text) else {
                panic!("{text}");
            };
            assert!(error.contains(expected), "{error} has not: {expected}");
        }
    }
}
