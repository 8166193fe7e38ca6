//! How large the state may become. Every node keeps all of it for ever and writes it down
//! at each block, so nothing in it may grow without end by what members enter; and a list
//! of more than [`crate::canon::MAX_ITEMS`] would be written and never read again.
//!
//! What has bounds elsewhere: the texts of an organisation (`LONGEST`), authorities and
//! witnesses (`authorities.rs`), proposals that are open (`MAX_OPEN`). Of grants,
//! readings, disputes and erasures nothing is kept but how many entries there are.

use crate::adjudication::DescriptionLimits;

/// The most organisations there may be, those that left counted too: the log of each is
/// remembered, should it come back. A charter, which is one entry, has room for half as many.
pub const MAX_ORGANISATIONS: usize = 1_000;

/// The most publications of one organisation, ever: each is a policy, or a further date of
/// one. A hundred products that change four times a year come to it after ten years; it is
/// 655 kB then.
pub const MAX_PUBLICATIONS: usize = 4_096;

/// The most bytes of an encoded snapshot: so many that a thousand organisations that all
/// published as much as they may still fit into one value of SQLite and of PostgreSQL.
#[must_use]
pub const fn max_snapshot_bytes(organisations: usize, publications: usize) -> usize {
    // All that is voted on, and authorities and witnesses twice.
    const GOVERNED: usize = 600_000;
    // Its four texts, its keys, how far it is.
    const ORGANISATION: usize = 1_100;
    // Its product; its hash, date and indices, and what supersedes it.
    const PUBLICATION: usize = DescriptionLimits::NAME + 96;
    let organisations = organisations.saturating_mul(ORGANISATION);
    let publications = publications.saturating_mul(PUBLICATION);
    GOVERNED
        .saturating_add(organisations)
        .saturating_add(publications)
}

const _: () = {
    let publications = MAX_ORGANISATIONS.saturating_mul(MAX_PUBLICATIONS);
    assert!(max_snapshot_bytes(MAX_ORGANISATIONS, publications) < 1_000_000_000);
    // No list of the state is longer than a list that is read.
    assert!(MAX_ORGANISATIONS <= crate::canon::MAX_ITEMS);
    assert!(MAX_PUBLICATIONS <= crate::canon::MAX_ITEMS);
};
