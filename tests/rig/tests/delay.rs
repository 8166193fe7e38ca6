//! What passes the delaying proxy comes later by half a round trip in each direction, in
//! order, whole, and not slower for how much it is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tally_rig::Delay;

/// A server that says back all that it hears, and ends when its client does.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut from, mut to) = {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                (stream.try_clone().unwrap(), stream)
            };
            std::thread::spawn(move || {
                std::io::copy(&mut from, &mut to).unwrap();
                to.shutdown(Shutdown::Write).unwrap();
            });
        }
    });
    port
}

fn connect(proxy: &Delay) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).unwrap();
    stream
}

fn round_trip(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    stream.write_all(b"there").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    start.elapsed()
}

/// The least of many: what else the machine does only adds.
fn least(delay: Duration) -> Duration {
    let proxy = Delay::start(echo(), delay).unwrap();
    let mut stream = connect(&proxy);
    (0..5).map(|_| round_trip(&mut stream)).min().unwrap()
}

#[test]
fn a_round_trip_takes_what_was_said() {
    for delay in [0, 50, 100].map(Duration::from_millis) {
        let took = least(delay);
        let room = Duration::from_millis(40);
        assert!(
            took >= delay && took < delay + room,
            "{took:?} of {delay:?}"
        );
    }
}

/// Many messages are on their way at once: a thousand do not take a thousand round trips.
/// They arrive in order, the last bytes before the end.
#[test]
fn order_and_bandwidth_stay() {
    let delay = Duration::from_millis(200);
    let proxy = Delay::start(echo(), delay).unwrap();
    let mut stream = connect(&proxy);
    let mut listens = stream.try_clone().unwrap();
    let sent: Vec<u8> = (0..4_000_000_u32).flat_map(u32::to_be_bytes).collect();
    let start = Instant::now();
    let heard = std::thread::spawn(move || {
        let mut heard = Vec::new();
        listens.read_to_end(&mut heard).unwrap();
        (heard, start.elapsed())
    });
    for piece in sent.chunks(16_000) {
        stream.write_all(piece).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let (heard, took) = heard.join().unwrap();
    assert!(
        heard == sent,
        "{} bytes came back of {}",
        heard.len(),
        sent.len()
    );
    assert!(took >= delay && took < Duration::from_secs(10), "{took:?}");
}

/// It goes, and its connections go with it.
#[test]
fn it_ends_with_its_connections() {
    let proxy = Delay::start(echo(), Duration::from_millis(10)).unwrap();
    let mut stream = connect(&proxy);
    round_trip(&mut stream);
    drop(proxy);
    let ended = stream.read(&mut [0]);
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    let waited = ended.err().map(|error| error.kind());
    assert_ne!(waited, Some(std::io::ErrorKind::WouldBlock));
}
