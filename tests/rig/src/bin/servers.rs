//! Runs a command with a PostgreSQL and a RabbitMQ of its own:
//! `servers COMMAND…`. The command finds them in the environment variables
//! that `tally_rig::shared_postgres` and `shared_rabbit` look at. One that is
//! set already is left alone, and so is its server.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use std::time::Instant;

use tally_rig::{
    MANAGEMENT_VARIABLE, POSTGRES_VARIABLE, Postgres, RABBIT_VARIABLE, Rabbit, RigError,
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some((program, arguments)) = arguments.split_first() else {
        eprintln!("usage: servers COMMAND…");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let (postgres, rabbit) = match servers() {
        Ok(servers) => servers,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(125);
        }
    };
    eprintln!(
        "servers: ready after {:.1} s",
        start.elapsed().as_secs_f64()
    );

    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(postgres) = &postgres {
        command.env(POSTGRES_VARIABLE, postgres.url("postgres"));
    }
    if let Some(rabbit) = &rabbit {
        command.env(RABBIT_VARIABLE, rabbit.url());
        command.env(MANAGEMENT_VARIABLE, rabbit.management_url());
    }
    match command.status() {
        Ok(status) => {
            let by_signal = status.signal().map(|signal| 128 + signal);
            let code = status.code().or(by_signal).unwrap_or(1);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("error: cannot run {}: {error}", program.display());
            ExitCode::from(127)
        }
    }
}

/// Those that the environment does not name, started side by side.
fn servers() -> Result<(Option<Postgres>, Option<Rabbit>), RigError> {
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::thread::scope(|scope| {
        let rabbit = scope.spawn(|| match named(RABBIT_VARIABLE) {
            true => Ok(None),
            false => Rabbit::start().map(Some),
        });
        let postgres = match named(POSTGRES_VARIABLE) {
            true => None,
            false => Some(Postgres::start()?),
        };
        let rabbit = rabbit.join();
        Ok((
            postgres,
            rabbit.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
        ))
    })
}
