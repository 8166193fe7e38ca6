//! Charts: SVG made of integers and of class names that stand in this program,
//! so that nothing in it needs escaping. Colours are the style sheet's. What a
//! chart shows also stands beside it in words and numbers.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

/// A chart. Only this module makes them.
pub(super) struct Svg(String);

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Svg {}

/// What a bar is wide.
const WIDTH: i64 = 1000;
/// The least that something which is not nothing is drawn as.
const LEAST: i64 = 4;

/// A piece of a bar: from, to, and its class.
pub(super) type Piece = (i64, i64, &'static str);

/// A bar of pieces on a scale from zero to `whole`. It is stretched to the
/// width it is given.
pub(super) fn bar(pieces: &[Piece], whole: i64) -> Svg {
    let mut svg = format!(
        "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"{WIDTH}\" height=\"10\"/>"
    );
    for (from, to, class) in pieces.iter().filter(|(from, to, _)| from != to) {
        let (from, to) = (place(*from.min(to), whole), place(*from.max(to), whole));
        let width = (to - from).max(LEAST);
        let x = from.min(WIDTH - width);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" width=\"{width}\" height=\"10\"/>"
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// Where a value lies on a scale from zero to `whole`.
fn place(value: i64, whole: i64) -> i64 {
    let whole = i128::from(whole.max(1));
    let value = i128::from(value).clamp(0, whole);
    i64::try_from(value * i128::from(WIDTH) / whole).unwrap_or(0)
}

/// A ring of parts, in order, from the top.
pub(super) fn donut(parts: &[(u64, &'static str)]) -> Svg {
    let whole: u64 = parts.iter().map(|(count, _)| count).sum();
    let mut svg = "<svg class=\"donut\" viewBox=\"0 0 120 120\" aria-hidden=\"true\">\
                   <circle class=\"track\" cx=\"60\" cy=\"60\" r=\"48\"/>"
        .to_owned();
    let at = |count: u64| {
        place(
            i64::try_from(count).unwrap_or(i64::MAX),
            i64::try_from(whole).unwrap_or(i64::MAX),
        )
    };
    let mut before = 0u64;
    for (count, class) in parts.iter().filter(|(count, _)| *count > 0) {
        let (from, to) = (at(before), at(before + count));
        before += count;
        // A hair's gap between parts, where there is room for one.
        let length = if to - from > 3 * LEAST && *count < whole {
            to - from - LEAST
        } else {
            (to - from).max(LEAST)
        };
        let _ = write!(
            svg,
            "<circle class=\"{class}\" cx=\"60\" cy=\"60\" r=\"48\" pathLength=\"{WIDTH}\" \
             stroke-dasharray=\"{length} {WIDTH}\" stroke-dashoffset=\"{}\" transform=\"rotate(-90 60 60)\"/>",
            -from
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// Where spans of days lie between the first and the last day, a bar for each,
/// with an optional day that is marked.
pub(super) fn days(
    from: i32,
    to: i32,
    first: i32,
    last: i32,
    mark: Option<i32>,
    class: &'static str,
) -> Svg {
    let whole = i64::from(last) - i64::from(first) + 1;
    let place = |day: i64| place(day - i64::from(first), whole);
    let x = place(from.into());
    let width = (place(i64::from(to) + 1) - x).max(5 * LEAST);
    let x = x.min(WIDTH - width);
    let mut svg = format!(
        "<svg class=\"days\" viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"axis\" y=\"4\" width=\"{WIDTH}\" height=\"2\"/>"
    );
    if let Some(mark) = mark {
        let _ = write!(
            svg,
            "<rect class=\"mark\" x=\"{}\" width=\"{}\" height=\"10\"/>",
            place(mark.into()).min(WIDTH - 3 * LEAST),
            3 * LEAST
        );
    }
    let _ = write!(
        svg,
        "<rect class=\"{class}\" x=\"{x}\" y=\"1\" width=\"{width}\" height=\"8\"/></svg>"
    );
    Svg(svg)
}

/// Entries of the log as cells, 32 a row, each with its class.
pub(super) fn cells(entries: &[(u64, &'static str)]) -> Svg {
    let rows = entries.len().div_ceil(32).max(1);
    let mut svg = format!(
        "<svg class=\"cells\" viewBox=\"0 0 384 {}\" aria-hidden=\"true\">",
        rows * 12
    );
    for (at, (index, class)) in entries.iter().enumerate() {
        let (x, y) = (at % 32 * 12 + 1, at / 32 * 12 + 1);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"10\" height=\"10\" rx=\"2\"><title>{index}</title></rect>"
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// A batch of flags as cells, one of them ours.
pub(super) fn slots(count: usize, ours: usize) -> Svg {
    let mut svg = format!(
        "<svg class=\"slots\" viewBox=\"0 0 {} 12\" aria-hidden=\"true\">",
        count * 12
    );
    for at in 0..count {
        let class = if at == ours { "k-ours" } else { "k-other" };
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{}\" y=\"1\" width=\"10\" height=\"10\" rx=\"2\"/>",
            at * 12 + 1
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// The Merkle tree of a log as its full subtrees, largest first, and how they
/// join into the root (RFC 6962 §2.1).
pub(super) fn tree(size: u64) -> Svg {
    const BASE: u32 = 172;
    let levels: Vec<u32> = (0..u64::BITS)
        .rev()
        .filter(|bit| size >> bit & 1 == 1)
        .collect();
    let weight = |level: u32| 60 + level * 14;
    let total: u32 = levels
        .iter()
        .map(|level| weight(*level) + 12)
        .sum::<u32>()
        .max(120);
    let tallest = levels.first().copied().unwrap_or(0).max(1);
    let joins = u32::try_from(levels.len()).unwrap_or(0);
    let gap = 12.min(96 / joins.max(1));
    let top = 22 + joins * gap;
    let mut svg = format!(
        "<svg class=\"tree\" viewBox=\"0 0 {total} {}\" aria-hidden=\"true\">",
        BASE + 24
    );
    // Apexes, from left to right.
    let mut left = 6;
    let mut apexes = Vec::new();
    for level in &levels {
        let width = weight(*level);
        let x = left + width / 2;
        // Between a third of the height and all of it.
        let height = (BASE - top) * (tallest + 2 * level) / (3 * tallest);
        apexes.push((x, BASE - height, left, width, *level));
        left += width + 12;
    }
    // Joins, from the right: each joins an apex with all that is right of it.
    let mut lines = String::new();
    let mut dots = String::new();
    let mut right: Option<(u32, u32)> = None;
    for (nth, (x, y, ..)) in apexes.iter().enumerate().rev() {
        right = Some(match right {
            None => (*x, *y),
            Some((rx, ry)) => {
                let (jx, jy) = ((x + rx) / 2, 16 + u32::try_from(nth).unwrap_or(0) * gap);
                let _ = write!(lines, "<path d=\"M{x} {y}L{jx} {jy}L{rx} {ry}\"/>");
                let _ = write!(dots, "<circle cx=\"{jx}\" cy=\"{jy}\" r=\"4\"/>");
                (jx, jy)
            }
        });
    }
    let _ = write!(svg, "<g class=\"joins\">{lines}</g>");
    for (x, y, left, width, level) in &apexes {
        let _ = write!(
            svg,
            "<path class=\"peak\" d=\"M{x} {y}L{} {BASE}L{left} {BASE}Z\"/>\
             <text x=\"{x}\" y=\"{}\">{}</text>",
            left + width,
            BASE + 18,
            1u64 << level
        );
        let _ = write!(dots, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
    }
    let _ = write!(svg, "<g class=\"dots\">{dots}</g>");
    if let Some((x, y)) = right {
        let _ = write!(
            svg,
            "<circle class=\"root\" cx=\"{x}\" cy=\"{y}\" r=\"7\"/>"
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_keeps_within_its_scale() {
        let svg = bar(&[(0, 50, "a"), (50, 400, "b")], 100).0;
        assert!(svg.contains("<rect class=\"a\" x=\"0\" width=\"500\""));
        assert!(svg.contains("<rect class=\"b\" x=\"500\" width=\"500\""));
        assert!(bar(&[(0, 1, "a")], 1_000_000).0.contains("width=\"4\""));
        assert!(
            bar(&[(i64::MIN, i64::MAX, "a")], i64::MAX)
                .0
                .contains("width=\"1000\"")
        );
    }

    #[test]
    fn a_ring_is_whole() {
        let svg = donut(&[(1, "a"), (0, "b"), (3, "c")]).0;
        assert!(svg.contains("stroke-dasharray=\"246 1000\" stroke-dashoffset=\"0\""));
        assert!(svg.contains("stroke-dasharray=\"746 1000\" stroke-dashoffset=\"-250\""));
        assert!(!svg.contains("class=\"b\""));
        assert!(
            donut(&[(7, "a")])
                .0
                .contains("stroke-dasharray=\"1000 1000\"")
        );
        assert!(donut(&[]).0.contains("track"));
    }

    #[test]
    fn a_tree_has_a_peak_for_each_bit() {
        for (size, peaks) in [(0, 0), (1, 1), (7, 3), (1024, 1), (1043, 4), (u64::MAX, 64)] {
            let svg = tree(size).0;
            assert_eq!(svg.matches("class=\"peak\"").count(), peaks, "{size}");
            assert_eq!(svg.matches("class=\"root\"").count(), usize::from(size > 0));
        }
    }
}
