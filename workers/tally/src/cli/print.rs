//! What people see: tables and progress bars.

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{ProgressBar, ProgressStyle};

/// Rules above, below the header and below; nothing between rows.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('─', '─', '─', '─'))
    .header_separator(LineStyle::new('─', '─', '─', '─'))
    .bottom_border(LineStyle::new('─', '─', '─', '─'));

/// A table. A header that ends in `>` is of a column of numbers.
pub fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let right: Vec<bool> = headers.iter().map(|header| header.ends_with('>')).collect();
    let cell = |text: &str, column: usize| {
        let cell = Cell::new(text);
        if right.get(column).copied().unwrap_or(false) {
            cell.set_alignment(CellAlignment::Right)
        } else {
            cell
        }
    };
    table.set_header(
        headers
            .iter()
            .enumerate()
            .map(|(column, header)| cell(header.trim_end_matches('>'), column)),
    );
    for row in rows {
        table.add_row(
            row.iter()
                .enumerate()
                .map(|(column, text)| cell(text, column)),
        );
    }
    table
}

/// `1 claim`, `2 claims`.
pub fn plural(count: u64, what: &str) -> String {
    if count == 1 {
        format!("{count} {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// A progress bar on standard error; none where nobody looks.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of a known length.
    pub fn bar(what: &'static str, length: u64) -> Self {
        let bar = ProgressBar::new(length);
        let style = "{msg:<14} {bar:32.green/dim} {pos:>6}/{len} {per_sec:>12} {elapsed:>4}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.set_message(what);
        Self(bar)
    }

    /// Something that goes on for nobody knows how long.
    pub fn spinner(what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg:<14} {spinner} {elapsed:>4}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self(bar)
    }

    /// Says where it stands.
    pub fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Takes the bar away.
    pub fn done(self) {
        self.0.finish_and_clear();
    }
}
