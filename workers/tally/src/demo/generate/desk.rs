//! The front desk: keeps calendars, so that nobody is seen twice by the same
//! provider on one day and no clinician works round the clock unless a scheme
//! wants it, and prices and collects bills.

use std::collections::{BTreeMap, BTreeSet};

use tally_core::claim::Member;
use tally_types::ServiceDate;

use super::bill::{Bill, BillId};
use super::catalogue;
use super::dice::Dice;
use super::providers::{self, Npi, Panel};
use super::time::{self, plus};

/// Patients a clinician sees in a day: eleven hours at the very most.
const PATIENTS_A_DAY: u8 = 11;
/// Workdays a patient waits before giving up.
const PATIENCE: usize = 25;

/// Calendars, prices and the bills so far.
pub struct Desk {
    /// The die in use.
    pub dice: Dice,
    bills: Vec<Bill>,
    patients: BTreeMap<(Npi, ServiceDate), u8>,
    seen: BTreeSet<(String, Npi, ServiceDate)>,
}

impl Desk {
    /// An empty desk.
    pub fn new(dice: Dice) -> Self {
        Self {
            dice,
            bills: Vec::new(),
            patients: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// How many bills there are.
    pub fn len(&self) -> usize {
        self.bills.len()
    }

    /// The bills, in order of their ids.
    pub fn into_bills(self) -> Vec<Bill> {
        self.bills
    }

    /// The bills, to look at or to mark.
    pub fn bills_mut(&mut self) -> &mut [Bill] {
        &mut self.bills
    }

    /// Someone of a panel, mostly in network.
    pub fn choose(&mut self, panel: &Panel) -> Npi {
        if self.dice.percent(7) {
            self.dice.pick(panel.outside)
        } else {
            self.dice.pick(panel.inside)
        }
    }

    /// A bill of an office visit on the first free workday; none when there is
    /// none soon, or the member is not covered then.
    pub fn visit(
        &mut self,
        who: &Member,
        npi: Npi,
        day: ServiceDate,
        diagnoses: &[&'static str],
    ) -> Option<Bill> {
        let mut day = time::workday(day);
        for _ in 0..PATIENCE {
            if self.take(who, npi, day) {
                let covered = day <= time::LAST && is_covered(who, day);
                return covered.then(|| Bill::new(&who.id, npi, day, diagnoses));
            }
            day = time::workday(plus(day, 1));
        }
        None
    }

    /// A bill of what cannot wait: an emergency, or what follows from another
    /// service; none when the member is not covered then, or has been there.
    pub fn walk_in(
        &mut self,
        who: &Member,
        npi: Npi,
        day: ServiceDate,
        diagnoses: &[&'static str],
    ) -> Option<Bill> {
        let free = self.seen.insert((who.id.clone(), npi, day));
        let covered = free && day <= time::LAST && is_covered(who, day);
        covered.then(|| Bill::new(&who.id, npi, day, diagnoses))
    }

    fn take(&mut self, who: &Member, npi: Npi, day: ServiceDate) -> bool {
        let patients = self.patients.entry((npi, day)).or_default();
        if *patients >= PATIENTS_A_DAY && !providers::is_firm(npi) {
            return false;
        }
        if !self.seen.insert((who.id.clone(), npi, day)) {
            return false;
        }
        *patients = patients.saturating_add(1);
        true
    }

    /// Sends a bill some days after the service.
    pub fn send(&mut self, bill: Bill) -> BillId {
        let lag = self.dice.between(2, 19);
        self.send_after(bill, lag)
    }

    /// Sends a bill `lag` days after its last day of service.
    pub fn send_after(&mut self, mut bill: Bill, lag: i32) -> BillId {
        bill.id = BillId(self.bills.len());
        bill.ready = plus(bill.through(), lag);
        for line in &mut bill.lines {
            if line.charge.is_zero() {
                let npi = line.rendering.unwrap_or(bill.billing);
                line.charge = catalogue::charge(line.billed(), npi, line.units, line.from);
            }
        }
        let id = bill.id;
        self.bills.push(bill);
        id
    }

    /// Forgets the bills from the `count`th on.
    pub fn truncate(&mut self, count: usize) {
        self.bills.truncate(count);
    }

    /// Keeps a bill as it is.
    pub fn reserve_bill(&mut self, id: BillId) {
        self.bills[id.0].reserved = true;
    }

    /// A bill that has been sent.
    pub fn bill(&self, id: BillId) -> &Bill {
        &self.bills[id.0]
    }
}

/// Whether a member is covered, and alive as far as anybody knows.
pub fn is_covered(who: &Member, day: ServiceDate) -> bool {
    day >= who.birth && who.death.is_none_or(|death| day <= death) && who.span_on(day).is_some()
}
