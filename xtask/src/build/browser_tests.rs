//! The tests in browsers: their server, and the npm package as users install it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::cargo::{self, Profile};
use super::{npm, package};
use crate::shell::{Run, Workspace};

/// Their folder in the workspace.
const FOLDER: &str = "tests/browser";

/// The tests, ready to run.
pub struct BrowserTests {
    folder: PathBuf,
    server: PathBuf,
}

impl BrowserTests {
    /// Builds their server, writes the TypeScript of its services and installs what they use.
    pub fn prepare(workspace: &Workspace, profile: Profile) -> Result<Self> {
        let folder = workspace.path(FOLDER);
        let server = cargo::program(workspace, "roam-tests", "browser-server", profile)?;
        println!("build: TypeScript of the test server's services");
        workspace
            .command(&server)
            .arg("bindings")
            .arg(folder.join("gen"))
            .run()?;
        npm::install(workspace, &folder)?;
        package::install_into(workspace, &folder)?;
        Ok(Self { folder, server })
    }

    /// A command that runs one of the scripts of their `package.json`.
    pub fn script(&self, workspace: &Workspace, name: &str) -> Command {
        let mut script = npm::run_script(workspace, &self.folder, name);
        script.env("ROAM_TEST_SERVER", &self.server);
        script
    }
}
