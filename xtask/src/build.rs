//! Builds everything a page consists of: the wasm module, the npm package made from it, the page
//! made from the package, and the TypeScript generated for the demo's service.

mod bindings;
mod browser_tests;
mod cargo;
mod names;
mod npm;
mod package;
mod page;
mod size;
mod wasm;

use std::process::Command;

use anyhow::{Context, Result};

pub use bindings::{check as check_bindings, generate as generate_bindings};
pub use browser_tests::BrowserTests;
pub use cargo::{LOCKED, Profile, benchmark, cargo_in_bench};
pub use npm::run_script as npm_script;
pub use package::{FOLDER as PACKAGE, build as package};
pub use page::{FOLDER as PAGE, build as page, server};

use crate::setup::wasm_std::{TARGET, Toolchain};
use crate::shell::Workspace;

/// Returns a command that runs `program` with the toolchain that can build for wasm32.
pub fn wasm_command(workspace: &Workspace, program: &str) -> Result<Command> {
    let toolchain = Toolchain::find(workspace);
    let toolchain = toolchain.with_context(|| {
        format!("no standard library for {TARGET}; run `cargo xtask setup` to install it")
    })?;
    let mut command = workspace.command(program);
    toolchain.apply(&mut command);
    Ok(command)
}
