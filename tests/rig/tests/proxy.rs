//! The proxy passes, resets, swallows, refuses and drops.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tally_rig::{Postgres, PostgresAddress, Proxy};

/// A client's connection through a proxy, and the server's side of it.
struct Rig {
    proxy: Proxy,
    servers: Receiver<TcpStream>,
}

fn rig() -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().port()).unwrap();
    let (sender, servers) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if sender.send(stream.unwrap()).is_err() {
                return;
            }
        }
    });
    Rig { proxy, servers }
}

impl Rig {
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(("127.0.0.1", self.proxy.port())).unwrap();
        let server = self.servers.recv_timeout(Duration::from_secs(10)).unwrap();
        for stream in [&client, &server] {
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
        }
        (client, server)
    }
}

fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
}

fn silent(stream: &mut TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    let kind = stream.read(&mut [0]).unwrap_err().kind();
    assert!(
        matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{kind}"
    );
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
}

fn is_reset(stream: &mut TcpStream) {
    let kind = stream.read(&mut [0]).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::ConnectionReset);
}

#[test]
fn it_passes_both_ways_and_passes_ends_on() {
    let rig = rig();
    let (mut client, mut server) = rig.connect();
    client.write_all(b"question").unwrap();
    expect(&mut server, b"question");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    server.write_all(b"answer").unwrap();
    expect(&mut client, b"answer");
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}

#[test]
fn it_passes_much_and_waits_for_who_is_slow() {
    let rig = rig();
    let (mut client, mut server) = rig.connect();
    let bytes: Vec<u8> = (0..40_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || client.write_all(&sent).map(|()| client));
    std::thread::sleep(Duration::from_millis(200));
    // The buffers of two sockets and of the proxy hold no such amount.
    assert!(!writer.is_finished());
    expect(&mut server, &bytes);
    writer.join().unwrap().unwrap();
}

#[test]
fn it_resets_both_sides_of_all_that_live() {
    let rig = rig();
    let mut pairs = [rig.connect(), rig.connect()];
    assert_eq!(rig.proxy.connections(), 2);
    rig.proxy.reset_all();
    assert_eq!(rig.proxy.connections(), 0);
    for (client, server) in &mut pairs {
        is_reset(client);
        is_reset(server);
    }
    let (mut client, mut server) = rig.connect();
    client.write_all(b"again").unwrap();
    expect(&mut server, b"again");
    drop(rig);
    is_reset(&mut client);
}

#[test]
fn it_passes_a_reset_on() {
    let rig = rig();
    let (client, mut server) = rig.connect();
    rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
    drop(client);
    is_reset(&mut server);
}

#[test]
fn it_swallows_until_told_not_to() {
    let rig = rig();
    let (mut client, mut server) = rig.connect();
    rig.proxy.swallow(true);
    client.write_all(b"one").unwrap();
    server.write_all(b"two").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    silent(&mut server);
    silent(&mut client);
    // A connection made meanwhile is silent too.
    let (mut late, mut server_of_late) = rig.connect();
    late.write_all(b"late").unwrap();
    silent(&mut server_of_late);
    rig.proxy.swallow(false);
    expect(&mut server, b"one");
    expect(&mut client, b"two");
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    expect(&mut server_of_late, b"late");
    // What was swallowed before a reset is lost.
    rig.proxy.swallow(true);
    late.write_all(b"lost").unwrap();
    silent(&mut server_of_late);
    rig.proxy.reset_all();
    is_reset(&mut server_of_late);
}

#[test]
fn it_refuses_new_connections_only() {
    let rig = rig();
    let (mut client, mut server) = rig.connect();
    rig.proxy.refuse(true);
    let mut refused = TcpStream::connect(("127.0.0.1", rig.proxy.port())).unwrap();
    is_reset(&mut refused);
    client.write_all(b"live").unwrap();
    expect(&mut server, b"live");
    rig.proxy.refuse(false);
    rig.connect();
}

#[test]
fn it_drops_what_a_client_says_after_some_bytes() {
    let rig = rig();
    let (mut client, mut server) = rig.connect();
    rig.proxy.drop_bytes_after(Some(5));
    client.write_all(b"abc").unwrap();
    client.write_all(b"defg").unwrap();
    expect(&mut server, b"abcde");
    silent(&mut server);
    server.write_all(b"answer").unwrap();
    expect(&mut client, b"answer");
    rig.proxy.drop_bytes_after(None);
    client.write_all(b"h").unwrap();
    expect(&mut server, b"h");
}

#[test]
fn nobody_behind_it_is_a_reset() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let proxy = Proxy::start(port).unwrap();
    is_reset(&mut TcpStream::connect(("127.0.0.1", proxy.port())).unwrap());
}

#[test]
fn postgresql_answers_through_it() {
    let postgres = Postgres::start().unwrap();
    let proxy = Proxy::start(postgres.port()).unwrap();
    let through = postgres.through(&proxy);
    let ask = |address: &PostgresAddress| address.ask("postgres", "select 1");
    assert_eq!(ask(&through).unwrap(), "1");
    proxy.refuse(true);
    assert!(ask(&through).is_err());
    assert!(ask(&postgres).is_ok());
}
