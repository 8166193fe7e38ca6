//! Tables of few keys and near days.

use proptest::collection::vec;
use proptest::prelude::*;
use tally_types::{Code, ServiceDate};

pub fn day(number: i32) -> ServiceDate {
    ServiceDate::from_days(20_000 + number).unwrap()
}

/// A table of few keys and near days, so that much meets.
pub fn csv() -> impl Strategy<Value = String> {
    let row = (0..4u8, 0..3u8, 0..60i32, 0..30i32, 0..3i64);
    vec(row, 0..24).prop_map(|rows| {
        let mut text = "code,code2,from,through,value:count\n".to_owned();
        let mut taken: Vec<(u8, u8, i32, i32)> = Vec::new();
        for (a, b, from, days, value) in rows {
            let through = from + days;
            let free = taken
                .iter()
                .all(|(c, d, start, end)| (a, b) != (*c, *d) || through < *start || *end < from);
            if free {
                taken.push((a, b, from, through));
                let second = if b == 0 {
                    String::new()
                } else {
                    format!("B{b}")
                };
                let open = through > 75;
                let (from, through) = (day(from), day(through));
                let through = if open {
                    String::new()
                } else {
                    through.to_string()
                };
                text.push_str(&format!("A{a},{second},{from},{through},{value}\n"));
            }
        }
        text
    })
}

pub fn keys() -> impl Iterator<Item = (Code, Code)> {
    let seconds = ["", "B1", "B2", "B3"];
    ["A0", "A1", "A2", "A3", "A4"]
        .into_iter()
        .flat_map(move |a| {
            let second = |text| Code::parse(text).unwrap_or(Code::NONE);
            seconds.map(|b| (Code::of(a), second(b))).into_iter()
        })
}
