//! PostgreSQL of one's own: it answers, is killed, comes back with its data.

use std::net::TcpStream;
use std::time::Instant;

use tally_rig::{Postgres, PostgresOptions, RigError, shared_postgres};

#[test]
fn it_starts_and_answers() {
    let start = Instant::now();
    let postgres = Postgres::start().unwrap();
    eprintln!("PostgreSQL started in {:?}", start.elapsed());
    assert_eq!(postgres.ask("postgres", "select 1").unwrap(), "1");
    assert_eq!(postgres.ask("postgres", "show fsync").unwrap(), "on");
}

#[test]
fn fresh_databases_are_apart() {
    let postgres = Postgres::start().unwrap();
    let start = Instant::now();
    let one = postgres.fresh_database().unwrap();
    eprintln!("a database made in {:?}", start.elapsed());
    let two = postgres.fresh_database().unwrap();
    assert_ne!(one, two);
    let name = |url: &str| url.rsplit_once('/').unwrap().1.to_owned();
    let (one, two) = (name(&one), name(&two));
    postgres.ask(&one, "create table t (x int)").unwrap();
    assert!(postgres.ask(&two, "select * from t").is_err());
}

#[test]
fn what_is_committed_survives_a_kill() {
    let mut postgres = Postgres::start().unwrap();
    postgres.ask("postgres", "create table t (x int)").unwrap();
    for round in 0..3 {
        let sql = format!("insert into t values ({round})");
        postgres.ask("postgres", &sql).unwrap();
        // A session that is at work when it happens.
        let port = postgres.port();
        let _idle = TcpStream::connect(("127.0.0.1", port)).unwrap();
        postgres.kill();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        assert!(postgres.ask("postgres", "select 1").is_err());
        let start = Instant::now();
        postgres.again().unwrap();
        eprintln!("PostgreSQL started again in {:?}", start.elapsed());
        assert_eq!(postgres.port(), port);
    }
    let rows = postgres.ask("postgres", "select x from t order by x");
    assert_eq!(rows.unwrap(), "0\n1\n2");
}

/// A server with small disks, if this user may mount them.
fn small(options: PostgresOptions) -> Option<Postgres> {
    match Postgres::start_in(options) {
        Err(RigError::NeedsRoot { .. }) => {
            eprintln!("SKIPPED: only root mounts a small disk");
            None
        }
        started => Some(started.unwrap()),
    }
}

#[test]
fn a_full_disk_refuses_and_heals() {
    let options = PostgresOptions::default();
    let Some(postgres) = small(options.data_on_disk(64).wal_on_disk(900)) else {
        return;
    };
    let fill = "create table t as select repeat('x', 1000) from generate_series(1, 200000)";
    let refused = postgres.ask("postgres", fill).unwrap_err().to_string();
    assert!(refused.contains("could not extend file"), "{refused}");
    assert_eq!(postgres.ask("postgres", "select 1").unwrap(), "1");
    postgres.grow_disk(900).unwrap();
    postgres.ask("postgres", fill).unwrap();
}

#[test]
fn a_full_disk_with_the_log_on_it_heals() {
    let Some(mut postgres) = small(PostgresOptions::default().data_on_disk(64)) else {
        return;
    };
    let fill = "create table t as select repeat('x', 1000) from generate_series(1, 200000)";
    postgres.ask("postgres", fill).unwrap_err();
    postgres.grow_disk(900).unwrap();
    postgres.again().unwrap();
    postgres.ask("postgres", fill).unwrap();
}

#[test]
fn a_full_log_panics_and_heals() {
    let Some(mut postgres) = small(PostgresOptions::default().wal_on_disk(40)) else {
        return;
    };
    postgres.ask("postgres", "create table t (x text)").unwrap();
    let fill = "insert into t select repeat('x', 1000) from generate_series(1, 100000)";
    postgres.ask("postgres", fill).unwrap_err();
    postgres.grow_wal(900).unwrap();
    // It may be restarting by itself, or have given up.
    postgres.stop();
    postgres.again().unwrap();
    postgres.ask("postgres", fill).unwrap();
    let log = std::fs::read_to_string(postgres.log()).unwrap();
    assert!(log.contains("PANIC") && log.contains("No space left on device"));
}

/// The kernel ends a server with the thread that forked it: that must not be
/// the test's.
#[test]
fn a_shared_server_outlives_who_asked_first() {
    let first = std::thread::spawn(|| shared_postgres().fresh_database().unwrap());
    let url = first.join().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let name = url.rsplit_once('/').unwrap().1;
    assert_eq!(shared_postgres().ask(name, "select 1").unwrap(), "1");
    assert_eq!(shared_postgres().url(name), url);
}

#[test]
fn an_orphan_at_work_is_waited_for() {
    let mut postgres = Postgres::start().unwrap();
    let url = postgres.url("postgres");
    let at_work = std::thread::spawn(move || {
        let psql = std::process::Command::new("psql")
            .args(["-X", "-d", &url, "-c"])
            .arg("select count(*) from generate_series(1, 20000000)")
            .output();
        psql.unwrap().status.success()
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    let start = Instant::now();
    postgres.kill();
    eprintln!("killed while at work in {:?}", start.elapsed());
    postgres.again().unwrap();
    assert_eq!(postgres.ask("postgres", "select 1").unwrap(), "1");
    at_work.join().unwrap();
}

#[test]
fn it_stops_and_starts_again() {
    let mut postgres = Postgres::start().unwrap();
    postgres.ask("postgres", "create table t (x int)").unwrap();
    postgres.stop();
    assert!(!postgres.runs());
    assert!(postgres.ask("postgres", "select 1").is_err());
    postgres.again().unwrap();
    assert_eq!(
        postgres.ask("postgres", "select count(*) from t").unwrap(),
        "0"
    );
}
