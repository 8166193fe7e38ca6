//! A bill as texts, and what can be wrong with them.

use tally_types::{Money, Quantity, ServiceDate};

use crate::demo::generate::bill::{Bill, Kind, Line};
use crate::demo::generate::malformed::Fault;
use crate::demo::generate::providers::Npi;
use crate::demo::generate::time::plus;

/// A claim as texts.
pub struct Draft<'a> {
    pub bill: &'a Bill,
    pub kind: &'static str,
    pub purpose: &'static str,
    pub status: &'static str,
    pub replaces: bool,
    pub billing: &'a str,
    pub currency: &'static str,
    pub total: String,
    pub total_twice: bool,
    pub made: String,
    /// Who rendered lines, where others than who bills, in order.
    pub team: Vec<Npi>,
    pub lines: Vec<DraftLine<'a>>,
}

/// A line as texts; amounts, prices and quantities are raw JSON.
pub struct DraftLine<'a> {
    pub line: &'a Line,
    pub number: usize,
    /// The procedure as sent.
    pub code: String,
    pub quantity: String,
    /// The price of a unit, where it is whole cents.
    pub unit_price: Option<String>,
    pub net: Option<String>,
    pub from: String,
    pub through: String,
    /// Position in the care team, from 1.
    pub rendering: Option<usize>,
}

impl<'a> Draft<'a> {
    /// The texts of a bill, with its fault done to them.
    pub fn of(bill: &'a Bill, received: ServiceDate) -> Self {
        let mut team: Vec<Npi> = Vec::new();
        for npi in bill.lines.iter().filter_map(|line| line.rendering) {
            if !team.contains(&npi) {
                team.push(npi);
            }
        }
        let lines = bill.lines.iter().enumerate();
        let mut draft = Self {
            bill,
            kind: match bill.kind {
                Kind::Professional => "professional",
                Kind::Institutional => "institutional",
                Kind::Vision => "vision",
            },
            purpose: "claim",
            status: "active",
            replaces: false,
            billing: bill.billing,
            currency: "USD",
            total: bill.total().to_string(),
            total_twice: false,
            made: bill.ready.to_string(),
            lines: lines
                .map(|(i, line)| DraftLine::of(line, i + 1, &team))
                .collect(),
            team,
        };
        if let Some(fault) = bill.fault {
            draft.spoil(fault, received);
        }
        draft
    }

    fn spoil(&mut self, fault: Fault, received: ServiceDate) {
        let bill = self.bill;
        match fault {
            Fault::TotalDiffers => {
                let more = bill.total().checked_add(Money::cents(1_000));
                self.total = more.unwrap_or(Money::ZERO).to_string();
            }
            Fault::KeyTwice => self.total_twice = true,
            Fault::Currency => self.currency = "EUR",
            Fault::Preauthorization => self.purpose = "preauthorization",
            Fault::Cancelled => self.status = "cancelled",
            Fault::Replacement => self.replaces = true,
            Fault::NoLines => self.lines.clear(),
            Fault::NoProvider => self.billing = "",
            // Done to the written line.
            Fault::CutLine => {}
            Fault::SubCent
            | Fault::Negative
            | Fault::Absurd
            | Fault::EndsBefore
            | Fault::NoAmount
            | Fault::NoSuchDay
            | Fault::WrongType
            | Fault::Future
            | Fault::NoUnits
            | Fault::BadCode => {
                if let Some(line) = self.lines.last_mut() {
                    line.spoil(fault, received);
                }
            }
        }
    }
}

impl<'a> DraftLine<'a> {
    fn of(line: &'a Line, number: usize, team: &[Npi]) -> Self {
        Self {
            line,
            number,
            code: line.billed().to_owned(),
            quantity: line.units.to_string(),
            unit_price: unit_price(line).map(|price| price.to_string()),
            net: Some(line.charge.to_string()),
            from: line.from.to_string(),
            through: line.through.to_string(),
            rendering: line
                .rendering
                .and_then(|npi| team.iter().position(|other| *other == npi))
                .map(|position| position + 1),
        }
    }

    fn spoil(&mut self, fault: Fault, received: ServiceDate) {
        let mut amount = |text: &str| {
            self.net = Some(text.to_owned());
            self.unit_price = None;
        };
        match fault {
            Fault::SubCent => amount("28.104000000000003"),
            Fault::Negative => amount("-45.00"),
            Fault::Absurd => amount("999999999999.00"),
            Fault::EndsBefore => self.through = plus(self.line.from, -6).to_string(),
            Fault::NoAmount => {
                self.net = None;
                self.unit_price = None;
            }
            Fault::NoSuchDay => {
                self.from = "2025-02-30".to_owned();
                self.through.clone_from(&self.from);
            }
            Fault::WrongType => self.quantity = "\"two\"".to_owned(),
            Fault::Future => {
                self.from = plus(received, 45).to_string();
                self.through.clone_from(&self.from);
            }
            Fault::NoUnits => {
                self.quantity = "0".to_owned();
                self.unit_price = None;
            }
            Fault::BadCode => self.code.push_str("-25"),
            _ => {}
        }
    }
}

/// The price of a unit, where units times it is the charge.
fn unit_price(line: &Line) -> Option<Money> {
    let units = line.units.scaled();
    let whole = Quantity::ONE.scaled();
    if units % whole != 0 || units == 0 {
        return None;
    }
    let units = units / whole;
    let cents = line.charge.scaled();
    (cents % units == 0).then(|| Money::cents(cents / units))
}
