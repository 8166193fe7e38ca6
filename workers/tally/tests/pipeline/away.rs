//! A database that cannot be reached for a while.

use std::time::Duration;

use tally_rig::shared_postgres;
use tally_store::port::SharedLedger as _;

use super::common::tally;
use super::*;

/// A database that is away for a while ends no ledger, nor the node with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_ends_no_ledger() {
    let site = Site::alone();
    let applied = site
        .command(&["org", "init", "--ledger", "ledger.example", "--id", "one"])
        .args(["--name", "One", "--role", "payer", "--authority"])
        .args(["--address", "127.0.0.1:9"])
        .output();
    let application = site.folder().join("one.json");
    std::fs::write(&application, text(&applied.unwrap(), 0)).unwrap();
    let founded = tally()
        .args(["org", "found", "--ledger", "ledger.example"])
        .arg(&application)
        .output();
    let charter = site.folder().join("charter.json");
    std::fs::write(&charter, text(&founded.unwrap(), 0)).unwrap();
    let configured = std::fs::read_to_string(&site.config).unwrap();
    let ledger = format!("{configured}[ledger]\ncharter = {charter:?}\norganisation = \"one\"\n");
    std::fs::write(&site.config, ledger).unwrap();
    let family = site.folder().join("family.json");
    std::fs::write(&family, FAMILY).unwrap();
    let family = family.display().to_string();
    let imported = site.command(&["member", "import", &family]).output();
    text(&imported.unwrap(), 0);

    let running = site.start("node", "n");
    running.address("Pages on http://");
    let size = async || {
        let node = site.node(Clock::System).await;
        let head = node.store().shared_head().await.unwrap();
        head.map_or(0, |head| head.size)
    };
    until_async("a ledger", async || (size().await >= 3).then_some(())).await;
    let before = size().await;
    // For four seconds whoever is in is put out.
    let name = site.database.rsplit('/').next().unwrap().to_owned();
    let name = name.split('?').next().unwrap();
    let put_out = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{name}'"
    );
    for _ in 0..40 {
        shared_postgres().ask("postgres", &put_out).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let node = site.node(Clock::System).await;
    node.submit(Delivery::local(claim("B-1").as_bytes(), None))
        .await
        .unwrap();
    all_done(&node).await;
    until_async("the ledger goes on", async || {
        (size().await > before).then_some(())
    })
    .await;
    let log = std::fs::read_to_string(&running.log).unwrap();
    assert!(log.contains("is put off"), "{log}");
    assert!(running.end(), "it ends well");
}
