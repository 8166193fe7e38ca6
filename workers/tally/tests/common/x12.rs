//! X12 of our own making.
#![allow(dead_code)] // each test file uses a part

/// A line: its procedure, modifier, charge, units, day (CCYYMMDD).
pub type Line<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

/// A professional claim of a subscriber.
pub struct Professional<'a> {
    pub control: &'a str,
    pub member: &'a str,
    pub charge: &'a str,
    pub diagnosis: &'a str,
    pub lines: &'a [Line<'a>],
}

/// The billing provider of all of them, in the network of the Harbor PPO.
pub const PROVIDER: &str = "2000001372";

/// An 837P of claims, a subscriber each, as one interchange.
pub fn professional(interchange: u32, claims: &[Professional<'_>]) -> String {
    let mut set = vec![
        "ST*837*0001*005010X222A1".to_owned(),
        "BHT*0019*00*0123*20260210*1023*CH".to_owned(),
        "NM1*41*2*LAKESIDE BILLING*****46*LAKESIDE".to_owned(),
        "PER*IC*JO*TE*5550100".to_owned(),
        "NM1*40*2*EXAMPLE PAYER*****46*TALLYSTICK".to_owned(),
        "HL*1**20*1".to_owned(),
        format!("NM1*85*2*LAKESIDE CLINIC*****XX*{PROVIDER}"),
        "N3*2 SHORE ROAD".to_owned(),
        "N4*HARBOR*ME*040000000".to_owned(),
        "REF*EI*987654321".to_owned(),
    ];
    for (number, claim) in claims.iter().enumerate() {
        set.extend([
            format!("HL*{}*1*22*0", number + 2),
            "SBR*P*18*******CI".to_owned(),
            format!("NM1*IL*1*ASH*ANN****MI*{}", claim.member),
            "N3*1 HILL".to_owned(),
            "N4*HARBOR*ME*04000".to_owned(),
            "DMG*D8*19800101*F".to_owned(),
            "NM1*PR*2*EXAMPLE PAYER*****PI*TALLYSTICK".to_owned(),
            format!("CLM*{}*{}***11:B:1*Y*A*Y*Y", claim.control, claim.charge),
            format!("HI*ABK:{}", claim.diagnosis),
        ]);
        for (at, (code, modifier, charge, units, day)) in claim.lines.iter().enumerate() {
            let service = match *modifier {
                "" => format!("HC:{code}"),
                modifier => format!("HC:{code}:{modifier}"),
            };
            set.extend([
                format!("LX*{}", at + 1),
                format!("SV1*{service}*{charge}*UN*{units}***1"),
                format!("DTP*472*D8*{day}"),
            ]);
        }
    }
    set.push(format!("SE*{}*0001", set.len() + 1));
    let control = format!("{interchange:09}");
    let mut all = vec![
        format!(
            "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*TALLYSTICK     *260210*1023*^*00501*{control}*0*P*:"
        ),
        "GS*HC*LAKESIDE*TALLYSTICK*20260210*1023*1*X*005010X222A1".to_owned(),
    ];
    all.extend(set);
    all.extend(["GE*1*1".to_owned(), format!("IEA*1*{control}")]);
    all.iter().map(|segment| format!("{segment}~\n")).collect()
}

/// One preventive visit, on a day (CCYYMMDD).
pub fn visit(control: &str, member: &str, charge: &str, day: &str) -> String {
    professional(
        7,
        &[Professional {
            control,
            member,
            charge,
            diagnosis: "Z0000",
            lines: &[("99396", "", charge, "1", day)],
        }],
    )
}

/// Segments of a text, each split into its elements.
pub fn segments(text: &str) -> Vec<Vec<String>> {
    text.split("~\n")
        .filter(|segment| !segment.is_empty())
        .map(|segment| segment.split('*').map(str::to_owned).collect())
        .collect()
}

/// An element of every segment of a name.
pub fn elements(text: &str, tag: &str, at: usize) -> Vec<String> {
    segments(text)
        .into_iter()
        .filter(|segment| segment[0] == tag)
        .map(|segment| segment.get(at).cloned().unwrap_or_default())
        .collect()
}

/// A 270: is somebody covered on a day (CCYYMMDD)?
pub fn inquiry(member: &str, birth: &str, day: &str) -> String {
    let set = [
        "ST*270*0001*005010X279A1".to_owned(),
        "BHT*0022*13*Q-1*20260210*1023".to_owned(),
        "HL*1**20*1".to_owned(),
        "NM1*PR*2*EXAMPLE PAYER*****PI*TALLYSTICK".to_owned(),
        "HL*2*1*21*1".to_owned(),
        format!("NM1*1P*2*LAKESIDE CLINIC*****XX*{PROVIDER}"),
        "HL*3*2*22*0".to_owned(),
        "TRN*1*T-1*9LAKESIDE1".to_owned(),
        format!("NM1*IL*1******MI*{member}"),
        format!("DMG*D8*{birth}"),
        format!("DTP*291*D8*{day}"),
        "EQ*30".to_owned(),
    ];
    let mut all = vec![
        "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*TALLYSTICK     *260210*1023*^*00501*000000011*0*P*:".to_owned(),
        "GS*HS*LAKESIDE*TALLYSTICK*20260210*1023*1*X*005010X279A1".to_owned(),
    ];
    let count = set.len() + 1;
    all.extend(set);
    all.extend([
        format!("SE*{count}*0001"),
        "GE*1*1".to_owned(),
        "IEA*1*000000011".to_owned(),
    ]);
    all.iter().map(|segment| format!("{segment}~\n")).collect()
}

/// A dental claim of one examination that asks what would be paid (CLM19 `PB`), or is
/// made.
pub fn dental(member: &str, day: &str, asks: bool) -> String {
    let purpose = if asks { "**********PB" } else { "" };
    visit("D-1", member, "60", day)
        .replace("005010X222A1", "005010X224A2")
        .replace(":1*Y*A*Y*Y~", &format!(":1*Y*A*Y*Y{purpose}~"))
        .replace("SV1*HC:99396*60*UN*1***1~", "SV3*AD:D0120*60****1~")
        .replace("HI*ABK:Z0000", "HI*ABK:Z0120")
}

/// A file of one claim as one that replaces (`7`) or voids (`8`) another.
pub fn succeeding(text: &str, code: &str, original: &str) -> String {
    let count = segments(text)
        .iter()
        .find(|segment| segment[0] == "SE")
        .map(|segment| segment[1].parse::<u32>().unwrap())
        .unwrap();
    text.replace(":B:1*", &format!(":B:{code}*"))
        .replace("HI*", &format!("REF*F8*{original}~\nHI*"))
        .replace(&format!("SE*{count}*"), &format!("SE*{}*", count + 1))
}
