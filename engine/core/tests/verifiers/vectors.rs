//! The functions of the verifier in Python against vectors that nobody here wrote.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs over the folder of cases: the script's functions, without its commands.
const RUN: &str = r#"
import base64, glob, json, sys
script, cases = sys.argv[1:]
functions, rest = open(script, encoding="utf-8").read().split("parser = argparse")
names = {}
exec(functions, names)
def holds(run, *given):
    try: run(*given)
    except Exception: return False
    return True
looked = [0, 0]
for file in glob.glob(cases + "/transparency-dev-merkle/testdata/inclusion/**/*.json", recursive=True):
    of = json.load(open(file))
    leaf, root = (base64.b64decode(of[name] or "") for name in ("leafHash", "root"))
    path = "".join(p + "\n" for p in of["proof"] or [])
    given = len(leaf) == 32 and holds(names["included"], leaf, str(of["leafIdx"]), path, of["treeSize"], root)
    assert given == (not of["wantErr"]), file
    looked[0] += 1
for group in json.load(open(cases + "/wycheproof/testvectors_v1/ed25519_test.json"))["testGroups"]:
    for of in group["tests"]:
        given = map(bytes.fromhex, (group["publicKey"]["pk"], of["msg"], of["sig"]))
        assert holds(names["verify"], *given) == (of["result"] == "valid"), of
        looked[1] += 1
print(*looked)
"#;

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("TALLY_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let path = root.join("ledger");
    if !path.is_dir() {
        let said = "SKIPPED: no folder of cases; set TALLY_CASES to check against it\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    Some(path)
}

#[test]
fn inclusion_and_signatures() {
    if !super::present() {
        return;
    }
    let Some(cases) = folder() else { return };
    let mut command = Command::new(super::python().unwrap());
    command.args(["-c", RUN]).arg(super::script()).arg(cases);
    let ran = command.output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "98 151\n", "{errors}");
}
