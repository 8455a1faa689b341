//! `cargo xtask bench`: measures, and prints what came of it.

use anyhow::{Result, bail};

use crate::build::BrowserTests;
use crate::setup::Chromium;
use crate::shell::{Run, Workspace};
use crate::{build, setup};

/// Runs a benchmark by its name.
pub fn run(workspace: &Workspace, name: &str) -> Result<()> {
    match name {
        "browser" => browser(workspace),
        _ => bail!("there is no benchmark {name}; there are: browser"),
    }
}

/// From a page: calls, items and bytes a second, beside a WebSocket without roam.
fn browser(workspace: &Workspace) -> Result<()> {
    setup::to_build(workspace)?;
    setup::to_test_in_chromium(workspace)?;
    build::package(workspace)?;
    BrowserTests::prepare(workspace)?
        .script(workspace, "bench")
        .env("ROAM_CHROMIUM", Chromium::program(workspace)?)
        .run()
}
