//! Runs other programs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The checkout that commands run in.
pub struct Workspace {
    root: PathBuf,
    search_path: OsString,
}

impl Workspace {
    /// Returns the workspace in `root`, whose commands search the folders `tools` first.
    pub fn new(root: PathBuf, tools: Vec<PathBuf>) -> Result<Self> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = tools.into_iter().chain(std::env::split_paths(&inherited));
        let search_path = std::env::join_paths(folders)
            .context("a folder of tools has a character that PATH cannot hold")?;
        Ok(Self { root, search_path })
    }

    /// Returns the folder of the workspace that this program was built from.
    pub fn locate() -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        root.expect("xtask is a folder of the workspace").to_owned()
    }

    /// Resolves a path relative to the root.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns a command that runs in the root and builds into `target`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .env("PATH", &self.search_path)
            .env_remove("CARGO_TARGET_DIR");
        command
    }

    /// Returns the path of a program, if it is installed.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.search_path)
            .map(|folder| folder.join(program))
            .find(|file| file.is_file())
    }
}

/// Ways to run a command to completion.
pub trait Run {
    /// Runs with inherited output; an unsuccessful exit status is an error.
    fn run(&mut self) -> Result<()>;
    /// Runs and returns the trimmed standard output.
    fn read(&mut self) -> Result<String>;
    /// Returns whether the command succeeds; discards its output.
    fn succeeds(&mut self) -> bool;
}

impl Run for Command {
    fn run(&mut self) -> Result<()> {
        let status = self
            .status()
            .with_context(|| format!("failed to start {}", line(self)))?;
        if !status.success() {
            bail!("{} failed ({status})", line(self));
        }
        Ok(())
    }

    fn read(&mut self) -> Result<String> {
        let output = self
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("failed to start {}", line(self)))?;
        if !output.status.success() {
            bail!("{} failed ({})", line(self), output.status);
        }
        let text = String::from_utf8(output.stdout)
            .with_context(|| format!("the output of {} is not UTF-8", line(self)))?;
        Ok(text.trim().to_owned())
    }

    fn succeeds(&mut self) -> bool {
        self.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Formats a command the way a user would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns whether `file` exists and is at least as new as all `inputs`.
pub fn is_newer(file: &Path, inputs: &[impl AsRef<Path>]) -> bool {
    let modified = |path: &Path| {
        path.metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    let Some(made) = modified(file) else {
        return false;
    };
    inputs
        .iter()
        .all(|input| modified(input.as_ref()).is_some_and(|changed| changed <= made))
}
