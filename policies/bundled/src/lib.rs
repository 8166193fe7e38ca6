//! The policies that the binary carries.
