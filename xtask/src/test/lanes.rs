//! Runs the steps in parallel lanes.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::counts::Counts;
use super::step::{Lane, Step};
use super::summary::{Outcome, Report};

/// Runs the lanes in parallel and returns the reports in the order of `steps`.
pub fn run(steps: &[&'static Step]) -> Result<Vec<Report>> {
    // Read now, because a step may rebuild this program.
    let program = std::env::current_exe().context("failed to find the path of this program")?;
    let program = program.as_path();
    let board = Board::default();
    thread::scope(|scope| {
        for lane in [Lane::Native, Lane::Web] {
            let board = &board;
            scope.spawn(move || {
                for step in steps.iter().filter(|step| step.lane == lane) {
                    board.put(match board.wait_for_needs(step) {
                        Ok(()) => run_step(program, step),
                        Err(need) => Report::skipped(step.name, need),
                    });
                }
            });
        }
    });
    let mut reports = board.into_reports();
    reports.sort_by_key(|report| steps.iter().position(|step| step.name == report.name));
    Ok(reports)
}

/// The reports so far, shared by the lanes.
#[derive(Default)]
struct Board {
    reports: Mutex<Vec<Report>>,
    changed: Condvar,
}

const UNPOISONED: &str = "no lane panics while it holds the lock";

impl Board {
    fn put(&self, report: Report) {
        self.reports.lock().expect(UNPOISONED).push(report);
        self.changed.notify_all();
    }

    /// Waits until all steps that `step` needs have run; `Err` names one that did not pass. Steps
    /// come after those they need, so a lane never waits for itself.
    fn wait_for_needs(&self, step: &Step) -> Result<(), &'static str> {
        let mut reports = self.reports.lock().expect(UNPOISONED);
        for &need in step.needs {
            let passed = loop {
                if let Some(report) = reports.iter().find(|report| report.name == need) {
                    break report.outcome == Outcome::Passed;
                }
                reports = self.changed.wait(reports).expect(UNPOISONED);
            };
            if !passed {
                return Err(need);
            }
        }
        Ok(())
    }

    fn into_reports(self) -> Vec<Report> {
        self.reports.into_inner().expect(UNPOISONED)
    }
}

fn run_step(program: &Path, step: &Step) -> Report {
    print_line(format_args!("=== {}: {}", step.name, step.does));
    let start = Instant::now();
    let mut counts = Counts::default();
    let outcome = match run_in_process(program, step.name, &mut counts) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    };
    Report {
        name: step.name,
        outcome,
        counts,
        time: start.elapsed(),
    }
}

/// Runs a step in a separate process and prints its output, each line prefixed with the step.
fn run_in_process(program: &Path, name: &str, counts: &mut Counts) -> Result<()> {
    let mut child = Command::new(program)
        .args(["step", name])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start step {name}"))?;
    let output = child.stdout.take().context("stdout is not piped")?;
    let errors = child.stderr.take().context("stderr is not piped")?;
    let mut failure = String::new();
    thread::scope(|scope| {
        scope.spawn(|| forward(name, output, |line| counts.add_line(line)));
        forward(name, errors, |line| {
            if let Some(reason) = line.strip_prefix(crate::FAILURE_PREFIX) {
                reason.clone_into(&mut failure);
            }
        });
    });
    let status = child.wait()?;
    match failure.as_str() {
        _ if status.success() => Ok(()),
        "" => bail!("{status}"),
        reason => bail!("{reason}"),
    }
}

/// Prints a line. Exits if standard output is closed: a panic would leave the other lane waiting
/// forever.
fn print_line(line: impl Display) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(1);
    }
}

/// Prints `output` line by line until it ends, and passes each line to `read`.
fn forward(name: &str, output: impl Read, mut read: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        print_line(format_args!("{name:>14} | {text}"));
        read(text);
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn step(name: &'static str, needs: &'static [&'static str]) -> Step {
        Step {
            name,
            does: "nothing",
            lane: Lane::Web,
            needs,
            action: |_| Ok(()),
        }
    }

    fn report(name: &'static str, outcome: Outcome) -> Report {
        Report {
            outcome,
            ..Report::skipped(name, "")
        }
    }

    #[test]
    fn failed_needs_skip_steps_transitively() {
        let board = Board::default();
        board.put(report("good", Outcome::Passed));
        board.put(report("bad", Outcome::Failed("so".to_owned())));
        assert_eq!(board.wait_for_needs(&step("first", &["good"])), Ok(()));
        let second = step("second", &["good", "bad"]);
        assert_eq!(board.wait_for_needs(&second), Err("bad"));
        board.put(Report::skipped("second", "bad"));
        let third = step("third", &["second"]);
        assert_eq!(board.wait_for_needs(&third), Err("second"));
    }

    #[test]
    fn waits_for_a_step_of_the_other_lane() {
        let board = Board::default();
        let waiting = step("waiting", &["other"]);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| board.wait_for_needs(&waiting));
            board.put(report("another", Outcome::Failed(String::new())));
            board.put(report("other", Outcome::Passed));
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn output_is_read_line_by_line() {
        let mut lines = Vec::new();
        forward("step", &b"one\ntwo \n\nlast"[..], |line| {
            lines.push(line.to_owned());
        });
        assert_eq!(lines, ["one", "two", "", "last"]);
    }
}
