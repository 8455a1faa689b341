//! `cargo xtask bench`: measures, and prints what came of it.

mod instructions;
mod records;

use anyhow::{Result, bail};

use crate::build::{BrowserTests, Profile};
use crate::setup::Chromium;
use crate::shell::{Run, Workspace};
use crate::{build, setup};

/// Runs a benchmark by its name, which comes first.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["native", ref options @ ..] => native(workspace, options),
        ["browser"] => browser(workspace),
        ["instructions"] => instructions::compare(workspace),
        ["instructions", "--record"] => instructions::record(workspace),
        _ => bail!(
            "there is no benchmark {}; there are: native, browser, instructions",
            words.join(" ")
        ),
    }
}

/// Over sockets of this machine, beside the field.
fn native(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let program = build::benchmark(workspace, "roam-bench", Profile::Release)?;
    workspace.command(program).args(options).run()
}

/// From a page: calls, items and bytes a second, beside a WebSocket without roam.
fn browser(workspace: &Workspace) -> Result<()> {
    setup::to_build(workspace)?;
    setup::to_test_in_chromium(workspace)?;
    build::package(workspace)?;
    BrowserTests::prepare(workspace, Profile::Release)?
        .script(workspace, "bench")
        .env("ROAM_CHROMIUM", Chromium::program(workspace)?)
        .run()
}
