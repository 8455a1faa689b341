//! The results as Markdown tables.

use std::collections::BTreeMap;
use std::thread::available_parallelism;

use crate::contender::{Error, Result, Unsupported};
use crate::contenders;
use crate::figures::Summary;
use crate::workloads::{Metric, Workload};

/// Prints the header above all tables.
pub fn print_head(rounds: usize) {
    let processors = available_parallelism().map_or("unknown".into(), |count| count.to_string());
    println!("Rounds: {rounds}. Processors: {processors}.");
}

/// The results of one workload.
#[derive(Debug)]
pub struct Results {
    /// The number of rounds of a contender that does not fail.
    rounds: usize,
    /// The figures or the failure of each round, by index of the contender.
    figures: BTreeMap<usize, Vec<Result<Vec<f64>>>>,
}

impl Results {
    /// Creates empty results.
    pub fn new(rounds: usize) -> Self {
        let figures = BTreeMap::new();
        Self { rounds, figures }
    }

    /// Adds the result of a round.
    pub fn add(&mut self, contender: usize, figures: Result<Vec<f64>>) {
        self.figures.entry(contender).or_default().push(figures);
    }

    /// Prints the table of a workload, in Markdown.
    pub fn print(&self, workload: &Workload) {
        println!("\n### {}\n", workload.title);
        print!("| |");
        for metric in workload.metrics {
            print!(" {} | spread | × raw |", metric.name);
        }
        print!("\n|---|");
        println!("{}", "---:|---:|---:|".repeat(workload.metrics.len()));
        for &contender in self.figures.keys() {
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
        let Some(summary) = self.summary(contender, metric, |_| Some(1.0)) else {
            return format!("{} | | ", self.reason(contender));
        };
        // Computed per round, so that changes of machine speed cancel out.
        let ratio = self.summary(contender, metric, |round| self.figure(0, round, metric));
        let ratio = ratio
            .filter(|ratio| ratio.median.is_finite())
            .map(|ratio| format!("{:.2}", ratio.median))
            .unwrap_or_default();
        format!(
            "{}{} | {}–{} | {ratio}",
            number(summary.median, form.decimals),
            self.remark(contender),
            number(summary.min, form.decimals),
            number(summary.max, form.decimals),
        )
    }

    /// Summarises the figures, each divided by `by` of its round; skips rounds without a divisor.
    fn summary(
        &self,
        contender: usize,
        metric: usize,
        by: impl Fn(usize) -> Option<f64>,
    ) -> Option<Summary> {
        let rounds = self.figures[&contender].len();
        let figures = (0..rounds)
            .filter_map(|round| Some(self.figure(contender, round, metric)? / by(round)?));
        Summary::of(figures)
    }

    fn figure(&self, contender: usize, round: usize, metric: usize) -> Option<f64> {
        let figures = self.figures.get(&contender)?.get(round)?.as_ref().ok()?;
        figures.get(metric).copied()
    }

    fn reason(&self, contender: usize) -> String {
        let failure = self.failure(contender);
        failure.map(ToString::to_string).unwrap_or_default()
    }

    /// Returns how many rounds the figures come from, unless all succeeded.
    fn remark(&self, contender: usize) -> String {
        let Some(reason) = self.failure(contender) else {
            return String::new();
        };
        // A contender runs no more rounds after a failure.
        let good = self.figures[&contender].len() - 1;
        format!(" ({good} of {} rounds: {reason})", self.rounds)
    }

    /// Returns whether the contender failed.
    pub fn has_failed(&self, contender: usize) -> bool {
        self.failure(contender).is_some()
    }

    /// Returns the failures of contenders that must pass, except for unsupported workloads.
    pub fn required_failures(&self, workload: &Workload) -> impl Iterator<Item = String> {
        self.figures.keys().filter_map(|&contender| {
            let failure = self.failure(contender)?;
            let contender = contenders::ALL[contender];
            let is_required = contender.must_pass() && !failure.is::<Unsupported>();
            is_required.then(|| format!("{}: {}: {failure}", workload.name, contender.name()))
        })
    }

    fn failure(&self, contender: usize) -> Option<&Error> {
        let rounds = self.figures.get(&contender)?;
        rounds.iter().find_map(|round| round.as_ref().err())
    }
}

/// Formats a number with thousands separators.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let whole = text.split('.').next().unwrap_or(&text).len();
    let mut separated = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 {
            separated.push(',');
        }
        separated.push(digit);
    }
    separated
}

#[cfg(test)]
mod tests {
    use super::{Results, number};
    use crate::contender::unsupported;
    use crate::contenders;
    use crate::workloads::{self, Metric};

    const METRIC: Metric = Metric {
        name: "calls/s",
        decimals: 0,
    };

    #[test]
    fn partial_results_show_the_failure() {
        let mut results = Results::new(5);
        results.add(0, Ok(vec![1.0]));
        results.add(0, Ok(vec![3.0]));
        results.add(0, Err("hangs".into()));
        let cells = results.cells(0, 0, &METRIC);
        assert_eq!(cells, "2 (2 of 5 rounds: hangs) | 1–3 | 1.00");
    }

    #[test]
    fn ratio_uses_rounds_with_a_baseline_only() {
        let mut results = Results::new(2);
        results.add(0, Ok(vec![2.0]));
        results.add(0, Err("hangs".into()));
        results.add(1, Ok(vec![3.0]));
        results.add(1, Ok(vec![9.0]));
        assert_eq!(results.cells(1, 0, &METRIC), "6 | 3–9 | 1.50");
    }

    #[test]
    fn only_supported_workloads_are_required() {
        let mut results = Results::new(1);
        for (index, contender) in contenders::ALL.iter().enumerate() {
            results.add(
                index,
                match contender.name() {
                    "raw, coalesced" => unsupported("no streams"),
                    _ => Err("hangs".into()),
                },
            );
        }
        let failures: Vec<_> = results.required_failures(&workloads::ALL[0]).collect();
        let expected = [
            "raw, flush per message",
            "roam",
            "roam with inline methods",
            "roam without the link layer",
        ];
        assert_eq!(
            failures,
            expected.map(|name| format!("latency: {name}: hangs"))
        );
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(999.94, 1), "999.9");
        assert_eq!(number(12_345.678, 2), "12,345.68");
    }
}
