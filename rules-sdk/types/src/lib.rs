//! Money, quantities, dates and codes: the same code in a policy and in the
//! engine. No allocation, no floats, no standard library.
#![cfg_attr(not(test), no_std)]

mod code;
mod date;
mod decimal;
pub mod filing;
pub mod interest;
mod money;
mod reason;

pub use code::{Code, CodeError, ShortCode};
pub use date::{DateError, ServiceDate};
pub use decimal::DecimalError;
pub use money::{Money, Quantity, Rate, Rounding, UnitPrice};
pub use reason::{Carc, CodeSystem, Group};
