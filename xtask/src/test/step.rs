//! What a step of `cargo xtask test` is.

use anyhow::Result;

use crate::shell::Workspace;

/// A step.
pub struct Step {
    pub name: &'static str,
    /// What it does, in one line.
    pub does: &'static str,
    pub lane: Lane,
    /// The steps that must pass first.
    pub needs: &'static [&'static str],
    /// Runs the step and prints the results of its tests and checks.
    pub action: fn(&Workspace) -> Result<()>,
}

/// A lane: its steps run in sequence, in parallel with the other lane. Cargo's locks keep their
/// builds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Native programs.
    Native,
    /// Builds and tests for Node and browsers.
    Web,
}
