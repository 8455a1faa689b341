//! The steps of each `cargo xtask test`, in the order they run.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::counts::{check, run_tests};
use super::step::{Lane, Step};
use crate::build::{self, BrowserTests, Profile};
use crate::setup::wasm_std::TARGET;
use crate::setup::{self, Chromium, Firefox};
use crate::shell::{Run, Workspace};

/// The crates whose wasm tests run in browsers. roam-wasm includes the session tests of roam-core.
const WASM_TEST_CRATES: &[&str] = &["roam-wasm"];

/// The variable that sets cargo's test runner for wasm32.
const RUNNER: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER";

/// The crates and targets that clippy also checks for wasm32. The other tests of roam-core need
/// libraries that wasm32 does not have.
const WASM_TARGETS: &[[&str; 3]] = &[
    ["--package", "roam-proto", "--lib"],
    ["--package", "roam-core", "--lib"],
    ["--package", "roam-wasm", "--all-targets"],
    ["--package", "roam-wasm-module", "--lib"],
];

/// The steps. In each lane quick ones come first, and each step follows those it needs.
pub const STEPS: &[Step] = &[
    Step {
        name: "setup-rust",
        does: "rustfmt and clippy are installed",
        lane: Lane::Native,
        needs: &[],
        action: |workspace| setup::ensure_check_tools(workspace),
    },
    Step {
        name: "format",
        does: "cargo fmt changes nothing",
        lane: Lane::Native,
        needs: &["setup-rust"],
        action: |workspace| {
            check(cargo(workspace, &["fmt", "--all", "--check"]).run())?;
            let fuzz_arguments = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
            check(cargo(workspace, &fuzz_arguments).run())?;
            check(build::cargo_in_bench(workspace, &["fmt", "--check"]).run())
        },
    },
    Step {
        name: "bindings",
        does: "the checked-in TypeScript matches the service",
        lane: Lane::Native,
        needs: &[],
        action: |workspace| check(build::check_bindings(workspace)),
    },
    Step {
        name: "clippy",
        does: "no warnings in any crate or in the benchmark",
        lane: Lane::Native,
        needs: &["setup-rust"],
        action: clippy,
    },
    Step {
        name: "docs",
        does: "no warnings in the documentation",
        lane: Lane::Native,
        needs: &[],
        action: docs,
    },
    Step {
        name: "native",
        does: "tests and doc examples of all crates",
        lane: Lane::Native,
        needs: &[],
        action: native,
    },
    Step {
        name: "bench-smoke",
        does: "tests of the benchmark, and a short run of every contender",
        lane: Lane::Native,
        needs: &[],
        action: bench_smoke,
    },
    Step {
        name: "setup-build",
        does: "the tools to build wasm and the page are installed",
        lane: Lane::Web,
        // Both may install something with rustup.
        needs: &["setup-rust"],
        action: |workspace| setup::ensure_build_tools(workspace),
    },
    Step {
        name: "clippy-wasm",
        does: "no warnings in the code for wasm32",
        lane: Lane::Web,
        needs: &["setup-rust", "setup-build"],
        action: clippy_wasm,
    },
    Step {
        name: "package",
        does: "the npm package builds and is within its size limit",
        lane: Lane::Web,
        needs: &["setup-build"],
        action: |workspace| check(build::package(workspace)),
    },
    Step {
        name: "types",
        does: "no type errors in the npm package",
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
        does: "no type errors in the browser tests",
        lane: Lane::Web,
        needs: &["package"],
        action: |workspace| {
            let tests = BrowserTests::prepare(workspace, Profile::Dev)?;
            check(tests.script(workspace, "check").run())
        },
    },
    Step {
        name: "page",
        does: "the demo page builds with the packed npm package",
        lane: Lane::Web,
        needs: &["package", "bindings"],
        action: |workspace| check(build::page(workspace)),
    },
    Step {
        name: "page-types",
        does: "no type errors in the demo page",
        lane: Lane::Web,
        needs: &["page"],
        action: |workspace| check(script(workspace, build::PAGE, "check").run()),
    },
    Step {
        name: "setup-chromium",
        does: "Chromium and its driver are installed",
        lane: Lane::Web,
        needs: &["setup-build"],
        action: |workspace| setup::ensure_chromium(workspace),
    },
    Step {
        name: "setup-firefox",
        does: "Firefox and its driver are installed",
        lane: Lane::Web,
        needs: &["setup-build"],
        action: |workspace| setup::ensure_firefox(workspace),
    },
    Step {
        name: "wasm-firefox",
        does: "wasm tests in headless Firefox",
        lane: Lane::Web,
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
        does: "browser tests and the demo page in headless Chromium",
        lane: Lane::Web,
        needs: &["page", "setup-chromium"],
        action: page_tests,
    },
    Step {
        name: "page-firefox",
        does: "the core browser tests in headless Firefox",
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
    let bench_arguments = [
        "clippy",
        build::LOCKED,
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    check(build::cargo_in_bench(workspace, &bench_arguments).run())
}

/// Runs the tests by nextest where it is installed, since it runs those of several crates at once.
/// It cannot run doc examples.
fn native(workspace: &Workspace) -> Result<()> {
    let arguments = ["--workspace", "--no-fail-fast"];
    if !cargo(workspace, &["nextest", "--version"]).succeeds() {
        return run_tests(cargo(workspace, &["test"]).args(arguments));
    }
    let tests = run_tests(cargo(workspace, &["nextest", "run"]).args(arguments));
    let examples = run_tests(cargo(workspace, &["test", "--doc"]).args(arguments));
    tests.and(examples)
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
    let mut cargo = cargo(
        workspace,
        &["doc", "--workspace", "--no-deps", "--all-features"],
    );
    check(cargo.env("RUSTDOCFLAGS", "-D warnings").run())
}

fn bench_smoke(workspace: &Workspace) -> Result<()> {
    let mut tests = build::cargo_in_bench(workspace, &["test", build::LOCKED]);
    run_tests(&mut tests)?;
    let program = build::benchmark(workspace, "roam-bench", Profile::Dev)?;
    check(workspace.command(program).arg("--smoke").run())
}

/// Runs the wasm tests in the browser of `driver`, which the runner finds through `variable`.
fn wasm_tests(workspace: &Workspace, variable: &str, driver: &Path) -> Result<()> {
    for package in WASM_TEST_CRATES {
        let mut cargo = build::wasm_command(workspace, "cargo")?;
        cargo
            .args(["test", "--target", TARGET, "--package", package])
            .env(RUNNER, "wasm-bindgen-test-runner")
            .env(variable, driver)
            .env("WASM_BINDGEN_TEST_ONLY_WEB", "1")
            // Browsers read no DWARF. Without it, the tests build in 21 s instead of 41 s.
            .env("CARGO_PROFILE_DEV_DEBUG", "none")
            .env(
                "WASM_BINDGEN_TEST_WEBDRIVER_JSON",
                workspace.path("roam-wasm/webdriver.json"),
            )
            // In seconds, for all tests of a file; the machine may be compiling at the same time.
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

/// Returns a cargo command in the workspace.
pub fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.command("cargo");
    command.args(arguments);
    command
}

fn script(workspace: &Workspace, folder: &str, name: &str) -> Command {
    build::npm_script(workspace, &workspace.path(folder), name)
}
