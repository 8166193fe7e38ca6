//! Clocks that jump, and what of the roles looks at one.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// Debian's library that shifts a process's clock.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Shifts the clocks of processes, while they run.
pub struct Jumps {
    library: PathBuf,
    /// Says by how much.
    shift: PathBuf,
}

impl Jumps {
    pub fn found(folder: &Path) -> Option<Self> {
        let libraries = std::fs::read_dir("/usr/lib").ok()?.flatten();
        let library = libraries
            .map(|entry| entry.path().join(LIBRARY))
            .find(|path| path.is_file())?;
        let jumps = Self {
            library,
            shift: folder.join("shift"),
        };
        jumps.jump(0).ok()?;
        Some(jumps)
    }

    /// For a process whose clock is to jump.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        vec![
            pair("LD_PRELOAD", self.library.display().to_string()),
            pair("FAKETIME_TIMESTAMP_FILE", self.shift.display().to_string()),
            pair("FAKETIME_NO_CACHE", "1".to_owned()),
            // A monotonic clock does not jump.
            pair("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            pair("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Shifts the clocks by days. Whoever reads an empty file dies of it, so
    /// there is none at any moment.
    pub fn jump(&self, days: i32) -> Result<()> {
        let next = self.shift.with_extension("next");
        std::fs::write(&next, format!("{days:+}d\n"))?;
        Ok(std::fs::rename(&next, &self.shift)?)
    }
}

/// Where the roles, the store and the queue ask what time it is: only to say
/// when something happened. Nothing that is decided may depend on it.
const LOOKS: [(&str, &str); 2] = [
    // When a message was buried.
    ("workers/queue/src/consumer.rs", "SystemTime::now()"),
    // When a letter died that does not say so.
    ("workers/tally/src/roles/relay.rs", "Clock::now_ms"),
];

/// No role looks at the machine's clock but where it is listed.
pub fn nothing_depends_on_the_clock() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut unlisted = Vec::new();
    for folder in [
        "workers/tally/src/roles",
        "workers/queue/src",
        "workers/store/src",
    ] {
        look(&root, &root.join(folder), &mut unlisted)?;
    }
    anyhow::ensure!(
        unlisted.is_empty(),
        "the clock is looked at in {unlisted:?}"
    );
    Ok(())
}

fn look(root: &Path, folder: &Path, unlisted: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(root)?.display().to_string();
        if path.is_dir() {
            look(root, &path, unlisted)?;
        } else if !name.contains("tests") {
            let text = std::fs::read_to_string(&path)?;
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for clock in ["SystemTime::now", "Utc::now", "Local::now", "now_ms"] {
                let looks = text.lines().filter(|line| line.contains(clock));
                for line in looks {
                    let listed = LOOKS
                        .iter()
                        .any(|(file, how)| name == *file && line.contains(how));
                    if !listed {
                        unlisted.push(format!("{name}: {}", line.trim()));
                    }
                }
            }
        }
    }
    Ok(())
}
