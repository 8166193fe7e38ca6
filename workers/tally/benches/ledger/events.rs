//! What happened to an authority and when, in a file that outlives a kill. It is not
//! synced: the machine does not fail here.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

const NAME: &str = "events";
/// In this many bytes of the end there is a block, or there was none for long.
const END: u64 = 1 << 16;

/// µs, on the clock that all processes of the machine have.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

/// A block was committed to the store.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    pub at: u64,
    pub height: u64,
    /// Leaves of the tree after it.
    pub size: u64,
    pub entries: u64,
}

/// An envelope of its own was in it.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub at: u64,
    /// When it was handed over; 0 when that was before a kill.
    pub handed: u64,
    /// The index of the entry after it.
    pub next: u64,
    /// Leaves of the tree after its block.
    pub size: u64,
}

/// A checkpoint with a quorum's signatures was kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub at: u64,
    pub size: u64,
}

/// Of an authority.
#[derive(Default, Debug)]
pub struct Events {
    pub blocks: Vec<Committed>,
    pub own: Vec<Own>,
    pub kept: Vec<Kept>,
}

impl Events {
    /// Of whole lines; the last may be being written.
    fn parse(text: &str) -> Self {
        let mut events = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let (kind, rest) = line.split_once(' ').unwrap_or_default();
            let numbers: Vec<u64> = rest
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            match (kind, &numbers[..]) {
                ("block", &[at, height, size, entries]) => events.blocks.push(Committed {
                    at,
                    height,
                    size,
                    entries,
                }),
                ("own", &[at, handed, next, size]) => events.own.push(Own {
                    at,
                    handed,
                    next,
                    size,
                }),
                ("kept", &[at, size]) => events.kept.push(Kept { at, size }),
                // Where an end of the file begins, or a kill cut a line off.
                _ => {}
            }
        }
        events
    }

    /// All that there is in an authority's folder.
    pub fn read(folder: &Path) -> Result<Self> {
        Ok(Self::parse(&std::fs::read_to_string(folder.join(NAME))?))
    }

    /// The last of them; none before there are any.
    pub fn last(folder: &Path) -> Self {
        let end = || -> std::io::Result<String> {
            let mut file = File::open(folder.join(NAME))?;
            let from = file.metadata()?.len().saturating_sub(END);
            file.seek(SeekFrom::Start(from))?;
            let mut end = String::new();
            file.read_to_string(&mut end)?;
            Ok(end)
        };
        Self::parse(&end().unwrap_or_default())
    }

    /// Leaves of the tree after the last block.
    pub fn size(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.size)
    }
}

/// Written by the authority.
pub struct Log(File);

impl Log {
    pub fn open(folder: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(folder.join(NAME));
        Ok(Self(file.context("the file of what happens")?))
    }

    fn line(&mut self, kind: &str, numbers: &[u64]) -> Result<()> {
        let mut line = format!("{kind} {}", now());
        for number in numbers {
            line.push_str(&format!(" {number}"));
        }
        line.push('\n');
        Ok(self.0.write_all(line.as_bytes())?)
    }

    pub fn block(&mut self, height: u64, size: u64, entries: usize) -> Result<()> {
        self.line("block", &[height, size, entries as u64])
    }

    pub fn own(&mut self, next: u64, handed: Option<u64>, size: u64) -> Result<()> {
        let handed = handed.unwrap_or_default();
        self.line("own", &[handed, next, size])
    }

    pub fn kept(&mut self, size: u64) -> Result<()> {
        self.line("kept", &[size])
    }
}
