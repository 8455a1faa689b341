//! `cargo xtask test`: every check and test, and what came of them.

mod counts;
mod steps;
mod summary;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::shell::Workspace;
use counts::Counts;
use steps::{STEPS, Step};
use summary::{Outcome, Report};

/// Runs the steps that were named and those that they need; with no name, all of them. A step
/// that fails holds up only those that need it.
pub fn run(workspace: &Workspace, names: &[String]) -> Result<ExitCode> {
    let chosen = choose(names)?;
    let mut reports: Vec<Report> = Vec::new();
    for step in STEPS.iter().filter(|step| chosen.contains(&step.name)) {
        let missing = step
            .needs
            .iter()
            .copied()
            .find(|need| !succeeded(&reports, need));
        reports.push(match missing {
            Some(need) => Report::held_up(step.name, need),
            None => perform(workspace, step),
        });
    }
    Ok(summary::print(&reports))
}

/// The names of the steps to run.
fn choose(names: &[String]) -> Result<Vec<&'static str>> {
    if names.is_empty() {
        return Ok(STEPS.iter().map(|step| step.name).collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        let Some(step) = STEPS.iter().find(|step| step.name == name) else {
            let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            bail!("there is no step {name}; there are: {}", known.join(", "));
        };
        add_with_needs(step, &mut chosen);
    }
    Ok(chosen)
}

fn add_with_needs(step: &Step, chosen: &mut Vec<&'static str>) {
    chosen.push(step.name);
    for need in step.needs {
        let needed = STEPS.iter().find(|step| step.name == *need);
        add_with_needs(
            needed.expect("a test checks that every need is a step"),
            chosen,
        );
    }
}

fn succeeded(reports: &[Report], name: &str) -> bool {
    reports
        .iter()
        .any(|report| report.name == name && report.outcome == Outcome::Passed)
}

fn perform(workspace: &Workspace, step: &Step) -> Report {
    println!("\n=== {}: {}", step.name, step.does);
    let start = Instant::now();
    let mut counts = Counts::default();
    let result = (step.action)(workspace, &mut counts);
    let outcome = match result {
        Ok(()) => Outcome::Passed,
        Err(error) => {
            println!("\n{} failed: {error:#}", step.name);
            Outcome::Failed(format!("{error:#}"))
        }
    };
    Report {
        name: step.name,
        outcome,
        counts,
        time: start.elapsed(),
    }
}
