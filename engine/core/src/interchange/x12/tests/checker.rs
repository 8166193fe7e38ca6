//! Whether a remittance adds up, by the requests for interpretation of X12 (RFI,
//! the numbers below). It takes the file apart by itself, counts cents from their
//! text, and shares nothing with what writes remittances.

use std::collections::BTreeMap;

/// Cents of a decimal.
pub fn cents(text: &str) -> i128 {
    if text.is_empty() {
        return 0;
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(part.len() <= 2, "a fraction of a cent: {text}");
    let part = format!("{part:0<2}");
    let whole = if whole.is_empty() { "0" } else { whole };
    sign * (whole.parse::<i128>().unwrap() * 100 + part.parse::<i128>().unwrap())
}

/// Ten-thousandths of a quantity.
fn units(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<4}");
    whole.parse::<i128>().unwrap() * 10_000 + part.parse::<i128>().unwrap()
}

/// One reason of an adjustment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adjusted {
    pub group: String,
    pub reason: String,
    pub amount: i128,
}

/// A service as it was paid.
#[derive(Default, Clone, Debug)]
pub struct Line {
    /// What it was paid as.
    pub paid_as: String,
    /// What was submitted, where that is another.
    pub submitted: String,
    /// The revenue code beside it.
    pub revenue: String,
    pub charge: i128,
    pub paid: i128,
    pub units: i128,
    /// The units submitted, where they are others.
    pub original: Option<i128>,
    pub control: String,
    pub allowed: Option<i128>,
    pub adjusted: Vec<Adjusted>,
}

/// A claim as it was paid.
#[derive(Default, Clone, Debug)]
pub struct Payment {
    pub control: String,
    pub number: String,
    /// The number of the claim that it takes the place of.
    pub replaces: String,
    pub status: String,
    /// The kind of cover.
    pub filing: String,
    pub charge: i128,
    pub paid: i128,
    pub patient: i128,
    pub says_patient: bool,
    pub allowed: Option<i128>,
    pub interest: i128,
    pub above: Vec<Adjusted>,
    pub lines: Vec<Line>,
}

/// A remittance.
#[derive(Default, Clone, Debug)]
pub struct Advice {
    pub total: i128,
    pub handling: String,
    pub trace: String,
    pub payments: Vec<Payment>,
    /// Reason, reference, amount.
    pub provider: Vec<(String, String, i128)>,
}

impl Payment {
    pub fn is_reversal(&self) -> bool {
        self.status == "22"
    }

    fn all(&self) -> impl Iterator<Item = &Adjusted> {
        let lines = self.lines.iter().flat_map(|line| &line.adjusted);
        self.above.iter().chain(lines)
    }

    fn of_group(&self, group: &str) -> i128 {
        let of = self.all().filter(|of| of.group == group);
        of.map(|of| of.amount).sum()
    }

    /// Every sign turned round, but for what only says something.
    pub fn reversed(&self) -> Self {
        let turned = |all: &[Adjusted]| {
            let turn = |of: &Adjusted| Adjusted {
                amount: -of.amount,
                ..of.clone()
            };
            all.iter().map(turn).collect()
        };
        Self {
            status: "22".into(),
            charge: -self.charge,
            paid: -self.paid,
            patient: 0,
            says_patient: false,
            allowed: self.allowed.map(|amount| -amount),
            interest: -self.interest,
            above: turned(&self.above),
            lines: self
                .lines
                .iter()
                .map(|line| Line {
                    charge: -line.charge,
                    paid: -line.paid,
                    allowed: line.allowed.map(|amount| -amount),
                    adjusted: turned(&line.adjusted),
                    ..line.clone()
                })
                .collect(),
            ..self.clone()
        }
    }

    /// The amounts and codes of it.
    pub fn shape(&self) -> String {
        format!("{self:?}")
    }
}

/// The remittances of a file, by the delimiters that its ISA shows.
pub fn advices(text: &str) -> Vec<Advice> {
    let text = text.trim_start();
    let element = text.chars().nth(3).unwrap();
    let mut rest = text;
    for _ in 0..16 {
        rest = rest.split_once(element).unwrap().1;
    }
    let mut delimiters = rest.chars();
    let (component, terminator) = (delimiters.next().unwrap(), delimiters.next().unwrap());
    let mut all = Vec::new();
    let segments = text.split(terminator).map(str::trim);
    for segment in segments.filter(|segment| !segment.is_empty()) {
        let elements: Vec<&str> = segment.split(element).collect();
        if elements[0] == "ST" && elements[1] == "835" {
            all.push(Advice::default());
        }
        if let Some(advice) = all.last_mut() {
            take(advice, &elements, component);
        }
    }
    all
}

fn take(advice: &mut Advice, elements: &[&str], component: char) {
    let of = |at: usize| elements.get(at).copied().unwrap_or("");
    let payment = advice.payments.last_mut();
    match of(0) {
        "BPR" => {
            advice.handling = of(1).into();
            advice.total = cents(of(2));
        }
        "TRN" => advice.trace = of(2).into(),
        "CLP" => advice.payments.push(Payment {
            control: of(1).into(),
            status: of(2).into(),
            charge: cents(of(3)),
            paid: cents(of(4)),
            patient: cents(of(5)),
            says_patient: !of(5).is_empty(),
            filing: of(6).into(),
            number: of(7).into(),
            ..Payment::default()
        }),
        "SVC" => {
            let paid = of(5);
            // Some senders separate components by another character than they say.
            let plain = |text: &str| text.replace(['>', ':'], &component.to_string());
            payment.unwrap().lines.push(Line {
                paid_as: plain(of(1)),
                submitted: plain(of(6)),
                revenue: of(4).into(),
                charge: cents(of(2)),
                paid: cents(of(3)),
                units: if paid.is_empty() { 10_000 } else { units(paid) },
                original: (!of(7).is_empty()).then(|| units(of(7))),
                ..Line::default()
            });
        }
        "CAS" => {
            let payment = payment.unwrap();
            let place = match payment.lines.last_mut() {
                Some(line) => &mut line.adjusted,
                None => &mut payment.above,
            };
            for triple in elements[2..].chunks(3) {
                place.push(Adjusted {
                    group: of(1).into(),
                    reason: triple[0].into(),
                    amount: cents(triple.get(1).copied().unwrap_or("")),
                });
            }
        }
        "AMT" => match (of(1), payment) {
            ("AU", Some(payment)) => payment.allowed = Some(cents(of(2))),
            ("I", Some(payment)) => payment.interest = cents(of(2)),
            ("B6", Some(payment)) => {
                payment.lines.last_mut().unwrap().allowed = Some(cents(of(2)));
            }
            _ => {}
        },
        "REF" if of(1) == "6R" => {
            payment.unwrap().lines.last_mut().unwrap().control = of(2).into();
        }
        "REF" if of(1) == "F8" => payment.unwrap().replaces = of(2).into(),
        "PLB" => {
            for pair in elements[3..].chunks(2) {
                let (reason, reference) = pair[0].split_once(component).unwrap_or((pair[0], ""));
                let amount = cents(pair.get(1).copied().unwrap_or(""));
                advice
                    .provider
                    .push((reason.into(), reference.into(), amount));
            }
        }
        _ => {}
    }
}

/// What is wrong with the remittances of a file, each by the number of its rule.
pub fn unbalanced(text: &str) -> Vec<String> {
    let all = advices(text);
    assert!(!all.is_empty(), "no remittance");
    all.iter().flat_map(check).collect()
}

fn check(advice: &Advice) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, payment) in advice.payments.iter().enumerate() {
        for fault in check_payment(payment) {
            wrong.push(format!("{fault}: claim {at}"));
        }
    }
    wrong.extend(check_order(&advice.payments));
    if advice.total < 0 {
        wrong.push("222: a negative payment".into());
    }
    let paid: i128 = advice.payments.iter().map(|payment| payment.paid).sum();
    let kept: i128 = advice.provider.iter().map(|(_, _, amount)| amount).sum();
    if paid - kept != advice.total {
        let total = advice.total;
        wrong.push(format!("1756: {paid} less {kept} is not {total}"));
    }
    for (reason, reference, amount) in &advice.provider {
        let own = *reference == advice.trace;
        if reason == "FB" && own && (*amount >= 0 || advice.total != 0) {
            wrong.push("1756: a balance is carried forward without need".into());
        }
        if *amount == 0 {
            wrong.push("1756: a provider adjustment of nothing".into());
        }
    }
    wrong.extend(check_withheld(advice));
    // Interest is told with its claim, and paid beside the claims.
    let told: i128 = advice.payments.iter().map(|payment| payment.interest).sum();
    let interest = advice.provider.iter().filter(|(reason, ..)| reason == "L6");
    let with_claims = |number: &str| advice.payments.iter().any(|p| p.number == number);
    let interest: i128 = interest
        .filter(|(_, reference, _)| with_claims(reference))
        .map(|(_, _, amount)| amount)
        .sum();
    if told != 0 && told != -interest {
        wrong.push(format!("L6: interest of {told} told, {} paid", -interest));
    }
    if advice.handling == "H" && advice.total != 0 {
        wrong.push("222: money that is only told of".into());
    }
    wrong
}

fn check_payment(payment: &Payment) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let mut say = |broken: bool, what| {
        if broken {
            wrong.push(what);
        }
    };
    let known = ["1", "2", "3", "4", "19", "20", "21", "22", "23", "25"];
    say(!known.contains(&payment.status.as_str()), "CLP02");
    let known = "12 13 14 15 16 17 AM CH DS HM LM MA MB MC OF TV VA WC ZZ";
    say(
        !known.split(' ').any(|code| code == payment.filing),
        "CLP06",
    );
    let sum = |all: &[Adjusted]| all.iter().map(|of| of.amount).sum::<i128>();
    for line in &payment.lines {
        say(line.charge - sum(&line.adjusted) != line.paid, "2348");
        say(line.original == Some(line.units), "SVC07 repeats SVC05");
        let mut parts = line.paid_as.split(':');
        let (list, code) = (parts.next(), parts.next());
        let alone = list == Some("NU") || code == Some(&*line.revenue);
        say(
            !line.revenue.is_empty() && alone,
            "SVC04 beside its own revenue code",
        );
    }
    let above = sum(&payment.above);
    let within: i128 = payment.lines.iter().map(|line| sum(&line.adjusted)).sum();
    say(payment.charge - above - within != payment.paid, "522, 2570");
    for of in &payment.above {
        let lines = payment.lines.iter().flat_map(|line| &line.adjusted);
        let same = lines.filter(|one| (&one.group, &one.reason) == (&of.group, &of.reason));
        let repeated = same.map(|of| of.amount).sum::<i128>() == of.amount;
        say(repeated, "522: a line's adjustment again");
    }
    let groups = ["CO", "PR", "OA", "PI"];
    for of in payment.all() {
        say(of.amount == 0, "an adjustment of nothing");
        say(!groups.contains(&of.group.as_str()), "a group that is none");
        // Only what is processed in excess of the charge raises a payment, and a
        // reversal turns that round too.
        let raises = of.amount < 0;
        let expected = (of.reason == "94") != payment.is_reversal();
        say(raises != expected, "2278: the sign of an adjustment");
        say(
            ["23", "94"].contains(&&*of.reason) && of.group != "OA",
            "2143, 2278: a reason that is of group OA",
        );
        say(
            of.group == "OA" && of.reason == "23" && ["1", "19"].contains(&&*payment.status),
            "1696: earlier payers of a primary claim",
        );
    }
    if payment.is_reversal() {
        say(
            payment.says_patient,
            "2548: what a reversal leaves the patient",
        );
        say(payment.charge > 0 || payment.paid > 0, "2442");
        let lines = payment.lines.iter();
        say(lines.clone().any(|l| l.charge > 0 || l.paid > 0), "2442");
    } else {
        say(payment.of_group("PR") != payment.patient, "2548");
        say(payment.charge < 0 || payment.paid < 0, "a negative claim");
    }
    say(
        payment.status == "4" && payment.paid != 0,
        "a denied claim that pays",
    );
    if !payment.lines.is_empty() {
        let charged: i128 = payment.lines.iter().map(|line| line.charge).sum();
        let paid: i128 = payment.lines.iter().map(|line| line.paid).sum();
        say(charged != payment.charge, "2143");
        say(payment.above.is_empty() && paid != payment.paid, "2570");
        let allowed = payment.lines.iter().filter_map(|line| line.allowed);
        let allowed: Vec<i128> = allowed.collect();
        if let Some(total) = payment.allowed.filter(|_| !allowed.is_empty()) {
            say(
                allowed.iter().sum::<i128>() != total,
                "AU is not the sum of B6",
            );
        }
    }
    check_bundles(payment, &mut say);
    check_unbundled(payment, &mut say);
    wrong
}

/// Lines paid as another procedure and included in it (CO 97): nothing else is
/// adjusted in them, no unit of them is paid, what was submitted is kept, and the
/// payable line takes their charges over (OA 94).
fn check_bundles(payment: &Payment, say: &mut impl FnMut(bool, &'static str)) {
    let of_reason = |line: &Line, reason: &str| -> i128 {
        let of = line.adjusted.iter().filter(|of| of.reason == reason);
        of.map(|of| of.amount).sum()
    };
    let mut bundles: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for (at, line) in payment.lines.iter().enumerate() {
        let (included, excess) = (of_reason(line, "97"), of_reason(line, "94"));
        let sums = bundles.entry(&line.paid_as).or_default();
        if !line.submitted.is_empty() && included != 0 {
            sums.0 += included;
            say(included != line.charge, "2278: a line included in part");
            say(line.units != 0, "2278: units of an included line");
            say(line.original.is_none(), "2278: SVC07 of an included line");
            let mut reasons = line.adjusted.iter();
            say(
                reasons.any(|of| of.group != "CO"),
                "2278: the group of a line included",
            );
        }
        sums.1 += excess;
        let others = (0..).zip(&payment.lines).filter(|(other, _)| *other != at);
        let mut others = others.filter(|(_, other)| other.paid_as == line.paid_as);
        say(
            line.submitted.is_empty()
                && included != 0
                && others.any(|(_, other)| of_reason(other, "94") == -included),
            "2320: the code submitted is lost",
        );
    }
    for (included, excess) in bundles.into_values() {
        say(included != 0 && included != -excess, "2278, 2320");
    }
}

/// A line paid as several: the first keeps the charge (RFI 2283).
fn check_unbundled(payment: &Payment, say: &mut impl FnMut(bool, &'static str)) {
    let mut by_control: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in payment.lines.iter().filter(|line| !line.control.is_empty()) {
        by_control.entry(&line.control).or_default().push(line);
    }
    for lines in by_control.into_values().filter(|lines| lines.len() > 1) {
        let submitted = |line: &Line| match line.submitted.as_str() {
            "" => line.paid_as.clone(),
            other => other.to_owned(),
        };
        let same = lines
            .iter()
            .all(|line| submitted(line) == submitted(lines[0]));
        let split = lines.iter().all(|line| line.paid_as == lines[0].paid_as);
        if same && split {
            let sum: i128 = lines.iter().map(|line| line.units).sum();
            let original = lines.iter().find_map(|line| line.original);
            say(
                original.is_some_and(|of| of != sum),
                "2283: units of a split",
            );
        } else if same {
            let rest = lines.iter().skip(1);
            say(rest.clone().any(|line| line.charge != 0), "2283");
        }
    }
}

/// A reversal stands before whatever is said of the same claim otherwise, and before
/// what takes its place under a number of its own.
fn check_order(payments: &[Payment]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, reversal) in payments.iter().enumerate() {
        let same =
            |other: &&Payment| other.control == reversal.control && other.number == reversal.number;
        let after = |other: &&Payment| {
            !other.is_reversal() && !other.replaces.is_empty() && other.replaces == reversal.number
        };
        let mut before = payments.iter().take(at);
        if reversal.is_reversal() && before.any(|other| same(&other) || after(&other)) {
            wrong.push(format!("2442, 791, 319: claim {at} is reversed too late"));
        }
    }
    wrong
}

/// What is left with the payee of a claim that is reversed (`WO`) is what was reversed,
/// and only until the correction comes: not beside it (RFI 227).
fn check_withheld(advice: &Advice) -> Vec<String> {
    let left = advice.provider.iter();
    let left = left.filter(|(reason, _, amount)| reason == "WO" && *amount < 0);
    let mut wrong = Vec::new();
    for (_, number, amount) in left {
        let of = |payment: &&Payment| payment.number == *number;
        let reversed = advice.payments.iter().filter(of);
        let reversed: i128 = reversed
            .filter(|of| of.is_reversal())
            .map(|of| of.paid)
            .sum();
        if reversed != *amount {
            wrong.push(format!(
                "227: {amount} of {number} left, {reversed} taken back"
            ));
        }
        let corrects =
            |of: &Payment| !of.is_reversal() && (of.number == *number || of.replaces == *number);
        if advice.payments.iter().any(corrects) {
            wrong.push(format!("227: {number} is corrected, and left all the same"));
        }
    }
    wrong
}

/// What is wrong with remittances of one payee, one after another: a reversal is the last
/// payment of its claim, every sign turned round (RFI 2442).
pub fn misreversed<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let (mut wrong, mut last) = (Vec::new(), BTreeMap::new());
    let all = texts.into_iter().flat_map(advices);
    for payment in all.flat_map(|advice| advice.payments) {
        let number = payment.number.clone();
        if !payment.is_reversal() {
            last.insert(number, payment);
            continue;
        }
        let was = last
            .remove(&number)
            .map(|was: Payment| was.reversed().shape());
        if was.is_some_and(|was| was != payment.shape()) {
            wrong.push(format!("2442: {number} is not reversed as it was paid"));
        }
    }
    wrong
}

/// What is wrong with the charges of claims, by their numbers: whoever comes first, each
/// payer reports what was billed (RFI 2143).
pub fn recharged(text: &str, billed: &[(&str, &[i128])]) -> Vec<String> {
    let payments = advices(text).into_iter().flat_map(|of| of.payments);
    let of = |payment: Payment| {
        let charges: Vec<i128> = payment.lines.iter().map(|line| line.charge.abs()).collect();
        let (_, billed) = billed
            .iter()
            .find(|(number, _)| *number == payment.number)?;
        (*billed != charges).then(|| format!("2143: the charges of {}", payment.number))
    };
    payments.filter_map(of).collect()
}
