//! The page that verifies receipts, from its file, with no network: it is given receipts
//! of a network and of every kind, sound and changed; and its functions are given the
//! vectors of others, and every receipt that the verifier in Python is given.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tally_core::ledger::{Trust, TrustedLog};

use super::cdp::{self, Browser};
use super::kinds::{self, Kind};
use super::{checked, complaints, keep, look_at, made, strict, tabbed};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../verifiers")
        .join(name)
        .canonicalize()
        .unwrap()
}

/// Drops files on the page, and waits until it has said something of each receipt.
fn dropped(browser: &mut Browser, files: &[(&str, &str)], cards: usize) {
    let files = json!(files);
    browser.value(&format!(
        r"(() => {{
          const dropped = new DataTransfer();
          for (const [name, text] of {files}) dropped.items.add(new File([text], name));
          document.getElementById('results').replaceChildren();
          dispatchEvent(new DragEvent('drop', {{ dataTransfer: dropped, cancelable: true }}));
        }})()"
    ));
    browser.until(&format!(
        "document.querySelectorAll('.result').length === {cards}"
    ));
}

/// The badge and the words of each receipt.
fn verdicts(browser: &mut Browser) -> Vec<(String, String)> {
    let said = browser.value(
        "[...document.querySelectorAll('.result')].map((e) => [e.querySelector('.badge').innerText, e.innerText])",
    );
    let said = said.as_array().unwrap().iter();
    let word = |of: &Value| of.as_str().unwrap().to_owned();
    said.map(|of| (word(&of[0]), word(&of[1]))).collect()
}

/// One byte of a line that begins so is another.
fn changed(receipt: &str, line: &str) -> String {
    let at = receipt.find(&format!("\n{line}")).unwrap() + 1 + line.len() + 10;
    let other = if receipt.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    let mut changed = receipt.to_owned();
    changed.replace_range(at..=at, other);
    changed
}

/// Looks at the page with receipts of a network on it.
pub fn receipts(browser: &mut Browser, data: &Path) -> Vec<String> {
    let page = format!("file://{}", file("verify.html").display());
    let base = page.strip_suffix("/verify.html").unwrap().to_owned();
    let allowed = |fault: &String| !fault.contains("a script or a style in the page");
    let mut faults = look_at(browser, ("verify", &page), &base);
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let mut found: Vec<_> = std::fs::read_dir(data.join("receipts")).unwrap().collect();
    found.sort_by_key(|entry| entry.as_ref().unwrap().path());
    let good = read(found[0].as_ref().unwrap().path());
    let trust = read(data.join("trust.json"));
    browser.look(1280, false);
    browser.open(&page);
    faults.extend(tabbed(browser));
    browser.events();
    // Without a trust file it only holds together.
    dropped(browser, &[("good", &good)], 1);
    let [(badge, _)] = &verdicts(browser)[..] else {
        panic!("one receipt")
    };
    assert_eq!(badge, "Consistent, not trusted");
    let bad = [
        (
            "body",
            changed(&good, "body "),
            "the body is not what the entry commits to",
        ),
        ("entry", changed(&good, "entry "), ""),
        (
            "salt",
            changed(&good, "salt "),
            "not in the form of a receipt",
        ),
        ("key", changed(&good, "key "), ""),
        ("cut", good[..good.len() / 2].to_owned(), ""),
        ("longer", format!("{good}\n"), ""),
    ];
    let files = [("trust.json", trust.as_str()), ("good", &good)].into_iter();
    let files: Vec<_> = files
        .chain(bad.iter().map(|(name, text, _)| (*name, text.as_str())))
        .collect();
    dropped(browser, &files, 1 + bad.len());
    let said = verdicts(browser);
    assert_eq!(said[0].0, "Trusted", "{}", said[0].1);
    for word in ["On the shared ledger", "Signed by", "Charged", "Paid"] {
        assert!(said[0].1.contains(word), "{word}: {}", said[0].1);
    }
    for ((badge, words), (name, _, why)) in said[1..].iter().zip(&bad) {
        assert_eq!(badge, "Does not hold", "{name}: {words}");
        assert!(
            words.contains(name) && words.contains(why),
            "{name}: {words}"
        );
        assert!(words.lines().count() > 1, "{name}: no reason is given");
    }
    // A file that is no trust file trusts nothing.
    faults.extend(complaints(&browser.events(), "nowhere:"));
    let screens = std::env::var_os("TALLY_SCREENS").map(PathBuf::from);
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        browser.look(width, dark);
        faults.extend(checked(browser));
        let name = format!("verify-receipts-{width}-{dark}.png");
        keep(screens.as_deref(), &name, &browser.picture());
    }
    for (unusable, why) in [
        ("{}", "not a trust file"),
        ("", "it is not JSON"),
        ("[1", "it is not JSON"),
    ] {
        dropped(browser, &[("trust.json", unusable), ("good", &good)], 1);
        let (badge, words) = verdicts(browser).remove(0);
        assert_eq!(badge, "Not verified", "{words}");
        assert!(
            words.contains("trust.json cannot be used") && words.contains(why),
            "{words}"
        );
    }
    // What is not text is no receipt, in words.
    dropped(
        browser,
        &[("trust.json", trust.as_str()), ("good", &good)],
        1,
    );
    assert_eq!(verdicts(browser)[0].0, "Trusted");
    browser.value(
        r"(() => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([new Uint8Array([255, 0, 254, 1])], 'binary'));
          document.getElementById('results').replaceChildren();
          dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, cancelable: true }));
        })()",
    );
    browser.until("document.querySelectorAll('.result').length === 1");
    let (badge, words) = verdicts(browser).remove(0);
    assert_eq!(badge, "Does not hold");
    assert!(words.contains("not text: a receipt is"), "{words}");
    faults.retain(allowed);
    faults
}

/// The page's own functions, which it keeps to itself, without the page.
fn functions() -> String {
    let script = std::fs::read_to_string(file("verify.js")).unwrap();
    let functions = script.split("\n// The page.").next().unwrap();
    let said = "return { receipt, readTrust };";
    assert_eq!(functions.matches(said).count(), 1);
    let all = "return { receipt, readTrust, included, verify, from64, unhex };";
    functions.replace(said, all)
}

/// The page, with its functions at hand.
fn opened(program: &str) -> Browser {
    let mut browser = Browser::start(program);
    browser.open(&format!("file://{}", file("verify.html").display()));
    browser.value(&format!(
        "{{ {}; globalThis.functions = tally; null }}",
        functions()
    ));
    browser
}

/// What the page's functions make of receipts; it has to be what the engine does.
fn judged(browser: &mut Browser, files: &[Vec<u8>], trust: Option<&Trust>) -> Vec<&'static str> {
    // One character a byte: not every file is text.
    let characters = |bytes: &Vec<u8>| bytes.iter().copied().map(char::from).collect();
    let mut verdicts = Vec::new();
    for files in files.chunks(200) {
        let given: Vec<String> = files.iter().map(characters).collect();
        let (given, trusted) = (json!(given), json!(trust.map(ToString::to_string)));
        let said = browser.value(&format!(
            r"(async (files, trust, f) => {{
              const logs = trust && await f.readTrust(trust);
              const said = [];
              for (const file of files) {{ try {{
                const {{ verdict }} = await f.receipt(Uint8Array.from(file, (c) => c.charCodeAt(0)), logs);
                said.push(verdict === 'trusted' ? 'trusted' : 'consistent, not trusted');
              }} catch {{ said.push('does not hold'); }} }}
              return said;
            }})({given}, {trusted}, functions)"
        ));
        for (file, said) in files.iter().zip(said.as_array().unwrap()) {
            let expected = kinds::verdict(file, trust);
            assert_eq!(*said, expected, "{}", String::from_utf8_lossy(file));
            verdicts.push(expected);
        }
    }
    verdicts
}

#[test]
fn every_kind_is_judged_as_by_the_engine() {
    let Some(program) = cdp::installed() else {
        eprintln!("SKIPPED: no browser is installed (Debian: chromium)");
        return;
    };
    let mut browser = opened(&program);
    let refused = |verdicts: &[&str]| verdicts.iter().all(|of| *of == "does not hold");
    let trust = |log| Trust { logs: vec![log] };
    let local = TrustedLog::local(made::log_key().verifier().clone());
    let mut cosigned = local.clone();
    cosigned.witnesses = vec![made::witness().verifier().clone()];
    cosigned.cosignatures = 1;
    let (_, sound): (Vec<Kind>, Vec<_>) = kinds::sound().into_iter().unzip();
    let verdicts = judged(&mut browser, &sound, None);
    assert!(verdicts.iter().all(|of| *of == "consistent, not trusted"));
    let verdicts = judged(&mut browser, &sound, Some(&trust(local)));
    assert!(verdicts.iter().all(|of| *of == "trusted"));
    let shared = TrustedLog::shared(&made::set(0, 0..1));
    assert!(refused(&judged(
        &mut browser,
        &sound,
        Some(&trust(cosigned))
    )));
    let verdicts = judged(&mut browser, &sound, Some(&trust(shared.clone())));
    assert!(verdicts.iter().all(|of| *of == "consistent, not trusted"));
    let erased = kinds::erased_on_shared(&[made::set(0, 0..4), made::set(1, 0..7)], 5, true);
    let founders = trust(TrustedLog::shared(&made::set(0, 0..4)));
    let verdicts = judged(&mut browser, std::slice::from_ref(&erased), Some(&founders));
    assert_eq!(verdicts, ["trusted"]);
    let changed = kinds::lines_changed(std::str::from_utf8(&erased).unwrap());
    assert!(refused(&judged(&mut browser, &changed, Some(&founders))));
    let [could, not] = kinds::other_envelopes();
    let verdicts = judged(&mut browser, &could, None);
    assert!(verdicts.iter().all(|of| *of == "consistent, not trusted"));
    assert!(refused(&judged(&mut browser, &not, None)));
    for (_, sound) in kinds::one_of_each() {
        let files = kinds::bytes_changed(&sound);
        assert!(refused(&judged(&mut browser, &files, None)));
    }
    assert!(refused(&judged(&mut browser, &kinds::mismatched(), None)));
    for files in [kinds::other_bodies(), kinds::bounds()] {
        let verdicts = judged(&mut browser, &files, None);
        assert!(!refused(&verdicts));
    }
    let (files, trusting) = kinds::passed_off();
    for trust in [None, Some(&trusting)] {
        assert!(refused(&judged(&mut browser, &files, trust)));
    }
    let files = kinds::named_as_the_ledger();
    let verdicts = judged(&mut browser, &files, Some(&trust(shared)));
    assert_eq!(verdicts, ["trusted", "does not hold"]);
}

/// What a lax ed25519 takes is refused as by the engine, also where nobody signs by it, and
/// the page says so in words; so is a trust file that names it.
#[test]
fn keys_and_signatures_that_are_none() {
    let Some(program) = cdp::installed() else {
        eprintln!("SKIPPED: no browser is installed (Debian: chromium)");
        return;
    };
    let mut browser = opened(&program);
    let verdicts = judged(&mut browser, &strict::sound(), None);
    assert!(verdicts.iter().all(|of| *of == "consistent, not trusted"));
    let (names, files): (Vec<_>, Vec<_>) = strict::unsound().into_iter().unzip();
    let verdicts = judged(&mut browser, &files, None);
    assert!(verdicts.iter().all(|of| *of == "does not hold"));
    let text = |file: &Vec<u8>| String::from_utf8(file.clone()).unwrap();
    let files: Vec<_> = files.iter().map(text).collect();
    let given = names.iter().zip(&files).step_by(5);
    let given: Vec<_> = given
        .map(|(name, file)| (name.as_str(), file.as_str()))
        .collect();
    dropped(&mut browser, &given, given.len());
    for (_, words) in self::verdicts(&mut browser) {
        let known = [
            "no point of the curve in its one form",
            "a signature does not hold",
        ];
        assert!(known.iter().any(|why| words.contains(why)), "{words}");
    }
    let sound = text(&strict::sound()[0]);
    for (name, trust) in strict::trust_files().into_iter().step_by(7) {
        assert!(Trust::parse(&trust).is_err(), "{name}");
        dropped(
            &mut browser,
            &[("trust.json", &trust), ("sound", &sound)],
            1,
        );
        let said = browser.value("document.getElementById('trust').textContent");
        let said = said.as_str().unwrap();
        assert!(
            said.contains("cannot be used") && said.contains("no point of the curve"),
            "{said}"
        );
        assert_eq!(self::verdicts(&mut browser)[0].0, "Not verified", "{name}");
    }
}

/// Each kind has words of its own on the page, wide and narrow, light and dark.
#[test]
fn every_kind_is_shown() {
    let Some(program) = cdp::installed() else {
        eprintln!("SKIPPED: no browser is installed (Debian: chromium)");
        return;
    };
    let mut browser = opened(&program);
    let shared = kinds::erased_on_shared(&[made::set(0, 0..4)], 4, true);
    let receipts: Vec<_> = kinds::one_of_each()
        .into_iter()
        .map(|(kind, text)| (format!("{kind:?}"), text))
        .chain([("Shared".to_owned(), shared)])
        .map(|(name, text)| (name, String::from_utf8(text).unwrap()))
        .collect();
    let files: Vec<_> = receipts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    dropped(&mut browser, &files, files.len());
    let said = verdicts(&mut browser);
    for ((badge, words), (name, _)) in said.iter().zip(&files) {
        assert_eq!(badge, "Consistent, not trusted", "{words}");
        let expected: &[&str] = match *name {
            "Adjudicated" => &["What the claim came to", "72.00"],
            "Received" => &["was received", "2026-03-01", "lakeside"],
            "Payment" => &["payment was advised", "000000042", "92.00", "2026-04-01"],
            "Read" => &["was read", "lakeside-1 (Dr Oak)", "ETREAT", "as the payer"],
            "Emergency" => &["in an emergency", "unconscious after a fall"],
            "Shared" => &[
                "was erased",
                "retention",
                "On the shared ledger",
                made::LEDGER,
            ],
            _ => &["was erased", "request"],
        };
        for word in [&[*name], expected].concat() {
            assert!(words.contains(word), "{word}: {words}");
        }
    }
    // A trust file that does not know their logs is no reason to say that they do not hold.
    let nobody = Trust { logs: vec![] }.to_string();
    let with: Vec<_> = [("trust.json", nobody.as_str())]
        .into_iter()
        .chain(files.clone())
        .collect();
    dropped(&mut browser, &with, files.len());
    for (badge, words) in verdicts(&mut browser) {
        assert_eq!(badge, "Consistent, not trusted", "{words}");
        assert!(
            words.contains("The trust file names no log of it."),
            "{words}"
        );
    }
    let screens = std::env::var_os("TALLY_SCREENS").map(PathBuf::from);
    let mut faults = complaints(&browser.events(), "file:");
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        browser.look(width, dark);
        faults.extend(checked(&mut browser));
        let name = format!("verify-kinds-{width}-{dark}.png");
        keep(screens.as_deref(), &name, &browser.picture());
    }
    faults.retain(|fault| !fault.contains("a script or a style in the page"));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What a trust file does not name is by the receipt's own word, and the ledger says whose
/// log an erasure is in.
#[test]
fn whose_word_it_is() {
    let Some(program) = cdp::installed() else {
        eprintln!("SKIPPED: no browser is installed (Debian: chromium)");
        return;
    };
    let mut browser = opened(&program);
    // Without a trust file first, since the page keeps the one it was given.
    let mut all = kinds::told();
    all.sort_by_key(|told| told.trust.is_some());
    for told in all {
        let file = String::from_utf8(told.file).unwrap();
        let trust = told.trust.as_ref().map(ToString::to_string);
        let trust = trust.as_deref().map(|text| ("trust.json", text));
        let files: Vec<_> = trust.into_iter().chain([("receipt", &*file)]).collect();
        dropped(&mut browser, &files, 1);
        let (badge, said) = verdicts(&mut browser).remove(0);
        let named = told.trust.is_some_and(|trust| !trust.logs.is_empty());
        assert_eq!(badge == "Trusted", named, "{said}");
        for log in [made::LOG, made::LEDGER] {
            let own = said.contains(&format!("{log}, by its own word"));
            assert_eq!(own, told.own_word.contains(&log), "{said}");
        }
        let whose = told.organisation;
        assert_eq!(said.contains("In the log of"), whose.is_some(), "{said}");
        assert!(whose.is_none_or(|of| said.contains(of)), "{said}");
    }
}

fn json_files(path: &Path, found: &mut Vec<Value>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            json_files(&path, found);
        } else {
            found.push(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
        }
    }
}

#[test]
fn vectors_of_inclusion_and_signatures() {
    let Some(program) = cdp::installed() else {
        eprintln!("SKIPPED: no browser is installed (Debian: chromium)");
        return;
    };
    let cases = std::env::var_os("TALLY_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let cases = cases.join("ledger");
    if !cases.is_dir() {
        eprintln!("SKIPPED: no folder of cases; set TALLY_CASES to check against it");
        return;
    }
    let mut browser = opened(&program);
    let mut proofs = Vec::new();
    json_files(
        &cases.join("transparency-dev-merkle/testdata/inclusion"),
        &mut proofs,
    );
    assert_eq!(proofs.len(), 98);
    for of in proofs {
        // Indexes as text: they are more than a number of the browser holds.
        let (index, size) = (of["leafIdx"].to_string(), of["treeSize"].to_string());
        let holds = browser.value(&format!(
            r"(async (of, f) => {{ try {{
              const [leaf, root] = [of.leafHash, of.root].map((text) => f.from64(text, 32));
              const path = (of.proof ?? []).map((text) => f.from64(text, 32));
              await f.included(leaf, {{ index: {index}n, path }}, {{ size: {size}n, root }});
              return true;
            }} catch {{ return false; }} }})({of}, functions)"
        ));
        assert!(holds != of["wantErr"], "{of}");
    }
    let path = cases.join("wycheproof/testvectors_v1/ed25519_test.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for group in file["testGroups"].as_array().unwrap() {
        let said = browser.value(&format!(
            r"((group, f) => Promise.all(group.tests.map(async (of) => {{ try {{
              const bytes = (text) => text ? f.unhex(text) : new Uint8Array();
              await f.verify(bytes(group.publicKey.pk), bytes(of.msg), bytes(of.sig));
              return true;
            }} catch {{ return false; }} }})))({group}, functions)"
        ));
        for (of, holds) in group["tests"]
            .as_array()
            .unwrap()
            .iter()
            .zip(said.as_array().unwrap())
        {
            assert_eq!(*holds == true, of["result"] == "valid", "{of}");
        }
    }
}
