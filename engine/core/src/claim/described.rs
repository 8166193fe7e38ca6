//! Who of a family a description fits: a patient who is named by no number of their own.

use super::enrolment::{Contract, Member, Relationship, Sex};
use super::model::Dependant;

impl Contract {
    /// The member that a description fits, never the subscriber. Of those born on that
    /// day, the only one, unless the given name or the sex is plainly another's; of
    /// several, the only one whose name has the given name in it, whatever the sex,
    /// which is often sent wrong.
    #[must_use]
    pub fn described(&self, patient: &Dependant) -> Option<&Member> {
        let others = self.members.iter();
        let others = others.filter(|member| member.relationship != Relationship::Subscriber);
        let born: Vec<&Member> = others
            .filter(|member| member.birth == patient.birth)
            .collect();
        if let [only] = born.as_slice() {
            let may_be = may_be_called(only, &patient.given) && may_be_of(only.sex, patient.sex);
            return may_be.then_some(only);
        }
        let mut named = born
            .iter()
            .filter(|member| is_called(member, &patient.given));
        match (named.next(), named.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

/// Whether one sex may be written for the other: all but female for male.
fn may_be_of(one: Sex, other: Sex) -> bool {
    !matches!(
        (one, other),
        (Sex::Female, Sex::Male) | (Sex::Male, Sex::Female)
    )
}

/// Whether a word of the member's name is the given name.
fn is_called(member: &Member, given: &str) -> bool {
    let mut words = member.name.split_whitespace();
    words.any(|word| same(word, given))
}

/// Whether a given name may be the member's: nothing is known of one of the two, a word
/// of the name is it, or a given name of one begins with a given name of the other, as
/// names cut short and initials do.
fn may_be_called(member: &Member, given: &str) -> bool {
    let (_, enrolled) = member.family_and_given();
    if letters(enrolled).is_empty() || letters(given).is_empty() || is_called(member, given) {
        return true;
    }
    let begins = |one: &str, other: &str| {
        spellings(one).iter().any(|one| {
            let mut others = spellings(other).into_iter();
            others.any(|other| one.starts_with(&other) || other.starts_with(one))
        })
    };
    words(enrolled).any(|one| words(given).any(|other| begins(one, other)))
}

/// The parts of a name that have letters.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let parts = name.split(|c: char| c.is_whitespace() || c == '-');
    parts.filter(|part| !letters(part).is_empty())
}

fn same(one: &str, other: &str) -> bool {
    let others = spellings(other);
    let mut ones = spellings(one).into_iter();
    ones.any(|one| !one.is_empty() && others.contains(&one))
}

/// How a name may be written in plain letters: `Jürgen` as `JURGEN` and `JUERGEN`.
fn spellings(name: &str) -> [String; 2] {
    let name = letters(name);
    let written = |umlauts: bool| name.chars().map(|c| plain(c, umlauts)).collect();
    [written(false), written(true)]
}

/// The letters of a name in capitals, without marks, points, hyphens and blanks.
fn letters(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_uppercase);
    letters.filter(|c| c.is_alphanumeric()).collect()
}

/// A capital without its accent, and with `umlauts` as the two letters that are written
/// for one; as it is, of a letter that has none.
fn plain(c: char, umlauts: bool) -> String {
    let two = match c {
        'Ä' | 'Æ' => "AE",
        'Ö' | 'Ø' | 'Œ' => "OE",
        'Ü' => "UE",
        'Å' => "AA",
        _ => "",
    };
    if !two.is_empty() && (umlauts || matches!(c, 'Æ' | 'Œ')) {
        return two.to_owned();
    }
    let one = match c {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => 'A',
        'Ç' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' => 'C',
        'Ď' | 'Đ' | 'Ð' => 'D',
        'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => 'E',
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => 'G',
        'Ì'..='Ï' | 'Ĩ' | 'Ī' | 'Ĭ' | 'Į' | 'İ' => 'I',
        'Ķ' => 'K',
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => 'L',
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ŏ' | 'Ő' => 'O',
        'Ŕ' | 'Ŗ' | 'Ř' => 'R',
        'Ś' | 'Ŝ' | 'Ş' | 'Š' | 'Ș' => 'S',
        'Ţ' | 'Ť' | 'Ț' => 'T',
        'Ù'..='Ü' | 'Ũ' | 'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' => 'U',
        'Ý' | 'Ÿ' => 'Y',
        'Ź' | 'Ż' | 'Ž' => 'Z',
        other => other,
    };
    one.to_string()
}

#[cfg(test)]
mod tests {
    use tally_types::ServiceDate;

    use super::*;

    fn born() -> ServiceDate {
        ServiceDate::new(2015, 2, 3).unwrap()
    }

    fn member(id: &str, name: &str, sex: Sex, relationship: Relationship) -> Member {
        Member {
            id: id.to_owned(),
            name: name.to_owned(),
            birth: born(),
            death: None,
            sex,
            relationship,
            spans: Vec::new(),
            authorizations: Vec::new(),
        }
    }

    fn found(members: &[(&str, &str, Sex, Relationship)], given: &str, sex: Sex) -> Option<String> {
        let members = members.iter();
        let contract = Contract {
            id: "C-1".to_owned(),
            inception: born(),
            members: members
                .map(|(id, name, sex, relationship)| member(id, name, *sex, *relationship))
                .collect(),
        };
        let patient = Dependant {
            family: "Example".to_owned(),
            given: given.to_owned(),
            birth: born(),
            sex,
        };
        contract.described(&patient).map(|member| member.id.clone())
    }

    #[test]
    fn a_dependant_is_never_the_subscriber() {
        let alone = [("M-1", "Alex Example", Sex::Female, Relationship::Subscriber)];
        for given in ["Alex", "Kim", ""] {
            assert_eq!(found(&alone, given, Sex::Female), None, "{given}");
        }
        // Nor does a subscriber of the same birthday and name stand in a spouse's way.
        let couple = [
            alone[0],
            ("M-2", "Alex Example", Sex::Male, Relationship::Spouse),
        ];
        assert_eq!(found(&couple, "Alex", Sex::Male).as_deref(), Some("M-2"));
        assert_eq!(found(&couple, "", Sex::Unknown).as_deref(), Some("M-2"));
    }

    /// Of one who shares the birthday, a name or a sex that is another's says that it is
    /// a twin whom nobody enrolled.
    #[test]
    fn somebody_else_of_the_same_birthday_is_not_taken() {
        for (enrolled, given, is) in [
            ("Kim Example", "Kim", true),
            ("Kim Example", "KIM", true),
            ("Kim Example", "K", true),
            ("Kim Example", "K.", true),
            ("Kim Example", "Kimberly", true),
            ("Kimberly Example", "Kim", true),
            ("Mary Kim Example", "Kim", true),
            ("Kim Example", "Kim Mary", true),
            ("Example Kim", "Kim", true),
            ("Anne-Marie Example", "Annemarie", true),
            ("Anne Marie van der Berg", "Anne-M", true),
            ("José Example", "JOSE", true),
            ("Jürgen Example", "JUERGEN", true),
            ("Jürgen Example", "Jurgen", true),
            ("Élodie Example", "ELODIE", true),
            ("D'Angelo Example", "DANGELO", true),
            ("Example", "Kim", true),
            ("Kim Example", "", true),
            ("Kim Example", "Alex", false),
            ("Élodie Example", "Max", false),
            ("Kim Example", "E", false),
            ("Kim Example", "Jim", false),
        ] {
            let only = [("M-2", enrolled, Sex::Unknown, Relationship::Child)];
            let answer = found(&only, given, Sex::Unknown).is_some();
            assert_eq!(answer, is, "{enrolled}: {given}");
        }
        for (enrolled, sent, is) in [
            (Sex::Female, Sex::Male, false),
            (Sex::Male, Sex::Female, false),
            (Sex::Male, Sex::Male, true),
            (Sex::Unknown, Sex::Female, true),
            (Sex::Other, Sex::Female, true),
            (Sex::Female, Sex::Unknown, true),
        ] {
            let only = [("M-2", "Kim Example", enrolled, Relationship::Child)];
            let answer = found(&only, "Kim", sent).is_some();
            assert_eq!(answer, is, "{enrolled:?}: {sent:?}");
        }
    }

    #[test]
    fn of_twins_the_given_name_tells_which() {
        let twins = [
            ("M-1", "Alex Example", Sex::Female, Relationship::Subscriber),
            ("M-2", "Kim Example", Sex::Female, Relationship::Child),
            ("M-3", "José Example", Sex::Male, Relationship::Child),
        ];
        // The sex may be sent wrong.
        assert_eq!(found(&twins, "kim", Sex::Male).as_deref(), Some("M-2"));
        assert_eq!(found(&twins, "JOSE", Sex::Male).as_deref(), Some("M-3"));
        for given in ["Alex", "Lee", "Example", ""] {
            assert_eq!(found(&twins, given, Sex::Female), None, "{given}");
        }
    }
}
