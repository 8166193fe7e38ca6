//! The products, each built and loaded once for all tests.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use tally_policy_build::build;
use tally_table::{SECTION, Table};
use tally_testing::{PolicyUnderTest, Sandboxes, load_policy};

/// A product: its folder, its component, and the component loaded.
pub struct Product {
    pub folder: PathBuf,
    pub component: Vec<u8>,
    pub policy: PolicyUnderTest,
}

pub fn sandboxes() -> &'static Sandboxes {
    static SANDBOXES: OnceLock<Sandboxes> = OnceLock::new();
    SANDBOXES.get_or_init(|| Sandboxes::new().unwrap())
}

fn load(name: &str) -> Product {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join("policies").join(name);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies");
    let built = build(&folder, &target).unwrap_or_else(|error| panic!("{name}: {error}"));
    let policy = load_policy(built.component.clone(), sandboxes())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    Product {
        folder,
        component: built.component,
        policy,
    }
}

/// The products there are, in the order of their names.
pub const NAMES: [&str; 6] = [
    "aspen-rx",
    "brook-dental",
    "cedar-hmo",
    "harbor-ppo",
    "meridian-b",
    "summit-hdhp",
];

/// A product by its name.
pub fn named(name: &str) -> &'static Product {
    static PRODUCTS: [LazyLock<Product>; NAMES.len()] = [
        LazyLock::new(|| load(NAMES[0])),
        LazyLock::new(|| load(NAMES[1])),
        LazyLock::new(|| load(NAMES[2])),
        LazyLock::new(|| load(NAMES[3])),
        LazyLock::new(|| load(NAMES[4])),
        LazyLock::new(|| load(NAMES[5])),
    ];
    let at = NAMES.iter().position(|of| *of == name);
    &PRODUCTS[at.expect("a product of ours")]
}

pub fn harbor() -> &'static Product {
    named("harbor-ppo")
}

pub fn meridian() -> &'static Product {
    named("meridian-b")
}

impl Product {
    /// The text of one of its tables.
    pub fn table(&self, name: &str) -> String {
        let path = self.folder.join("tables").join(format!("{name}.csv"));
        std::fs::read_to_string(path).unwrap()
    }

    /// The codes of one of its tables, each once, in order.
    pub fn codes(&self, table: &str) -> Vec<String> {
        let mut codes: Vec<String> = rows(&self.table(table)).map(|row| row[0].clone()).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// The same policy with another table in place of one of its own.
    pub fn with_table(&self, name: &str, csv: &str) -> PolicyUnderTest {
        let table = Table::from_csv(csv).unwrap();
        let section = wasm_encoder::CustomSection {
            name: format!("{SECTION}{name}").into(),
            data: table.to_bytes().into(),
        };
        let mut component = without_section(&self.component, &format!("{SECTION}{name}"));
        wasm_encoder::ComponentSection::append_to_component(&section, &mut component);
        load_policy(component, sandboxes()).unwrap()
    }
}

/// The rows of a CSV text, without comments and header.
pub fn rows(csv: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    csv.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
}

/// A component without one of its custom sections, which must be there.
fn without_section(component: &[u8], name: &str) -> Vec<u8> {
    let (mut out, mut rest) = (component[..8].to_vec(), &component[8..]);
    let mut found = false;
    while !rest.is_empty() {
        let (length, size) = leb128(&rest[1..]);
        let end = 1 + size + length;
        let (section, after) = rest.split_at(end);
        let custom = section[0] == 0 && {
            let payload = &section[1 + size..];
            let (name_length, size) = leb128(payload);
            payload[size..size + name_length] == *name.as_bytes()
        };
        if custom {
            found = true;
        } else {
            out.extend_from_slice(section);
        }
        rest = after;
    }
    assert!(found, "no section {name}");
    out
}

/// A number of variable length, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> (usize, usize) {
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return (value, i + 1);
        }
    }
    panic!("a number without an end");
}
