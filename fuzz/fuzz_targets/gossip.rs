#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/interchange/targets.rs"]
mod targets;

fuzz_target!(|bytes: &[u8]| targets::shared::gossip(bytes));
