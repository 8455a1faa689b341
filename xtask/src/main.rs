//! `cargo xtask`: everything that sets up, builds, checks and runs roam.
//!
//! No other file holds build logic; `.ci/run` only calls `cargo xtask test`.

#![expect(
    unreachable_pub,
    reason = "a program has no outside; `pub` says what a module offers the others"
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
cargo xtask demo            set up what is missing, build everything, serve the demo
cargo xtask test [STEP…]    set up what is missing, run every check and test;
                            with names of steps: only these and what they need
cargo xtask bench native [ARGUMENT…]
                            measure roam beside the field, natively; with the arguments of
                            the benchmark, which --help lists
cargo xtask bench browser   measure calls and streams from a page in headless Chromium
cargo xtask bench instructions [--record]
                            count what calls cost, beside what was recorded; or record it
cargo xtask package         build the wasm and the npm package
cargo xtask setup           only set up what is missing on this machine";

/// What stands before the reason of a failure.
const FAILED: &str = "xtask: ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let workspace = Workspace::locate();
    match run(&workspace, &arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\n{FAILED}{error:#}");
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
        // Not for people: `test` runs each step in a process of its own.
        ("step", [name]) => test::run_step(workspace, name)?,
        ("bench", [_, ..]) => bench::run(workspace, rest)?,
        ("demo", []) => demo::run(workspace)?,
        ("package", []) => {
            setup::to_build(workspace)?;
            build::package(workspace)?;
        }
        ("setup", []) => setup::everything(workspace)?,
        _ => {
            eprintln!("{HELP}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
