//! A claim before it is written down in a format.

use tally_types::{Money, Quantity, ServiceDate};

use super::malformed::Fault;
use super::providers::Npi;

/// Names a bill while the population is made; the sender's number comes last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BillId(pub usize);

/// What kind of claim it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// CMS-1500.
    Professional,
    /// UB-04.
    Institutional,
    /// Eyewear.
    Vision,
}

/// A claim to be sent.
#[derive(Clone)]
pub struct Bill {
    /// Its name here.
    pub id: BillId,
    /// The sender's number for it; given when it is filed.
    pub control: String,
    /// What kind of claim it is.
    pub kind: Kind,
    /// The member's identifier.
    pub member: String,
    /// Who bills.
    pub billing: Npi,
    /// Diagnoses, principal first, with the point of ICD-10-CM.
    pub diagnoses: Vec<&'static str>,
    /// Prior authorisation numbers.
    pub authorizations: Vec<String>,
    /// The lines.
    pub lines: Vec<Line>,
    /// The day it is ready to be sent.
    pub ready: ServiceDate,
    /// What is wrong with it when it is written.
    pub fault: Option<Fault>,
    /// Whether a scheme needs it as it is.
    pub reserved: bool,
    day: ServiceDate,
    place: &'static str,
}

/// A line of a bill.
#[derive(Clone)]
pub struct Line {
    /// The procedure, or empty where the revenue code alone is billed.
    pub code: &'static str,
    /// The revenue code, or empty.
    pub revenue: &'static str,
    /// Modifiers.
    pub modifiers: Vec<&'static str>,
    /// Place of service.
    pub place: &'static str,
    /// Diagnoses pointed to, from 1.
    pub pointers: Vec<usize>,
    /// Units.
    pub units: Quantity,
    /// The charge; zero until it is priced.
    pub charge: Money,
    /// First day.
    pub from: ServiceDate,
    /// Last day.
    pub through: ServiceDate,
    /// Who rendered it, if not who bills.
    pub rendering: Option<Npi>,
    /// Whether it is marked an emergency.
    pub emergency: bool,
}

impl Bill {
    /// A professional bill of an office on one day.
    pub fn new(member: &str, billing: Npi, day: ServiceDate, diagnoses: &[&'static str]) -> Self {
        Self {
            id: BillId(0),
            control: String::new(),
            kind: Kind::Professional,
            member: member.to_owned(),
            billing,
            diagnoses: diagnoses.to_vec(),
            authorizations: Vec::new(),
            lines: Vec::new(),
            ready: day,
            fault: None,
            reserved: false,
            day,
            place: "11",
        }
    }

    /// The same at another place of service.
    pub fn at(mut self, place: &'static str) -> Self {
        self.place = place;
        self
    }

    /// The same as an institutional bill.
    pub fn institutional(mut self) -> Self {
        self.kind = Kind::Institutional;
        self
    }

    /// The day of service.
    pub fn day(&self) -> ServiceDate {
        self.day
    }

    /// Adds a line of one unit.
    pub fn add(&mut self, code: &'static str) -> &mut Line {
        self.lines.push(Line {
            code,
            revenue: "",
            modifiers: Vec::new(),
            place: self.place,
            pointers: vec![1],
            units: Quantity::ONE,
            charge: Money::ZERO,
            from: self.day,
            through: self.day,
            rendering: None,
            emergency: false,
        });
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }

    /// Adds a line billed by its revenue code.
    pub fn add_revenue(&mut self, revenue: &'static str) -> &mut Line {
        let line = self.add("");
        line.revenue = revenue;
        line
    }

    /// Adds several lines of one unit.
    pub fn add_all(&mut self, codes: &[&'static str]) {
        for code in codes {
            self.add(code);
        }
    }

    /// The sum of the lines.
    pub fn total(&self) -> Money {
        Money::checked_sum(self.lines.iter().map(|line| line.charge)).unwrap_or(Money::ZERO)
    }

    /// The last day of service.
    pub fn through(&self) -> ServiceDate {
        let days = self.lines.iter().map(|line| line.through);
        days.max().unwrap_or(self.day)
    }
}

impl Line {
    /// What it is billed as.
    pub fn billed(&self) -> &'static str {
        if self.code.is_empty() {
            self.revenue
        } else {
            self.code
        }
    }

    /// Sets whole units.
    pub fn units(&mut self, units: i64) -> &mut Self {
        self.units = Quantity::whole(units).unwrap_or(Quantity::ONE);
        self
    }

    /// Sets tenths of units: miles.
    pub fn tenths(&mut self, tenths: i64) -> &mut Self {
        self.units = Quantity::from_scaled(tenths * 1_000);
        self
    }

    /// Adds a modifier.
    pub fn modifier(&mut self, modifier: &'static str) -> &mut Self {
        self.modifiers.push(modifier);
        self
    }

    /// Points to diagnoses, from 1.
    pub fn points_to(&mut self, pointers: &[usize]) -> &mut Self {
        self.pointers = pointers.to_vec();
        self
    }

    /// Lasts through a later day.
    pub fn through(&mut self, through: ServiceDate) -> &mut Self {
        self.through = through;
        self
    }

    /// Names who rendered it.
    pub fn by(&mut self, rendering: Npi) -> &mut Self {
        self.rendering = Some(rendering);
        self
    }
}
