//! Places where a test may stop the process. Only builds with debug assertions
//! have them: a release has none.

/// Stops here when `TALLY_FAILPOINT` says so: `NAME=panic`, `NAME=abort`, or
/// with `@N` at the Nth time. `abort` ends the process at once, as a kill does.
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
            _ => {}
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
