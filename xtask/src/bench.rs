//! `cargo xtask bench`: runs benchmarks and prints their results.

mod instructions;
mod records;

use anyhow::{Result, bail};

use crate::build::{BrowserTests, Profile};
use crate::setup::Chromium;
use crate::shell::{Run, Workspace};
use crate::{build, setup};

/// Runs the benchmark named by the first argument.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["native", ref options @ ..] => native(workspace, options),
        ["browser"] => browser(workspace),
        ["instructions"] => instructions::compare(workspace),
        ["instructions", "--record"] => instructions::record(workspace),
        _ => bail!(
            "unknown benchmark `{}`; expected native, browser or instructions",
            words.join(" ")
        ),
    }
}

/// Compares roam with other RPC crates over local sockets.
fn native(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let program = build::benchmark(workspace, "roam-bench", Profile::Release)?;
    workspace.command(program).args(options).run()
}

/// Measures calls, items and bytes per second from a page, and compares with a bare WebSocket.
fn browser(workspace: &Workspace) -> Result<()> {
    setup::ensure_build_tools(workspace)?;
    setup::ensure_chromium(workspace)?;
    build::package(workspace)?;
    BrowserTests::prepare(workspace, Profile::Release)?
        .script(workspace, "bench")
        .env("ROAM_CHROMIUM", Chromium::program(workspace)?)
        .run()
}
