//! Dependencies run one way, over what cargo itself resolves:
//! `tally → {store, sandbox, bundled, policy-build, testing} → core → {types, x12}`;
//! the notary knows nothing of the house.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

/// Which crates of the workspace each may use. A crate that is not here has no
/// place in the house yet: give it one.
const MAY_USE: &[(&str, &[&str])] = &[
    // What an insurer's author uses. The SDK never sees the engine.
    ("tally-types", &[]),
    ("tally-macros", &[]),
    ("tally-sdk", &["tally-types", "tally-macros"]),
    ("tally-table", &["tally-types"]),
    ("tally-policy-build", &["tally-types", "tally-table"]),
    (
        "tally-testing",
        &[
            "tally-types",
            "tally-table",
            "tally-policy-build",
            "tally-core",
            "tally-sandbox",
        ],
    ),
    (
        "tally-bundled",
        &["tally-types", "tally-table", "tally-policy-build"],
    ),
    // The engine decides.
    ("tally-x12", &[]),
    ("tally-core", &["tally-types", "tally-table", "tally-x12"]),
    (
        "tally-sandbox",
        &["tally-types", "tally-table", "tally-core"],
    ),
    // The workers act.
    ("tally-store", &["tally-types", "tally-table", "tally-core"]),
    ("tally-queue", &["tally-types", "tally-table", "tally-core"]),
    // It agrees on bytes.
    ("tally-notary", &[]),
    (
        "tally",
        &[
            "tally-types",
            "tally-table",
            "tally-policy-build",
            "tally-testing",
            "tally-bundled",
            "tally-core",
            "tally-sandbox",
            "tally-store",
            "tally-queue",
            "tally-notary",
        ],
    ),
    // Real servers for tests: nothing of the house in it.
    ("tally-rig", &[]),
    // Rules of the ledger as plain data, with a checker's models of them.
    ("tally-model", &[]),
    ("tally-tests", &[]),
];

/// Crates that only one crate of the house may name, for whatever purpose.
const ONLY: &[(&str, &str)] = &[
    ("wasmtime", "tally-sandbox"),
    ("wasmparser", "tally-sandbox"),
    ("sqlx", "tally-store"),
    ("lapin", "tally-queue"),
    ("axum", "tally"),
    ("stateright", "tally-model"),
    ("clap", "tally"),
];

/// What the pure crates may never reach, through whatever crate: clocks,
/// randomness, network, files, SQL, threads of their own.
const IMPURE: &[&str] = &[
    "getrandom",
    "rand",
    "rand_chacha",
    "tokio",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "polling",
    "hyper",
    "reqwest",
    "ureq",
    "axum",
    "lapin",
    "rustls",
    "sqlx",
    "sqlx-core",
    "rusqlite",
    "libsqlite3-sys",
    "wasmtime",
    "tempfile",
    "rustix",
    "nix",
    "time",
    "uuid",
    "tracing",
    "rayon",
    "crossbeam",
    "dirs",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    publish: Option<Vec<String>>,
    license: Option<String>,
    rust_version: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    req: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("cargo and rustc run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn metadata() -> Metadata {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(Command::new(rustc).arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let text = output(
        Command::new(env!("CARGO"))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", host.expect("rustc names its host")]),
    );
    serde_json::from_str(&text).unwrap()
}

/// All that a crate is built from when it is built alone, without what only its tests use.
fn alone(name: &str) -> BTreeSet<String> {
    let text = output(
        Command::new(env!("CARGO"))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .args(["tree", "--locked", "--edges", "normal", "--prefix", "none"])
            .args(["--format", "{p}", "--package", name]),
    );
    let first = |line: &str| line.split(' ').next().map(str::to_owned);
    text.lines().filter_map(first).collect()
}

impl Metadata {
    fn members(&self) -> impl Iterator<Item = &Package> {
        let member = |package: &&Package| self.workspace_members.contains(&package.id);
        self.packages.iter().filter(member)
    }

    /// All that a crate is built from, without what only its tests use.
    fn reached(&self, name: &str) -> BTreeSet<&str> {
        let names: BTreeMap<&str, &str> = self
            .packages
            .iter()
            .map(|package| (package.id.as_str(), package.name.as_str()))
            .collect();
        let mut reached = BTreeSet::new();
        let root = self.members().find(|package| package.name == name);
        let mut work = vec![root.expect("a crate of the house").id.as_str()];
        while let Some(id) = work.pop() {
            if !reached.insert(id) {
                continue;
            }
            let node = self
                .resolve
                .nodes
                .iter()
                .find(|node| node.id == id)
                .unwrap();
            let normal = |edge: &&Edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
            work.extend(
                node.deps
                    .iter()
                    .filter(normal)
                    .map(|edge| edge.pkg.as_str()),
            );
        }
        reached.into_iter().map(|id| names[id]).collect()
    }
}

#[test]
fn dependencies_run_one_way() {
    let metadata = metadata();
    let house: BTreeSet<&str> = metadata.members().map(|p| p.name.as_str()).collect();
    for package in metadata.members() {
        let (_, may_use) = MAY_USE
            .iter()
            .find(|(name, _)| *name == package.name)
            .unwrap_or_else(|| panic!("`{}` has no place in the house", package.name));
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let of_the_house = house.contains(name) || dependency.path.is_some();
            let for_tests = dependency.kind.as_deref() == Some("dev");
            if of_the_house && !for_tests {
                assert!(may_use.contains(&name), "`{}` uses `{name}`", package.name);
            }
        }
    }
}

/// Not even for its tests does the SDK name what decides or acts, or types
/// what is above them; what runs a real policy is `tally-testing`.
#[test]
fn the_sdk_never_sees_the_engine() {
    let metadata = metadata();
    let engine = ["tally-core", "tally-sandbox", "tally-store", "tally"];
    for package in metadata.members() {
        if !["tally-types", "tally-macros", "tally-sdk", "tally-table"].contains(&&*package.name) {
            continue;
        }
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            assert!(!engine.contains(&name), "`{}` names `{name}`", package.name);
        }
        let reached = metadata.reached(&package.name);
        let seen: Vec<_> = engine
            .iter()
            .filter(|name| reached.contains(*name))
            .collect();
        assert!(seen.is_empty(), "`{}` reaches {seen:?}", package.name);
    }
}

#[test]
fn some_crates_have_one_user() {
    let metadata = metadata();
    for package in metadata.members() {
        for dependency in &package.dependencies {
            // The node's tests alter its database behind its back.
            let tampers = package.name == "tally"
                && dependency.name == "sqlx"
                && dependency.kind.as_deref() == Some("dev");
            assert!(
                !dependency.name.starts_with("commonware-") || package.name == "tally-notary",
                "`{}` names `{}`: only the notary may",
                package.name,
                dependency.name
            );
            for (name, user) in ONLY {
                assert!(
                    tampers || dependency.name != *name || package.name == *user,
                    "`{}` names `{name}`: only `{user}` may",
                    package.name
                );
            }
        }
    }
}

#[test]
fn the_core_reaches_nothing_impure() {
    for name in [
        "tally-core",
        "tally-x12",
        "tally-types",
        "tally-sdk",
        "tally-table",
    ] {
        // With the features that it asks for itself: what others of the workspace switch
        // on in a crate they share, it does not name.
        let reached = alone(name);
        let impure: Vec<_> = IMPURE
            .iter()
            .filter(|name| reached.iter().any(|reached| reached == **name))
            .collect();
        assert!(impure.is_empty(), "`{name}` reaches {impure:?}");
    }
}

/// What starts servers for tests speaks to none through a client that is under
/// test, and needs no runtime. Only tests may use it.
#[test]
fn the_rig_is_plain() {
    let metadata = metadata();
    let reached = metadata.reached("tally-rig");
    for name in ["tokio", "async-std", "smol", "sqlx", "sqlx-core", "lapin"] {
        assert!(!reached.contains(name), "`tally-rig` reaches `{name}`");
    }
    for package in metadata.members() {
        for dependency in &package.dependencies {
            let for_tests = dependency.kind.as_deref() == Some("dev");
            assert!(
                dependency.name != "tally-rig" || for_tests,
                "`{}` uses `tally-rig` outside its tests",
                package.name
            );
        }
    }
}

/// Versions are pinned in one place; every crate says what it is and is
/// published nowhere by accident.
#[test]
fn crates_are_alike() {
    let metadata = metadata();
    for package in metadata.members() {
        let name = &package.name;
        assert_eq!(
            package.publish.as_deref(),
            Some(&[][..]),
            "`{name}` publishes"
        );
        assert_eq!(package.license.as_deref(), Some("Apache-2.0"), "`{name}`");
        assert!(
            package.rust_version.is_some(),
            "`{name}` names no Rust version"
        );
        for dependency in &package.dependencies {
            let pinned = dependency.path.is_some() || dependency.req != "*";
            assert!(pinned, "`{name}` leaves `{}` open", dependency.name);
        }
    }
    let places: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    assert_eq!(places.len(), MAY_USE.len(), "a place given twice");
}
