//! What claims of a product are made of: its own codes, in the form in which its
//! providers bill them.

use tally_core::adjudication::{AccumulatorScope, key_of, period_start};
use tally_core::claim::{
    Accident, AccidentCause, Authorization, AuthorizationKind, Claim, ClaimId, ClaimKind, Contract,
    Frequency, Institutional, LineDetail, Member, MemberReference, OtherPayer, PriorAdjustment,
    PriorLine, Provider, Relationship, ServiceLine, Sex, Span, Tooth,
};
use tally_testing::{Family, PolicyUnderTest};
use tally_types::{Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use super::spec::{ClaimSpec, FamilySpec, LineSpec};
use crate::generated::raised;
use crate::products::{self, Product, rows};

const MEMBERS: [&str; 3] = ["A", "B", "C"];
const MODIFIERS: [&str; 8] = ["25", "59", "50", "26", "LT", "RT", "33", "76"];
const PLACES: [&str; 4] = ["11", "22", "23", "41"];
const DIAGNOSES: [&str; 6] = ["M54.50", "Z00.00", "Z13220", "R73.03", "E119", "J189"];
const SURFACES: [&str; 5] = ["O", "MO", "MOD", "MODB", "B"];
const QUADRANTS: [&str; 4] = ["10", "20", "30", "40"];

/// Which claims a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Any.
    Any,
    /// Of codes whose price no rule across lines depends on.
    Priced,
    /// Of codes that no rule across the lines of a claim concerns.
    Apart,
}

/// A product, and the codes of each mix.
pub struct Market {
    pub product: &'static Product,
    pub name: &'static str,
    any: Vec<String>,
    priced: Vec<String>,
    apart: Vec<String>,
    providers: Vec<String>,
    /// The same policy with dearer prices.
    pub dearer: PolicyUnderTest,
}

/// Days of cover and of what is authorised: to the end of 2027, so that claims reach
/// over the end of 2026, over which Harbor carries a deductible.
const DAYS: i32 = 1_095;

/// The first day that anything is done.
pub fn day(days: i32) -> ServiceDate {
    let start = ServiceDate::new(2025, 1, 1).unwrap();
    start.plus_days(days).unwrap()
}

impl Market {
    pub fn of(name: &'static str) -> Self {
        let product = products::named(name);
        let (codes, providers, prices, columns): (_, _, _, &[usize]) = match name {
            "aspen-rx" => ("formulary", "network", "prices", &[3, 4]),
            "cedar-hmo" => ("services", "providers", "fees", &[3]),
            "meridian-b" => ("fees", "network", "fees", &[3]),
            _ => ("services", "network", "fees", &[3, 4]),
        };
        let mut any = product.codes(codes);
        if name == "meridian-b" {
            // The paired codes several times over, so that pairs come about.
            let pairs = product.table("pairs");
            any.extend(rows(&pairs).flat_map(|row| [row[0].clone(), row[1].clone()]));
        }
        let without = |left_out: Vec<String>| -> Vec<String> {
            let kept = any.iter().filter(|code| !left_out.contains(code));
            kept.cloned().collect()
        };
        Self {
            priced: without(dependent(name, product)),
            apart: without(across(name, product)),
            providers: product.codes(providers),
            dearer: product.with_table(prices, &raised(&product.table(prices), columns)),
            any,
            product,
            name,
        }
    }

    /// A family of three, with every limit used by so many percent. The first
    /// member has two units of everything authorised, and a referral.
    pub fn family(&self, spec: &FamilySpec) -> Family {
        let born = [
            (1980, Relationship::Subscriber),
            (1982, Relationship::Spouse),
        ];
        let born = born.into_iter().chain([(2013, Relationship::Child)]);
        let members = MEMBERS.iter().zip(born).map(|(id, (year, relationship))| {
            let own = relationship == Relationship::Subscriber;
            Member {
                id: (*id).to_owned(),
                name: String::new(),
                birth: ServiceDate::new(year, 1, 1).unwrap(),
                death: None,
                sex: Sex::Unknown,
                relationship,
                spans: vec![Span {
                    product: self.product.policy.description().product.clone(),
                    from: ServiceDate::new(2020, 1, 1).unwrap(),
                    // The child leaves before the end: some lines are denied for that.
                    through: (!own && year > 2000).then(|| day(600)),
                }],
                authorizations: if own { self.authorizations() } else { vec![] },
            }
        });
        let mut family = Family::new(Contract {
            id: "generated".to_owned(),
            inception: day(0),
            members: members.collect(),
        });
        let description = self.product.policy.description();
        for accumulator in description.accumulators.iter().filter(|_| spec.used > 0) {
            for year in [day(0), day(365), day(730)] {
                let period = period_start(accumulator.period, day(0), year);
                let Some(limit) = accumulator.limit_in(period) else {
                    continue;
                };
                let whose = match accumulator.scope {
                    AccumulatorScope::Member => &MEMBERS[..],
                    AccumulatorScope::Family => &MEMBERS[..1],
                };
                for member in whose {
                    let key = key_of(accumulator, &description.product, member, period);
                    family.balances.insert(key, limit * spec.used / 100);
                }
            }
        }
        family
    }

    /// Two units of every code: of every third to anybody, of the others to a provider,
    /// and for some of these two more to another. Six visits to anybody, two to one.
    fn authorizations(&self) -> Vec<Authorization> {
        let on_file = |kind, procedure, provider, units| Authorization {
            kind,
            number: "generated".to_owned(),
            procedure,
            provider,
            from: day(0),
            through: day(DAYS),
            units: Quantity::whole(units).unwrap(),
        };
        let mut codes: Vec<&String> = self.any.iter().collect();
        codes.dedup();
        let mut providers = self.providers.iter().cycle().map(|npi| Code::of(npi));
        let mut found = Vec::new();
        for (i, code) in codes.into_iter().enumerate() {
            let whose: Vec<Code> = match i % 3 {
                0 => vec![Code::NONE],
                some => providers.by_ref().take(some).collect(),
            };
            let code = Code::parse(code).unwrap();
            let prior = AuthorizationKind::Authorization;
            found.extend(whose.into_iter().map(|to| on_file(prior, code, to, 2)));
        }
        let referral = AuthorizationKind::Referral;
        found.push(on_file(referral, Code::NONE, Code::NONE, 6));
        let specialist = Code::of("2000019184");
        found.push(on_file(referral, Code::NONE, specialist, 2));
        found
    }

    /// A claim of a family, by its number there.
    pub fn claim(&self, number: usize, spec: &ClaimSpec, mix: Mix) -> Claim {
        let stay = spec
            .stay
            .filter(|_| self.name == "cedar-hmo" && mix == Mix::Any);
        let mut lines: Vec<ServiceLine> = Vec::new();
        let mut seen: Vec<&String> = Vec::new();
        for line in &spec.lines {
            let code = line.code.get(self.codes(mix));
            if mix == Mix::Apart && seen.contains(&code) {
                continue;
            }
            seen.push(code);
            let number = u16::try_from(lines.len() + 1).unwrap();
            lines.push(self.line(number, code, spec, line, mix));
        }
        if let Some(days) = stay {
            in_hospital(&mut lines, days);
        }
        let first = lines.iter().map(|line| line.from).min().unwrap();
        let last = lines.iter().map(|line| line.through).max().unwrap();
        let hospital = stay.map(|days| bill(first, last, days, spec));
        let billing = match &hospital {
            Some(_) => "2000072613",
            None => spec.provider.get(&self.providers).as_str(),
        };
        let mut id = [0; 16];
        id[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        let mut claim = Claim {
            id: ClaimId(id),
            kind: match (self.name, &hospital) {
                ("aspen-rx", _) => ClaimKind::Pharmacy,
                ("brook-dental", _) => ClaimKind::Oral,
                (_, Some(_)) => ClaimKind::Institutional,
                (_, None) => ClaimKind::Professional,
            },
            frequency: Frequency::Original,
            replaces: None,
            control_number: number.to_string(),
            member: MemberReference::new(MEMBERS[spec.member % MEMBERS.len()]),
            billing: Provider::new(billing),
            diagnoses: vec![Code::of(DIAGNOSES[spec.diagnosis % DIAGNOSES.len()])],
            authorizations: Vec::new(),
            charge: Money::ZERO,
            received: last.plus_days(spec.delay).unwrap(),
            coordination: Default::default(),
            circumstances: Default::default(),
            institutional: hospital,
            lines,
        };
        if mix == Mix::Any {
            claim.circumstances.referral = spec.referral.then(|| "generated".to_owned());
            claim.circumstances.accident = spec.accident.map(|cause| Accident {
                cause: [
                    AccidentCause::Vehicle,
                    AccidentCause::Employment,
                    AccidentCause::Other,
                ][cause % 3],
                on: None,
            });
        }
        decided_before(&mut claim, spec);
        totalled(claim)
    }

    fn codes(&self, mix: Mix) -> &[String] {
        match mix {
            Mix::Any => &self.any,
            Mix::Priced => &self.priced,
            Mix::Apart => &self.apart,
        }
    }

    fn line(
        &self,
        number: u16,
        code: &str,
        claim: &ClaimSpec,
        spec: &LineSpec,
        mix: Mix,
    ) -> ServiceLine {
        let (dental, pharmacy) = (self.name == "brook-dental", self.name == "aspen-rx");
        // Four digits are a revenue code.
        let revenue = code.len() == 4 && !dental;
        let mut modifiers = [ShortCode::NONE; 4];
        if let Some(modifier) = spec.modifier.filter(|_| !dental && !pharmacy) {
            modifiers[0] = ShortCode::of(MODIFIERS[modifier % MODIFIERS.len()]);
        }
        // What a year carries over depends on a visit of the year before, which
        // must be on another claim.
        let one_day = dental && mix == Mix::Apart;
        let on = day(claim.day + if one_day { 0 } else { spec.after });
        // Drugs come by tablets, half of them for a month.
        let quarters = match pharmacy {
            true if spec.quarters == 4 => 120,
            _ => spec.quarters,
        };
        ServiceLine {
            number,
            system: match self.name {
                "aspen-rx" => CodeSystem::Ndc,
                "brook-dental" => CodeSystem::Cdt,
                _ => CodeSystem::Hcpcs,
            },
            procedure: match revenue {
                true => Code::NONE,
                false => Code::parse(code).unwrap(),
            },
            modifiers,
            revenue: match revenue {
                true => ShortCode::parse(code).unwrap(),
                false => ShortCode::NONE,
            },
            place: ShortCode::of(PLACES[spec.place % PLACES.len()]),
            diagnoses: 0,
            quantity: Quantity::from_scaled(quarters * 2_500),
            charge: Money::cents(spec.cents),
            from: on,
            through: on,
            rendering: None,
            emergency: spec.emergency,
            detail: match dental {
                true => mouth(spec),
                false => LineDetail::default(),
            },
            prior: vec![],
        }
    }
}

/// Of prices of these codes another line's allowed amount depends on the rank:
/// when another procedure becomes the highest, it is paid at most its charge, and
/// the one that was the highest only half.
fn dependent(name: &str, product: &Product) -> Vec<String> {
    let of = |table: &str, left_out: &dyn Fn(&[String]) -> bool| {
        let text = product.table(table);
        let rows: Vec<Vec<String>> = rows(&text).collect();
        let rows = rows.into_iter().filter(|row| left_out(row));
        rows.map(|row| row[0].clone()).collect::<Vec<_>>()
    };
    match name {
        "meridian-b" => of("fees", &|row| row[4] == "2"),
        _ => Vec::new(),
    }
}

/// Codes that a rule across the lines of a claim concerns, or by which the whole
/// claim waits.
fn across(name: &str, product: &Product) -> Vec<String> {
    let of = |table: &str, left_out: &dyn Fn(&[String]) -> bool| {
        let text = product.table(table);
        let rows: Vec<Vec<String>> = rows(&text).collect();
        let rows = rows.into_iter().filter(|row| left_out(row));
        rows.map(|row| row[0].clone()).collect::<Vec<_>>()
    };
    match name {
        // First steps and quantities within so many days.
        "aspen-rx" => {
            let mut codes = product.codes("quantities");
            let steps = product.table("steps");
            codes.extend(rows(&steps).flat_map(|row| [row[0].clone(), row[1].clone()]));
            codes
        }
        // Unlisted; and once in so many months, where the tooth is not known.
        "brook-dental" => {
            let mut codes = of("services", &|row| row[3] == "6");
            codes.extend(of("limits", &|row| row[4] != "0"));
            let priced = product.codes("fees");
            codes.extend(
                product
                    .codes("services")
                    .into_iter()
                    .filter(|c| !priced.contains(c)),
            );
            codes
        }
        // A copayment by the visit; unlisted; what hospitals bill.
        "cedar-hmo" => {
            let by_line = ["2", "5", "6", "8", "11", "20", "21"];
            of("services", &|row| {
                row[0].len() == 4 || !by_line.contains(&row[3].as_str())
            })
        }
        "harbor-ppo" => of("services", &|row| row[4] == "2" || row[3] == "20"),
        "meridian-b" => {
            let mut codes = of("fees", &|row| row[4] == "2" || row[5] == "4");
            for table in ["units", "pairs", "frequency"] {
                codes.extend(product.codes(table));
            }
            let pairs = product.table("pairs");
            codes.extend(rows(&pairs).map(|row| row[1].clone()));
            codes
        }
        _ => of("services", &|row| row[4] == "2" || row[3] == "21"),
    }
}

/// Any tooth, and any quadrant: often what the code asks for.
fn mouth(spec: &LineSpec) -> LineDetail {
    let number = spec.tooth % 36;
    if number >= 32 {
        return LineDetail {
            cavities: vec![ShortCode::of(QUADRANTS[number - 32])],
            ..LineDetail::default()
        };
    }
    LineDetail {
        teeth: vec![Tooth {
            code: ShortCode::parse(&(number + 1).to_string()).unwrap(),
            surfaces: ShortCode::of(SURFACES[spec.tooth / 36 % SURFACES.len()]),
        }],
        ..LineDetail::default()
    }
}

/// Makes the lines those of a stay: the room on the first, then what else is done.
fn in_hospital(lines: &mut [ServiceLine], days: i32) {
    let first = lines.iter().map(|line| line.from).min().unwrap();
    for (at, line) in lines.iter_mut().enumerate() {
        let revenue = ["0120", "0250", "0300", "0320", "0990"][at % 5];
        line.procedure = Code::NONE;
        line.modifiers = [ShortCode::NONE; 4];
        line.revenue = ShortCode::of(revenue);
        line.from = first;
        line.through = first.plus_days(days - 1).unwrap();
        if at == 0 {
            line.quantity = Quantity::whole(days.into()).unwrap();
        }
    }
}

fn bill(first: ServiceDate, last: ServiceDate, days: i32, spec: &ClaimSpec) -> Institutional {
    Institutional {
        bill_type: ShortCode::of("11"),
        from: first,
        through: last.plus_days(1).unwrap(),
        admission: Some(first),
        admission_type: ShortCode::of(if days % 2 == 0 { "1" } else { "3" }),
        origin: ShortCode::NONE,
        discharge: ShortCode::of(if days % 5 == 0 { "02" } else { "01" }),
        drg: match spec.diagnosis % 3 {
            0 => ShortCode::of("470"),
            1 => ShortCode::of("871"),
            _ => ShortCode::NONE,
        },
        attending: None,
        procedures: vec![],
        values: vec![],
        occurrences: vec![],
        conditions: vec![],
    }
}

/// What a payer before this one decided of each line.
fn decided_before(claim: &mut Claim, spec: &ClaimSpec) {
    let Some(other) = &spec.other else {
        return;
    };
    for line in &mut claim.lines {
        let charge = line.charge.scaled();
        let off = charge * other.off / 100;
        let left = (charge - off) * other.left / 100;
        let adjusted = |group, reason, amount| PriorAdjustment {
            group,
            reason: ShortCode::of(reason),
            amount: Money::cents(amount),
        };
        line.prior = vec![PriorLine {
            payer: 0,
            paid: Money::cents(charge - off - left),
            units: line.quantity,
            remaining: None,
            decided: None,
            adjustments: vec![
                adjusted(Group::Co, "45", off),
                adjusted(Group::Pr, "2", left),
            ],
        }];
        line.prior[0]
            .adjustments
            .retain(|adjustment| !adjustment.amount.is_zero());
    }
    claim.coordination.sequence = 2;
    claim.coordination.others = vec![OtherPayer {
        identifier: "generated".to_owned(),
        sequence: 1,
        filing: ShortCode::of("CI"),
        paid: None,
        remaining: None,
        decided: None,
        adjustments: vec![],
    }];
}

/// With the totals of its lines.
pub fn totalled(mut claim: Claim) -> Claim {
    claim.charge = Money::checked_sum(claim.lines.iter().map(|line| line.charge)).unwrap();
    let paid = claim.lines.iter().flat_map(|line| &line.prior);
    let paid = Money::checked_sum(paid.map(|prior| prior.paid)).unwrap();
    for other in &mut claim.coordination.others {
        other.paid = Some(paid);
    }
    claim
}
