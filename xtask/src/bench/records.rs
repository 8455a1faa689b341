//! Recorded figures, checked in to show what a change costs.

use std::fmt;

/// Instructions per operation, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// The compiler that built the program; another one emits other instructions.
    pub compiler: String,
    /// Each kind with its figure.
    pub figures: Vec<(String, u32)>,
}

/// The start of the file; the compiler follows.
const HEAD: &str = "# Instructions, both ends together; built by ";

impl Records {
    /// Parses the [`fmt::Display`] format.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, lines) = text.split_once('\n')?;
        let compiler = head.strip_prefix(HEAD)?.to_owned();
        let figure = |line: &str| {
            let (kind, figure) = line.split_once(' ')?;
            Some((kind.to_owned(), figure.trim().parse().ok()?))
        };
        let figures = lines.lines().map(figure).collect::<Option<_>>()?;
        Some(Self { compiler, figures })
    }

    /// Formats a table of these figures, those of `now` and the change.
    pub fn table(&self, now: &Self) -> String {
        let mut lines = Vec::new();
        if self.compiler != now.compiler {
            lines.push(format!(
                "recorded: {}; now: {}",
                self.compiler, now.compiler
            ));
        }
        let (kind, recorded, present, change) = ("kind", "recorded", "now", "change");
        lines.push(format!("{kind:<8} {recorded:>9} {present:>9} {change:>8}"));
        lines.extend(
            now.figures
                .iter()
                .map(|(kind, figure)| self.row(kind, *figure)),
        );
        lines.join("\n")
    }

    fn row(&self, kind: &str, now: u32) -> String {
        let Some(recorded) = self.figure(kind) else {
            return format!("{kind:<8} {:>9} {now:>9}", "-");
        };
        let percent = (f64::from(now) / f64::from(recorded) - 1.0) * 100.0;
        format!("{kind:<8} {recorded:>9} {now:>9} {percent:>+7.2}%")
    }

    fn figure(&self, kind: &str) -> Option<u32> {
        let mut figures = self.figures.iter();
        figures.find_map(|(name, figure)| (name == kind).then_some(*figure))
    }
}

/// The format of the file.
impl fmt::Display for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{HEAD}{}", self.compiler)?;
        for (kind, figure) in &self.figures {
            writeln!(formatter, "{kind} {figure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    fn records(compiler: &str, figures: &[(&str, u32)]) -> Records {
        let figures = figures.iter();
        Records {
            compiler: compiler.to_owned(),
            figures: figures.map(|(kind, n)| ((*kind).to_owned(), *n)).collect(),
        }
    }

    #[test]
    fn round_trips() {
        let written = records("rustc 1.95.0 (a b)", &[("call", 4000), ("item", 9)]);
        assert_eq!(Records::parse(&written.to_string()), Some(written));
        assert_eq!(Records::parse("call 4000\n"), None);
    }

    #[test]
    fn table_shows_changes_and_new_rows() {
        let recorded = records("rustc 1", &[("call", 4000)]);
        let now = records("rustc 1", &[("call", 3900), ("one", 5000)]);
        let lines = [
            "kind      recorded       now   change",
            "call          4000      3900   -2.50%",
            "one              -      5000",
        ];
        assert_eq!(recorded.table(&now), lines.join("\n"));
    }

    #[test]
    fn table_shows_a_different_compiler() {
        let table = records("rustc 1", &[]).table(&records("rustc 2", &[]));
        assert!(table.starts_with("recorded: rustc 1; now: rustc 2\n"));
    }
}
