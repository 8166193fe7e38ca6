//! Real servers for tests, on ports and in folders of their own.
