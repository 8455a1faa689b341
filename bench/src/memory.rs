//! Memory and CPU time of processes, as reported by the kernel.

use std::fs;
use std::time::Duration;

use crate::contender::Result;

const PAGE: u64 = 4096;

/// Returns the resident memory of a process in bytes; `self` means this process.
pub fn resident(process: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/statm"))?;
    let pages = text.split(' ').nth(1).ok_or("statm has no resident set")?;
    Ok(pages.parse::<u64>()? * PAGE)
}

/// Returns the CPU time used by the live threads of this process.
pub fn cpu_time() -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let used = text.split(' ').next().ok_or("schedstat has no CPU time")?;
        nanos += used.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}
