//! Who of several processes does what: an agreement without a master. Each
//! tells the database that it lives, and sees who else does; from that alone
//! every one of them comes to the same answer.

use sha2::{Digest as _, Sha256};
use tally_queue::Place;

/// How long a process counts as alive after it was heard of, in seconds.
pub const HEARD: u32 = 10;

/// The worker that a partition is best with: all who live come to the same,
/// and when one comes or goes, no more partitions move than must.
pub fn best(live: &[String], place: Place) -> Option<&str> {
    let weight = |name: &str| -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(place.partitions.to_be_bytes());
        hasher.update(place.partition.to_be_bytes());
        hasher.update(name.as_bytes());
        hasher.finalize().into()
    };
    live.iter()
        .map(String::as_str)
        .filter(|name| name.starts_with(WORKER))
        .max_by_key(|name| weight(name))
}

/// The first of a kind, who does what one alone should do.
pub fn leads(live: &[String], kind: &str, name: &str) -> bool {
    live.iter()
        .find(|other| other.starts_with(kind))
        .map(String::as_str)
        == Some(name)
}

/// How workers' names begin.
pub const WORKER: &str = "worker/";
/// How relays' names begin.
pub const RELAY: &str = "relay/";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn places(partitions: u16) -> impl Iterator<Item = Place> {
        (0..partitions).map(move |partition| Place {
            partitions,
            partition,
        })
    }

    #[test]
    fn partitions_are_shared_and_few_move() {
        let two = names(&["relay/a", "worker/a", "worker/b"]);
        let three = names(&["worker/a", "worker/b", "worker/c"]);
        let mut count = [0; 3];
        for place in places(256) {
            let before = best(&two, place).unwrap();
            let after = best(&three, place).unwrap();
            // It stays, or goes to the one who came.
            assert!(before == after || after == "worker/c");
            let at = three.iter().position(|name| name == after).unwrap();
            count[at] += 1;
        }
        assert!(count.iter().all(|count| *count > 50), "{count:?}");
        assert_eq!(best(&names(&["relay/a"]), places(1).next().unwrap()), None);
    }

    #[test]
    fn one_of_a_kind_leads() {
        let live = names(&["relay/a", "relay/b", "worker/a", "worker/b"]);
        assert!(leads(&live, RELAY, "relay/a") && !leads(&live, RELAY, "relay/b"));
        assert!(leads(&live, WORKER, "worker/a") && !leads(&live, WORKER, "worker/b"));
        assert!(!leads(&[], RELAY, "relay/a"));
    }
}
