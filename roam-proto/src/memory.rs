//! Memory that many links share.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The memory that many links may use together, such as all links of a server; see
/// [`Config::memory`](crate::Config::memory).
///
/// Each [`Limits`](crate::Limits) bounds what one peer can make us hold. Ten thousand peers could still make
/// us hold ten thousand times as much: while more than `limit` is in use, each of these links answers new calls
/// `busy`. Whoever accepts links should [ask](Self::is_exceeded) before it accepts another. Calls and channels
/// that are open go on.
///
/// ```
/// use std::sync::Arc;
/// use roam_proto::{Config, SharedMemory};
///
/// let memory = Arc::new(SharedMemory::new(1 << 30));
/// let config = Config::default().with_memory(Arc::clone(&memory));
/// assert_eq!(memory.used(), 0);
/// assert!(!memory.is_exceeded());
/// ```
#[derive(Debug)]
pub struct SharedMemory {
    limit: usize,
    used: AtomicUsize,
}

impl SharedMemory {
    /// Allows `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    /// Returns how many bytes are allowed.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns how many bytes are in use. Each link may be off by 16 KiB.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns whether more is in use than is allowed.
    pub fn is_exceeded(&self) -> bool {
        self.used() > self.limit
    }
}

/// What a link has counted of a [`SharedMemory`].
#[derive(Debug)]
pub(crate) struct MemoryShare {
    memory: Arc<SharedMemory>,
    counted: usize,
}

impl MemoryShare {
    /// Smaller changes are not worth the other processors' attention.
    const GRAIN: usize = 16 * 1024;

    pub(crate) fn new(memory: Arc<SharedMemory>) -> Self {
        Self { memory, counted: 0 }
    }

    /// Counts the link as using this many bytes.
    #[inline]
    pub(crate) fn count(&mut self, bytes: usize) {
        if bytes.abs_diff(self.counted) >= Self::GRAIN {
            self.recount(bytes);
        }
    }

    #[cold]
    fn recount(&mut self, bytes: usize) {
        let used = &self.memory.used;
        // Whoever reads it needs no other memory of ours.
        if bytes > self.counted {
            used.fetch_add(bytes - self.counted, Ordering::Relaxed);
        } else {
            used.fetch_sub(self.counted - bytes, Ordering::Relaxed);
        }
        self.counted = bytes;
    }

    #[inline]
    pub(crate) fn is_exceeded(&self) -> bool {
        self.memory.is_exceeded()
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.recount(0);
    }
}
