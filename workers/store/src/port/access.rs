//! Who may read: what of it is in no statement of this node. Members as grants name
//! them, and what others granted.

use std::future::Future;

use super::{Answer, Sealed, Token};

/// What another organisation granted, as it showed it to this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRow {
    /// The commitment that stands on the ledger.
    pub commitment: [u8; 32],
    /// A member's token, or a group's.
    pub about: Token,
    /// What the commitment opens to.
    pub opening: Sealed,
}

/// Members as grants name them, and what others granted.
pub trait Access {
    /// How grants name a member; `None` before that was drawn.
    fn patient(&self, member: Token) -> impl Future<Output = Answer<Option<Sealed>>> + Send;
    /// Keeps how grants name a member, unless that was drawn before. Answers what is kept.
    fn keep_patient(
        &self,
        member: Token,
        drawn: &Sealed,
    ) -> impl Future<Output = Answer<Sealed>> + Send;
    /// Keeps what was shown; of one commitment the first. Answers whether it is new.
    fn keep_shown(&self, shown: &ShownRow) -> impl Future<Output = Answer<bool>> + Send;
    /// What was shown about any of these members and groups, in the order of commitments;
    /// all that was shown where none is said.
    fn shown(&self, about: Option<&[Token]>) -> impl Future<Output = Answer<Vec<ShownRow>>> + Send;
}
