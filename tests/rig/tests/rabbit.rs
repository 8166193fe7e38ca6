//! RabbitMQ of one's own: it answers, is killed, comes back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use tally_rig::{Proxy, Rabbit, RabbitOptions, shared_rabbit};

#[test]
fn it_starts_is_killed_and_comes_back() {
    let start = Instant::now();
    let mut rabbit = Rabbit::start().unwrap();
    eprintln!("RabbitMQ started in {:?}", start.elapsed());
    let port = rabbit.port();
    assert_eq!(
        rabbit.url(),
        format!("amqp://guest:guest@127.0.0.1:{port}/%2f")
    );
    assert_eq!((rabbit.tls_url(), rabbit.ca_path()), (None, None));

    let start = Instant::now();
    let one = rabbit.fresh_vhost().unwrap();
    eprintln!("a virtual host made in {:?}", start.elapsed());
    assert_ne!(one, rabbit.fresh_vhost().unwrap());
    let vhost = one.rsplit_once('/').unwrap().1.to_owned();

    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    rabbit.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    // The end, or a reset.
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    assert!(rabbit.fresh_vhost().is_err());

    let start = Instant::now();
    rabbit.again().unwrap();
    eprintln!("RabbitMQ started again in {:?}", start.elapsed());
    assert_eq!(rabbit.port(), port);
    let known = rabbit.manage("GET", "/api/vhosts", "").unwrap();
    assert!(known.contains(&vhost), "{known}");

    let start = Instant::now();
    rabbit.stop();
    eprintln!("RabbitMQ shut down in {:?}", start.elapsed());
    assert!(!rabbit.runs());
    rabbit.again().unwrap();
    let said = rabbit.command("rabbitmqctl", &["list_vhosts"]).unwrap();
    assert!(said.contains(&vhost), "{said}");
}

#[test]
fn its_certificate_is_of_its_authority() {
    let rabbit = Rabbit::start_in(RabbitOptions::default().tls()).unwrap();
    let url = rabbit.tls_url().unwrap();
    let place = url.strip_prefix("amqps://guest:guest@").unwrap();
    let place = place.strip_suffix("/%2f").unwrap();
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", place, "-verify_return_error"]);
    client.args(["-verify_hostname", "localhost", "-verify_ip", "127.0.0.1"]);
    client.arg("-CAfile").arg(rabbit.ca_path().unwrap());
    let said = client.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
}

#[test]
fn a_shared_node_is_one_and_answers_through_a_proxy() {
    let first = std::thread::spawn(|| shared_rabbit().url()).join().unwrap();
    let rabbit = shared_rabbit();
    assert_eq!(rabbit.url(), first);
    rabbit.fresh_vhost().unwrap();
    let authority = first.split('@').nth(1).unwrap();
    let port = authority.split([':', '/']).nth(1).unwrap().parse().unwrap();
    let proxy = Proxy::start(port).unwrap();
    let through = rabbit.through(&proxy).url();
    assert!(through.ends_with(&format!("@127.0.0.1:{}/%2f", proxy.port())));
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    client.write_all(b"AMQP\x00\x00\x09\x01").unwrap();
    let mut first = [0];
    client.read_exact(&mut first).unwrap();
    // A method's frame: `connection.start`.
    assert_eq!(first, [1]);
    proxy.reset_all();
    let mut rest = Vec::new();
    assert!(client.read_to_end(&mut rest).is_err());
}
