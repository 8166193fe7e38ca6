//! The tables of one policy, in the order its description names them.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tally_types::{Code, ServiceDate};
use thiserror::Error;

use crate::{MAX_COLUMNS, Source, Table, TableError};

/// Why a policy's tables cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TablesError {
    /// The description names a table that the component does not carry.
    #[error("the table `{name}` is described but not there: add `tables/{name}.csv`")]
    Missing {
        /// Its name.
        name: String,
    },
    /// The component carries a table that the description does not name.
    #[error("the table `{name}` is there but not described: name it in the policy's `tables!`")]
    Undescribed {
        /// Its name.
        name: String,
    },
    /// The component carries two tables of one name.
    #[error("the table `{name}` is there twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// The bytes are not a table's.
    #[error("the table `{name}`: {source}")]
    Table {
        /// Its name.
        name: String,
        /// What is wrong.
        source: TableError,
    },
}

/// The tables of one policy: what answers its `lookup`.
#[derive(Clone)]
pub struct Tables(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    name: String,
    table: Arc<Table>,
    hash: [u8; 32],
}

impl Tables {
    /// Puts together the tables a description names, from the sections of its
    /// component whose names begin with [`crate::SECTION`], given without that
    /// prefix. Every table described must be there, and no other.
    ///
    /// # Errors
    /// When one is missing, not described, there twice, or not a table.
    pub fn from_sections<'a>(
        described: impl IntoIterator<Item = &'a str>,
        sections: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, TablesError> {
        let mut found: Vec<(&str, &[u8])> = Vec::new();
        for (name, bytes) in sections {
            if found.iter().any(|(other, _)| *other == name) {
                return Err(TablesError::Twice { name: name.into() });
            }
            found.push((name, bytes));
        }
        let mut tables = Vec::new();
        for name in described {
            let at = found
                .iter()
                .position(|(other, _)| *other == name)
                .ok_or_else(|| TablesError::Missing { name: name.into() })?;
            let (_, bytes) = found.swap_remove(at);
            let table = Table::from_bytes(bytes).map_err(|source| TablesError::Table {
                name: name.into(),
                source,
            })?;
            tables.push(Entry {
                name: name.into(),
                // A table has one form, so these are the bytes it would make.
                hash: Sha256::digest(bytes).into(),
                table: Arc::new(table),
            });
        }
        match found.first() {
            Some((name, _)) => Err(TablesError::Undescribed {
                name: (*name).into(),
            }),
            None => Ok(Self(tables)),
        }
    }

    /// A table by its position in the description.
    #[must_use]
    pub fn get(&self, table: u16) -> Option<&Table> {
        Some(&self.0.get(usize::from(table))?.table)
    }

    /// A table by its name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Table> {
        let entry = self.0.iter().find(|entry| entry.name == name)?;
        Some(&entry.table)
    }

    /// The row of these codes in force on a day. The outer `None`: there is no
    /// such table. The inner one: it has no such row.
    #[must_use]
    pub fn lookup(
        &self,
        table: u16,
        a: Code,
        b: Code,
        on: ServiceDate,
    ) -> Option<Option<[i64; MAX_COLUMNS]>> {
        Some(self.get(table)?.lookup(a, b, on))
    }

    /// Each table's name and the SHA-256 of its canonical bytes, in the order
    /// of the description.
    pub fn hashes(&self) -> impl ExactSizeIterator<Item = (&str, [u8; 32])> {
        self.0.iter().map(|entry| (entry.name.as_str(), entry.hash))
    }

    /// Each table's name and the published files it was read from: the versions
    /// behind the hashes.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = (&str, &[Source])> {
        self.0
            .iter()
            .map(|entry| (entry.name.as_str(), entry.table.sources()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: i64) -> Vec<u8> {
        let text = format!("code,from,through,v:count\nA,2025-01-01,,{value}\n");
        Table::from_csv(&text).unwrap().to_bytes()
    }

    #[test]
    fn tables_stand_in_the_order_of_the_description() {
        let (one, two) = (bytes(1), bytes(2));
        let sections = [("one", one.as_slice()), ("two", two.as_slice())];
        let tables = Tables::from_sections(["two", "one"], sections).unwrap();
        let on = ServiceDate::parse("2025-06-01").unwrap();
        let value = |table| tables.lookup(table, Code::of("A"), Code::NONE, on);
        assert_eq!(value(0), Some(Some([2, 0, 0, 0])));
        assert_eq!(value(1), Some(Some([1, 0, 0, 0])));
        assert_eq!(value(2), None);
        let row = tables.lookup(0, Code::of("B"), Code::NONE, on);
        assert_eq!(row, Some(None));
        let names: Vec<&str> = tables.hashes().map(|(name, _)| name).collect();
        assert_eq!(names, ["two", "one"]);
        assert_eq!(tables.len(), 2);
    }

    #[test]
    fn what_is_described_is_there_and_nothing_else() {
        let one = bytes(1);
        let section = ("one", one.as_slice());
        let wrong = |described: &[&'static str], sections: &[(&'static str, &[u8])]| {
            let sections = sections.iter().map(|(name, bytes)| (*name, *bytes));
            let tables = Tables::from_sections(described.iter().copied(), sections);
            tables.err().unwrap().to_string()
        };
        let says = wrong(&["one", "two"], &[section]);
        assert!(
            says.starts_with("the table `two` is described but"),
            "{says}"
        );
        let says = wrong(&[], &[section]);
        assert!(says.starts_with("the table `one` is there but"), "{says}");
        let says = wrong(&["one"], &[section, section]);
        assert_eq!(says, "the table `one` is there twice");
        let says = wrong(&["one"], &[("one", b"junk")]);
        assert!(says.starts_with("the table `one`: not the bytes"), "{says}");
    }
}
