//! The commands over files of our own making, as they are typed.

use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::{Said, TableCommand, change, import, show};
use crate::cli::{Cli, Command};

/// A folder to write into, and what is said in it.
struct Desk(tempfile::TempDir);

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules-sdk/table/tests/samples")
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs what follows `tally table`; `@name` is a sample, `+name` a file of
    /// the desk's.
    fn run(&self, line: &str) -> Result<Said, String> {
        let words = line.split_whitespace().map(|word| {
            let path = match (word.strip_prefix('@'), word.strip_prefix('+')) {
                (Some(name), _) => samples().join(name),
                (_, Some(name)) => self.path(name),
                _ => return word.to_owned(),
            };
            path.display().to_string()
        });
        let words = ["tally", "table"]
            .map(str::to_owned)
            .into_iter()
            .chain(words);
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        let said = match cli.command {
            Command::Table(TableCommand::Import(args)) => import::run(&args),
            Command::Table(TableCommand::Show(args)) => show::run(&args),
            Command::Table(TableCommand::Diff(args)) => change::run(&args),
            _ => panic!("another command"),
        };
        said.map_err(|error| self.plain(&crate::cli::chain(&error)))
    }

    /// Without the folders of this machine.
    fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
            .replace(&format!("{}/", samples().display()), "")
    }

    fn text(&self, line: &str) -> String {
        match self.run(line) {
            Ok(said) => self.plain(&said.text),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn json(&self, line: &str) -> String {
        match self.run(line) {
            Ok(said) => self.plain(&serde_json::to_string_pretty(&said.json).unwrap()),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn error(&self, line: &str) -> String {
        match self.run(line) {
            Ok(_) => panic!("{line}: no error"),
            Err(error) => error,
        }
    }
}

/// Every short name of the task and every format has a sample that is read.
#[test]
fn every_format_is_imported() {
    let desk = Desk::new();
    let said: Vec<String> = [
        "--format pfs @PPRRVU2026_Jan.csv @GPCI2026.csv --locality 01112-05",
        "--format rvu @PPRRVU2026_Jan.csv",
        "--format gpci @GPCI2026.csv",
        "--format mpfs-factor @PPRRVU2026_Jan.csv",
        "--format mpfs-indicators @PPRRVU2026_Jan.csv",
        "--format mpfs-surgeons @PPRRVU2026_Jan.csv",
        "--format ncci-ptp @ccipra-f1.txt @ccipra-f2.txt --setting practitioner --version v321r0",
        "--format ncci-mue @MCR_MUE_2026Q1.csv --effective 2026-01-01",
        "--format leie @UPDATED.csv --version 2026-01",
        "--format carc @carc.csv --version 2026-03",
        "--format rarc @rarc.csv --version 2026-03",
        "--format pos @pos.csv --effective 2026-02-01 --version 2026-02",
        "--format taxonomy @nucc_taxonomy.csv --effective 2026-01-01 --version 26.0",
        "--format icd10 @icd10cm_order.txt --effective 2025-10-01",
        "--format icd10pcs @icd10pcs_order.txt --effective 2025-10-01",
        "--format hcpcs @HCPC2026_ANWEB.txt --version 2026-01",
        "--format hcpcs-modifiers @HCPC2026_ANWEB.csv --version 2026-01",
    ]
    .iter()
    .map(|line| desk.text(&format!("import {line} --out +made.csv")))
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_forms_are_one_table() {
    let desk = Desk::new();
    let line = "import --format leie @UPDATED.csv --version 2026-01 --out";
    insta::assert_snapshot!("import_json", desk.json(&format!("{line} +a.csv")));
    desk.text(&format!("{line} +a.table"));
    assert!(
        std::fs::read(desk.path("a.table"))
            .unwrap()
            .starts_with(b"TTB")
    );
    assert_eq!(desk.json("show +a.csv"), desk.json("show +a.table"));
    // Others may read it where they may read anything new.
    std::fs::write(desk.path("new"), "").unwrap();
    let mode = |name: &str| {
        let metadata = std::fs::metadata(desk.path(name)).unwrap();
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
    };
    assert_eq!(mode("a.csv"), mode("new"));
    let diff = desk.text("diff +a.csv +a.table");
    assert!(diff.contains("0 added, 0 gone, 0 changed"), "{diff}");
}

#[test]
fn what_is_in_a_table() {
    let desk = Desk::new();
    desk.text("import --format ncci-ptp @ccipra-f1.txt @ccipra-f2.txt --setting practitioner --version v321r0 --out +pairs.csv");
    desk.text(
        "import --format ncci-mue @MCR_MUE_2026Q1.csv --effective 2026-01-01 --out +units.csv",
    );
    insta::assert_snapshot!("show", desk.text("show +units.csv --limit 3"));
    insta::assert_snapshot!(
        "show_json",
        desk.json("show +units.csv --key 36415 --on 2026-02-01")
    );
    let all = desk.text("show +pairs.csv");
    insta::assert_snapshot!("show_pairs", all);
}

#[test]
fn a_later_file_goes_over_an_earlier_table() {
    let desk = Desk::new();
    desk.text("import --format ncci-mue @MCR_MUE_2026Q1.csv --effective 2026-01-01 --out +q1.csv");
    let over = desk.text(
        "import --format ncci-mue @MCR_MUE_2026Q2.csv --effective 2026-04-01 --over +q1.csv --out +q2.csv",
    );
    insta::assert_snapshot!("import_over", over);
    insta::assert_snapshot!("diff", desk.text("diff +q1.csv +q2.csv"));
    insta::assert_snapshot!("diff_on", desk.text("diff +q1.csv +q2.csv --on 2026-05-01"));
    insta::assert_snapshot!(
        "diff_json",
        desk.json("diff +q1.csv +q2.csv --on 2026-05-01 --limit 1")
    );
    // What was asked about an earlier day is answered as before.
    let before = desk.text("diff +q1.csv +q2.csv --on 2026-03-31");
    assert!(before.contains("0 added, 0 gone, 0 changed"), "{before}");
    let error =
        desk.error("import --format leie @UPDATED.csv --version 1 --over +q1.csv --out +q3.csv");
    assert!(error.contains("--from DAY"), "{error}");
}

#[test]
fn errors_say_what_where_and_what_next() {
    let desk = Desk::new();
    std::fs::write(desk.path("book.xlsx"), b"PK\x03\x04rest").unwrap();
    std::fs::write(
        desk.path("hand.csv"),
        "code,from,through,fee:money\n1,2026-01-01,,1\n",
    )
    .unwrap();
    let broken = std::fs::read_to_string(samples().join("pos.csv")).unwrap();
    std::fs::write(desk.path("broken.csv"), broken.replace("11,", "1 1,")).unwrap();
    desk.text("import --format pos @pos.csv --version 1 --effective 2026-01-01 --out +pos.csv");
    let said: Vec<String> = [
        "import --format ncci @pos.csv --out +x.csv",
        "import --format pos @pos.csv --out +x.csv",
        "import --format pos @pos.csv --version 1 --effective 2026-01-01 --locality 01112-05 --out +x.csv",
        "import --format pos @pos.csv @pos.csv --version 1 --effective 2026-01-01 --out +x.csv",
        "import --format pos +broken.csv --version 1 --effective 2026-01-01 --out +x.csv",
        "import --format pos @carc.csv --version 1 --effective 2026-01-01 --out +x.csv",
        "import --format pos +book.xlsx --version 1 --out +x.csv",
        "import --format pos +nowhere.csv --version 1 --out +x.csv",
        "import --format pos @pos.csv --version 1 --effective 2026-01-01 --out +no/folder/x.csv",
        "import --format pos @pos.csv --version 1 --effective 2026-01-01 --over +hand.csv --from 2026-01-01 --out +x.csv",
        "import --format pfs @PPRRVU2026_Jan.csv @GPCI2026.csv --locality 99999-99 --out +x.csv",
        "show @pos.csv",
        "show +hand.csv --key 2",
        "show +hand.csv --key 1 --on 2025-01-01",
        "diff +hand.csv +pos.csv",
    ]
    .iter()
    .map(|line| format!("$ tally table {line}\n{}\n", desk.error(line)))
    .collect();
    insta::assert_snapshot!(said.join("\n"));
    assert!(
        !desk.path("x.csv").exists(),
        "a table was written after all"
    );
}

#[test]
fn help_names_every_format() {
    let help = Desk::new().error("import --help");
    for format in tally_table::import::FORMATS {
        assert!(
            help.contains(&format!("\n  {} ", format.name)),
            "{}",
            format.name
        );
    }
    insta::assert_snapshot!(help);
}
