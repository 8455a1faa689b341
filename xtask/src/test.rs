//! `cargo xtask test`: runs all checks and tests and prints a summary.

mod counts;
mod full;
mod lanes;
mod step;
mod steps;
mod summary;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::shell::Workspace;
use full::FULL_STEPS;
use step::Step;
use steps::STEPS;

/// The name of all steps together, quick and slow.
const FULL: &str = "full";

/// Runs the named steps and those they need; all but the slow steps if `names` is empty, and all
/// steps if it is [`FULL`]. A failed step skips only the steps that need it.
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
    match names {
        [] => return Ok(STEPS.iter().collect()),
        [name] if name == FULL => return Ok(all().collect()),
        _ => {}
    }
    let mut chosen = Vec::new();
    for name in names {
        add_with_needs(find(name)?, &mut chosen)?;
    }
    Ok(all().filter(|step| chosen.contains(&step.name)).collect())
}

fn all() -> impl Iterator<Item = &'static Step> {
    STEPS.iter().chain(FULL_STEPS)
}

fn add_with_needs(step: &Step, chosen: &mut Vec<&'static str>) -> Result<()> {
    chosen.push(step.name);
    for need in step.needs {
        add_with_needs(find(need)?, chosen)?;
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Step> {
    all().find(|step| step.name == name).with_context(|| {
        let known: Vec<_> = all().map(|step| step.name).collect();
        format!(
            "unknown step `{name}`; expected {FULL}, or some of: {}",
            known.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{FULL, all, choose};

    fn chosen(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let steps = choose(&names).unwrap();
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn steps_follow_those_they_need() {
        let steps: Vec<_> = all().collect();
        for (position, step) in steps.iter().enumerate() {
            for need in step.needs {
                assert!(
                    steps[..position]
                        .iter()
                        .any(|earlier| earlier.name == *need),
                    "{} comes before {need}, which it needs",
                    step.name
                );
            }
        }
    }

    #[test]
    fn only_a_full_run_has_the_slow_steps() {
        assert!(!chosen(&[]).contains(&"fuzz"));
        assert_eq!(chosen(&[FULL]).len(), all().count());
    }

    #[test]
    fn named_steps_bring_those_they_need() {
        let expected = ["setup-rust", "setup-build", "setup-full", "deny"];
        assert_eq!(chosen(&["deny"]), expected);
    }
}
