//! The table.

use std::collections::BTreeMap;

use crate::contender::Result;
use crate::contenders;
use crate::figures::Summary;
use crate::workloads::{Metric, Workload};

/// What came of the runs of one workload: for each contender, by its place in the list, the
/// figures of each round, or why there are none.
#[derive(Debug, Default)]
pub struct Results(BTreeMap<usize, Vec<Result<Vec<f64>>>>);

impl Results {
    /// Adds what came of a round.
    pub fn add(&mut self, contender: usize, figures: Result<Vec<f64>>) {
        self.0.entry(contender).or_default().push(figures);
    }

    /// Prints a workload's part of the table, in Markdown.
    pub fn print(&self, workload: &Workload) {
        println!("\n### {}\n", workload.title);
        print!("| |");
        for metric in workload.metrics {
            print!(" {} | spread | × raw |", metric.name);
        }
        print!("\n|---|");
        println!("{}", "---:|---:|---:|".repeat(workload.metrics.len()));
        for &contender in self.0.keys() {
            self.print_row(contender, workload);
        }
    }

    fn print_row(&self, contender: usize, workload: &Workload) {
        print!("| {} |", contenders::ALL[contender].name());
        for (index, metric) in workload.metrics.iter().enumerate() {
            print!(" {} |", self.cells(contender, index, metric));
        }
        println!();
    }

    fn cells(&self, contender: usize, metric: usize, form: &Metric) -> String {
        let Some(summary) = self.summary(contender, metric, |_| 1.0) else {
            return format!("{} | | ", self.reason(contender));
        };
        // Round by round, so that a machine whose speed drifts does not tell on it.
        let ratio = self.summary(contender, metric, |round| {
            self.figure(0, round, metric).unwrap_or(f64::NAN)
        });
        let ratio = ratio
            .filter(|ratio| ratio.median.is_finite())
            .map(|ratio| format!("{:.2}", ratio.median))
            .unwrap_or_default();
        format!(
            "{} | {}–{} | {ratio}",
            number(summary.median, form.decimals),
            number(summary.min, form.decimals),
            number(summary.max, form.decimals),
        )
    }

    /// The figures of all rounds, each divided by what `by` says.
    fn summary(
        &self,
        contender: usize,
        metric: usize,
        by: impl Fn(usize) -> f64,
    ) -> Option<Summary> {
        let rounds = self.0[&contender].len();
        let figures = (0..rounds)
            .filter_map(|round| Some(self.figure(contender, round, metric)? / by(round)));
        Summary::of(figures)
    }

    fn figure(&self, contender: usize, round: usize, metric: usize) -> Option<f64> {
        let figures = self.0.get(&contender)?.get(round)?.as_ref().ok()?;
        figures.get(metric).copied()
    }

    fn reason(&self, contender: usize) -> String {
        let reason = self.0[&contender]
            .iter()
            .find_map(|round| round.as_ref().err());
        reason.map(ToString::to_string).unwrap_or_default()
    }

    /// Whether the contender could not run it.
    pub fn has_failed(&self, contender: usize) -> bool {
        self.0
            .get(&contender)
            .is_some_and(|rounds| rounds.iter().any(Result::is_err))
    }
}

/// With thousands set off.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let whole = text.split('.').next().unwrap_or(&text).len();
    let mut spaced = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && place < whole && (whole - place) % 3 == 0 {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn thousands_are_set_off() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(999.94, 1), "999.9");
        assert_eq!(number(12_345.678, 2), "12,345.68");
    }
}
