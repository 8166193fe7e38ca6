//! Real processes on loopback: what is said of the notary holds when they are
//! killed, when a disk is lost, when authorities change and when one lies.

mod authority;
mod net;
mod tests;
mod toy;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("authority") {
        authority::main(arguments);
    }
    let mut arguments = Arguments::from_args();
    // Each starts four processes or more.
    arguments.test_threads.get_or_insert(2);
    let trials = tests::ALL.iter().map(|(name, test)| {
        Trial::test(*name, || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
