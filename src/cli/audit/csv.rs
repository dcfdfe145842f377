//! Cells of a table that spreadsheets open (RFC 4180).
//!
//! What never happens here: a cell that a spreadsheet takes for a formula. Programs and servers chose
//! much of what is in a record, and an auditor opens it with a double click.

use crate::inert::inert;

/// One line of cells.
pub(super) fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(cell).collect();
    cells.join(",") + "\r\n"
}

fn cell(text: &str) -> String {
    // A line break is allowed in a cell, and breaks every tool that reads line by line.
    let mut text = inert(text, ' ');
    if text.trim_start().starts_with(FORMULA) {
        text.insert(0, '\'');
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// What a formula begins with, also in the wide forms that some spreadsheets take for the same.
const FORMULA: [char; 9] = [
    '=', '+', '-', '@', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        row(cells.iter().copied())
    }

    #[test]
    fn cells_are_quoted_and_stay_on_one_line() {
        assert_eq!(line(&["a", "b,c", ""]), "\"a\",\"b,c\",\"\"\r\n");
        assert_eq!(line(&["say \"no\"\r\nnow"]), "\"say \"\"no\"\"  now\"\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "|cmd",
            "\t=1",
            " =1",
            "\r=1",
            "\u{ff1d}1",
        ] {
            assert!(line(&[text]).starts_with("\"'"), "{text:?}");
        }
        for text in ["a=1", "root@web1", "SHA256:+/="] {
            assert!(!line(&[text]).contains('\''), "{text:?}");
        }
    }
}
