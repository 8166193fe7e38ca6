//! One family in memory: its contract, balances and earlier lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use tally_core::adjudication::{
    AccumulatorKey, Answers, Balances, PastLine, Question, Settled, TableKey, TableRow, answer,
};
use tally_core::claim::Contract;
use tally_table::Tables;

/// One family, as far as its claims have come: what a node keeps of a unit.
#[derive(Clone)]
pub struct Family {
    /// The contract.
    pub contract: Contract,
    /// Balances by accumulator.
    pub balances: BTreeMap<AccumulatorKey, i64>,
    /// Lines of earlier claims, in order.
    pub history: Vec<PastLine>,
}

impl Family {
    /// A family without claims.
    #[must_use]
    pub fn new(contract: Contract) -> Self {
        Self {
            contract,
            balances: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    /// Takes over what a claim came to.
    pub fn commit(&mut self, settled: &Settled) {
        for movement in &settled.movements {
            self.balances.insert(movement.key.clone(), movement.after);
        }
        self.history.extend(settled.lines.iter().cloned());
    }
}

impl Balances for Family {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        self.balances.get(key).copied().unwrap_or(0)
    }
}

/// Answers from a policy's own tables and a family's own history.
pub(crate) struct InMemory {
    pub(crate) tables: Arc<Tables>,
    pub(crate) member: String,
    pub(crate) history: Vec<PastLine>,
}

impl Answers for InMemory {
    fn lookup(&self, table: u16, keys: &[TableKey]) -> Option<Vec<TableRow>> {
        let table = self.tables.get(table)?;
        let row = |key: &TableKey| match table.lookup(key.a, key.b, key.on) {
            Some(values) => TableRow {
                found: true,
                values,
            },
            None => TableRow::default(),
        };
        Some(keys.iter().map(row).collect())
    }

    fn query(&self, questions: &[Question]) -> Vec<i64> {
        questions
            .iter()
            .map(|question| answer(question, &self.member, &self.history))
            .collect()
    }
}
