//! Valgrind, which counts instructions.

use anyhow::Result;

use super::{Tool, debian};
use crate::shell::Workspace;

/// Valgrind with callgrind.
pub struct Valgrind;

impl Tool for Valgrind {
    fn name(&self) -> String {
        "valgrind".to_owned()
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        workspace.find("valgrind").is_some()
    }

    fn source(&self) -> &'static str {
        "Debian package valgrind"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        debian::install(workspace, &["valgrind"])
    }

    fn manual_install(&self) -> String {
        "install valgrind so that `valgrind` is in PATH".to_owned()
    }
}
