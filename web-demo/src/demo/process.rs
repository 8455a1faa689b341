//! This process, as the system sees it.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};
use tokio::time::Instant;

/// Asking the system takes a while, and the use of processors means something over a while only.
const REFRESH: Duration = Duration::from_millis(200);

/// What a process takes up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// Use of processors, in percent of one.
    pub(super) cpu: f32,
    /// Memory, in KiB.
    pub(super) memory_kib: u32,
}

/// Watches this process.
pub(super) struct Process {
    /// `None` on systems that tell nothing; then everything is 0.
    system: Option<(System, Pid)>,
    load: Load,
    refreshed: Option<Instant>,
}

impl Process {
    /// This process.
    pub(super) fn current() -> Self {
        Self {
            system: System::new().ok().zip(get_current_pid().ok()),
            load: Load::default(),
            refreshed: None,
        }
    }

    /// What it takes up, not older than [`REFRESH`].
    pub(super) fn load(&mut self) -> Load {
        if self.refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
            self.refreshed = Some(Instant::now());
            self.refresh();
        }
        self.load
    }

    fn refresh(&mut self) {
        let Some((system, id)) = &mut self.system else {
            return;
        };
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*id]), true, what);
        if let Some(process) = system.process(*id) {
            self.load = Load {
                cpu: process.cpu_usage(),
                memory_kib: u32::try_from(process.memory() / 1024).unwrap_or(u32::MAX),
            };
        }
    }
}
