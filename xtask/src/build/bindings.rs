//! The generated TypeScript of the demo's service. It is checked in, so that a reader of the
//! page sees what roam-codegen makes of a Rust trait.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::shell::{Run, Workspace};

const FILE: &str = "web-demo/page/src/gen/demo.ts";

/// Writes the file anew.
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

/// Writes the file anew and fails when it was not what it is now.
pub fn check(workspace: &Workspace) -> Result<()> {
    let read = || fs::read_to_string(workspace.path(FILE));
    let before = read().unwrap_or_default();
    generate(workspace)?;
    let after = read().with_context(|| format!("could not read {FILE}"))?;
    ensure!(
        before == after,
        "{FILE} was not what the service says; it is now: check it in"
    );
    Ok(())
}
