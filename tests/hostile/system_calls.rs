//! A claim takes no system call: shown by a kernel that kills whoever makes
//! one.
//!
//! The test starts itself again. That process runs claims to fill its pools,
//! then asks for `SECCOMP_MODE_STRICT`, under which any call but `read`,
//! `write` and `exit` is the end of it, runs claims, and writes a word. A second
//! one makes a call between two claims, and the word must not come.

use std::process::{Command, Stdio};

#[allow(dead_code)]
mod guest;
#[allow(dead_code)]
mod rig;

use rustix::thread::{SecureComputingMode, set_secure_computing_mode};
use tally_sandbox::{Backend, Limits};

/// What the process started again is to do.
const PART: &str = "TALLY_SEALED";
const WORD: &[u8] = b"no system call\n";
const CLAIMS: usize = 2_000;

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        println!("system_calls: test");
        return;
    }
    match std::env::var(PART) {
        Ok(part) => sealed(&part),
        Err(_) => {
            for (part, expected) in [("cranelift", true), ("pulley", true), ("a call", false)] {
                assert_eq!(unharmed(part), expected, "{part}");
            }
            println!("{CLAIMS} claims on each backend without a system call");
        }
    }
}

/// Whether the process said its word.
fn unharmed(part: &str) -> bool {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .env(PART, part)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    output.stdout == WORD
}

fn sealed(part: &str) {
    let backend = match part {
        "pulley" => Backend::Pulley,
        _ => Backend::Cranelift,
    };
    // A policy that asks, so that the host answers and records.
    let guest = guest::Guest::doing(
        "(call $lookup (i32.const 0) (i32.const 131072) (i32.const 5) (i32.const 140000))
         (call $query (i32.const 131072) (i32.const 2) (i32.const 140000))",
    );
    let policy = rig::loaded(&guest, backend);
    let ready = rig::ready(policy.hash(), policy.description());
    let answers: std::sync::Arc<dyn tally_core::adjudication::Answers> =
        std::sync::Arc::new(rig::Empty);
    let claim = || {
        let ran = policy.run(
            &ready.context,
            std::sync::Arc::clone(&answers),
            Limits::FUEL,
        );
        assert!(ran.is_ok_and(|ran| ran.determined.is_ok()));
    };
    (0..CLAIMS).for_each(|_| claim());
    set_secure_computing_mode(SecureComputingMode::Strict).expect("the kernel can seal a process");
    for at in 0..CLAIMS {
        claim();
        if part == "a call" && at == CLAIMS / 2 {
            std::thread::yield_now();
        }
    }
    // The last act: even to exit as a program does takes calls.
    let _ = rustix::io::write(rustix::stdio::stdout(), WORD);
}
