//! A hold that is placed on another machine while a claim is erased, and the other way round:
//! whoever is first has it, and never both.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::{Entry, Ground};
use tally_store::port::{HoldRow, Holds as _, NewStatement};
use tally_store::sqlite::SqliteStore;
use tally_types::ServiceDate;

use crate::common::{errors, json, tally};
use crate::{Office, TEN_YEARS};

/// A process that was halted at a failpoint.
struct Halted(Child);

impl Halted {
    fn at(office: &Office, place: &str, arguments: &[&str]) -> Self {
        let mut command = tally();
        command
            .args(arguments)
            .arg("--config")
            .arg(office.path("tally.toml"))
            .env("TALLY_FAILPOINT", format!("{place}=stop"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let halted = Self(command.spawn().unwrap());
        let begun = Instant::now();
        while !halted.stands_still() {
            assert!(begun.elapsed() < Duration::from_secs(60), "not halted");
            std::thread::sleep(Duration::from_millis(20));
        }
        halted
    }

    fn stands_still(&self) -> bool {
        let id = self.0.id().to_string();
        let state = Command::new("ps").args(["-o", "stat=", "-p", &id]).output();
        state.unwrap().stdout.starts_with(b"T")
    }

    /// It goes on, to its end.
    fn ends(self) -> Output {
        let id = self.0.id().to_string();
        let told = Command::new("kill").args(["-CONT", &id]).status();
        assert!(told.unwrap().success());
        self.0.wait_with_output().unwrap()
    }
}

/// What is done on another machine, which shares the store and no folder: the lock of this
/// one's it does not take.
fn elsewhere<T>(office: &Office, does: impl AsyncFnOnce(SqliteStore) -> T) -> T {
    let file = office.path("data").join("node.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { does(open(&file).await).await })
}

async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(file).await.unwrap()
}

#[test]
fn a_hold_that_comes_while_a_claim_is_erased_keeps_it() {
    let office = Office::new(TEN_YEARS);
    let claim = office.submit("A-1");
    let erasing = ["claim", "erase", &claim, "--ground", "order", "--json"];
    let erasing = Halted::at(&office, "before-erased", &erasing);
    let row = HoldRow {
        claim: ClaimId::parse(&claim).unwrap(),
        name: "case-7".to_owned(),
        day: ServiceDate::parse("2026-01-05").unwrap(),
        lifted: false,
    };
    elsewhere(&office, async |store| store.hold(&row).await.unwrap());
    let ended = erasing.ends();
    assert_eq!(json(&ended, 1)["refused"]["rule"], "X101");
    office.done(&["claim", "eob", &claim]);
    office.done(&["ledger", "fsck"]);
    assert_eq!(office.refused(&claim, "order"), "X101");

    office.done(&["claim", "hold", &claim, "--name", "case-7", "--lift"]);
    office.erase(&claim, "order");
}

#[test]
fn a_hold_comes_too_late_for_a_claim_that_was_erased_meanwhile() {
    let office = Office::new(TEN_YEARS);
    let claim = office.submit("A-1");
    let holding = ["claim", "hold", &claim, "--name", "case-7"];
    let holding = Halted::at(&office, "before-hold", &holding);
    let id = ClaimId::parse(&claim).unwrap();
    let entry = Entry::Erased {
        index: 1,
        ground: Ground::Order,
    };
    let statement = NewStatement {
        kind: entry.kind(),
        about: id.0.to_vec(),
        once: Some([1; 32]),
        entry: entry.to_canon(),
        opening: None,
    };
    elsewhere(&office, async |store| {
        let stated = store.state_unless_held(&[statement], &[id]).await;
        stated.unwrap();
    });
    let ended = holding.ends();
    assert!(!ended.status.success());
    assert!(errors(&ended).contains("was erased"), "{}", errors(&ended));
    let holds = elsewhere(&office, async |store| store.holds(None).await.unwrap());
    assert_eq!(holds, []);
}
