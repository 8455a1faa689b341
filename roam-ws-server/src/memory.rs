//! How much memory a server may use for its links.

use std::fs;
use std::sync::Arc;

use roam_core::proto::SharedMemory;

/// The limit of this process's control group (version 2, version 1), in bytes.
const CGROUP_LIMITS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];
/// Links may use one part in this many: the rest is for the program, its handlers and the system.
const SHARE: usize = 2;

/// Returns half of the memory that this process may use, as far as the system tells.
pub(crate) fn half() -> Arc<SharedMemory> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let cgroups = CGROUP_LIMITS
        .iter()
        .filter_map(|path| read(path)?.trim().parse().ok());
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    let all = cgroups.chain(machine).min().unwrap_or(usize::MAX);
    Arc::new(SharedMemory::new(all / SHARE))
}

/// Returns the total that `/proc/meminfo` tells, in bytes.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn reads_the_total_of_the_machine() {
        let meminfo = "MemTotal:       24689520 kB\nMemFree:        1000 kB\n";
        assert_eq!(total(meminfo), Some(24_689_520 * 1024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert_eq!(total("MemTotal: many kB\n"), None);
    }
}
