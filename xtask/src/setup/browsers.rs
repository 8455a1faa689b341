//! The browsers of the tests.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Tool, debian};
use crate::shell::Workspace;

/// Chromium, or a browser based on it, with its driver.
pub struct Chromium;

impl Chromium {
    /// Returns the path of the browser.
    pub fn program(workspace: &Workspace) -> Result<PathBuf> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let found = names.iter().find_map(|name| workspace.find(name));
        found.context("no Chromium found in PATH")
    }

    /// Returns the path of the driver program.
    pub fn driver(workspace: &Workspace) -> Result<PathBuf> {
        workspace
            .find("chromedriver")
            .context("no chromedriver found in PATH")
    }
}

impl Tool for Chromium {
    fn name(&self) -> String {
        "Chromium with its driver".to_owned()
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        Self::program(workspace).is_ok() && Self::driver(workspace).is_ok()
    }

    fn source(&self) -> &'static str {
        "Debian packages chromium and chromium-driver"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        debian::install(workspace, &["chromium", "chromium-driver"])
    }

    fn manual_install(&self) -> String {
        "install Chromium or Chrome and the matching chromedriver, both in PATH".to_owned()
    }
}

/// Firefox; its driver is one of the [`super::cargo_tools`].
pub struct Firefox;

impl Firefox {
    /// Returns the path of the driver program.
    pub fn driver(workspace: &Workspace) -> Result<PathBuf> {
        workspace
            .find("geckodriver")
            .context("no geckodriver found in PATH")
    }
}

impl Tool for Firefox {
    fn name(&self) -> String {
        "Firefox".to_owned()
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        workspace.find("firefox").is_some()
    }

    fn source(&self) -> &'static str {
        "Debian package firefox-esr"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        debian::install(workspace, &["firefox-esr"])
    }

    fn manual_install(&self) -> String {
        "install Firefox so that `firefox` is in PATH".to_owned()
    }
}
