//! Who is insured: invented families, with names no one has.

use tally_core::claim::{
    Authorization, AuthorizationKind, Contract, Member, Relationship, Sex, Span,
};
use tally_types::{Code, Quantity, ServiceDate};

use super::dice::Dice;
use super::providers::{self, Npi};
use super::time::{day, plus};

/// The family product.
pub const HARBOR: &str = "harbor-ppo";
/// The product for those over 65.
pub const MERIDIAN: &str = "meridian-b";

const SURNAMES: &[&str] = &[
    "Testwell",
    "Mockridge",
    "Sampleton",
    "Fictley",
    "Exampler",
    "Imaginov",
    "Pretendez",
    "Stubbins-Null",
    "Demoson",
    "Fauxworth",
    "Dummyfield",
    "Inventado",
    "Placeholm",
    "Fixture",
    "Notreal",
    "Makebelieve",
    "Figmentine",
    "Synthova",
    "Unpersson",
    "Proxima",
];
const WOMEN: &[&str] = &[
    "Ada",
    "Beatrix",
    "Clementine",
    "Delphine",
    "Esme",
    "Fenella",
    "Greta",
    "Hester",
    "Imogen",
    "Jocasta",
    "Keziah",
    "Leonie",
    "Mirabel",
    "Nerys",
    "Ottoline",
    "Perpetua",
];
const MEN: &[&str] = &[
    "Absalom", "Bartleby", "Caspian", "Dorian", "Evander", "Fergus", "Gideon", "Horatio",
    "Ignatius", "Jasper", "Kit", "Leopold", "Mortimer", "Ned", "Osric", "Phineas",
];

/// A contract and the household's own doctors.
pub struct Household {
    /// As enrolment has it.
    pub contract: Contract,
    /// The family doctor.
    pub doctor: Npi,
    /// The children's doctor.
    pub paediatrician: Npi,
    /// The laboratory.
    pub laboratory: Npi,
    /// The hospital.
    pub hospital: Npi,
    /// Where X-rays are taken.
    pub imaging: Npi,
}

impl Household {
    /// Puts an authorisation on file and says its number.
    pub fn authorize(
        &mut self,
        member: usize,
        code: &'static str,
        from: ServiceDate,
        days: i32,
        units: i64,
    ) -> String {
        let contract = self.contract.id.clone();
        let count: usize = self
            .contract
            .members
            .iter()
            .map(|member| member.authorizations.len())
            .sum();
        let number = format!("PA-{contract}-{:02}", count + 1);
        self.contract.members[member]
            .authorizations
            .push(Authorization {
                kind: AuthorizationKind::Authorization,
                number: number.clone(),
                procedure: Code::parse(code).unwrap_or(Code::NONE),
                provider: Code::NONE,
                from,
                through: plus(from, days),
                units: Quantity::whole(units).unwrap_or(Quantity::ONE),
            });
        number
    }

    /// A member.
    pub fn member(&self, member: usize) -> &Member {
        &self.contract.members[member]
    }

    fn new(dice: &mut Dice, contract: Contract) -> Self {
        Self {
            contract,
            doctor: dice.pick(providers::PRIMARY.inside),
            paediatrician: dice.pick(providers::CHILDREN.inside),
            laboratory: dice.pick(providers::LABORATORY.inside),
            hospital: dice.pick(providers::HOSPITAL.inside),
            imaging: dice.pick(providers::IMAGING.inside),
        }
    }
}

/// A family of the PPO: one or two parents of working age, up to four children.
pub fn family(dice: &mut Dice, number: usize) -> Household {
    let id = format!("HB-{number:05}");
    let surname = dice.pick(SURNAMES);
    let age = dice.between(27, 61);
    // Most have been covered for years; some join during 2025.
    let from = if number % 9 == 5 {
        day(2025, 4, 1)
    } else {
        day(dice.between(2019, 2024), 1, 1)
    };
    let mut members = Vec::new();
    let mut person = |dice: &mut Dice, relationship, age: i32, sex| {
        let birth = birthday(dice, age);
        members.push(Member {
            id: format!("{id}-{:02}", members.len() + 1),
            name: name(dice, sex, surname),
            birth,
            death: None,
            sex,
            relationship,
            spans: vec![Span {
                product: HARBOR.to_owned(),
                from: from.max(birth),
                through: None,
            }],
            authorizations: Vec::new(),
        });
    };
    let sex = sex_of(dice);
    person(dice, Relationship::Subscriber, age, sex);
    if dice.percent(78) {
        let (age, sex) = (age + dice.between(-4, 4), sex_of(dice));
        person(dice, Relationship::Spouse, age, sex);
    }
    let children = match dice.below(10) {
        0 | 1 => 0,
        2..=4 => 1,
        5..=7 => 2,
        8 => 3,
        _ => 4,
    };
    for _ in 0..children {
        let (age, sex) = (dice.between(0, (age - 21).min(21)), sex_of(dice));
        person(dice, Relationship::Child, age, sex);
    }
    let mut contract = Contract {
        id,
        inception: from,
        members,
    };
    // Some lose their cover in the autumn.
    if number % 9 == 7 {
        for member in &mut contract.members {
            for span in &mut member.spans {
                // A child born later was covered on its first day.
                span.through = Some(span.from.max(day(2025, 10, 31)));
            }
        }
    }
    Household::new(dice, contract)
}

/// A person over 65 in the Medicare-like plan.
pub fn senior(dice: &mut Dice, number: usize) -> Household {
    let id = format!("MB-{number:05}");
    let sex = sex_of(dice);
    let surname = dice.pick(SURNAMES);
    let age = dice.between(66, 91);
    let birth = birthday(dice, age);
    let member = Member {
        id: format!("{id}-01"),
        name: name(dice, sex, surname),
        birth,
        death: None,
        sex,
        relationship: Relationship::Subscriber,
        spans: vec![Span {
            product: MERIDIAN.to_owned(),
            from: day(2020, 1, 1),
            through: None,
        }],
        authorizations: Vec::new(),
    };
    let contract = Contract {
        id,
        inception: day(2020, 1, 1),
        members: vec![member],
    };
    Household::new(dice, contract)
}

/// A couple of which one turns 65 in 2025 and moves to the other product.
pub fn turning_65(dice: &mut Dice, number: usize) -> Household {
    let mut home = family(dice, number);
    let birth = day(1960, 7, 11);
    let moves = day(2025, 7, 1);
    let who = &mut home.contract.members[0];
    who.birth = birth;
    who.spans = vec![
        Span {
            product: HARBOR.to_owned(),
            from: day(2022, 1, 1),
            through: Some(plus(moves, -1)),
        },
        Span {
            product: MERIDIAN.to_owned(),
            from: moves,
            through: None,
        },
    ];
    home
}

fn name(dice: &mut Dice, sex: Sex, surname: &str) -> String {
    let given = if sex == Sex::Male { MEN } else { WOMEN };
    format!("{} {surname}", dice.pick(given))
}

fn sex_of(dice: &mut Dice) -> Sex {
    if dice.percent(50) {
        Sex::Female
    } else {
        Sex::Male
    }
}

/// A birthday of someone `age` years old at the end of 2025.
fn birthday(dice: &mut Dice, age: i32) -> ServiceDate {
    plus(day(2025 - age, 1, 1), dice.between(0, 364))
}
