//! `cargo xtask`: everything that sets up, builds, checks and runs roam.
//!
//! No other file holds build logic; `.ci/run` only calls `cargo xtask test`.

#![expect(
    unreachable_pub,
    reason = "this is a binary: `pub` marks what a module offers to the others"
)]

mod bench;
mod build;
mod demo;
mod setup;
mod shell;
mod test;

use std::process::ExitCode;

use shell::Workspace;

const HELP: &str = "\
cargo xtask demo            install missing tools, build everything, serve the demo
cargo xtask test [STEP…]    install missing tools, run all checks and tests; with step names:
                            only these steps and those they need
cargo xtask test full       the same, and the slow checks
cargo xtask bench native [ARGUMENT…]
                            compare roam with other RPC crates; arguments go to the benchmark,
                            whose --help lists them
cargo xtask bench browser   measure calls and streams from a page in headless Chromium
cargo xtask bench instructions [--record]
                            count instructions per call and item; compare with the recorded
                            figures, or record new figures
cargo xtask package         build the wasm module and the npm package
cargo xtask setup           install missing tools";

/// The prefix of a failure's reason on standard error.
const FAILURE_PREFIX: &str = "xtask: ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = setup::workspace().and_then(|workspace| run(&workspace, &arguments));
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\n{FAILURE_PREFIX}{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", arguments),
    };
    match (command, rest) {
        ("test", steps) => return test::run(steps),
        // Internal: `test` runs each step in a separate process.
        ("step", [name]) => test::run_step(workspace, name)?,
        ("bench", [_, ..]) => bench::run(workspace, rest)?,
        ("demo", []) => demo::run(workspace)?,
        ("package", []) => {
            setup::ensure_build_tools(workspace)?;
            build::package(workspace)?;
        }
        ("setup", []) => setup::ensure_all(workspace)?,
        _ => {
            eprintln!("{HELP}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
