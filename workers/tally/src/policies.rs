//! Policies: proven, compiled, with their tables; and which is in force.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tally_core::adjudication::{Answers, Policies, PolicyInForce, Question, TableKey, TableRow};
use tally_core::adjudication::{PastLine, answer};
use tally_core::ledger::counterparty::Cell;
use tally_core::ledger::{PolicyPublished, TableHash, in_force};
use tally_sandbox::{LoadError, Policy, Proven, Refused, Sandbox, prove};
use tally_table::Tables;
use tally_types::ServiceDate;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::node::keys::hex;

/// Why bytes are no policy.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// It breaks a rule, or cannot describe itself.
    #[error(transparent)]
    Refused(#[from] LoadError),
    /// Its tables are not those it declares.
    #[error("P118 its tables are not those that it declares: {0}")]
    Tables(#[from] tally_table::TablesError),
}

impl From<Refused> for PolicyError {
    fn from(refused: Refused) -> Self {
        Self::Refused(LoadError::Refused(refused))
    }
}

/// A policy ready for claims.
pub struct Loaded {
    /// The component, compiled.
    pub policy: Policy,
    /// Its tables.
    pub tables: Tables,
    /// Their hashes, in the order of its description.
    pub hashes: Vec<TableHash>,
    /// The size of the component in bytes.
    pub bytes: usize,
    /// How many functions may call themselves through a table.
    pub indirect_cycles: usize,
}

impl Loaded {
    /// Proves and compiles a component.
    ///
    /// # Errors
    /// The first rule it breaks, by number.
    pub fn new(sandbox: &Arc<Sandbox>, component: Vec<u8>) -> Result<Self, PolicyError> {
        let proven = prove(component)?;
        let policy = sandbox.load(&proven)?;
        Self::assemble(policy, &proven)
    }

    /// Rows of its own tables.
    pub fn lookup(&self, table: u16, keys: &[TableKey]) -> Option<Vec<TableRow>> {
        keys.iter()
            .map(|key| {
                let values = self.tables.lookup(table, key.a, key.b, key.on)?;
                Some(TableRow {
                    found: values.is_some(),
                    values: values.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// A value of one of its tables, by the table and the place in the row, as it reads.
    pub fn cell(&self, table: u16, column: usize, value: i64) -> Option<Cell> {
        cell(&self.tables, table, column, value)
    }

    fn assemble(policy: Policy, proven: &Proven) -> Result<Self, PolicyError> {
        let names = &policy.description().tables;
        let tables = Tables::from_sections(
            names.iter().map(String::as_str),
            proven.sections(tally_table::SECTION),
        )?;
        let hashes = tables
            .hashes()
            .map(|(name, hash)| TableHash {
                name: name.to_owned(),
                hash,
            })
            .collect();
        Ok(Self {
            hashes,
            tables,
            bytes: proven.bytes().len(),
            indirect_cycles: proven.indirect_cycles(),
            policy,
        })
    }
}

fn cell(tables: &Tables, table: u16, column: usize, value: i64) -> Option<Cell> {
    let (name, _) = tables.hashes().nth(table.into())?;
    let (column, kind) = tables.get(table)?.columns().nth(column)?;
    Some(Cell {
        table: name.to_owned(),
        column: column.to_owned(),
        value: match kind.text(value) {
            text if !text.is_empty() => text,
            // A code that is none, or no code.
            _ if value == 0 => "none".to_owned(),
            _ => value.to_string(),
        },
    })
}

/// Compiled policies by hash, with a cache on disk of their machine code.
pub struct Shelf {
    sandbox: Arc<Sandbox>,
    cache: PathBuf,
    key: Zeroizing<[u8; 32]>,
    loaded: Mutex<BTreeMap<[u8; 32], Arc<Loaded>>>,
}

impl Shelf {
    /// An empty shelf over a sandbox; machine code is cached in a folder,
    /// authenticated by a key that only this node holds.
    pub fn new(sandbox: Arc<Sandbox>, cache: PathBuf, key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            sandbox,
            cache,
            key,
            loaded: Mutex::default(),
        }
    }

    /// The sandbox.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// A policy that is loaded already.
    pub fn get(&self, hash: &[u8; 32]) -> Option<Arc<Loaded>> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.get(hash).cloned()
    }

    /// Loads a policy: from the cache, or by compiling it.
    ///
    /// # Errors
    /// When it is no policy.
    pub fn load(&self, component: Vec<u8>) -> Result<Arc<Loaded>, PolicyError> {
        let proven = prove(component)?;
        if let Some(loaded) = self.get(&proven.hash()) {
            return Ok(loaded);
        }
        let path = self.cache.join(format!(
            "{}.{}",
            hex(&proven.hash()),
            self.sandbox.backend().as_str()
        ));
        let cached = match fs::read(&path) {
            Ok(sealed) => self
                .sandbox
                .load_artefact(proven.hash(), &sealed, &self.key)?,
            Err(_) => None,
        };
        let policy = match cached {
            Some(policy) => policy,
            None => {
                let policy = self.sandbox.load(&proven)?;
                if let Err(error) = self.keep(&path, &policy) {
                    tracing::warn!(%error, "compiled policy not cached; it is compiled again next time");
                }
                policy
            }
        };
        let loaded = Arc::new(Loaded::assemble(policy, &proven)?);
        let mut shelf = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.insert(proven.hash(), Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Compiles components, as many at once as there are processors. Why one cannot be is
    /// said when it is loaded by itself.
    pub fn warm(&self, components: &[&[u8]]) {
        let next = AtomicUsize::new(0);
        let some = || {
            while let Some(component) = components.get(next.fetch_add(1, Ordering::Relaxed)) {
                let _ = self.load(component.to_vec());
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads.min(components.len()) {
                scope.spawn(some);
            }
        });
    }

    fn keep(&self, path: &std::path::Path, policy: &Policy) -> Result<()> {
        let sealed = policy.artefact(&self.key)?;
        fs::create_dir_all(&self.cache).context("the cache folder could not be made")?;
        let fresh = path.with_extension(format!("new.{}", std::process::id()));
        fs::write(&fresh, sealed)
            .and_then(|()| fs::rename(&fresh, path))
            .context("the cache could not be written")
    }
}

/// The publications of a prefix of the log, and the policies they name.
#[derive(Clone, Default)]
pub struct Book {
    /// The size of the prefix.
    pub prefix: u64,
    publications: Vec<(u64, PolicyPublished)>,
    loaded: BTreeMap<[u8; 32], Arc<Loaded>>,
    /// Of a payer that cheats: see [`Tampering`].
    pub(crate) tampering: Option<Tampering>,
}

/// What a payer that cheats does, for demonstrations: its policies run over another fee
/// for one service than the one that was published. Whoever runs the published policy
/// again finds it.
#[derive(Clone, Copy)]
pub(crate) struct Tampering;

impl Tampering {
    /// The table that is tampered with, of policies that have it.
    const TABLE: &str = "fees";
    /// The service: an office visit.
    const SERVICE: &str = "99213";

    /// Takes a tenth off the prices.
    fn tamper(loaded: &Loaded, table: u16, keys: &[TableKey], rows: &mut [TableRow]) {
        let tables = &loaded.policy.description().tables;
        if tables
            .get(usize::from(table))
            .is_none_or(|name| name != Self::TABLE)
        {
            return;
        }
        for (key, row) in keys.iter().zip(rows) {
            if key.a.to_string() == Self::SERVICE {
                for value in &mut row.values {
                    *value -= *value / 10;
                }
            }
        }
    }
}

impl Book {
    /// The publications of the first `prefix` entries of the log, by index.
    pub fn new(prefix: u64, publications: Vec<(u64, PolicyPublished)>) -> Self {
        Self {
            prefix,
            publications,
            loaded: BTreeMap::new(),
            tampering: None,
        }
    }

    /// A book of one policy that is always in force: for adjudicating without
    /// a node.
    pub fn of_one(loaded: Arc<Loaded>, publication: PolicyPublished) -> Self {
        let mut book = Self::new(1, vec![(0, publication)]);
        book.add(loaded);
        book
    }

    /// Adds a policy that is loaded.
    pub fn add(&mut self, loaded: Arc<Loaded>) {
        self.loaded.insert(loaded.policy.hash(), loaded);
    }

    /// The same publications, as of a shorter prefix.
    pub fn at(&self, prefix: u64) -> Self {
        let mut book = self.clone();
        book.prefix = prefix.min(self.prefix);
        book
    }

    /// What has been published in the prefix, by index.
    pub fn publications(&self) -> impl Iterator<Item = (u64, &PolicyPublished)> {
        self.publications
            .iter()
            .filter(|(index, _)| *index < self.prefix)
            .map(|(index, publication)| (*index, publication))
    }

    /// The publication in force.
    pub fn publication(&self, product: &str, on: ServiceDate) -> Option<&PolicyPublished> {
        in_force(product, on, self.publications()).map(|(_, publication)| publication)
    }

    /// A policy by its hash.
    pub fn loaded(&self, hash: &[u8; 32]) -> Option<&Arc<Loaded>> {
        self.loaded.get(hash)
    }
}

impl Policies for Book {
    fn in_force(&self, product: &str, on: ServiceDate) -> Option<PolicyInForce> {
        let hash = self.publication(product, on)?.policy;
        let loaded = self.loaded.get(&hash)?;
        Some(PolicyInForce {
            hash,
            description: Arc::clone(loaded.policy.description()),
        })
    }
}

/// Answers a policy's questions: from its own tables, and from the unit's
/// earlier lines as of this claim.
pub struct Desk {
    /// The policy.
    pub loaded: Arc<Loaded>,
    /// The unit's earlier lines.
    pub history: Arc<Vec<PastLine>>,
    /// The member, as enrolled.
    pub member: String,
    /// Of a payer that cheats.
    pub(crate) tampering: Option<Tampering>,
}

impl Answers for Desk {
    fn lookup(&self, table: u16, keys: &[TableKey]) -> Option<Vec<TableRow>> {
        let mut rows = self.loaded.lookup(table, keys)?;
        if self.tampering.is_some() {
            Tampering::tamper(&self.loaded, table, keys, &mut rows);
        }
        Some(rows)
    }

    fn query(&self, questions: &[Question]) -> Vec<i64> {
        questions
            .iter()
            .map(|question| answer(question, &self.member, &self.history))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use tally_table::Table;

    use super::*;

    #[test]
    fn a_tables_value_reads_as_its_column_says() {
        let table = "code,from,through,fee:money,share:rate,price:price,status:code\n\
             99213,2026-01-01,,92.00,0.2,95.4,A\n";
        let table = Table::from_csv(table).unwrap();
        let bytes = table.to_bytes();
        let tables = Tables::from_sections(["fees"], [("fees", &bytes[..])]).unwrap();
        let row = table.rows().next().unwrap().values;
        let said = |at: usize, value: i64| {
            let cell = cell(&tables, 0, at, value)?;
            Some(format!("{} {} {}", cell.table, cell.column, cell.value))
        };
        let all: Vec<_> = (0..4).map(|at| said(at, row[at]).unwrap()).collect();
        let expected = [
            "fees fee 92.00",
            "fees share 0.2",
            "fees price 95.40",
            "fees status A",
        ];
        assert_eq!(all, expected);
        // What no row of it can hold, a liar's may.
        assert_eq!(said(3, 0).unwrap(), "fees status none");
        assert_eq!(said(3, -5).unwrap(), "fees status -5");
        let least = said(2, i64::MIN).unwrap();
        assert_eq!(least, "fees price -9223372036854.775808");
        assert_eq!(said(4, 1), None);
        assert!(cell(&tables, 1, 0, 1).is_none());
    }
}
