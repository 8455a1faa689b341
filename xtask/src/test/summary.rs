//! The results of the steps.

use std::process::ExitCode;
use std::time::Duration;

use super::counts::Counts;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// Failed, for this reason.
    Failed(String),
    /// Did not run, because it needs this step, which did not pass.
    Skipped(&'static str),
}

/// The result of a step.
pub struct Report {
    pub name: &'static str,
    pub outcome: Outcome,
    pub counts: Counts,
    pub time: Duration,
}

impl Report {
    /// Returns the report of a step that did not run.
    pub fn skipped(name: &'static str, need: &'static str) -> Self {
        Self {
            name,
            outcome: Outcome::Skipped(need),
            counts: Counts::default(),
            time: Duration::ZERO,
        }
    }

    /// Returns the counts; a step that failed without a failed test counts as one failure.
    fn counts(&self) -> Counts {
        let mut counts = self.counts;
        if self.outcome != Outcome::Passed && counts.failed == 0 {
            counts.failed = 1;
        }
        counts
    }

    fn remark(&self) -> String {
        match &self.outcome {
            Outcome::Passed => String::new(),
            Outcome::Failed(reason) => reason.lines().next().unwrap_or_default().to_owned(),
            Outcome::Skipped(need) => format!("skipped: {need} did not pass"),
        }
    }
}

/// Prints one line per step and the totals; `time` is the total duration.
pub fn print(reports: &[Report], time: Duration) -> ExitCode {
    println!(
        "\n{:<16} {:>9} {:>7} {:>7}",
        "step", "time", "passed", "failed"
    );
    let mut all = Counts::default();
    for report in reports {
        let counts = report.counts();
        all.passed += counts.passed;
        all.failed += counts.failed;
        let line = format!(
            "{:<16} {:>9} {:>7} {:>7}  {}",
            report.name,
            readable(report.time),
            counts.passed,
            counts.failed,
            report.remark()
        );
        println!("{}", line.trim_end());
    }
    println!("{:<16} {:>9}\n", "all", readable(time));
    println!("{} passed, {} failed", all.passed, all.failed);
    if all.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn readable(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} m {:02} s", seconds / 60, seconds % 60)
}
