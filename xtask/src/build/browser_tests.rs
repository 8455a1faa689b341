//! The browser tests: their server, and the npm package installed the way users install it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::cargo::{self, Profile};
use super::{npm, package};
use crate::shell::{Run, Workspace};

/// The folder of the tests in the workspace.
const FOLDER: &str = "tests/browser";

/// The browser tests, ready to run.
pub struct BrowserTests {
    folder: PathBuf,
    server: PathBuf,
    /// A network that fails on command.
    faults: PathBuf,
}

impl BrowserTests {
    /// Builds the server, generates TypeScript for its services and installs dependencies.
    pub fn prepare(workspace: &Workspace, profile: Profile) -> Result<Self> {
        let folder = workspace.path(FOLDER);
        let server = cargo::program(workspace, "roam-tests", "browser-server", profile)?;
        let faults = cargo::program(workspace, "roam-faults", "roam-faults", profile)?;
        println!("build: TypeScript for the test server's services");
        workspace
            .command(&server)
            .arg("bindings")
            .arg(folder.join("gen"))
            .run()?;
        npm::install(workspace, &folder)?;
        package::install_into(workspace, &folder)?;
        Ok(Self {
            folder,
            server,
            faults,
        })
    }

    /// Returns a command that runs a script of the tests' `package.json`.
    pub fn script(&self, workspace: &Workspace, name: &str) -> Command {
        let mut script = npm::run_script(workspace, &self.folder, name);
        script.env("ROAM_TEST_SERVER", &self.server);
        script.env("ROAM_TEST_FAULTS", &self.faults);
        script
    }
}
