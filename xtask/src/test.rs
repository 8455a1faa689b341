//! `cargo xtask test`: every check and test, and what came of them.

mod counts;
mod lanes;
mod steps;
mod summary;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::shell::Workspace;
use steps::{STEPS, Step};

/// Runs the steps that were named and those that they need; with no name, all of them. A step
/// that fails holds up only those that need it.
pub fn run(names: &[String]) -> Result<ExitCode> {
    let chosen = choose(names)?;
    let start = Instant::now();
    let reports = lanes::run(&chosen)?;
    Ok(summary::print(&reports, start.elapsed()))
}

/// Runs a single step here and now, for [`run`], which has a process for each.
pub fn run_step(workspace: &Workspace, name: &str) -> Result<()> {
    (find(name)?.action)(workspace)
}

/// The steps to run, in their order.
fn choose(names: &[String]) -> Result<Vec<&'static Step>> {
    if names.is_empty() {
        return Ok(STEPS.iter().collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        add_with_needs(find(name)?, &mut chosen)?;
    }
    let is_chosen = |step: &&Step| chosen.contains(&step.name);
    Ok(STEPS.iter().filter(is_chosen).collect())
}

fn add_with_needs(step: &Step, chosen: &mut Vec<&'static str>) -> Result<()> {
    chosen.push(step.name);
    for need in step.needs {
        add_with_needs(find(need)?, chosen)?;
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Step> {
    let step = STEPS.iter().find(|step| step.name == name);
    step.with_context(|| {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        format!("there is no step {name}; there are: {}", known.join(", "))
    })
}
