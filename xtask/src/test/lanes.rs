//! Runs steps in lanes beside each other.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::counts::Counts;
use super::steps::{Lane, Step};
use super::summary::{Outcome, Report};

/// Runs steps, each lane beside the others, and reports on them in their order.
pub fn run(steps: &[&'static Step]) -> Result<Vec<Report>> {
    // Asked now: a step may build this program anew.
    let program = std::env::current_exe().context("where is this program?")?;
    let program = program.as_path();
    let board = Board::default();
    thread::scope(|scope| {
        for lane in [Lane::Native, Lane::Web] {
            let board = &board;
            scope.spawn(move || {
                for step in steps.iter().filter(|step| step.lane == lane) {
                    board.put(match board.wait_for_needs(step) {
                        Ok(()) => perform(program, step),
                        Err(need) => Report::held_up(step.name, need),
                    });
                }
            });
        }
    });
    let mut reports = board.into_reports();
    reports.sort_by_key(|report| steps.iter().position(|step| step.name == report.name));
    Ok(reports)
}

/// What came of the steps so far.
#[derive(Default)]
struct Board {
    reports: Mutex<Vec<Report>>,
    more: Condvar,
}

const UNPOISONED: &str = "nothing panics with a report in hand";

impl Board {
    fn put(&self, report: Report) {
        self.reports.lock().expect(UNPOISONED).push(report);
        self.more.notify_all();
    }

    /// Waits until all that a step needs has run. `Err` names one that did not pass. Needs come
    /// before what needs them, so that no lane waits for itself.
    fn wait_for_needs(&self, step: &Step) -> Result<(), &'static str> {
        let mut reports = self.reports.lock().expect(UNPOISONED);
        for &need in step.needs {
            let passed = loop {
                if let Some(report) = reports.iter().find(|report| report.name == need) {
                    break report.outcome == Outcome::Passed;
                }
                reports = self.more.wait(reports).expect(UNPOISONED);
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

fn perform(program: &Path, step: &Step) -> Report {
    say(format_args!("=== {}: {}", step.name, step.does));
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

/// Runs a step in a process of its own, whose output is shown with the step's name in front.
fn run_in_process(program: &Path, name: &str, counts: &mut Counts) -> Result<()> {
    let mut child = Command::new(program)
        .args(["step", name])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start the step {name}"))?;
    let output = child.stdout.take().context("its output was to be read")?;
    let errors = child.stderr.take().context("its errors were to be read")?;
    let mut last_words = String::new();
    thread::scope(|scope| {
        scope.spawn(|| show(name, output, |line| counts.read(line)));
        show(name, errors, |line| {
            if let Some(reason) = line.strip_prefix(crate::FAILED) {
                reason.clone_into(&mut last_words);
            }
        });
    });
    let status = child.wait()?;
    match last_words.as_str() {
        _ if status.success() => Ok(()),
        "" => bail!("{status}"),
        words => bail!("{words}"),
    }
}

/// Prints a line. When nobody reads it, there is nothing left to do: a lane that panicked would be
/// waited for by the other.
fn say(line: impl Display) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(1);
    }
}

/// Shows what comes, line by line, until there is no more.
fn show(name: &str, output: impl Read, mut read: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        say(format_args!("{name:>14} | {text}"));
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
            ..Report::held_up(name, "")
        }
    }

    #[test]
    fn a_step_is_held_up_by_what_did_not_pass_and_holds_up_others() {
        let board = Board::default();
        board.put(report("good", Outcome::Passed));
        board.put(report("bad", Outcome::Failed("so".to_owned())));
        assert_eq!(board.wait_for_needs(&step("first", &["good"])), Ok(()));
        let second = step("second", &["good", "bad"]);
        assert_eq!(board.wait_for_needs(&second), Err("bad"));
        board.put(Report::held_up("second", "bad"));
        let third = step("third", &["second"]);
        assert_eq!(board.wait_for_needs(&third), Err("second"));
    }

    #[test]
    fn a_step_waits_for_what_it_needs_of_the_other_lane() {
        let board = Board::default();
        let waiting = step("waiting", &["other"]);
        thread::scope(|scope| {
            let held = scope.spawn(|| board.wait_for_needs(&waiting));
            board.put(report("another", Outcome::Failed(String::new())));
            board.put(report("other", Outcome::Passed));
            assert_eq!(held.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn what_a_step_prints_is_read_line_by_line() {
        let mut lines = Vec::new();
        show("step", &b"one\ntwo \n\nlast"[..], |line| {
            lines.push(line.to_owned());
        });
        assert_eq!(lines, ["one", "two", "", "last"]);
    }
}
