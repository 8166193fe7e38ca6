//! Keys that are none and signatures that are not in their one form, in receipts whose
//! hashes and other signatures are right: what a lax ed25519 takes in part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256, Sha512};
use tally_core::ledger::{Signature, SigningKey, Trust, TrustedLog};

use super::made;

/// The first byte of the field's prime; numbers have the least byte first here.
const PRIME: u8 = 0xed;
const ORDER_EIGHT: [&str; 2] = [
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
];

fn small(y: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = y;
    bytes
}

/// `p + y`, which is `y` in another form; `p − 1` where it is −1.
fn past(y: i8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = PRIME.wrapping_add_signed(y);
    bytes[31] = 0x7f;
    bytes
}

fn unhex(text: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
    core::array::from_fn(byte)
}

/// What is no key: no point, a point of small order, or not in its one form; each with
/// both signs.
pub fn no_keys() -> Vec<(&'static str, [u8; 32])> {
    let mut all = vec![("no point", small(2)), ("no point", small(7))];
    all.push(("no point, and not in its one form", past(2)));
    let small_order = [small(0), small(1), past(-1), past(0), past(1)].into_iter();
    let small_order = small_order.chain(ORDER_EIGHT.map(unhex));
    all.extend(small_order.map(|key| ("small order", key)));
    all.extend([3, 4, 18].map(|y| ("not in its one form", past(y))));
    let other_sign = |(name, mut key): (_, [u8; 32])| {
        key[31] ^= 0x80;
        (name, key)
    };
    let other: Vec<_> = all.iter().copied().map(other_sign).collect();
    all.extend(other);
    all
}

/// The order of the group, the least byte first.
const L: [u8; 32] = {
    let mut bytes = [0; 32];
    let low = 0x14de_f9de_a2f7_9cd6_5812_631a_5cf5_d3ed_u128.to_le_bytes();
    let mut at = 0;
    while at < 16 {
        bytes[at] = low[at];
        at += 1;
    }
    bytes[31] = 0x10;
    bytes
};

/// The sum of two numbers of 32 bytes; it has to fit.
fn sum(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut carry = false;
    core::array::from_fn(|at| {
        let (sum, one) = a[at].overflowing_add(b[at]);
        let (sum, other) = sum.overflowing_add(u8::from(carry));
        carry = one || other;
        sum
    })
}

/// The same below the order of the group.
fn plus(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let sum = sum(a, b);
    if sum.iter().rev().lt(L.iter().rev()) {
        return sum;
    }
    let mut borrow = false;
    core::array::from_fn(|at| {
        let (left, one) = sum[at].overflowing_sub(L[at]);
        let (left, other) = left.overflowing_sub(u8::from(borrow));
        borrow = one || other;
        left
    })
}

/// A product below the order of the group.
fn times(factor: &[u8], of: &[u8; 32]) -> [u8; 32] {
    let mut product = [0; 32];
    for bit in (0..8 * factor.len()).rev() {
        product = plus(&product, &product);
        if factor[bit / 8] >> (bit % 8) & 1 == 1 {
            product = plus(&product, of);
        }
    }
    product
}

/// A signature whose first half is the neutral point: it holds but for that.
fn of_small_order(message: &[u8], secret: &[u8; 32], public: &[u8; 32]) -> [u8; 64] {
    let mut scalar: [u8; 32] = *Sha512::digest(secret).first_chunk().unwrap();
    scalar[0] &= 0xf8;
    scalar[31] = scalar[31] & 0x3f | 0x40;
    let neutral = small(1);
    let hash = Sha512::digest([&neutral, public, message].concat());
    let hash = times(&hash, &small(1));
    [neutral, times(&scalar, &hash)]
        .concat()
        .try_into()
        .unwrap()
}

/// A signature with its second half in another form.
fn past_the_order(message: &[u8], secret: &[u8; 32], public: &[u8; 32]) -> [u8; 64] {
    let mut signature = soundly(message, secret, public);
    let half = signature[32..].try_into().unwrap();
    signature[32..].copy_from_slice(&sum(&half, &L));
    signature
}

/// The base point and one: it holds by the neutral point, whatever is signed.
fn by_the_neutral_point(_: &[u8], _: &[u8; 32], _: &[u8; 32]) -> [u8; 64] {
    let mut base = [0x66; 32];
    base[0] = 0x58;
    [base, small(1)].concat().try_into().unwrap()
}

/// Where a key stands in a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Log,
    /// The last of four, so that a quorum signs with it or without.
    Authority,
    Witness,
}

const PLACES: [Place; 3] = [Place::Log, Place::Authority, Place::Witness];

impl Place {
    fn name(self) -> &'static str {
        [made::LOG, made::LEDGER, made::WITNESS][self as usize]
    }

    fn kind(self) -> u8 {
        [1, 1, 4][self as usize]
    }

    fn secret(self) -> [u8; 32] {
        [[7; 32], [103; 32], [99; 32]][self as usize]
    }

    fn public(self) -> [u8; 32] {
        let key = SigningKey::new("key", &self.secret()).unwrap();
        key.verifier().public()
    }

    fn id(self, public: &[u8; 32]) -> Vec<u8> {
        let kind = [self.kind()];
        let parts: [&[u8]; 4] = [self.name().as_bytes(), b"\n", &kind, public];
        Sha256::digest(parts.concat())[..4].to_vec()
    }

    /// A key as text, whatever it is.
    fn text(self, public: &[u8; 32]) -> String {
        let id = u32::from_be_bytes(self.id(public).try_into().unwrap());
        let bytes = [&[self.kind()][..], public].concat();
        format!("{}+{id:08x}+{}", self.name(), BASE64.encode(bytes))
    }

    fn line(self, public: &[u8; 32], signature: &[u8; 64]) -> Signature {
        let time = if self == Self::Witness {
            TIME.to_be_bytes().to_vec()
        } else {
            Vec::new()
        };
        Signature {
            name: self.name().into(),
            bytes: [&self.id(public)[..], &time, signature].concat(),
        }
    }

    fn signed(self, text: &str) -> Vec<u8> {
        let head = format!("cosignature/v1\ntime {TIME}\n");
        let head = if self == Self::Witness {
            head
        } else {
            String::new()
        };
        [head.as_bytes(), text.as_bytes()].concat()
    }
}

const TIME: u64 = 1_800_000_000;

/// Signs these bytes, with this secret and public key or not.
type Sign = fn(&[u8], &[u8; 32], &[u8; 32]) -> [u8; 64];

fn soundly(message: &[u8], secret: &[u8; 32], _: &[u8; 32]) -> [u8; 64] {
    SigningKey::new("key", secret).unwrap().sign(message)
}

/// A receipt that is sound but for the key in a place, and the signature by it, where it
/// signs: all else is signed anew.
fn receipt(place: Place, public: &[u8; 32], sign: Option<Sign>) -> Vec<u8> {
    let set = made::set(0, 0..4);
    let mut receipt = made::shared(std::slice::from_ref(&set), 3, false);
    let (old, new) = (place.text(&place.public()), place.text(public));
    let line = |text: &str| {
        let sign = sign?;
        let signature = sign(&place.signed(text), &place.secret(), public);
        Some(place.line(public, &signature))
    };
    let local = &mut receipt.local.checkpoint;
    let shared = &mut receipt.shared.as_mut().unwrap().proof.checkpoint;
    if place == Place::Log {
        local.signatures = line(&local.text).into_iter().collect();
    } else {
        let hash = |text: &str| BASE64.encode(Sha256::digest(text));
        let (set, other) = (hash(&set.text()), hash(&set.text().replace(&old, &new)));
        shared.text = shared.text.replace(&set, &other);
        let keys = (0..3).map(made::authority);
        let lines = keys.flat_map(|key| key.sign_note(shared.text.clone()).signatures);
        shared.signatures = lines.chain(line(&shared.text)).collect();
    }
    // It is as long, so that no length changes.
    receipt.to_string().replace(&old, &new).into_bytes()
}

/// Receipts that are sound, of each place that signs or does not.
pub fn sound() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for place in PLACES {
        files.push(receipt(place, &place.public(), Some(soundly)));
        if place != Place::Log {
            files.push(receipt(place, &place.public(), None));
        }
    }
    files
}

/// Receipts with what is no key in each place, where it signs and where it does not; and
/// with signatures that a lax verifier takes.
pub fn unsound() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for place in PLACES {
        for (what, key) in no_keys() {
            let signs = receipt(place, &key, Some(by_the_neutral_point));
            files.push((format!("{what}, {place:?}, signs"), signs));
            if place != Place::Log {
                let silent = receipt(place, &key, None);
                files.push((format!("{what}, {place:?}, silent"), silent));
            }
        }
        for (what, sign) in [
            ("past the order", past_the_order as Sign),
            ("of small order", of_small_order),
            ("by the neutral point", by_the_neutral_point),
        ] {
            let file = receipt(place, &place.public(), Some(sign));
            files.push((format!("{what}, {place:?}"), file));
        }
    }
    files
}

/// Trust files that name what is no key.
pub fn trust_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for place in PLACES {
        let mut log = match place {
            Place::Log => TrustedLog::local(made::log_key().verifier().clone()),
            _ => TrustedLog::shared(&made::set(0, 0..4)),
        };
        log.cosignatures = 0;
        let trust = Trust { logs: vec![log] }.to_string();
        for (what, key) in no_keys() {
            let other = trust.replace(&place.text(&place.public()), &place.text(&key));
            assert_ne!(other, trust);
            files.push((format!("{what}, {place:?}"), other));
        }
    }
    files
}
