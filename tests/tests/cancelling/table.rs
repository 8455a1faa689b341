//! The tables of docs/cancellation.md.

use crate::desk::Saw;

const DOCS: &str = include_str!("../../../docs/cancellation.md");

/// A table of Markdown: what ends a call, and what the other side sees, for each kind of call.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<(&'static str, Vec<&'static str>)>,
}

/// What a cell says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// What the other side sees, in any order: of each of these, one.
    pub(crate) saw: Vec<Vec<Saw>>,
    /// Whether what is not mentioned goes on.
    pub(crate) goes_on: bool,
}

impl Table {
    /// Returns the table for Rust: the one whose first column has this title.
    pub(crate) fn of_rust() -> Self {
        let mut lines = DOCS.lines().map(cells);
        let titles = (lines.by_ref())
            .find(|line| line.first() == Some(&"in Rust"))
            .expect("the table for Rust");
        let rows = lines.skip(1).take_while(|line| !line.is_empty());
        Self {
            columns: titles[1..].to_vec(),
            rows: rows.map(|row| (row[0], row[1..].to_vec())).collect(),
        }
    }

    pub(crate) fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    pub(crate) fn rows(&self) -> Vec<&'static str> {
        self.rows.iter().map(|(name, _)| *name).collect()
    }

    /// Returns what a cell says, or `None` if there is no such case.
    pub(crate) fn cell(&self, row: &str, column: &str) -> Option<Expected> {
        let (_, cells) = self.rows.iter().find(|(name, _)| *name == row)?;
        let place = self.columns.iter().position(|name| *name == column)?;
        match cells[place] {
            "—" => None,
            cell => Some(Expected::parse(cell)),
        }
    }
}

/// Returns the cells of a line of a table; of any other line, none.
fn cells(line: &'static str) -> Vec<&'static str> {
    let row = line.trim().strip_prefix('|');
    let Some(row) = row.and_then(|row| row.strip_suffix('|')) else {
        return Vec::new();
    };
    row.split('|').map(str::trim).collect()
}

impl Expected {
    pub(crate) fn goes_on() -> Self {
        Self::parse("goes on")
    }

    fn parse(cell: &str) -> Self {
        let mut expected = Self::default();
        for part in cell.split(", ") {
            if part == "goes on" {
                expected.goes_on = true;
            } else {
                expected.saw.push(part.split(" or ").map(saw).collect());
            }
        }
        expected
    }
}

fn saw(word: &str) -> Saw {
    match word {
        "aborted" => Saw::Aborted,
        "sender fails" => Saw::SenderFails,
        "reader fails" => Saw::ReaderFails,
        "clean end" => Saw::CleanEnd,
        _ => panic!("the table says {word:?}, which no test knows"),
    }
}
