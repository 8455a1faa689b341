//! `cargo xtask test`: runs all checks and tests and prints a summary.

mod counts;
mod lanes;
mod steps;
mod summary;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::shell::Workspace;
use steps::{STEPS, Step};

/// Runs the named steps and those they need, or all steps if `names` is empty. A failed step skips
/// only the steps that need it.
pub fn run(names: &[String]) -> Result<ExitCode> {
    let chosen = choose(names)?;
    let start = Instant::now();
    let reports = lanes::run(&chosen)?;
    Ok(summary::print(&reports, start.elapsed()))
}

/// Runs a single step in this process; [`run`] starts one process per step.
pub fn run_step(workspace: &Workspace, name: &str) -> Result<()> {
    (find(name)?.action)(workspace)
}

/// Returns the steps to run, in order.
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
        format!(
            "unknown step `{name}`; expected one of: {}",
            known.join(", ")
        )
    })
}
