//! Which kind of cover each product is, as remittances say it (CLP06 of the 835).

use std::collections::BTreeMap;

use serde::Deserialize;

/// A PPO, which a product is of whom nothing else is said.
const USUAL: &str = "12";

/// The codes that CLP06 may have.
const CODES: [&str; 19] = [
    "12", "13", "14", "15", "16", "17", "AM", "CH", "DS", "HM", "LM", "MA", "MB", "MC", "OF", "TV",
    "VA", "WC", "ZZ",
];

/// The claim filing indicator of each product.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Filings(BTreeMap<String, String>);

impl TryFrom<BTreeMap<String, String>> for Filings {
    type Error = String;

    fn try_from(given: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        match given.values().all(|code| CODES.contains(&code.as_str())) {
            true => Ok(Self(given)),
            false => Err(format!(
                "`payer.filing` has a code for each product, one of {}",
                CODES.join(", ")
            )),
        }
    }
}

impl Filings {
    /// The code of a product; of nobody's product, or one that is not named, that of a
    /// PPO.
    #[must_use]
    pub fn of(&self, product: &str) -> &str {
        self.0.get(product).map_or(USUAL, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn of(text: &str) -> Result<Config, ConfigError> {
        let text = format!("[node]\ndata='x'\n[payer.filing]\n{text}");
        Config::of("t", &text, [])
    }

    #[test]
    fn each_product_has_a_code_or_the_usual_one() {
        let config = of("meridian-b = 'MB'\n'tally-hmo' = 'HM'\n").unwrap();
        let filing = &config.payer.filing;
        assert_eq!(filing.of("meridian-b"), "MB");
        assert_eq!(filing.of("tally-hmo"), "HM");
        assert_eq!(filing.of("harbor-ppo"), "12");
        assert_eq!(filing.of(""), "12");
        let Err(error) = of("meridian-b = 'XX'\n") else {
            panic!("it is no code");
        };
        let error = error.to_string();
        assert!(
            error.contains("one of 12, 13") && !error.contains("XX"),
            "{error}"
        );
    }
}
