//! What the system says of a process.

use std::fs;
use std::time::Duration;

use crate::contender::Result;

const PAGE: u64 = 4096;

/// The resident memory of a process, in bytes; `self` is this one.
pub fn resident(process: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/statm"))?;
    let pages = text.split(' ').nth(1).ok_or("no resident set in statm")?;
    Ok(pages.parse::<u64>()? * PAGE)
}

/// The CPU time that the threads of this process that are alive have used.
pub fn cpu_time() -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let used = text.split(' ').next().ok_or("no time in schedstat")?;
        nanos += used.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}
