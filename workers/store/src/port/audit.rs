//! The audit trail.

use std::future::Future;

use super::Answer;

/// Who read or did what, to which record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What: a stable short name.
    pub action: String,
    /// To what: a claim's or flag's id, or a token in hexadecimal.
    pub subject: String,
}

/// The audit trail: it only grows.
pub trait Audit {
    /// Notes what was done, durably, before it is answered.
    fn note(&self, rows: &[AuditRow]) -> impl Future<Output = Answer<()>> + Send;
    /// The latest, newest first.
    fn audit(&self, limit: u32) -> impl Future<Output = Answer<Vec<AuditRow>>> + Send;
}
