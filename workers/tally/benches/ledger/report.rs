//! Tables in Markdown.

use crate::figures::{Finality, Rate, percentile};

/// Of lines that are ratios to something.
pub fn heading(to: &str) {
    println!(
        "| | blocks/s | entries/s | entries a block | {to} | committed p50, ms | p99 | checkpoint p50, ms | p99 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
}

pub fn line(what: &str, rate: Option<Rate>, part: Option<f64>, finality: Option<&Finality>) {
    let part = part.map_or(String::new(), |part| format!("{:.0} %", 100.0 * part));
    let at = |times: Option<&Vec<u64>>, part| {
        let time = times.and_then(|times| percentile(times, part));
        time.map_or(String::new(), |time| format!("{time:.1}"))
    };
    let committed = finality.map(|finality| &finality.committed);
    let kept = finality.map(|finality| &finality.kept);
    let rate = rate.map_or("| | ".to_owned(), |rate| {
        let each = rate.entries / rate.blocks;
        format!("{:.0} | {:.0} | {each:.0}", rate.blocks, rate.entries)
    });
    println!(
        "| {what} | {rate} | {part} | {} | {} | {} | {} |",
        at(committed, 0.5),
        at(committed, 0.99),
        at(kept, 0.5),
        at(kept, 0.99),
    );
}

/// What was to be reached, beside what was.
#[derive(Default)]
pub struct Goals(Vec<String>);

impl Goals {
    fn put(&mut self, what: &str, measured: &str, goal: &str, met: bool) {
        let met = if met { "met" } else { "NOT met" };
        self.0
            .push(format!("| {what} | {measured} | {goal} | {met} |"));
    }

    pub fn at_least(&mut self, what: &str, value: f64, goal: f64, unit: &str) {
        let (measured, told) = (format!("{value:.1}{unit}"), format!("≥ {goal}{unit}"));
        self.put(what, &measured, &told, value >= goal);
    }

    pub fn at_most(&mut self, what: &str, value: f64, goal: f64, unit: &str) {
        let (measured, told) = (format!("{value:.1}{unit}"), format!("≤ {goal}{unit}"));
        self.put(what, &measured, &told, value <= goal);
    }

    pub fn none(&mut self, what: &str, count: u64) {
        self.put(what, &count.to_string(), "0", count == 0);
    }

    pub fn print(&self) {
        println!("### Goals\n\n| | measured | goal | |\n|---|---|---|---|");
        self.0.iter().for_each(|line| println!("{line}"));
    }
}
