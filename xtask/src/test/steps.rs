//! The steps of `cargo xtask test`, in the order in which they run.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::counts::{check, run_tests};
use crate::build::{self, BrowserTests, Profile};
use crate::setup::wasm_std::TARGET;
use crate::setup::{self, Chromium, Firefox};
use crate::shell::{Run, Workspace};

/// The crates whose wasm tests run in browsers. roam-wasm's are also those of roam-core's sessions.
const WASM_TEST_CRATES: &[&str] = &["roam-wasm"];

/// The variable that tells cargo what runs tests for wasm32.
const RUNNER: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER";

/// What has to be free of warnings for wasm32 as well: crates, and which of their targets.
/// roam-core's other tests run natively, with libraries that wasm32 does not have.
const WASM_TARGETS: &[[&str; 3]] = &[
    ["--package", "roam-core", "--lib"],
    ["--package", "roam-wasm", "--all-targets"],
];

/// One step.
pub struct Step {
    pub name: &'static str,
    /// In a line, what it does.
    pub does: &'static str,
    pub lane: Lane,
    /// The steps without which it cannot run.
    pub needs: &'static [&'static str],
    /// Runs it, and prints what came of its tests and checks.
    pub action: fn(&Workspace) -> Result<()>,
}

/// Steps of one lane run one after the other, beside those of the other lane. What both build is
/// cargo's to keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Native programs, and as much beside them as makes the lanes equally long.
    Native,
    /// What is made for Node and browsers, and what runs there.
    Web,
}

/// All steps: in each lane quick answers first, and nothing before what it needs.
pub const STEPS: &[Step] = &[
    Step {
        name: "setup-rust",
        does: "rustfmt and clippy are there",
        lane: Lane::Native,
        needs: &[],
        action: |workspace| setup::to_check(workspace),
    },
    Step {
        name: "format",
        does: "cargo fmt changes nothing",
        lane: Lane::Native,
        needs: &["setup-rust"],
        action: |workspace| {
            check(cargo(workspace, &["fmt", "--all", "--check"]).run())?;
            let of_fuzzing = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
            check(cargo(workspace, &of_fuzzing).run())?;
            check(build::in_benchmark(workspace, &["fmt", "--check"]).run())
        },
    },
    Step {
        name: "bindings",
        does: "the generated TypeScript that is checked in is what the service says",
        lane: Lane::Native,
        needs: &[],
        action: |workspace| check(build::check_bindings(workspace)),
    },
    Step {
        name: "clippy",
        does: "no warning in any crate, nor in the benchmark",
        lane: Lane::Native,
        needs: &["setup-rust"],
        action: clippy,
    },
    Step {
        name: "docs",
        does: "no warning in the documentation",
        lane: Lane::Native,
        needs: &[],
        action: docs,
    },
    Step {
        name: "native",
        does: "tests of all crates and the examples in their documentation",
        lane: Lane::Native,
        needs: &[],
        action: |workspace| {
            run_tests(&mut cargo(
                workspace,
                &["test", "--workspace", "--no-fail-fast"],
            ))
        },
    },
    Step {
        name: "bench-smoke",
        does: "tests of the benchmark, and a short run with every contender",
        lane: Lane::Native,
        needs: &[],
        action: bench_smoke,
    },
    Step {
        name: "setup-build",
        does: "what builds wasm and the page is there",
        lane: Lane::Web,
        // Both may have rustup install something.
        needs: &["setup-rust"],
        action: |workspace| setup::to_build(workspace),
    },
    Step {
        name: "clippy-wasm",
        does: "no warning in what is compiled for wasm32",
        lane: Lane::Native,
        needs: &["setup-rust", "setup-build"],
        action: clippy_wasm,
    },
    Step {
        name: "package",
        does: "wasm and TypeScript make the npm package, within its size",
        lane: Lane::Web,
        needs: &["setup-build"],
        action: |workspace| check(build::package(workspace)),
    },
    Step {
        name: "types",
        does: "no error in the TypeScript of the npm package",
        lane: Lane::Web,
        needs: &["package"],
        action: |workspace| check(script(workspace, build::PACKAGE, "check").run()),
    },
    Step {
        name: "npm",
        does: "tests of the npm package in Node",
        lane: Lane::Web,
        needs: &["package"],
        action: |workspace| run_tests(&mut script(workspace, build::PACKAGE, "test")),
    },
    Step {
        name: "browser-types",
        does: "no error in the TypeScript of the tests in browsers",
        lane: Lane::Web,
        needs: &["package"],
        action: |workspace| {
            let tests = BrowserTests::prepare(workspace, Profile::Dev)?;
            check(tests.script(workspace, "check").run())
        },
    },
    Step {
        name: "page",
        does: "the page of the demo builds on the packed npm package",
        lane: Lane::Web,
        needs: &["package", "bindings"],
        action: |workspace| check(build::page(workspace)),
    },
    Step {
        name: "page-types",
        does: "no error in the TypeScript of the page",
        lane: Lane::Web,
        needs: &["page"],
        action: |workspace| check(script(workspace, build::PAGE, "check").run()),
    },
    Step {
        name: "setup-chromium",
        does: "Chromium and what drives it are there",
        lane: Lane::Web,
        needs: &["setup-build"],
        action: |workspace| setup::to_test_in_chromium(workspace),
    },
    Step {
        name: "setup-firefox",
        does: "Firefox and what drives it are there",
        lane: Lane::Web,
        needs: &["setup-build"],
        action: |workspace| setup::to_test_in_firefox(workspace),
    },
    Step {
        name: "wasm-firefox",
        does: "wasm tests in headless Firefox",
        lane: Lane::Native,
        needs: &["setup-firefox"],
        action: |workspace| {
            let driver = Firefox::driver(workspace)?;
            wasm_tests(workspace, "GECKODRIVER", &driver)
        },
    },
    Step {
        name: "wasm-chromium",
        does: "wasm tests in headless Chromium",
        lane: Lane::Web,
        needs: &["setup-chromium"],
        action: |workspace| {
            let driver = Chromium::driver(workspace)?;
            wasm_tests(workspace, "CHROMEDRIVER", &driver)
        },
    },
    Step {
        name: "page-chromium",
        does: "what users do in a browser, and the demo's page, in headless Chromium",
        lane: Lane::Web,
        needs: &["page", "setup-chromium"],
        action: page_tests,
    },
    Step {
        name: "page-firefox",
        does: "the core of what users do in a browser, in headless Firefox",
        lane: Lane::Web,
        needs: &["package", "setup-firefox"],
        action: |workspace| {
            let mut tests =
                BrowserTests::prepare(workspace, Profile::Dev)?.script(workspace, "test:firefox");
            run_tests(tests.env("ROAM_GECKODRIVER", Firefox::driver(workspace)?))
        },
    },
];

fn clippy(workspace: &Workspace) -> Result<()> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    check(cargo(workspace, &arguments).run())?;
    let of_benchmark = [
        "clippy",
        build::LOCKED,
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    check(build::in_benchmark(workspace, &of_benchmark).run())
}

fn clippy_wasm(workspace: &Workspace) -> Result<()> {
    for targets in WASM_TARGETS {
        let mut cargo = build::wasm_command(workspace, "cargo")?;
        cargo.args(["clippy", "--target", TARGET]).args(targets);
        check(cargo.args(["--", "-D", "warnings"]).run())?;
    }
    Ok(())
}

fn docs(workspace: &Workspace) -> Result<()> {
    let mut cargo = cargo(workspace, &["doc", "--workspace", "--no-deps"]);
    check(cargo.env("RUSTDOCFLAGS", "-D warnings").run())
}

fn bench_smoke(workspace: &Workspace) -> Result<()> {
    let mut tests = build::in_benchmark(workspace, &["test", build::LOCKED]);
    run_tests(&mut tests)?;
    let program = build::benchmark(workspace, "roam-bench", Profile::Dev)?;
    check(workspace.command(program).arg("--smoke").run())
}

/// Runs the wasm tests in the browser of a driver, which goes by the name of a variable.
fn wasm_tests(workspace: &Workspace, variable: &str, driver: &Path) -> Result<()> {
    for package in WASM_TEST_CRATES {
        let mut cargo = build::wasm_command(workspace, "cargo")?;
        cargo
            .args(["test", "--target", TARGET, "--package", package])
            .env(RUNNER, "wasm-bindgen-test-runner")
            .env(variable, driver)
            .env("WASM_BINDGEN_TEST_ONLY_WEB", "1")
            .env(
                "WASM_BINDGEN_TEST_WEBDRIVER_JSON",
                workspace.path("roam-wasm/webdriver.json"),
            )
            // Seconds for all tests of a file; a machine that also compiles can be slow.
            .env("WASM_BINDGEN_TEST_TIMEOUT", "600");
        run_tests(&mut cargo)?;
    }
    Ok(())
}

fn page_tests(workspace: &Workspace) -> Result<()> {
    let mut tests = BrowserTests::prepare(workspace, Profile::Dev)?.script(workspace, "test");
    tests
        .env("ROAM_CHROMIUM", Chromium::program(workspace)?)
        .env("ROAM_WEB_DEMO", build::server(workspace, Profile::Dev)?);
    run_tests(&mut tests)
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.command("cargo");
    command.args(arguments);
    command
}

fn script(workspace: &Workspace, folder: &str, name: &str) -> Command {
    build::npm_script(workspace, &workspace.path(folder), name)
}

#[cfg(test)]
mod tests {
    use super::STEPS;

    #[test]
    fn every_step_comes_after_what_it_needs() {
        for (position, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(
                    STEPS[..position]
                        .iter()
                        .any(|earlier| earlier.name == *need),
                    "{} needs {need}, which does not come before it",
                    step.name
                );
            }
        }
    }
}
