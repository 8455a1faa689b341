//! The remembered calls, within limits of number, memory and time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Nonce;
use super::entry::Entry;
use crate::proto::MethodId;

/// Limits on what clients can make a server remember.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NonceLimits {
    /// Remembered calls, including running ones. Default: 65,536, which is 1,000 calls a second for
    /// a minute.
    pub calls: usize,
    /// Bytes of kept answers, plus 256 bytes and the identity for each call. Default: 64 MiB.
    pub bytes: usize,
    /// Calls with a nonce that run at once. Their handlers outlive the link on which they arrived,
    /// so no other limit counts them. Default: 1,024.
    pub running: usize,
    /// How long an answer is kept while the other limits allow. Default: 5 minutes.
    pub retention: Duration,
    /// How long an answer is certainly kept. When a new call with a nonce could only be remembered
    /// by forgetting a younger answer, it is answered `busy`. Default: 1 minute.
    pub min_retention: Duration,
}

impl NonceLimits {
    /// Sets [`calls`](Self::calls).
    #[must_use]
    pub fn with_calls(mut self, calls: usize) -> Self {
        self.calls = calls;
        self
    }

    /// Sets [`bytes`](Self::bytes).
    #[must_use]
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets [`running`](Self::running).
    #[must_use]
    pub fn with_running(mut self, running: usize) -> Self {
        self.running = running;
        self
    }

    /// Sets [`retention`](Self::retention).
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Sets [`min_retention`](Self::min_retention).
    #[must_use]
    pub fn with_min_retention(mut self, min_retention: Duration) -> Self {
        self.min_retention = min_retention;
        self
    }
}

/// The memory of a remembered call without its identity and its answer, in bytes, rounded up.
const CALL_COST: usize = 256;

/// The logical call that a nonce names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) identity: Arc<[u8]>,
    pub(super) method: MethodId,
    pub(super) nonce: Nonce,
}

/// Distinguishes calls with different arguments.
pub(super) type Digest = [u8; blake3::OUT_LEN];

/// The remembered calls. Time is an argument.
#[derive(Debug)]
pub(super) struct Table {
    limits: NonceLimits,
    calls: HashMap<Key, Remembered>,
    /// The ended calls, in the order in which they ended.
    ended: VecDeque<Ended>,
    bytes: usize,
}

#[derive(Debug)]
struct Remembered {
    digest: Digest,
    entry: Arc<Entry>,
}

#[derive(Debug)]
struct Ended {
    at: Duration,
    key: Key,
    cost: usize,
}

/// What to do with a call.
#[derive(Debug)]
pub(super) enum Begun {
    /// Its nonce is new.
    First(Arc<Entry>),
    /// It has arrived before.
    Repeated(Arc<Entry>),
    /// Another call has the nonce.
    Reused,
    /// The limits do not allow remembering it.
    Full,
}

impl Default for NonceLimits {
    fn default() -> Self {
        Self {
            calls: 65_536,
            bytes: 64 << 20,
            running: 1_024,
            retention: Duration::from_mins(5),
            min_retention: Duration::from_mins(1),
        }
    }
}

impl Table {
    pub(super) fn new(limits: NonceLimits) -> Self {
        Self {
            limits,
            calls: HashMap::new(),
            ended: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(super) fn limits(&self) -> &NonceLimits {
        &self.limits
    }

    /// Records a call with a nonce.
    pub(super) fn begin(&mut self, key: &Key, digest: Digest, now: Duration) -> Begun {
        self.forget_expired(now);
        if let Some(call) = self.calls.get(key) {
            return if call.digest == digest {
                Begun::Repeated(Arc::clone(&call.entry))
            } else {
                Begun::Reused
            };
        }
        let cost = key.cost();
        let running = self.calls.len() - self.ended.len();
        if running >= self.limits.running || !self.make_room(1, cost, now) {
            return Begun::Full;
        }
        self.bytes += cost;
        let entry = Arc::<Entry>::default();
        let call = Remembered {
            digest,
            entry: Arc::clone(&entry),
        };
        self.calls.insert(key.clone(), call);
        Begun::First(entry)
    }

    /// Records that a call has ended. When an answer of `len` bytes exceeds the limits, only the
    /// fact that the call was made is kept.
    pub(super) fn end(&mut self, key: &Key, len: usize, now: Duration) {
        let kept = self.make_room(0, len, now);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let len = if kept {
            len
        } else {
            call.entry = Arc::new(Entry::spent());
            0
        };
        self.bytes += len;
        self.ended.push_back(Ended {
            at: now,
            key: key.clone(),
            cost: key.cost() + len,
        });
    }

    fn forget_expired(&mut self, now: Duration) {
        let retention = self.limits.retention;
        while self
            .ended
            .front()
            .is_some_and(|it| it.at + retention <= now)
        {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest calls that may be forgotten, until the limits allow more.
    fn make_room(&mut self, calls: usize, bytes: usize, now: Duration) -> bool {
        let min_retention = self.limits.min_retention;
        while self.calls.len() + calls > self.limits.calls
            || self.bytes.saturating_add(bytes) > self.limits.bytes
        {
            let is_old = |it: &Ended| it.at + min_retention <= now;
            if !self.ended.front().is_some_and(is_old) {
                return false;
            }
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        if let Some(Ended { key, cost, .. }) = self.ended.pop_front() {
            self.calls.remove(&key);
            self.bytes -= cost;
        }
    }
}

impl Key {
    fn cost(&self) -> usize {
        CALL_COST + self.identity.len()
    }
}

#[cfg(test)]
mod tests;
