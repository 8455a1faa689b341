//! What the machine needs before roam can be built and tested, one tool a file.

mod browsers;
mod cargo_tools;
mod debian;
mod node;
mod rust_components;
mod valgrind;
pub mod wasm_std;

use anyhow::{Error, Result, anyhow};

pub use browsers::{Chromium, Firefox};

use crate::shell::Workspace;

/// Something that has to be installed on this machine.
pub trait Tool {
    /// What it is, as a person would call it.
    fn name(&self) -> String;
    /// Whether it is there already, in a version that we can use. Takes no more than a moment.
    fn is_there(&self, workspace: &Workspace) -> bool;
    /// How [`Self::install`] gets it, in a few words.
    fn source(&self) -> &'static str;
    /// Installs it.
    fn install(&self, workspace: &Workspace) -> Result<()>;
    /// What a person does when [`Self::install`] fails.
    fn by_hand(&self) -> String;
}

/// All of it.
pub fn everything(workspace: &Workspace) -> Result<()> {
    to_check(workspace)?;
    to_build(workspace)?;
    to_test_in_chromium(workspace)?;
    to_test_in_firefox(workspace)
}

/// What `cargo xtask package` and `demo` need.
pub fn to_build(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &node::Node)?;
    ensure(workspace, &wasm_std::WasmStd)?;
    ensure(workspace, &cargo_tools::wasm_bindgen(workspace)?)?;
    ensure(workspace, &node::WasmOpt)
}

/// What the checks of the Rust code need.
pub fn to_check(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &rust_components::RUSTFMT)?;
    ensure(workspace, &rust_components::CLIPPY)
}

/// What the tests in Chromium need.
pub fn to_test_in_chromium(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &Chromium)
}

/// What the tests in Firefox need.
pub fn to_test_in_firefox(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &Firefox)?;
    ensure(workspace, &cargo_tools::geckodriver())
}

/// What counting instructions needs. Nothing else does, so [`everything`] leaves it out.
pub fn to_count_instructions(workspace: &Workspace) -> Result<()> {
    ensure(workspace, &valgrind::Valgrind)
}

fn ensure(workspace: &Workspace, tool: &dyn Tool) -> Result<()> {
    if tool.is_there(workspace) {
        println!("setup: {} is there", tool.name());
        return Ok(());
    }
    println!("setup: installing {}: {}", tool.name(), tool.source());
    let failed = |reason: Error| {
        let (name, by_hand) = (tool.name(), tool.by_hand());
        anyhow!("{name} could not be installed: {reason:#}\n       by hand: {by_hand}")
    };
    tool.install(workspace).map_err(failed)?;
    if !tool.is_there(workspace) {
        return Err(failed(anyhow!("it was installed but does not work")));
    }
    Ok(())
}
