//! Words in place of codes, for a member. They are our own: the official
//! descriptions of procedures are the AMA's, those of reasons X12's.

/// Why an adjustment was made, and whether the member may owe it.
#[must_use]
pub fn because(group: &str, carc: u16) -> String {
    let why = match (group, carc) {
        ("PR", 45) => {
            "The provider has no agreement with your plan and charges more than the plan’s price."
        }
        (_, 1) => {
            return "Your deductible: what you pay yourself before your plan pays.".to_owned();
        }
        (_, 2) => return "Coinsurance: your share of the plan’s price.".to_owned(),
        (_, 3) => return "Copayment: your fixed amount for this service.".to_owned(),
        (_, 6) => "The service is not covered at the patient’s age.",
        (_, 16) => "The bill lacked information that your plan needs, or had it wrong.",
        (_, 18) => "The provider billed this a second time.",
        (_, 22) => {
            "Another plan of yours pays first: the provider bills that plan before this one."
        }
        (_, 23) => return "Paid or taken off by your other insurance.".to_owned(),
        (_, 26) => "The service was before your cover began.",
        (_, 27) => "The service was after your cover ended.",
        (_, 29) => "The provider sent the bill too late.",
        (_, 31) => "Your plan knows no member of the number on the bill.",
        (_, 35) => "The most that your plan pays for this in a lifetime was reached.",
        (_, 45) => "The part of the provider’s charge above the plan’s price.",
        (_, 50) => "By your plan’s rules the service was not medically necessary.",
        (_, 51) => "The condition existed before your cover began.",
        (_, 59) => {
            "Several procedures were done together: for the second and later ones the plan’s price is lower."
        }
        (_, 54) => "More doctors or assistants took part than your plan covers.",
        (_, 94) => "The plan’s price is higher than the charge, or includes other services.",
        (_, 96) => "Your plan does not cover this.",
        (_, 97) => "It is included in the price of another service.",
        (_, 104) => "Held back from the provider under its agreement with the plan.",
        (_, 109) => "Another plan is responsible for this service.",
        (_, 119) => "The most that your plan pays for this benefit was reached.",
        (_, 151) => "The service was given more often than your plan covers.",
        (_, 154) => "The supply was for more days than the bill’s information supports.",
        (_, 169) => "Your plan allows another, less costly service in its place.",
        (_, 179) => "Your waiting period for this was not over.",
        (_, 181) => "The code on the bill was not in use on the day of the service.",
        (_, 197) => "The service needs your plan’s approval beforehand, and none was on file.",
        (_, 204) => "This service is not among the benefits of your plan.",
        (_, 222) => "More was billed than your plan covers for one day or visit.",
        (_, 236) => "It cannot be billed together with another service of the same day.",
        (_, 242) => "Your plan covers this only by providers in its network.",
        (_, 243) => "Your primary-care provider did not arrange this service.",
        (_, 253) => "A reduction of what the plan pays the provider, set by law.",
        (_, 272) => "Your plan’s guidelines for this were not met.",
        (_, 273) => "It was beyond your plan’s guidelines for this.",
        (_, 288) => "The service needs a referral, and none was on file.",
        _ => of_a_reason(carc).unwrap_or("Your plan does not pay this part."),
    };
    // Whether it is owed stands beside the words; here is what else follows.
    let next = match (group, carc) {
        ("PR", 45) => " The provider may bill you the difference.",
        (_, 22 | 109) => " What you owe is known when that plan has decided.",
        (_, 31) => " Please check the number on your card with the provider.",
        ("PR", _) => " The provider may bill you.",
        _ => "",
    };
    format!("{why}{next}")
}

/// Why, of reasons that say the same in every group.
fn of_a_reason(carc: u16) -> Option<&'static str> {
    Some(match carc {
        4 => "The code on the bill and what was added to it do not go together.",
        5 => "Your plan does not cover this at the place where it was done.",
        7 => "By the bill the service does not go with the patient’s sex.",
        8 => "Your plan does not cover this by a provider of this specialty.",
        11 => "The diagnosis on the bill does not go with the service.",
        13 => "The service is dated after the patient’s death.",
        14 => "The service is dated before the patient’s birth.",
        19 => "It is for an injury or illness of work, which another insurance covers.",
        20 => "A liability insurance is responsible for this.",
        21 => "A no-fault insurance is responsible for this.",
        24 => "Your plan pays the provider a fixed sum for this, bill or none.",
        32 => "By your plan’s records the patient is not a dependent whom it covers.",
        39 => "Your plan was asked for its approval beforehand and refused it.",
        40 => "By the bill it was not an emergency or urgent care.",
        49 => "It is a routine examination or screening, which this benefit does not cover.",
        53 => "Your plan does not cover services by a relative or someone of your household.",
        55 => "Your plan takes the service for experimental.",
        58 => "The place where it was done was not suitable for the service.",
        107 => "The service that this belongs to was not on the bill.",
        108 => "Your plan’s rules on renting or buying equipment were not met.",
        110 => "It was billed before the day of the service.",
        114 => "The product is not approved for this use.",
        129 => "What another plan of yours is said to have done seems wrong.",
        140 => "The patient’s name and number on the bill do not agree.",
        146 => "The diagnosis on the bill was not in use on the day of the service.",
        147 => "The provider’s agreed price was not in force on that day.",
        149 => "The most that your plan covers of this service in a lifetime was reached.",
        150 => "The bill’s information does not support so extensive a service.",
        152 => "The bill’s information does not support so long a service.",
        163 => "A document that the bill refers to did not come.",
        167 => "Your plan does not cover this diagnosis.",
        170 => "Your plan does not cover this by a provider of this type.",
        171 => "Your plan does not cover this by such a provider in such a place.",
        172 => "Your plan does not cover this by this specialty.",
        177 => "By your plan’s records the patient did not meet its requirements for this.",
        182 => "What was added to the code was not in use on the day of the service.",
        183 => "The provider who referred you may not refer to this service.",
        184 => "The provider who prescribed this may not prescribe it.",
        185 => "The provider who gave the service may not give it.",
        198 => "It goes beyond what your plan approved beforehand.",
        199 => "Two codes on the bill for this service do not agree.",
        200 => "The service was in a time without cover.",
        226 => "The provider did not send what your plan asked for.",
        227 => {
            "Your plan asked the patient for information and did not have it in time or in full."
        }
        231 => "It cannot be done together with another procedure of the same day.",
        234 => "Your plan does not pay this apart from other services.",
        252 => "A document is needed to decide this.",
        256 => "The provider’s agreement with your plan does not provide for this.",
        _ => return None,
    })
}

/// What a service was. The ranges are the sections of the code lists.
#[must_use]
pub fn service(kind: &str, code: &str) -> &'static str {
    if kind == "pharmacy" {
        return "Prescription drug";
    }
    let (head, rest) = match code.chars().next() {
        Some(head) => (head, code.get(head.len_utf8()..).unwrap_or_default()),
        None => return "Service",
    };
    let number: u32 = code.parse().unwrap_or(0);
    match (head, code.len()) {
        ('0'..='9', 5) if number > 0 => procedure(number),
        ('0'..='9', 3 | 4) => revenue(code.trim_start_matches('0').parse().unwrap_or(0)),
        ('0'..='9', 10 | 11) => "Drug",
        ('A', _) if rest.starts_with('0') => "Ambulance",
        ('A', _) => "Supplies",
        ('D', _) => dental(rest.parse().unwrap_or(0)),
        ('E' | 'K', _) => "Equipment",
        ('G', _) => "Medical service",
        ('J' | 'Q', _) => "Drug given by the provider",
        ('L', _) => "Brace or artificial limb",
        ('V', _) if rest.starts_with('5') => "Hearing service",
        ('V', _) => "Vision service",
        _ if kind == "oral" => "Dental service",
        _ if kind == "vision" => "Vision service",
        _ => "Service",
    }
}

fn procedure(number: u32) -> &'static str {
    match number {
        100..=1_999 => "Anaesthesia",
        10_004..=69_990 => "Surgery or procedure",
        70_010..=79_999 => "Imaging",
        80_047..=89_398 => "Laboratory test",
        90_281..=90_756 => "Immunisation",
        90_785..=90_899 => "Mental health service",
        92_002..=92_499 => "Eye care",
        97_010..=97_799 => "Therapy",
        98_925..=98_943 => "Manual or chiropractic treatment",
        99_202..=99_215 => "Office visit",
        99_217..=99_239 => "Hospital care by a physician",
        99_281..=99_288 => "Emergency room visit",
        99_381..=99_429 => "Preventive visit",
        _ => "Medical service",
    }
}

fn revenue(number: u32) -> &'static str {
    match number {
        100..=219 => "Hospital room and care",
        250..=259 => "Drugs in hospital",
        300..=319 => "Laboratory test",
        320..=359 | 400..=409 | 610..=619 => "Imaging",
        360..=369 | 490..=499 => "Operating room",
        420..=449 => "Therapy",
        450..=459 => "Emergency room",
        540..=549 => "Ambulance",
        _ => "Hospital service",
    }
}

fn dental(number: u32) -> &'static str {
    match number {
        100..=199 => "Dental examination",
        200..=399 => "Dental images or tests",
        1_000..=1_999 => "Preventive dental care",
        2_000..=2_999 => "Filling or crown",
        3_000..=3_999 => "Root canal treatment",
        4_000..=4_999 => "Gum treatment",
        5_000..=5_899 => "Denture",
        6_200..=6_999 => "Bridge",
        7_000..=7_999 => "Dental surgery",
        8_000..=8_999 => "Orthodontics",
        _ => "Dental service",
    }
}

#[cfg(test)]
mod tests {
    use tally_core::adjudication::reasons::REASONS;

    use super::*;

    /// A reason the engine may give has words of its own, and no codes.
    #[test]
    fn every_reason_has_words() {
        let default = because("CO", 9_999);
        let default = default.trim_end_matches('.');
        for reason in REASONS {
            for group in reason.groups {
                let words = because(&group.to_string(), reason.carc.0);
                assert!(!words.starts_with(default), "{}", reason.carc);
                assert!(!words.contains(|c: char| c.is_ascii_digit()), "{words}");
                assert!(words.ends_with('.'), "{words}");
            }
        }
    }

    #[test]
    fn services_have_words() {
        for (kind, code, what) in [
            ("professional", "99213", "Office visit"),
            ("professional", "00170", "Anaesthesia"),
            ("professional", "93000", "Medical service"),
            ("professional", "80053", "Laboratory test"),
            ("professional", "A0429", "Ambulance"),
            ("professional", "J1745", "Drug given by the provider"),
            ("professional", "V5257", "Hearing service"),
            ("institutional", "0120", "Hospital room and care"),
            ("institutional", "0450", "Emergency room"),
            ("institutional", "99285", "Emergency room visit"),
            ("oral", "D1110", "Preventive dental care"),
            ("oral", "D0120", "Dental examination"),
            ("pharmacy", "00071015523", "Prescription drug"),
            ("professional", "", "Service"),
            ("professional", "é", "Service"),
        ] {
            assert_eq!(service(kind, code), what, "{code}");
        }
    }
}
