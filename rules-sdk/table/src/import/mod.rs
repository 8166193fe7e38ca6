//! Readers of reference data in the formats in which it is published.
//!
//! [`FORMATS`] says which there are and what each needs; [`read`] makes a
//! [`Table`] of the files' bytes, with a [`Source`](crate::Source) for each file, or says
//! which line is wrong and why. Nothing is guessed: a row that is malformed is
//! an error; a row that a format says not to take (a provider without an NPI,
//! a code pair deleted as of the day it began) is counted with its reason.
//! Descriptions, names and addresses never enter a table: official
//! descriptions are copyrighted, and what decides a claim is the code.
//!
//! ```
//! use tally_table::import::{self, Options};
//! use tally_types::{Code, ServiceDate};
//!
//! let file = "HCPCS/CPT Code,Practitioner Services MUE Values,\
//!             MUE Adjudication Indicator,MUE Rationale\n\
//!             36415,2,3 Date of Service Edit: Clinical,Clinical: Data\n";
//! let options = Options {
//!     effective: ServiceDate::new(2026, 1, 1),
//!     ..Options::default()
//! };
//! let table = import::read("ncci-mue", &[file.as_bytes()], &options)?;
//! let on = ServiceDate::new(2026, 2, 1).unwrap();
//! let row = table.lookup(Code::of("36415"), Code::NONE, on);
//! assert_eq!(row, Some([2, 3, 0, 0]));
//! assert_eq!(table.sources()[0].version, "2026 Q1");
//! # Ok::<(), import::ImportError>(())
//! ```

mod draft;
mod error;
mod excluded;
mod fees;
mod hcpcs;
mod icd;
mod mue;
mod options;
mod places;
mod ptp;
mod reasons;
mod taxonomy;
mod text;

use crate::Table;
use draft::Draft;

pub use error::ImportError;
pub use options::{Locality, LocalityError, Options, Setting};

/// What a format may need besides its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The first day on which the file is in force: the files that have no
    /// dates of their own.
    Effective,
    /// The published version, where the file does not say it.
    Version,
    /// The payment locality.
    Locality,
    /// Practitioner, hospital or supplier.
    Setting,
}

impl Need {
    /// The name of the option.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Effective => "effective",
            Self::Version => "version",
            Self::Locality => "locality",
            Self::Setting => "setting",
        }
    }

    /// What the option holds, in a line of help.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Effective => "the first day on which the file is in force, YYYY-MM-DD",
            Self::Version => "the version as published, such as `2026 Q1`",
            Self::Locality => "contractor and locality, such as 01112-05",
            Self::Setting => "practitioner, hospital or supplier",
        }
    }
}

/// The most rows that are named as left out: a person reads no more, and the
/// counts are complete without them.
pub const MAX_LEFT_OUT: usize = 100_000;

/// A row of a file that its table does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file, from 1.
    pub file: usize,
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub reason: std::borrow::Cow<'static, str>,
}

/// What files came to.
pub struct Imported {
    /// The table.
    pub table: Table,
    /// The rows it does not have, in order of file and line, the first
    /// [`MAX_LEFT_OUT`]; the table's sources have all of them as counts.
    pub left_out: Vec<LeftOut>,
}

/// Takes the rows of files.
type Reader = fn(&[&[u8]], &Options, &mut Draft<'_>) -> Result<(), ImportError>;

/// A format in which reference data is published.
pub struct Format {
    /// Its name: what [`read`] takes.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Who publishes it.
    pub publisher: &'static str,
    /// What its files are, in the order in which they are given.
    pub files: &'static [&'static str],
    /// Whether it is published in parts, so that more files of the last kind
    /// may follow.
    pub parts: bool,
    /// Whether its rows have days of their own. Such a file replaces the one
    /// before it: go over an earlier table ([`Table::merge`]) only from a day
    /// that is named. A file without is in force from its [`Table::first_day`],
    /// and goes over the earlier table from that day.
    pub dated: bool,
    /// What must be given with it.
    pub needs: &'static [Need],
    /// What may be given with it: where the file says it, or says it better.
    pub takes: &'static [Need],
    /// The header of the table that it makes.
    pub header: &'static str,
    read: Reader,
}

/// Every format, in order of the names.
pub const FORMATS: &[Format] = &[
    Format {
        name: "carc",
        about: "claim adjustment reason codes with the groups they may stand in",
        publisher: "X12",
        files: &["the list as CSV"],
        parts: false,
        dated: true,
        needs: &[Need::Version],
        takes: &[],
        header: "code,from,through,groups:count,remark:count,modified:count",
        read: reasons::carc,
    },
    Format {
        name: "hcpcs",
        about: "HCPCS level II procedure codes and the days they are valid on",
        publisher: "CMS",
        files: &["HCPCyyyy_mmm_ANWEB as text or CSV"],
        parts: false,
        dated: true,
        needs: &[Need::Version],
        takes: &[],
        header: "code,from,through,action:code",
        read: hcpcs::procedures,
    },
    Format {
        name: "hcpcs-modifiers",
        about: "HCPCS level II modifiers and the days they are valid on",
        publisher: "CMS",
        files: &["HCPCyyyy_mmm_ANWEB as text or CSV"],
        parts: false,
        dated: true,
        needs: &[Need::Version],
        takes: &[],
        header: "code,from,through,action:code",
        read: hcpcs::modifiers,
    },
    Format {
        name: "icd10cm",
        about: "ICD-10-CM diagnoses; billable 0 where a code has more characters",
        publisher: "CDC/NCHS and CMS",
        files: &["icd10cm_order_yyyy.txt"],
        parts: false,
        dated: false,
        needs: &[Need::Effective],
        takes: &[Need::Version],
        header: "code,from,through,billable:count",
        read: icd::diagnoses,
    },
    Format {
        name: "icd10pcs",
        about: "ICD-10-PCS inpatient procedures; billable 0 for the tables' heads",
        publisher: "CMS",
        files: &["icd10pcs_order_yyyy.txt"],
        parts: false,
        dated: false,
        needs: &[Need::Effective],
        takes: &[Need::Version],
        header: "code,from,through,billable:count",
        read: icd::procedures,
    },
    Format {
        name: "leie",
        about: "excluded providers by NPI, from the day of their exclusion",
        publisher: "HHS OIG",
        files: &["UPDATED.csv"],
        parts: false,
        dated: true,
        needs: &[Need::Version],
        takes: &[],
        header: "code,from,through,type:code,waived:count",
        read: excluded::read,
    },
    Format {
        name: "mpfs-factor",
        about: "the conversion factor, as the one row MPFS",
        publisher: "CMS",
        files: &["PPRRVUyyyy CSV"],
        parts: false,
        dated: false,
        needs: &[],
        takes: &[Need::Effective, Need::Version],
        header: "code,from,through,factor:price",
        read: fees::factor,
    },
    Format {
        name: "mpfs-fees",
        about: "physician fee schedule amounts of one locality, by code and modifier",
        publisher: "CMS",
        files: &["PPRRVUyyyy CSV", "GPCIyyyy CSV"],
        parts: false,
        dated: false,
        needs: &[Need::Locality],
        takes: &[Need::Effective, Need::Version],
        header: "code,code2,from,through,nonfacility:money,facility:money",
        read: fees::fees,
    },
    Format {
        name: "mpfs-gpcis",
        about: "geographic practice cost indices, by contractor and locality",
        publisher: "CMS",
        files: &["GPCIyyyy CSV"],
        parts: false,
        dated: false,
        needs: &[],
        takes: &[Need::Effective, Need::Version],
        header: "code,from,through,work:rate,practice:rate,malpractice:rate",
        read: fees::gpcis,
    },
    Format {
        name: "mpfs-indicators",
        about: "status, global days, multiple-procedure and bilateral indicators",
        publisher: "CMS",
        files: &["PPRRVUyyyy CSV"],
        parts: false,
        dated: false,
        needs: &[],
        takes: &[Need::Effective, Need::Version],
        header: "code,code2,from,through,status:code,global:code,multiple:count,bilateral:count",
        read: fees::indicators,
    },
    Format {
        name: "mpfs-rvus",
        about: "relative value units: work, practice in and out of a facility, malpractice",
        publisher: "CMS",
        files: &["PPRRVUyyyy CSV"],
        parts: false,
        dated: false,
        needs: &[],
        takes: &[Need::Effective, Need::Version],
        header: "code,code2,from,through,work:rate,nonfacility:rate,facility:rate,malpractice:rate",
        read: fees::rvus,
    },
    Format {
        name: "mpfs-surgeons",
        about: "component, assistant, co-surgeon and team indicators",
        publisher: "CMS",
        files: &["PPRRVUyyyy CSV"],
        parts: false,
        dated: false,
        needs: &[],
        takes: &[Need::Effective, Need::Version],
        header: "code,code2,from,through,component:count,assistant:count,cosurgeon:count,team:count",
        read: fees::surgeons,
    },
    Format {
        name: "ncci-mue",
        about: "medically unlikely edits: the most units, and how the limit applies",
        publisher: "CMS",
        files: &["MCR_MUE_… CSV"],
        parts: false,
        dated: false,
        needs: &[Need::Effective],
        takes: &[Need::Setting, Need::Version],
        header: "code,from,through,units:count,indicator:count",
        read: mue::read,
    },
    Format {
        name: "ncci-ptp",
        about: "code pairs: column 1 is paid, column 2 is not, by modifier indicator",
        publisher: "CMS",
        files: &["ccipra… or ccioph… as text or CSV"],
        parts: true,
        dated: true,
        needs: &[Need::Setting, Need::Version],
        takes: &[],
        header: "code,code2,from,through,indicator:count",
        read: ptp::read,
    },
    Format {
        name: "nucc-taxonomy",
        about: "provider taxonomy codes; kind 1 individual, 2 not, 0 not said",
        publisher: "NUCC",
        files: &["nucc_taxonomy_nnn.csv"],
        parts: false,
        dated: true,
        needs: &[Need::Effective, Need::Version],
        takes: &[],
        header: "code,from,through,kind:count",
        read: taxonomy::read,
    },
    Format {
        name: "pos",
        about: "places of service, and whether the facility amount is paid there",
        publisher: "CMS",
        files: &["the set as CSV, with a column `Payment` of F or NF"],
        parts: false,
        dated: true,
        needs: &[Need::Version],
        takes: &[Need::Effective],
        header: "code,from,through,facility:count",
        read: places::read,
    },
    Format {
        name: "rarc",
        about: "remittance advice remark codes; alert 1 where one only informs",
        publisher: "X12",
        files: &["the list as CSV"],
        parts: false,
        dated: true,
        needs: &[Need::Version],
        takes: &[],
        header: "code,from,through,alert:count,modified:count",
        read: reasons::rarc,
    },
];

impl Format {
    /// How it is called, in a line: files, options that must be given, and
    /// those that may be.
    #[must_use]
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for file in self.files {
            usage.push_str(&format!(" <{file}>"));
        }
        if self.parts {
            usage.push('…');
        }
        for need in self.needs {
            usage.push_str(&format!(" --{}", need.name()));
        }
        for need in self.takes {
            usage.push_str(&format!(" [--{}]", need.name()));
        }
        usage
    }

    /// Reads a table.
    ///
    /// # Errors
    /// When files or options are missing or too many, or with the first thing
    /// in a file that is wrong.
    pub fn read(&self, files: &[&[u8]], options: &Options) -> Result<Table, ImportError> {
        let imported = self.import(files, options, &|_| ());
        imported.map(|imported| imported.table)
    }

    /// Reads a table, says which rows it does not have, and tells `watch` every
    /// few thousand rows how many were read.
    ///
    /// # Errors
    /// As [`Format::read`].
    pub fn import(
        &self,
        files: &[&[u8]],
        options: &Options,
        watch: &dyn Fn(u64),
    ) -> Result<Imported, ImportError> {
        let most = if self.parts {
            usize::MAX
        } else {
            self.files.len()
        };
        if files.len() < self.files.len() || files.len() > most {
            return Err(ImportError::Files {
                usage: self.usage(),
                found: files.len(),
            });
        }
        for need in [
            Need::Effective,
            Need::Version,
            Need::Locality,
            Need::Setting,
        ] {
            let given = options.has(need);
            if self.needs.contains(&need) && !given {
                return Err(ImportError::Missing {
                    format: self.name,
                    need,
                });
            }
            if given && !self.needs.contains(&need) && !self.takes.contains(&need) {
                return Err(ImportError::Useless {
                    format: self.name,
                    need,
                });
            }
        }
        let mut draft = Draft::new(files.len(), watch);
        (self.read)(files, options, &mut draft).map_err(|error| match error {
            // Several formats share a reader.
            ImportError::Missing { need, .. } => ImportError::Missing {
                format: self.name,
                need,
            },
            error => error,
        })?;
        let (table, left_out) = draft.finish(self, files)?;
        Ok(Imported { table, left_out })
    }
}

/// The format of a name.
///
/// # Errors
/// When there is none.
pub fn format(name: &str) -> Result<&'static Format, ImportError> {
    let found = FORMATS.iter().find(|format| format.name == name);
    found.ok_or_else(|| ImportError::Format { name: name.into() })
}

/// Reads a table from published files, given by the name of their format.
///
/// # Errors
/// When there is no such format, files or options are missing or too many, or
/// with the first thing in a file that is wrong: file, line, column, reason.
pub fn read(name: &str, files: &[&[u8]], options: &Options) -> Result<Table, ImportError> {
    format(name)?.read(files, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_in_order_and_their_headers_are_headers() {
        for pair in FORMATS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{}", pair[1].name);
        }
        for format in FORMATS {
            assert!(Table::from_csv(format.header).is_ok(), "{}", format.name);
            let both = format.needs.iter().any(|need| format.takes.contains(need));
            assert!(!both, "{}", format.name);
            assert!(format.about.len() < 80, "{}", format.name);
        }
    }

    #[test]
    fn usage_says_what_each_needs() {
        assert_eq!(
            format("ncci-ptp").ok().unwrap().usage(),
            "ncci-ptp <ccipra… or ccioph… as text or CSV>… --setting --version"
        );
        assert_eq!(
            format("mpfs-fees").ok().unwrap().usage(),
            "mpfs-fees <PPRRVUyyyy CSV> <GPCIyyyy CSV> --locality [--effective] [--version]"
        );
    }

    #[test]
    fn what_is_missing_or_useless_is_said() {
        let says = |name, files: &[&[u8]], options: &Options| {
            read(name, files, options).err().unwrap().to_string()
        };
        let none = Options::default();
        let version = Options {
            version: Some("1".to_owned()),
            ..Options::default()
        };
        assert!(says("ncci", &[], &none).contains("carc, hcpcs"));
        assert!(says("pos", &[], &version).contains("0 files where `pos <"));
        assert!(says("pos", &[b""], &none).contains("needs `version`: the version"));
        let setting = Options {
            setting: Some(Setting::Hospital),
            ..version
        };
        assert!(says("pos", &[b""], &setting).contains("`setting` means nothing"));
    }
}
