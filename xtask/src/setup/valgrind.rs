//! What counts instructions.

use anyhow::Result;

use super::{Tool, debian};
use crate::shell::Workspace;

/// valgrind, which has callgrind.
pub struct Valgrind;

impl Tool for Valgrind {
    fn name(&self) -> String {
        "valgrind".to_owned()
    }

    fn is_there(&self, workspace: &Workspace) -> bool {
        workspace.find("valgrind").is_some()
    }

    fn source(&self) -> &'static str {
        "Debian package valgrind"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        debian::install(workspace, &["valgrind"])
    }

    fn by_hand(&self) -> String {
        "install valgrind so that `valgrind` is in PATH".to_owned()
    }
}
