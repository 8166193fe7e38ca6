//! What providers charge: list prices of our own, above what either product
//! allows. Codes only; the comments are ours.
#![allow(clippy::inconsistent_digit_grouping, clippy::mistyped_literal_suffixes)] // dollars_cents

use tally_types::{Money, Quantity, ServiceDate};

use super::providers::Npi;

/// A code and the list price of a unit, in cents.
type Price = (&'static str, i64);

const PRICES: &[&[Price]] = &[
    // Office visits: new, then established; one by telephone.
    &[
        ("99202", 151_37),
        ("99203", 218_12),
        ("99204", 325_49),
        ("99205", 429_08),
        ("99211", 46_83),
        ("99212", 112_61),
        ("99213", 181_94),
        ("99214", 258_77),
        ("99215", 361_23),
        ("99441", 94_35),
    ],
    // Preventive visits, immunisations, screening.
    &[
        ("99381", 226_18),
        ("99385", 255_91),
        ("99386", 293_64),
        ("99391", 201_27),
        ("99392", 214_72),
        ("99393", 213_88),
        ("99394", 233_59),
        ("99395", 238_46),
        ("99396", 254_83),
        ("90460", 41_19),
        ("90471", 37_62),
        ("90686", 36_47),
        ("90715", 73_58),
        ("90662", 118_93),
        ("77067", 235_71),
        ("G0121", 684_29),
        ("G0105", 684_29),
        ("G0438", 283_66),
        ("G0439", 223_85),
        ("G0444", 31_27),
        ("G0008", 51_74),
    ],
    // Urgent care, emergency room, hospital; by revenue code and day.
    &[
        ("S9083", 281_33),
        ("S9088", 68_21),
        ("99282", 303_17),
        ("99283", 518_94),
        ("99284", 884_61),
        ("99285", 1_292_38),
        ("0450", 1_955_47),
        ("0120", 3_148_29),
        ("0200", 6_634_81),
        ("99223", 297_16),
        ("99232", 135_42),
        ("99238", 137_83),
    ],
    // Imaging, plain and advanced.
    &[
        ("71046", 78_64),
        ("72100", 89_71),
        ("73030", 81_67),
        ("73562", 94_12),
        ("73630", 76_38),
        ("76700", 280_57),
        ("76856", 253_39),
        ("77066", 290_86),
        ("70450", 433_73),
        ("70551", 714_22),
        ("71260", 629_18),
        ("72148", 698_35),
        ("73721", 677_93),
        ("74177", 926_64),
        ("93306", 341_27),
    ],
    // Laboratory.
    &[
        ("36415", 14_83),
        ("80048", 21_29),
        ("80053", 27_08),
        ("80061", 34_22),
        ("82306", 75_36),
        ("82947", 10_41),
        ("83036", 24_87),
        ("84443", 43_06),
        ("85025", 19_93),
        ("85610", 9_17),
        ("87086", 20_61),
        ("87426", 69_74),
        ("88175", 67_58),
        ("88305", 142_19),
    ],
    // Procedures and surgery.
    &[
        ("11102", 251_66),
        ("11721", 78_29),
        ("12001", 227_84),
        ("15820", 2_416_37),
        ("17000", 163_93),
        ("17110", 208_47),
        ("20610", 156_44),
        ("27447", 8_163_52),
        ("29881", 2_517_19),
        ("43235", 486_73),
        ("43239", 629_41),
        ("45378", 826_37),
        ("45380", 861_94),
        ("45385", 1_088_26),
        ("47562", 2_924_31),
        ("49505", 2_371_63),
        ("58571", 4_505_88),
        ("66984", 2_227_46),
        ("92014", 229_15),
        ("92015", 48_50),
        ("92134", 57_38),
    ],
    // Heart and lungs.
    &[
        ("93000", 29_92),
        ("93010", 15_27),
        ("94010", 54_36),
        ("94060", 65_91),
    ],
    // Therapy, chiropractic, mental health; hearing.
    &[
        ("97110", 65_47),
        ("97112", 70_23),
        ("97140", 58_09),
        ("97161", 200_61),
        ("97530", 77_68),
        ("98940", 61_27),
        ("98941", 88_43),
        ("90791", 336_61),
        ("90834", 207_42),
        ("90837", 302_63),
        ("V5010", 84_19),
        ("V5257", 2_295_37),
        ("V5261", 4_590_74),
    ],
    // Injections and drugs, drugs by the unit.
    &[
        ("96372", 26_18),
        ("96413", 268_61),
        ("J0585", 11_27),
        ("J1100", 37),
        ("J1745", 70_36),
        ("J3301", 2_79),
        ("J3490", 148_52),
        ("J9271", 97_23),
    ],
    // Ambulance, by the mile and the ride; equipment.
    &[
        ("A0425", 15_21),
        ("A0429", 741_36),
        ("E0114", 80_43),
        ("E0260", 253_17),
        ("E0601", 143_66),
        ("K0001", 95_38),
        ("L1830", 157_61),
    ],
    // Not covered; priced by hand.
    &[
        ("A9270", 23_47),
        ("17380", 185_00),
        ("99075", 412_90),
        ("20999", 963_18),
        ("64999", 1_244_73),
        ("99499", 318_29),
    ],
];

/// A provider's charge for `units` of a service on `date`: its own list, the
/// same for every member, dearer from 2026.
pub fn charge(code: &str, npi: Npi, units: Quantity, date: ServiceDate) -> Money {
    let list = PRICES
        .iter()
        .flat_map(|group| group.iter())
        .find(|(listed, _)| *listed == code)
        .map_or(100_00, |(_, cents)| *cents);
    let year = if date.year() >= 2026 { 1_034 } else { 1_000 };
    let unit = (list * markup(npi) / 1_000 * year / 1_000).max(1);
    // Miles have tenths: half a cent upwards.
    Money::cents((unit * units.scaled() + 5_000) / 10_000)
}

/// How a provider's list compares to ours, in thousandths; one, a general
/// practitioner, charges less than the plans would allow.
fn markup(npi: Npi) -> i64 {
    if npi == "2000008229" {
        return 530;
    }
    let digits = npi.bytes().fold(0i64, |sum, b| {
        (sum * 31 + i64::from(b.saturating_sub(b'0'))) % 9_973
    });
    870 + digits % 411
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::generate::time::day;

    #[test]
    fn a_provider_charges_everyone_alike() {
        let units = |text| Quantity::parse(text).unwrap();
        let of = |code, npi, n, date| charge(code, npi, units(n), date).scaled();
        let june = day(2025, 6, 2);
        let one = of("99213", "2000001372", "1", june);
        assert_eq!(one, of("99213", "2000001372", "1", day(2025, 9, 1)));
        assert_ne!(one, of("99213", "2000002743", "1", june));
        assert_eq!(
            of("97110", "2000056178", "3", june),
            3 * of("97110", "2000056178", "1", june)
        );
        assert!(of("99213", "2000001372", "1", day(2026, 2, 2)) > one);
        assert!(
            of("99213", "2000008229", "1", june) < 106_00,
            "below the fee"
        );
    }

    #[test]
    fn each_code_has_one_price() {
        let mut codes: Vec<_> = PRICES.iter().flat_map(|group| group.iter()).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0].0 != pair[1].0));
    }
}
