//! The CPU and memory use of this process.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};
use tokio::time::Instant;

/// How long a measurement is reused. Querying the system is slow, and CPU use is meaningful only
/// over some time.
const MAX_AGE: Duration = Duration::from_millis(200);

/// The resource use of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// CPU use, in percent of one core.
    pub(super) cpu: f32,
    /// Memory use, in KiB.
    pub(super) memory_kib: u32,
}

/// Measures this process.
pub(super) struct Process {
    /// `None` on systems that provide no figures; then all of them are 0.
    system: Option<(System, Pid)>,
    load: Load,
    refreshed: Option<Instant>,
}

impl Process {
    /// Returns the process this code runs in.
    pub(super) fn current() -> Self {
        Self {
            system: System::new().ok().zip(get_current_pid().ok()),
            load: Load::default(),
            refreshed: None,
        }
    }

    /// Returns the current load, at most [`MAX_AGE`] old.
    pub(super) fn load(&mut self) -> Load {
        if self.refreshed.is_none_or(|at| at.elapsed() >= MAX_AGE) {
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
