//! Worked cases over a real component: what passes, what differs, what is
//! refused and where.

mod common;

use common::{fixture, folder, tiny};
use tally_testing::run_cases;

/// A report without the numbers that differ with the compiler.
fn stable(report: &str) -> String {
    let word = |word: &str| {
        let number = word.len() > 3 && word.bytes().all(|b| b.is_ascii_digit() || b == b',');
        let hash = word.len() > 10 && word.ends_with('…');
        match (number, hash) {
            (true, _) => "#".to_owned(),
            (_, true) => "hash".to_owned(),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        format!("{}{}\n", " ".repeat(indent), words.join(" "))
    };
    report.lines().map(line).collect()
}

#[test]
fn worked_cases_pass_on_both_backends() {
    let policy = tiny();
    let report = run_cases(&fixture("tiny"), &policy).unwrap();
    assert!(report.passed(), "{report}");
    let [case] = report.cases.as_slice() else {
        panic!("one case")
    };
    let fuel: Vec<bool> = case
        .claims
        .iter()
        .map(|claim| claim.fuel.is_some())
        .collect();
    assert_eq!(fuel, [true, true, true, true, false, true, false]);
    assert!(report.without_case.is_empty());
    let (least, most) = report.fuel_range().unwrap();
    assert!(
        0 < least && least <= most && most < 200_000,
        "{least} to {most}"
    );
    insta::assert_snapshot!(stable(&report.to_string()));
}

#[test]
fn differences_are_shown_where_they_are() {
    let text = std::fs::read_to_string(fixture("tiny").join("cases/family.toml")).unwrap();
    let text = text
        .replace(
            "\"PR 1 60.00 2.1\", \"PR 2 6.00 2.2\"",
            "\"PR 1 66.00 2.2\"",
        )
        .replace(
            "\"A visits 2025-01-01\" = \"1\"",
            "\"A visits 2025-01-01\" = \"2\"",
        )
        .replace("findings = [\"again 1 300 3.1\"]", "")
        .replace("\"price 1 1.2\"", "\"price 0 1.1\"")
        .replace("patient = \"90.00\"", "patient = \"80.00\"")
        .replace("OA 18 150.00 E104", "CO 18 150.00 E104");
    let report = run_cases(folder(&text).path(), &tiny()).unwrap();
    assert!(!report.passed());
    assert_eq!(report.failures(), 1);
    insta::assert_snapshot!(stable(&report.to_string()));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let policy = tiny();
    let good = "title = \"t\"\nclauses = [\"1.1\"]\nworked = \"w\"\n[[claim]]\nbilling = \"B\"\n\
                [[claim.line]]\nprocedure = \"99213\"\ncharge = \"90.00\"\nfrom = \"2025-01-01\"\n\
                [claim.expect]\nstatus = \"paid\"\n[[claim.expect.line]]\nallowed = \"90.00\"\n\
                paid = \"0.00\"\nadjustments = [\"PR 1 90.00 2.1\"]\n";
    let report = run_cases(folder(good).path(), &policy).unwrap();
    assert!(report.passed(), "{report}");
    let mut said = String::new();
    for (from, to) in [
        ("\"90.00\"\nfrom", "90.00\nfrom"),
        ("\"90.00\"\nfrom", "\"90.005\"\nfrom"),
        ("2025-01-01", "2025-02-29"),
        ("procedure", "procedrue"),
        ("\"99213\"", "\"99 213\""),
        ("[\"1.1\"]", "[\"1.1\", \"9.9\"]"),
        ("\"w\"", "\" \""),
        ("\"paid\"", "\"payed\""),
        ("\"paid\"", "\"pended\""),
        ("PR 1 90.00 2.1", "PR 1 80.00 2.1"),
        ("PR 1 90.00 2.1", "PR one 90.00 2.1"),
        ("PR 1 90.00 2.1", "PR 1 90.00 7.7"),
        ("PR 1 90.00 2.1", "PR 90.00 2.1"),
        (
            "[[claim.expect.line]]\n",
            "[[claim.expect.line]]\ndenied = 1\n",
        ),
        ("paid = \"0.00\"\n", ""),
        ("billing = \"B\"\n", "billing = \"B\"\nkind = \"dental\"\n"),
        ("\n[claim.expect]", "\ndiagnoses = [1]\n[claim.expect]"),
        (
            "status = \"paid\"\n",
            "status = \"paid\"\nafter = { \"A visit 2025-01-01\" = \"1\" }\n",
        ),
        (
            "status = \"paid\"\n",
            "status = \"paid\"\nafter = { \"A visits 2025-01-01\" = \"1.0\" }\n",
        ),
        (
            "status = \"paid\"\n",
            "status = \"paid\"\nafter = { \"B visits 2025-01-01\" = \"1\" }\n",
        ),
        (
            "status = \"paid\"\n",
            "status = \"paid\"\nafter = { \"family visits 2025-01-01\" = \"1\" }\n",
        ),
        (
            "status = \"paid\"\n",
            "status = \"paid\"\nfindings = [\"again 1 3.1\"]\n",
        ),
        (
            "[[claim]]\n",
            "[[member]]\nid = \"A\"\nbirth = \"2000-01-01\"\n[[claim]]\n",
        ),
        (
            "[[claim]]\n",
            "[[balance]]\naccumulator = \"visits\"\nperiod = \"2025-01-01\"\nused = \"1\"\n[[claim]]\n",
        ),
        ("title = \"t\"\n", "title = \"t\"\ntitle = \"t\"\n"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        let report = run_cases(folder(&changed).path(), &policy).unwrap();
        let error = report.cases[0].error.as_ref().unwrap();
        said.push_str(&format!("{error}\n"));
    }
    insta::assert_snapshot!(said);
    let empty = tempfile::tempdir().unwrap();
    assert!(run_cases(empty.path(), &policy).is_err());
}
