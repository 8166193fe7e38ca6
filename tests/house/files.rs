//! What holds of every file of the house.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every file, but for what is built, fetched or kept by git.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_symlink() || ["target", ".git", "demo-data"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

fn named<'a>(files: &'a [PathBuf], extensions: &'a [&str]) -> impl Iterator<Item = &'a PathBuf> {
    files.iter().filter(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    })
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn no_file_is_too_long() {
    let files = files();
    for path in named(&files, &["rs", "sql", "html", "css", "js", "sh", "wit"]) {
        // Nobody reads what is generated.
        if path.ends_with("abi/generated.rs") {
            continue;
        }
        let lines = text(path).lines().count();
        assert!(
            lines <= 800,
            "{}: {lines} lines: split it by noun",
            shown(path)
        );
    }
}

/// No path of the machine it was written on, and no mirror of a registry.
#[test]
fn no_file_knows_a_machine() {
    let mut secrets = vec![
        format!("{}/", root().display()),
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["/home/", "u"].concat(),
    ];
    for name in ["HOME", "CARGO_HOME"] {
        let place = std::env::var(name).unwrap_or_default();
        if place.len() > 4 {
            secrets.push(format!("{place}/"));
        }
    }
    // Every lock file names the one index that the workspace's own names.
    let lock = text(&root().join("Cargo.lock"));
    let index = lock.lines().find(|line| line.starts_with("source = "));
    for path in files() {
        let text = text(&path);
        for secret in &secrets {
            assert!(!text.contains(secret), "{} has `{secret}`", shown(&path));
        }
        if path.file_name().is_some_and(|name| name == "Cargo.lock") {
            for line in text.lines().filter(|line| line.starts_with("source = ")) {
                assert_eq!(Some(line), index, "{}", shown(&path));
            }
        }
    }
}

/// A crate says what it is in its first line, and holds to the house's lints.
#[test]
fn crates_are_documented() {
    let files = files();
    let manifests = files.iter().filter(|path| path.ends_with("Cargo.toml"));
    let mut count = 0;
    for manifest in manifests {
        let folder = manifest.parent().unwrap();
        let member = text(manifest).contains("version.workspace = true");
        if !member {
            continue;
        }
        count += 1;
        let lints = ["[lints]\nworkspace = true", "unsafe_code = \"deny\""];
        assert!(
            lints.iter().any(|lints| text(manifest).contains(lints)),
            "{}: the house's lints do not hold there",
            shown(manifest)
        );
        assert!(
            text(manifest).contains("\ndescription = \""),
            "{}",
            shown(manifest)
        );
        for name in ["src/lib.rs", "src/main.rs"] {
            let path = folder.join(name);
            let documented = text(&path)
                .lines()
                .find(|l| !l.starts_with("#!"))
                .is_none_or(|l| l.starts_with("//!"));
            assert!(
                !path.is_file() || documented,
                "{} does not say what it is",
                shown(&path)
            );
        }
    }
    assert!(count >= 12, "{count} crates found");
}

/// The pure crates ban clocks, the environment, files, threads and unordered
/// maps by name.
#[test]
fn the_pure_crates_ban_what_is_impure() {
    for crate_ in ["engine/core", "rules-sdk/types"] {
        let bans = text(&root().join(crate_).join("clippy.toml"));
        for banned in [
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::time::SystemTime",
            "std::time::Instant",
            "std::fs::File",
            "std::net::TcpStream",
            "std::env::var",
            "std::fs::read",
            "std::fs::write",
            "std::thread::spawn",
            "std::process::exit",
        ] {
            let path = format!("path = \"{banned}\"");
            assert!(
                bans.contains(&path),
                "{crate_}/clippy.toml does not ban {banned}"
            );
        }
    }
    let core = text(&root().join("engine/core/src/lib.rs"));
    for lint in [
        "float_arithmetic",
        "arithmetic_side_effects",
        "indexing_slicing",
        "unwrap_used",
        "expect_used",
        "panic",
        "disallowed_types",
        "disallowed_methods",
    ] {
        let denied = format!("clippy::{lint}");
        assert!(core.contains(&denied), "the core does not deny {lint}");
    }
}

/// Unsafe code stands where it must, and nowhere else.
#[test]
fn unsafe_code_has_its_places() {
    let places = [
        "engine/sandbox/src/machine.rs",
        "engine/sandbox/src/bindings.rs",
        "rules-sdk/sdk/src/abi/mod.rs",
        "rules-sdk/sdk/src/abi/runtime.rs",
        "rules-sdk/sdk/src/allocator.rs",
    ];
    let allow = ["allow(", "unsafe_code"];
    let files = files();
    for path in named(&files, &["rs"]) {
        let name = shown(path);
        let allowed = text(path)
            .lines()
            .any(|line| line.contains(allow[0]) && line.contains(allow[1]));
        let elsewhere = name.contains("/benches/") || name.starts_with("tests/house/");
        assert!(
            !allowed || elsewhere || places.contains(&name.as_str()),
            "{name} allows unsafe code"
        );
    }
}

/// Types that hold protected health information have no `Debug` and no
/// `Display`: what cannot be printed cannot leak into a log.
#[test]
fn what_identifies_a_person_cannot_be_printed() {
    let private = [
        (
            "engine/core/src/claim/model.rs",
            &["SubmissionKey", "MemberReference", "Dependant", "Claim"][..],
        ),
        ("engine/core/src/claim/provider.rs", &["Provider"][..]),
        (
            "engine/core/src/claim/service.rs",
            &["ServiceLine", "LineDetail", "Drug", "Tooth"][..],
        ),
        (
            "engine/core/src/claim/coordination.rs",
            &["Coordination", "OtherPayer", "PriorLine", "PriorAdjustment"][..],
        ),
        (
            "engine/core/src/claim/institutional.rs",
            &[
                "Institutional",
                "DatedProcedure",
                "ValueCode",
                "OccurrenceCode",
                "Circumstances",
                "Accident",
            ][..],
        ),
        (
            "engine/core/src/claim/enrolment.rs",
            &["UnitKey", "Span", "Authorization", "Member", "Contract"][..],
        ),
        (
            "engine/core/src/adjudication/context.rs",
            &[
                "ContextLine",
                "ContextDetail",
                "ContextMember",
                "ContextAuthorization",
                "ContextPayer",
                "ContextInstitutional",
                "Context",
            ][..],
        ),
        (
            "engine/core/src/authorization/request.rs",
            &["Earlier", "RequestLine", "Request"][..],
        ),
        (
            "engine/core/src/authorization/decision.rs",
            &["ReviewReason", "Verdict", "LineDecision", "Decision"][..],
        ),
        (
            "engine/core/src/authorization/record.rs",
            &["Event", "Dated", "Record"][..],
        ),
        (
            "engine/core/src/authorization/state.rs",
            &["LineState", "AuthorizedLine", "Authorization", "State"][..],
        ),
        (
            "workers/tally/src/node/authorization/mod.rs",
            &["AuthorizationRead"][..],
        ),
        ("engine/core/src/adjudication/history.rs", &["PastLine"][..]),
        (
            "engine/core/src/adjudication/questions.rs",
            &["Question", "Exchange", "Transcript", "TableKey"][..],
        ),
        (
            "engine/core/src/adjudication/decide.rs",
            &["AccumulatorKey", "Inputs", "Run", "Movement", "Settled"][..],
        ),
    ];
    for (file, types) in private {
        let text = text(&root().join(file));
        for name in types {
            let at = ["struct", "enum"]
                .iter()
                .flat_map(|kind| [' ', '<', '(', ';'].map(|end| format!("pub {kind} {name}{end}")))
                .find_map(|item| text.find(&item))
                .unwrap_or_else(|| panic!("{file} has no {name}"));
            let derives = text[..at]
                .lines()
                .rev()
                .take_while(|line| line.starts_with("#[") || line.starts_with("///"));
            for line in derives {
                let derive = line.starts_with("#[derive(");
                assert!(
                    !derive || !line.contains("Debug"),
                    "{file}: {name} derives Debug"
                );
            }
            for shown in ["Debug", "Display"] {
                assert!(
                    !text.contains(&format!("{shown} for {name} ")),
                    "{file}: {name} has {shown}"
                );
            }
        }
    }
}

/// A policy is written with the SDK alone.
#[test]
fn policies_use_the_sdk_alone() {
    let policies = root().join("policies");
    for entry in std::fs::read_dir(policies).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let text = text(&manifest);
        if text.contains("version.workspace = true") || text.is_empty() {
            continue;
        }
        let dependencies = text
            .split_once("\n[dependencies]\n")
            .map_or("", |(_, rest)| rest);
        let own = dependencies.split("\n[").next().unwrap_or("");
        for line in own.lines().filter(|line| line.contains('=')) {
            let name = line.split(['=', '.']).next().unwrap().trim();
            assert_eq!(name, "tally-sdk", "{}", shown(&manifest));
        }
    }
}
