//! The checker has a tooth for every rule of a remittance: a good file, written by hand
//! from the requests for interpretation, and what it is called when it is damaged so
//! that everything else of it still adds up.

use super::checker::{misreversed, recharged, unbalanced};

const ISA: &str = "ISA*00*          *00*          *ZZ*PAYER          *ZZ*PAYEE          \
                   *260605*0000*^*00501*000000031*0*P*:~";

/// A primary and a secondary claim, an adjustment of a claim as a whole, a bundle, a line
/// paid as two, one split, a correction after its reversal, a replacement after the
/// reversal of what it replaces, and a reversal whose correction is to come.
const GOOD: &str = "\
ST*835*0001~
BPR*I*407.23*C*CHK************20260605~
TRN*1*T-1*1123456789~
CLP*P-1*1*150.00*76.00*24.00*12*C1~
AMT*AU*100.00~
AMT*I*1.23~
SVC*HC:99213*150.00*76.00**1~
CAS*CO*45*50.00~
CAS*PR*1*20.00**2*4.00~
AMT*B6*100.00~
CLP*P-2*2*500.00*65.00**12*C2~
SVC*HC:99214*500.00*65.00**1~
CAS*CO*45*10.00~
CAS*OA*23*425.00~
CLP*P-3*1*80.00*70.00*10.00*12*C3~
CAS*PR*3*10.00~
SVC*HC:99215*80.00*80.00**1~
CLP*P-4*1*496.55*100.00**12*C4~
SVC*HC:80050*290.55*100.00**1~
CAS*CO*45*396.55~
CAS*OA*94*-206.00~
SVC*HC:80050*206.00*0.00**0*HC:84453*1~
CAS*CO*97*206.00~
CLP*P-5*1*90.00*60.00**12*C5~
SVC*HC:82374*90.00*60.00**1*HC:80051~
CAS*CO*45*30.00~
REF*6R*7~
SVC*HC:82435*0.00*0.00**1*HC:80051~
REF*6R*7~
CLP*P-6*1*60.00*40.00*20.00*12*C6~
SVC*HC:97110*40.00*40.00**2**3~
REF*6R*1~
SVC*HC:97110*20.00*0.00**1~
CAS*PR*119*20.00~
REF*6R*1~
CLP*P-7*22*-100.00*-80.00**12*C7~
SVC*HC:99205*-100.00*-80.00**1~
CAS*CO*45*-20.00~
CLP*P-7*1*100.00*70.00*10.00*12*C7~
SVC*HC:99205*100.00*70.00**1~
CAS*CO*45*20.00~
CAS*PR*3*10.00~
CLP*P-8*22*-50.00*-50.00**12*C8~
SVC*HC:99202*-50.00*-50.00**1~
CLP*P-9*1*55.00*55.00**12*C9~
REF*F8*C8~
SVC*HC:99203*55.00*55.00**1~
CLP*P-10*22*-30.00*-30.00**12*C10~
SVC*HC:99211*-30.00*-30.00**1~
PLB*1234567893*20261231*L6:C1*-1.23~
PLB*1234567893*20261231*WO:C10*-30.00~
";

/// More is taken back than paid: the rest is carried forward.
const OWED: &str = "\
ST*835*0001~
BPR*H*0.00*C*NON************20260605~
TRN*1*T-2*1123456789~
CLP*P-8*22*-50.00*-50.00**12*C8~
SVC*HC:99202*-50.00*-50.00**1~
PLB*1234567893*20261231*FB:T-2*-50.00~
";

/// What a payment that C7 was reversed from said.
const BEFORE: &str = "\
ST*835*0001~
BPR*I*80.00*C*CHK************20260505~
TRN*1*T-0*1123456789~
CLP*P-7*1*100.00*80.00**12*C7~
SVC*HC:99205*100.00*80.00**1~
CAS*CO*45*20.00~
";

fn file(text: &str) -> String {
    format!("{ISA}\n{text}SE*1*0001~\nGE*1*1~\nIEA*1*000000031~\n")
}

/// The text with each piece put in place of another, which stands in it once.
fn damaged(good: &str, changes: &[(&str, &str)]) -> String {
    let mut text = good.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    file(&text)
}

/// A rule, and what breaks it.
type Tooth<'a> = (&'a str, &'a [(&'a str, &'a str)]);

fn bite(good: &str, teeth: &[Tooth<'_>]) {
    assert_eq!(unbalanced(&file(good)), [""; 0]);
    for (rule, changes) in teeth {
        let faults = unbalanced(&damaged(good, changes));
        let found = faults.iter().any(|fault| fault.starts_with(rule));
        assert!(found, "{rule} by {changes:?}: {faults:?}");
    }
}

#[test]
fn lines_claims_and_the_payment_come_to_their_sums() {
    bite(
        GOOD,
        &[
            ("2348", &[("*150.00*76.00**1~", "*150.00*77.00**1~")]),
            ("2348", &[("CAS*CO*45*50.00~", "CAS*CO*45*49.00~")]),
            (
                "522, 2570",
                &[
                    ("CLP*P-3*1*80.00*70.00*", "CLP*P-3*1*80.00*71.00*"),
                    ("BPR*I*407.23", "BPR*I*408.23"),
                ],
            ),
            // The copayment of a line, as one of the claim as well.
            (
                "522: a line's adjustment again",
                &[
                    (
                        "*76.00*24.00*12*C1~",
                        "*56.00*44.00*12*C1~\nCAS*PR*1*20.00~",
                    ),
                    ("BPR*I*407.23", "BPR*I*387.23"),
                ],
            ),
            ("2548", &[("*76.00*24.00*12", "*76.00*25.00*12")]),
            (
                "2548: what a reversal",
                &[("*-100.00*-80.00**12", "*-100.00*-80.00*-10.00*12")],
            ),
            ("1756", &[("BPR*I*407.23", "BPR*I*407.24")]),
            (
                "1756: a balance",
                &[
                    ("BPR*I*407.23", "BPR*I*412.23"),
                    ("WO:C10*-30.00~", "WO:C10*-30.00*FB:T-1*-5.00~"),
                ],
            ),
            ("222: money", &[("BPR*I", "BPR*H")]),
            (
                "L6",
                &[("L6:C1*-1.23", "L6:C1*-1.22"), ("407.23", "407.22")],
            ),
        ],
    );
    bite(
        OWED,
        &[
            ("1756", &[("FB:T-2*-50.00", "FB:T-2*-40.00")]),
            (
                "222: a negative payment",
                &[
                    ("BPR*H*0.00", "BPR*I*-50.00"),
                    ("PLB*1234567893*20261231*FB:T-2*-50.00~\n", ""),
                ],
            ),
        ],
    );
}

#[test]
fn each_payer_reports_what_was_billed() {
    let less: &[(&str, &str)] = &[
        ("SVC*HC:99214*500.00*", "SVC*HC:99214*75.00*"),
        ("CAS*OA*23*425.00~\n", ""),
    ];
    bite(
        GOOD,
        &[
            ("2143", less),
            ("2143, 2278", &[("CAS*OA*23", "CAS*CO*23")]),
            ("1696", &[("CLP*P-2*2*", "CLP*P-2*1*")]),
        ],
    );
    // Where the whole claim is told smaller, it takes the bill to see it.
    let billed: &[(&str, &[i128])] = &[("C2", &[50_000])];
    assert_eq!(recharged(&file(GOOD), billed), [""; 0]);
    let all = [less, &[("CLP*P-2*2*500.00", "CLP*P-2*2*75.00")]].concat();
    let text = damaged(GOOD, &all);
    assert_eq!(unbalanced(&text), [""; 0]);
    assert_eq!(recharged(&text, billed), ["2143: the charges of C2"]);
}

#[test]
fn bundles_and_splits_keep_what_was_billed() {
    bite(
        GOOD,
        &[
            (
                "2278, 2320",
                &[
                    ("CAS*OA*94*-206.00", "CAS*OA*94*-205.00"),
                    ("CAS*CO*45*396.55", "CAS*CO*45*395.55"),
                ],
            ),
            ("2143, 2278", &[("CAS*OA*94", "CAS*CO*94")]),
            ("2278: the group", &[("CAS*CO*97", "CAS*PI*97")]),
            (
                "2278: a line included in part",
                &[("CAS*CO*97*206.00", "CAS*CO*97*200.00**45*6.00")],
            ),
            ("2278: units", &[("**0*HC:84453*1~", "**1*HC:84453~")]),
            ("2278: SVC07", &[("**0*HC:84453*1~", "**0*HC:84453~")]),
            ("2320: the code", &[("**0*HC:84453*1~", "**0**1~")]),
            (
                "2278: the sign",
                &[("CAS*CO*45*50.00", "CAS*CO*45*70.00**96*-20.00")],
            ),
            (
                "2283: claim",
                &[
                    (
                        "*90.00*60.00**1*HC:80051~\nCAS*CO*45*30.00~",
                        "*80.00*60.00**1*HC:80051~\nCAS*CO*45*20.00~",
                    ),
                    (
                        "*0.00*0.00**1*HC:80051~",
                        "*10.00*0.00**1*HC:80051~\nCAS*CO*45*10.00~",
                    ),
                ],
            ),
            ("2283: units", &[("**2**3~", "**2**4~")]),
        ],
    );
}

#[test]
fn a_reversal_is_what_it_reverses_turned_round_and_stands_before_what_follows() {
    let reversal = "CLP*P-7*22*-100.00*-80.00**12*C7~\nSVC*HC:99205*-100.00*-80.00**1~\n\
                    CAS*CO*45*-20.00~\n";
    let replaced = "CLP*P-8*22*-50.00*-50.00**12*C8~\nSVC*HC:99202*-50.00*-50.00**1~\n";
    let after = "CLP*P-10*22*";
    let last = |reversal: &str| format!("{reversal}{after}");
    bite(
        GOOD,
        &[
            ("a negative claim", &[("CLP*P-7*22*", "CLP*P-7*1*")]),
            (
                "2442",
                &[
                    ("CLP*P-8*22*-50.00*-50.00*", "CLP*P-8*22*50.00*50.00*"),
                    ("SVC*HC:99202*-50.00*-50.00*", "SVC*HC:99202*50.00*50.00*"),
                    ("BPR*I*407.23", "BPR*I*507.23"),
                ],
            ),
            ("2278: the sign", &[("CAS*CO*45*-20.00", "CAS*CO*45*20.00")]),
            // Of the same number, and of another that says whose place it takes.
            (
                "2442, 791, 319",
                &[(reversal, ""), (after, &last(reversal))],
            ),
            (
                "2442, 791, 319",
                &[(replaced, ""), (after, &last(replaced))],
            ),
            (
                "227: -2900",
                &[("WO:C10*-30.00", "WO:C10*-29.00"), ("407.23", "406.23")],
            ),
            (
                "227: C7 is corrected",
                &[
                    ("WO:C10*-30.00", "WO:C10*-30.00*WO:C7*-80.00"),
                    ("407.23", "487.23"),
                ],
            ),
            (
                "227: C8 is corrected",
                &[
                    ("WO:C10*-30.00", "WO:C10*-30.00*WO:C8*-50.00"),
                    ("407.23", "457.23"),
                ],
            ),
        ],
    );
    let before = file(BEFORE);
    assert_eq!(misreversed([&*before, &*file(GOOD)]), [""; 0]);
    for (from, to) in [
        ("SVC*HC:99205*-100.00", "SVC*HC:99204*-100.00"),
        ("CAS*CO*45*-20.00", "CAS*PI*45*-20.00"),
        ("CAS*CO*45*-20.00", "CAS*CO*45*-10.00**96*-10.00"),
        (
            "SVC*HC:99205*-100.00*-80.00**1~",
            "SVC*HC:99205*-100.00*-80.00**2~",
        ),
    ] {
        let text = damaged(GOOD, &[(from, to)]);
        assert_eq!(unbalanced(&text), [""; 0], "{to}");
        let faults = misreversed([&*before, &*text]);
        assert_eq!(faults, ["2442: C7 is not reversed as it was paid"]);
    }
}
