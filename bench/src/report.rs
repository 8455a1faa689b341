//! The table.

use std::collections::BTreeMap;
use std::thread::available_parallelism;

use crate::contender::{Error, Result, Unsupported};
use crate::contenders;
use crate::figures::Summary;
use crate::workloads::{Metric, Workload};

/// Says what is run, before all tables.
pub fn print_head(rounds: usize) {
    let processors = available_parallelism().map_or("unknown".into(), |count| count.to_string());
    println!("Rounds: {rounds}. Processors: {processors}.");
}

/// What came of the runs of one workload.
#[derive(Debug)]
pub struct Results {
    /// How many rounds there are for whoever does not fail.
    rounds: usize,
    /// For each contender, by its place in the list, the figures of each round, or why there are
    /// none.
    figures: BTreeMap<usize, Vec<Result<Vec<f64>>>>,
}

impl Results {
    /// None yet.
    pub fn of_rounds(rounds: usize) -> Self {
        let figures = BTreeMap::new();
        Self { rounds, figures }
    }

    /// Adds what came of a round.
    pub fn add(&mut self, contender: usize, figures: Result<Vec<f64>>) {
        self.figures.entry(contender).or_default().push(figures);
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
        // Round by round, so that a machine whose speed drifts does not tell on it.
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

    /// The figures of all rounds, each divided by what `by` says, if it does.
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

    /// Of how many rounds the figures are, if not of all.
    fn remark(&self, contender: usize) -> String {
        let Some(reason) = self.failure(contender) else {
            return String::new();
        };
        // Its last round is the one that failed.
        let good = self.figures[&contender].len() - 1;
        format!(" ({good} of {} rounds: {reason})", self.rounds)
    }

    /// Whether the contender could not run it.
    pub fn has_failed(&self, contender: usize) -> bool {
        self.failure(contender).is_some()
    }

    /// What those that have to run it failed at, although they have the means.
    pub fn failures_of_ours(&self, workload: &Workload) -> impl Iterator<Item = String> {
        self.figures.keys().filter_map(|&contender| {
            let subject = contenders::ALL[contender];
            let failure = self.failure(contender)?;
            let is_to_run = subject.is_ours() && !failure.is::<Unsupported>();
            is_to_run.then(|| format!("{}: {}: {failure}", workload.name, subject.name()))
        })
    }

    fn failure(&self, contender: usize) -> Option<&Error> {
        let rounds = self.figures.get(&contender)?;
        rounds.iter().find_map(|round| round.as_ref().err())
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
    use super::{Results, number};
    use crate::contender::unsupported;
    use crate::contenders;
    use crate::workloads::{self, Metric};

    const METRIC: Metric = Metric {
        name: "calls/s",
        decimals: 0,
    };

    #[test]
    fn figures_of_some_rounds_say_why_of_no_more() {
        let mut results = Results::of_rounds(5);
        results.add(0, Ok(vec![1.0]));
        results.add(0, Ok(vec![3.0]));
        results.add(0, Err("hangs".into()));
        let cells = results.cells(0, 0, &METRIC);
        assert_eq!(cells, "2 (2 of 5 rounds: hangs) | 1–3 | 1.00");
    }

    #[test]
    fn only_rounds_in_which_the_first_has_a_figure_make_the_ratio() {
        let mut results = Results::of_rounds(2);
        results.add(0, Ok(vec![2.0]));
        results.add(0, Err("hangs".into()));
        results.add(1, Ok(vec![3.0]));
        results.add(1, Ok(vec![9.0]));
        assert_eq!(results.cells(1, 0, &METRIC), "6 | 3–9 | 1.50");
    }

    #[test]
    fn only_ours_fail_and_only_at_what_they_support() {
        let mut results = Results::of_rounds(1);
        for (place, contender) in contenders::ALL.iter().enumerate() {
            results.add(
                place,
                match contender.name() {
                    "raw, coalesced" => unsupported("no streams"),
                    _ => Err("hangs".into()),
                },
            );
        }
        let failures: Vec<_> = results.failures_of_ours(&workloads::ALL[0]).collect();
        let expected = ["raw, a flush a message", "roam", "roam with inline methods"];
        assert_eq!(
            failures,
            expected.map(|name| format!("latency: {name}: hangs"))
        );
    }

    #[test]
    fn thousands_are_set_off() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(999.94, 1), "999.9");
        assert_eq!(number(12_345.678, 2), "12,345.68");
    }
}
