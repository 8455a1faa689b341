//! The bytes that wait in one direction.

use std::collections::VecDeque;

use tokio::time::Instant;

/// In bytes.
pub(crate) const CAPACITY: usize = 64 * 1024;

/// Bounds what chunks of a single byte cost.
const MAX_CHUNKS: usize = 1024;

/// Chunks of bytes in the order in which they were read, and the end behind them.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    chunks: VecDeque<Chunk>,
    /// In bytes.
    len: usize,
    /// When the end was read.
    end: Option<Instant>,
}

#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// How many of them were forwarded.
    done: usize,
    read_at: Instant,
}

impl Queue {
    /// Returns how many bytes may be added.
    pub(crate) fn room(&self) -> usize {
        if self.chunks.len() < MAX_CHUNKS {
            CAPACITY - self.len
        } else {
            0
        }
    }

    /// Adds what was read just now.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        self.chunks.push_back(Chunk {
            bytes: bytes.to_vec(),
            done: 0,
            read_at: Instant::now(),
        });
    }

    /// Adds the end.
    pub(crate) fn push_end(&mut self) {
        self.end = Some(Instant::now());
    }

    /// Returns when the first chunk, or the end if there is none, was read.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let chunk = self.chunks.front().map(|chunk| chunk.read_at);
        chunk.or(self.end)
    }

    /// Returns the rest of the first chunk, which is not empty.
    pub(crate) fn front(&self) -> Option<&[u8]> {
        self.chunks.front().map(|chunk| &chunk.bytes[chunk.done..])
    }

    /// Removes `count` bytes of the first chunk.
    pub(crate) fn advance(&mut self, count: usize) {
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.done += count;
            self.len -= count;
            if chunk.done == chunk.bytes.len() {
                self.chunks.pop_front();
            }
        }
    }

    /// Removes all bytes, but not the end, and returns how many they were.
    pub(crate) fn discard(&mut self) -> usize {
        self.chunks.clear();
        std::mem::take(&mut self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, MAX_CHUNKS, Queue};

    #[test]
    fn room_is_bounded_in_bytes() {
        let mut queue = Queue::default();
        queue.push(&vec![0; CAPACITY - 1]);
        assert_eq!(queue.room(), 1);
        queue.push(&[0]);
        assert_eq!(queue.room(), 0);
        queue.advance(3);
        assert_eq!(queue.room(), 3);
        assert_eq!(queue.discard(), CAPACITY - 3);
        assert_eq!(queue.room(), CAPACITY);
    }

    #[test]
    fn room_is_bounded_in_chunks() {
        let mut queue = Queue::default();
        for _ in 0..MAX_CHUNKS {
            assert!(queue.room() > 0);
            queue.push(&[0]);
        }
        assert_eq!(queue.room(), 0);
    }

    #[test]
    fn the_end_comes_last() {
        let mut queue = Queue::default();
        queue.push(b"ab");
        queue.push_end();
        queue.advance(1);
        assert_eq!(queue.front(), Some(&b"b"[..]));
        queue.advance(1);
        assert_eq!(queue.front(), None);
        assert!(queue.oldest().is_some());
    }
}
