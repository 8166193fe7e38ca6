//! Runs a policy's real component against its worked cases.
//!
//! A policy's folder has its cases in `cases/*.toml`, one family a file, claims
//! in order, each with what must come of it, worked out by hand from the
//! clauses. They go through the engine's real path: its own rules, the sandbox
//! with fuel, the checks of the determination, postings, history. Every claim
//! runs on Cranelift and on Pulley, which must agree to the byte and to the
//! unit of fuel.
//!
//! ```toml
//! title = "The deductible, then coinsurance"
//! clauses = ["1.1", "2.1", "2.2"]
//! worked = """
//! 150.00 charged, the fee is 90.00: 60.00 is written off (1.1). All of it is
//! deductible (2.1)."""
//!
//! # Without a member: one subscriber A, born 1980-01-01, since 2020-01-01.
//! [[member]]
//! id = "A"
//! birth = "1984-05-02"
//! sex = "female"                  # female, male, other, unknown (default)
//! relationship = "subscriber"     # subscriber (default), spouse, child, other
//! since = "2024-01-01"            # until = "…" where cover ends
//! # death = "…"; several spans: [[member.cover]] from, through, product
//!
//! [[member.authorization]]
//! procedure = "27447"
//! from = "2025-01-01"
//! through = "2025-12-31"
//! units = "1"
//!
//! # Before the first claim; without a member, the family's.
//! [[balance]]
//! member = "A"
//! accumulator = "deductible"
//! period = "2025-01-01"
//! used = "10.00"
//!
//! [[claim]]
//! member = "A"                    # default: the first member
//! billing = "1234567893"
//! received = "2025-03-02"         # default: the day after the last service
//! kind = "professional"           # or institutional, oral, vision, pharmacy
//! diagnoses = ["M54.50"]
//!
//! [[claim.line]]
//! procedure = "99213"             # and system: hcpcs (default), cdt, ndc, …
//! charge = "150.00"
//! from = "2025-03-01"             # through, default: the same day
//! # quantity = "1", modifiers, place, revenue, rendering, emergency,
//! # diagnoses = [1] (default: all of the claim's)
//!
//! [claim.expect]
//! status = "paid"                 # paid, denied, pended
//! # paid and patient: totals; pend = "reason line clause", the last two
//! # optional; findings = ["pattern line score clause"], exactly these
//!
//! [[claim.expect.line]]           # one a line, in order
//! allowed = "90.00"
//! paid = "0.00"
//! adjustments = ["CO 45 60.00 1.1", "PR 1 90.00 2.1"]   # group carc [rarc] amount clause
//! # denied = true: then allowed and paid are 0.00; clause: what decided it
//!
//! # Balances afterwards: "member-or-family accumulator period".
//! [claim.expect.after]
//! "A deductible 2025-01-01" = "100.00"
//! ```
//!
//! Amounts are text, so that none is ever a float. What a case expects must
//! itself balance, or the file is refused.

mod case;
mod compare;
mod family;
mod policy;
mod report;
mod run;

pub use case::CaseError;
pub use family::Family;
pub use policy::{Adjudicated, LoadError, PolicyUnderTest, Sandboxes, TestError, load_policy};
pub use report::{CaseReport, ClaimReport, Difference, Report};
pub use run::run_cases;
