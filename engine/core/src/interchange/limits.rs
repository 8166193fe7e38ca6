//! What one submission may hold at most.

/// Bounds on a file, with their reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits;

impl FileLimits {
    /// Bytes of a file: 64 MiB, ten thousand claims and more.
    pub const BYTES: usize = 64 * 1024 * 1024;
    /// Lines of ndjson, entries of a Bundle, claims of a list: one for every 512
    /// bytes of the largest file, and no claim is so short.
    pub const ITEMS: usize = 128 * 1024;
    /// JSON values of a file. A value takes some 60 bytes in memory, so this
    /// bounds a file of nothing but brackets to a quarter of a gibibyte.
    pub const VALUES: usize = 4 * 1024 * 1024;
    /// Levels of JSON. A FHIR Bundle with nested questionnaires has some 30.
    pub const DEPTH: usize = 64;
}
