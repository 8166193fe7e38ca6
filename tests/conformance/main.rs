//! Formats and functions that others must agree with to the byte, against
//! vectors nobody on this project wrote, and against frozen values of our own.
//!
//! The vectors are read where they are present (`TALLY_CASES`); where they are
//! absent a test says so and checks nothing.
//!
//! | folder | read by |
//! |---|---|
//! | `c2sp-specs` | `notes`, `witness`, `changed`: notes, checkpoints, cosignatures, requests to witnesses, proofs, paths of tiles |
//! | `transparency-dev-merkle` | `merkle`: all proofs; those of subtrees but for consistency from a later leaf on, which nothing here makes or reads |
//! | `tessera` | `tessera`, `changed` |
//! | `wycheproof` | `crypto`: Ed25519, XChaCha20-Poly1305, HMAC-SHA256 |
//!
//! The verifiers in Python and JavaScript read those of RFC 6962 and Ed25519 in tests of
//! their own. The product has no JCS (JSON is never hashed), VOPRF, `did:key`, ECDSA or
//! AES-GCM-SIV, so their vectors have nobody here to read them.

mod cases;
mod changed;
mod crypto;
#[path = "../../engine/core/tests/verifiers/kinds.rs"]
#[allow(dead_code)] // what only the verifiers are given
mod kinds;
#[path = "../../engine/core/tests/verifiers/made.rs"]
#[allow(dead_code)]
mod made;
mod merkle;
mod notes;
mod partition;
mod receipt;
#[path = "../../engine/core/tests/verifiers/strict.rs"]
#[allow(dead_code)]
mod strict;
mod tessera;
mod tree;
mod witness;
