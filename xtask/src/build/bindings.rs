//! The TypeScript generated for the demo's service. It is checked in to show what roam-codegen
//! generates from a Rust trait.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::shell::{Run, Workspace};

const FILE: &str = "web-demo/page/src/gen/demo.ts";

/// Generates the file.
pub fn generate(workspace: &Workspace) -> Result<()> {
    println!("build: {FILE}");
    workspace
        .command("cargo")
        .args([
            "run",
            "--quiet",
            "--package",
            "web-demo",
            "--bin",
            "generate",
        ])
        .run()
}

/// Generates the file and fails if it changed.
pub fn check(workspace: &Workspace) -> Result<()> {
    let read = || fs::read_to_string(workspace.path(FILE));
    let before = read().unwrap_or_default();
    generate(workspace)?;
    let after = read().with_context(|| format!("failed to read {FILE}"))?;
    ensure!(
        before == after,
        "{FILE} was out of date; it has been regenerated: commit it"
    );
    Ok(())
}
