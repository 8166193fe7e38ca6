//! Places where a test may stop the process, and claims that harm it. Only
//! builds with debug assertions have them: a release has none.

use tally_types::Money;

/// Stops here when `TALLY_FAILPOINT` says so: `NAME=panic`, `NAME=abort`,
/// `NAME=stop`, or with `@N` at the Nth time. `abort` ends the process at once,
/// as a kill does; `stop` halts it as SIGSTOP does, until it is told to go on.
pub fn reach(name: &str) {
    #[cfg(debug_assertions)]
    {
        use std::sync::atomic::{AtomicU64, Ordering};
        static REACHED: AtomicU64 = AtomicU64::new(0);
        let Ok(wanted) = std::env::var("TALLY_FAILPOINT") else {
            return;
        };
        let Some((place, how)) = wanted.split_once('=') else {
            return;
        };
        let (how, at) = how.split_once('@').unwrap_or((how, "1"));
        if place != name || at.parse() != Ok(REACHED.fetch_add(1, Ordering::SeqCst) + 1) {
            return;
        }
        match how {
            "abort" => std::process::abort(),
            #[allow(clippy::panic)] // what the test asks for
            "panic" => panic!("failpoint {name}"),
            "stop" => {
                let process = std::process::id().to_string();
                let _ = std::process::Command::new("kill")
                    .args(["-STOP", &process])
                    .status();
            }
            _ => {}
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// A claim is about to be adjudicated. One with the charge that `TALLY_POISON`
/// says panics; one with that of `TALLY_DEADLY` takes the process with it.
pub fn adjudicating(charge: Money) {
    #[cfg(debug_assertions)]
    {
        let is = |variable| std::env::var(variable).is_ok_and(|said| said == charge.to_string());
        if is("TALLY_DEADLY") {
            std::process::abort();
        }
        #[allow(clippy::panic)] // what the test asks for
        if is("TALLY_POISON") {
            panic!("a claim that was planted");
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = charge;
}
