//! Who pays and who is paid, as remittances, acknowledgements and answers name
//! them. Checked when the configuration is read, so that nothing written later
//! fails for a name in it.

use std::collections::BTreeSet;

use serde::Deserialize;
use tally_core::claim::Provider;
use tally_core::interchange::Insurer;
use tally_core::interchange::x12::{Account, Address, Method, Payee, Payer};

use super::appeal::AppealLevels;
use super::filing::Filings;
use super::prompt_pay::PromptPayRules;

/// Who pays. Without a section of its own it is a payer of an example: enough
/// to write every answer, and plain to see that nobody said who it is.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PayerConfig {
    /// Its name, 1 to 60 characters.
    pub name: String,
    /// What it is called in interchanges, 2 to 15 characters.
    pub identifier: String,
    /// Its tax number, nine digits.
    pub tax: String,
    /// Street and number.
    pub street: String,
    /// The city.
    pub city: String,
    /// The state, two letters.
    pub state: String,
    /// The ZIP code.
    pub zip: String,
    /// A telephone number for questions, digits.
    pub telephone: String,
    /// The routing number of its bank, nine digits; empty where it pays by cheque.
    pub routing: String,
    /// Its account there.
    pub account: String,
    /// Which kind of cover each product is.
    pub filing: Filings,
    /// What it owes for paying late.
    pub prompt_pay: PromptPayRules,
    /// By which levels its decisions are appealed.
    pub appeal: AppealLevels,
}

impl Default for PayerConfig {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            name: text("EXAMPLE PAYER"),
            identifier: text("TALLYSTICK"),
            tax: text("000000000"),
            street: text("1 EXAMPLE STREET"),
            city: text("ANYTOWN"),
            state: text("NY"),
            zip: text("10001"),
            telephone: text("5550100"),
            routing: String::new(),
            account: String::new(),
            filing: Filings::default(),
            prompt_pay: PromptPayRules::default(),
            appeal: AppealLevels::default(),
        }
    }
}

/// Who is paid: what a provider's claims do not say of it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayeeConfig {
    /// Its NPI, or whatever it is known by in claims.
    pub identifier: String,
    /// Its name, 1 to 60 characters.
    pub name: String,
    /// Its tax number, nine digits; without an NPI it has to be there.
    #[serde(default)]
    pub tax: String,
    /// Street and number; its address is told where this is said.
    #[serde(default)]
    pub street: String,
    /// The city.
    #[serde(default)]
    pub city: String,
    /// The state, two letters.
    #[serde(default)]
    pub state: String,
    /// The ZIP code.
    #[serde(default)]
    pub zip: String,
    /// The routing number of its bank, nine digits; empty where it is paid by cheque.
    #[serde(default)]
    pub routing: String,
    /// Its account there.
    #[serde(default)]
    pub account: String,
    /// The organisation that may read its payments over HTTP; empty where that is
    /// whoever submitted all that a payment tells.
    #[serde(default)]
    pub organisation: String,
}

/// A text that an element may hold: printable, without the usual delimiters.
fn is_text(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len())
        && text
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte) && !b"*:^~".contains(&byte))
        && text.trim() == text
}

fn is_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks an account: both numbers, or neither.
fn check_account(of: &str, routing: &str, account: &str) -> Result<(), String> {
    let sound = match (routing, account) {
        ("", "") => true,
        (routing, account) => is_digits(routing, 9, 9) && is_text(account, 1, 35),
    };
    match sound {
        true => Ok(()),
        false => Err(format!(
            "{of}: `routing` is nine digits and `account` stands beside it, or neither is said"
        )),
    }
}

fn check_address(of: &str, street: &str, city: &str, state: &str, zip: &str) -> Result<(), String> {
    let letters = state.len() == 2 && state.bytes().all(|byte| byte.is_ascii_uppercase());
    let sound = is_text(street, 1, 55) && is_text(city, 2, 30) && letters && is_digits(zip, 5, 9);
    match sound {
        true => Ok(()),
        false => Err(format!(
            "{of}: an address is a `street`, a `city` of 2 to 30 characters, a `state` as NY, a `zip` of 5 or 9 digits"
        )),
    }
}

impl PayerConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if !is_text(&self.name, 1, 60) {
            return Err("`payer.name` is 1 to 60 plain characters, without * : ^ ~".into());
        }
        if !is_text(&self.identifier, 2, 15) {
            return Err("`payer.identifier` is 2 to 15 plain characters, without * : ^ ~".into());
        }
        if !is_digits(&self.tax, 9, 9) {
            return Err("`payer.tax` is nine digits".into());
        }
        if !is_digits(&self.telephone, 7, 15) {
            return Err("`payer.telephone` is 7 to 15 digits".into());
        }
        let of = "`[payer]`";
        check_address(of, &self.street, &self.city, &self.state, &self.zip)?;
        check_account(of, &self.routing, &self.account)
    }

    /// As answers in X12 name it.
    #[must_use]
    pub fn in_x12(&self) -> Payer<'_> {
        Payer {
            name: &self.name,
            id: &self.identifier,
            tax: &self.tax,
            address: Address {
                street: &self.street,
                city: &self.city,
                state: &self.state,
                zip: &self.zip,
            },
            telephone: &self.telephone,
        }
    }

    /// As answers in FHIR name it.
    #[must_use]
    pub fn in_fhir(&self) -> Insurer<'_> {
        Insurer {
            name: &self.name,
            identifier: &self.identifier,
        }
    }

    /// How a payee is paid: through the clearing house where both have an
    /// account, else by cheque.
    #[must_use]
    pub fn pays<'a>(&'a self, payee: Option<&'a PayeeConfig>) -> Method<'a> {
        let account = |routing: &'a str, number: &'a str| match routing {
            "" => None,
            routing => Some(Account { routing, number }),
        };
        let from = account(&self.routing, &self.account);
        let to = payee.and_then(|payee| account(&payee.routing, &payee.account));
        match (from, to) {
            (Some(from), Some(to)) => Method::Ach { from, to },
            _ => Method::Cheque,
        }
    }
}

impl PayeeConfig {
    fn check(&self) -> Result<(), String> {
        let of = "a `[[payee]]`";
        if !is_text(&self.identifier, 2, 80) || !is_text(&self.name, 1, 60) {
            return Err(format!(
                "{of}: `identifier` is 2 to 80 and `name` 1 to 60 plain characters, without * : ^ ~"
            ));
        }
        let tax = self.tax.is_empty() || is_digits(&self.tax, 9, 9);
        let known = !self.tax.is_empty() || Provider::new(&self.identifier).is_npi;
        if !tax || !known {
            return Err(format!(
                "{of}: `tax` is nine digits, and has to be there where `identifier` is no NPI"
            ));
        }
        if !self.street.is_empty() {
            check_address(of, &self.street, &self.city, &self.state, &self.zip)?;
        }
        check_account(of, &self.routing, &self.account)
    }

    /// As a remittance names it.
    #[must_use]
    pub fn in_x12(&self) -> Payee<'_> {
        let is_npi = Provider::new(&self.identifier).is_npi;
        Payee {
            name: &self.name,
            id: &self.identifier,
            npi: if is_npi { &self.identifier } else { "" },
            tax: &self.tax,
            address: match self.street.as_str() {
                "" => Address::default(),
                street => Address {
                    street,
                    city: &self.city,
                    state: &self.state,
                    zip: &self.zip,
                },
            },
        }
    }
}

pub(super) fn check_payees(payees: &[PayeeConfig]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for payee in payees {
        payee.check()?;
        if !seen.insert(&payee.identifier) {
            return Err("a `[[payee]]` stands twice: each `identifier` has one".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn of(text: &str) -> Result<Config, String> {
        let text = format!("[node]\ndata='x'\n{text}");
        Config::of("t", &text, []).map_err(|error| error.to_string())
    }

    #[test]
    fn a_payer_has_defaults_that_answers_can_be_written_with() {
        PayerConfig::default().check().unwrap();
        let config = of("").unwrap();
        assert_eq!(config.payer.identifier, "TALLYSTICK");
        let config = of("[payer]\nname='HARBOR HEALTH'\n").unwrap();
        assert_eq!(config.payer.in_x12().name, "HARBOR HEALTH");
        assert_eq!(config.payer.in_fhir().identifier, "TALLYSTICK");
    }

    #[test]
    fn money_goes_through_the_clearing_house_between_two_accounts() {
        let text = "[payer]\nrouting='011000015'\naccount='1'\n\
            [[payee]]\nidentifier='1234567893'\nname='LAKESIDE'\nrouting='021000021'\naccount='2'\n\
            [[payee]]\nidentifier='LAKE'\nname='LAKE'\ntax='987654321'\n";
        let config = of(text).unwrap();
        let [lakeside, lake] = &config.payees[..] else {
            panic!("two");
        };
        assert!(matches!(
            config.payer.pays(Some(lakeside)),
            Method::Ach { .. }
        ));
        assert!(config.payer.pays(Some(lake)) == Method::Cheque);
        assert!(config.payer.pays(None) == Method::Cheque);
        assert_eq!(lakeside.in_x12().npi, "1234567893");
        assert_eq!(lake.in_x12().npi, "");
    }

    #[test]
    fn names_that_no_answer_could_hold_are_refused() {
        let payee = "[[payee]]\nidentifier='1234567893'\nname='LAKESIDE'\n";
        for (text, expected) in [
            ("[payer]\nname='A*B'", "payer.name"),
            ("[payer]\nidentifier='A'", "payer.identifier"),
            ("[payer]\ntax='12'", "payer.tax"),
            ("[payer]\ntelephone='none'", "payer.telephone"),
            ("[payer]\nstate='Maine'", "a `state` as NY"),
            ("[payer]\nrouting='1'", "nine digits"),
            ("[[payee]]\nidentifier='LAKE'\nname='X'", "no NPI"),
            (&format!("{payee}street='1'\nstate='ME'"), "an address is"),
            (&format!("{payee}{payee}"), "twice"),
            ("[[payee]]\nname='X'", "identifier"),
        ] {
            let Err(error) = of(text) else {
                panic!("{text}");
            };
            assert!(error.contains(expected), "{error} has not: {expected}");
        }
    }
}
