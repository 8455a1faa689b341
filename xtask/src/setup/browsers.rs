//! The browsers that the tests run in.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Tool, debian};
use crate::shell::Workspace;

/// Chromium, or a browser made from it, with the driver that belongs to it.
pub struct Chromium;

impl Chromium {
    /// The browser's program.
    pub fn program(workspace: &Workspace) -> Result<PathBuf> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let found = names.iter().find_map(|name| workspace.find(name));
        found.context("no Chromium in PATH")
    }

    /// The program through which tests drive it.
    pub fn driver(workspace: &Workspace) -> Result<PathBuf> {
        workspace
            .find("chromedriver")
            .context("no chromedriver in PATH")
    }
}

impl Tool for Chromium {
    fn name(&self) -> String {
        "Chromium with its driver".to_owned()
    }

    fn is_there(&self, workspace: &Workspace) -> bool {
        Self::program(workspace).is_ok() && Self::driver(workspace).is_ok()
    }

    fn source(&self) -> &'static str {
        "Debian packages chromium and chromium-driver"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        debian::install(workspace, &["chromium", "chromium-driver"])
    }

    fn by_hand(&self) -> String {
        "install Chromium or Chrome and the chromedriver of its version, both in PATH".to_owned()
    }
}

/// Firefox; its driver is one of the [`super::cargo_tools`].
pub struct Firefox;

impl Firefox {
    /// The program through which tests drive it.
    pub fn driver(workspace: &Workspace) -> Result<PathBuf> {
        workspace
            .find("geckodriver")
            .context("no geckodriver in PATH")
    }
}

impl Tool for Firefox {
    fn name(&self) -> String {
        "Firefox".to_owned()
    }

    fn is_there(&self, workspace: &Workspace) -> bool {
        workspace.find("firefox").is_some()
    }

    fn source(&self) -> &'static str {
        "Debian package firefox-esr"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        debian::install(workspace, &["firefox-esr"])
    }

    fn by_hand(&self) -> String {
        "install Firefox so that `firefox` is in PATH".to_owned()
    }
}
