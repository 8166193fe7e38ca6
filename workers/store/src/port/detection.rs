//! Facts, and the flags that follow from them.

use std::future::Future;

use super::{Answer, FactRow, FlagGroup, FlagRow, Group};

/// A group of facts that is to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// The group.
    pub group: Group,
    /// Every mark on it, in order: a fact was added, or something its facts
    /// are judged by has changed.
    pub marks: Vec<i64>,
}

/// A group that was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The group.
    pub group: Group,
    /// The marks that were there before its facts were read.
    pub marks: Vec<i64>,
    /// All flags of the group as they now are; those it had and has no more
    /// are withdrawn. A flag whose `commitment` is already stored stays as it
    /// is: if it was withdrawn, it stands again, with the place it had in the
    /// log.
    pub flags: Vec<FlagRow>,
}

/// Judging groups of facts. Adjudication marks them and goes on; whoever
/// judges looks at all facts of a group, so that what is flagged is a function
/// of the set of claims.
pub trait Detection {
    /// Groups that are marked, the one marked first in front.
    fn unjudged(&self, limit: u32) -> impl Future<Output = Answer<Vec<Unjudged>>> + Send;
    /// All facts of groups, by group as asked, then by claim and line.
    fn facts(&self, groups: &[Group]) -> impl Future<Output = Answer<Vec<FactRow>>> + Send;
    /// The flags that stand in groups, by group as asked.
    fn flags_in(
        &self,
        groups: &[FlagGroup],
    ) -> impl Future<Output = Answer<Vec<(FlagGroup, FlagRow)>>> + Send;
    /// Replaces the flags of groups and takes the marks off, in one
    /// transaction. A mark that is gone means that somebody else judged the
    /// group meanwhile: [`StoreError::Fenced`](super::StoreError::Fenced), and nothing has changed.
    fn judge(&self, judged: &[Judged]) -> impl Future<Output = Answer<()>> + Send;
}
