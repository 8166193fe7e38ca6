//! The program that runs a command with servers, and what is left of them when
//! it is killed.

use std::fs::{Permissions, read_dir};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tally_rig::{MANAGEMENT_VARIABLE, POSTGRES_VARIABLE, RABBIT_VARIABLE};

/// The program, as if no servers were there yet, with a place of its own.
fn servers(place: &Path, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_servers"));
    command.args(["sh", "-c", script]).env("TMPDIR", place);
    for variable in [POSTGRES_VARIABLE, RABBIT_VARIABLE, MANAGEMENT_VARIABLE] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

fn place() -> tempfile::TempDir {
    let open = Permissions::from_mode(0o755);
    tempfile::Builder::new()
        .permissions(open)
        .tempdir()
        .unwrap()
}

/// The folders of servers in a place.
fn folders(place: &Path) -> Vec<String> {
    let user = read_dir(place).unwrap().next().unwrap().unwrap().path();
    let entries = read_dir(user).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// The processes of servers that have their folders in a place, by what they
/// were started with or where they work.
fn processes(place: &Path) -> Vec<String> {
    let place = place.display().to_string();
    let read = |pid: &str, what: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut found = Vec::new();
    for entry in read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        // A process that is dead, but not buried, has no command line.
        let line = read(&pid, "cmdline");
        let of_servers = ["postgres", "beam.smp", "epmd"]
            .iter()
            .any(|name| line.contains(name));
        let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let here =
            format!("{line} {} {}", folder.display(), read(&pid, "environ")).contains(&place);
        if of_servers && here && !line.contains("servers") {
            found.push(line.replace('\0', " "));
        }
    }
    found
}

fn wait(what: &str, limit: u64, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(limit), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap());
    out.read_line(&mut line).unwrap();
    line
}

#[test]
fn a_command_finds_servers_and_its_code_is_answered() {
    let place = place();
    let script = format!(
        "psql -d ${POSTGRES_VARIABLE} -c 'select 1' >&2 && \
         echo ${RABBIT_VARIABLE} ${MANAGEMENT_VARIABLE} && exit 7"
    );
    let output = servers(place.path(), &script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("amqp://") && said.contains("http://"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(processes(place.path()), [""; 0]);
    assert_eq!(folders(place.path()), [""; 0]);
}

#[test]
fn killed_it_leaves_no_process_and_the_next_clears_its_folders() {
    let place = place();
    // The command is not killed with it; it ends by itself.
    let script = format!("echo ${POSTGRES_VARIABLE} ${RABBIT_VARIABLE}; exec sleep 5");
    let mut child = servers(place.path(), &script)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = first_line(&mut child);
    let port = |url: &str| -> u16 {
        let digits = url.split(':').next_back().unwrap().split('/').next();
        digits.unwrap().parse().unwrap()
    };
    let ports: Vec<u16> = line.split_whitespace().map(port).collect();
    assert_eq!(ports.len(), 2);
    let answers = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_ok();
    assert!(ports.iter().all(answers));
    let running = processes(place.path());
    assert!(running.len() >= 3, "{running:?}");

    child.kill().unwrap();
    child.wait().unwrap();
    wait("a port answers still", 20, || !ports.iter().any(answers));
    wait("a process is left", 20, || {
        processes(place.path()).is_empty()
    });
    assert_eq!(folders(place.path()).len(), 2);

    let status = servers(place.path(), "exit 0").status().unwrap();
    assert!(status.success());
    assert_eq!(folders(place.path()), [""; 0]);
}
